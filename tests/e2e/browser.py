"""What a user does with Home Assistant's frontend: look, click, type."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from scripts.house import DASHBOARD_PATH

INTEGRATION = "AWS IoT Managed Integrations"


class Browser:
    """A window with Home Assistant, logged in by the trusted network."""

    def __init__(self, page: Page, images: Path | None) -> None:
        """Look at a page; pictures of it go to `images`, if that is given."""
        self.page = page
        self._images = images

    def open_dashboard(self) -> None:
        """Open the demo's dashboard."""
        self.page.goto(f"/{DASHBOARD_PATH}")
        expect(self.row("Kitchen ceiling light")).to_be_visible()

    def finish(self) -> None:
        """Close the dialog that ended."""
        self.page.get_by_role("button", name="Finish").click()
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    def return_to_dashboard(self) -> None:
        """Open the dashboard from the sidebar."""
        self.sidebar("Managed things").click()
        expect(self.row("Kitchen ceiling light")).to_be_visible()

    def sidebar(self, title: str) -> Locator:
        """Return an item of the sidebar."""
        return self.page.locator("ha-sidebar").get_by_text(title, exact=True)

    def open_settings(self, title: str) -> None:
        """Open one of the pages below Settings."""
        self.sidebar("Settings").click()
        self.page.locator("ha-config-dashboard").get_by_text(title, exact=True).first.click()

    def open_integration(self) -> None:
        """Open the integration's page."""
        self.open_settings("Devices & services")
        self.page.locator("ha-integration-card", has_text=INTEGRATION).click()
        expect(self.page.get_by_role("heading", name=INTEGRATION)).to_be_visible()

    def open_entry_menu(self) -> None:
        """Open the menu of the integration's entry, on the integration's page."""
        self.page.locator("ha-config-entry-row").get_by_role("button", name="Menu").first.click()

    def choose(self, search: str, title: str) -> None:
        """Search in the list that is open, and choose what has that title."""
        options = self.page.locator("ha-picker-combo-box")
        options.get_by_role("textbox").fill(search)
        options.locator("[slot=headline]", has_text=title).click()

    def add_to_automation(self, kind: str, search: str, title: str) -> None:
        """Add a trigger or an action to the automation in the editor, by search."""
        self.page.get_by_role("button", name=f"Add {kind}").click()
        self.page.get_by_placeholder("Search").fill(search)
        self.page.locator("[slot=headline]").get_by_text(title, exact=True).click()
        # What is typed before the dialog has closed gets lost.
        expect(self.page.get_by_role("dialog")).to_have_count(0)

    def row(self, name: str) -> Locator:
        """Return a row of the dashboard's tables by the name of its device or account."""
        return self.page.locator("ha-markdown tr", has=self.page.get_by_role("link", name=name, exact=True))

    def section(self, title: str) -> Locator:
        """Return a section of the dashboard by its heading."""
        return self.page.locator("hui-section").filter(has=self.page.locator("hui-heading-card", has_text=title))

    def tile(self, section: str, name: str) -> Locator:
        """Return a tile of the dashboard."""
        named = self.page.locator("ha-tile-info").get_by_text(name, exact=True)
        return self.section(section).locator("hui-tile-card", has=named)

    def share(self, section: str, name: str) -> Locator:
        """Return an entry of the legend below a section's bar."""
        named = self.page.get_by_text(name, exact=True)
        return self.section(section).locator("hui-distribution-card li", has=named)

    def entity(self, name: str) -> Locator:
        """Return the row of an entity on its device's page."""
        return self.page.locator("hui-generic-entity-row", has_text=name)

    @property
    def repairs(self) -> Locator:
        """The repairs that Settings lists."""
        return self.page.locator("ha-config-repairs ha-list-item, ha-config-repairs ha-list-item-button")

    def open_repair(self, title: str) -> None:
        """Open a repair in Settings."""
        self.sidebar("Settings").click()
        expect(self.repairs).to_have_count(1)
        self.repairs.filter(has_text=title).click()
        expect(self.page.get_by_text("Reported by")).to_be_visible()

    def authorize(self, page: Page) -> None:
        """Agree on the vendor's page, and close it."""
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_role("heading", name="is linked")).to_be_visible()
        page.close()

    def picture(self, name: str, *, width: int = 1400, height: int = 900) -> None:
        """Take a picture of that size for the documentation."""
        if self._images is not None:
            self.page.mouse.move(0, 0)
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=self._images / f"{name}.png", animations="disabled")
