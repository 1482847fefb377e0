"""What the tests of the three kinds of flow share."""

from collections.abc import Iterable, Mapping
import json
from pathlib import Path
from string import Formatter
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry
import voluptuous as vol

import custom_components.mi_registration as integration
from custom_components.mi_registration.const import (
    AUTH_ACCESS_KEY,
    CONF_ACCESS_KEY_ID,
    CONF_ACCOUNT_ASSOCIATION_ID,
    CONF_AUTH_METHOD,
    CONF_ENDPOINT_URL,
    CONF_REGION,
    CONF_REGISTRATION_POLICY,
    CONF_SECRET_ACCESS_KEY,
    DOMAIN,
    POLICY_MANUAL,
    SUBENTRY_ACCOUNT_ASSOCIATION,
)
from emulator import Emulator, World
from homeassistant.config_entries import ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section

_TEXTS = json.loads((Path(integration.__path__[0]) / "translations" / "en.json").read_text(encoding="utf-8"))
CONFIG_TEXTS = _TEXTS["config"]
OPTIONS_TEXTS = _TEXTS["options"]
SUBENTRY_TEXTS = _TEXTS["config_subentries"][SUBENTRY_ACCOUNT_ASSOCIATION]


def _assert_text(text: str, placeholders: Mapping[str, str] | None) -> None:
    """Fail if a text is empty, or has a placeholder that the flow doesn't fill."""
    assert text
    assert {name for _, name, _, _ in Formatter().parse(text) if name} <= set(placeholders or {})
    # Sentences of AWS's end with a full stop, and so do ours.
    assert ".." not in text.format(**placeholders or {})


def _assert_field_texts(schema: vol.Schema, texts: Mapping[str, Any]) -> None:
    """Fail if a field, a section or a field of a section has no text."""
    for marker, field in schema.schema.items():
        if isinstance(field, section):
            assert texts["sections"][marker.schema]["name"]
            _assert_field_texts(field.schema, texts["sections"][marker.schema])
        else:
            assert texts["data"][marker.schema]
            assert texts["data_description"][marker.schema]


def assert_texts(result: Mapping[str, Any], texts: Mapping[str, Any]) -> None:
    """Fail if what a flow shows has no English text for something that the user sees."""
    placeholders = result.get("description_placeholders")
    if result["type"] is FlowResultType.FORM:
        step = texts["step"][result["step_id"]]
        _assert_text(step["title"], placeholders)
        _assert_text(step["description"], placeholders)
        _assert_field_texts(result["data_schema"], step)
        for error in (result["errors"] or {}).values():
            _assert_text(texts["error"][error], placeholders)
    elif result["type"] is FlowResultType.MENU:
        step = texts["step"][result["step_id"]]
        _assert_text(step["title"], placeholders)
        _assert_text(step["description"], placeholders)
        assert list(step["menu_options"]) == result["menu_options"]
    elif result["type"] is FlowResultType.SHOW_PROGRESS:
        _assert_text(texts["step"][result["step_id"]]["title"], placeholders)
        _assert_text(texts["progress"][result["progress_action"]], placeholders)
    elif result["type"] is FlowResultType.ABORT:
        _assert_text(texts["abort"][result["reason"]], placeholders)


def suggested(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a form is filled with; fields of sections as ``section.field``."""
    values: dict[str, Any] = {}

    def collect(schema: vol.Schema, prefix: str) -> None:
        for marker, field in schema.schema.items():
            if isinstance(field, section):
                collect(field.schema, f"{marker.schema}.")
            elif marker.description is not None:
                values[prefix + marker.schema] = marker.description["suggested_value"]

    collect(result["data_schema"], "")
    return values


def fields_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields and sections of a form."""
    fields: dict[str, Any] = result["data_schema"].schema
    return fields


def options_of(result: Mapping[str, Any], field: str) -> list[Any]:
    """Return the options that a form's select offers."""
    options: list[Any] = fields_of(result)[field].config["options"]
    return options


def state_of(entry: ConfigEntry) -> ConfigEntryState:
    """Return the state that an entry has by now."""
    return entry.state


def entry_data(emulator: Emulator, world: World) -> dict[str, str]:
    """Return the data of an entry that connects to a world with its access key."""
    return {
        CONF_REGION: world.region,
        CONF_AUTH_METHOD: AUTH_ACCESS_KEY,
        CONF_ENDPOINT_URL: emulator.url,
        CONF_ACCESS_KEY_ID: world.access_key_id,
        CONF_SECRET_ACCESS_KEY: world.secret_access_key,
    }


def add_entry(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    *,
    association_ids: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    data: Mapping[str, str] | None = None,
) -> MockConfigEntry:
    """Add an entry for a world, not set up yet; ``data`` replaces parts of its data."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title=f"AWS {world.account_id} ({world.region})",
        unique_id=f"aws:{world.account_id}:{world.region}",
        data={**entry_data(emulator, world), **(data or {})},
        options=options,
        subentries_data=[
            {
                "subentry_type": SUBENTRY_ACCOUNT_ASSOCIATION,
                "title": association_id,
                "unique_id": association_id,
                "data": {
                    CONF_ACCOUNT_ASSOCIATION_ID: association_id,
                    CONF_REGISTRATION_POLICY: POLICY_MANUAL,
                },
            }
            for association_id in association_ids
        ],
    )
    entry.add_to_hass(hass)
    return entry


async def set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Set an entry up and wait until everything has settled."""
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
