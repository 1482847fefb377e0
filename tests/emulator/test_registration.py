"""Registering things with account associations, and what AWS leaves open about it."""

from collections.abc import Callable
from typing import Any

import pytest

from emulator import World

from .conftest import code_of, error_of


class Pair:
    """A thing that isn't registered, the association that it can be registered with, and the job that proves it."""

    def __init__(self, client: Any, world: World) -> None:
        """Take the home's spots."""
        self.client = client
        self.world = world
        self.thing = world.thing_id("Hallway spots")
        self.association = world.association_id("Acme Lighting")
        self.discovery = world.discovery_id(self.association)

    def register(self, **changes: str) -> Any:
        """Register the pair, or something near it."""
        params = {
            "ManagedThingId": self.thing,
            "AccountAssociationId": self.association,
            "DeviceDiscoveryId": self.discovery,
        }
        return self.client.register_account_association(**params | changes)

    def deregister(self, **changes: str) -> Any:
        """Deregister the pair, or something near it."""
        params = {"ManagedThingId": self.thing, "AccountAssociationId": self.association}
        return self.client.deregister_account_association(**params | changes)

    @property
    def status(self) -> str:
        """The thing's ProvisioningStatus."""
        return str(self.world.things[self.thing]["ProvisioningStatus"])

    @property
    def row(self) -> str | None:
        """The pair's ManagedThingAssociationStatus."""
        return self.world.registrations.get((self.thing, self.association))


@pytest.fixture
def pair(client: Any, world: World) -> Pair:
    return Pair(client, world)


def test_register_activates_and_last_deregistration_isolates(pair: Pair) -> None:
    assert (pair.status, pair.row) == ("UNASSOCIATED", None)
    answer = pair.register()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (answer["ManagedThingId"], answer["AccountAssociationId"], answer["DeviceDiscoveryId"]) == (
        pair.thing,
        pair.association,
        pair.discovery,
    )
    assert (pair.status, pair.row) == ("ACTIVATED", "ASSOCIATED")
    answer = pair.deregister()
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (pair.status, pair.row) == ("ISOLATED", None)


def test_one_of_two_deregistrations_does_not_isolate(pair: Pair) -> None:
    other = pair.world.add_association(name="Acme guest")
    pair.register()
    pair.world.register(pair.thing, other)
    pair.deregister()
    assert pair.status == "ACTIVATED"


def test_registration_may_take_time(pair: Pair) -> None:
    pair.world.set_switches(registration_delay=20)
    pair.register()
    assert (pair.status, pair.row) == ("UNASSOCIATED", "PRE_ASSOCIATED")
    pair.world.advance(20)
    assert (pair.status, pair.row) == ("ACTIVATED", "ASSOCIATED")


def test_registration_under_way_can_be_taken_back(pair: Pair) -> None:
    pair.world.set_switches(registration_delay=20)
    pair.register()
    pair.deregister()
    pair.world.advance(20)
    assert pair.row is None


def test_registration_that_was_taken_back_does_not_speed_up_the_next(pair: Pair) -> None:
    pair.world.set_switches(registration_delay=20)
    pair.register()
    pair.deregister()
    pair.world.advance(15)
    pair.register()
    pair.world.advance(15)
    assert pair.row == "PRE_ASSOCIATED"
    pair.world.advance(5)
    assert (pair.status, pair.row) == ("ACTIVATED", "ASSOCIATED")


def test_register_again(pair: Pair) -> None:
    pair.register()
    pair.register()
    pair.world.set_switches(reregister="conflict")
    assert code_of(pair.register) == "ConflictException"


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("ManagedThingId", "managed-thing"),
        ("AccountAssociationId", "account-association"),
        ("DeviceDiscoveryId", "device-discovery"),
    ],
)
def test_register_needs_all_three(pair: Pair, member: str, kind: str) -> None:
    code, status, _ = error_of(lambda: pair.register(**{member: "nowhere"}))
    assert (code, status) == ("ResourceNotFoundException", 404)


def of_another_association(pair: Pair) -> str:
    return pair.world.discovery_id(pair.world.association_id("Northwind Climate"))


def unfinished(pair: Pair) -> str:
    return pair.world.add_discovery(association_id=pair.association, status="RUNNING")


def of_other_devices(pair: Pair) -> str:
    return pair.world.add_discovery(association_id=pair.association, connector_device_ids=["al-1001"])


@pytest.mark.parametrize("job", [of_another_association, unfinished, of_other_devices])
def test_register_by_a_job_that_proves_nothing(pair: Pair, job: Callable[[Pair], str]) -> None:
    discovery = job(pair)
    codes = {
        "validation": "ValidationException",
        "conflict": "ConflictException",
        "not_found": "ResourceNotFoundException",
    }
    for choice, code in codes.items():
        pair.world.set_switches(mismatched_discovery=choice)
        assert code_of(lambda: pair.register(DeviceDiscoveryId=discovery)) == code
    pair.world.set_switches(mismatched_discovery="accept")
    pair.register(DeviceDiscoveryId=discovery)
    assert pair.row == "ASSOCIATED"


def test_register_by_an_expired_job(pair: Pair) -> None:
    pair.world.set_switches(discovery_expires_after=60)
    assert code_of(pair.register) == "ResourceNotFoundException"


def test_register_needs_an_association_in_order(pair: Pair) -> None:
    pair.world.set_association_state(pair.association, "REFRESH_TOKEN_EXPIRED", "Link the account again")
    assert code_of(pair.register) == "ConflictException"
    pair.world.set_switches(register_needs_authorization=False)
    pair.register()


def test_hub_devices_are_not_registered(pair: Pair) -> None:
    lock = pair.world.thing_id("Front door lock")
    assert code_of(lambda: pair.register(ManagedThingId=lock)) == "ValidationException"
    pair.world.set_switches(hub_devices_accept_registration=True, mismatched_discovery="accept")
    pair.register(ManagedThingId=lock)


def test_deregister_what_is_not_registered(pair: Pair) -> None:
    codes = {
        "validation": "ValidationException",
        "conflict": "ConflictException",
        "not_found": "ResourceNotFoundException",
    }
    for choice, code in codes.items():
        pair.world.set_switches(deregister_missing=choice)
        assert code_of(pair.deregister) == code
    pair.world.set_switches(deregister_missing="ok")
    pair.deregister()
    assert code_of(lambda: pair.deregister(ManagedThingId="nowhere")) == "ResourceNotFoundException"
    assert code_of(lambda: pair.deregister(AccountAssociationId="nowhere")) == "ResourceNotFoundException"


def test_last_deregistration_is_a_switch(pair: Pair) -> None:
    pair.register()
    pair.world.set_switches(last_deregistration="UNASSOCIATED")
    pair.deregister()
    assert pair.status == "UNASSOCIATED"


def test_list_of_registrations_by_either_side(client: Any, world: World) -> None:
    light, acme = world.thing_id("Kitchen ceiling light"), world.association_id("Acme Lighting")
    call = client.list_managed_thing_account_associations
    assert len(call()["Items"]) == 4
    assert call(ManagedThingId=light)["Items"] == [
        {"ManagedThingId": light, "AccountAssociationId": acme, "ManagedThingAssociationStatus": "ASSOCIATED"}
    ]
    assert len(call(AccountAssociationId=acme)["Items"]) == 2
    assert call(ManagedThingId="nowhere")["Items"] == []
    assert call(ManagedThingId=light, AccountAssociationId="nowhere")["Items"] == []


def test_filter_of_registrations_is_a_switch(client: Any, world: World) -> None:
    light, acme = world.thing_id("Kitchen ceiling light"), world.association_id("Acme Lighting")
    call = client.list_managed_thing_account_associations
    world.set_switches(unfiltered_registrations="validation", registrations_of_unknown="not_found")
    assert code_of(call) == "ValidationException"
    assert code_of(lambda: call(ManagedThingId="nowhere")) == "ResourceNotFoundException"
    assert code_of(lambda: call(ManagedThingId=light, AccountAssociationId="nowhere")) == "ResourceNotFoundException"
    assert len(call(ManagedThingId=light, AccountAssociationId=acme)["Items"]) == 1


def test_account_associations(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    rows = client.list_account_associations()["Items"]
    assert [row["Name"] for row in rows] == ["Acme Lighting", "Northwind Climate"]
    rows = client.list_account_associations(ConnectorDestinationId="acme-lighting")["Items"]
    assert [row["AccountAssociationId"] for row in rows] == [acme]
    world.set_association_state(acme, "ASSOCIATION_FAILED", "The vendor said no")
    details = client.get_account_association(AccountAssociationId=acme)
    assert (details["AssociationState"], details["ErrorMessage"]) == ("ASSOCIATION_FAILED", "The vendor said no")
    assert details["OAuthAuthorizationUrl"] == ""
    assert code_of(lambda: client.get_account_association(AccountAssociationId="x")) == "ResourceNotFoundException"
    world.remove_association(acme)
    assert len(client.list_account_associations()["Items"]) == 1
    assert len(client.list_managed_thing_account_associations()["Items"]) == 2
