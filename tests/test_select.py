"""The select that says who decides about found devices."""

import pytest

from custom_components.mi_registration.const import CONF_REGISTRATION_POLICY
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError

from .common import ACME, NORTHWIND, coordinator_of, entity_id, state
from .engine_common import make_quick, ready, reload


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


async def test_registration_policy(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The choice is kept in the association's subentry, and leaves the others alone."""
    entry = await ready(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    shown = hass.states.get(entity_id(hass, "select", acme, "registration_policy"))
    assert shown is not None
    assert shown.state == "manual"
    assert shown.attributes["options"] == ["manual", "suggest", "automatic"]
    await hass.services.async_call(
        "select", "select_option", {"entity_id": shown.entity_id, "option": "suggest"}, blocking=True
    )
    await hass.async_block_till_done()
    assert state(hass, "select", acme, "registration_policy") == "suggest"
    assert state(hass, "select", northwind, "registration_policy") == "manual"
    assert coordinator_of(entry).association_subentries[acme].data[CONF_REGISTRATION_POLICY] == "suggest"
    await reload(hass, entry)
    assert state(hass, "select", acme, "registration_policy") == "suggest"
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(
            "select", "select_option", {"entity_id": shown.entity_id, "option": "never"}, blocking=True
        )
    assert state(hass, "select", acme, "registration_policy") == "suggest"
