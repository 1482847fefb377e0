"""What each error of AWS's, and each fault on the wire, leads to in each phase, and that it passes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.model import OperationModel
from botocore.session import get_session
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.mi_registration import linking, matcher, registrar
from custom_components.mi_registration.aws.client import OPERATIONS, SERVICE
from custom_components.mi_registration.const import DOMAIN, SUBENTRY_ACCOUNT_ASSOCIATION
from emulator import Emulator, World
from homeassistant.config_entries import SOURCE_REAUTH, SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .common import (
    ACME,
    CONNECTIVITY,
    DELETE,
    DEREGISTER,
    HUB,
    IDENTITY,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    data_of,
    device,
    item,
    key_of,
    loaded,
    pass_time,
    poll,
    press,
    state,
    state_of,
)
from .engine_common import (
    CREATE,
    FOUND_LIGHTS,
    GET_DISCOVERED,
    GET_JOB,
    LIST_FOUND,
    LIST_JOBS,
    ONBOARD,
    START,
    START_DISCOVERY,
    look_back,
    make_quick,
    ready,
    reload,
    settle,
)
from .fault_table import ANSWERS, ELSEWHERE, OUTCOMES, SITES, STS_ANSWERS, Answer, Kind, Phase, Site
from .flow_common import add_entry, set_up
from .repair_common import IGNORE_OWN_WARNING_OF_HTTP, FixFlow, fail_to_register, issues, make_looks_quick

pytestmark = IGNORE_OWN_WARNING_OF_HTTP

REFRESH = "StartAccountAssociationRefresh"
CREATE_ASSOCIATION = "CreateAccountAssociation"
DELETE_ASSOCIATION = "DeleteAccountAssociation"
LIST_DESTINATIONS = "ListConnectorDestinations"
DETAILS = "GetManagedThing"
ASSUME_ROLE = "AssumeRole"
USE_CERTIFICATE = "AssumeRoleWithCertificate"
MANY = 10_000
"""More than anything tries."""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)
    monkeypatch.setattr(linking, "AUTHORIZE_SECONDS", 0.05)
    # What waits is tried again when a test lets time pass, and not all the time.
    monkeypatch.setattr(registrar, "RETRY_SECONDS", (100.0, 200.0))


def asked_for_credentials(hass: HomeAssistant) -> bool:
    """Whether a flow asks for new credentials; it is closed."""
    manager = hass.config_entries.flow
    found = [flow for flow in manager.async_progress() if flow["context"]["source"] == SOURCE_REAUTH]
    for flow in found:
        manager.async_abort(flow["flow_id"])
    return bool(found)


@dataclass(kw_only=True)
class Stage:
    """Where the faults of a site are tried one after the other."""

    hass: HomeAssistant
    emulator: Emulator
    world: World
    hass_client: ClientSessionGenerator
    operation: str
    _entry: MockConfigEntry | None = field(default=None)

    @property
    def entry(self) -> MockConfigEntry:
        """The entry, once there is one."""
        assert self._entry is not None
        return self._entry

    @entry.setter
    def entry(self, entry: MockConfigEntry) -> None:
        self._entry = entry

    @property
    def acme(self) -> str:
        """The association that devices are registered with."""
        return self.world.association_id(ACME)

    @property
    def is_loaded(self) -> bool:
        """Whether there is an entry that is loaded."""
        return self._entry is not None and self._entry.state is ConfigEntryState.LOADED

    def kind(self, answer: Answer) -> Kind:
        """Return the kind of failure that an answer is where the stage's operation is called."""
        if self.operation in {ASSUME_ROLE, USE_CERTIFICATE} and answer.kind in {
            Kind.ACCESS_DENIED,
            Kind.NOT_FOUND,
            Kind.INVALID_REQUEST,
        }:
            # Whatever keeps credentials from being obtained, the user has to mend it there.
            return Kind.INVALID_AUTH
        return answer.kind

    @cached_property
    def credentials(self) -> dict[str, str]:
        """What the entry's data needs for the stage's operation to be called."""
        if self.operation == ASSUME_ROLE:
            return {"role_arn": self.world.add_role("Gateway")}
        if self.operation != USE_CERTIFICATE:
            return {}
        self.world.add_role_alias("GatewayAlias", self.world.add_role("Gateway"))
        certificate, private_key = self.world.create_device_certificate("cellar-gateway")
        return {
            "auth_method": "iot_certificate",
            "credential_endpoint": self.emulator.start_credential_provider(),
            "role_alias": "GatewayAlias",
            "thing_name": "cellar-gateway",
            "certificate": certificate.strip(),
            "private_key": private_key.strip(),
            "ca_certificate": self.world.ca_certificate_pem.strip(),
        }

    def inject(self, answer: Answer, times: int = 1) -> None:
        """Let the operation be answered so."""
        answer.inject(self.world, self.operation, times)

    def mend(self) -> None:
        """Let everything be answered well."""
        with self.world.lock:
            for faults in (self.world.faults.refusals, self.world.faults.drops, self.world.faults.garblings):
                faults.clear()

    def asked_for_credentials(self) -> bool:
        """Whether a flow asks for new credentials; it is closed."""
        return asked_for_credentials(self.hass)

    def with_reauth(self, outcome: str) -> str:
        """Name an outcome for what the user is asked."""
        return f"{outcome}, reauth" if self.asked_for_credentials() else outcome


type Run = Callable[[Stage, Answer], Awaitable[str]]
RUNS: dict[tuple[str, Phase], Run] = {}
LOADED: set[tuple[str, Phase]] = set()
"""The sites that need an entry that is loaded."""


def run(phase: Phase, *operations: str, is_loaded: bool = True) -> Callable[[Run], Run]:
    """Say what a function tries out; it returns the name of the outcome, and leaves everything mended."""

    def _decorate(function: Run) -> Run:
        for operation in operations:
            RUNS[operation, phase] = function
            if is_loaded:
                LOADED.add((operation, phase))
        return function

    return _decorate


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.id)
async def test_answers(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator, site: Site
) -> None:
    """Whatever AWS or the wire answers, what the user sees and what is kept are as the table says."""
    stage = Stage(hass=hass, emulator=emulator, world=world, hass_client=hass_client, operation=site.operation)
    key = (site.operation, site.phase)
    if key in LOADED:
        stage.entry = await ready(hass, emulator, world)
    seen: dict[str, str] = {}
    for answer in site.answers:
        world.clear_requests()
        try:
            seen[f"{answer.name} {answer.status}"] = await RUNS[key](stage, answer)
        except AssertionError as err:
            err.add_note(f"{answer.name} {answer.status}")
            raise
        assert world.count(site.operation) > 0
    assert seen == {f"{answer.name} {answer.status}": site.outcome(answer) for answer in site.answers}


def test_table_is_complete() -> None:
    """Every code that an operation declares is tried, every kind has an outcome, and every site has a test."""
    models = get_session()
    called = dict.fromkeys(OPERATIONS, models.get_service_model(SERVICE))
    called |= dict.fromkeys((IDENTITY, ASSUME_ROLE), models.get_service_model("sts"))
    assert {site.operation for site in SITES} == called.keys() | {USE_CERTIFICATE}
    for operation, model in called.items():
        tried = {answer.name for site in SITES if site.operation == operation for answer in site.answers}
        assert _declared(model.operation_model(operation)) <= tried, operation
    assert {answer for site in SITES for answer in site.answers} == {*ANSWERS, *STS_ANSWERS}
    assert not {(operation, phase) for operation, cells in ELSEWHERE.items() for phase in cells} & RUNS.keys()
    assert RUNS.keys() == {(site.operation, site.phase) for site in SITES}
    used: set[str] = set()
    for site in SITES:
        assert site.outcomes.keys() == set(Kind)
        assert {answer.kind for answer in site.answers} == set(Kind)
        used |= {site.outcome(answer) for answer in site.answers}
    assert used == OUTCOMES.keys()


def _declared(operation: OperationModel) -> set[str]:
    """Return the codes of the errors that an operation declares."""
    return {error.metadata.get("error", {}).get("code", error.name) for error in operation.error_shapes}


# --- flows ------------------------------------------------------------------------------------------------------------


def flow_key(stage: Stage, answer: Answer) -> str:
    """Return the text that a flow shows for an answer."""
    match stage.kind(answer):
        case Kind.SERVICE_ERROR if answer.status is not None and answer.status >= 500:
            return "cannot_connect"
        case Kind.SERVICE_ERROR | Kind.NOT_FOUND | Kind.CONFLICT | Kind.INVALID_REQUEST:
            return "unknown"
        case kind:
            return kind.value


@run(Phase.FLOW, IDENTITY, LIST_ASSOCIATIONS, ASSUME_ROLE, USE_CERTIFICATE, is_loaded=False)
async def _config_flow(stage: Stage, answer: Answer) -> str:
    manager, world = stage.hass.config_entries.flow, stage.world
    stage.inject(answer)
    result = await manager.async_init(DOMAIN, context={"source": SOURCE_USER})
    keys: dict[str, Any] = {**stage.credentials}
    connection = {
        "region": world.region,
        "auth_method": keys.pop("auth_method", "access_key"),
        "advanced": {"endpoint_url": stage.emulator.url},
    }
    if connection["auth_method"] == "access_key":
        keys = {
            "access_key_id": world.access_key_id,
            "secret_access_key": world.secret_access_key,
            "assume_role": keys,
        }
    result = await manager.async_configure(result["flow_id"], connection)
    result = await manager.async_configure(result["flow_id"], keys)
    assert result["type"] == "form"
    assert result["errors"] == {"base": flow_key(stage, answer)}
    assert not stage.hass.config_entries.async_entries(DOMAIN)
    if result["step_id"] == "user":
        result = await manager.async_configure(result["flow_id"], connection)
    result = await manager.async_configure(result["flow_id"], keys)
    assert (result["type"], result["step_id"]) == ("form", "account_associations")
    manager.async_abort(result["flow_id"])
    return "form"


async def _start_subentry_flow(stage: Stage, step: str) -> Any:
    manager = stage.hass.config_entries.subentries
    result = await manager.async_init(
        (stage.entry.entry_id, SUBENTRY_ACCOUNT_ASSOCIATION), context={"source": SOURCE_USER}
    )
    return await manager.async_configure(result["flow_id"], {"next_step_id": step})


@run(Phase.FLOW, LIST_DESTINATIONS)
async def _flow_that_ends(stage: Stage, answer: Answer) -> str:
    stage.inject(answer)
    result = await _start_subentry_flow(stage, "create")
    assert (result["type"], result["reason"]) == ("abort", flow_key(stage, answer))
    result = await _start_subentry_flow(stage, "create")
    assert (result["type"], result["step_id"]) == ("form", "create")
    stage.hass.config_entries.subentries.async_abort(result["flow_id"])
    return "ended"


@run(Phase.FLOW, CREATE_ASSOCIATION)
async def _create_association(stage: Stage, answer: Answer) -> str:
    manager, world = stage.hass.config_entries.subentries, stage.world
    before = len(world.associations)
    form = {"connector_destination_id": "contoso-locks", "name": f"{answer.kind} {answer.status} {answer.name}"[:60]}
    form["name"] = "".join(letter for letter in form["name"] if letter.isalnum())
    result = await _start_subentry_flow(stage, "create")
    stage.inject(answer)
    result = await manager.async_configure(result["flow_id"], form)
    assert (result["type"], result["step_id"]) == ("form", "create")
    outcome = "form"
    if result["errors"] == {"connector_destination_id": "connector_destination_gone"}:
        outcome = "gone"
    else:
        assert result["errors"] == {"base": flow_key(stage, answer)}
    # The same form again makes one association, even if the work was done before the answer got lost.
    result = await manager.async_configure(result["flow_id"], form)
    assert result["type"] == "progress"
    assert len(world.associations) == before + 1
    manager.async_abort(result["flow_id"])
    await stage.hass.async_block_till_done()
    return outcome


@run(Phase.FLOW, REFRESH, DELETE_ASSOCIATION)
async def _unfinished_association(stage: Stage, answer: Answer) -> str:
    manager, world = stage.hass.config_entries.subentries, stage.world
    association = world.add_association(name="Fabrikam Locks", state="ASSOCIATION_FAILED")
    result = await _start_subentry_flow(stage, "existing")
    result = await manager.async_configure(result["flow_id"], {"account_association_id": association})
    assert (result["type"], result["step_id"]) == ("menu", "failed")
    stage.inject(answer)
    step = "delete" if stage.operation == DELETE_ASSOCIATION else "authorize_again"
    result = await manager.async_configure(result["flow_id"], {"next_step_id": step})
    assert result["type"] == "abort"
    assert len(stage.entry.subentries) == 2
    if result["reason"] == "account_association_gone":
        return "deleted"
    if result["reason"] == "account_association_deleted":
        # AWS has nothing to say to this, so nothing can be spoilt but the connection.
        assert answer.status is None
        assert world.associations[association]["AssociationState"] == "ASSOCIATION_DELETING"
        return "ended"
    assert result["reason"] == flow_key(stage, answer)
    return "ended"


# --- set-up and poll --------------------------------------------------------------------------------------------------


@run(
    Phase.SET_UP,
    IDENTITY,
    LIST_THINGS,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    ASSUME_ROLE,
    USE_CERTIFICATE,
    is_loaded=False,
)
async def _first_set_up(stage: Stage, answer: Answer) -> str:
    hass = stage.hass
    stage.inject(answer, MANY)
    stage.entry = entry = add_entry(
        hass, stage.emulator, stage.world, association_ids=stage.world.associations, data=stage.credentials
    )
    await set_up(hass, entry)
    outcome = {
        ConfigEntryState.SETUP_RETRY: "retried",
        ConfigEntryState.SETUP_ERROR: "reauth",
        ConfigEntryState.LOADED: "without",
    }[state_of(entry)]
    if outcome == "without":
        assert any(issue.startswith("missing_permission") for issue in issues(hass))
    else:
        assert entry.error_reason_translation_key == stage.kind(answer).value
    assert stage.asked_for_credentials() is (outcome == "reauth")
    stage.mend()
    if outcome == "retried":
        # Home Assistant tries again by itself.
        await pass_time(hass, 100)
    else:
        assert await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
    assert state_of(entry) is ConfigEntryState.LOADED
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
    await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    return outcome


@run(Phase.POLL, LIST_THINGS, LIST_ASSOCIATIONS, LIST_REGISTRATIONS)
async def _poll(stage: Stage, answer: Answer) -> str:
    hass, entry, light = stage.hass, stage.entry, stage.world.thing_id(LIGHT)
    stage.inject(answer, MANY)
    if stage.kind(answer) is Kind.ACCESS_DENIED and stage.operation != LIST_THINGS:
        await press(hass, entry.unique_id, "synchronize")
        await hass.async_block_till_done()
        assert coordinator_of(entry).last_update_success
        assert any(issue.startswith("missing_permission") for issue in issues(hass))
        assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
        outcome = "without"
    else:
        with pytest.raises(HomeAssistantError) as caught:
            await press(hass, entry.unique_id, "synchronize")
        assert key_of(caught) == stage.kind(answer).value
        await hass.async_block_till_done()
        assert state(hass, "sensor", light, "registration") == "unavailable"
        assert device(hass, entry, light) is not None
        outcome = stage.with_reauth("stale")
    stage.mend()
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "not_registered"
    assert not any(issue.startswith("missing_permission") for issue in issues(hass))
    return outcome


@run(Phase.POLL, ASSUME_ROLE, USE_CERTIFICATE, is_loaded=False)
async def _renew_credentials(stage: Stage, answer: Answer) -> str:
    """Try what is called when AWS has ended the credentials that were assumed."""
    await _end_credentials(stage)
    return await _poll(stage, answer)


async def _end_credentials(stage: Stage) -> None:
    """Let AWS end the credentials that were assumed, and a single call find that out."""
    if not stage.is_loaded:
        stage.entry = await loaded(
            stage.hass,
            stage.emulator,
            stage.world,
            data=stage.credentials,
            options={"requests_per_second": 100},
        )
    await settle(stage.hass)
    stage.world.expire_sessions()
    discovery = stage.world.add_discovery(association_id=stage.acme)
    with pytest.raises(HomeAssistantError) as caught:
        await act(stage.hass, GET_DISCOVERED, device_discovery_id=discovery)
    assert key_of(caught) == "service_error"
    assert not stage.asked_for_credentials()


@run(Phase.POLL, CONNECTIVITY)
async def _connectivity(stage: Stage, answer: Answer) -> str:
    hass, hub = stage.hass, stage.world.thing_id(HUB)
    connectivity = data_of(stage.entry).connectivity
    stage.inject(answer, MANY)
    await connectivity.async_refresh()
    await hass.async_block_till_done()
    shown = state(hass, "binary_sensor", hub, "connected")
    assert state(hass, "sensor", stage.entry.unique_id, "managed_things") == "13"
    assert shown == "unavailable"
    outcome = "hub gone" if connectivity.last_update_success else "hub stale"
    outcome = stage.with_reauth(outcome)
    stage.mend()
    await connectivity.async_refresh()
    await hass.async_block_till_done()
    assert state(hass, "binary_sensor", hub, "connected") == "on"
    return outcome


async def _forget_jobs(entry: MockConfigEntry) -> None:
    """Let an entry know of no discovery, as before its first set-up."""
    data_of(entry).store.queue.jobs.clear()
    await data_of(entry).store.async_save_queue()


@run(Phase.POLL, LIST_JOBS, GET_JOB, LIST_FOUND)
async def _details(stage: Stage, answer: Answer) -> str:
    """Try what is read of discoveries after a set-up, beside the lists."""
    hass, entry = stage.hass, stage.entry
    await _forget_jobs(entry)
    stage.inject(answer, MANY)
    await reload(hass, entry)
    await look_back(hass)
    assert coordinator_of(entry).last_update_success
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"
    before = stage.world.count(stage.operation)
    assert before > 0
    outcome = stage.with_reauth("unseen")
    stage.mend()
    await _forget_jobs(entry)
    found = await act(hass, GET_DISCOVERED, account_association_id=stage.acme)
    assert found["status"] == "succeeded"
    assert found["devices"]
    assert stage.world.count(stage.operation) > before
    return outcome


@run(Phase.POLL, DETAILS)
async def _thing_details(stage: Stage, answer: Answer) -> str:
    """Try what is read of a thing whenever it has changed."""
    hass, entry, world, light = stage.hass, stage.entry, stage.world, stage.world.thing_id(LIGHT)

    async def _change(serial_number: str) -> None:
        world.advance(1)
        world.update_thing(light, SerialNumber=serial_number)
        assert await poll(hass, entry)
        await pass_time(hass, matcher.DETAILS_DELAY + 1)

    stage.inject(answer, MANY)
    await _change("SN-1")
    assert coordinator_of(entry).last_update_success
    assert state(hass, "sensor", light, "registration") == "not_registered"
    outcome = stage.with_reauth("unseen")
    stage.mend()
    world.clear_requests()
    await _change("SN-2")
    read = [request.params["Identifier"] for request in world.requests if request.operation == DETAILS]
    assert light in read
    return outcome


# --- actions ----------------------------------------------------------------------------------------------------------


async def _write(stage: Stage, *, register: bool, name: str) -> Any:
    """Ask for one pair, with one beside it for which there is nothing to do, so that a failure doesn't raise."""
    world = stage.world
    if register:
        other = world.thing_id(REGISTERED_LIGHT)
        answer = await act(
            stage.hass,
            REGISTER,
            managed_thing_id=[world.thing_id(name), other],
            account_association_id=stage.acme,
            device_discovery_id=world.discovery_id(stage.acme),
        )
    else:
        other = world.thing_id(OTHER_LIGHT)
        answer = await act(
            stage.hass, DEREGISTER, managed_thing_id=[world.thing_id(name), other], account_association_id=stage.acme
        )
    assert answer["results"][1]["status"] in {"already_registered", "not_registered"}
    return answer["results"][0]


async def _catch_up(stage: Stage) -> None:
    """Let what waits be tried again until nothing does."""
    for _ in range(3):
        if not data_of(stage.entry).registrar.pending_count:
            break
        await pass_time(stage.hass, 1000)


async def _undo(stage: Stage, name: str, *, registered: bool) -> None:
    """Bring a pair back to how it was, in the cloud and here."""
    thing = stage.world.thing_id(name)
    await _catch_up(stage)
    if registered:
        stage.world.register(thing, stage.acme, discovery_id=stage.world.discovery_id(stage.acme))
    elif (thing, stage.acme) in stage.world.registrations:
        stage.world.deregister(thing, stage.acme)
    if not registered:
        # What failed is forgotten by this.
        await act(stage.hass, DEREGISTER, managed_thing_id=thing, account_association_id=stage.acme)
    assert await poll(stage.hass, stage.entry)
    await settle(stage.hass)
    assert state(stage.hass, "sensor", stage.entry.unique_id, "pending_registrations") == "0"
    assert state(stage.hass, "sensor", thing, "registration") == ("associated" if registered else "not_registered")


@run(Phase.ACTION, PUT, DELETE, LIST_REGISTRATIONS)
async def _write_action(stage: Stage, answer: Answer) -> str:
    register = stage.operation != DELETE
    name = LIGHT if register else REGISTERED_LIGHT
    pair = (stage.world.thing_id(name), stage.acme)
    stage.inject(answer)
    verdict = await _write(stage, register=register, name=name)
    await settle(stage.hass)
    done = "registered" if register else "deregistered"
    if verdict["status"] in {done, "pre_associated"}:
        assert (pair in stage.world.registrations) is register
        outcome = "done"
    else:
        outcome = {"queued": "queued", "failed": "failed", "not_registered": "not there"}[verdict["status"]]
    if outcome in {"queued", "failed"}:
        assert verdict["error_code"] == answer.name
        assert (pair in stage.world.registrations) is not register
    if outcome == "failed" and register:
        assert state(stage.hass, "sensor", pair[0], "registration") == "failed"
    outcome = stage.with_reauth(outcome)
    stage.mend()
    if outcome.startswith("queued"):
        await pass_time(stage.hass, 1000)
        assert (pair in stage.world.registrations) is register
    elif outcome == "failed":
        # Asked for again, it is done.
        assert (await _write(stage, register=register, name=name))["status"] == done
    await _undo(stage, name, registered=not register)
    return outcome


async def _add_found(stage: Stage, answer: Answer) -> str:
    """Let a finished discovery list one more device that has no managed thing, after all others were onboarded."""
    number = f"x-{len(stage.world.things)}-{answer.kind.value.replace('_', '-')}"
    if not any(thing.get("Name") == FOUND_LIGHTS[0] for thing in stage.world.things.values()):
        first = stage.world.add_discovery(association_id=stage.acme)
        await act(stage.hass, ONBOARD, account_association_id=stage.acme, device_discovery_id=first)
        await settle(stage.hass)
    stage.world.add_cloud_device(stage.acme, number, f"Lamp {number}")
    return stage.world.add_discovery(association_id=stage.acme)


@run(Phase.ACTION, CREATE)
async def _onboard(stage: Stage, answer: Answer) -> str:
    discovery = await _add_found(stage, answer)
    before = set(stage.world.things)
    stage.inject(answer, 2 if answer.kind is Kind.CANNOT_CONNECT else 1)
    found = {"account_association_id": stage.acme, "device_discovery_id": discovery}
    asked = await act(stage.hass, ONBOARD, **found)
    await settle(stage.hass)
    (verdict,) = [row for row in asked["results"] if row["managed_thing_id"] not in before]
    outcome = {"registered": "done"}.get(verdict["status"], verdict["status"])
    if outcome != "done":
        assert verdict["error_code"] == answer.name
    outcome = stage.with_reauth(outcome)
    stage.mend()
    if outcome.startswith("queued"):
        await _catch_up(stage)
    elif outcome == "failed":
        await act(stage.hass, ONBOARD, **found)
        await settle(stage.hass)
    (created,) = set(stage.world.things) - before
    assert stage.world.registrations[created, stage.acme] == "ASSOCIATED"
    assert state(stage.hass, "sensor", stage.entry.unique_id, "pending_registrations") == "0"
    return outcome


async def _raised(stage: Stage, answer: Answer, action: str, **fields: Any) -> str:
    """Call an action; it works, or raises the text of this kind of error."""
    stage.inject(answer)
    try:
        await act(stage.hass, action, **fields)
    except HomeAssistantError as err:
        outcome = {stage.kind(answer).value: "raised", "unknown_device_discovery": "no such id"}[
            str(err.translation_key)
        ]
    else:
        outcome = "done"
    await settle(stage.hass)
    stage.asked_for_credentials()
    stage.mend()
    await act(stage.hass, action, **fields)
    await settle(stage.hass)
    return outcome


@run(Phase.ACTION, START)
async def _start_discovery(stage: Stage, answer: Answer) -> str:
    return await _raised(stage, answer, START_DISCOVERY, discovery_type="cloud", account_association_id=stage.acme)


@run(Phase.ACTION, CONNECTIVITY)
async def _start_hub_discovery(stage: Stage, answer: Answer) -> str:
    return await _raised(
        stage, answer, START_DISCOVERY, discovery_type="zigbee", controller_id=stage.world.thing_id(HUB)
    )


@run(Phase.ACTION, REFRESH)
async def _refresh(stage: Stage, answer: Answer) -> str:
    return await _raised(stage, answer, "refresh_account_association", account_association_id=stage.acme)


@run(Phase.ACTION, LIST_ASSOCIATIONS)
async def _watch(stage: Stage, answer: Answer) -> str:
    """Try the looks at an association whose authorization was renewed."""
    await act(stage.hass, "refresh_account_association", account_association_id=stage.acme)
    stage.inject(answer)
    stage.world.authorize(stage.acme)
    await settle(stage.hass)
    assert stage.world.count(LIST_ASSOCIATIONS) > 0
    stage.mend()
    assert await poll(stage.hass, stage.entry)
    assert state(stage.hass, "sensor", stage.acme, "state") == "association_succeeded"
    assert state(stage.hass, "binary_sensor", stage.acme, "authorization_problem") == "off"
    return stage.with_reauth("unseen")


@run(Phase.ACTION, GET_JOB, LIST_FOUND)
async def _read_discovery(stage: Stage, answer: Answer) -> str:
    return await _raised(
        stage, answer, GET_DISCOVERED, device_discovery_id=stage.world.add_discovery(association_id=stage.acme)
    )


@run(Phase.ACTION, ASSUME_ROLE, USE_CERTIFICATE, is_loaded=False)
async def _read_with_new_credentials(stage: Stage, answer: Answer) -> str:
    await _end_credentials(stage)
    outcome = await _read_discovery(stage, answer)
    assert await poll(stage.hass, stage.entry)
    return outcome


@run(Phase.ACTION, LIST_JOBS)
async def _read_discoveries(stage: Stage, answer: Answer) -> str:
    data_of(stage.entry).store.queue.jobs.clear()
    return await _raised(stage, answer, GET_DISCOVERED, account_association_id=stage.acme)


# --- queue and repairs ------------------------------------------------------------------------------------------------


@run(Phase.QUEUE, PUT, DELETE, LIST_THINGS)
async def _retry(stage: Stage, answer: Answer) -> str:
    register = stage.operation != DELETE
    name = LIGHT if register else REGISTERED_LIGHT
    pair = (stage.world.thing_id(name), stage.acme)
    stage.world.offline()
    assert (await _write(stage, register=register, name=name))["status"] == "queued"
    if stage.operation == LIST_THINGS:
        assert not await poll(stage.hass, stage.entry)
    stage.inject(answer, MANY)
    stage.world.offline(offline=False)
    stage.world.clear_requests()
    for _ in range(2):
        await pass_time(stage.hass, 1000)
    queue = data_of(stage.entry).store.queue
    if pair in queue.intents:
        outcome = "waits"
        assert state(stage.hass, "sensor", stage.entry.unique_id, "pending_registrations") in {"1", "unavailable"}
    elif pair in queue.failures:
        outcome = "failed"
        assert queue.failures[pair].error_code == answer.name
    else:
        outcome = "done"
    outcome = stage.with_reauth(outcome)
    stage.mend()
    if outcome.startswith("waits"):
        assert await poll(stage.hass, stage.entry)
        await _catch_up(stage)
        assert (pair in stage.world.registrations) is register
    await _undo(stage, name, registered=not register)
    return outcome


@run(Phase.QUEUE, LIST_JOBS, GET_JOB, LIST_FOUND, START)
async def _search(stage: Stage, answer: Answer) -> str:
    """Try what looks for the discovery that a registration needs."""
    hass, entry, world, acme = stage.hass, stage.entry, stage.world, stage.acme
    number = f"x-{len(world.things)}"
    world.add_cloud_device(acme, number, f"Lamp {number}")
    if stage.operation != START:
        world.add_discovery(association_id=acme)
    lamp = world.add_thing(
        name=f"Lamp {number}", status="UNASSOCIATED", association_id=acme, connector_device_id=number
    )
    assert await poll(hass, entry)
    await _forget_jobs(entry)
    world.offline()
    asked = {"managed_thing_id": lamp, "account_association_id": acme}
    assert item(await act(hass, REGISTER, **asked))["status"] == "queued"
    stage.inject(answer, MANY)
    world.offline(offline=False)
    for _ in range(2):
        await pass_time(hass, 1000)
    queue = data_of(entry).store.queue
    if (lamp, acme) in queue.intents:
        outcome = "waits"
    elif (failure := queue.failures.get((lamp, acme))) is not None:
        outcome = "failed"
        # A discovery that AWS no longer has lists nothing.
        own = {"no_device_discovery"} if answer.kind is Kind.NOT_FOUND else set()
        assert failure.error_code in {answer.name, *own}
    else:
        outcome = "done"
    assert world.count(PUT) == (1 if outcome == "done" else 0)
    outcome = stage.with_reauth(outcome)
    stage.mend()
    assert await poll(hass, entry)
    if outcome == "failed":
        assert item(await act(hass, REGISTER, **asked))["status"] == "registered"
    elif outcome != "done":
        await _catch_up(stage)
    assert world.registrations[lamp, acme] == "ASSOCIATED"
    assert world.count(PUT) == 1
    return outcome


@run(Phase.QUEUE, CREATE)
async def _resume_onboarding(stage: Stage, answer: Answer) -> str:
    discovery = await _add_found(stage, answer)
    before = set(stage.world.things)
    found = {"account_association_id": stage.acme, "device_discovery_id": discovery}
    await act(stage.hass, GET_DISCOVERED, device_discovery_id=discovery)
    stage.world.offline()
    await act(stage.hass, ONBOARD, **found)
    stage.inject(answer, MANY)
    stage.world.offline(offline=False)
    stage.world.clear_requests()
    for _ in range(2):
        await pass_time(stage.hass, 1000)
        # What was created is in the lists, whether or not its answer came through.
        assert await poll(stage.hass, stage.entry)
    outcome = "waits"
    if not data_of(stage.entry).store.queue.onboardings:
        outcome = "failed" if set(stage.world.things) == before else "done"
    outcome = stage.with_reauth(outcome)
    stage.mend()
    if outcome == "failed":
        await act(stage.hass, ONBOARD, **found)
    await _catch_up(stage)
    (created,) = set(stage.world.things) - before
    assert stage.world.registrations[created, stage.acme] == "ASSOCIATED"
    assert state(stage.hass, "sensor", stage.entry.unique_id, "pending_registrations") == "0"
    return outcome


@run(Phase.REPAIR, PUT)
async def _retry_by_repair(stage: Stage, answer: Answer) -> str:
    light = stage.world.thing_id(LIGHT)
    await fail_to_register(stage.hass, stage.world, light, stage.acme)
    issue_id = f"registration_failed_{light}_{stage.acme}"
    assert issue_id in issues(stage.hass)
    stage.mend()
    flow = await FixFlow.start(stage.hass, stage.hass_client, issue_id)
    stage.inject(answer, MANY)
    await flow.submit()
    await settle(stage.hass)
    if flow.result["type"] == "create_entry":
        outcome = "mended"
        assert issue_id not in issues(stage.hass)
    else:
        assert flow.result["errors"] == {"base": "registration_failed"}
        assert answer.name in flow.result["description_placeholders"]["reason"]
        outcome = "dialog"
        assert issue_id in issues(stage.hass)
        await flow.close()
    stage.asked_for_credentials()
    stage.mend()
    await _undo(stage, LIGHT, registered=False)
    return outcome


@run(Phase.REPAIR, REFRESH)
async def _authorize_by_repair(stage: Stage, answer: Answer) -> str:
    issue_id = f"authorization_expired_{stage.acme}"
    if issue_id not in issues(stage.hass):
        stage.world.expire_authorization(stage.acme)
        assert await poll(stage.hass, stage.entry)
    flow = await FixFlow.start(stage.hass, stage.hass_client, issue_id)
    stage.inject(answer)
    await flow.submit()
    assert flow.result["errors"] == {"base": "refresh_failed"}
    assert flow.result["description_placeholders"]["message"] not in {"", "-"}
    assert issue_id in issues(stage.hass)
    await flow.close()
    stage.mend()
    return "dialog"


# --- connection, credentials, clock -----------------------------------------------------------------------------------


async def test_connection_refused(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Nobody listens."""
    entry = add_entry(hass, emulator, world, data={"endpoint_url": "http://127.0.0.1:9"})
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_connect"
    hass.config_entries.async_update_entry(entry, data={**entry.data, "endpoint_url": emulator.url})
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.LOADED


async def test_unknown_key(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An access key that AWS doesn't know needs the user."""
    entry = add_entry(hass, emulator, world, data={"access_key_id": "AKIANOBODY"})
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "invalid_auth"
    assert asked_for_credentials(hass)


async def test_wrong_clock(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """If signing with AWS's time doesn't help either, the text says by how much this machine's clock is wrong."""
    entry = await loaded(hass, emulator, world)
    world.set_clock_offset(7200)
    for operation in (LIST_THINGS, LIST_ASSOCIATIONS, LIST_REGISTRATIONS):
        world.refuse(operation, "RequestTimeTooSkewed", times=2)
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, entry.unique_id, "synchronize")
    assert key_of(caught) == "clock_skew"
    assert caught.value.translation_placeholders is not None
    assert abs(int(caught.value.translation_placeholders["seconds"]) - 7200) < 60
    assert not asked_for_credentials(hass)
    world.set_clock_offset(0)
    world.faults.refusals.clear()
    assert await poll(hass, entry)
