"""What Home Assistant, HACS and Marketplace ask of the repository beyond its code."""

import json
from pathlib import Path
import re

from PIL import Image
import pytest

from custom_components.mi_registration.const import DOMAIN
from scripts.house import DASHBOARD, ROOT

INTEGRATION = ROOT / "custom_components" / DOMAIN
OLDEST_HOME_ASSISTANT = "2026.9.0"


def test_hacs() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text(encoding="utf-8"))
    manifest = json.loads((INTEGRATION / "manifest.json").read_text(encoding="utf-8"))
    assert hacs == {"name": manifest["name"], "homeassistant": OLDEST_HOME_ASSISTANT}


def test_license_is_the_one_that_the_readme_names() -> None:
    license_text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert re.match(r"\s*Apache License\s+Version 2\.0, January 2004", license_text)
    assert "END OF TERMS AND CONDITIONS" in license_text
    assert "[Apache-2.0](LICENSE)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("prefix", ["", "dark_"])
@pytest.mark.parametrize(("suffix", "scale"), [("", 1), ("@2x", 2)])
def test_brand(prefix: str, suffix: str, scale: int) -> None:
    with Image.open(INTEGRATION / "brand" / f"{prefix}icon{suffix}.png") as icon:
        assert icon.size == (256 * scale, 256 * scale)
        assert icon.mode == "RGBA"
    with Image.open(INTEGRATION / "brand" / f"{prefix}logo{suffix}.png") as logo:
        assert logo.height == 128 * scale
        assert logo.width > logo.height


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_within_the_repository(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_scripts_that_are_named_can_be_run(page: str) -> None:
    names = set(re.findall(r"(?<![\w/])scripts/(\w+)", (ROOT / page).read_text(encoding="utf-8")))
    assert names
    assert [name for name in names if not _is_executable(ROOT / "scripts" / name)] == []


def test_readme_policy_is_json() -> None:
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert [json.loads(block)["Version"] for block in blocks] == ["2012-10-17"]


def test_dashboard_uses_only_core_cards() -> None:
    assert re.findall(r"custom:", DASHBOARD.read_text(encoding="utf-8")) == []


def _is_executable(path: Path) -> bool:
    return path.is_file() and bool(path.stat().st_mode & 0o111)
