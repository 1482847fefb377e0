"""What is on disk: real files in a folder of the test's own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import stat
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration.aws.models import ManagedThing
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.inventory import Inventory
from custom_components.mi_registration.store import (
    INVENTORY_SAVE_INTERVAL,
    Failure,
    Intent,
    IntentKind,
    Queue,
    RegistrationStore,
)
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .common import (
    ACME,
    LIGHT,
    REGISTER,
    act,
    coordinator_of,
    data_of,
    entity_id,
    item,
    loaded,
    pass_time,
    poll,
    shorten_waits,
    state,
)
from .flow_common import set_up

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
INTENT = Intent(
    kind=IntentKind.REGISTER,
    managed_thing_id="t1",
    account_association_id="a1",
    device_discovery_id="d1",
    created_at=NOW,
    accepted_at=NOW + timedelta(minutes=1),
)
FAILURE = Failure(kind=IntentKind.DEREGISTER, error_code="Code", error_message="Words", request_id=None, failed_at=NOW)


@pytest.fixture
def hass_config_dir(hass_tmp_config_dir: str) -> str:
    """Use a configuration folder of this test's own."""
    return hass_tmp_config_dir


@pytest.fixture
def hass_storage() -> dict[str, Any]:
    """Write real files instead of keeping them in memory."""
    return {}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


def file_of(hass: HomeAssistant, entry_id: str, name: str) -> Path:
    """Return where a file of an entry is."""
    return Path(hass.config.path(".storage", f"{DOMAIN}.{entry_id}.{name}"))


async def read(hass: HomeAssistant, path: Path) -> str:
    """Return what is in a file."""
    return await hass.async_add_executor_job(path.read_text)


async def write(hass: HomeAssistant, path: Path, text: str) -> None:
    """Replace what is in a file."""
    await hass.async_add_executor_job(path.write_text, text)


async def stopped(hass: HomeAssistant, emulator: Emulator, world: World) -> MockConfigEntry:
    """Return an entry with a registration waiting, unloaded so that its files are complete."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    fields = {
        "managed_thing_id": world.thing_id(LIGHT),
        "account_association_id": acme,
        "device_discovery_id": world.discovery_id(acme),
    }
    world.offline()
    assert item(await act(hass, REGISTER, **fields))["status"] == "queued"
    assert await hass.config_entries.async_unload(entry.entry_id)
    return entry


def test_queue_restores_itself() -> None:
    """What is written is what is read."""
    queue = Queue(intents={INTENT.pair: INTENT}, failures={("t2", "a1"): FAILURE}, discovery_ids={("t3", "a1"): "d3"})
    assert Queue.from_dict(json.loads(json.dumps(queue.as_dict()))) == queue


async def test_files(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Two files per entry that only Home Assistant's user can read, with nothing sensitive in them."""
    entry = await stopped(hass, emulator, world)
    texts = []
    for name in ("queue", "inventory"):
        path = file_of(hass, entry.entry_id, name)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        texts.append(await read(hass, path))
    assert len(json.loads(texts[0])["data"]["intents"]) == 1
    assert world.thing_id(LIGHT) in texts[1]
    for thing in world.things.values():
        for member in ("Brand", "Model", "SerialNumber", "Owner", "ConnectorDeviceId", "MacAddress"):
            if value := thing.get(member):
                assert json.dumps(value) not in "".join(texts), member
    for secret in (world.secret_access_key, world.access_key_id, "CLOUD:", "Lights of the house"):
        assert secret not in "".join(texts)


async def test_inventory_is_written_by_itself(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Soon after a change it is on disk, without an unload."""
    entry = await loaded(hass, emulator, world)
    path = file_of(hass, entry.entry_id, "inventory")
    await pass_time(hass, 11)
    written = await read(hass, path)
    # An unchanged poll isn't worth a write.
    assert await poll(hass, entry)
    await pass_time(hass, 11)
    assert await read(hass, path) == written
    new = world.add_thing(name="Newcomer")
    assert await poll(hass, entry)
    await pass_time(hass, 11)
    assert new in await read(hass, path)


async def test_unchanged_inventory_keeps_its_age(hass: HomeAssistant) -> None:
    """The time of the last good read is always known, but written seldom."""
    store = RegistrationStore(hass, "entry")
    await store.async_load()
    assert store.inventory is None
    await store.async_flush()
    path = file_of(hass, "entry", "inventory")
    assert not await hass.async_add_executor_job(path.exists)

    async def stored_as_of() -> str:
        await pass_time(hass, 11)
        as_of: str = json.loads(await read(hass, path))["data"]["as_of"]
        return as_of

    inventory = Inventory.build([ManagedThing(managed_thing_id="t1")], [], [])
    store.async_keep_inventory(inventory, NOW)
    assert await stored_as_of() == NOW.isoformat()
    later = NOW + INVENTORY_SAVE_INTERVAL / 2
    store.async_keep_inventory(inventory, later)
    assert store.as_of == later
    assert await stored_as_of() == NOW.isoformat()
    much_later = NOW + INVENTORY_SAVE_INTERVAL
    store.async_keep_inventory(inventory, much_later)
    assert await stored_as_of() == much_later.isoformat()

    again = RegistrationStore(hass, "entry")
    await again.async_load()
    assert (again.inventory, again.as_of) == (inventory, much_later)
    await again.async_remove()
    assert not await hass.async_add_executor_job(path.exists)


def _no_data(stored: dict[str, Any]) -> None:
    stored["data"] = {}


def _wrong_types(stored: dict[str, Any]) -> None:
    for name, value in stored["data"].items():
        stored["data"][name] = 5 if isinstance(value, list) else value


def _wrong_time(stored: dict[str, Any]) -> None:
    if "as_of" in stored["data"]:
        stored["data"]["as_of"] = "yesterday"
    else:
        stored["data"]["intents"][0]["created_at"] = "yesterday"


async def assert_set_aside(hass: HomeAssistant, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Fail unless a file was kept under another name, and the user is told."""
    assert f"{path.name}.corrupt." in caplog.text
    names = await hass.async_add_executor_job(lambda: [found.name for found in path.parent.glob(f"{path.name}.*")])
    assert len(names) == 1
    (issue,) = [found for (domain, _), found in ir.async_get(hass).issues.items() if domain == DOMAIN]
    assert issue.translation_key == "store_unreadable"
    assert issue.translation_placeholders == {"file": path.name, "aside": names[0]}


async def start_damaged(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    caplog: pytest.LogCaptureFixture,
    *,
    name: str,
    damage: Callable[[dict[str, Any]], None],
) -> MockConfigEntry:
    """Start an entry from files of which one can't be understood, and fail unless that is set aside."""
    entry = await stopped(hass, emulator, world)
    world.offline(offline=False)
    path = file_of(hass, entry.entry_id, name)
    stored = json.loads(await read(hass, path))
    damage(stored)
    await write(hass, path, json.dumps(stored))
    await set_up(hass, entry)
    await assert_set_aside(hass, path, caplog)
    return entry


DAMAGES = [_no_data, _wrong_types, _wrong_time]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_inventory(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    damage: Callable[[dict[str, Any]], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An Inventory that can't be understood is read anew from the cloud; the queue is not touched by that."""
    entry = await start_damaged(hass, emulator, world, caplog, name="inventory", damage=damage)
    assert coordinator_of(entry).last_update_success
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
    await pass_time(hass, 901)
    assert world.registrations[world.thing_id(LIGHT), world.association_id(ACME)] == "ASSOCIATED"


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_queue(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    damage: Callable[[dict[str, Any]], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A queue that can't be understood is set aside and starts empty."""
    entry = await start_damaged(hass, emulator, world, caplog, name="queue", damage=damage)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert coordinator_of(entry).last_update_success


@pytest.mark.parametrize("name", ["queue", "inventory"])
async def test_file_that_is_cut_off(hass: HomeAssistant, emulator: Emulator, world: World, name: str) -> None:
    """Home Assistant sets a file aside that isn't JSON; the entry loads without it."""
    entry = await stopped(hass, emulator, world)
    world.offline(offline=False)
    path = file_of(hass, entry.entry_id, name)
    await write(hass, path, (await read(hass, path))[:40])
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert coordinator_of(entry).last_update_success
    expected = "0" if name == "queue" else "1"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == expected
    issues = [issue for _, issue in ir.async_get(hass).issues if issue.startswith("storage_corruption")]
    assert len(issues) == 1
    await pass_time(hass, 901)


async def test_other_minor_versions(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Files of an older or newer minor version are read: members are only ever added."""
    entry = await stopped(hass, emulator, world)
    for name in ("queue", "inventory"):
        path = file_of(hass, entry.entry_id, name)
        stored = json.loads(await read(hass, path))
        stored["minor_version"] = 99
        stored["data"]["added_later"] = {"deep": [1]}
        await write(hass, path, json.dumps(stored))
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    assert await hass.config_entries.async_unload(entry.entry_id)

    path = file_of(hass, entry.entry_id, "queue")
    stored = json.loads(await read(hass, path))
    stored["minor_version"] = 1
    stored["data"] = {name: stored["data"][name] for name in ("intents", "failures", "discovery_ids")}
    await write(hass, path, json.dumps(stored))
    await set_up(hass, entry)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"


async def test_failures_survive_a_restart(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What AWS refused stays visible."""
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    data_of(entry).store.queue.failures[light, acme] = FAILURE
    await data_of(entry).store.async_save_queue()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert state(hass, "sensor", light, "registration") == "failed"
    shown = hass.states.get(entity_id(hass, "sensor", light, "registration"))
    assert shown is not None
    assert shown.attributes["last_error"] == "Code: Words"
