"""What a user comes for, by clicks alone."""

import json

from playwright.sync_api import expect

from scripts.demo import Candidate, cloud_of, find_candidate, registrations
from scripts.house import DOMAIN, House

from .browser import INTEGRATION, Browser

LIGHT = "Hallway spots"


def _association(house: House, name: str) -> str:
    """Return the id of an account association by its name in the cloud."""
    items = cloud_of(house).list_account_associations()["Items"]
    return next(item["AccountAssociationId"] for item in items if item.get("Name") == name)


def _name(house: House, candidate: Candidate) -> str:
    return cloud_of(house).get_managed_thing(Identifier=candidate.managed_thing_id)["Name"]


def _let_authorization_expire(browser: Browser, house: House) -> Candidate:
    """Let an authorization expire while a registration waits; returns what waits, seen on the dashboard."""
    waiting = find_candidate(cloud_of(house))
    browser.open_dashboard()
    # Both are read in the background.
    expect(browser.tile("Cellar hub", "Connection")).to_contain_text("Connected")
    expect(browser.share("Acme Lighting", "Unregistered")).to_contain_text("2 things")
    expect(browser.section("Needs a hand")).to_contain_text("Nothing.")
    house.command("offline")
    answer = house.api.call_action(
        DOMAIN,
        "register_account_association",
        {
            "managed_thing_id": waiting.managed_thing_id,
            "account_association_id": waiting.account_association_id,
        },
    )
    assert answer["summary"] == {"queued": 1}
    house.command("expire_authorization", association_id=waiting.account_association_id)
    house.command("offline", offline=False)
    browser.tile("AWS account", "Synchronize").click()
    expect(browser.tile("Acme Lighting", "Association")).to_contain_text("Authorization expired")
    expect(browser.section("Needs a hand")).to_contain_text("Acme Lighting must be authorized again")
    expect(browser.row(_name(house, waiting))).to_contain_text("Queued")
    expect(browser.tile("AWS account", "Pending")).to_contain_text("1 registrations")
    return waiting


def test_set_up_with_keys(browser: Browser, house: House) -> None:
    page = browser.page
    browser.open_dashboard()
    browser.open_integration()
    browser.open_entry_menu()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("No entries")).to_be_visible()

    browser.open_settings("Devices & services")
    page.get_by_role("button", name="Add integration").click()
    page.get_by_placeholder("Search for a brand name").fill("AWS IoT")
    page.locator("ha-integration-list-item", has_text=INTEGRATION).click()
    page.get_by_text("AWS Region").click()
    browser.choose(house.account.region, house.account.region)
    page.get_by_text("Advanced settings").click()
    page.get_by_role("textbox", name="Endpoint URL").fill(house.emulator_url)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("textbox", name="Access key ID").fill(house.account.access_key_id)
    secret = page.locator("input[type=password]")
    secret.fill("mistyped")
    browser.picture("set-up", height=960)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("AWS doesn't accept the credentials")).to_be_visible()
    secret.fill(house.account.secret_access_key)
    page.get_by_role("button", name="Submit").click()
    for name in ("Acme Lighting", "Northwind Climate"):
        expect(page.get_by_role("checkbox", name=name)).to_be_checked()
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("button", name="Skip and finish").click()

    expect(page.locator("ha-config-entry-device-row").get_by_text(LIGHT)).to_be_visible()
    browser.return_to_dashboard()
    expect(browser.row(LIGHT)).to_contain_text("Not registered")
    expect(browser.row("Acme Lighting")).to_contain_text("Linked")


def test_link_an_account(browser: Browser, house: House) -> None:
    page = browser.page
    browser.open_dashboard()
    browser.open_integration()
    page.get_by_role("button", name="Add account association").click()
    page.get_by_text("Link another account").click()
    page.get_by_text("Connector destination").click()
    page.get_by_role("menuitem", name="Contoso Locks").click()
    page.get_by_role("textbox", name="Name").fill("Locks of the house")
    page.get_by_role("button", name="Submit").click()
    link = page.get_by_role("link", name="Sign in at the vendor")
    expect(link).to_be_visible()
    browser.picture("link-account")
    with page.expect_popup() as popup:
        link.click()
    browser.authorize(popup.value)

    expect(page.get_by_text("Created configuration for Locks of the house.")).to_be_visible()
    browser.finish()
    page.locator("ha-config-entry-device-row").get_by_text("Locks of the house").click()
    expect(page.get_by_role("heading", name="Service info")).to_be_visible()
    expect(browser.entity("State")).to_contain_text("Linked")
    account = cloud_of(house).get_account_association(AccountAssociationId=_association(house, "Locks of the house"))
    assert account["AssociationState"] == "ASSOCIATION_SUCCEEDED"


def test_discover_and_register_all(browser: Browser, house: House) -> None:
    page = browser.page
    browser.open_dashboard()
    found = ("Bedroom strip", "Garden lantern", LIGHT, "Porch light")
    before = registrations(cloud_of(house))
    expect(browser.row(LIGHT)).to_contain_text("Not registered")
    expect(browser.row("Porch light")).to_have_count(0)
    browser.tile("Acme Lighting", "Registration policy").get_by_role("button", name="Manual").click()
    page.get_by_role("menuitem", name="Suggest").click()
    expect(browser.row("Acme Lighting")).to_contain_text("Suggest")
    browser.tile("Acme Lighting", "Discover").click()
    expect(browser.share("Acme Lighting", "Unregistered")).to_contain_text("4 things")
    expect(browser.tile("Acme Lighting", "Last activity")).to_contain_text("Discovery finished")

    browser.open_repair("4 devices found for Acme Lighting aren't registered")
    for name in found:
        expect(page.get_by_role("checkbox", name=name)).to_be_checked()
    browser.picture("discovered-devices")
    page.get_by_role("button", name="Submit").click()
    expect(browser.repairs).to_have_count(0)
    browser.finish()
    browser.return_to_dashboard()
    for name in found:
        expect(browser.row(name)).to_contain_text("Associated")
        expect(browser.row(name)).to_contain_text("Acme Lighting")
    expect(browser.share("Acme Lighting", "Registered")).to_contain_text("6 things")
    expect(browser.share("Acme Lighting", "Unregistered")).to_contain_text("0 things")
    new = registrations(cloud_of(house)).items() - before.items()
    acme = _association(house, "Acme Lighting")
    assert [(association, status) for (_, association), status in new] == [(acme, "ASSOCIATED")] * len(found)


def test_build_an_automation(browser: Browser, house: House) -> None:
    page = browser.page
    browser.open_dashboard()
    browser.open_settings("Automations & scenes")
    page.get_by_role("button", name="Create automation").first.click()
    page.get_by_text("Create new automation").click()
    browser.add_to_automation("trigger", "device registered", "Device registered")
    page.get_by_role("button", name="Add target").click()
    browser.choose("Acme", "Activity")
    browser.add_to_automation(
        "action", "persistent notification", "Persistent Notification: Create persistent notification"
    )
    page.locator("ha-service-control").get_by_role("textbox").first.fill("{{ trigger.name }} is registered")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("textbox", name="Name").fill("Tell me what is registered")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("ha-automation-row", has_text="Device registered").click()
    expect(page.get_by_text("Triggers when a managed thing was registered")).to_be_visible()
    browser.picture("automation", width=1300, height=680)

    light = find_candidate(cloud_of(house))
    cloud_of(house).register_account_association(
        ManagedThingId=light.managed_thing_id,
        AccountAssociationId=light.account_association_id,
        DeviceDiscoveryId=light.device_discovery_id,
    )
    name = _name(house, light)
    browser.return_to_dashboard()
    browser.tile("AWS account", "Synchronize").click()
    expect(browser.row(name)).to_contain_text("Associated")
    browser.sidebar("Notifications").click()
    expect(page.get_by_text(f"{name} is registered")).to_be_visible()
    automation = house.api.get("/api/states/automation.tell_me_what_is_registered")
    assert automation["attributes"]["last_triggered"] is not None


def test_authorize_again(browser: Browser, house: House) -> None:
    page = browser.page
    waiting = _let_authorization_expire(browser, house)
    browser.picture("dashboard", width=1500, height=1000)

    browser.open_repair("Account association Acme Lighting must be authorized again")
    expect(page.get_by_text("Authorize Acme Lighting again")).to_be_visible()
    browser.picture("authorization-expired")
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Submit").click()
    browser.authorize(popup.value)
    expect(browser.repairs).to_have_count(0)
    browser.finish()
    browser.return_to_dashboard()
    expect(browser.tile("Acme Lighting", "Association")).to_contain_text("Linked")
    expect(browser.section("Needs a hand")).to_contain_text("Nothing.")
    expect(browser.row(_name(house, waiting))).to_contain_text("Associated")
    expect(browser.tile("AWS account", "Pending")).to_contain_text("0 registrations")
    cloud = cloud_of(house)
    assert registrations(cloud)[waiting.managed_thing_id, waiting.account_association_id] == "ASSOCIATED"
    account = cloud.get_account_association(AccountAssociationId=waiting.account_association_id)
    assert account["AssociationState"] == "ASSOCIATION_SUCCEEDED"


def test_read_diagnostics(browser: Browser, house: House) -> None:
    page = browser.page
    waiting = _let_authorization_expire(browser, house)
    browser.open_integration()
    browser.open_entry_menu()
    entry = page.get_by_role("menuitem", name="Download diagnostics")
    expect(entry).to_be_visible()
    browser.picture("diagnostics")
    with page.expect_download() as download:
        entry.click()
    text = download.value.path().read_text(encoding="utf-8")

    data = json.loads(text)["data"]
    states = {row["account_association_id"]: row["state"] for row in data["inventory"]["account_associations"]}
    assert states[waiting.account_association_id] == "REFRESH_TOKEN_EXPIRED"
    things = {row["managed_thing_id"]: row for row in data["inventory"]["managed_things"]}
    thing = things[waiting.managed_thing_id]
    assert thing["registrations"] == {waiting.account_association_id: "queued"}
    assert thing["last_error"].startswith("ConnectionClosedError: ")
    assert [intent["managed_thing_id"] for intent in data["queue"]["intents"]] == [waiting.managed_thing_id]
    assert data["repairs"] == [f"authorization_expired_{waiting.account_association_id}"]
    assert "ConnectionClosedError" in {call["error_code"] for call in data["connection"]["last_calls"]}
    assert data["entry"]["data"]["region"] == house.account.region
    assert house.account.access_key_id not in text
    assert house.account.secret_access_key not in text
