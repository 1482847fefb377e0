"""The three lists that a synchronisation reads, and how much of them: all of the account, or one home's part."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from enum import StrEnum
import logging
import math
from typing import TYPE_CHECKING

from homeassistant.core import callback

from .aws.client import PAGE_SIZE
from .aws.errors import AccessDeniedError, InvalidRequestError, ThrottledError
from .aws.models import AccountAssociation, ManagedThing, Registration, Role
from .concurrency import first_error_only, side_by_side
from .const import CONF_OWNER
from .inventory import Inventory
from .pacing import Turns

if TYPE_CHECKING:
    from .coordinator import MiRegistrationCoordinator


_LOGGER = logging.getLogger(__name__)


class CloudList(StrEnum):
    """The lists that a synchronisation can do without if a policy denies them."""

    ASSOCIATIONS = "account_associations"
    REGISTRATIONS = "registrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What was read; ``None`` is a list that is denied."""

    managed_things: tuple[ManagedThing, ...]
    account_associations: tuple[AccountAssociation, ...] | None
    registrations: tuple[Registration, ...] | None

    @property
    def unread(self) -> frozenset[CloudList]:
        """The lists that are denied."""
        lists = {CloudList.ASSOCIATIONS: self.account_associations, CloudList.REGISTRATIONS: self.registrations}
        return frozenset(name for name, rows in lists.items() if rows is None)

    def inventory(self, before: Inventory | None) -> Inventory:
        """Return the picture that they make; of a list that is denied, what was known before stays."""
        known = before or Inventory()
        return Inventory.build(
            self.managed_things,
            known.account_associations if self.account_associations is None else self.account_associations,
            known.registrations if self.registrations is None else self.registrations,
            known,
        )


async def _unless_denied[T](call: Awaitable[T]) -> T | None:
    """Return a list, or ``None`` if no policy allows it: only what needs it is to go without."""
    try:
        return await call
    except AccessDeniedError:
        return None


class AccountLists:
    """Reads the lists of one entry's scope; all its methods raise ``AwsError``."""

    def __init__(self, coordinator: MiRegistrationCoordinator) -> None:
        """Prepare; nothing is read yet."""
        self._coordinator = coordinator
        self._client = coordinator.client
        self._owner: str | None = coordinator.config_entry.options.get(CONF_OWNER)
        self._hub_ids = coordinator.hub_ids
        self._is_scoped = coordinator.is_scoped
        self._per_association = self._is_scoped
        self._association_turns = Turns()

    @callback
    def async_read_associations_next(self) -> None:
        """Let the next synchronisation read the account associations in any case."""
        self._association_turns.ask()

    async def async_read(self) -> Rows:
        """Read the three lists side by side."""
        with first_error_only():
            async with asyncio.TaskGroup() as group:
                things = group.create_task(self._list_managed_things())
                associations = group.create_task(_unless_denied(self._list_associations()))
                registrations = group.create_task(_unless_denied(self._list_registrations()))
        return Rows(
            managed_things=things.result(),
            account_associations=associations.result(),
            registrations=registrations.result(),
        )

    async def _list_managed_things(self) -> tuple[ManagedThing, ...]:
        if not self._hub_ids:
            return await self._client.list_managed_things(owner=self._owner)
        lists = await side_by_side(
            self._list_hubs(),
            *(
                self._client.list_managed_things(owner=self._owner, parent_controller_id=hub_id)
                for hub_id in self._hub_ids
            ),
        )
        return tuple(thing for things in lists for thing in things)

    async def _list_hubs(self) -> tuple[ManagedThing, ...]:
        """Read the rows of the scope's hubs, with a call for each where their serial numbers are known.

        The service has no filter for ids. All hubs of a provider's account may be thousands, so they are listed only
        as long as a hub's serial number isn't known, or no longer finds it.
        """
        known = self._coordinator.known
        things = {} if known is None else known.things_by_id
        serial_numbers = [hub.serial_number for hub_id in self._hub_ids if (hub := things.get(hub_id)) is not None]
        if len(serial_numbers) == len(self._hub_ids) and all(serial_numbers):
            lists = await side_by_side(
                *(
                    self._client.list_managed_things(
                        owner=self._owner, role=Role.CONTROLLER, serial_number=serial_number
                    )
                    for serial_number in serial_numbers
                )
            )
            hubs = self._hubs_of_scope(hub for rows in lists for hub in rows)
            if len({hub.managed_thing_id for hub in hubs}) == len(self._hub_ids):
                return hubs
        return self._hubs_of_scope(await self._client.list_managed_things(owner=self._owner, role=Role.CONTROLLER))

    def _hubs_of_scope(self, hubs: Iterable[ManagedThing]) -> tuple[ManagedThing, ...]:
        return tuple(hub for hub in hubs if hub.managed_thing_id in self._hub_ids)

    async def _list_associations(self) -> tuple[AccountAssociation, ...]:
        """Read the account associations; with a scope not in every synchronisation.

        The service lists those of all homes only. A home that reads so long a list less often, by as much as it is
        longer than a page, makes no more calls than for a list of its own.
        """
        known = self._coordinator.known
        if not self._is_scoped or known is None:
            return await self.async_list_associations()
        if not self._association_turns.take():
            return known.account_associations
        try:
            return await self.async_list_associations()
        except ThrottledError:
            self._association_turns.throttled()
            return known.account_associations

    async def async_list_associations(self) -> tuple[AccountAssociation, ...]:
        """Read the account associations to the end of the list; with a scope, return those looked after here."""
        rows = await self._client.list_account_associations()
        if not self._is_scoped:
            return rows
        self._association_turns.read(math.ceil(len(rows) / PAGE_SIZE))
        here = self._coordinator.association_subentries
        return tuple(row for row in rows if row.account_association_id in here)

    async def _list_registrations(self) -> tuple[Registration, ...]:
        """Read who is registered with whom: in one list, or with a scope per association looked after here.

        AWS doesn't document that the list can be read without a filter. If it can't, it is read as with a scope.
        """
        if not self._per_association:
            try:
                return await self._client.list_managed_thing_account_associations()
            except InvalidRequestError as err:
                _LOGGER.debug("Registrations are read per association: %s", err.message)
        lists = await side_by_side(
            *(
                self._client.list_managed_thing_account_associations(account_association_id=association_id)
                for association_id in self._coordinator.association_subentries
            )
        )
        self._per_association = True
        return tuple(row for rows in lists for row in rows)
