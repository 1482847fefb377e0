"""The floor: the same devices and entities as the integration's for a fleet of things, and no cloud behind them."""

from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .layout import DOMAIN, layout

PLATFORMS = [Platform.BINARY_SENSOR, Platform.BUTTON, Platform.EVENT, Platform.SELECT, Platform.SENSOR]


async def async_setup_entry(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Register the devices and add the entities."""
    registry = dr.async_get(hass)
    ids: dict[str, str] = {}
    for device in layout(entry.data["things"]):
        ids[device.id] = registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, device.id)},
            name=device.id,
            manufacturer="Acme",
            model="M1",
            via_device_id=ids[device.via] if device.via else None,
        ).id
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Take everything away."""
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)
