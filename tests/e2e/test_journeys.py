"""What a user comes for, by clicks alone."""

import httpx
from playwright.sync_api import expect

from scripts.demo import cloud_of, registrations
from scripts.house import House

from .browser import Browser


def _association(house: House, name: str) -> str:
    """Return the id of an account association by its name in the cloud."""
    items = cloud_of(house).list_account_associations()["Items"]
    return next(item["AccountAssociationId"] for item in items if item.get("Name") == name)


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
    page.get_by_role("button", name="Finish").click()
    page.get_by_role("button", name="Locks of the house").click()
    expect(page.get_by_role("heading", name="Service info")).to_be_visible()
    expect(browser.entity("State")).to_contain_text("Linked")
    account = cloud_of(house).get_account_association(AccountAssociationId=_association(house, "Locks of the house"))
    assert account["AssociationState"] == "ASSOCIATION_SUCCEEDED"


def test_discover_and_register_all(browser: Browser, house: House) -> None:
    page = browser.page
    browser.open_dashboard()
    found = ("Bedroom strip", "Garden lantern", "Hallway spots", "Porch light")
    before = registrations(cloud_of(house))
    expect(browser.row("Hallway spots")).to_contain_text("Not registered")
    expect(browser.row("Porch light")).to_have_count(0)
    browser.tile("Acme Lighting", "Registration policy").get_by_role("button", name="Manual").click()
    page.get_by_role("menuitem", name="Suggest").click()
    expect(browser.row("Acme Lighting")).to_contain_text("Suggest")
    browser.tile("Acme Lighting", "Discover").click()
    expect(browser.tile("Acme Lighting", "Unregistered")).to_contain_text("4 things")
    expect(browser.tile("Acme Lighting", "Last activity")).to_contain_text("Discovery finished")

    browser.open_repair("4 devices found for Acme Lighting aren't registered")
    for name in found:
        expect(page.get_by_role("checkbox", name=name)).to_be_checked()
    browser.picture("discovered-devices")
    page.get_by_role("button", name="Submit").click()
    expect(browser.repairs).to_have_count(0)
    browser.return_to_dashboard()
    for name in found:
        expect(browser.row(name)).to_contain_text("Associated")
        expect(browser.row(name)).to_contain_text("Acme Lighting")
    expect(browser.tile("Acme Lighting", "Registered")).to_contain_text("6 things")
    expect(browser.tile("Acme Lighting", "Unregistered")).to_contain_text("0 things")
    browser.picture("dashboard", width=1500, height=1080)
    new = registrations(cloud_of(house)).items() - before.items()
    acme = _association(house, "Acme Lighting")
    assert [(association, status) for (_, association), status in new] == [(acme, "ASSOCIATED")] * len(found)


def test_authorize_again(browser: Browser, house: House) -> None:
    page = browser.page
    acme = _association(house, "Acme Lighting")
    expired = {"account_id": house.account.account_id, "association_id": acme}
    browser.open_dashboard()
    httpx.post(f"{house.emulator_url}/_emulator/expire_authorization", json=expired, trust_env=False).raise_for_status()
    browser.tile("AWS account", "Synchronize").click()
    expect(browser.tile("Acme Lighting", "Association")).to_contain_text("Authorization expired")
    expect(browser.tile("Acme Lighting", "Authorization")).to_contain_text("Problem")

    browser.open_repair("Account association Acme Lighting must be authorized again")
    expect(page.get_by_text("Authorize Acme Lighting again")).to_be_visible()
    browser.picture("authorization-expired")
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Submit").click()
    browser.authorize(popup.value)
    expect(browser.repairs).to_have_count(0)
    browser.return_to_dashboard()
    expect(browser.tile("Acme Lighting", "Association")).to_contain_text("Linked")
    expect(browser.tile("Acme Lighting", "Authorization")).to_contain_text("OK")
    state = cloud_of(house).get_account_association(AccountAssociationId=acme)["AssociationState"]
    assert state == "ASSOCIATION_SUCCEEDED"
