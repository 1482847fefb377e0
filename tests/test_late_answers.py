"""Answers that take long: those that come in time, and those for which nobody waits any more."""

from collections.abc import Callable
from typing import Any

import pytest

from custom_components.mi_registration import attempt
from custom_components.mi_registration.aws import session
from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .common import (
    ACME,
    DELETE,
    DEREGISTER,
    IDENTITY,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    data_of,
    item,
    key_of,
    loaded,
    pass_time,
    poll,
    state,
    state_of,
)
from .engine_common import (
    CREATE,
    FOUND_LIGHTS,
    GET_DISCOVERED,
    GET_JOB,
    LIST_FOUND,
    ONBOARD,
    assert_nothing_twice,
    make_quick,
    ready,
    settle,
)
from .flow_common import add_entry, set_up

PATIENCE = 0.5
"""Seconds that a client waits here, instead of 15."""
FOREVER = 3600.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    monkeypatch.setattr(session, "READ_TIMEOUT", PATIENCE)
    # What was sent is looked for until it shows, as in real life.
    monkeypatch.setattr(attempt, "LOST_ANSWER_SECONDS", 30.0)
    monkeypatch.setattr(attempt, "READ_BACK_SECONDS", 60.0)


async def test_slow_but_in_time(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow answers are waited for, whatever they answer."""
    monkeypatch.setattr(session, "READ_TIMEOUT", FOREVER)
    world.set_latency(PATIENCE / 10)
    world.set_lateness(PATIENCE / 10)
    entry = await ready(hass, emulator, world)
    assert await poll(hass, entry)
    answer = await act(
        hass, REGISTER, managed_thing_id=world.thing_id(LIGHT), account_association_id=world.association_id(ACME)
    )
    assert item(answer)["status"] == "registered"
    await settle(hass)
    assert world.count(PUT) == 1
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert all(call.error_code is None for call in data_of(entry).client.calls)


@pytest.mark.parametrize("operation", [IDENTITY, LIST_ASSOCIATIONS])
async def test_flow(hass: HomeAssistant, emulator: Emulator, world: World, operation: str) -> None:
    """A flow says that the connection failed, and goes on with the same form."""
    world.set_latency(FOREVER, operation)
    manager = hass.config_entries.flow
    result = await manager.async_init(DOMAIN, context={"source": SOURCE_USER})
    connection = {"region": world.region, "auth_method": "access_key", "advanced": {"endpoint_url": emulator.url}}
    result = await manager.async_configure(result["flow_id"], connection)
    keys = {
        "access_key_id": world.access_key_id,
        "secret_access_key": world.secret_access_key,
        "assume_role": {},
    }
    result = await manager.async_configure(result["flow_id"], keys)
    assert (result["type"], result["errors"]) == ("form", {"base": "cannot_connect"})
    world.set_latency(0, operation)
    if result["step_id"] == "user":
        result = await manager.async_configure(result["flow_id"], connection)
    result = await manager.async_configure(result["flow_id"], keys)
    assert (result["type"], result["step_id"]) == ("form", "account_associations")
    manager.async_abort(result["flow_id"])


@pytest.mark.parametrize("operation", [IDENTITY, LIST_THINGS])
async def test_set_up(hass: HomeAssistant, emulator: Emulator, world: World, operation: str) -> None:
    """The entry isn't ready, and Home Assistant tries again by itself."""
    world.set_latency(FOREVER, operation)
    entry = add_entry(hass, emulator, world, association_ids=world.associations)
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_connect"
    world.set_latency(0, operation)
    await pass_time(hass, 100)
    assert state_of(entry) is ConfigEntryState.LOADED


@pytest.mark.parametrize("operation", [LIST_THINGS, LIST_REGISTRATIONS])
async def test_poll(hass: HomeAssistant, emulator: Emulator, world: World, operation: str) -> None:
    """What the cloud says is unavailable until the next poll; devices stay."""
    entry = await loaded(hass, emulator, world)
    light = world.thing_id(LIGHT)
    world.set_latency(FOREVER, operation)
    assert not await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "unavailable"
    assert len(coordinator_of(entry).data.managed_things) == 13
    world.set_latency(0, operation)
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "not_registered"


@pytest.mark.parametrize("operation", [GET_JOB, LIST_FOUND])
async def test_reading_action(hass: HomeAssistant, emulator: Emulator, world: World, operation: str) -> None:
    """An action that only reads fails, and works again afterwards."""
    await ready(hass, emulator, world)
    discovery = world.add_discovery(association_id=world.association_id(ACME))
    world.set_latency(FOREVER, operation)
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, GET_DISCOVERED, device_discovery_id=discovery)
    assert key_of(caught) == "cannot_connect"
    world.set_latency(0, operation)
    assert (await act(hass, GET_DISCOVERED, device_discovery_id=discovery))["status"] == "succeeded"


async def _write(hass: HomeAssistant, world: World, operation: str) -> tuple[tuple[str, str], Any]:
    """Register or deregister a light; return the pair, and the verdict."""
    acme = world.association_id(ACME)
    if operation == PUT:
        light = world.thing_id(LIGHT)
        fields = {"device_discovery_id": world.discovery_id(acme)}
        answer = await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme, **fields)
    else:
        light = world.thing_id(REGISTERED_LIGHT)
        answer = await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    return (light, acme), item(answer)


@pytest.mark.parametrize(("operation", "done"), [(PUT, "registered"), (DELETE, "deregistered")])
@pytest.mark.parametrize(
    "delay",
    [
        pytest.param(lambda world, operation: world.set_lateness(FOREVER, operation), id="answered late"),
        pytest.param(lambda world, operation: world.set_latency(2 * PATIENCE, operation), id="begun late"),
    ],
)
async def test_write(
    hass: HomeAssistant,
    *,
    emulator: Emulator,
    world: World,
    operation: str,
    done: str,
    delay: Callable[[World, str], None],
) -> None:
    """A write whose answer nobody waited for is looked for in the lists, and not sent twice."""
    entry = await ready(hass, emulator, world)
    delay(world, operation)
    pair, verdict = await _write(hass, world, operation)
    assert verdict["status"] == done
    await settle(hass)
    assert (pair in world.registrations) is (operation == PUT)
    assert world.count(operation) == 1
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert_nothing_twice(world)


@pytest.mark.parametrize("operation", [PUT, DELETE])
async def test_write_and_lists(hass: HomeAssistant, emulator: Emulator, world: World, operation: str) -> None:
    """While the lists can't be read either, the wish waits; when they can, they settle it without a second request."""
    entry = await ready(hass, emulator, world)
    world.set_lateness(FOREVER, operation)
    world.set_lateness(FOREVER, LIST_REGISTRATIONS)
    pair, verdict = await _write(hass, world, operation)
    assert (verdict["status"], verdict["error_code"]) == ("queued", "ReadTimeoutError")
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    world.set_lateness(0, LIST_REGISTRATIONS)
    await pass_time(hass, 1000)
    assert (pair in world.registrations) is (operation == PUT)
    assert world.count(operation) == 1
    assert await poll(hass, entry)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"


async def test_creation(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A managed thing whose creation AWS didn't confirm in time is created once, and registered."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    discovery = world.add_discovery(association_id=acme)
    await act(hass, GET_DISCOVERED, device_discovery_id=discovery)
    before = set(world.things)
    world.set_lateness(FOREVER, CREATE)
    answer = await act(hass, ONBOARD, account_association_id=acme, device_discovery_id=discovery)
    assert answer["summary"]["queued"] == 2
    world.set_lateness(0, CREATE)
    for _ in range(2):
        await pass_time(hass, 1000)
    created = {world.things[thing]["Name"] for thing in set(world.things) - before}
    assert created == set(FOUND_LIGHTS)
    assert len(world.things) == len(before) + len(FOUND_LIGHTS)
    names = (*FOUND_LIGHTS, LIGHT, OTHER_LIGHT)
    assert {world.registrations[world.thing_id(name), acme] for name in names} == {"ASSOCIATED"}
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert_nothing_twice(world)
