"""What becomes of a registration when AWS, the line or this machine gets in the way."""

import asyncio
from collections.abc import Callable
from copy import deepcopy
import json
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration import attempt, registrar
from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant

from .common import (
    ACME,
    DELETE,
    DEREGISTER,
    LIGHT,
    LIST_REGISTRATIONS,
    NORTHWIND,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    data_of,
    item,
    loaded,
    pass_time,
    poll,
    shorten_waits,
    state,
    writes,
)
from .flow_common import set_up

REGISTER_ACTION = "iotmanagedintegrations:RegisterAccountAssociation"
SOON = 901
"""Seconds within which everything that waits is tried again."""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


@pytest.fixture
async def entry(hass: HomeAssistant, emulator: Emulator, world: World) -> MockConfigEntry:
    """Set the home up."""
    found = await loaded(hass, emulator, world)
    world.clear_requests()
    return found


def light_fields(world: World, *names: str) -> dict[str, Any]:
    """Return what registers lights with Acme, by the discovery that found them."""
    acme = world.association_id(ACME)
    return {
        "managed_thing_id": [world.thing_id(name) for name in names or (LIGHT,)],
        "account_association_id": acme,
        "device_discovery_id": world.discovery_id(acme),
    }


def pair(world: World, name: str = LIGHT) -> tuple[str, str]:
    """Return the pair of a light and Acme."""
    return (world.thing_id(name), world.association_id(ACME))


def pending(hass: HomeAssistant, entry: MockConfigEntry) -> str:
    """Return how many registrations wait, as it is shown."""
    return state(hass, "sensor", entry.unique_id, "pending_registrations")


def on_disk(hass_storage: dict[str, Any], entry: MockConfigEntry) -> list[tuple[str, str, str]]:
    """Return the intents that are on disk: kind, thing, association."""
    return [
        (intent["kind"], intent["managed_thing_id"], intent["account_association_id"])
        for intent in hass_storage[f"{DOMAIN}.{entry.entry_id}.queue"]["data"]["intents"]
    ]


async def test_lost_answer(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """If the work was done and the answer got lost, the lists tell: nothing is sent twice."""
    world.drop(PUT, "after")
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "registered"
    assert item(answer)["error_code"] is None
    assert world.count(PUT) == 1
    assert pending(hass, entry) == "0"


async def test_lost_answer_of_a_deregistration(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """The same the other way."""
    world.drop(DELETE, "after")
    light, acme = pair(world, REGISTERED_LIGHT)
    answer = await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "deregistered"
    assert world.count(DELETE) == 1
    assert pending(hass, entry) == "0"


@pytest.mark.parametrize(
    "fault",
    [
        lambda world: world.drop(PUT, "before"),
        lambda world: world.refuse(PUT, "InternalServerException"),
        lambda world: world.refuse(PUT, "ServiceUnavailableException", times=2, status=503),
        lambda world: world.refuse(PUT, "SomethingNew", status=500),
        lambda world: world.refuse(PUT, "ThrottlingException"),
    ],
)
async def test_passing_trouble(
    hass: HomeAssistant, world: World, entry: MockConfigEntry, fault: Callable[[World], None]
) -> None:
    """What got lost, failed at AWS or came too fast is sent again within the same action."""
    fault(world)
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "registered"
    assert world.registrations[pair(world)] == "ASSOCIATED"
    assert world.count(PUT) >= 2
    assert [request.status for request in world.requests if request.operation == PUT].count(201) == 1


@pytest.mark.parametrize("how", ["truncated", "garbage", "not_utf8", "html"])
async def test_garbled_answer(hass: HomeAssistant, world: World, entry: MockConfigEntry, how: Any) -> None:
    """An answer that can't be read says nothing; the lists do."""
    world.garble(PUT, how)
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "registered"
    assert world.count(PUT) == 1


async def test_conflict_because_it_is_done(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """A 409 for a pair that somebody else registered meanwhile is a success."""
    world.set_switches(reregister="conflict")
    world.register(*pair(world))
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "registered"
    assert world.count(PUT) == 1
    assert [request.status for request in world.requests if request.operation == PUT] == [409]


async def test_conflict_because_of_the_state(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """A 409 for a pair that isn't registered is final, with AWS's words."""
    world.set_association_state(world.association_id(ACME), "ASSOCIATION_DELETING")
    answer = await act(hass, REGISTER, **light_fields(world, LIGHT, REGISTERED_LIGHT))
    assert answer["summary"] == {"failed": 1, "already_registered": 1}
    refused = answer["results"][0]
    assert refused["error_code"] == "ConflictException"
    assert refused["error_message"]
    assert refused["request_id"]
    assert world.count(PUT) == 1
    assert pending(hass, entry) == "0"
    assert state(hass, "sensor", pair(world)[0], "registration") == "failed"

    # A failure that somebody else mended is forgotten.
    world.register(*pair(world))
    assert await poll(hass, entry)
    assert state(hass, "sensor", pair(world)[0], "registration") == "associated"
    shown = hass.states.get("sensor.hallway_spots_registration")
    assert shown is not None
    assert shown.attributes["last_error"] is None


async def test_throttled_all_along(
    hass: HomeAssistant, world: World, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stays throttled waits in the queue, and is done later."""
    monkeypatch.setattr(attempt, "THROTTLED_TRIES", 2)
    world.refuse(PUT, "ThrottlingException", times=2)
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "queued"
    assert item(answer)["error_code"] == "ThrottlingException"
    assert world.count(PUT) == 2
    assert pending(hass, entry) == "1"
    assert state(hass, "sensor", pair(world)[0], "registration") == "queued"
    shown = hass.states.get("sensor.hallway_spots_registration")
    assert shown is not None
    assert shown.attributes["last_error"].startswith("ThrottlingException: ")
    await pass_time(hass, SOON)
    assert world.registrations[pair(world)] == "ASSOCIATED"
    assert world.count(PUT) == 3
    assert pending(hass, entry) == "0"


async def test_tries_of_one_attempt_are_one(
    hass: HomeAssistant, world: World, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often a request was throttled within an attempt, the next attempt comes as soon as after any other."""
    monkeypatch.setattr(attempt, "THROTTLED_TRIES", 4)
    world.refuse(PUT, "ThrottlingException", times=4)
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "queued"
    assert world.count(PUT) == 4
    await pass_time(hass, 2 * registrar.RETRY_SECONDS[0] + 1)
    assert world.registrations[pair(world)] == "ASSOCIATED"


async def test_denied(hass: HomeAssistant, emulator: Emulator) -> None:
    """Once IAM denies the action, the rest of a batch isn't even sent, and nothing of it waits."""
    world = emulator.create_world("fleet:100")
    entry = await loaded(hass, emulator, world, options={"requests_per_second": 100})
    acme = world.association_id("Acme Home")
    candidates = [
        thing_id
        for thing_id, thing in world.things.items()
        if thing.get("Brand") == "Acme" and (thing_id, acme) not in world.registrations
    ]
    others = [thing_id for thing_id, association_id in world.registrations if association_id == acme]
    things = [thing_id for thing_id in world.things if thing_id not in others][:60]
    assert candidates
    world.deny(REGISTER_ACTION)
    world.clear_requests()
    answer = await act(
        hass,
        REGISTER,
        managed_thing_id=[*things, others[0]],
        account_association_id=acme,
        device_discovery_id=world.discovery_id(acme),
    )
    assert answer["summary"] == {"failed": 60, "already_registered": 1}
    assert {row["error_code"] for row in answer["results"]} == {"AccessDeniedException", None}
    assert world.count(PUT) < 30
    assert pending(hass, entry) == "0"
    await pass_time(hass, SOON)
    assert world.count(PUT) < 30
    assert coordinator_of(entry).last_update_success


async def test_offline(hass: HomeAssistant, world: World, entry: MockConfigEntry, hass_storage: dict[str, Any]) -> None:
    """While the cloud can't be reached, a registration waits on disk; when it is back, one request does it."""
    world.offline()
    answer = await act(hass, REGISTER, **light_fields(world, LIGHT, OTHER_LIGHT))
    assert answer["summary"] == {"queued": 2}
    assert answer["results"][0]["error_code"] is not None
    assert pending(hass, entry) == "2"
    assert sorted(on_disk(hass_storage, entry)) == sorted(
        ("register", *pair(world, name)) for name in (LIGHT, OTHER_LIGHT)
    )
    for _ in range(3):
        await pass_time(hass, SOON)
    assert pending(hass, entry) == "2"

    world.offline(offline=False)
    world.clear_requests()
    await pass_time(hass, SOON)
    await pass_time(hass, SOON)
    assert [world.registrations[pair(world, name)] for name in (LIGHT, OTHER_LIGHT)] == ["ASSOCIATED"] * 2
    assert world.count(PUT) == 2
    assert pending(hass, entry) == "0"
    assert on_disk(hass_storage, entry) == []
    await pass_time(hass, SOON)
    assert world.count(PUT) == 2


async def test_on_disk_before_anything_is_sent(
    hass: HomeAssistant, world: World, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """A power cut between the two loses nothing."""
    fields = light_fields(world)
    expected = ("register", *pair(world))
    with world.lock:
        # No request gets an answer, and none is logged, before the lock is let go.
        await act(hass, REGISTER, wait=False, **fields)
        assert on_disk(hass_storage, entry) == [expected]
        assert world.requests == []
    await hass.async_block_till_done(wait_background_tasks=True)
    assert on_disk(hass_storage, entry) == []


async def test_restart_with_a_queue(
    hass: HomeAssistant, world: World, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """What waits survives a restart with the cloud still down, and is done once when it is back."""
    world.offline()
    await act(hass, REGISTER, **light_fields(world, LIGHT, OTHER_LIGHT))
    assert await hass.config_entries.async_unload(entry.entry_id)
    stored = json.loads(json.dumps(hass_storage))
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert pending(hass, entry) == "2"
    assert not coordinator_of(entry).last_update_success
    rows = (await act(hass, "get_registrations", managed_thing_id=pair(world)[0]))["registrations"]
    assert [row["status"] for row in rows] == ["queued"]

    world.offline(offline=False)
    world.clear_requests()
    await pass_time(hass, SOON)
    await pass_time(hass, SOON)
    assert [world.registrations[pair(world, name)] for name in (LIGHT, OTHER_LIGHT)] == ["ASSOCIATED"] * 2
    assert world.count(PUT) == 2
    assert pending(hass, entry) == "0"

    # Starting from the older files again: what is done isn't done again.
    assert await hass.config_entries.async_unload(entry.entry_id)
    for name in ("queue", "inventory"):
        key = f"{DOMAIN}.{entry.entry_id}.{name}"
        hass_storage[key] = deepcopy(stored[key])
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    await pass_time(hass, SOON)
    assert pending(hass, entry) == "0"
    assert world.count(PUT) == 2


async def test_unload_in_the_middle(
    hass: HomeAssistant, world: World, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """An entry that is unloaded while an attempt runs keeps it on disk, and finishes it later."""
    fields = light_fields(world)
    with world.lock:
        await act(hass, REGISTER, wait=False, **fields)
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert on_disk(hass_storage, entry) == [("register", *pair(world))]
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    await pass_time(hass, SOON)
    assert world.registrations[pair(world)] == "ASSOCIATED"
    assert pending(hass, entry) == "0"
    assert on_disk(hass_storage, entry) == []


async def test_deregister_cancels_what_waits(
    hass: HomeAssistant, world: World, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """A registration that waits is taken back: it never happens."""
    world.offline()
    light, acme = pair(world)
    assert item(await act(hass, REGISTER, **light_fields(world)))["status"] == "queued"
    answer = await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] in {"queued", "not_registered"}
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") in {"0", "1"}
    assert ("register", light, acme) not in on_disk(hass_storage, entry)
    world.offline(offline=False)
    await pass_time(hass, SOON)
    await pass_time(hass, SOON)
    assert [request for request in world.requests if request.operation == PUT and request.status is not None] == []
    assert world.registrations.get((light, acme)) is None
    assert pending(hass, entry) == "0"
    assert state(hass, "sensor", light, "registration") == "not_registered"


async def test_register_takes_a_waiting_deregistration_back(
    hass: HomeAssistant, world: World, entry: MockConfigEntry
) -> None:
    """The last wish counts."""
    world.offline()
    light, acme = pair(world, REGISTERED_LIGHT)
    answer = await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "queued"
    assert pending(hass, entry) == "1"
    answer = await act(hass, REGISTER, **light_fields(world, REGISTERED_LIGHT))
    assert item(answer)["status"] == "queued"
    assert pending(hass, entry) == "1"
    world.offline(offline=False)
    await pass_time(hass, SOON)
    await pass_time(hass, SOON)
    assert world.registrations[light, acme] == "ASSOCIATED"
    assert [request for request in world.requests if request.operation == DELETE and request.status] == []
    assert pending(hass, entry) == "0"


async def test_queued_deregistration(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """A deregistration waits for the cloud just the same."""
    world.offline()
    light, acme = pair(world, REGISTERED_LIGHT)
    await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    world.offline(offline=False)
    await pass_time(hass, SOON)
    await pass_time(hass, SOON)
    assert (light, acme) not in world.registrations
    assert pending(hass, entry) == "0"


async def test_same_wish_twice_at_once(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """Two who ask for the same pair together get it done once, and both a good answer."""
    fields = light_fields(world)
    answers = await asyncio.gather(*(act(hass, REGISTER, **fields) for _ in range(3)))
    await hass.async_block_till_done(wait_background_tasks=True)
    assert world.count(PUT) == 1
    assert {item(answer)["status"] for answer in answers} <= {"registered", "already_registered"}
    assert pending(hass, entry) == "0"


async def test_opposite_wishes_at_once(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """The later of two opposite wishes is what comes of it."""
    light, acme = pair(world)
    registering = hass.async_create_task(act(hass, REGISTER, **light_fields(world)))
    await asyncio.sleep(0)
    answer = await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    await registering
    await hass.async_block_till_done(wait_background_tasks=True)
    assert item(answer)["status"] in {"deregistered", "not_registered"}
    assert (light, acme) not in world.registrations
    assert pending(hass, entry) == "0"


async def test_lagging_lists(
    hass: HomeAssistant,
    world: World,
    entry: MockConfigEntry,
    hass_storage: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What AWS accepted but doesn't list yet is pre-associated, remembered, and not sent again."""
    world.lag_lists(calls=100)
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "pre_associated"
    assert pending(hass, entry) == "1"
    assert state(hass, "sensor", pair(world)[0], "registration") == "pre_associated"
    await pass_time(hass, SOON - 10)
    assert world.count(PUT) == 1

    # Not even a restart sends it again.
    assert await hass.config_entries.async_unload(entry.entry_id)
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", pair(world)[0], "registration") == "pre_associated"
    assert world.count(PUT) == 1

    world.lag_lists()
    assert await poll(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", pair(world)[0], "registration") == "associated"
    assert pending(hass, entry) == "0"
    assert on_disk(hass_storage, entry) == []
    assert world.count(PUT) == 1


async def test_accepted_but_never_shown(
    hass: HomeAssistant, world: World, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no list shows a pair long after AWS accepted it, it is sent again."""
    world.lag_lists(calls=1000)
    assert item(await act(hass, REGISTER, **light_fields(world)))["status"] == "pre_associated"
    monkeypatch.setattr(registrar, "ACCEPTED_FOR", registrar.ACCEPTED_FOR * 0)
    world.lag_lists()
    world.deregister(*pair(world))
    await pass_time(hass, SOON)
    await pass_time(hass, SOON)
    assert world.count(PUT) == 2
    assert world.registrations[pair(world)] == "ASSOCIATED"
    assert pending(hass, entry) == "0"


async def test_reading_back_fails(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """An accepted pair that can't be read back is no failure; the next synchronisation settles it."""
    world.deny("iotmanagedintegrations:ListManagedThingAccountAssociations")
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "pre_associated"
    assert world.count(PUT) == 1
    world.allow("iotmanagedintegrations:ListManagedThingAccountAssociations")
    assert await poll(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", pair(world)[0], "registration") == "associated"
    assert pending(hass, entry) == "0"
    assert world.count(PUT) == 1


async def test_reading_back_by_pages(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """Many pairs are read back by the pages of their association, not one by one."""
    await act(hass, REGISTER, **light_fields(world, LIGHT, OTHER_LIGHT))
    reads = [request for request in world.requests if request.operation == LIST_REGISTRATIONS]
    assert all("ManagedThingId" not in request.params for request in reads)
    assert reads[0].params["AccountAssociationId"] == world.association_id(ACME)
    assert len(reads) <= 3


async def test_credentials_that_stop_working(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """The user is asked for new ones, and what waits is done with them."""
    world.refuse(PUT, "UnrecognizedClientException", status=403)
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "queued"
    assert item(answer)["error_code"] == "UnrecognizedClientException"
    await hass.async_block_till_done()
    flows = hass.config_entries.flow.async_progress()
    assert [flow["context"]["source"] for flow in flows] == [SOURCE_REAUTH]
    await pass_time(hass, SOON)
    assert world.registrations[pair(world)] == "ASSOCIATED"
    assert pending(hass, entry) == "0"


async def test_wrong_clock(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """While AWS refuses this machine's clock, even corrected, a registration waits."""
    world.refuse(PUT, "RequestTimeTooSkewed", times=2)
    answer = await act(hass, REGISTER, **light_fields(world))
    assert item(answer)["status"] == "queued"
    await pass_time(hass, SOON)
    await pass_time(hass, SOON)
    assert world.registrations[pair(world)] == "ASSOCIATED"


async def test_thing_that_vanishes(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """A thing that was deleted meanwhile fails for good; its failure goes with its device."""
    fields = light_fields(world, LIGHT, OTHER_LIGHT)
    light = world.thing_id(LIGHT)
    world.remove_thing(light)
    answer = await act(hass, REGISTER, **fields)
    failed, fine = answer["results"]
    assert (failed["status"], failed["error_code"]) == ("failed", "ResourceNotFoundException")
    assert fine["status"] == "registered"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert await poll(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert data_of(entry).store.queue.failures == {}


async def test_somebody_else_was_faster(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """What waits and was done elsewhere meanwhile needs nothing more."""
    world.offline()
    await act(hass, REGISTER, **light_fields(world))
    world.offline(offline=False)
    world.register(*pair(world))
    world.clear_requests()
    assert await poll(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    await pass_time(hass, SOON)
    assert pending(hass, entry) == "0"
    assert writes(world) == []


async def test_several_associations(hass: HomeAssistant, world: World, entry: MockConfigEntry) -> None:
    """A thing shows the best of its registrations, and each of them."""
    light = world.thing_id(REGISTERED_LIGHT)
    northwind = world.association_id(NORTHWIND)
    world.refuse(PUT, "ValidationException")
    answer = await act(
        hass,
        REGISTER,
        managed_thing_id=[light, world.thing_id("Bathroom heater")],
        account_association_id=northwind,
        device_discovery_id=world.discovery_id(northwind),
    )
    assert answer["summary"] == {"failed": 1, "already_registered": 1}
    assert state(hass, "sensor", light, "registration") == "associated"
    shown = hass.states.get("sensor.kitchen_ceiling_light_registration")
    assert shown is not None
    assert shown.attributes["account_associations"] == sorted(
        [
            {"account_association_id": world.association_id(ACME), "status": "associated"},
            {"account_association_id": northwind, "status": "failed"},
        ],
        key=lambda row: row["account_association_id"],
    )
    assert shown.attributes["last_error"].startswith("ValidationException: ")
