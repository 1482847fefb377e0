"""What the tests of the registration engine share."""

from collections.abc import Callable, Iterable
import time
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration import device_discovery, registrar
from custom_components.mi_registration.const import CONF_REGISTRATION_POLICY
from emulator import Emulator, World
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback

from .common import coordinator_of, entity_id, loaded, pass_time, shorten_waits

ONBOARD = "onboard_discovered_devices"
START_DISCOVERY = "start_device_discovery"
GET_DISCOVERED = "get_discovered_devices"

START = "StartDeviceDiscovery"
GET_JOB = "GetDeviceDiscovery"
LIST_JOBS = "ListDeviceDiscoveries"
LIST_FOUND = "ListDiscoveredDevices"
CREATE = "CreateManagedThing"

FOUND_LIGHTS = ("Porch light", "Garden lantern")
"""Cloud devices of Acme Lighting that have no managed thing; the next discovery finds them."""
STAIR_BUTTON = "Stair button"
"""A Zigbee device in reach of the hub that has no managed thing."""


def make_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing in the engine wait for long."""
    shorten_waits(monkeypatch)
    monkeypatch.setattr(device_discovery, "FOLLOW_PAUSES", (0.01, 0.02))


def make_retries_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what waits in the queue be tried again at once."""
    monkeypatch.setattr(registrar, "RETRY_SECONDS", (0.01, 0.02))


def add_lamps(world: World, association_id: str, count: int) -> tuple[list[str], str]:
    """Add so many things to be registered, from ``Lamp 0`` on; return them and the job that lists them."""
    names = [f"Lamp {number}" for number in range(count)]
    for number, name in enumerate(names):
        world.add_cloud_device(association_id, f"lamp-{number}", name)
    discovery = world.add_discovery(association_id=association_id)
    things = [
        world.add_thing(
            name=name, status="UNASSOCIATED", association_id=association_id, connector_device_id=f"lamp-{number}"
        )
        for number, name in enumerate(names)
    ]
    return things, discovery


async def ready(
    hass: HomeAssistant, emulator: Emulator, world: World, *, association_ids: Iterable[str] | None = None
) -> MockConfigEntry:
    """Set an entry up that may send as fast as it can, in a world where what takes time is done at once."""
    world.set_switches(discovery_duration=0.0, hub_activation_delay=0.0)
    return await loaded(hass, emulator, world, association_ids=association_ids, options={"requests_per_second": 100})


async def settle(hass: HomeAssistant) -> None:
    """Wait for everything that is under way, background work too."""
    await hass.async_block_till_done(wait_background_tasks=True)


async def until(hass: HomeAssistant, is_so: Callable[[], bool]) -> None:
    """Wait for something that happens by itself; fail if it never does."""
    for _ in range(4000):
        if is_so():
            return
        await hass.async_add_executor_job(time.sleep, 0.005)
    pytest.fail("What was waited for did not happen")


async def reload(hass: HomeAssistant, entry: MockConfigEntry, *, online: bool = True) -> None:
    """Stop the entry where it is, start it from what is on disk, and let it read the cloud if it is ``online``."""
    assert await hass.config_entries.async_reload(entry.entry_id)
    if online:
        await until(hass, lambda: coordinator_of(entry).last_update_success)
    await hass.async_block_till_done()


async def look_back(hass: HomeAssistant) -> None:
    """Do what an entry does a few seconds after its set-up: get to know the discovery jobs there are."""
    await pass_time(hass, 6)


def set_policy(hass: HomeAssistant, entry: MockConfigEntry, association_id: str, policy: str) -> None:
    """Choose an association's registration policy."""
    subentry = coordinator_of(entry).association_subentries[association_id]
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, CONF_REGISTRATION_POLICY: policy})


def follow_activity(hass: HomeAssistant, association_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return a list that grows with every event that an association's activity shows."""
    shown = entity_id(hass, "event", association_id, "activity")
    before = hass.states.get(shown)
    last = None if before is None else before.state
    fired: list[tuple[str, dict[str, Any]]] = []

    @callback
    def _note(event: Event[EventStateChangedData]) -> None:
        nonlocal last
        new = event.data["new_state"]
        if event.data["entity_id"] != shown or new is None or new.state in {last, STATE_UNAVAILABLE, STATE_UNKNOWN}:
            return
        last = new.state
        fired.append((new.attributes["event_type"], dict(new.attributes)))

    hass.bus.async_listen(EVENT_STATE_CHANGED, _note)
    return fired


def params_of(world: World, operation: str) -> list[dict[str, Any]]:
    """Return what the requests of an operation asked for."""
    return [dict(request.params) for request in world.requests if request.operation == operation]


def assert_nothing_twice(world: World) -> None:
    """Fail if a pair was sent again after AWS had accepted it."""
    accepted: set[tuple[str, str]] = set()
    for request in world.requests:
        if request.operation not in {"RegisterAccountAssociation", "DeregisterAccountAssociation"}:
            continue
        pair = (request.params["ManagedThingId"], request.params["AccountAssociationId"])
        if request.operation == "DeregisterAccountAssociation":
            accepted.discard(pair)
            continue
        assert pair not in accepted, f"{pair} was registered twice"
        if request.status == 201:
            accepted.add(pair)
