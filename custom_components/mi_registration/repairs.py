"""Repairs: flows that mend an issue together with the user."""

from typing import Any

import voluptuous as vol

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig, SelectSelectorMode

from .aws.models import DiscoveredDevice
from .const import CONF_ACCOUNT_ASSOCIATION_ID, DOMAIN
from .coordinator import MiRegistrationConfigEntry, MiRegistrationData
from .device_discovery import device_digest
from .policies import is_left_out
from .registrar import ItemStatus

CONF_DEVICES = "devices"


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None) -> RepairsFlow:
    """Return the flow that mends an issue."""
    if data is None:
        raise ValueError(f"{issue_id} has no data")
    return DevicesFoundRepairFlow(hass, data["entry_id"], data[CONF_ACCOUNT_ASSOCIATION_ID])


class DevicesFoundRepairFlow(RepairsFlow):
    """Lets the user choose which of the found devices are registered, and remembers what is left out."""

    def __init__(self, hass: HomeAssistant, entry_id: str, account_association_id: str) -> None:
        """Name the account association that the devices were found for."""
        super().__init__()
        self.hass = hass
        self._entry: MiRegistrationConfigEntry | None = hass.config_entries.async_get_entry(entry_id)
        self._association_id = account_association_id

    async def async_step_init(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Start with the list."""
        return await self.async_step_devices()

    async def async_step_devices(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Show what was found, all ticked but what was left out before; register what stays ticked."""
        if self._entry is None or self._entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        data = self._entry.runtime_data
        association = data.coordinator.data.associations_by_id.get(self._association_id)
        job = data.discoveries.newest_succeeded(self._association_id)
        devices = {device_digest(device): device for device in data.discoveries.unregistered(self._association_id)}
        if association is None or job is None or not devices:
            return self.async_abort(reason="nothing_to_register")
        errors: dict[str, str] = {}
        placeholders = {"name": association.name or self._association_id, "failures": ""}
        if user_input is not None:
            chosen = [device for digest, device in devices.items() if digest in user_input[CONF_DEVICES]]
            left_out = {(self._association_id, digest) for digest in devices.keys() - set(user_input[CONF_DEVICES])}
            data.store.queue.left_out |= left_out
            await data.store.async_save_queue()
            items = await data.onboarder.async_onboard(job, chosen, self._association_id)
            failed = [item for item in items if item.status is ItemStatus.FAILED]
            if not failed:
                return self.async_create_entry(data={})
            errors["base"] = "registration_failed"
            placeholders["failures"] = "; ".join(f"{item.error_code}: {item.error_message}" for item in failed)
        return self.async_show_form(
            step_id="devices",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_DEVICES, default=self._ticked(data, devices)): SelectSelector(
                        SelectSelectorConfig(
                            options=[
                                SelectOptionDict(value=digest, label=_label(device))
                                for digest, device in sorted(devices.items(), key=lambda pair: _label(pair[1]))
                            ],
                            multiple=True,
                            mode=SelectSelectorMode.LIST,
                        )
                    )
                }
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _ticked(self, data: MiRegistrationData, devices: dict[str, DiscoveredDevice]) -> list[str]:
        return [digest for digest, device in devices.items() if not is_left_out(data, self._association_id, device)]


def _label(device: DiscoveredDevice) -> str:
    """Return what a user recognises a found device by."""
    kind = " ".join(text for text in (device.brand, device.model) if text)
    name = device.name or device.connector_device_id or ", ".join(device.device_types) or DOMAIN
    return f"{name} ({kind})" if kind else name
