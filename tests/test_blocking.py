"""Nothing blocks Home Assistant's event loop, and nothing secret is logged."""

import asyncio
from collections.abc import Awaitable, Callable
import http.client
import logging
import threading
import time

import botocore.loaders
import botocore.session
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration import match_keys, matcher
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from emulator import Emulator, World
from homeassistant import block_async_io
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr

from .common import (
    ACME,
    DEREGISTER,
    GET_REGISTRATIONS,
    HUB_CHILD,
    LIGHT,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    act,
    coordinator_of,
    data_of,
    device,
    loaded,
    pass_time,
    poll,
    press,
    shorten_waits,
)
from .flow_common import set_up


async def _registrations(hass: HomeAssistant, _entry: MockConfigEntry, _local_device_id: str) -> object:
    return await act(hass, GET_REGISTRATIONS)


async def _registrations_of_device(hass: HomeAssistant, _entry: MockConfigEntry, local_device_id: str) -> object:
    return await act(hass, GET_REGISTRATIONS, device_id=local_device_id)


async def _account_diagnostics(hass: HomeAssistant, entry: MockConfigEntry, _local_device_id: str) -> object:
    return await async_get_config_entry_diagnostics(hass, entry)


async def _device_diagnostics(hass: HomeAssistant, entry: MockConfigEntry, _local_device_id: str) -> object:
    light = next(thing for thing in coordinator_of(entry).data.managed_things if thing.name == LIGHT)
    found = device(hass, entry, light.managed_thing_id)
    assert found is not None
    return await async_get_device_diagnostics(hass, entry, found)


LOOKS = [_registrations, _registrations_of_device, _account_diagnostics, _device_diagnostics]
"""What asks the matcher."""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


@pytest.fixture(autouse=True)
def _real_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let botocore read its files wherever a session needs them, as it does outside of tests."""
    monkeypatch.setattr(botocore.session, "create_loader", botocore.loaders.create_loader)


@pytest.fixture
def detection(monkeypatch: pytest.MonkeyPatch, disable_block_async_io: None) -> None:
    """Let Home Assistant detect blocking calls, as it does outside of tests."""
    monkeypatch.setattr(block_async_io, "_IN_TESTS", False)
    block_async_io.enable()


async def everything(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Set up, poll, register and deregister, with and without trouble, unload, start from disk, remove."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    light, other, child = (world.thing_id(name) for name in (LIGHT, OTHER_LIGHT, HUB_CHILD))
    fields = {"account_association_id": acme, "device_discovery_id": world.discovery_id(acme)}
    await pass_time(hass, 6)
    assert await poll(hass, entry)
    await press(hass, entry.unique_id, "synchronize")
    world.drop(PUT, "after")
    answer = await act(hass, REGISTER, managed_thing_id=[light, child], **fields)
    assert answer["summary"] == {"registered": 1, "failed": 1}
    await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    await hass.async_block_till_done(wait_background_tasks=True)
    for how in ("truncated", "garbage", "not_utf8", "html"):
        world.garble("ListManagedThings", how)
        assert not await poll(hass, entry)
    world.deny("iotmanagedintegrations:RegisterAccountAssociation")
    with pytest.raises(HomeAssistantError):
        await act(hass, REGISTER, managed_thing_id=light, **fields)
    world.allow("iotmanagedintegrations:RegisterAccountAssociation")
    world.offline()
    assert not await poll(hass, entry)
    await act(hass, REGISTER, managed_thing_id=other, **fields)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    world.offline(offline=False)
    await pass_time(hass, 901)
    await pass_time(hass, 901)
    assert coordinator_of(entry).last_update_success
    assert world.registrations[other, acme] == "ASSOCIATED"
    assert await hass.config_entries.async_unload(entry.entry_id)
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    await hass.config_entries.async_remove(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_the_detection_works(hass: HomeAssistant, detection: None, caplog: pytest.LogCaptureFixture) -> None:
    """The next test could fail: a blocking call is found."""
    with pytest.raises(RuntimeError, match="blocking call"):
        time.sleep(0)  # noqa: ASYNC251  # just that is to be detected
    with pytest.raises(RuntimeError, match="blocking call"):
        http.client.HTTPConnection("127.0.0.1", 9).putrequest("GET", "/")
    with open(__file__, encoding="utf-8"):  # noqa: ASYNC230, PTH123  # just that is to be detected
        pass
    assert "Detected blocking call to open" in caplog.text


async def test_nothing_blocks(
    hass: HomeAssistant, emulator: Emulator, world: World, detection: None, caplog: pytest.LogCaptureFixture
) -> None:
    """All that an entry does, it does without blocking."""
    await everything(hass, emulator, world)
    assert "Detected blocking call" not in caplog.text


async def test_log(hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The log holds no secret even at DEBUG, no exception, and no warning but of what is really amiss."""
    caplog.set_level(logging.DEBUG, logger="custom_components.mi_registration")
    await everything(hass, emulator, world)
    ours = [record for record in caplog.records if record.name.startswith("custom_components.mi_registration")]
    assert ours
    text = "\n".join(record.getMessage() for record in ours) + "\n".join(record.exc_text or "" for record in ours)
    sensitive = {
        thing[member]
        for thing in world.things.values()
        for member in ("SerialNumber", "Owner", "MacAddress", "ConnectorDeviceId", "Brand")
        if member in thing
    }
    assert world.secret_access_key
    for secret in (world.secret_access_key, world.access_key_id, "AWS4-HMAC", "X-Amz-Security-Token", *sensitive):
        assert secret not in text, secret
    # Home Assistant's coordinator itself adds the traceback of a failed poll at DEBUG.
    assert [record for record in caplog.records if record.exc_info and record.levelno > logging.DEBUG] == []
    assert not [
        record
        for record in caplog.records
        if record.levelno >= logging.WARNING
        and not record.name.startswith(("custom_components.mi_registration", "asyncio"))
        and "custom integration mi_registration" not in record.getMessage()
    ]


@pytest.mark.parametrize("look", LOOKS)
async def test_other_work_goes_on(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[HomeAssistant, MockConfigEntry, str], Awaitable[object]],
) -> None:
    """However many local devices came, whoever asks for matches takes them in bit by bit."""
    entry = await loaded(hass, emulator, world)
    await hass.async_block_till_done(wait_background_tasks=True)
    monkeypatch.setattr(matcher, "INDEXED_PER_SLICE", 1)
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    serials = [f"SN{number:04}" for number in range(30)]
    local = [
        dr.async_get(hass).async_get_or_create(
            config_entry_id=other.entry_id, identifiers={("other", str(number))}, serial_number=serial
        )
        for number, serial in enumerate(serials)
    ]
    await data_of(entry).matcher.async_match(local[0].id, world.thing_id(LIGHT))
    turn = 0
    turns: dict[str | None, int] = {}
    normalized_serial = match_keys.normalized_serial

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def note(serial: str | None) -> str | None:
        turns[serial] = turn
        return normalized_serial(serial)

    monkeypatch.setattr(match_keys, "normalized_serial", note)
    for changed in local:
        dr.async_get(hass).async_update_device(changed.id, name_by_user="Changed")
    counting = hass.async_create_background_task(count(), "count turns")
    await look(hass, entry, local[0].id)
    counting.cancel()
    assert len({turns[serial] for serial in serials}) == len(serials)


async def test_threads_are_named(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What runs in threads is easy to find, and there are few of them."""
    entry = await loaded(hass, emulator, world)
    ours = [thread for thread in threading.enumerate() if thread.name.startswith(DOMAIN)]
    assert 1 <= len(ours) <= 8
    assert await hass.config_entries.async_unload(entry.entry_id)
