"""The repair that suggests to register what was found, fixed as the frontend does."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from emulator import Emulator, World
from homeassistant.core import HomeAssistant

from .common import ACME, LIGHT, OTHER_LIGHT, PUT, data_of, poll, press, state
from .engine_common import FOUND_LIGHTS, look_back, make_quick, params_of, ready, reload, set_policy, settle
from .repair_common import IGNORE_OWN_WARNING_OF_HTTP, FixFlow, issues

pytestmark = IGNORE_OWN_WARNING_OF_HTTP


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


def field_of(form: dict[str, Any]) -> Any:
    """Return the only field of a form."""
    assert form["step_id"] == "devices"
    (field,) = form["data_schema"]
    assert field["name"] == "devices"
    return field


def options_of(form: dict[str, Any]) -> dict[str, str]:
    """Return what each device of a form is chosen by, by its name."""
    return {
        option["label"].split(" (")[0]: option["value"] for option in field_of(form)["selector"]["select"]["options"]
    }


async def suggested(hass: HomeAssistant, emulator: Emulator, world: World) -> Any:
    """Set an entry up that suggests four lights of Acme; returns it."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    set_policy(hass, entry, acme, "suggest")
    await press(hass, acme, "discover_devices")
    await settle(hass)
    assert f"devices_found_{acme}" in issues(hass)
    return entry


async def test_choose(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """All are ticked at first; what is left out is remembered, and is not suggested again."""
    entry = await suggested(hass, emulator, world)
    acme = world.association_id(ACME)
    issue_id = f"devices_found_{acme}"
    flow = await FixFlow.start(hass, hass_client, issue_id)
    options = options_of(flow.result)
    assert set(options) == {LIGHT, OTHER_LIGHT, *FOUND_LIGHTS}
    assert sorted(field_of(flow.result)["default"]) == sorted(options.values())
    assert flow.result["description_placeholders"]["name"] == ACME
    chosen = [options[name] for name in (LIGHT, "Porch light")]
    assert (await flow.submit(devices=chosen))["type"] == "create_entry"
    await settle(hass)
    for name in (LIGHT, "Porch light"):
        assert world.registrations[world.thing_id(name), acme] == "ASSOCIATED"
    assert (world.thing_id(OTHER_LIGHT), acme) not in world.registrations
    assert "Garden lantern" not in {thing.get("Name") for thing in world.things.values()}
    assert issue_id not in issues(hass)
    # Not after the next discovery or a restart either, and not by another policy.
    await press(hass, acme, "discover_devices")
    await settle(hass)
    await reload(hass, entry)
    await look_back(hass)
    assert issue_id not in issues(hass)
    set_policy(hass, entry, acme, "automatic")
    await settle(hass)
    assert (world.thing_id(OTHER_LIGHT), acme) not in world.registrations
    # Who opens the list later, because something new was found, finds them unticked.
    set_policy(hass, entry, acme, "suggest")
    world.add_cloud_device(acme, "al-1007", "Shed light")
    await press(hass, acme, "discover_devices")
    await settle(hass)
    assert issue_id in issues(hass)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    options = options_of(flow.result)
    assert set(options) == {OTHER_LIGHT, "Garden lantern", "Shed light"}
    assert field_of(flow.result)["default"] == [options["Shed light"]]
    # And what is ticked after all is registered.
    assert (await flow.submit(devices=list(options.values())))["type"] == "create_entry"
    await settle(hass)
    assert world.registrations[world.thing_id(OTHER_LIGHT), acme] == "ASSOCIATED"
    assert issue_id not in issues(hass)


async def test_none_chosen(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """To choose none is a choice."""
    await suggested(hass, emulator, world)
    acme = world.association_id(ACME)
    flow = await FixFlow.start(hass, hass_client, f"devices_found_{acme}")
    assert (await flow.submit(devices=[]))["type"] == "create_entry"
    assert world.count(PUT) == 0
    await settle(hass)
    assert f"devices_found_{acme}" not in issues(hass)


async def test_first_attempt_fails(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """The form says in AWS's words what failed and lets the user try again in the same dialog."""
    entry = await suggested(hass, emulator, world)
    acme = world.association_id(ACME)
    flow = await FixFlow.start(hass, hass_client, f"devices_found_{acme}")
    chosen = [options_of(flow.result)[LIGHT]]
    world.refuse(PUT, "ServiceQuotaExceededException", times=10, message="Too many devices.")
    form = await flow.submit(devices=chosen)
    assert form["type"] == "form"
    assert form["errors"] == {"base": "registration_failed"}
    assert "Too many devices." in form["description_placeholders"]["failures"]
    assert state(hass, "sensor", world.thing_id(LIGHT), "registration") == "failed"
    world.faults.refusals.clear()
    assert options_of(form)[LIGHT] == chosen[0]
    assert (await flow.submit(devices=chosen))["type"] == "create_entry"
    assert world.registrations[world.thing_id(LIGHT), acme] == "ASSOCIATED"
    assert state(hass, "sensor", world.thing_id(LIGHT), "registration") == "associated"
    assert data_of(entry).store.queue.failures == {}


async def test_cloud_is_down(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    """What waits for the cloud is in good hands: the dialog closes, the queue shows it."""
    entry = await suggested(hass, emulator, world)
    acme = world.association_id(ACME)
    flow = await FixFlow.start(hass, hass_client, f"devices_found_{acme}")
    world.offline()
    assert (await flow.submit(devices=[options_of(flow.result)[LIGHT]]))["type"] == "create_entry"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"


@pytest.mark.parametrize("reason", ["entry_not_loaded", "nothing_to_register"])
async def test_too_late(
    hass: HomeAssistant, *, emulator: Emulator, world: World, hass_client: ClientSessionGenerator, reason: str
) -> None:
    """A dialog that stayed open while the world went on says so instead of doing anything."""
    entry = await suggested(hass, emulator, world)
    acme = world.association_id(ACME)
    flow = await FixFlow.start(hass, hass_client, f"devices_found_{acme}")
    chosen = list(options_of(flow.result).values())
    if reason == "entry_not_loaded":
        await hass.config_entries.async_unload(entry.entry_id)
    else:
        world.remove_association(acme)
        assert await poll(hass, entry)
    answer = await flow.submit(devices=chosen)
    assert answer["type"] == "abort"
    assert answer["reason"] == reason
    assert params_of(world, PUT) == []
