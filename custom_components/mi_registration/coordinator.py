"""Reads the account again and again, and publishes what it saw."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from functools import partial
import logging
from typing import Any, override

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from .account_lists import AccountLists, CloudList
from .activity import Activity, Announcer
from .associations import association_subentries, async_follow_associations
from .aws.client import ManagedIntegrationsClient
from .aws.errors import AwsError
from .aws.models import ManagedThing, Registration
from .aws.quota import background
from .const import CONF_HUB_IDS, CONF_OWNER, CONF_TRACK_NEW_ASSOCIATIONS, DOMAIN
from .data import MiRegistrationConfigEntry
from .devices import Devices
from .errors import update_error
from .inventory import Inventory, InventoryDiff
from .listeners import DeviceListeners
from .pacing import Pacing
from .store import RegistrationStore

_LOGGER = logging.getLogger(__name__)

MAX_READS = 3
"""How often a synchronisation starts over because of writes; their own follow-up reads what this one missed."""


class DeviceKind(StrEnum):
    """What a device of this integration stands for."""

    ACCOUNT = "account"
    ASSOCIATION = "association"
    HUB = "hub"
    THING = "thing"


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
        self._pacing = Pacing.from_options(entry.options)
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
        self.adding = asyncio.Lock()
        """Held by a platform that adds a slice of its entities."""
        self.lists = AccountLists(self)
        self.unread_lists: frozenset[CloudList] = frozenset()
        """What the last synchronisation was denied; what was known before stays."""
        self.announcer = Announcer(self)
        self._devices = Devices(self)
        self._device_listeners = DeviceListeners(hass, entry)
        self._stop_polling: CALLBACK_TYPE
        self._identity_confirmed = False
        self._merges = 0
        self._published = Inventory()
        self._published_availability: tuple[bool, frozenset[CloudList]] | None = None
        self._associations_known = store.inventory is not None
        if store.inventory is not None:
            self.data = store.inventory
            self.last_update_success = False
            self._published_availability = (False, self.unread_lists)

    # --- what is looked after ---------------------------------------------------------------------------------

    @property
    def known(self) -> Inventory | None:
        """The Inventory; ``None`` before the first successful read of an account that was never read before."""
        return self.data

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
        return association_subentries(self.config_entry)

    @property
    def as_of(self) -> datetime | None:
        """When the account was last read successfully."""
        return self.store.as_of

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

    async def _async_read(self) -> Inventory:
        """Read the lists, again if something was written and read back meanwhile."""
        for _ in range(MAX_READS):
            merges = self._merges
            rows = await self.lists.async_read()
            self.unread_lists = rows.unread
            inventory = await self.hass.async_add_executor_job(rows.inventory, self.known)
            await self._devices.async_register_ahead(inventory)
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
        self.lists.async_read_associations_next()
        await self.async_refresh()
        if not self.last_update_success and isinstance(self.last_exception, HomeAssistantError):
            raise HomeAssistantError(
                translation_domain=self.last_exception.translation_domain,
                translation_key=self.last_exception.translation_key,
                translation_placeholders=self.last_exception.translation_placeholders,
            ) from self.last_exception

    async def async_read_associations(self) -> None:
        """Read the account associations now and publish them, ahead of the next poll. Raises ``AwsError``."""
        rows = await self.lists.async_list_associations()
        data = self.data
        self._publish_merged(Inventory.build(data.managed_things, rows, data.registrations, data))

    @override
    @callback
    def _async_refresh_finished(self) -> None:
        """Publish that a list became denied or readable, even if nothing else changed."""
        if self.after_refresh is not None:
            self.after_refresh()
        if (self.last_update_success, self.unread_lists) != self._published_availability:
            self.async_update_listeners()

    # --- publishing -------------------------------------------------------------------------------------------

    async def async_start_from_store(self) -> None:
        """Set the devices up as they were when the account was last read."""
        self._published = self.data
        await self._devices.async_register_all()

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

    @override
    @callback
    def async_update_listeners(self) -> None:
        """Bring the devices in step, then tell those entities whose device shows something else now.

        What changed is announced after that, so that automations find the entities as announced, and what is gone is
        removed last, so that a target can still mean it.
        """
        if self.known is None:
            return
        old, new = self._published, self.data
        diff = InventoryDiff.between(old, new)
        self._published = new
        afterwards: list[CALLBACK_TYPE] = []
        if self.last_update_success:
            self._async_follow_associations(diff)
            self._devices.async_sync(diff)
            if self._associations_known:
                afterwards.append(partial(self.announcer.async_announce_changes, diff, old, new))
            self._associations_known = True
            afterwards.append(partial(self._devices.async_remove_gone, diff))
        availability = (self.last_update_success, self.unread_lists)
        if availability != self._published_availability:
            self._published_availability = availability
            self._device_listeners.async_tell_all(afterwards)
        elif touched := diff.touched(old, new):
            # The account counts what its things and associations have.
            self._device_listeners.async_tell([None, str(self.config_entry.unique_id), *sorted(touched)], afterwards)

    @callback
    def _async_follow_associations(self, diff: InventoryDiff) -> None:
        """Follow the account's associations where the user asked for that.

        Only what comes or goes while it is followed counts, so that what the user left out at set-up stays out. The
        associations of a scoped entry's account belong to other homes too and are never taken in unasked.
        """
        is_asked_for = self.config_entry.options.get(CONF_TRACK_NEW_ASSOCIATIONS) and not self.is_scoped
        if is_asked_for and self._associations_known:
            async_follow_associations(self.hass, self.config_entry, diff, self.data)

    @callback
    def async_subentries_changed(self) -> None:
        """Follow account associations that the user added, changed or removed here."""
        self.lists.async_read_associations_next()
        self._devices.async_register_parents()
        self._device_listeners.async_tell_all()
        if self.is_scoped:
            # With a scope, registrations are read per association looked after here: this one's are still unread.
            self.config_entry.async_create_background_task(
                self.hass, self.async_request_refresh(), f"{self.name} - refresh after a change of associations"
            )

    @callback
    def async_announce(self, account_association_id: str, activity: Activity, attributes: dict[str, Any]) -> None:
        """Tell Home Assistant of one fact about an account association, after the entities that show it."""
        self._device_listeners.async_tell(
            [attributes.get("managed_thing_id") or account_association_id],
            [partial(self.announcer.async_announce, account_association_id, activity, attributes)],
        )

    @callback
    def async_touch(self, ids: Iterable[str]) -> None:
        """Tell the entities of some devices that their state may have changed though the Inventory did not."""
        self._device_listeners.async_tell(ids)

    @override
    @callback
    def async_add_listener(self, update_callback: CALLBACK_TYPE, context: Any = None) -> Callable[[], None]:
        """Listen for news of the device that ``context`` names, or of everything without one."""
        if not self._device_listeners:
            # This keeps the polls going.
            self._stop_polling = super().async_add_listener(self.async_update_listeners)
        self._device_listeners.add(context, update_callback)
        return partial(self._async_remove_listener, context, update_callback)

    @callback
    def _async_remove_listener(self, context: str | None, update_callback: CALLBACK_TYPE) -> None:
        self._device_listeners.remove(context, update_callback)
        if not self._device_listeners:
            self._stop_polling()
