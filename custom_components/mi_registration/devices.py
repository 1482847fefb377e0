"""Home Assistant's devices of one entry, kept in step with the Inventory."""

import asyncio
from collections.abc import Iterable
from itertools import batched
from typing import TYPE_CHECKING

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.typing import UNDEFINED

from .aws.models import ManagedThing
from .const import DOMAIN, MANUFACTURER
from .inventory import Inventory, InventoryDiff

if TYPE_CHECKING:
    from .coordinator import MiRegistrationCoordinator

DEVICES_PER_SLICE = 50
"""So many devices are registered at once; the event loop may do other work before the next ones."""


class Devices:
    """Registers the account, its associations, hubs and things, and removes what the cloud no longer has."""

    def __init__(self, coordinator: MiRegistrationCoordinator) -> None:
        """Prepare; nothing is registered yet."""
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._registered: dict[str, ManagedThing] = {}
        """What the device of each managed thing was last registered with."""
        self._stale_removed = False

    async def async_register_all(self) -> None:
        """Register everything of the Inventory."""
        self.async_register_parents()
        await self._async_register_in_slices(
            [thing for thing in self._coordinator.data.managed_things if not thing.is_hub]
        )

    async def async_register_ahead(self, inventory: Inventory) -> None:
        """Register the devices of a large change before it is published, which happens in one step."""
        known = self._registered
        things = [thing for thing in inventory.managed_things if known.get(thing.managed_thing_id) is not thing]
        if len(things) > DEVICES_PER_SLICE:
            self._async_register_account()
            await self._async_register_in_slices(sorted(things, key=lambda thing: not thing.is_hub), fresh=True)

    async def _async_register_in_slices(self, things: Iterable[ManagedThing], *, fresh: bool = False) -> None:
        for batch in batched(things, DEVICES_PER_SLICE, strict=False):
            self._async_register_things(batch, fresh=fresh)
            await asyncio.sleep(0)

    @callback
    def async_sync(self, diff: InventoryDiff) -> None:
        """Add and update devices after a successful synchronisation."""
        self.async_register_parents()
        things = self._coordinator.data.things_by_id
        # Those of a large change are registered already.
        due = [id_ for id_ in diff.added_things | diff.changed_things if self._registered.get(id_) is not things[id_]]
        self._async_register_things([things[thing_id] for thing_id in sorted(due)], fresh=True)

    @callback
    def async_register_parents(self) -> None:
        """Register the account, its associations and its hubs, which other devices refer to."""
        registry = dr.async_get(self._hass)
        account = self._async_register_account()
        inventory = self._coordinator.data
        for association_id, subentry in self._coordinator.association_subentries.items():
            association = inventory.associations_by_id.get(association_id)
            registry.async_get_or_create(
                config_entry_id=self._entry.entry_id,
                config_subentry_id=subentry.subentry_id,
                identifiers={(DOMAIN, association_id)},
                name=(association and association.name) or subentry.title,
                manufacturer=MANUFACTURER,
                model="Account association",
                entry_type=dr.DeviceEntryType.SERVICE,
                via_device_id=account.id,
            )
        self._async_register_things(inventory.hubs, fresh=self._coordinator.last_update_success)

    @callback
    def _async_register_account(self) -> dr.AnyDeviceEntry:
        """Register the account, which everything else hangs on."""
        return dr.async_get(self._hass).async_get_or_create(
            config_entry_id=self._entry.entry_id,
            identifiers={(DOMAIN, str(self._entry.unique_id))},
            name=self._entry.title,
            manufacturer=MANUFACTURER,
            model="IoT Managed Integrations account",
            entry_type=dr.DeviceEntryType.SERVICE,
        )

    @callback
    def _async_register_things(self, things: Iterable[ManagedThing], *, fresh: bool) -> None:
        """Register hubs below the account, devices below their hub or the account, but for those that are as before."""
        account = self._coordinator.device_id(str(self._entry.unique_id))
        if account is None:
            return
        for thing in things:
            if fresh and self._registered.get(thing.managed_thing_id) is thing:
                continue
            hub_id = None if thing.is_hub else thing.parent_controller_id
            parent = self._coordinator.device_id(hub_id) if hub_id else None
            self._async_register_thing(thing, parent or account, fresh=fresh)

    @callback
    def _async_register_thing(self, thing: ManagedThing, via_device_id: str, *, fresh: bool) -> None:
        """Create or update a hub's or a device's entry in the device registry.

        What is sensitive isn't kept on disk with the Inventory, so one that isn't ``fresh`` must not blank it here.
        """
        if fresh:
            self._registered[thing.managed_thing_id] = thing
        dr.async_get(self._hass).async_get_or_create(
            config_entry_id=self._entry.entry_id,
            identifiers={(DOMAIN, thing.managed_thing_id)},
            name=thing.name or thing.managed_thing_id,
            via_device_id=via_device_id,
            manufacturer=thing.brand if fresh else UNDEFINED,
            model=thing.model if fresh else UNDEFINED,
            serial_number=thing.serial_number if fresh else UNDEFINED,
        )

    @callback
    def async_remove_gone(self, diff: InventoryDiff) -> None:
        """Remove the devices of things that went, but for those that came back meanwhile."""
        if self._stale_removed:
            self._async_remove(diff.removed_things - self._coordinator.data.things_by_id.keys())
        else:
            self._stale_removed = True
            self._async_remove_stale()

    @callback
    def _async_remove_stale(self) -> None:
        """Remove the devices of things that the cloud no longer has, also those that went while we were off."""
        coordinator = self._coordinator
        keep = {str(self._entry.unique_id), *coordinator.association_subentries, *coordinator.data.things_by_id}
        devices = dr.async_entries_for_config_entry(dr.async_get(self._hass), self._entry.entry_id)
        known = {identifier for device in devices for domain, identifier in device.identifiers if domain == DOMAIN}
        self._async_remove(known - keep)

    @callback
    def _async_remove(self, aws_ids: Iterable[str]) -> None:
        registry = dr.async_get(self._hass)
        for aws_id in aws_ids:
            self._registered.pop(aws_id, None)
            if (device_id := self._coordinator.device_id(aws_id)) is not None:
                registry.async_remove_device(device_id)
