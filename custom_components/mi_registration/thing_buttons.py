"""What the buttons of a managed thing do: nobody names an account association there, so it has to be found."""

from homeassistant.exceptions import HomeAssistantError

from .aws.errors import AwsError
from .const import DOMAIN
from .data import MiRegistrationData
from .errors import action_error, invalid
from .verdicts import Item, raise_for_failures


async def async_register_thing(data: MiRegistrationData, managed_thing_id: str) -> None:
    """Register a thing; raises ``HomeAssistantError`` if that can't be done or fails."""
    association_id = await _async_association_for(data, managed_thing_id)
    inventory = data.coordinator.data
    if association_id in inventory.unauthorized:
        association = inventory.associations_by_id[association_id]
        raise invalid("authorization_expired", name=association.name or association_id)
    items = await data.registrar.async_register([managed_thing_id], association_id)
    raise_for_failures(items, data.coordinator.data)


async def async_deregister_thing(data: MiRegistrationData, managed_thing_id: str) -> None:
    """Deregister a thing from all its associations; raises ``HomeAssistantError`` if that fails."""
    items: list[Item] = []
    for association_id in sorted(data.registrar.states_of(managed_thing_id)):
        items += await data.registrar.async_deregister([managed_thing_id], association_id)
    raise_for_failures(items, data.coordinator.data)


async def _async_association_for(data: MiRegistrationData, managed_thing_id: str) -> str:
    """Return the one association that a thing can belong to; raises ``HomeAssistantError`` if that isn't clear.

    That is the one it was registered with before, else one at the thing's own vendor, else one whose discoveries list
    the thing.
    """
    inventory = data.coordinator.data
    managed = data.coordinator.association_subentries.keys() & inventory.associations_by_id.keys()
    thing = inventory.things_by_id[managed_thing_id]
    candidates = {
        association_id
        for association_id in managed
        if data.registrar.device_discovery_id((managed_thing_id, association_id))
    }
    if len(candidates) != 1:
        candidates = {
            association_id
            for association_id in managed
            if thing.connector_destination_id
            in (None, inventory.associations_by_id[association_id].connector_destination_id)
        }
    if len(candidates) > 1:
        try:
            candidates = {
                association_id
                for association_id in sorted(candidates)
                if await data.discoveries.async_find([managed_thing_id], association_id, start=False)
            }
        except AwsError as err:
            raise action_error(err) from err
    if len(candidates) != 1:
        raise HomeAssistantError(translation_domain=DOMAIN, translation_key="choose_account_association")
    return candidates.pop()
