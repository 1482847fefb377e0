"""Whether hubs are connected to AWS."""

import logging
from typing import override

from homeassistant.core import HomeAssistant
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

from .aws.client import ManagedIntegrationsClient
from .aws.errors import AwsError, NotFoundError
from .aws.models import Connectivity
from .aws.quota import background
from .concurrency import side_by_side
from .data import MiRegistrationConfigEntry
from .errors import update_error
from .pacing import Pacing

_LOGGER = logging.getLogger(__name__)


class ConnectivityCoordinator(DataUpdateCoordinator[dict[str, Connectivity]]):
    """The connectivity of hubs, by managed thing id.

    AWS tells that for one thing per call, so only hubs are asked, only those whose entity is enabled, and not as part
    of a synchronisation.
    """

    config_entry: MiRegistrationConfigEntry

    def __init__(
        self, hass: HomeAssistant, entry: MiRegistrationConfigEntry, client: ManagedIntegrationsClient
    ) -> None:
        """Prepare; the first read is asked for by set-up, after everything else."""
        self._pacing = Pacing.from_options(entry.options)
        super().__init__(
            hass,
            _LOGGER,
            config_entry=entry,
            name=f"{entry.title} connectivity",
            update_interval=self._pacing.first_interval,
            always_update=False,
        )
        self._client = client
        self.data = {}

    @override
    async def _async_update_data(self) -> dict[str, Connectivity]:
        """Read the connectivity of the hubs that an enabled entity shows; raises ``UpdateFailed``."""
        hub_ids = sorted(set(self.async_contexts()))
        with background():
            try:
                answers = await side_by_side(*(self._connectivity(hub_id) for hub_id in hub_ids))
            except AwsError as err:
                if self._shutdown_requested:
                    # The client was closed meanwhile, which isn't worth a line in the log.
                    self.last_update_success = False
                raise update_error(err, self._pacing) from err
        self._pacing.succeeded()
        self.update_interval = self._pacing.interval
        return {hub_id: answer for hub_id, answer in zip(hub_ids, answers, strict=True) if answer is not None}

    async def _connectivity(self, hub_id: str) -> Connectivity | None:
        try:
            return await self._client.get_managed_thing_connectivity_data(hub_id)
        except NotFoundError:
            # It went since the last synchronisation; the next one removes its device.
            return None
