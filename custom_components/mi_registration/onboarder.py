"""Creates managed things for discovered devices and hands them to the registrar, both at their own pace.

An onboarding is on disk, with its client token, before CreateManagedThing is sent: however often a power cut makes it
be sent again, AWS creates one thing. The registration that follows takes its place on disk in the same step.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
import logging
from typing import Final
from uuid import uuid4

from homeassistant.exceptions import HomeAssistantError
from homeassistant.util import dt as dt_util

from .attempt import may_pass, read_back_pauses
from .aws.errors import (
    AwsError,
    ConflictError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotFoundError,
    ServiceError,
    ThrottledError,
)
from .aws.identifiers import AUTHENTICATION_MATERIAL
from .aws.models import DiscoveredDevice, ManagedThing, ProvisioningStatus, Role
from .const import CONF_OWNER, DOMAIN
from .coordinator import MiRegistrationCoordinator
from .device_discovery import DeviceDiscoveries, device_digest
from .names import brand_or_model, managed_thing_name
from .registrar import Batch, Registrar
from .store import Intent, IntentKind, Job, NotStoredError, Onboarding
from .verdicts import Item, ItemStatus

_LOGGER = logging.getLogger(__name__)

CREATE_TRIES: Final = 3
"""How often one attempt sends a creation whose outcome stays unknown."""
THROTTLED_TRIES: Final = 10
"""How often one attempt sends a creation that is throttled; the quota spaces the tries out."""
MERGE_SECONDS: Final = 1.0
"""How often the things created so far are shown while others are still being created."""


@dataclass(slots=True, kw_only=True)
class _Row:
    """One discovered device on its way."""

    device: DiscoveredDevice
    digest: str
    name: str = ""
    onboarding: Onboarding | None = None
    managed_thing_id: str | None = None
    error: AwsError | None = None
    status: ItemStatus | None = None
    item: Item | None = None
    """The registrar's verdict."""


class Onboarder:
    """Onboards the devices that discoveries found."""

    def __init__(
        self, coordinator: MiRegistrationCoordinator, discoveries: DeviceDiscoveries, registrar: Registrar
    ) -> None:
        """Take over what the store still holds."""
        self._coordinator = coordinator
        self._client = coordinator.client
        self._store = coordinator.store
        self._queue = coordinator.store.queue
        self._discoveries = discoveries
        self._registrar = registrar
        self._created: dict[tuple[str, str], str] = {}
        """What was created for rows of discoveries, which were read before: nothing else tells of a hub's devices."""
        self._busy = asyncio.Lock()
        registrar.resume_onboardings = self.async_resume

    async def async_onboard(
        self,
        job: Job,
        devices: Iterable[DiscoveredDevice],
        account_association_id: str | None,
        *,
        dry_run: bool = False,
    ) -> list[Item]:
        """Create what doesn't exist yet of a job's devices, and register all of them if an association is given.

        Returns a verdict on each; raises nothing for a device that fails, and ``NotStoredError`` if the disk takes
        nothing: then nothing was done.
        """
        async with self._busy:
            rows = [_Row(device=device, digest=device_digest(device)) for device in devices]
            waiting = {
                (item.device_discovery_id, item.device_digest): item for item in self._queue.onboardings.values()
            }
            for row in rows:
                row.managed_thing_id = self._managed_thing_id(job, row)
                if row.managed_thing_id is not None:
                    # A power cut may have come between its creation and the next writing to the disk.
                    row.onboarding = waiting.get((job.device_discovery_id, row.digest))
                    row.status = self._status_of_existing(row.managed_thing_id, account_association_id)
                elif not AUTHENTICATION_MATERIAL.fullmatch(_material(job, row.device)):
                    row.error = _unsupported()
                elif not dry_run:
                    row.onboarding = waiting.get((job.device_discovery_id, row.digest)) or Onboarding(
                        client_token=uuid4().hex,
                        device_discovery_id=job.device_discovery_id,
                        device_digest=row.digest,
                        account_association_id=account_association_id,
                        created_at=dt_util.utcnow(),
                    )
            if not dry_run:
                await self._async_carry_out(job, rows, account_association_id)
            return [self._item(row, job, account_association_id) for row in rows]

    async def async_resume(self) -> None:
        """Go on with onboardings that an outage or a restart left on disk."""
        groups: dict[tuple[str, str | None], list[Onboarding]] = {}
        for onboarding in self._queue.onboardings.values():
            groups.setdefault((onboarding.device_discovery_id, onboarding.account_association_id), []).append(
                onboarding
            )
        for (discovery_id, association_id), members in groups.items():
            try:
                job = await self._discoveries.async_job(discovery_id)
                devices = () if job is None else await self._discoveries.async_devices(job)
            except NotFoundError:
                job, devices = None, ()
            except AwsError as err:
                _LOGGER.debug("Discovery %s can't be read for its onboardings: %s", discovery_id, err.code)
                continue
            listed = {device_digest(device): device for device in devices}
            # Of what AWS no longer lists nobody can create a thing any more.
            gone = [onboarding for onboarding in members if onboarding.device_digest not in listed]
            if gone:
                for onboarding in gone:
                    self._queue.onboardings.pop(onboarding.client_token, None)
                await self._store.async_keep_queue()
            found = [listed[onboarding.device_digest] for onboarding in members if onboarding.device_digest in listed]
            if job is not None and found:
                await self.async_onboard(job, found, association_id)

    def _managed_thing_id(self, job: Job, row: _Row) -> str | None:
        """Return the managed thing that exists for a row."""
        if (found := self._discoveries.managed_thing_id(job, row.device)) is not None:
            return found
        created = self._created.get((job.device_discovery_id, row.digest))
        return created if created in self._coordinator.data.things_by_id else None

    # --- carrying it out --------------------------------------------------------------------------------------

    async def _async_carry_out(self, job: Job, rows: list[_Row], account_association_id: str | None) -> None:
        """Put the onboardings on disk, then create and register side by side; the verdicts are left in the rows."""
        onboardings, left_out = dict(self._queue.onboardings), set(self._queue.left_out)
        self._enqueue(rows, account_association_id)
        no_longer = left_out - self._queue.left_out
        try:
            await self._store.async_save_queue()
        except NotStoredError:
            self._queue.onboardings = onboardings
            # The user may have left out something else meanwhile.
            self._queue.left_out |= no_longer
            raise
        self._registrar.async_show_pending()
        created: list[ManagedThing] = []
        with self._registrar.batch() as batch:
            async with asyncio.TaskGroup() as group:
                showing = group.create_task(self._async_show(created))
                async with asyncio.TaskGroup() as pipelines:
                    for row in rows:
                        pipelines.create_task(
                            self._async_carry_out_one(job, row, account_association_id, batch, created)
                        )
                showing.cancel()
            self._coordinator.async_merge_things(created)
            await self._registrar.async_settle(batch)
            if account_association_id is None:
                await self._async_wait_for_activation({thing.managed_thing_id for thing in created})
        for row in rows:
            if row.managed_thing_id is None or row.status is not None:
                continue
            if account_association_id is None:
                row.status = self._status_of_created(row.managed_thing_id)
            else:
                row.item = batch.verdicts[(row.managed_thing_id, account_association_id)]
        await self._store.async_keep_queue()
        self._registrar.async_show_pending()
        if any(isinstance(row.error, InvalidCredentialsError) for row in rows):
            self._coordinator.config_entry.async_start_reauth(self._coordinator.hass)
        if created:
            await self._coordinator.async_request_refresh()

    def _enqueue(self, rows: list[_Row], account_association_id: str | None) -> None:
        """Name the things to be created, and put into the queue what is to survive a power cut."""
        names = {thing.name for thing in self._coordinator.data.managed_things if thing.name}
        for row in sorted(rows, key=lambda row: row.digest):
            if row.onboarding is None:
                continue
            if row.status is not None:
                self._queue.onboardings.pop(row.onboarding.client_token, None)
            elif row.managed_thing_id is None:
                row.name = managed_thing_name(row.device.name, row.digest, names)
                names.add(row.name)
                self._queue.onboardings[row.onboarding.client_token] = row.onboarding
        if account_association_id is not None:
            self._queue.left_out -= {
                (account_association_id, key) for row in rows for key in (row.digest, row.managed_thing_id) if key
            }

    async def _async_carry_out_one(
        self,
        job: Job,
        row: _Row,
        account_association_id: str | None,
        batch: Batch,
        created: list[ManagedThing],
    ) -> None:
        """Bring one device as far as it goes now."""
        if row.status is not None or row.error is not None:
            return
        if row.onboarding is not None:
            exists = row.managed_thing_id is not None
            if not exists:
                await self._async_create(job, row, row.onboarding)
            if row.managed_thing_id is None:
                return
            if not exists:
                self._created[job.device_discovery_id, row.digest] = row.managed_thing_id
                created.append(_as_created(job, row, self._coordinator))
            self._queue.onboardings.pop(row.onboarding.client_token, None)
        if account_association_id is None or row.managed_thing_id is None:
            await self._store.async_keep_queue()
            return
        intent = Intent(
            kind=IntentKind.REGISTER,
            managed_thing_id=row.managed_thing_id,
            account_association_id=account_association_id,
            device_discovery_id=job.device_discovery_id,
            created_at=dt_util.utcnow(),
            discovery_given=True,
        )
        try:
            await self._registrar.async_send(batch, intent)
        except NotStoredError as err:
            row.error = _not_stored(err)
            row.status = ItemStatus.FAILED
            if row.onboarding is not None:
                # That it is to be created is on disk still: that is done again then, without a second thing.
                self._queue.onboardings[row.onboarding.client_token] = row.onboarding
                row.status = ItemStatus.QUEUED

    async def _async_create(self, job: Job, row: _Row, onboarding: Onboarding) -> None:
        """Create the thing of a row; what is refused for good leaves the disk, anything else waits there."""
        failed = 0
        for _ in range(THROTTLED_TRIES):
            try:
                row.managed_thing_id = await self._client.create_managed_thing(
                    role=Role.DEVICE,
                    authentication_material=_material(job, row.device),
                    authentication_material_type="DISCOVERED_DEVICE",
                    client_token=onboarding.client_token,
                    name=row.name,
                    owner=self._coordinator.config_entry.options.get(CONF_OWNER),
                    brand=brand_or_model(row.device.brand),
                    model=brand_or_model(row.device.model),
                )
            except ThrottledError as err:
                row.error = err
            except ConflictError as err:
                row.error = err
                await self._async_find_created(job, row)
                break
            except AwsError as err:
                row.error = err
                failed += 1
                if not err.transient or failed == CREATE_TRIES:
                    break
            else:
                row.error = None
                return
        if row.error is None:
            return
        if may_pass(row.error):
            row.status = ItemStatus.QUEUED
        else:
            self._queue.onboardings.pop(onboarding.client_token, None)
            await self._store.async_keep_queue()

    async def _async_find_created(self, job: Job, row: _Row) -> None:
        """After a conflict, see whether somebody else created the thing: then AWS's list names it."""
        try:
            devices = await self._discoveries.async_devices(job, again=True)
        except AwsError as err:
            row.error = err
            return
        for device in devices:
            if device_digest(device) == row.digest and device.managed_thing_id is not None:
                row.managed_thing_id = device.managed_thing_id
                row.error = None

    async def _async_show(self, created: list[ManagedThing]) -> None:
        """Show the things created so far, while others are still being created."""
        while True:
            await asyncio.sleep(MERGE_SECONDS)
            self._coordinator.async_merge_things(created)

    async def _async_wait_for_activation(self, managed_thing_ids: Collection[str]) -> None:
        """Give a hub's devices time to become ACTIVATED, which they do without a registration."""
        for pause in read_back_pauses():
            things = self._coordinator.data.things_by_id
            if all(
                (thing := things.get(thing_id)) is not None
                and thing.provisioning_status is ProvisioningStatus.ACTIVATED
                for thing_id in managed_thing_ids
            ):
                return
            await asyncio.sleep(pause)
            await self._coordinator.async_refresh()

    # --- verdicts ---------------------------------------------------------------------------------------------

    def _status_of_existing(self, managed_thing_id: str, account_association_id: str | None) -> ItemStatus | None:
        """Return the verdict on a thing that exists and for which nothing has to be sent."""
        if account_association_id is None or self._coordinator.data.is_registered(
            (managed_thing_id, account_association_id)
        ):
            return ItemStatus.ALREADY_REGISTERED
        return None

    def _status_of_created(self, managed_thing_id: str) -> ItemStatus:
        """Return the verdict on a thing that was created and needs no registration."""
        thing = self._coordinator.data.things_by_id.get(managed_thing_id)
        activated = thing is not None and thing.provisioning_status is ProvisioningStatus.ACTIVATED
        return ItemStatus.REGISTERED if activated else ItemStatus.PRE_ASSOCIATED

    def _item(self, row: _Row, job: Job, account_association_id: str | None) -> Item:
        """Return the verdict on a row."""
        if row.item is not None:
            return row.item
        status = row.status or (ItemStatus.PLANNED if row.error is None else ItemStatus.FAILED)
        error = row.error
        return Item(
            managed_thing_id=row.managed_thing_id,
            device_id=None if row.managed_thing_id is None else self._coordinator.device_id(row.managed_thing_id),
            account_association_id=account_association_id,
            device_discovery_id=job.device_discovery_id,
            status=status,
            error_code=None if error is None else error.code,
            # A device without a managed thing has nothing but its name to be recognised by.
            error_message=None if error is None else f"{row.device.name or row.name or '-'}: {error.message}",
            request_id=None if error is None else error.request_id,
        )


def _material(job: Job, device: DiscoveredDevice) -> str:
    """Return what CreateManagedThing wants to know of a device: a hub's own material, or the row of a CLOUD job."""
    if device.authentication_material is not None:
        return device.authentication_material
    return f"CLOUD:{job.device_discovery_id}:{device.connector_device_id or ''}"


def _unsupported() -> InvalidRequestError:
    """Return the failure of a device whose id at its vendor has no place in the material, such as one with a dot."""
    reason = HomeAssistantError(translation_domain=DOMAIN, translation_key="connector_device_id_unsupported")
    return InvalidRequestError(
        str(reason),
        code="connector_device_id_unsupported",
        operation="CreateManagedThing",
        iam_action="iotmanagedintegrations:CreateManagedThing",
    )


def _not_stored(error: NotStoredError) -> ServiceError:
    """Return why a device isn't registered yet, in the user's language."""
    return ServiceError(
        str(error),
        code=str(error.translation_key),
        operation="RegisterAccountAssociation",
        iam_action="iotmanagedintegrations:RegisterAccountAssociation",
    )


def _as_created(job: Job, row: _Row, coordinator: MiRegistrationCoordinator) -> ManagedThing:
    """Return a thing as the next synchronisation will see it, so that it can be shown before."""
    association = coordinator.data.associations_by_id.get(job.account_association_id or "")
    return ManagedThing(
        managed_thing_id=str(row.managed_thing_id),
        role=Role.DEVICE,
        name=row.name,
        provisioning_status=ProvisioningStatus.UNASSOCIATED if job.controller_id is None else None,
        parent_controller_id=job.controller_id,
        connector_destination_id=None if association is None else association.connector_destination_id,
        connector_device_id=row.device.connector_device_id,
        brand=row.device.brand,
        model=row.device.model,
    )
