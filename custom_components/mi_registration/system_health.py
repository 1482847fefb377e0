"""System health: whether each account can be reached, and how it fares."""

from collections import Counter
from typing import Any

import botocore

from homeassistant.components import system_health
from homeassistant.core import HomeAssistant, callback

from .const import CONF_ENDPOINT_URL, CONF_REGION, DOMAIN
from .data import MiRegistrationConfigEntry


@callback
def async_register(_hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register the information."""
    register.async_register_info(system_health_info)


async def system_health_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return a line for each thing worth knowing of each account."""
    info: dict[str, Any] = {"botocore": botocore.__version__}
    entries: list[MiRegistrationConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    titles = Counter(entry.title for entry in entries)
    for entry in entries:
        data = entry.runtime_data
        # Users choose titles, also the same for two accounts.
        name = entry.title if titles[entry.title] == 1 else f"{entry.title} ({entry.unique_id})"
        region = entry.data[CONF_REGION]
        url = entry.data.get(CONF_ENDPOINT_URL) or f"https://api.iotmanagedintegrations.{region}.api.aws"
        # Any answer shows that the endpoint is there; without a signature it is a refusal.
        info[f"{name}: reachable"] = system_health.async_check_can_reach_url(hass, url)
        info[f"{name}: region"] = region
        info[f"{name}: last success"] = data.coordinator.as_of
        info[f"{name}: pending"] = data.registrar.pending_count
    return info
