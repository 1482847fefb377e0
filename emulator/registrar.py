"""Registering things with account associations, and taking that back."""

from functools import partial
from typing import TYPE_CHECKING

from .exceptions import ConflictException, ValidationException, refusal
from .linking import SUCCEEDED
from .resources import AccountAssociation, DeviceDiscovery, ManagedThing, Registration
from .service_model import Params

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend


class Registrar:
    """The registrations of one account."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Work on what ``backend`` holds."""
        self.backend = backend

    def add(
        self, managed_thing_id: str, account_association_id: str, status: str, discovery_id: str | None = None
    ) -> Registration:
        """Put a row into the account, or change the one that is there."""
        key = (managed_thing_id, account_association_id)
        if (row := self.backend.registrations.get(key)) is None:
            row = Registration(
                sequence=self.backend.next_sequence(),
                managed_thing_id=managed_thing_id,
                account_association_id=account_association_id,
                status=status,
            )
            self.backend.registrations[key] = row
        row.status = status
        row.device_discovery_id = discovery_id or row.device_discovery_id
        return row

    def check_filter(self, managed_thing_id: str | None, account_association_id: str | None) -> None:
        """Refuse what ListManagedThingAccountAssociations can't be asked for."""
        if managed_thing_id is None and account_association_id is None:
            if self.backend.switches.unfiltered_registrations == "validation":
                raise ValidationException("ManagedThingId or AccountAssociationId is required.")
        elif self.backend.switches.registrations_of_unknown == "not_found":
            if managed_thing_id is not None:
                self.backend.thing(managed_thing_id)
            if account_association_id is not None:
                self.backend.association(account_association_id)

    def register(self, params: Params) -> None:
        """RegisterAccountAssociation."""
        thing = self.backend.thing(params["ManagedThingId"])
        association = self.backend.association(params["AccountAssociationId"])
        discovery = self.backend.discovery(params["DeviceDiscoveryId"])
        row = self.backend.registrations.get((thing.id, association.id))
        if row is not None and row.status == "ASSOCIATED":
            if self.backend.switches.reregister == "conflict":
                raise ConflictException("The managed thing is already registered with the account association.")
            row.device_discovery_id = discovery.id
            return
        if not thing.is_cloud and not self.backend.switches.hub_devices_accept_registration:
            raise ValidationException("The managed thing is not a cloud-to-cloud device.")
        if self.backend.switches.register_needs_authorization and association.state != SUCCEEDED:
            raise ConflictException(f"The account association is in state {association.state}.")
        self._check_discovery_proves(discovery, thing, association)
        row = self.add(thing.id, association.id, "PRE_ASSOCIATED", discovery.id)
        self.backend.timeline.after(self.backend.switches.registration_delay, partial(self._complete, row))

    def _check_discovery_proves(
        self, discovery: DeviceDiscovery, thing: ManagedThing, association: AccountAssociation
    ) -> None:
        if self.backend.switches.mismatched_discovery == "accept":
            return
        if discovery.account_association_id != association.id:
            problem = "The device discovery was for another account association."
        elif discovery.status != "SUCCEEDED":
            problem = f"The device discovery is in status {discovery.status}."
        elif not discovery.found_cloud_device(thing.connector_device_id):
            problem = "The device was not found by the device discovery."
        else:
            return
        raise refusal(self.backend.switches.mismatched_discovery, problem, "device-discovery", discovery.id)

    def _complete(self, row: Registration) -> None:
        # It may have been taken back meanwhile, and even been made again.
        if self.backend.registrations.get((row.managed_thing_id, row.account_association_id)) is row:
            row.status = "ASSOCIATED"
            self.backend.set_provisioning_status(self.backend.things[row.managed_thing_id], "ACTIVATED")

    def register_found(self, thing: ManagedThing, account_association_id: str, discovery_id: str) -> None:
        """Go on with a pre-onboarded thing that a job found."""
        if self.backend.switches.automatic_registration:
            self._complete(self.add(thing.id, account_association_id, "PRE_ASSOCIATED", discovery_id))
        else:
            self.backend.set_provisioning_status(thing, "DISCOVERED")

    def deregister(self, params: Params) -> None:
        """DeregisterAccountAssociation."""
        thing = self.backend.thing(params["ManagedThingId"])
        association = self.backend.association(params["AccountAssociationId"])
        if (thing.id, association.id) not in self.backend.registrations:
            if self.backend.switches.deregister_missing == "ok":
                return
            problem = "The managed thing is not registered with the account association."
            raise refusal(self.backend.switches.deregister_missing, problem, "account-association", association.id)
        self.remove((thing.id, association.id))

    def remove(self, key: tuple[str, str]) -> None:
        """Take a row out of the account; the last one of a thing leaves it without."""
        del self.backend.registrations[key]
        if not any(row.managed_thing_id == key[0] for row in self.backend.registrations.values()):
            self.backend.set_provisioning_status(self.backend.things[key[0]], self.backend.switches.last_deregistration)
