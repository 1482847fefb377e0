"""The behaviour of IoT Managed Integrations, laid out like the backend of a moto service.

What the developer guide documents is done as documented; every point that it leaves open is a field of
:class:`.switches.Switches`.
"""

from collections.abc import Callable, Iterable, Mapping
import copy
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from moto.core.base_backend import BaseBackend

from .exceptions import ConflictException, ManagedIntegrationsError, ResourceNotFoundException, ValidationException
from .linking import SUCCEEDED, AccountLinking
from .resources import (
    AccountAssociation,
    CloudDevice,
    DeviceDiscovery,
    DiscoveredDevice,
    HubDevice,
    ManagedThing,
    Registration,
)
from .switches import Refusal, Switches
from .timeline import Timeline

type Params = Mapping[str, Any]

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
HUB_DISCOVERIES = ("ZIGBEE", "ZWAVE", "CUSTOM")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The things and registrations as they were at one time: what a lagging list still shows."""

    things: tuple[ManagedThing, ...]
    registrations: tuple[Registration, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOutcome:
    """How the next discovery job is to end, and after how many seconds; ``None`` is as the switches have it."""

    status: str
    duration: float | None


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
        self.discoveries: dict[str, DeviceDiscovery] = {}
        self.hub_devices: dict[str, list[HubDevice]] = {}
        self.planned_outcomes: list[PlannedOutcome] = []
        self.linking = AccountLinking(self)
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
        return self._once("CreateManagedThing", params, lambda: self._create_managed_thing(params))

    def _create_managed_thing(self, params: Params) -> ManagedThing:
        material: str = params["AuthenticationMaterial"]
        members = {name: params[name] for name in SETTABLE if name in params}
        match params["AuthenticationMaterialType"]:
            case "DISCOVERED_DEVICE" if material.startswith("CLOUD:"):
                return self._create_cloud_thing(params["Role"], material, members)
            case "DISCOVERED_DEVICE":
                return self._create_hub_thing(params["Role"], material, members)
            case "PRE_ONBOARDED_CLOUD":
                return self._create_pre_onboarded_thing(params["Role"], material, members)
            case _:
                return self._create_thing_of_bar_code(params["Role"], material, members)

    def _create_cloud_thing(self, role: str, material: str, members: dict[str, Any]) -> ManagedThing:
        try:
            _, discovery_id, connector_device_id = material.split(":", 2)
        except ValueError:
            raise ValidationException("The authentication material is not valid.") from None
        discovery = self.discovery(discovery_id)
        found = self._found_cloud_device(discovery, connector_device_id)
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
        jobs = [job for job in self.discoveries.values() if any(row.material == material for row in job.found)]
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
        thing.members |= {name: params[name] for name in SETTABLE if name in params}
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
        destination = self.linking.destinations.get(connector_destination_id)
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
        return self._once("CreateAccountAssociation", params, lambda: self.linking.create(params))

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
        elif not self._found_cloud_device(discovery, thing.connector_device_id):
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

    # Device discoveries

    def discovery(self, identifier: str) -> DeviceDiscovery:
        """Return a job, or raise ResourceNotFoundException for one that never was or has expired."""
        discovery = self.discoveries.get(identifier)
        if discovery is None or self._has_expired(discovery):
            raise ResourceNotFoundException("device-discovery", identifier)
        return discovery

    def kept_discoveries(self) -> Iterable[DeviceDiscovery]:
        """Return the jobs that have not expired."""
        return [job for job in self.discoveries.values() if not self._has_expired(job)]

    def _has_expired(self, discovery: DeviceDiscovery) -> bool:
        lifetime = self.switches.discovery_expires_after
        if lifetime is None or discovery.finished_at is None:
            return False
        return (self.timeline.now - discovery.finished_at).total_seconds() >= lifetime

    def start_device_discovery(self, params: Params) -> DeviceDiscovery:
        """StartDeviceDiscovery; the same ClientToken answers with the job that it started."""
        return self._once("StartDeviceDiscovery", params, lambda: self._start_device_discovery(params))

    def _start_device_discovery(self, params: Params) -> DeviceDiscovery:
        _check_discovery_request(params)
        association_id = params.get("AccountAssociationId", params.get("ConnectorAssociationIdentifier"))
        controller_id = params.get("ControllerIdentifier")
        if association_id is not None:
            association = self.association(association_id)
            if self.switches.discovery_needs_authorization and association.state != SUCCEEDED:
                raise ConflictException(f"The account association is in state {association.state}.")
        if controller_id is not None and self.thing(controller_id).role != "CONTROLLER":
            raise ValidationException("Specified controller does not exist")
        if self.switches.one_discovery_per_association and any(
            (job.account_association_id, job.controller_id) == (association_id, controller_id)
            for job in self.discoveries.values()
            if job.status == "RUNNING"
        ):
            raise ConflictException("A device discovery is already running.")
        job = self.add_discovery(
            params["DiscoveryType"],
            account_association_id=association_id,
            controller_id=controller_id,
            only=tuple(params.get("ConnectorDeviceIdList", ())),
        )
        self._plan(job)
        return job

    def add_discovery(
        self,
        discovery_type: str,
        *,
        account_association_id: str | None = None,
        controller_id: str | None = None,
        only: tuple[str, ...] = (),
    ) -> DeviceDiscovery:
        """Put a running job into the account, for which nothing happens by itself."""
        sequence = self.next_sequence()
        identifier = self.new_id("device-discovery")
        job = DeviceDiscovery(
            sequence=sequence,
            id=identifier,
            arn=self.arn("device-discovery", identifier),
            type=discovery_type,
            started_at=self.timeline.now,
            account_association_id=account_association_id,
            controller_id=controller_id,
            only=only,
        )
        self.discoveries[identifier] = job
        return job

    def _plan(self, job: DeviceDiscovery) -> None:
        hub = self.things.get(job.controller_id or "")
        unreachable = hub is not None and not hub.connected
        status = self.switches.discovery_on_disconnected_hub if unreachable else "SUCCEEDED"
        planned = (
            self.planned_outcomes.pop(0) if self.planned_outcomes else PlannedOutcome(status=status, duration=None)
        )
        duration = planned.duration
        if duration is None:
            timed_out = planned.status == "TIMED_OUT"
            duration = self.switches.discovery_timeout if timed_out else self.switches.discovery_duration
        devices = [] if unreachable else self.discoverable(job)
        for number, device in enumerate(devices, 1):
            self.timeline.after(duration * number / (len(devices) + 1), partial(self.find, job, device))
        self.timeline.after(duration, partial(self.finish, job, planned.status))

    def discoverable(self, job: DeviceDiscovery) -> list[CloudDevice | HubDevice]:
        """Return what a job can find, in the order in which it does."""
        if job.account_association_id is not None:
            devices = self.associations[job.account_association_id].cloud_devices.values()
            return [device for device in devices if not job.only or device.connector_device_id in job.only]
        in_reach = self.hub_devices.get(job.controller_id or "", [])
        return [device for device in in_reach if device.protocol == job.type]

    def find(self, job: DeviceDiscovery, device: CloudDevice | HubDevice) -> None:
        """Let a job find a device."""
        material = device.material if isinstance(device, HubDevice) else None
        row = DiscoveredDevice(
            sequence=self.next_sequence(),
            device=device,
            discovered_at=self.timeline.now,
            modification="DISCOVERED",
            material=material,
        )
        if self.thing_of(job, row) is not None:
            row.modification = "NO_CHANGE"
        job.found.append(row)

    def finish(self, job: DeviceDiscovery, status: str) -> None:
        """End a job; one that succeeded registers the pre-onboarded things that it found."""
        job.status = status
        job.finished_at = self.timeline.now
        filtered = bool(job.only) or not self.switches.pre_onboarded_needs_filter
        if status != "SUCCEEDED" or job.account_association_id is None or not filtered:
            return
        for row in job.found:
            thing = self.thing_of(job, row)
            if thing is None or thing.provisioning_status != "PRE_ASSOCIATED":
                continue
            if (thing.id, job.account_association_id) not in self.registrations:
                continue
            if self.switches.automatic_registration:
                self.add_registration(thing.id, job.account_association_id, "PRE_ASSOCIATED", job.id)
                self._complete(thing.id, job.account_association_id)
            else:
                self.set_provisioning_status(thing, "DISCOVERED")

    def thing_of(self, job: DeviceDiscovery, row: DiscoveredDevice) -> ManagedThing | None:
        """Return the thing that exists for a discovered device."""
        if isinstance(row.device, HubDevice):
            return next((thing for thing in self.things.values() if thing.material == row.material), None)
        association = self.associations.get(job.account_association_id or "")
        destination = association.connector_destination_id if association else None
        device_id = row.device.connector_device_id
        return next(
            (
                thing
                for thing in self.things.values()
                if thing.connector_device_id == device_id and thing.connector_destination_id == destination
            ),
            None,
        )

    def _found_cloud_device(self, job: DeviceDiscovery, connector_device_id: str | None) -> CloudDevice | None:
        for row in job.found:
            if isinstance(row.device, CloudDevice) and row.device.connector_device_id == connector_device_id:
                return row.device
        return None

    # Idempotency

    def _once[Result](self, operation: str, params: Params, create: Callable[[], Result]) -> Result:
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


def _check_discovery_request(params: Params) -> None:
    """Apply the rules between members that the guide gives and the service model can't express."""
    discovery_type = params["DiscoveryType"]
    association_id = params.get("AccountAssociationId", params.get("ConnectorAssociationIdentifier"))
    if discovery_type == "CLOUD" and association_id is None:
        raise ValidationException("AccountAssociationId is required for discovery type CLOUD.")
    if discovery_type != "CLOUD" and "ControllerIdentifier" not in params:
        raise ValidationException(f"ControllerIdentifier is required for discovery type {discovery_type}.")
    if discovery_type == "CLOUD" and "ControllerIdentifier" in params:
        raise ValidationException("ControllerIdentifier is not allowed for discovery type CLOUD.")
    if discovery_type != "CLOUD" and (association_id is not None or "ConnectorDeviceIdList" in params):
        raise ValidationException(f"AccountAssociationId is not allowed for discovery type {discovery_type}.")
    if discovery_type == "CUSTOM" and not params.get("CustomProtocolDetail", {}).get("Name"):
        raise ValidationException("CustomProtocolDetail must contain a non-empty Name.")
    if discovery_type == "CONTROLLER_CAPABILITY_REDISCOVERY" and "Protocol" not in params:
        raise ValidationException("Protocol is required for discovery type CONTROLLER_CAPABILITY_REDISCOVERY.")
