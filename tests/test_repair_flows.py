"""Fixing what repairs show, through Home Assistant's HTTP API; a first attempt that fails can be repeated."""

import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.mi_registration import linking
from emulator import Emulator, World
from homeassistant.components.repairs import repairs_flow_manager
from homeassistant.core import HomeAssistant

from .common import ACME, LIGHT, REGISTERED_LIGHT, coordinator_of, data_of, device, poll, state
from .engine_common import follow_activity, make_quick, ready, settle
from .repair_common import (
    IGNORE_OWN_WARNING_OF_HTTP,
    FixFlow,
    accept,
    delete_association,
    expire_authorization,
    fail_to_register,
    issues,
    leave_in_discovered,
    make_looks_quick,
    refuse,
    until,
)

pytestmark = IGNORE_OWN_WARNING_OF_HTTP

REFRESH = "StartAccountAssociationRefresh"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)


def flow_type(hass: HomeAssistant) -> str | None:
    """Return what the only fix flow shows."""
    manager = repairs_flow_manager(hass)
    assert manager is not None
    (flow,) = manager._progress.values()
    return None if flow.cur_step is None else flow.cur_step["type"]


async def test_authorize_again(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """The link is opened, and the user's consent there closes the dialog and the repair."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    issue_id = await expire_authorization(hass, entry, world, acme)
    assert issues(hass) == {issue_id}
    fired = follow_activity(hass, acme)

    flow = await FixFlow.start(hass, hass_client, issue_id)
    assert (flow.result["type"], flow.result["step_id"]) == ("form", "confirm")
    assert flow.result["description_placeholders"]["name"] == ACME
    assert world.count(REFRESH) == 0
    await flow.submit()
    assert (flow.result["type"], flow.result["step_id"]) == ("external", "authorize")
    assert flow.result["url"].startswith(emulator.url)
    world.authorize(acme)
    await until(lambda: flow_type(hass) == "external_done")
    await flow.look()
    assert flow.result["type"] == "create_entry"
    await settle(hass)
    assert issues(hass) == set()
    assert world.count(REFRESH) == 1
    assert state(hass, "sensor", acme, "state") == "association_succeeded"
    assert state(hass, "binary_sensor", acme, "authorization_problem") == "off"
    assert [kind for kind, _ in fired] == ["authorization_restored"]


async def test_authorize_again_fails_first(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """Neither a refusal of AWS nor one of the user ends the repair; a later attempt does."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    issue_id = await expire_authorization(hass, entry, world, acme)

    flow = await FixFlow.start(hass, hass_client, issue_id)
    world.deny("iotmanagedintegrations:StartAccountAssociationRefresh")
    await flow.submit()
    assert flow.result["errors"] == {"base": "refresh_failed"}
    assert "iotmanagedintegrations:StartAccountAssociationRefresh" in flow.result["description_placeholders"]["message"]
    world.allow("iotmanagedintegrations:StartAccountAssociationRefresh")
    await flow.submit()
    assert flow.result["type"] == "external"
    world.authorize(acme, allow=False)
    await until(lambda: flow_type(hass) == "external_done")
    await flow.look()
    assert (flow.result["type"], flow.result["reason"]) == ("abort", "authorization_failed")
    assert "{" not in flow.result["description_placeholders"]["message"]
    await settle(hass)
    assert issue_id in issues(hass)
    assert state(hass, "sensor", acme, "state") == "association_failed"

    again = await FixFlow.start(hass, hass_client, issue_id)
    await again.submit()
    world.authorize(acme)
    await until(lambda: flow_type(hass) == "external_done")
    await again.look()
    assert again.result["type"] == "create_entry"
    await settle(hass)
    assert issues(hass) == set()


async def test_authorize_again_without_a_page(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """Where the vendor needs no sign-in, submitting is all there is to do."""
    destination = world.add_connector_destination("Plain Heating", "general")
    plain = world.add_association(name="Plain Heating", connector_destination_id=destination)
    world.backend.association(plain).auth_material = f"{destination}-material"
    entry = await ready(hass, emulator, world, association_ids=[plain])
    issue_id = await expire_authorization(hass, entry, world, plain)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    await flow.submit()
    if flow.result["type"] == "external_done":
        await flow.look()
    assert flow.result["type"] == "create_entry"
    await settle(hass)
    assert issues(hass) == set()


async def test_authorize_again_too_late(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    hass_client: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without an answer in time the dialog says so, and the repair stays."""
    monkeypatch.setattr(linking, "AUTHORIZE_SECONDS", 0.05)
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    issue_id = await expire_authorization(hass, entry, world, acme)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    await flow.submit()
    await until(lambda: flow_type(hass) == "external_done")
    await flow.look()
    assert (flow.result["type"], flow.result["reason"]) == ("abort", "authorization_timed_out")
    assert await poll(hass, entry)
    # AWS waits for the user now; what it says of the association decides.
    assert state(hass, "sensor", acme, "state") == "association_in_progress"


async def test_authorize_again_closed(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """A dialog that was closed early leaves nothing behind: the consent counts all the same."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    issue_id = await expire_authorization(hass, entry, world, acme)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    await flow.submit()
    await flow.close()
    world.authorize(acme)
    await until(lambda: issues(hass) == set())
    await settle(hass)
    assert state(hass, "sensor", acme, "state") == "association_succeeded"


async def test_register_again(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """A registration that AWS refused is tried again; the second refusal is shown in the dialog."""
    await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    issue_id = await fail_to_register(hass, world, light, acme, "first reason")
    assert issues(hass) == {issue_id}
    flow = await FixFlow.start(hass, hass_client, issue_id)
    assert flow.result["step_id"] == "confirm"
    assert "first reason" in flow.result["description_placeholders"]["reason"]
    refuse(world, "second reason")
    await flow.submit()
    assert flow.result["errors"] == {"base": "registration_failed"}
    assert "second reason" in flow.result["description_placeholders"]["reason"]
    accept(world)
    await flow.submit()
    assert flow.result["type"] == "create_entry"
    assert world.registrations[light, acme] == "ASSOCIATED"
    await settle(hass)
    assert issues(hass) == set()


async def test_register_again_is_refused_elsewhere(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """A thing that went meanwhile can't be registered, and its repair goes with it."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    issue_id = await fail_to_register(hass, world, light, acme)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    world.remove_thing(light)
    assert await poll(hass, entry)
    assert issues(hass) == set()
    await flow.submit()
    assert (flow.result["type"], flow.result["reason"]) == ("abort", "thing_gone")


async def test_register_stuck_thing(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """What AWS left in DISCOVERED is registered by hand; a refusal is shown first."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    issue_id = await leave_in_discovered(hass, entry, world, light, acme)
    assert issues(hass) == {issue_id}
    flow = await FixFlow.start(hass, hass_client, issue_id)
    assert flow.result["description_placeholders"]["device"] == LIGHT
    refuse(world, "not yet")
    await flow.submit()
    assert flow.result["errors"] == {"base": "registration_failed"}
    assert "not yet" in flow.result["description_placeholders"]["reason"]
    accept(world)
    await flow.submit()
    assert flow.result["type"] == "create_entry"
    assert world.registrations[light, acme] == "ASSOCIATED"
    assert await poll(hass, entry)
    await settle(hass)
    assert issues(hass) == set()


async def test_register_again_offline(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """With the cloud unreachable the registration waits in the queue: nothing is left for the user to do."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    issue_id = await fail_to_register(hass, world, light, acme)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    accept(world)
    world.offline()
    await flow.submit()
    assert flow.result["type"] == "create_entry"
    assert issues(hass) == set()
    assert data_of(entry).registrar.pending_count == 1
    world.offline(False)


async def test_remove_deleted_association(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """The association's subentry, device and entities go, and nothing else."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    light = world.thing_id(REGISTERED_LIGHT)
    subentries = set(coordinator_of(entry).association_subentries)
    issue_id = await delete_association(hass, entry, world, acme)
    assert issues(hass) == {issue_id}
    before = world.count("DeleteAccountAssociation")
    flow = await FixFlow.start(hass, hass_client, issue_id)
    assert flow.result["step_id"] == "confirm"
    await flow.submit()
    assert flow.result["type"] == "create_entry"
    await settle(hass)
    assert issues(hass) == set()
    assert set(coordinator_of(entry).association_subentries) == subentries - {acme}
    assert device(hass, entry, acme) is None
    assert device(hass, entry, light) is not None
    assert world.count("DeleteAccountAssociation") == before


@pytest.mark.parametrize("kind", ["authorization_expired", "association_deleted", "registration_failed"])
async def test_account_that_is_not_loaded(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator, kind: str
) -> None:
    """A dialog that is open while the account is unloaded ends with the reason, and works when it is back."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    match kind:
        case "authorization_expired":
            issue_id = await expire_authorization(hass, entry, world, acme)
        case "association_deleted":
            issue_id = await delete_association(hass, entry, world, acme)
        case _:
            issue_id = await fail_to_register(hass, world, light, acme)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await flow.submit()
    assert (flow.result["type"], flow.result["reason"]) == ("abort", "entry_not_loaded")
