"""Diagnostics: what was asked of AWS and what was decided, so that a fault can be told from the file alone.

Everything is read from memory; nothing is asked of AWS. Ids are kept, since AWS's support asks for them; what the
service model marks sensitive isn't in the file.
"""

from dataclasses import asdict
from typing import Any

import boto3
import botocore

from homeassistant.components.diagnostics import async_redact_data
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.device_registry import AnyDeviceEntry

from .aws.models import ManagedThing
from .aws.redaction import sensitive_names
from .const import CONF_OWNER, DOMAIN
from .data import MiRegistrationConfigEntry, MiRegistrationData
from .matcher import Match


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: MiRegistrationConfigEntry) -> dict[str, Any]:
    """Return the diagnostics of an account."""
    secret = {*await hass.async_add_executor_job(sensitive_names), CONF_OWNER}
    answer: dict[str, Any] = {
        "versions": {"boto3": boto3.__version__, "botocore": botocore.__version__},
        "entry": {
            "state": entry.state.value,
            "reason": entry.reason,
            "data": async_redact_data(dict(entry.data), secret),
            "options": async_redact_data(dict(entry.options), secret),
            "subentries": [
                {"type": subentry.subentry_type, "data": dict(subentry.data)} for subentry in entry.subentries.values()
            ],
        },
    }
    if entry.state is not ConfigEntryState.LOADED:
        # What a set-up that fails found out is its reason.
        return answer
    data = entry.runtime_data
    await data.matcher.async_settle()
    inventory = data.coordinator.data
    return answer | {
        "connection": {
            "clock_skew_seconds": data.client.clock_skew,
            "denied": dict(data.client.denied),
            "quota": {operation: asdict(state) for operation, state in data.client.quota.snapshot.items()},
            "last_calls": [asdict(call) for call in data.client.calls],
        },
        "synchronisation": {
            "as_of": data.coordinator.as_of,
            "last_success": data.coordinator.last_update_success,
            "last_error": None if data.coordinator.last_exception is None else str(data.coordinator.last_exception),
            "unread_lists": sorted(data.coordinator.unread_lists),
            "is_scoped": data.coordinator.is_scoped,
            "why_no_devices": why_no_devices(data),
        },
        "inventory": {
            "managed_things": [_thing(data, thing) for thing in inventory.managed_things],
            "account_associations": [
                {
                    "account_association_id": row.account_association_id,
                    "state": row.state,
                    "error_message": row.error_message,
                    "connector_destination_id": row.connector_destination_id,
                    "is_managed": row.account_association_id in data.coordinator.association_subentries,
                }
                for row in inventory.account_associations
            ],
        },
        "connectivity": {hub_id: asdict(connectivity) for hub_id, connectivity in data.connectivity.data.items()},
        "queue": data.store.queue.as_dict(),
        "discoveries": [
            {**job.as_dict(), "devices_read": len(data.discoveries.devices(job.device_discovery_id) or ())}
            for job in data.store.queue.jobs.values()
        ],
        "matches": {thing_id: _match(match) for thing_id, match in data.matcher.matches.items()},
        "ambiguous_matches": {
            thing_id: [_match(match) for match in matches] for thing_id, matches in data.matcher.ambiguous.items()
        },
        "repairs": sorted(data.issues.shown),
    }


async def async_get_device_diagnostics(
    _hass: HomeAssistant, entry: MiRegistrationConfigEntry, device: AnyDeviceEntry
) -> dict[str, Any]:
    """Return the diagnostics of what a device stands for."""
    aws_id = next(identifier for domain, identifier in device.identifiers if domain == DOMAIN)
    if entry.state is not ConfigEntryState.LOADED:
        return {"aws_id": aws_id, "state": entry.state.value, "reason": entry.reason}
    data = entry.runtime_data
    await data.matcher.async_settle()
    inventory = data.coordinator.data
    answer: dict[str, Any] = {
        "aws_id": aws_id,
        "as_of": data.coordinator.as_of,
        "last_success": data.coordinator.last_update_success,
    }
    if (thing := inventory.things_by_id.get(aws_id)) is not None:
        answer["managed_thing"] = _thing(data, thing)
        answer["candidates"] = [_match(match) for match in data.matcher.candidates(aws_id)]
        # Waiting for match_device.
        answer["suggestions"] = data.matcher.suggestions(aws_id)
    if (connectivity := data.connectivity.data.get(aws_id)) is not None:
        answer["connectivity"] = asdict(connectivity)
    if (association := inventory.associations_by_id.get(aws_id)) is not None:
        answer["account_association"] = {
            "state": association.state,
            "error_message": association.error_message,
            "registered": len(inventory.registrations_by_association.get(aws_id, ())),
            "unregistered": len(data.discoveries.unregistered(aws_id)),
        }
    answer["discoveries"] = [job.as_dict() for job in data.discoveries.jobs_of(aws_id)]
    return answer


def why_no_devices(data: MiRegistrationData) -> str | None:
    """Return why there is no managed thing here; ``None`` if there is one."""
    if data.coordinator.data.managed_things:
        return None
    if not data.coordinator.last_update_success:
        return "the account could not be read"
    if data.coordinator.hub_ids:
        return "the account has none of the hubs in the options, or they belong to another owner"
    if data.coordinator.is_scoped:
        return "the account has no managed thing of the owner in the options"
    return "the account has no managed thing in this Region"


def _thing(data: MiRegistrationData, thing: ManagedThing) -> dict[str, Any]:
    return {
        "managed_thing_id": thing.managed_thing_id,
        "role": thing.role,
        "provisioning_status": thing.provisioning_status,
        "parent_controller_id": thing.parent_controller_id,
        "connector_destination_id": thing.connector_destination_id,
        "updated_at": thing.updated_at,
        "registrations": {
            association_id: state.value
            for association_id, state in data.registrar.states_of(thing.managed_thing_id).items()
        },
        "last_error": data.registrar.last_error(thing.managed_thing_id),
    }


def _match(match: Match) -> dict[str, Any]:
    return {"device_id": match.device_id, "reasons": list(match.reasons)}
