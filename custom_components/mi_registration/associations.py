"""The account associations that are looked after here: each has a subentry."""

from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry, ConfigSubentryData
from homeassistant.core import HomeAssistant, callback

from .aws.models import AccountAssociation
from .const import CONF_ACCOUNT_ASSOCIATION_ID, CONF_REGISTRATION_POLICY, POLICY_MANUAL, SUBENTRY_ACCOUNT_ASSOCIATION
from .data import MiRegistrationConfigEntry
from .inventory import Inventory, InventoryDiff


def association_subentry(association: AccountAssociation) -> ConfigSubentryData:
    """Return the subentry that looks after an account association; its devices are registered by hand at first."""
    return ConfigSubentryData(
        subentry_type=SUBENTRY_ACCOUNT_ASSOCIATION,
        title=association.name or association.account_association_id,
        unique_id=association.account_association_id,
        data={
            CONF_ACCOUNT_ASSOCIATION_ID: association.account_association_id,
            CONF_REGISTRATION_POLICY: POLICY_MANUAL,
        },
    )


def association_subentries(entry: MiRegistrationConfigEntry) -> dict[str, ConfigSubentry]:
    """Return the subentry of each account association looked after here, by association id."""
    return {
        subentry.data[CONF_ACCOUNT_ASSOCIATION_ID]: subentry
        for subentry in entry.get_subentries_of_type(SUBENTRY_ACCOUNT_ASSOCIATION)
    }


@callback
def async_follow_associations(
    hass: HomeAssistant, entry: MiRegistrationConfigEntry, diff: InventoryDiff, inventory: Inventory
) -> None:
    """Look after the associations that came, and no longer after those that went."""
    known = association_subentries(entry)
    for association_id in sorted(diff.added_associations - known.keys()):
        subentry = association_subentry(inventory.associations_by_id[association_id])
        hass.config_entries.async_add_subentry(
            entry,
            ConfigSubentry(
                data=MappingProxyType(dict(subentry["data"])),
                subentry_type=subentry["subentry_type"],
                title=subentry["title"],
                unique_id=subentry["unique_id"],
            ),
        )
    for association_id in diff.removed_associations & known.keys():
        hass.config_entries.async_remove_subentry(entry, known[association_id].subentry_id)
