"""A disk that takes nothing: what can't be kept isn't sent, the user is told, and nothing is lost or done twice."""

from collections.abc import Generator
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from custom_components.mi_registration import policies
from custom_components.mi_registration.const import DOMAIN, POLICY_AUTOMATIC
from custom_components.mi_registration.repairs import DevicesFoundRepairFlow
from emulator import Emulator, World
from homeassistant.components.repairs import RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import HomeAssistantError

from .common import (
    ACME,
    DELETE,
    DEREGISTER,
    LIGHT,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    data_of,
    item,
    key_of,
    pass_time,
    poll,
    state,
)
from .disk_faults import DISK_FAULTS, broken_disk, real_files
from .engine_common import (
    CREATE,
    ONBOARD,
    START,
    START_DISCOVERY,
    assert_nothing_twice,
    look_back,
    make_quick,
    make_retries_quick,
    ready,
    reload,
    set_policy,
    settle,
)
from .flow_common import add_entry, set_up

each_fault = pytest.mark.parametrize("fault", DISK_FAULTS)
full = pytest.mark.parametrize("fault", ["full disk"])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_retries_quick(monkeypatch)


@pytest.fixture(autouse=True)
def folder(hass: HomeAssistant, tmp_path: Path) -> Generator[Path]:
    """Let the tests keep real files."""
    with real_files(hass, tmp_path) as storage:
        yield storage


def wish(world: World, name: str = LIGHT) -> dict[str, Any]:
    """Return what asks for a device of Acme, with the job that lists it."""
    acme = world.association_id(ACME)
    return {
        "managed_thing_id": world.thing_id(name),
        "account_association_id": acme,
        "device_discovery_id": world.discovery_id(acme),
    }


def kept_aside(folder: Path) -> list[Path]:
    """Return the files that were set aside."""
    return list(folder.glob("*.corrupt.*"))


@each_fault
@pytest.mark.parametrize("wait", [True, False])
async def test_registration_is_not_sent(
    hass: HomeAssistant, emulator: Emulator, world: World, *, fault: str, wait: bool
) -> None:
    """Asked for and not kept: nothing is sent, the text says why, and it works once the disk does."""
    entry = await ready(hass, emulator, world)
    light = world.thing_id(LIGHT)
    with broken_disk(fault), pytest.raises(HomeAssistantError) as caught:
        await act(hass, REGISTER, wait=wait, **wish(world))
    await settle(hass)
    assert key_of(caught) == "not_stored"
    assert world.count(PUT) == 0
    assert state(hass, "sensor", light, "registration") == "not_registered"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    await reload(hass, entry)
    await pass_time(hass, 1000)
    assert world.count(PUT) == 0
    assert item(await act(hass, REGISTER, **wish(world)))["status"] == "registered"
    assert_nothing_twice(world)


@full
async def test_deregistration_is_not_sent(hass: HomeAssistant, emulator: Emulator, world: World, fault: str) -> None:
    """The device stays registered, and is not left out of policies, since nothing was done."""
    entry = await ready(hass, emulator, world)
    fields = {key: value for key, value in wish(world, REGISTERED_LIGHT).items() if key != "device_discovery_id"}
    with broken_disk(fault), pytest.raises(HomeAssistantError) as caught:
        await act(hass, DEREGISTER, **fields)
    assert key_of(caught) == "not_stored"
    assert world.count(DELETE) == 0
    assert not data_of(entry).store.queue.left_out
    assert state(hass, "sensor", world.thing_id(REGISTERED_LIGHT), "registration") == "associated"
    assert item(await act(hass, DEREGISTER, **fields))["status"] == "deregistered"


@full
async def test_cancelling_is_not_done_by_halves(
    hass: HomeAssistant, emulator: Emulator, world: World, fault: str
) -> None:
    """A waiting registration that can't be taken off the disk goes on waiting, and the user is told so."""
    entry = await ready(hass, emulator, world)
    world.offline()
    await act(hass, REGISTER, **wish(world))
    fields = {key: value for key, value in wish(world).items() if key != "device_discovery_id"}
    with broken_disk(fault), pytest.raises(HomeAssistantError) as caught:
        await act(hass, DEREGISTER, **fields)
    assert key_of(caught) == "not_stored"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    assert state(hass, "sensor", world.thing_id(LIGHT), "registration") == "queued"
    world.offline(offline=False)
    for _ in range(3):
        await pass_time(hass, 1000)
    assert state(hass, "sensor", world.thing_id(LIGHT), "registration") == "associated"
    assert_nothing_twice(world)


@full
async def test_end_of_a_registration(hass: HomeAssistant, emulator: Emulator, world: World, fault: str) -> None:
    """The disk breaks between the sending and the end: after a restart the cloud shows that it was done."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    world.offline()
    await act(hass, REGISTER, **wish(world))
    world.offline(offline=False)
    world.clear_requests()
    with broken_disk(fault):
        for _ in range(3):
            await pass_time(hass, 1000)
        assert world.registrations[light, acme] == "ASSOCIATED"
        assert state(hass, "sensor", light, "registration") == "associated"
        assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
        await reload(hass, entry)
        assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert world.count(PUT) == 1
    # With the disk back, the next synchronisation writes what is still to be written.
    assert await poll(hass, entry)
    await settle(hass)
    world.clear_requests()
    await reload(hass, entry)
    assert not data_of(entry).store.queue.intents
    assert world.count(PUT) == 0


@full
async def test_onboarding(hass: HomeAssistant, emulator: Emulator, world: World, fault: str) -> None:
    """No managed thing is created for which the token isn't on disk: it could not be told from another one later."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    with broken_disk(fault), pytest.raises(HomeAssistantError) as caught:
        await act(hass, ONBOARD, account_association_id=acme)
    assert key_of(caught) == "not_stored"
    assert (world.count(CREATE), world.count(PUT)) == (0, 0)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    answer = await act(hass, ONBOARD, account_association_id=acme)
    assert {row["status"] for row in answer["results"]} <= {"registered", "already_registered"}
    assert_nothing_twice(world)


@full
async def test_choosing_devices(hass: HomeAssistant, emulator: Emulator, world: World, fault: str) -> None:
    """A choice that can't be put on disk isn't made: the dialog says so and shows everything as before."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    flow = DevicesFoundRepairFlow(hass, {"entry_id": entry.entry_id, "account_association_id": acme})

    def ticked(form: RepairsFlowResult) -> list[str]:
        assert form["data_schema"] is not None
        devices: list[str] = form["data_schema"]({})["devices"]
        return devices

    before = ticked(await flow.async_step_init())
    with broken_disk(fault):
        result = await flow.async_step_devices({"devices": []})
    assert result["errors"] == {"base": "registration_failed"}
    placeholders = result["description_placeholders"]
    assert placeholders is not None
    assert os.strerror(errno.ENOSPC) in placeholders["failures"]
    assert ticked(result) == before != []
    assert (world.count(CREATE), world.count(PUT)) == (0, 0)
    assert (await flow.async_step_devices({"devices": []}))["type"] is FlowResultType.CREATE_ENTRY


@full
async def test_disk_breaks_while_onboarding(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """What was created is registered once the disk is back, and created once only."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    things = len(world.things)
    client = data_of(entry).client
    create = client.create_managed_thing
    with pytest.MonkeyPatch.context() as patch:

        async def _create_then_break(**arguments: Any) -> str:
            created = await create(**arguments)
            DISK_FAULTS[fault](patch)
            return created

        monkeypatch.setattr(client, "create_managed_thing", _create_then_break)
        answer = await act(hass, ONBOARD, account_association_id=acme)
        monkeypatch.undo()
    created = len(world.things) - things
    assert created == 2
    waiting = [row for row in answer["results"] if row["status"] == "queued"]
    assert len(waiting) == created
    assert {row["error_code"] for row in waiting} == {"not_stored"}
    await reload(hass, entry)
    for _ in range(4):
        await pass_time(hass, 1000)
    assert len(world.things) - things == created
    assert sorted(world.registrations.values()).count("ASSOCIATED") == len(world.registrations)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert_nothing_twice(world)


@full
async def test_policy(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """What a policy can't put on disk it doesn't send either, and it tries again by itself."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    set_policy(hass, entry, acme, POLICY_AUTOMATIC)
    with broken_disk(fault):
        await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
        await settle(hass)
        assert (world.count(CREATE), world.count(PUT)) == (0, 0)
    await pass_time(hass, policies.AGAIN_SECONDS + 1)
    await settle(hass)
    assert world.count(CREATE) == 2
    assert state(hass, "sensor", acme, "unregistered_things") == "0"
    assert_nothing_twice(world)


@full
async def test_discovery_is_started(hass: HomeAssistant, emulator: Emulator, world: World, fault: str) -> None:
    """A discovery needs no disk: AWS keeps its jobs."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    with broken_disk(fault):
        answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
        assert answer["status"] == "succeeded"
        await reload(hass, entry)
        await look_back(hass)
        assert world.count(START) == 1
        newest = data_of(entry).discoveries.newest(acme)
        assert newest is not None
        assert newest.device_discovery_id == answer["device_discovery_id"]


@each_fault
async def test_first_set_up(hass: HomeAssistant, emulator: Emulator, world: World, fault: str) -> None:
    """An entry is set up, polls and shows everything without a disk."""
    with broken_disk(fault):
        entry = await ready(hass, emulator, world)
        assert await poll(hass, entry)
        await pass_time(hass, 60)
        assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert coordinator_of(entry).last_update_success


@each_fault
@pytest.mark.parametrize("content", ['{"version": 1, "minor_version": 2, "data": []}', "no JSON"])
async def test_file_that_can_neither_be_read_nor_set_aside(
    hass: HomeAssistant, emulator: Emulator, world: World, *, folder: Path, fault: str, content: str
) -> None:
    """Nothing is overwritten: where a broken file can't be set aside, set-up is tried again later."""
    entry = add_entry(hass, emulator, world, association_ids=world.associations)
    file = folder / f"{DOMAIN}.{entry.entry_id}.queue"
    file.write_text(content, encoding="utf-8")
    with broken_disk(fault):
        await set_up(hass, entry)
        is_protected = fault != "full disk"
        if is_protected:
            assert entry.state is ConfigEntryState.SETUP_RETRY
            assert entry.error_reason_translation_key == "not_stored"
            assert file.read_text(encoding="utf-8") == content
    await pass_time(hass, 60)
    assert entry.state is ConfigEntryState.LOADED
    (aside,) = kept_aside(folder)
    assert aside.read_text(encoding="utf-8") == content
    assert item(await act(hass, REGISTER, **wish(world, OTHER_LIGHT)))["status"] == "registered"


@full
async def test_matching(hass: HomeAssistant, emulator: Emulator, world: World, fault: str) -> None:
    """A match that can't be kept isn't made."""
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from homeassistant.helpers import device_registry as dr

    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    local = dr.async_get(hass).async_get_or_create(config_entry_id=other.entry_id, identifiers={("other", "lamp")})
    entry = await ready(hass, emulator, world)
    fields = {"device_id": local.id, "managed_thing_id": world.thing_id(LIGHT)}
    with broken_disk(fault), pytest.raises(HomeAssistantError) as caught:
        await act(hass, "match_device", **fields)
    assert key_of(caught) == "not_stored"
    assert not data_of(entry).store.matching.matches
    await act(hass, "match_device", **fields)
    with broken_disk(fault), pytest.raises(HomeAssistantError) as caught:
        await act(hass, "unmatch_device", **fields)
    assert key_of(caught) == "not_stored"
    assert data_of(entry).store.matching.matches == {world.thing_id(LIGHT): local.id}
    assert not data_of(entry).store.matching.unmatched
