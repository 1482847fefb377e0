"""Selects that nobody can change."""

from typing import Any

from custom_components.mi_registration.coordinator import DeviceKind
from custom_components.mi_registration.select import REGISTRATION_POLICY
from homeassistant.components.select import SelectEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .layout import entities


async def async_setup_entry(
    _hass: HomeAssistant, entry: ConfigEntry[Any], async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the same selects."""
    descriptions = {DeviceKind.ASSOCIATION: (REGISTRATION_POLICY,)}
    async_add_entities(entities(SelectEntity, entry.data["things"], descriptions))
