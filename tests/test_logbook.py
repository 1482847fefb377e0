"""The logbook has a sentence for each activity."""

from typing import Any

import pytest

from custom_components.mi_registration import logbook
from custom_components.mi_registration.activity import EVENT_ACTIVITY, Activity
from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.components.logbook import DOMAIN as LOGBOOK
from homeassistant.core import Event, HomeAssistant

from .common import ACME, LIGHT, REGISTER, act, poll
from .engine_common import START_DISCOVERY, make_quick, ready, settle
from .repair_common import fail_to_register


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


def sentences(hass: HomeAssistant) -> list[str]:
    """Return a list that grows with what the logbook says of each event."""
    describe: dict[str, Any] = {}
    logbook.async_describe_events(hass, lambda domain, kind, call: describe.update({f"{domain}.{kind}": call}))
    assert list(describe) == [f"{DOMAIN}.{EVENT_ACTIVITY}"]
    (call,) = describe.values()
    found: list[str] = []

    async def _note(event: Event) -> None:
        entry = call(event)
        assert set(entry) == {"name", "message"}
        found.append(f"{entry['name']} {entry['message']}")

    hass.bus.async_listen(EVENT_ACTIVITY, _note)
    return found


def test_every_activity_has_a_sentence() -> None:
    """None is left out."""
    assert set(logbook.MESSAGES) == set(Activity)
    assert LOGBOOK == "logbook"


async def test_life_of_an_association(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What happens in the cloud reads as a story."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    told = sentences(hass)
    await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    await settle(hass)
    assert told == [f"{ACME} registered {LIGHT}"]
    told.clear()
    world.deregister(light, acme)
    assert await poll(hass, entry)
    assert told == [f"{ACME} deregistered {LIGHT}"]
    told.clear()
    await fail_to_register(hass, world, light, acme)
    assert told[-1] == f"{ACME} could not register {LIGHT}: ServiceQuotaExceededException"
    told.clear()
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    assert told == [f"{ACME} must be authorized again", f"{ACME} is authorized again"]


async def test_discovery(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A discovery tells what it found and how it ended."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    told = sentences(hass)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert f"{ACME} found Porch light" in told
    assert f"{ACME} found Garden lantern" in told
    assert told[-1] == f"{ACME} finished a discovery (succeeded, 6 devices)"
    told.clear()
    world.plan_discovery("FAILED")
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert len(told) == 1
    assert told[0].startswith(f"{ACME} finished a discovery (failed, ")
