"""What all entities share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import override

from homeassistant.core import callback
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import DOMAIN
from .coordinator import CloudList, DeviceKind, MiRegistrationConfigEntry, MiRegistrationCoordinator


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
        description: MiRegistrationEntityDescription,
    ) -> None:
        """Attach to a device that is registered already."""
        super().__init__(entry.runtime_data.coordinator, context=aws_id)
        self.runtime_data = entry.runtime_data
        self.kind = kind
        self.aws_id = aws_id
        self.entity_description = description
        self._attr_translation_key = description.key
        self._attr_unique_id = f"{aws_id}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers={(DOMAIN, aws_id)})

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


type Descriptions[D: MiRegistrationEntityDescription] = Mapping[DeviceKind, Iterable[D]]


@callback
def async_setup_platform[D: MiRegistrationEntityDescription](
    entry: MiRegistrationConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    descriptions: Descriptions[D],
    create: Callable[[MiRegistrationConfigEntry, DeviceKind, str, D], Entity],
) -> None:
    """Add a platform's entities for every device there is, and later for every device that comes."""
    coordinator = entry.runtime_data.coordinator
    known: dict[DeviceKind, set[str]] = {kind: set() for kind in descriptions}

    @callback
    def _async_add_new() -> None:
        for kind, ids in known.items():
            current = set(coordinator.devices_of(kind))
            new = sorted(current - ids)
            ids.clear()
            ids.update(current)
            if kind is DeviceKind.ASSOCIATION:
                for association_id in new:
                    async_add_entities(
                        [create(entry, kind, association_id, description) for description in descriptions[kind]],
                        config_subentry_id=coordinator.association_subentries[association_id].subentry_id,
                    )
            elif new:
                async_add_entities(
                    create(entry, kind, aws_id, description) for aws_id in new for description in descriptions[kind]
                )

    _async_add_new()
    entry.async_on_unload(coordinator.async_add_listener(_async_add_new))
