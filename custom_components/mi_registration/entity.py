"""What all entities share."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import batched
from typing import Final, override

from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .account_lists import CloudList
from .const import DOMAIN
from .coordinator import DeviceKind, MiRegistrationCoordinator
from .data import MiRegistrationConfigEntry

ENTITIES_PER_SLICE: Final = 20
"""So many entities a platform adds at once; the event loop may do other work before the next ones."""


@dataclass(frozen=True, kw_only=True)
class MiRegistrationEntityDescription(EntityDescription):
    """An entity that every device of one kind has."""

    needs_cloud: bool = True
    """Whether it shows the cloud, and so is unavailable until the cloud was read."""
    needs_list: CloudList | None = None
    """The list that it shows, beside the managed things: without the permission for it, it is unavailable."""


class MiRegistrationEntity(CoordinatorEntity[MiRegistrationCoordinator]):
    """An entity on the device that stands for an AWS id, or for the account."""

    _attr_has_entity_name = True
    entity_description: MiRegistrationEntityDescription

    def __init__(
        self,
        entry: MiRegistrationConfigEntry,
        kind: DeviceKind,
        aws_id: str,
        device: dr.AnyDeviceEntry,
        description: MiRegistrationEntityDescription,
    ) -> None:
        """Attach to a device that is registered already, which spares Home Assistant to look for it by its info."""
        super().__init__(entry.runtime_data.coordinator, context=aws_id)
        self.runtime_data = entry.runtime_data
        self.kind = kind
        self.aws_id = aws_id
        self.entity_description = description
        self._attr_translation_key = description.key
        self._attr_unique_id = f"{aws_id}_{description.key}"
        self.device_entry = device

    @property
    @override
    def available(self) -> bool:
        """Whether the cloud was read, and still has what this entity is about."""
        if self.kind is DeviceKind.ASSOCIATION and self.aws_id not in self.coordinator.association_subentries:
            # The user just removed it here; Home Assistant takes the entity away next.
            return False
        if not self.entity_description.needs_cloud:
            return True
        if not super().available or self.entity_description.needs_list in self.coordinator.unread_lists:
            return False
        inventory = self.coordinator.data
        match self.kind:
            case DeviceKind.ACCOUNT:
                return True
            case DeviceKind.ASSOCIATION:
                return self.aws_id in inventory.associations_by_id
            case DeviceKind.HUB | DeviceKind.THING:
                return self.aws_id in inventory.things_by_id


type Descriptions[D: MiRegistrationEntityDescription] = Mapping[DeviceKind, Collection[D]]
type _Create[D: MiRegistrationEntityDescription] = Callable[
    [MiRegistrationConfigEntry, DeviceKind, str, dr.AnyDeviceEntry, D], Entity
]


async def async_setup_platform[D: MiRegistrationEntityDescription](
    entry: MiRegistrationConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    descriptions: Descriptions[D],
    create: _Create[D],
) -> None:
    """Add a platform's entities for every device there is, and later for every device that comes."""
    platform = _Platform(entry, async_add_entities, descriptions, create)
    entry.async_on_unload(entry.runtime_data.coordinator.async_add_listener(platform.async_add_new))
    await platform.async_add(platform.slices())


class _Platform[D: MiRegistrationEntityDescription]:
    """Adds entities, a slice at a time: Home Assistant doesn't pause between those that it is given together."""

    def __init__(
        self,
        entry: MiRegistrationConfigEntry,
        async_add_entities: AddConfigEntryEntitiesCallback,
        descriptions: Descriptions[D],
        create: _Create[D],
    ) -> None:
        self._entry = entry
        self._coordinator = entry.runtime_data.coordinator
        self._async_add_entities = async_add_entities
        self._descriptions = descriptions
        self._create = create
        self._known: dict[DeviceKind, set[str]] = {kind: set() for kind in descriptions}

    def slices(self) -> Iterator[None]:
        """Add the entities of devices that are new, stopping wherever there is more than a slice of them."""
        for kind, ids in self._known.items():
            current = set(self._coordinator.devices_of(kind))
            new = sorted(current - ids)
            ids.clear()
            ids.update(current)
            devices_per_slice = max(1, ENTITIES_PER_SLICE // len(self._descriptions[kind]))
            for number, batch in enumerate(batched(new, devices_per_slice, strict=False)):
                if number:
                    yield
                # Some may have gone since the slice before.
                self._add(kind, [aws_id for aws_id in batch if aws_id in ids])

    def _add(self, kind: DeviceKind, ids: Iterable[str]) -> None:
        if kind is not DeviceKind.ASSOCIATION:
            self._async_add_entities([entity for aws_id in ids for entity in self._entities(kind, aws_id)])
            return
        subentries = self._coordinator.association_subentries
        for association_id in ids:
            self._async_add_entities(
                list(self._entities(kind, association_id)),
                config_subentry_id=subentries[association_id].subentry_id,
            )

    def _entities(self, kind: DeviceKind, aws_id: str) -> Iterator[Entity]:
        if (device := self._coordinator.device(aws_id)) is None:
            # Something else took it out of the registry. It comes back with news of it from AWS, or with a reload.
            self._known[kind].discard(aws_id)
            return
        for description in self._descriptions[kind]:
            yield self._create(self._entry, kind, aws_id, device, description)

    async def async_add(self, slices: Iterator[None]) -> None:
        """Go on with slices, letting the event loop do other work between two of them, of whichever platform."""
        is_over = False
        while not is_over:
            async with self._coordinator.adding:
                is_over = next(slices, slices) is slices
                await asyncio.sleep(0)

    @callback
    def async_add_new(self) -> None:
        """Add what came since; a few devices at once, many in slices."""
        slices = self.slices()
        if next(slices, slices) is None:
            self._entry.async_create_task(
                self._coordinator.hass, self.async_add(slices), f"{DOMAIN} add entities in slices"
            )
