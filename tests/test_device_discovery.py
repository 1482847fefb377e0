"""Discovery jobs: started, followed, shown, remembered."""

import asyncio
import logging
from typing import Any

import pytest

from custom_components.mi_registration import device_discovery
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .common import (
    ACME,
    HUB,
    LIGHT,
    NORTHWIND,
    act,
    data_of,
    device_id,
    key_of,
    loaded,
    pass_time,
    press,
    state,
    writes,
)
from .engine_common import (
    FOUND_LIGHTS,
    GET_DISCOVERED,
    GET_JOB,
    LIST_FOUND,
    LIST_JOBS,
    STAIR_BUTTON,
    START,
    START_DISCOVERY,
    follow_activity,
    look_back,
    make_quick,
    params_of,
    ready,
    reload,
    settle,
    until,
)

ROW = {
    "connector_device_id",
    "name",
    "brand",
    "model",
    "device_types",
    "managed_thing_id",
    "modification",
    "registration",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


def names(answer: Any) -> list[str]:
    """Return the names of the devices in an answer, sorted."""
    return sorted(row["name"] for row in answer["devices"])


async def test_cloud(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A discovery for an association finds what the vendor's account has, and says what is registered."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    answer = await act(
        hass, START_DISCOVERY, discovery_type="cloud", association_device_id=device_id(hass, entry, acme)
    )
    (sent,) = params_of(world, START)
    assert sent.pop("ClientToken")
    assert sent == {"DiscoveryType": "CLOUD", "AccountAssociationId": acme}
    assert answer["device_discovery_id"] == world.discovery_id(acme)
    assert answer["status"] == "succeeded"
    assert answer["started_at"] <= answer["finished_at"]
    assert len(answer["devices"]) == 6
    by_name = {row["name"]: row for row in answer["devices"]}
    assert by_name[LIGHT] == {
        "connector_device_id": "al-1003",
        "name": LIGHT,
        "brand": "Acme",
        "model": "AL-GU10",
        "device_types": ["Dimmable Light"],
        "managed_thing_id": world.thing_id(LIGHT),
        "modification": "no_change",
        "registration": "not_registered",
    }
    assert by_name["Kitchen ceiling light"]["registration"] == "associated"
    assert by_name["Porch light"]["managed_thing_id"] is None
    assert by_name["Porch light"]["modification"] == "discovered"
    assert state(hass, "sensor", acme, "discovery_status") == "succeeded"
    assert state(hass, "sensor", acme, "unregistered_things") == "4"
    assert state(hass, "sensor", entry.unique_id, "unregistered_things") == "4"
    assert state(hass, "sensor", acme, "last_discovery")[:19] == answer["finished_at"][:19]


async def test_cloud_of_some_devices(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A discovery limited to some devices says nothing about the others, so the counts don't follow it."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await look_back(hass)
    answer = await act(
        hass,
        START_DISCOVERY,
        discovery_type="cloud",
        account_association_id=acme,
        connector_device_id=["al-1005", "al.10,0@6"],
    )
    assert params_of(world, START)[0]["ConnectorDeviceIdList"] == ["al-1005", "al.10,0@6"]
    assert names(answer) == ["Porch light"]
    assert state(hass, "sensor", acme, "unregistered_things") == "2"


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"discovery_type": "zigbee"}, {"DiscoveryType": "ZIGBEE"}),
        ({"discovery_type": "zwave"}, {"DiscoveryType": "ZWAVE"}),
        (
            {"discovery_type": "zwave", "install_code": "51525-35455-41424-43445"},
            {
                "DiscoveryType": "ZWAVE",
                "AuthenticationMaterial": "51525-35455-41424-43445",
                "AuthenticationMaterialType": "ZWAVE_INSTALL_CODE",
            },
        ),
        (
            {"discovery_type": "custom", "custom_protocol_detail": {"Name": "Thread", "Channel": "15"}},
            {"DiscoveryType": "CUSTOM", "CustomProtocolDetail": {"Name": "Thread", "Channel": "15"}},
        ),
    ],
)
async def test_hub(
    hass: HomeAssistant,
    *,
    emulator: Emulator,
    world: World,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, Any],
    sent: dict[str, Any],
) -> None:
    """A hub looks for devices by any of its protocols; the code of a device stays out of the log."""
    entry = await ready(hass, emulator, world)
    hub = world.thing_id(HUB)
    world.add_hub_device(hub, "custom", name="Thread sensor")
    caplog.set_level(logging.DEBUG, "custom_components")
    answer = await act(hass, START_DISCOVERY, hub_device_id=device_id(hass, entry, hub), **fields)
    (params,) = params_of(world, START)
    assert params.pop("ClientToken")
    assert params == {**sent, "ControllerIdentifier": hub}
    assert answer["status"] == "succeeded"
    assert state(hass, "sensor", hub, "discovery_status") == "succeeded"
    assert state(hass, "sensor", hub, "last_discovery")[:19] == answer["finished_at"][:19]
    match fields["discovery_type"]:
        case "zigbee":
            assert names(answer) == ["Hallway motion sensor", "Kitchen window contact", STAIR_BUTTON]
            (row,) = [row for row in answer["devices"] if row["name"] == STAIR_BUTTON]
            assert set(row) == ROW
        case "zwave":
            assert names(answer) == ["Front door lock", "Laundry plug"]
        case "custom":
            assert names(answer) == ["Thread sensor"]
    if "install_code" in fields:
        ours = [record for record in caplog.records if record.name.startswith("custom_components")]
        assert not [record for record in ours if fields["install_code"] in record.getMessage()]


async def test_lost_answer_starts_one_job(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """However often the answer gets lost, all tries carry one client token."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    before = set(world.discoveries)
    world.drop(START, "after", times=2)
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    assert set(world.discoveries) - before == {answer["device_discovery_id"]}
    assert len(params_of(world, START)) == 3
    assert len({params["ClientToken"] for params in params_of(world, START)}) == 1
    # Another discovery has another token.
    again = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    assert again["device_discovery_id"] != answer["device_discovery_id"]
    assert len({params["ClientToken"] for params in params_of(world, START)}) == 2


async def test_start_fails(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What AWS refuses for good is sent once, what may pass is sent three times; both raise in AWS's words."""
    await ready(hass, emulator, world)
    fields = {"discovery_type": "cloud", "account_association_id": world.association_id(ACME)}
    world.refuse(START, "ValidationException", message="No such thing.")
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, START_DISCOVERY, **fields)
    assert key_of(caught) == "invalid_request"
    assert "No such thing" in str(caught.value)
    assert world.count(START) == 1
    world.refuse(START, "InternalServerException", times=3)
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, START_DISCOVERY, **fields)
    assert key_of(caught) == "service_error"
    assert world.count(START) == 4
    # The third one of a row gets through.
    world.refuse(START, "InternalServerException", times=2)
    assert (await act(hass, START_DISCOVERY, **fields))["status"] == "succeeded"


async def test_running(hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a running job found shows as it arrives; looks at it become rarer."""
    pauses: list[float] = []
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    real_sleep = asyncio.sleep

    async def _sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr(device_discovery, "FOLLOW_PAUSES", (3.0, 30.0))
    monkeypatch.setattr(asyncio, "sleep", _sleep)
    world.plan_discovery(duration=70)
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme, wait=False)
    assert answer["status"] == "running"
    assert answer["finished_at"] is None
    assert state(hass, "sensor", acme, "discovery_status") == "running"
    discovery = answer["device_discovery_id"]
    discoveries = data_of(entry).discoveries
    world.advance(35)
    await until(hass, lambda: len(discoveries.devices(discovery) or ()) >= 3)
    found = await act(hass, GET_DISCOVERED, account_association_id=acme)
    assert found["status"] == "running"
    assert len(found["devices"]) == 3
    # A job that isn't over says nothing yet of what is registered or not.
    assert discoveries.unregistered(acme) == ()
    await until(hass, lambda: len(pauses) >= 9)
    assert pauses[:3] == [3.0, 4.5, 6.75]
    assert pauses[7:9] == [30.0, 30.0]
    world.advance(35)
    job = discoveries.job(discovery)
    assert job is not None
    assert (await discoveries.async_wait(job)).status == "SUCCEEDED"
    looks = [params["Identifier"] for params in params_of(world, GET_JOB)].count(discovery)
    assert len(discoveries.devices(discovery) or ()) == 6
    await settle(hass)
    assert state(hass, "sensor", acme, "discovery_status") == "succeeded"
    assert state(hass, "sensor", acme, "unregistered_things") == "4"
    # Nobody looks at it any more.
    await pass_time(hass, 60)
    assert [params["Identifier"] for params in params_of(world, GET_JOB)].count(discovery) == looks


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
async def test_job_ends_badly(hass: HomeAssistant, emulator: Emulator, world: World, status: str) -> None:
    """How a job ended is in the answer, the sensors and the events; without an answer it is an error."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    fired = follow_activity(hass, acme)
    fields = {"discovery_type": "cloud", "account_association_id": acme}
    world.plan_discovery(status=status, duration=0)
    answer = await act(hass, START_DISCOVERY, **fields)
    assert answer["status"] == status.lower()
    assert answer["finished_at"] is not None
    # What it found up to then is told, but is not all that there is.
    assert len(answer["devices"]) == 6
    assert state(hass, "sensor", acme, "unregistered_things") == "0"
    assert state(hass, "sensor", acme, "discovery_status") == status.lower()
    await hass.async_block_till_done()
    (finished,) = [attributes for kind, attributes in fired if kind == "discovery_finished"]
    assert finished["device_discovery_id"] == answer["device_discovery_id"]
    assert finished["status"] == status.lower()
    world.plan_discovery(status=status, duration=0)
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, START_DISCOVERY, return_response=False, **fields)
    assert key_of(caught) == "discovery_failed"
    assert status.lower() in str(caught.value)
    # A good one without an answer raises nothing.
    await act(hass, START_DISCOVERY, return_response=False, **fields)


async def test_own_deadline(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that AWS never ends is given up here after the time asked for."""
    monkeypatch.setattr(device_discovery, "FOLLOW_PAUSES", (0.6, 0.6))
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.plan_discovery(duration=86_400)
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme, timeout=1)
    assert answer["status"] == "timed_out"
    assert answer["finished_at"] is not None
    assert state(hass, "sensor", acme, "discovery_status") == "timed_out"
    # At AWS it still runs, so a second one is a conflict that can't be followed here.
    assert world.discoveries[answer["device_discovery_id"]]["Status"] == "RUNNING"


async def test_line_breaks_while_running(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A job is not given up because it can't be looked at for a while."""
    await ready(hass, emulator, world)
    world.refuse(GET_JOB, "InternalServerException", times=2)
    world.drop(LIST_FOUND, "before", times=2)
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=world.association_id(ACME))
    assert answer["status"] == "succeeded"
    assert len(answer["devices"]) == 6


async def test_job_that_vanishes(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A running job that AWS doesn't know any more has failed."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.refuse(GET_JOB, "ResourceNotFoundException")
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    assert answer["status"] == "failed"
    assert state(hass, "sensor", acme, "discovery_status") == "failed"


async def test_each_unknown_job_costs_one_look(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Jobs that were started elsewhere are asked about once, ever."""
    entry = await ready(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    world.add_discovery(association_id=acme, status="FAILED")
    assert world.count(GET_JOB) == 0
    await look_back(hass)
    assert world.count(LIST_JOBS) == 1
    assert world.count(GET_JOB) == 3
    # The devices of the newest succeeded one of each association, and no others.
    assert world.count(LIST_FOUND) == 2
    assert state(hass, "sensor", acme, "discovery_status") == "failed"
    assert state(hass, "sensor", northwind, "discovery_status") == "succeeded"
    assert state(hass, "sensor", acme, "unregistered_things") == "2"
    assert state(hass, "sensor", northwind, "unregistered_things") == "2"
    await reload(hass, entry)
    await look_back(hass)
    assert world.count(LIST_JOBS) == 2
    assert world.count(GET_JOB) == 3
    assert state(hass, "sensor", acme, "discovery_status") == "failed"
    assert state(hass, "sensor", acme, "unregistered_things") == "2"
    # Only the new one is asked about.
    new = world.add_discovery(association_id=acme)
    await reload(hass, entry)
    await look_back(hass)
    assert [params["Identifier"] for params in params_of(world, GET_JOB)[3:]] == [new]
    assert state(hass, "sensor", acme, "unregistered_things") == "4"


async def test_jobs_can_not_be_read(
    hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Without permission to list jobs everything else works, and the log says what is missing."""
    world.deny("iotmanagedintegrations:ListDeviceDiscoveries")
    await ready(hass, emulator, world)
    await look_back(hass)
    assert "the discovery jobs can't be read: AccessDeniedException" in caplog.text
    acme = world.association_id(ACME)
    assert state(hass, "sensor", acme, "discovery_status") == "none"
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    assert answer["status"] == "succeeded"


async def test_running_job_survives_a_restart(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A job that ran when Home Assistant stopped is followed on, and its end is announced."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.plan_discovery(duration=60)
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme, wait=False)
    await reload(hass, entry)
    fired = follow_activity(hass, acme)
    assert state(hass, "sensor", acme, "discovery_status") == "running"
    world.advance(61)
    await look_back(hass)
    assert state(hass, "sensor", acme, "discovery_status") == "succeeded"
    assert state(hass, "sensor", acme, "unregistered_things") == "4"
    assert [kind for kind, _ in fired].count("discovery_finished") == 1
    job = data_of(entry).discoveries.job(answer["device_discovery_id"])
    assert job is not None
    assert job.status == "SUCCEEDED"
    assert len(params_of(world, START)) == 1


async def test_job_started_elsewhere_is_followed(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A job that another program started shows while it runs, and when it ends."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    other = world.add_discovery(association_id=acme, status="RUNNING")
    answer = await act(hass, GET_DISCOVERED, device_discovery_id=other)
    assert answer["status"] == "running"
    assert state(hass, "sensor", acme, "discovery_status") == "running"
    # Starting one now is a conflict: the one that runs finds the same, so that one is the answer.
    fields = {"discovery_type": "cloud", "account_association_id": acme}
    joined = await act(hass, START_DISCOVERY, wait=False, **fields)
    assert joined["device_discovery_id"] == other
    assert world.count(START) == 1
    world.finish_discovery(other)
    await settle(hass)
    assert state(hass, "sensor", acme, "discovery_status") == "succeeded"
    newest = data_of(entry).discoveries.newest(acme)
    assert newest is not None
    assert newest.device_discovery_id == other


async def test_job_that_was_in_the_way_ends(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A conflict with a job that is over by now doesn't keep a new one from being started."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.refuse(START, "ConflictException")
    answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    assert answer["status"] == "succeeded"
    assert world.count(START) == 2


async def test_conflict_without_a_running_job(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A conflict for any other reason is the caller's to know."""
    await ready(hass, emulator, world)
    world.refuse(START, "ConflictException", message="Not now.", times=3)
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=world.association_id(ACME))
    assert key_of(caught) == "conflict"
    assert "Not now" in str(caught.value)


async def test_hub_offline(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A hub that isn't connected can't look for anything: nothing is started."""
    await ready(hass, emulator, world)
    hub = world.thing_id(HUB)
    world.set_connectivity(hub, False)
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    assert key_of(caught) == "hub_offline"
    assert HUB in str(caught.value)
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, hub, "discover_zigbee_devices")
    assert key_of(caught) == "hub_offline"
    assert world.count(START) == 0
    # That the connectivity can't be read keeps nobody from trying; AWS then says how it ended.
    world.deny("iotmanagedintegrations:GetManagedThingConnectivityData")
    world.set_switches(discovery_timeout=0.0)
    answer = await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    assert answer["status"] == "timed_out"
    assert state(hass, "sensor", hub, "discovery_status") == "timed_out"


async def test_buttons(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Each button starts its kind of discovery and doesn't wait for it."""
    await ready(hass, emulator, world)
    acme, hub = world.association_id(ACME), world.thing_id(HUB)
    await press(hass, acme, "discover_devices")
    await settle(hass)
    assert state(hass, "sensor", acme, "discovery_status") == "succeeded"
    await press(hass, hub, "discover_zigbee_devices")
    await settle(hass)
    await press(hass, hub, "discover_zwave_devices")
    await settle(hass)
    assert state(hass, "sensor", hub, "discovery_status") == "succeeded"
    sent = [
        (p["DiscoveryType"], p.get("AccountAssociationId", p.get("ControllerIdentifier")))
        for p in params_of(world, START)
    ]
    assert sent == [("CLOUD", acme), ("ZIGBEE", hub), ("ZWAVE", hub)]
    world.deny("iotmanagedintegrations:StartDeviceDiscovery")
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, acme, "discover_devices")
    assert key_of(caught) == "access_denied"
    assert "iotmanagedintegrations:StartDeviceDiscovery" in str(caught.value)


async def test_get_discovered_devices(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The newest job of an association or hub answers, or the one given; a finished one is read once."""
    entry = await ready(hass, emulator, world)
    acme, northwind, hub = world.association_id(ACME), world.association_id(NORTHWIND), world.thing_id(HUB)
    answer = await act(hass, GET_DISCOVERED, association_device_id=device_id(hass, entry, northwind))
    assert set(answer) == {"device_discovery_id", "status", "devices"}
    assert answer["device_discovery_id"] == world.discovery_id(northwind)
    assert len(answer["devices"]) == 4
    assert all(set(row) == ROW for row in answer["devices"])
    assert world.count(LIST_FOUND) == 1
    await act(hass, GET_DISCOVERED, association_device_id=device_id(hass, entry, northwind))
    assert world.count(LIST_FOUND) == 1
    given = await act(hass, GET_DISCOVERED, device_discovery_id=world.discovery_id(acme))
    assert len(given["devices"]) == 4
    nothing = await act(hass, GET_DISCOVERED, controller_id=hub)
    assert nothing == {"device_discovery_id": None, "status": "none", "devices": []}
    await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    found = await act(hass, GET_DISCOVERED, hub_device_id=device_id(hass, entry, hub))
    assert {row["name"]: row["registration"] for row in found["devices"]}[STAIR_BUTTON] == "not_registered"
    assert writes(world) == [START]


@pytest.mark.parametrize(
    ("service", "fields", "key"),
    [
        (START_DISCOVERY, {"discovery_type": "cloud"}, "no_account_association"),
        (START_DISCOVERY, {"discovery_type": "zigbee"}, "no_hub"),
        (START_DISCOVERY, {"discovery_type": "zigbee", "controller_id": "nothing"}, "not_a_hub"),
        (START_DISCOVERY, {"discovery_type": "cloud", "controller_id": HUB}, "hub_not_used"),
        (
            START_DISCOVERY,
            {"discovery_type": "cloud", "account_association_id": ACME, "controller_id": HUB},
            "hub_not_used",
        ),
        (START_DISCOVERY, {"discovery_type": "zwave", "account_association_id": ACME}, "account_association_not_used"),
        (
            START_DISCOVERY,
            {"discovery_type": "zigbee", "account_association_id": ACME, "controller_id": HUB},
            "account_association_not_used",
        ),
        (START_DISCOVERY, {"discovery_type": "zigbee", "controller_id": "no hub"}, "invalid_controller_id"),
        (START_DISCOVERY, {"discovery_type": "custom", "controller_id": HUB}, "no_protocol_name"),
        (
            START_DISCOVERY,
            {"discovery_type": "custom", "controller_id": HUB, "custom_protocol_detail": {"Channel": "1"}},
            "no_protocol_name",
        ),
        (
            START_DISCOVERY,
            {"discovery_type": "cloud", "account_association_id": ACME, "connector_device_id": ["a b"]},
            "invalid_connector_device_id",
        ),
        (
            START_DISCOVERY,
            {
                "discovery_type": "cloud",
                "account_association_id": ACME,
                "connector_device_id": [f"d-{number}" for number in range(101)],
            },
            "too_many_connector_device_ids",
        ),
        (
            START_DISCOVERY,
            {"discovery_type": "cloud", "account_association_id": ACME, "install_code": "1"},
            "field_of_other_discovery",
        ),
        (
            START_DISCOVERY,
            {"discovery_type": "zigbee", "controller_id": HUB, "connector_device_id": ["d"]},
            "field_of_other_discovery",
        ),
        (
            START_DISCOVERY,
            {"discovery_type": "zwave", "controller_id": HUB, "custom_protocol_detail": {"Name": "x"}},
            "field_of_other_discovery",
        ),
        (GET_DISCOVERED, {}, "no_account_association_or_hub"),
        (GET_DISCOVERED, {"device_discovery_id": "no-id"}, "invalid_device_discovery_id"),
        (GET_DISCOVERED, {"device_discovery_id": "f" * 32}, "unknown_device_discovery"),
    ],
)
async def test_bad_input(
    hass: HomeAssistant, *, emulator: Emulator, world: World, service: str, fields: dict[str, Any], key: str
) -> None:
    """Wrong input is refused before anything is written."""
    await ready(hass, emulator, world)
    ids = {HUB: world.thing_id(HUB), ACME: world.association_id(ACME)}
    given = {name: ids.get(value, value) if isinstance(value, str) else value for name, value in fields.items()}
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, service, **given)
    assert key_of(caught) == key
    assert writes(world) == []


async def test_101_connector_device_ids_are_counted(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A hundred are accepted."""
    await ready(hass, emulator, world)
    answer = await act(
        hass,
        START_DISCOVERY,
        discovery_type="cloud",
        account_association_id=world.association_id(ACME),
        connector_device_id=[f"d-{number}" for number in range(100)],
    )
    assert answer["devices"] == []


@pytest.mark.parametrize("service", [START_DISCOVERY, "onboard_discovered_devices"])
async def test_authorization_expired(hass: HomeAssistant, emulator: Emulator, world: World, service: str) -> None:
    """While the end user has to authorize again, nothing is sent."""
    acme = world.association_id(ACME)
    world.set_association_state(acme, "REFRESH_TOKEN_EXPIRED")
    await ready(hass, emulator, world)
    world.clear_requests()
    fields = {"discovery_type": "cloud"} if service == START_DISCOVERY else {}
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, service, account_association_id=acme, **fields)
    assert key_of(caught) == "authorization_expired"
    assert ACME in str(caught.value)
    assert world.requests == []


async def test_found_devices_are_announced_once(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What a first look back sees is no news; what a discovery finds afterwards is, once for each device."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    fired = follow_activity(hass, acme)

    def found() -> list[str]:
        return [attributes["name"] for kind, attributes in fired if kind == "device_found"]

    await look_back(hass)
    assert found() == []
    await press(hass, acme, "discover_devices")
    await settle(hass)
    assert sorted(found()) == sorted(FOUND_LIGHTS)
    await press(hass, acme, "discover_devices")
    await settle(hass)
    await reload(hass, entry)
    await look_back(hass)
    await press(hass, acme, "discover_devices")
    await settle(hass)
    assert sorted(found()) == sorted(FOUND_LIGHTS)
    world.add_cloud_device(acme, "al-1007", "Shed light")
    await press(hass, acme, "discover_devices")
    await settle(hass)
    assert sorted(found()) == sorted([*FOUND_LIGHTS, "Shed light"])
    assert [kind for kind, _ in fired].count("discovery_finished") == 4


async def test_only_some_jobs_are_kept(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest jobs of an association are forgotten, others' aren't; what is forgotten isn't asked about again."""
    monkeypatch.setattr(device_discovery, "JOBS_KEPT", 2)
    entry = await ready(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    await look_back(hass)
    oldest = world.discovery_id(acme)
    for _ in range(3):
        await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    discoveries = data_of(entry).discoveries
    assert len(discoveries.jobs_of(acme)) == 2
    assert len(discoveries.jobs_of(northwind)) == 1
    looks = world.count(GET_JOB)
    await reload(hass, entry)
    await look_back(hass)
    assert world.count(GET_JOB) == looks
    # Who names it gets it all the same.
    assert len((await act(hass, GET_DISCOVERED, device_discovery_id=oldest))["devices"]) == 4


async def test_scoped_entry_leaves_other_homes_jobs_alone(
    hass: HomeAssistant, emulator: Emulator, world: World
) -> None:
    """In a provider's account most jobs are others': they are neither listed nor shown."""
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    world.set_switches(discovery_duration=0.0)
    await loaded(hass, emulator, world, association_ids=[acme], options={"owner": "robin"})
    await look_back(hass)
    assert world.count(LIST_JOBS) == 0
    with pytest.raises(ServiceValidationError) as caught:
        await act(hass, GET_DISCOVERED, device_discovery_id=world.discovery_id(northwind))
    assert key_of(caught) == "unknown_device_discovery"
    own = await act(hass, GET_DISCOVERED, device_discovery_id=world.discovery_id(acme))
    assert len(own["devices"]) == 4
