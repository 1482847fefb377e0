"""Select: who decides that a device found for an account association is registered."""

from dataclasses import dataclass
from typing import override

from homeassistant.components.select import SelectEntity, SelectEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import CONF_REGISTRATION_POLICY, POLICY_AUTOMATIC, POLICY_MANUAL, POLICY_SUGGEST
from .coordinator import DeviceKind
from .data import MiRegistrationConfigEntry
from .entity import MiRegistrationEntity, MiRegistrationEntityDescription, async_setup_platform

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class MiRegistrationSelectDescription(MiRegistrationEntityDescription, SelectEntityDescription):
    """A select of a device."""


REGISTRATION_POLICY = MiRegistrationSelectDescription(
    key="registration_policy",
    options=[POLICY_MANUAL, POLICY_SUGGEST, POLICY_AUTOMATIC],
    entity_category=EntityCategory.CONFIG,
    needs_cloud=False,
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: MiRegistrationConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the selects."""
    await async_setup_platform(
        entry, async_add_entities, {DeviceKind.ASSOCIATION: (REGISTRATION_POLICY,)}, RegistrationPolicy
    )


class RegistrationPolicy(MiRegistrationEntity, SelectEntity):
    """The registration policy of an account association, which is kept in its subentry."""

    entity_description: MiRegistrationSelectDescription

    @property
    @override
    def current_option(self) -> str:
        """Return the policy in force."""
        subentry = self.coordinator.association_subentries[self.aws_id]
        policy: str = subentry.data[CONF_REGISTRATION_POLICY]
        return policy

    @override
    async def async_select_option(self, option: str) -> None:
        """Change the policy."""
        subentry = self.coordinator.association_subentries[self.aws_id]
        self.hass.config_entries.async_update_subentry(
            self.coordinator.config_entry, subentry, data={**subentry.data, CONF_REGISTRATION_POLICY: option}
        )
