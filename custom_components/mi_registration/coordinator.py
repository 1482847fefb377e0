"""Reads the account, publishes what it saw, and keeps Home Assistant's devices in step with it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from itertools import batched
import logging
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, override

from homeassistant.config_entries import ConfigEntry, ConfigSubentry, ConfigSubentryData
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.typing import UNDEFINED
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.loader import async_get_loaded_integration
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .activity import Activity, Announcer
from .aws.client import PAGE_SIZE, Boto3ManagedIntegrationsClient, ManagedIntegrationsClient
from .aws.errors import AccessDeniedError, AwsError, InvalidCredentialsError, NotFoundError, ThrottledError
from .aws.models import AccountAssociation, Connectivity, ManagedThing, Registration, Role
from .aws.quota import Quota, background
from .aws.session import ConnectionSettings
from .const import (
    CONF_ACCOUNT_ASSOCIATION_ID,
    CONF_HUB_IDS,
    CONF_OWNER,
    CONF_REGISTRATION_POLICY,
    CONF_REQUESTS_PER_SECOND,
    CONF_SCAN_INTERVAL_MINUTES,
    CONF_TRACK_NEW_ASSOCIATIONS,
    DEFAULT_REQUESTS_PER_SECOND,
    DEFAULT_SCAN_INTERVAL_MINUTES,
    DOMAIN,
    MANUFACTURER,
    POLICY_MANUAL,
    SUBENTRY_ACCOUNT_ASSOCIATION,
)
from .inventory import Inventory, InventoryDiff
from .pacing import Pacing, Turns

if TYPE_CHECKING:
    from .device_discovery import DeviceDiscoveries
    from .issues import Issues
    from .linking import Linking
    from .matcher import Matcher
    from .onboarder import Onboarder
    from .registrar import Registrar
    from .store import RegistrationStore

_LOGGER = logging.getLogger(__name__)
_QUOTAS: HassKey[dict[str, Quota]] = HassKey(f"{DOMAIN}_quotas")

MAX_READS = 3
"""How often a synchronisation starts over because of writes; their own follow-up reads what this one missed."""
LISTENERS_PER_SLICE = 100
"""So many listeners are told at once; the event loop may do other work before the next ones."""
DEVICES_PER_SLICE = 100
"""So many devices are registered at once."""


@dataclass(slots=True, kw_only=True)
class MiRegistrationData:
    """What a loaded entry owns."""

    client: ManagedIntegrationsClient
    store: RegistrationStore
    coordinator: MiRegistrationCoordinator
    discoveries: DeviceDiscoveries
    registrar: Registrar
    onboarder: Onboarder
    linking: Linking
    issues: Issues = field(init=False)
    connectivity: ConnectivityCoordinator
    matcher: Matcher


type MiRegistrationConfigEntry = ConfigEntry[MiRegistrationData]


class DeviceKind(StrEnum):
    """What a device of this integration stands for."""

    ACCOUNT = "account"
    ASSOCIATION = "association"
    HUB = "hub"
    THING = "thing"


def association_subentry(association: AccountAssociation) -> ConfigSubentryData:
    """Return the subentry that looks after an account association; its devices are registered by hand at first."""
    return ConfigSubentryData(
        subentry_type=SUBENTRY_ACCOUNT_ASSOCIATION,
        title=association.name or association.account_association_id,
        unique_id=association.account_association_id,
        data={
            CONF_ACCOUNT_ASSOCIATION_ID: association.account_association_id,
            CONF_REGISTRATION_POLICY: POLICY_MANUAL,
        },
    )


def create_client(
    hass: HomeAssistant, data: Mapping[str, Any], options: Mapping[str, Any], *, account: str | None = None
) -> ManagedIntegrationsClient:
    """Make a client for an entry's data and options; nothing is read or sent yet.

    ``account`` is the entry's unique id, once it is known: all clients of one account and Region share AWS's quota.
    """
    rate = options.get(CONF_REQUESTS_PER_SECOND, DEFAULT_REQUESTS_PER_SECOND)
    quota = Quota(rate)
    if account is not None:
        quota = hass.data.setdefault(_QUOTAS, {}).setdefault(account, quota)
        quota.set_rate(rate)
    version = async_get_loaded_integration(hass, DOMAIN).version
    return Boto3ManagedIntegrationsClient(
        ConnectionSettings.from_config(data), quota=quota, user_agent_extra=f"{DOMAIN}/{version}"
    )


def action_error(error: AwsError) -> HomeAssistantError:
    """Return what an action or a button raises for a failed call."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key=error.key, translation_placeholders=error.placeholders
    )


def update_error(error: AwsError, pacing: Pacing) -> UpdateFailed | ConfigEntryAuthFailed:
    """Return what a poll raises for a failed call."""
    if isinstance(error, InvalidCredentialsError):
        return ConfigEntryAuthFailed(
            translation_domain=DOMAIN, translation_key=error.key, translation_placeholders=error.placeholders
        )
    retry_after = None
    if isinstance(error, ThrottledError):
        retry_after = pacing.throttled(error.retry_after)
    return UpdateFailed(
        translation_domain=DOMAIN,
        translation_key=error.key,
        translation_placeholders=error.placeholders,
        retry_after=retry_after,
    )


class CloudList(StrEnum):
    """The lists that a synchronisation can do without if a policy denies them."""

    ASSOCIATIONS = "account_associations"
    REGISTRATIONS = "registrations"


async def _unless_denied[T](call: Awaitable[T]) -> T | None:
    """Return a list, or ``None`` if no policy allows it: only what needs it is to go without."""
    try:
        return await call
    except AccessDeniedError:
        return None


@contextmanager
def first_error_only() -> Generator[None]:
    """Raise the first error of a task group by itself: the others of one outage only repeat it."""
    try:
        yield
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


async def _side_by_side[T](*calls: Coroutine[Any, Any, T]) -> list[T]:
    """Await calls of one kind together; the first error ends them all."""
    with first_error_only():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


def _pacing(entry: MiRegistrationConfigEntry) -> Pacing:
    return Pacing(timedelta(minutes=entry.options.get(CONF_SCAN_INTERVAL_MINUTES, DEFAULT_SCAN_INTERVAL_MINUTES)))


def _run(callbacks: Iterable[CALLBACK_TYPE]) -> None:
    for update in callbacks:
        update()


class MiRegistrationCoordinator(DataUpdateCoordinator[Inventory]):
    """One synchronisation is the pages of three lists, read side by side, and nothing per thing."""

    config_entry: MiRegistrationConfigEntry

    def __init__(
        self,
        hass: HomeAssistant,
        entry: MiRegistrationConfigEntry,
        client: ManagedIntegrationsClient,
        store: RegistrationStore,
    ) -> None:
        """Prepare; if the store knows an Inventory, start from it without any word from the cloud."""
        self._pacing = _pacing(entry)
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=entry.title,
            update_interval=self._pacing.first_interval,
            always_update=False,
        )
        self.client = client
        self.store = store
        self.after_read: CALLBACK_TYPE | None = None
        """Called after each successful reading of the account, changed or not."""
        self.after_refresh: CALLBACK_TYPE | None = None
        """Called after each synchronisation, whether it worked or not."""
        self._identity_confirmed = False
        self._published = Inventory()
        self._published_availability: tuple[bool, frozenset[CloudList]] | None = None
        self.unread_lists: frozenset[CloudList] = frozenset()
        """What the last synchronisation was denied; what was known before stays."""
        self._merges = 0
        self.announcer = Announcer(self)
        self._due: deque[CALLBACK_TYPE] = deque()
        """Listeners that are still to be told, in this order, where there are too many to tell at once."""
        self._is_telling = False
        self._listeners_of: dict[str | None, list[CALLBACK_TYPE]] = {}
        self._stop_polling: CALLBACK_TYPE
        self._stale_devices_removed = False
        self._registered: dict[str, ManagedThing] = {}
        self._association_turns = Turns()
        self._associations_known = store.inventory is not None
        if store.inventory is not None:
            self.data = store.inventory
            self.last_update_success = False
            self._published_availability = (False, self.unread_lists)

    # --- reading ----------------------------------------------------------------------------------------------

    @override
    async def _async_update_data(self) -> Inventory:
        """Read the account.

        Raises ``ConfigEntryAuthFailed`` for credentials that only the user can mend, else ``UpdateFailed``.
        """
        with background():
            try:
                if not self._identity_confirmed:
                    await self._async_confirm_identity()
                return await self._async_read()
            except AwsError as err:
                if self._shutdown_requested:
                    # The client was closed meanwhile, which isn't worth a line in the log.
                    self.last_update_success = False
                raise update_error(err, self._pacing) from err

    async def _async_read(self) -> Inventory:
        """Read the three lists side by side, again if something was written and read back meanwhile."""
        for _ in range(MAX_READS):
            merges = self._merges
            with first_error_only():
                async with asyncio.TaskGroup() as group:
                    things = group.create_task(self._list_managed_things())
                    associations = group.create_task(_unless_denied(self._list_associations()))
                    registrations = group.create_task(_unless_denied(self._list_registrations()))
            before = self.data if self._has_data else Inventory()
            self.unread_lists = frozenset(
                name
                for name, task in ((CloudList.ASSOCIATIONS, associations), (CloudList.REGISTRATIONS, registrations))
                if task.result() is None
            )
            inventory = await self.hass.async_add_executor_job(
                Inventory.build,
                things.result(),
                before.account_associations if (rows := associations.result()) is None else rows,
                before.registrations if (pairs := registrations.result()) is None else pairs,
                before,
            )
            await self._async_register_ahead(inventory)
            if self._merges == merges:
                break
        self._pacing.succeeded()
        self.update_interval = self._pacing.interval
        self.store.async_keep_inventory(inventory, dt_util.utcnow())
        await self.store.async_keep_due_queue()
        if self.after_read is not None:
            self.after_read()
        return inventory

    async def async_synchronize(self) -> None:
        """Read the account now; raises ``HomeAssistantError`` if that fails."""
        self.async_read_associations_next()
        await self.async_refresh()
        if not self.last_update_success and isinstance(self.last_exception, HomeAssistantError):
            raise HomeAssistantError(
                translation_domain=self.last_exception.translation_domain,
                translation_key=self.last_exception.translation_key,
                translation_placeholders=self.last_exception.translation_placeholders,
            ) from self.last_exception

    async def _async_confirm_identity(self) -> None:
        """Make sure that these credentials still belong to the account that was set up."""
        identity = await self.client.get_caller_identity()
        if self.config_entry.unique_id != f"{identity.partition}:{identity.account}:{self.config_entry.data['region']}":
            raise ConfigEntryAuthFailed(
                translation_domain=DOMAIN,
                translation_key="wrong_account",
                translation_placeholders={"account": identity.account, "title": self.config_entry.title},
            )
        self._identity_confirmed = True

    async def _list_managed_things(self) -> list[ManagedThing]:
        """Read the hubs and devices of this entry's scope."""
        owner: str | None = self.config_entry.options.get(CONF_OWNER)
        if not (hub_ids := self.hub_ids):
            return list(await self.client.list_managed_things(owner=owner))
        lists = await _side_by_side(
            self._list_hubs(owner, hub_ids),
            *(self.client.list_managed_things(owner=owner, parent_controller_id=hub_id) for hub_id in hub_ids),
        )
        return [thing for things in lists for thing in things]

    async def _list_hubs(self, owner: str | None, hub_ids: tuple[str, ...]) -> list[ManagedThing]:
        """Read the rows of some hubs, with a call for each where their serial numbers are known.

        The service has no filter for ids. All hubs of a provider's account may be thousands, so they are listed only
        as long as a hub's serial number isn't known, or no longer finds it.
        """
        known = [self.data.things_by_id.get(hub_id) for hub_id in hub_ids] if self._has_data else [None]
        if all(hub is not None and hub.serial_number for hub in known):
            lists = await _side_by_side(
                *(
                    self.client.list_managed_things(owner=owner, role=Role.CONTROLLER, serial_number=hub.serial_number)
                    for hub in known
                    if hub is not None
                )
            )
            hubs = [thing for things in lists for thing in things if thing.managed_thing_id in hub_ids]
            if len({hub.managed_thing_id for hub in hubs}) == len(hub_ids):
                return hubs
        hubs = list(await self.client.list_managed_things(owner=owner, role=Role.CONTROLLER))
        return [hub for hub in hubs if hub.managed_thing_id in hub_ids]

    async def _list_associations(self) -> Iterable[AccountAssociation]:
        """Read the account associations; with a scope those looked after here, and not in every synchronisation.

        The service lists those of all homes only. A home that reads so long a list less often, by as much as it is
        longer than a page, makes no more calls than for a list of its own.
        """
        if not self.is_scoped:
            return await self.client.list_account_associations()
        if self._has_data and not self._association_turns.take():
            return self.data.account_associations
        try:
            rows = await self.client.list_account_associations()
        except ThrottledError:
            if not self._has_data:
                raise
            self._association_turns.throttled()
            return self.data.account_associations
        self._association_turns.read(math.ceil(len(rows) / PAGE_SIZE))
        here = self.association_subentries
        return [row for row in rows if row.account_association_id in here]

    @callback
    def async_read_associations_next(self) -> None:
        """Let the next synchronisation read the account associations in any case."""
        self._association_turns.ask()

    async def _list_registrations(self) -> list[Registration]:
        """Read who is registered with whom: in one list, or with a scope per association looked after here."""
        if not self.is_scoped:
            return list(await self.client.list_managed_thing_account_associations())
        lists = await _side_by_side(
            *(
                self.client.list_managed_thing_account_associations(account_association_id=association_id)
                for association_id in self.association_subentries
            )
        )
        return [row for rows in lists for row in rows]

    @property
    def _has_data(self) -> bool:
        """Whether there is an Inventory: always, but for the time before the first successful read."""
        data: Inventory | None = self.data
        return data is not None

    @property
    def hub_ids(self) -> tuple[str, ...]:
        """The hubs this entry is limited to; empty for no such limit."""
        return tuple(self.config_entry.options.get(CONF_HUB_IDS, ()))

    @property
    def is_scoped(self) -> bool:
        """Whether this entry looks after one home of an account that holds many."""
        return bool(self.hub_ids or self.config_entry.options.get(CONF_OWNER))

    @property
    def association_subentries(self) -> dict[str, ConfigSubentry]:
        """The subentry of each account association looked after here, by association id."""
        return {
            subentry.data[CONF_ACCOUNT_ASSOCIATION_ID]: subentry
            for subentry in self.config_entry.get_subentries_of_type(SUBENTRY_ACCOUNT_ASSOCIATION)
        }

    @property
    def as_of(self) -> datetime | None:
        """When the account was last read successfully."""
        return self.store.as_of

    @override
    @callback
    def _async_refresh_finished(self) -> None:
        """Publish that a list became denied or readable, even if nothing else changed."""
        if self.after_refresh is not None:
            self.after_refresh()
        if (self.last_update_success, self.unread_lists) != self._published_availability:
            self.async_update_listeners()

    # --- publishing -------------------------------------------------------------------------------------------

    @callback
    def async_merge_registrations(self, account_association_id: str, rows: Iterable[Registration]) -> None:
        """Publish an association's registrations that were read back after a write, ahead of the next poll."""
        self._publish_merged(self.data.with_registrations(account_association_id, rows))

    @callback
    def async_merge_things(self, things: Iterable[ManagedThing]) -> None:
        """Publish things that were created since the last synchronisation, ahead of the next poll."""
        new = [thing for thing in things if thing.managed_thing_id not in self.data.things_by_id]
        if new:
            self._publish_merged(
                Inventory.build(
                    [*self.data.managed_things, *new],
                    self.data.account_associations,
                    self.data.registrations,
                    self.data,
                )
            )

    @callback
    def _publish_merged(self, inventory: Inventory) -> None:
        self._merges += 1
        self.data = inventory
        if self.as_of is not None:
            self.store.async_keep_inventory(inventory, self.as_of)
        self.async_update_listeners()

    async def async_start_from_store(self) -> None:
        """Set the devices up as they were when the account was last read."""
        self._published = self.data
        self.async_register_parents()
        await self._async_register_in_slices([thing for thing in self.data.managed_things if not thing.is_hub])

    @override
    @callback
    def async_update_listeners(self) -> None:
        """Bring the devices in step, then tell those entities whose device shows something else now.

        What changed is announced after that, so that automations find the entities as announced, and what is gone is
        removed last, so that a target can still mean it.
        """
        if not self._has_data:
            return
        old, new = self._published, self.data
        diff = InventoryDiff.between(old, new)
        self._published = new
        afterwards: list[CALLBACK_TYPE] = []
        if self.last_update_success:
            self._async_track_associations(diff)
            self._async_sync_devices(diff)
            if self._associations_known:
                afterwards.append(partial(self.announcer.async_announce_changes, diff, old, new))
            self._associations_known = True
            afterwards.append(partial(self._async_remove_gone_devices, diff))
        availability = (self.last_update_success, self.unread_lists)
        if availability != self._published_availability:
            self._published_availability = availability
            self._async_notify(list(self._listeners_of), afterwards)
        elif touched := diff.touched(old, new):
            # The account counts what its things and associations have.
            self._async_notify([None, str(self.config_entry.unique_id), *sorted(touched)], afterwards)

    @callback
    def async_announce(self, account_association_id: str, activity: Activity, attributes: dict[str, Any]) -> None:
        """Tell Home Assistant of one fact about an account association, after the entities that show it."""
        self._async_notify(
            [attributes.get("managed_thing_id") or account_association_id],
            [partial(self.announcer.async_announce, account_association_id, activity, attributes)],
        )

    @callback
    def async_subentries_changed(self) -> None:
        """Follow account associations that the user added, changed or removed here."""
        self.async_read_associations_next()
        self.async_register_parents()
        self._async_notify(list(self._listeners_of))
        if self.is_scoped:
            # With a scope, registrations are read per association looked after here: this one's are still unread.
            self.config_entry.async_create_background_task(
                self.hass, self.async_request_refresh(), f"{self.name} - refresh after a change of associations"
            )

    @override
    @callback
    def async_add_listener(self, update_callback: CALLBACK_TYPE, context: Any = None) -> Callable[[], None]:
        """Listen for news of the device that ``context`` names, or of everything without one."""
        if not self._listeners_of:
            # This keeps the polls going. Who listens is known here alone: a large account has thousands of entities.
            self._stop_polling = super().async_add_listener(self.async_update_listeners)
        self._listeners_of.setdefault(context, []).append(update_callback)
        return partial(self._async_remove_listener, context, update_callback)

    @callback
    def _async_remove_listener(self, context: str | None, update_callback: CALLBACK_TYPE) -> None:
        listeners = self._listeners_of[context]
        listeners.remove(update_callback)
        if not listeners:
            del self._listeners_of[context]
        if not self._listeners_of:
            self._stop_polling()

    @callback
    def async_touch(self, ids: Iterable[str]) -> None:
        """Tell the entities of some devices that their state may have changed though the Inventory did not."""
        self._async_notify(ids)

    @callback
    def _async_notify(self, contexts: Iterable[str | None], afterwards: Iterable[CALLBACK_TYPE] = ()) -> None:
        """Call the listeners of the given devices; those of ``None`` listen to all news."""
        callbacks = [update for context in contexts for update in self._listeners_of.get(context, ())]
        callbacks += afterwards
        if len(callbacks) <= LISTENERS_PER_SLICE and not self._is_telling:
            _run(callbacks)
            return
        self._due.extend(callbacks)
        if not self._is_telling:
            self._is_telling = True
            self.config_entry.async_create_task(
                self.hass, self._async_tell_in_slices(), f"{DOMAIN} tell {len(callbacks)} listeners"
            )

    async def _async_tell_in_slices(self) -> None:
        """Tell all that are due, also those that become so meanwhile: later news must not overtake this."""
        try:
            while self._due:
                await asyncio.sleep(0)
                _run([self._due.popleft() for _ in range(min(LISTENERS_PER_SLICE, len(self._due)))])
        finally:
            self._due.clear()
            self._is_telling = False

    # --- devices ----------------------------------------------------------------------------------------------

    @callback
    def _async_register_account(self) -> dr.AnyDeviceEntry:
        """Register the account, which everything else hangs on."""
        entry = self.config_entry
        return dr.async_get(self.hass).async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={(DOMAIN, str(entry.unique_id))},
            name=entry.title,
            manufacturer=MANUFACTURER,
            model="IoT Managed Integrations account",
            entry_type=dr.DeviceEntryType.SERVICE,
        )

    @callback
    def async_register_parents(self) -> None:
        """Register the account, its associations and its hubs, which other devices refer to."""
        registry = dr.async_get(self.hass)
        entry = self.config_entry
        account = self._async_register_account()
        for association_id, subentry in self.association_subentries.items():
            association = self.data.associations_by_id.get(association_id)
            registry.async_get_or_create(
                config_entry_id=entry.entry_id,
                config_subentry_id=subentry.subentry_id,
                identifiers={(DOMAIN, association_id)},
                name=(association and association.name) or subentry.title,
                manufacturer=MANUFACTURER,
                model="Account association",
                entry_type=dr.DeviceEntryType.SERVICE,
                via_device_id=account.id,
            )
        self._async_register_things(self.data.hubs, fresh=self.last_update_success)

    @callback
    def _async_register_thing(self, thing: ManagedThing, via_device_id: str, *, fresh: bool) -> None:
        """Create or update a hub's or a device's entry in the device registry.

        What is sensitive isn't kept on disk with the Inventory, so one that isn't ``fresh`` must not blank it here.
        """
        if fresh:
            self._registered[thing.managed_thing_id] = thing
        dr.async_get(self.hass).async_get_or_create(
            config_entry_id=self.config_entry.entry_id,
            identifiers={(DOMAIN, thing.managed_thing_id)},
            name=thing.name or thing.managed_thing_id,
            via_device_id=via_device_id,
            manufacturer=thing.brand if fresh else UNDEFINED,
            model=thing.model if fresh else UNDEFINED,
            serial_number=thing.serial_number if fresh else UNDEFINED,
        )

    @callback
    def _async_register_things(self, things: Iterable[ManagedThing], *, fresh: bool) -> None:
        """Register hubs below the account, devices below their hub or the account, but for those that are as before."""
        account = self.device_id(str(self.config_entry.unique_id))
        if account is None:
            return
        for thing in things:
            if fresh and self._registered.get(thing.managed_thing_id) is thing:
                continue
            hub_id = None if thing.is_hub else thing.parent_controller_id
            parent = self.device_id(hub_id) if hub_id else None
            self._async_register_thing(thing, parent or account, fresh=fresh)

    async def _async_register_in_slices(self, things: Iterable[ManagedThing], *, fresh: bool = False) -> None:
        for batch in batched(things, DEVICES_PER_SLICE, strict=False):
            self._async_register_things(batch, fresh=fresh)
            await asyncio.sleep(0)

    async def _async_register_ahead(self, inventory: Inventory) -> None:
        """Register the devices of a large change before it is published, which happens in one step."""
        known = self._registered
        things = [thing for thing in inventory.managed_things if known.get(thing.managed_thing_id) is not thing]
        if len(things) > DEVICES_PER_SLICE:
            self._async_register_account()
            await self._async_register_in_slices(sorted(things, key=lambda thing: not thing.is_hub), fresh=True)

    @callback
    def _async_sync_devices(self, diff: InventoryDiff) -> None:
        """Add and update devices after a successful synchronisation."""
        self.async_register_parents()
        things = self.data.things_by_id
        # Those of a large change are registered already.
        due = [id_ for id_ in diff.added_things | diff.changed_things if self._registered.get(id_) is not things[id_]]
        self._async_register_things([things[thing_id] for thing_id in sorted(due)], fresh=True)

    @callback
    def _async_remove_gone_devices(self, diff: InventoryDiff) -> None:
        """Remove the devices of things that went, but for those that came back meanwhile."""
        if self._stale_devices_removed:
            self._async_remove_devices(diff.removed_things - self.data.things_by_id.keys())
        else:
            self._stale_devices_removed = True
            self._async_remove_stale_devices()

    @callback
    def _async_track_associations(self, diff: InventoryDiff) -> None:
        """Follow the account's associations where the user asked for that.

        Only what comes or goes while it is followed counts, so that what the user left out at set-up stays out. The
        associations of a scoped entry's account belong to other homes too and are never taken in unasked.
        """
        if not self.config_entry.options.get(CONF_TRACK_NEW_ASSOCIATIONS) or self.is_scoped:
            return
        entries = self.hass.config_entries
        known = self.association_subentries
        if self._associations_known:
            for association_id in sorted(diff.added_associations - known.keys()):
                subentry = association_subentry(self.data.associations_by_id[association_id])
                entries.async_add_subentry(
                    self.config_entry,
                    ConfigSubentry(
                        data=MappingProxyType(dict(subentry["data"])),
                        subentry_type=subentry["subentry_type"],
                        title=subentry["title"],
                        unique_id=subentry["unique_id"],
                    ),
                )
        for association_id in diff.removed_associations & known.keys():
            entries.async_remove_subentry(self.config_entry, known[association_id].subentry_id)

    @callback
    def _async_remove_stale_devices(self) -> None:
        """Remove the devices of things that the cloud no longer has, also those that went while we were off."""
        keep = {str(self.config_entry.unique_id), *self.association_subentries, *self.data.things_by_id}
        devices = dr.async_entries_for_config_entry(dr.async_get(self.hass), self.config_entry.entry_id)
        known = {identifier for device in devices for domain, identifier in device.identifiers if domain == DOMAIN}
        self._async_remove_devices(known - keep)

    @callback
    def _async_remove_devices(self, ids: Iterable[str]) -> None:
        registry = dr.async_get(self.hass)
        for aws_id in ids:
            self._registered.pop(aws_id, None)
            if (device_id := self.device_id(aws_id)) is not None:
                registry.async_remove_device(device_id)

    @callback
    def device(self, aws_id: str) -> dr.DeviceEntry | None:
        """Return the device that stands for an AWS id or the account."""
        return dr.async_get(self.hass).async_get_device_by_identifier((DOMAIN, aws_id), self.config_entry.entry_id)

    @callback
    def device_id(self, aws_id: str) -> str | None:
        """Return the registry id of the device that stands for an AWS id or the account."""
        device = self.device(aws_id)
        return device.id if device is not None else None

    def devices_of(self, kind: DeviceKind) -> Iterable[str]:
        """Return the ids of all devices of a kind that should exist now."""
        match kind:
            case DeviceKind.ACCOUNT:
                return (str(self.config_entry.unique_id),)
            case DeviceKind.ASSOCIATION:
                return self.association_subentries
            case DeviceKind.HUB:
                return [hub.managed_thing_id for hub in self.data.hubs]
            case DeviceKind.THING:
                return [thing.managed_thing_id for thing in self.data.managed_things if not thing.is_hub]


class ConnectivityCoordinator(DataUpdateCoordinator[dict[str, Connectivity]]):
    """Whether hubs are connected to AWS.

    AWS tells that for one thing per call, so only hubs are asked, only those whose entity is enabled, and not as part
    of a synchronisation.
    """

    config_entry: MiRegistrationConfigEntry

    def __init__(
        self, hass: HomeAssistant, entry: MiRegistrationConfigEntry, client: ManagedIntegrationsClient
    ) -> None:
        """Prepare; the first read is asked for by set-up, after everything else."""
        self._pacing = _pacing(entry)
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=f"{entry.title} connectivity",
            update_interval=self._pacing.first_interval,
            always_update=False,
        )
        self.client = client
        self.data = {}

    @override
    async def _async_update_data(self) -> dict[str, Connectivity]:
        """Read the connectivity of the hubs that an enabled entity shows; raises ``UpdateFailed``."""
        hub_ids = sorted(set(self.async_contexts()))
        with background():
            try:
                answers = await _side_by_side(*(self._connectivity(hub_id) for hub_id in hub_ids))
            except AwsError as err:
                raise update_error(err, self._pacing) from err
        self._pacing.succeeded()
        self.update_interval = self._pacing.interval
        return {hub_id: answer for hub_id, answer in zip(hub_ids, answers, strict=True) if answer is not None}

    async def _connectivity(self, hub_id: str) -> Connectivity | None:
        try:
            return await self.client.get_managed_thing_connectivity_data(hub_id)
        except NotFoundError:
            # It went since the last synchronisation; the next one removes its device.
            return None
