"""Permissions: the table is what the code calls, the policies are enough, and what is denied takes little with it."""

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration.aws.client import OPERATIONS
from custom_components.mi_registration.aws.permissions import TABLE, Group, policy, statement
from emulator import Emulator, World
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er

from .common import (
    ACME,
    CONNECTIVITY,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    PUT,
    REGISTER,
    act,
    data_of,
    item,
    key_of,
    poll,
    press,
)
from .engine_common import GET_JOB, LIST_FOUND, LIST_JOBS, ONBOARD, START, START_DISCOVERY, make_quick, ready, settle
from .repair_common import issues, make_looks_quick

PREFIX = "iotmanagedintegrations:"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)


def test_table_is_what_the_code_calls() -> None:
    """An operation that is added or dropped must change the table too."""
    actions = [permission.iam_action for permission in TABLE]
    assert len(actions) == len(set(actions))
    assert set(actions) == {PREFIX + operation for operation in OPERATIONS} | {"sts:GetCallerIdentity"}


def test_policies_hold_every_action_once() -> None:
    """All groups together allow everything that is called, each action in one statement."""
    actions = [action for part in policy(Group)["Statement"] for action in part["Action"]]
    assert len(actions) == len(set(actions))
    assert set(actions) == {PREFIX + operation for operation in OPERATIONS} | {"secretsmanager:GetSecretValue"}
    sids = [part["Sid"] for part in policy(Group)["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)


def test_policy_for_an_account() -> None:
    """Resources carry the account, the Region and the partition."""
    found = policy([Group.LINKING], account="123456789012", region="cn-north-1", partition="aws-cn")
    assert found["Version"] == "2012-10-17"
    assert found["Statement"][0]["Resource"] == [
        "arn:aws-cn:iotmanagedintegrations:cn-north-1:123456789012:managed-thing/*",
        "arn:aws-cn:iotmanagedintegrations:cn-north-1:123456789012:account-association/*",
    ]
    writes = {action for part in policy([Group.READ_ONLY])["Statement"] for action in part["Action"]}
    assert {action.removeprefix(PREFIX)[:3] for action in writes} == {"Get", "Lis"}


def test_statement_for_what_aws_named() -> None:
    """AWS may name an action of another service: that one is allowed on everything, for want of better knowledge."""
    where = {"account": "123456789012", "region": "eu-west-1", "partition": "aws"}
    assert statement("kms:Decrypt", **where) == {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
    secret = statement("secretsmanager:GetSecretValue", **where)
    assert secret["Resource"] == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:*"


def deny_all_but(world: World, *groups: Group) -> None:
    """Let IAM allow only what the policies of some groups do."""
    allowed = {action for part in policy(groups)["Statement"] for action in part["Action"]}
    for operation in OPERATIONS:
        if PREFIX + operation not in allowed:
            world.deny(PREFIX + operation)


def keys_without_value(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    """Return the keys of the enabled entities that are unavailable."""
    found = set()
    for registered in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id):
        shown = hass.states.get(registered.entity_id)
        if shown is not None and shown.state == STATE_UNAVAILABLE:
            assert registered.translation_key is not None
            found.add(registered.translation_key)
    return found


async def test_read_only_policy_is_enough_to_look(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """With it everything shows, and nothing is missed."""
    deny_all_but(world, Group.READ_ONLY)
    entry = await ready(hass, emulator, world)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert keys_without_value(hass, entry) == set()
    assert issues(hass) == set()


async def test_linking_policy_is_enough_to_register(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """With it a thing is registered by a new discovery, deregistered, and an authorization is renewed."""
    deny_all_but(world, Group.READ_ONLY, Group.LINKING)
    await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    found = await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    assert found["status"] == "succeeded"
    answer = await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "registered"
    answer = await act(hass, "deregister_account_association", managed_thing_id=light, account_association_id=acme)
    assert item(answer)["status"] == "deregistered"
    assert (await act(hass, "refresh_account_association", account_association_id=acme))["authorization_url"]
    assert issues(hass) == set()


async def test_onboarding_policy_is_enough_to_onboard(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """With it what a discovery found becomes managed things; without it only that fails, and names the action."""
    acme = world.association_id(ACME)
    deny_all_but(world, Group.READ_ONLY, Group.LINKING)
    await ready(hass, emulator, world)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    things = len(world.things)
    answer = await act(hass, ONBOARD, account_association_id=acme)
    assert answer["summary"].get("failed") == 2
    assert f"missing_permission_{PREFIX}CreateManagedThing" in issues(hass)
    assert len(world.things) == things
    for permission in TABLE:
        world.allow(permission.iam_action)
    answer = await act(hass, ONBOARD, account_association_id=acme)
    assert "failed" not in answer["summary"]
    assert len(world.things) == things + 2
    await settle(hass)
    assert issues(hass) == set()


@pytest.mark.parametrize(
    ("operation", "without_value"),
    [
        (LIST_ASSOCIATIONS, {"state", "authorization_problem"}),
        (
            LIST_REGISTRATIONS,
            {"registered_things", "unregistered_things", "registration"},
        ),
        (CONNECTIVITY, {"connected"}),
        (LIST_JOBS, set()),
        (LIST_FOUND, set()),
        (GET_JOB, set()),
        ("GetManagedThing", set()),
        (PUT, set()),
        (START, set()),
    ],
)
async def test_denied_takes_only_what_needs_it(
    hass: HomeAssistant, emulator: Emulator, world: World, operation: str, without_value: set[str]
) -> None:
    """What isn't denied goes on, and everything is back when the permission is."""
    entry = await ready(hass, emulator, world)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert keys_without_value(hass, entry) == set()
    world.deny(PREFIX + operation)
    new = world.add_thing(name="Newcomer")
    assert await poll(hass, entry)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert keys_without_value(hass, entry) == without_value
    assert new in data_of(entry).coordinator.data.things_by_id
    world.allow(PREFIX + operation)
    assert await poll(hass, entry)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert keys_without_value(hass, entry) == set()


async def test_denied_list_of_things(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Without the things there is nothing to show, but the reason, and the button that tries again."""
    entry = await ready(hass, emulator, world)
    action = PREFIX + LIST_THINGS
    world.deny(action)
    assert not await poll(hass, entry)
    assert "synchronize" not in keys_without_value(hass, entry)
    assert "managed_things" in keys_without_value(hass, entry)
    with pytest.raises(HomeAssistantError, match=action):
        await press(hass, entry.unique_id, "synchronize")
    assert hass.config_entries.flow.async_progress() == []
    world.allow(action)
    await press(hass, entry.unique_id, "synchronize")
    await settle(hass)
    assert "managed_things" not in keys_without_value(hass, entry)
    assert issues(hass) == set()


async def test_denied_list_keeps_what_was_known(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Registrations that can't be read aren't taken for gone: nothing is announced, nothing is sent twice."""
    entry = await ready(hass, emulator, world)
    before = data_of(entry).coordinator.data.registrations
    assert before
    world.deny(PREFIX + LIST_REGISTRATIONS)
    assert await poll(hass, entry)
    assert data_of(entry).coordinator.data.registrations == before


async def test_denied_action_names_itself(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An action that is denied says which IAM action is missing."""
    await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    world.deny(PREFIX + START)
    with pytest.raises(HomeAssistantError) as caught:
        await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    assert key_of(caught) == "access_denied"
    assert PREFIX + START in str(caught.value)
    assert issues(hass) == {f"missing_permission_{PREFIX}{START}"}
    world.allow(PREFIX + START)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert issues(hass) == set()
