"""The buttons."""

from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, snapshot_platform
from syrupy.assertion import SnapshotAssertion

import custom_components.mi_registration as integration
from emulator import Emulator, World
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from .common import (
    ACME,
    DELETE,
    HUB_CHILD,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    NORTHWIND,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    device,
    entity_id,
    fixed_home,
    key_of,
    loaded,
    poll,
    press,
    shorten_waits,
    state,
    writes,
)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


async def test_buttons(
    hass: HomeAssistant,
    emulator: Emulator,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every button of a home."""
    monkeypatch.setattr(integration, "PLATFORMS", [Platform.BUTTON])
    with fixed_home(emulator) as world, patch("homeassistant.helpers.entity.Entity.entity_registry_enabled_default"):
        entry = await loaded(hass, emulator, world)
        await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


async def enabled(hass: HomeAssistant, entry: MockConfigEntry, thing_id: str) -> None:
    """Enable a thing's deregister button, which isn't by default."""
    registry = er.async_get(hass)
    button = entity_id(hass, "button", thing_id, "deregister")
    found = registry.async_get(button)
    assert found is not None
    assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    registry.async_update_entity(button, disabled_by=None)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)


async def test_synchronize(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """It reads the account now."""
    entry = await loaded(hass, emulator, world)
    new = world.add_thing(name="Newcomer")
    world.clear_requests()
    await press(hass, entry.unique_id, "synchronize")
    assert sorted(request.operation for request in world.requests) == sorted(
        [LIST_ASSOCIATIONS, LIST_REGISTRATIONS, LIST_THINGS]
    )
    await hass.async_block_till_done()
    assert device(hass, entry, new) is not None


async def test_synchronize_fails(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """It says why, and works again later."""
    entry = await loaded(hass, emulator, world)
    world.deny("iotmanagedintegrations:ListManagedThings")
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, entry.unique_id, "synchronize")
    assert key_of(caught) == "access_denied"
    assert "iotmanagedintegrations:ListManagedThings" in str(caught.value)
    world.allow("iotmanagedintegrations:ListManagedThings")
    await press(hass, entry.unique_id, "synchronize")
    assert coordinator_of(entry).last_update_success


async def was_registered(
    hass: HomeAssistant, entry: MockConfigEntry, world: World, thing_id: str, association_id: str
) -> None:
    """Register a thing from here, and let somebody else deregister it."""
    await act(
        hass,
        REGISTER,
        managed_thing_id=thing_id,
        account_association_id=association_id,
        device_discovery_id=world.discovery_id(association_id),
    )
    world.deregister(thing_id, association_id)
    assert await poll(hass, entry)


async def test_register_with_the_only_association(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """With one association here it is clear what to register with; the discovery is remembered."""
    acme = world.association_id(ACME)
    entry = await loaded(hass, emulator, world, association_ids=[acme])
    light = world.thing_id(LIGHT)
    await was_registered(hass, entry, world, light, acme)
    await press(hass, light, "register")
    assert world.registrations[light, acme] == "ASSOCIATED"
    await hass.async_block_till_done()
    assert state(hass, "sensor", light, "registration") == "associated"
    puts = world.count(PUT)
    await press(hass, light, "register")
    assert world.count(PUT) == puts


async def test_register_with_the_association_of_before(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """With several, the one that the thing was registered with before is meant."""
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    await was_registered(hass, entry, world, light, acme)
    await press(hass, light, "register")
    assert world.registrations[light, acme] == "ASSOCIATED"


async def test_register_with_which_association(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """If it isn't clear, nothing is sent."""
    await loaded(hass, emulator, world)
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, world.thing_id(HUB_CHILD), "register")
    assert key_of(caught) == "choose_account_association"
    assert writes(world) == []


async def test_register_fails(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """AWS's words reach the user."""
    acme = world.association_id(ACME)
    entry = await loaded(hass, emulator, world, association_ids=[acme])
    world.deny("iotmanagedintegrations:RegisterAccountAssociation")
    light = world.thing_id(LIGHT)
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, light, "register")
    assert key_of(caught) == "registration_failed"
    assert LIGHT in str(caught.value)
    assert state(hass, "sensor", light, "registration") == "failed"
    assert coordinator_of(entry).last_update_success


async def test_deregister(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """It removes the thing's registrations with all associations, and nothing else."""
    entry = await loaded(hass, emulator, world)
    light = world.thing_id(REGISTERED_LIGHT)
    world.register(light, world.association_id(NORTHWIND))
    others = {pair for pair in world.registrations if pair[0] != light}
    await enabled(hass, entry, light)
    await press(hass, light, "deregister")
    assert set(world.registrations) == others
    assert world.count(DELETE) == 2
    await hass.async_block_till_done()
    assert state(hass, "sensor", light, "registration") == "not_registered"
    await press(hass, light, "deregister")
    assert world.count(DELETE) == 2


async def test_deregister_fails(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A refusal is told, and what is registered stays so."""
    entry = await loaded(hass, emulator, world)
    light = world.thing_id(REGISTERED_LIGHT)
    await enabled(hass, entry, light)
    world.deny("iotmanagedintegrations:DeregisterAccountAssociation")
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, light, "deregister")
    assert key_of(caught) == "registration_failed"
    assert state(hass, "sensor", light, "registration") == "associated"
