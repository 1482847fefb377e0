"""What must survive a restart.

Three files per entry: the registrations asked for, which are written through before anything is sent; the last
Inventory, which is large and may lag; and what managed things are matched by. None holds anything that AWS's service
model marks sensitive.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
import logging
from pathlib import Path
from typing import Any, Final, Self, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.storage import Store
from homeassistant.util import dt as dt_util
from homeassistant.util.file import WriteError

from .aws.models import DeviceDiscovery, DiscoveryStatus, DiscoveryType
from .const import DOMAIN
from .inventory import Inventory, Pair

_LOGGER = logging.getLogger(__name__)

STORAGE_VERSION = 1
STORAGE_MINOR_VERSION = 2
ADDED_MEMBERS: Final[dict[str, Any]] = {"onboardings": [], "jobs": [], "found": [], "left_out": []}
"""What minor version 2 added to the queue."""
INVENTORY_SAVE_DELAY = 10
"""Seconds; an Inventory lost in a power cut costs one synchronisation, nothing else."""
INVENTORY_SAVE_INTERVAL = timedelta(hours=1)
"""How old the stored time of an unchanged Inventory may become; more often would only wear the disk."""


class NotStoredError(HomeAssistantError):
    """The disk takes nothing: it is full, say, or may not be written to."""

    def __init__(self, error: Exception) -> None:
        """Say it in the user's language, with the reason that the operating system gave."""
        super().__init__(
            translation_domain=DOMAIN, translation_key="not_stored", translation_placeholders={"message": str(error)}
        )


class IntentKind(StrEnum):
    """What is to become of a pair."""

    REGISTER = "register"
    DEREGISTER = "deregister"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """That a managed thing is to be registered with, or deregistered from, an account association."""

    kind: IntentKind
    managed_thing_id: str
    account_association_id: str
    device_discovery_id: str | None
    created_at: datetime
    accepted_at: datetime | None = None
    """When AWS said yes, while no list shows the pair yet."""
    discovery_given: bool = False
    """Whether the user named the discovery job, so that no other is to be tried."""
    start_discovery: bool = False
    """Whether a discovery may be started if no earlier one lists the thing."""

    @property
    def pair(self) -> Pair:
        """Managed thing id and account association id; at most one intent is kept for each."""
        return (self.managed_thing_id, self.account_association_id)

    @property
    def is_ready(self) -> bool:
        """Whether all that a request needs is known."""
        return self.kind is IntentKind.DEREGISTER or self.device_discovery_id is not None

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "kind": self.kind,
            "managed_thing_id": self.managed_thing_id,
            "account_association_id": self.account_association_id,
            "device_discovery_id": self.device_discovery_id,
            "created_at": self.created_at.isoformat(),
            "accepted_at": None if self.accepted_at is None else self.accepted_at.isoformat(),
            "discovery_given": self.discovery_given,
            "start_discovery": self.start_discovery,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Restore the stored form; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it isn't one."""
        return cls(
            kind=IntentKind(data["kind"]),
            managed_thing_id=str(data["managed_thing_id"]),
            account_association_id=str(data["account_association_id"]),
            device_discovery_id=data["device_discovery_id"],
            created_at=datetime.fromisoformat(data["created_at"]),
            accepted_at=None if data["accepted_at"] is None else datetime.fromisoformat(data["accepted_at"]),
            discovery_given=bool(data.get("discovery_given")),
            start_discovery=bool(data.get("start_discovery")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why AWS refused an intent for good, in AWS's words."""

    kind: IntentKind
    error_code: str
    error_message: str
    request_id: str | None
    failed_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "kind": self.kind,
            "error_code": self.error_code,
            "error_message": self.error_message,
            "request_id": self.request_id,
            "failed_at": self.failed_at.isoformat(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Restore the stored form; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it isn't one."""
        return cls(
            kind=IntentKind(data["kind"]),
            error_code=str(data["error_code"]),
            error_message=str(data["error_message"]),
            request_id=data["request_id"],
            failed_at=datetime.fromisoformat(data["failed_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A discovery job as far as it must be remembered: AWS's own list names neither association nor time."""

    device_discovery_id: str
    discovery_type: DiscoveryType | None
    status: DiscoveryStatus | None
    account_association_id: str | None
    controller_id: str | None
    started_at: datetime | None
    finished_at: datetime | None
    deadline: datetime | None = None
    """When a job that still runs is given up here."""
    filtered: bool = False
    """Whether it was limited to some devices, so that it says nothing of the others."""

    @property
    def target(self) -> str:
        """The association or the hub that the job was for."""
        return self.account_association_id or self.controller_id or ""

    @property
    def is_running(self) -> bool:
        """Whether the job still has to be followed."""
        return self.status is DiscoveryStatus.RUNNING

    @classmethod
    def from_discovery(cls, discovery: DeviceDiscovery) -> Self:
        """Remember a job as AWS tells it."""
        return cls(
            device_discovery_id=discovery.device_discovery_id,
            discovery_type=discovery.discovery_type,
            status=discovery.status,
            account_association_id=discovery.account_association_id,
            controller_id=discovery.controller_id,
            started_at=discovery.started_at,
            finished_at=discovery.finished_at,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        times = {
            name: None if value is None else value.isoformat()
            for name, value in (
                ("started_at", self.started_at),
                ("finished_at", self.finished_at),
                ("deadline", self.deadline),
            )
        }
        return {
            "device_discovery_id": self.device_discovery_id,
            "discovery_type": self.discovery_type,
            "status": self.status,
            "account_association_id": self.account_association_id,
            "controller_id": self.controller_id,
            "filtered": self.filtered,
            **times,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Restore the stored form; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it isn't one."""
        times = {
            name: None if data[name] is None else datetime.fromisoformat(data[name])
            for name in ("started_at", "finished_at", "deadline")
        }
        return cls(
            device_discovery_id=str(data["device_discovery_id"]),
            discovery_type=DiscoveryType.parse(data["discovery_type"]),
            status=DiscoveryStatus.parse(data["status"]),
            account_association_id=data["account_association_id"],
            controller_id=data["controller_id"],
            filtered=bool(data["filtered"]),
            **times,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Onboarding:
    """That a managed thing is to be created for a discovered device, and then registered."""

    client_token: str
    """CreateManagedThing's: however often it is sent, there will be one thing."""
    device_discovery_id: str
    device_digest: str
    """Which row of the discovery: the id of the device itself is sensitive and not kept on disk."""
    account_association_id: str | None
    created_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "client_token": self.client_token,
            "device_discovery_id": self.device_discovery_id,
            "device_digest": self.device_digest,
            "account_association_id": self.account_association_id,
            "created_at": self.created_at.isoformat(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Restore the stored form; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it isn't one."""
        return cls(
            client_token=str(data["client_token"]),
            device_discovery_id=str(data["device_discovery_id"]),
            device_digest=str(data["device_digest"]),
            account_association_id=data["account_association_id"],
            created_at=datetime.fromisoformat(data["created_at"]),
        )


@dataclass(slots=True, kw_only=True)
class Queue:
    """Everything the registrar must remember."""

    intents: dict[Pair, Intent] = field(default_factory=dict)
    failures: dict[Pair, Failure] = field(default_factory=dict)
    discovery_ids: dict[Pair, str] = field(default_factory=dict)
    """The discovery job that a pair was last registered with."""
    onboardings: dict[str, Onboarding] = field(default_factory=dict)
    """By client token."""
    jobs: dict[str, Job] = field(default_factory=dict)
    """Discovery jobs by their id."""
    forgotten_jobs: set[str] = field(default_factory=set)
    """Ids of discovery jobs too old to be kept; AWS still lists them, and none is to be asked about again."""
    found: set[tuple[str, str]] = field(default_factory=set)
    """Association id, and the digest of a device that a discovery for it found: each is announced once."""
    left_out: set[tuple[str, str]] = field(default_factory=set)
    """Association id, and the managed thing id or device digest that the user doesn't want registered with it."""

    def replace(self, intent: Intent, **changes: Any) -> Intent:
        """Return a changed intent, which takes the place of the other unless a newer wish did so before."""
        changed = replace(intent, **changes)
        if self.intents.get(intent.pair) is intent:
            self.intents[intent.pair] = changed
        return changed

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "intents": [intent.as_dict() for intent in self.intents.values()],
            "failures": [[*pair, failure.as_dict()] for pair, failure in self.failures.items()],
            "discovery_ids": [[*pair, discovery_id] for pair, discovery_id in self.discovery_ids.items()],
            "onboardings": [onboarding.as_dict() for onboarding in self.onboardings.values()],
            "jobs": [job.as_dict() for job in self.jobs.values()],
            "forgotten_jobs": sorted(self.forgotten_jobs),
            "found": sorted(self.found),
            "left_out": sorted(self.left_out),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Restore the stored form; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it isn't one."""
        intents = [Intent.from_dict(item) for item in data["intents"]]
        onboardings = [Onboarding.from_dict(item) for item in data["onboardings"]]
        jobs = [Job.from_dict(item) for item in data["jobs"]]
        return cls(
            intents={intent.pair: intent for intent in intents},
            failures={(thing, association): Failure.from_dict(item) for thing, association, item in data["failures"]},
            discovery_ids={(thing, association): str(item) for thing, association, item in data["discovery_ids"]},
            onboardings={onboarding.client_token: onboarding for onboarding in onboardings},
            jobs={job.device_discovery_id: job for job in jobs},
            forgotten_jobs={str(item) for item in data.get("forgotten_jobs", ())},
            found={(str(association), str(digest)) for association, digest in data["found"]},
            left_out={(str(association), str(key)) for association, key in data["left_out"]},
        )


class _PrivateStore(Store[dict[str, Any]]):
    """A file that only Home Assistant's user can read and that is replaced in one step."""

    def __init__(self, hass: HomeAssistant, entry_id: str, name: str) -> None:
        self._entry_id = entry_id
        self._failure: Exception | None = None
        super().__init__(
            hass,
            STORAGE_VERSION,
            f"{DOMAIN}.{entry_id}.{name}",
            minor_version=STORAGE_MINOR_VERSION,
            private=True,
            atomic_writes=True,
            serialize_in_event_loop=False,
        )

    @override
    async def _async_migrate_func(
        self, old_major_version: int, old_minor_version: int, old_data: dict[str, Any]
    ) -> dict[str, Any]:
        """Accept what an older minor version wrote, and a newer one: members are only ever added."""
        return {**ADDED_MEMBERS, **old_data}

    @override
    async def _async_write_data(self, data: dict[str, Any]) -> None:
        """Write, and remember a failure: Home Assistant only logs it."""
        try:
            await super()._async_write_data(data)
        except WriteError as err:
            self._failure = err
            raise
        except OSError as err:
            self._failure = err
            raise WriteError(err) from err

    async def async_write(self, data: dict[str, Any]) -> None:
        """Write now; raises :class:`NotStoredError` if that can't be done. Not for several tasks at once."""
        self._failure = None
        await self.async_save(data)
        if self._failure is not None:
            raise NotStoredError(self._failure)

    async def async_read[T](self, parse: Callable[[dict[str, Any]], T]) -> T | None:
        """Return what the file holds, or ``None``; one that can't be understood is set aside, and a repair says so.

        ``parse`` raises ``AttributeError``, ``KeyError``, ``TypeError`` or ``ValueError`` for what isn't of its shape.
        Home Assistant does the same for what isn't JSON. Raises :class:`NotStoredError` if it can't be set aside.
        """
        try:
            try:
                data = await self.async_load()
                return None if data is None else await self.hass.async_add_executor_job(parse, data)
            except (AttributeError, KeyError, TypeError, ValueError) as err:
                await self._async_set_aside(err)
                return None
        except OSError as err:
            raise NotStoredError(err) from err

    async def _async_set_aside(self, error: Exception) -> None:
        path = Path(self.path)
        aside = path.with_name(f"{path.name}.corrupt.{dt_util.utcnow().isoformat()}")
        await self.hass.async_add_executor_job(path.rename, aside)
        _LOGGER.error("%s can't be understood (%r) and was renamed to %s", path, error, aside.name)
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            f"store_unreadable_{self.key}",
            is_fixable=False,
            severity=ir.IssueSeverity.ERROR,
            translation_key="store_unreadable",
            translation_placeholders={"file": path.name, "aside": aside.name},
            data={"entry_id": self._entry_id},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKeys:
    """What a managed thing can be matched by, without any of the values themselves."""

    updated_at: str | None
    """Which version of the thing the details were read of; ``None`` if they never were."""
    keys: tuple[tuple[str, str], ...]
    """Kinds of values with their digests."""


class MatchingStore:
    """What the matcher of one config entry must remember, in a file of its own."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; nothing is read yet."""
        self._store = _PrivateStore(hass, entry_id, "matching")
        self._due = False
        self._closed = False
        self.matches: dict[str, str] = {}
        """Registry ids of the local devices that the user matched, by managed thing id."""
        self.unmatched: set[tuple[str, str]] = set()
        """Managed thing ids and registry ids that the user wants apart."""
        self.keys: dict[str, StoredKeys] = {}
        """By managed thing id."""

    async def async_load(self) -> None:
        """Read the file; one that can't be understood is set aside and starts empty."""
        if (read := await self._store.async_read(self._parse)) is not None:
            self.matches, self.unmatched, self.keys = read

    @staticmethod
    def _parse(data: Mapping[str, Any]) -> tuple[dict[str, str], set[tuple[str, str]], dict[str, StoredKeys]]:
        return (
            {str(thing): str(device) for thing, device in data["matches"].items()},
            {(str(thing), str(device)) for thing, device in data["unmatched"]},
            {
                thing: StoredKeys(updated_at=updated_at, keys=tuple((str(kind), str(digest)) for kind, digest in keys))
                for thing, (updated_at, keys) in data["keys"].items()
            },
        )

    def _data(self) -> dict[str, Any]:
        self._due = False
        # This may run beside the event loop, so it works on copies, each made in one step.
        return {
            "matches": dict(self.matches),
            "unmatched": sorted(set(self.unmatched)),
            "keys": {thing: [item.updated_at, item.keys] for thing, item in dict(self.keys).items()},
        }

    async def async_save(self) -> None:
        """Write everything now; raises :class:`NotStoredError` if that can't be done."""
        await self._store.async_write(self._data())

    @contextmanager
    def undone_unless_stored(self) -> Generator[None]:
        """Take back what the user's word changed if it can't be put on disk."""
        matches, unmatched = dict(self.matches), set(self.unmatched)
        try:
            yield
        except NotStoredError:
            self.matches, self.unmatched = matches, unmatched
            raise

    @callback
    def async_keep(self) -> None:
        """Write everything soon; a stream of changes doesn't put it off."""
        if not self._due and not self._closed:
            self._due = True
            self._store.async_delay_save(self._data, INVENTORY_SAVE_DELAY)

    async def async_flush(self) -> None:
        """Write what is still waiting and nothing after that: the next set-up reads the file."""
        self._closed = True
        if self._due:
            await self._store.async_save(self._data())

    async def async_remove(self) -> None:
        """Delete the file."""
        await self._store.async_remove()


def _parse_inventory(data: Mapping[str, Any]) -> tuple[Inventory, datetime]:
    return Inventory.from_dict(data), datetime.fromisoformat(data["as_of"])


class RegistrationStore:
    """The files of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the files; nothing is read yet."""
        self._queue_store = _PrivateStore(hass, entry_id, "queue")
        self._inventory_store = _PrivateStore(hass, entry_id, "inventory")
        self.matching = MatchingStore(hass, entry_id)
        self.queue = Queue()
        self._writing = asyncio.Lock()
        self._wanted = 0
        self._written = 0
        self._is_queue_due = False
        self.inventory: Inventory | None = None
        self.as_of: datetime | None = None
        """When ``inventory`` was read from the cloud."""
        self._saved_as_of: datetime | None = None

    async def async_load(self) -> None:
        """Read all files; one that can't be understood is set aside and starts empty.

        Raises :class:`NotStoredError` if it can't be set aside.
        """
        await self.matching.async_load()
        if (queue := await self._queue_store.async_read(Queue.from_dict)) is not None:
            self.queue = queue
        if (read := await self._inventory_store.async_read(_parse_inventory)) is not None:
            self.inventory, self.as_of = read

    async def async_save_queue(self) -> None:
        """Write the queue and return when what it holds now is on disk.

        Those who come while a write is under way share the next one: a batch of two hundred costs a few writes.
        Raises :class:`NotStoredError` if it can't be written: then nothing that relies on it may be done.
        """
        self._wanted += 1
        wanted = self._wanted
        async with self._writing:
            if self._written >= wanted:
                return
            written = self._wanted
            await self._queue_store.async_write(self.queue.as_dict())
            self._written = written
            self._is_queue_due = False

    async def async_keep_queue(self) -> None:
        """Write the queue if that can be done, else with the next synchronisation.

        For what was found out, which the cloud tells once more after a restart.
        """
        try:
            await self.async_save_queue()
        except NotStoredError as err:
            self._is_queue_due = True
            _LOGGER.debug("The queue will be written later: %s", err)

    async def async_keep_due_queue(self) -> None:
        """Write what an earlier try could not."""
        if self._is_queue_due:
            await self.async_keep_queue()

    @callback
    def async_keep_inventory(self, inventory: Inventory, as_of: datetime) -> None:
        """Remember an Inventory and when the whole of it was read; write it soon if there is something new in it."""
        self.as_of = as_of
        if (
            inventory is self.inventory
            and self._saved_as_of is not None
            and as_of - self._saved_as_of < INVENTORY_SAVE_INTERVAL
        ):
            return
        self.inventory = inventory
        self._saved_as_of = as_of
        self._inventory_store.async_delay_save(
            lambda: {"as_of": as_of.isoformat(), **inventory.as_dict()}, INVENTORY_SAVE_DELAY
        )

    async def async_flush(self) -> None:
        """Write what is still waiting, before the entry is unloaded."""
        await self.matching.async_flush()
        if self.inventory is not None and self.as_of is not None:
            await self._inventory_store.async_save({"as_of": self.as_of.isoformat(), **self.inventory.as_dict()})

    async def async_remove(self) -> None:
        """Delete all files."""
        await self.matching.async_remove()
        await self._queue_store.async_remove()
        await self._inventory_store.async_remove()
