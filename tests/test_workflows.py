"""What GitHub reads: workflows, issue forms, Dependabot's settings and the development container."""

from collections.abc import Iterator
import json
from pathlib import Path
import re
import shlex
from typing import Any

import pytest
import yaml

from scripts import demo
from scripts.house import ROOT

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
WITHOUT_VERSIONS = {"home-assistant/actions/hassfest@master", "hacs/action@main"}

all_workflows = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
all_forms = pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(path)["jobs"]
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job.get("steps", ())


def commands(path: Path) -> list[str]:
    return [step["run"] for step in steps(path) if "run" in step]


def events(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the word "on" as true.
    found: dict[Any, dict[str, Any]] = dict(read(path))
    return found[True]


def test_there_are_workflows_and_forms() -> None:
    assert {path.stem for path in WORKFLOWS} == {"model", "release", "tests", "validate"}
    assert {path.stem for path in FORMS} == {"bug", "feature"}


@all_workflows
def test_jobs_are_bounded(path: Path) -> None:
    for name, job in jobs(path).items():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 30, name


@all_workflows
def test_permissions_are_the_least(path: Path) -> None:
    """Only the job that attaches a release's archive writes anything."""
    assert read(path)["permissions"] == {"contents": "read"}
    writers = {name for name, job in jobs(path).items() if "permissions" in job}
    assert writers == ({"archive"} if path.stem == "release" else set())
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@all_workflows
def test_actions_are_pinned(path: Path) -> None:
    for step in steps(path):
        if (action := step.get("uses")) and action not in WITHOUT_VERSIONS:
            assert re.fullmatch(r"actions/[\w-]+@v\d+", action)


@all_workflows
def test_workflows_that_are_called_exist(path: Path) -> None:
    for job in jobs(path).values():
        if called := job.get("uses"):
            assert "workflow_call" in events(ROOT / called)


@all_workflows
def test_nothing_is_pasted_into_commands(path: Path) -> None:
    """Whatever GitHub fills into a command would be run; variables are not."""
    assert [command for command in commands(path) if "${{" in command] == []


@all_workflows
def test_scripts_exist(path: Path) -> None:
    for command in commands(path):
        program = shlex.split(command)[0]
        if program.startswith("scripts/"):
            assert (ROOT / program).stat().st_mode & 0o111
        else:
            assert program in {"echo", "gh"}


def test_workflows_run_what_has_to_pass() -> None:
    """The same as `.ci/run`."""
    here = [line for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines() if line[:8] == "scripts/"]
    assert len(here) >= 4
    assert set(here) <= set(commands(GITHUB / "workflows" / "tests.yml"))


def test_oldest_home_assistant_is_tested() -> None:
    versions = jobs(GITHUB / "workflows" / "tests.yml")["home-assistant"]["strategy"]["matrix"]["version"]
    oldest = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))["homeassistant"]
    assert versions[0].rpartition(".")[0] == oldest.rpartition(".")[0]
    assert versions[-1] == "newest"
    requirements = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert any(f"homeassistant=={version}\n" in requirements for version in versions)


def test_release_attaches_what_hacs_asks_for() -> None:
    filename = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))["filename"]
    package, upload = commands(GITHUB / "workflows" / "release.yml")
    assert shlex.split(package) == ["scripts/package", "$TAG"]
    assert shlex.split(upload)[:5] == ["gh", "release", "upload", "$TAG", f"dist/{filename}"]
    assert events(GITHUB / "workflows" / "release.yml") == {"release": {"types": ["published"]}}


def test_the_service_model_is_compared_weekly() -> None:
    (schedule,) = events(GITHUB / "workflows" / "model.yml")["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    assert commands(GITHUB / "workflows" / "model.yml") == ["scripts/check_model"]


def test_dependabot() -> None:
    updates = read(GITHUB / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "pip"}


@all_forms
def test_forms(path: Path) -> None:
    """GitHub shows a form that breaks one of these rules as an error."""
    form = read(path)
    assert set(form) == {"name", "description", "labels", "body"}
    ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    for part in form["body"]:
        assert part["type"] in {"markdown", "textarea", "input", "dropdown"}
        attributes = part["attributes"]
        if part["type"] == "markdown":
            assert attributes["value"]
            continue
        assert re.fullmatch(r"[a-z_]+", part["id"])
        assert attributes["label"]
        assert isinstance(part["validations"]["required"], bool)
        assert part["type"] != "dropdown" or len(set(attributes["options"])) == len(attributes["options"]) > 1


def test_bug_form_asks_for_what_is_needed() -> None:
    body = read(GITHUB / "ISSUE_TEMPLATE" / "bug.yml")["body"]
    required = {part["id"] for part in body if part.get("validations", {}).get("required")}
    assert {"happened", "expected", "home_assistant", "integration", "installation", "diagnostics", "log"} <= required
    assert "No secrets" in body[0]["attributes"]["value"]


def test_contact_links_exist() -> None:
    config = read(GITHUB / "ISSUE_TEMPLATE" / "config.yml")
    assert config["blank_issues_enabled"] is False
    pages = re.findall(
        r"https://github\.com/mi-registration/mi_registration/blob/main/([\w./-]+)",
        "".join(path.read_text(encoding="utf-8") for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml")),
    )
    assert pages
    assert [page for page in pages if not (ROOT / page).is_file()] == []


def test_devcontainer_is_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its one command is the demo, on the ports that the browser outside can use unchanged."""
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    assert container["postAttachCommand"] == "scripts/demo"
    ports: list[int] = []

    def record(_directory: Path, *, port: int, emulator_port: int) -> None:
        ports.extend((port, emulator_port))

    monkeypatch.setattr(demo, "House", record)
    monkeypatch.setattr(demo, "run_demo", lambda _house: 0)
    monkeypatch.setattr("sys.argv", ["demo"])
    assert demo.main() == 0
    assert container["forwardPorts"] == ports
    assert all(container["portsAttributes"][str(port)]["requireLocalPort"] for port in ports)
