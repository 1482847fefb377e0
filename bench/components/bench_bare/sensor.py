"""Sensors that know nothing."""

from typing import Any

from custom_components.mi_registration.sensor import SENSORS
from homeassistant.components.sensor import SensorEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .layout import entities


async def async_setup_entry(
    _hass: HomeAssistant, entry: ConfigEntry[Any], async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the same sensors."""
    async_add_entities(entities(SensorEntity, entry.data["things"], SENSORS))
