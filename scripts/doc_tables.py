"""What the documentation says of the code: tables of actions, entities, triggers, conditions, repairs and fields.

The words are those of translations/en.json. Where the code has none for a reader, they are here, so that something new
without words fails `scripts/docs`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
import json
import math
import re
from typing import Any, Final

import yaml

from custom_components.mi_registration import binary_sensor, button, config_flow, event, select, sensor
from custom_components.mi_registration.activity import Activity
from custom_components.mi_registration.aws.client import PAGE_SIZE
from custom_components.mi_registration.aws.permissions import Group, policy
from custom_components.mi_registration.const import (
    CONF_AUTH_METHOD,
    CONF_HUB_IDS,
    CONF_OWNER,
    CONF_REGION,
    CONF_REQUESTS_PER_SECOND,
    CONF_SCAN_INTERVAL_MINUTES,
    CONF_TRACK_NEW_ASSOCIATIONS,
    DEFAULT_REQUESTS_PER_SECOND,
    DEFAULT_SCAN_INTERVAL_MINUTES,
    DOMAIN,
    SUBENTRY_ACCOUNT_ASSOCIATION,
)
from custom_components.mi_registration.coordinator import DeviceKind
from custom_components.mi_registration.entity import MiRegistrationEntityDescription
from custom_components.mi_registration.repairs import FLOWS
from scripts import reliability
from scripts.house import ROOT
from scripts.markdown import EMPTY, table

INTEGRATION: Final = ROOT / "custom_components" / DOMAIN

ENTITIES: Final[Mapping[DeviceKind, Mapping[str, Iterable[MiRegistrationEntityDescription]]]] = {
    DeviceKind.ACCOUNT: {
        "sensor": sensor.SENSORS[DeviceKind.ACCOUNT],
        "button": button.BUTTONS[DeviceKind.ACCOUNT],
    },
    DeviceKind.ASSOCIATION: {
        "binary_sensor": (binary_sensor.AUTHORIZATION_PROBLEM,),
        "sensor": sensor.SENSORS[DeviceKind.ASSOCIATION],
        "event": (event.ACTIVITY,),
        "select": (select.REGISTRATION_POLICY,),
        "button": button.BUTTONS[DeviceKind.ASSOCIATION],
    },
    DeviceKind.HUB: {
        "binary_sensor": (binary_sensor.CONNECTED,),
        "sensor": sensor.SENSORS[DeviceKind.HUB],
        "button": button.BUTTONS[DeviceKind.HUB],
    },
    DeviceKind.THING: {
        "sensor": sensor.SENSORS[DeviceKind.THING],
        "button": button.BUTTONS[DeviceKind.THING],
    },
}
"""Every entity, by the kind of its device and the platform."""

MEANINGS: Final[Mapping[tuple[DeviceKind, str], str]] = {
    (DeviceKind.ACCOUNT, "managed_things"): "How many managed things there are here, hubs included.",
    (DeviceKind.ACCOUNT, "unregistered_things"): "The sum of this count over all account associations.",
    (DeviceKind.ACCOUNT, "pending_registrations"): (
        "How many registrations and deregistrations wait to be carried out. Known without the cloud, too."
    ),
    (DeviceKind.ACCOUNT, "synchronize"): "Reads the account now.",
    (DeviceKind.ASSOCIATION, "state"): "AWS's state of the account association.",
    (DeviceKind.ASSOCIATION, "registered_things"): "How many managed things are registered with it.",
    (DeviceKind.ASSOCIATION, "unregistered_things"): (
        "How many devices its newest succeeded discovery found that aren't registered with it."
    ),
    (DeviceKind.ASSOCIATION, "discovery_status"): "The status of its newest discovery.",
    (DeviceKind.ASSOCIATION, "last_discovery"): "When its newest discovery ended or, while it runs, began.",
    (DeviceKind.ASSOCIATION, "authorization_problem"): (
        "On while the owner of the account at the vendor has to authorize it again."
    ),
    (DeviceKind.ASSOCIATION, "discover_devices"): "Starts a discovery: asks the vendor's cloud for its devices.",
    (DeviceKind.ASSOCIATION, "refresh_authorization"): (
        "Shows the repair that renews the authorization, also while it is still valid."
    ),
    (DeviceKind.ASSOCIATION, "registration_policy"): (
        "What becomes of devices that a discovery finds. See [registration policy](options.md#registration-policy)."
    ),
    (DeviceKind.ASSOCIATION, "activity"): "What happened to it and its devices. See [activity](#activity).",
    (DeviceKind.HUB, "connected"): "Whether AWS says that the hub is connected.",
    (DeviceKind.HUB, "provisioning_status"): "AWS's provisioning status of the hub.",
    (DeviceKind.HUB, "managed_things"): "How many managed things are connected to it.",
    (DeviceKind.HUB, "discovery_status"): "The status of its newest discovery.",
    (DeviceKind.HUB, "last_discovery"): "When its newest discovery ended or, while it runs, began.",
    (DeviceKind.HUB, "discover_zigbee_devices"): "Starts a discovery by the hub's Zigbee radio.",
    (DeviceKind.HUB, "discover_zwave_devices"): "Starts a discovery by the hub's Z-Wave radio.",
    (DeviceKind.THING, "registration"): (
        "How far its registration is; with several account associations, the best of them. "
        "See [registration](#registration)."
    ),
    (DeviceKind.THING, "provisioning_status"): "AWS's provisioning status of the managed thing.",
    (DeviceKind.THING, "register"): (
        "Registers it with the account association that it belongs to; an error says so if that isn't clear."
    ),
    (DeviceKind.THING, "deregister"): "Deregisters it from every account association that it is registered with.",
}

ACTIVITIES: Final[Mapping[Activity, tuple[str, ...]]] = {
    Activity.DEVICE_FOUND: ("name", "managed_thing_id", "device_discovery_id"),
    Activity.DEVICE_REGISTERED: ("managed_thing_id", "name"),
    Activity.DEVICE_DEREGISTERED: ("managed_thing_id", "name"),
    Activity.REGISTRATION_FAILED: ("managed_thing_id", "name", "error_code", "error_message"),
    Activity.DISCOVERY_FINISHED: ("device_discovery_id", "status", "devices"),
    Activity.AUTHORIZATION_EXPIRED: ("state",),
    Activity.AUTHORIZATION_RESTORED: ("state",),
}
"""The attributes of each type of event; tests/test_docs.py holds this to what is fired."""

CONDITION_ENTITIES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "is_registered": (("sensor", "registration"),),
    "is_not_registered": (("sensor", "registration"),),
    "authorization_is_valid": (("binary_sensor", "authorization_problem"),),
    "discovery_is_running": (("sensor", "discovery_status"),),
}
"""Platform and key of the entities that each condition looks at."""

OPTION_DEFAULTS: Final[Mapping[str, str]] = {
    CONF_SCAN_INTERVAL_MINUTES: str(DEFAULT_SCAN_INTERVAL_MINUTES),
    CONF_REQUESTS_PER_SECOND: str(DEFAULT_REQUESTS_PER_SECOND),
    CONF_TRACK_NEW_ASSOCIATIONS: "off",
    CONF_OWNER: "empty: all",
    CONF_HUB_IDS: "empty: all",
}
REPAIR_IDS: Final[Mapping[str, str]] = {
    "association_id": "account association ID",
    "thing_id": "managed thing ID",
    "thing.managed_thing_id": "managed thing ID",
    "iam_action": "IAM action",
    "self.key": "file",
}
"""What stands in a repair's id for what the code puts there."""
REPAIR_ENDS: Final[Mapping[str, str]] = {
    "association_deleted": "The account association is removed here, or AWS has it again",
    "authorization_expired": "AWS has a valid authorization again",
    "clock_skew": "The difference is five minutes or less",
    "devices_found": "All of them are registered or left out, or the policy changes",
    "missing_permission": "The call works",
    "registration_failed": "The device is registered, deregistered, or gone",
    "store_unreadable": "Home Assistant restarts, or you ignore it",
    "thing_stuck_in_discovered": "AWS shows another provisioning status, or the thing is gone",
}
THINGS: Final = (10, 100, 1_000, 3_000, 10_000)
"""Sizes of accounts for the table of what a synchronization costs."""


@cache
def texts() -> dict[str, Any]:
    """Return the English texts."""
    content: dict[str, Any] = json.loads((INTEGRATION / "translations" / "en.json").read_text(encoding="utf-8"))
    return content


@cache
def described(name: str) -> dict[str, Any]:
    """Return a description in YAML, such as services.yaml, without the parts that it only shares (``.name``)."""
    content = yaml.safe_load((INTEGRATION / name).read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if not key.startswith(".")}


def _code(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _readable(text: str) -> str:
    """Return a text with its placeholders as a reader takes them."""
    return re.sub(r"(?:```\n|`)?{(\w+)}(?:\n```|`)?", lambda match: f"*{match[1].replace('_', ' ')}*", text)


# --- policies ---------------------------------------------------------------------------------------------------


def _policy(group: Group) -> str:
    return f"```json\n{json.dumps(policy([group]), indent=2)}\n```"


# --- actions ----------------------------------------------------------------------------------------------------


def _selector(selector: Mapping[str, Any]) -> str:
    """Return what a selector takes; raises ``KeyError`` for one that has no words here."""
    ((kind, config),) = selector.items()
    config = config or {}
    words = {
        "boolean": "true or false",
        "config_entry": "config entry ID",
        "device": "device ID",
        "number": f"number, {config.get('min')} to {config.get('max')} {config.get('unit_of_measurement', '')}",
        "object": "mapping",
        "select": " or ".join(f"`{option}`" for option in config.get("options", ())),
        "text": "text",
    }[kind]
    return f"list of {words}s" if config.get("multiple") else words


def _default(field: Mapping[str, Any]) -> str:
    if field.get("required"):
        return "required"
    return f"`{json.dumps(field['default'])}`" if "default" in field else EMPTY


def _fields(fields: Mapping[str, Mapping[str, Any]], words: Mapping[str, Mapping[str, str]]) -> str:
    return table(
        ("Field", "Name in the editor", "Takes", "Default", "What it is for"),
        (
            (
                f"`{name}`",
                words[name]["name"],
                _selector(field["selector"]),
                _default(field),
                words[name]["description"],
            )
            for name, field in fields.items()
        ),
    )


def _action(name: str) -> str:
    words = texts()["services"][name]
    return f"{words['description']}\n\n{_fields(described('services.yaml')[name]['fields'], words['fields'])}"


def _actions() -> str:
    return table(
        ("Action", "What it does"),
        (
            (f"[`{DOMAIN}.{name}`](#{name})", texts()["services"][name]["description"])
            for name in described("services.yaml")
        ),
    )


# --- entities ---------------------------------------------------------------------------------------------------


def _values(platform: str, description: MiRegistrationEntityDescription) -> str:
    words = texts()["entity"][platform][description.key].get("state", {})
    options = getattr(description, "options", None) or ()
    if platform == "binary_sensor":
        options = ("on", "off")
    return ", ".join(f"`{option}`" + (f" ({words[option]})" if option in words else "") for option in options)


def _notes(description: MiRegistrationEntityDescription) -> str:
    notes = []
    if description.entity_category is not None:
        notes.append("diagnostic" if description.entity_category == "diagnostic" else "configuration")
    if not description.entity_registry_enabled_default:
        notes.append("disabled at first")
    return ", ".join(notes)


def _entities(kind: DeviceKind) -> str:
    rows = []
    for platform, descriptions in ENTITIES[kind].items():
        for description in descriptions:
            name = texts()["entity"][platform][description.key]["name"]
            key = f"{platform}, `{description.key}`"
            rows.append(
                (name, key, MEANINGS[kind, description.key], _values(platform, description), _notes(description))
            )
    return table(("Name", "Platform, key", "What it shows or does", "Values", "Remarks"), rows)


def _activity() -> str:
    words = texts()["entity"]["event"][event.ACTIVITY.key]["state_attributes"]["event_type"]["state"]
    return table(
        ("Type", "Name", "Attributes"),
        ((f"`{activity}`", words[activity], _code(ACTIVITIES[activity])) for activity in Activity),
    )


# --- triggers and conditions ------------------------------------------------------------------------------------

_SHOWS_ACTIVITY: Final[Mapping[str, str]] = {"event": "an account association", "sensor": "a managed thing"}
"""What the entity stands for that a trigger may be about, by its domain."""


def _triggers() -> str:
    words = texts()["triggers"]
    return table(
        ("Trigger", "Name", "What it does", "Targets"),
        (
            (
                f"`{DOMAIN}.{name}`",
                words[name]["name"],
                words[name]["description"],
                " or ".join(_SHOWS_ACTIVITY[found["domain"]] for found in part["target"]["entity"]),
            )
            for name, part in described("triggers.yaml").items()
        ),
    )


def _conditions() -> str:
    words = texts()["conditions"]
    rows = []
    for name, part in described("conditions.yaml").items():
        entities = [f"*{texts()['entity'][platform][key]['name']}*" for platform, key in CONDITION_ENTITIES[name]]
        options = _code(part["fields"])
        rows.append(
            (f"`{DOMAIN}.{name}`", words[name]["name"], words[name]["description"], ", ".join(entities), options)
        )
    return table(("Condition", "Name", "What it does", "Entity that it looks at", "Options"), rows)


# --- repairs ----------------------------------------------------------------------------------------------------


def _repair_ids() -> dict[str, str]:
    """Return the id of each repair by the name of its text, as the code makes it."""
    found: dict[str, str] = {}
    for path in (INTEGRATION / "issues.py", INTEGRATION / "store.py"):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(
            r'(?:issue_id=|\n +)f?"(?P<id>[\w{}.]+)",\n(?:.*\n){0,2}? +translation_key="(?P<key>\w+)"', text
        ):
            found[match["key"]] = re.sub(r"{([\w.]+)}", lambda part: f"<{REPAIR_IDS[part[1]]}>", match["id"])
    return found


def _repairs() -> str:
    ids = _repair_ids()
    rows = []
    for key, words in texts()["issues"].items():
        steps = words.get("fix_flow", {}).get("step", {})
        text = words.get("description") or next(iter(steps.values()))["description"]
        what = _readable(text.partition("{failures}")[0])
        fix = "yes" if key in FLOWS else "no"
        rows.append((f'<a id="{key}"></a>{_readable(words["title"])}', f"`{ids[key]}`", what, fix, REPAIR_ENDS[key]))
    return table(("Title", "ID", "What it says", "Fix in the dialog", "It goes away when"), rows)


# --- forms ------------------------------------------------------------------------------------------------------

_FORMS: Final[Mapping[str, Iterable[str]]] = {
    "user": (CONF_REGION, CONF_AUTH_METHOD),
    **config_flow._NEEDED,  # noqa: SLF001  # what the flow itself asks
}
"""The forms of the set-up, each with the fields that it requires."""


def _form(step: str) -> str:
    """Return the fields of a step of the set-up, those of sections at its end."""
    words = texts()["config"]["step"][step]
    rows = [
        (name, f"`{field}`", "yes" if field in _FORMS[step] else "no", words["data_description"][field])
        for field, name in words["data"].items()
    ]
    for section, inner in words.get("sections", {}).items():
        rows += [
            (f"{inner['name']} → {name}", f"`{section}.{field}`", "no", inner["data_description"][field])
            for field, name in inner["data"].items()
        ]
    return table(("Name", "Field", "Required", "What to enter"), rows)


def _subentry_forms() -> str:
    """Return the fields of the forms of an account association."""
    steps = texts()["config_subentries"][SUBENTRY_ACCOUNT_ASSOCIATION]["step"]
    return table(
        ("Form", "Name", "Field", "What to enter"),
        (
            (step["title"], name, f"`{field}`", step["data_description"][field])
            for step in steps.values()
            for field, name in step.get("data", {}).items()
        ),
    )


def _options() -> str:
    step = texts()["options"]["step"]["init"]
    return table(
        ("Name", "Option", "Default", "What it does"),
        (
            (name, f"`{option}`", OPTION_DEFAULTS[option], step["data_description"][option])
            for option, name in step["data"].items()
        ),
    )


# --- cost -------------------------------------------------------------------------------------------------------


def calls_per_poll(things: int, registrations: int, associations: int) -> int:
    """Return how many list calls a synchronization of an account makes: a list without rows is a page, too."""
    return sum(max(1, math.ceil(rows / PAGE_SIZE)) for rows in (things, registrations, associations))


def _polls() -> str:
    """Return what accounts of several sizes cost, each thing registered once, with ten account associations."""
    per_day = 24 * 60 // DEFAULT_SCAN_INTERVAL_MINUTES
    rows = []
    for things in THINGS:
        calls = calls_per_poll(things, things, 10)
        rows.append((f"{things:,}", str(calls), f"{calls * per_day:,}", f"{things:,}"))
    return table(
        ("Managed things", "Calls per synchronization", "Calls per day", "`GetManagedThing`, once in all"), rows
    )


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    **{f"policy {group}": partial(_policy, group) for group in Group},
    "actions": _actions,
    **{f"action {name}": partial(_action, name) for name in described("services.yaml")},
    **{f"entities {kind}": partial(_entities, kind) for kind in DeviceKind},
    "activity": _activity,
    "triggers": _triggers,
    "conditions": _conditions,
    "repairs": _repairs,
    **{f"form {step}": partial(_form, step) for step in _FORMS},
    "forms of an account association": _subentry_forms,
    "options": _options,
    "polls": _polls,
    **{f"reliability {name}": part for name, part in reliability.PARTS.items()},
}
"""How each generated part follows from the code, by its name."""


def words_left_over() -> list[str]:
    """Return the words here that nothing in the code has any longer."""
    shown = {(kind, item.key) for kind, groups in ENTITIES.items() for items in groups.values() for item in items}
    return [
        *(f"entity {key}" for key in MEANINGS.keys() - shown),
        *(f"option {key}" for key in OPTION_DEFAULTS.keys() - texts()["options"]["step"]["init"]["data"].keys()),
        *(f"repair {key}" for key in REPAIR_ENDS.keys() - texts()["issues"].keys()),
    ]
