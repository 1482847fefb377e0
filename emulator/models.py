"""The behaviour of IoT Managed Integrations, laid out like the backend of a moto service.

What the developer guide documents is done as documented; every point that it leaves open is a field of
:class:`.switches.Switches`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any

from moto.core.base_backend import BaseBackend

from .capabilities import Capabilities
from .configurations import (
    CREDENTIAL_LOCKER,
    OTA_TASK_CONFIGURATION,
    Destinations,
    EventLogConfigurations,
    NotificationConfigurations,
    ProvisioningProfiles,
)
from .connectors import CloudConnectors, ConnectorDestinations
from .creation import create_managed_thing, described, settable
from .discovery import DeviceDiscoveries
from .exceptions import ConflictException, ResourceNotFoundException, ValidationException, refusal
from .linking import AccountLinking
from .records import Record, Records
from .registrar import Registrar
from .resources import AccountAssociation, DeviceDiscovery, ManagedThing, Registration
from .service_model import Params
from .settings import AccountSettings
from .switches import Switches
from .timeline import Timeline


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The things and registrations as they were at one time: what a lagging list still shows."""

    things: tuple[ManagedThing, ...]
    registrations: tuple[Registration, ...]


class ManagedIntegrationsBackend(BaseBackend):
    """All that one AWS account has in one Region."""

    def __init__(
        self, region_name: str, account_id: str, *, switches: Switches | None = None, timeline: Timeline | None = None
    ) -> None:
        """Start empty."""
        super().__init__(region_name, account_id)
        self.switches = switches or Switches()
        self.timeline = timeline or Timeline()
        self.things: dict[str, ManagedThing] = {}
        self.associations: dict[str, AccountAssociation] = {}
        self.registrations: dict[tuple[str, str], Registration] = {}
        self.discoveries = DeviceDiscoveries(self)
        self.linking = AccountLinking(self)
        self.registrar = Registrar(self)
        self.capabilities = Capabilities(self)
        self.settings = AccountSettings(self)
        self.cloud_connectors = CloudConnectors(self)
        self.connector_destinations = ConnectorDestinations(self)
        self.credential_lockers = Records(self, CREDENTIAL_LOCKER, Record)
        self.destinations = Destinations(self)
        self.event_log_configurations = EventLogConfigurations(self)
        self.notification_configurations = NotificationConfigurations(self)
        self.ota_task_configurations = Records(self, OTA_TASK_CONFIGURATION, Record)
        self.provisioning_profiles = ProvisioningProfiles(self)
        every: tuple[Records[Any], ...] = (
            self.cloud_connectors,
            self.connector_destinations,
            self.credential_lockers,
            self.destinations,
            self.event_log_configurations,
            self.notification_configurations,
            self.ota_task_configurations,
            self.provisioning_profiles,
        )
        self.records = {records.kind: records for records in every}
        self._sequence = 0
        self._answers: dict[tuple[str, str], tuple[Any, Any]] = {}

    # Identity

    def next_sequence(self) -> int:
        """Return the next place in the order of creation."""
        self._sequence += 1
        return self._sequence

    def new_id(self, kind: str) -> str:
        """Return an id of 32 hexadecimal digits, the same in every run."""
        return sha256(f"{self.account_id}/{self.region_name}/{kind}/{self._sequence}".encode()).hexdigest()[:32]

    def arn(self, resource_type: str, resource_id: str) -> str:
        """Return the ARN of a resource."""
        return f"arn:aws:iotmanagedintegrations:{self.region_name}:{self.account_id}:{resource_type}/{resource_id}"

    # Managed things

    def thing(self, identifier: str) -> ManagedThing:
        """Return a thing, or raise ResourceNotFoundException."""
        if (thing := self.things.get(identifier)) is None:
            raise ResourceNotFoundException("managed-thing", identifier)
        return thing

    def cloud_thing(self, connector_device_id: str, connector_destination_id: str | None) -> ManagedThing | None:
        """Return the thing that exists for a device in the cloud of a destination's vendor."""
        same = (thing for thing in self.things.values() if thing.connector_device_id == connector_device_id)
        return next((thing for thing in same if thing.connector_destination_id == connector_destination_id), None)

    def thing_of_material(self, material: str | None) -> ManagedThing | None:
        """Return the thing that was made of an authentication material."""
        return next((thing for thing in self.things.values() if thing.material == material), None)

    def add_thing(
        self,
        *,
        role: str,
        provisioning_status: str,
        members: Params,
        parent_controller_id: str | None = None,
        connector_device_id: str | None = None,
        connector_destination_id: str | None = None,
        material: str | None = None,
    ) -> ManagedThing:
        """Put a thing into the account."""
        sequence = self.next_sequence()
        identifier = self.new_id("managed-thing")
        now = self.timeline.now
        thing = ManagedThing(
            sequence=sequence,
            id=identifier,
            arn=self.arn("managed-thing", identifier),
            role=role,
            provisioning_status=provisioning_status,
            created_at=now,
            updated_at=now,
            activated_at=now if provisioning_status == "ACTIVATED" else None,
            parent_controller_id=parent_controller_id,
            connector_device_id=connector_device_id,
            connector_destination_id=connector_destination_id,
            material=material,
            members=dict(members),
        )
        self.things[identifier] = thing
        return thing

    def set_provisioning_status(self, thing: ManagedThing, status: str) -> None:
        """Move a thing on in its life cycle."""
        if thing.provisioning_status == status:
            return
        thing.provisioning_status = status
        thing.updated_at = self.timeline.now
        if status == "ACTIVATED":
            thing.activated_at = thing.updated_at

    def create_managed_thing(self, params: Params) -> ManagedThing:
        """CreateManagedThing; the same ClientToken answers with the thing that it created."""
        return self.once("CreateManagedThing", params, lambda: create_managed_thing(self, params))

    def update_managed_thing(self, params: Params) -> None:
        """UpdateManagedThing."""
        thing = self.thing(params["Identifier"])
        thing.members |= settable(self, params)
        thing.described |= described(params)
        thing.updated_at = self.timeline.now

    def delete_managed_thing(self, identifier: str, *, force: bool) -> None:
        """DeleteManagedThing."""
        thing = self.thing(identifier)
        if thing.is_cloud and self.switches.delete_cloud_thing == "validation":
            raise ValidationException("A cloud-to-cloud device can't be removed with this operation.")
        if any(child.parent_controller_id == identifier for child in self.things.values()):
            raise ConflictException("The hub still has devices.")
        self.set_provisioning_status(thing, "DELETE_IN_PROGRESS")
        self.timeline.after(0 if force else self.switches.deletion_delay, partial(self.remove_thing, identifier))

    def remove_thing(self, identifier: str) -> None:
        """Take a thing and its registrations out of the account."""
        self.things.pop(identifier, None)
        for key in [key for key in self.registrations if key[0] == identifier]:
            del self.registrations[key]

    def connectivity(self, identifier: str) -> dict[str, Any]:
        """GetManagedThingConnectivityData: MQTT connections, which only hubs and direct devices have."""
        thing = self.thing(identifier)
        if thing.connectivity_changed_at is None:
            if self.switches.connectivity_of_others == "not_found":
                raise ResourceNotFoundException("managed-thing", identifier)
            return {"ManagedThingId": identifier, "Connected": False, "DisconnectReason": "NONE"}
        return {
            "ManagedThingId": identifier,
            "Connected": thing.connected,
            "Timestamp": thing.connectivity_changed_at,
            "DisconnectReason": thing.disconnect_reason,
        }

    def set_connectivity(self, identifier: str, *, connected: bool, reason: str = "CONNECTION_LOST") -> None:
        """Connect a hub to AWS, or disconnect it for a ``reason`` of the model's DisconnectReasonValue."""
        thing = self.thing(identifier)
        thing.connected = connected
        thing.connectivity_changed_at = self.timeline.now
        thing.disconnect_reason = "NONE" if connected else reason

    def refuse_second_name(self, name: str | None, taken: Iterable[str | None]) -> None:
        """Refuse a name that is taken, if there may be only one of each."""
        if self.switches.duplicate_name == "conflict" and name is not None and name in taken:
            raise ConflictException("A resource of this name already exists.")

    # Account associations

    def association(self, identifier: str) -> AccountAssociation:
        """Return an association, or raise ResourceNotFoundException."""
        if (association := self.associations.get(identifier)) is None:
            raise ResourceNotFoundException("account-association", identifier)
        return association

    def add_association(
        self, *, name: str | None, state: str, connector_destination_id: str, description: str | None = None
    ) -> AccountAssociation:
        """Put an association into the account; it holds the devices that its destination has, if that exists."""
        sequence = self.next_sequence()
        destination = self.connector_destinations.rows.get(connector_destination_id)
        identifier = self.new_id("account-association")
        association = AccountAssociation(
            sequence=sequence,
            id=identifier,
            arn=self.arn("account-association", identifier),
            name=name,
            description=description,
            state=state,
            connector_destination_id=connector_destination_id,
            cloud_devices=dict(destination.cloud_devices) if destination else {},
        )
        self.associations[identifier] = association
        return association

    def remove_association(self, identifier: str) -> None:
        """Take an association and its registrations out of the account; the things stay as they are."""
        if (association := self.associations.pop(identifier, None)) is not None:
            self.linking.forget_link(association)
        for key in [key for key in self.registrations if key[1] == identifier]:
            del self.registrations[key]

    def create_account_association(self, params: Params) -> AccountAssociation:
        """CreateAccountAssociation; the same ClientToken answers with the association that it created."""
        return self.once("CreateAccountAssociation", params, lambda: self.linking.create(params))

    def delete_account_association(self, identifier: str) -> None:
        """DeleteAccountAssociation."""
        association = self.association(identifier)
        registered = [key for key in self.registrations if key[1] == identifier]
        if registered and self.switches.delete_with_registrations != "ok":
            problem = "The account association still has managed things: deregister them first."
            raise refusal(self.switches.delete_with_registrations, problem, "account-association", identifier)
        for key in registered:
            self.registrar.remove(key)
        self.linking.start_deleting(association)
        self.timeline.after(self.switches.association_deletion_delay, partial(self.remove_association, identifier))

    def snapshot(self) -> Snapshot:
        """Keep the things and registrations as they are now."""
        return Snapshot(
            tuple(replace(thing, members=dict(thing.members)) for thing in self.things.values()),
            tuple(replace(row) for row in self.registrations.values()),
        )

    def discovery(self, identifier: str) -> DeviceDiscovery:
        """Return a job, or raise ResourceNotFoundException for one that never was or has expired."""
        return self.discoveries.get(identifier)

    # Idempotency

    def once[Result](self, operation: str, params: Params, create: Callable[[], Result]) -> Result:
        """Create something, or return what the same ClientToken created before."""
        if (token := params.get("ClientToken")) is None:
            return create()
        asked = {name: value for name, value in params.items() if name != "ClientToken"}
        if (before := self._answers.get((operation, token))) is not None:
            if before[0] != asked:
                raise ConflictException("The client token was used with other parameters.")
            result: Result = before[1]
            return result
        result = create()
        self._answers[operation, token] = (asked, result)
        return result
