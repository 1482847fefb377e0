"""The binary sensors; ``connected`` beside what the coordinator's tests show of it."""

from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from syrupy.assertion import SnapshotAssertion

import custom_components.mi_registration as integration
from emulator import Emulator, World
from homeassistant.const import STATE_UNAVAILABLE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .common import CONNECTIVITY, HUB, entity_id, fixed_home, loaded, pass_time, poll, state


async def test_binary_sensors(
    hass: HomeAssistant,
    emulator: Emulator,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every binary sensor of a home."""
    monkeypatch.setattr(integration, "PLATFORMS", [Platform.BINARY_SENSOR])
    with fixed_home(emulator) as world, patch("homeassistant.helpers.entity.Entity.entity_registry_enabled_default"):
        entry = await loaded(hass, emulator, world)
        await pass_time(hass, 6)
        await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


async def test_connected_follows_the_lists_too(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """While the account can't be read, nothing is said of its hubs."""
    entry = await loaded(hass, emulator, world)
    hub = world.thing_id(HUB)
    await pass_time(hass, 6)
    assert state(hass, "binary_sensor", hub, "connected") == "on"
    world.refuse("ListManagedThings", "InternalServerException")
    assert not await poll(hass, entry)
    assert state(hass, "binary_sensor", hub, "connected") == STATE_UNAVAILABLE
    assert await poll(hass, entry)
    assert state(hass, "binary_sensor", hub, "connected") == "on"


async def test_disabled_hubs_are_not_asked(
    hass: HomeAssistant, emulator: Emulator, world: World, entity_registry: er.EntityRegistry
) -> None:
    """Only hubs whose entity is enabled cost a request."""
    entry = await loaded(hass, emulator, world)
    hub = world.thing_id(HUB)
    entity_registry.async_update_entity(
        entity_id(hass, "binary_sensor", hub, "connected"), disabled_by=er.RegistryEntryDisabler.USER
    )
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    world.clear_requests()
    await pass_time(hass, 6)
    assert world.count(CONNECTIVITY) == 0


async def test_new_hub(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A hub that appears later is asked with the others next time."""
    entry = await loaded(hass, emulator, world)
    await pass_time(hass, 6)
    hub = world.add_thing(name="Attic hub", role="CONTROLLER", connected=False)
    assert await poll(hass, entry)
    assert state(hass, "binary_sensor", hub, "connected") == STATE_UNAVAILABLE
    await pass_time(hass, 902)
    assert state(hass, "binary_sensor", hub, "connected") == "off"
