"""The actions: what they accept, what they answer, what they send."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import device_registry as dr

from .common import (
    ACME,
    DELETE,
    DEREGISTER,
    GET_REGISTRATIONS,
    HUB,
    HUB_CHILD,
    LIGHT,
    NORTHWIND,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    device_id,
    item,
    key_of,
    loaded,
    poll,
    shorten_waits,
    state,
    writes,
)
from .engine_common import GET_DISCOVERED
from .flow_common import add_entry

ITEM = {
    "managed_thing_id",
    "device_id",
    "account_association_id",
    "device_discovery_id",
    "status",
    "error_code",
    "error_message",
    "request_id",
}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


async def test_register(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A device is registered by one request, and read back."""
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    discovery = world.discovery_id(acme)
    world.clear_requests()
    answer = await act(
        hass,
        REGISTER,
        device_id=[device_id(hass, entry, light)],
        association_device_id=device_id(hass, entry, acme),
        device_discovery_id=discovery,
    )
    (put,) = [request for request in world.requests if request.operation == PUT]
    assert dict(put.params) == {
        "ManagedThingId": light,
        "AccountAssociationId": acme,
        "DeviceDiscoveryId": discovery,
    }
    assert answer == {
        "results": [
            {
                "managed_thing_id": light,
                "device_id": device_id(hass, entry, light),
                "account_association_id": acme,
                "device_discovery_id": discovery,
                "status": "registered",
                "error_code": None,
                "error_message": None,
                "request_id": put.request_id,
            }
        ],
        "summary": {"registered": 1},
    }
    assert set(answer["results"][0]) == ITEM
    assert world.registrations[light, acme] == "ASSOCIATED"
    assert state(hass, "sensor", light, "registration") == "associated"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    # No call was made for the thing alone.
    assert {request.operation for request in world.requests} <= {
        PUT,
        "ListManagedThings",
        "ListAccountAssociations",
        "ListManagedThingAccountAssociations",
    }


async def test_register_what_is_registered(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Nothing is sent for it."""
    await loaded(hass, emulator, world)
    world.clear_requests()
    answer = await act(
        hass,
        REGISTER,
        managed_thing_id=world.thing_id(REGISTERED_LIGHT),
        account_association_id=world.association_id(ACME),
    )
    assert item(answer)["status"] == "already_registered"
    assert world.requests == []


async def test_register_takes_time(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What AWS accepted and isn't done with is pre-associated; asking again sends nothing more."""
    world.set_switches(registration_delay=3600.0)
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    fields = {"managed_thing_id": light, "account_association_id": acme}
    answer = await act(hass, REGISTER, device_discovery_id=world.discovery_id(acme), **fields)
    assert item(answer)["status"] == "pre_associated"
    assert item(answer)["request_id"] is not None
    assert state(hass, "sensor", light, "registration") == "pre_associated"
    assert world.count(PUT) == 1
    answer = await act(hass, REGISTER, **fields)
    assert item(answer)["status"] == "pre_associated"
    assert world.count(PUT) == 1
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"

    world.advance(3601)
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "associated"
    assert item(await act(hass, REGISTER, **fields))["status"] == "already_registered"
    assert world.count(PUT) == 1


async def test_register_again_with_another_discovery(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A pair that hangs in PRE_ASSOCIATED may be sent again with another discovery."""
    world.set_switches(registration_delay=3600.0)
    await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    fields = {"managed_thing_id": light, "account_association_id": acme}
    await act(hass, REGISTER, device_discovery_id=world.discovery_id(acme), **fields)
    other = world.add_discovery(association_id=acme)
    answer = await act(hass, REGISTER, device_discovery_id=other, **fields)
    assert item(answer)["status"] == "pre_associated"
    assert item(answer)["device_discovery_id"] == other
    assert world.count(PUT) == 2


async def test_discovery_is_remembered(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """After a registration was lost in the cloud, the discovery needn't be named again."""
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    discovery = world.discovery_id(acme)
    fields = {"managed_thing_id": light, "account_association_id": acme}
    await act(hass, REGISTER, device_discovery_id=discovery, **fields)
    world.deregister(light, acme)
    assert await poll(hass, entry)
    answer = await act(hass, REGISTER, start_discovery=False, **fields)
    assert item(answer)["status"] == "registered"
    assert item(answer)["device_discovery_id"] == discovery
    rows = (await act(hass, GET_REGISTRATIONS, **fields))["registrations"]
    assert [row["device_discovery_id"] for row in rows] == [discovery]


async def test_register_without_a_discovery(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A device that no discovery found can't be registered; the reason is a text of ours."""
    await loaded(hass, emulator, world)
    fields = {
        "managed_thing_id": [world.thing_id(HUB_CHILD), world.thing_id(REGISTERED_LIGHT)],
        "account_association_id": world.association_id(ACME),
        "start_discovery": False,
    }
    answer = await act(hass, REGISTER, **fields)
    refused, fine = answer["results"]
    assert (refused["status"], refused["error_code"]) == ("failed", "no_device_discovery")
    assert refused["error_message"].startswith("No discovery")
    assert fine["status"] == "already_registered"
    assert answer["summary"] == {"failed": 1, "already_registered": 1}
    assert writes(world) == []


@pytest.mark.parametrize("registered", [True, False])
async def test_dry_run(hass: HomeAssistant, emulator: Emulator, world: World, *, registered: bool) -> None:
    """A dry run answers like the real one and changes nothing, here or there."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    thing = world.thing_id(REGISTERED_LIGHT if registered else LIGHT)
    fields = {"managed_thing_id": thing, "account_association_id": acme, "dry_run": True}
    before = world.registrations
    answer = await act(hass, REGISTER, device_discovery_id=world.discovery_id(acme), **fields)
    assert item(answer)["status"] == ("already_registered" if registered else "planned")
    answer = await act(hass, DEREGISTER, **fields)
    assert item(answer)["status"] == ("planned" if registered else "not_registered")
    assert answer["summary"] == {item(answer)["status"]: 1}
    assert writes(world) == []
    assert world.registrations == before
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    # A dry run of something hopeless doesn't raise: there is nothing that failed.
    answer = await act(
        hass,
        REGISTER,
        managed_thing_id=world.thing_id(HUB_CHILD),
        account_association_id=acme,
        start_discovery=False,
        dry_run=True,
    )
    assert item(answer)["status"] == "failed"


async def test_one_bad_item_stops_nothing(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Each device has its own verdict, with AWS's words for those that failed."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    light, other, child = (world.thing_id(name) for name in (LIGHT, OTHER_LIGHT, HUB_CHILD))
    fields = {
        "managed_thing_id": [light, child, other, light],
        "account_association_id": acme,
        "device_discovery_id": world.discovery_id(acme),
    }
    answer = await act(hass, REGISTER, **fields)
    first, bad, last = answer["results"]
    assert [row["managed_thing_id"] for row in answer["results"]] == [light, child, other]
    assert (first["status"], last["status"]) == ("registered", "registered")
    refusal = next(request for request in world.requests if request.error_code is not None)
    assert bad["status"] == "failed"
    assert bad["error_code"] == refusal.error_code == "ValidationException"
    assert bad["error_message"]
    assert bad["request_id"] == refusal.request_id
    assert answer["summary"] == {"registered": 2, "failed": 1}
    assert state(hass, "sensor", child, "registration") == "failed"
    shown = hass.states.get("sensor.laundry_plug_registration")
    assert shown is not None
    assert shown.attributes["last_error"] == f"ValidationException: {bad['error_message']}"
    assert shown.attributes["account_associations"] == [{"account_association_id": acme, "status": "failed"}]

    # The failure is shown until the user gives up on it, or it works.
    answer = await act(hass, DEREGISTER, managed_thing_id=child, account_association_id=acme)
    assert item(answer)["status"] == "not_registered"
    assert state(hass, "sensor", child, "registration") == "not_registered"
    assert world.count(DELETE) == 0
    assert coordinator_of(entry).last_update_success


async def test_failures_raise_for_those_who_see_no_answer(
    hass: HomeAssistant, emulator: Emulator, world: World
) -> None:
    """Without an answer, a failure raises and names its devices; what could be done is done."""
    await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    light, child = world.thing_id(LIGHT), world.thing_id(HUB_CHILD)
    with pytest.raises(HomeAssistantError) as caught:
        await act(
            hass,
            REGISTER,
            return_response=False,
            managed_thing_id=[light, child],
            account_association_id=acme,
            device_discovery_id=world.discovery_id(acme),
        )
    assert key_of(caught) == "registration_failed"
    assert HUB_CHILD in str(caught.value)
    assert LIGHT not in str(caught.value)
    assert "ValidationException" in str(caught.value)
    assert "1 of 2" in str(caught.value)
    assert world.registrations[light, acme] == "ASSOCIATED"
    assert (
        await act(
            hass,
            REGISTER,
            return_response=False,
            managed_thing_id=[light],
            account_association_id=acme,
        )
        is None
    )


async def test_total_failure_raises(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """If nothing worked, the action fails even with an answer asked for."""
    await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    with pytest.raises(HomeAssistantError) as caught:
        await act(
            hass,
            REGISTER,
            managed_thing_id=[world.thing_id(HUB_CHILD), world.thing_id(HUB)],
            account_association_id=acme,
            device_discovery_id=world.discovery_id(acme),
        )
    assert key_of(caught) == "registration_failed"
    assert HUB_CHILD in str(caught.value)
    assert HUB in str(caught.value)


async def test_register_without_waiting(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """It is on disk when the action answers, and done in the background."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    lights = [world.thing_id(LIGHT), world.thing_id(OTHER_LIGHT)]
    answer = await act(
        hass,
        REGISTER,
        managed_thing_id=lights,
        account_association_id=acme,
        device_discovery_id=world.discovery_id(acme),
        wait=False,
    )
    assert answer["summary"] == {"queued": 2}
    await hass.async_block_till_done(wait_background_tasks=True)
    assert [world.registrations[light, acme] for light in lights] == ["ASSOCIATED", "ASSOCIATED"]
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert world.count(PUT) == 2


async def test_deregister(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A registration is removed by one request; what isn't registered needs none."""
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(REGISTERED_LIGHT), world.association_id(ACME)
    fields = {"device_id": device_id(hass, entry, light), "association_device_id": device_id(hass, entry, acme)}
    answer = await act(hass, DEREGISTER, **fields)
    assert item(answer)["status"] == "deregistered"
    assert item(answer)["request_id"] is not None
    assert (light, acme) not in world.registrations
    assert state(hass, "sensor", light, "registration") == "not_registered"
    assert state(hass, "sensor", acme, "registered_things") == "1"
    answer = await act(hass, DEREGISTER, **fields)
    assert item(answer)["status"] == "not_registered"
    assert world.count(DELETE) == 1
    assert await act(hass, DEREGISTER, return_response=False, **fields) is None


async def test_deregister_what_is_gone(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Somebody else was faster: AWS's 404 is no failure."""
    await loaded(hass, emulator, world)
    light, acme = world.thing_id(REGISTERED_LIGHT), world.association_id(ACME)
    world.deregister(light, acme)
    answer = await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "not_registered"
    assert item(answer)["error_code"] is None
    assert world.count(DELETE) == 1


async def test_get_registrations(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """It answers from what was read last, without any request."""
    entry = await loaded(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    light, registered, hub = world.thing_id(LIGHT), world.thing_id(REGISTERED_LIGHT), world.thing_id(HUB)
    world.register(registered, northwind, status="PRE_ASSOCIATED")
    assert await poll(hass, entry)
    world.clear_requests()

    everything = await act(hass, GET_REGISTRATIONS)
    as_of = coordinator_of(entry).as_of
    assert as_of is not None
    assert everything["as_of"] == as_of.isoformat()
    rows = everything["registrations"]
    assert {row["managed_thing_id"] for row in rows} == set(world.things) - {hub}
    assert sum(row["status"] == "associated" for row in rows) == 5
    row = next(row for row in rows if row["managed_thing_id"] == light)
    assert row == {
        "managed_thing_id": light,
        "name": LIGHT,
        "device_id": device_id(hass, entry, light),
        "local_device_ids": [],
        "account_association_id": None,
        "status": "not_registered",
        "provisioning_status": "unassociated",
        "device_discovery_id": None,
    }

    both = await act(hass, GET_REGISTRATIONS, device_id=device_id(hass, entry, registered))
    assert {row["account_association_id"] for row in both["registrations"]} == {acme, northwind}
    one = await act(hass, GET_REGISTRATIONS, managed_thing_id=[registered], account_association_id=acme)
    assert [row["status"] for row in one["registrations"]] == ["associated"]
    none = await act(hass, GET_REGISTRATIONS, managed_thing_id=light, account_association_id=acme)
    assert [(row["account_association_id"], row["status"]) for row in none["registrations"]] == [
        (acme, "not_registered")
    ]
    of_acme = await act(hass, GET_REGISTRATIONS, association_device_id=device_id(hass, entry, acme))
    assert {row["managed_thing_id"] for row in of_acme["registrations"]} == {
        thing_id for thing_id, association_id in world.registrations if association_id == acme
    }
    of_hub = await act(hass, GET_REGISTRATIONS, managed_thing_id=hub)
    assert [row["status"] for row in of_hub["registrations"]] == ["not_registered"]
    assert world.requests == []


async def test_expired_authorization(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """While the end user must authorize again, registering is refused before anything is sent."""
    acme = world.association_id(ACME)
    discovery = world.discovery_id(acme)
    world.set_association_state(acme, "REFRESH_TOKEN_EXPIRED")
    await loaded(hass, emulator, world)
    world.clear_requests()
    with pytest.raises(ServiceValidationError) as caught:
        await act(
            hass,
            REGISTER,
            managed_thing_id=world.thing_id(LIGHT),
            account_association_id=acme,
            device_discovery_id=discovery,
        )
    assert key_of(caught) == "authorization_expired"
    assert ACME in str(caught.value)
    assert world.requests == []
    # Deregistering needs no authorization.
    answer = await act(hass, DEREGISTER, managed_thing_id=world.thing_id(REGISTERED_LIGHT), account_association_id=acme)
    assert item(answer)["status"] == "deregistered"


def _fields(
    hass: HomeAssistant, entry: MockConfigEntry, world: World, foreign: str
) -> dict[str, tuple[dict[str, Any], str]]:
    """Return wrong input by what is wrong with it, and the text it is refused with."""
    light, acme, northwind = world.thing_id(LIGHT), world.association_id(ACME), world.association_id(NORTHWIND)
    account_device = device_id(hass, entry, entry.unique_id)
    acme_device = device_id(hass, entry, acme)
    fine = {"managed_thing_id": light, "account_association_id": acme}
    return {
        "thing id with a space": (fine | {"managed_thing_id": "a b"}, "invalid_managed_thing_id"),
        "empty thing id": (fine | {"managed_thing_id": ""}, "invalid_managed_thing_id"),
        "thing id with a line break": (fine | {"managed_thing_id": f"{light}\n"}, "invalid_managed_thing_id"),
        "thing id too long": (fine | {"managed_thing_id": "a" * 65}, "invalid_managed_thing_id"),
        "thing id of another alphabet": (fine | {"managed_thing_id": "１２３"}, "invalid_managed_thing_id"),
        "unknown thing id": (fine | {"managed_thing_id": "a" * 64}, "unknown_managed_thing"),
        "one of two unknown": (fine | {"managed_thing_id": [light, "nope"]}, "unknown_managed_thing"),
        "association id with a hyphen": (fine | {"account_association_id": "a-b"}, "invalid_account_association_id"),
        "association id too long": (fine | {"account_association_id": "a" * 65}, "invalid_account_association_id"),
        "unknown association": (fine | {"account_association_id": "nope"}, "unknown_account_association"),
        "no association": ({"managed_thing_id": light}, "no_account_association"),
        "two associations": (
            fine | {"account_association_id": northwind, "association_device_id": acme_device},
            "several_account_associations",
        ),
        "account as association": (
            {"managed_thing_id": light, "association_device_id": account_device},
            "not_an_account_association",
        ),
        "foreign association device": (
            {"managed_thing_id": light, "association_device_id": foreign},
            "device_not_matched",
        ),
        "unknown association device": (
            {"managed_thing_id": light, "association_device_id": "nope"},
            "device_not_found",
        ),
        "no devices": ({"account_association_id": acme}, "no_devices"),
        "empty lists": (
            {"account_association_id": acme, "device_id": [], "managed_thing_id": []},
            "no_devices",
        ),
        "account as thing": (fine | {"device_id": account_device}, "not_a_managed_thing"),
        "association as thing": (fine | {"device_id": acme_device}, "not_a_managed_thing"),
        "unknown device": (fine | {"device_id": "nope"}, "device_not_found"),
        "foreign device": (fine | {"device_id": foreign}, "device_not_matched"),
        "unknown entry": (fine | {"config_entry_id": "nope"}, "service_config_entry_not_found"),
    }


async def test_wrong_input(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Wrong input is refused by a text that says what is wrong, before anything is sent."""
    entry = await loaded(hass, emulator, world)
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    foreign = dr.async_get(hass).async_get_or_create(
        config_entry_id=other.entry_id, identifiers={("other", "1")}, name="Foreign lamp"
    )
    discovery = {"device_discovery_id": world.discovery_id(world.association_id(ACME))}
    world.clear_requests()
    cases = _fields(hass, entry, world, foreign.id)
    cases["discovery id with a space"] = (
        {
            "managed_thing_id": world.thing_id(LIGHT),
            "account_association_id": world.association_id(ACME),
            "device_discovery_id": "a b",
        },
        "invalid_device_discovery_id",
    )
    for name, (fields, key) in cases.items():
        with pytest.raises(ServiceValidationError) as caught:
            await act(hass, REGISTER, **(discovery | fields))
        assert caught.value.translation_key == key, name
        if "device_discovery_id" not in fields:
            with pytest.raises(ServiceValidationError) as caught:
                await act(hass, DEREGISTER, **fields)
            assert caught.value.translation_key == key, name
        if caught.value.translation_domain == DOMAIN:
            key_of(caught)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, GET_REGISTRATIONS, device_id=[], managed_thing_id=[])
    assert key_of(caught) == "no_devices"
    assert world.requests == []
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"


async def test_two_entries(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """With two accounts, the entry is told from the devices or must be named; they don't mix."""
    entry = await loaded(hass, emulator, world)
    second_world = emulator.create_world("home")
    second = await loaded(hass, emulator, second_world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    fields = {
        "managed_thing_id": light,
        "account_association_id": acme,
        "device_discovery_id": world.discovery_id(acme),
    }
    for each in (world, second_world):
        each.clear_requests()
    with pytest.raises(ServiceValidationError):
        await act(hass, REGISTER, **fields)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, REGISTER, **fields, device_id=device_id(hass, entry, light), config_entry_id=second.entry_id)
    assert key_of(caught) == "several_accounts"
    with pytest.raises(ServiceValidationError) as caught:
        await act(
            hass,
            REGISTER,
            device_id=[device_id(hass, entry, light)],
            association_device_id=device_id(hass, second, second_world.association_id(ACME)),
        )
    assert key_of(caught) == "several_accounts"
    assert world.requests == second_world.requests == []

    answer = await act(hass, REGISTER, **fields, config_entry_id=entry.entry_id)
    assert item(answer)["status"] == "registered"
    answer = await act(
        hass,
        DEREGISTER,
        device_id=device_id(hass, entry, light),
        association_device_id=device_id(hass, entry, acme),
    )
    assert item(answer)["status"] == "deregistered"
    assert writes(second_world) == []


async def test_entry_that_is_not_loaded(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The actions exist, and say that the entry isn't loaded."""
    entry = await loaded(hass, emulator, world)
    light = device_id(hass, entry, world.thing_id(LIGHT))
    await hass.config_entries.async_unload(entry.entry_id)
    for fields in ({}, {"config_entry_id": entry.entry_id}, {"device_id": light}):
        with pytest.raises(ServiceValidationError) as caught:
            await act(hass, GET_REGISTRATIONS, **fields)
        assert caught.value.translation_key == "service_config_entry_not_loaded"
    other = add_entry(hass, emulator, emulator.create_world("empty"))
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, GET_REGISTRATIONS, config_entry_id=other.entry_id)
    assert caught.value.translation_key == "service_config_entry_not_loaded"


async def test_entry_unloaded_while_it_reads(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An action that first has to read the account says so if the entry is unloaded meanwhile; nothing is sent."""
    entry = await loaded(hass, emulator, world)
    world.offline()
    assert not await poll(hass, entry)
    world.offline(offline=False)
    world.set_latency(0.2)
    fields = {"managed_thing_id": world.thing_id(LIGHT), "account_association_id": world.association_id(ACME)}
    asked = hass.async_create_task(act(hass, REGISTER, **fields))
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(ServiceValidationError) as caught:
        await asked
    assert caught.value.translation_key == "service_config_entry_not_loaded"
    assert writes(world) == []


async def test_for_administrators_only(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    hass_read_only_user: MockUser,
    hass_admin_user: MockUser,
) -> None:
    """Others may read, not write."""
    await loaded(hass, emulator, world)
    fields = {
        "managed_thing_id": world.thing_id(REGISTERED_LIGHT),
        "account_association_id": world.association_id(ACME),
    }
    world.clear_requests()
    guest = Context(user_id=hass_read_only_user.id)
    for service in (REGISTER, DEREGISTER):
        with pytest.raises(Unauthorized):
            await act(hass, service, context=guest, **fields)
    answer = await act(hass, GET_REGISTRATIONS, context=guest, **fields)
    assert [row["status"] for row in answer["registrations"]] == ["associated"]
    assert world.requests == []
    admin = Context(user_id=hass_admin_user.id)
    assert item(await act(hass, REGISTER, context=admin, **fields))["status"] == "already_registered"


async def test_two_hubs(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A call can be about one hub only; naming the same one twice does no harm."""
    entry = await loaded(hass, emulator, world)
    hub = world.thing_id(HUB)
    fields = {"hub_device_id": device_id(hass, entry, hub)}
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, GET_DISCOVERED, controller_id=world.thing_id(LIGHT), **fields)
    assert key_of(caught) == "several_hubs"
    assert (await act(hass, GET_DISCOVERED, controller_id=hub, **fields)) == await act(hass, GET_DISCOVERED, **fields)


async def test_discovery_of_another_association(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A discovery and the association that it wasn't for don't go together."""
    await loaded(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    discovery = {"device_discovery_id": world.discovery_id(acme)}
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, GET_DISCOVERED, account_association_id=northwind, **discovery)
    assert key_of(caught) == "foreign_device_discovery"
    both = await act(hass, GET_DISCOVERED, account_association_id=acme, **discovery)
    assert both == await act(hass, GET_DISCOVERED, **discovery)
    assert both["devices"]


async def test_a_device_renamed_by_the_user(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Texts use the name that the user gave."""
    entry = await loaded(hass, emulator, world)
    account = device_id(hass, entry, entry.unique_id)
    dr.async_get(hass).async_update_device(account, name_by_user="My AWS")
    with pytest.raises(ServiceValidationError, match="My AWS"):
        await act(hass, REGISTER, device_id=account, account_association_id=world.association_id(ACME))


@pytest.mark.parametrize(
    ("service", "wrong"),
    [
        (REGISTER, {"wait": "perhaps"}),
        (REGISTER, {"unknown_field": 1}),
        (DEREGISTER, {"wait": True}),
        (GET_REGISTRATIONS, {"dry_run": True}),
    ],
)
async def test_schemas(
    hass: HomeAssistant, emulator: Emulator, world: World, service: str, wrong: dict[str, Any]
) -> None:
    """Fields that an action doesn't have are refused."""
    await loaded(hass, emulator, world)
    expected: Callable[..., Any] = pytest.raises
    with expected(Exception, match="|".join(wrong)) as caught:
        await act(hass, service, **wrong)
    assert type(caught.value).__name__ in {"Invalid", "MultipleInvalid"}
