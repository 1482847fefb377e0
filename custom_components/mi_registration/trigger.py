"""Triggers: what happens to account associations and their devices, each fact once, whoever caused it."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast, override

from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from homeassistant.helpers.target import SelectedEntities, TargetSelection, async_extract_referenced_entity_ids
from homeassistant.helpers.trigger import (
    ENTITY_STATE_TRIGGER_SCHEMA,
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.helpers.typing import ConfigType

from .activity import EVENT_ACTIVITY, Activity
from .const import DOMAIN


class _Target:
    """What a user chose, followed as devices and entities come, move and go."""

    def __init__(self, hass: HomeAssistant, config: ConfigType) -> None:
        self._hass = hass
        self._selection = TargetSelection(config)
        self._selected: SelectedEntities | None = None

    @callback
    def async_follow(self) -> CALLBACK_TYPE:
        """Look again for what is selected once a registry changed; returns how to end that.

        Raises ``HomeAssistantError`` for a target that names nothing.
        """
        if not self._selection.has_any_target:
            raise HomeAssistantError(translation_domain=DOMAIN, translation_key="target_empty")
        unsubscribes = [
            self._hass.bus.async_listen(event_type, self._async_registry_changed)
            for event_type in (
                er.EVENT_ENTITY_REGISTRY_UPDATED,
                dr.EVENT_DEVICE_REGISTRY_UPDATED,
                ar.EVENT_AREA_REGISTRY_UPDATED,
            )
        ]

        @callback
        def _unsubscribe() -> None:
            for unsubscribe in unsubscribes:
                unsubscribe()

        return _unsubscribe

    @callback
    def _async_registry_changed(self, _event: Event[Any]) -> None:
        self._selected = None

    @callback
    def async_includes(self, entity_id: str | None, device_id: str | None) -> bool:
        """Whether an entity is selected; as long as there is none, whether its device is."""
        if self._selected is None:
            self._selected = async_extract_referenced_entity_ids(self._hass, self._selection, expand_group=False)
        if entity_id is None:
            return device_id in self._selected.referenced_devices
        return entity_id in self._selected.referenced or entity_id in self._selected.indirectly_referenced


class ActivityTrigger(Trigger):
    """Triggers on one kind of activity.

    A target means an account association, by its device or its ``activity``, with all that happens to it; or a managed
    thing, by its device or its ``registration``. A fact triggers once, even if both are targeted.
    """

    _activity: ClassVar[Activity]
    _schema = ENTITY_STATE_TRIGGER_SCHEMA

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        """Keep the target."""
        super().__init__(hass, config)
        self._target = _Target(hass, config.target or {})

    @override
    @classmethod
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Check the configuration."""
        return cast(ConfigType, cls._schema(config))

    @override
    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Run an action whenever it happens to what is targeted."""

        @callback
        def _is_of_this_kind(data: Mapping[str, Any]) -> bool:
            return bool(data["type"] == self._activity)

        @callback
        def _happened(event: Event) -> None:
            fact = dict(event.data)
            del fact["type"]
            registry = er.async_get(self._hass)
            association = registry.async_get_entity_id(
                Platform.EVENT, DOMAIN, f"{fact['account_association_id']}_activity"
            )
            thing = registry.async_get_entity_id(
                Platform.SENSOR, DOMAIN, f"{fact.get('managed_thing_id')}_registration"
            )
            # In the logbook an event belongs to its association; to an automation the device is the managed thing.
            association_device_id = fact.pop("device_id")
            thing_device_id = fact.pop("managed_thing_device_id")
            if self._target.async_includes(association, association_device_id) or self._target.async_includes(
                thing, thing_device_id
            ):
                run_action(
                    {
                        "entity_id": association,
                        "association_device_id": association_device_id,
                        "device_id": thing_device_id,
                        **fact,
                    },
                    f"activity of {fact['account_association']}",
                    event.context,
                )

        unfollow = self._target.async_follow()
        unlisten = self._hass.bus.async_listen(EVENT_ACTIVITY, _happened, event_filter=_is_of_this_kind)

        @callback
        def _detach() -> None:
            unlisten()
            unfollow()

        return _detach


def _trigger_on(activity: Activity) -> type[Trigger]:
    class OneActivityTrigger(ActivityTrigger):
        _activity = activity

    return OneActivityTrigger


TRIGGERS: dict[str, type[Trigger]] = {activity.value: _trigger_on(activity) for activity in Activity}


async def async_get_triggers(_hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Return the triggers."""
    return TRIGGERS
