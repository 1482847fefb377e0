"""Config, reauthentication, reconfiguration and options flow: one entry is one AWS account and Region."""

from collections.abc import Mapping
import json
import logging
import re
from typing import Any, override

import voluptuous as vol

from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    OptionsFlow,
    SubentryFlowContext,
)
from homeassistant.core import callback
from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)

from .associations import association_subentry
from .aws.endpoints import EndpointError, InsecureEndpointError, check_endpoint, credential_provider_url
from .aws.errors import AwsError
from .aws.identifiers import MANAGED_THING_ID, OWNER, ROLE_ALIAS, THING_NAME
from .aws.models import AccountAssociation, CallerIdentity
from .aws.partitions import partition_of
from .aws.permissions import Group, policy
from .certificate_files import CertificateFilesError, async_resolve_files, certificate_errors, is_path
from .connection import create_client
from .const import (
    AUTH_ACCESS_KEY,
    AUTH_DEFAULT_CHAIN,
    AUTH_IOT_CERTIFICATE,
    CONF_ACCESS_KEY_ID,
    CONF_ASSUME_ROLE,
    CONF_AUTH_METHOD,
    CONF_CA_CERTIFICATE,
    CONF_CERTIFICATE,
    CONF_CREDENTIAL_ENDPOINT,
    CONF_ENDPOINT_URL,
    CONF_EXTERNAL_ID,
    CONF_HUB_IDS,
    CONF_OWNER,
    CONF_PRIVATE_KEY,
    CONF_PROFILE_NAME,
    CONF_REGION,
    CONF_REQUESTS_PER_SECOND,
    CONF_ROLE_ALIAS,
    CONF_ROLE_ARN,
    CONF_SCAN_INTERVAL_MINUTES,
    CONF_SECRET_ACCESS_KEY,
    CONF_THING_NAME,
    CONF_TRACK_NEW_ASSOCIATIONS,
    DEFAULT_REQUESTS_PER_SECOND,
    DEFAULT_SCAN_INTERVAL_MINUTES,
    DOMAIN,
    REGIONS,
    SUBENTRY_ACCOUNT_ASSOCIATION,
)
from .data import MiRegistrationConfigEntry
from .subentry_flow import AccountAssociationSubentryFlow, association_options, flow_error

_LOGGER = logging.getLogger(__name__)

CONF_ACCOUNT_ASSOCIATIONS = "account_associations"
SECTION_ADVANCED = "advanced"

_FIRST_STEPS: dict[str | None, str] = {
    SOURCE_USER: "user",
    SOURCE_REAUTH: "reauth_confirm",
    SOURCE_RECONFIGURE: "reconfigure",
}

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}")
_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/([!-~]+/)?[a-zA-Z0-9_+=,.@-]{1,64}")

_TEXT = TextSelector()
_URL = TextSelector(TextSelectorConfig(type=TextSelectorType.URL))
_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
_PEM = TextSelector(TextSelectorConfig(multiline=True, autocomplete="off"))
_AUTH_METHOD = SelectSelector(
    SelectSelectorConfig(
        options=[AUTH_ACCESS_KEY, AUTH_DEFAULT_CHAIN, AUTH_IOT_CERTIFICATE],
        mode=SelectSelectorMode.LIST,
        translation_key=CONF_AUTH_METHOD,
    )
)
_ASSUME_ROLE = section(
    vol.Schema({vol.Optional(CONF_ROLE_ARN): _TEXT, vol.Optional(CONF_EXTERNAL_ID): _TEXT}),
    {"collapsed": True},
)

USER_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_REGION): SelectSelector(
            SelectSelectorConfig(options=list(REGIONS), custom_value=True, mode=SelectSelectorMode.DROPDOWN)
        ),
        vol.Required(CONF_AUTH_METHOD, default=AUTH_ACCESS_KEY): _AUTH_METHOD,
        vol.Optional(SECTION_ADVANCED): section(
            vol.Schema({vol.Optional(CONF_ENDPOINT_URL): _URL, vol.Optional(CONF_OWNER): _TEXT}),
            {"collapsed": True},
        ),
    }
)
# Another Region would be another entry, and the owner is among the options.
UPDATE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_AUTH_METHOD): _AUTH_METHOD,
        vol.Optional(SECTION_ADVANCED): section(
            vol.Schema({vol.Optional(CONF_ENDPOINT_URL): _URL}), {"collapsed": True}
        ),
    }
)
ACCESS_KEY_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_ACCESS_KEY_ID): _TEXT,
        # Not required where the entry has one already: AWS shows a secret access key only once.
        vol.Optional(CONF_SECRET_ACCESS_KEY): _SECRET,
        vol.Optional(CONF_ASSUME_ROLE): _ASSUME_ROLE,
    }
)
DEFAULT_CHAIN_SCHEMA = vol.Schema(
    {
        vol.Optional(CONF_PROFILE_NAME): _TEXT,
        vol.Optional(CONF_ASSUME_ROLE): _ASSUME_ROLE,
    }
)
IOT_CERTIFICATE_SCHEMA = vol.Schema(
    {
        vol.Required(CONF_CREDENTIAL_ENDPOINT): _TEXT,
        vol.Required(CONF_ROLE_ALIAS): _TEXT,
        vol.Required(CONF_THING_NAME): _TEXT,
        vol.Required(CONF_CERTIFICATE): _PEM,
        # Not required where the entry has the key of this certificate already.
        vol.Optional(CONF_PRIVATE_KEY): _PEM,
        vol.Optional(CONF_CA_CERTIFICATE): _PEM,
    }
)
_CREDENTIALS_SCHEMAS = {
    AUTH_ACCESS_KEY: ACCESS_KEY_SCHEMA,
    AUTH_DEFAULT_CHAIN: DEFAULT_CHAIN_SCHEMA,
    AUTH_IOT_CERTIFICATE: IOT_CERTIFICATE_SCHEMA,
}
_NEEDED = {
    AUTH_ACCESS_KEY: (CONF_ACCESS_KEY_ID, CONF_SECRET_ACCESS_KEY),
    AUTH_DEFAULT_CHAIN: (),
    AUTH_IOT_CERTIFICATE: (
        CONF_CREDENTIAL_ENDPOINT,
        CONF_ROLE_ALIAS,
        CONF_THING_NAME,
        CONF_CERTIFICATE,
        CONF_PRIVATE_KEY,
    ),
}


def _entered(values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that were filled in, without the blanks that copying brings along."""
    return {field: text for field, value in values.items() if (text := value.strip())}


def _only(values: Mapping[str, str], *fields: str) -> dict[str, str]:
    """Return those of some fields that have a value."""
    return {field: values[field] for field in fields if field in values}


def _endpoint_error(endpoint_url: str) -> str | None:
    """Return what is wrong with an address that requests would be sent to."""
    try:
        check_endpoint(endpoint_url)
    except InsecureEndpointError:
        return "insecure_endpoint"
    except EndpointError:
        return "invalid_endpoint"
    return None


def _device_errors(values: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with where a device certificate is shown, and as whose."""
    errors: dict[str, str] = {}
    try:
        credential_provider_url(values[CONF_CREDENTIAL_ENDPOINT])
    except EndpointError:
        errors[CONF_CREDENTIAL_ENDPOINT] = "invalid_credential_endpoint"
    if ROLE_ALIAS.fullmatch(values[CONF_ROLE_ALIAS]) is None:
        errors[CONF_ROLE_ALIAS] = "invalid_role_alias"
    if THING_NAME.fullmatch(values[CONF_THING_NAME]) is None:
        errors[CONF_THING_NAME] = "invalid_thing_name"
    return errors


def _whole_number(maximum: int, unit: str | None = None) -> vol.All[int]:
    """Return a field for a whole number from 1."""
    config = NumberSelectorConfig(min=1, max=maximum, step=1, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return vol.All(NumberSelector(config), vol.Coerce(int))


_POLICIES = {group.value: json.dumps(policy([group])) for group in Group}
"""The least-privilege policies, for the help text of the credentials forms."""


class MiRegistrationConfigFlow(ConfigFlow, domain=DOMAIN):
    """Sets an entry up, and mends it in place: where to connect, with which credentials, then a test, then the end.

    Only the end differs: a new entry, after choosing among its account associations, or a changed one.
    """

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Start with empty forms."""
        self._connection_form: dict[str, Any] = {}
        self._credentials_form: dict[str, Any] = {}
        self._data: dict[str, str] = {}
        self._options: dict[str, str] = {}
        self._title = ""
        self._associations: tuple[AccountAssociation, ...] = ()

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> MiRegistrationOptionsFlow:
        """Return the options flow."""
        return MiRegistrationOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the subentry types."""
        return {SUBENTRY_ACCOUNT_ASSOCIATION: AccountAssociationSubentryFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask where to connect and by which kind of credentials."""
        return await self._async_step_connection(user_input)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Start after AWS refused the entry's credentials."""
        self._prefill(entry_data)
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask by which kind of credentials to connect from now on."""
        return await self._async_step_connection(user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask where to connect and by which kind of credentials from now on."""
        if user_input is None:
            self._prefill(self._get_reconfigure_entry().data)
        return await self._async_step_connection(user_input)

    async def async_step_access_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for an access key, and the role to assume with it."""
        return await self._async_step_credentials(user_input)

    async def async_step_default_chain(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a profile of boto3's chain, and the role to assume with what the chain finds."""
        return await self._async_step_credentials(user_input)

    async def async_step_iot_certificate(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a device certificate, and where it is exchanged for credentials."""
        return await self._async_step_credentials(user_input)

    async def async_step_account_associations(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which of the account associations found to look after."""
        if user_input is not None:
            return self._async_create(set(user_input[CONF_ACCOUNT_ASSOCIATIONS]))
        options = association_options(self._associations)
        return self.async_show_form(
            step_id="account_associations",
            data_schema=vol.Schema(
                {
                    vol.Required(
                        CONF_ACCOUNT_ASSOCIATIONS, default=[option["value"] for option in options]
                    ): SelectSelector(
                        SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
                    )
                }
            ),
            description_placeholders={"title": self._title},
        )

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on to linking a vendor's account where the AWS account has no association yet."""
        if not self._associations:
            subentry_flow = await self.hass.config_entries.subentries.async_init(
                (result["result"].entry_id, SUBENTRY_ACCOUNT_ASSOCIATION),
                context=SubentryFlowContext(source=SOURCE_USER),
            )
            # It ends at once if the entry could not be set up.
            if subentry_flow["type"] is FlowResultType.MENU:
                result["next_flow"] = (FlowType.CONFIG_SUBENTRIES_FLOW, subentry_flow["flow_id"])
        return result

    @property
    def _entry(self) -> MiRegistrationConfigEntry | None:
        """The entry that this flow changes, ``None`` if it makes a new one."""
        if self.source == SOURCE_REAUTH:
            return self._get_reauth_entry()
        if self.source == SOURCE_RECONFIGURE:
            return self._get_reconfigure_entry()
        return None

    async def _async_step_connection(self, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Show or evaluate the first form."""
        if user_input is None:
            return self._show_connection_form()

        self._connection_form = user_input
        entry = self._entry
        errors: dict[str, str] = {}
        advanced = _entered(user_input.get(SECTION_ADVANCED, {}))
        owner = advanced.pop(CONF_OWNER, None)
        region = entry.data[CONF_REGION] if entry is not None else user_input[CONF_REGION].strip().lower()
        if not _REGION.fullmatch(region):
            errors[CONF_REGION] = "invalid_region"
        # The frontend shows no error at a field of a section, only at the section.
        if owner is not None and not OWNER.fullmatch(owner):
            errors[SECTION_ADVANCED] = "invalid_owner"
        if CONF_ENDPOINT_URL in advanced and (error := _endpoint_error(advanced[CONF_ENDPOINT_URL])):
            errors["base"] = error
        if errors:
            return self._show_connection_form(errors)

        self._data = {CONF_REGION: region, CONF_AUTH_METHOD: user_input[CONF_AUTH_METHOD], **advanced}
        self._options = {} if owner is None else {CONF_OWNER: owner}
        return await self._async_step_credentials(None)

    async def _async_step_credentials(self, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Evaluate the second form, then test what was entered."""
        if user_input is None:
            return self._show_credentials_form()

        self._credentials_form = user_input
        auth_method = self._data[CONF_AUTH_METHOD]
        values = _entered({key: value for key, value in user_input.items() if key != CONF_ASSUME_ROLE})
        values = self._stored_secret(values) | values
        role = _entered(user_input.get(CONF_ASSUME_ROLE, {}))
        data = {**self._data, **values, **role}
        resolved: Mapping[str, str] = data
        errors = {key: "required" for key in _NEEDED[auth_method] if key not in values}
        if role and (error := await self._async_role_error(role.get(CONF_ROLE_ARN, ""))):
            errors[CONF_ASSUME_ROLE] = error
        if auth_method == AUTH_IOT_CERTIFICATE and not errors:
            errors = _device_errors(values)
            try:
                resolved = await async_resolve_files(self.hass, data)
            except CertificateFilesError as err:
                errors |= err.errors
            else:
                errors |= await self.hass.async_add_executor_job(certificate_errors, resolved)
        if errors:
            return self._show_credentials_form(errors)

        try:
            identity = await self._async_test(resolved)
        except AwsError as err:
            _LOGGER.debug("AWS refused %s: %s, request %s", err.operation, err.code, err.request_id)
            errors["base"] = flow_error(err)
            if errors["base"] == "cannot_connect":
                # Region and endpoint, which are what can be wrong then, are on the first form.
                return self._show_connection_form(errors, err.placeholders)
            return self._show_credentials_form(errors, err.placeholders)
        return await self._async_finish(data, identity)

    async def _async_test(self, data: Mapping[str, str]) -> CallerIdentity:
        """Ask AWS whose credentials these are, and which account associations there are.

        Calls STS ``GetCallerIdentity`` and ``ListAccountAssociations``.
        """
        client = create_client(self.hass, data, self._options)
        try:
            identity = await client.get_caller_identity()
            self._associations = await client.list_account_associations()
        finally:
            await client.close()
        return identity

    async def _async_finish(self, data: dict[str, str], identity: CallerIdentity) -> ConfigFlowResult:
        """Change the entry, or go on to a new one, with data that was tested."""
        region = data[CONF_REGION]
        await self.async_set_unique_id(f"{identity.partition}:{identity.account}:{region}", raise_on_progress=False)
        if (entry := self._entry) is None:
            self._abort_if_unique_id_configured()
            self._data = data
            self._title = f"AWS {identity.account} ({region})"
            return await self.async_step_account_associations() if self._associations else self._async_create(set())

        self._abort_if_unique_id_mismatch(
            reason="wrong_account", description_placeholders={"account": identity.account, "title": entry.title}
        )
        # A listener reloads an entry that changed. There is none if set-up failed, and the same credentials may be
        # fine again after a change in AWS: a poll that found them bad goes on only after a reload.
        listener_reloads = bool(entry.update_listeners) and data != entry.data
        result = self.async_update_and_abort(entry, data=data)
        if not listener_reloads:
            self.hass.config_entries.async_schedule_reload(entry.entry_id)
        return result

    @callback
    def _async_create(self, chosen: set[str]) -> ConfigFlowResult:
        """Create the entry with the account associations chosen as its subentries."""
        return self.async_create_entry(
            title=self._title,
            data=self._data,
            options=self._options,
            subentries=[
                association_subentry(association)
                for association in self._associations
                if association.account_association_id in chosen
            ],
        )

    async def _async_role_error(self, role_arn: str) -> str | None:
        """Return what is wrong with the ARN of a role to assume."""
        if not _ROLE_ARN.fullmatch(role_arn):
            return "invalid_role_arn"
        partition = await self.hass.async_add_executor_job(partition_of, self._data[CONF_REGION])
        # A Region that is too new for botocore is AWS's to judge.
        return "wrong_partition" if partition not in {None, role_arn.split(":")[1]} else None

    def _prefill(self, data: Mapping[str, str]) -> None:
        """Fill the forms with what an entry has, but for its secret."""
        self._connection_form = {
            CONF_AUTH_METHOD: data[CONF_AUTH_METHOD],
            SECTION_ADVANCED: _only(data, CONF_ENDPOINT_URL),
        }
        self._credentials_form = _only(
            data,
            CONF_ACCESS_KEY_ID,
            CONF_PROFILE_NAME,
            CONF_CREDENTIAL_ENDPOINT,
            CONF_ROLE_ALIAS,
            CONF_THING_NAME,
            CONF_CERTIFICATE,
            CONF_CA_CERTIFICATE,
        ) | {CONF_ASSUME_ROLE: _only(data, CONF_ROLE_ARN, CONF_EXTERNAL_ID)}
        if (private_key := data.get(CONF_PRIVATE_KEY)) and is_path(private_key):
            self._credentials_form[CONF_PRIVATE_KEY] = private_key

    def _stored_secret(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the entry's secret if the access key ID or the certificate entered is the one it belongs to."""
        if (entry := self._entry) is None:
            return {}
        for public, secret in ((CONF_ACCESS_KEY_ID, CONF_SECRET_ACCESS_KEY), (CONF_CERTIFICATE, CONF_PRIVATE_KEY)):
            if public in values and entry.data.get(public) == values[public]:
                return _only(entry.data, secret)
        return {}

    def _show_connection_form(
        self, errors: dict[str, str] | None = None, placeholders: Mapping[str, str] | None = None
    ) -> ConfigFlowResult:
        """Show the first form."""
        entry = self._entry
        return self.async_show_form(
            step_id=_FIRST_STEPS[self.source],
            data_schema=self._filled(USER_SCHEMA if entry is None else UPDATE_SCHEMA, self._connection_form),
            errors=errors,
            description_placeholders={"title": "" if entry is None else entry.title, **(placeholders or {})},
            last_step=False,
        )

    def _show_credentials_form(
        self, errors: dict[str, str] | None = None, placeholders: Mapping[str, str] | None = None
    ) -> ConfigFlowResult:
        """Show the second form."""
        step_id = self._data[CONF_AUTH_METHOD]
        return self.async_show_form(
            step_id=step_id,
            data_schema=self._filled(_CREDENTIALS_SCHEMAS[step_id], self._credentials_form),
            errors=errors,
            description_placeholders={**_POLICIES, **(placeholders or {})},
        )

    def _filled(self, schema: vol.Schema, values: Mapping[str, Any]) -> vol.Schema:
        """Return a form with values filled in, and those sections open that have any."""
        filled = self.add_suggested_values_to_schema(schema, values)
        for key, field in filled.schema.items():
            if isinstance(field, section) and values.get(key.schema):
                field.options = {"collapsed": False}
        return filled


class MiRegistrationOptionsFlow(OptionsFlow):
    """Changes how an entry is looked after; the entry's update listener applies it."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for poll interval, pace and scope."""
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            options = dict(user_input)
            options[CONF_OWNER] = user_input.get(CONF_OWNER, "").strip()
            # In the order entered, each once.
            options[CONF_HUB_IDS] = list(
                dict.fromkeys(text for hub_id in user_input.get(CONF_HUB_IDS, ()) if (text := hub_id.strip()))
            )
            if options[CONF_OWNER] and not OWNER.fullmatch(options[CONF_OWNER]):
                errors[CONF_OWNER] = "invalid_owner"
            if invalid := [hub_id for hub_id in options[CONF_HUB_IDS] if not MANAGED_THING_ID.fullmatch(hub_id)]:
                errors[CONF_HUB_IDS] = "invalid_hub_id"
                placeholders["hub_ids"] = ", ".join(invalid)
            if not errors:
                return self.async_create_entry(
                    data={field: value for field, value in options.items() if value not in ("", [])}
                )
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                self._schema(), self.config_entry.options if user_input is None else user_input
            ),
            errors=errors,
            description_placeholders=placeholders,
        )

    def _schema(self) -> vol.Schema:
        """Return the form; the hubs known are offered by name, others can be typed in."""
        entry: MiRegistrationConfigEntry = self.config_entry
        hubs = entry.runtime_data.coordinator.data.hubs if entry.state is ConfigEntryState.LOADED else ()
        labels = {hub_id: hub_id for hub_id in entry.options.get(CONF_HUB_IDS, ())} | {
            hub.managed_thing_id: hub.name or hub.managed_thing_id for hub in hubs
        }
        return vol.Schema(
            {
                vol.Required(CONF_SCAN_INTERVAL_MINUTES, default=DEFAULT_SCAN_INTERVAL_MINUTES): _whole_number(
                    1440, unit="min"
                ),
                vol.Required(CONF_REQUESTS_PER_SECOND, default=DEFAULT_REQUESTS_PER_SECOND): _whole_number(100),
                vol.Required(CONF_TRACK_NEW_ASSOCIATIONS, default=False): BooleanSelector(),
                vol.Optional(CONF_OWNER): _TEXT,
                vol.Optional(CONF_HUB_IDS): SelectSelector(
                    SelectSelectorConfig(
                        options=[SelectOptionDict(value=hub_id, label=label) for hub_id, label in labels.items()],
                        multiple=True,
                        custom_value=True,
                        mode=SelectSelectorMode.DROPDOWN,
                    )
                ),
            }
        )
