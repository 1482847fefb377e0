"""The file that a release ships."""

import json
from pathlib import Path
import subprocess
from zipfile import ZipFile

import pytest

from custom_components.mi_registration.const import DOMAIN
from scripts.house import ROOT
from scripts.package import ARCHIVE, MANIFEST, build, version_of
from scripts.validate import complaints

HERE = Path("custom_components") / DOMAIN


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make a repository with the files that git has here, or would take, and with one that it doesn't know."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", HERE, "README.md", "LICENSE", "hacs.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=tmp_path, check=True)
    (tmp_path / HERE / "notes.txt").write_text("mine", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("tag", "version"), [("v1.2.3", "1.2.3"), ("1.2.3", "1.2.3"), ("v2.0.0b1", "2.0.0b1"), ("2026.11.0", "2026.11.0")]
)
def test_version(tag: str, version: str) -> None:
    assert version_of(tag) == version


@pytest.mark.parametrize("tag", ["latest", "", "v", "release/1", "v1.2.3; rm"])
def test_tag_that_is_no_version(tag: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        version_of(tag)


def test_archive(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It holds what git has, and differs from that in the version alone."""
    archive = build(repository, "9.8.7")
    assert archive == repository / ARCHIVE
    unpacked = tmp_path_factory.mktemp("config") / HERE
    with ZipFile(archive) as content:
        content.extractall(unpacked)
    files = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}
    expected = {path.relative_to(repository / HERE) for path in (repository / HERE).rglob("*") if path.is_file()}
    assert files == expected - {Path("notes.txt")}
    for name in files - {Path(MANIFEST)}:
        assert (unpacked / name).read_bytes() == (repository / HERE / name).read_bytes()
    before, after = (json.loads((path / MANIFEST).read_text("utf-8")) for path in (repository / HERE, unpacked))
    assert after == before | {"version": "9.8.7"}
    assert list(after) == list(before)


def test_the_released_integration_is_as_good_as_this(repository: Path) -> None:
    with ZipFile(build(repository, "9.8.7")) as content:
        content.extract(MANIFEST, repository / HERE)
    assert complaints(repository) == complaints(ROOT)


def test_same_sources_give_the_same_archive(repository: Path) -> None:
    first = build(repository, "1.0.0").read_bytes()
    for path in (repository / HERE).rglob("*"):
        path.touch()
    assert build(repository, "1.0.0").read_bytes() == first


def test_name_is_the_one_that_hacs_asks_for() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))
    assert hacs["zip_release"]
    assert hacs["filename"] == ARCHIVE.name
