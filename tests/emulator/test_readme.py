"""What the README tells other projects to do works as it stands there."""

import ast
from importlib.metadata import packages_distributions, requires, version
import os
from pathlib import Path
import re
import shlex
import subprocess
import sys

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
import pytest

from scripts.house import ROOT

FOLDER = ROOT / "emulator"
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Return the first code block of a language, the lines without their comments for the reader."""
    (text, *_) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(text)


def installed() -> list[Requirement]:
    """Return what the README says to install."""
    line = next(line for line in block("").splitlines() if line.startswith("pip install"))
    return list(map(Requirement, shlex.split(line, comments=True)[2:]))


def test_nothing_but_what_is_installed_is_imported() -> None:
    there: set[str] = set()
    todo = [requirement.name for requirement in installed()]
    while todo:
        if (name := canonicalize_name(todo.pop())) not in there:
            there.add(name)
            needed = map(Requirement, requires(name) or ())
            todo += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    modules = {
        name.partition(".")[0]
        for path in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    } - sys.stdlib_module_names
    assert {"aiohttp", "botocore", "moto"} <= modules
    distributions = packages_distributions()
    assert [name for name in modules if not there & set(map(canonicalize_name, distributions[name]))] == []


def test_versions_are_those_that_are_tested() -> None:
    assert all(requirement.specifier.contains(version(requirement.name)) for requirement in installed())


@pytest.mark.usefixtures("socket_enabled")
def test_command() -> None:
    command = shlex.split(block("").splitlines()[-1].replace("4566", "0"), comments=True)
    assert command[0] == "python"
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, *command[1:]], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(4)]
        process.terminate()
    assert [line.partition("  ")[0] for line in told] == [
        "endpoint URL",
        "account, Region",
        "access key id",
        "secret access key",
    ]


def test_tests(tmp_path: Path) -> None:
    (tmp_path / "test_retries.py").write_text(block("python"), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    environment = kept | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
