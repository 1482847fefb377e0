"""What was recorded stays with its entity, and recording goes on, whatever happens to the account's connection."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import cast

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from emulator import Emulator, World
from homeassistant.components.recorder import Recorder
from homeassistant.components.recorder.history import get_significant_states
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util

from .common import ACME, HUB, LIGHT, coordinator_of, data_of, entity_id, pass_time, poll, press, state
from .engine_common import make_quick, reload, settle
from .repair_common import accept, until
from .test_troubleshooting import enter_again, identity, resumes, waiting

type History = dict[str, list[tuple[datetime, str]]]


@pytest.fixture(autouse=True)
def _real_parts(recorder_mock: Recorder, _real_parts: None) -> None:
    """Start a recorder; it has to be there before the Home Assistant that it records."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


async def history(hass: HomeAssistant, recorder: Recorder, entry: MockConfigEntry) -> History:
    """Return the states recorded of every entity of an entry, oldest first."""
    await async_wait_recording_done(hass)
    entity_ids = [found.entity_id for found in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)]
    rows = await recorder.async_add_executor_job(
        partial(get_significant_states, hass, dt_util.utcnow() - timedelta(hours=1), entity_ids=entity_ids)
    )
    return {
        entity: [(found.last_changed, found.state) for found in cast("list[State]", found)]
        for entity, found in rows.items()
    }


def states(recorded: History, entity: str) -> list[str]:
    """Return the states recorded of an entity that say something."""
    return [value for _, value in recorded[entity] if value != STATE_UNAVAILABLE]


type Happening = Callable[[HomeAssistant, Emulator, World, MockConfigEntry], Awaitable[None]]


async def reauth(hass: HomeAssistant, emulator: Emulator, world: World, entry: MockConfigEntry) -> None:
    """Enter the credentials that AWS asked for."""
    await enter_again(hass, emulator, world, entry, "reauth")


async def reconfigure(hass: HomeAssistant, emulator: Emulator, world: World, entry: MockConfigEntry) -> None:
    """Enter everything anew."""
    await enter_again(hass, emulator, world, entry, "reconfigure")


async def restart(hass: HomeAssistant, emulator: Emulator, world: World, entry: MockConfigEntry) -> None:
    """Start from what is on disk; tests/e2e restarts the whole process."""
    await reload(hass, entry)


async def day_offline(hass: HomeAssistant, emulator: Emulator, world: World, entry: MockConfigEntry) -> None:
    """Let a day pass without the cloud."""
    world.offline()
    for hour in range(24):
        await pass_time(hass, 3600 * (hour + 1))
    assert state(hass, "sensor", world.thing_id(LIGHT), "registration") == STATE_UNAVAILABLE
    world.offline(False)
    await poll(hass, entry)
    await until(lambda: coordinator_of(entry).last_update_success)
    await settle(hass)


@pytest.mark.parametrize("happening", [reauth, reconfigure, restart, day_offline])
async def test_history_stays_and_goes_on(
    hass: HomeAssistant, recorder_mock: Recorder, emulator: Emulator, world: World, happening: Happening
) -> None:
    """Ids, devices and queue are the same, no recorded state is lost, and new ones come under the same entity."""
    entry = await waiting(hass, emulator, world)
    light, acme, hub = world.thing_id(LIGHT), world.association_id(ACME), world.thing_id(HUB)
    registration = entity_id(hass, "sensor", light, "registration")
    association = entity_id(hass, "sensor", acme, "state")
    connection = entity_id(hass, "binary_sensor", hub, "connected")
    synchronize = entity_id(hass, "button", entry.unique_id, "synchronize")
    for connected in (True, False):
        world.set_connectivity(hub, connected=connected)
        await data_of(entry).connectivity.async_refresh()
    await press(hass, entry.unique_id, "synchronize")
    before = identity(hass, entry)
    recorded = await history(hass, recorder_mock, entry)
    enabled = {
        found.entity_id
        for found in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if found.disabled_by is None
    }
    assert set(recorded) == enabled
    assert before["queue"] == [(light, acme)]
    assert states(recorded, registration) == ["not_registered", "queued"]
    assert states(recorded, connection) == ["on", "off"]
    assert len(states(recorded, synchronize)) == 2

    await happening(hass, emulator, world, entry)
    assert identity(hass, entry) == before
    later = await history(hass, recorder_mock, entry)
    assert {entity: rows[: len(recorded[entity])] for entity, rows in later.items()} == recorded

    accept(world)
    await resumes(hass, entry, world)
    world.set_connectivity(hub, connected=True)
    await data_of(entry).connectivity.async_refresh()
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    latest = await history(hass, recorder_mock, entry)
    assert {entity: rows[: len(later[entity])] for entity, rows in latest.items()} == later
    assert states(latest, registration)[-1] == "associated"
    assert states(latest, connection)[-1] == "on"
    assert states(latest, association)[-1] != states(recorded, association)[-1]
    assert {**identity(hass, entry), "queue": before["queue"]} == before
