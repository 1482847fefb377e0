"""What becomes of devices that a finished discovery found and nobody registered, as each association's policy says."""

from collections.abc import Collection
from datetime import datetime
import logging
from typing import Any, Final

from homeassistant.core import HassJob, HomeAssistant, callback
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_call_later

from .activity import Activity, activity_signal
from .aws.errors import AwsError
from .aws.models import DiscoveredDevice
from .aws.quota import background
from .const import CONF_REGISTRATION_POLICY, DOMAIN, POLICY_AUTOMATIC, POLICY_SUGGEST
from .data import MiRegistrationConfigEntry, MiRegistrationData
from .device_discovery import device_digest
from .store import Job, NotStoredError
from .verdicts import RegistrationState

_LOGGER = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 900
"""When a policy is applied again whose work could not be put on disk."""
_UNDER_WAY: Final = frozenset({RegistrationState.QUEUED, RegistrationState.PRE_ASSOCIATED})


def is_left_out(data: MiRegistrationData, account_association_id: str, device: DiscoveredDevice) -> bool:
    """Whether the user deregistered a found device, or left it out of a suggestion."""
    job = data.discoveries.newest_succeeded(account_association_id)
    thing_id = None if job is None else data.discoveries.managed_thing_id(job, device)
    keys = {(account_association_id, key) for key in (device_digest(device), thing_id) if key is not None}
    return not keys.isdisjoint(data.store.queue.left_out)


async def async_leave_out(data: MiRegistrationData, account_association_id: str, digests: Collection[str]) -> None:
    """Remember found devices that the user doesn't want; raises ``NotStoredError`` if that can't be put on disk."""
    queue = data.store.queue
    newly = {(account_association_id, digest) for digest in digests} - queue.left_out
    queue.left_out |= newly
    try:
        await data.store.async_save_queue()
    except NotStoredError:
        queue.left_out -= newly
        raise


def wanted_devices(data: MiRegistrationData, account_association_id: str) -> list[DiscoveredDevice]:
    """Return what was found for an association, isn't registered or about to be, and wasn't left out by the user."""
    job = data.discoveries.newest_succeeded(account_association_id)
    if job is None:
        return []
    left_out = {key for association_id, key in data.store.queue.left_out if association_id == account_association_id}
    being_created = {onboarding.device_digest for onboarding in data.store.queue.onboardings.values()}
    digests = left_out | being_created
    wanted = []
    for device in data.discoveries.unregistered(account_association_id):
        thing_id = data.discoveries.managed_thing_id(job, device)
        if thing_id is not None and (
            thing_id in left_out or data.registrar.state_of((thing_id, account_association_id)) in _UNDER_WAY
        ):
            continue
        # There may be thousands of devices, and mostly there is nothing that their digests could be among.
        if digests and device_digest(device) in (digests if thing_id is None else left_out):
            continue
        wanted.append(device)
    return wanted


def wanted_for_suggestion(data: MiRegistrationData, account_association_id: str) -> list[DiscoveredDevice]:
    """Return what the user is to be asked about, where the policy is to suggest."""
    subentry = data.coordinator.association_subentries[account_association_id]
    if subentry.data[CONF_REGISTRATION_POLICY] != POLICY_SUGGEST:
        return []
    return wanted_devices(data, account_association_id)


class Policies:
    """Applies the registration policies of one entry."""

    def __init__(self, hass: HomeAssistant, entry: MiRegistrationConfigEntry) -> None:
        """Prepare; the entry's runtime data is complete."""
        self._hass = hass
        self._entry = entry
        self._data = entry.runtime_data
        self._policies: dict[str, str] = self._current()
        self._is_look_back_due = False
        """Whether the cloud could not be read when it was time to look back."""

    @callback
    def async_start(self) -> None:
        """Follow what happens until the entry is unloaded."""
        self._entry.async_on_unload(
            async_dispatcher_connect(self._hass, activity_signal(self._entry), self._async_handle_activity)
        )
        self._entry.async_on_unload(self._data.coordinator.async_add_listener(self._async_handle_update))

    async def async_look_back(self) -> None:
        """Get to know the discoveries that are over already, then apply the policies to what they found."""
        discoveries = self._data.discoveries
        discoveries.async_resume()
        self._is_look_back_due = not self._data.coordinator.last_update_success
        if self._is_look_back_due:
            return
        try:
            with background():
                await discoveries.async_learn()
                await discoveries.async_read_newest(self._current())
        except AwsError as err:
            _LOGGER.warning("%s: the discovery jobs can't be read: %s: %s", self._entry.title, err.code, err.message)
        self._async_apply(self._current())

    def _current(self) -> dict[str, str]:
        return {
            association_id: subentry.data[CONF_REGISTRATION_POLICY]
            for association_id, subentry in self._data.coordinator.association_subentries.items()
        }

    @callback
    def _async_handle_activity(
        self, account_association_id: str, activity: Activity, _attributes: dict[str, Any]
    ) -> None:
        if activity is Activity.DISCOVERY_FINISHED:
            self._async_apply([account_association_id])

    @callback
    def _async_handle_update(self) -> None:
        """Follow a change of policies at once."""
        before, self._policies = self._policies, self._current()
        self._async_apply([id_ for id_, policy in self._policies.items() if before.get(id_) != policy])
        if self._is_look_back_due and self._data.coordinator.last_update_success:
            self._is_look_back_due = False
            self._entry.async_create_background_task(self._hass, self.async_look_back(), f"{DOMAIN} look back")

    @callback
    def _async_apply(self, association_ids: Collection[str]) -> None:
        """Register what was found, once the newest Inventory is good enough to decide on."""
        if not self._data.coordinator.last_update_success:
            self._is_look_back_due = True
            return
        policies = self._current()
        for association_id in association_ids:
            if policies.get(association_id) != POLICY_AUTOMATIC:
                continue
            devices = wanted_devices(self._data, association_id)
            job = self._data.discoveries.newest_succeeded(association_id)
            if devices and job is not None:
                self._entry.async_create_background_task(
                    self._hass,
                    self._async_onboard(job, devices, association_id),
                    f"{DOMAIN} register what was found for {association_id}",
                )

    async def _async_onboard(
        self, job: Job, devices: Collection[DiscoveredDevice], account_association_id: str
    ) -> None:
        """Register what was found, later if it can't be put on disk now."""
        try:
            await self._data.onboarder.async_onboard(job, devices, account_association_id)
        except NotStoredError as err:
            _LOGGER.warning("%s: what was found is not registered yet: %s", self._entry.title, err)

            @callback
            def _apply(_now: datetime) -> None:
                self._async_apply([account_association_id])

            self._entry.async_on_unload(
                async_call_later(
                    self._hass, AGAIN_SECONDS, HassJob(_apply, f"{DOMAIN} policy again", cancel_on_shutdown=True)
                )
            )
