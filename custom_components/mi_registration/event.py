"""Event: what happens to an account association and its devices, each fact once, whoever caused it."""

from dataclasses import dataclass
from typing import Any, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .activity import Activity, activity_signal
from .coordinator import DeviceKind
from .data import MiRegistrationConfigEntry
from .entity import MiRegistrationEntity, MiRegistrationEntityDescription, async_setup_platform

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class MiRegistrationEventDescription(MiRegistrationEntityDescription, EventEntityDescription):
    """An event of a device."""


ACTIVITY = MiRegistrationEventDescription(
    key="activity", event_types=[activity.value for activity in Activity], needs_cloud=False
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: MiRegistrationConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the events."""
    await async_setup_platform(entry, async_add_entities, {DeviceKind.ASSOCIATION: (ACTIVITY,)}, AssociationActivity)


class AssociationActivity(MiRegistrationEntity, EventEntity):
    """The activity of one account association."""

    entity_description: MiRegistrationEventDescription

    @override
    async def async_added_to_hass(self) -> None:
        """Listen for what is announced."""
        await super().async_added_to_hass()
        self.async_on_remove(
            async_dispatcher_connect(
                self.hass, activity_signal(self.coordinator.config_entry), self._async_handle_activity
            )
        )

    @callback
    def _async_handle_activity(
        self, account_association_id: str, activity: Activity, attributes: dict[str, Any]
    ) -> None:
        """Fire what concerns this association."""
        if account_association_id == self.aws_id:
            self._trigger_event(activity.value, attributes)
            self.async_write_ha_state()
