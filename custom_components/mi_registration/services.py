"""The actions: they check what was typed, hand an intent on, and answer with a verdict on each device."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, cast

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr, service

from .aws.identifiers import ACCOUNT_ASSOCIATION_ID, DEVICE_DISCOVERY_ID, MANAGED_THING_ID
from .aws.models import AssociationState
from .const import CONF_ACCOUNT_ASSOCIATION_ID, DOMAIN
from .coordinator import MiRegistrationConfigEntry
from .registrar import Item, ItemStatus, RegistrationState

ATTR_ASSOCIATION_DEVICE_ID: Final = "association_device_id"
ATTR_DEVICE_DISCOVERY_ID: Final = "device_discovery_id"
ATTR_DRY_RUN: Final = "dry_run"
ATTR_MANAGED_THING_ID: Final = "managed_thing_id"
ATTR_START_DISCOVERY: Final = "start_discovery"
ATTR_WAIT: Final = "wait"

SERVICE_REGISTER: Final = "register_account_association"
SERVICE_DEREGISTER: Final = "deregister_account_association"
SERVICE_GET_REGISTRATIONS: Final = "get_registrations"

PATTERNS: Final = {
    ATTR_MANAGED_THING_ID: MANAGED_THING_ID,
    CONF_ACCOUNT_ASSOCIATION_ID: ACCOUNT_ASSOCIATION_ID,
    ATTR_DEVICE_DISCOVERY_ID: DEVICE_DISCOVERY_ID,
}

_TARGET: Final = {
    vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
    vol.Optional(ATTR_DEVICE_ID): vol.All(cv.ensure_list, [cv.string]),
    vol.Optional(ATTR_MANAGED_THING_ID): vol.All(cv.ensure_list, [cv.string]),
    vol.Optional(CONF_ACCOUNT_ASSOCIATION_ID): cv.string,
    vol.Optional(ATTR_ASSOCIATION_DEVICE_ID): cv.string,
}
REGISTER_SCHEMA: Final = vol.Schema(
    {
        **_TARGET,
        vol.Optional(ATTR_DEVICE_DISCOVERY_ID): cv.string,
        vol.Optional(ATTR_START_DISCOVERY, default=True): cv.boolean,
        vol.Optional(ATTR_WAIT, default=True): cv.boolean,
        vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)
DEREGISTER_SCHEMA: Final = vol.Schema({**_TARGET, vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean})
GET_REGISTRATIONS_SCHEMA: Final = vol.Schema(_TARGET)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions; those that write are for administrators."""
    for name, handler, schema in (
        (SERVICE_REGISTER, _async_register, REGISTER_SCHEMA),
        (SERVICE_DEREGISTER, _async_deregister, DEREGISTER_SCHEMA),
    ):
        service.async_register_admin_service(
            hass, DOMAIN, name, handler, schema=schema, supports_response=SupportsResponse.OPTIONAL
        )
    hass.services.async_register(
        DOMAIN,
        SERVICE_GET_REGISTRATIONS,
        _async_get_registrations,
        schema=GET_REGISTRATIONS_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )


# --- the actions ------------------------------------------------------------------------------------------------------


async def _async_register(call: ServiceCall) -> ServiceResponse:
    """Register devices with an account association."""
    entry = _entry(call)
    things = _things(call, entry)
    association_id = _association(call, entry)
    _require_authorization(entry, association_id)
    items = await entry.runtime_data.registrar.async_register(
        things,
        association_id,
        device_discovery_id=_checked(ATTR_DEVICE_DISCOVERY_ID, call.data.get(ATTR_DEVICE_DISCOVERY_ID)),
        start_discovery=call.data[ATTR_START_DISCOVERY],
        wait=call.data[ATTR_WAIT],
        dry_run=call.data[ATTR_DRY_RUN],
    )
    return _answer(call, entry, items)


async def _async_deregister(call: ServiceCall) -> ServiceResponse:
    """Deregister devices from an account association."""
    entry = _entry(call)
    things = _things(call, entry)
    association_id = _association(call, entry)
    items = await entry.runtime_data.registrar.async_deregister(things, association_id, dry_run=call.data[ATTR_DRY_RUN])
    return _answer(call, entry, items)


async def _async_get_registrations(call: ServiceCall) -> ServiceResponse:
    """Tell which devices are registered with which associations, from the newest Inventory; nothing is sent."""
    entry = _entry(call)
    data = entry.runtime_data
    inventory = data.coordinator.data
    wanted: list[str] | None = None
    if ATTR_DEVICE_ID in call.data or ATTR_MANAGED_THING_ID in call.data:
        wanted = _things(call, entry)
    association_id: str | None = None
    if CONF_ACCOUNT_ASSOCIATION_ID in call.data or ATTR_ASSOCIATION_DEVICE_ID in call.data:
        association_id = _association(call, entry)
    rows: list[dict[str, Any]] = []
    for thing_id in wanted or [thing.managed_thing_id for thing in inventory.managed_things if not thing.is_hub]:
        states: list[tuple[str | None, RegistrationState]] = [
            (known, state)
            for known, state in sorted(data.registrar.states_of(thing_id).items())
            if association_id in (None, known)
        ]
        if not states and (wanted or association_id is None):
            states = [(association_id, RegistrationState.NOT_REGISTERED)]
        thing = inventory.things_by_id[thing_id]
        rows.extend(
            {
                "managed_thing_id": thing_id,
                "name": thing.name,
                "device_id": data.coordinator.device_id(thing_id),
                "local_device_ids": [],
                "account_association_id": known,
                "status": state.value,
                "provisioning_status": thing.provisioning_status and thing.provisioning_status.lower(),
                "device_discovery_id": known and data.registrar.device_discovery_id((thing_id, known)),
            }
            for known, state in states
        )
    as_of = data.coordinator.as_of
    return cast(ServiceResponse, {"as_of": as_of and as_of.isoformat(), "registrations": rows})


def _answer(call: ServiceCall, entry: MiRegistrationConfigEntry, items: list[Item]) -> ServiceResponse:
    """Return the verdicts; raise for failures that the caller wouldn't see otherwise."""
    total_failure = all(item.status is ItemStatus.FAILED for item in items)
    if not call.data[ATTR_DRY_RUN] and (total_failure or not call.return_response):
        entry.runtime_data.registrar.raise_for_failures(items)
    if not call.return_response:
        return None
    return cast(
        ServiceResponse,
        {
            "results": [item.as_dict() for item in items],
            "summary": dict(Counter(item.status.value for item in items)),
        },
    )


# --- what was typed ---------------------------------------------------------------------------------------------------


def _invalid(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


def _checked[T: (str, str | None)](field: str, value: T) -> T:
    """Return an id that matches AWS's pattern for its field; raises ``ServiceValidationError`` for another."""
    if value is not None and not PATTERNS[field].fullmatch(value):
        raise _invalid(f"invalid_{field}", value=value)
    return value


def _devices(hass: HomeAssistant, device_ids: Iterable[str]) -> list[tuple[dr.DeviceEntry, str, str]]:
    """Return each device with the entry it belongs to and the AWS id it stands for."""
    registry = dr.async_get(hass)
    devices = []
    for device_id in device_ids:
        device = registry.async_get(device_id)
        if not isinstance(device, dr.DeviceEntry):
            raise _invalid("device_not_found", device_id=device_id)
        aws_id = next((identifier for domain, identifier in device.identifiers if domain == DOMAIN), None)
        if aws_id is None or device.config_entry_id is None:
            raise _invalid("device_not_matched", device=device.name_by_user or device.name or device_id)
        devices.append((device, device.config_entry_id, aws_id))
    return devices


def _entry(call: ServiceCall) -> MiRegistrationConfigEntry:
    """Return the one loaded entry that a call is about; raises ``ServiceValidationError`` if that isn't clear."""
    device_ids = [*call.data.get(ATTR_DEVICE_ID, ())]
    if (association_device_id := call.data.get(ATTR_ASSOCIATION_DEVICE_ID)) is not None:
        device_ids.append(association_device_id)
    entry_ids = {entry_id for _, entry_id, _ in _devices(call.hass, device_ids)}
    if (entry_id := call.data.get(ATTR_CONFIG_ENTRY_ID)) is not None:
        entry_ids.add(entry_id)
    if len(entry_ids) > 1:
        raise _invalid("several_accounts")
    return service.async_get_config_entry(call.hass, DOMAIN, entry_ids.pop() if entry_ids else None)


def _things(call: ServiceCall, entry: MiRegistrationConfigEntry) -> list[str]:
    """Return the managed things a call is about; raises ``ServiceValidationError`` for what isn't one here."""
    inventory = entry.runtime_data.coordinator.data
    thing_ids: list[str] = []
    for device, _, aws_id in _devices(call.hass, call.data.get(ATTR_DEVICE_ID, ())):
        if aws_id not in inventory.things_by_id:
            raise _invalid("not_a_managed_thing", device=device.name_by_user or device.name or device.id)
        thing_ids.append(aws_id)
    for thing_id in call.data.get(ATTR_MANAGED_THING_ID, ()):
        if _checked(ATTR_MANAGED_THING_ID, thing_id) not in inventory.things_by_id:
            raise _invalid("unknown_managed_thing", managed_thing_id=thing_id)
        thing_ids.append(thing_id)
    if not thing_ids:
        raise _invalid("no_devices")
    return list(dict.fromkeys(thing_ids))


def _association(call: ServiceCall, entry: MiRegistrationConfigEntry) -> str:
    """Return the account association a call is about; raises ``ServiceValidationError`` if that isn't one here."""
    coordinator = entry.runtime_data.coordinator
    association_ids: set[str] = set()
    if (association_id := call.data.get(CONF_ACCOUNT_ASSOCIATION_ID)) is not None:
        association_ids.add(_checked(CONF_ACCOUNT_ASSOCIATION_ID, association_id))
    if (device_id := call.data.get(ATTR_ASSOCIATION_DEVICE_ID)) is not None:
        ((device, _, aws_id),) = _devices(call.hass, [device_id])
        if aws_id not in coordinator.association_subentries:
            raise _invalid("not_an_account_association", device=device.name_by_user or device.name or device.id)
        association_ids.add(aws_id)
    if not association_ids:
        raise _invalid("no_account_association")
    if len(association_ids) > 1:
        raise _invalid("several_account_associations")
    association_id = association_ids.pop()
    # The other associations of a scoped entry's account belong to other homes.
    outside = coordinator.is_scoped and association_id not in coordinator.association_subentries
    association = coordinator.data.associations_by_id.get(association_id)
    if association is None or outside:
        raise _invalid("unknown_account_association", account_association_id=association_id)
    return association_id


def _require_authorization(entry: MiRegistrationConfigEntry, association_id: str) -> None:
    """Raise ``ServiceValidationError`` if the end user has to authorize an association again first."""
    association = entry.runtime_data.coordinator.data.associations_by_id[association_id]
    if association.state is AssociationState.REFRESH_TOKEN_EXPIRED:
        raise _invalid("authorization_expired", name=association.name or association_id)
