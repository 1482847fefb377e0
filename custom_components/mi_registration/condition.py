"""Conditions: whether devices are registered, authorizations are valid, and discoveries run."""

from collections.abc import Iterable, Mapping
from typing import override

from homeassistant.const import STATE_OFF, Platform
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.condition import Condition, EntityStateConditionBase

from .aws.models import DiscoveryStatus
from .const import DOMAIN
from .verdicts import RegistrationState


def _condition(platform: Platform, key: str, states: Iterable[str]) -> type[Condition]:
    """Make a condition on one kind of entity of this integration; what else a target holds is left aside."""
    domain_specs: Mapping[str, DomainSpec] = {platform: DomainSpec()}
    wanted: set[str | bool] = set(states)

    class OwnEntitiesCondition(EntityStateConditionBase):
        """These entities are in one of some states."""

        _domain_specs = domain_specs
        _states = wanted

        @override
        def entity_filter(self, entities: set[str]) -> set[str]:
            """Leave the entities of that kind."""
            registry = er.async_get(self._hass)
            return {
                entity_id
                for entity_id in super().entity_filter(entities)
                if (entry := registry.async_get(entity_id)) is not None
                and (entry.platform, entry.translation_key) == (DOMAIN, key)
            }

    return OwnEntitiesCondition


CONDITIONS: dict[str, type[Condition]] = {
    "is_registered": _condition(Platform.SENSOR, "registration", (RegistrationState.ASSOCIATED,)),
    "is_not_registered": _condition(
        Platform.SENSOR, "registration", set(RegistrationState) - {RegistrationState.ASSOCIATED}
    ),
    "authorization_is_valid": _condition(Platform.BINARY_SENSOR, "authorization_problem", (STATE_OFF,)),
    "discovery_is_running": _condition(Platform.SENSOR, "discovery_status", (DiscoveryStatus.RUNNING.lower(),)),
}


async def async_get_conditions(_hass: HomeAssistant) -> dict[str, type[Condition]]:
    """Return the conditions."""
    return CONDITIONS
