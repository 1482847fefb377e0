"""Binary sensors that know nothing."""

from typing import Any

from custom_components.mi_registration.binary_sensor import AUTHORIZATION_PROBLEM, CONNECTED
from custom_components.mi_registration.coordinator import DeviceKind
from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .layout import entities


async def async_setup_entry(
    _hass: HomeAssistant, entry: ConfigEntry[Any], async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the same binary sensors."""
    descriptions = {DeviceKind.ASSOCIATION: (AUTHORIZATION_PROBLEM,), DeviceKind.HUB: (CONNECTED,)}
    async_add_entities(entities(BinarySensorEntity, entry.data["things"], descriptions))
