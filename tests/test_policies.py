"""What becomes of found devices that nobody registered."""

import pytest

from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .common import ACME, DEREGISTER, LIGHT, LIST_THINGS, NORTHWIND, OTHER_LIGHT, REGISTER, act, poll, press, writes
from .engine_common import (
    CREATE,
    FOUND_LIGHTS,
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


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


async def discover(hass: HomeAssistant, association_id: str) -> None:
    """Let an association look for devices, and let its policy work."""
    await press(hass, association_id, "discover_devices")
    await settle(hass)


def suggestion(hass: HomeAssistant, association_id: str) -> ir.IssueEntry | None:
    """Return the repair that suggests to register what was found."""
    return ir.async_get(hass).async_get_issue(DOMAIN, f"devices_found_{association_id}")


async def test_manual(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """By hand means that nothing happens and nobody is asked."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await look_back(hass)
    await discover(hass, acme)
    assert writes(world) == [START]
    assert suggestion(hass, acme) is None


async def test_automatic(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What a finished discovery finds is created and registered, for this association only."""
    entry = await ready(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    await look_back(hass)
    set_policy(hass, entry, acme, "automatic")
    await settle(hass)
    # The choice alone takes care of what earlier discoveries found.
    assert world.registrations[world.thing_id(LIGHT), acme] == "ASSOCIATED"
    assert world.registrations[world.thing_id(OTHER_LIGHT), acme] == "ASSOCIATED"
    assert world.count(CREATE) == 0
    await discover(hass, acme)
    for name in FOUND_LIGHTS:
        assert world.registrations[world.thing_id(name), acme] == "ASSOCIATED"
    assert suggestion(hass, acme) is None
    assert sum(association == northwind for _, association in world.registrations) == 2
    before = writes(world)
    await discover(hass, acme)
    assert writes(world) == [*before, START]
    assert_nothing_twice(world)


async def test_automatic_respects_the_user(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What the user deregistered stays so, over discoveries and restarts, until he registers it again."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    set_policy(hass, entry, acme, "automatic")
    await discover(hass, acme)
    fields = {"managed_thing_id": light, "account_association_id": acme}
    await act(hass, DEREGISTER, **fields)
    await discover(hass, acme)
    await reload(hass, entry)
    await look_back(hass)
    await discover(hass, acme)
    assert (light, acme) not in world.registrations
    await act(hass, REGISTER, **fields)
    world.deregister(light, acme)
    assert await poll(hass, entry)
    await discover(hass, acme)
    assert world.registrations[light, acme] == "ASSOCIATED"


async def test_automatic_with_the_cloud_down(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be registered at once waits, as anything else does."""
    make_retries_quick(monkeypatch)
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    set_policy(hass, entry, acme, "automatic")
    world.refuse(CREATE, "InternalServerException", times=7)
    await discover(hass, acme)
    for _ in range(5):
        await look_back(hass)
    for name in FOUND_LIGHTS:
        assert world.registrations[world.thing_id(name), acme] == "ASSOCIATED"


async def test_suggest(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The suggestion counts what was found, and goes when there is nothing left to suggest."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    set_policy(hass, entry, acme, "suggest")
    await look_back(hass)
    issue = suggestion(hass, acme)
    assert issue is not None
    assert issue.is_fixable
    assert issue.translation_placeholders == {"count": "2", "name": ACME}
    await discover(hass, acme)
    issue = suggestion(hass, acme)
    assert issue is not None
    assert (issue.translation_placeholders or {})["count"] == "4"
    assert writes(world) == [START]
    # Somebody else registers one: the suggestion follows.
    world.register(world.thing_id(LIGHT), acme)
    assert await poll(hass, entry)
    issue = suggestion(hass, acme)
    assert issue is not None
    assert (issue.translation_placeholders or {})["count"] == "3"
    await act(hass, "onboard_discovered_devices", account_association_id=acme)
    await settle(hass)
    assert suggestion(hass, acme) is None


async def test_suggestion_goes_with_the_policy(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Who doesn't want to be asked any more isn't."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    set_policy(hass, entry, acme, "suggest")
    await look_back(hass)
    assert suggestion(hass, acme) is not None
    set_policy(hass, entry, acme, "manual")
    await settle(hass)
    assert suggestion(hass, acme) is None


async def test_policy_waits_for_the_cloud(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """After a start without the cloud nothing is decided on an old Inventory, and nothing is forgotten either."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    set_policy(hass, entry, acme, "automatic")
    await settle(hass)
    await discover(hass, acme)
    assert world.count(CREATE) == len(FOUND_LIGHTS)
    world.add_cloud_device(acme, "al-9", "Attic lamp")
    world.refuse(LIST_THINGS, "InternalServerException", times=3)
    await reload(hass, entry, online=False)
    await look_back(hass)
    before = writes(world)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert writes(world) == [*before, START]
    world.faults.refusals.clear()
    assert await poll(hass, entry)
    await settle(hass)
    assert world.count(CREATE) == len(FOUND_LIGHTS) + 1
    assert_nothing_twice(world)
