"""Flow of the subentry type ``account_association``, and what the flows say of a failed call."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration import linking
from custom_components.mi_registration.associations import association_subentry
from custom_components.mi_registration.aws import errors
from custom_components.mi_registration.aws.models import AccountAssociation, AccountAssociationLink, AssociationState
from custom_components.mi_registration.const import SUBENTRY_ACCOUNT_ASSOCIATION
from custom_components.mi_registration.subentry_flow import association_options, flow_error
from emulator import Emulator, World
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
    ConfigSubentry,
    SubentryFlowResult,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from .flow_common import SUBENTRY_TEXTS, add_entry, assert_texts, options_of, set_up, suggested


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "AUTHORIZE_PAUSES", (0.01, 0.01))


async def start(hass: HomeAssistant, entry: MockConfigEntry, step: str = "existing") -> SubentryFlowResult:
    """Start to add an account association in one of the two ways."""
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_ACCOUNT_ASSOCIATION), context={"source": SOURCE_USER}
    )
    assert_texts(result, SUBENTRY_TEXTS)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "user")
    assert result["menu_options"] == ["existing", "create"]
    return await choose(hass, result, step)


async def choose(hass: HomeAssistant, result: SubentryFlowResult, step: str) -> SubentryFlowResult:
    """Choose from a menu."""
    return await submit(hass, result, {"next_step_id": step})


async def submit(hass: HomeAssistant, result: SubentryFlowResult, form: dict[str, Any]) -> SubentryFlowResult:
    """Submit a form and wait until everything has settled."""
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], form)
    assert_texts(result, SUBENTRY_TEXTS)
    await hass.async_block_till_done()
    return result


async def go_on(hass: HomeAssistant, result: SubentryFlowResult) -> SubentryFlowResult:
    """Wait until a progress step has ended by itself, then go on as the frontend does."""
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await hass.config_entries.subentries.async_configure(result["flow_id"])
    assert_texts(result, SUBENTRY_TEXTS)
    return result


async def create(
    hass: HomeAssistant, entry: MockConfigEntry, destination: str = "contoso-locks", name: str = "Beach house"
) -> SubentryFlowResult:
    """Create an association by the form."""
    result = await start(hass, entry, "create")
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, "create", {})
    return await submit(hass, result, {"connector_destination_id": destination, "name": name})


def subentry_of(entry: MockConfigEntry, association_id: str) -> ConfigSubentry:
    """Return the subentry that looks after an association."""
    return next(subentry for subentry in entry.subentries.values() if subentry.unique_id == association_id)


def assert_created(result: SubentryFlowResult, entry: MockConfigEntry, association_id: str) -> None:
    """Fail unless the flow ended in a subentry for an association."""
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert subentry_of(entry, association_id).data == {
        "account_association_id": association_id,
        "registration_policy": "manual",
    }


def by_itself(_world: World) -> None:
    """Mend nothing: it is over after one refusal."""


async def test_existing(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Only associations that aren't here yet are offered, those made since the last poll too."""
    first, *others = world.associations
    entry = add_entry(hass, emulator, world, association_ids=[first])
    await set_up(hass, entry)
    new = world.add_association(name="Fabrikam Locks")

    result = await start(hass, entry)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "existing")
    offered = {option["value"]: option["label"] for option in options_of(result, "account_association_id")}
    assert set(offered) == {*others, new}
    assert offered[new] == f"Fabrikam Locks ({new})"

    result = await submit(hass, result, {"account_association_id": new})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    subentry = subentry_of(entry, new)
    assert subentry.title == "Fabrikam Locks"
    assert subentry.subentry_type == SUBENTRY_ACCOUNT_ASSOCIATION
    assert subentry.data == {"account_association_id": new, "registration_policy": "manual"}
    assert entry.state is ConfigEntryState.LOADED
    assert len(entry.subentries) == 2


def test_association_without_a_name() -> None:
    """An association without a name goes by its id."""
    association = AccountAssociation(account_association_id="a1")
    assert association_options((association,)) == [{"value": "a1", "label": "a1"}]
    assert association_subentry(association)["title"] == "a1"


async def test_nothing_left(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """There is nothing to pick if all are here."""
    entry = add_entry(hass, emulator, world, association_ids=world.associations)
    await set_up(hass, entry)
    result = await start(hass, entry)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_account_associations")


async def test_entry_not_loaded(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Without a loaded entry there is nothing to ask AWS with."""
    entry = add_entry(hass, emulator, world)
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_ACCOUNT_ASSOCIATION), context={"source": SOURCE_USER}
    )
    assert_texts(result, SUBENTRY_TEXTS)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_not_loaded")
    assert world.requests == []


async def test_two_flows_at_once(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An association that another flow added meanwhile isn't added twice."""
    association_id = next(iter(world.associations))
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    first, second = await start(hass, entry), await start(hass, entry)
    result = await submit(hass, first, {"account_association_id": association_id})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    result = await submit(hass, second, {"account_association_id": association_id})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert len(entry.subentries) == 1


@pytest.mark.parametrize(
    ("break_it", "mend_it", "reason"),
    [
        (lambda world: world.offline(True), lambda world: world.offline(False), "cannot_connect"),
        (
            lambda world: world.deny("iotmanagedintegrations:ListAccountAssociations"),
            lambda world: world.allow("iotmanagedintegrations:ListAccountAssociations"),
            "access_denied",
        ),
        (
            lambda world: world.refuse("ListAccountAssociations", "ThrottlingException"),
            by_itself,
            "throttled",
        ),
        (
            lambda world: world.refuse("ListAccountAssociations", "ValidationException"),
            by_itself,
            "unknown",
        ),
    ],
)
async def test_aws_fails(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    *,
    break_it: Callable[[World], None],
    mend_it: Callable[[World], None],
    reason: str,
) -> None:
    """The flow says why the associations can't be listed, and works once that is mended."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    break_it(world)
    result = await start(hass, entry)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, reason)
    mend_it(world)
    result = await start(hass, entry)
    assert result["type"] is FlowResultType.FORM


async def test_create(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The link is shown while nobody has followed it; once somebody has, the flow ends by itself."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    before = set(world.associations)
    result = await start(hass, entry, "create")
    offered = {option["value"]: option["label"] for option in options_of(result, "connector_destination_id")}
    assert offered["contoso-locks"] == "Contoso Locks (contoso-locks)"
    assert len(offered) == 4

    result = await submit(hass, result, {"connector_destination_id": "contoso-locks", "name": " Beach house "})
    assert (result["type"], result["step_id"]) == (FlowResultType.SHOW_PROGRESS, "authorize")
    assert result["progress_action"] == "authorize"
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["name"] == "Beach house"
    assert shown["authorization_url"].startswith("http")
    (association_id,) = set(world.associations) - before
    assert world.associations[association_id]["Name"] == "Beach house"
    assert entry.subentries == {}
    # The dialog is opened again meanwhile.
    result = await hass.config_entries.subentries.async_configure(result["flow_id"])
    assert (result["type"], result["description_placeholders"]) == (FlowResultType.SHOW_PROGRESS, shown)

    world.authorize(association_id)
    result = await go_on(hass, result)
    assert_created(result, entry, association_id)
    assert subentry_of(entry, association_id).title == "Beach house"
    known = entry.runtime_data.coordinator.data.associations_by_id
    assert known[association_id].state is AssociationState.ASSOCIATION_SUCCEEDED
    assert world.count("CreateAccountAssociation") == 1


async def test_create_without_oauth(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Where nobody has to sign in, the association is there at once, and the next synchronisation knows it."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    before = set(world.associations)
    result = await create(hass, entry, "fabrikam-blinds")
    (association_id,) = set(world.associations) - before
    assert_created(result, entry, association_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert association_id in entry.runtime_data.coordinator.data.associations_by_id


async def test_create_without_oauth_but_slowly(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """No link is shown where there is none, also while AWS is still at work."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    association_id = world.add_association(name="Beach house", state="ASSOCIATION_IN_PROGRESS")
    answer = AccountAssociationLink(
        association=AccountAssociation(
            account_association_id=association_id, state=AssociationState.ASSOCIATION_IN_PROGRESS
        )
    )
    with patch.object(entry.runtime_data.client, "create_account_association", return_value=answer):
        result = await create(hass, entry, "fabrikam-blinds")
    assert (result["type"], result["progress_action"]) == (FlowResultType.SHOW_PROGRESS, "wait")
    world.set_association_state(association_id, "ASSOCIATION_SUCCEEDED")
    assert_created(await go_on(hass, result), entry, association_id)


async def test_create_with_a_lost_answer(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The same form submitted again creates no second association; another name is another association."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    before = set(world.associations)
    world.drop("CreateAccountAssociation", "after")
    result = await create(hass, entry)
    assert (result["type"], result["step_id"], result["errors"]) == (
        FlowResultType.FORM,
        "create",
        {"base": "cannot_connect"},
    )
    form = {"connector_destination_id": "contoso-locks", "name": "Beach house"}
    assert suggested(result) == form
    (first,) = set(world.associations) - before
    world.drop("CreateAccountAssociation", "before")
    result = await submit(hass, result, form | {"name": "Mountain hut"})
    assert result["errors"] == {"base": "cannot_connect"}
    result = await submit(hass, result, form)
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    assert set(world.associations) - before == {first}
    world.authorize(first)
    assert_created(await go_on(hass, result), entry, first)


@pytest.mark.parametrize("name", ["", "  ", "Müller", "a" * 129, "Beach/house"])
async def test_bad_name(hass: HomeAssistant, emulator: Emulator, world: World, name: str) -> None:
    """A name that AWS doesn't take is never sent, and can be corrected."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result = await create(hass, entry, name=name)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, {"name": "invalid_name"})
    assert suggested(result) == {"connector_destination_id": "contoso-locks", "name": name}
    assert world.count("CreateAccountAssociation") == 0
    result = await submit(hass, result, {"connector_destination_id": "contoso-locks", "name": "Beach house"})
    assert result["type"] is FlowResultType.SHOW_PROGRESS


@pytest.mark.parametrize(
    ("action", "named"),
    [
        ("iotmanagedintegrations:CreateAccountAssociation", "iotmanagedintegrations:CreateAccountAssociation"),
        ("secretsmanager:GetSecretValue", "secretsmanager:GetSecretValue"),
    ],
)
async def test_create_denied(hass: HomeAssistant, emulator: Emulator, world: World, action: str, named: str) -> None:
    """The missing permission is named, and the same form works once it is given."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    world.deny(action)
    result = await create(hass, entry)
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, {"base": "access_denied"})
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["iam_action"] == named
    world.allow(action)
    result = await submit(hass, result, {"connector_destination_id": "contoso-locks", "name": "Beach house"})
    assert result["type"] is FlowResultType.SHOW_PROGRESS


async def test_no_connector_destination(hass: HomeAssistant, emulator: Emulator, empty_world: World) -> None:
    """Without a connector destination the flow says that there is nothing to link to."""
    entry = add_entry(hass, emulator, empty_world)
    await set_up(hass, entry)
    result = await start(hass, entry, "create")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_connector_destinations")


async def test_connector_destinations_denied(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Without the permission to list connector destinations the flow names it."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    world.deny("iotmanagedintegrations:ListConnectorDestinations")
    result = await start(hass, entry, "create")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "access_denied")
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["iam_action"] == "iotmanagedintegrations:ListConnectorDestinations"


async def test_connector_destination_gone(hass: HomeAssistant, emulator: Emulator, empty_world: World) -> None:
    """A destination that was removed meanwhile is offered no longer."""
    contoso = empty_world.add_connector_destination("Contoso Locks")
    acme = empty_world.add_connector_destination("Acme Lighting")
    entry = add_entry(hass, emulator, empty_world)
    await set_up(hass, entry)
    result = await start(hass, entry, "create")
    empty_world.remove_connector_destination(contoso)
    result = await submit(hass, result, {"connector_destination_id": contoso, "name": "Beach house"})
    assert result["errors"] == {"connector_destination_id": "connector_destination_gone"}
    assert [option["value"] for option in options_of(result, "connector_destination_id")] == [acme]
    empty_world.remove_connector_destination(acme)
    result = await submit(hass, result, {"connector_destination_id": acme, "name": "Beach house"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_connector_destinations")
    assert empty_world.associations == {}


async def created(hass: HomeAssistant, entry: MockConfigEntry, world: World) -> tuple[SubentryFlowResult, str]:
    """Create an association that waits to be authorized; return the flow's state and the association."""
    before = set(world.associations)
    result = await create(hass, entry)
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    (association_id,) = set(world.associations) - before
    return result, association_id


async def test_denied_by_the_user(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """After "Deny" at the vendor the flow shows AWS's text, and another try can succeed."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    world.authorize(association_id, allow=False)
    result = await go_on(hass, result)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "failed")
    assert result["menu_options"] == ["authorize_again", "use", "delete"]
    shown = result["description_placeholders"]
    assert shown is not None
    assert "access_denied" in shown["message"]
    # The dialog is opened again meanwhile.
    again = await hass.config_entries.subentries.async_configure(result["flow_id"])
    assert (again["step_id"], again["description_placeholders"]) == ("failed", shown)

    result = await choose(hass, result, "authorize_again")
    assert (result["type"], result["step_id"]) == (FlowResultType.SHOW_PROGRESS, "authorize")
    assert world.count("StartAccountAssociationRefresh") == 1
    world.authorize(association_id)
    assert_created(await go_on(hass, result), entry, association_id)
    assert world.count("CreateAccountAssociation") == 1


async def test_time_out(hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If nobody follows the link in time the flow says so; if somebody did a bit later, the next try ends at once."""
    monkeypatch.setattr(linking, "AUTHORIZE_SECONDS", 0.005)
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    result = await go_on(hass, result)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "unfinished")
    again = await hass.config_entries.subentries.async_configure(result["flow_id"])
    assert (again["type"], again["step_id"]) == (FlowResultType.MENU, "unfinished")
    world.authorize(association_id)
    result = await choose(hass, result, "authorize_again")
    assert_created(result, entry, association_id)
    assert world.count("StartAccountAssociationRefresh") == 0


async def test_use_anyway(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An association that isn't authorized can be looked after nevertheless."""
    monkeypatch.setattr(linking, "AUTHORIZE_SECONDS", 0.005)
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    result = await choose(hass, await go_on(hass, result), "use")
    assert_created(result, entry, association_id)
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize("gone_before", [False, True])
async def test_delete(hass: HomeAssistant, emulator: Emulator, world: World, *, gone_before: bool) -> None:
    """An association that failed can be deleted, also if somebody else was faster."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    before = set(world.associations)
    result, association_id = await created(hass, entry, world)
    world.authorize(association_id, allow=False)
    result = await go_on(hass, result)
    if gone_before:
        world.remove_association(association_id)
    result = await choose(hass, result, "delete")
    assert (result["type"], result["reason"]) == (
        FlowResultType.ABORT,
        "account_association_gone" if gone_before else "account_association_deleted",
    )
    world.advance(10)
    assert set(world.associations) == before
    assert entry.subentries == {}


async def test_delete_denied(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An association that can't be deleted stays on offer."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    world.authorize(association_id, allow=False)
    result = await go_on(hass, result)
    world.deny("iotmanagedintegrations:DeleteAccountAssociation")
    result = await choose(hass, result, "delete")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "access_denied")
    result = await start(hass, entry)
    result = await submit(hass, result, {"account_association_id": association_id})
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "failed")


@pytest.mark.parametrize("deleting", [False, True])
async def test_deleted_meanwhile(hass: HomeAssistant, emulator: Emulator, world: World, *, deleting: bool) -> None:
    """An association that is deleted while its flow waits ends the flow."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    if deleting:
        world.set_association_state(association_id, "ASSOCIATION_DELETING")
    else:
        world.remove_association(association_id)
    result = await go_on(hass, result)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "account_association_gone")
    assert result["description_placeholders"] == {"name": "Beach house"}
    assert entry.subentries == {}


async def test_dialog_closed(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Who closes the dialog finds the association again, to authorize it, to use it, or to delete it."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    hass.config_entries.subentries.async_abort(result["flow_id"])
    assert hass.config_entries.subentries.async_progress() == []

    result = await start(hass, entry)
    assert association_id in {option["value"] for option in options_of(result, "account_association_id")}
    result = await submit(hass, result, {"account_association_id": association_id})
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "unfinished")
    result = await choose(hass, result, "authorize_again")
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    world.authorize(association_id)
    assert_created(await go_on(hass, result), entry, association_id)


async def test_deleting_is_not_offered(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An association that is on its way out can't be picked."""
    for association_id in world.associations:
        world.set_association_state(association_id, "ASSOCIATION_DELETING")
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result = await start(hass, entry)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "no_account_associations")


async def test_authorize_again_denied(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The permission to read the vendor's secret is named where a new link needs it."""
    association_id = world.add_association(
        name="Beach house", state="ASSOCIATION_FAILED", connector_destination_id="contoso-locks"
    )
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    world.deny("secretsmanager:GetSecretValue")
    result = await submit(hass, await start(hass, entry), {"account_association_id": association_id})
    result = await choose(hass, result, "authorize_again")
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "access_denied")
    shown = result["description_placeholders"]
    assert shown is not None
    assert shown["iam_action"] == "secretsmanager:GetSecretValue"


async def test_entry_reloaded_meanwhile(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A reload in the middle ends the wait, not the flow."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    assert await hass.config_entries.async_reload(entry.entry_id)
    result = await go_on(hass, result)
    assert (result["type"], result["step_id"]) == (FlowResultType.MENU, "unfinished")
    world.authorize(association_id)
    assert_created(await choose(hass, result, "authorize_again"), entry, association_id)


async def test_entry_unloaded_meanwhile(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Without its entry a flow can't go on."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, _ = await created(hass, entry, world)
    assert await hass.config_entries.async_unload(entry.entry_id)
    result = await go_on(hass, result)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "entry_not_loaded")


async def test_new_associations_are_tracked(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Where new associations are added by themselves, one that a flow created is added once."""
    entry = add_entry(hass, emulator, world, options={"track_new_associations": True})
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    world.authorize(association_id)
    result = await go_on(hass, result)
    assert result["type"] in {FlowResultType.CREATE_ENTRY, FlowResultType.ABORT}
    assert subentry_of(entry, association_id).title == "Beach house"
    assert [subentry.unique_id for subentry in entry.subentries.values()].count(association_id) == 1


async def test_link_is_in_no_log(
    hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The link is a secret: only the dialog shows it."""
    caplog.set_level("DEBUG", "custom_components.mi_registration")
    caplog.set_level("DEBUG", "homeassistant")
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result, association_id = await created(hass, entry, world)
    shown = result["description_placeholders"]
    assert shown is not None
    world.authorize(association_id)
    await go_on(hass, result)
    assert shown["authorization_url"] not in caplog.text


async def test_reconfigure(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The policy is shown and changed; nothing else is."""
    association_id = next(iter(world.associations))
    entry = add_entry(hass, emulator, world, association_ids=[association_id])
    await set_up(hass, entry)
    (subentry_id,) = entry.subentries
    for policy, before in (("automatic", "manual"), ("suggest", "automatic")):
        result = await hass.config_entries.subentries.async_init(
            (entry.entry_id, SUBENTRY_ACCOUNT_ASSOCIATION),
            context={"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id},
        )
        assert_texts(result, SUBENTRY_TEXTS)
        assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "reconfigure")
        assert suggested(result) == {"registration_policy": before}
        result = await submit(hass, result, {"registration_policy": policy})
        assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
        subentry = entry.subentries[subentry_id]
        assert subentry.data == {"account_association_id": association_id, "registration_policy": policy}
        assert subentry.unique_id == association_id
    assert entry.state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("kind", "http_status", "text"),
    [
        (errors.AccessDeniedError, 403, "access_denied"),
        (errors.CannotConnectError, None, "cannot_connect"),
        (errors.ClockSkewError, 403, "clock_skew"),
        (errors.ConflictError, 409, "unknown"),
        (errors.InvalidCredentialsError, 403, "invalid_auth"),
        (errors.InvalidRequestError, 400, "unknown"),
        (errors.NotFoundError, 404, "unknown"),
        (errors.ServiceError, 503, "cannot_connect"),
        (errors.ServiceError, 418, "unknown"),
        (errors.ServiceError, None, "unknown"),
        (errors.ThrottledError, 429, "throttled"),
        (errors.UnsupportedSdkError, None, "sdk_too_old"),
    ],
)
def test_flow_error(kind: type[errors.AwsError], http_status: int | None, text: str) -> None:
    """Every kind of failure has a text in both flows' terms."""
    error = kind(
        "message",
        code="Code",
        operation="ListAccountAssociations",
        iam_action="iotmanagedintegrations:ListAccountAssociations",
        http_status=http_status,
    )
    assert flow_error(error) == text
    assert text in SUBENTRY_TEXTS["abort"]
    assert text in SUBENTRY_TEXTS["error"]
