"""What a synchronisation reads, and what Home Assistant shows after it."""

from collections.abc import Generator, Iterable, Mapping
from datetime import timedelta
import itertools
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.mi_registration.activity import EVENT_ACTIVITY, Activity
from custom_components.mi_registration.aws.errors import ThrottledError
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.errors import update_error
from custom_components.mi_registration.pacing import Pacing
from emulator import Emulator, World
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er

from .common import (
    ACME,
    CONNECTIVITY,
    HUB,
    HUB_CHILD,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    NORTHWIND,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    data_of,
    device,
    device_id,
    entity_id,
    key_of,
    loaded,
    pass_time,
    poll,
    shorten_waits,
    state,
    state_of,
)
from .emulator_fixtures import own_world
from .flow_common import add_entry, set_up

OWNER = "robin"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


def sent(world: World, operation: str) -> list[Mapping[str, Any]]:
    """Return what requests of an operation asked for, but for pages."""
    return [
        {name: value for name, value in request.params.items() if name not in {"MaxResults", "NextToken"}}
        for request in world.requests
        if request.operation == operation
    ]


async def test_polls_by_itself(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The lists are read again once in each interval."""
    await loaded(hass, emulator, world, options={"scan_interval_minutes": 30})
    world.clear_requests()
    await pass_time(hass, 30 * 60 + 1)
    assert world.count(LIST_THINGS) == 1
    assert world.count(LIST_ASSOCIATIONS) == 1
    assert world.count(LIST_REGISTRATIONS) == 1


async def test_things_come_and_go(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A thing or hub that appears or vanishes in the cloud does so here, without a reload."""
    entry = await loaded(hass, emulator, world)
    runtime_data = data_of(entry)
    new_hub = world.add_thing(name="Attic hub", role="CONTROLLER")
    new_child = world.add_thing(name="Skylight", parent_id=new_hub, Brand="Lumenor")
    assert await poll(hass, entry)
    assert state(hass, "sensor", new_hub, "managed_things") == "1"
    assert state(hass, "sensor", new_child, "registration") == "not_registered"
    child = device(hass, entry, new_child)
    assert child is not None
    assert child.via_device_id == device_id(hass, entry, new_hub)
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "15"

    shown = entity_id(hass, "sensor", new_child, "registration")
    world.remove_thing(new_child)
    world.remove_thing(new_hub)
    assert await poll(hass, entry)
    assert device(hass, entry, new_child) is None
    assert device(hass, entry, new_hub) is None
    assert hass.states.get(shown) is None
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
    assert data_of(entry) is runtime_data

    # One that comes back is shown again.
    again = world.add_thing(name="Skylight")
    assert await poll(hass, entry)
    assert state(hass, "sensor", again, "registration") == "not_registered"


async def test_a_device_goes_only_after_a_good_read(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """While the cloud can't be read, nothing is taken for gone."""
    entry = await loaded(hass, emulator, world)
    light = world.thing_id(LIGHT)
    world.remove_thing(light)
    world.offline()
    assert not await poll(hass, entry)
    assert device(hass, entry, light) is not None
    assert state(hass, "sensor", light, "registration") == STATE_UNAVAILABLE
    # One of the lists alone isn't enough either.
    world.offline(offline=False)
    # A request of the poll before may still be on its way, and be refused in place of the next one's.
    world.refuse(LIST_REGISTRATIONS, "InternalServerException", times=10)
    assert not await poll(hass, entry)
    assert device(hass, entry, light) is not None
    world.faults.refusals.clear()
    assert await poll(hass, entry)
    assert device(hass, entry, light) is None


async def test_a_device_that_something_else_removes(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Without a device there are no entities; both come with the next news of the thing."""
    entry = await loaded(hass, emulator, world)

    @callback
    def remove(event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        if event.data["action"] == "create":
            dr.async_get(hass).async_remove_device(event.data["device_id"])

    stop = hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, remove)
    lamp = world.add_thing(name="Lamp")
    assert await poll(hass, entry)
    assert device(hass, entry, lamp) is None
    registry = er.async_get(hass)
    assert registry.async_get_entity_id("sensor", DOMAIN, f"{lamp}_registration") is None
    stop()
    world.update_thing(lamp, Name="Floor lamp")
    assert await poll(hass, entry)
    found = device(hass, entry, lamp)
    assert found is not None
    shown = registry.async_get(entity_id(hass, "sensor", lamp, "registration"))
    assert shown is not None
    assert shown.device_id == found.id


async def test_things_change(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A new name or model reaches the device."""
    entry = await loaded(hass, emulator, world)
    light, hub = world.thing_id(LIGHT), world.thing_id(HUB)
    world.update_thing(light, Name="Staircase spots", Model="AL-NEW")
    world.update_thing(hub, Name="Basement hub")
    assert await poll(hass, entry)
    for aws_id, name in ((light, "Staircase spots"), (hub, "Basement hub")):
        found = device(hass, entry, aws_id)
        assert found is not None
        assert found.name == name
    found = device(hass, entry, light)
    assert found is not None
    assert found.model == "AL-NEW"


async def test_thing_without_a_name_or_a_known_hub(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A thing without a name goes by its id; one whose hub isn't here hangs on the account."""
    entry = await loaded(hass, emulator, world)
    hub = world.add_thing(name="Short-lived hub", role="CONTROLLER")
    orphan = world.add_thing(parent_id=hub)
    world.update_thing(hub, status="DELETED")
    assert await poll(hass, entry)
    found = device(hass, entry, orphan)
    assert found is not None
    assert found.name == orphan
    assert found.via_device_id == device_id(hass, entry, entry.unique_id)
    assert device(hass, entry, hub) is None


async def test_devices_that_went_while_off(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What vanished while Home Assistant was off is removed after the first good read."""
    entry = await loaded(hass, emulator, world)
    assert await hass.config_entries.async_unload(entry.entry_id)
    light = world.thing_id(LIGHT)
    world.remove_thing(light)
    assert device(hass, entry, light) is not None
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert device(hass, entry, light) is None


async def test_associations_come_and_go(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Without the option, new associations are left alone; one that vanishes is unavailable, not removed."""
    entry = await loaded(hass, emulator, world)
    new = world.add_association(name="Fabrikam")
    acme = world.association_id(ACME)
    world.remove_association(acme)
    assert await poll(hass, entry)
    assert device(hass, entry, new) is None
    assert device(hass, entry, acme) is not None
    assert state(hass, "sensor", acme, "state") == STATE_UNAVAILABLE
    assert state(hass, "binary_sensor", acme, "authorization_problem") == STATE_UNAVAILABLE
    assert len(entry.subentries) == 2


async def test_follow_associations(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """With the option they come and go here as in the cloud; what was left out at set-up stays out."""
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    entry = await loaded(hass, emulator, world, association_ids=[northwind], options={"track_new_associations": True})
    runtime_data = data_of(entry)
    assert await poll(hass, entry)
    assert device(hass, entry, acme) is None

    new = world.add_association(name="Fabrikam")
    assert await poll(hass, entry)
    await hass.async_block_till_done()
    assert state(hass, "sensor", new, "state") == "association_succeeded"
    (subentry,) = [found for found in entry.subentries.values() if found.unique_id == new]
    assert subentry.title == "Fabrikam"
    assert dict(subentry.data) == {"account_association_id": new, "registration_policy": "manual"}
    found = device(hass, entry, new)
    assert found is not None
    assert found.config_subentry_id == subentry.subentry_id
    assert found.via_device_id == device_id(hass, entry, entry.unique_id)

    world.remove_association(northwind)
    assert await poll(hass, entry)
    await hass.async_block_till_done()
    assert device(hass, entry, northwind) is None
    assert [found.unique_id for found in entry.subentries.values()] == [new]
    assert device(hass, entry, acme) is None
    assert data_of(entry) is runtime_data


async def test_follow_associations_over_a_restart(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What came while Home Assistant was off is followed too."""
    entry = await loaded(hass, emulator, world, options={"track_new_associations": True})
    assert await hass.config_entries.async_unload(entry.entry_id)
    new = world.add_association(name="Fabrikam")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", new, "state") == "association_succeeded"


async def test_scope_never_follows_associations(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """New associations of a shared account belong to other homes too."""
    entry = await loaded(hass, emulator, world, options={"track_new_associations": True, "owner": OWNER})
    new = world.add_association(name="Next door")
    assert await poll(hass, entry)
    assert device(hass, entry, new) is None


async def test_scope_of_an_owner(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Only one owner's things exist here, and registrations are listed per association looked after here."""
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    foreign = world.add_thing(name="Neighbour's lamp", association_id=acme, connector_device_id="x-1", Owner="kim")
    foreign_hub = world.add_thing(name="Neighbour's hub", role="CONTROLLER", Owner="kim")
    nobodys = world.add_thing(name="Nobody's lamp")
    world.register(foreign, acme)
    entry = await loaded(hass, emulator, world, association_ids=[acme], options={"owner": OWNER})
    for _ in range(2):
        assert sent(world, LIST_THINGS) == [{"OwnerFilter": OWNER}]
        assert sent(world, LIST_REGISTRATIONS) == [{"AccountAssociationId": acme}]
        for aws_id in (foreign, foreign_hub, nobodys):
            assert device(hass, entry, aws_id) is None
        assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
        assert state(hass, "sensor", acme, "registered_things") == "2"
        world.clear_requests()
        assert await poll(hass, entry)

    world.clear_requests()
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, REGISTER, managed_thing_id=foreign, account_association_id=acme)
    assert key_of(caught) == "unknown_managed_thing"
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, REGISTER, managed_thing_id=world.thing_id(LIGHT), account_association_id=northwind)
    assert key_of(caught) == "unknown_account_association"
    assert world.requests == []


async def test_scope_of_a_large_account(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The associations of all homes are read less often the longer their list is; only this home's are kept."""
    acme = world.association_id(ACME)
    for number in range(499):
        world.add_association(name=f"Home {number}")
    entry = await loaded(hass, emulator, world, association_ids=[acme], options={"owner": OWNER})
    coordinator = coordinator_of(entry)

    async def pages() -> int:
        world.clear_requests()
        assert await poll(hass, entry)
        assert world.count(LIST_THINGS) == 1
        return world.count(LIST_ASSOCIATIONS)

    # 501 associations are three pages.
    assert [await pages() for _ in range(6)] == [0, 0, 3, 0, 0, 3]
    assert set(coordinator.data.associations_by_id) == {acme}

    # Whoever asks for it gets the newest.
    world.set_association_state(acme, "REFRESH_TOKEN_EXPIRED")
    assert await pages() == 0
    assert state(hass, "sensor", acme, "state") == "association_succeeded"
    await coordinator.async_synchronize()
    await hass.async_block_till_done()
    assert state(hass, "sensor", acme, "state") == "refresh_token_expired"

    # A throttled list is left for later, and what was known stays.
    assert [await pages() for _ in range(2)] == [0, 0]
    world.refuse(LIST_ASSOCIATIONS, "ThrottlingException")
    assert await pages() == 1
    assert state(hass, "sensor", acme, "state") == "refresh_token_expired"
    assert await pages() == 0
    for _ in range(6):
        if await pages():
            break
    else:
        pytest.fail("The list was not read again.")


async def test_scope_in_an_account_that_throttles(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A home that was never read needs its associations, too."""
    world.refuse(LIST_ASSOCIATIONS, "ThrottlingException")
    entry = add_entry(hass, emulator, world, association_ids=[world.association_id(ACME)], options={"owner": OWNER})
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY


async def test_scope_gets_another_association(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An association added to a scoped entry is read at once: nothing was known of its registrations."""
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    entry = await loaded(hass, emulator, world, association_ids=[acme], options={"owner": OWNER})
    coordinator = coordinator_of(entry)
    assert northwind not in coordinator.data.registrations_by_association
    other = await hass.config_entries.subentries.async_init(
        (entry.entry_id, "account_association"), context={"source": "user"}
    )
    flow_id = other["flow_id"]
    await hass.config_entries.subentries.async_configure(flow_id, {"next_step_id": "existing"})
    await hass.config_entries.subentries.async_configure(flow_id, {"account_association_id": northwind})
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", northwind, "registered_things") == "2"


async def test_scope_of_hubs(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Only chosen hubs and their children exist here; later polls find the hubs by their serial numbers."""
    hub = world.thing_id(HUB)
    second = world.add_thing(name="Second hub", role="CONTROLLER", SerialNumber="S-2")
    child = world.add_thing(name="Second lock", parent_id=second)
    other = world.add_thing(name="Foreign hub", role="CONTROLLER", SerialNumber="S-3")
    other_child = world.add_thing(name="Foreign lock", parent_id=other)
    entry = await loaded(hass, emulator, world, options={"hub_ids": [hub, second]})
    children = [{"ParentControllerIdentifierFilter": hub}, {"ParentControllerIdentifierFilter": second}]
    by_serial = [
        {"RoleFilter": "CONTROLLER", "SerialNumberFilter": "LMH2-000731"},
        {"RoleFilter": "CONTROLLER", "SerialNumberFilter": "S-2"},
    ]

    def in_order(rows: Iterable[Mapping[str, Any]]) -> list[Any]:
        return sorted(rows, key=lambda row: sorted(row.items()))

    assert in_order(sent(world, LIST_THINGS)) == in_order([{"RoleFilter": "CONTROLLER"}, *children])
    assert in_order(sent(world, LIST_REGISTRATIONS)) == in_order(
        [{"AccountAssociationId": association_id} for association_id in world.associations]
    )
    assert set(coordinator_of(entry).data.things_by_id) == {
        hub,
        second,
        child,
        *(world.thing_id(name) for name in (HUB_CHILD, "Front door lock", "Hallway motion sensor")),
        world.thing_id("Kitchen window contact"),
    }
    for aws_id in (other, other_child, world.thing_id(LIGHT)):
        assert device(hass, entry, aws_id) is None

    world.clear_requests()
    assert await poll(hass, entry)
    assert in_order(sent(world, LIST_THINGS)) == in_order([*by_serial, *children])

    # A serial number that no longer finds its hub is found out from the list of all hubs.
    world.update_thing(second, SerialNumber="S-2b")
    for expected in (
        [*by_serial, {"RoleFilter": "CONTROLLER"}, *children],
        [by_serial[0], {"RoleFilter": "CONTROLLER", "SerialNumberFilter": "S-2b"}, *children],
    ):
        world.clear_requests()
        assert await poll(hass, entry)
        assert in_order(sent(world, LIST_THINGS)) == in_order(expected)
        assert device(hass, entry, second) is not None


async def test_scope_of_a_hub_without_a_serial_number(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Such a hub can only be found in the list of all."""
    hub = world.add_thing(name="Plain hub", role="CONTROLLER")
    entry = await loaded(hass, emulator, world, options={"hub_ids": [hub], "owner": None})
    world.clear_requests()
    assert await poll(hass, entry)
    assert {"RoleFilter": "CONTROLLER"} in sent(world, LIST_THINGS)
    assert set(coordinator_of(entry).data.things_by_id) == {hub}
    # A hub that is gone takes its device with it.
    world.remove_thing(hub)
    assert await poll(hass, entry)
    assert device(hass, entry, hub) is None


async def test_polls_less_often_while_throttled(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """After a 429 the next poll waits at least a minute, whatever the interval, and then all is well again."""
    entry = await loaded(hass, emulator, world, options={"scan_interval_minutes": 1})
    await pass_time(hass, 61)
    world.refuse(LIST_THINGS, "ThrottlingException")
    await pass_time(hass, 62)
    assert not coordinator_of(entry).last_update_success
    world.clear_requests()
    await pass_time(hass, 58)
    assert world.count(LIST_THINGS) == 0
    await pass_time(hass, 302)
    assert world.count(LIST_THINGS) == 1
    assert coordinator_of(entry).last_update_success


def test_pause_after_throttling() -> None:
    """A Retry-After of AWS's counts, but never shortens the pause."""

    def pause(retry_after: float | None) -> float | None:
        throttled = ThrottledError("", code="", operation="", iam_action="", retry_after=retry_after)
        error = update_error(throttled, Pacing(timedelta(minutes=15)))
        return getattr(error, "retry_after", None)

    assert pause(1000) == 1000
    for retry_after, _ in itertools.product((None, 1.0), range(20)):
        seconds = pause(retry_after)
        assert seconds is not None
        assert 60 <= seconds <= 300


@pytest.fixture
def large_world(emulator: Emulator, socket_enabled: None) -> Generator[World]:
    """Create an account with many devices."""
    yield from own_world(emulator, "fleet:150")


async def test_many_entities(hass: HomeAssistant, emulator: Emulator, large_world: World) -> None:
    """All entities of a large account follow, though they are told in slices."""
    entry = await loaded(hass, emulator, large_world)
    large_world.offline()
    assert not await poll(hass, entry)
    things = [identifier for identifier, thing in large_world.things.items() if thing["Role"] == "DEVICE"]
    assert len(things) == 149
    assert {state(hass, "sensor", thing_id, "registration") for thing_id in things} == {STATE_UNAVAILABLE}
    large_world.offline(offline=False)
    assert await poll(hass, entry)
    assert STATE_UNAVAILABLE not in {state(hass, "sensor", thing_id, "registration") for thing_id in things}


async def test_only_what_changed_is_written(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A registration made elsewhere shows on its thing and its association, and nowhere else."""
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    for _ in range(2):
        assert await poll(hass, entry)
    assert changes == []
    world.register(light, acme)
    assert await poll(hass, entry)
    assert {event.data["entity_id"] for event in changes} == {
        entity_id(hass, "sensor", light, "registration"),
        entity_id(hass, "sensor", light, "provisioning_status"),
        entity_id(hass, "sensor", acme, "registered_things"),
        entity_id(hass, "event", acme, "activity"),
    }
    changes.clear()
    world.set_association_state(acme, "REFRESH_TOKEN_EXPIRED")
    assert await poll(hass, entry)
    assert {event.data["entity_id"] for event in changes} == {
        entity_id(hass, "sensor", acme, "state"),
        entity_id(hass, "binary_sensor", acme, "authorization_problem"),
        entity_id(hass, "event", acme, "activity"),
    }


async def test_newer_service(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Members and enum values that AWS added later do no harm; their entities are unknown."""
    world.add_unknown_values(enums=False)
    entry = await loaded(hass, emulator, world)
    assert state(hass, "sensor", world.thing_id(REGISTERED_LIGHT), "registration") == "associated"
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    world.add_unknown_values()
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "provisioning_status") == "unknown"
    assert state(hass, "sensor", acme, "state") == "unknown"
    assert state(hass, "binary_sensor", acme, "authorization_problem") == "unknown"
    world.add_unknown_values(enabled=False)
    assert await poll(hass, entry)
    assert state(hass, "sensor", acme, "state") == "association_succeeded"


async def connected(hass: HomeAssistant, hub: str) -> str:
    """Let the first connectivity read pass, and return what it shows of a hub."""
    await pass_time(hass, 6)
    return state(hass, "binary_sensor", hub, "connected")


async def test_connectivity(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Hubs are asked five seconds after set-up and once in each interval; nothing else is."""
    entry = await loaded(hass, emulator, world)
    hub = world.thing_id(HUB)
    assert state(hass, "binary_sensor", hub, "connected") == STATE_UNAVAILABLE
    assert world.count(CONNECTIVITY) == 0
    assert await connected(hass, hub) == "on"
    assert sent(world, CONNECTIVITY) == [{"Identifier": hub}]
    world.set_connectivity(hub, connected=False)
    await pass_time(hass, 902)
    assert state(hass, "binary_sensor", hub, "connected") == "off"
    assert world.count(CONNECTIVITY) == 2
    assert coordinator_of(entry).last_update_success


@pytest.mark.parametrize("reason", ["gone", "denied"])
async def test_connectivity_that_cannot_be_read(
    hass: HomeAssistant, emulator: Emulator, world: World, reason: str
) -> None:
    """Only that entity is unavailable, and it recovers."""
    entry = await loaded(hass, emulator, world)
    hub = world.thing_id(HUB)
    if reason == "gone":
        world.refuse(CONNECTIVITY, "ResourceNotFoundException")
    else:
        world.deny("iotmanagedintegrations:GetManagedThingConnectivityData")
    assert await connected(hass, hub) == STATE_UNAVAILABLE
    assert state(hass, "sensor", hub, "managed_things") == "4"
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
    world.allow("iotmanagedintegrations:GetManagedThingConnectivityData")
    await pass_time(hass, 902)
    assert state(hass, "binary_sensor", hub, "connected") == "on"


async def test_two_entries_share_the_quota_of_an_account(
    hass: HomeAssistant, emulator: Emulator, world: World, empty_world: World
) -> None:
    """The quota is AWS's, per account and Region: reloading doesn't refill it, another account has its own."""
    first = await loaded(hass, emulator, world)
    second = await loaded(hass, emulator, empty_world)

    def quota(entry: MockConfigEntry) -> Any:
        return data_of(entry).client.quota

    before = quota(first)
    assert quota(second) is not before
    assert await hass.config_entries.async_reload(first.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert quota(first) is before


async def test_later_news_do_not_overtake(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is announced while many listeners are told of an earlier change comes after that."""
    monkeypatch.setattr("custom_components.mi_registration.listeners.LISTENERS_PER_SLICE", 2)
    entry = await loaded(hass, emulator, world)
    coordinator = coordinator_of(entry)
    told: list[str] = []
    entry.async_on_unload(coordinator.async_add_listener(lambda: told.append("entity"), "the last one"))
    hass.bus.async_listen(EVENT_ACTIVITY, callback(lambda _: told.append("automation")))
    coordinator.async_touch([*(world.thing_id(name) for name in (LIGHT, REGISTERED_LIGHT, HUB)), "the last one"])
    coordinator.async_announce(world.association_id(ACME), Activity.AUTHORIZATION_EXPIRED, {"state": None})
    await hass.async_block_till_done()
    assert told == ["entity", "automation"]
