"""What the tests of the Home Assistant side share."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import timedelta
import logging
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.mi_registration import attempt
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.coordinator import MiRegistrationCoordinator
from custom_components.mi_registration.data import MiRegistrationData
from emulator import Emulator, World
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util

from .flow_common import add_entry, set_up

LIGHT = "Hallway spots"
"""A cloud device of Acme Lighting that a finished discovery lists and that isn't registered."""
OTHER_LIGHT = "Bedroom strip"
"""Another one."""
REGISTERED_LIGHT = "Kitchen ceiling light"
"""A cloud device of Acme Lighting that is registered with it."""
HUB = "Cellar hub"
HUB_CHILD = "Laundry plug"
ACME = "Acme Lighting"
NORTHWIND = "Northwind Climate"

REGISTER = "register_account_association"
DEREGISTER = "deregister_account_association"
GET_REGISTRATIONS = "get_registrations"

PUT = "RegisterAccountAssociation"
DELETE = "DeregisterAccountAssociation"
LIST_THINGS = "ListManagedThings"
LIST_ASSOCIATIONS = "ListAccountAssociations"
LIST_REGISTRATIONS = "ListManagedThingAccountAssociations"
IDENTITY = "GetCallerIdentity"
CONNECTIVITY = "GetManagedThingConnectivityData"


def shorten_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the registrar look for the outcome of its requests in quick succession, and give up soon."""
    monkeypatch.setattr(attempt, "READ_BACK_PAUSES", (0.01, 0.02))
    monkeypatch.setattr(attempt, "READ_BACK_SECONDS", 0.05)
    monkeypatch.setattr(attempt, "LOST_ANSWER_SECONDS", 0.05)


@contextmanager
def fixed_home(emulator: Emulator) -> Generator[World]:
    """Make a home whose ids are the same in every run, for snapshots."""
    world = emulator.create_world("home", account_id="210987654321")
    try:
        yield world
    finally:
        emulator.remove_world(world)


async def loaded(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    *,
    association_ids: Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
    data: Mapping[str, str] | None = None,
) -> MockConfigEntry:
    """Set an entry up that looks after the given associations, or after all."""
    chosen = world.associations if association_ids is None else association_ids
    entry = add_entry(hass, emulator, world, association_ids=chosen, options=options, data=data)
    await set_up(hass, entry)
    assert entry.state is ConfigEntryState.LOADED
    return entry


def data_of(entry: MockConfigEntry) -> MiRegistrationData:
    """Return what a loaded entry owns."""
    data: MiRegistrationData = entry.runtime_data
    return data


def coordinator_of(entry: MockConfigEntry) -> MiRegistrationCoordinator:
    """Return the coordinator of a loaded entry."""
    return data_of(entry).coordinator


def state_of(entry: MockConfigEntry) -> ConfigEntryState:
    """Return an entry's state, which others change."""
    return entry.state


async def poll(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Synchronise, and wait until it is shown; returns whether that worked."""
    await coordinator_of(entry).async_refresh()
    await hass.async_block_till_done()
    return coordinator_of(entry).last_update_success


async def pass_time(hass: HomeAssistant, seconds: float) -> None:
    """Let every timer that is due within so many seconds run, and wait for what it started."""
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=seconds))
    await hass.async_block_till_done(wait_background_tasks=True)


def assert_no_complaints(caplog: pytest.LogCaptureFixture) -> None:
    """Fail if the integration logged a warning or an error."""
    own = f"custom_components.{DOMAIN}"
    assert [record for record in caplog.records if record.name.startswith(own) and record.levelno > logging.INFO] == []


async def act(hass: HomeAssistant, service: str, **fields: Any) -> Any:
    """Call an action and return its answer; ``context`` and ``return_response`` (default true) are no fields of it."""
    context: Context | None = fields.pop("context", None)
    return_response: bool = fields.pop("return_response", True)
    return await hass.services.async_call(
        DOMAIN, service, fields, blocking=True, return_response=return_response, context=context
    )


def item(results: Mapping[str, Any]) -> Any:
    """Return the only verdict of an answer."""
    (only,) = results["results"]
    return only


def entity_id(hass: HomeAssistant, platform: str, aws_id: str | None, key: str) -> str:
    """Return the entity that shows something of an AWS id."""
    found = er.async_get(hass).async_get_entity_id(platform, DOMAIN, f"{aws_id}_{key}")
    assert found is not None
    return found


def state(hass: HomeAssistant, platform: str, aws_id: str | None, key: str) -> str:
    """Return the state of an entity of an AWS id."""
    shown = hass.states.get(entity_id(hass, platform, aws_id, key))
    assert shown is not None
    return shown.state


def device(hass: HomeAssistant, entry: MockConfigEntry, aws_id: str | None) -> dr.DeviceEntry | None:
    """Return the device that stands for an AWS id, if there is one."""
    found = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, str(aws_id)), entry.entry_id)
    assert found is None or isinstance(found, dr.DeviceEntry)
    return found


def device_id(hass: HomeAssistant, entry: MockConfigEntry, aws_id: str | None) -> str:
    """Return the registry id of the device that stands for an AWS id."""
    found = device(hass, entry, aws_id)
    assert found is not None
    return found.id


async def press(hass: HomeAssistant, aws_id: str | None, key: str) -> None:
    """Press a button of an AWS id."""
    await hass.services.async_call(
        "button", "press", {"entity_id": entity_id(hass, "button", aws_id, key)}, blocking=True
    )


def key_of(caught: pytest.ExceptionInfo[HomeAssistantError]) -> str | None:
    """Return the name of the text that an error shows, after making sure that the text is there."""
    error = caught.value
    assert "{" not in str(error)
    assert str(error) != error.translation_key
    return error.translation_key


def writes(world: World) -> list[str]:
    """Return the operations that were to change something, in order."""
    return [
        request.operation
        for request in world.requests
        if not request.operation.startswith(("List", "Get")) and request.operation != "AssumeRole"
    ]
