"""Finds the devices of other integrations that are the same hardware as a managed thing, and says why.

Whoever shares a key may be the same device. Nothing is ever guessed: of equally good candidates none is taken.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
import logging
from typing import Final

from homeassistant.core import CALLBACK_TYPE, Event, HassJob, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.event import async_call_later

from .aws.errors import AwsError, InvalidRequestError, NotFoundError
from .aws.models import ManagedThing
from .aws.quota import background
from .const import DOMAIN
from .coordinator import MiRegistrationCoordinator
from .errors import invalid
from .match_keys import ADDRESSES, Key, Look, MatchReason, connections_of, detail_keys, device_keys, looks_of, row_keys
from .store import StoredKeys

_LOGGER = logging.getLogger(__name__)

DETAILS_DELAY: Final = 15.0
"""Seconds after a synchronisation until details are read, so that set-up and the user's work come first."""
INDEXED_PER_SLICE: Final = 100
"""So many things or devices are indexed at once; the event loop may do other work before the next ones."""
MAX_SHARED: Final = 20
"""A key that more things or devices share tells nothing apart, like a serial number that a vendor never filled in."""
_STRENGTHS: Final = {
    MatchReason.CONFIRMED: 8,
    **dict.fromkeys(ADDRESSES, 4),
    MatchReason.SERIAL_NUMBER: 2,
    MatchReason.CONNECTOR_DEVICE_ID: 1,
}
_ORDER: Final = {reason: position for position, reason in enumerate(MatchReason)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """That a managed thing and a device of another integration are the same, and why."""

    managed_thing_id: str
    device_id: str
    reasons: tuple[MatchReason, ...]

    @property
    def is_confirmed(self) -> bool:
        """Whether the user said so."""
        return MatchReason.CONFIRMED in self.reasons

    @property
    def strength(self) -> int:
        """How much the reasons weigh together: the user's word, then an address, a serial number, the vendor's id."""
        return sum({_STRENGTHS[reason] for reason in self.reasons})


class _Index[K]:
    """Who holds which keys, both ways."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[K, ...]] = {}
        self._holders: dict[K, set[str]] = {}

    def put(self, holder: str, keys: tuple[K, ...]) -> bool:
        """Replace what a holder has; return whether that changed anything."""
        if self.keys.get(holder) == keys:
            return False
        self.drop(holder)
        self.keys[holder] = keys
        for key in keys:
            self._holders.setdefault(key, set()).add(holder)
        return True

    def drop(self, holder: str) -> bool:
        """Forget a holder; return whether it was known."""
        if (keys := self.keys.pop(holder, None)) is None:
            return False
        for key in keys:
            holders = self._holders[key]
            holders.discard(holder)
            if not holders:
                del self._holders[key]
        return True

    def holders(self, key: K) -> Collection[str]:
        """Return who has a key; nobody if it is shared so widely that it says nothing."""
        holders = self._holders.get(key, ())
        return holders if len(holders) <= MAX_SHARED else ()


# --- matching ---------------------------------------------------------------------------------------------------


class Matcher:
    """The matches of one account's managed things with devices of other integrations.

    Changes on either side are only noted when they happen, and taken in when somebody asks or in small slices, so that
    a burst of them costs little. All members are for the event loop.
    """

    def __init__(self, coordinator: MiRegistrationCoordinator) -> None:
        """Take over what the store remembers; nothing is read or matched yet."""
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._client = coordinator.client
        self._store = coordinator.store.matching
        self._rows: Mapping[str, ManagedThing] = {}
        self._fresh = False
        """Whether rows come from the cloud: those of the stored Inventory lack all that is sensitive."""
        self._things = _Index[Key]()
        self._devices = _Index[Key]()
        self._looks = _Index[Look]()
        self._pending_things: set[str] = set()
        self._pending_devices: set[str] = set()
        self._unread: set[str] = set()
        """The things whose details changed since they were read."""
        self._stale = True
        self._matches: dict[str, Match] = {}
        self._things_of: dict[str, list[str]] = {}
        self._candidates: dict[str, list[Match]] = {}
        self._indexing = False
        self._reading = False
        self._cancel_timer: CALLBACK_TYPE | None = None
        self._failed_as_of: datetime | None = None
        self._failed: set[str] = set()
        self._failure_logged = False

    @callback
    def async_start(self) -> None:
        """Follow the account and the device registry until the entry is unloaded."""
        self._pending_devices.update(device.id for device in dr.async_get(self._hass).devices)
        self._entry.async_on_unload(
            self._hass.bus.async_listen(dr.EVENT_DEVICE_REGISTRY_UPDATED, self._async_device_changed)
        )
        self._entry.async_on_unload(self._coordinator.async_add_listener(self._async_inventory_updated))
        self._coordinator.after_read = self._async_schedule_reading
        self._entry.async_on_unload(self._async_stop)
        self._async_inventory_updated()

    @callback
    def _async_stop(self) -> None:
        self._coordinator.after_read = None
        if self._cancel_timer is not None:
            self._cancel_timer()
            self._cancel_timer = None

    # --- what others read -------------------------------------------------------------------------------------

    @property
    def matches(self) -> Mapping[str, Match]:
        """The match of each managed thing that has one, by managed thing id."""
        self._refresh()
        return self._matches

    async def async_settle(self) -> None:
        """Take in what is noted without holding up the event loop; a look at a large account then costs little."""
        while self._pending_things or self._pending_devices:
            self._index_some(INDEXED_PER_SLICE)
            await asyncio.sleep(0)

    def things_of(self, device_id: str) -> list[str]:
        """Return the managed things that a local device is matched to."""
        self._refresh()
        return list(self._things_of.get(device_id, ()))

    def local_device_ids(self, managed_thing_id: str) -> list[str]:
        """Return the local device that a managed thing is matched to, if there is one."""
        found = self.matches.get(managed_thing_id)
        return [] if found is None else [found.device_id]

    def candidates(self, managed_thing_id: str) -> list[Match]:
        """Return all that a managed thing could be matched to, the strongest first, whether one of them is or not."""
        self._refresh()
        return list(self._candidates.get(managed_thing_id, ()))

    @property
    def ambiguous(self) -> Mapping[str, list[Match]]:
        """The candidates of each managed thing that has some and yet no match, by managed thing id."""
        self._refresh()
        return {thing_id: list(found) for thing_id, found in self._candidates.items() if thing_id not in self._matches}

    def suggestions(self, managed_thing_id: str) -> list[str]:
        """Return the local devices that look like a managed thing, where neither is matched.

        They have its brand, model and name, which only the user can confirm.
        """
        self._refresh()
        thing = self._rows.get(managed_thing_id)
        if thing is None or managed_thing_id in self._matches:
            return []
        return [
            device_id
            for look in looks_of(thing.brand, [thing.model], [thing.name])
            for device_id in sorted(self._looks.holders(look))
            if device_id not in self._things_of and (managed_thing_id, device_id) not in self._store.unmatched
        ]

    # --- the user's word --------------------------------------------------------------------------------------

    async def async_match(self, device_id: str, managed_thing_id: str) -> None:
        """Match a device of another integration to a managed thing, instead of any other, and remember it.

        Raises ``ServiceValidationError`` for a device or a managed thing that can't be matched, ``NotStoredError`` if
        that can't be kept.
        """
        await self.async_settle()
        self._check_thing(managed_thing_id)
        if not self._check_not_own(device_id):
            raise invalid("device_not_found", device_id=device_id)
        with self._store.undone_unless_stored():
            self._store.matches[managed_thing_id] = device_id
            self._store.unmatched.discard((managed_thing_id, device_id))
            self._stale = True
            await self._store.async_save()

    async def async_unmatch(self, device_id: str, managed_thing_id: str) -> None:
        """Never match these two again unless the user asks for it.

        Raises ``ServiceValidationError`` for a device or a managed thing that can't be matched, ``NotStoredError`` if
        that can't be kept.
        """
        await self.async_settle()
        self._check_thing(managed_thing_id)
        remembered = self._store.matches.get(managed_thing_id) == device_id
        if not self._check_not_own(device_id) and not remembered:
            raise invalid("device_not_found", device_id=device_id)
        with self._store.undone_unless_stored():
            if remembered:
                del self._store.matches[managed_thing_id]
            self._store.unmatched.add((managed_thing_id, device_id))
            self._stale = True
            await self._store.async_save()

    def _check_thing(self, managed_thing_id: str) -> None:
        if managed_thing_id not in self._coordinator.data.things_by_id:
            raise invalid("unknown_managed_thing", managed_thing_id=managed_thing_id)

    def _check_not_own(self, device_id: str) -> bool:
        """Return whether a device exists; raises ``ServiceValidationError`` if it is one of this integration."""
        self._refresh()
        device = dr.async_get(self._hass).async_get(device_id)
        if device is None:
            return False
        if self._is_own(device):
            raise invalid("own_device", device=device.name_by_user or device.name or device_id)
        # The id of a device that was split by an update of Home Assistant is found too, but no device has it.
        return isinstance(device, dr.ChildDeviceEntry) or device_id in self._devices.keys

    def _is_own(self, device: dr.AnyDeviceEntry) -> bool:
        entry = self._hass.config_entries.async_get_entry(device.config_entry_id)
        return entry is not None and entry.domain == DOMAIN

    # --- indexing ---------------------------------------------------------------------------------------------

    @callback
    def _async_device_changed(self, event: Event[dr.EventDeviceRegistryUpdatedData]) -> None:
        self._pending_devices.add(event.data["device_id"])

    @callback
    def _async_inventory_updated(self) -> None:
        """Note which things came, changed or went."""
        became_fresh = not self._fresh and self._coordinator.last_update_success
        self._fresh = self._fresh or became_fresh
        old, new = self._rows, self._coordinator.data.things_by_id
        if old is not new or became_fresh:
            self._rows = new
            self._pending_things.update(
                thing_id for thing_id, thing in new.items() if became_fresh or old.get(thing_id) is not thing
            )
            self._pending_things.update(old.keys() - new.keys())
            if self._fresh:
                for thing_id in self._store.keys.keys() - new.keys():
                    del self._store.keys[thing_id]
                    self._store.async_keep()
            if not self._indexing:
                self._indexing = True
                self._entry.async_create_background_task(
                    self._hass, self._async_index_in_slices(), f"{DOMAIN} index things"
                )
        self._async_schedule_reading()

    async def _async_index_in_slices(self) -> None:
        try:
            await self.async_settle()
        finally:
            self._indexing = False

    def _index_some(self, limit: int) -> None:
        for _ in range(min(limit, len(self._pending_things))):
            self._index_thing(self._pending_things.pop())
        registry = dr.async_get(self._hass)
        for _ in range(min(limit, len(self._pending_devices))):
            self._index_device(registry, self._pending_devices.pop())

    def _index_thing(self, thing_id: str) -> None:
        """Bring one thing's keys up to date, here and on disk."""
        if (thing := self._rows.get(thing_id)) is None:
            self._unread.discard(thing_id)
            self._stale |= self._things.drop(thing_id)
            return
        stored = self._store.keys.get(thing_id) or StoredKeys(updated_at=None, keys=())
        keys = _restored(stored)
        if self._fresh:
            addresses = (key for key in keys if key[0] in ADDRESSES)
            keys = tuple(dict.fromkeys((*row_keys(thing), *addresses)))
            self._keep(thing_id, StoredKeys(updated_at=stored.updated_at, keys=keys))
            if stored.updated_at == _version(thing):
                self._unread.discard(thing_id)
            else:
                self._unread.add(thing_id)
        self._stale |= self._things.put(thing_id, keys)

    def _keep(self, thing_id: str, keys: StoredKeys) -> None:
        if keys != self._store.keys.get(thing_id) and (keys.keys or keys.updated_at is not None):
            self._store.keys[thing_id] = keys
            self._store.async_keep()

    def _index_device(self, registry: dr.DeviceRegistry, device_id: str) -> None:
        """Bring one local device's keys up to date."""
        device = registry.async_get(device_id)
        # Child devices share the hardware of their parent, which stands for them.
        if not isinstance(device, dr.DeviceEntry) or self._is_own(device):
            self._stale |= self._devices.drop(device_id)
            self._looks.drop(device_id)
            # The user may have confirmed a child device, which is in no index.
            self._stale |= device_id in self._store.matches.values()
            return
        keys: tuple[Key, ...] = ()
        looks: tuple[Look, ...] = ()
        if device.entry_type is not dr.DeviceEntryType.SERVICE:
            keys = tuple(sorted(set(device_keys(device))))
            looks = looks_of(device.manufacturer, (device.model, device.model_id), (device.name, device.name_by_user))
        self._stale |= self._devices.put(device_id, keys)
        self._looks.put(device_id, looks)

    # --- deciding ---------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Take in what is noted, so that nobody ever reads an answer that half of it could change."""
        self._index_some(len(self._pending_things) + len(self._pending_devices))
        if self._stale:
            self._decide()
            self._stale = False

    def _decide(self) -> None:
        """Find all candidates, and take those that are the best of both sides."""
        self._candidates = candidates = {
            thing_id: sorted(
                (
                    Match(
                        managed_thing_id=thing_id,
                        device_id=device_id,
                        reasons=tuple(sorted(reasons, key=_ORDER.__getitem__)),
                    )
                    for device_id, reasons in devices.items()
                ),
                key=lambda match: (-match.strength, match.device_id),
            )
            for thing_id, devices in sorted(self._claims().items())
        }
        by_device: dict[str, list[Match]] = {}
        for found in candidates.values():
            for match in found:
                by_device.setdefault(match.device_id, []).append(match)
        best_of_devices = {device_id: _best(found) for device_id, found in by_device.items()}
        self._matches = {}
        self._things_of = {}
        for thing_id, found in candidates.items():
            best = _best(found)
            if best is not None and (best.is_confirmed or best_of_devices[best.device_id] is best):
                self._matches[thing_id] = best
                self._things_of.setdefault(best.device_id, []).append(thing_id)

    def _claims(self) -> dict[str, dict[str, set[MatchReason]]]:
        """Return the reasons for each pair of a thing and a device; a thing that the user matched has one pair."""
        claims: dict[str, dict[str, set[MatchReason]]] = {}
        for device_id, keys in self._devices.keys.items():
            for key in keys:
                if not (thing_ids := self._things.holders(key)) or not self._devices.holders(key):
                    continue
                for thing_id in thing_ids:
                    if (thing_id, device_id) not in self._store.unmatched:
                        claims.setdefault(thing_id, {}).setdefault(device_id, set()).add(key[0])
        registry = dr.async_get(self._hass)
        for thing_id, device_id in self._store.matches.items():
            if thing_id in self._rows and registry.async_get(device_id) is not None:
                reasons = claims.get(thing_id, {}).get(device_id, set())
                claims[thing_id] = {device_id: reasons | {MatchReason.CONFIRMED}}
        return claims

    # --- details ----------------------------------------------------------------------------------------------

    @callback
    def _async_schedule_reading(self) -> None:
        """Read the details that are missing, a little later; after a failure not before the next synchronisation."""
        if self._cancel_timer is not None or self._reading or not self._may_read():
            return
        if self._unread or self._pending_things:
            self._cancel_timer = async_call_later(
                self._hass,
                DETAILS_DELAY,
                HassJob(self._async_start_reading, f"{DOMAIN} read details", cancel_on_shutdown=True),
            )

    def _may_read(self) -> bool:
        return self._fresh and (self._failed_as_of is None or self._failed_as_of != self._coordinator.as_of)

    @callback
    def _async_start_reading(self, _now: datetime) -> None:
        self._cancel_timer = None
        self._reading = True
        self._entry.async_create_background_task(self._hass, self._async_read_details(), f"{DOMAIN} read details")

    async def _async_read_details(self) -> None:
        """Read what only GetManagedThing tells, one thing after the other, until AWS refuses."""
        try:
            await self.async_settle()
            with background():
                # Those that failed last come last.
                for thing_id in sorted(self._unread, key=lambda thing_id: (thing_id in self._failed, thing_id)):
                    await self._async_read_details_of(thing_id)
        except AwsError as err:
            self._failed_as_of = self._coordinator.as_of
            level = logging.DEBUG if self._failure_logged else logging.WARNING
            self._failure_logged = True
            _LOGGER.log(level, "Addresses of managed things can't be read, devices are matched without: %s", err)
        else:
            self._failed_as_of = None
            self._failure_logged = False
        finally:
            self._reading = False
        self._async_schedule_reading()

    async def _async_read_details_of(self, thing_id: str) -> None:
        """Read one thing; raises ``AwsError`` if that failed for a reason that others would meet too."""
        if (thing := self._rows.get(thing_id)) is None:
            return
        keys: tuple[Key, ...] = ()
        try:
            details = await self._client.get_managed_thing(thing_id)
        except NotFoundError, InvalidRequestError:
            # It went since the last synchronisation, or AWS can't read it. What changes that moves UpdatedAt.
            self._failed.discard(thing_id)
        except AwsError:
            self._failed.add(thing_id)
            raise
        else:
            self._failed.discard(thing_id)
            keys = tuple(detail_keys(details))
            self._set_connections(thing_id, connections_of(details))
        if thing_id in self._rows:
            keys = tuple(dict.fromkeys((*row_keys(self._rows[thing_id]), *keys)))
            self._keep(thing_id, StoredKeys(updated_at=_version(thing), keys=keys))
            self._stale |= self._things.put(thing_id, keys)
            if _version(self._rows[thing_id]) == _version(thing):
                self._unread.discard(thing_id)

    def _set_connections(self, thing_id: str, connections: set[tuple[str, str]]) -> None:
        """Let Home Assistant show that a thing's device and another integration's are linked."""
        registry = dr.async_get(self._hass)
        if (device_id := self._coordinator.device_id(thing_id)) is None:
            return
        try:
            registry.async_update_device(device_id, new_connections=connections)
        except dr.DeviceConnectionCollisionError:
            # Its text has the address, which is sensitive. An entry can have one device for an address.
            _LOGGER.debug("The address of managed thing %s is that of another one, too", thing_id)


def _best(matches: Collection[Match]) -> Match | None:
    """Return the strongest of some candidates; ``None`` if several are equally strong."""
    strongest = max(match.strength for match in matches)
    best = [match for match in matches if match.strength == strongest]
    return best[0] if len(best) == 1 else None


def _version(thing: ManagedThing) -> str:
    """Return what moves when the details of a thing change."""
    return "" if thing.updated_at is None else thing.updated_at.isoformat()


def _restored(stored: StoredKeys) -> tuple[Key, ...]:
    """Return stored keys, but for those of a newer version."""
    return tuple((MatchReason(reason), digest) for reason, digest in stored.keys if reason in MatchReason)
