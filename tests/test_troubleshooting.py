"""Each row of docs/troubleshooting.md: a cause, what Home Assistant shows, and that the remedy mends it."""

import re
import sys

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from scripts.house import ROOT

from .common import (
    ACME,
    CONNECTIVITY,
    HUB,
    LIGHT,
    LIST_THINGS,
    PUT,
    REGISTER,
    act,
    coordinator_of,
    data_of,
    fixed_home,
    item,
    key_of,
    loaded,
    pass_time,
    poll,
    press,
    state,
)
from .engine_common import START_DISCOVERY, follow_activity, make_quick, make_retries_quick, ready, reload, settle
from .flow_common import add_entry, set_up
from .repair_common import (
    IGNORE_OWN_WARNING_OF_HTTP,
    FixFlow,
    accept,
    delete_association,
    expire_authorization,
    fail_to_register,
    issues,
    leave_in_discovered,
    make_looks_quick,
    text_of,
    until,
)
from .test_diagnostics import file_of

pytestmark = IGNORE_OWN_WARNING_OF_HTTP

PAGE = ROOT / "docs" / "troubleshooting.md"
PREFIX = "iotmanagedintegrations:"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)


def rows() -> list[list[str]]:
    """Return the cells of each row of the page's table, the id first."""
    pattern = re.compile(r'\| <a id="(\w+)"></a>([^|]+)\|([^|]+)\|([^|]+)\|')
    matches = map(pattern.fullmatch, PAGE.read_text(encoding="utf-8").splitlines())
    return [[cell.strip() for cell in match.groups()] for match in matches if match is not None]


def test_every_row_is_a_test_and_every_test_a_row() -> None:
    """The table and this file go together."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    ids = [row[0] for row in rows()]
    assert len(ids) == len(set(ids)) == len(lines) - 2
    assert all(all(row) for row in rows())
    module = sys.modules[__name__]
    tests = {
        name.removeprefix("test_")
        for name, function in vars(module).items()
        if name.startswith("test_") and getattr(function, "is_row", False)
    }
    assert tests == set(ids)


def row[T](function: T) -> T:
    """Mark the test of a row."""
    function.is_row = True  # type: ignore[attr-defined]  # functions take any attribute
    return function


def reauths(hass: HomeAssistant) -> list[str]:
    """Return the titles of the entries that ask for new credentials."""
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return [
        flow["context"]["title_placeholders"]["name"] for flow in flows if flow["context"]["source"] == SOURCE_REAUTH
    ]


def is_unavailable(hass: HomeAssistant, world: World) -> bool:
    """Return whether a thing's sensor has no value."""
    return state(hass, "sensor", world.thing_id(LIGHT), "registration") == STATE_UNAVAILABLE


async def register(hass: HomeAssistant, world: World) -> str:
    """Ask for a registration; returns what became of it."""
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    status: str = item(await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme))["status"]
    return status


async def resumes(hass: HomeAssistant, entry: MockConfigEntry, world: World) -> None:
    """Wait until what waited is done, exactly once."""
    await poll(hass, entry)
    await pass_time(hass, 1000)
    pair = (world.thing_id(LIGHT), world.association_id(ACME))
    await until(lambda: world.registrations.get(pair) == "ASSOCIATED")
    await settle(hass)
    assert data_of(entry).registrar.pending_count == 0
    assert [request.status for request in world.requests if request.operation == PUT].count(201) == 1


def identity(hass: HomeAssistant, entry: MockConfigEntry) -> dict[str, object]:
    """Return what must stay the same whatever happens to the account's connection."""
    return {
        "entities": sorted(
            (found.entity_id, found.unique_id, found.device_id, found.id)
            for found in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        ),
        "devices": sorted(
            (found.id, sorted(found.identifiers))
            for found in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        ),
        "subentries": {key: dict(subentry.data) for key, subentry in entry.subentries.items()},
        "queue": sorted(data_of(entry).store.queue.intents),
        "unique_id": entry.unique_id,
    }


@row
async def test_bad_credentials(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    good = world.credentials.pop(world.access_key_id)
    assert not await poll(hass, entry)
    assert reauths(hass) == [entry.title]
    assert is_unavailable(hass, world)
    world.credentials[good.access_key_id] = good
    await reload(hass, entry)
    assert not is_unavailable(hass, world)


@row
async def test_other_account(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    with fixed_home(emulator) as other:
        data = {"access_key_id": other.access_key_id, "secret_access_key": other.secret_access_key}
        entry = add_entry(hass, emulator, world, data=data)
        await set_up(hass, entry)
        assert reauths(hass) == [entry.title]
        assert other.account_id in str(entry.reason)
        assert world.account_id in str(entry.reason)
        assert {request.operation for request in other.requests} == {"GetCallerIdentity"}


@row
async def test_role_gone(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    role = world.add_role("Gateway")
    entry = await loaded(hass, emulator, world, data={"role_arn": role})
    world.remove_role(role)
    world.expire_sessions()
    await reload(hass, entry, online=False)
    await settle(hass)
    assert reauths(hass) == [entry.title]
    assert "sts:AssumeRole" in str(coordinator_of(entry).last_exception)
    world.add_role("Gateway")
    await reload(hass, entry)
    assert not is_unavailable(hass, world)


@row
async def test_missing_permission(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    world.deny(PREFIX + CONNECTIVITY)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    issue_id = f"missing_permission_{PREFIX}{CONNECTIVITY}"
    assert issues(hass) == {issue_id}
    assert f'"Action": "{PREFIX}{CONNECTIVITY}"' in await text_of(hass, issue_id)
    assert state(hass, "binary_sensor", world.thing_id(HUB), "connected") == STATE_UNAVAILABLE
    assert not is_unavailable(hass, world)
    world.allow(PREFIX + CONNECTIVITY)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert issues(hass) == set()
    assert state(hass, "binary_sensor", world.thing_id(HUB), "connected") == "on"


@row
async def test_missing_list_permission(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    world.deny(PREFIX + LIST_THINGS)
    assert not await poll(hass, entry)
    assert is_unavailable(hass, world)
    assert issues(hass) == {f"missing_permission_{PREFIX}{LIST_THINGS}"}
    with pytest.raises(HomeAssistantError, match=LIST_THINGS):
        await press(hass, entry.unique_id, "synchronize")
    world.allow(PREFIX + LIST_THINGS)
    assert await poll(hass, entry)
    assert issues(hass) == set()


@row
async def test_wrong_clock(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    world.set_clock_offset(1800)
    assert await poll(hass, entry)
    assert issues(hass) == {"clock_skew"}
    assert re.search(r"by 1(79|80)\d seconds", await text_of(hass, "clock_skew"))
    assert await register(hass, world) == "registered"
    assert reauths(hass) == []
    world.set_clock_offset(0)
    assert await poll(hass, entry)
    assert issues(hass) == set()


@row
async def test_no_internet(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_retries_quick(monkeypatch)
    entry = await ready(hass, emulator, world)
    world.offline()
    assert not await poll(hass, entry)
    assert is_unavailable(hass, world)
    assert await register(hass, world) == "queued"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    world.offline(False)
    await resumes(hass, entry, world)
    assert not is_unavailable(hass, world)


@row
async def test_restart_offline(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    world.offline()
    assert await register(hass, world) == "queued"
    before = identity(hass, entry)
    await reload(hass, entry, online=False)
    await settle(hass)
    assert identity(hass, entry) == before
    assert is_unavailable(hass, world)
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "1"
    world.offline(False)
    await resumes(hass, entry, world)


@row
async def test_proxy(hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture) -> None:
    entry = await ready(hass, emulator, world)
    things = set(world.things)
    world.garble(LIST_THINGS, "html")
    assert not await poll(hass, entry)
    assert is_unavailable(hass, world)
    assert "AWS can't be reached" in caplog.text
    assert set(coordinator_of(entry).data.things_by_id) == things
    assert await poll(hass, entry)
    assert not is_unavailable(hass, world)


@row
async def test_throttled(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    world.refuse(LIST_THINGS, "ThrottlingException")
    assert not await poll(hass, entry)
    assert is_unavailable(hass, world)
    assert coordinator_of(entry).last_exception is not None
    assert "rate" in str(coordinator_of(entry).last_exception)
    await pass_time(hass, 400)
    await until(lambda: coordinator_of(entry).last_update_success)
    await settle(hass)
    assert not is_unavailable(hass, world)


@row
async def test_aws_fails(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_retries_quick(monkeypatch)
    entry = await ready(hass, emulator, world)
    world.refuse(PUT, "InternalServerException", times=50)
    assert await register(hass, world) == "queued"
    world.refuse(LIST_THINGS, "InternalServerException")
    assert not await poll(hass, entry)
    assert is_unavailable(hass, world)
    failed = [request.request_id for request in world.requests if request.error_code == "InternalServerException"]
    found = await file_of(hass, entry)
    assert failed[-1] in {call["request_id"] for call in found["connection"]["last_calls"]}
    accept(world)
    await resumes(hass, entry, world)


@row
async def test_authorization_expired(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    fired = follow_activity(hass, acme)
    world.offline()
    assert await register(hass, world) == "queued"
    world.offline(False)
    issue_id = await expire_authorization(hass, entry, world, acme)
    assert state(hass, "binary_sensor", acme, "authorization_problem") == "on"
    assert [kind for kind, _ in fired] == ["authorization_expired"]
    assert "must be authorized again" in await text_of(hass, issue_id)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    await flow.submit()
    world.authorize(acme)
    await until(lambda: issues(hass) == set())
    await resumes(hass, entry, world)


@row
async def test_authorization_denied(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    issue_id = await expire_authorization(hass, entry, world, acme)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    await flow.submit()
    world.authorize(acme, allow=False)
    await until(lambda: state(hass, "sensor", acme, "state") == "association_failed")
    await settle(hass)
    await flow.look()
    assert flow.result["reason"] == "authorization_failed"
    assert issues(hass) == {issue_id}
    flow = await FixFlow.start(hass, hass_client, issue_id)
    await flow.submit()
    world.authorize(acme)
    assert await poll(hass, entry)
    assert issues(hass) == set()


@row
async def test_association_deleted(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    issue_id = await delete_association(hass, entry, world, acme)
    assert state(hass, "sensor", acme, "state") == STATE_UNAVAILABLE
    assert "was deleted in AWS" in await text_of(hass, issue_id)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    await flow.submit()
    await settle(hass)
    assert issues(hass) == set()


@row
async def test_registration_refused(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    issue_id = await fail_to_register(hass, world, light, acme, "words of AWS")
    assert state(hass, "sensor", light, "registration") == "failed"
    assert "could not be registered with" in await text_of(hass, issue_id)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    assert "words of AWS" in flow.result["description_placeholders"]["reason"]
    accept(world)
    await flow.submit()
    await settle(hass)
    assert state(hass, "sensor", light, "registration") == "associated"
    assert issues(hass) == set()


@row
async def test_stuck_in_discovered(
    hass: HomeAssistant, emulator: Emulator, world: World, hass_client: ClientSessionGenerator
) -> None:
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    issue_id = await leave_in_discovered(hass, entry, world, light, acme)
    assert "found but not registered" in await text_of(hass, issue_id)
    flow = await FixFlow.start(hass, hass_client, issue_id)
    await flow.submit()
    await settle(hass)
    assert world.things[light]["ProvisioningStatus"] == "ACTIVATED"
    assert await poll(hass, entry)
    assert issues(hass) == set()


@row
async def test_hub_offline(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    hub = world.thing_id(HUB)
    world.set_connectivity(hub, connected=False)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert state(hass, "binary_sensor", hub, "connected") == "off"
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    assert key_of(caught) == "hub_offline"
    world.set_connectivity(hub, connected=True)
    await data_of(entry).connectivity.async_refresh()
    answer = await act(hass, START_DISCOVERY, discovery_type="zigbee", controller_id=hub)
    assert answer["status"] == "succeeded"


@row
async def test_discovery_fails(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    fired = follow_activity(hass, acme)
    for status in ("FAILED", "TIMED_OUT"):
        world.plan_discovery(status, duration=0.0)
        answer = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
        assert answer["status"] == status.lower()
        await settle(hass)
        assert state(hass, "sensor", acme, "discovery_status") == status.lower()
    assert [kind for kind, _ in fired if kind != "device_found"] == ["discovery_finished", "discovery_finished"]
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert state(hass, "sensor", acme, "discovery_status") == "succeeded"


@row
async def test_no_devices(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await loaded(hass, emulator, world, options={"owner": "nobody"})
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "0"
    found = await file_of(hass, entry)
    assert "owner" in found["synchronisation"]["why_no_devices"]
    hass.config_entries.async_update_entry(entry, options={})
    await settle(hass)
    await until(lambda: coordinator_of(entry).last_update_success)
    await settle(hass)
    assert state(hass, "sensor", entry.unique_id, "managed_things") == str(len(world.things))


async def waiting(hass: HomeAssistant, emulator: Emulator, world: World) -> MockConfigEntry:
    """Set an entry up with something in its queue, because AWS fails."""
    entry = await ready(hass, emulator, world)
    world.refuse(PUT, "InternalServerException", times=500)
    assert await register(hass, world) == "queued"
    return entry


async def enter_again(
    hass: HomeAssistant, emulator: Emulator, world: World, entry: MockConfigEntry, source: str
) -> None:
    """Go through reauth or reconfigure with the same credentials."""
    step: dict[str, object] = {
        "region": world.region,
        "auth_method": "access_key",
        "advanced": {"endpoint_url": emulator.url},
        "assume_role": {},
        "access_key_id": world.access_key_id,
        "secret_access_key": world.secret_access_key,
    }
    flow = await (entry.start_reauth_flow(hass) if source == "reauth" else entry.start_reconfigure_flow(hass))
    while flow["type"] == "form":
        assert not flow["errors"]
        assert flow["data_schema"] is not None
        fields = {str(marker) for marker in flow["data_schema"].schema}
        flow = await hass.config_entries.flow.async_configure(
            flow["flow_id"], {name: value for name, value in step.items() if name in fields}
        )
    assert flow["reason"] == f"{source}_successful"
    await settle(hass)
    await until(lambda: coordinator_of(entry).last_update_success)
    await settle(hass)


@pytest.mark.parametrize("source", ["reauth", "reconfigure"])
async def test_everything_stays_after_new_credentials(
    hass: HomeAssistant, emulator: Emulator, world: World, source: str
) -> None:
    """Reauth and reconfigure change the credentials, and not one id."""
    entry = await waiting(hass, emulator, world)
    before = identity(hass, entry)
    await enter_again(hass, emulator, world, entry, source)
    assert identity(hass, entry) == before
    accept(world)


async def test_everything_stays_after_a_restart(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A restart changes no id, and loses nothing that waits."""
    entry = await waiting(hass, emulator, world)
    before = identity(hass, entry)
    await reload(hass, entry)
    assert identity(hass, entry) == before
    accept(world)
    await resumes(hass, entry, world)


async def test_everything_stays_after_a_day_offline(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A day without the cloud changes no id, and loses nothing that waits."""
    entry = await waiting(hass, emulator, world)
    before = identity(hass, entry)
    world.offline()
    for hour in range(24):
        await pass_time(hass, 3600 * (hour + 1))
    assert is_unavailable(hass, world)
    assert identity(hass, entry) == before
    accept(world)
    world.offline(False)
    await poll(hass, entry)
    await pass_time(hass, 90_000)
    await resumes(hass, entry, world)
    assert not is_unavailable(hass, world)
    after = identity(hass, entry)
    assert after.pop("queue") == []
    before.pop("queue")
    assert after == before
