"""The registration engine, fault by fault: nothing is lost, nothing is done twice."""

from collections.abc import Generator
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

from freezegun.api import TickingDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_test_home_assistant,
)

from custom_components.mi_registration import attempt, registrar
from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.util import dt as dt_util

from .common import (
    ACME,
    DELETE,
    DEREGISTER,
    GET_REGISTRATIONS,
    LIGHT,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    assert_no_complaints,
    coordinator_of,
    data_of,
    item,
    loaded,
    pass_time,
    poll,
    state,
)
from .disk_faults import real_files
from .engine_common import (
    add_lamps,
    assert_nothing_twice,
    make_quick,
    make_retries_quick,
    params_of,
    ready,
    reload,
    settle,
    until,
)
from .flow_common import add_entry, set_up


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_retries_quick(monkeypatch)


def wish(world: World, *names: str) -> dict[str, Any]:
    """Return what asks for devices of Acme, with the job that lists them."""
    acme = world.association_id(ACME)
    return {
        "managed_thing_id": [world.thing_id(name) for name in names or (LIGHT,)],
        "account_association_id": acme,
        "device_discovery_id": world.discovery_id(acme),
    }


async def assert_registered(hass: HomeAssistant, world: World, entry: MockConfigEntry, *names: str) -> None:
    """Let time pass, then fail unless the cloud and Home Assistant both have devices as registered."""
    for _ in range(10):
        await pass_time(hass, 1000)
    acme = world.association_id(ACME)
    for name in names or (LIGHT,):
        thing = world.thing_id(name)
        assert world.registrations[thing, acme] == "ASSOCIATED"
        assert state(hass, "sensor", thing, "registration") == "associated"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"


async def test_answer_lost_after_the_work(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The pair is read back instead of sent again."""
    entry = await ready(hass, emulator, world)
    world.drop(PUT, "after")
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "registered"
    assert world.count(PUT) == 1
    await assert_registered(hass, world, entry)
    assert world.count(PUT) == 1
    # The same for the other direction.
    world.drop(DELETE, "after")
    fields = {key: value for key, value in wish(world).items() if key != "device_discovery_id"}
    assert item(await act(hass, DEREGISTER, **fields))["status"] == "deregistered"
    assert world.count(DELETE) == 1


async def test_request_lost_before_the_work(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """It is sent again."""
    entry = await ready(hass, emulator, world)
    world.drop(PUT, "before", times=2)
    await act(hass, REGISTER, **wish(world))
    await assert_registered(hass, world, entry)
    assert world.count(PUT) == 3


@pytest.mark.parametrize("code", ["InternalServerException", "ServiceUnavailable", "SomethingNew"])
async def test_storm_of_errors(hass: HomeAssistant, emulator: Emulator, world: World, code: str) -> None:
    """However often AWS fails, the wish waits, shows why, and is met in the end."""
    entry = await ready(hass, emulator, world)
    light = world.thing_id(LIGHT)
    world.refuse(PUT, code, times=20, status=500)
    answer = item(await act(hass, REGISTER, **wish(world)))
    assert answer["status"] == "queued"
    assert answer["error_code"] == code
    assert answer["request_id"]
    assert state(hass, "sensor", light, "registration") == "queued"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    assert code in str(data_of(entry).registrar.last_error(light))
    await assert_registered(hass, world, entry)
    assert world.count(PUT) == 21
    assert data_of(entry).registrar.last_error(light) is None
    assert_nothing_twice(world)


async def test_throttling(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A throttled request is sent again, not others instead of it."""
    entry = await ready(hass, emulator, world)
    world.refuse(PUT, "ThrottlingException", times=4)
    answer = await act(hass, REGISTER, **wish(world, LIGHT, OTHER_LIGHT))
    assert answer["summary"] == {"registered": 2}
    assert world.count(PUT) == 6
    await assert_registered(hass, world, entry, LIGHT, OTHER_LIGHT)


async def test_conflict_because_it_is_done(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A 409 for a pair that somebody else registered meanwhile is a success."""
    world.set_switches(reregister="conflict")
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.register(world.thing_id(LIGHT), acme)
    answer = item(await act(hass, REGISTER, **wish(world)))
    assert answer["status"] == "registered"
    assert world.count(PUT) == 1
    await assert_registered(hass, world, entry)


async def test_conflict_and_lists_that_can_not_be_read(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A 409 may mean that somebody else was faster: nothing counts as failed before the lists say no."""
    world.set_switches(reregister="conflict")
    entry = await ready(hass, emulator, world)
    world.register(world.thing_id(LIGHT), world.association_id(ACME))
    world.refuse(LIST_REGISTRATIONS, "InternalServerException", times=2)
    answer = item(await act(hass, REGISTER, **wish(world)))
    assert (answer["status"], answer["error_code"]) == ("queued", "ConflictException")
    await assert_registered(hass, world, entry)
    assert world.count(PUT) == 1


async def test_conflict_for_another_reason(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A 409 for a pair that isn't registered fails in AWS's words, and is shown."""
    entry = await ready(hass, emulator, world)
    light = world.thing_id(LIGHT)
    world.refuse(PUT, "ConflictException", message="Not in this state.", times=10)
    with pytest.raises(HomeAssistantError, match=r"ConflictException: Not in this state\."):
        await act(hass, REGISTER, **wish(world))
    assert state(hass, "sensor", light, "registration") == "failed"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert data_of(entry).registrar.last_error(light) == "ConflictException: Not in this state."
    sent = world.count(PUT)
    await pass_time(hass, 10_000)
    assert world.count(PUT) == sent


async def test_lagging_list(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A pair that AWS accepted and no list shows yet is pre-associated; nobody sends it again."""
    entry = await ready(hass, emulator, world)
    light = world.thing_id(LIGHT)
    world.lag_lists(3600)
    answer = item(await act(hass, REGISTER, **wish(world)))
    assert answer["status"] == "pre_associated"
    assert state(hass, "sensor", light, "registration") == "pre_associated"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    await reload(hass, entry)
    await pass_time(hass, 30)
    assert state(hass, "sensor", light, "registration") == "pre_associated"
    assert world.count(PUT) == 1
    world.lag_lists()
    assert await poll(hass, entry)
    await settle(hass)
    assert state(hass, "sensor", light, "registration") == "associated"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert world.count(PUT) == 1


async def test_list_lags_for_some_looks(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A list that is behind for a moment is looked at again."""
    entry = await ready(hass, emulator, world)
    world.lag_lists(calls=2)
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "registered"
    await assert_registered(hass, world, entry)
    assert world.count(PUT) == 1


async def test_lists_can_not_be_read_back(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What was accepted isn't sent again only because the lists can't be read."""
    entry = await ready(hass, emulator, world)
    world.refuse(LIST_REGISTRATIONS, "InternalServerException", times=3)
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "pre_associated"
    world.faults.refusals.clear()
    assert await poll(hass, entry)
    await assert_registered(hass, world, entry)
    assert world.count(PUT) == 1


async def test_cloud_down_for_a_day(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    moving_time: TickingDateTimeFactory,
) -> None:
    """What was asked for at the beginning of an outage waits, with pauses that grow to a quarter of an hour."""
    monkeypatch.setattr(registrar, "RETRY_SECONDS", (5.0, 900.0))
    entry = await ready(hass, emulator, world)
    light = world.thing_id(LIGHT)
    world.offline()
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "queued"
    world.clear_requests()
    for _ in range(24 * 6):
        moving_time.tick(timedelta(minutes=10))
        await pass_time(hass, 0)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    assert (light, world.association_id(ACME)) not in world.registrations
    answer = await act(hass, GET_REGISTRATIONS, managed_thing_id=light)
    assert answer["registrations"][0]["status"] == "queued"
    # The poll and the retries: no more than a few dozen tries an hour.
    assert 24 < len(world.requests) < 24 * 40
    world.offline(offline=False)
    for _ in range(12):
        moving_time.tick(timedelta(minutes=10))
        await pass_time(hass, 0)
    assert world.registrations[light, world.association_id(ACME)] == "ASSOCIATED"
    assert state(hass, "sensor", light, "registration") == "associated"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert_nothing_twice(world)


async def test_unload_while_trying_again(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An entry that is unloaded while it reads the cloud for another attempt makes no further one."""
    # Long enough for none to be under way before the line is back.
    monkeypatch.setattr(registrar, "RETRY_SECONDS", (60.0, 60.0))
    entry = await ready(hass, emulator, world)
    world.offline()
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "queued"
    await coordinator_of(entry).async_refresh()
    caplog.clear()
    world.offline(offline=False)
    world.clear_requests()
    world.set_latency(0.2, LIST_THINGS)
    registrar_ = data_of(entry).registrar
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=2))
    await until(hass, lambda: world.count(LIST_REGISTRATIONS) > 0)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await settle(hass)
    assert_no_complaints(caplog)
    assert registrar_._unsub_retry is None
    assert world.count(PUT) == 0


async def test_unload_before_another_attempt_has_read(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An attempt that can't read the cloud because the entry ended meanwhile plans no further one."""
    entry = await loaded(hass, emulator, world, options={"requests_per_second": 2})
    world.offline()
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "queued"
    await coordinator_of(entry).async_refresh()
    world.offline(offline=False)
    registrar_ = data_of(entry).registrar
    retry = hass.async_create_task(registrar_._async_retry())
    assert await hass.config_entries.async_unload(entry.entry_id)
    await retry
    assert registrar_._unsub_retry is None


@pytest.mark.parametrize("phase", ["asked", "sending", "sent", "lagging", "offline"])
async def test_stop_and_start(hass: HomeAssistant, emulator: Emulator, world: World, phase: str) -> None:
    """Stopped in any phase, the engine goes on where it was."""
    entry = await ready(hass, emulator, world)
    names = (LIGHT, OTHER_LIGHT)
    match phase:
        case "asked":
            await act(hass, REGISTER, wait=False, **wish(world, *names))
        case "sending":
            world.set_latency(0.2, PUT)
            await act(hass, REGISTER, wait=False, **wish(world, *names))
            await until(hass, lambda: bool(data_of(entry).registrar._active))
        case "sent":
            world.set_latency(0.2, LIST_REGISTRATIONS)
            await act(hass, REGISTER, wait=False, **wish(world, *names))
            await until(hass, lambda: world.count(PUT) == 2)
        case "lagging":
            world.lag_lists(3600)
            await act(hass, REGISTER, **wish(world, *names))
        case "offline":
            world.offline()
            await act(hass, REGISTER, **wish(world, *names))
    await reload(hass, entry, online=False)
    world.offline(offline=False)
    world.lag_lists()
    world.set_latency(0, PUT)
    world.set_latency(0, LIST_REGISTRATIONS)
    await assert_registered(hass, world, entry, *names)
    assert_nothing_twice(world)
    if phase in {"sent", "lagging"}:
        assert world.count(PUT) == 2


async def test_denied(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """After the first denied call the rest of the batch fails with the same reason, nearly all of it unsent."""
    acme = world.association_id(ACME)
    things, discovery = add_lamps(world, acme, 40)
    entry = await ready(hass, emulator, world)
    world.deny("iotmanagedintegrations:RegisterAccountAssociation")
    with pytest.raises(HomeAssistantError, match="AccessDeniedException") as caught:
        await act(
            hass,
            REGISTER,
            managed_thing_id=things,
            account_association_id=acme,
            device_discovery_id=discovery,
        )
    assert "Lamp 39" in str(caught.value)
    assert world.count(PUT) <= 8
    assert state(hass, "sensor", things[39], "registration") == "failed"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"


async def test_deregister_cancels(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A registration that waits is taken back by deregistering; nothing is sent when the cloud is back."""
    entry = await ready(hass, emulator, world)
    light = world.thing_id(LIGHT)
    world.offline()
    await act(hass, REGISTER, **wish(world))
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    fields = {key: value for key, value in wish(world).items() if key != "device_discovery_id"}
    await act(hass, DEREGISTER, **fields)
    world.clear_requests()
    world.offline(offline=False)
    for _ in range(5):
        await pass_time(hass, 1000)
    assert (light, world.association_id(ACME)) not in world.registrations
    assert world.count(PUT) == 0
    assert state(hass, "sensor", light, "registration") == "not_registered"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"


async def test_user_overtakes_background_work(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """While much is retried in the background, what the user asks for goes first."""
    acme = world.association_id(ACME)
    things, discovery = add_lamps(world, acme, 40)
    world.set_switches(discovery_duration=0.0)
    entry = await loaded(hass, emulator, world, options={"requests_per_second": 20})
    world.offline()
    await act(hass, REGISTER, managed_thing_id=things, account_association_id=acme, device_discovery_id=discovery)
    world.offline(offline=False)
    world.clear_requests()
    await until(hass, lambda: world.count(PUT) >= 10)
    await act(hass, REGISTER, **wish(world))
    order = [params["ManagedThingId"] for params in params_of(world, PUT)]
    assert order.index(world.thing_id(LIGHT)) < 39
    await assert_registered(hass, world, entry, LIGHT, *(f"Lamp {number}" for number in range(40)))
    assert_nothing_twice(world)


# --- what is on disk --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(hass: HomeAssistant, tmp_path: Path) -> Generator[Path]:
    """Let this test's Home Assistant keep real files, and return their folder."""
    with real_files(hass, tmp_path) as storage:
        yield storage


def kept_aside(folder: Path) -> list[Path]:
    """Return the files that were set aside."""
    return list(folder.glob("*.corrupt.*"))


def wrapped(data: Any, *, minor_version: int = 2) -> str:
    """Return a file as Home Assistant stores it."""
    return json.dumps({"version": 1, "minor_version": minor_version, "key": "x", "data": data})


@pytest.mark.parametrize("name", ["queue", "inventory"])
@pytest.mark.parametrize(
    ("content", "is_json"),
    [
        ("", False),
        ('{"version": 1, "minor_version": 2, "data": {"intents": [{"ki', False),
        ("\x00\x01\x02 garbage", False),
        ("[]", True),
        ('{"something": "else"}', True),
        (wrapped([]), True),
        (wrapped({"intents": "none", "managed_things": "none"}), True),
        (wrapped({"intents": [{"kind": "sing"}], "managed_things": [["one"]]}), True),
        (wrapped([], minor_version=1), True),
    ],
)
async def test_unreadable_file(
    hass: HomeAssistant,
    *,
    emulator: Emulator,
    world: World,
    folder: Path,
    name: str,
    content: str,
    is_json: bool,
) -> None:
    """A broken file is kept aside, a repair says so, and everything else works."""
    entry = add_entry(hass, emulator, world, association_ids=world.associations)
    file = folder / f"{DOMAIN}.{entry.entry_id}.{name}"
    file.write_text(content, encoding="utf-8")
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    (aside,) = kept_aside(folder)
    assert aside.name.startswith(file.name)
    assert aside.read_text(encoding="utf-8") == content
    issues = [issue for issue in ir.async_get(hass).issues.values() if file.name in issue.issue_id]
    assert len(issues) == 1
    if is_json:
        assert issues[0].domain == DOMAIN
        assert issues[0].translation_key == "store_unreadable"
        assert issues[0].translation_placeholders == {"file": file.name, "aside": aside.name}
    else:
        assert issues[0].translation_key == "storage_corruption"
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "registered"
    assert await hass.config_entries.async_unload(entry.entry_id)
    json.loads(file.read_text(encoding="utf-8"))
    await hass.config_entries.async_remove(entry.entry_id)


async def test_migration(hass: HomeAssistant, emulator: Emulator, world: World, folder: Path) -> None:
    """A file of version 1.1 keeps its wishes, failures and discoveries, and is written in the new form."""
    light, other, acme = world.thing_id(LIGHT), world.thing_id(REGISTERED_LIGHT), world.association_id(ACME)
    entry = add_entry(hass, emulator, world, association_ids=world.associations)
    file = folder / f"{DOMAIN}.{entry.entry_id}.queue"
    old = {
        "intents": [
            {
                "kind": "register",
                "managed_thing_id": light,
                "account_association_id": acme,
                "device_discovery_id": world.discovery_id(acme),
                "created_at": "2026-11-01T10:00:00+00:00",
                "accepted_at": None,
            }
        ],
        "failures": [
            [
                world.thing_id(OTHER_LIGHT),
                acme,
                {
                    "kind": "register",
                    "error_code": "ValidationException",
                    "error_message": "No.",
                    "request_id": None,
                    "failed_at": "2026-11-01T10:00:00+00:00",
                },
            ]
        ],
        "discovery_ids": [[other, acme, "f" * 32]],
    }
    file.write_text(wrapped(old, minor_version=1), encoding="utf-8")
    await set_up(hass, entry)
    assert state(hass, "sensor", world.thing_id(OTHER_LIGHT), "registration") == "failed"
    assert data_of(entry).registrar.device_discovery_id((other, acme)) == "f" * 32
    await assert_registered(hass, world, entry)
    assert not kept_aside(folder)
    assert await hass.config_entries.async_unload(entry.entry_id)
    stored = json.loads(file.read_text(encoding="utf-8"))
    assert (stored["version"], stored["minor_version"]) == (1, 2)
    assert {"onboardings", "jobs", "found", "left_out"} <= stored["data"].keys()
    await hass.config_entries.async_remove(entry.entry_id)


async def test_next_home_assistant(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What waits when Home Assistant stops is done by the next one."""
    entry = await ready(hass, emulator, world)
    world.offline()
    await act(hass, REGISTER, **wish(world))
    await hass.async_stop(force=True)
    world.offline(offline=False)
    async with async_test_home_assistant() as again:
        again.data.pop(DATA_CUSTOM_COMPONENTS)
        twin = MockConfigEntry(
            domain=DOMAIN,
            entry_id=entry.entry_id,
            unique_id=entry.unique_id,
            data=entry.data,
            options=entry.options,
        )
        twin.add_to_hass(again)
        await set_up(again, twin)
        await assert_registered(again, world, twin)
        assert_nothing_twice(world)
        await again.config_entries.async_unload(twin.entry_id)
        await again.async_stop(force=True)


async def test_search_that_fails_sends_nothing(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """While it can't be found out which discovery lists a device, its registration waits: no id is made up."""
    entry = await loaded(hass, emulator, world)
    world.refuse("ListDeviceDiscoveries", "InternalServerException")
    fields = wish(world)
    del fields["device_discovery_id"]
    world.clear_requests()
    answer = await act(hass, REGISTER, **fields)
    assert (item(answer)["status"], item(answer)["error_code"]) == ("queued", "InternalServerException")
    assert world.count(PUT) == 0
    await assert_registered(hass, world, entry)
    assert [params["DeviceDiscoveryId"] for params in params_of(world, PUT)] == [
        world.discovery_id(world.association_id(ACME))
    ]


async def test_lost_answer_and_lists_that_can_not_be_read(
    hass: HomeAssistant, emulator: Emulator, world: World
) -> None:
    """Nothing is sent again before the lists say that the work of a request whose answer got lost was not done."""
    entry = await ready(hass, emulator, world)
    world.drop(PUT, "after")
    world.refuse(LIST_REGISTRATIONS, "InternalServerException", times=2)
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "queued"
    # The newest Inventory is good, but older than the request.
    assert coordinator_of(entry).last_update_success
    await assert_registered(hass, world, entry)
    assert world.count(PUT) == 1


async def test_newest_inventory_decides_until_the_last_moment(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a synchronisation shows as registered while its turn hasn't come isn't sent."""
    monkeypatch.setattr(attempt, "SENT_AT_ONCE", 2)
    acme = world.association_id(ACME)
    things, discovery = add_lamps(world, acme, 6)
    entry = await ready(hass, emulator, world)
    world.set_latency(0.5, PUT)
    await act(
        hass,
        REGISTER,
        managed_thing_id=things,
        account_association_id=acme,
        device_discovery_id=discovery,
        wait=False,
    )
    tries = data_of(entry).registrar._tries
    await until(hass, lambda: len(tries) == attempt.SENT_AT_ONCE)
    for thing in things:
        if (thing, acme) not in tries:
            world.register(thing, acme, discovery_id=discovery)
    await coordinator_of(entry).async_refresh()
    world.set_latency(0, PUT)
    await assert_registered(hass, world, entry, *(f"Lamp {number}" for number in range(6)))
    assert len({params["ManagedThingId"] for params in params_of(world, PUT)}) == attempt.SENT_AT_ONCE < len(things)


async def test_retry_does_not_overtake_its_own_reading(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the newest Inventory shows counts, though its listeners hear of it only bit by bit."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.lag_lists(3600)
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "pre_associated"
    world.lag_lists()
    data = data_of(entry)
    rows = await data.client.list_managed_thing_account_associations(account_association_id=acme)
    data.coordinator.data = data.coordinator.data.with_registrations(acme, rows)
    monkeypatch.setattr(registrar, "ACCEPTED_FOR", timedelta(0))
    await data.registrar._async_retry()
    await settle(hass)
    assert world.count(PUT) == 1
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
