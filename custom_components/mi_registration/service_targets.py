"""What a call of an action is about: an account in Home Assistant, and devices, association, hub and discovery in AWS.

Whatever isn't there, isn't clear or doesn't go together raises ``ServiceValidationError`` before anything is sent.
"""

from typing import Any, Final

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import config_validation as cv, device_registry as dr, service

from .aws.identifiers import ACCOUNT_ASSOCIATION_ID, CONNECTOR_DEVICE_ID, DEVICE_DISCOVERY_ID, MANAGED_THING_ID
from .const import CONF_ACCOUNT_ASSOCIATION_ID, DOMAIN
from .data import MiRegistrationConfigEntry
from .errors import invalid
from .store import Job

ATTR_ASSOCIATION_DEVICE_ID: Final = "association_device_id"
ATTR_CONNECTOR_DEVICE_ID: Final = "connector_device_id"
ATTR_CONTROLLER_ID: Final = "controller_id"
ATTR_DEVICE_DISCOVERY_ID: Final = "device_discovery_id"
ATTR_HUB_DEVICE_ID: Final = "hub_device_id"
ATTR_MANAGED_THING_ID: Final = "managed_thing_id"

PATTERNS: Final = {
    ATTR_MANAGED_THING_ID: MANAGED_THING_ID,
    CONF_ACCOUNT_ASSOCIATION_ID: ACCOUNT_ASSOCIATION_ID,
    ATTR_DEVICE_DISCOVERY_ID: DEVICE_DISCOVERY_ID,
    ATTR_CONTROLLER_ID: MANAGED_THING_ID,
    ATTR_CONNECTOR_DEVICE_ID: CONNECTOR_DEVICE_ID,
}

TEXTS: Final = vol.All(cv.ensure_list, [cv.string])
ACCOUNT_FIELDS: Final[dict[vol.Marker, Any]] = {vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
ASSOCIATION_FIELDS: Final[dict[vol.Marker, Any]] = {
    **ACCOUNT_FIELDS,
    vol.Optional(CONF_ACCOUNT_ASSOCIATION_ID): cv.string,
    vol.Optional(ATTR_ASSOCIATION_DEVICE_ID): cv.string,
}
HUB_FIELDS: Final[dict[vol.Marker, Any]] = {
    vol.Optional(ATTR_HUB_DEVICE_ID): cv.string,
    vol.Optional(ATTR_CONTROLLER_ID): cv.string,
}
THING_FIELDS: Final[dict[vol.Marker, Any]] = {
    vol.Optional(ATTR_DEVICE_ID): TEXTS,
    vol.Optional(ATTR_MANAGED_THING_ID): TEXTS,
}


def checked_id[T: (str, str | None)](field: str, value: T) -> T:
    """Return an id that matches AWS's pattern for its field."""
    if value is not None and not PATTERNS[field].fullmatch(value):
        raise invalid(f"invalid_{field}", value=value)
    return value


# --- devices of the registry ------------------------------------------------------------------------------------------


def _name_of(device: dr.DeviceEntry) -> str:
    return device.name_by_user or device.name or device.id


def _device(hass: HomeAssistant, device_id: str) -> dr.DeviceEntry:
    device = dr.async_get(hass).async_get(device_id)
    if not isinstance(device, dr.DeviceEntry):
        raise invalid("device_not_found", device_id=device_id)
    return device


def _aws_id(device: dr.DeviceEntry) -> str | None:
    """Return what a device of this integration stands for; ``None`` for a device of another one."""
    return next((identifier for domain, identifier in device.identifiers if domain == DOMAIN), None)


def _own_device(hass: HomeAssistant, device_id: str) -> tuple[str, str]:
    """Return the entry and the AWS id of a device of this integration."""
    device = _device(hass, device_id)
    if (aws_id := _aws_id(device)) is None or device.config_entry_id is None:
        raise invalid("device_not_matched", device=_name_of(device))
    return device.config_entry_id, aws_id


def _matches(hass: HomeAssistant, device_id: str) -> list[tuple[str, str]]:
    """Return the entries and managed things that a device is: its own, or those that a local device is matched to."""
    device = _device(hass, device_id)
    if _aws_id(device) is not None:
        return [_own_device(hass, device_id)]
    entries: list[MiRegistrationConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    found = [
        (entry.entry_id, thing_id) for entry in entries for thing_id in entry.runtime_data.matcher.things_of(device_id)
    ]
    if not found:
        raise invalid("device_not_matched", device=_name_of(device))
    return found


# --- the account ------------------------------------------------------------------------------------------------------


async def async_entry(call: ServiceCall) -> MiRegistrationConfigEntry:
    """Return the one loaded entry that a call is about; by then no matcher holds up the event loop any more."""
    entries: list[MiRegistrationConfigEntry] = call.hass.config_entries.async_loaded_entries(DOMAIN)
    # All at once: an entry that is unloaded while another's matcher settles has no runtime_data any more.
    for matcher in [entry.runtime_data.matcher for entry in entries]:
        await matcher.async_settle()
    return _entry(call)


async def async_entry_to_write(call: ServiceCall) -> MiRegistrationConfigEntry:
    """Return the entry that a call is about, with an Inventory as new as it can be: it decides what is sent."""
    entry = await async_entry(call)
    coordinator = entry.runtime_data.coordinator
    if coordinator.last_update_success:
        return entry
    await coordinator.async_refresh()
    # Meanwhile the entry may have been unloaded, and its matcher has new things to take in.
    return await async_entry(call)


@callback
def _entry(call: ServiceCall) -> MiRegistrationConfigEntry:
    entry_ids = {
        _own_device(call.hass, call.data[key])[0]
        for key in (ATTR_ASSOCIATION_DEVICE_ID, ATTR_HUB_DEVICE_ID)
        if key in call.data
    }
    wanted = call.data.get(ATTR_CONFIG_ENTRY_ID)
    if wanted is not None:
        entry_ids.add(wanted)
    for device_id in call.data.get(ATTR_DEVICE_ID, ()):
        # A local device may be matched in several accounts; then the other fields say which one is meant.
        of_device = {entry_id for entry_id, _ in _matches(call.hass, device_id)}
        entry_ids |= of_device & entry_ids or of_device
    if len(entry_ids) > 1:
        raise invalid("several_accounts")
    return service.async_get_config_entry(call.hass, DOMAIN, entry_ids.pop() if entry_ids else None)


# --- what it is about there -------------------------------------------------------------------------------------------


@callback
def required_things(call: ServiceCall, entry: MiRegistrationConfigEntry) -> list[str]:
    """Return the managed things that a call names, each once; it must name some."""
    things = entry.runtime_data.coordinator.data.things_by_id
    thing_ids: list[str] = []
    for device_id in call.data.get(ATTR_DEVICE_ID, ()):
        of_device = [aws_id for entry_id, aws_id in _matches(call.hass, device_id) if entry_id == entry.entry_id]
        if any(aws_id not in things for aws_id in of_device):
            raise invalid("not_a_managed_thing", device=_name_of(_device(call.hass, device_id)))
        thing_ids += of_device
    for thing_id in call.data.get(ATTR_MANAGED_THING_ID, ()):
        if checked_id(ATTR_MANAGED_THING_ID, thing_id) not in things:
            raise invalid("unknown_managed_thing", managed_thing_id=thing_id)
        thing_ids.append(thing_id)
    if not thing_ids:
        raise invalid("no_devices")
    return list(dict.fromkeys(thing_ids))


@callback
def required_association(call: ServiceCall, entry: MiRegistrationConfigEntry) -> str:
    """Return the account association that a call names; it must name one."""
    if (association_id := named_association(call, entry)) is None:
        raise invalid("no_account_association")
    return association_id


@callback
def named_association(call: ServiceCall, entry: MiRegistrationConfigEntry) -> str | None:
    """Return the account association that a call names, if it names one."""
    coordinator = entry.runtime_data.coordinator
    association_ids: set[str] = set()
    if (association_id := call.data.get(CONF_ACCOUNT_ASSOCIATION_ID)) is not None:
        association_ids.add(checked_id(CONF_ACCOUNT_ASSOCIATION_ID, association_id))
    if (device_id := call.data.get(ATTR_ASSOCIATION_DEVICE_ID)) is not None:
        _, aws_id = _own_device(call.hass, device_id)
        if aws_id not in coordinator.association_subentries:
            raise invalid("not_an_account_association", device=_name_of(_device(call.hass, device_id)))
        association_ids.add(aws_id)
    if not association_ids:
        return None
    if len(association_ids) > 1:
        raise invalid("several_account_associations")
    (association_id,) = association_ids
    # The other associations of a scoped entry's account belong to other homes.
    is_outside = coordinator.is_scoped and association_id not in coordinator.association_subentries
    if is_outside or association_id not in coordinator.data.associations_by_id:
        raise invalid("unknown_account_association", account_association_id=association_id)
    return association_id


@callback
def require_authorization(entry: MiRegistrationConfigEntry, association_id: str) -> None:
    """Raise if the end user has to authorize an association again first."""
    inventory = entry.runtime_data.coordinator.data
    if association_id in inventory.unauthorized:
        association = inventory.associations_by_id[association_id]
        raise invalid("authorization_expired", name=association.name or association_id)


@callback
def named_hub(call: ServiceCall, entry: MiRegistrationConfigEntry) -> str | None:
    """Return the hub that a call names, if it names one."""
    hub_ids: set[str] = set()
    if (controller_id := call.data.get(ATTR_CONTROLLER_ID)) is not None:
        hub_ids.add(checked_id(ATTR_CONTROLLER_ID, controller_id))
    if (device_id := call.data.get(ATTR_HUB_DEVICE_ID)) is not None:
        hub_ids.add(_own_device(call.hass, device_id)[1])
    if not hub_ids:
        return None
    if len(hub_ids) > 1:
        raise invalid("several_hubs")
    (hub_id,) = hub_ids
    hub = entry.runtime_data.coordinator.data.things_by_id.get(hub_id)
    if hub is None or not hub.is_hub:
        raise invalid("not_a_hub", hub=hub_id)
    return hub_id


async def async_named_job(call: ServiceCall, entry: MiRegistrationConfigEntry) -> Job | None:
    """Return the discovery job that a call names, if it names one. Raises ``AwsError`` if AWS can't be asked for it."""
    if (discovery_id := checked_id(ATTR_DEVICE_DISCOVERY_ID, call.data.get(ATTR_DEVICE_DISCOVERY_ID))) is None:
        return None
    data = entry.runtime_data
    job = await data.discoveries.async_job(discovery_id)
    coordinator = data.coordinator
    # The other discoveries of a scoped entry's account belong to other homes.
    if job is None or (
        coordinator.is_scoped
        and job.target not in coordinator.association_subentries
        and job.target not in coordinator.data.things_by_id
    ):
        raise invalid("unknown_device_discovery", device_discovery_id=discovery_id)
    return job


def require_job_of(job: Job, target: str) -> None:
    """Raise if a discovery job was for another association or hub."""
    if job.target != target:
        raise invalid("foreign_device_discovery", device_discovery_id=job.device_discovery_id)
