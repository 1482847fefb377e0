"""What must survive a restart.

Two files per entry: the registrations asked for, which are written through before anything is sent, and the last
Inventory, which is large and may lag. Neither holds anything that AWS's service model marks sensitive.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
import logging
from typing import Any, Self, override

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .inventory import Inventory, Pair

_LOGGER = logging.getLogger(__name__)

STORAGE_VERSION = 1
INVENTORY_SAVE_DELAY = 10
"""Seconds; an Inventory lost in a power cut costs one synchronisation, nothing else."""
INVENTORY_SAVE_INTERVAL = timedelta(hours=1)
"""How old the stored time of an unchanged Inventory may become; more often would only wear the disk."""


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

    @property
    def pair(self) -> Pair:
        """Managed thing id and account association id; at most one intent is kept for each."""
        return (self.managed_thing_id, self.account_association_id)

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "kind": self.kind,
            "managed_thing_id": self.managed_thing_id,
            "account_association_id": self.account_association_id,
            "device_discovery_id": self.device_discovery_id,
            "created_at": self.created_at.isoformat(),
            "accepted_at": None if self.accepted_at is None else self.accepted_at.isoformat(),
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


@dataclass(slots=True, kw_only=True)
class Queue:
    """Everything the registrar must remember."""

    intents: dict[Pair, Intent] = field(default_factory=dict)
    failures: dict[Pair, Failure] = field(default_factory=dict)
    discovery_ids: dict[Pair, str] = field(default_factory=dict)
    """The discovery job that a pair was last registered with."""

    def as_dict(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "intents": [intent.as_dict() for intent in self.intents.values()],
            "failures": [[*pair, failure.as_dict()] for pair, failure in self.failures.items()],
            "discovery_ids": [[*pair, discovery_id] for pair, discovery_id in self.discovery_ids.items()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Restore the stored form; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it isn't one."""
        intents = [Intent.from_dict(item) for item in data["intents"]]
        return cls(
            intents={intent.pair: intent for intent in intents},
            failures={(thing, association): Failure.from_dict(item) for thing, association, item in data["failures"]},
            discovery_ids={(thing, association): str(item) for thing, association, item in data["discovery_ids"]},
        )


class _PrivateStore(Store[dict[str, Any]]):
    """A file that only Home Assistant's user can read and that is replaced in one step."""

    def __init__(self, hass: HomeAssistant, key: str) -> None:
        super().__init__(
            hass,
            STORAGE_VERSION,
            key,
            private=True,
            atomic_writes=True,
            serialize_in_event_loop=False,
        )

    @override
    async def _async_migrate_func(
        self, old_major_version: int, old_minor_version: int, old_data: dict[str, Any]
    ) -> dict[str, Any]:
        """Accept what an older or newer minor version wrote: members are only ever added."""
        return old_data


class RegistrationStore:
    """The two files of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the files; nothing is read yet."""
        self._queue_store = _PrivateStore(hass, f"{DOMAIN}.{entry_id}.queue")
        self._inventory_store = _PrivateStore(hass, f"{DOMAIN}.{entry_id}.inventory")
        self.queue = Queue()
        self.inventory: Inventory | None = None
        self.as_of: datetime | None = None
        """When ``inventory`` was read from the cloud."""
        self._saved_as_of: datetime | None = None

    async def async_load(self) -> None:
        """Read both files; what can't be understood is set aside by Home Assistant and starts empty."""
        if (data := await self._queue_store.async_load()) is not None:
            try:
                self.queue = Queue.from_dict(data)
            except KeyError, TypeError, ValueError:
                _LOGGER.exception("The stored queue can't be read and starts empty")
        if (data := await self._inventory_store.async_load()) is not None:
            try:
                self.inventory = Inventory.from_dict(data)
                self.as_of = datetime.fromisoformat(data["as_of"])
            except (KeyError, TypeError, ValueError) as err:
                self.inventory = None
                _LOGGER.warning("The stored Inventory can't be read; the cloud is read instead: %r", err)

    async def async_save_queue(self) -> None:
        """Write the queue and return when it is on disk."""
        await self._queue_store.async_save(self.queue.as_dict())

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
        if self.inventory is not None and self.as_of is not None:
            await self._inventory_store.async_save({"as_of": self.as_of.isoformat(), **self.inventory.as_dict()})

    async def async_remove(self) -> None:
        """Delete both files."""
        await self._queue_store.async_remove()
        await self._inventory_store.async_remove()
