"""Repairs: flows that mend an issue together with the user."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import voluptuous as vol

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult, repairs_flow_manager
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import UnknownFlow
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig, SelectSelectorMode

from .aws.errors import AwsError
from .aws.models import AccountAssociation, AssociationState, DiscoveredDevice
from .const import CONF_ACCOUNT_ASSOCIATION_ID, DOMAIN
from .data import MiRegistrationConfigEntry, MiRegistrationData
from .device_discovery import device_digest
from .errors import action_error
from .policies import async_leave_out, is_left_out
from .store import NotStoredError
from .verdicts import Item, ItemStatus

CONF_DEVICES = "devices"


class MiRegistrationRepairFlow(RepairsFlow):
    """A flow about one account; every step first looks whether there still is something to mend."""

    def __init__(self, hass: HomeAssistant, data: Mapping[str, Any]) -> None:
        """Take what the issue is about."""
        super().__init__()
        self.hass = hass
        self._about = data
        self._entry: MiRegistrationConfigEntry | None = hass.config_entries.async_get_entry(data["entry_id"])

    @property
    def _data(self) -> MiRegistrationData | None:
        """What the loaded entry owns."""
        if self._entry is None or self._entry.state is not ConfigEntryState.LOADED:
            return None
        return self._entry.runtime_data

    @property
    def _association_id(self) -> str:
        association_id: str = self._about[CONF_ACCOUNT_ASSOCIATION_ID]
        return association_id

    def _association_name(self, data: MiRegistrationData) -> str:
        association = data.coordinator.data.associations_by_id.get(self._association_id)
        return (association and association.name) or self._association_id


class AuthorizationExpiredRepairFlow(MiRegistrationRepairFlow):
    """Gets a new authorization link from AWS, opens it, and waits until the user is through at the vendor."""

    _url: str | None = None
    _result: AccountAssociation | None = None
    _waiting: asyncio.Task[None] | None = None

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start with an explanation."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Explain what comes, then ask AWS for the link (``StartAccountAssociationRefresh``)."""
        if (data := self._data) is None:
            return self.async_abort(reason="entry_not_loaded")
        errors: dict[str, str] = {}
        placeholders = {"name": self._association_name(data), "message": "-"}
        if user_input is not None:
            try:
                self._url = await data.linking.async_refresh(self._association_id)
            except AwsError as err:
                errors["base"] = "refresh_failed"
                placeholders["message"] = str(action_error(err))
            else:
                return await self.async_step_authorize()
        return self.async_show_form(
            step_id="confirm", data_schema=vol.Schema({}), errors=errors, description_placeholders=placeholders
        )

    async def async_step_authorize(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Open the link in a new window; this flow goes on by itself when the association's state changes."""
        if self._waiting is None:
            if (data := self._data) is None:
                return self.async_abort(reason="entry_not_loaded")
            self._waiting = data.coordinator.config_entry.async_create_background_task(
                self.hass, self._async_wait(data), f"{DOMAIN} repair of {self._association_id}"
            )
            if not self._url:
                # The vendor needs no page: AWS goes on without the user.
                await self._waiting
            else:
                self._waiting.add_done_callback(self._async_waited)
        if not self._waiting.done():
            return self.async_external_step(step_id="authorize", url=str(self._url))
        return self.async_external_step_done(next_step_id="finish")

    async def _async_wait(self, data: MiRegistrationData) -> None:
        self._result = await data.linking.async_wait(self._association_id)

    @callback
    def _async_waited(self, _waiting: asyncio.Task[None]) -> None:
        self.hass.async_create_task(self._async_go_on(), f"{DOMAIN} end of repair of {self._association_id}")

    async def _async_go_on(self) -> None:
        """Let the dialog show how it ended."""
        if (manager := repairs_flow_manager(self.hass)) is not None:
            # The user may have closed the dialog meanwhile.
            with suppress(UnknownFlow):
                await manager.async_configure(flow_id=self.flow_id)

    async def async_step_finish(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Close the issue, or say why it can't be closed."""
        if self._data is None:
            return self.async_abort(reason="entry_not_loaded")
        if self._result is None:
            return self.async_abort(reason="authorization_timed_out")
        if self._result.state is not AssociationState.ASSOCIATION_SUCCEEDED:
            return self.async_abort(
                reason="authorization_failed",
                description_placeholders={"message": self._result.error_message or str(self._result.state)},
            )
        return self.async_create_entry(data={})


class RegistrationRepairFlow(MiRegistrationRepairFlow):
    """Registers a thing once more: one that failed, or one that AWS didn't register by itself as it should have."""

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Start with the reason."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Show why it isn't registered, then try again."""
        if (data := self._data) is None:
            return self.async_abort(reason="entry_not_loaded")
        thing_id: str = self._about["managed_thing_id"]
        thing = data.coordinator.data.things_by_id.get(thing_id)
        if thing is None:
            return self.async_abort(reason="thing_gone")
        errors: dict[str, str] = {}
        reason = data.registrar.last_error(thing_id) or "-"
        if user_input is not None:
            items: list[Item] = []
            try:
                for association_id in self._association_ids(data, thing_id):
                    items += await data.registrar.async_register([thing_id], association_id)
            except NotStoredError as err:
                reason = str(err)
            else:
                failed = [item for item in items if item.status is ItemStatus.FAILED]
                if not failed:
                    return self.async_create_entry(data={})
                reason = "; ".join(f"{item.error_code}: {item.error_message}" for item in failed)
            errors["base"] = "registration_failed"
        return self.async_show_form(
            step_id="confirm",
            data_schema=vol.Schema({}),
            errors=errors,
            description_placeholders={"device": thing.name or thing_id, "reason": reason},
        )

    def _association_ids(self, data: MiRegistrationData, thing_id: str) -> list[str]:
        """Return the association that failed, or those that a stuck thing is waiting for."""
        if CONF_ACCOUNT_ASSOCIATION_ID in self._about:
            return [self._association_id]
        rows = data.coordinator.data.registrations_by_thing.get(thing_id, ())
        return [row.account_association_id for row in rows]


class AssociationDeletedRepairFlow(MiRegistrationRepairFlow):
    """Removes an account association here that was deleted in the cloud."""

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Ask first."""
        return await self.async_step_confirm()

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Remove the association's subentry, with its device and entities."""
        if (data := self._data) is None:
            return self.async_abort(reason="entry_not_loaded")
        subentry = data.coordinator.association_subentries.get(self._association_id)
        if subentry is None:
            return self.async_create_entry(data={})
        if user_input is not None:
            self.hass.config_entries.async_remove_subentry(data.coordinator.config_entry, subentry.subentry_id)
            return self.async_create_entry(data={})
        return self.async_show_form(
            step_id="confirm", data_schema=vol.Schema({}), description_placeholders={"name": subentry.title}
        )


class DevicesFoundRepairFlow(MiRegistrationRepairFlow):
    """Lets the user choose which of the found devices are registered, and remembers what is left out."""

    async def async_step_init(self, _user_input: dict[str, str] | None = None) -> RepairsFlowResult:
        """Start with the list."""
        return await self.async_step_devices()

    async def async_step_devices(self, user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Show what was found, all ticked but what was left out before; register what stays ticked."""
        if (data := self._data) is None:
            return self.async_abort(reason="entry_not_loaded")
        association = data.coordinator.data.associations_by_id.get(self._association_id)
        job = data.discoveries.newest_succeeded(self._association_id)
        devices = {device_digest(device): device for device in data.discoveries.unregistered(self._association_id)}
        if association is None or job is None or not devices:
            return self.async_abort(reason="nothing_to_register")
        errors: dict[str, str] = {}
        placeholders = {"name": association.name or self._association_id, "failures": ""}
        if user_input is not None:
            chosen = [device for digest, device in devices.items() if digest in user_input[CONF_DEVICES]]
            try:
                await async_leave_out(data, self._association_id, devices.keys() - set(user_input[CONF_DEVICES]))
                items = await data.onboarder.async_onboard(job, chosen, self._association_id)
            except NotStoredError as err:
                placeholders["failures"] = str(err)
            else:
                failed = [item for item in items if item.status is ItemStatus.FAILED]
                if not failed:
                    return self.async_create_entry(data={})
                placeholders["failures"] = "; ".join(f"{item.error_code}: {item.error_message}" for item in failed)
            errors["base"] = "registration_failed"
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


FLOWS: Final[Mapping[str, type[MiRegistrationRepairFlow]]] = {
    "authorization_expired": AuthorizationExpiredRepairFlow,
    "registration_failed": RegistrationRepairFlow,
    "thing_stuck_in_discovered": RegistrationRepairFlow,
    "association_deleted": AssociationDeletedRepairFlow,
    "devices_found": DevicesFoundRepairFlow,
}
"""The flow of each kind of fixable issue, by what its id begins with."""


async def async_create_fix_flow(hass: HomeAssistant, issue_id: str, data: dict[str, Any] | None) -> RepairsFlow:
    """Return the flow that mends an issue."""
    flow = next(flow for kind, flow in FLOWS.items() if issue_id.startswith(kind))
    return flow(hass, data or {})
