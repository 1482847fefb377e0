"""The event entity of an association: each fact once, whoever caused it."""

import pytest

from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .common import (
    ACME,
    DEREGISTER,
    LIGHT,
    NORTHWIND,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    entity_id,
    pass_time,
    poll,
)
from .engine_common import ONBOARD, START_DISCOVERY, follow_activity, make_quick, ready, reload


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


async def test_what_we_do(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What is registered and deregistered from here is announced once, and only for its association."""
    entry = await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    fired, others = follow_activity(hass, acme), follow_activity(hass, world.association_id(NORTHWIND))
    fields = {"managed_thing_id": light, "account_association_id": acme}
    await act(hass, REGISTER, **fields)
    await pass_time(hass, 2000)
    assert await poll(hass, entry)
    assert [kind for kind, _ in fired] == ["device_registered"]
    assert fired[0][1]["managed_thing_id"] == light
    assert fired[0][1]["name"] == LIGHT
    await act(hass, DEREGISTER, **fields)
    await pass_time(hass, 2000)
    assert [kind for kind, _ in fired] == ["device_registered", "device_deregistered"]
    assert others == []


async def test_what_others_do(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """So is what the console or another hub does; what was so before is no news, nor after a restart."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    fired = follow_activity(hass, acme)
    world.register(world.thing_id(LIGHT), acme)
    world.deregister(world.thing_id(REGISTERED_LIGHT), acme)
    assert await poll(hass, entry)
    assert sorted((kind, attributes["name"]) for kind, attributes in fired) == [
        ("device_deregistered", REGISTERED_LIGHT),
        ("device_registered", LIGHT),
    ]
    await reload(hass, entry)
    assert await poll(hass, entry)
    assert len(fired) == 2
    # What happened while we were off is news as well.
    assert await hass.config_entries.async_unload(entry.entry_id)
    world.register(world.thing_id(OTHER_LIGHT), acme)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert await poll(hass, entry)
    assert [attributes["name"] for _, attributes in fired[2:]] == [OTHER_LIGHT]


async def test_thing_that_goes(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A registered thing that is deleted in the cloud is no longer registered."""
    entry = await ready(hass, emulator, world)
    fired = follow_activity(hass, world.association_id(ACME))
    world.remove_thing(world.thing_id(REGISTERED_LIGHT))
    assert await poll(hass, entry)
    assert [(kind, attributes["name"]) for kind, attributes in fired] == [("device_deregistered", REGISTERED_LIGHT)]


async def test_registration_failed(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A refusal for good is announced once, in AWS's words."""
    await ready(hass, emulator, world)
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    fired = follow_activity(hass, acme)
    world.refuse(PUT, "ValidationException", message="Never.", times=5)
    with pytest.raises(HomeAssistantError):
        await act(
            hass,
            REGISTER,
            managed_thing_id=light,
            account_association_id=acme,
            device_discovery_id=world.discovery_id(acme),
        )
    await pass_time(hass, 2000)
    ((kind, attributes),) = fired
    assert kind == "registration_failed"
    assert attributes["managed_thing_id"] == light
    assert attributes["error_code"] == "ValidationException"
    assert attributes["error_message"] == "Never."


async def test_authorization(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An authorization that expires and comes back is announced."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    fired = follow_activity(hass, acme)
    for association_state in ("REFRESH_TOKEN_EXPIRED", "REFRESH_TOKEN_EXPIRED", "ASSOCIATION_SUCCEEDED"):
        world.set_association_state(acme, association_state)
        assert await poll(hass, entry)
    assert [(kind, attributes["state"]) for kind, attributes in fired] == [
        ("authorization_expired", "refresh_token_expired"),
        ("authorization_restored", "association_succeeded"),
    ]


async def test_nothing_sensitive(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The vendor's ids of devices, brands and models are in no event."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    fired = follow_activity(hass, acme)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await act(hass, ONBOARD, account_association_id=acme)
    await pass_time(hass, 60)
    kinds = [kind for kind, _ in fired]
    assert kinds.count("discovery_finished") == 1
    assert kinds.count("device_registered") == 4
    assert "al-100" not in str(fired)
    assert "AL-" not in str(fired)
    shown = hass.states.get(entity_id(hass, "event", acme, "activity"))
    assert shown is not None
    assert set(shown.attributes["event_types"]) >= set(kinds)
