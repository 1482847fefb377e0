"""Each rule of Home Assistant's integration quality scale that is called done has its evidence.

Evidence is a test somewhere, by its name, or a check that is done right here.
"""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
import json
import logging
from pathlib import Path
import re
import tomllib
from typing import Any

import pytest
import yaml

from custom_components.mi_registration import PLATFORMS
from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.sensor import SensorEntity
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.entity_platform import async_get_platforms
from scripts.house import ROOT

from .common import LIST_THINGS, coordinator_of, loaded, poll

INTEGRATION = ROOT / "custom_components" / DOMAIN
DOCS = ROOT / "docs"
TIERS = {
    "bronze": """
        action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
        dependency-transparency docs-actions docs-conditions docs-high-level-description docs-installation-instructions
        docs-removal-instructions docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data
        test-before-configure test-before-setup unique-config-entry
    """,
    "silver": """
        action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters
        entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow test-coverage
    """,
    "gold": """
        devices diagnostics discovery discovery-update-info docs-data-update docs-examples docs-known-limitations
        docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices
        entity-category entity-device-class entity-disabled-by-default entity-translations exception-translations
        icon-translations reconfiguration-flow repair-issues stale-devices
    """,
    "platinum": "async-dependency inject-websession strict-typing",
}
"""The rules that Home Assistant has."""
RULES: dict[str, Any] = yaml.safe_load((INTEGRATION / "quality_scale.yaml").read_text(encoding="utf-8"))["rules"]
DONE = [name for name, rule in RULES.items() if rule == "done"]

type Evidence = str | Callable[[], None]


# Checks


@cache
def text(path: Path) -> str:
    """Return a file's content."""
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """Return a Python file's syntax tree."""
    return ast.parse(text(path))


def modules() -> list[Path]:
    """Return the integration's Python files."""
    return sorted(INTEGRATION.rglob("*.py"))


def calls(node: ast.AST) -> set[str]:
    """Return the names of the functions that are called in a part of the code."""
    found = set()
    for call in ast.walk(node):
        match call:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                found.add(name)
    return found


def function(module: str, name: str) -> ast.AST:
    """Return a function of a module of the integration."""
    return next(
        node
        for node in ast.walk(tree(INTEGRATION / module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    )


def manifest() -> dict[str, Any]:
    """Return the integration's manifest."""
    found: dict[str, Any] = json.loads(text(INTEGRATION / "manifest.json"))
    return found


def texts() -> dict[str, Any]:
    """Return the integration's texts."""
    found: dict[str, Any] = json.loads(text(INTEGRATION / "translations" / "en.json"))
    return found


def page(name: str, *words: str) -> Callable[[], None]:
    """Return the check that a page exists and has these words."""

    def check() -> None:
        content = text(DOCS / name)
        assert content.startswith(("# ", "<!--"))
        assert [word for word in words if word not in content] == []

    return check


def page_of_each(section: str, name: str) -> Callable[[], None]:
    """Return the check that a page has whatever the texts have of one kind."""
    return page(name, *(f"{DOMAIN}.{key}" for key in texts()[section]))


def actions_are_set_up_once() -> None:
    """Check that actions are registered with the integration, not with each entry."""
    assert "async_setup_services" in calls(function("__init__.py", "async_setup"))
    assert "async_setup_services" not in calls(function("__init__.py", "async_setup_entry"))
    registering = {
        path.name
        for path in modules()
        if calls(tree(path)) & {"async_register_admin_service", "async_register_entity_service"}
    }
    assert registering == {"services.py"}


def common_modules() -> None:
    """Check that the base classes are where everybody looks for them."""
    assert "class MiRegistrationCoordinator(DataUpdateCoordinator" in text(INTEGRATION / "coordinator.py")
    assert "class MiRegistrationEntity(CoordinatorEntity" in text(INTEGRATION / "entity.py")


def flow_is_offered() -> None:
    """Check that there is a dialog, and that it asks for no name."""
    assert manifest()["config_flow"] is True
    assert all("name" not in step.get("data", {}) for step in texts()["config"]["step"].values())


def every_outcome_of_a_flow_is_tested() -> None:
    """Check that each step, error and abort of each dialog is named in its tests."""
    tested = {
        "config": "test_config_flow.py",
        "options": "test_options_flow.py",
        "config_subentries": "test_subentry_flow.py",
    }
    for section, name in tested.items():
        flows = texts()[section]
        for flow in flows.values() if section == "config_subentries" else [flows]:
            keys = {key for kind in ("step", "error", "abort") for key in flow.get(kind, ())}
            named = {node.value for node in ast.walk(tree(ROOT / "tests" / name)) if isinstance(node, ast.Constant)}
            named |= {
                node.value
                for node in ast.walk(tree(ROOT / "tests" / "flow_common.py"))
                if isinstance(node, ast.Constant)
            }
            assert keys - named == set(), name


def dependencies_are_open() -> None:
    """Check that what is installed is open source, developed in public."""
    for requirement in manifest()["requirements"]:
        about = metadata.metadata(re.split(r"[<>=!~\[]", requirement)[0])
        assert "Apache" in f"{about.get('License')} {about.get('License-Expression')}"
        assert any("https://github.com/" in url for url in about.get_all("Project-URL", []))


def runtime_data_is_typed() -> None:
    """Check that what an entry owns lies in its ``runtime_data``, which has a type."""
    assert "type MiRegistrationConfigEntry = ConfigEntry[MiRegistrationData]" in text(INTEGRATION / "data.py")
    assert "entry.runtime_data = MiRegistrationData(" in text(INTEGRATION / "__init__.py")
    for path in modules():
        assert "hass.data[DOMAIN]" not in text(path)


def every_platform_limits_updates() -> None:
    """Check that platforms say how many updates and actions may run at once."""
    for platform in PLATFORMS:
        assert re.search(r"^PARALLEL_UPDATES = [01]$", text(INTEGRATION / f"{platform}.py"), re.MULTILINE), platform


def somebody_owns_it() -> None:
    """Check that the manifest names who looks after it."""
    assert manifest()["codeowners"]


def coverage_is_demanded() -> None:
    """Check that the tests fail below a coverage of more than 95 %, and have to pass."""
    (demanded,) = re.findall(r"--cov-fail-under=(\d+)", text(ROOT / "scripts" / "test"))
    assert int(demanded) > 95
    assert "scripts/test\n" in text(ROOT / ".ci" / "run")


def all_is_typed() -> None:
    """Check that mypy checks everything strictly, and has to pass."""
    settings = tomllib.loads(text(ROOT / "pyproject.toml"))["tool"]["mypy"]
    assert settings["strict"] is True
    assert "custom_components" in settings["files"]
    assert "mypy" in text(ROOT / "scripts" / "lint")
    assert "boto3-stubs" in text(ROOT / "requirements-dev.txt")


def exceptions_are_translated() -> None:
    """Check that whatever is raised for a user to read has a translated text."""
    shown = {"ConfigEntryAuthFailed", "ConfigEntryError", "ConfigEntryNotReady", "HomeAssistantError"}
    shown |= {"ServiceValidationError", "UpdateFailed"}
    raised = 0
    for path in modules():
        for node in ast.walk(tree(path)):
            match node:
                case ast.Raise(exc=ast.Call(func=ast.Name(id=name), keywords=keywords)) if name in shown:
                    raised += 1
                    assert "translation_key" in {keyword.arg for keyword in keywords}, f"{path.name}:{node.lineno}"
    assert raised > 5


def every_field_is_documented() -> None:
    """Check that the page of the set-up has each field of each step."""
    content = text(DOCS / "setup.md")
    for step in texts()["config"]["step"].values():
        for part in (step, *step.get("sections", {}).values()):
            assert [label for label in part.get("data", {}).values() if label not in content] == []


def every_option_is_documented() -> None:
    """Check that the page of the options has each, and the registration policy."""
    labels = list(texts()["options"]["step"]["init"]["data"].values())
    page("options.md", *labels, "### Registration policy")()


def what_it_is() -> None:
    """Check that the README begins with what this is, and links to AWS's own description."""
    beginning = text(ROOT / "README.md").partition("\n## ")[0]
    assert "https://docs.aws.amazon.com/iot-mi/" in beginning
    assert "Home Assistant" in beginning


EVIDENCE: dict[str, tuple[Evidence, ...]] = {
    "action-setup": (actions_are_set_up_once, "test_services.py::test_entry_that_is_not_loaded"),
    "appropriate-polling": ("test_coordinator.py::test_polls_by_itself", "test_init.py::test_exact_calls"),
    "brands": ("test_validate.py::test_this_repository",),
    "common-modules": (common_modules,),
    "config-flow": (
        flow_is_offered,
        "test_translations.py::test_data_descriptions",
        "test_config_flow.py::test_access_key",
    ),
    "config-flow-test-coverage": (
        every_outcome_of_a_flow_is_tested,
        "test_config_flow.py::test_refused",
        "test_options_flow.py::test_every_option",
        "test_subentry_flow.py::test_reconfigure",
    ),
    "dependency-transparency": (dependencies_are_open,),
    "docs-actions": (page_of_each("services", "actions.md"), "test_docs.py::test_answer_of_an_action"),
    "docs-conditions": (
        page_of_each("conditions", "conditions.md"),
        "test_docs.py::test_generated_parts_are_up_to_date",
    ),
    "docs-high-level-description": (what_it_is,),
    "docs-installation-instructions": (page("installation.md", "Marketplace", "HACS", "By hand"),),
    "docs-removal-instructions": (page("removal.md", "Delete", "nothing is deregistered"),),
    "docs-triggers": (page_of_each("triggers", "triggers.md"), "test_docs.py::test_variables_of_triggers"),
    "entity-event-setup": (
        "test_init.py::test_twenty_reloads",
        "test_event.py::test_what_we_do",
        "test_binary_sensor.py::test_disabled_hubs_are_not_asked",
    ),
    "entity-unique-id": ("test_quality_scale.py::test_entities",),
    "has-entity-name": ("test_quality_scale.py::test_entities",),
    "runtime-data": (runtime_data_is_typed,),
    "test-before-configure": ("test_config_flow.py::test_refused", "test_config_flow.py::test_cannot_connect"),
    "test-before-setup": ("test_init.py::test_first_set_up_fails", "test_errors_matrix.py::test_answers"),
    "unique-config-entry": (
        "test_config_flow.py::test_already_configured",
        "test_config_flow.py::test_two_flows_at_once",
    ),
    "action-exceptions": ("test_services.py::test_wrong_input", "test_services.py::test_total_failure_raises"),
    "config-entry-unloading": ("test_init.py::test_unload_and_set_up_again", "test_init.py::test_twenty_reloads"),
    "docs-configuration-parameters": (every_option_is_documented,),
    "docs-installation-parameters": (every_field_is_documented,),
    "entity-unavailable": ("test_sensor.py::test_unavailable", "test_errors_matrix.py::test_answers"),
    "integration-owner": (somebody_owns_it,),
    "log-when-unavailable": ("test_quality_scale.py::test_trouble_is_logged_once",),
    "parallel-updates": (every_platform_limits_updates,),
    "reauthentication-flow": (
        "test_config_flow.py::test_reauth_after_failed_setup",
        "test_config_flow.py::test_reauth_of_loaded_entry",
        "test_config_flow.py::test_wrong_account",
    ),
    "test-coverage": (coverage_is_demanded,),
    "devices": ("test_init.py::test_devices",),
    "diagnostics": (
        "test_diagnostics.py::test_account",
        "test_diagnostics.py::test_devices",
        "test_secrets.py::test_no_canary_anywhere",
    ),
    "docs-data-update": (
        page("data-update.md", "## What a synchronization costs"),
        "test_docs.py::test_calls_of_a_synchronization",
    ),
    "docs-examples": (page("examples.md", "```yaml", "## Blueprints", "## Dashboard"), "test_docs.py::test_automation"),
    "docs-known-limitations": (page("limitations.md", "## What it doesn't do"),),
    "docs-supported-devices": (page("concepts.md", "## Supported devices"),),
    "docs-supported-functions": (
        page("entities.md", "## The account", "## Each account association", "## Each hub", "## Each managed thing"),
    ),
    "docs-troubleshooting": ("test_troubleshooting.py::test_every_row_is_a_test_and_every_test_a_row",),
    "docs-use-cases": (page("examples.md", "## Discover and register a whole home"),),
    "dynamic-devices": (
        "test_coordinator.py::test_things_come_and_go",
        "test_coordinator.py::test_follow_associations",
    ),
    "entity-category": ("test_quality_scale.py::test_entities",),
    "entity-device-class": ("test_quality_scale.py::test_entities",),
    "entity-disabled-by-default": ("test_quality_scale.py::test_entities",),
    "entity-translations": ("test_translations.py::test_entities", "test_translations.py::test_states_have_texts"),
    "exception-translations": (exceptions_are_translated, "test_translations.py::test_exceptions"),
    "icon-translations": ("test_translations.py::test_icons_of_entities", "test_validate.py::test_this_repository"),
    "reconfiguration-flow": (
        "test_config_flow.py::test_reconfigure_from_keys_to_role_to_chain_to_certificate",
        "test_config_flow.py::test_reconfigure_errors",
    ),
    "repair-issues": ("test_issues.py::test_mended_while_not_loaded", "test_repair_flows.py::test_authorize_again"),
    "stale-devices": (
        "test_coordinator.py::test_a_device_goes_only_after_a_good_read",
        "test_init.py::test_deleting_devices",
    ),
    "strict-typing": (all_is_typed,),
}


# The rules and their evidence


def test_every_rule_is_there_and_no_other() -> None:
    names = [name for tier in TIERS.values() for name in tier.split()]
    assert len(names) == 54
    assert list(RULES) == names


@pytest.mark.parametrize(("name", "rule"), RULES.items(), ids=list(RULES))
def test_what_is_not_done_says_why(name: str, rule: Any) -> None:
    if rule == "done":
        return
    assert set(rule) == {"status", "comment"}
    assert rule["status"] in {"exempt", "todo"}
    assert len(rule["comment"].split()) > 5, name


def test_evidence_is_of_what_is_done() -> None:
    assert sorted(EVIDENCE) == sorted(DONE)


@cache
def _tests(name: str) -> dict[str, ast.AST]:
    """Return the tests in a file that always run."""
    return {
        node.name: node
        for node in tree(ROOT / "tests" / name).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not any(word in ast.unparse(mark) for mark in node.decorator_list for word in ("skip", "xfail"))
    }


def _parts(rules: dict[str, tuple[Evidence, ...]]) -> Iterator[Any]:
    for rule, parts in rules.items():
        for part in parts:
            label = part if isinstance(part, str) else getattr(part, "__name__", "check")
            yield pytest.param(part, id=f"{rule}-{label}")


@pytest.mark.parametrize("part", _parts(EVIDENCE))
def test_evidence(part: Evidence) -> None:
    """A test that is named exists and always runs; a check passes."""
    if isinstance(part, str):
        name, _, test = part.partition("::")
        assert test in _tests(name)
    else:
        part()


# Evidence that no other test gives


async def test_entities(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Names come from texts, unique ids from AWS's ids; every entity has its class, and few are off or set apart."""
    entry = await loaded(hass, emulator, world)
    devices = dr.async_get(hass)
    registered = {
        found.entity_id: found for found in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    }
    assert len(registered) > 50
    for found in registered.values():
        assert found.has_entity_name
        device = devices.async_get(found.device_id or "")
        assert device is not None
        ((_, aws_id),) = device.identifiers
        assert found.unique_id == f"{aws_id}_{found.translation_key}"

    here = {
        entity.entity_id: entity
        for platform in async_get_platforms(hass, DOMAIN)
        for entity in platform.entities.values()
    }
    for entity in here.values():
        match entity:
            case BinarySensorEntity():
                assert entity.device_class is not None
            case SensorEntity():
                assert entity.device_class is not None or entity.state_class is not None, entity.entity_id

    keys = {(found.domain, found.translation_key): found for found in registered.values()}
    assert {key for key, found in keys.items() if found.disabled_by} == {("button", "deregister")}
    categories = {
        category: {key for key, found in keys.items() if found.entity_category is category}
        for category in (EntityCategory.CONFIG, EntityCategory.DIAGNOSTIC)
    }
    assert categories == {
        EntityCategory.CONFIG: {("button", "refresh_authorization"), ("select", "registration_policy")},
        EntityCategory.DIAGNOSTIC: {
            ("binary_sensor", "connected"),
            ("button", "synchronize"),
            ("sensor", "provisioning_status"),
        },
    }


async def test_trouble_is_logged_once(
    hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """However long an outage lasts: one line when it begins, one when it is over."""
    entry = await loaded(hass, emulator, world)
    caplog.clear()

    def told() -> list[int]:
        name = coordinator_of(entry).name
        return [
            record.levelno
            for record in caplog.records
            if record.levelno >= logging.INFO and name in record.getMessage() and DOMAIN in record.name
        ]

    world.refuse(LIST_THINGS, "InternalServerException", times=3, status=500)
    for _ in range(3):
        assert not await poll(hass, entry)
    assert told() == [logging.ERROR]
    assert await poll(hass, entry)
    assert await poll(hass, entry)
    assert told() == [logging.ERROR, logging.INFO]
