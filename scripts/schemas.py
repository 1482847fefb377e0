"""What may stand in the files that Home Assistant, HACS and Marketplace read, as schemas.

Home Assistant's own schemas of these files let unknown keys pass, and its validator isn't in its package.
"""

from collections.abc import Callable, Mapping
from functools import cache
import json
from pathlib import Path
import re
from string import Formatter
from typing import Any

from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
import hass_frontend

from homeassistant.helpers import selector

# Home Assistant puts its own engine in the place of voluptuous, so that has to come first.
# isort: split
import voluptuous as vol

_IOT_CLASSES = (
    "assumed_state",
    "calculated",
    "cloud_polling",
    "cloud_push",
    "local_polling",
    "local_push",
)
_INTEGRATION_TYPES = ("device", "entity", "hardware", "helper", "hub", "service", "system")
_VERSIONS = [
    AwesomeVersionStrategy.CALVER,
    AwesomeVersionStrategy.SEMVER,
    AwesomeVersionStrategy.SIMPLEVER,
    AwesomeVersionStrategy.BUILDVER,
    AwesomeVersionStrategy.PEP440,
]
_SLUG = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_PLACEHOLDERS = re.compile(r"[{}]")
_TEXT_RULES = (
    (re.compile(r"<[a-zA-Z/].*>", re.DOTALL), "HTML isn't shown; use Markdown"),
    (re.compile(r"(?:https?|ftp)://|www\."), "a URL would be translated; give it as a placeholder"),
    (re.compile(r"^\s|\s$"), "remove the blanks at the beginning or the end"),
    (re.compile(r"'\{[^}]*\}'"), "a placeholder in single quotes isn't filled in; remove the quotes"),
    (re.compile(r"\[%key"), "references aren't resolved here; write the text itself"),
)


def _url(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"https://[^\s/]+(?:/\S*)?", value):
        raise vol.Invalid("an https address is wanted")
    return value


def _documentation(value: Any) -> str:
    address = _url(value)
    if address.startswith("https://www.home-assistant.io/integrations"):
        raise vol.Invalid("those pages are of Home Assistant's own integrations; give the address of ours")
    return address


def _code_owner(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"@\S+", value):
        raise vol.Invalid("a GitHub name with @ before it is wanted")
    return value


def _requirement(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.-]+(?:\[[\w,.-]+\])?(?:[<>=!~]=?[^\s;]+)?", value):
        raise vol.Invalid("a requirement without blanks is wanted, such as boto3>=1.0")
    return value


def version(value: Any) -> str:
    """Accept a version that Home Assistant and HACS can compare."""
    if not isinstance(value, str) or AwesomeVersion(value).strategy not in _VERSIONS:
        raise vol.Invalid("a version such as 1.2.3 or 1.2.3b1 is wanted")
    return value


MANIFEST = vol.Schema(
    {
        vol.Required("domain"): str,
        vol.Required("name"): str,
        vol.Required("codeowners"): [_code_owner],
        vol.Required("documentation"): _documentation,
        vol.Required("issue_tracker"): _url,
        vol.Required("iot_class"): vol.In(_IOT_CLASSES),
        vol.Required("version"): version,
        vol.Optional("integration_type"): vol.In(_INTEGRATION_TYPES),
        vol.Optional("quality_scale"): str,
        vol.Optional("requirements"): [_requirement],
        **{vol.Optional(key): [str] for key in ("after_dependencies", "dependencies", "loggers", "mqtt")},
        **{vol.Optional(key): bool for key in ("config_flow", "disabled", "import_executor", "single_config_entry")},
        **{vol.Optional(key): list for key in ("bluetooth", "dhcp", "ssdp", "usb", "zeroconf")},
        **{vol.Optional(key): dict for key in ("homekit", "preview_features")},
    }
)
HACS = vol.Schema(
    {
        vol.Required("name"): str,
        vol.Optional("country"): vol.Any(str, [str]),
        **{vol.Optional(key): version for key in ("hacs", "homeassistant")},
        **{vol.Optional(key): str for key in ("filename", "persistent_directory")},
        **{
            vol.Optional(key): bool
            for key in ("content_in_root", "hide_default_branch", "render_readme", "zip_release")
        },
    }
)


# Texts


def _without_placeholders(value: Any) -> str:
    if _PLACEHOLDERS.search(text(value)):
        raise vol.Invalid("nothing is filled in here; remove the placeholder")
    return str(value)


def text(value: Any) -> str:
    """Accept a text as it may be shown and translated."""
    if not isinstance(value, str) or not value:
        raise vol.Invalid("a text is wanted")
    for pattern, problem in _TEXT_RULES:
        if pattern.search(value):
            raise vol.Invalid(problem)
    try:
        names = [name for _, name, _, _ in Formatter().parse(value) if name is not None]
    except ValueError:
        raise vol.Invalid("braces must be balanced") from None
    if not all(name.isidentifier() for name in names):
        raise vol.Invalid("a placeholder's name may have letters, digits and _ only")
    return value


def _slug(value: Any) -> str:
    if not isinstance(value, str) or not _SLUG.fullmatch(value):
        raise vol.Invalid("a key has small letters and digits, with single - or _ between them")
    return value


def _optional(validator: Any, *keys: str) -> dict[Any, Any]:
    return {vol.Optional(key): validator for key in keys}


_TEXTS = {_slug: text}
_STATES = {_slug: _without_placeholders}
_FORM = _optional(text, "description") | _optional(_TEXTS, "data", "data_description")
_STEP = vol.Schema(
    {
        **_FORM,
        **_optional(text, "title", "submit"),
        **_optional(_TEXTS, "menu_options", "menu_option_descriptions"),
        vol.Optional("sections"): {_slug: _FORM | _optional(text, "name")},
    }
)


def _step(value: Any) -> Any:
    """Accept a step of a flow that describes only fields that it has."""
    step = _STEP(value)
    parts = {(): step} | {("sections", name): section for name, section in step.get("sections", {}).items()}
    for place, part in parts.items():
        if unknown := set(part.get("data_description", ())) - set(part.get("data", ())):
            raise vol.Invalid(f"data_description has {', '.join(sorted(unknown))}, data doesn't", path=[*place])
    return step


_FLOW = {
    vol.Required("step"): {_slug: _step},
    **_optional(text, "flow_title"),
    **_optional(_TEXTS, "abort", "create_entry", "error", "progress"),
}
_SUBENTRY_FLOW = _FLOW | {
    vol.Required("entry_type"): text,
    vol.Required("initiate_flow"): {vol.Required("user"): text, **_optional(text, "reconfigure")},
}
_ISSUE = vol.Schema(_optional(_FLOW, "fix_flow") | _optional(text, "description", "short_title", "title"))


def _issue(value: Any) -> Any:
    issue = _ISSUE(value)
    if "title" not in issue:
        raise vol.Invalid("a title is wanted")
    if ("description" in issue) == ("fix_flow" in issue):
        raise vol.Invalid("either description or fix_flow is wanted")
    return issue


_WITH_FIELDS = {
    vol.Required("name"): text,
    vol.Required("description"): text,
    vol.Optional("fields"): {_slug: {vol.Required("name"): text, **_optional(text, "description", "example")}},
}
_ENTITY = {
    vol.Optional("name"): text,
    vol.Optional("state"): _STATES,
    vol.Optional("state_attributes"): {_slug: _optional(_without_placeholders, "name") | _optional(_STATES, "state")},
    vol.Optional("unit_of_measurement"): _without_placeholders,
}
TRANSLATIONS = vol.Schema(
    {
        vol.Optional("title"): text,
        vol.Optional("config"): _FLOW,
        vol.Optional("options"): _FLOW,
        vol.Optional("config_subentries"): {_slug: _SUBENTRY_FLOW},
        vol.Optional("selector"): {
            _slug: _optional(_TEXTS, "options", "unit_of_measurement") | _optional({_slug: _TEXTS}, "fields")
        },
        vol.Optional("entity"): {_slug: {_slug: _ENTITY}},
        vol.Optional("device"): {_slug: {vol.Required("name"): text}},
        vol.Optional("services"): {
            _slug: _WITH_FIELDS
            | {vol.Optional("sections"): {_slug: {vol.Required("name"): text} | _optional(text, "description")}}
        },
        vol.Optional("triggers"): {_slug: _WITH_FIELDS},
        vol.Optional("conditions"): {_slug: _WITH_FIELDS},
        vol.Optional("exceptions"): {_slug: {vol.Required("message"): text}},
        vol.Optional("issues"): {_slug: _issue},
        vol.Optional("system_health"): {"info": _TEXTS},
        vol.Optional("common"): _TEXTS,
    }
)


# Icons


@cache
def _icon_names() -> frozenset[str]:
    path = Path(hass_frontend.where()) / "static" / "mdi" / "iconList.json"
    return frozenset(icon["name"] for icon in json.loads(path.read_text(encoding="utf-8")))


def _icon(value: Any) -> str:
    if not isinstance(value, str) or not value.startswith("mdi:"):
        raise vol.Invalid("an icon begins with mdi:")
    if value.removeprefix("mdi:") not in _icon_names():
        raise vol.Invalid(f"Home Assistant has no icon {value}")
    return value


def _number(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"-?\d+(?:\.\d+)?", value):
        raise vol.Invalid("a range begins with a number")
    return value


_ICONS_OF_STATES = {vol.Optional("state"): {_slug: _icon}}
ICONS = vol.Schema(
    {
        vol.Optional("entity"): {
            _slug: {
                _slug: {
                    **_optional(_icon, "default"),
                    **_ICONS_OF_STATES,
                    vol.Optional("range"): {_number: _icon},
                    vol.Optional("state_attributes"): {_slug: _optional(_icon, "default") | _ICONS_OF_STATES},
                }
            }
        },
        vol.Optional("services"): {_slug: {vol.Required("service"): _icon, vol.Optional("sections"): {_slug: _icon}}},
        vol.Optional("triggers"): {_slug: {vol.Required("trigger"): _icon}},
        vol.Optional("conditions"): {_slug: {vol.Required("condition"): _icon}},
    }
)


# Descriptions of actions, triggers and conditions


def _given(value: Any) -> Any:
    if value is None:
        raise vol.Invalid("leave it out instead of leaving it empty")
    return value


def _target(value: Any) -> Any:
    target = selector.TargetSelector.CONFIG_SCHEMA(value)
    if "device" in target:
        raise vol.Invalid("a target is chosen by its entities; filter these instead of devices")
    return target


_FIELD = {
    **_optional(_given, "default", "example"),
    vol.Optional("required"): bool,
    vol.Optional("selector"): selector.validate_selector,
}
_ACTION_FIELD = vol.Schema(_FIELD | {vol.Optional("advanced"): bool})
_SECTION = vol.Schema({vol.Required("fields"): {_slug: _ACTION_FIELD}, vol.Optional("collapsed"): bool})


def _field_or_section(value: Any) -> Any:
    schema = _SECTION if isinstance(value, Mapping) and "fields" in value else _ACTION_FIELD
    return schema(value)


def _descriptions(field: Callable[[Any], Any], also: Mapping[Any, Any]) -> vol.Schema:
    described = vol.Schema({vol.Optional("target"): _target, vol.Optional("fields"): {_slug: field}})
    return vol.Schema({_slug: lambda value: {} if value is None else described(value), **also})


SERVICES = _descriptions(_field_or_section, {})
AUTOMATION_PARTS = _descriptions(vol.Schema(_FIELD), {vol.Match(r"\.\w+$"): object})
"""Of triggers.yaml and conditions.yaml, which may have parts that are only referred to, but no sections."""
