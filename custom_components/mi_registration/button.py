"""Buttons: read the cloud now, look for devices, register or deregister a thing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .aws.errors import AwsError
from .aws.models import DiscoveryType
from .coordinator import DeviceKind
from .data import MiRegistrationConfigEntry, MiRegistrationData
from .device_discovery import DiscoveryRequest
from .entity import Descriptions, MiRegistrationEntity, MiRegistrationEntityDescription, async_setup_platform
from .errors import action_error
from .thing_buttons import async_deregister_thing, async_register_thing

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class MiRegistrationButtonDescription(MiRegistrationEntityDescription, ButtonEntityDescription):
    """What a button does for a device, by its AWS id; it raises ``HomeAssistantError`` if that fails."""

    press_fn: Callable[[MiRegistrationData, str], Awaitable[None]]


async def _discover(discovery_type: DiscoveryType, data: MiRegistrationData, target: str) -> None:
    """Start a discovery for an association or a hub; what it finds shows as it arrives."""
    is_cloud = discovery_type is DiscoveryType.CLOUD
    try:
        await data.discoveries.async_start(
            DiscoveryRequest(
                discovery_type=discovery_type,
                account_association_id=target if is_cloud else None,
                controller_id=None if is_cloud else target,
            )
        )
    except AwsError as err:
        raise action_error(err) from err


async def _request_authorization(data: MiRegistrationData, association_id: str) -> None:
    """Raise the repair that leads the user through a new authorization: a button can't show a link."""
    data.linking.async_request(association_id)


BUTTONS: Descriptions[MiRegistrationButtonDescription] = {
    DeviceKind.ACCOUNT: (
        MiRegistrationButtonDescription(
            key="synchronize",
            entity_category=EntityCategory.DIAGNOSTIC,
            needs_cloud=False,
            press_fn=lambda data, _: data.coordinator.async_synchronize(),
        ),
    ),
    DeviceKind.ASSOCIATION: (
        MiRegistrationButtonDescription(key="discover_devices", press_fn=partial(_discover, DiscoveryType.CLOUD)),
        MiRegistrationButtonDescription(
            key="refresh_authorization",
            entity_category=EntityCategory.CONFIG,
            press_fn=_request_authorization,
        ),
    ),
    DeviceKind.HUB: (
        MiRegistrationButtonDescription(
            key="discover_zigbee_devices", press_fn=partial(_discover, DiscoveryType.ZIGBEE)
        ),
        MiRegistrationButtonDescription(key="discover_zwave_devices", press_fn=partial(_discover, DiscoveryType.ZWAVE)),
    ),
    DeviceKind.THING: (
        MiRegistrationButtonDescription(key="register", press_fn=async_register_thing),
        MiRegistrationButtonDescription(
            key="deregister",
            entity_registry_enabled_default=False,
            press_fn=async_deregister_thing,
        ),
    ),
}


async def async_setup_entry(
    _hass: HomeAssistant, entry: MiRegistrationConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons."""
    await async_setup_platform(entry, async_add_entities, BUTTONS, MiRegistrationButton)


class MiRegistrationButton(MiRegistrationEntity, ButtonEntity):
    """A button that hands an intent on."""

    entity_description: MiRegistrationButtonDescription

    @override
    async def async_press(self) -> None:
        """Do it."""
        await self.entity_description.press_fn(self.runtime_data, self.aws_id)
