"""Buttons that do nothing."""

from typing import Any

from custom_components.mi_registration.button import BUTTONS
from homeassistant.components.button import ButtonEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .layout import entities


async def async_setup_entry(
    _hass: HomeAssistant, entry: ConfigEntry[Any], async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the same buttons."""
    async_add_entities(entities(ButtonEntity, entry.data["things"], BUTTONS))
