"""What happens to account associations and their devices: each fact once, whoever caused it."""

from collections.abc import Generator
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, CoreState, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.start import async_at_started

from .const import DOMAIN
from .inventory import Inventory, InventoryDiff, Pair

if TYPE_CHECKING:
    from .coordinator import MiRegistrationCoordinator

EVENT_ACTIVITY: Final = f"{DOMAIN}_activity"
"""Fired on Home Assistant's bus with ``type``, one of :class:`Activity`, for triggers and the logbook."""
START_SECONDS: Final = 5
"""Automations attach their triggers when Home Assistant has started, and need a moment for that."""


class Activity(StrEnum):
    """What can happen to an account association and its devices."""

    DEVICE_FOUND = "device_found"
    DEVICE_REGISTERED = "device_registered"
    DEVICE_DEREGISTERED = "device_deregistered"
    REGISTRATION_FAILED = "registration_failed"
    DISCOVERY_FINISHED = "discovery_finished"
    AUTHORIZATION_EXPIRED = "authorization_expired"
    AUTHORIZATION_RESTORED = "authorization_restored"


def activity_signal(entry: ConfigEntry[Any]) -> str:
    """Return the dispatcher signal for what happens: association id, :class:`Activity` and attributes follow it."""
    return f"{DOMAIN}_{entry.entry_id}_activity"


class Announcer:
    """Tells event entities, triggers and the logbook of one account's activity.

    What is found out while Home Assistant starts waits until automations listen.
    """

    def __init__(self, coordinator: MiRegistrationCoordinator) -> None:
        """Prepare; nothing is said before :meth:`async_start`."""
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._waiting: list[CALLBACK_TYPE] | None = []

    @callback
    def async_start(self) -> None:
        """Begin as soon as somebody may listen; ends with the entry."""
        if self._hass.state is CoreState.running:
            self._async_say_what_waits()
            return

        @callback
        def _started(hass: HomeAssistant) -> None:
            entry.async_on_unload(async_call_later(hass, START_SECONDS, self._async_say_what_waits))

        entry = self._coordinator.config_entry
        entry.async_on_unload(self._async_say_what_waits)
        entry.async_on_unload(async_at_started(self._hass, _started))

    @callback
    def _async_say_what_waits(self, *_: Any) -> None:
        waiting, self._waiting = self._waiting, None
        for say in waiting or ():
            say()

    @callback
    def async_announce(self, account_association_id: str, activity: Activity, attributes: dict[str, Any]) -> None:
        """Tell of one fact: the event entity first, then the triggers and the logbook."""
        say = partial(self._async_say, account_association_id, activity, attributes)
        if self._waiting is None:
            say()
        else:
            self._waiting.append(say)

    @callback
    def _async_say(self, account_association_id: str, activity: Activity, attributes: dict[str, Any]) -> None:
        coordinator = self._coordinator
        async_dispatcher_send(
            self._hass, activity_signal(coordinator.config_entry), account_association_id, activity, attributes
        )
        association = coordinator.data.associations_by_id.get(account_association_id)
        thing_id = attributes.get("managed_thing_id")
        self._hass.bus.async_fire(
            EVENT_ACTIVITY,
            {
                "type": activity.value,
                "account_association_id": account_association_id,
                "account_association": (association and association.name) or account_association_id,
                "device_id": coordinator.device_id(account_association_id),
                "managed_thing_device_id": thing_id and coordinator.device_id(thing_id),
                **attributes,
            },
        )

    @callback
    def async_announce_changes(self, diff: InventoryDiff, old: Inventory, new: Inventory) -> None:
        """Announce what changed in the cloud, whoever changed it, in a fixed order."""
        for association_id in sorted(diff.changed_associations & (old.unauthorized ^ new.unauthorized)):
            state = new.associations_by_id[association_id].state
            self.async_announce(
                association_id,
                Activity.AUTHORIZATION_EXPIRED
                if association_id in new.unauthorized
                else Activity.AUTHORIZATION_RESTORED,
                {"state": None if state is None else state.lower()},
            )
        for pair in sorted(_moved_pairs(diff, old, new)):
            before, after = old.is_registered(pair), new.is_registered(pair)
            if before == after or _is_unknown(pair, old) or _is_unknown(pair, new):
                continue
            thing = (new if after else old).things_by_id[pair[0]]
            self.async_announce(
                pair[1],
                Activity.DEVICE_REGISTERED if after else Activity.DEVICE_DEREGISTERED,
                {"managed_thing_id": pair[0], "name": thing.name},
            )


def _moved_pairs(diff: InventoryDiff, old: Inventory, new: Inventory) -> Generator[Pair]:
    """Yield the pairs that may have become registered, or no longer be."""
    yield from diff.changed_pairs
    before_things, after_things = old.things_by_id, new.things_by_id
    # A start from what was known finds all things changed, in what isn't kept on disk.
    moved = {
        thing_id
        for thing_id in diff.changed_things
        if before_things[thing_id].provisioning_status is not after_things[thing_id].provisioning_status
    }
    for thing_id in moved | diff.removed_things:
        for row in old.registrations_by_thing.get(thing_id, ()):
            pair = (thing_id, row.account_association_id)
            if pair not in diff.changed_pairs:
                yield pair


def _is_unknown(pair: Pair, inventory: Inventory) -> bool:
    """Whether AWS says something of a pair that is newer than this code, and so neither yes nor no."""
    row = inventory.registrations_by_pair.get(pair)
    return row is not None and row.status is None
