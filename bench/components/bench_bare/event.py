"""Events that never happen."""

from typing import Any

from custom_components.mi_registration.coordinator import DeviceKind
from custom_components.mi_registration.event import ACTIVITY
from homeassistant.components.event import EventEntity
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .layout import entities


async def async_setup_entry(
    _hass: HomeAssistant, entry: ConfigEntry[Any], async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the same events."""
    async_add_entities(entities(EventEntity, entry.data["things"], {DeviceKind.ASSOCIATION: (ACTIVITY,)}))
