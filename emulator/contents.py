"""What is in a world's account: to be read, and to be changed as devices, vendors and other people would."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
import threading
from typing import Any, Literal, TypedDict, Unpack

from . import pki
from .capabilities import DEFAULT_FORMAT
from .discovery import PlannedOutcome
from .lagging import LaggingLists
from .linking import DENIED, SUCCEEDED, TOKEN_EXPIRED
from .models import ManagedIntegrationsBackend
from .resources import CloudDevice, HubDevice
from .service_model import Params, present
from .switches import Switches
from .timeline import Timeline


class Described(TypedDict, total=False):
    """What a discovery may tell about a device beside its name."""

    brand: str | None
    model: str | None
    device_types: Sequence[str]


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


class Contents:
    """What is in one account. Every method may be called from any thread."""

    def __init__(
        self, *, account_id: str, region: str, switches: Switches | None, clock: Callable[[], datetime]
    ) -> None:
        """Start with nothing in the account."""
        self.account_id = account_id
        self.region = region
        self.lock = threading.RLock()
        self.timeline = Timeline(clock)
        self.backend = ManagedIntegrationsBackend(region, account_id, switches=switches, timeline=self.timeline)
        self.lists = LaggingLists(self.backend)

    # What the lists show

    def lag_lists(self, seconds: float = 0.0, *, calls: int = 0) -> None:
        """Let the lists of things and of registrations show an older state.

        Either what was so many ``seconds`` of service time ago (from now on), or what is now, for so many ``calls`` of
        each of the two. With neither, the lists are up to date again.
        """
        with self.lock:
            self.timeline.settle()
            self.lists.lag(seconds, calls)

    # Reading

    @property
    def things(self) -> dict[str, dict[str, Any]]:
        """The managed things by id, each with the members that GetManagedThing gives."""
        with self.lock:
            self.timeline.settle()
            return {identifier: thing.wire() for identifier, thing in self.backend.things.items()}

    @property
    def associations(self) -> dict[str, dict[str, Any]]:
        """The account associations by id, each with the members of its row."""
        with self.lock:
            self.timeline.settle()
            return {identifier: association.wire() for identifier, association in self.backend.associations.items()}

    @property
    def registrations(self) -> dict[tuple[str, str], str]:
        """ManagedThingAssociationStatus by (managed thing id, account association id)."""
        with self.lock:
            self.timeline.settle()
            return {key: row.status for key, row in self.backend.registrations.items()}

    @property
    def discoveries(self) -> dict[str, dict[str, Any]]:
        """The discovery jobs by id, each with the members that GetDeviceDiscovery gives."""
        with self.lock:
            self.timeline.settle()
            return {identifier: job.wire() for identifier, job in self.backend.discoveries.jobs.items()}

    def thing_id(self, name: str) -> str:
        """Return the id of the thing with that name."""
        return next(identifier for identifier, thing in self.things.items() if thing.get("Name") == name)

    def association_id(self, name: str) -> str:
        """Return the id of the account association with that name."""
        return next(identifier for identifier, row in self.associations.items() if row.get("Name") == name)

    def discovery_id(self, association_id: str) -> str:
        """Return the id of the newest succeeded job of an account association."""
        return next(
            identifier
            for identifier, job in reversed(self.discoveries.items())
            if job.get("AccountAssociationId") == association_id and job["Status"] == "SUCCEEDED"
        )

    # Changing

    def add_thing(
        self,
        *,
        name: str | None = None,
        role: str = "DEVICE",
        status: str = "ACTIVATED",
        parent_id: str | None = None,
        association_id: str | None = None,
        connector_device_id: str | None = None,
        material: str | None = None,
        connected: bool = True,
        **members: Any,
    ) -> str:
        """Add a managed thing; returns its id. ``members`` are further members of GetManagedThing by AWS's names.

        ``association_id`` only says to which vendor a cloud device belongs; ``connected`` matters for hubs.
        """
        with self.lock:
            if name is not None:
                members["Name"] = name
            destination = self.backend.association(association_id).connector_destination_id if association_id else None
            thing = self.backend.add_thing(
                role=role,
                provisioning_status=status,
                members=members,
                parent_controller_id=parent_id,
                connector_device_id=connector_device_id,
                connector_destination_id=destination,
                material=material,
            )
            if role == "CONTROLLER":
                self.backend.set_connectivity(thing.id, connected=connected)
            self.lists.remember()
            return thing.id

    def update_thing(self, thing_id: str, *, status: str | None = None, **members: Any) -> None:
        """Change a thing's ProvisioningStatus or its members."""
        with self.lock:
            thing = self.backend.thing(thing_id)
            if status is not None:
                self.backend.set_provisioning_status(thing, status)
            if members:
                thing.members |= members
                thing.updated_at = self.timeline.now
            self.lists.remember()

    def remove_thing(self, thing_id: str) -> None:
        """Remove a thing and its registrations, as somebody else would."""
        with self.lock:
            self.backend.thing(thing_id)
            self.backend.remove_thing(thing_id)
            self.lists.remember()

    def add_association(
        self,
        *,
        name: str = "Vendor account",
        state: str = SUCCEEDED,
        description: str | None = None,
        connector_destination_id: str | None = None,
    ) -> str:
        """Add an account association; returns its id. It holds the devices of its destination, if that exists."""
        with self.lock:
            association = self.backend.add_association(
                name=name,
                state=state,
                description=description,
                connector_destination_id=connector_destination_id or _slug(name),
            )
            return association.id

    def remove_association(self, association_id: str) -> None:
        """Remove an association with its registrations."""
        with self.lock:
            self.backend.association(association_id)
            self.backend.remove_association(association_id)
            self.lists.remember()

    def set_association_state(self, association_id: str, state: str, error_message: str | None = None) -> None:
        """Move an association to another AssociationState; an OAuth link that waits is good no longer."""
        with self.lock:
            self.backend.linking.set_state(self.backend.association(association_id), state, error_message)

    def expire_authorization(self, association_id: str) -> None:
        """Let the vendor's tokens of an association expire, the one for refreshing included."""
        self.set_association_state(association_id, TOKEN_EXPIRED, "The refresh token has expired")

    def authorize(
        self,
        association_id: str,
        allow: bool = True,  # noqa: FBT001, FBT002  # a button: authorize(id, False)
        error_message: str | None = None,
    ) -> None:
        """Do what the end user does on the consent page: the link is used up, the association succeeds or fails.

        ``error_message`` is what it fails with, also if the user allowed it: the vendor or AWS can still refuse. Raises
        ValueError if no link of this association waits.
        """
        with self.lock:
            self.timeline.settle()
            message = error_message if allow else error_message or DENIED
            self.backend.linking.answer(self.backend.association(association_id), message)

    def add_connector_destination(
        self,
        name: str,
        auth: Literal["oauth", "general", "both"] = "oauth",
        *,
        description: str | None = None,
        cloud_connector_id: str | None = None,
        connector_type: Literal["LISTED", "UNLISTED"] = "LISTED",
    ) -> str:
        """Add a vendor's connector destination, and its cloud connector unless that exists; returns its id.

        Ids are made of the name: ``acme-lighting`` and ``acme-lighting-connector`` for ``Acme Lighting``. General
        authorization has the material ``<id>-material``. Raises ValueError if the destination exists.
        """
        if auth not in ("oauth", "general", "both"):
            raise ValueError(f"No such kind of authorization: {auth!r}")
        with self.lock:
            connectors, destinations = self.backend.cloud_connectors, self.backend.connector_destinations
            identifier = _slug(name)
            if identifier in destinations.rows:
                raise ValueError(f"There is a connector destination {identifier} already")
            connector_id = cloud_connector_id or f"{identifier}-connector"
            if connector_id not in connectors.rows:
                connectors.add_vendor(connector_id, name=name, connector_type=connector_type)
            destinations.add_vendor(
                identifier,
                name=name,
                cloud_connector_id=connector_id,
                oauth=auth != "general",
                auth_materials=() if auth == "oauth" else (f"{identifier}-material",),
                description=description,
            )
            return identifier

    def remove_connector_destination(self, destination_id: str) -> None:
        """Remove a connector destination; its associations stay."""
        with self.lock:
            del self.backend.connector_destinations.rows[destination_id]

    def add_vendor_device(
        self, destination_id: str, connector_device_id: str, name: str | None = None, **described: Unpack[Described]
    ) -> None:
        """Put a device into every account that is linked through a destination from now on."""
        device = CloudDevice(connector_device_id=connector_device_id, name=name, **described)
        with self.lock:
            self.backend.connector_destinations.get(destination_id).cloud_devices[connector_device_id] = device

    def add_cloud_device(
        self, association_id: str, connector_device_id: str, name: str | None = None, **described: Unpack[Described]
    ) -> None:
        """Put a device into the vendor's account, where the association's next CLOUD discovery finds it."""
        device = CloudDevice(connector_device_id=connector_device_id, name=name, **described)
        with self.lock:
            self.backend.association(association_id).cloud_devices[connector_device_id] = device

    def add_hub_device(
        self,
        hub_id: str,
        protocol: str,
        *,
        name: str | None = None,
        material: str | None = None,
        **described: Unpack[Described],
    ) -> str:
        """Put a device into a hub's reach, where its next discovery finds it; returns its authentication material."""
        with self.lock:
            self.backend.thing(hub_id)
            self.backend.next_sequence()
            device = HubDevice(
                protocol=protocol.upper(),
                material=material or f"{protocol.upper()}:{self.backend.new_id('hub-device')}",
                name=name,
                **described,
            )
            self.backend.discoveries.hub_devices.setdefault(hub_id, []).append(device)
            return device.material

    def add_discovery(
        self,
        *,
        association_id: str | None = None,
        hub_id: str | None = None,
        discovery_type: str | None = None,
        status: str = "SUCCEEDED",
        connector_device_ids: Iterable[str] = (),
    ) -> str:
        """Add a job in the given status, which found all (or those) devices that it could; returns its id."""
        with self.lock:
            kind = discovery_type or ("CLOUD" if association_id else "ZIGBEE")
            job = self.backend.discoveries.add(
                kind,
                account_association_id=association_id,
                controller_id=hub_id,
                only=tuple(connector_device_ids),
            )
            if status != "RUNNING":
                self.finish_discovery(job.id, status)
            return job.id

    def finish_discovery(self, discovery_id: str, status: str = "SUCCEEDED") -> None:
        """End a running job; one that succeeds finds all that it could."""
        with self.lock:
            job = self.backend.discovery(discovery_id)
            if status == "SUCCEEDED":
                for device in self.backend.discoveries.discoverable(job):
                    self.backend.discoveries.find(job, device)
            self.backend.discoveries.finish(job, status)

    def plan_discovery(self, status: str = "SUCCEEDED", duration: float | None = None) -> None:
        """Say how the next job that is started ends, and after how many seconds of service time."""
        with self.lock:
            self.backend.discoveries.planned_outcomes.append(PlannedOutcome(status=status, duration=duration))

    def register(
        self, thing_id: str, association_id: str, status: str = "ASSOCIATED", discovery_id: str | None = None
    ) -> None:
        """Register a thing with an association, as somebody else would; ASSOCIATED activates it."""
        with self.lock:
            thing = self.backend.thing(thing_id)
            self.backend.association(association_id)
            self.backend.registrar.add(thing_id, association_id, status, discovery_id)
            if status == "ASSOCIATED":
                self.backend.set_provisioning_status(thing, "ACTIVATED")
            self.lists.remember()

    def deregister(self, thing_id: str, association_id: str) -> None:
        """Deregister a pair, as somebody else would."""
        with self.lock:
            self.backend.registrar.deregister({"ManagedThingId": thing_id, "AccountAssociationId": association_id})
            self.lists.remember()

    def set_connectivity(
        self,
        hub_id: str,
        connected: bool,  # noqa: FBT001  # a setter of one flag
        reason: str = "CONNECTION_LOST",
    ) -> None:
        """Connect a hub to AWS or disconnect it."""
        with self.lock:
            self.backend.set_connectivity(hub_id, connected=connected, reason=reason)

    def set_capabilities(
        self,
        thing_id: str,
        report: Params | None = None,
        schemas: Iterable[Params] = (),
        capabilities: str | None = None,
    ) -> None:
        """Say what a thing can do: its CapabilityReport, CapabilitySchemas and Capabilities."""
        described = {
            "CapabilityReport": report,
            "CapabilitySchemas": list(schemas) or None,
            "Capabilities": capabilities,
        }
        with self.lock:
            self.backend.thing(thing_id).described = present(described)

    def report_state(self, thing_id: str, capability_id: str, properties: Params, *, endpoint_id: str = "1") -> None:
        """Let a device report the properties of a capability, such as ``matter.OnOff@1.4`` and ``{"OnOff": True}``."""
        with self.lock:
            self.backend.capabilities.report_state(thing_id, endpoint_id, capability_id, properties)

    def add_schema_version(
        self,
        schema_id: str,
        version: str,
        schema: Params,
        *,
        schema_type: Literal["capability", "definition"] = "capability",
        visibility: Literal["PUBLIC", "PRIVATE"] = "PUBLIC",
        schema_format: str = DEFAULT_FORMAT,
    ) -> None:
        """Put a schema into the catalogue, which starts empty; its namespace is what its id begins with."""
        members = {
            "SchemaId": schema_id,
            "SemanticVersion": version,
            "Type": schema_type,
            "Namespace": schema_id.partition(".")[0].lower(),
            "Visibility": visibility,
        }
        with self.lock:
            self.backend.capabilities.add_schema(members, {schema_format: schema})

    def add_managed_thing_certificate(self, thing_id: str) -> tuple[str, str]:
        """Provision a thing with a certificate of its own; returns it and its private key, both PEM."""
        issued = pki.AUTHORITY.issue(thing_id)
        with self.lock:
            self.backend.thing(thing_id).certificate_pem = issued.certificate_pem
        return issued.certificate_pem, issued.private_key_pem
