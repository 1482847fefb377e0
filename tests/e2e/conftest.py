"""A house and a browser for each journey."""

from collections.abc import Iterator
import os
from pathlib import Path
import shutil
import sys
from typing import Final

from playwright.sync_api import Browser as Chromium, Playwright, expect, sync_playwright
import pytest

from scripts.home_assistant_log import complaints
from scripts.house import HOST, ROOT, House

from .browser import Browser

DIRECTORY: Final = ROOT / ".demo" / "e2e"
IMAGES: Final = ROOT / "docs" / "images"
PATIENCE: Final = 60_000.0
"""Milliseconds after which something that was waited for is missing; a slow machine needs it, a fast one never."""
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {HOST}",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that make the pictures of the documentation, and choose the release of Home Assistant."""
    parser.addoption("--update-images", action="store_true", help="write the screenshots to docs/images")
    parser.addoption("--ha", metavar="VERSION", help="the release to run, which scripts/setup --ha got")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the pictures as they are where nobody looks at them, and ask for the release if it isn't there."""
    if config.getoption("--update-images") and os.environ.get("CI"):
        raise pytest.UsageError("--update-images is for a person who looks at the pictures, not for CI")
    version = config.getoption("--ha")
    if version is not None and not _python(version).exists():
        raise pytest.UsageError(f"Home Assistant {version} isn't there: run scripts/setup --ha {version}")


def _python(version: str | None) -> Path:
    """Return the Python that has a release of Home Assistant, or the one that runs the tests."""
    return Path(sys.executable) if version is None else ROOT / ".venvs" / version / "bin" / "python"


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Start Playwright's driver."""
    with sync_playwright() as driver:
        expect.set_options(timeout=PATIENCE)
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Chromium]:
    """Start a headless Chromium: the system's, else the one that Playwright downloaded."""
    path = shutil.which("chromium") or playwright.chromium.executable_path
    if not Path(path).exists():
        pytest.fail("there is no browser: run scripts/setup --browser")
    browser = playwright.chromium.launch(executable_path=path, headless=True, args=list(ARGUMENTS))
    yield browser
    browser.close()


@pytest.fixture
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """Build a house as the demo does; its log is judged in the end."""
    version = request.config.getoption("--ha")
    with House(DIRECTORY / (version or "") / request.node.name, python=_python(version)) as house:
        yield house
    assert complaints(house.home_assistant_log.read_text(encoding="utf-8")) == []


@pytest.fixture
def browser(request: pytest.FixtureRequest, chromium: Chromium, house: House) -> Iterator[Browser]:
    """Open a window for a new user; how it looked in the end is kept beside the house's logs."""
    images = IMAGES if request.config.getoption("--update-images") else None
    context = chromium.new_context(
        base_url=house.url, viewport={"width": 1400, "height": 900}, locale="en-GB", timezone_id="Europe/Dublin"
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield Browser(page, images)
    page.screenshot(path=house.log_directory / "last.png")
    context.close()
