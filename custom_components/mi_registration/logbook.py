"""Logbook: what happened to account associations and their devices, in a sentence."""

from collections.abc import Callable, Mapping
from typing import Final

from homeassistant.components.logbook import LOGBOOK_ENTRY_MESSAGE, LOGBOOK_ENTRY_NAME
from homeassistant.core import Event, HomeAssistant, callback

from .activity import EVENT_ACTIVITY, Activity
from .const import DOMAIN

MESSAGES: Final[Mapping[Activity, str]] = {
    Activity.DEVICE_FOUND: "found {device}",
    Activity.DEVICE_REGISTERED: "registered {device}",
    Activity.DEVICE_DEREGISTERED: "deregistered {device}",
    Activity.REGISTRATION_FAILED: "could not register {device}: {error_code}",
    Activity.DISCOVERY_FINISHED: "finished a discovery ({status}, {devices} devices)",
    Activity.AUTHORIZATION_EXPIRED: "must be authorized again",
    Activity.AUTHORIZATION_RESTORED: "is authorized again",
}


@callback
def async_describe_events(
    _hass: HomeAssistant,
    async_describe_event: Callable[[str, str, Callable[[Event], dict[str, str]]], None],
) -> None:
    """Describe the activity of account associations."""

    @callback
    def _describe(event: Event) -> dict[str, str]:
        device = event.data.get("name") or event.data.get("managed_thing_id") or "a device"
        return {
            LOGBOOK_ENTRY_NAME: event.data["account_association"],
            LOGBOOK_ENTRY_MESSAGE: MESSAGES[event.data["type"]].format_map({**event.data, "device": device}),
        }

    async_describe_event(DOMAIN, EVENT_ACTIVITY, _describe)
