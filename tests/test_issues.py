"""Repairs appear and disappear by themselves, as the cloud changes."""

import json

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from emulator import Emulator, World
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir

from .common import (
    ACME,
    CONNECTIVITY,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_THINGS,
    NORTHWIND,
    REGISTERED_LIGHT,
    coordinator_of,
    data_of,
    fixed_home,
    loaded,
    poll,
)
from .engine_common import make_quick, ready, reload, settle, until
from .flow_common import add_entry, set_up
from .repair_common import accept, fail_to_register, issue, issues, text_of

CREATE_ISSUE_TIES = "config_entry_id" in ir.IssueEntry.__annotations__


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


def assert_belongs(shown: ir.IssueEntry, entry: MockConfigEntry) -> None:
    """Fail unless a repair is an entry's: in its data, and by Home Assistant's own link where that exists."""
    assert shown.data is not None
    assert shown.data["entry_id"] == entry.entry_id
    if CREATE_ISSUE_TIES:
        assert getattr(shown, "config_entry_id", None) == entry.entry_id


async def test_nothing_to_mend(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A home in order has no repairs."""
    await loaded(hass, emulator, world)
    assert issues(hass) == set()


async def test_registration_failed(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """It tells AWS's code, words and request id, survives a restart, and goes when somebody else registers it."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    await fail_to_register(hass, world, light, acme, "the reason of AWS")
    issue_id = f"registration_failed_{light}_{acme}"
    assert issues(hass) == {issue_id}
    shown = issue(hass, issue_id)
    assert shown.is_fixable
    placeholders = shown.translation_placeholders
    assert placeholders is not None
    assert placeholders["device"] == LIGHT
    assert placeholders["name"] == ACME
    assert placeholders["code"] == "ServiceQuotaExceededException"
    assert placeholders["message"] == "the reason of AWS"
    assert placeholders["request_id"] == [r for r in world.requests if r.error_code][-1].request_id
    assert await text_of(hass, issue_id) == f"{LIGHT} could not be registered with {ACME}"
    accept(world)
    await reload(hass, entry)
    assert issues(hass) == {issue_id}
    world.register(light, acme)
    assert await poll(hass, entry)
    assert issues(hass) == set()


async def test_registration_failed_and_thing_removed(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A thing that went needs no repair."""
    entry = await ready(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    await fail_to_register(hass, world, light, acme)
    world.remove_thing(light)
    assert await poll(hass, entry)
    assert issues(hass) == set()


async def test_thing_stuck_in_discovered(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What AWS didn't register by itself shows, until it did."""
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    world.register(light, acme, status="PRE_ASSOCIATED")
    world.update_thing(light, status="DISCOVERED")
    assert await poll(hass, entry)
    assert issues(hass) == {f"thing_stuck_in_discovered_{light}"}
    assert LIGHT in await text_of(hass, f"thing_stuck_in_discovered_{light}")
    world.register(light, acme)
    assert await poll(hass, entry)
    assert issues(hass) == set()


async def test_discovered_without_association_is_not_stuck(
    hass: HomeAssistant, emulator: Emulator, world: World
) -> None:
    """A thing that is waiting for nothing isn't stuck."""
    entry = await loaded(hass, emulator, world)
    world.update_thing(world.thing_id(LIGHT), status="DISCOVERED")
    assert await poll(hass, entry)
    assert issues(hass) == set()


async def test_association_deleted(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An association that is gone shows, and no longer when its subentry is removed by hand."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    world.remove_association(acme)
    assert await poll(hass, entry)
    assert issues(hass) == {f"association_deleted_{acme}"}
    await reload(hass, entry)
    assert issues(hass) == {f"association_deleted_{acme}"}
    hass.config_entries.async_remove_subentry(entry, coordinator_of(entry).association_subentries[acme].subentry_id)
    await settle(hass)
    assert issues(hass) == set()


async def test_association_that_is_not_looked_after(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What the user left out at set-up raises no repair."""
    entry = await loaded(hass, emulator, world, association_ids=[world.association_id(ACME)])
    world.expire_authorization(world.association_id(NORTHWIND))
    assert await poll(hass, entry)
    assert issues(hass) == set()


async def test_outage_keeps_what_was_known(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An outage neither raises nor clears what it can't know of."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    world.offline()
    assert not await poll(hass, entry)
    assert issues(hass) == {f"authorization_expired_{acme}"}
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    world.offline(False)
    assert await poll(hass, entry)
    assert issues(hass) == set()


@pytest.mark.parametrize(
    ("operation", "resources"),
    [
        (LIST_ASSOCIATIONS, "*"),
        (LIST_THINGS, "*"),
        (
            CONNECTIVITY,
            "arn:aws:iotmanagedintegrations:eu-west-1:123456789012:managed-thing/*",
        ),
    ],
)
async def test_missing_permission(
    hass: HomeAssistant, emulator: Emulator, world: World, operation: str, resources: str
) -> None:
    """It names the IAM action and the statement to add, and goes away when the call works."""
    entry = await loaded(hass, emulator, world)
    action = f"iotmanagedintegrations:{operation}"
    world.deny(action)
    await poll(hass, entry)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    issue_id = f"missing_permission_{action}"
    assert issues(hass) == {issue_id}
    shown = issue(hass, issue_id)
    assert not shown.is_fixable
    placeholders = shown.translation_placeholders
    assert placeholders is not None
    account = world.account_id
    assert json.loads(placeholders["statement"]) == {
        "Effect": "Allow",
        "Action": action,
        "Resource": resources.replace("123456789012", account),
    }
    text = await text_of(hass, issue_id)
    assert text.startswith(f"AWS denies {action}\n")
    assert placeholders["statement"] in text
    world.allow(action)
    await poll(hass, entry)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert issues(hass) == set()


async def test_clock_skew(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A clock that is far off shows with the measured seconds; nobody is asked for credentials; it heals."""
    entry = await loaded(hass, emulator, world)
    world.set_clock_offset(3600)
    assert await poll(hass, entry)
    assert issues(hass) == {"clock_skew"}
    placeholders = issue(hass, "clock_skew").translation_placeholders
    assert placeholders is not None
    assert 3590 <= int(placeholders["seconds"]) <= 3610
    assert not issue(hass, "clock_skew").is_fixable
    assert hass.config_entries.flow.async_progress() == []
    world.set_clock_offset(0)
    assert await poll(hass, entry)
    assert issues(hass) == set()


async def test_clock_skew_that_changes(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The text follows a clock that drifts on; a small difference is none."""
    entry = await loaded(hass, emulator, world)
    world.set_clock_offset(-3600)
    assert await poll(hass, entry)
    first = issue(hass, "clock_skew").translation_placeholders
    world.set_clock_offset(-7200)
    assert await poll(hass, entry)
    assert issue(hass, "clock_skew").translation_placeholders != first
    world.set_clock_offset(-200)
    assert await poll(hass, entry)
    assert issues(hass) == set()


async def test_steady_clock_skew_is_written_once(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A difference that jitters by the latency of requests is no news."""
    entry = await loaded(hass, emulator, world)
    world.set_clock_offset(3600)
    assert await poll(hass, entry)
    shown = issue(hass, "clock_skew")
    for _ in range(3):
        assert await poll(hass, entry)
        assert issue(hass, "clock_skew") is shown


async def test_same_repair_of_two_accounts(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What one account no longer needs stays while the other does."""
    first = await loaded(hass, emulator, world)
    with fixed_home(emulator) as other:
        second = add_entry(hass, emulator, other, association_ids=other.associations)
        await set_up(hass, second)
        action = f"iotmanagedintegrations:{LIST_ASSOCIATIONS}"
        for entry, home in ((first, world), (second, other)):
            home.deny(action)
            assert await poll(hass, entry)
        assert issues(hass) == {f"missing_permission_{action}"}
        world.allow(action)
        assert await poll(hass, first)
        assert issues(hass) == {f"missing_permission_{action}"}
        other.allow(action)
        assert await poll(hass, second)
        assert issues(hass) == set()
        assert await hass.config_entries.async_unload(second.entry_id)


@pytest.mark.parametrize("end", ["mended", "removed", "disabled"])
async def test_repair_of_two_accounts_becomes_the_others(
    hass: HomeAssistant, emulator: Emulator, world: World, end: str
) -> None:
    """When the account that a repair was shown for no longer has it, it speaks of the one that does."""
    first = await loaded(hass, emulator, world)
    with fixed_home(emulator) as other:
        second = add_entry(hass, emulator, other, association_ids=other.associations)
        await set_up(hass, second)
        action = f"iotmanagedintegrations:{LIST_ASSOCIATIONS}"
        issue_id = f"missing_permission_{action}"
        for entry, home in ((first, world), (second, other)):
            home.deny(action)
            assert await poll(hass, entry)
        assert_belongs(issue(hass, issue_id), second)
        if end == "mended":
            other.allow(action)
            assert await poll(hass, second)
        elif end == "removed":
            await hass.config_entries.async_remove(second.entry_id)
        else:
            await hass.config_entries.async_set_disabled_by(second.entry_id, ConfigEntryDisabler.USER)
        await settle(hass)
        assert issues(hass) == {issue_id}
        shown = issue(hass, issue_id)
        assert_belongs(shown, first)
        assert shown.translation_placeholders is not None
        assert shown.translation_placeholders["name"] == first.title
        if end == "mended":
            assert await hass.config_entries.async_unload(second.entry_id)


async def test_disabled_entry_has_no_repairs(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What the user switched off needs no hand, until it is switched on again."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    await settle(hass)
    assert issues(hass) == set()
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    await until(hass, lambda: issues(hass) == {f"authorization_expired_{acme}"})
    await settle(hass)


async def test_removal_takes_the_repairs(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An entry that is removed leaves no repair behind."""
    entry = await loaded(hass, emulator, world)
    world.expire_authorization(world.association_id(ACME))
    world.deny(f"iotmanagedintegrations:{CONNECTIVITY}")
    assert await poll(hass, entry)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert len(issues(hass)) == 2
    await hass.config_entries.async_remove(entry.entry_id)
    await settle(hass)
    assert issues(hass) == set()


async def test_ties_to_the_entry(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Every repair knows its entry: by Home Assistant's own link where that exists, and in its data."""
    entry = await loaded(hass, emulator, world)
    acme = world.association_id(ACME)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    assert_belongs(issue(hass, f"authorization_expired_{acme}"), entry)


async def test_registered_thing_needs_nothing(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A registered thing that AWS shows as DISCOVERED for a moment has its association: it is offered a hand."""
    entry = await loaded(hass, emulator, world)
    light = world.thing_id(REGISTERED_LIGHT)
    world.update_thing(light, status="DISCOVERED")
    assert await poll(hass, entry)
    assert issues(hass) == {f"thing_stuck_in_discovered_{light}"}


async def test_mended_while_not_loaded(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What was mended before a reload is gone after it, what wasn't stays, also with the cloud unreachable."""
    entry = await loaded(hass, emulator, world)
    acme, northwind = world.association_id(ACME), world.association_id(NORTHWIND)
    action = f"iotmanagedintegrations:{CONNECTIVITY}"
    world.deny(action)
    world.expire_authorization(acme)
    world.expire_authorization(northwind)
    await data_of(entry).connectivity.async_refresh()
    assert await poll(hass, entry)
    both = {f"authorization_expired_{acme}", f"authorization_expired_{northwind}"}
    assert issues(hass) == {*both, f"missing_permission_{action}"}
    world.offline()
    await reload(hass, entry, online=False)
    await settle(hass)
    assert both <= issues(hass)
    world.offline(False)
    world.allow(action)
    world.set_association_state(acme, "ASSOCIATION_SUCCEEDED")
    await reload(hass, entry)
    assert issues(hass) == {f"authorization_expired_{northwind}"}
