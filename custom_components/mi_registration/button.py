"""Buttons: read the cloud now, register or deregister a thing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import DeviceKind, MiRegistrationConfigEntry, MiRegistrationData
from .entity import Descriptions, MiRegistrationEntity, MiRegistrationEntityDescription, async_setup_platform

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class MiRegistrationButtonDescription(MiRegistrationEntityDescription, ButtonEntityDescription):
    """What a button does for a device, by its AWS id; it raises ``HomeAssistantError`` if that fails."""

    press_fn: Callable[[MiRegistrationData, str], Awaitable[None]]


BUTTONS: Descriptions[MiRegistrationButtonDescription] = {
    DeviceKind.ACCOUNT: (
        MiRegistrationButtonDescription(
            key="synchronize",
            entity_category=EntityCategory.DIAGNOSTIC,
            needs_cloud=False,
            press_fn=lambda data, _: data.coordinator.async_synchronize(),
        ),
    ),
    DeviceKind.THING: (
        MiRegistrationButtonDescription(
            key="register", press_fn=lambda data, thing_id: data.registrar.async_register_thing(thing_id)
        ),
        MiRegistrationButtonDescription(
            key="deregister",
            entity_registry_enabled_default=False,
            press_fn=lambda data, thing_id: data.registrar.async_deregister_thing(thing_id),
        ),
    ),
}


async def async_setup_entry(
    _hass: HomeAssistant, entry: MiRegistrationConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons."""
    async_setup_platform(entry, async_add_entities, BUTTONS, MiRegistrationButton)


class MiRegistrationButton(MiRegistrationEntity, ButtonEntity):
    """A button that hands an intent on."""

    entity_description: MiRegistrationButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it."""
        await self.entity_description.press_fn(self.runtime_data, self.aws_id)
