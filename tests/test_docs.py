"""The documentation: every example runs, every answer and table is what the code gives, every link leads somewhere.

Where an answer changed: ``scripts/test tests/test_docs.py --snapshot-update``, and read what it wrote.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
import hashlib
from itertools import pairwise
import json
from pathlib import Path
import re
import shlex
import sys
from textwrap import dedent
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore import xform_name
import botocore.session
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
import yaml

from custom_components.mi_registration import DETAILS_DELAY, device_discovery, linking, matcher
from custom_components.mi_registration.activity import EVENT_ACTIVITY, Activity
from custom_components.mi_registration.aws.client import PAGE_SIZE
from custom_components.mi_registration.aws.permissions import Group, policy
from custom_components.mi_registration.const import DEFAULT_SCAN_INTERVAL_MINUTES, DOMAIN
from custom_components.mi_registration.verdicts import ItemStatus, RegistrationState
from emulator import Emulator, World
from homeassistant.components import persistent_notification
from homeassistant.const import STATE_ON
from homeassistant.core import Event, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    condition as condition_helper,
    config_validation as cv,
    device_registry as dr,
    entity_registry as er,
    label_registry as lr,
)
from homeassistant.helpers.json import json_bytes
from homeassistant.helpers.template import Template
from homeassistant.helpers.trigger import async_validate_trigger_config
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.json import json_loads
from scripts import doc_tables, docs
from scripts.house import ROOT

from .common import (
    ACME,
    DEREGISTER,
    HUB,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    data_of,
    device_id,
    loaded,
    poll,
)
from .engine_common import (
    FOUND_LIGHTS,
    STAIR_BUTTON,
    START_DISCOVERY,
    look_back,
    make_quick,
    ready,
    reload,
    settle,
    until,
)
from .repair_common import accept, make_looks_quick, refuse

FOLDER = ROOT / docs.FOLDER
ACTIONS = FOLDER / "actions.md"
EXAMPLES = FOLDER / "examples.md"
MADE_ON = "2026-11-22T14:15:18.767000+00:00"
REQUEST_ID = "5b0e2a44-9d7c-4f5e-8a0b-3c1d2e4f6a7b"
LOCAL_LIGHT = "light.kitchen_ceiling"


# --- what is in the pages -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """Return where it is."""
        return f"{self.page}:{self.line}"


def _pages() -> list[Path]:
    return [*docs.page_paths(ROOT), ROOT / "CONTRIBUTING.md"]


def _blocks(*languages: str) -> list[Block]:
    """Return the blocks of some languages that somebody may copy, so not the answers."""
    found = []
    for page in _pages():
        text = page.read_text(encoding="utf-8")
        answers = [part for name, part in docs.parts_of(text).items() if name.startswith(docs.ANSWER)]
        for match in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
            if match[2] in languages and not any(match[0] in part for part in answers):
                line = text.count("\n", 0, match.start()) + 1
                found.append(
                    Block(page=page.name, line=line, language=match[2], text=dedent(match[3].removesuffix(match[1])))
                )
    assert found
    return found


def _tables(page: Path) -> Iterator[list[list[str]]]:
    """Return the tables of a page, each as the cells of its rows, without its head."""
    for table in re.findall(r"(?:^\|.*\|\n)+", page.read_text(encoding="utf-8"), re.MULTILINE):
        yield [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()[2:]]


def _first_cells(page: Path) -> list[set[str]]:
    """Return, for each table of a page, what its first column has in code spans."""
    return [{found[1] for row in table if (found := re.fullmatch(r"`(\w+)`", row[0]))} for table in _tables(page)]


# --- tables -------------------------------------------------------------------------------------------------------


def test_generated_parts_are_up_to_date() -> None:
    """If this fails: scripts/docs."""
    assert list(docs.outdated()) == []


def test_everything_that_is_generated_is_shown_once() -> None:
    shown = [name for page in docs.page_paths(ROOT) for name in docs.parts_of(page.read_text(encoding="utf-8"))]
    answers = [f"{docs.ANSWER}{action}" for action in doc_tables.described("services.yaml")]
    assert sorted(shown) == sorted([*doc_tables.PARTS, *answers])


def test_no_words_are_left_over() -> None:
    assert doc_tables.words_left_over() == []


def test_a_page_that_drifted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check fails and changes nothing; without it the page is written, but for what is written by hand."""
    (tmp_path / docs.FOLDER).mkdir()
    page = tmp_path / docs.README
    before = f"# Title\n\n{docs.BEGIN}options -->\nold\n<!-- end of generated -->\n\nby hand\n"
    page.write_text(before, encoding="utf-8")
    outdated = docs.outdated
    monkeypatch.setattr(docs, "outdated", lambda: outdated(tmp_path))
    monkeypatch.setattr(sys, "argv", ["docs", "--check"])
    assert docs.main() == 1
    assert page.read_text(encoding="utf-8") == before
    assert "README.md is out of date: run scripts/docs" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["docs"])
    assert docs.main() == 0
    after = page.read_text(encoding="utf-8")
    assert "old" not in after
    assert "`scan_interval_minutes`" in after
    assert after.startswith("# Title\n")
    assert after.endswith("\nby hand\n")
    monkeypatch.setattr(sys, "argv", ["docs", "--check"])
    assert docs.main() == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{docs.BEGIN}nonsense -->\n<!-- end of generated -->\n", "README.md: nothing generates .'nonsense'"),
        (f"{docs.BEGIN}options -->\n", "no end"),
        (f"{docs.BEGIN}options -->\n{docs.BEGIN}repairs -->\n<!-- end of generated -->\n", "no end"),
    ],
)
def test_a_page_with_wrong_marks(tmp_path: Path, text: str, problem: str) -> None:
    """A part that lost a mark isn't silently left alone."""
    (tmp_path / docs.README).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=problem):
        docs.outdated(tmp_path)


def test_policies_are_those_of_the_code() -> None:
    blocks = [json.loads(block.text) for block in _blocks("json") if block.page == "iam-policy.md"]
    assert blocks == [policy([group]) for group in Group]


@pytest.mark.parametrize("block", _blocks("json"), ids=str)
def test_json(block: Block) -> None:
    assert json.loads(block.text)["Version"] == "2012-10-17"


def test_statuses() -> None:
    """The tables written by hand have every value, and no other."""
    assert set(ItemStatus) in _first_cells(ACTIONS)
    assert set(RegistrationState) in _first_cells(FOLDER / "entities.md")


def test_policies_by_hand() -> None:
    states = doc_tables.texts()["entity"]["select"]["registration_policy"]["state"]
    assert list(states.values()) in [[row[0] for row in table] for table in _tables(FOLDER / "options.md")]


def _as_shown(text: str) -> str:
    """Return the beginning of a text of a form as the page quotes it."""
    return re.sub(r"{\w+}", "…", text)


def test_every_error_of_the_forms_has_its_remedy() -> None:
    config = doc_tables.texts()["config"]
    messages = config["error"] | config["abort"]
    expected = {key for key in messages if not key.endswith("_successful")}
    rows = [re.fullmatch(r'<a id="(\w+)"></a>(.*)', row[0]) for table in _tables(FOLDER / "setup.md") for row in table]
    quoted = {row[1]: row[2] for row in rows if row is not None}
    assert quoted.keys() == expected
    for key, beginning in quoted.items():
        assert _as_shown(messages[key]).startswith(beginning.removesuffix(" …")), key


def test_times_and_numbers() -> None:
    """What the page of data update says in figures is what the code has."""
    text = (FOLDER / "data-update.md").read_text(encoding="utf-8")
    first, longest = device_discovery.FOLLOW_PAUSES
    look, longest_look = linking.AUTHORIZE_PAUSES
    for phrase in (
        f"every {DEFAULT_SCAN_INTERVAL_MINUTES} minutes",
        f"{PAGE_SIZE} rows each",
        f"⌈T / {PAGE_SIZE}⌉",
        f"{DETAILS_DELAY} seconds after start",
        f"{matcher.DETAILS_DELAY:.0f} seconds after a synchronization",
        f"after {first:.0f} seconds, then at growing pauses up to {longest:.0f} seconds",
        f"after {look:.0f} seconds, then at growing pauses up to {longest_look:.0f} seconds",
        f"for {linking.AUTHORIZE_SECONDS / 60:.0f} minutes at most",
    ):
        assert phrase in text
    assert f"after {device_discovery.DEFAULT_TIMEOUT:.0f} seconds" in (FOLDER / "limitations.md").read_text("utf-8")


async def test_calls_of_a_synchronization(hass: HomeAssistant, emulator: Emulator) -> None:
    world = emulator.create_world("fleet:600")
    entry = await loaded(hass, emulator, world, options={"requests_per_second": 100})
    world.clear_requests()
    assert await poll(hass, entry)
    calls = doc_tables.calls_per_poll(len(world.things), len(world.registrations), len(world.associations))
    assert sum(world.count(operation) for operation in (LIST_THINGS, LIST_ASSOCIATIONS, LIST_REGISTRATIONS)) == calls
    assert len(world.requests) == calls
    emulator.remove_world(world)


# --- links --------------------------------------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    """Return what can be linked to on a page, as GitHub names its headings."""
    text = re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


def _links(page: Path) -> list[tuple[Path, str]]:
    """Return the files and anchors of this repository that a page links to."""
    found = []
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        found.append(((page.parent / name).resolve() if name else page, anchor))
    return found


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.name)
def test_links_and_images(page: Path) -> None:
    links = _links(page)
    assert [str(target) for target, _ in links if not target.is_file()] == []
    assert [f"{target.name}#{anchor}" for target, anchor in links if anchor and anchor not in _anchors(target)] == []


def test_every_page_and_picture_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    todo = [ROOT / docs.README]
    while todo:
        page = todo.pop()
        reached.add(page)
        if page.suffix == ".md":
            todo += [target for target, _ in _links(page) if target not in reached and target.exists()]
    files = [*FOLDER.glob("*.md"), *FOLDER.glob("images/*"), *FOLDER.glob("examples/*")]
    assert [str(file) for file in files if file not in reached] == []


def test_blueprints_are_imported_from_where_they_are() -> None:
    text = EXAMPLES.read_text(encoding="utf-8")
    links = re.findall(r"https://my\.home-assistant\.io/redirect/blueprint_import/\S+(?=\))", text)
    root = "/mi-registration/mi_registration/blob/main/"
    found = set()
    for link in links:
        (url,) = parse_qs(urlsplit(link).query)["blueprint_url"]
        assert urlsplit(url).netloc == "github.com"
        assert urlsplit(url).path.startswith(root)
        found.add(ROOT / unquote(urlsplit(url).path).removeprefix(root))
    assert found == set((ROOT / "blueprints").rglob("*.yaml"))


def _aws_commands() -> list[str]:
    lines = "".join(block.text for block in _blocks("bash")).splitlines()
    commands = [line for line in lines if line.startswith("aws ")]
    assert commands
    return commands


@pytest.mark.parametrize("command", _aws_commands(), ids=lambda command: " ".join(command.split()[1:3]))
def test_aws_commands(command: str) -> None:
    """The operation exists, its options are members of its input, and it has all that is required."""
    _, service, operation, *arguments = shlex.split(command)
    model = botocore.session.Session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    assert shape is not None
    members = {xform_name(name, "-"): name for name in shape.members}
    # What the AWS CLI adds to this operation: files for what it answers, and two words for a flag.
    members |= {"certificate-pem-outfile": "", "private-key-outfile": ""}
    given = {argument.removeprefix("--") for argument in arguments if argument.startswith("--")}
    assert given <= members.keys()
    assert set(shape.required_members) <= {members[name] for name in given}
    for option, value in pairwise(arguments):
        if option == "--policy-document":
            assert json.loads(value)["Version"] == "2012-10-17"


# --- examples -----------------------------------------------------------------------------------------------------


@pytest.fixture
async def home(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[MockConfigEntry]:
    """Set up what the pages speak of: the demo's home, a lamp of another integration, an area and a label."""
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)
    assert await async_setup_component(hass, "persistent_notification", {})
    assert world.account_id == "123456789012"
    other = MockConfigEntry(domain="other")
    other.add_to_hass(hass)
    lamp = dr.async_get(hass).async_get_or_create(
        config_entry_id=other.entry_id,
        identifiers={("other", "1")},
        name="Kitchen ceiling",
        serial_number=world.things[world.thing_id(REGISTERED_LIGHT)]["SerialNumber"],
    )
    er.async_get(hass).async_get_or_create(
        "light", "other", "1", suggested_object_id=LOCAL_LIGHT.partition(".")[2], device_id=lamp.id
    )
    entry = await ready(hass, emulator, world)
    await look_back(hass)
    area = ar.async_get(hass).async_create("Kitchen")
    label = lr.async_get(hass).async_create("AWS")
    devices = dr.async_get(hass)
    devices.async_update_device(device_id(hass, entry, world.thing_id(LIGHT)), area_id=area.id)
    devices.async_update_device(device_id(hass, entry, world.association_id(ACME)), labels={label.label_id})
    yield entry
    if hass.services.has_service("automation", "turn_off"):
        await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


def _steps(config: Any) -> list[dict[str, Any]] | None:
    """Return the actions of a block, if it is nothing else."""
    steps: list[dict[str, Any]] = config if isinstance(config, list) else [config]
    return steps if all("action" in step for step in steps) else None


async def _run(hass: HomeAssistant, steps: list[dict[str, Any]]) -> Any:
    """Run actions as a script does, and return what the last one with a response variable answered."""
    names = [step["response_variable"] for step in steps if "response_variable" in step]
    stop = [{"stop": "Done", "response_variable": names[-1]}] if names else []
    assert await async_setup_component(hass, "script", {"script": {"example": {"sequence": [*steps, *stop]}}})
    return await hass.services.async_call("script", "example", {}, blocking=True, return_response=bool(names))


def _stable(hass: HomeAssistant, value: Any, key: str = "") -> Any:
    """Return an answer with the same value in every run for what differs between two."""
    if isinstance(value, dict):
        return {name: _stable(hass, item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_stable(hass, item, key) for item in value]
    if not isinstance(value, str):
        return value
    match key:
        case "authorization_url":
            assert urlsplit(value).netloc
            value = "https://vendor.example/authorize"
        case "request_id":
            value = REQUEST_ID
        case "device_id" | "local_device_ids":
            device = dr.async_get(hass).async_get(value)
            assert device is not None
            value = hashlib.sha256(str(device.name).encode()).hexdigest()[:32]
        case "as_of" | "started_at" | "finished_at":
            assert datetime.fromisoformat(value).tzinfo is not None
            value = MADE_ON
    return value


@pytest.mark.parametrize("name", doc_tables.described("services.yaml"))
async def test_answer_of_an_action(
    hass: HomeAssistant, home: MockConfigEntry, pytestconfig: pytest.Config, name: str
) -> None:
    """The example under the heading of an action calls it, and its answer is the one that the page shows."""
    before = ACTIONS.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", before, re.DOTALL | re.MULTILINE)
    (example,) = [
        yaml.safe_load(text)
        for text in re.findall(r"^```yaml\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
        if text.startswith("action:")
    ]
    assert example["action"] == f"{DOMAIN}.{name}"
    answer = _stable(hass, json_loads(json_bytes(await _run(hass, [example]))))
    part = f"```yaml\n{yaml.safe_dump(answer, sort_keys=False, allow_unicode=True)}```"
    if pytestconfig.getoption("update_snapshots"):
        ACTIONS.write_text(docs.with_parts(before, {f"{docs.ANSWER}{name}": part}), encoding="utf-8")
    assert docs.parts_of(ACTIONS.read_text(encoding="utf-8"))[f"{docs.ANSWER}{name}"] == part


# Those of actions and of automations have tests of their own, which say what comes of them.
_OTHERS = [block for block in _blocks("yaml") if block.page not in {ACTIONS.name, EXAMPLES.name}]


@pytest.mark.parametrize("block", _OTHERS, ids=str)
async def test_yaml(hass: HomeAssistant, home: MockConfigEntry, block: Block) -> None:
    """What can be copied is something that Home Assistant takes."""
    config = yaml.safe_load(block.text)
    if (steps := _steps(config)) is not None:
        answer = await _run(hass, steps)
        assert answer is None or not [item for item in answer.get("results", ()) if item["status"] == "failed"]
    elif "trigger" in config:
        await async_validate_trigger_config(hass, cv.TRIGGER_SCHEMA([config]))
    elif "condition" in config:
        checked = await condition_helper.async_validate_condition_config(hass, cv.CONDITION_SCHEMA(config))
        condition = await condition_helper.async_from_config(hass, checked)
        assert condition.async_check() is True
    else:
        pytest.fail(f"{block}: nobody checks this")


@pytest.mark.parametrize("block", _blocks("jinja"), ids=str)
async def test_template(hass: HomeAssistant, home: MockConfigEntry, block: Block) -> None:
    assert Template(block.text, hass).async_render(strict=True)


# --- automations --------------------------------------------------------------------------------------------------


def _automations() -> dict[str, dict[str, Any]]:
    """Return the automations of the page of examples, by alias."""
    configs = [yaml.safe_load(block.text) for block in _blocks("yaml") if block.page == EXAMPLES.name]
    return {config["alias"]: config for config in configs}


def _notifications(hass: HomeAssistant) -> list[tuple[str | None, str]]:
    """Return title and message of the notifications that are shown."""
    shown = persistent_notification._async_get_or_create_notifications(hass).values()
    return [(notification["title"], notification["message"]) for notification in shown]


async def _notification(hass: HomeAssistant) -> tuple[str | None, str]:
    """Wait for the one notification that an automation makes."""
    await until(hass, lambda: bool(_notifications(hass)))
    await hass.async_block_till_done()
    (shown,) = _notifications(hass)
    return shown


def _at(hass: HomeAssistant, hour: int, weekday: int | None = None) -> None:
    """Let it be a full hour, on a weekday if one is named (Monday is 0)."""
    moment = dt_util.start_of_local_day() + timedelta(days=1)
    while weekday not in {None, moment.weekday()}:
        moment += timedelta(days=1)
    async_fire_time_changed(hass, datetime.combine(moment, time(hour), moment.tzinfo))


async def _authorization_expired(hass: HomeAssistant, entry: MockConfigEntry, world: World) -> None:
    world.expire_authorization(world.association_id(ACME))
    assert await poll(hass, entry)
    title, message = await _notification(hass)
    assert title == f"{ACME} must be authorized again"
    assert re.fullmatch(r"\[Sign in at the vendor\]\(http\S+\)", message)
    world.authorize(world.association_id(ACME))
    await settle(hass)


async def _register_what_is_new(hass: HomeAssistant, entry: MockConfigEntry, world: World) -> None:
    before = len(world.registrations)
    _at(hass, 3, weekday=6)
    title, message = await _notification(hass)
    assert (title, message.strip()) == ("Registered: 4", "Nothing failed.")
    assert len(world.registrations) == before + 4
    assert {world.registrations[world.thing_id(name), world.association_id(ACME)] for name in FOUND_LIGHTS} == {
        "ASSOCIATED"
    }


async def _registration_failed(hass: HomeAssistant, entry: MockConfigEntry, world: World) -> None:
    refuse(world, "The quota is used up.")
    await act(
        hass,
        REGISTER,
        managed_thing_id=[world.thing_id(LIGHT), world.thing_id(REGISTERED_LIGHT)],
        account_association_id=world.association_id(ACME),
    )
    assert await _notification(hass) == (
        f"{LIGHT} could not be registered with {ACME}",
        "ServiceQuotaExceededException: The quota is used up.",
    )
    accept(world)


async def _what_is_not_registered(hass: HomeAssistant, entry: MockConfigEntry, world: World) -> None:
    _at(hass, 7)
    title, message = await _notification(hass)
    assert title == "4 devices aren't registered"
    names, _, as_of = message.partition(" (as of ")
    assert sorted(names.split(", ")) == ["Attic air sensor", "Bedroom strip", "Hallway spots", "Office radiator valve"]
    assert datetime.fromisoformat(as_of.removesuffix(")")).tzinfo is not None


async def _hub_is_back(hass: HomeAssistant, entry: MockConfigEntry, world: World) -> None:
    hub, connectivity = world.thing_id(HUB), data_of(entry).connectivity
    world.set_connectivity(hub, connected=False)
    await connectivity.async_refresh()
    await settle(hass)
    before = set(world.things)
    world.set_connectivity(hub, connected=True)
    await connectivity.async_refresh()
    await until(hass, lambda: set(world.things) != before)
    (new,) = set(world.things) - before
    assert new == world.thing_id(STAIR_BUTTON)
    await settle(hass)


TRIGGERED: Mapping[str, Callable[[HomeAssistant, MockConfigEntry, World], Awaitable[None]]] = {
    "Authorization expired": _authorization_expired,
    "Register what is new": _register_what_is_new,
    "Registration failed": _registration_failed,
    "What is not registered": _what_is_not_registered,
    "Discover when the hub is back": _hub_is_back,
}


def test_every_automation_is_triggered() -> None:
    assert list(_automations()) == list(TRIGGERED)


@pytest.mark.parametrize("alias", TRIGGERED)
async def test_automation(hass: HomeAssistant, home: MockConfigEntry, world: World, alias: str) -> None:
    """An automation of the examples does what its heading says, once, when what triggers it happens."""
    assert await async_setup_component(hass, "automation", {"automation": [_automations()[alias]]})
    await TRIGGERED[alias](hass, home, world)
    (automation,) = hass.states.async_all("automation")
    assert automation.state == STATE_ON
    assert automation.attributes["last_triggered"] is not None


async def test_attributes_of_activities(hass: HomeAssistant, home: MockConfigEntry, world: World) -> None:
    """Each type of event has the attributes that the pages list, on the event entity and for triggers."""
    facts: dict[str, set[str]] = {}

    def _note(event: Event) -> None:
        facts[event.data["type"]] = set(event.data) - {
            "type",
            "account_association",
            "account_association_id",
            "device_id",
            "managed_thing_device_id",
        }

    hass.bus.async_listen(EVENT_ACTIVITY, _note)
    acme = world.association_id(ACME)
    both = {"managed_thing_id": world.thing_id(LIGHT), "account_association_id": acme}
    await act(hass, REGISTER, **both)
    await act(hass, DEREGISTER, **both)
    refuse(world)
    await act(hass, REGISTER, **both | {"managed_thing_id": [world.thing_id(LIGHT), world.thing_id(REGISTERED_LIGHT)]})
    accept(world)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    world.expire_authorization(acme)
    assert await poll(hass, home)
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, home)
    await settle(hass)
    assert facts == {activity: set(doc_tables.ACTIVITIES[activity]) for activity in Activity}


async def test_variables_of_triggers(hass: HomeAssistant, home: MockConfigEntry, world: World) -> None:
    """What a trigger gives an automation is what the page lists, the attributes and what all triggers give."""
    automation = {
        "triggers": {
            "trigger": f"{DOMAIN}.device_registered",
            "target": {"device_id": device_id(hass, home, world.thing_id(LIGHT))},
        },
        "actions": {"event": "heard", "event_data": {"names": "{{ trigger.keys() | list }}"}},
    }
    heard: list[Event] = []
    hass.bus.async_listen("heard", heard.append)
    assert await async_setup_component(hass, "automation", {"automation": [automation]})
    await act(hass, REGISTER, managed_thing_id=world.thing_id(LIGHT), account_association_id=world.association_id(ACME))
    await settle(hass)
    (event,) = heard
    text = (FOLDER / "triggers.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `trigger\.(\w+)` \|", text, re.MULTILINE))
    of_all = {"id", "idx", "alias", "platform", "description"}
    assert set(event.data["names"]) == listed | of_all | set(doc_tables.ACTIVITIES[Activity.DEVICE_REGISTERED])


async def test_what_happened_while_home_assistant_was_off(
    hass: HomeAssistant, home: MockConfigEntry, world: World
) -> None:
    """A restart tells of nothing but what changed meanwhile."""
    await settle(hass)
    facts: list[str] = []
    hass.bus.async_listen(EVENT_ACTIVITY, lambda event: facts.append(event.data["type"]))
    assert await hass.config_entries.async_unload(home.entry_id)
    acme = world.association_id(ACME)
    world.register(world.thing_id(LIGHT), acme, discovery_id=world.discovery_id(acme))
    assert await hass.config_entries.async_setup(home.entry_id)
    await settle(hass)
    assert facts == ["device_registered"]
    await reload(hass, home)
    await settle(hass)
    assert facts == ["device_registered"]


async def test_hub_devices_need_no_registration(hass: HomeAssistant, home: MockConfigEntry, world: World) -> None:
    """Each policy does what its table says is tested elsewhere; this is what the page of entities says of hubs."""
    children = [thing_id for thing_id, thing in world.things.items() if thing.get("ParentControllerId")]
    assert children
    for thing_id in children:
        rows = (await act(hass, "get_registrations", managed_thing_id=thing_id))["registrations"]
        assert [(row["status"], row["provisioning_status"]) for row in rows] == [("not_registered", "activated")]
