"""Matching managed things with devices of other integrations."""

from collections.abc import Iterable
import json
import logging
from pathlib import Path
import re
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.mi_registration import matcher as matching
from custom_components.mi_registration.const import CONF_OWNER, CONF_REQUESTS_PER_SECOND
from custom_components.mi_registration.match_keys import MatchReason, normalized_address, normalized_serial
from custom_components.mi_registration.matcher import Match, Matcher
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
from homeassistant.setup import async_setup_component

from .common import ACME, device, device_id, key_of, loaded, pass_time, poll, shorten_waits

DETAILS = "GetManagedThing"
FAST = {CONF_REQUESTS_PER_SECOND: 100}
MAC = "02:00:5e:20:00:07"
IEEE = "00:15:8d:00:01:23:45:67"
DSK = "12345-23456-34567-45678-56789-11111-22222-33333"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Let each test have files of its own."""
    return hass_tmp_config_dir


@pytest.fixture
def other(hass: HomeAssistant) -> MockConfigEntry:
    """Add the entry of another integration, which has no code here."""
    entry = MockConfigEntry(domain="zha", title="Zigbee")
    entry.add_to_hass(hass)
    return entry


def local(
    hass: HomeAssistant, entry: MockConfigEntry, name: str = "lamp", *, identifier: str | None = None, **details: Any
) -> str:
    """Register a device of another integration and return its id."""
    details.setdefault("name", name)
    found = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(entry.domain, identifier or f"local {name}")}, **details
    )
    return found.id


async def set_up(hass: HomeAssistant, emulator: Emulator, world: World, **options: Any) -> MockConfigEntry:
    """Set an entry up, and read no details yet."""
    return await loaded(hass, emulator, world, options={**FAST, **options})


async def read_details(hass: HomeAssistant) -> None:
    """Let the matcher read what it has to read."""
    await pass_time(hass, matching.DETAILS_DELAY + 1)


def matcher_of(entry: MockConfigEntry) -> Matcher:
    """Return the matcher of a loaded entry."""
    found: Matcher = entry.runtime_data.matcher
    return found


def pairs(entry: MockConfigEntry) -> dict[str, str]:
    """Return the local device of each matched thing."""
    return {thing_id: match.device_id for thing_id, match in matcher_of(entry).matches.items()}


def stored(hass_storage: dict[str, Any], entry: MockConfigEntry) -> Any:
    """Return what the matcher keeps on disk."""
    return hass_storage[f"mi_registration.{entry.entry_id}.matching"]["data"]


@pytest.mark.parametrize(
    ("members", "details", "reason"),
    [
        pytest.param(
            {"MacAddress": "02-00-5E-20-00-07"},
            {"connections": {(dr.CONNECTION_NETWORK_MAC, MAC)}},
            MatchReason.MAC_ADDRESS,
            id="MAC address",
        ),
        pytest.param(
            {"MacAddress": "02005e200007"},
            {"identifier": "02:00:5E:20:00:07"},
            MatchReason.MAC_ADDRESS,
            id="MAC address as identifier",
        ),
        pytest.param(
            {"MacAddress": "00158D0001234567"},
            {"connections": {(dr.CONNECTION_ZIGBEE, IEEE)}},
            MatchReason.ZIGBEE_ADDRESS,
            id="Zigbee address",
        ),
        pytest.param(
            {"MacAddress": IEEE},
            {"identifier": "zigbee2mqtt_0x00158d0001234567"},
            MatchReason.ZIGBEE_ADDRESS,
            id="Zigbee address behind a prefix",
        ),
        pytest.param(
            {"DeviceSpecificKey": DSK},
            {"identifier": f"provision_{DSK}"},
            MatchReason.DSK,
            id="DSK of a device that Z-Wave JS expects",
        ),
        pytest.param(
            {"DeviceSpecificKey": DSK}, {"serial_number": DSK.replace("-", "")}, MatchReason.DSK, id="DSK as serial"
        ),
        pytest.param(
            {"SerialNumber": "LM-B1 000A7"}, {"serial_number": "lmb1000a7"}, MatchReason.SERIAL_NUMBER, id="serial"
        ),
    ],
)
async def test_reasons(
    hass: HomeAssistant,
    emulator: Emulator,
    empty_world: World,
    other: MockConfigEntry,
    *,
    members: dict[str, Any],
    details: dict[str, Any],
    reason: MatchReason,
) -> None:
    """One shared value of any kind is a match that names its reason; a device without one is none."""
    thing = empty_world.add_thing(name="Stair lamp", **members)
    empty_world.add_thing(name="Another")
    lamp = local(hass, other, **details)
    local(hass, other, "unrelated", serial_number="else-4711", connections={(dr.CONNECTION_ZIGBEE, IEEE[:-1] + "8")})
    entry = await set_up(hass, emulator, empty_world)
    await read_details(hass)
    assert dict(matcher_of(entry).matches) == {thing: Match(managed_thing_id=thing, device_id=lamp, reasons=(reason,))}
    assert matcher_of(entry).things_of(lamp) == [thing]
    assert matcher_of(entry).local_device_ids(thing) == [lamp]
    assert matcher_of(entry).ambiguous == {}


async def test_zwave_node(hass: HomeAssistant, emulator: Emulator, empty_world: World) -> None:
    """A Z-Wave device is known by its home id and node, which Z-Wave JS writes as numbers."""
    zwave = MockConfigEntry(domain="zwave_js")
    zwave.add_to_hass(hass)
    thing = empty_world.add_thing(name="Plug", MacAddress="0xC0DE1234-12")
    plug = local(hass, zwave, identifier=f"{0xC0DE1234}-12")
    local(hass, zwave, "next", identifier=f"{0xC0DE1234}-1")
    entry = await set_up(hass, emulator, empty_world)
    await read_details(hass)
    assert pairs(entry) == {thing: plug}
    assert matcher_of(entry).matches[thing].reasons == (MatchReason.ZWAVE_ADDRESS,)


@pytest.mark.parametrize(
    "details", [{"identifier": "acme.bulb-7F@x"}, {"serial_number": "ACME.BULB 7F@X"}], ids=["identifier", "serial"]
)
async def test_connector_device_id(
    hass: HomeAssistant, emulator: Emulator, world: World, other: MockConfigEntry, details: dict[str, str]
) -> None:
    """The vendor's id of a cloud device is an identifier or the serial number of the local one."""
    thing = world.add_thing(
        name="Desk lamp", association_id=world.association_id(ACME), connector_device_id="acme.bulb-7F@x"
    )
    lamp = local(hass, other, **details)
    entry = await set_up(hass, emulator, world)
    assert pairs(entry) == {thing: lamp}
    assert matcher_of(entry).matches[thing].reasons == (MatchReason.CONNECTOR_DEVICE_ID,)


@pytest.mark.parametrize("serial", ["1", "00000000", "unknown", "N-O-N-E", "--- ---"])
async def test_what_says_nothing(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry, serial: str
) -> None:
    """Serial numbers that no vendor made unique match nothing."""
    empty_world.add_thing(name="Lamp", SerialNumber=serial)
    local(hass, other, serial_number=serial)
    entry = await set_up(hass, emulator, empty_world)
    assert pairs(entry) == {}
    assert matcher_of(entry).ambiguous == {}


async def test_devices_that_never_match(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """Services and devices of this integration, also of another account, are no local devices."""
    thing = empty_world.add_thing(name="Lamp", SerialNumber="SN-4711")
    local(hass, other, serial_number="SN-4711", entry_type=dr.DeviceEntryType.SERVICE)
    second = emulator.create_world("empty")
    second.add_thing(name="Lamp", SerialNumber="SN-4711")
    entry = await set_up(hass, emulator, empty_world)
    await set_up(hass, emulator, second)
    assert matcher_of(entry).candidates(thing) == []


async def test_two_devices_for_one_thing(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """Of two equally good devices none is taken; one with more reasons is."""
    thing = empty_world.add_thing(name="Lamp", SerialNumber="SN-4711", MacAddress=MAC)
    first, second = (
        local(hass, other, name, serial_number="sn4711", identifier=f"id of {name}") for name in ("one", "two")
    )
    entry = await set_up(hass, emulator, empty_world)
    await read_details(hass)
    assert pairs(entry) == {}
    assert matcher_of(entry).local_device_ids(thing) == []
    assert {match.device_id for match in matcher_of(entry).candidates(thing)} == {first, second}
    assert set(matcher_of(entry).ambiguous) == {thing}

    dr.async_get(hass).async_update_device(second, new_connections={(dr.CONNECTION_NETWORK_MAC, MAC)})
    await hass.async_block_till_done()
    assert pairs(entry) == {thing: second}
    assert matcher_of(entry).matches[thing].reasons == (MatchReason.MAC_ADDRESS, MatchReason.SERIAL_NUMBER)
    assert [match.device_id for match in matcher_of(entry).candidates(thing)] == [second, first]
    assert matcher_of(entry).ambiguous == {}


async def test_two_things_for_one_device(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """Of two equally good things none is taken, until one of them goes."""
    things = [empty_world.add_thing(name=name, SerialNumber="SN-4711") for name in ("Lamp", "Lamp again")]
    lamp = local(hass, other, serial_number="SN-4711")
    entry = await set_up(hass, emulator, empty_world)
    assert pairs(entry) == {}
    assert matcher_of(entry).things_of(lamp) == []
    assert set(matcher_of(entry).ambiguous) == set(things)
    empty_world.remove_thing(things[0])
    assert await poll(hass, entry)
    assert pairs(entry) == {things[1]: lamp}


async def test_value_shared_by_many(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """A serial number that a whole batch of things has isn't even a candidate."""
    things = [
        empty_world.add_thing(name=f"Lamp {number}", SerialNumber="0123456789")
        for number in range(matching.MAX_SHARED + 1)
    ]
    local(hass, other, serial_number="0123456789")
    entry = await set_up(hass, emulator, empty_world)
    assert matcher_of(entry).ambiguous == {}
    empty_world.remove_thing(things[0])
    assert await poll(hass, entry)
    assert len(matcher_of(entry).ambiguous) == matching.MAX_SHARED


async def test_user_decides(
    hass: HomeAssistant,
    emulator: Emulator,
    empty_world: World,
    other: MockConfigEntry,
) -> None:
    """What the user matched or took apart overrules everything, and is remembered over reloads."""
    thing = empty_world.add_thing(name="Lamp", SerialNumber="SN-4711")
    lamp = local(hass, other, serial_number="SN-4711")
    socket = local(hass, other, "socket")
    entry = await set_up(hass, emulator, empty_world)
    assert pairs(entry) == {thing: lamp}

    await matcher_of(entry).async_unmatch(lamp, thing)
    assert pairs(entry) == {}
    assert matcher_of(entry).candidates(thing) == []
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert pairs(entry) == {}
    dr.async_get(hass).async_update_device(lamp, sw_version="2")
    assert await poll(hass, entry)
    assert pairs(entry) == {}

    await matcher_of(entry).async_match(socket, thing)
    assert matcher_of(entry).matches[thing].reasons == (MatchReason.CONFIRMED,)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert pairs(entry) == {thing: socket}
    assert matcher_of(entry).matches[thing].is_confirmed

    await matcher_of(entry).async_match(lamp, thing)
    assert pairs(entry) == {thing: lamp}
    assert matcher_of(entry).matches[thing].reasons == (MatchReason.CONFIRMED, MatchReason.SERIAL_NUMBER)
    assert matcher_of(entry).things_of(socket) == []

    await matcher_of(entry).async_unmatch(lamp, thing)
    assert pairs(entry) == {}


async def test_one_device_for_several_things(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """The user may say that two things are parts of one device; what only looks like it then gives way."""
    found, first, second = (
        empty_world.add_thing(name=name, SerialNumber=serial)
        for name, serial in (("Strip", "SN-4711"), ("Socket 1", "SN-1"), ("Socket 2", "SN-2"))
    )
    strip = local(hass, other, serial_number="SN-4711")
    entry = await set_up(hass, emulator, empty_world)
    assert matcher_of(entry).things_of(strip) == [found]
    for thing in (first, second):
        await matcher_of(entry).async_match(strip, thing)
    assert sorted(matcher_of(entry).things_of(strip)) == sorted([first, second])


async def test_child_device(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """A part of a local device is matched only by the user, and followed when it goes."""
    thing = empty_world.add_thing(name="Socket", SerialNumber="SN-4711")
    strip = local(hass, other)
    registry = dr.async_get(hass)
    child = registry.async_get_or_create_child(
        config_entry_id=other.entry_id, parent_device_id=strip, identifiers={("zha", "SN-4711")}, name="Socket"
    )
    entry = await set_up(hass, emulator, empty_world)
    assert pairs(entry) == {}
    await matcher_of(entry).async_match(child.id, thing)
    assert pairs(entry) == {thing: child.id}
    registry.async_remove_device(child.id)
    await hass.async_block_till_done()
    assert pairs(entry) == {}


async def test_refused(
    hass: HomeAssistant, emulator: Emulator, world: World, other: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """What can't be matched is refused in words, and nothing is remembered."""
    entry = await set_up(hass, emulator, world)
    lamp = local(hass, other)
    thing = next(iter(world.things))
    for method in (matcher_of(entry).async_match, matcher_of(entry).async_unmatch):
        for device_, thing_, key in (
            ("nothing", thing, "device_not_found"),
            (lamp, "nothing", "unknown_managed_thing"),
            (device_id(hass, entry, thing), thing, "own_device"),
            (device_id(hass, entry, entry.unique_id), thing, "own_device"),
        ):
            with pytest.raises(ServiceValidationError) as caught:
                await method(device_, thing_)
            assert key_of(caught) == key
    assert pairs(entry) == {}
    await hass.config_entries.async_unload(entry.entry_id)
    assert stored(hass_storage, entry)["matches"] == {}
    assert stored(hass_storage, entry)["unmatched"] == []


async def test_scope(hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry) -> None:
    """Things of other owners are neither matched nor read."""
    mine = empty_world.add_thing(name="Mine", Owner="me", MacAddress=MAC, SerialNumber="SN-4711")
    theirs = empty_world.add_thing(name="Theirs", Owner="them", MacAddress=MAC, SerialNumber="SN-4711")
    lamp = local(hass, other, serial_number="SN-4711")
    entry = await set_up(hass, emulator, empty_world, **{CONF_OWNER: "me"})
    await read_details(hass)
    assert pairs(entry) == {mine: lamp}
    assert read_of(empty_world) == [mine]
    with pytest.raises(ServiceValidationError) as caught:
        await matcher_of(entry).async_match(lamp, theirs)
    assert key_of(caught) == "unknown_managed_thing"


def read_of(world: World) -> list[str]:
    """Return the things whose details were read, in order."""
    return [request.params["Identifier"] for request in world.requests if request.operation == DETAILS]


async def test_details_are_read_once(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_storage: dict[str, Any]
) -> None:
    """One call per thing, ever; another only for a thing whose UpdatedAt moved."""
    entry = await set_up(hass, emulator, world)
    assert read_of(world) == []
    await read_details(hass)
    assert sorted(read_of(world)) == sorted(world.things)

    assert await poll(hass, entry)
    await read_details(hass)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert await poll(hass, entry)
    await read_details(hass)
    assert sorted(read_of(world)) == sorted(world.things)

    changed = next(iter(world.things))
    world.advance(60)
    world.update_thing(changed, MacAddress=MAC)
    added = world.add_thing(name="New lamp", MacAddress=IEEE)
    world.clear_requests()
    assert await poll(hass, entry)
    await read_details(hass)
    assert sorted(read_of(world)) == sorted([changed, added])
    await read_details(hass)
    assert len(read_of(world)) == 2

    world.remove_thing(added)
    assert await poll(hass, entry)
    await hass.config_entries.async_unload(entry.entry_id)
    assert set(stored(hass_storage, entry)["keys"]) == set(world.things)


async def test_details_denied(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    other: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A missing permission costs one call per synchronisation, is logged once, and hurts nothing else."""
    world.deny(f"iotmanagedintegrations:{DETAILS}")
    world.deny(f"iot-managed-integrations:{DETAILS}")
    thing = world.add_thing(name="Lamp", SerialNumber="SN-4711")
    lamp = local(hass, other, serial_number="SN-4711")
    entry = await set_up(hass, emulator, world)
    await read_details(hass)
    assert len(read_of(world)) == 1
    await read_details(hass)
    assert len(read_of(world)) == 1
    for count in (2, 3):
        assert await poll(hass, entry)
        await read_details(hass)
        assert len(read_of(world)) == count
    assert len(set(read_of(world))) == 3
    warnings = [row for row in caplog.records if row.levelno >= logging.WARNING and row.name.endswith(".matcher")]
    assert len(warnings) == 1
    assert "GetManagedThing" in warnings[0].message
    assert pairs(entry) == {thing: lamp}

    world.allow(f"iotmanagedintegrations:{DETAILS}")
    world.allow(f"iot-managed-integrations:{DETAILS}")
    world.clear_requests()
    assert await poll(hass, entry)
    await read_details(hass)
    assert sorted(read_of(world)) == sorted(world.things)


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
async def test_details_of_one_thing_refused(hass: HomeAssistant, emulator: Emulator, world: World, code: str) -> None:
    """What AWS can't tell of one thing doesn't keep the others from being read, and isn't asked at every poll."""
    entry = await set_up(hass, emulator, world)
    world.refuse(DETAILS, code)
    await read_details(hass)
    assert sorted(read_of(world)) == sorted(world.things)
    assert await poll(hass, entry)
    await read_details(hass)
    assert sorted(read_of(world)) == sorted(world.things)


# Home Assistant's own HTTP server uses what aiohttp advises against.
@pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")
async def test_connections(
    hass: HomeAssistant,
    emulator: Emulator,
    empty_world: World,
    other: MockConfigEntry,
    hass_ws_client: WebSocketGenerator,
) -> None:
    """Home Assistant itself shows the link of devices that share an address, and loses it with the address."""
    hub = empty_world.add_thing(name="Hub", role="CONTROLLER", MacAddress=MAC.upper())
    lamp = empty_world.add_thing(name="Lamp", MacAddress="0x00158D0001234567")
    odd = empty_world.add_thing(name="Odd", MacAddress="none of your business")
    local_hub = local(hass, other, "hub", connections={(dr.CONNECTION_NETWORK_MAC, MAC)})
    local_lamp = local(hass, other, connections={(dr.CONNECTION_ZIGBEE, IEEE)})
    entry = await set_up(hass, emulator, empty_world)
    await read_details(hass)
    assert pairs(entry) == {hub: local_hub, lamp: local_lamp}
    assert await async_setup_component(hass, "config", {})
    client = await hass_ws_client(hass)
    await client.send_json_auto_id({"type": "config/device_registry/list_linked_devices", "device_id": local_lamp})
    answer = await client.receive_json()
    assert answer["result"] == {"linked_devices": [device_id(hass, entry, lamp)]}
    assert connections_of(hass, entry, hub) == {(dr.CONNECTION_NETWORK_MAC, MAC)}
    assert connections_of(hass, entry, odd) == set()

    # They outlive polls and reloads, which don't read them again.
    empty_world.update_thing(lamp, status="ISOLATED")
    assert await poll(hass, entry)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert connections_of(hass, entry, lamp) == {(dr.CONNECTION_ZIGBEE, IEEE)}
    assert pairs(entry) == {hub: local_hub, lamp: local_lamp}

    empty_world.advance(60)
    empty_world.update_thing(lamp, MacAddress=IEEE[:-2] + "99")
    assert await poll(hass, entry)
    await read_details(hass)
    assert connections_of(hass, entry, lamp) == {(dr.CONNECTION_ZIGBEE, IEEE[:-2] + "99")}
    assert pairs(entry) == {hub: local_hub}


def connections_of(hass: HomeAssistant, entry: MockConfigEntry, aws_id: str) -> set[tuple[str, str]]:
    """Return the connections of the device that stands for a thing."""
    found = device(hass, entry, aws_id)
    assert found is not None
    return found.connections


async def test_two_things_with_one_address(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """One of them is linked, the other one does no harm, and no log says the address."""
    things = [empty_world.add_thing(name=name, MacAddress=MAC) for name in ("Lamp", "Lamp again")]
    entry = await set_up(hass, emulator, empty_world)
    with caplog.at_level(logging.DEBUG, "custom_components.mi_registration"):
        await read_details(hass)
    assert sorted(read_of(empty_world)) == sorted(things)
    assert sorted(len(connections_of(hass, entry, thing)) for thing in things) == [0, 1]
    ours = [row.getMessage() for row in caplog.records if row.name.startswith("custom_components.mi_registration")]
    assert not [text for text in ours if MAC in text]
    assert [text for text in ours if "another one" in text]


async def test_local_device_comes_changes_and_goes(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """The device registry's events are enough, no synchronisation is needed."""
    thing = empty_world.add_thing(name="Lamp", SerialNumber="SN-4711")
    entry = await set_up(hass, emulator, empty_world)
    empty_world.clear_requests()
    registry = dr.async_get(hass)
    assert pairs(entry) == {}
    lamp = local(hass, other, serial_number="SN-4711")
    await hass.async_block_till_done()
    assert pairs(entry) == {thing: lamp}
    registry.async_update_device(lamp, serial_number="SN-4712")
    await hass.async_block_till_done()
    assert pairs(entry) == {}
    registry.async_update_device(lamp, serial_number="sn 4711")
    await hass.async_block_till_done()
    assert pairs(entry) == {thing: lamp}
    registry.async_remove_device(lamp)
    await hass.async_block_till_done()
    assert pairs(entry) == {}
    assert matcher_of(entry).things_of(lamp) == []
    # A device that comes back is what the user decided about.
    lamp = local(hass, other, serial_number="SN-4711")
    await matcher_of(entry).async_match(lamp, thing)
    registry.async_remove_device(lamp)
    await hass.async_block_till_done()
    assert pairs(entry) == {}
    assert local(hass, other, serial_number="SN-9999") == lamp
    await hass.async_block_till_done()
    assert pairs(entry) == {thing: lamp}
    assert empty_world.requests == []


async def test_thing_changes(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """A thing that comes, changes or goes is followed by each synchronisation."""
    lamp = local(hass, other, serial_number="SN-4711")
    entry = await set_up(hass, emulator, empty_world)
    thing = empty_world.add_thing(name="Lamp", SerialNumber="SN-4711")
    assert await poll(hass, entry)
    assert pairs(entry) == {thing: lamp}
    empty_world.update_thing(thing, SerialNumber="SN-4712")
    assert await poll(hass, entry)
    assert pairs(entry) == {}
    empty_world.update_thing(thing, SerialNumber="SN-4711")
    assert await poll(hass, entry)
    assert pairs(entry) == {thing: lamp}
    empty_world.remove_thing(thing)
    assert await poll(hass, entry)
    assert pairs(entry) == {}


async def test_matches_are_known_without_the_cloud(
    hass: HomeAssistant, emulator: Emulator, world: World, other: MockConfigEntry
) -> None:
    """A start while AWS can't be reached finds the same matches, though no serial number or address is on disk."""
    association_id = world.association_id(ACME)
    things = [
        world.add_thing(name="One", SerialNumber="SN-4711"),
        world.add_thing(name="Two", MacAddress=IEEE),
        world.add_thing(name="Three", association_id=association_id, connector_device_id="acme.three"),
    ]
    expected = {
        things[0]: local(hass, other, "one", serial_number="SN-4711"),
        things[1]: local(hass, other, "two", connections={(dr.CONNECTION_ZIGBEE, IEEE)}),
        things[2]: local(hass, other, "three", identifier="acme.three"),
    }
    entry = await set_up(hass, emulator, world)
    await read_details(hass)
    assert pairs(entry) == expected
    await hass.config_entries.async_unload(entry.entry_id)
    world.offline()
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not entry.runtime_data.coordinator.last_update_success
    assert pairs(entry) == expected


async def test_suggestions(hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry) -> None:
    """Same brand, model and name is only a suggestion, whatever characters AWS had to leave out."""
    names = {"Küche Licht": "Küche/Licht", "Lamp left": "Lamp (left)", "Front door": "Front door 🔒"}
    things = {name: empty_world.add_thing(name=name, Brand="Acme", Model="AC-1") for name in names}
    empty_world.add_thing(name="Bare")
    devices = {
        name: local(hass, other, local_name, manufacturer="ACME", model="AC 1") for name, local_name in names.items()
    }
    local(hass, other, "🔒", manufacturer="Acme", model="AC-1")
    entry = await set_up(hass, emulator, empty_world)
    matcher = matcher_of(entry)
    assert pairs(entry) == {}
    assert {name: matcher.suggestions(thing) for name, thing in things.items()} == {
        name: [device_] for name, device_ in devices.items()
    }
    assert matcher.suggestions("nothing") == []
    twin = local(hass, other, "twin", manufacturer="Acme", model="AC-1")
    dr.async_get(hass).async_update_device(twin, name_by_user="lamp_LEFT")
    await hass.async_block_till_done()
    assert matcher.suggestions(things["Lamp left"]) == sorted([devices["Lamp left"], twin])

    await matcher.async_match(devices["Lamp left"], things["Lamp left"])
    assert matcher.suggestions(things["Lamp left"]) == []
    await matcher.async_unmatch(devices["Front door"], things["Front door"])
    assert matcher.suggestions(things["Front door"]) == []


async def test_odd_devices(hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry) -> None:
    """Identifiers and names of any characters are taken as they are."""
    thing = empty_world.add_thing(name="Größe 2.0_ä-x", SerialNumber="Ab_ 1-2 ")
    local(hass, other, "🔒/\\\x00 'x' {y}", identifier="ß_🔒_", serial_number="🔒" * 300)
    lamp = local(hass, other, "", identifier="_", serial_number=" aB_12")
    entry = await set_up(hass, emulator, empty_world)
    assert pairs(entry) == {thing: lamp}


async def test_nothing_sensitive_is_stored(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    other: MockConfigEntry,
    hass_storage: dict[str, Any],
) -> None:
    """Neither addresses and keys nor serial numbers and vendors' ids are in the files of this integration."""
    thing = world.add_thing(
        name="Lamp",
        SerialNumber="SN-4711-X",
        MacAddress=MAC,
        DeviceSpecificKey=DSK,
        association_id=world.association_id(ACME),
        connector_device_id="acme.secret-7",
    )
    lamp = local(hass, other, serial_number="sn4711x", connections={(dr.CONNECTION_NETWORK_MAC, MAC)})
    entry = await set_up(hass, emulator, world)
    await read_details(hass)
    assert pairs(entry)[thing] == lamp
    await hass.config_entries.async_unload(entry.entry_id)
    assert len(stored(hass_storage, entry)["keys"][thing][1]) == 5
    text = json.dumps({key: data for key, data in hass_storage.items() if key.startswith("mi_registration.")}).lower()
    assert thing in text
    sensitive = ["sn-4711-x", "sn4711x", MAC, MAC.replace(":", ""), DSK, DSK.replace("-", ""), "acme.secret"]
    assert [value for value in sensitive if value in text] == []


async def test_foreign_devices_stay_untouched(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    """Matching, unloading and removing leave the devices of others exactly as they were."""
    thing = empty_world.add_thing(name="Lamp", SerialNumber="SN-4711", MacAddress=MAC, Brand="Acme", Model="X")
    local(hass, other, serial_number="SN-4711", connections={(dr.CONNECTION_NETWORK_MAC, MAC)})
    second = local(hass, other, "second")
    before = foreign(hass, other)
    entry = await set_up(hass, emulator, empty_world)
    await read_details(hass)
    assert thing in pairs(entry)
    await matcher_of(entry).async_match(second, thing)
    assert foreign(hass, other) == before
    await hass.config_entries.async_unload(entry.entry_id)
    assert foreign(hass, other) == before
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done()
    assert foreign(hass, other) == before
    assert f"mi_registration.{entry.entry_id}.matching" not in hass_storage


def foreign(hass: HomeAssistant, entry: MockConfigEntry) -> list[dict[str, Any]]:
    """Return everything the registry knows of another integration's devices."""
    return [found.dict_repr for found in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)]


async def test_unload_ends_everything(
    hass: HomeAssistant, emulator: Emulator, empty_world: World, other: MockConfigEntry
) -> None:
    """After unloading nothing is read, noted or scheduled any more."""
    empty_world.add_thing(name="Lamp", SerialNumber="SN-4711")
    entry = await set_up(hass, emulator, empty_world)
    matcher = matcher_of(entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    empty_world.clear_requests()
    await read_details(hass)
    local(hass, other, serial_number="SN-4711")
    await hass.async_block_till_done()
    assert empty_world.requests == []
    assert matcher.matches == {}


def put_file(hass: HomeAssistant, name: str) -> None:
    """Put a file where Home Assistant's mock of the disk has none that could be renamed."""
    path = Path(hass.config.path(".storage", name))
    path.parent.mkdir(exist_ok=True)
    path.touch()


def files_like(hass: HomeAssistant, name: str) -> list[str]:
    """Return the names of the files that start with a name, without the time at their end."""
    return [
        re.sub(r"\.corrupt\..*", ".corrupt", path.name) for path in Path(hass.config.path(".storage")).glob(f"{name}*")
    ]


@pytest.mark.parametrize(
    "garbage",
    [{}, {"matches": [], "unmatched": [], "keys": {}}, {"matches": {}, "unmatched": [1], "keys": {}}],
    ids=["empty", "list", "row"],
)
async def test_garbage_on_disk(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    other: MockConfigEntry,
    hass_storage: dict[str, Any],
    *,
    garbage: dict[str, Any],
) -> None:
    """A file that can't be understood is kept aside, and everything is read anew."""
    thing = world.add_thing(name="Lamp", SerialNumber="SN-4711")
    lamp = local(hass, other, serial_number="SN-4711")
    entry = await set_up(hass, emulator, world)
    await read_details(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    key = f"mi_registration.{entry.entry_id}.matching"
    hass_storage[key]["data"] = garbage
    put_file(hass, key)
    world.clear_requests()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert files_like(hass, key) == [f"{key}.corrupt"]
    await read_details(hass)
    assert sorted(read_of(world)) == sorted(world.things)
    assert pairs(entry) == {thing: lamp}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AABBCCDDEEFF", (MatchReason.MAC_ADDRESS, "aa:bb:cc:dd:ee:ff")),
        (" aabb.ccdd.eeff ", (MatchReason.MAC_ADDRESS, "aa:bb:cc:dd:ee:ff")),
        ("0x00124B0001020304", (MatchReason.ZIGBEE_ADDRESS, "00:12:4b:00:01:02:03:04")),
        ("00-12-4b-00-01-02-03-04", (MatchReason.ZIGBEE_ADDRESS, "00:12:4b:00:01:02:03:04")),
        ("C0DE1234-0005", (MatchReason.ZWAVE_ADDRESS, "3235779124-5")),
        ("3235779124-5", (MatchReason.ZWAVE_ADDRESS, "3235779124-5")),
        ("00:00:00:00:00:00", None),
        ("FFFFFFFFFFFFFFFF", None),
        ("aa:bb:cc:dd:ee", None),
        ("lamp", None),
        ("", None),
    ],
)
def test_normalized_address(text: str, expected: tuple[MatchReason, str] | None) -> None:
    """Every usual way to write an address gives one form."""
    assert normalized_address(text) == expected


def test_normalized_serial() -> None:
    """Case, spaces and dashes of any kind don't count, everything else does."""
    forms: Iterable[str] = ("LM B1-000a7", "lmb1000A7", "LM\u2013B1 000A7 ")
    assert {normalized_serial(text) for text in forms} == {"lmb1000a7"}
    assert normalized_serial("LM.B1000A7") == "lm.b1000a7"
    assert normalized_serial(None) is None
