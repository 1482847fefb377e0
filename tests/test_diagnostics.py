"""Diagnostics: what the file says of an account and of each kind of device, and that faults can be told from it."""

from collections.abc import Callable
import json
from typing import Any

import boto3
import botocore
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .common import (
    ACME,
    CONNECTIVITY,
    HUB,
    LIGHT,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    data_of,
    device,
    poll,
)
from .engine_common import START_DISCOVERY, look_back, make_quick, ready, settle
from .flow_common import add_entry, set_up
from .repair_common import fail_to_register, make_looks_quick

type File = dict[str, Any]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)


async def file_of(hass: HomeAssistant, entry: MockConfigEntry) -> File:
    """Return the file of an account as the user downloads it."""
    found: File = json.loads(json.dumps(await async_get_config_entry_diagnostics(hass, entry), default=str))
    return found


async def device_file(hass: HomeAssistant, entry: MockConfigEntry, aws_id: str | None) -> File:
    """Return the file of a device as the user downloads it."""
    found = device(hass, entry, aws_id)
    assert isinstance(found, dr.DeviceEntry)
    answer: File = json.loads(json.dumps(await async_get_device_diagnostics(hass, entry, found), default=str))
    return answer


async def test_account(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Everything that was asked and decided is in it, and nothing is asked for it."""
    entry = await ready(hass, emulator, world)
    await look_back(hass)
    await settle(hass)
    asked = len(world.requests)
    found = await file_of(hass, entry)
    assert len(world.requests) == asked
    assert found["versions"] == {"boto3": boto3.__version__, "botocore": botocore.__version__}
    assert found["entry"]["data"] == {
        "region": world.region,
        "auth_method": "access_key",
        "endpoint_url": emulator.url,
        "access_key_id": "**REDACTED**",
        "secret_access_key": "**REDACTED**",
    }
    assert found["entry"]["options"] == {"requests_per_second": 100}
    assert {row["data"]["account_association_id"] for row in found["entry"]["subentries"]} == set(world.associations)
    assert abs(found["connection"]["clock_skew_seconds"]) < 60
    assert found["connection"]["denied"] == {}
    calls = found["connection"]["last_calls"]
    assert [(row["operation"], row["request_id"]) for row in calls] == [
        (request.operation, request.request_id) for request in world.requests
    ] or {row["request_id"] for row in calls} == {request.request_id for request in world.requests}
    assert all(row["error_code"] is None and row["latency"] > 0 for row in calls)
    assert LIST_THINGS in found["connection"]["quota"]
    synchronisation = found["synchronisation"]
    assert synchronisation.pop("as_of")
    assert synchronisation == {
        "last_success": True,
        "last_error": None,
        "unread_lists": [],
        "is_scoped": False,
        "why_no_devices": None,
    }
    things = {row["managed_thing_id"]: row for row in found["inventory"]["managed_things"]}
    assert set(things) == set(world.things)
    light, acme = world.thing_id(REGISTERED_LIGHT), world.association_id(ACME)
    assert things[light]["registrations"] == {acme: "associated"}
    assert things[world.thing_id(LIGHT)]["registrations"] == {}
    associations = {row["account_association_id"]: row for row in found["inventory"]["account_associations"]}
    assert associations[acme]["state"] == "ASSOCIATION_SUCCEEDED"
    assert associations[acme]["is_managed"]
    assert {job["account_association_id"] for job in found["discoveries"]} == set(world.associations)
    assert found["repairs"] == []
    assert found["queue"]["intents"] == []


async def test_devices(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Each kind of device has a file of its own."""
    entry = await ready(hass, emulator, world)
    await look_back(hass)
    await settle(hass)
    light, hub, acme = world.thing_id(LIGHT), world.thing_id(HUB), world.association_id(ACME)
    account = await device_file(hass, entry, entry.unique_id)
    assert account["aws_id"] == entry.unique_id
    assert account["last_success"] is True
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    thing = data_of(entry).coordinator.data.things_by_id[light]
    local = dr.async_get(hass).async_get_or_create(
        config_entry_id=other.entry_id,
        identifiers={("other", "1")},
        manufacturer=thing.brand,
        model=thing.model,
        name=thing.name,
    )
    of_light = await device_file(hass, entry, light)
    assert of_light["suggestions"] == [local.id]
    assert of_light["managed_thing"]["managed_thing_id"] == light
    assert of_light["managed_thing"]["role"] == "DEVICE"
    assert of_light["candidates"] == []
    of_hub = await device_file(hass, entry, hub)
    assert of_hub["managed_thing"]["role"] == "CONTROLLER"
    assert of_hub["connectivity"]["connected"] is True
    of_association = await device_file(hass, entry, acme)
    assert of_association["account_association"] == {
        "state": "ASSOCIATION_SUCCEEDED",
        "error_message": None,
        "registered": 2,
        "unregistered": 2,
    }
    assert [job["status"] for job in of_association["discoveries"]] == ["SUCCEEDED"]


def codes(found: File, operation: str | None = None) -> set[str]:
    """Return the error codes of the last calls."""
    return {
        row["error_code"]
        for row in found["connection"]["last_calls"]
        if row["error_code"] is not None and operation in {None, row["operation"]}
    }


def state_of_acme(found: File, state: str) -> bool:
    """Return whether an association is in a state."""
    return any(row["state"] == state for row in found["inventory"]["account_associations"])


FAULTS: dict[str, tuple[Callable[[World], None], Callable[[File], bool]]] = {
    "internal error": (
        lambda world: world.refuse(LIST_THINGS, "InternalServerException"),
        lambda found: "InternalServerException" in codes(found, LIST_THINGS),
    ),
    "service unavailable": (
        lambda world: world.refuse(LIST_THINGS, "ServiceUnavailableException"),
        lambda found: "ServiceUnavailableException" in codes(found, LIST_THINGS),
    ),
    "throttled": (
        lambda world: world.refuse(LIST_THINGS, "ThrottlingException"),
        lambda found: "ThrottlingException" in codes(found) and "rate" in found["synchronisation"]["last_error"],
    ),
    "expired credentials": (
        lambda world: world.refuse(LIST_THINGS, "ExpiredTokenException", status=403),
        lambda found: "ExpiredTokenException" in codes(found),
    ),
    "dropped": (
        lambda world: world.drop(LIST_THINGS, times=1),
        lambda found: "ConnectionClosedError" in codes(found, LIST_THINGS) and not codes(found, CONNECTIVITY),
    ),
    "offline": (
        lambda world: world.offline(),
        lambda found: "ConnectionClosedError" in codes(found, CONNECTIVITY),
    ),
    "answer of a proxy": (
        lambda world: world.garble(LIST_THINGS, "html"),
        lambda found: "ResponseParserError" in codes(found, LIST_THINGS),
    ),
    "slow": (
        lambda world: world.set_latency(0.5, LIST_THINGS),
        lambda found: max(row["latency"] for row in found["connection"]["last_calls"]) >= 0.5,
    ),
    "clock": (
        lambda world: world.set_clock_offset(3600),
        lambda found: found["connection"]["clock_skew_seconds"] > 3500 and found["repairs"] == ["clock_skew"],
    ),
    "denied": (
        lambda world: world.deny(f"iotmanagedintegrations:{LIST_REGISTRATIONS}"),
        lambda found: (
            found["connection"]["denied"] == {LIST_REGISTRATIONS: f"iotmanagedintegrations:{LIST_REGISTRATIONS}"}
            and found["synchronisation"]["unread_lists"] == ["registrations"]
        ),
    ),
    "values from the future": (
        lambda world: world.add_unknown_values(),
        lambda found: all(row["provisioning_status"] is None for row in found["inventory"]["managed_things"]),
    ),
    "authorization expired": (
        lambda world: world.expire_authorization(world.association_id(ACME)),
        lambda found: state_of_acme(found, "REFRESH_TOKEN_EXPIRED"),
    ),
    "authorization failed": (
        lambda world: world.set_association_state(world.association_id(ACME), "ASSOCIATION_FAILED", "why"),
        lambda found: any(row["error_message"] == "why" for row in found["inventory"]["account_associations"]),
    ),
    "association deleted": (
        lambda world: world.remove_association(world.association_id(ACME)),
        lambda found: any(name.startswith("association_deleted_") for name in found["repairs"]),
    ),
    "thing stuck": (
        lambda world: world.update_thing(world.thing_id(REGISTERED_LIGHT), status="DISCOVERED"),
        lambda found: any(row["provisioning_status"] == "DISCOVERED" for row in found["inventory"]["managed_things"]),
    ),
    "hub disconnected": (
        lambda world: world.set_connectivity(world.thing_id(HUB), connected=False, reason="CONNECTION_LOST"),
        lambda found: any(row["disconnect_reason"] == "CONNECTION_LOST" for row in found["connectivity"].values()),
    ),
    "connectivity denied": (
        lambda world: world.deny(f"iotmanagedintegrations:{CONNECTIVITY}"),
        lambda found: CONNECTIVITY in found["connection"]["denied"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_can_be_told(hass: HomeAssistant, emulator: Emulator, world: World, fault: str) -> None:
    """Each fault shows in the file, and without a fault the file shows none of them."""
    cause, shows = FAULTS[fault]
    entry = await ready(hass, emulator, world)
    await data_of(entry).connectivity.async_refresh()
    before = await file_of(hass, entry)
    assert not shows(before)
    cause(world)
    await poll(hass, entry)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert shows(await file_of(hass, entry))


async def test_queue_and_failures(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What waits and what was refused is in the file, with AWS's code and request id."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    await fail_to_register(hass, world, light, acme, "the reason")
    found = await file_of(hass, entry)
    thing = next(row for row in found["inventory"]["managed_things"] if row["managed_thing_id"] == light)
    assert thing["registrations"] == {acme: "failed"}
    assert thing["last_error"] == "ServiceQuotaExceededException: the reason"
    assert found["repairs"] == [f"registration_failed_{light}_{acme}"]
    world.offline()
    await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    found = await file_of(hass, entry)
    assert [row["managed_thing_id"] for row in found["queue"]["intents"]] == [light]


async def test_discovery_that_failed(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A discovery's end is in the file."""
    entry = await ready(hass, emulator, world)
    world.plan_discovery("FAILED")
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=world.association_id(ACME))
    found = await file_of(hass, entry)
    assert {job["device_discovery_id"]: job["status"] for job in found["discoveries"]} == {
        answer["device_discovery_id"]: "FAILED"
    }


@pytest.mark.parametrize(
    ("options", "is_online", "reason"),
    [
        ({}, True, "no managed thing in this Region"),
        ({"owner": "nobody"}, True, "no managed thing of the owner"),
        ({"hub_ids": ["gone"]}, True, "none of the hubs"),
        ({}, False, "could not be read"),
    ],
)
async def test_no_devices_says_why(
    hass: HomeAssistant,
    emulator: Emulator,
    empty_world: World,
    options: dict[str, Any],
    reason: str,
    *,
    is_online: bool,
) -> None:
    """Nothing to show always has a reason."""
    entry = add_entry(hass, emulator, empty_world, options=options)
    await set_up(hass, entry)
    if not is_online:
        empty_world.offline()
        assert not await poll(hass, entry)
    found = await file_of(hass, entry)
    assert found["inventory"]["managed_things"] == []
    assert reason in found["synchronisation"]["why_no_devices"]


async def test_set_up_that_fails(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An account that was never read has a file, too: it says what the set-up failed with."""
    world.offline()
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    found = await file_of(hass, entry)
    assert found["entry"]["state"] == "setup_retry"
    assert "can't be reached" in found["entry"]["reason"]
    assert world.secret_access_key not in json.dumps(found)
    world.offline(False)
    await hass.config_entries.async_reload(entry.entry_id)
    world.offline()
    assert await hass.config_entries.async_unload(entry.entry_id)
    of_hub = await device_file(hass, entry, world.thing_id(HUB))
    assert of_hub == {"aws_id": world.thing_id(HUB), "state": "not_loaded", "reason": None}
