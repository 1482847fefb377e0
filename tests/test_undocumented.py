"""What AWS doesn't document, tried each way that it may be: nothing is lost, and nothing is done twice."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, override

import boto3
from botocore.session import get_session
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration import linking
from custom_components.mi_registration.aws.client import SERVICE
from custom_components.mi_registration.const import SUBENTRY_ACCOUNT_ASSOCIATION
from emulator import Emulator, Switches, World
from homeassistant.config_entries import SOURCE_USER
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .common import (
    ACME,
    CONNECTIVITY,
    DELETE,
    DEREGISTER,
    HUB,
    HUB_CHILD,
    LIGHT,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    NORTHWIND,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    data_of,
    device,
    loaded,
    poll,
    press,
    state,
    writes,
)
from .engine_common import (
    CREATE,
    FOUND_LIGHTS,
    GET_DISCOVERED,
    ONBOARD,
    STAIR_BUTTON,
    START,
    START_DISCOVERY,
    assert_nothing_twice,
    look_back,
    make_quick,
    make_retries_quick,
    ready,
    settle,
    until,
)
from .open_questions import OUTCOMES, QUESTIONS, Question
from .repair_common import issues, make_looks_quick

MET = tuple(question for question in QUESTIONS if question.is_met)
UNMET = frozenset(question.switch for question in QUESTIONS if not question.is_met)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)
    make_retries_quick(monkeypatch)
    monkeypatch.setattr(linking, "AUTHORIZE_SECONDS", 0.05)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Where a question is asked: an entry that is loaded, in a world with a switch set."""

    hass: HomeAssistant
    world: World
    entry: MockConfigEntry
    aws: Any
    """A client of somebody else in the same account."""

    @property
    def acme(self) -> str:
        """The association that devices are registered with."""
        return self.world.association_id(ACME)

    async def elsewhere(self, operation: str, **params: Any) -> Any:
        """Call AWS as somebody else."""
        return await self.hass.async_add_executor_job(partial(getattr(self.aws, operation), **params))

    async def verdict(self, action: str, thing: str, **fields: Any) -> str:
        """Return the verdict on a pair, asked for with one for which nothing has to be done, so that none raises."""
        other = self.world.thing_id(REGISTERED_LIGHT if action == REGISTER else OTHER_LIGHT)
        answer = await act(
            self.hass, action, managed_thing_id=[thing, other], account_association_id=self.acme, **fields
        )
        (found,) = [row["status"] for row in answer["results"] if row["managed_thing_id"] == thing]
        await settle(self.hass)
        return str(found)

    async def discover(self, **fields: Any) -> str:
        """Discover the association's devices to the end; return how that is shown."""
        answer = await act(
            self.hass, START_DISCOVERY, discovery_type="cloud", account_association_id=self.acme, **fields
        )
        await settle(self.hass)
        assert state(self.hass, "sensor", self.acme, "discovery_status") == answer["status"]
        return {"succeeded": "found", "failed": "not found", "timed_out": "timed out"}[answer["status"]]


type Run = Callable[[Stage, Any], Awaitable[str]]
RUNS: dict[str, Run] = {}


def asks(function: Run) -> Run:
    """Say which switch a function tries out, by its name; it returns the name of the outcome."""
    RUNS[function.__name__] = function
    return function


@pytest.mark.parametrize(
    ("question", "value", "outcome"),
    [
        pytest.param(question, value, outcome, id=f"{question.switch}-{value}")
        for question in MET
        for value, outcome in question.ways
    ],
)
async def test_either_way(
    hass: HomeAssistant, *, emulator: Emulator, world: World, question: Question, value: Any, outcome: str
) -> None:
    """Whichever way it is, what the user sees and what is kept are as the table says."""
    entry = await ready(hass, emulator, world)
    aws = await hass.async_add_executor_job(
        partial(
            boto3.client,
            SERVICE,
            region_name=world.region,
            endpoint_url=emulator.url,
            aws_access_key_id=world.access_key_id,
            aws_secret_access_key=world.secret_access_key,
        )
    )
    world.set_switches(**{question.switch: value})
    world.clear_requests()
    assert await RUNS[question.switch](Stage(hass=hass, world=world, entry=entry, aws=aws), value) == outcome
    await settle(hass)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert_nothing_twice(world)


def test_table_is_complete() -> None:
    """Every switch is a question; each that can be met is tried at its default and otherwise, with a known outcome."""
    assert [question.switch for question in QUESTIONS if question.is_met and not question.ways] == []
    assert [question.switch for question in QUESTIONS if not question.is_met and question.ways] == []
    assert sorted(question.switch for question in QUESTIONS) == sorted(field.name for field in fields(Switches))
    assert RUNS.keys() == {question.switch for question in MET}
    assert {outcome for question in MET for _, outcome in question.ways} == OUTCOMES.keys()
    operations = get_session().get_service_model(SERVICE).operation_names
    assert {name for question in QUESTIONS for name in question.operations} <= set(operations)


def test_every_way_is_tried() -> None:
    """Of a switch with a few values each is tried, of any other two at least."""
    for question in MET:
        kind = next(field.type for field in fields(Switches) if field.name == question.switch)
        values = [value for value, _ in question.ways]
        assert len(set(values)) == len(values) > 1, question.switch
        if kind is bool:
            assert set(values) == {True, False}
        elif choices := choices_of(kind):
            assert set(values) == choices, question.switch


def choices_of(kind: Any) -> set[Any]:
    """Return the values that a type names, a set that is empty for a type that names none."""
    kind = getattr(kind, "__value__", kind)
    members = [member for part in getattr(kind, "__args__", ()) for member in (choices_of(part) or {part})]
    return {member for member in members if isinstance(member, (str, int)) and not isinstance(member, bool)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched(Switches):
    """Switches of which those that this integration can't meet mustn't be asked for."""

    @override
    def __getattribute__(self, name: str) -> Any:
        if name in UNMET:
            raise AssertionError(f"{name} can be met")
        return object.__getattribute__(self, name)


async def test_what_is_never_met(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What the table says of no operation that is called here is true: nothing that is done here depends on it."""
    world.switches = Watched(discovery_duration=0.0, hub_activation_delay=0.0)
    await loaded(hass, emulator, world, options={"requests_per_second": 100})
    acme, hub = world.association_id(ACME), world.thing_id(HUB)
    await look_back(hass)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await act(hass, ONBOARD, account_association_id=acme)
    await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    await act(hass, ONBOARD, controller_id=hub)
    await act(hass, REGISTER, managed_thing_id=world.thing_id(LIGHT), account_association_id=acme)
    await act(hass, DEREGISTER, managed_thing_id=world.thing_id(LIGHT), account_association_id=acme)
    await act(hass, "refresh_account_association", account_association_id=acme)
    await settle(hass)
    assert {request.operation for request in world.requests} >= {PUT, DELETE, CREATE, START, LIST_THINGS, CONNECTIVITY}
    assert world.problems == []


# --- registering and deregistering --------------------------------------------------------------------------------


@asks
async def reregister(stage: Stage, _value: str) -> str:
    stage.world.register(stage.world.thing_id(LIGHT), stage.acme)
    verdict = await stage.verdict(
        REGISTER, stage.world.thing_id(LIGHT), device_discovery_id=stage.world.discovery_id(stage.acme)
    )
    assert stage.world.count(PUT) == 1
    return verdict


async def _registered(stage: Stage, old: str) -> str:
    """Register with a remembered discovery; return whether it was that one or another."""
    light = stage.world.thing_id(LIGHT)
    data_of(stage.entry).store.queue.discovery_ids[light, stage.acme] = old
    answer = await act(stage.hass, REGISTER, managed_thing_id=light, account_association_id=stage.acme)
    (verdict,) = answer["results"]
    assert stage.world.registrations[light, stage.acme] == "ASSOCIATED"
    assert [request.status for request in stage.world.requests if request.operation == PUT].count(201) == 1
    return str(verdict["status"]) if verdict["device_discovery_id"] == old else "other discovery"


@asks
async def mismatched_discovery(stage: Stage, _value: str) -> str:
    stale = stage.world.add_discovery(association_id=stage.acme, connector_device_ids=["al-1001"])
    return await _registered(stage, stale)


@asks
async def discovery_expires_after(stage: Stage, _value: float | None) -> str:
    return await _registered(stage, stage.world.discovery_id(stage.acme))


@asks
async def registration_delay(stage: Stage, value: float) -> str:
    light = stage.world.thing_id(LIGHT)
    verdict = await stage.verdict(REGISTER, light)
    if verdict == "pre_associated":
        assert state(stage.hass, "sensor", light, "registration") == "pre_associated"
        # Asked for again, it waits on.
        assert await stage.verdict(REGISTER, light) == "pre_associated"
        stage.world.advance(value)
        assert await poll(stage.hass, stage.entry)
        verdict = "later"
    assert state(stage.hass, "sensor", light, "registration") == "associated"
    assert stage.world.count(PUT) == 1
    return verdict


@asks
async def register_needs_authorization(stage: Stage, _value: bool) -> str:  # noqa: FBT001  # as all of them
    light = stage.world.thing_id(LIGHT)
    stage.world.expire_authorization(stage.acme)
    verdict = await stage.verdict(REGISTER, light, device_discovery_id=stage.world.discovery_id(stage.acme))
    if verdict == "queued":
        assert await poll(stage.hass, stage.entry)
        assert f"authorization_expired_{stage.acme}" in issues(stage.hass)
        stage.world.set_association_state(stage.acme, "ASSOCIATION_SUCCEEDED")
        assert await poll(stage.hass, stage.entry)
        await until(stage.hass, lambda: (light, stage.acme) in stage.world.registrations)
        verdict = "waits"
    return verdict


@asks
async def hub_devices_accept_registration(stage: Stage, _value: bool) -> str:  # noqa: FBT001  # as all of them
    stage.world.set_switches(mismatched_discovery="accept")
    plug = stage.world.thing_id(HUB_CHILD)
    verdict = await stage.verdict(REGISTER, plug, device_discovery_id=stage.world.discovery_id(stage.acme))
    assert stage.world.things[plug]["ProvisioningStatus"] == "ACTIVATED"
    return verdict


@asks
async def deregister_missing(stage: Stage, _value: str) -> str:
    light = stage.world.thing_id(REGISTERED_LIGHT)
    stage.world.deregister(light, stage.acme)
    verdict = await stage.verdict(DEREGISTER, light)
    assert stage.world.count(DELETE) == 1
    assert await poll(stage.hass, stage.entry)
    assert state(stage.hass, "sensor", light, "registration") == "not_registered"
    return {"not_registered": "not there"}.get(verdict, verdict)


@asks
async def last_deregistration(stage: Stage, value: str) -> str:
    light = stage.world.thing_id(REGISTERED_LIGHT)
    verdict = await stage.verdict(DEREGISTER, light)
    assert await poll(stage.hass, stage.entry)
    assert state(stage.hass, "sensor", light, "registration") == "not_registered"
    assert state(stage.hass, "sensor", light, "provisioning_status") == value.lower()
    assert not any(issue.startswith("thing_stuck") for issue in issues(stage.hass))
    # It can be registered again.
    answer = await act(stage.hass, REGISTER, managed_thing_id=light, account_association_id=stage.acme)
    assert answer["summary"] == {"registered": 1}
    assert stage.world.registrations[light, stage.acme] == "ASSOCIATED"
    return verdict


@asks
async def throttling_status(stage: Stage, _value: int) -> str:
    stage.world.refuse(PUT, "ThrottlingException", times=2)
    verdict = await stage.verdict(REGISTER, stage.world.thing_id(LIGHT))
    assert stage.world.count(PUT) == 3
    return verdict


# --- lists ----------------------------------------------------------------------------------------------------------


async def _all_rows(stage: Stage) -> str:
    assert await poll(stage.hass, stage.entry)
    assert state(stage.hass, "sensor", stage.entry.unique_id, "managed_things") == str(len(stage.world.things))
    shown = {row.managed_thing_id for row in coordinator_of(stage.entry).data.registrations}
    assert shown == {thing for thing, _ in stage.world.registrations}
    assert state(stage.hass, "sensor", stage.world.thing_id(REGISTERED_LIGHT), "registration") == "associated"
    return "nothing"


@asks
async def default_page_size(stage: Stage, _value: int) -> str:
    return await _all_rows(stage)


@asks
async def unfiltered_registrations(stage: Stage, _value: str) -> str:
    assert stage.world.count(LIST_REGISTRATIONS) == 0
    await _all_rows(stage)
    # From nothing, too.
    assert await stage.hass.config_entries.async_reload(stage.entry.entry_id)
    await settle(stage.hass)
    return await _all_rows(stage)


@asks
async def registrations_of_unknown(stage: Stage, _value: str) -> str:
    # Only with a scope are registrations read per association.
    stage.hass.config_entries.async_update_entry(stage.entry, options={**stage.entry.options, "owner": "robin"})
    await settle(stage.hass)
    northwind = stage.world.association_id(NORTHWIND)
    stage.world.remove_association(northwind)
    assert await poll(stage.hass, stage.entry)
    assert f"association_deleted_{northwind}" in issues(stage.hass)
    shown = {row.account_association_id for row in coordinator_of(stage.entry).data.registrations}
    assert shown == {stage.acme}
    return "nothing"


# --- discoveries ----------------------------------------------------------------------------------------------------


@asks
async def discovery_duration(stage: Stage, _value: float) -> str:
    return await stage.discover()


@asks
async def discovery_timeout(stage: Stage, _value: float) -> str:
    stage.world.plan_discovery("TIMED_OUT")
    return await stage.discover(timeout=1)


@asks
async def one_discovery_per_association(stage: Stage, _value: bool) -> str:  # noqa: FBT001  # as all of them
    stage.world.set_switches(discovery_duration=0.2)
    running = (await stage.elsewhere("start_device_discovery", DiscoveryType="CLOUD", AccountAssociationId=stage.acme))[
        "Id"
    ]
    answer = await act(stage.hass, START_DISCOVERY, discovery_type="cloud", account_association_id=stage.acme)
    assert answer["status"] == "succeeded"
    assert len(answer["devices"]) == 6
    return "joined" if answer["device_discovery_id"] == running else "found"


@asks
async def discovery_needs_authorization(stage: Stage, _value: bool) -> str:  # noqa: FBT001  # as all of them
    stage.world.expire_authorization(stage.acme)
    return await _or_refused(stage, stage.discover)


async def _or_refused(stage: Stage, function: Callable[[], Awaitable[str]]) -> str:
    try:
        return await function()
    except HomeAssistantError as err:
        words = str(err)
    await settle(stage.hass)
    assert "The account association" in words, "AWS's own"
    return "refused"


@asks
async def discovery_on_disconnected_hub(stage: Stage, _value: str) -> str:
    hub = stage.world.thing_id(HUB)
    stage.world.set_connectivity(hub, False)
    stage.world.set_switches(discovery_timeout=0.0)
    stage.world.deny(f"iotmanagedintegrations:{CONNECTIVITY}")
    answer = await act(stage.hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    await settle(stage.hass)
    assert state(stage.hass, "sensor", hub, "discovery_status") == answer["status"]
    return {"failed": "not found", "timed_out": "timed out"}[answer["status"]]


@asks
async def cloud_discoveries(stage: Stage, _value: str) -> str:
    stage.world.set_switches(discovery_timeout=0.0)
    return await stage.discover()


@asks
async def failed_connector_event(stage: Stage, _value: str) -> str:
    stage.world.set_switches(cloud_discoveries="connector")
    await act(stage.hass, START_DISCOVERY, discovery_type="cloud", account_association_id=stage.acme, wait=False)
    (job,) = [job for job, about in stage.world.discoveries.items() if about["Status"] == "RUNNING"]
    await stage.elsewhere(
        "send_connector_event",
        ConnectorId="acme-lighting-connector",
        Operation="DEVICE_DISCOVERY",
        DeviceDiscoveryId=job,
        StatusCode=500,
    )
    stage.world.advance(stage.world.switches.discovery_timeout)
    await settle(stage.hass)
    shown = state(stage.hass, "sensor", stage.acme, "discovery_status")
    return {"failed": "not found", "timed_out": "timed out"}[shown]


# --- managed things -------------------------------------------------------------------------------------------------


async def _onboarded(stage: Stage, discovery: str, name: str) -> str:
    answer = await act(stage.hass, ONBOARD, account_association_id=stage.acme, device_discovery_id=discovery)
    await settle(stage.hass)
    assert {row["status"] for row in answer["results"]} <= {"registered", "already_registered"}
    own = [row["managed_thing_id"] for row in answer["results"] if row["status"] == "registered"]
    things = [thing for thing, about in stage.world.things.items() if about.get("Name") == name and thing in own]
    assert things
    assert all(stage.world.registrations[thing, stage.acme] == "ASSOCIATED" for thing in things)
    return "registered"


@asks
async def recreate_thing(stage: Stage, _value: str) -> str:
    discovery = stage.world.add_discovery(association_id=stage.acme)
    await act(stage.hass, GET_DISCOVERED, device_discovery_id=discovery)
    name = FOUND_LIGHTS[0]
    made = await stage.elsewhere(
        "create_managed_thing",
        Role="DEVICE",
        AuthenticationMaterialType="DISCOVERED_DEVICE",
        AuthenticationMaterial=f"CLOUD:{discovery}:al-1005",
        Name=name,
    )
    outcome = await _onboarded(stage, discovery, name)
    same = [thing for thing in stage.world.things.values() if thing.get("Name") == name]
    if len(same) > 1:
        assert await poll(stage.hass, stage.entry)
        assert device(stage.hass, stage.entry, made["Id"]) is not None
        outcome = "second thing"
    return outcome


@asks
async def duplicate_name(stage: Stage, _value: str) -> str:
    for number in range(2):
        stage.world.add_cloud_device(stage.acme, f"x-{number}", LIGHT)
    discovery = stage.world.add_discovery(association_id=stage.acme)
    answer = await act(stage.hass, ONBOARD, account_association_id=stage.acme, device_discovery_id=discovery)
    assert answer["summary"].keys() == {"registered", "already_registered"}
    names = [thing["Name"] for thing in stage.world.things.values()]
    assert len(set(names)) == len(names) == 17
    return "registered"


@asks
async def hub_activation_delay(stage: Stage, value: float) -> str:
    hub = stage.world.thing_id(HUB)
    await act(stage.hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    answer = await act(stage.hass, ONBOARD, controller_id=hub, model=["LM-BTN1"])
    await settle(stage.hass)
    (verdict,) = answer["results"]
    button = stage.world.thing_id(STAIR_BUTTON)
    outcome = str(verdict["status"])
    if outcome == "pre_associated":
        assert state(stage.hass, "sensor", button, "provisioning_status") == "discovered"
        stage.world.advance(value)
        assert await poll(stage.hass, stage.entry)
        outcome = "later"
    assert state(stage.hass, "sensor", button, "provisioning_status") == "activated"
    assert stage.world.count(CREATE) == 1
    return outcome


async def _pre_onboard(stage: Stage) -> str:
    """Let somebody else create a managed thing for a device that the vendor has."""
    stage.world.add_cloud_device(stage.acme, "x-1", "Lamp")
    made = await stage.elsewhere(
        "create_managed_thing",
        Role="DEVICE",
        AuthenticationMaterialType="PRE_ONBOARDED_CLOUD",
        AuthenticationMaterial=f"CLOUD:x-1:{stage.acme}",
        Name="Lamp",
    )
    assert await poll(stage.hass, stage.entry)
    assert state(stage.hass, "sensor", made["Id"], "registration") == "pre_associated"
    return str(made["Id"])


@asks
async def pre_onboarded_needs_filter(stage: Stage, _value: bool) -> str:  # noqa: FBT001  # as all of them
    lamp = await _pre_onboard(stage)
    assert await stage.discover() == "found"
    assert await poll(stage.hass, stage.entry)
    if state(stage.hass, "sensor", lamp, "registration") == "associated":
        return "by AWS"
    await press(stage.hass, lamp, "register")
    await settle(stage.hass)
    assert state(stage.hass, "sensor", lamp, "registration") == "associated"
    return "by hand"


@asks
async def automatic_registration(stage: Stage, _value: bool) -> str:  # noqa: FBT001  # as all of them
    lamp = await _pre_onboard(stage)
    assert await stage.discover(connector_device_id=["x-1"]) == "found"
    assert await poll(stage.hass, stage.entry)
    repair = f"thing_stuck_in_discovered_{lamp}"
    if state(stage.hass, "sensor", lamp, "registration") == "associated":
        assert repair not in issues(stage.hass)
        return "by AWS"
    assert state(stage.hass, "sensor", lamp, "registration") == "pre_associated"
    assert repair in issues(stage.hass)
    # What the repair does.
    assert await stage.verdict(REGISTER, lamp) == "registered"
    assert await poll(stage.hass, stage.entry)
    assert repair not in issues(stage.hass)
    return "stuck"


@asks
async def deletion_delay(stage: Stage, value: float) -> str:
    plug = stage.world.thing_id(HUB_CHILD)
    await stage.elsewhere("delete_managed_thing", Identifier=plug)
    assert await poll(stage.hass, stage.entry)
    outcome = "gone"
    if device(stage.hass, stage.entry, plug) is not None:
        assert state(stage.hass, "sensor", plug, "provisioning_status") == "delete_in_progress"
        stage.world.advance(value)
        assert await poll(stage.hass, stage.entry)
        outcome = "going"
    assert device(stage.hass, stage.entry, plug) is None
    return outcome


@asks
async def connectivity_of_others(stage: Stage, _value: str) -> str:
    made = await stage.elsewhere(
        "create_managed_thing",
        Role="CONTROLLER",
        AuthenticationMaterialType="WIFI_SETUP_QR_BAR_CODE",
        AuthenticationMaterial="SN:123456789524;UPC:829576019524",
        Name="Attic hub",
    )
    assert await poll(stage.hass, stage.entry)
    connectivity = data_of(stage.entry).connectivity
    await connectivity.async_refresh()
    await settle(stage.hass)
    assert connectivity.last_update_success
    assert state(stage.hass, "binary_sensor", stage.world.thing_id(HUB), "connected") == "on"
    shown = state(stage.hass, "binary_sensor", made["Id"], "connected")
    return {"off": "disconnected", "unavailable": "unavailable"}[shown]


# --- associations ---------------------------------------------------------------------------------------------------


async def _link_again(stage: Stage) -> str:
    answer = await act(stage.hass, "refresh_account_association", account_association_id=stage.acme)
    scheme, _, rest = answer["authorization_url"].partition("://")
    assert scheme in {"http", "https"}
    assert rest
    stage.world.set_association_state(stage.acme, "ASSOCIATION_SUCCEEDED")
    await settle(stage.hass)
    assert await poll(stage.hass, stage.entry)
    assert state(stage.hass, "sensor", stage.acme, "registered_things") == "2"
    return "link"


@asks
async def http_authorization_page(stage: Stage, _value: bool) -> str:  # noqa: FBT001  # as all of them
    return await _link_again(stage)


@asks
async def refresh_when_authorized(stage: Stage, _value: str) -> str:
    return await _or_refused(stage, partial(_link_again, stage))


async def _link_new(stage: Stage, answer: Callable[[str], None]) -> str:
    """Link another account, with what becomes of the link meanwhile; return how the flow goes on."""
    manager = stage.hass.config_entries.subentries
    result = await manager.async_init(
        (stage.entry.entry_id, SUBENTRY_ACCOUNT_ASSOCIATION), context={"source": SOURCE_USER}
    )
    result = await manager.async_configure(result["flow_id"], {"next_step_id": "create"})
    result = await manager.async_configure(
        result["flow_id"], {"connector_destination_id": "contoso-locks", "name": "Locks"}
    )
    assert result["type"] == "progress"
    answer(stage.world.association_id("Locks"))
    await settle(stage.hass)
    result = await manager.async_configure(result["flow_id"])
    while result["type"] in {"progress", "progress_done"}:
        await settle(stage.hass)
        result = await manager.async_configure(result["flow_id"])
    if result["type"] == "create_entry":
        await settle(stage.hass)
        assert state(stage.hass, "sensor", stage.world.association_id("Locks"), "state") == "association_succeeded"
        return "linked"
    assert result["type"] == "menu"
    assert result["menu_options"] == ["authorize_again", "use", "delete"]
    manager.async_abort(result["flow_id"])
    return "asked again"


@asks
async def authorization_url_lifetime(stage: Stage, value: float) -> str:
    def _answer_after_a_minute(association: str) -> None:
        stage.world.advance(60)
        if value > 60:
            stage.world.authorize(association)
        else:
            with pytest.raises(ValueError, match="waiting"):
                stage.world.authorize(association)

    return await _link_new(stage, _answer_after_a_minute)


@asks
async def expired_authorization(stage: Stage, value: str) -> str:
    def _let_it_expire(association: str) -> None:
        stage.world.advance(stage.world.switches.authorization_url_lifetime)
        assert stage.world.associations[association]["AssociationState"] == value

    return await _link_new(stage, _let_it_expire)


@asks
async def delete_with_registrations(stage: Stage, _value: str) -> str:
    manager, world = stage.hass.config_entries.subentries, stage.world
    association = world.add_association(name="Locks", state="ASSOCIATION_FAILED")
    world.register(world.thing_id(LIGHT), association)
    result = await manager.async_init(
        (stage.entry.entry_id, SUBENTRY_ACCOUNT_ASSOCIATION), context={"source": SOURCE_USER}
    )
    result = await manager.async_configure(result["flow_id"], {"next_step_id": "existing"})
    result = await manager.async_configure(result["flow_id"], {"account_association_id": association})
    result = await manager.async_configure(result["flow_id"], {"next_step_id": "delete"})
    assert result["type"] == "abort"
    if result["reason"] == "account_association_deleted":
        assert world.associations[association]["AssociationState"] == "ASSOCIATION_DELETING"
        return "deleted"
    assert result["reason"] == "unknown"
    assert (result["description_placeholders"] or {})["message"]
    assert world.associations[association]["AssociationState"] == "ASSOCIATION_FAILED"
    return "flow ends"


@asks
async def association_deletion_delay(stage: Stage, value: float) -> str:
    acme = stage.acme
    repair, outcome = f"association_deleted_{acme}", "repair"
    stage.world.set_switches(delete_with_registrations="ok")
    await stage.elsewhere("delete_account_association", AccountAssociationId=acme)
    assert await poll(stage.hass, stage.entry)
    if repair not in issues(stage.hass):
        assert state(stage.hass, "sensor", acme, "state") == "association_deleting"
        stage.world.advance(value)
        assert await poll(stage.hass, stage.entry)
        outcome = "state, then repair"
    assert repair in issues(stage.hass)
    assert writes(stage.world) == ["DeleteAccountAssociation"]
    return outcome
