"""The picture of the account, and the difference of two."""

from dataclasses import replace
import json

import pytest

from custom_components.mi_registration.aws.models import (
    AccountAssociation,
    AssociationState,
    ManagedThing,
    ProvisioningStatus,
    Registration,
    RegistrationStatus,
    Role,
)
from custom_components.mi_registration.inventory import Inventory, InventoryDiff

HUB = ManagedThing(managed_thing_id="hub", role=Role.CONTROLLER, name="Hub", serial_number="S-1", owner="robin")
LOCK = ManagedThing(
    managed_thing_id="lock",
    role=Role.DEVICE,
    name="Lock",
    parent_controller_id="hub",
    provisioning_status=ProvisioningStatus.ACTIVATED,
    brand="Brightbolt",
    model="BB-2",
    serial_number="S-2",
    connector_device_id="c-2",
    owner="robin",
)
LAMP = ManagedThing(
    managed_thing_id="lamp",
    role=Role.DEVICE,
    provisioning_status=ProvisioningStatus.UNASSOCIATED,
    connector_destination_id="acme",
)
ACME = AccountAssociation(
    account_association_id="acme", state=AssociationState.ASSOCIATION_SUCCEEDED, name="Acme", error_message="told once"
)
LAMP_AT_ACME = Registration(
    managed_thing_id="lamp", account_association_id="acme", status=RegistrationStatus.PRE_ASSOCIATED
)
HOME = Inventory.build([HUB, LOCK, LAMP], [ACME], [LAMP_AT_ACME])


def test_rows_are_unique_and_sorted() -> None:
    """The order and the repetitions of the cloud's rows don't matter."""
    assert Inventory.build([LAMP, HUB, LOCK, LAMP], [ACME, ACME], [LAMP_AT_ACME, LAMP_AT_ACME]) == HOME
    assert [thing.managed_thing_id for thing in HOME.managed_things] == ["hub", "lamp", "lock"]


def test_an_unchanged_account_is_the_same_object() -> None:
    """An unchanged poll is recognised by identity; of a changed one, the rows that stayed are."""
    again = Inventory.build(
        [replace(LOCK), replace(HUB), replace(LAMP)], [replace(ACME)], [replace(LAMP_AT_ACME)], HOME
    )
    assert again is HOME
    renamed = Inventory.build([HUB, replace(LOCK, name="Door"), replace(LAMP)], [ACME], [LAMP_AT_ACME], HOME)
    assert renamed != HOME
    assert renamed.things_by_id["lamp"] is HOME.things_by_id["lamp"]


def test_deleted_things_are_gone_with_their_registrations() -> None:
    """AWS keeps rows of DELETED things for a while."""
    deleted = replace(LAMP, provisioning_status=ProvisioningStatus.DELETED)
    inventory = Inventory.build([HUB, LOCK, deleted], [ACME], [LAMP_AT_ACME])
    assert set(inventory.things_by_id) == {"hub", "lock"}
    assert inventory.registrations == ()


def test_indexes() -> None:
    """Each index shows the same rows."""
    assert HOME.hubs == (HUB,)
    assert HOME.children_by_hub == {"hub": 1}
    assert HOME.associations_by_id == {"acme": ACME}
    assert HOME.registrations_by_pair == {("lamp", "acme"): LAMP_AT_ACME}
    assert HOME.registrations_by_thing == {"lamp": (LAMP_AT_ACME,)}
    assert HOME.registrations_by_association == {"acme": (LAMP_AT_ACME,)}


@pytest.mark.parametrize(
    ("row", "provisioning", "registered"),
    [
        (None, ProvisioningStatus.ACTIVATED, False),
        (RegistrationStatus.PRE_ASSOCIATED, ProvisioningStatus.UNASSOCIATED, False),
        (RegistrationStatus.PRE_ASSOCIATED, ProvisioningStatus.ACTIVATED, True),
        (RegistrationStatus.ASSOCIATED, ProvisioningStatus.UNASSOCIATED, True),
        (RegistrationStatus.ASSOCIATED, None, True),
    ],
)
def test_is_registered(
    row: RegistrationStatus | None, provisioning: ProvisioningStatus | None, *, registered: bool
) -> None:
    """Either the pair is ASSOCIATED, or it is there and its thing ACTIVATED."""
    inventory = Inventory.build(
        [replace(LAMP, provisioning_status=provisioning)],
        [ACME],
        [] if row is None else [replace(LAMP_AT_ACME, status=row)],
    )
    assert inventory.is_registered(("lamp", "acme")) is registered


def test_registrations_read_back() -> None:
    """Rows of one association replace those of that association, and no others."""
    other = Registration(managed_thing_id="lock", account_association_id="other")
    home = Inventory.build([HUB, LOCK, LAMP], [ACME], [LAMP_AT_ACME, other])
    done = replace(LAMP_AT_ACME, status=RegistrationStatus.ASSOCIATED)
    assert home.with_registrations("acme", [done, replace(other, managed_thing_id="hub")]).registrations == (
        done,
        other,
    )
    assert home.with_registrations("acme", []).registrations == (other,)
    assert home.with_registrations("acme", [LAMP_AT_ACME]) is home


def test_stored_form() -> None:
    """What is kept on disk restores the picture, but for what AWS's model marks sensitive."""
    text = json.dumps(HOME.as_dict())
    restored = Inventory.from_dict(json.loads(text))
    assert restored == Inventory.build(
        [
            replace(thing, brand=None, model=None, serial_number=None, owner=None, connector_device_id=None)
            for thing in HOME.managed_things
        ],
        [replace(ACME, error_message=None)],
        [LAMP_AT_ACME],
    )
    for sensitive in ("Brightbolt", "BB-2", "S-1", "S-2", "c-2", "robin"):
        assert sensitive not in text


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"managed_things": None, "account_associations": [], "registrations": []},
        {"managed_things": [["too", "short"]], "account_associations": [], "registrations": []},
    ],
)
def test_stored_form_that_is_none(data: dict[str, object]) -> None:
    """Other data is refused with an error that its reader knows."""
    with pytest.raises((KeyError, TypeError, ValueError)):
        Inventory.from_dict(data)


def test_nothing_changed() -> None:
    """The difference of a picture to itself is empty."""
    diff = InventoryDiff.between(HOME, HOME)
    assert diff.touched(HOME, HOME) == set()


def test_differences() -> None:
    """Everything that came, went or changed is named, and what shows it is touched."""
    plug = ManagedThing(managed_thing_id="plug", parent_controller_id="hub")
    north = AccountAssociation(account_association_id="north")
    new = Inventory.build([HUB, replace(LAMP, name="Lamp"), plug], [north], [])
    diff = InventoryDiff.between(HOME, new)
    assert diff.added_things == {"plug"}
    assert diff.removed_things == {"lock"}
    assert diff.changed_things == {"lamp"}
    assert diff.added_associations == {"north"}
    assert diff.removed_associations == {"acme"}
    assert diff.changed_associations == frozenset()
    assert diff.changed_pairs == {("lamp", "acme")}
    assert diff.touched(HOME, new) == {"hub", "lamp", "lock", "plug", "acme", "north"}


def test_a_thing_that_moves_touches_both_hubs() -> None:
    """Both hubs count their children anew."""
    new = Inventory.build([HUB, replace(LOCK, parent_controller_id="hub-2"), LAMP], [ACME], [LAMP_AT_ACME])
    assert InventoryDiff.between(HOME, new).touched(HOME, new) == {"lock", "hub", "hub-2"}


def test_a_registration_touches_its_thing_and_its_association() -> None:
    """Not more than these two show it."""
    new = HOME.with_registrations("acme", [replace(LAMP_AT_ACME, status=RegistrationStatus.ASSOCIATED)])
    diff = InventoryDiff.between(HOME, new)
    assert diff.changed_pairs == {("lamp", "acme")}
    assert diff.touched(HOME, new) == {"lamp", "acme"}
    state = Inventory.build(
        HOME.managed_things, [replace(ACME, state=AssociationState.REFRESH_TOKEN_EXPIRED)], [LAMP_AT_ACME]
    )
    assert InventoryDiff.between(HOME, state).changed_associations == {"acme"}
