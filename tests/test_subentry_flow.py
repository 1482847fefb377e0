"""Flow of the subentry type ``account_association``, and what the flows say of a failed call."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration.aws import errors
from custom_components.mi_registration.aws.models import AccountAssociation
from custom_components.mi_registration.const import SUBENTRY_ACCOUNT_ASSOCIATION
from custom_components.mi_registration.subentry_flow import association_options, association_subentry, flow_error
from emulator import Emulator, World
from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntryState, SubentryFlowResult
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType

from .flow_common import SUBENTRY_TEXTS, add_entry, assert_texts, options_of, set_up, suggested


async def start(hass: HomeAssistant, entry: MockConfigEntry) -> SubentryFlowResult:
    """Start to add an account association."""
    result = await hass.config_entries.subentries.async_init(
        (entry.entry_id, SUBENTRY_ACCOUNT_ASSOCIATION), context={"source": SOURCE_USER}
    )
    assert_texts(result, SUBENTRY_TEXTS)
    return result


async def submit(hass: HomeAssistant, result: SubentryFlowResult, form: dict[str, Any]) -> SubentryFlowResult:
    """Submit a form and wait until everything has settled."""
    result = await hass.config_entries.subentries.async_configure(result["flow_id"], form)
    assert_texts(result, SUBENTRY_TEXTS)
    await hass.async_block_till_done()
    return result


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
    subentry = next(subentry for subentry in entry.subentries.values() if subentry.unique_id == new)
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
    result = await start(hass, entry)
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
