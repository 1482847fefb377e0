"""The actions: they check what was typed, hand an intent on, and answer with a verdict on each device."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final, cast

import voluptuous as vol

from homeassistant.const import ATTR_CONFIG_ENTRY_ID, ATTR_DEVICE_ID
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, service
from homeassistant.util.json import JsonValueType

from .aws.errors import AwsError
from .aws.models import DiscoveredDevice, DiscoveryStatus, DiscoveryType
from .const import DOMAIN
from .data import MiRegistrationConfigEntry, MiRegistrationData
from .device_discovery import DEFAULT_TIMEOUT, MAX_CONNECTOR_DEVICE_IDS, DiscoveryRequest
from .errors import action_error, invalid
from .service_targets import (
    ACCOUNT_FIELDS,
    ASSOCIATION_FIELDS,
    ATTR_CONNECTOR_DEVICE_ID,
    ATTR_DEVICE_DISCOVERY_ID,
    ATTR_MANAGED_THING_ID,
    HUB_FIELDS,
    TEXTS,
    THING_FIELDS,
    async_entry,
    async_entry_to_write,
    async_named_job,
    checked_id,
    named_association,
    named_hub,
    require_authorization,
    require_job_of,
    required_association,
    required_things,
)
from .store import Job
from .verdicts import Item, ItemStatus, RegistrationState, raise_for_failures

ATTR_BRAND: Final = "brand"
ATTR_CUSTOM_PROTOCOL_DETAIL: Final = "custom_protocol_detail"
ATTR_DEVICE_TYPE: Final = "device_type"
ATTR_DISCOVERY_TYPE: Final = "discovery_type"
ATTR_DRY_RUN: Final = "dry_run"
ATTR_INSTALL_CODE: Final = "install_code"
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

DISCOVERY_TYPES: Final = {
    "cloud": DiscoveryType.CLOUD,
    "zigbee": DiscoveryType.ZIGBEE,
    "zwave": DiscoveryType.ZWAVE,
    "custom": DiscoveryType.CUSTOM,
}

type _Handler = Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]

_TARGET: Final = {**ASSOCIATION_FIELDS, **THING_FIELDS}
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
        **ASSOCIATION_FIELDS,
        **HUB_FIELDS,
        vol.Optional(ATTR_DEVICE_DISCOVERY_ID): cv.string,
        vol.Optional(ATTR_CONNECTOR_DEVICE_ID): TEXTS,
        vol.Optional(ATTR_BRAND): TEXTS,
        vol.Optional(ATTR_MODEL): TEXTS,
        vol.Optional(ATTR_DEVICE_TYPE): TEXTS,
        vol.Optional(ATTR_DRY_RUN, default=False): cv.boolean,
    }
)
START_DISCOVERY_SCHEMA: Final = vol.Schema(
    {
        **ASSOCIATION_FIELDS,
        **HUB_FIELDS,
        vol.Required(ATTR_DISCOVERY_TYPE): vol.In(DISCOVERY_TYPES),
        vol.Optional(ATTR_CONNECTOR_DEVICE_ID, default=[]): TEXTS,
        vol.Optional(ATTR_CUSTOM_PROTOCOL_DETAIL): vol.Schema({cv.string: cv.string}),
        vol.Optional(ATTR_INSTALL_CODE): cv.string,
        vol.Optional(ATTR_WAIT, default=True): cv.boolean,
        vol.Optional(ATTR_TIMEOUT, default=DEFAULT_TIMEOUT): vol.All(vol.Coerce(float), vol.Range(min=1, max=86400)),
    }
)
MATCH_SCHEMA: Final = vol.Schema(
    {
        **ACCOUNT_FIELDS,
        vol.Required(ATTR_DEVICE_ID): cv.string,
        vol.Required(ATTR_MANAGED_THING_ID): cv.string,
    }
)
REFRESH_SCHEMA: Final = vol.Schema(ASSOCIATION_FIELDS)
GET_DISCOVERED_DEVICES_SCHEMA: Final = vol.Schema(
    {**ASSOCIATION_FIELDS, **HUB_FIELDS, vol.Optional(ATTR_DEVICE_DISCOVERY_ID): cv.string}
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


def _translated(handler: _Handler) -> _Handler:
    """Let an action raise AWS's failures in the user's language."""

    @wraps(handler)
    async def _handle(call: ServiceCall) -> ServiceResponse:
        try:
            return await handler(call)
        except AwsError as err:
            raise action_error(err) from err

    return _handle


@_translated
async def _async_register(call: ServiceCall) -> ServiceResponse:
    """Register devices with an account association."""
    entry = await async_entry_to_write(call)
    things = required_things(call, entry)
    association_id = required_association(call, entry)
    require_authorization(entry, association_id)
    discovery_id = checked_id(ATTR_DEVICE_DISCOVERY_ID, call.data.get(ATTR_DEVICE_DISCOVERY_ID))
    data = entry.runtime_data
    if discovery_id is not None and (job := data.discoveries.job(discovery_id)) is not None:
        require_job_of(job, association_id)
    items = await data.registrar.async_register(
        things,
        association_id,
        device_discovery_id=discovery_id,
        start_discovery=call.data[ATTR_START_DISCOVERY],
        wait=call.data[ATTR_WAIT],
        dry_run=call.data[ATTR_DRY_RUN],
    )
    return _answer(call, data, items)


async def _async_deregister(call: ServiceCall) -> ServiceResponse:
    """Deregister devices from an account association."""
    entry = await async_entry_to_write(call)
    things = required_things(call, entry)
    association_id = required_association(call, entry)
    data = entry.runtime_data
    items = await data.registrar.async_deregister(things, association_id, dry_run=call.data[ATTR_DRY_RUN])
    return _answer(call, data, items)


@_translated
async def _async_onboard(call: ServiceCall) -> ServiceResponse:
    """Create managed things for discovered devices, and register them with an association if one is given."""
    entry = await async_entry_to_write(call)
    data = entry.runtime_data
    association_id = named_association(call, entry)
    hub_id = named_hub(call, entry)
    target = hub_id or association_id
    if target is None:
        raise invalid("no_account_association_or_hub")
    if association_id is not None:
        require_authorization(entry, association_id)
    job = await async_named_job(call, entry)
    if job is None:
        job = data.discoveries.newest_succeeded(target)
    if job is None:
        await data.discoveries.async_learn()
        job = data.discoveries.newest_succeeded(target)
    if job is None:
        if hub_id is not None or association_id is None:
            raise invalid("no_discovery_of_hub")
        job = await data.discoveries.async_start(
            DiscoveryRequest(discovery_type=DiscoveryType.CLOUD, account_association_id=association_id)
        )
    require_job_of(job, target)
    if job.is_running:
        job = await data.discoveries.async_wait(job)
    devices = [device for device in await data.discoveries.async_devices(job) if _is_wanted(call, device)]
    items = await _in_background(
        entry,
        data.onboarder.async_onboard(job, devices, association_id, dry_run=call.data[ATTR_DRY_RUN]),
    )
    return _answer(call, data, items)


@_translated
async def _async_start_discovery(call: ServiceCall) -> ServiceResponse:
    """Start a discovery, and tell what it found."""
    entry = await async_entry(call)
    data = entry.runtime_data
    request = _discovery_request(call, entry)
    if request.account_association_id is not None:
        require_authorization(entry, request.account_association_id)
    job = await data.discoveries.async_start(request, timeout=call.data[ATTR_TIMEOUT])
    if call.data[ATTR_WAIT]:
        job = await data.discoveries.async_wait(job)
    if call.return_response:
        return _job_answer(data, job)
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
    entry = await async_entry(call)
    association_id = required_association(call, entry)
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
    thing_id = checked_id(ATTR_MANAGED_THING_ID, call.data[ATTR_MANAGED_THING_ID])
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
    entry = await async_entry(call)
    data = entry.runtime_data
    target = named_hub(call, entry) or named_association(call, entry)
    job = await async_named_job(call, entry)
    if job is not None and target is not None:
        require_job_of(job, target)
    if job is None:
        if target is None:
            raise invalid("no_account_association_or_hub")
        if (job := data.discoveries.newest(target)) is None:
            await data.discoveries.async_learn()
            job = data.discoveries.newest(target)
    if job is None:
        return {"device_discovery_id": None, "status": "none", "devices": []}
    await data.discoveries.async_devices(job)
    answer = _job_answer(data, job)
    return {key: answer[key] for key in ("device_discovery_id", "status", "devices")}


async def _async_get_registrations(call: ServiceCall) -> ServiceResponse:
    """Tell which devices are registered with which associations, from the newest Inventory; nothing is sent."""
    entry = await async_entry(call)
    data = entry.runtime_data
    inventory = data.coordinator.data
    wanted: list[str] | None = None
    if ATTR_DEVICE_ID in call.data or ATTR_MANAGED_THING_ID in call.data:
        wanted = required_things(call, entry)
    association_id = named_association(call, entry)
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


def _answer(call: ServiceCall, data: MiRegistrationData, items: list[Item]) -> ServiceResponse:
    """Return the verdicts; raise for failures that the caller wouldn't see otherwise."""
    total_failure = all(item.status is ItemStatus.FAILED for item in items)
    if not call.data[ATTR_DRY_RUN] and (total_failure or not call.return_response):
        raise_for_failures(items, data.coordinator.data)
    if not call.return_response:
        return None
    return cast(
        ServiceResponse,
        {
            "results": [item.as_dict() for item in items],
            "summary": dict(Counter(item.status.value for item in items)),
        },
    )


def _job_answer(data: MiRegistrationData, job: Job) -> dict[str, JsonValueType]:
    """Return a discovery job and what it found so far."""
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


def _discovery_request(call: ServiceCall, entry: MiRegistrationConfigEntry) -> DiscoveryRequest:
    """Return the discovery that a call asks for; raises ``ServiceValidationError`` for what doesn't go together."""
    discovery_type = DISCOVERY_TYPES[call.data[ATTR_DISCOVERY_TYPE]]
    is_cloud = discovery_type is DiscoveryType.CLOUD
    association_id = named_association(call, entry)
    hub_id = named_hub(call, entry)
    if is_cloud and hub_id is not None:
        raise invalid("hub_not_used")
    if not is_cloud and association_id is not None:
        raise invalid("account_association_not_used")
    if is_cloud and association_id is None:
        raise invalid("no_account_association")
    if not is_cloud and hub_id is None:
        raise invalid("no_hub")
    device_ids = tuple(checked_id(ATTR_CONNECTOR_DEVICE_ID, item) for item in call.data[ATTR_CONNECTOR_DEVICE_ID])
    if len(device_ids) > MAX_CONNECTOR_DEVICE_IDS:
        raise invalid("too_many_connector_device_ids", count=str(len(device_ids)))
    detail = call.data.get(ATTR_CUSTOM_PROTOCOL_DETAIL)
    if discovery_type is DiscoveryType.CUSTOM and not (detail or {}).get("Name"):
        raise invalid("no_protocol_name")
    for field, given, wanted in (
        (ATTR_CONNECTOR_DEVICE_ID, bool(device_ids), DiscoveryType.CLOUD),
        (ATTR_CUSTOM_PROTOCOL_DETAIL, detail is not None, DiscoveryType.CUSTOM),
        (ATTR_INSTALL_CODE, ATTR_INSTALL_CODE in call.data, DiscoveryType.ZWAVE),
    ):
        if given and discovery_type is not wanted:
            raise invalid("field_of_other_discovery", field=field, discovery_type=wanted.lower())
    return DiscoveryRequest(
        discovery_type=discovery_type,
        account_association_id=association_id,
        controller_id=hub_id,
        connector_device_ids=device_ids,
        custom_protocol_detail=detail,
        install_code=call.data.get(ATTR_INSTALL_CODE),
    )


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
