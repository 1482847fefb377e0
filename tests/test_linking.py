"""Authorizations that expire: what shows, what waits, and how everything goes on by itself."""

import asyncio
import json
import logging

import pytest
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.mi_registration import linking
from custom_components.mi_registration.aws.models import AssociationState
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.diagnostics import async_get_config_entry_diagnostics
from emulator import Emulator, World
from homeassistant.const import MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir

from .common import (
    ACME,
    DEREGISTER,
    LIGHT,
    LIST_ASSOCIATIONS,
    NORTHWIND,
    OTHER_LIGHT,
    PUT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    coordinator_of,
    data_of,
    item,
    key_of,
    loaded,
    pass_time,
    poll,
    press,
    state,
)
from .engine_common import (
    CREATE,
    FOUND_LIGHTS,
    ONBOARD,
    follow_activity,
    make_quick,
    make_retries_quick,
    ready,
    reload,
    settle,
)
from .repair_common import issues, make_looks_quick, until

REFRESH = "refresh_account_association"
START_REFRESH = "StartAccountAssociationRefresh"
OWNER = "robin"
SOON = 901
"""Seconds within which everything that waits is tried again."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)


@pytest.mark.parametrize("bad_state", ["REFRESH_TOKEN_EXPIRED", "ASSOCIATION_FAILED"])
async def test_expired_and_fixed_elsewhere(
    hass: HomeAssistant, emulator: Emulator, world: World, bad_state: str
) -> None:
    """Everything shows it at the next synchronisation, and stops showing it when it was mended in the console."""
    entry = await ready(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    fired, of_other = follow_activity(hass, acme), follow_activity(hass, northwind)
    assert issues(hass) == set()

    world.set_association_state(acme, bad_state, "the vendor said no")
    assert await poll(hass, entry)
    assert state(hass, "sensor", acme, "state") == bad_state.lower()
    assert state(hass, "binary_sensor", acme, "authorization_problem") == "on"
    assert state(hass, "binary_sensor", northwind, "authorization_problem") == "off"
    assert issues(hass) == {f"authorization_expired_{acme}"}
    assert [(kind, attributes["state"]) for kind, attributes in fired] == [("authorization_expired", bad_state.lower())]

    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    assert state(hass, "binary_sensor", acme, "authorization_problem") == "off"
    assert issues(hass) == set()
    assert [kind for kind, _ in fired] == ["authorization_expired", "authorization_restored"]
    assert of_other == []
    assert world.count(START_REFRESH) == 0


async def test_expired_is_announced_once(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Neither the next poll nor a restart says it again, and the repair is there after it."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    fired = follow_activity(hass, acme)
    assert await poll(hass, entry)
    await reload(hass, entry)
    assert fired == []
    assert issues(hass) == {f"authorization_expired_{acme}"}


async def test_renewal_that_nobody_finishes(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """As long as the end user didn't agree at the vendor, everything says so, also after a restart."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    fired = follow_activity(hass, acme)
    world.set_association_state(acme, "REFRESH_TOKEN_EXPIRED")
    assert await poll(hass, entry)
    world.set_association_state(acme, "ASSOCIATION_IN_PROGRESS")

    async def _check() -> None:
        assert await poll(hass, entry)
        assert state(hass, "sensor", acme, "state") == "association_in_progress"
        assert state(hass, "binary_sensor", acme, "authorization_problem") == "on"
        assert issues(hass) == {f"authorization_expired_{acme}"}
        assert [kind for kind, _ in fired] == ["authorization_expired"]

    await _check()
    await reload(hass, entry)
    await _check()
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    assert state(hass, "binary_sensor", acme, "authorization_problem") == "off"
    assert issues(hass) == set()
    assert [kind for kind, _ in fired] == ["authorization_expired", "authorization_restored"]


async def test_one_state_of_trouble_to_another(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A failed renewal is the same trouble: no second event, but the repair says the new reason."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    fired = follow_activity(hass, acme)
    world.set_association_state(acme, "ASSOCIATION_FAILED", "refused by the vendor")
    assert await poll(hass, entry)
    assert fired == []
    found = ir.async_get(hass).async_get_issue(DOMAIN, f"authorization_expired_{acme}")
    assert found is not None
    assert found.translation_placeholders is not None
    assert found.translation_placeholders["reason"] == "refused by the vendor"


async def test_nothing_is_sent_without_authorization(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A new wish is refused with the remedy, before any request."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, REGISTER, managed_thing_id=world.thing_id(LIGHT), account_association_id=acme)
    assert key_of(caught) == "authorization_expired"
    assert ACME in str(caught.value)
    assert world.count(PUT) == 0


async def test_button_without_authorization(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The button says the remedy, too, and nothing stays behind."""
    entry = await ready(hass, emulator, world)
    world.expire_authorization(world.association_id(ACME))
    assert await poll(hass, entry)
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, world.thing_id(LIGHT), "register")
    assert key_of(caught) == "authorization_expired"
    assert world.count(PUT) == 0
    assert data_of(entry).registrar.pending_count == 0


@pytest.mark.parametrize("how", ["expired", "in progress"])
async def test_policy_without_authorization(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What nobody is there to read an error of waits until the account is authorized again, and isn't sent before."""
    make_retries_quick(monkeypatch)
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    if how == "in progress":
        world.set_association_state(acme, "ASSOCIATION_IN_PROGRESS")
        assert await poll(hass, entry)
    registrar = data_of(entry).registrar
    (verdict,) = await registrar.async_register([light], acme)
    assert verdict.status == "queued"
    await registrar._async_retry()
    await settle(hass)
    assert world.count(PUT) == 0
    assert registrar._unsub_retry is None
    assert state(hass, "sensor", light, "registration") == "queued"
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    await until(lambda: (light, acme) in world.registrations)
    await settle(hass)
    assert state(hass, "sensor", light, "registration") == "associated"


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_queue_waits_and_resumes(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch, *, is_restarted: bool
) -> None:
    """What was asked for in an outage waits while the authorization is gone, and is done when it is back."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    world.offline()
    assert item(await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme))["status"] == "queued"
    world.offline(False)
    world.expire_authorization(acme)
    make_retries_quick(monkeypatch)
    if is_restarted:
        await reload(hass, entry)
    else:
        assert await poll(hass, entry)
    await data_of(entry).registrar._async_retry()
    await settle(hass)
    assert world.count(PUT) == 0
    assert data_of(entry).registrar.pending_count == 1
    assert state(hass, "sensor", light, "registration") == "queued"

    url = (await act(hass, REFRESH, account_association_id=acme))["authorization_url"]
    assert url
    world.authorize(acme)
    await until(lambda: (light, acme) in world.registrations)
    await settle(hass)
    assert world.count(PUT) == 1
    assert data_of(entry).registrar.pending_count == 0
    assert state(hass, "sensor", light, "registration") == "associated"


@pytest.mark.parametrize("bad_state", ["REFRESH_TOKEN_EXPIRED", "ASSOCIATION_FAILED", "ASSOCIATION_IN_PROGRESS"])
@pytest.mark.parametrize("has_discovery", [True, False])
async def test_refused_before_the_poll_shows_why(
    hass: HomeAssistant,
    *,
    emulator: Emulator,
    world: World,
    bad_state: str,
    has_discovery: bool,
) -> None:
    """What AWS refuses for an authorization that ended since the last poll waits as if that had been known."""
    acme = world.association_id(ACME)
    things = [world.thing_id(LIGHT), world.thing_id(OTHER_LIGHT)]
    if not has_discovery:
        for number in range(2):
            world.add_cloud_device(acme, f"x-{number}", f"Lamp {number}")
        things = [
            world.add_thing(
                name=f"Lamp {number}", status="UNASSOCIATED", association_id=acme, connector_device_id=f"x-{number}"
            )
            for number in range(2)
        ]
    entry = await ready(hass, emulator, world)
    world.set_association_state(acme, bad_state)
    world.clear_requests()
    answer = await act(hass, REGISTER, managed_thing_id=things, account_association_id=acme)
    assert answer["summary"] == {"queued": 2}
    assert {row["error_code"] for row in answer["results"]} == {"ConflictException"}
    assert world.count(LIST_ASSOCIATIONS) == 1
    assert world.count(PUT) == (2 if has_discovery else 0)
    assert state(hass, "sensor", acme, "state") == bad_state.lower()
    assert [state(hass, "sensor", thing, "registration") for thing in things] == ["queued"] * 2
    if bad_state != "ASSOCIATION_IN_PROGRESS":
        assert issues(hass) == {f"authorization_expired_{acme}"}
        world.clear_requests()
        await pass_time(hass, SOON)
        assert world.count(PUT) == world.count("StartDeviceDiscovery") == 0
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    await pass_time(hass, SOON)
    assert [world.registrations.get((thing, acme)) for thing in things] == ["ASSOCIATED"] * 2
    assert data_of(entry).registrar.pending_count == 0
    assert issues(hass) == set()


async def test_refused_and_nobody_says_why(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """As long as the account associations can't be read, a conflict isn't taken for AWS's last word."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    world.expire_authorization(acme)
    world.refuse(LIST_ASSOCIATIONS, "InternalServerException")
    answer = item(await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme))
    assert (answer["status"], answer["error_code"]) == ("queued", "ConflictException")
    await pass_time(hass, SOON)
    assert issues(hass) == {f"authorization_expired_{acme}"}
    assert data_of(entry).registrar.pending_count == 1
    assert str(data_of(entry).registrar.last_error(light)).startswith("ConflictException: ")


async def test_refused_and_nobody_may_see_why(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Where no policy allows to read the account associations, AWS's word is all there is."""
    await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    world.expire_authorization(acme)
    world.deny("iotmanagedintegrations:ListAccountAssociations")
    with pytest.raises(HomeAssistantError, match="ConflictException"):
        await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    assert state(hass, "sensor", light, "registration") == "failed"
    assert "missing_permission_iotmanagedintegrations:ListAccountAssociations" in issues(hass)


async def test_refused_in_a_home_among_others(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An entry with a scope, which seldom reads the associations of all homes, sees at once why AWS refuses."""
    acme, light = world.association_id(ACME), world.thing_id(LIGHT)
    entry = await loaded(
        hass, emulator, world, association_ids=[acme], options={"owner": OWNER, "requests_per_second": 100}
    )
    world.expire_authorization(acme)
    answer = await act(
        hass,
        REGISTER,
        managed_thing_id=light,
        account_association_id=acme,
        device_discovery_id=world.discovery_id(acme),
    )
    assert item(answer)["status"] == "queued"
    assert issues(hass) == {f"authorization_expired_{acme}"}
    assert coordinator_of(entry).data.associations_by_id.keys() == {acme}


async def test_onboarding_before_the_poll_shows_it(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What is found becomes managed things all the same, and their registrations wait."""
    acme = world.association_id(ACME)
    discovery_id = world.add_discovery(association_id=acme)
    entry = await ready(hass, emulator, world)
    world.expire_authorization(acme)
    world.clear_requests()
    answer = await act(hass, ONBOARD, account_association_id=acme, device_discovery_id=discovery_id)
    assert answer["summary"].keys() == {"queued", "already_registered"}
    assert issues(hass) == {f"authorization_expired_{acme}"}
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    assert await poll(hass, entry)
    await pass_time(hass, SOON)
    things = [row["managed_thing_id"] for row in answer["results"]]
    assert [world.registrations.get((thing, acme)) for thing in things] == ["ASSOCIATED"] * len(things)
    assert world.count(CREATE) == len(FOUND_LIGHTS)


async def test_deregistration_needs_no_authorization(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to be removed in an outage is removed afterwards, though the authorization is gone."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(REGISTERED_LIGHT), world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    world.offline()
    answer = await act(hass, DEREGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "queued"
    make_retries_quick(monkeypatch)
    world.offline(False)
    assert await poll(hass, entry)
    await data_of(entry).registrar._async_retry()
    await settle(hass)
    assert (light, acme) not in world.registrations
    assert data_of(entry).registrar.pending_count == 0


async def test_refresh_action(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    caplog: pytest.LogCaptureFixture,
    hass_client: ClientSessionGenerator,
) -> None:
    """The link is in the answer and nowhere else: no log, state, event, repair or diagnostics file has it."""
    caplog.set_level(logging.DEBUG)
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    events: list[str] = []

    @callback
    def _note(event: Event) -> None:
        events.append(repr(event.as_dict()))

    hass.bus.async_listen(MATCH_ALL, _note)
    answer = await act(hass, REFRESH, account_association_id=acme)
    assert answer["account_association_id"] == acme
    url = answer["authorization_url"]
    token = url.partition("state=")[2]
    assert len(token) > 20
    diagnostics = await async_get_config_entry_diagnostics(hass, entry)
    places = {
        "log": caplog.text,
        "events": "\n".join(events),
        "states": "\n".join(repr(shown.as_dict()) for shown in hass.states.async_all()),
        "repairs": repr(ir.async_get(hass).issues),
        "diagnostics": json.dumps(diagnostics, default=str),
        "entry": repr(entry.as_dict()),
    }
    assert [place for place, text in places.items() if token in text] == []
    assert START_REFRESH in places["diagnostics"]
    world.authorize(acme)
    await settle(hass)
    await until(lambda: not issues(hass))
    assert token not in caplog.text


async def test_refresh_action_without_answer(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Who doesn't ask for the link gets none, and the renewal is watched all the same."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    assert await act(hass, REFRESH, account_association_id=acme, return_response=False) is None
    assert world.associations[acme]["AssociationState"] == "ASSOCIATION_IN_PROGRESS"


async def test_refresh_action_fails(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The error names the action that a policy must allow; the next try works."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.deny("iotmanagedintegrations:StartAccountAssociationRefresh")
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, REFRESH, account_association_id=acme)
    assert key_of(caught) == "access_denied"
    assert "iotmanagedintegrations:StartAccountAssociationRefresh" in str(caught.value)
    world.allow("iotmanagedintegrations:StartAccountAssociationRefresh")
    assert (await act(hass, REFRESH, account_association_id=acme))["authorization_url"]


async def test_button_raises_the_repair(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A button can't show a link, so it shows the repair, which goes when the user has authorized again."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await press(hass, acme, "refresh_authorization")
    assert issues(hass) == {f"authorization_expired_{acme}"}
    assert world.count(START_REFRESH) == 0
    assert await poll(hass, entry)
    assert issues(hass) == {f"authorization_expired_{acme}"}
    await act(hass, REFRESH, account_association_id=acme)
    world.authorize(acme)
    await until(lambda: not issues(hass))
    assert state(hass, "sensor", acme, "state") == "association_succeeded"


async def test_denied_by_the_user(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The trouble stays, with the vendor's reason."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    await act(hass, REFRESH, account_association_id=acme)
    waiting = data_of(entry).linking.async_wait(acme)
    world.authorize(acme, allow=False)
    found = await waiting
    assert found is not None
    assert found.state is AssociationState.ASSOCIATION_FAILED
    assert found.error_message
    await settle(hass)
    assert state(hass, "binary_sensor", acme, "authorization_problem") == "on"
    assert issues(hass) == {f"authorization_expired_{acme}"}


async def test_watch_goes_on_through_an_outage(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The user authorizes at the vendor, whose line is another one."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await act(hass, REFRESH, account_association_id=acme)
    waiting = asyncio.ensure_future(data_of(entry).linking.async_wait(acme))
    world.drop(LIST_ASSOCIATIONS, times=2)
    world.authorize(acme)
    found = await waiting
    assert found is not None
    assert found.state is AssociationState.ASSOCIATION_SUCCEEDED


async def test_one_watch_for_one_association(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Asking twice makes a new link, but looks no more often."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    links = {(await act(hass, REFRESH, account_association_id=acme))["authorization_url"] for _ in range(2)}
    assert len(links) == 2
    follower = data_of(entry).linking
    assert follower.async_follow(acme) is follower.async_follow(acme)
    world.authorize(acme)
    assert await follower.async_wait(acme) is not None


async def test_watch_ends_in_time(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is waited for forever; a poll takes over."""
    monkeypatch.setattr(linking, "AUTHORIZE_SECONDS", 0.05)
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await act(hass, REFRESH, account_association_id=acme)
    assert await data_of(entry).linking.async_wait(acme) is None
    world.authorize(acme)
    assert await poll(hass, entry)
    assert state(hass, "sensor", acme, "state") == "association_succeeded"


async def test_association_that_is_deleted_meanwhile(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The watch ends, and the repair says what happened."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await act(hass, REFRESH, account_association_id=acme)
    world.remove_association(acme)
    assert await data_of(entry).linking.async_wait(acme) is None
    await settle(hass)
    assert issues(hass) == {f"association_deleted_{acme}"}


async def test_unload_ends_the_watch(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Nothing asks AWS for an account that is not loaded."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    await act(hass, REFRESH, account_association_id=acme)
    task = data_of(entry).linking.async_follow(acme)
    assert coordinator_of(entry).last_update_success
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert task.cancelled()
