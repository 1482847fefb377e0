"""The actions: they check what was typed, hand an intent on, and answer with a verdict on each device."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, cast

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import config_validation as cv, device_registry as dr, service
from homeassistant.util.json import JsonValueType

from .aws.errors import AwsError
from .aws.identifiers import ACCOUNT_ASSOCIATION_ID, CONNECTOR_DEVICE_ID, DEVICE_DISCOVERY_ID, MANAGED_THING_ID
from .aws.models import AssociationState, DiscoveredDevice, DiscoveryStatus, DiscoveryType
from .const import CONF_ACCOUNT_ASSOCIATION_ID, DOMAIN
from .coordinator import MiRegistrationConfigEntry, action_error
from .device_discovery import DEFAULT_TIMEOUT, MAX_CONNECTOR_DEVICE_IDS, DiscoveryRequest
from .registrar import Item, ItemStatus, RegistrationState
from .store import Job

ATTR_ASSOCIATION_DEVICE_ID: Final = "association_device_id"
ATTR_BRAND: Final = "brand"
ATTR_CONNECTOR_DEVICE_ID: Final = "connector_device_id"
ATTR_CONTROLLER_ID: Final = "controller_id"
ATTR_CUSTOM_PROTOCOL_DETAIL: Final = "custom_protocol_detail"
ATTR_DEVICE_DISCOVERY_ID: Final = "device_discovery_id"
ATTR_DEVICE_TYPE: Final = "device_type"
ATTR_DISCOVERY_TYPE: Final = "discovery_type"
ATTR_DRY_RUN: Final = "dry_run"
ATTR_HUB_DEVICE_ID: Final = "hub_device_id"
ATTR_INSTALL_CODE: Final = "install_code"
ATTR_MANAGED_THING_ID: Final = "managed_thing_id"
ATTR_MODEL: Final = "model"
ATTR_START_DISCOVERY: Final = "start_discovery"
ATTR_TIMEOUT: Final = "timeout"
ATTR_WAIT: Final = "wait"

SERVICE_REGISTER: Final = "register_account_association"
SERVICE_DEREGISTER: Final = "deregister_account_association"
SERVICE_ONBOARD: Final = "onboard_discovered_devices"
SERVICE_START_DISCOVERY: Final = "start_device_discovery"
SERVICE_MATCH: Final = "match_device"
SERVICE_UNMATCH: Final = "unmatch_device"
SERVICE_REFRESH: Final = "refresh_account_association"
SERVICE_GET_DISCOVERED_DEVICES: Final = "get_discovered_devices"
SERVICE_GET_REGISTRATIONS: Final = "get_registrations"

PATTERNS: Final = {
    ATTR_MANAGED_THING_ID: MANAGED_THING_ID,
    CONF_ACCOUNT_ASSOCIATION_ID: ACCOUNT_ASSOCIATION_ID,
    ATTR_DEVICE_DISCOVERY_ID: DEVICE_DISCOVERY_ID,
    ATTR_CONTROLLER_ID: MANAGED_THING_ID,
    ATTR_CONNECTOR_DEVICE_ID: CONNECTOR_DEVICE_ID,
}
DISCOVERY_TYPES: Final = {
    "cloud": DiscoveryType.CLOUD,
    "zigbee": DiscoveryType.ZIGBEE,
    "zwave": DiscoveryType.ZWAVE,
    "custom": DiscoveryType.CUSTOM,
}

_STRINGS: Final = vol.All(cv.ensure_list, [cv.string])
_ASSOCIATION: Final = {
    vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
    vol.Optional(CONF_ACCOUNT_ASSOCIATION_ID): cv.string,
    vol.Optional(ATTR_ASSOCIATION_DEVICE_ID): cv.string,
}
_HUB: Final = {vol.Optional(ATTR_HUB_DEVICE_ID): cv.string, vol.Optional(ATTR_CONTROLLER_ID): cv.string}
_TARGET: Final = {
    **_ASSOCIATION,
    vol.Optional(ATTR_DEVICE_ID): _STRINGS,
    vol.Optional(ATTR_MANAGED_THING_ID): _STRINGS,
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
ONBOARD_SCHEMA: Final = vol.Schema(
    {
        **_ASSOCIATION,
        **_HUB,
        vol.Optional(ATTR_DEVICE_DISCOVERY_ID): cv.string,
        vol.Optional(ATTR_CONNECTOR_DEVICE_ID): _STRINGS,
        vol.Optional(ATTR_BRAND): _STRINGS,
        vol.Optional(ATTR_MODEL): _STRINGS,
        vol.Optional(ATTR_DEVICE_TYPE): _STRINGS,
        vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)
START_DISCOVERY_SCHEMA: Final = vol.Schema(
    {
        **_ASSOCIATION,
        **_HUB,
        vol.Required(ATTR_DISCOVERY_TYPE): vol.In(DISCOVERY_TYPES),
        vol.Optional(ATTR_CONNECTOR_DEVICE_ID, default=[]): _STRINGS,
        vol.Optional(ATTR_CUSTOM_PROTOCOL_DETAIL): vol.Schema({cv.string: cv.string}),
        vol.Optional(ATTR_INSTALL_CODE): cv.string,
        vol.Optional(ATTR_WAIT, default=True): cv.boolean,
        vol.Optional(ATTR_TIMEOUT, default=DEFAULT_TIMEOUT): vol.All(vol.Coerce(float), vol.Range(min=1, max=86400)),
    }
)
MATCH_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string,
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Required(ATTR_MANAGED_THING_ID): cv.string,
    }
)
REFRESH_SCHEMA: Final = vol.Schema(_ASSOCIATION)
GET_DISCOVERED_DEVICES_SCHEMA: Final = vol.Schema(
    {**_ASSOCIATION, **_HUB, vol.Optional(ATTR_DEVICE_DISCOVERY_ID): cv.string}
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions; those that write are for administrators."""
    for name, handler, schema in (
        (SERVICE_REGISTER, _async_register, REGISTER_SCHEMA),
        (SERVICE_DEREGISTER, _async_deregister, DEREGISTER_SCHEMA),
        (SERVICE_ONBOARD, _async_onboard, ONBOARD_SCHEMA),
        (SERVICE_START_DISCOVERY, _async_start_discovery, START_DISCOVERY_SCHEMA),
        (SERVICE_REFRESH, _async_refresh, REFRESH_SCHEMA),
        (SERVICE_MATCH, _async_match, MATCH_SCHEMA),
        (SERVICE_UNMATCH, _async_unmatch, MATCH_SCHEMA),
    ):
        service.async_register_admin_service(
            hass, DOMAIN, name, handler, schema=schema, supports_response=SupportsResponse.OPTIONAL
        )
    for name, handler, schema in (
        (SERVICE_GET_DISCOVERED_DEVICES, _async_get_discovered_devices, GET_DISCOVERED_DEVICES_SCHEMA),
        (SERVICE_GET_REGISTRATIONS, _async_get_registrations, GET_REGISTRATIONS_SCHEMA),
    ):
        hass.services.async_register(DOMAIN, name, handler, schema=schema, supports_response=SupportsResponse.ONLY)


# --- the actions ------------------------------------------------------------------------------------------------------


def _translated[**P, R](
    handler: Callable[P, Coroutine[Any, Any, R]],
) -> Callable[P, Coroutine[Any, Any, R]]:
    """Let an action raise AWS's failures in the user's language."""

    @wraps(handler)
    async def _handle(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await handler(*args, **kwargs)
        except AwsError as err:
            raise action_error(err) from err

    return _handle


@_translated
async def _async_register(call: ServiceCall) -> ServiceResponse:
    """Register devices with an account association."""
    entry = await _entry_to_write(call)
    things = _things(call, entry)
    association_id = _association(call, entry)
    _require_authorization(entry, association_id)
    discovery_id = _checked(ATTR_DEVICE_DISCOVERY_ID, call.data.get(ATTR_DEVICE_DISCOVERY_ID))
    if discovery_id is not None and (job := entry.runtime_data.discoveries.job(discovery_id)) is not None:
        _require_job_of(job, association_id)
    items = await entry.runtime_data.registrar.async_register(
        things,
        association_id,
        device_discovery_id=discovery_id,
        start_discovery=call.data[ATTR_START_DISCOVERY],
        wait=call.data[ATTR_WAIT],
        dry_run=call.data[ATTR_DRY_RUN],
    )
    return _answer(call, entry, items)


async def _async_deregister(call: ServiceCall) -> ServiceResponse:
    """Deregister devices from an account association."""
    entry = await _entry_to_write(call)
    things = _things(call, entry)
    association_id = _association(call, entry)
    items = await entry.runtime_data.registrar.async_deregister(things, association_id, dry_run=call.data[ATTR_DRY_RUN])
    return _answer(call, entry, items)


@_translated
async def _async_onboard(call: ServiceCall) -> ServiceResponse:
    """Create managed things for discovered devices, and register them with an association if one is given."""
    entry = await _entry_to_write(call)
    data = entry.runtime_data
    association_id = _optional_association(call, entry)
    hub_id = _optional_hub(call, entry)
    target = hub_id or association_id
    if target is None:
        raise _invalid("no_account_association_or_hub")
    if association_id is not None:
        _require_authorization(entry, association_id)
    job = await _job_for(call, entry)
    if job is None:
        job = data.discoveries.newest_succeeded(target)
    if job is None:
        await data.discoveries.async_learn()
        job = data.discoveries.newest_succeeded(target)
    if job is None:
        if hub_id is not None or association_id is None:
            raise _invalid("no_discovery_of_hub")
        job = await data.discoveries.async_start(
            DiscoveryRequest(discovery_type=DiscoveryType.CLOUD, account_association_id=association_id)
        )
    _require_job_of(job, target)
    if job.is_running:
        job = (await data.discoveries.async_wait(job)).job
    devices = [device for device in await data.discoveries.async_devices(job) if _is_wanted(call, device)]
    items = await _in_background(
        entry,
        data.onboarder.async_onboard(job, devices, association_id, dry_run=call.data[ATTR_DRY_RUN]),
    )
    return _answer(call, entry, items)


@_translated
async def _async_start_discovery(call: ServiceCall) -> ServiceResponse:
    """Start a discovery, and tell what it found."""
    entry = _entry(call)
    discoveries = entry.runtime_data.discoveries
    request = _discovery_request(call, entry)
    if request.account_association_id is not None:
        _require_authorization(entry, request.account_association_id)
    job = await discoveries.async_start(request, timeout=call.data[ATTR_TIMEOUT])
    if call.data[ATTR_WAIT]:
        job = (await discoveries.async_wait(job)).job
    if call.return_response:
        return _job_answer(entry, job)
    if call.data[ATTR_WAIT] and job.status is not DiscoveryStatus.SUCCEEDED:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="discovery_failed",
            translation_placeholders={"status": "unknown" if job.status is None else job.status.lower()},
        )
    return None


@_translated
async def _async_refresh(call: ServiceCall) -> ServiceResponse:
    """Renew the authorization of an account association; the answer holds the link for the end user."""
    entry = _entry(call)
    association_id = _association(call, entry)
    url = await entry.runtime_data.linking.async_refresh(association_id)
    return {"account_association_id": association_id, "authorization_url": url} if call.return_response else None


async def _async_match(call: ServiceCall) -> ServiceResponse:
    """Remember that a device of another integration is a managed thing."""
    entry, answer = _pair_to_match(call)
    await entry.runtime_data.matcher.async_match(answer["device_id"], answer["managed_thing_id"])
    return cast(ServiceResponse, answer) if call.return_response else None


async def _async_unmatch(call: ServiceCall) -> ServiceResponse:
    """Remember that a device of another integration isn't a managed thing."""
    entry, answer = _pair_to_match(call)
    await entry.runtime_data.matcher.async_unmatch(answer["device_id"], answer["managed_thing_id"])
    return cast(ServiceResponse, answer) if call.return_response else None


def _pair_to_match(call: ServiceCall) -> tuple[MiRegistrationConfigEntry, dict[str, str]]:
    """Return the account and the pair that a call is about, in the form of its answer."""
    thing_id = _checked(ATTR_MANAGED_THING_ID, call.data[ATTR_MANAGED_THING_ID])
    entry_id = call.data.get(ATTR_CONFIG_ENTRY_ID)
    if entry_id is None:
        entries: list[MiRegistrationConfigEntry] = call.hass.config_entries.async_loaded_entries(DOMAIN)
        owners = [entry for entry in entries if thing_id in entry.runtime_data.coordinator.data.things_by_id]
        entry_id = owners[0].entry_id if len(owners) == 1 else None
    entry = service.async_get_config_entry(call.hass, DOMAIN, entry_id)
    return entry, {"managed_thing_id": thing_id, "device_id": call.data[ATTR_DEVICE_ID]}


@_translated
async def _async_get_discovered_devices(call: ServiceCall) -> ServiceResponse:
    """Tell what a discovery found: the one given, or the newest of an association or a hub."""
    entry = _entry(call)
    discoveries = entry.runtime_data.discoveries
    job = await _job_for(call, entry)
    if job is None:
        target = _optional_hub(call, entry) or _optional_association(call, entry)
        if target is None:
            raise _invalid("no_account_association_or_hub")
        if (job := discoveries.newest(target)) is None:
            await discoveries.async_learn()
            job = discoveries.newest(target)
    if job is None:
        return {"device_discovery_id": None, "status": "none", "devices": []}
    await discoveries.async_devices(job)
    answer = _job_answer(entry, job)
    return {key: answer[key] for key in ("device_discovery_id", "status", "devices")}


async def _async_get_registrations(call: ServiceCall) -> ServiceResponse:
    """Tell which devices are registered with which associations, from the newest Inventory; nothing is sent."""
    entry = _entry(call)
    data = entry.runtime_data
    inventory = data.coordinator.data
    wanted: list[str] | None = None
    if ATTR_DEVICE_ID in call.data or ATTR_MANAGED_THING_ID in call.data:
        wanted = _things(call, entry)
    association_id = _optional_association(call, entry)
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
                "local_device_ids": data.matcher.local_device_ids(thing_id),
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


def _job_answer(entry: MiRegistrationConfigEntry, job: Job) -> dict[str, JsonValueType]:
    """Return a discovery job and what it found so far."""
    data = entry.runtime_data
    devices: list[JsonValueType] = []
    for device in data.discoveries.devices(job.device_discovery_id) or ():
        thing_id = data.discoveries.managed_thing_id(job, device)
        state = RegistrationState.NOT_REGISTERED
        if thing_id is not None and job.account_association_id is not None:
            state = data.registrar.state_of((thing_id, job.account_association_id))
        elif thing_id is not None:
            state = data.registrar.state_of_thing(thing_id)
        devices.append(
            {
                "connector_device_id": device.connector_device_id,
                "name": device.name,
                "brand": device.brand,
                "model": device.model,
                "device_types": list(device.device_types),
                "managed_thing_id": thing_id,
                "modification": None if device.modification is None else device.modification.lower(),
                "registration": state.value,
            }
        )
    return {
        "device_discovery_id": job.device_discovery_id,
        "status": None if job.status is None else job.status.lower(),
        "started_at": None if job.started_at is None else job.started_at.isoformat(),
        "finished_at": None if job.finished_at is None else job.finished_at.isoformat(),
        "devices": devices,
    }


async def _in_background[T](entry: MiRegistrationConfigEntry, work: Coroutine[Any, Any, T]) -> T:
    """Wait for work that belongs to the entry: it goes on if the action is given up, and ends with the entry."""
    task = entry.async_create_background_task(entry.runtime_data.coordinator.hass, work, f"{DOMAIN} action")
    await asyncio.wait([task])
    if task.cancelled():
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="entry_unloaded")
    return task.result()


# --- what was typed ---------------------------------------------------------------------------------------------------


def _invalid(key: str, **placeholders: str) -> ServiceValidationError:
    return ServiceValidationError(translation_domain=DOMAIN, translation_key=key, translation_placeholders=placeholders)


def _checked[T: (str, str | None)](field: str, value: T) -> T:
    """Return an id that matches AWS's pattern for its field; raises ``ServiceValidationError`` for another."""
    if value is not None and not PATTERNS[field].fullmatch(value):
        raise _invalid(f"invalid_{field}", value=value)
    return value


def _name_of(device: dr.DeviceEntry) -> str:
    return device.name_by_user or device.name or device.id


def _device(hass: HomeAssistant, device_id: str) -> dr.DeviceEntry:
    """Return a device of the registry; raises ``ServiceValidationError`` if there is none."""
    device = dr.async_get(hass).async_get(device_id)
    if not isinstance(device, dr.DeviceEntry):
        raise _invalid("device_not_found", device_id=device_id)
    return device


def _aws_id(device: dr.DeviceEntry) -> str | None:
    """Return what a device of this integration stands for; ``None`` for a device of another one."""
    return next((identifier for domain, identifier in device.identifiers if domain == DOMAIN), None)


def _own_device(hass: HomeAssistant, device_id: str) -> tuple[str, str]:
    """Return the entry and the AWS id of a device of this integration; raises ``ServiceValidationError`` for others."""
    device = _device(hass, device_id)
    if (aws_id := _aws_id(device)) is None or device.config_entry_id is None:
        raise _invalid("device_not_matched", device=_name_of(device))
    return device.config_entry_id, aws_id


def _matches(hass: HomeAssistant, device_id: str) -> list[tuple[str, str]]:
    """Return the entries and managed things that a device is: its own, or those that a local device is matched to.

    Raises ``ServiceValidationError`` for a device that is none.
    """
    device = _device(hass, device_id)
    if _aws_id(device) is not None:
        return [_own_device(hass, device_id)]
    entries: list[MiRegistrationConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    found = [
        (entry.entry_id, thing_id) for entry in entries for thing_id in entry.runtime_data.matcher.things_of(device_id)
    ]
    if not found:
        raise _invalid("device_not_matched", device=_name_of(device))
    return found


def _entry(call: ServiceCall) -> MiRegistrationConfigEntry:
    """Return the one loaded entry that a call is about; raises ``ServiceValidationError`` if that isn't clear."""
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
        raise _invalid("several_accounts")
    return service.async_get_config_entry(call.hass, DOMAIN, entry_ids.pop() if entry_ids else None)


async def _entry_to_write(call: ServiceCall) -> MiRegistrationConfigEntry:
    """Return the entry that a call is about, with an Inventory as new as it can be: it decides what is sent."""
    entry = _entry(call)
    coordinator = entry.runtime_data.coordinator
    if not coordinator.last_update_success:
        await coordinator.async_refresh()
    return entry


def _things(call: ServiceCall, entry: MiRegistrationConfigEntry) -> list[str]:
    """Return the managed things a call is about; raises ``ServiceValidationError`` for what isn't one here."""
    inventory = entry.runtime_data.coordinator.data
    thing_ids: list[str] = []
    for device_id in call.data.get(ATTR_DEVICE_ID, ()):
        of_device = [aws_id for entry_id, aws_id in _matches(call.hass, device_id) if entry_id == entry.entry_id]
        if any(aws_id not in inventory.things_by_id for aws_id in of_device):
            raise _invalid("not_a_managed_thing", device=_name_of(_device(call.hass, device_id)))
        thing_ids += of_device
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
        _, aws_id = _own_device(call.hass, device_id)
        if aws_id not in coordinator.association_subentries:
            raise _invalid("not_an_account_association", device=_name_of(_device(call.hass, device_id)))
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


def _optional_association(call: ServiceCall, entry: MiRegistrationConfigEntry) -> str | None:
    """Return the account association that a call names, if it names one."""
    if CONF_ACCOUNT_ASSOCIATION_ID in call.data or ATTR_ASSOCIATION_DEVICE_ID in call.data:
        return _association(call, entry)
    return None


def _optional_hub(call: ServiceCall, entry: MiRegistrationConfigEntry) -> str | None:
    """Return the hub that a call names, if it names one; raises ``ServiceValidationError`` for what isn't one here."""
    hub_ids: set[str] = set()
    if (controller_id := call.data.get(ATTR_CONTROLLER_ID)) is not None:
        hub_ids.add(_checked(ATTR_CONTROLLER_ID, controller_id))
    if (device_id := call.data.get(ATTR_HUB_DEVICE_ID)) is not None:
        hub_ids.add(_own_device(call.hass, device_id)[1])
    if len(hub_ids) > 1:
        raise _invalid("several_hubs")
    things = entry.runtime_data.coordinator.data.things_by_id
    for hub_id in hub_ids:
        if (hub := things.get(hub_id)) is None or not hub.is_hub:
            raise _invalid("not_a_hub", hub=hub_id)
        return hub_id
    return None


def _discovery_request(call: ServiceCall, entry: MiRegistrationConfigEntry) -> DiscoveryRequest:
    """Return the discovery that a call asks for; raises ``ServiceValidationError`` for what doesn't go together."""
    discovery_type = DISCOVERY_TYPES[call.data[ATTR_DISCOVERY_TYPE]]
    is_cloud = discovery_type is DiscoveryType.CLOUD
    association_id = _optional_association(call, entry)
    hub_id = _optional_hub(call, entry)
    if is_cloud and association_id is None:
        raise _invalid("no_account_association")
    if not is_cloud and hub_id is None:
        raise _invalid("no_hub")
    device_ids = tuple(_checked(ATTR_CONNECTOR_DEVICE_ID, item) for item in call.data[ATTR_CONNECTOR_DEVICE_ID])
    if len(device_ids) > MAX_CONNECTOR_DEVICE_IDS:
        raise _invalid("too_many_connector_device_ids", count=str(len(device_ids)))
    detail = call.data.get(ATTR_CUSTOM_PROTOCOL_DETAIL)
    if discovery_type is DiscoveryType.CUSTOM and not (detail or {}).get("Name"):
        raise _invalid("no_protocol_name")
    for field, given, wanted in (
        (ATTR_CONNECTOR_DEVICE_ID, bool(device_ids), DiscoveryType.CLOUD),
        (ATTR_CUSTOM_PROTOCOL_DETAIL, detail is not None, DiscoveryType.CUSTOM),
        (ATTR_INSTALL_CODE, ATTR_INSTALL_CODE in call.data, DiscoveryType.ZWAVE),
    ):
        if given and discovery_type is not wanted:
            raise _invalid("field_of_other_discovery", field=field, discovery_type=wanted.lower())
    return DiscoveryRequest(
        discovery_type=discovery_type,
        account_association_id=association_id if is_cloud else None,
        controller_id=None if is_cloud else hub_id,
        connector_device_ids=device_ids,
        custom_protocol_detail=detail,
        install_code=call.data.get(ATTR_INSTALL_CODE),
    )


async def _job_for(call: ServiceCall, entry: MiRegistrationConfigEntry) -> Job | None:
    """Return the discovery job that a call names, if any; raises ``ServiceValidationError`` if AWS has no such job."""
    if (discovery_id := _checked(ATTR_DEVICE_DISCOVERY_ID, call.data.get(ATTR_DEVICE_DISCOVERY_ID))) is None:
        return None
    job = await entry.runtime_data.discoveries.async_job(discovery_id)
    if job is None or (entry.runtime_data.coordinator.is_scoped and not _is_in_scope(entry, job)):
        raise _invalid("unknown_device_discovery", device_discovery_id=discovery_id)
    return job


def _is_in_scope(entry: MiRegistrationConfigEntry, job: Job) -> bool:
    coordinator = entry.runtime_data.coordinator
    return job.target in coordinator.association_subentries or job.target in coordinator.data.things_by_id


def _require_job_of(job: Job, target: str) -> None:
    """Raise ``ServiceValidationError`` if a discovery job was for another association or hub."""
    if job.target != target:
        raise _invalid("foreign_device_discovery", device_discovery_id=job.device_discovery_id)


def _is_wanted(call: ServiceCall, device: DiscoveredDevice) -> bool:
    """Whether a discovered device passes the filters of a call."""
    return all(
        field not in call.data or not values.isdisjoint(call.data[field])
        for field, values in (
            (ATTR_CONNECTOR_DEVICE_ID, {device.connector_device_id}),
            (ATTR_BRAND, {device.brand}),
            (ATTR_MODEL, {device.model}),
            (ATTR_DEVICE_TYPE, set(device.device_types)),
        )
    )


def _require_authorization(entry: MiRegistrationConfigEntry, association_id: str) -> None:
    """Raise ``ServiceValidationError`` if the end user has to authorize an association again first."""
    association = entry.runtime_data.coordinator.data.associations_by_id[association_id]
    if association.state is AssociationState.REFRESH_TOKEN_EXPIRED:
        raise _invalid("authorization_expired", name=association.name or association_id)
