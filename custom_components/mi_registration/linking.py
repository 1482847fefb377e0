"""The authorization of an account association: renewed at the vendor by the user's browser, watched from here.

AWS hosts the page that the vendor sends the browser back to, so all there is to do here is to show the link and to
look at the association's state until it changes.
"""

import asyncio
from collections.abc import Generator
from typing import Final

from homeassistant.core import callback

from .aws.errors import AwsError
from .aws.models import AccountAssociation, AssociationState
from .const import DOMAIN
from .coordinator import MiRegistrationCoordinator

AUTHORIZE_SECONDS: Final = 600.0
"""How long the user has to authorize; AWS documents no limit for the link."""
AUTHORIZE_PAUSES: Final = (2.0, 10.0)
"""The first pause between two looks at the association, and the longest, in seconds."""
LAGGING_LOOKS: Final = 5
"""How often a new association may be missing from the list before it counts as deleted."""


class Linking:
    """Renews authorizations of one account's associations and follows how that ends."""

    def __init__(self, coordinator: MiRegistrationCoordinator) -> None:
        """Prepare; nothing is sent."""
        self._coordinator = coordinator
        self._client = coordinator.client
        self._following: dict[str, asyncio.Task[AccountAssociation | None]] = {}
        self.requested: set[str] = set()
        """Associations whose authorization the user wants to renew though AWS doesn't ask for it."""

    async def async_refresh(self, account_association_id: str) -> str:
        """Ask AWS for a new authorization (``StartAccountAssociationRefresh``) and return the link for the user.

        The link is a secret and is empty where the vendor needs none. How it ends is followed in the background. Raises
        ``AwsError``.
        """
        url = await self._client.start_account_association_refresh(account_association_id)
        self.async_follow(account_association_id)
        return url

    @callback
    def async_request(self, account_association_id: str) -> None:
        """Show the user a repair that renews an authorization."""
        self.requested.add(account_association_id)
        self._coordinator.async_touch({str(self._coordinator.config_entry.unique_id)})

    @callback
    def async_follow(self, account_association_id: str) -> asyncio.Task[AccountAssociation | None]:
        """Watch an association in the background until it is authorized or failed; at most one watch for each."""
        task = self._following.get(account_association_id)
        if task is None or task.done():
            entry = self._coordinator.config_entry
            task = self._following[account_association_id] = entry.async_create_background_task(
                self._coordinator.hass,
                self._async_watch(account_association_id),
                f"{DOMAIN} authorization of {account_association_id}",
            )
        return task

    async def async_wait(self, account_association_id: str) -> AccountAssociation | None:
        """Wait until an association is authorized or failed, and return it; ``None`` if neither came in time."""
        return await asyncio.shield(self.async_follow(account_association_id))

    async def _async_watch(self, account_association_id: str) -> AccountAssociation | None:
        """Look at the list, which needs fewer permissions than a look at the one association."""
        seen = account_association_id in self._coordinator.data.associations_by_id
        for look, pause in enumerate(_pauses()):
            await asyncio.sleep(pause)
            try:
                associations = await self._client.list_account_associations()
            except AwsError as err:
                if err.transient:
                    # The line may be back before the user is through at the vendor.
                    continue
                return None
            found = next((row for row in associations if row.account_association_id == account_association_id), None)
            if found is None and not seen and look < LAGGING_LOOKS:
                # It was created just now, and the list lags behind.
                continue
            seen = True
            if found is None or found.state is not AssociationState.ASSOCIATION_IN_PROGRESS:
                if found is not None and found.state is AssociationState.ASSOCIATION_SUCCEEDED:
                    self.requested.discard(account_association_id)
                self._coordinator.lists.async_read_associations_next()
                await self._coordinator.async_request_refresh()
                return found
        return None


def _pauses() -> Generator[float]:
    pause, longest = AUTHORIZE_PAUSES
    total = 0.0
    while total < AUTHORIZE_SECONDS:
        yield pause
        total += pause
        pause = min(pause * 1.5, longest)
