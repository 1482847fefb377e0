"""A world: one emulated AWS account with its devices, its faults and the log of its requests."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAliasType, get_args

from . import pki
from .contents import Contents
from .faults import ANY, DropTime, Faults, Garbling, Refusal
from .quota import Quota
from .sigv4 import Credential
from .switches import Switches
from .timeline import wall_clock

LOG_LENGTH = 20_000


def _check_choice(choice: str, choices: TypeAliasType) -> None:
    # Who calls over HTTP has no type checker.
    if choice not in (known := get_args(choices.__value__)):
        raise ValueError(f"{choice!r} is none of {', '.join(known)}")


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


class World(Contents):
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
        super().__init__(account_id=account_id, region=region, switches=switches, clock=clock)
        # Nobody can take these for real ones, neither a person nor a scanner for secrets.
        self.access_key_id = "AKIA" + "DEMO" + account_id
        self.secret_access_key = "not-a-secret/" + "emulator-only/" + account_id + "="
        self.user_arn = f"arn:aws:iam::{account_id}:user/emulator"
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
        _check_choice(when, DropTime)
        with self.lock:
            self.faults.drops[operation or ANY, when] += times

    def garble(self, operation: str | None = None, how: Garbling = "truncated", times: int = 1) -> None:
        """Spoil the answers of the next ``times`` calls."""
        _check_choice(how, Garbling)
        with self.lock:
            self.faults.garblings[operation or ANY].extend([how] * times)

    def set_latency(self, seconds: float, operation: str | None = None) -> None:
        """Wait so long before doing the work."""
        with self.lock:
            self.faults.latency[operation or ANY] = seconds

    def set_lateness(self, seconds: float, operation: str | None = None) -> None:
        """Do the work at once, but wait so long before answering."""
        with self.lock:
            self.faults.lateness[operation or ANY] = seconds

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
            self.lists.remember()

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
