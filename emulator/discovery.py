"""Device discovery jobs: what starts one, what it finds and when, how it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from .exceptions import ConflictException, ResourceNotFoundException, ValidationException
from .linking import SUCCEEDED
from .resources import CloudDevice, DeviceDiscovery, DiscoveredDevice, HubDevice, ManagedThing
from .service_model import Params, Wire

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOutcome:
    """How the next discovery job is to end, and after how many seconds; ``None`` is as the switches have it."""

    status: str
    duration: float | None


class DeviceDiscoveries:
    """The discovery jobs of an account, and the devices in reach of its hubs."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with none; ``backend`` holds the things and associations."""
        self.backend = backend
        self.jobs: dict[str, DeviceDiscovery] = {}
        self.hub_devices: dict[str, list[HubDevice]] = {}
        self.planned_outcomes: list[PlannedOutcome] = []

    def get(self, identifier: str) -> DeviceDiscovery:
        """Return a job, or raise ResourceNotFoundException for one that never was or has expired."""
        job = self.jobs.get(identifier)
        if job is None or self._has_expired(job):
            raise ResourceNotFoundException("device-discovery", identifier)
        return job

    def kept(self) -> list[DeviceDiscovery]:
        """Return the jobs that have not expired."""
        return [job for job in self.jobs.values() if not self._has_expired(job)]

    def _has_expired(self, job: DeviceDiscovery) -> bool:
        lifetime = self.backend.switches.discovery_expires_after
        if lifetime is None or job.finished_at is None:
            return False
        return (self.backend.timeline.now - job.finished_at).total_seconds() >= lifetime

    # Starting

    def start(self, params: Params) -> DeviceDiscovery:
        """StartDeviceDiscovery; the same ClientToken answers with the job that it started."""
        return self.backend.once("StartDeviceDiscovery", params, lambda: self._start(params))

    def _start(self, params: Params) -> DeviceDiscovery:
        _check_request(params)
        switches = self.backend.switches
        association_id = params.get("AccountAssociationId", params.get("ConnectorAssociationIdentifier"))
        controller_id = params.get("ControllerIdentifier")
        if association_id is not None:
            association = self.backend.association(association_id)
            if switches.discovery_needs_authorization and association.state != SUCCEEDED:
                raise ConflictException(f"The account association is in state {association.state}.")
        if controller_id is not None and self.backend.thing(controller_id).role != "CONTROLLER":
            raise ValidationException("Specified controller does not exist")
        if switches.one_discovery_per_association and any(
            (job.account_association_id, job.controller_id) == (association_id, controller_id)
            for job in self.jobs.values()
            if job.status == "RUNNING"
        ):
            raise ConflictException("A device discovery is already running.")
        job = self.add(
            params["DiscoveryType"],
            account_association_id=association_id,
            controller_id=controller_id,
            only=tuple(params.get("ConnectorDeviceIdList", ())),
        )
        job.tags = params.get("Tags")
        self._plan(job)
        return job

    def add(
        self,
        discovery_type: str,
        *,
        account_association_id: str | None = None,
        controller_id: str | None = None,
        only: tuple[str, ...] = (),
    ) -> DeviceDiscovery:
        """Put a running job into the account, for which nothing happens by itself."""
        sequence = self.backend.next_sequence()
        identifier = self.backend.new_id("device-discovery")
        job = DeviceDiscovery(
            sequence=sequence,
            id=identifier,
            arn=self.backend.arn("device-discovery", identifier),
            type=discovery_type,
            started_at=self.backend.timeline.now,
            account_association_id=account_association_id,
            controller_id=controller_id,
            only=only,
        )
        self.jobs[identifier] = job
        return job

    # Running

    def _plan(self, job: DeviceDiscovery) -> None:
        switches = self.backend.switches
        hub = self.backend.things.get(job.controller_id or "")
        status, devices = "SUCCEEDED", self.discoverable(job)
        if hub is not None and not hub.connected:
            status, devices = switches.discovery_on_disconnected_hub, []
        elif hub is None and switches.cloud_discoveries == "connector":
            status, devices = "TIMED_OUT", []
        planned = (
            self.planned_outcomes.pop(0) if self.planned_outcomes else PlannedOutcome(status=status, duration=None)
        )
        duration = planned.duration
        if duration is None:
            timed_out = planned.status == "TIMED_OUT"
            duration = switches.discovery_timeout if timed_out else switches.discovery_duration
        for number, device in enumerate(devices, 1):
            self._later(duration * number / (len(devices) + 1), job, partial(self.find, job, device))
        self._later(duration, job, partial(self.finish, job, planned.status))

    def _later(self, seconds: float, job: DeviceDiscovery, action: Callable[[], None]) -> None:
        def act_unless_ended() -> None:
            # The connector's last event may have ended the job meanwhile.
            if job.status == "RUNNING":
                action()

        self.backend.timeline.after(seconds, act_unless_ended)

    def discoverable(self, job: DeviceDiscovery) -> list[CloudDevice | HubDevice]:
        """Return what a job can find, in the order in which it does."""
        if job.account_association_id is not None:
            devices = self.backend.associations[job.account_association_id].cloud_devices.values()
            return [device for device in devices if job.wants(device.connector_device_id)]
        in_reach = self.hub_devices.get(job.controller_id or "", [])
        return [device for device in in_reach if device.protocol == job.type]

    def find(self, job: DeviceDiscovery, device: CloudDevice | HubDevice) -> None:
        """Let a job find a device."""
        material = device.material if isinstance(device, HubDevice) else None
        row = DiscoveredDevice(
            sequence=self.backend.next_sequence(),
            device=device,
            discovered_at=self.backend.timeline.now,
            modification="DISCOVERED",
            material=material,
        )
        if self.thing_of(job, row) is not None:
            row.modification = "NO_CHANGE"
        job.found.append(row)

    def finish(self, job: DeviceDiscovery, status: str) -> None:
        """End a job; one that succeeded registers the pre-onboarded things that it found."""
        job.status = status
        job.finished_at = self.backend.timeline.now
        filtered = bool(job.only) or not self.backend.switches.pre_onboarded_needs_filter
        if status != "SUCCEEDED" or job.account_association_id is None or not filtered:
            return
        for row in job.found:
            thing = self.thing_of(job, row)
            if thing is None or thing.provisioning_status != "PRE_ASSOCIATED":
                continue
            if (thing.id, job.account_association_id) not in self.backend.registrations:
                continue
            self.backend.registrar.register_found(thing, job.account_association_id, job.id)

    # What was found

    def thing_of(self, job: DeviceDiscovery, row: DiscoveredDevice) -> ManagedThing | None:
        """Return the thing that exists for a discovered device."""
        if isinstance(row.device, HubDevice):
            return self.backend.thing_of_material(row.material)
        association = self.backend.associations.get(job.account_association_id or "")
        destination = association.connector_destination_id if association else None
        return self.backend.cloud_thing(row.device.connector_device_id, destination)

    # What a connector says

    def connector_event(self, params: Params) -> Wire:
        """SendConnectorEvent: DEVICE_DISCOVERY brings a job on; what the other operations do isn't emulated."""
        connector = self.backend.cloud_connectors.get(params["ConnectorId"])
        if params["Operation"] == "DEVICE_DISCOVERY":
            if "DeviceDiscoveryId" not in params:
                raise ValidationException("DeviceDiscoveryId is required for operation DEVICE_DISCOVERY.")
            job = self.get(params["DeviceDiscoveryId"])
            if self._connector_of(job) != connector.id:
                raise ResourceNotFoundException("device-discovery", job.id)
            self._report(job, params)
        return {"ConnectorId": connector.id}

    def _connector_of(self, job: DeviceDiscovery) -> str | None:
        association = self.backend.associations.get(job.account_association_id or "")
        destinations = self.backend.connector_destinations.rows
        destination = destinations.get(association.connector_destination_id) if association else None
        return destination.members["CloudConnectorId"] if destination else None

    def _report(self, job: DeviceDiscovery, params: Params) -> None:
        if job.status != "RUNNING":
            return
        for device in params.get("Devices", ()):
            identifier = device["ConnectorDeviceId"]
            if job.wants(identifier) and job.found_cloud_device(identifier) is None:
                self.find(job, _cloud_device(device))
        match params.get("StatusCode", 200) // 100:
            case 3:
                pass  # more pages to come
            case 2:
                self.finish(job, "SUCCEEDED")
            case _ if self.backend.switches.failed_connector_event == "FAILED":
                self.finish(job, "FAILED")


def _cloud_device(device: Wire) -> CloudDevice:
    types = (kind for endpoint in device["CapabilityReport"]["endpoints"] for kind in endpoint["deviceTypes"])
    return CloudDevice(
        connector_device_id=device["ConnectorDeviceId"],
        name=device.get("ConnectorDeviceName"),
        device_types=tuple(dict.fromkeys(types)),
    )


def _check_request(params: Params) -> None:
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
