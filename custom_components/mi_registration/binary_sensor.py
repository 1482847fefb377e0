"""Binary sensors: trouble with an association's authorization, and whether a hub is connected to AWS."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.binary_sensor import (
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .account_lists import CloudList
from .coordinator import DeviceKind
from .data import MiRegistrationConfigEntry
from .entity import MiRegistrationEntity, MiRegistrationEntityDescription, async_setup_platform

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class MiRegistrationBinarySensorDescription(MiRegistrationEntityDescription, BinarySensorEntityDescription):
    """A binary sensor of a device."""


AUTHORIZATION_PROBLEM = MiRegistrationBinarySensorDescription(
    key="authorization_problem", device_class=BinarySensorDeviceClass.PROBLEM, needs_list=CloudList.ASSOCIATIONS
)
CONNECTED = MiRegistrationBinarySensorDescription(
    key="connected",
    device_class=BinarySensorDeviceClass.CONNECTIVITY,
    entity_category=EntityCategory.DIAGNOSTIC,
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: MiRegistrationConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the binary sensors."""
    await async_setup_platform(
        entry, async_add_entities, {DeviceKind.ASSOCIATION: (AUTHORIZATION_PROBLEM,)}, AuthorizationProblem
    )
    await async_setup_platform(entry, async_add_entities, {DeviceKind.HUB: (CONNECTED,)}, HubConnected)


class AuthorizationProblem(MiRegistrationEntity, BinarySensorEntity):
    """On while the end user has to authorize the association again."""

    entity_description: MiRegistrationBinarySensorDescription

    @property
    @override
    def is_on(self) -> bool | None:
        """Return whether the authorization failed or expired; unknown for a state newer than this code."""
        inventory = self.coordinator.data
        if inventory.associations_by_id[self.aws_id].state is None:
            return None
        return self.aws_id in inventory.unauthorized


class HubConnected(MiRegistrationEntity, BinarySensorEntity):
    """On while a hub is connected to AWS."""

    entity_description: MiRegistrationBinarySensorDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the connectivity too, which is read apart from the Inventory."""
        await super().async_added_to_hass()
        self.async_on_remove(
            self.runtime_data.connectivity.async_add_listener(self._handle_coordinator_update, self.aws_id)
        )

    @property
    @override
    def available(self) -> bool:
        """Whether the connectivity of this hub could be read."""
        connectivity = self.runtime_data.connectivity
        return super().available and connectivity.last_update_success and self.aws_id in connectivity.data

    @property
    @override
    def is_on(self) -> bool | None:
        """Return AWS's word on it; unknown where it has none."""
        return self.runtime_data.connectivity.data[self.aws_id].connected
