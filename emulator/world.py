"""A world: one emulated AWS account with its devices, its faults and the log of its requests."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import threading
from typing import Any, Literal

from . import pki
from .faults import ANY, DropTime, Faults, Garbling, Refusal
from .linking import DENIED, SUCCEEDED, TOKEN_EXPIRED
from .models import ManagedIntegrationsBackend, PlannedOutcome, Snapshot
from .quota import Quota
from .resources import CloudDevice, DeviceDiscovery, HubDevice
from .sigv4 import Credential
from .switches import Switches
from .timeline import Timeline, wall_clock

LOG_LENGTH = 20_000
LAGGING_LISTS = ("ListManagedThings", "ListManagedThingAccountAssociations")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request that reached the emulator. ``status`` is ``None`` if the connection was dropped."""

    operation: str
    service: str
    account_id: str | None
    params: Mapping[str, Any] = field(repr=False)
    status: int | None
    error_code: str | None
    time: datetime
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An IAM role. ``external_id`` is what its trust policy demands, ``max_seconds`` its MaxSessionDuration."""

    arn: str
    external_id: str | None
    max_seconds: int


def _slug(name: str) -> str:
    return name.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAlias:
    """AWS IoT's name for a role that devices may assume, for so many ``seconds`` at a time."""

    role_arn: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCertificate:
    """A device certificate in AWS IoT's registry, attached to one thing."""

    thing_name: str
    active: bool = True


@dataclass(slots=True)
class _Lag:
    """``calls`` that each list still answers from the first of ``states``, or the ``seconds`` that it is behind."""

    calls: dict[str, int]
    seconds: float
    states: list[tuple[datetime, Snapshot]] = field(default_factory=list)


class World:
    """One account in one Region. Every method may be called from any thread; ids are the same in every run.

    Times are seconds. An operation is AWS's name of it (``RegisterAccountAssociation``), or ``None`` for all.
    """

    def __init__(
        self,
        *,
        account_id: str,
        region: str = "eu-west-1",
        switches: Switches | None = None,
        quota: float | None = None,
        clock: Callable[[], datetime] = wall_clock,
    ) -> None:
        """Start with nothing in the account; ``quota`` is in calls per second and operation, ``None`` for none."""
        self.account_id = account_id
        self.region = region
        # Nobody can take these for real ones, neither a person nor a scanner for secrets.
        self.access_key_id = "AKIA" + "DEMO" + account_id
        self.secret_access_key = "not-a-secret/" + "emulator-only/" + account_id + "="
        self.user_arn = f"arn:aws:iam::{account_id}:user/emulator"
        self.lock = threading.RLock()
        self.timeline = Timeline(clock)
        self.backend = ManagedIntegrationsBackend(region, account_id, switches=switches, timeline=self.timeline)
        self.faults = Faults()
        self.quota = Quota(quota)
        self.roles: dict[str, Role] = {}
        self.role_aliases: dict[str, RoleAlias] = {}
        self.certificates: dict[str, DeviceCertificate] = {}
        """Device certificates by AWS IoT's certificate id."""
        self.credentials = {
            self.access_key_id: Credential(
                access_key_id=self.access_key_id, secret_access_key=self.secret_access_key, principal=self.user_arn
            )
        }
        self.problems: list[str] = []
        """Bugs of the emulator itself: answers that break the service model, and exceptions. Tests check it's empty."""
        self._requests: deque[RecordedRequest] = deque(maxlen=LOG_LENGTH)
        self._lag: _Lag | None = None

    # The request log

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests of this account so far, the oldest first."""
        with self.lock:
            return list(self._requests)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        with self.lock:
            self._requests.clear()

    def count(self, operation: str) -> int:
        """Return how many requests of an operation came."""
        return sum(request.operation == operation for request in self.requests)

    def record(self, request: RecordedRequest) -> None:
        """Put a request into the log."""
        self._requests.append(request)

    # Faults

    def refuse(
        self,
        operation: str | None,
        code: str,
        times: int = 1,
        message: str | None = None,
        retry_after: float | None = None,
        *,
        status: int | None = None,
    ) -> None:
        """Answer the next ``times`` calls with an error; its HTTP status is the model's unless given."""
        refusal = Refusal(
            code=code, message=message or f"{code} by request of a test.", retry_after=retry_after, status=status
        )
        with self.lock:
            self.faults.refusals[operation or ANY].extend([refusal] * times)

    def drop(self, operation: str | None = None, when: DropTime = "before", times: int = 1) -> None:
        """Drop the connection of the next ``times`` calls, before or after doing the work."""
        with self.lock:
            self.faults.drops[operation or ANY, when] += times

    def garble(self, operation: str | None = None, how: Garbling = "truncated", times: int = 1) -> None:
        """Spoil the answers of the next ``times`` calls."""
        with self.lock:
            self.faults.garblings[operation or ANY].extend([how] * times)

    def set_latency(self, seconds: float, operation: str | None = None) -> None:
        """Wait so long before doing the work."""
        with self.lock:
            self.faults.latency[operation or ANY] = seconds

    def set_clock_offset(self, seconds: float) -> None:
        """Let AWS's clock be so far ahead of this machine's: Date header and age of signatures."""
        with self.lock:
            self.faults.clock_offset = seconds

    def deny(self, action: str) -> None:
        """Let IAM deny an action such as ``iotmanagedintegrations:RegisterAccountAssociation``; ``*`` works."""
        with self.lock:
            self.faults.denied.add(action)

    def allow(self, action: str) -> None:
        """Take a denial back."""
        with self.lock:
            self.faults.denied.discard(action)

    def lag_lists(self, seconds: float = 0.0, *, calls: int = 0) -> None:
        """Let the lists of things and of registrations show an older state.

        Either what was so many ``seconds`` of service time ago (from now on), or what is now, for so many ``calls`` of
        each of the two. With neither, the lists are up to date again.
        """
        with self.lock:
            self.timeline.settle()
            self._lag = _Lag(dict.fromkeys(LAGGING_LISTS, calls), seconds) if seconds or calls else None
            self.remember_state()

    def remember_state(self) -> None:
        """Keep the present state for lists that lag behind it."""
        if self._lag is not None and (self._lag.seconds or not self._lag.states):
            self._lag.states.append((self.timeline.now, self.backend.snapshot()))

    def lagging_state(self, operation: str) -> Snapshot | None:
        """Return what a list shows now, if it is one that lags."""
        if (lag := self._lag) is None or operation not in LAGGING_LISTS:
            return None
        if lag.seconds:
            then = self.timeline.now - timedelta(seconds=lag.seconds)
            while len(lag.states) > 1 and lag.states[1][0] <= then:
                del lag.states[0]
            return lag.states[0][1]
        if not lag.calls[operation]:
            return None
        lag.calls[operation] -= 1
        return lag.states[0][1]

    def add_unknown_values(
        self,
        enabled: bool = True,  # noqa: FBT001, FBT002  # a switch: add_unknown_values(True)
        *,
        members: bool = True,
        enums: bool = True,
    ) -> None:
        """Answer like a newer service: a value nobody knows for every enum, and new members in every structure."""
        with self.lock:
            self.faults.unknown_members = enabled and members
            self.faults.unknown_enums = enabled and enums

    def offline(self, offline: bool = True) -> None:  # noqa: FBT001, FBT002  # a switch: offline(True)
        """Abort every connection of this account."""
        with self.lock:
            self.faults.offline = offline

    def set_quota(self, rate: float | None) -> None:
        """Allow so many calls per second of each operation; ``None`` for any number."""
        with self.lock:
            self.quota = Quota(rate)

    # Service time and switches

    def advance(self, seconds: float) -> None:
        """Move the service time forward without waiting; sessions of assumed roles age with it."""
        with self.lock:
            self.timeline.advance(seconds)
            self.remember_state()

    @property
    def now(self) -> datetime:
        """The service time."""
        with self.lock:
            return self.timeline.now

    @property
    def switches(self) -> Switches:
        """How the service behaves where AWS's documentation is silent."""
        return self.backend.switches

    @switches.setter
    def switches(self, switches: Switches) -> None:
        with self.lock:
            self.backend.switches = switches

    def set_switches(self, **changes: Any) -> None:
        """Change some switches."""
        self.switches = replace(self.switches, **changes)

    # IAM

    def add_role(self, name: str, *, external_id: str | None = None, max_seconds: int = 3600) -> str:
        """Add a role that this account's user may assume; returns its ARN. Sessions last at most ``max_seconds``."""
        arn = f"arn:aws:iam::{self.account_id}:role/{name}"
        with self.lock:
            self.roles[arn] = Role(arn=arn, external_id=external_id, max_seconds=max_seconds)
        return arn

    def remove_role(self, arn: str) -> None:
        """Remove a role; sessions that it has go on until they expire."""
        with self.lock:
            del self.roles[arn]

    def expire_sessions(self) -> None:
        """Let all sessions of assumed roles expire now."""
        with self.lock:
            now = self.timeline.now
            self.credentials = {
                key: replace(credential, expires=now) if credential.expires else credential
                for key, credential in self.credentials.items()
            }

    # AWS IoT, whose credential provider takes device certificates

    @property
    def ca_certificate_pem(self) -> str:
        """The root of the credential provider's certificate, and of the devices'."""
        return pki.AUTHORITY.certificate_pem

    def add_role_alias(self, alias: str, role_arn: str, *, seconds: int = 3600) -> None:
        """Let device certificates get credentials of a role, each good for so many ``seconds``."""
        with self.lock:
            self.role_aliases[alias] = RoleAlias(role_arn=role_arn, seconds=seconds)

    def remove_role_alias(self, alias: str) -> None:
        """Remove a role alias."""
        with self.lock:
            del self.role_aliases[alias]

    def create_device_certificate(self, thing_name: str, *, expired: bool = False) -> tuple[str, str]:
        """Register an active certificate for a device; returns it and its private key, both PEM."""
        issued = pki.AUTHORITY.issue(thing_name, expired=expired)
        with self.lock:
            self.certificates[pki.certificate_id(issued.certificate_pem)] = DeviceCertificate(thing_name=thing_name)
        return issued.certificate_pem, issued.private_key_pem

    def revoke_certificate(self, certificate_pem: str) -> None:
        """Set a device certificate to REVOKED; credentials that it was given go on until they expire."""
        identifier = pki.certificate_id(certificate_pem)
        with self.lock:
            self.certificates[identifier] = replace(self.certificates[identifier], active=False)

    # What is in the account

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
            return {identifier: job.wire() for identifier, job in self.backend.discoveries.items()}

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
            self.remember_state()
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
            self.remember_state()

    def remove_thing(self, thing_id: str) -> None:
        """Remove a thing and its registrations, as somebody else would."""
        with self.lock:
            self.backend.thing(thing_id)
            self.backend.remove_thing(thing_id)
            self.remember_state()

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
            self.remember_state()

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
            linking, identifier = self.backend.linking, _slug(name)
            if identifier in linking.destinations:
                raise ValueError(f"There is a connector destination {identifier} already")
            connector_id = cloud_connector_id or f"{identifier}-connector"
            if connector_id not in linking.connectors:
                linking.add_connector(connector_id, name=name, connector_type=connector_type)
            linking.add_destination(
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
            del self.backend.linking.destinations[destination_id]

    def add_vendor_device(  # noqa: PLR0917  # as add_cloud_device
        self,
        destination_id: str,
        connector_device_id: str,
        name: str | None = None,
        brand: str | None = None,
        model: str | None = None,
        device_types: Iterable[str] = (),
    ) -> None:
        """Put a device into every account that is linked through a destination from now on."""
        with self.lock:
            self.backend.linking.destination(destination_id).cloud_devices[connector_device_id] = CloudDevice(
                connector_device_id=connector_device_id,
                name=name,
                brand=brand,
                model=model,
                device_types=tuple(device_types),
            )

    def add_cloud_device(  # noqa: PLR0917  # what a row of ListDiscoveredDevices says, in its order
        self,
        association_id: str,
        connector_device_id: str,
        name: str | None = None,
        brand: str | None = None,
        model: str | None = None,
        device_types: Iterable[str] = (),
    ) -> None:
        """Put a device into the vendor's account, where the association's next CLOUD discovery finds it."""
        with self.lock:
            self.backend.association(association_id).cloud_devices[connector_device_id] = CloudDevice(
                connector_device_id=connector_device_id,
                name=name,
                brand=brand,
                model=model,
                device_types=tuple(device_types),
            )

    def add_hub_device(
        self,
        hub_id: str,
        protocol: str,
        *,
        name: str | None = None,
        brand: str | None = None,
        model: str | None = None,
        device_types: Iterable[str] = (),
        material: str | None = None,
    ) -> str:
        """Put a device into a hub's reach, where its next discovery finds it; returns its authentication material."""
        with self.lock:
            self.backend.thing(hub_id)
            self.backend.next_sequence()
            device = HubDevice(
                protocol=protocol.upper(),
                material=material or f"{protocol.upper()}:{self.backend.new_id('hub-device')}",
                name=name,
                brand=brand,
                model=model,
                device_types=tuple(device_types),
            )
            self.backend.hub_devices.setdefault(hub_id, []).append(device)
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
            job = self.backend.add_discovery(
                kind,
                account_association_id=association_id,
                controller_id=hub_id,
                only=tuple(connector_device_ids),
            )
            if status != "RUNNING":
                self._finish(job, status)
            return job.id

    def _finish(self, job: DeviceDiscovery, status: str) -> None:
        if status == "SUCCEEDED":
            for device in self.backend.discoverable(job):
                self.backend.find(job, device)
        self.backend.finish(job, status)

    def plan_discovery(self, status: str = "SUCCEEDED", duration: float | None = None) -> None:
        """Say how the next job that is started ends, and after how many seconds of service time."""
        with self.lock:
            self.backend.planned_outcomes.append(PlannedOutcome(status=status, duration=duration))

    def register(
        self, thing_id: str, association_id: str, status: str = "ASSOCIATED", discovery_id: str | None = None
    ) -> None:
        """Register a thing with an association, as somebody else would; ASSOCIATED activates it."""
        with self.lock:
            thing = self.backend.thing(thing_id)
            self.backend.association(association_id)
            self.backend.add_registration(thing_id, association_id, status, discovery_id)
            if status == "ASSOCIATED":
                self.backend.set_provisioning_status(thing, "ACTIVATED")
            self.remember_state()

    def deregister(self, thing_id: str, association_id: str) -> None:
        """Deregister a pair, as somebody else would."""
        with self.lock:
            self.backend.deregister_account_association(
                {"ManagedThingId": thing_id, "AccountAssociationId": association_id}
            )
            self.remember_state()

    def set_connectivity(
        self,
        hub_id: str,
        connected: bool,  # noqa: FBT001  # a setter of one flag
        reason: str = "CONNECTION_LOST",
    ) -> None:
        """Connect a hub to AWS or disconnect it."""
        with self.lock:
            self.backend.set_connectivity(hub_id, connected=connected, reason=reason)
