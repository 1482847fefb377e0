"""From a discovered device to a registered managed thing, and how the discovery job for it is found."""

import asyncio
from typing import Any

import pytest

from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .common import (
    ACME,
    HUB,
    LIGHT,
    LIST_REGISTRATIONS,
    NORTHWIND,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    act,
    data_of,
    device_id,
    item,
    key_of,
    loaded,
    pass_time,
    poll,
    state,
    writes,
)
from .engine_common import (
    CREATE,
    FOUND_LIGHTS,
    GET_JOB,
    LIST_FOUND,
    ONBOARD,
    STAIR_BUTTON,
    START,
    START_DISCOVERY,
    assert_nothing_twice,
    look_back,
    make_quick,
    make_retries_quick,
    params_of,
    ready,
    reload,
    settle,
    until,
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


async def discover(hass: HomeAssistant, association_id: str) -> str:
    """Run a discovery for an association, and return its id."""
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=association_id)
    discovery_id: str = answer["device_discovery_id"]
    return discovery_id


def thing_named(world: World, name: str) -> str | None:
    """Return the id of the only thing of a name, if there is one."""
    found = [thing_id for thing_id, thing in world.things.items() if thing.get("Name") == name]
    assert len(found) <= 1
    return found[0] if found else None


# --- finding the discovery --------------------------------------------------------------------------------------------


async def test_given_discovery(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The job that the user names is used, and no other is looked for."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    given = world.discovery_id(acme)
    world.add_discovery(association_id=acme)
    answer = await act(
        hass,
        REGISTER,
        managed_thing_id=world.thing_id(LIGHT),
        account_association_id=acme,
        device_discovery_id=given,
    )
    assert item(answer)["status"] == "registered"
    assert item(answer)["device_discovery_id"] == given
    assert world.count(LIST_FOUND) == 0


async def test_newest_discovery_that_lists_the_thing(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Without a job, the newest succeeded one of the association that lists the thing is used, and remembered."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    listing = world.add_discovery(association_id=acme)
    world.add_discovery(association_id=acme, connector_device_ids=["al-1001"])
    world.add_discovery(association_id=acme, status="FAILED")
    light = world.thing_id(LIGHT)
    answer = await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "registered"
    assert item(answer)["device_discovery_id"] == listing
    assert writes(world) == [PUT]
    # The next one that is asked for costs no look at the jobs any more.
    looks = world.count(GET_JOB), world.count(LIST_FOUND)
    answer = await act(hass, REGISTER, managed_thing_id=world.thing_id(OTHER_LIGHT), account_association_id=acme)
    assert item(answer)["device_discovery_id"] == listing
    assert (world.count(GET_JOB), world.count(LIST_FOUND)) == looks
    # It is remembered for the pair, also over a restart.
    world.deregister(light, acme)
    await reload(hass, entry)
    assert await poll(hass, entry)
    looks = world.count(GET_JOB), world.count(LIST_FOUND)
    answer = await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "registered"
    assert item(answer)["device_discovery_id"] == listing
    assert (world.count(GET_JOB), world.count(LIST_FOUND)) == looks


async def test_new_discovery(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """If no job lists the thing, one that asks the vendor for just this device is started, unless told not to."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.add_cloud_device(acme, "al-1009", "New lamp")
    lamp = world.add_thing(name="New lamp", status="UNASSOCIATED", association_id=acme, connector_device_id="al-1009")
    fields = {"managed_thing_id": lamp, "account_association_id": acme}
    (entry,) = hass.config_entries.async_entries("mi_registration")
    await data_of(entry).coordinator.async_refresh()  # type: ignore[arg-type]  # it is a MockConfigEntry
    planned = await act(hass, REGISTER, dry_run=True, **fields)
    assert item(planned)["status"] == "planned"
    assert item(planned)["device_discovery_id"] is None
    refused = await act(hass, REGISTER, dry_run=True, start_discovery=False, **fields)
    assert item(refused)["error_code"] == "no_device_discovery"
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, REGISTER, start_discovery=False, **fields)
    assert key_of(caught) == "registration_failed"
    assert writes(world) == []
    answer = await act(hass, REGISTER, **fields)
    assert item(answer)["status"] == "registered"
    assert item(answer)["device_discovery_id"] == world.discovery_id(acme)
    assert writes(world) == [START, PUT]
    assert params_of(world, START)[0]["ConnectorDeviceIdList"] == ["al-1009"]


async def test_new_discovery_finds_nothing(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A thing that the vendor doesn't know can't be registered: that is said, and the others are registered."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    lost = world.add_thing(name="Lost", status="UNASSOCIATED", association_id=acme, connector_device_id="al-0")
    assert await poll(hass, entry)
    answer = await act(hass, REGISTER, managed_thing_id=[lost, world.thing_id(LIGHT)], account_association_id=acme)
    by_thing = {row["managed_thing_id"]: row for row in answer["results"]}
    assert by_thing[lost]["error_code"] == "no_device_discovery"
    assert by_thing[world.thing_id(LIGHT)]["status"] == "registered"
    assert writes(world) == [START, PUT]


@pytest.mark.parametrize("refusal", ["validation", "conflict", "not_found"])
async def test_stale_job(hass: HomeAssistant, emulator: Emulator, world: World, refusal: str) -> None:
    """A remembered job that AWS doesn't take any more is given up for a new one, whatever AWS's words for it."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    world.set_switches(mismatched_discovery=refusal)
    stale = world.add_discovery(association_id=acme, connector_device_ids=["al-1001"])
    data_of(entry).store.queue.discovery_ids[light, acme] = stale
    listing = world.discovery_id(world.association_id(ACME))
    assert listing == stale
    answer = await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "registered"
    assert item(answer)["device_discovery_id"] != stale
    assert world.count(PUT) == 2
    assert_nothing_twice(world)


async def test_expired_job(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Jobs that AWS has thrown away are forgotten, and a new one takes their place."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    await look_back(hass)
    old = world.discovery_id(acme)
    data_of(entry).store.queue.discovery_ids[light, acme] = old
    world.set_switches(discovery_expires_after=3600.0)
    answer = await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "registered"
    assert item(answer)["device_discovery_id"] == world.discovery_id(acme) != old
    # A job that the user names is not replaced behind his back.
    with pytest.raises(HomeAssistantError) as caught:
        await act(
            hass,
            REGISTER,
            managed_thing_id=world.thing_id(OTHER_LIGHT),
            account_association_id=acme,
            device_discovery_id=old,
        )
    assert "ResourceNotFoundException" in str(caught.value)


async def test_given_job_of_another(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A job of another association is refused here if it is known, else by AWS."""
    await ready(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    fields = {
        "managed_thing_id": world.thing_id(LIGHT),
        "account_association_id": acme,
        "device_discovery_id": world.discovery_id(northwind),
    }
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, REGISTER, **fields)
    assert "The device discovery was for another account association." in str(caught.value)
    await look_back(hass)
    world.clear_requests()
    with pytest.raises(ServiceValidationError) as invalid:
        await act(hass, REGISTER, **fields)
    assert key_of(invalid) == "foreign_device_discovery"
    assert world.requests == []


# --- onboarding -------------------------------------------------------------------------------------------------------


async def test_cloud_devices(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What a discovery found is created where it has no thing, and registered; asking again sends nothing."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    discovery = await discover(hass, acme)
    world.clear_requests()
    answer = await act(hass, ONBOARD, association_device_id=device_id(hass, entry, acme))
    assert answer["summary"] == {"already_registered": 2, "registered": 4}
    assert {row["device_discovery_id"] for row in answer["results"]} == {discovery}
    assert sorted(writes(world)) == [CREATE, CREATE, PUT, PUT, PUT, PUT]
    sent = {params["Name"]: params for params in params_of(world, CREATE)}
    assert set(sent) == set(FOUND_LIGHTS)
    assert sent["Porch light"].pop("ClientToken")
    assert sent["Porch light"] == {
        "Role": "DEVICE",
        "AuthenticationMaterial": f"CLOUD:{discovery}:al-1005",
        "AuthenticationMaterialType": "DISCOVERED_DEVICE",
        "Name": "Porch light",
        "Brand": "Acme",
        "Model": "AL-OUT1",
    }
    for name in (*FOUND_LIGHTS, LIGHT, OTHER_LIGHT):
        thing = world.thing_id(name)
        assert world.registrations[thing, acme] == "ASSOCIATED"
        assert state(hass, "sensor", thing, "registration") == "associated"
        assert any(row["device_id"] == device_id(hass, entry, thing) for row in answer["results"])
    assert state(hass, "sensor", acme, "unregistered_things") == "0"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    world.clear_requests()
    again = await act(hass, ONBOARD, account_association_id=acme)
    assert again["summary"] == {"already_registered": 6}
    assert writes(world) == []


async def test_dry_run(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A dry run names what would be done, and writes nothing."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await discover(hass, acme)
    world.clear_requests()
    answer = await act(hass, ONBOARD, account_association_id=acme, dry_run=True)
    assert answer["summary"] == {"already_registered": 2, "planned": 4}
    assert writes(world) == []
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"connector_device_id": ["al-1005", "al-1001"]}, {"Porch light", "Kitchen ceiling light"}),
        ({"model": ["AL-OUT2"]}, {"Garden lantern"}),
        ({"device_type": ["Dimmable Light"]}, {LIGHT, "Porch light"}),
        ({"device_type": ["Dimmable Light"], "model": ["AL-OUT1"]}, {"Porch light"}),
        ({"brand": ["Northwind"]}, set()),
    ],
)
async def test_filters(
    hass: HomeAssistant, emulator: Emulator, world: World, filters: dict[str, Any], expected: set[str]
) -> None:
    """Only what passes all filters is onboarded."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await discover(hass, acme)
    answer = await act(hass, ONBOARD, account_association_id=acme, **filters)
    assert {world.things[row["managed_thing_id"]]["Name"] for row in answer["results"]} == expected
    assert {params["Name"] for params in params_of(world, CREATE)} == expected & set(FOUND_LIGHTS)


async def test_without_a_discovery(hass: HomeAssistant, emulator: Emulator, empty_world: World) -> None:
    """A discovery is started if there is none; one that finds nothing answers with nothing."""
    acme = empty_world.association_id(ACME) if empty_world.associations else empty_world.add_association(name=ACME)
    await ready(hass, emulator, empty_world)
    answer = await act(hass, ONBOARD, account_association_id=acme)
    assert answer == {"results": [], "summary": {}}
    assert writes(empty_world) == [START]


async def test_hub_devices(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A hub's devices are created from their own material, become ACTIVATED, and hang below the hub."""
    entry = await ready(hass, emulator, world)
    hub = world.thing_id(HUB)
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, ONBOARD, controller_id=hub)
    assert key_of(caught) == "no_discovery_of_hub"
    await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    answer = await act(hass, ONBOARD, hub_device_id=device_id(hass, entry, hub))
    assert answer["summary"] == {"already_registered": 2, "registered": 1}
    button = world.thing_id(STAIR_BUTTON)
    assert world.things[button]["ParentControllerId"] == hub
    assert world.things[button]["ProvisioningStatus"] == "ACTIVATED"
    assert world.count(PUT) == 0
    assert state(hass, "sensor", button, "provisioning_status") == "activated"
    assert state(hass, "sensor", hub, "managed_things") == "5"


@pytest.mark.parametrize("accepted", [True, False])
async def test_hub_devices_with_an_association(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    accepted: bool,  # noqa: FBT001  # parametrized
) -> None:
    """That AWS refuses to register a hub's device is told in AWS's words, and leaves the device onboarded."""
    await ready(hass, emulator, world)
    hub, acme = world.thing_id(HUB), world.association_id(ACME)
    world.set_switches(hub_devices_accept_registration=accepted, mismatched_discovery="accept")
    await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    answer = await act(hass, ONBOARD, controller_id=hub, account_association_id=acme, connector_device_id=["none"])
    assert answer["results"] == []
    fields = {"controller_id": hub, "account_association_id": acme, "model": ["LM-BTN1"]}
    if accepted:
        assert item(await act(hass, ONBOARD, **fields))["status"] == "registered"
    else:
        with pytest.raises(HomeAssistantError) as caught:
            await act(hass, ONBOARD, **fields)
        assert "The managed thing is not a cloud-to-cloud device." in str(caught.value)
    button = world.thing_id(STAIR_BUTTON)
    assert world.things[button]["ProvisioningStatus"] == "ACTIVATED"
    assert ((button, acme) in world.registrations) is accepted


async def test_names(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Devices of one name, or of none, get things of different names."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    for number, name in enumerate(["Küche Licht", "Lamp left", "Lamp left", None, LIGHT]):
        world.add_cloud_device(acme, f"odd-{number}", name)
    await discover(hass, acme)
    answer = await act(
        hass, ONBOARD, account_association_id=acme, connector_device_id=[f"odd-{number}" for number in range(5)]
    )
    assert answer["summary"] == {"registered": 5}
    names = [params["Name"] for params in params_of(world, CREATE)]
    assert len(set(names)) == 5
    assert {"Küche Licht", "Lamp left"} < set(names)
    assert LIGHT not in names


async def test_connector_device_id_with_a_dot(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """AWS's material has no place for such an id: that device fails with the reason, the others don't."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.add_cloud_device(acme, "al.1008", "Dotted lamp")
    await discover(hass, acme)
    answer = await act(hass, ONBOARD, account_association_id=acme)
    assert answer["summary"] == {"already_registered": 2, "registered": 4, "failed": 1}
    (failed,) = [row for row in answer["results"] if row["status"] == "failed"]
    assert failed["error_code"] == "connector_device_id_unsupported"
    assert "Dotted lamp" in failed["error_message"]
    assert "al.1008" not in failed["error_message"]
    assert world.count(CREATE) == 2
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, ONBOARD, account_association_id=acme, return_response=False)
    assert "Dotted lamp" in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "no_account_association_or_hub"),
        ({"account_association_id": ACME, "device_discovery_id": "f" * 32}, "unknown_device_discovery"),
        ({"account_association_id": ACME, "device_discovery_id": "no id"}, "invalid_device_discovery_id"),
        ({"account_association_id": ACME, "device_discovery_id": NORTHWIND}, "foreign_device_discovery"),
        ({"account_association_id": "f" * 32}, "unknown_account_association"),
        ({"controller_id": LIGHT}, "not_a_hub"),
        ({"controller_id": HUB, "device_discovery_id": NORTHWIND}, "foreign_device_discovery"),
    ],
)
async def test_bad_input(
    hass: HomeAssistant, emulator: Emulator, world: World, fields: dict[str, Any], key: str
) -> None:
    """Wrong input is refused before anything is written."""
    await ready(hass, emulator, world)
    given = {
        name: {
            ("account_association_id", ACME): world.association_id(ACME),
            ("controller_id", LIGHT): world.thing_id(LIGHT),
            ("controller_id", HUB): world.thing_id(HUB),
            ("device_discovery_id", NORTHWIND): world.discovery_id(world.association_id(NORTHWIND)),
        }.get((name, value), value)
        for name, value in fields.items()
    }
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, ONBOARD, **given)
    assert key_of(caught) == key
    assert writes(world) == []


async def test_unloaded_meanwhile(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An action whose account is unloaded says so; what it began is finished when the account is back."""
    make_retries_quick(monkeypatch)
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await discover(hass, acme)
    client = data_of(entry).client
    world.set_latency(0.2, CREATE)
    asked = hass.async_create_task(act(hass, ONBOARD, account_association_id=acme))
    await until(hass, lambda: CREATE in client.quota.snapshot)
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError) as caught:
        await asked
    assert key_of(caught) == "entry_unloaded"
    world.set_latency(0.0, CREATE)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(hass, lambda: data_of(entry).registrar.pending_count == 0)
    await settle(hass)
    for name in FOUND_LIGHTS:
        assert world.registrations[str(thing_named(world, name)), acme] == "ASSOCIATED"
    assert_nothing_twice(world)


@pytest.mark.parametrize("times", [1, 2])
async def test_lost_answer_creates_one_thing(hass: HomeAssistant, emulator: Emulator, world: World, times: int) -> None:
    """However often the answer gets lost, one client token makes one thing."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await discover(hass, acme)
    world.drop(CREATE, "after", times=times)
    answer = await act(hass, ONBOARD, account_association_id=acme, model=["AL-OUT1"])
    assert item(answer)["status"] == "registered"
    assert thing_named(world, "Porch light") == item(answer)["managed_thing_id"]
    assert world.count(CREATE) == times + 1
    assert len({params["ClientToken"] for params in params_of(world, CREATE)}) == 1


@pytest.mark.parametrize("fault", ["offline", "5xx"])
async def test_creation_waits_for_the_cloud(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """What can't be created now waits on disk, is shown, survives a restart, and is created once later."""
    make_retries_quick(monkeypatch)
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await discover(hass, acme)
    if fault == "offline":
        world.offline()
    else:
        world.refuse(CREATE, "InternalServerException", times=1000)
    answer = await act(hass, ONBOARD, account_association_id=acme, model=["AL-OUT1"])
    assert item(answer)["status"] == "queued"
    assert item(answer)["managed_thing_id"] is None
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    token = {params["ClientToken"] for params in params_of(world, CREATE)}
    await reload(hass, entry, online=False)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    world.offline(offline=False)
    world.faults.refusals.clear()
    for _ in range(5):
        await pass_time(hass, 1000)
    thing = thing_named(world, "Porch light")
    assert thing is not None
    assert world.registrations[thing, acme] == "ASSOCIATED"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    if token:
        assert {params["ClientToken"] for params in params_of(world, CREATE)} == token


async def test_created_but_not_noted(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A thing whose creation was never noted, because of a power cut, is registered and no longer waited for."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    discovery = await discover(hass, acme)
    world.refuse(CREATE, "InternalServerException", times=1000)
    await act(hass, ONBOARD, account_association_id=acme, model=["AL-OUT1", "AL-OUT2"])
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "2"
    porch, garden = (
        world.add_thing(
            name=name,
            status="UNASSOCIATED",
            association_id=acme,
            connector_device_id=connector_id,
        )
        for name, connector_id in (("Porch light", "al-1005"), ("Garden lantern", "al-1006"))
    )
    world.register(garden, acme, discovery_id=discovery)
    world.faults.refusals.clear()
    world.clear_requests()
    assert await poll(hass, entry)
    for _ in range(5):
        await pass_time(hass, 1000)
    assert world.count(CREATE) == 0
    assert world.registrations[porch, acme] == "ASSOCIATED"
    assert [params["ManagedThingId"] for params in params_of(world, PUT)] == [porch]
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"


async def test_created_elsewhere_meanwhile(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A thing that somebody else created since the discovery was read is found by AWS's conflict, and registered."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await discover(hass, acme)
    other = world.add_thing(
        name="Their name", status="UNASSOCIATED", association_id=acme, connector_device_id="al-1005"
    )
    answer = await act(hass, ONBOARD, account_association_id=acme, model=["AL-OUT1"])
    assert item(answer)["managed_thing_id"] == other
    assert item(answer)["status"] == "registered"
    assert world.registrations[other, acme] == "ASSOCIATED"
    assert thing_named(world, "Porch light") is None


async def test_creation_refused(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What AWS refuses for good fails in AWS's words and is not tried again; the others go on."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await discover(hass, acme)
    world.deny("iotmanagedintegrations:CreateManagedThing")
    answer = await act(hass, ONBOARD, account_association_id=acme)
    assert answer["summary"] == {"already_registered": 2, "registered": 2, "failed": 2}
    failed = [row for row in answer["results"] if row["status"] == "failed"]
    assert {row["error_code"] for row in failed} == {"AccessDeniedException"}
    assert all(row["request_id"] for row in failed)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"


async def test_throttled(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Throttled creations are sent again until they get through."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await discover(hass, acme)
    world.refuse(CREATE, "ThrottlingException", times=3)
    answer = await act(hass, ONBOARD, account_association_id=acme)
    assert answer["summary"] == {"already_registered": 2, "registered": 4}


async def test_owner(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """In a scoped account a new thing gets the owner, or it would not be in the scope."""
    acme = world.association_id(ACME)
    world.set_switches(discovery_duration=0.0)
    await loaded(hass, emulator, world, options={"owner": "robin", "requests_per_second": 100})
    await discover(hass, acme)
    await act(hass, ONBOARD, account_association_id=acme)
    assert {params["Owner"] for params in params_of(world, CREATE)} == {"robin"}
    await settle(hass)
    assert state(hass, "sensor", world.thing_id("Porch light"), "registration") == "associated"


async def test_two_at_a_time(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Onboarded twice at once, with lists that can't be read back, each device is created and registered once."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    world.refuse(LIST_REGISTRATIONS, "InternalServerException", times=20)
    await asyncio.gather(*(act(hass, ONBOARD, account_association_id=acme) for _ in range(2)))
    world.faults.refusals.clear()
    assert_nothing_twice(world)
    registered = [params["ManagedThingId"] for params in params_of(world, PUT)]
    assert len(registered) == len(set(registered)) > 0


@pytest.mark.parametrize("again", ["conflict", "ok"])
async def test_hub_devices_two_at_a_time(hass: HomeAssistant, emulator: Emulator, world: World, again: str) -> None:
    """A hub's device, which nothing but its row identifies, is created once, also if AWS would make a second thing."""
    await ready(hass, emulator, world)
    hub = world.thing_id(HUB)
    await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    world.set_switches(recreate_thing=again)
    fields = {"controller_id": hub, "model": ["LM-BTN1"]}
    answers = await asyncio.gather(*(act(hass, ONBOARD, **fields) for _ in range(2)))
    assert sorted(item(answer)["status"] for answer in answers) == ["already_registered", "registered"]
    assert world.count(CREATE) == 1
    # What was deleted meanwhile can be onboarded anew.
    world.remove_thing(world.thing_id(STAIR_BUTTON))
    await settle(hass)
    (entry,) = hass.config_entries.async_entries("mi_registration")
    await data_of(entry).coordinator.async_refresh()  # type: ignore[arg-type]  # it is a MockConfigEntry
    assert item(await act(hass, ONBOARD, **fields))["status"] == "registered"
    assert world.count(CREATE) == 2
