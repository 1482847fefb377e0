"""Adds an account association to an entry, and changes what is done with its devices."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import voluptuous as vol

from homeassistant.config_entries import ConfigEntryState, ConfigSubentryFlow, SubentryFlowResult
from homeassistant.const import CONF_NAME
from homeassistant.core import callback
from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)

from .associations import association_subentry
from .aws.errors import AwsError, NotFoundError
from .aws.identifiers import ASSOCIATION_NAME
from .aws.models import AccountAssociation, AssociationState, ConnectorDestination
from .const import (
    CONF_ACCOUNT_ASSOCIATION_ID,
    CONF_CONNECTOR_DESTINATION_ID,
    CONF_REGISTRATION_POLICY,
    DOMAIN,
    POLICY_AUTOMATIC,
    POLICY_MANUAL,
    POLICY_SUGGEST,
    SUBENTRY_ACCOUNT_ASSOCIATION,
)
from .data import MiRegistrationConfigEntry, MiRegistrationData

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


def _option(identifier: str, name: str | None) -> SelectOptionDict:
    """Return an option of a select; names may be missing or the same, ids are neither."""
    return SelectOptionDict(value=identifier, label=f"{name} ({identifier})" if name else identifier)


def association_options(associations: tuple[AccountAssociation, ...]) -> list[SelectOptionDict]:
    """Return account associations as the options of a select."""
    return [_option(association.account_association_id, association.name) for association in associations]


@contextmanager
def _end_on_error() -> Generator[None]:
    """End the flow with AWS's reason if a call fails."""
    try:
        yield
    except AwsError as err:
        raise AbortFlow(flow_error(err), err.placeholders) from err


class AccountAssociationSubentryFlow(ConfigSubentryFlow):
    """Flow of the subentry type ``account_association``.

    An association that was created outlives the flow, however that ends: until it is authorized and looked after here,
    ``existing`` offers it, to be authorized, used as it is, or deleted.
    """

    def __init__(self) -> None:
        """Start with nothing chosen."""
        self._associations: tuple[AccountAssociation, ...] = ()
        self._destinations: tuple[ConnectorDestination, ...] = ()
        self._client_tokens: dict[tuple[str, str], str] = {}
        self._association: AccountAssociation
        self._authorization_url = ""
        self._waiting: asyncio.Task[AccountAssociation | None] | None = None

    def _loaded(self) -> MiRegistrationData:
        """Return what the entry owns; ends the flow if it isn't loaded."""
        entry: MiRegistrationConfigEntry = self._get_entry()
        if entry.state is not ConfigEntryState.LOADED:
            raise AbortFlow("entry_not_loaded")
        return entry.runtime_data

    async def async_step_user(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask whether to add an association that exists or to create one."""
        self._loaded()
        return self.async_show_menu(step_id="user", menu_options=["existing", "create"])

    async def async_step_existing(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Pick one of the account's associations that isn't looked after yet (AWS ``ListAccountAssociations``)."""
        if user_input is not None:
            chosen = user_input[CONF_ACCOUNT_ASSOCIATION_ID]
            self._association = next(row for row in self._associations if row.account_association_id == chosen)
            return self._go_on()

        with _end_on_error():
            associations = await self._loaded().client.list_account_associations()
        managed = {
            subentry.unique_id for subentry in self._get_entry().get_subentries_of_type(SUBENTRY_ACCOUNT_ASSOCIATION)
        }
        self._associations = tuple(
            association
            for association in associations
            if association.account_association_id not in managed
            and association.state is not AssociationState.ASSOCIATION_DELETING
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

    async def async_step_create(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask which vendor's cloud to link, then create the association (AWS ``CreateAccountAssociation``)."""
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is None:
            await self._async_read_destinations()
        else:
            name = user_input[CONF_NAME].strip()
            if ASSOCIATION_NAME.fullmatch(name) is None:
                errors[CONF_NAME] = "invalid_name"
            else:
                try:
                    return await self._async_create(user_input[CONF_CONNECTOR_DESTINATION_ID], name)
                except NotFoundError:
                    errors[CONF_CONNECTOR_DESTINATION_ID] = "connector_destination_gone"
                    await self._async_read_destinations()
                except AwsError as err:
                    errors["base"] = flow_error(err)
                    placeholders = err.placeholders

        options = [_option(row.connector_destination_id, row.name) for row in self._destinations]
        schema = vol.Schema(
            {
                vol.Required(CONF_CONNECTOR_DESTINATION_ID): SelectSelector(
                    SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN)
                ),
                vol.Required(CONF_NAME): TextSelector(),
            }
        )
        return self.async_show_form(
            step_id="create",
            data_schema=self.add_suggested_values_to_schema(schema, user_input),
            errors=errors,
            description_placeholders=placeholders,
        )

    async def async_step_authorize(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Show the vendor's link until the user has followed it to its end, or the time is over."""
        if self._waiting is None:
            self._waiting = self.hass.async_create_background_task(
                self._loaded().linking.async_wait(self._association.account_association_id),
                f"{DOMAIN} flow of {self._association.account_association_id}",
            )
        if self._waiting.done():
            return self.async_show_progress_done(next_step_id="authorized")
        return self.async_show_progress(
            step_id="authorize",
            # A connector without OAuth has no link, and AWS may still take its time.
            progress_action="authorize" if self._authorization_url else "wait",
            description_placeholders={"name": self._name, "authorization_url": self._authorization_url},
            progress_task=self._waiting,
        )

    async def async_step_authorized(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Go on as the authorization ended."""
        self._waiting = None
        await self._async_read_association()
        return self._go_on()

    async def async_step_unfinished(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what to do with an association that nobody has authorized yet."""
        return self._show_ways_out("unfinished")

    async def async_step_failed(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Say why the authorization failed, and ask what to do with the association."""
        return self._show_ways_out("failed")

    async def async_step_authorize_again(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Get another link (AWS ``StartAccountAssociationRefresh``), unless the last one did it after all."""
        await self._async_read_association()
        if self._association.state is AssociationState.ASSOCIATION_SUCCEEDED:
            return self._finish()
        with _end_on_error():
            self._authorization_url = await self._loaded().linking.async_refresh(
                self._association.account_association_id
            )
        return await self.async_step_authorize()

    async def async_step_use(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Look after an association that isn't authorized; a repair helps to make up for that."""
        return self._finish()

    async def async_step_delete(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Delete an association in the cloud (AWS ``DeleteAccountAssociation``)."""
        data = self._loaded()
        with _end_on_error():
            try:
                await data.client.delete_account_association(self._association.account_association_id)
            except NotFoundError:
                # AWS doesn't document what it answers if things are still registered: the list tells.
                await self._async_read_association()
                raise
        await data.coordinator.async_request_refresh()
        return self.async_abort(reason="account_association_deleted", description_placeholders=self._names)

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

    async def _async_read_destinations(self) -> None:
        """Read what an association can be created with; ends the flow if there is nothing."""
        with _end_on_error():
            self._destinations = await self._loaded().client.list_connector_destinations()
        if not self._destinations:
            raise AbortFlow("no_connector_destinations")

    async def _async_create(self, connector_destination_id: str, name: str) -> SubentryFlowResult:
        """Create an association and show its link; the same form submitted again doesn't create a second one.

        Raises ``AwsError``.
        """
        link = await self._loaded().client.create_account_association(
            connector_destination_id=connector_destination_id,
            name=name,
            client_token=self._client_tokens.setdefault((connector_destination_id, name), uuid4().hex),
        )
        # AWS answers neither.
        self._association = replace(link.association, name=name, connector_destination_id=connector_destination_id)
        self._authorization_url = link.authorization_url
        if link.association.state is AssociationState.ASSOCIATION_SUCCEEDED:
            entry: MiRegistrationConfigEntry = self._get_entry()
            entry.async_create_background_task(
                self.hass,
                entry.runtime_data.coordinator.async_request_refresh(),
                f"{DOMAIN} refresh after creating an association",
            )
            return self._finish()
        return await self.async_step_authorize()

    async def _async_read_association(self) -> None:
        """Read how the association is now; ends the flow if it was deleted meanwhile."""
        with _end_on_error():
            associations = await self._loaded().client.list_account_associations()
        for association in associations:
            if (
                association.account_association_id == self._association.account_association_id
                and association.state is not AssociationState.ASSOCIATION_DELETING
            ):
                self._association = association
                return
        raise AbortFlow("account_association_gone", self._names)

    @callback
    def _go_on(self) -> SubentryFlowResult:
        """End the flow with an association that was authorized once; else ask what to do with it."""
        match self._association.state:
            case AssociationState.ASSOCIATION_IN_PROGRESS:
                return self._show_ways_out("unfinished")
            case AssociationState.ASSOCIATION_FAILED:
                return self._show_ways_out("failed")
            case _:
                return self._finish()

    @callback
    def _show_ways_out(self, step_id: str) -> SubentryFlowResult:
        """Ask what to do with an association that isn't authorized."""
        return self.async_show_menu(
            step_id=step_id,
            menu_options=["authorize_again", "use", "delete"],
            description_placeholders={**self._names, "message": self._association.error_message or "-"},
        )

    @callback
    def _finish(self) -> SubentryFlowResult:
        """Look after the association from now on."""
        subentry = association_subentry(self._association)
        return self.async_create_entry(title=subentry["title"], data=subentry["data"], unique_id=subentry["unique_id"])

    @property
    def _name(self) -> str:
        return self._association.name or self._association.account_association_id

    @property
    def _names(self) -> dict[str, str]:
        return {"name": self._name}
