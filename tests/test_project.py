"""What Home Assistant, HACS and Marketplace ask of the repository beyond its code."""

import json
from pathlib import Path
import re
import tomllib

import pytest

from custom_components.mi_registration.const import DOMAIN
from scripts.house import DASHBOARD, ROOT

INTEGRATION = ROOT / "custom_components" / DOMAIN
OLDEST_HOME_ASSISTANT = "2026.9.0"


def test_hacs() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))
    manifest = json.loads((INTEGRATION / "manifest.json").read_text(encoding="utf-8"))
    assert hacs["name"] == manifest["name"]
    assert hacs["homeassistant"] == OLDEST_HOME_ASSISTANT


def test_only_the_manifest_has_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert "version" in project["dynamic"]


def test_license_is_the_one_that_the_readme_names() -> None:
    assert "[Apache-2.0](LICENSE)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_scripts_that_are_named_can_be_run(page: str) -> None:
    names = set(re.findall(r"(?<![\w/])scripts/(\w+)", (ROOT / page).read_text(encoding="utf-8")))
    assert names
    assert [name for name in names if not _is_executable(ROOT / "scripts" / name)] == []


def test_dashboard_uses_only_core_cards() -> None:
    assert re.findall(r"custom:", DASHBOARD.read_text(encoding="utf-8")) == []


def _is_executable(path: Path) -> bool:
    return path.is_file() and bool(path.stat().st_mode & 0o111)
