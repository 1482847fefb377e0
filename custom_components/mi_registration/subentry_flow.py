"""Adds an account association to an entry, and changes what is done with its devices."""

from typing import Any

import voluptuous as vol

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig, SelectSelectorMode

from .aws.errors import AwsError
from .aws.models import AccountAssociation
from .const import (
    CONF_ACCOUNT_ASSOCIATION_ID,
    CONF_REGISTRATION_POLICY,
    POLICY_AUTOMATIC,
    POLICY_MANUAL,
    POLICY_SUGGEST,
    SUBENTRY_ACCOUNT_ASSOCIATION,
)
from .coordinator import MiRegistrationConfigEntry, association_subentry

_FLOW_ERRORS = frozenset({"access_denied", "cannot_connect", "clock_skew", "invalid_auth", "sdk_too_old", "throttled"})

RECONFIGURE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_REGISTRATION_POLICY, default=POLICY_MANUAL): SelectSelector(
            SelectSelectorConfig(
                options=[POLICY_MANUAL, POLICY_SUGGEST, POLICY_AUTOMATIC], translation_key=CONF_REGISTRATION_POLICY
            )
        )
    }
)


def flow_error(error: AwsError) -> str:
    """Return the name of a flow's text for a failed call."""
    if error.key in _FLOW_ERRORS:
        return error.key
    if error.key == "service_error" and error.http_status is not None and error.http_status >= 500:
        return "cannot_connect"
    return "unknown"


def association_options(associations: tuple[AccountAssociation, ...]) -> list[SelectOptionDict]:
    """Return account associations as the options of a select; names may be missing or the same, ids are neither."""
    return [
        SelectOptionDict(
            value=association.account_association_id,
            label=f"{association.name} ({association.account_association_id})"
            if association.name
            else association.account_association_id,
        )
        for association in associations
    ]


class AccountAssociationSubentryFlow(ConfigSubentryFlow):
    """Flow of the subentry type ``account_association``."""

    _associations: tuple[AccountAssociation, ...] = ()

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Start adding an account association."""
        return await self.async_step_existing(user_input)

    async def async_step_existing(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Pick one of the account's associations that isn't looked after yet (AWS ``ListAccountAssociations``)."""
        if user_input is not None:
            chosen = user_input[CONF_ACCOUNT_ASSOCIATION_ID]
            subentry = next(
                association_subentry(association)
                for association in self._associations
                if association.account_association_id == chosen
            )
            return self.async_create_entry(
                title=subentry["title"], data=subentry["data"], unique_id=subentry["unique_id"]
            )

        entry: MiRegistrationConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="entry_not_loaded")
        try:
            associations = await entry.runtime_data.client.list_account_associations()
        except AwsError as err:
            return self.async_abort(reason=flow_error(err), description_placeholders=err.placeholders)
        managed = {subentry.unique_id for subentry in entry.get_subentries_of_type(SUBENTRY_ACCOUNT_ASSOCIATION)}
        self._associations = tuple(
            association for association in associations if association.account_association_id not in managed
        )
        if not self._associations:
            return self.async_abort(reason="no_account_associations")
        return self.async_show_form(
            step_id="existing",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_ACCOUNT_ASSOCIATION_ID): SelectSelector(
                        SelectSelectorConfig(
                            options=association_options(self._associations), mode=SelectSelectorMode.DROPDOWN
                        )
                    )
                }
            ),
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change who decides that a device found by this association is registered."""
        subentry = self._get_reconfigure_subentry()
        if user_input is not None:
            return self.async_update_and_abort(self._get_entry(), subentry, data_updates=user_input)
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(RECONFIGURE_SCHEMA, subentry.data),
            description_placeholders={"account_association": subentry.title},
        )
