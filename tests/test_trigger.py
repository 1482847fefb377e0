"""The triggers, in real automations: each fact once, for whatever kind of target means it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.common import TargetSupport, assert_triggers_target_support
import voluptuous as vol

from custom_components.mi_registration import listeners
from custom_components.mi_registration.activity import EVENT_ACTIVITY, START_SECONDS, Activity
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.trigger import TRIGGERS
from emulator import Emulator, World
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED, STATE_UNAVAILABLE
from homeassistant.core import CoreState, HomeAssistant, State
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.helpers.trigger import async_get_all_descriptions, async_validate_trigger_config
from homeassistant.util import dt as dt_util

from .automation_common import TARGET_KINDS, add_foreign_entity, automate, put_in_kitchen, target
from .common import (
    ACME,
    DEREGISTER,
    HUB_CHILD,
    LIGHT,
    NORTHWIND,
    OTHER_LIGHT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    device_id,
    entity_id,
    pass_time,
    poll,
)
from .engine_common import FOUND_LIGHTS, START_DISCOVERY, make_quick, ready, reload, settle, until
from .repair_common import fail_to_register

THING_FACTS = (
    Activity.DEVICE_REGISTERED,
    Activity.DEVICE_DEREGISTERED,
    Activity.REGISTRATION_FAILED,
    Activity.DEVICE_FOUND,
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


def on(activity: str, **where: Any) -> dict[str, Any]:
    """Return an automation on one kind of activity."""
    return {"triggers": {"trigger": f"{DOMAIN}.{activity}", "target": where}}


def registration_of(hass: HomeAssistant, thing_id: str) -> str:
    """Return the entity by which a managed thing can be targeted."""
    return entity_id(hass, "sensor", thing_id, "registration")


def activity_of(hass: HomeAssistant, association_id: str) -> str:
    """Return the entity by which an account association can be targeted."""
    return entity_id(hass, "event", association_id, "activity")


async def of_acme(
    hass: HomeAssistant, entry: MockConfigEntry, world: World, *, device: str | None = None
) -> dict[str, list[Any]]:
    """Return the runs of an automation for each trigger, on all that happens to one account association."""
    where = {"device_id": device or device_id(hass, entry, world.association_id(ACME))}
    return dict(zip(Activity, await automate(hass, *(on(activity, **where) for activity in Activity)), strict=True))


async def of_expired_acme(hass: HomeAssistant, entry: MockConfigEntry, world: World) -> dict[str, list[Any]]:
    """Let an association need a new authorization; return the runs of :func:`of_acme`."""
    runs = await of_acme(hass, entry, world)
    world.expire_authorization(world.association_id(ACME))
    assert await poll(hass, entry)
    return runs


def names(runs: Mapping[str, list[Any]]) -> dict[str, list[str | None]]:
    """Return which triggers ran, and for which devices."""
    return {str(activity): sorted(run.get("name") for run in ran) for activity, ran in runs.items() if ran}


async def test_what_we_do(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Registering, deregistering and failing trigger once, with all that an automation needs."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    runs = await of_acme(hass, entry, world)
    pair = {"managed_thing_id": light, "account_association_id": acme}
    await act(hass, REGISTER, **pair)
    await settle(hass)
    assert names(runs) == {"device_registered": [LIGHT]}
    assert runs[Activity.DEVICE_REGISTERED] == [
        {
            "id": "0",
            "idx": "0",
            "alias": None,
            "platform": "mi_registration.device_registered",
            "description": f"activity of {ACME}",
            "entity_id": activity_of(hass, acme),
            "device_id": device_id(hass, entry, light),
            "association_device_id": device_id(hass, entry, acme),
            "account_association_id": acme,
            "account_association": ACME,
            "managed_thing_id": light,
            "name": LIGHT,
        }
    ]
    await act(hass, DEREGISTER, **pair)
    await settle(hass)
    assert names(runs) == {"device_registered": [LIGHT], "device_deregistered": [LIGHT]}
    await fail_to_register(hass, world, world.thing_id(OTHER_LIGHT), acme, "Never.")
    ((failed,),) = [runs[Activity.REGISTRATION_FAILED]]
    assert failed["device_id"] == device_id(hass, entry, world.thing_id(OTHER_LIGHT))
    assert (failed["error_code"], failed["error_message"]) == ("ServiceQuotaExceededException", "Never.")


async def test_what_others_do(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """So does what the console or another gateway does; facts of one synchronisation don't hide each other."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    runs = await of_acme(hass, entry, world)
    world.register(world.thing_id(LIGHT), acme)
    world.register(world.thing_id(OTHER_LIGHT), acme)
    world.deregister(world.thing_id(REGISTERED_LIGHT), acme)
    world.set_association_state(world.association_id(NORTHWIND), "REFRESH_TOKEN_EXPIRED")
    assert await poll(hass, entry)
    assert names(runs) == {"device_registered": sorted([LIGHT, OTHER_LIGHT]), "device_deregistered": [REGISTERED_LIGHT]}
    assert await poll(hass, entry)
    assert len(runs[Activity.DEVICE_REGISTERED]) == 2


async def test_authorization(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An authorization that expires and comes back triggers once each."""
    entry, acme = await ready(hass, emulator, world), world.association_id(ACME)
    runs = await of_expired_acme(hass, entry, world)
    assert await poll(hass, entry)
    assert names(runs) == {"authorization_expired": [None]}
    (run,) = runs[Activity.AUTHORIZATION_EXPIRED]
    assert run["state"] == "refresh_token_expired"
    assert run["association_device_id"] == device_id(hass, entry, acme)
    assert run["device_id"] is None
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    assert names(runs) == {"authorization_expired": [None], "authorization_restored": [None]}


async def test_renewed_authorization(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An authorization isn't back as long as its link wasn't opened."""
    entry, acme = await ready(hass, emulator, world), world.association_id(ACME)
    runs = await of_expired_acme(hass, entry, world)
    await act(hass, "refresh_account_association", account_association_id=acme)
    assert await poll(hass, entry)
    assert names(runs) == {"authorization_expired": [None]}
    world.authorize(acme)
    assert await poll(hass, entry)
    await settle(hass)
    assert names(runs) == {"authorization_expired": [None], "authorization_restored": [None]}


async def test_authorization_newer_than_this_code(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A state that AWS adds later doesn't bring an authorization back."""
    entry, acme = await ready(hass, emulator, world), world.association_id(ACME)
    runs = await of_expired_acme(hass, entry, world)
    world.add_unknown_values(members=False)
    assert await poll(hass, entry)
    assert runs[Activity.AUTHORIZATION_RESTORED] == []
    world.add_unknown_values(enabled=False)
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    assert len(runs[Activity.AUTHORIZATION_EXPIRED]) == len(runs[Activity.AUTHORIZATION_RESTORED]) == 1


async def test_first_authorization(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An association that is linked for the first time wasn't authorized before."""
    acme = world.association_id(ACME)
    world.set_association_state(acme, "ASSOCIATION_IN_PROGRESS")
    entry = await ready(hass, emulator, world)
    runs = await of_acme(hass, entry, world)
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    assert names(runs) == {}


async def test_registration_newer_than_this_code(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A status that AWS adds later is neither a registration nor the end of one."""
    entry = await ready(hass, emulator, world)
    runs = await of_acme(hass, entry, world)
    world.add_unknown_values(members=False)
    assert await poll(hass, entry)
    world.add_unknown_values(enabled=False)
    assert await poll(hass, entry)
    assert names(runs) == {}


@pytest.mark.parametrize("reloaded", [False, True])
async def test_while_home_assistant_starts(
    hass: HomeAssistant, emulator: Emulator, world: World, *, reloaded: bool
) -> None:
    """What changed while Home Assistant was off triggers once its automations listen, and not before.

    If the entry is reloaded before that, it triggers then: nothing is left unsaid.
    """
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    assert await hass.config_entries.async_unload(entry.entry_id)
    world.expire_authorization(acme)
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(hass, lambda: coordinator_of(entry).last_update_success)
    await settle(hass)
    runs = await of_acme(hass, entry, world)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle(hass)
    assert names(runs) == {}
    if reloaded:
        assert await hass.config_entries.async_reload(entry.entry_id)
    else:
        await pass_time(hass, START_SECONDS + 1)
    assert names(runs) == {"authorization_expired": [None]}
    await settle(hass)
    await pass_time(hass, START_SECONDS + 1)
    assert names(runs) == {"authorization_expired": [None]}


async def test_discovery(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Each device that is found for the first time triggers, and each discovery that is over."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    runs = await of_acme(hass, entry, world)
    found = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert set(FOUND_LIGHTS) <= {run["name"] for run in runs[Activity.DEVICE_FOUND]}
    (finished,) = runs[Activity.DISCOVERY_FINISHED]
    assert finished["device_discovery_id"] == found["device_discovery_id"]
    assert (finished["status"], finished["devices"]) == ("succeeded", len(found["devices"]))
    before = len(runs[Activity.DEVICE_FOUND])
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert len(runs[Activity.DEVICE_FOUND]) == before
    assert len(runs[Activity.DISCOVERY_FINISHED]) == 2


@pytest.mark.parametrize("kind", TARGET_KINDS)
async def test_targets_of_things(hass: HomeAssistant, emulator: Emulator, world: World, kind: str) -> None:
    """A managed thing is meant by any kind of target, and what happens to others isn't."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    where = target(hass, entry, kind, light, registration_of(hass, light))
    registered, deregistered, failed = await automate(hass, *(on(fact, **where) for fact in THING_FACTS[:3]))
    await fail_to_register(hass, world, light, acme)
    assert [run["name"] for run in failed] == [LIGHT]
    world.register(light, acme)
    world.register(world.thing_id(OTHER_LIGHT), acme)
    assert await poll(hass, entry)
    assert [run["name"] for run in registered] == [LIGHT]
    world.deregister(light, acme)
    world.deregister(world.thing_id(OTHER_LIGHT), acme)
    assert await poll(hass, entry)
    assert [run["name"] for run in deregistered] == [LIGHT]


@pytest.mark.parametrize("kind", TARGET_KINDS)
async def test_targets_of_associations(hass: HomeAssistant, emulator: Emulator, world: World, kind: str) -> None:
    """An account association is meant by any kind of target, with all of its devices, but no other association."""
    entry = await ready(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    where = target(hass, entry, kind, acme, activity_of(hass, acme))
    registered, expired = await automate(hass, on("device_registered", **where), on("authorization_expired", **where))
    world.register(world.thing_id(LIGHT), acme)
    world.register(world.thing_id("Attic air sensor"), northwind)
    world.expire_authorization(acme)
    world.expire_authorization(northwind)
    assert await poll(hass, entry)
    assert [run["name"] for run in registered] == [LIGHT]
    assert [run["account_association"] for run in expired] == [ACME]


async def test_found_thing(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A found device that is a managed thing already is meant by the thing."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.add_cloud_device(acme, "al-9", "Cupboard light", brand="Acme", model="AL-E27", device_types=["Light"])
    thing = world.add_thing(
        name="Cupboard light", status="UNASSOCIATED", association_id=acme, connector_device_id="al-9"
    )
    assert await poll(hass, entry)
    area = put_in_kitchen(hass, entry, thing)
    (found,) = await automate(hass, on("device_found", area_id=area))
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert [run["managed_thing_id"] for run in found] == [thing]
    assert found[0]["device_id"] == device_id(hass, entry, thing)


async def test_both_targeted(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A fact triggers once, even if its association, its thing and the thing's area are all targeted."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    where = {
        "entity_id": [activity_of(hass, acme), registration_of(hass, light)],
        "device_id": [device_id(hass, entry, acme), device_id(hass, entry, light)],
        "area_id": put_in_kitchen(hass, entry, light),
    }
    (registered,) = await automate(hass, on("device_registered", **where))
    world.register(light, acme)
    assert await poll(hass, entry)
    assert len(registered) == 1


async def test_other_entities_mean_nothing(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An entity of the thing that doesn't stand for it is no target, nor is a device that nothing happens to."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    other, hub_child = await automate(
        hass,
        on("device_registered", entity_id=entity_id(hass, "sensor", light, "provisioning_status")),
        on("device_registered", device_id=device_id(hass, entry, world.thing_id(HUB_CHILD))),
    )
    world.register(light, acme)
    assert await poll(hass, entry)
    assert (other, hub_child) == ([], [])


async def test_area_is_followed(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Devices that are moved into the target later count, those that are moved out don't, new ones do."""
    entry = await ready(hass, emulator, world)
    acme, light, other = world.association_id(ACME), world.thing_id(LIGHT), world.thing_id(OTHER_LIGHT)
    kitchen = put_in_kitchen(hass, entry, light)
    (registered,) = await automate(hass, on("device_registered", area_id=kitchen))
    world.register(light, acme)
    assert await poll(hass, entry)
    world.deregister(light, acme)
    assert await poll(hass, entry)
    dr.async_get(hass).async_update_device(device_id(hass, entry, light), area_id=None)
    put_in_kitchen(hass, entry, other)
    world.register(light, acme)
    world.register(other, acme)
    assert await poll(hass, entry)
    new = world.add_thing(name="New lamp", status="UNASSOCIATED", association_id=acme, connector_device_id="al-9")
    assert await poll(hass, entry)
    put_in_kitchen(hass, entry, new)
    world.register(new, acme)
    assert await poll(hass, entry)
    assert [run["name"] for run in registered] == [LIGHT, OTHER_LIGHT, "New lamp"]


async def test_thing_that_comes_registered(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A thing that somebody else created and registered between two synchronisations triggers with its device."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    runs = await of_acme(hass, entry, world)
    new = world.add_thing(name="New lamp", association_id=acme, connector_device_id="al-9")
    world.register(new, acme)
    assert await poll(hass, entry)
    (registered,) = runs[Activity.DEVICE_REGISTERED]
    assert registered["device_id"] == device_id(hass, entry, new)


async def test_thing_that_comes_back(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A device that Home Assistant remembers in the kitchen is in the kitchen before it has entities again."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(REGISTERED_LIGHT)
    kitchen = put_in_kitchen(hass, entry, light)
    gone, back = await automate(
        hass, on("device_deregistered", area_id=kitchen), on("device_registered", area_id=kitchen)
    )
    removed = world.backend.thing(light)
    world.remove_thing(light)
    assert await poll(hass, entry)
    # The device is still what the area means at that moment.
    assert [run["name"] for run in gone] == [REGISTERED_LIGHT]
    assert dr.async_get(hass).async_get_device_by_identifier((DOMAIN, light), entry.entry_id) is None
    world.backend.things[light] = removed
    world.register(light, acme)
    assert await poll(hass, entry)
    assert [run["device_id"] for run in back] == [device_id(hass, entry, light)]


async def test_entity_elsewhere(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """As everywhere in Home Assistant, an entity's own area counts more than its device's."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    attic = ar.async_get(hass).async_create("Attic").id
    kitchen = put_in_kitchen(hass, entry, light)
    er.async_get(hass).async_update_entity(registration_of(hass, light), area_id=attic)
    in_kitchen, in_attic = await automate(
        hass, on("device_registered", area_id=kitchen), on("device_registered", area_id=attic)
    )
    world.register(light, acme)
    assert await poll(hass, entry)
    assert (len(in_kitchen), len(in_attic)) == (0, 1)


async def test_restart(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What the event entity restores, or shows again after it was unavailable, is no news."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    runs = await of_acme(hass, entry, world)
    world.register(light, acme)
    assert await poll(hass, entry)
    shown = hass.states.get(activity_of(hass, acme))
    assert shown is not None
    await reload(hass, entry)
    again = hass.states.get(activity_of(hass, acme))
    assert again is not None
    assert (again.state, again.attributes["event_type"]) == (shown.state, "device_registered")
    world.offline(True)
    assert not await poll(hass, entry)
    assert _state(hass, registration_of(hass, light)) == STATE_UNAVAILABLE
    world.offline(False)
    assert await poll(hass, entry)
    hass.states.async_set(shown.entity_id, STATE_UNAVAILABLE)
    hass.states.async_set(shown.entity_id, shown.state, shown.attributes)
    await settle(hass)
    assert names(runs) == {"device_registered": [LIGHT]}


def _state(hass: HomeAssistant, entity: str) -> str:
    shown = hass.states.get(entity)
    assert isinstance(shown, State)
    return shown.state


async def test_foreign_entities(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Another integration's event of the same type, or its sensor of the same name, does nothing."""
    entry = await ready(hass, emulator, world)
    kitchen = put_in_kitchen(hass, entry, world.thing_id(LIGHT))
    runs = await automate(hass, *(on(activity, area_id=kitchen) for activity in Activity))
    event = add_foreign_entity(hass, "event", "activity", kitchen, dt_util.utcnow().isoformat())
    sensor = add_foreign_entity(hass, "sensor", "registration", kitchen, "not_registered")
    for number, activity in enumerate(Activity):
        fired_at = dt_util.utcnow() + timedelta(seconds=number)
        hass.states.async_set(event, fired_at.isoformat(), {"event_type": activity.value})
    hass.states.async_set(sensor, "associated")
    await settle(hass)
    assert runs == [[] for _ in Activity]


@pytest.mark.parametrize("per_slice", [1, 100])
async def test_states_are_as_announced(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch, per_slice: int
) -> None:
    """An automation's conditions find the entities as the trigger says, however many there are to update."""
    monkeypatch.setattr(listeners, "LISTENERS_PER_SLICE", per_slice)
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    thing = {"entity_id": registration_of(hass, light)}
    discovery = {"entity_id": entity_id(hass, "sensor", acme, "discovery_status")}
    association = {"device_id": device_id(hass, entry, acme)}
    registered, deregistered, failed, finished, expired = await automate(
        hass,
        on("device_registered", **thing) | {"conditions": {"condition": f"{DOMAIN}.is_registered", "target": thing}},
        on("device_deregistered", **thing)
        | {"conditions": {"condition": f"{DOMAIN}.is_not_registered", "target": thing}},
        on("registration_failed", **thing) | {"conditions": {"condition": "state", **thing, "state": "failed"}},
        on("discovery_finished", **association)
        | {
            "conditions": {
                "condition": "not",
                "conditions": {"condition": f"{DOMAIN}.discovery_is_running", "target": discovery},
            }
        },
        on("authorization_expired", **association)
        | {
            "conditions": {
                "condition": "not",
                "conditions": {"condition": f"{DOMAIN}.authorization_is_valid", "target": association},
            }
        },
    )
    await fail_to_register(hass, world, light, acme)
    assert len(failed) == 1
    world.register(light, acme)
    assert await poll(hass, entry)
    assert len(registered) == 1
    world.deregister(light, acme)
    assert await poll(hass, entry)
    assert len(deregistered) == 1
    finished.clear()
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert len(finished) == 1
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    assert len(expired) == 1


async def test_turned_off(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An automation that is turned off listens to nothing any more."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    before = dict(hass.bus.async_listeners())
    runs = await of_acme(hass, entry, world)
    assert hass.bus.async_listeners()[EVENT_ACTIVITY] == before.get(EVENT_ACTIVITY, 0) + len(Activity)
    listening = hass.bus.async_listeners()[er.EVENT_ENTITY_REGISTRY_UPDATED]
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
    assert EVENT_ACTIVITY not in hass.bus.async_listeners()
    assert hass.bus.async_listeners()[er.EVENT_ENTITY_REGISTRY_UPDATED] == listening - len(Activity)
    world.register(world.thing_id(LIGHT), acme)
    assert await poll(hass, entry)
    assert names(runs) == {}


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({}, "required key not provided"),
        ({"target": {"device": "x"}}, "not a valid option|extra keys not allowed"),
        ({"target": {"entity_id": "nonsense"}}, "Entity ID nonsense"),
        ({"target": {"device_id": "x"}, "options": {"for": 5}}, "not a valid option|extra keys not allowed"),
    ],
)
async def test_bad_config(
    hass: HomeAssistant, emulator: Emulator, world: World, config: dict[str, Any], error: str
) -> None:
    """What doesn't fit is refused in Home Assistant's words."""
    await ready(hass, emulator, world)
    with pytest.raises(vol.Invalid, match=error):
        await async_validate_trigger_config(hass, [{"platform": f"{DOMAIN}.device_registered", **config}])


async def test_unknown_trigger(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A trigger that doesn't exist is refused."""
    await ready(hass, emulator, world)
    with pytest.raises(vol.Invalid, match=r"Invalid trigger 'mi_registration\.device_lost'"):
        await async_validate_trigger_config(hass, [{"platform": f"{DOMAIN}.device_lost", "target": {"area_id": "x"}}])


async def test_empty_target(
    hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An automation whose target names nothing says so, instead of never running."""
    await ready(hass, emulator, world)
    await automate(hass, on("device_registered"))
    assert "The target names no entity, device, area, floor or label" in caplog.text


async def test_descriptions(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The automation editor is told of each trigger, and offers targets of this integration for it."""
    await ready(hass, emulator, world)
    assert hass.state is CoreState.running
    descriptions = await async_get_all_descriptions(hass)
    for activity in Activity:
        description = descriptions[f"{DOMAIN}.{activity}"]
        assert description is not None
        filters = description["target"]["entity"]
        assert {only["integration"] for only in filters} == {DOMAIN}
        domains = {"event", "sensor"} if activity in THING_FACTS else {"event"}
        assert {domain for only in filters for domain in only["domain"]} == domains


def test_target_support() -> None:
    """Each trigger takes any target of Home Assistant's."""
    assert_triggers_target_support(TRIGGERS, dict.fromkeys(Activity, TargetSupport.CUSTOM))
