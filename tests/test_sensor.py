"""The sensors."""

from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import snapshot_platform
from syrupy.assertion import SnapshotAssertion

import custom_components.mi_registration as integration
from custom_components.mi_registration.aws.models import AssociationState, ProvisioningStatus
from emulator import Emulator, World
from homeassistant.const import STATE_UNAVAILABLE, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .common import (
    ACME,
    HUB,
    LIGHT,
    NORTHWIND,
    REGISTERED_LIGHT,
    entity_id,
    fixed_home,
    loaded,
    poll,
    shorten_waits,
    state,
)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


async def test_sensors(
    hass: HomeAssistant,
    emulator: Emulator,
    entity_registry: er.EntityRegistry,
    snapshot: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every sensor of a home."""
    monkeypatch.setattr(integration, "PLATFORMS", [Platform.SENSOR])
    with fixed_home(emulator) as world, patch("homeassistant.helpers.entity.Entity.entity_registry_enabled_default"):
        entry = await loaded(hass, emulator, world)
        await snapshot_platform(hass, entity_registry, snapshot, entry.entry_id)


@pytest.mark.parametrize("value", list(ProvisioningStatus))
async def test_provisioning_status(
    hass: HomeAssistant, emulator: Emulator, world: World, value: ProvisioningStatus
) -> None:
    """Each of AWS's values is shown; a deleted thing is gone."""
    entry = await loaded(hass, emulator, world)
    light = world.thing_id(LIGHT)
    shown = entity_id(hass, "sensor", light, "provisioning_status")
    world.update_thing(light, status=value.value)
    assert await poll(hass, entry)
    now = hass.states.get(shown)
    if value is ProvisioningStatus.DELETED:
        assert now is None
    else:
        assert now is not None
        assert now.state == value.value.lower()


@pytest.mark.parametrize("value", list(AssociationState))
async def test_association_state(
    hass: HomeAssistant, emulator: Emulator, world: World, value: AssociationState
) -> None:
    """Each of AWS's values is shown, and a problem where the end user has to act."""
    entry = await loaded(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    world.set_association_state(acme, value.value)
    assert await poll(hass, entry)
    assert state(hass, "sensor", acme, "state") == value.value.lower()
    expected = "on" if value.value in {"REFRESH_TOKEN_EXPIRED", "ASSOCIATION_FAILED"} else "off"
    assert state(hass, "binary_sensor", acme, "authorization_problem") == expected
    assert state(hass, "sensor", northwind, "state") == "association_succeeded"
    assert state(hass, "binary_sensor", northwind, "authorization_problem") == "off"


async def test_registration_shows_the_cloud(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Whoever registers, it is shown: as the best row of a thing, with all of them as an attribute."""
    entry = await loaded(hass, emulator, world)
    light, acme, northwind = world.thing_id(LIGHT), world.association_id(ACME), world.association_id(NORTHWIND)
    world.register(light, acme, status="PRE_ASSOCIATED")
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "pre_associated"
    assert state(hass, "sensor", acme, "registered_things") == "2"
    world.register(light, northwind)
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "associated"
    shown = hass.states.get(entity_id(hass, "sensor", light, "registration"))
    assert shown is not None
    assert {row["account_association_id"] for row in shown.attributes["account_associations"]} == {acme, northwind}
    for association_id in (acme, northwind):
        world.deregister(light, association_id)
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "not_registered"


async def test_row_of_a_later_status(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A registration whose status AWS added later is there, but not known to be complete."""
    entry = await loaded(hass, emulator, world)
    light = world.thing_id(REGISTERED_LIGHT)
    world.add_unknown_values()
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "pre_associated"
    assert state(hass, "sensor", light, "provisioning_status") == "unknown"


async def test_unavailable(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What shows the cloud is unavailable while it can't be read; what waits here is known all the time."""
    entry = await loaded(hass, emulator, world)
    world.offline()
    assert not await poll(hass, entry)
    for aws_id, key in (
        (entry.unique_id, "managed_things"),
        (world.association_id(ACME), "state"),
        (world.association_id(ACME), "registered_things"),
        (world.thing_id(HUB), "managed_things"),
        (world.thing_id(HUB), "provisioning_status"),
        (world.thing_id(LIGHT), "registration"),
    ):
        assert state(hass, "sensor", aws_id, key) == STATE_UNAVAILABLE
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    world.offline(offline=False)
    assert await poll(hass, entry)
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
