"""Set-up, unload, reload and removal of an entry."""

from collections.abc import Callable
from datetime import timedelta
from math import ceil
import threading
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events, async_fire_time_changed
from syrupy.assertion import SnapshotAssertion

from custom_components.mi_registration import async_remove_config_entry_device
from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, EVENT_STATE_CHANGED, STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
from homeassistant.util.async_ import get_scheduled_timer_handles

from .common import (
    ACME,
    CONNECTIVITY,
    HUB,
    HUB_CHILD,
    IDENTITY,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    NORTHWIND,
    assert_no_complaints,
    coordinator_of,
    data_of,
    device,
    device_id,
    entity_id,
    fixed_home,
    loaded,
    pass_time,
    poll,
    shorten_waits,
    state,
    state_of,
    writes,
)
from .engine_common import LIST_JOBS, until
from .flow_common import add_entry, set_up

PAGE = 250


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


def operations(world: World) -> dict[str, int]:
    """Return how many requests of each operation came."""
    counts: dict[str, int] = {}
    for request in world.requests:
        counts[request.operation] = counts.get(request.operation, 0) + 1
    return counts


def reauth_flows(hass: HomeAssistant) -> list[Any]:
    """Return the flows that ask for new credentials."""
    return [flow for flow in hass.config_entries.flow.async_progress() if flow["context"]["source"] == SOURCE_REAUTH]


async def test_devices(
    hass: HomeAssistant,
    emulator: Emulator,
    device_registry: dr.DeviceRegistry,
    snapshot: SnapshotAssertion,
) -> None:
    """Every device of a home, with what is known of it and what it hangs on."""
    with fixed_home(emulator) as world:
        entry = await loaded(hass, emulator, world)
        devices = {
            next(aws_id for _, aws_id in found.identifiers): found
            for found in dr.async_entries_for_config_entry(device_registry, entry.entry_id)
        }
        assert set(devices) == {str(entry.unique_id), *world.associations, *world.things}
        shown = [
            {
                "name": found.name,
                "manufacturer": found.manufacturer,
                "model": found.model,
                "serial_number": found.serial_number,
                "entry_type": found.entry_type,
                "via": (via := device_registry.async_get(found.via_device_id or "")) and via.name,
            }
            for _, found in sorted(devices.items(), key=lambda pair: str(pair[1].name))
            if isinstance(found, dr.DeviceEntry)
        ]
        assert shown == snapshot

        for association_id in world.associations:
            (subentry,) = [found for found in entry.subentries.values() if found.unique_id == association_id]
            association = device(hass, entry, association_id)
            assert association is not None
            assert association.config_subentry_id == subentry.subentry_id
        thing = device(hass, entry, world.thing_id(HUB_CHILD))
        assert thing is not None
        assert thing.config_subentry_id is None
        assert world.problems == []


async def test_exact_calls(hass: HomeAssistant, emulator: Emulator) -> None:
    """Set-up of a large account reads the pages of three lists and who it is, nothing else; a poll only the pages."""
    world = emulator.create_world("fleet:1000")
    entry = await loaded(hass, emulator, world)
    pages = {
        LIST_THINGS: ceil(len(world.things) / PAGE),
        LIST_ASSOCIATIONS: ceil(len(world.associations) / PAGE),
        LIST_REGISTRATIONS: ceil(len(world.registrations) / PAGE),
    }
    assert (len(world.things), pages[LIST_THINGS]) == (1000, 4)
    assert operations(world) == pages | {IDENTITY: 1}
    assert len(coordinator_of(entry).data.managed_things) == 1000

    world.clear_requests()
    changes = async_capture_events(hass, EVENT_STATE_CHANGED)
    assert await poll(hass, entry)
    assert operations(world) == pages
    assert changes == []

    # What isn't in the lists is read apart from them: only hubs are asked whether they are connected, and the
    # discovery jobs of the associations are looked through once.
    world.clear_requests()
    await pass_time(hass, 6)
    assert operations(world) == {
        CONNECTIVITY: 10,
        "ListDeviceDiscoveries": 1,
        "GetDeviceDiscovery": 4,
        "ListDiscoveredDevices": 4,
    }

    # Now one thing changes.
    thing_id = next(
        identifier
        for identifier, thing in world.things.items()
        if thing["Role"] == "DEVICE" and thing["ProvisioningStatus"] == "ACTIVATED"
    )
    world.update_thing(thing_id, status="ISOLATED")
    changes.clear()
    world.clear_requests()
    assert await poll(hass, entry)
    assert operations(world) == pages
    assert entity_id(hass, "sensor", thing_id, "provisioning_status") in {event.data["entity_id"] for event in changes}
    own = {
        found.entity_id for found in er.async_entries_for_device(er.async_get(hass), device_id(hass, entry, thing_id))
    }
    assert {event.data["entity_id"] for event in changes} <= own
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_unload_and_set_up_again(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An unloaded entry sends nothing and shows nothing; it comes back."""
    entry = await loaded(hass, emulator, world)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.NOT_LOADED
    assert state(hass, "sensor", entry.unique_id, "managed_things") == STATE_UNAVAILABLE

    world.clear_requests()
    await pass_time(hass, 3600)
    assert world.requests == []

    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.LOADED
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"


async def test_unload_while_details_are_read(
    hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What is read after set-up ends with the entry, and nobody is told of an error."""
    entry = await loaded(hass, emulator, world)
    world.set_latency(0.3, LIST_JOBS)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=6))
    await until(hass, lambda: world.count(CONNECTIVITY) > 0)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert_no_complaints(caplog)


async def test_unload_before_connectivity_is_read(
    hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A reading that was asked for and whose turn comes after the entry's end is no error in the log."""
    entry = await loaded(hass, emulator, world, options={"requests_per_second": 2})
    connectivity = data_of(entry).connectivity
    await connectivity.async_refresh()
    assert connectivity.last_update_success
    read = world.count(CONNECTIVITY)
    reading = hass.async_create_task(connectivity.async_refresh())
    assert await hass.config_entries.async_unload(entry.entry_id)
    await reading
    assert_no_complaints(caplog)
    assert world.count(CONNECTIVITY) == read


async def test_unload_during_a_synchronisation(
    hass: HomeAssistant, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """One that was asked for and has pages to go ends with the entry, without an error in the log."""
    world = emulator.create_world("fleet:1000")
    entry = await loaded(hass, emulator, world)
    world.clear_requests()
    world.set_latency(0.2, LIST_THINGS)
    synchronisation = hass.async_create_task(coordinator_of(entry).async_refresh())
    await until(hass, lambda: world.count(LIST_THINGS) > 0)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await synchronisation
    assert_no_complaints(caplog)
    assert world.count(LIST_THINGS) < len(world.things) / PAGE


async def test_twenty_reloads(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Reloading leaves nothing behind: no thread, no timer, no task, no listener, no entity twice."""

    async def left() -> tuple[Any, ...]:
        await hass.async_block_till_done(wait_background_tasks=True)
        return (
            sorted(thread.name for thread in threading.enumerate() if thread.name.startswith(DOMAIN)),
            len([handle for handle in get_scheduled_timer_handles(hass.loop) if not handle.cancelled()]),
            len(entry.update_listeners),
            len(entry._on_unload or []),
            len(entry._background_tasks),
            len(coordinator_of(entry)._listeners),
            len(data_of(entry).connectivity._listeners),
            len(er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)),
            len(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)),
            # A file that waits to be written listens for the end, whenever there happens to be one.
            {
                name: count
                for name, count in hass.bus.async_listeners().items()
                if name != EVENT_HOMEASSISTANT_FINAL_WRITE
            },
        )

    entry = await loaded(hass, emulator, world)
    # The first start reads the cloud before it is done, later ones after: one of these is what the others compare to.
    assert await hass.config_entries.async_reload(entry.entry_id)
    first = await left()
    for _ in range(20):
        assert await hass.config_entries.async_reload(entry.entry_id)
    again = await left()
    # The number of a pool's threads depends on how its calls happened to overlap.
    assert len(again[0]) <= 8
    # A timer of the first start may have run out meanwhile.
    assert again[1] <= first[1]
    assert again[2:] == first[2:]

    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    await hass.async_add_executor_job(_join_threads)
    assert [thread for thread in threading.enumerate() if thread.name.startswith(DOMAIN)] == []


def _join_threads() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith(DOMAIN):
            thread.join()


async def test_removal(hass: HomeAssistant, emulator: Emulator, world: World, hass_storage: dict[str, Any]) -> None:
    """A removed entry leaves no file, and nothing in the cloud is touched."""
    entry = await loaded(hass, emulator, world)
    await data_of(entry).store.async_save_queue()
    await pass_time(hass, 11)
    files = {f"{DOMAIN}.{entry.entry_id}.{name}" for name in ("queue", "inventory")}
    assert files <= set(hass_storage)
    before = (world.things, world.associations, world.registrations)

    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert not files & set(hass_storage)
    assert not [name for name in hass_storage if name.startswith(DOMAIN)]
    assert (world.things, world.associations, world.registrations) == before
    assert writes(world) == []


async def test_removing_an_association_here(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Removing a subentry removes its device and entities without a reload; the cloud keeps the association."""
    entry = await loaded(hass, emulator, world)
    runtime_data = entry.runtime_data
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    (subentry,) = [found for found in entry.subentries.values() if found.unique_id == acme]
    hass.config_entries.async_remove_subentry(entry, subentry.subentry_id)
    await hass.async_block_till_done()
    assert device(hass, entry, acme) is None
    assert er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{acme}_state") is None
    assert state(hass, "sensor", northwind, "state") == "association_succeeded"
    assert set(world.associations) == {acme, northwind}
    assert writes(world) == []
    assert entry.runtime_data is runtime_data


async def test_other_options_reload(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """New options or data take effect by a reload."""
    entry = await loaded(hass, emulator, world)
    runtime_data = entry.runtime_data
    hass.config_entries.async_update_entry(entry, options={"requests_per_second": 50})
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state_of(entry) is ConfigEntryState.LOADED
    assert entry.runtime_data is not runtime_data
    assert data_of(entry).client.quota.requests_per_second == 50


def _wrong_secret(world: World) -> None:
    world.credentials[world.access_key_id] = type(world.credentials[world.access_key_id])(
        access_key_id=world.access_key_id, secret_access_key="rotated", principal=world.user_arn
    )


@pytest.mark.parametrize(
    ("break_it", "expected", "key"),
    [
        (lambda world: world.offline(), ConfigEntryState.SETUP_RETRY, "cannot_connect"),
        (lambda world: world.refuse(None, "ThrottlingException"), ConfigEntryState.SETUP_RETRY, "throttled"),
        (lambda world: world.deny("iotmanagedintegrations:*"), ConfigEntryState.SETUP_RETRY, "access_denied"),
        (_wrong_secret, ConfigEntryState.SETUP_ERROR, "invalid_auth"),
    ],
)
async def test_first_set_up_fails(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    *,
    break_it: Callable[[World], None],
    expected: ConfigEntryState,
    key: str,
) -> None:
    """Without anything known, set-up is tried again later, or asks for new credentials."""
    break_it(world)
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    assert state_of(entry) is expected
    assert entry.error_reason_translation_key == key
    assert bool(reauth_flows(hass)) is (expected is ConfigEntryState.SETUP_ERROR)


async def test_set_up_recovers_by_itself(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Once the cloud is back, Home Assistant's own retry sets the entry up."""
    world.offline()
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    world.offline(offline=False)
    await pass_time(hass, 30)
    assert state_of(entry) is ConfigEntryState.LOADED


async def test_wrong_account(hass: HomeAssistant, emulator: Emulator, world: World, empty_world: World) -> None:
    """Credentials of another account are refused before anything of it is read."""
    entry = add_entry(
        hass,
        emulator,
        world,
        data={
            "access_key_id": empty_world.access_key_id,
            "secret_access_key": empty_world.secret_access_key,
        },
    )
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "wrong_account"
    assert len(reauth_flows(hass)) == 1
    assert operations(empty_world) == {IDENTITY: 1}


async def test_home_without_anything(hass: HomeAssistant, emulator: Emulator, empty_world: World) -> None:
    """An empty account is fine."""
    entry = await loaded(hass, emulator, empty_world)
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "0"
    assert await poll(hass, entry)


async def test_deleting_devices(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Users may delete what the cloud no longer has, and nothing else."""
    entry = await loaded(hass, emulator, world)
    registry = dr.async_get(hass)
    for aws_id in (entry.unique_id, world.association_id(ACME), world.thing_id(HUB), world.thing_id(LIGHT)):
        found = device(hass, entry, aws_id)
        assert found is not None
        assert not await async_remove_config_entry_device(hass, entry, found)
    gone = registry.async_get_or_create(config_entry_id=entry.entry_id, identifiers={(DOMAIN, "gone")})
    assert await async_remove_config_entry_device(hass, entry, gone)
    assert await poll(hass, entry)


async def test_unload_that_fails(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry whose platforms can't be unloaded stays as it is."""
    entry = await loaded(hass, emulator, world)

    async def refuse(*_args: object) -> bool:
        return False

    with monkeypatch.context() as patched:
        patched.setattr(hass.config_entries, "async_unload_platforms", refuse)
        assert not await hass.config_entries.async_unload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.FAILED_UNLOAD
    # Home Assistant leaves such an entry alone until it stops; this test's threads must end now.
    await entry._async_process_on_unload(hass)


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Unload an entry and set it up again, without waiting for what it does in the background."""
    assert await hass.config_entries.async_unload(entry.entry_id)
    await set_up(hass, entry)


async def test_start_from_the_stored_inventory(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the cloud down, an entry that has worked before comes up from what it knew, and recovers by itself."""
    entry = await loaded(hass, emulator, world)
    as_of = coordinator_of(entry).as_of
    assert as_of is not None
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    assert hass.config_entries.async_get_entry(entry.entry_id) is entry

    world.offline()
    await restart(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state_of(entry) is ConfigEntryState.LOADED
    assert not coordinator_of(entry).last_update_success
    assert "starting from what was known at" in caplog.text
    for platform, aws_id, key in (
        ("sensor", entry.unique_id, "managed_things"),
        ("sensor", acme, "state"),
        ("binary_sensor", acme, "authorization_problem"),
        ("sensor", light, "registration"),
        ("button", light, "register"),
        ("sensor", world.thing_id(HUB), "managed_things"),
        ("binary_sensor", world.thing_id(HUB), "connected"),
    ):
        assert state(hass, platform, aws_id, key) == STATE_UNAVAILABLE, key
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert state(hass, "button", entry.unique_id, "synchronize") != STATE_UNAVAILABLE
    answer = await hass.services.async_call(DOMAIN, "get_registrations", {}, blocking=True, return_response=True)
    assert answer is not None
    assert answer["as_of"] == as_of.isoformat()
    rows = answer["registrations"]
    assert isinstance(rows, list)
    assert len(rows) == 12

    # What the disk doesn't have isn't blanked in the registry.
    found = device(hass, entry, light)
    assert found is not None
    assert (found.manufacturer, found.model, found.serial_number) == ("Acme", "AL-GU10", "AL-1003")

    world.offline(offline=False)
    world.clear_requests()
    await pass_time(hass, 901)
    assert coordinator_of(entry).last_update_success
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
    assert state(hass, "sensor", light, "registration") == "not_registered"
    assert state(hass, "binary_sensor", world.thing_id(HUB), "connected") == "on"
    assert coordinator_of(entry).as_of != as_of


async def test_start_with_the_cloud_up_does_not_wait(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """With an Inventory on disk, set-up itself sends nothing; the cloud is read meanwhile."""
    entry = await loaded(hass, emulator, world)
    assert await hass.config_entries.async_unload(entry.entry_id)
    gone = world.thing_id(LIGHT)
    world.remove_thing(gone)
    new = world.add_thing(name="Newcomer")
    world.clear_requests()
    # Hold every answer back, for as long as it takes.
    with world.lock:
        assert await hass.config_entries.async_setup(entry.entry_id)
        assert state_of(entry) is ConfigEntryState.LOADED
        assert world.requests == []
        assert not coordinator_of(entry).last_update_success
    await hass.async_block_till_done(wait_background_tasks=True)
    assert device(hass, entry, gone) is None
    assert state(hass, "sensor", new, "registration") == "not_registered"


async def test_wrong_account_after_start_from_disk(
    hass: HomeAssistant, emulator: Emulator, world: World, empty_world: World
) -> None:
    """Another account's credentials don't change what is here, and ask for the right ones."""
    entry = await loaded(hass, emulator, world)
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.config_entries.async_update_entry(
        entry,
        data={
            **entry.data,
            "access_key_id": empty_world.access_key_id,
            "secret_access_key": empty_world.secret_access_key,
        },
    )
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state_of(entry) is ConfigEntryState.LOADED
    assert len(reauth_flows(hass)) == 1
    assert operations(empty_world) == {IDENTITY: 1}
    assert device(hass, entry, world.thing_id(LIGHT)) is not None
    assert state(hass, "sensor", entry.unique_id, "managed_things") == STATE_UNAVAILABLE


async def test_update_listener_of_associations(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A change of a subentry's data alone doesn't reload the entry."""
    entry = await loaded(hass, emulator, world)
    runtime_data = entry.runtime_data
    subentry = next(iter(entry.subentries.values()))
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, "registration_policy": "suggest"})
    await hass.async_block_till_done()
    assert entry.runtime_data is runtime_data
