"""Starts, follows and remembers discovery jobs, and finds the one that a registration needs."""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
import hashlib
import logging
from typing import Final
from uuid import uuid4

from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .activity import Activity
from .aws.errors import AwsError, ConflictError, NotFoundError
from .aws.models import DiscoveredDevice, DiscoveryStatus, DiscoveryType
from .aws.quota import background
from .const import DOMAIN
from .coordinator import MiRegistrationCoordinator
from .inventory import Inventory
from .store import Job

_LOGGER = logging.getLogger(__name__)

FOLLOW_PAUSES: Final = (3.0, 30.0)
"""The first pause between two looks at a running job, and the longest, in seconds."""
FOLLOW_BACK_OFF: Final = 1.5
DEFAULT_TIMEOUT: Final = 900.0
"""Seconds after which a job that still runs counts as timed out here; AWS documents no limit but this one."""
START_TRIES: Final = 3
"""How often a start is sent, with one client token, before it counts as failed."""
JOBS_KEPT: Final = 20
"""How many jobs are remembered for each association and hub."""
MAX_CONNECTOR_DEVICE_IDS: Final = 100
"""How many devices one discovery can be limited to (StartDeviceDiscovery)."""


def device_digest(device: DiscoveredDevice) -> str:
    """Return what tells a discovered device from all others without naming it: its vendor's id is sensitive."""
    identity = device.connector_device_id or device.authentication_material or ""
    return hashlib.sha256(identity.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryRequest:
    """What to start: a CLOUD discovery for an association, any other for a hub."""

    discovery_type: DiscoveryType
    account_association_id: str | None = None
    controller_id: str | None = None
    connector_device_ids: tuple[str, ...] = field(default=(), repr=False)
    custom_protocol_detail: dict[str, str] | None = None
    install_code: str | None = field(default=None, repr=False)

    @property
    def target(self) -> str:
        """The association or the hub that the discovery is for."""
        return self.account_association_id or self.controller_id or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unregistered:
    """Which devices aren't registered, and what that was worked out of."""

    inventory: Inventory
    found: tuple[DiscoveredDevice, ...]
    devices: tuple[DiscoveredDevice, ...]


class DeviceDiscoveries:
    """The discovery jobs of one account.

    What AWS tells about a job that is over never changes, so each costs one GetDeviceDiscovery and one reading of its
    devices, whenever somebody first needs them. Devices stay in memory only: their ids at the vendor are sensitive.
    """

    def __init__(self, coordinator: MiRegistrationCoordinator) -> None:
        """Take over the jobs that the store remembers; nothing is sent yet."""
        self._coordinator = coordinator
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._client = coordinator.client
        self._store = coordinator.store
        self._queue = coordinator.store.queue
        self._jobs = self._queue.jobs
        self._devices: dict[str, tuple[DiscoveredDevice, ...]] = {}
        self._unregistered: dict[str, _Unregistered] = {}
        self._following: dict[str, asyncio.Future[None]] = {}

    # --- what entities and actions read -----------------------------------------------------------------------

    def job(self, device_discovery_id: str) -> Job | None:
        """Return a remembered job."""
        return self._jobs.get(device_discovery_id)

    def jobs_of(self, target: str) -> list[Job]:
        """Return the remembered jobs of an association or a hub, newest first."""
        return sorted(
            (job for job in self._jobs.values() if job.target == target),
            key=lambda job: (job.started_at is not None, job.started_at, job.device_discovery_id),
            reverse=True,
        )

    def newest(self, target: str) -> Job | None:
        """Return the newest job of an association or a hub, whatever became of it."""
        return next(iter(self.jobs_of(target)), None)

    def newest_succeeded(self, target: str) -> Job | None:
        """Return the newest job that found all there was to find for an association or a hub."""
        return next(
            (job for job in self.jobs_of(target) if job.status is DiscoveryStatus.SUCCEEDED and not job.filtered), None
        )

    def devices(self, device_discovery_id: str) -> tuple[DiscoveredDevice, ...] | None:
        """Return the devices of a job as far as they were read; ``None`` if they never were."""
        return self._devices.get(device_discovery_id)

    def managed_thing_id(self, job: Job, device: DiscoveredDevice) -> str | None:
        """Return the managed thing that a found device is, if there is one in the Inventory."""
        inventory = self._coordinator.data
        if device.managed_thing_id is not None:
            return device.managed_thing_id if device.managed_thing_id in inventory.things_by_id else None
        association = inventory.associations_by_id.get(job.account_association_id or "")
        if association is None or device.connector_device_id is None:
            return None
        return inventory.things_by_connector_device.get(
            (association.connector_destination_id, device.connector_device_id)
        )

    def unregistered(self, account_association_id: str) -> tuple[DiscoveredDevice, ...]:
        """Return what an association's newest finished discovery found and what isn't registered with it."""
        job = self.newest_succeeded(account_association_id)
        if job is None:
            return ()
        inventory, found = self._coordinator.data, self._devices.get(job.device_discovery_id, ())
        known = self._unregistered.get(account_association_id)
        if known is None or known.inventory is not inventory or known.found is not found:
            # Several entities, repairs and policies ask for it after each change, of thousands of devices.
            known = self._unregistered[account_association_id] = _Unregistered(
                inventory=inventory,
                found=found,
                devices=tuple(
                    device
                    for device in found
                    if (thing_id := self.managed_thing_id(job, device)) is None
                    or not inventory.is_registered((thing_id, account_association_id))
                ),
            )
        return known.devices

    # --- starting and following -------------------------------------------------------------------------------

    async def async_start(self, request: DiscoveryRequest, *, timeout: float = DEFAULT_TIMEOUT) -> Job:  # noqa: ASYNC109 - it outlives the call
        """Start a job and follow it in the background until it is over, or for ``timeout`` seconds.

        One client token serves all tries, so that a lost answer starts no second job. Raises ``AwsError``, and
        ``HomeAssistantError`` for a hub that isn't connected.
        """
        if request.controller_id is not None:
            await self._async_require_connected(request.controller_id)
        token = uuid4().hex
        for tries in range(1, START_TRIES + 1):
            last = tries == START_TRIES
            try:
                discovery = await self._client.start_device_discovery(
                    discovery_type=request.discovery_type,
                    client_token=token,
                    account_association_id=request.account_association_id,
                    controller_id=request.controller_id,
                    connector_device_ids=request.connector_device_ids,
                    custom_protocol_detail=request.custom_protocol_detail,
                    install_code=request.install_code,
                )
            except ConflictError:
                # A job that somebody else started keeps this one from starting; it finds the same.
                await self.async_learn()
                running = self.newest(request.target)
                if running is not None and running.is_running:
                    return running
                # It may have ended in the meantime, so that the next try gets through.
                if last:
                    raise
            except AwsError as err:
                if last or not err.transient:
                    raise
            else:
                break
        now = dt_util.utcnow()
        job = replace(
            Job.from_discovery(discovery),
            started_at=discovery.started_at or now,
            deadline=now + timedelta(seconds=timeout),
            filtered=bool(request.connector_device_ids),
        )
        self._remember(job)
        await self._store.async_keep_queue()
        self._follow(job)
        return job

    async def _async_require_connected(self, hub_id: str) -> None:
        """Raise ``HomeAssistantError`` if AWS says that a hub isn't connected; it couldn't look for anything."""
        try:
            connectivity = await self._client.get_managed_thing_connectivity_data(hub_id)
        except AwsError as err:
            # Only an answer may keep a discovery from being started, not a permission that is missing for this.
            _LOGGER.debug("The connectivity of hub %s can't be read: %s", hub_id, err.code)
            return
        if connectivity.connected is False:
            hub = self._coordinator.data.things_by_id.get(hub_id)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="hub_offline",
                translation_placeholders={"name": (hub and hub.name) or hub_id},
            )

    async def async_wait(self, job: Job) -> Job:
        """Wait until a job is no longer followed, and return how it ended.

        The work goes on if the caller gives up.
        """
        if (following := self._following.get(job.device_discovery_id)) is not None:
            await asyncio.wait([following])
        return self._jobs[job.device_discovery_id]

    @callback
    def async_resume(self) -> None:
        """Follow on with the jobs that were running when Home Assistant stopped."""
        for job in list(self._jobs.values()):
            if job.is_running and job.device_discovery_id not in self._following:
                self._follow(job)

    @callback
    def _follow(self, job: Job) -> None:
        over = self._hass.loop.create_future()
        self._following[job.device_discovery_id] = over
        self._entry.async_create_background_task(
            self._hass, self._async_follow(job, over), f"{DOMAIN} follow discovery {job.device_discovery_id}"
        )
        self._publish(job)

    async def _async_follow(self, job: Job, over: asyncio.Future[None]) -> None:
        """Look at a running job until it is over, showing what it found so far."""
        pause, longest = FOLLOW_PAUSES
        try:
            with background():
                while job.is_running:
                    await asyncio.sleep(pause)
                    pause = min(pause * FOLLOW_BACK_OFF, longest)
                    job = await self._async_look(job)
        finally:
            self._following.pop(job.device_discovery_id, None)
            if not over.done():
                over.set_result(None)
            if not self._hass.is_stopping and not job.is_running:
                self._publish(job)

    async def _async_look(self, job: Job) -> Job:
        """Read a running job and its devices once; a line that is down is no reason to give it up before its time."""
        try:
            discovery = await self._client.get_device_discovery(job.device_discovery_id)
            await self._async_read_devices(job)
        except NotFoundError:
            job = replace(job, status=DiscoveryStatus.FAILED, finished_at=dt_util.utcnow())
        except AwsError as err:
            _LOGGER.debug("Looking at discovery %s failed: %s", job.device_discovery_id, err.code)
        else:
            if discovery.status is not DiscoveryStatus.RUNNING:
                job = replace(job, status=discovery.status, finished_at=discovery.finished_at or dt_util.utcnow())
        if job.is_running and job.deadline is not None and dt_util.utcnow() >= job.deadline:
            job = replace(job, status=DiscoveryStatus.TIMED_OUT, finished_at=dt_util.utcnow())
        if not job.is_running:
            self._remember(job)
            if job.account_association_id is not None:
                self._coordinator.async_announce(
                    job.account_association_id,
                    Activity.DISCOVERY_FINISHED,
                    {
                        "device_discovery_id": job.device_discovery_id,
                        "status": None if job.status is None else job.status.lower(),
                        "devices": len(self._devices.get(job.device_discovery_id, ())),
                    },
                )
            await self._store.async_keep_queue()
        return job

    async def _async_read_devices(self, job: Job) -> tuple[DiscoveredDevice, ...]:
        """Read what a job found so far, and show it."""
        before = self._devices.get(job.device_discovery_id, ())
        rows = await self._client.list_discovered_devices(job.device_discovery_id)
        self._devices[job.device_discovery_id] = rows
        if rows != before:
            self._announce_found(job, rows)
            self._publish(job)
        return rows

    @callback
    def _publish(self, job: Job) -> None:
        """Let the entities show where a job is and what it found."""
        self._coordinator.async_touch({job.target, str(self._entry.unique_id)})

    @callback
    def _announce_found(self, job: Job, devices: Iterable[DiscoveredDevice]) -> None:
        """Announce the devices that no discovery for this association found before.

        What an old discovery found before anything was known here is no news.
        """
        if job.account_association_id is None:
            return
        is_news = job.device_discovery_id in self._following or any(
            association_id == job.account_association_id for association_id, _ in self._queue.found
        )
        for device in devices:
            key = (job.account_association_id, device_digest(device))
            if key in self._queue.found:
                continue
            self._queue.found.add(key)
            if is_news:
                self._coordinator.async_announce(
                    job.account_association_id,
                    Activity.DEVICE_FOUND,
                    {
                        "name": device.name,
                        "managed_thing_id": self.managed_thing_id(job, device),
                        "device_discovery_id": job.device_discovery_id,
                    },
                )

    # --- remembering ------------------------------------------------------------------------------------------

    def _remember(self, job: Job) -> None:
        self._jobs[job.device_discovery_id] = job
        for old in self.jobs_of(job.target)[JOBS_KEPT:]:
            if not old.is_running:
                del self._jobs[old.device_discovery_id]
                self._devices.pop(old.device_discovery_id, None)
                self._queue.forgotten_jobs.add(old.device_discovery_id)

    async def async_learn(self) -> None:
        """Get to know the account's jobs that were started elsewhere; each one is asked about once.

        Raises ``AwsError``. In a scoped entry's account most jobs are other homes', so those are left alone.
        """
        if self._coordinator.is_scoped:
            return
        listed = await self._client.list_device_discoveries()
        self._queue.forgotten_jobs &= {job.device_discovery_id for job in listed}
        known = self._jobs.keys() | self._queue.forgotten_jobs
        unknown = [job for job in listed if job.device_discovery_id not in known]
        for discovery in unknown:
            await self._async_get_to_know(discovery.device_discovery_id)
        if unknown:
            await self._store.async_keep_queue()
        self.async_resume()

    async def _async_get_to_know(self, device_discovery_id: str) -> Job | None:
        """Ask AWS for one job and remember it; ``None`` if it went meanwhile."""
        try:
            discovery = await self._client.get_device_discovery(device_discovery_id)
        except NotFoundError:
            return None
        job = Job.from_discovery(discovery)
        if job.is_running:
            job = replace(job, deadline=(job.started_at or dt_util.utcnow()) + timedelta(seconds=DEFAULT_TIMEOUT))
        self._remember(job)
        return job

    async def async_job(self, device_discovery_id: str) -> Job | None:
        """Return a job, asking AWS if it isn't remembered; ``None`` if there is no such job. Raises ``AwsError``."""
        if (job := self._jobs.get(device_discovery_id)) is None:
            job = await self._async_get_to_know(device_discovery_id)
            if job is not None:
                await self._store.async_keep_queue()
                self.async_resume()
        return job

    async def async_devices(self, job: Job, *, again: bool = False) -> tuple[DiscoveredDevice, ...]:
        """Return a job's devices, reading those of a finished job once unless ``again`` is set. Raises ``AwsError``."""
        rows = self._devices.get(job.device_discovery_id)
        if rows is None or again or job.is_running:
            rows = await self._async_read_devices(job)
        return rows

    async def async_read_newest(self, targets: Iterable[str]) -> None:
        """Read what the newest succeeded job of each association or hub found, where that isn't known yet.

        A job that AWS no longer has is forgotten. Raises ``AwsError``.
        """
        for target in targets:
            while (job := self.newest_succeeded(target)) is not None:
                try:
                    await self.async_devices(job)
                except NotFoundError:
                    await self._async_forget(job)
                else:
                    break

    async def _async_forget(self, job: Job) -> None:
        self._jobs.pop(job.device_discovery_id, None)
        self._devices.pop(job.device_discovery_id, None)
        await self._store.async_keep_queue()
        self._publish(job)

    # --- finding ----------------------------------------------------------------------------------------------

    async def async_find(
        self,
        managed_thing_ids: Collection[str],
        account_association_id: str,
        *,
        start: bool,
        excluded: Collection[tuple[str, str]] = (),
    ) -> dict[str, str]:
        """Return, for each thing that one lists, the newest succeeded job of an association that lists it.

        If none does and ``start`` is set, a new discovery is started and waited for. ``excluded`` are things with a job
        that AWS wouldn't take for them. Raises ``AwsError``.
        """
        found = await self._async_search(managed_thing_ids, account_association_id, excluded)
        missing = [thing_id for thing_id in managed_thing_ids if thing_id not in found]
        if missing and not found:
            # None of the jobs known here will do: perhaps one that was started elsewhere does.
            await self.async_learn()
            found = await self._async_search(managed_thing_ids, account_association_id, excluded)
            missing = [thing_id for thing_id in managed_thing_ids if thing_id not in found]
        if missing and start:
            running = self.newest(account_association_id)
            if running is None or not running.is_running or running.filtered:
                running = await self.async_start(self._request_for(missing, account_association_id))
            await self.async_wait(running)
            found |= await self._async_search(missing, account_association_id, excluded)
        return found

    async def _async_search(
        self, managed_thing_ids: Collection[str], account_association_id: str, excluded: Collection[tuple[str, str]]
    ) -> dict[str, str]:
        found: dict[str, str] = {}
        wanted = set(managed_thing_ids)
        for job in self.jobs_of(account_association_id):
            if not wanted:
                break
            if job.status is not DiscoveryStatus.SUCCEEDED:
                continue
            try:
                devices = await self.async_devices(job)
            except NotFoundError:
                await self._async_forget(job)
                continue
            listed = {self.managed_thing_id(job, device) for device in devices} & wanted
            for thing_id in listed:
                if thing_id is not None and (thing_id, job.device_discovery_id) not in excluded:
                    found[thing_id] = job.device_discovery_id
                    wanted.discard(thing_id)
        return found

    def _request_for(self, managed_thing_ids: Collection[str], account_association_id: str) -> DiscoveryRequest:
        """Return a discovery that asks the vendor about these things only, where that is possible."""
        things = self._coordinator.data.things_by_id
        device_ids = [things[thing_id].connector_device_id for thing_id in managed_thing_ids]
        known = tuple(device_id for device_id in device_ids if device_id is not None)
        limited = len(known) == len(device_ids) and len(known) <= MAX_CONNECTOR_DEVICE_IDS
        return DiscoveryRequest(
            discovery_type=DiscoveryType.CLOUD,
            account_association_id=account_association_id,
            connector_device_ids=known if limited else (),
        )
