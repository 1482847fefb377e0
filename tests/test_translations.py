"""Every text that the code asks for is there, and none is orphaned. What a text may be, scripts/lint knows."""

import ast
from collections.abc import Generator
import json
from pathlib import Path
from string import Formatter
from typing import Any
from unittest.mock import patch

import pytest

import custom_components.mi_registration as integration
from custom_components.mi_registration import config_flow, subentry_flow
from custom_components.mi_registration.aws import errors
from custom_components.mi_registration.condition import CONDITIONS
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.service_targets import PATTERNS
from custom_components.mi_registration.trigger import TRIGGERS
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.service import async_get_all_descriptions
from homeassistant.util.yaml import load_yaml_dict

from .common import loaded, pass_time

FOLDER = Path(integration.__path__[0])
TEXTS: dict[str, Any] = json.loads((FOLDER / "translations" / "en.json").read_text(encoding="utf-8"))
ICONS: dict[str, Any] = json.loads((FOLDER / "icons.json").read_text(encoding="utf-8"))
SERVICES = load_yaml_dict(str(FOLDER / "services.yaml"))
MODULES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.py"))}

RAISERS = {
    "ConfigEntryAuthFailed",
    "ConfigEntryError",
    "ConfigEntryNotReady",
    "HomeAssistantError",
    "ServiceValidationError",
    "UpdateFailed",
}
FLOW_MODULES = ("config_flow", "subentry_flow")
OF_HOME_ASSISTANT = {"already_configured", "reauth_successful", "reconfigure_successful"}
"""Aborts that Home Assistant's own helpers name."""


def calls(tree: ast.AST) -> Generator[tuple[str, ast.Call]]:
    """Give all calls with the name of what is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    yield name, node


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return an argument of a call."""
    return next((argument.value for argument in call.keywords if argument.arg == name), None)


def constants(node: ast.AST | None) -> set[str]:
    """Return all strings in a part of the code."""
    if node is None:
        return set()
    return {found.value for found in ast.walk(node) if isinstance(found, ast.Constant) and isinstance(found.value, str)}


ALL_CONSTANTS = {
    text for path in FOLDER.rglob("*.py") for text in constants(ast.parse(path.read_text(encoding="utf-8")))
}


def placeholders(text: str) -> set[str]:
    """Return the names of a text's placeholders."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def error_classes() -> list[type[errors.AwsError]]:
    """Return all kinds of failed calls."""
    return [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, errors.AwsError)]


def asked_exceptions() -> dict[str, set[str] | None]:
    """Return the exception texts that the code asks for by name, with the placeholders given, where that is told."""
    found: dict[str, set[str] | None] = {}
    for tree in MODULES.values():
        for name, call in calls(tree):
            if name in {"invalid", "_invalid"} and call.args:
                given = {argument.arg for argument in call.keywords if argument.arg is not None}
                match call.args[0]:
                    case ast.Constant(value=str(key)):
                        found[key] = found.get(key, given) and given & (found.get(key) or given)
                    case ast.JoinedStr():
                        found |= {f"invalid_{field}": given for field in PATTERNS}
            elif name in RAISERS and isinstance(key_node := keyword(call, "translation_key"), ast.Constant):
                given_node = keyword(call, "translation_placeholders")
                if isinstance(given_node, ast.Dict):
                    found[str(key_node.value)] = {
                        str(key.value) for key in given_node.keys if isinstance(key, ast.Constant)
                    }
                else:
                    found[str(key_node.value)] = set() if given_node is None else None
    return found


def test_exceptions() -> None:
    """Each text of an exception exists, gets its placeholders, and is used."""
    texts = {key: value["message"] for key, value in TEXTS["exceptions"].items()}
    asked = asked_exceptions()
    assert len(asked) > 10
    for key, given in asked.items():
        assert key in texts, key
        if given is not None:
            assert placeholders(texts[key]) <= given, key
    sample = errors.AwsError("", code="", operation="", iam_action="").placeholders
    of_aws = {found.key for found in error_classes()}
    for key in of_aws:
        assert placeholders(texts[key]) <= set(sample), key
    assert {key for key in texts if key not in asked and key not in of_aws and key not in ALL_CONSTANTS} == set()


def test_steps() -> None:
    """Each step of a flow has its text, and each text its step."""
    config_steps = {
        name.removeprefix("async_step_")
        for name in dir(config_flow.MiRegistrationConfigFlow)
        if name.startswith("async_step_")
    }
    sections = {
        "config": (TEXTS["config"], config_steps),
        "options": (TEXTS["options"], {"init"}),
        "subentries": (
            TEXTS["config_subentries"]["account_association"],
            {
                name.removeprefix("async_step_")
                for name in dir(subentry_flow.AccountAssociationSubentryFlow)
                if name.startswith("async_step_")
            },
        ),
    }
    for name, (texts, methods) in sections.items():
        assert set(texts["step"]) <= methods, name
    shown = set()
    for module in FLOW_MODULES:
        for name, call in calls(MODULES[module]):
            if name in {"async_show_form", "async_show_menu"}:
                shown |= constants(keyword(call, "step_id"))
    steps = {step for texts, _ in sections.values() for step in texts["step"]}
    assert shown <= steps


def test_errors_and_aborts() -> None:
    """No error or abort of a flow is orphaned; the flow tests check that none is missing."""
    used = OF_HOME_ASSISTANT | ALL_CONSTANTS
    for texts in (TEXTS["config"], TEXTS["options"], *TEXTS["config_subentries"].values()):
        for kind in ("error", "abort"):
            assert set(texts.get(kind, ())) <= used
    for module in FLOW_MODULES:
        for name, call in calls(MODULES[module]):
            if name == "async_abort" and isinstance(reason := keyword(call, "reason"), ast.Constant):
                assert any(
                    reason.value in texts["abort"] for texts in (TEXTS["config"], *TEXTS["config_subentries"].values())
                ), reason.value


def test_issues() -> None:
    """Each repair has its text, and each text its repair."""
    used = set()
    for tree in MODULES.values():
        for name, call in calls(tree):
            if name not in RAISERS and name != "SelectSelectorConfig":
                used |= constants(keyword(call, "translation_key"))
    used -= set(TEXTS["exceptions"]) - set(TEXTS.get("issues", {}))
    assert used == set(TEXTS.get("issues", {}))


def test_selectors() -> None:
    """Each option of a select has its text, and each text its option."""
    offered: dict[str, set[str]] = {}
    names = {name: value for name, value in vars(config_flow).items() if isinstance(value, str)}
    names |= {name: value for name, value in vars(subentry_flow).items() if isinstance(value, str)}
    for module in FLOW_MODULES:
        for name, call in calls(MODULES[module]):
            if name == "SelectSelectorConfig" and isinstance(key := keyword(call, "translation_key"), ast.Name):
                options = keyword(call, "options")
                assert isinstance(options, ast.List)
                offered[names[key.id]] = {names[item.id] for item in options.elts if isinstance(item, ast.Name)}
    for service in SERVICES.values():
        for field in service["fields"].values():
            select = field.get("selector", {}).get("select")
            if select and "translation_key" in select:
                offered[select["translation_key"]] = set(select["options"])
    assert offered == {key: set(value["options"]) for key, value in TEXTS["selector"].items()}


@pytest.fixture
async def entities(hass: HomeAssistant, emulator: Emulator, world: World) -> list[er.RegistryEntry]:
    """Return all entities of a home."""
    with patch("homeassistant.helpers.entity.Entity.entity_registry_enabled_default"):
        entry = await loaded(hass, emulator, world)
        await pass_time(hass, 6)
    return er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)


async def test_entities(hass: HomeAssistant, entities: list[er.RegistryEntry]) -> None:
    """Each entity has a name, each of its states and attributes a text, and no text is orphaned."""
    used: dict[str, set[str]] = {}
    for entity in entities:
        key = entity.translation_key
        assert key is not None
        used.setdefault(entity.domain, set()).add(key)
        texts = TEXTS["entity"][entity.domain][key]
        assert texts["name"]
        capabilities = entity.capabilities or {}
        if "options" in capabilities:
            assert set(capabilities["options"]) == set(texts["state"]), key
        if "event_types" in capabilities:
            events = texts["state_attributes"]["event_type"]["state"]
            assert set(capabilities["event_types"]) == set(events), key
        if entity.domain == "sensor" and key == "registration":
            state = hass.states.get(entity.entity_id)
            assert state is not None
            named = set(texts["state_attributes"])
            assert named <= set(state.attributes)
            assert {"account_associations", "last_error"} <= named
    assert used == {platform: set(keys) for platform, keys in TEXTS["entity"].items()}


async def test_icons_of_entities(entities: list[er.RegistryEntry]) -> None:
    """Icons belong to entities and to states that exist, and what has no device class has an icon."""
    for platform, keys in ICONS["entity"].items():
        assert set(keys) <= set(TEXTS["entity"][platform])
        for key, icons in keys.items():
            states = set(TEXTS["entity"][platform][key].get("state", {}))
            assert set(icons.get("state", {})) <= states, key
    for entity in entities:
        if entity.original_device_class in {None, "enum"}:
            assert entity.translation_key in ICONS["entity"][entity.domain], entity.entity_id


async def test_services(hass: HomeAssistant, entities: list[er.RegistryEntry]) -> None:
    """Code, services.yaml, texts and icons know the same actions and fields."""
    registered = hass.services.async_services_for_domain(DOMAIN)
    assert set(registered) == set(SERVICES) == set(TEXTS["services"]) == set(ICONS["services"])
    for name, service in registered.items():
        schema: Any = service.schema
        while not hasattr(schema, "schema"):
            # A validator around the schema.
            schema = next(part for part in schema.validators if hasattr(part, "schema"))
        fields = {str(marker.schema) for marker in schema.schema}
        described = SERVICES[name]["fields"]
        texts = TEXTS["services"][name]["fields"]
        assert fields == set(described) == set(texts), name
        defaults = {
            str(marker.schema): marker.default()
            for marker in schema.schema
            if callable(getattr(marker, "default", None))
        }
        for field, description in described.items():
            assert texts[field]["name"]
            assert texts[field]["description"]
            if "default" in description:
                assert description["default"] == defaults[field], (name, field)
    descriptions = await async_get_all_descriptions(hass)
    assert set(descriptions[DOMAIN]) == set(registered)


@pytest.mark.parametrize(("kind", "known"), [("triggers", TRIGGERS), ("conditions", CONDITIONS)])
def test_triggers_and_conditions(kind: str, known: dict[str, type]) -> None:
    """Code, descriptions, texts and icons know the same triggers, conditions and fields."""
    described = {
        name: description
        for name, description in load_yaml_dict(str(FOLDER / f"{kind}.yaml")).items()
        if not name.startswith(".")
    }
    assert set(known) == set(described) == set(TEXTS[kind]) == set(ICONS[kind])
    for name, description in described.items():
        texts = TEXTS[kind][name]
        assert texts["name"]
        assert texts["description"]
        assert set(description.get("fields", {})) == set(texts.get("fields", {}))
        assert set(ICONS[kind][name]) == {kind.removesuffix("s")}


def test_data_descriptions() -> None:
    """Each described field is a field, and each field is described."""
    flows = [TEXTS["config"], TEXTS["options"], *TEXTS["config_subentries"].values()]
    for step in (step for flow in flows for step in flow["step"].values()):
        for part in (step, *step.get("sections", {}).values()):
            assert set(part.get("data_description", {})) == set(part.get("data", {}))


async def test_states_have_texts(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What a home shows of AWS's enums is worded in English."""
    entry = await loaded(hass, emulator, world)
    for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        state = hass.states.get(entity.entity_id)
        texts = TEXTS["entity"][entity.domain][entity.translation_key or ""].get("state")
        if texts and state is not None and state.state not in {"unknown", "unavailable"}:
            assert state.state in texts
