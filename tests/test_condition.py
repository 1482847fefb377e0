"""The conditions: of our entities only, for whatever kind of target means them."""

from datetime import timedelta
from typing import Any

from freezegun.api import TickingDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.components.common import (
    TargetSupport,
    assert_conditions_target_support,
    create_target_condition,
)
import voluptuous as vol

from custom_components.mi_registration.condition import CONDITIONS
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.verdicts import RegistrationState
from emulator import Emulator, World
from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant
from homeassistant.helpers.condition import Condition, async_get_all_descriptions, async_validate_condition_config

from .automation_common import TARGET_KINDS, add_foreign_entity, automate, put_in_kitchen, target
from .common import (
    ACME,
    HUB,
    HUB_CHILD,
    LIGHT,
    NORTHWIND,
    OTHER_LIGHT,
    REGISTERED_LIGHT,
    act,
    device_id,
    entity_id,
    poll,
    state,
)
from .engine_common import START_DISCOVERY, make_quick, ready, settle

REGISTRATION = ("sensor", "registration")
AUTHORIZATION = ("binary_sensor", "authorization_problem")
DISCOVERY = ("sensor", "discovery_status")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


async def holds(
    hass: HomeAssistant, condition: str, where: dict[str, Any], behavior: str = "any", **options: Any
) -> bool | None:
    """Return whether a condition passes now."""
    checker = await create_target_condition(
        hass, condition=f"{DOMAIN}.{condition}", target=where, behavior=behavior, condition_options=options
    )
    assert isinstance(checker, Condition)
    result = checker.async_check()
    checker.async_unload()
    return result


@pytest.mark.parametrize("kind", TARGET_KINDS)
async def test_registration(hass: HomeAssistant, emulator: Emulator, world: World, kind: str) -> None:
    """A thing is registered or not, for any kind of target, and that follows the cloud."""
    entry = await ready(hass, emulator, world)
    light = world.thing_id(LIGHT)
    where = target(hass, entry, kind, light, entity_id(hass, "sensor", light, "registration"))
    assert await holds(hass, "is_registered", where) is False
    assert await holds(hass, "is_not_registered", where) is True
    world.register(light, world.association_id(ACME))
    assert await poll(hass, entry)
    assert await holds(hass, "is_registered", where) is True
    assert await holds(hass, "is_not_registered", where) is False


@pytest.mark.parametrize("kind", TARGET_KINDS)
async def test_authorization(hass: HomeAssistant, emulator: Emulator, world: World, kind: str) -> None:
    """An authorization is valid until it fails or expires."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    where = target(hass, entry, kind, acme, entity_id(hass, *_of(AUTHORIZATION, acme)))
    assert await holds(hass, "authorization_is_valid", where) is True
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    assert await holds(hass, "authorization_is_valid", where) is False


@pytest.mark.parametrize("kind", TARGET_KINDS)
async def test_discovery(hass: HomeAssistant, emulator: Emulator, world: World, kind: str) -> None:
    """A discovery of an account association is running until it is over."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    where = target(hass, entry, kind, acme, entity_id(hass, *_of(DISCOVERY, acme)))
    assert await holds(hass, "discovery_is_running", where) is False
    world.set_switches(discovery_duration=1000.0)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme, wait=False)
    assert await holds(hass, "discovery_is_running", where) is True
    world.advance(1000)
    await settle(hass)
    assert await holds(hass, "discovery_is_running", where) is False


async def test_discovery_of_a_hub(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """So is one of a hub."""
    entry = await ready(hass, emulator, world)
    hub = world.thing_id(HUB)
    where = {"device_id": device_id(hass, entry, hub)}
    world.set_switches(discovery_duration=1000.0)
    await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub, wait=False)
    assert await holds(hass, "discovery_is_running", where) is True
    world.advance(1000)
    await settle(hass)
    assert await holds(hass, "discovery_is_running", where) is False


def _of(entity: tuple[str, str], aws_id: str) -> tuple[str, str, str]:
    platform, key = entity
    return platform, aws_id, key


async def test_any_and_all(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """One of several devices is enough, or all of them have to be so."""
    entry = await ready(hass, emulator, world)
    registered, light = world.thing_id(REGISTERED_LIGHT), world.thing_id(LIGHT)
    put_in_kitchen(hass, entry, registered)
    kitchen = {"area_id": put_in_kitchen(hass, entry, light)}
    for condition in ("is_registered", "is_not_registered"):
        assert await holds(hass, condition, kitchen, "any") is True
        assert await holds(hass, condition, kitchen, "all") is False
    world.register(light, world.association_id(ACME))
    assert await poll(hass, entry)
    assert await holds(hass, "is_registered", kitchen, "all") is True
    assert await holds(hass, "is_not_registered", kitchen, "any") is False


@pytest.mark.parametrize("shown", [*RegistrationState, STATE_UNKNOWN, STATE_UNAVAILABLE])
async def test_every_state(hass: HomeAssistant, emulator: Emulator, world: World, shown: str) -> None:
    """Only ``associated`` is registered; what isn't known is neither registered nor not registered."""
    await ready(hass, emulator, world)
    where = {"entity_id": entity_id(hass, *_of(REGISTRATION, world.thing_id(LIGHT)))}
    hass.states.async_set(where["entity_id"], shown)
    is_known = shown not in {STATE_UNKNOWN, STATE_UNAVAILABLE}
    assert await holds(hass, "is_registered", where) is (shown == "associated")
    assert await holds(hass, "is_not_registered", where) is (is_known and shown != "associated")


async def test_cloud_out_of_reach(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """While the cloud can't be read no condition passes, whichever way round it asks."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    world.offline(True)
    assert not await poll(hass, entry)
    assert state(hass, *_of(REGISTRATION, light)) == STATE_UNAVAILABLE
    thing, association = {"device_id": device_id(hass, entry, light)}, {"device_id": device_id(hass, entry, acme)}
    assert await holds(hass, "is_registered", thing) is False
    assert await holds(hass, "is_not_registered", thing) is False
    assert await holds(hass, "authorization_is_valid", association) is False
    assert await holds(hass, "discovery_is_running", association) is False
    world.offline(False)
    assert await poll(hass, entry)
    assert await holds(hass, "is_not_registered", thing) is True


async def test_state_newer_than_this_code(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A state that AWS adds later says nothing about an authorization."""
    entry = await ready(hass, emulator, world)
    where = {"device_id": device_id(hass, entry, world.association_id(NORTHWIND))}
    world.add_unknown_values()
    assert await poll(hass, entry)
    assert state(hass, *_of(AUTHORIZATION, world.association_id(NORTHWIND))) == STATE_UNKNOWN
    assert await holds(hass, "authorization_is_valid", where) is False


async def test_duration(
    hass: HomeAssistant, emulator: Emulator, world: World, moving_time: TickingDateTimeFactory
) -> None:
    """``for`` wants it to have been so for a while; passing from one such state to another doesn't start it again."""
    await ready(hass, emulator, world)
    entity = entity_id(hass, *_of(REGISTRATION, world.thing_id(LIGHT)))
    hass.states.async_set(entity, "associated")
    checker = await create_target_condition(
        hass,
        condition=f"{DOMAIN}.is_not_registered",
        target={"entity_id": entity},
        behavior="any",
        condition_options={"for": {"minutes": 10}},
    )
    assert isinstance(checker, Condition)
    hass.states.async_set(entity, "queued")
    await hass.async_block_till_done()
    moving_time.tick(timedelta(minutes=6))
    async_fire_time_changed(hass)
    hass.states.async_set(entity, "failed")
    await hass.async_block_till_done()
    assert checker.async_check() is False
    moving_time.tick(timedelta(minutes=5))
    async_fire_time_changed(hass)
    assert checker.async_check() is True
    hass.states.async_set(entity, "associated")
    hass.states.async_set(entity, "not_registered")
    await hass.async_block_till_done()
    assert checker.async_check() is False
    checker.async_unload()


async def test_foreign_entities(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Another integration's entities don't count, whatever they are called, nor do our own of another kind."""
    entry = await ready(hass, emulator, world)
    light = world.thing_id(LIGHT)
    area = put_in_kitchen(hass, entry, light)
    kitchen = {"area_id": area}
    registered = add_foreign_entity(hass, "sensor", "registration", area, "associated")
    add_foreign_entity(hass, "binary_sensor", "authorization_problem", area, STATE_OFF)
    add_foreign_entity(hass, "sensor", "discovery_status", area, "running")
    assert await holds(hass, "is_registered", kitchen) is False
    assert await holds(hass, "is_not_registered", kitchen, "all") is True
    assert await holds(hass, "authorization_is_valid", kitchen) is False
    assert await holds(hass, "discovery_is_running", kitchen) is False
    assert await holds(hass, "is_registered", {"entity_id": registered}) is False
    hass.states.async_set("sensor.without_registry", "associated")
    assert await holds(hass, "is_registered", {"entity_id": "sensor.without_registry"}) is False
    provisioning = entity_id(hass, "sensor", light, "provisioning_status")
    hass.states.async_set(provisioning, "associated")
    assert await holds(hass, "is_registered", {"entity_id": provisioning}) is False
    connected = entity_id(hass, "binary_sensor", world.thing_id(HUB), "connected")
    hass.states.async_set(connected, STATE_OFF)
    assert await holds(hass, "authorization_is_valid", {"entity_id": connected}) is False
    hass.states.async_set(connected, STATE_ON)
    assert await holds(hass, "authorization_is_valid", {"entity_id": connected}) is False


async def test_new_and_moved_devices(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A condition that lasts follows what comes into its area."""
    entry = await ready(hass, emulator, world)
    area = put_in_kitchen(hass, entry, world.thing_id(HUB_CHILD))
    checker = await create_target_condition(
        hass, condition=f"{DOMAIN}.is_registered", target={"area_id": area}, behavior="any"
    )
    assert isinstance(checker, Condition)
    assert checker.async_check() is False
    put_in_kitchen(hass, entry, world.thing_id(REGISTERED_LIGHT))
    assert checker.async_check() is True
    checker.async_unload()


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_bad_config(hass: HomeAssistant, emulator: Emulator, world: World, condition: str) -> None:
    """What doesn't fit is refused in Home Assistant's words."""
    await ready(hass, emulator, world)
    for config, error in (
        ({}, "required key not provided"),
        ({"target": {"entity_id": "nonsense"}}, "Entity ID nonsense"),
        ({"target": {"area_id": "x"}, "options": {"behavior": "some"}}, "behavior"),
        ({"target": {"area_id": "x"}, "options": {"for": "soon"}}, "for"),
        ({"target": {"area_id": "x"}, "options": {"unknown": 1}}, "unknown"),
    ):
        with pytest.raises(vol.Invalid, match=error):
            await async_validate_condition_config(hass, {"condition": f"{DOMAIN}.{condition}", **config})


async def test_unknown_condition(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A condition that doesn't exist is refused."""
    await ready(hass, emulator, world)
    with pytest.raises(vol.Invalid, match=r"Invalid condition 'mi_registration\.is_lost'"):
        await async_validate_condition_config(hass, {"condition": f"{DOMAIN}.is_lost", "target": {"area_id": "x"}})


async def test_descriptions(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The automation editor is told of each condition, and offers targets of this integration for it."""
    await ready(hass, emulator, world)
    descriptions = await async_get_all_descriptions(hass)
    for condition in CONDITIONS:
        description = descriptions[f"{DOMAIN}.{condition}"]
        assert description is not None
        (only,) = description["target"]["entity"]
        assert only["integration"] == DOMAIN
        assert only["domain"] == ["binary_sensor" if condition == "authorization_is_valid" else "sensor"]
        assert set(description["fields"]) == {"behavior", "for"}


def test_target_support() -> None:
    """Each condition takes any target, by Home Assistant's own machinery."""
    assert_conditions_target_support(CONDITIONS, dict.fromkeys(CONDITIONS, TargetSupport.STANDARD))


async def test_in_an_automation(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An automation asks them, as the editor writes them."""
    entry = await ready(hass, emulator, world)
    kitchen = put_in_kitchen(hass, entry, world.thing_id(OTHER_LIGHT))
    asked = {
        "condition": f"{DOMAIN}.is_registered",
        "target": {"area_id": kitchen},
        "options": {"behavior": "all", "for": "00:00:00"},
    }
    (runs,) = await automate(hass, {"triggers": {"trigger": "event", "event_type": "ask"}, "conditions": asked})
    hass.bus.async_fire("ask")
    await hass.async_block_till_done()
    assert runs == []
    world.register(world.thing_id(OTHER_LIGHT), world.association_id(ACME))
    assert await poll(hass, entry)
    hass.bus.async_fire("ask")
    await hass.async_block_till_done()
    assert len(runs) == 1
