"""The behaviour of IoT Managed Integrations, laid out like the backend of a moto service.

What the developer guide documents is done as documented; every point that it leaves open is a field of
:class:`.switches.Switches`.
"""

from collections.abc import Callable
import copy
from dataclasses import dataclass
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
from .discovery import DeviceDiscoveries
from .exceptions import ConflictException, ManagedIntegrationsError, ResourceNotFoundException, ValidationException
from .linking import SUCCEEDED, AccountLinking
from .records import Record, Records
from .resources import AccountAssociation, CloudDevice, DeviceDiscovery, HubDevice, ManagedThing, Registration
from .service_model import Params
from .settings import AccountSettings
from .switches import Refusal, Switches
from .timeline import Timeline

SETTABLE = (
    "Brand",
    "Classification",
    "CredentialLockerId",
    "HubNetworkMode",
    "MetaData",
    "Model",
    "Name",
    "Owner",
    "SerialNumber",
    "Tags",
    "WiFiSimpleSetupConfiguration",
)
"""Members of CreateManagedThing and UpdateManagedThing that GetManagedThing gives back."""
DESCRIBING = ("Capabilities", "CapabilityReport", "CapabilitySchemas")
"""Members of the same two that it doesn't."""


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
        return self.once("CreateManagedThing", params, lambda: self._create_managed_thing(params))

    def _create_managed_thing(self, params: Params) -> ManagedThing:
        material: str = params["AuthenticationMaterial"]
        members = self._settable(params)
        match params["AuthenticationMaterialType"]:
            case "DISCOVERED_DEVICE" if material.startswith("CLOUD:"):
                thing = self._create_cloud_thing(params["Role"], material, members)
            case "DISCOVERED_DEVICE":
                thing = self._create_hub_thing(params["Role"], material, members)
            case "PRE_ONBOARDED_CLOUD":
                thing = self._create_pre_onboarded_thing(params["Role"], material, members)
            case _:
                thing = self._create_thing_of_bar_code(params["Role"], material, members)
        thing.described = {name: params[name] for name in DESCRIBING if name in params}
        return thing

    def _settable(self, params: Params) -> dict[str, Any]:
        if (locker := params.get("CredentialLockerId")) is not None:
            self.credential_lockers.get(locker)
        return {name: params[name] for name in SETTABLE if name in params}

    def _create_cloud_thing(self, role: str, material: str, members: dict[str, Any]) -> ManagedThing:
        try:
            _, discovery_id, connector_device_id = material.split(":", 2)
        except ValueError:
            raise ValidationException("The authentication material is not valid.") from None
        discovery = self.discovery(discovery_id)
        found = discovery.found_cloud_device(connector_device_id)
        if found is None:
            raise ValidationException("The device was not found by the device discovery.")
        association = self.associations.get(discovery.account_association_id or "")
        destination = association.connector_destination_id if association else None
        self._refuse_second_thing(
            lambda thing: (
                thing.connector_device_id == connector_device_id and thing.connector_destination_id == destination
            )
        )
        return self.add_thing(
            role=role,
            provisioning_status="UNASSOCIATED",
            members=_reported(found) | members,
            connector_device_id=connector_device_id,
            connector_destination_id=destination,
            material=material,
        )

    def _create_hub_thing(self, role: str, material: str, members: dict[str, Any]) -> ManagedThing:
        jobs = [job for job in self.discoveries.jobs.values() if any(row.material == material for row in job.found)]
        if not jobs:
            raise ValidationException("The authentication material is not valid.")
        self._refuse_second_thing(lambda thing: thing.material == material)
        device = next(row.device for row in jobs[-1].found if row.material == material)
        thing = self.add_thing(
            role=role,
            provisioning_status="DISCOVERED",
            members=_reported(device) | members,
            parent_controller_id=jobs[-1].controller_id,
            material=material,
        )
        self.timeline.after(
            self.switches.hub_activation_delay, partial(self.set_provisioning_status, thing, "ACTIVATED")
        )
        return thing

    def _create_pre_onboarded_thing(self, role: str, material: str, members: dict[str, Any]) -> ManagedThing:
        prefix, _, rest = material.partition(":")
        connector_device_id, *association_ids = rest.split(":")
        if prefix != "CLOUD" or not connector_device_id or not association_ids:
            raise ValidationException("The authentication material is not valid.")
        associations = [self.association(association_id) for association_id in association_ids]
        destination = associations[0].connector_destination_id
        self._refuse_second_thing(
            lambda thing: (
                thing.connector_device_id == connector_device_id and thing.connector_destination_id == destination
            )
        )
        thing = self.add_thing(
            role=role,
            provisioning_status="PRE_ASSOCIATED",
            members=members,
            connector_device_id=connector_device_id,
            connector_destination_id=destination,
            material=material,
        )
        for association in associations:
            self.add_registration(thing.id, association.id, "PRE_ASSOCIATED")
        return thing

    def _create_thing_of_bar_code(self, role: str, material: str, members: dict[str, Any]) -> ManagedThing:
        self._refuse_second_thing(lambda thing: thing.material == material)
        code = dict(part.split(":", 1) for part in material.split(";") if ":" in part)
        printed = {"SerialNumber": code.get("SN"), "UniversalProductCode": code.get("UPC")}
        return self.add_thing(
            role=role,
            provisioning_status="PRE_ASSOCIATED",
            members={name: value.strip() for name, value in printed.items() if value} | members,
            material=material,
        )

    def _refuse_second_thing(self, is_same: Callable[[ManagedThing], bool]) -> None:
        if self.switches.recreate_thing == "conflict" and any(map(is_same, self.things.values())):
            raise ConflictException("A managed thing already exists for this device.")

    def update_managed_thing(self, params: Params) -> None:
        """UpdateManagedThing."""
        thing = self.thing(params["Identifier"])
        thing.members |= self._settable(params)
        thing.described |= {name: params[name] for name in DESCRIBING if name in params}
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

    # Account associations and registrations

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
            raise _refusal(self.switches.delete_with_registrations, problem, "account-association", identifier)
        for key in registered:
            self._deregister(key)
        self.linking.start_deleting(association)
        self.timeline.after(self.switches.association_deletion_delay, partial(self.remove_association, identifier))

    def add_registration(
        self, managed_thing_id: str, account_association_id: str, status: str, discovery_id: str | None = None
    ) -> Registration:
        """Put a row into the account, or change the one that is there."""
        key = (managed_thing_id, account_association_id)
        if (row := self.registrations.get(key)) is None:
            row = Registration(
                sequence=self.next_sequence(),
                managed_thing_id=managed_thing_id,
                account_association_id=account_association_id,
                status=status,
            )
            self.registrations[key] = row
        row.status = status
        row.device_discovery_id = discovery_id or row.device_discovery_id
        return row

    def register_account_association(self, params: Params) -> None:
        """RegisterAccountAssociation."""
        thing = self.thing(params["ManagedThingId"])
        association = self.association(params["AccountAssociationId"])
        discovery = self.discovery(params["DeviceDiscoveryId"])
        row = self.registrations.get((thing.id, association.id))
        if row is not None and row.status == "ASSOCIATED":
            if self.switches.reregister == "conflict":
                raise ConflictException("The managed thing is already registered with the account association.")
            row.device_discovery_id = discovery.id
            return
        if not thing.is_cloud and not self.switches.hub_devices_accept_registration:
            raise ValidationException("The managed thing is not a cloud-to-cloud device.")
        if self.switches.register_needs_authorization and association.state != SUCCEEDED:
            raise ConflictException(f"The account association is in state {association.state}.")
        self._check_discovery_proves(discovery, thing, association)
        self.add_registration(thing.id, association.id, "PRE_ASSOCIATED", discovery.id)
        self.timeline.after(self.switches.registration_delay, partial(self._complete, thing.id, association.id))

    def _check_discovery_proves(
        self, discovery: DeviceDiscovery, thing: ManagedThing, association: AccountAssociation
    ) -> None:
        if self.switches.mismatched_discovery == "accept":
            return
        if discovery.account_association_id != association.id:
            problem = "The device discovery was for another account association."
        elif discovery.status != "SUCCEEDED":
            problem = f"The device discovery is in status {discovery.status}."
        elif not discovery.found_cloud_device(thing.connector_device_id):
            problem = "The device was not found by the device discovery."
        else:
            return
        raise _refusal(self.switches.mismatched_discovery, problem, "device-discovery", discovery.id)

    def _complete(self, managed_thing_id: str, account_association_id: str) -> None:
        row = self.registrations.get((managed_thing_id, account_association_id))
        thing = self.things.get(managed_thing_id)
        if row is not None and thing is not None:
            row.status = "ASSOCIATED"
            self.set_provisioning_status(thing, "ACTIVATED")

    def register_found(self, thing: ManagedThing, account_association_id: str, discovery_id: str) -> None:
        """Go on with a pre-onboarded thing that a job found."""
        if self.switches.automatic_registration:
            self.add_registration(thing.id, account_association_id, "PRE_ASSOCIATED", discovery_id)
            self._complete(thing.id, account_association_id)
        else:
            self.set_provisioning_status(thing, "DISCOVERED")

    def deregister_account_association(self, params: Params) -> None:
        """DeregisterAccountAssociation."""
        thing = self.thing(params["ManagedThingId"])
        association = self.association(params["AccountAssociationId"])
        if (thing.id, association.id) not in self.registrations:
            if self.switches.deregister_missing == "ok":
                return
            problem = "The managed thing is not registered with the account association."
            raise _refusal(self.switches.deregister_missing, problem, "account-association", association.id)
        self._deregister((thing.id, association.id))

    def _deregister(self, key: tuple[str, str]) -> None:
        del self.registrations[key]
        if not any(row.managed_thing_id == key[0] for row in self.registrations.values()):
            self.set_provisioning_status(self.things[key[0]], self.switches.last_deregistration)

    def snapshot(self) -> Snapshot:
        """Keep the things and registrations as they are now."""
        return Snapshot(
            tuple(copy.copy(thing) for thing in self.things.values()),
            tuple(copy.copy(row) for row in self.registrations.values()),
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


def _reported(device: CloudDevice | HubDevice) -> dict[str, Any]:
    told = {"Name": device.name, "Brand": device.brand, "Model": device.model}
    return {name: value for name, value in told.items() if value is not None}


def _refusal(how: Refusal, problem: str, resource_type: str, resource_id: str) -> ManagedIntegrationsError:
    match how:
        case "validation":
            return ValidationException(problem)
        case "conflict":
            return ConflictException(problem)
        case "not_found":
            return ResourceNotFoundException(resource_type, resource_id)
