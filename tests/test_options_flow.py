"""Options flow."""

from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Emulator, World
from homeassistant.config_entries import ConfigEntryState, ConfigFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData

from .flow_common import OPTIONS_TEXTS, add_entry, assert_texts, options_of, set_up, suggested

UNCHANGED = {"scan_interval_minutes": 15, "requests_per_second": 10, "track_new_associations": False}


async def start(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    """Open the options."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert_texts(result, OPTIONS_TEXTS)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "init")
    return result


async def submit(hass: HomeAssistant, result: ConfigFlowResult, form: dict[str, Any]) -> ConfigFlowResult:
    """Submit the form and wait until everything has settled."""
    result = await hass.config_entries.options.async_configure(result["flow_id"], form)
    assert_texts(result, OPTIONS_TEXTS)
    await hass.async_block_till_done()
    return result


async def test_every_option(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """All options are kept in the types that the rest reads, and shown again the next time."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    hubs = entry.runtime_data.coordinator.data.hubs
    assert hubs
    result = await start(hass, entry)
    assert options_of(result, "hub_ids") == [{"value": hub.managed_thing_id, "label": hub.name} for hub in hubs]
    hub_id = hubs[0].managed_thing_id

    result = await submit(
        hass,
        result,
        {
            "scan_interval_minutes": 60.0,
            "requests_per_second": 5.0,
            "track_new_associations": True,
            "owner": " family@example.com ",
            "hub_ids": [hub_id, " other-hub ", hub_id, " "],
        },
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    expected = {
        "scan_interval_minutes": 60,
        "requests_per_second": 5,
        "track_new_associations": True,
        "owner": "family@example.com",
        "hub_ids": [hub_id, "other-hub"],
    }
    assert entry.options == expected
    assert type(entry.options["scan_interval_minutes"]) is int
    assert entry.state is ConfigEntryState.LOADED

    result = await start(hass, entry)
    assert suggested(result) == expected
    assert {"value": "other-hub", "label": "other-hub"} in options_of(result, "hub_ids")


async def test_defaults(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A form left as it is gives the documented defaults."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    await submit(hass, await start(hass, entry), {})
    assert entry.options == UNCHANGED


async def test_scope_is_removed(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Emptied fields are gone from the options."""
    entry = add_entry(hass, emulator, world, options={"owner": "family", "hub_ids": ["hub-1"]})
    await set_up(hass, entry)
    await submit(hass, await start(hass, entry), {**UNCHANGED, "owner": "", "hub_ids": []})
    assert entry.options == UNCHANGED


async def test_entry_not_loaded(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Options of an entry that isn't loaded can be changed; the hubs are those already chosen."""
    entry = add_entry(hass, emulator, world, options={"hub_ids": ["hub-1"]})
    result = await start(hass, entry)
    assert options_of(result, "hub_ids") == [{"value": "hub-1", "label": "hub-1"}]
    await submit(hass, result, {**UNCHANGED, "hub_ids": ["hub-1"]})
    assert entry.options == UNCHANGED | {"hub_ids": ["hub-1"]}


@pytest.mark.parametrize(
    ("changes", "errors", "placeholders"),
    [
        ({"owner": "the family"}, {"owner": "invalid_owner"}, {}),
        ({"owner": "x" * 65}, {"owner": "invalid_owner"}, {}),
        ({"hub_ids": ["hub 1", "hub-2", "hub/3"]}, {"hub_ids": "invalid_hub_id"}, {"hub_ids": "hub 1, hub/3"}),
        (
            {"owner": "?", "hub_ids": ["x" * 65]},
            {"owner": "invalid_owner", "hub_ids": "invalid_hub_id"},
            {"hub_ids": "x" * 65},
        ),
    ],
)
async def test_bad_values(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    *,
    changes: dict[str, Any],
    errors: dict[str, str],
    placeholders: dict[str, str],
) -> None:
    """What AWS would refuse is refused here, what was typed stays, and can be corrected."""
    entry = add_entry(hass, emulator, world)
    result = await submit(hass, await start(hass, entry), UNCHANGED | changes)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)
    assert result["description_placeholders"] == placeholders
    assert suggested(result) == UNCHANGED | changes
    assert entry.options == {}

    result = await submit(hass, result, {**UNCHANGED, "owner": "family", "hub_ids": ["hub:1"]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == UNCHANGED | {"owner": "family", "hub_ids": ["hub:1"]}


@pytest.mark.parametrize(
    "changes",
    [
        {"scan_interval_minutes": 0},
        {"scan_interval_minutes": 1441},
        {"requests_per_second": 0},
        {"requests_per_second": 101},
    ],
)
async def test_out_of_range(hass: HomeAssistant, emulator: Emulator, world: World, changes: dict[str, int]) -> None:
    """Home Assistant itself refuses numbers out of range."""
    entry = add_entry(hass, emulator, world)
    result = await start(hass, entry)
    with pytest.raises(InvalidData):
        await hass.config_entries.options.async_configure(result["flow_id"], UNCHANGED | changes)
    assert entry.options == {}
