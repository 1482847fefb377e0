"""The only way to the cloud for changes: plan → store → send → read back.

An intent is on disk before its first request is sent and leaves the disk when it is done, refused for good, or
cancelled. Whatever happens in between (a lost answer, an outage, a power cut) is settled by reading the pair back.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Generator, Iterable, Set as AbstractSet
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import logging
from random import uniform
from typing import Any, Final

from homeassistant.core import CALLBACK_TYPE, CoreState, HassJob, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .activity import Activity
from .attempt import Attempt, Progress, may_be_sent, no_discovery
from .aws.errors import AwsError, InvalidCredentialsError, NotFoundError
from .aws.quota import background
from .const import DOMAIN
from .coordinator import MiRegistrationCoordinator
from .device_discovery import DeviceDiscoveries
from .inventory import Pair
from .store import Failure, Intent, IntentKind, NotStoredError
from .verdicts import Item, ItemStatus, RegistrationState, best_state, thing_name

_LOGGER = logging.getLogger(__name__)

RETRY_SECONDS: Final = (5.0, 900.0)
"""The first pause before another attempt, and the longest, in seconds."""
ACCEPTED_FOR: Final = timedelta(minutes=15)
"""If no list shows a pair for so long after AWS accepted it, it is sent again."""


@dataclass(slots=True)
class Batch:
    """What one attempt works on, and who waits for what becomes of it."""

    attempt: Attempt
    futures: dict[Pair, asyncio.Future[Item]] = field(default_factory=dict)
    verdicts: dict[Pair, Item] = field(default_factory=dict)


class Registrar:
    """Registers and deregisters managed things; every one of its verdicts names one pair."""

    def __init__(self, coordinator: MiRegistrationCoordinator, discoveries: DeviceDiscoveries) -> None:
        """Take over what the store still holds; nothing is sent before the cloud was read."""
        self._coordinator = coordinator
        self._discoveries = discoveries
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._store = coordinator.store
        self._queue = coordinator.store.queue
        self.resume_onboardings: Callable[[], Coroutine[Any, Any, None]] | None = None
        """How to go on with onboardings that wait on disk."""
        self._onboarding_tries = 0
        self._unauthorized: frozenset[str] = frozenset()
        self._active: dict[Pair, asyncio.Future[Item]] = {}
        self._storing: Counter[Pair] = Counter()
        """Pairs that are on their way to the disk, so that nobody may send them yet."""
        self._unknown: dict[Pair, IntentKind] = {}
        """Pairs for which nobody could find out yet whether the work of the last request was done."""
        self._tries: dict[Pair, int] = dict.fromkeys(self._queue.intents, 1)
        """How many attempts may have sent a pair, or would have if the cloud had been there."""
        self._last_errors: dict[Pair, AwsError] = {}
        self._pairs_of_thing: dict[str, set[Pair]] = {}
        self._unsub_retry: CALLBACK_TYPE | None = None
        self._is_stopped = False
        for pair in (*self._queue.intents, *self._queue.failures):
            self._index(pair)

    # --- what entities and actions read -----------------------------------------------------------------------

    @property
    def pending_count(self) -> int:
        """How many pairs wait to be registered or deregistered."""
        return len(self._queue.intents) + len(self._queue.onboardings)

    def state_of(self, pair: Pair) -> RegistrationState:
        """Return how far a pair is."""
        inventory = self._coordinator.data
        if inventory.is_registered(pair):
            return RegistrationState.ASSOCIATED
        intent = self._queue.intents.get(pair)
        if pair in inventory.registrations_by_pair or (intent is not None and intent.accepted_at is not None):
            return RegistrationState.PRE_ASSOCIATED
        if intent is not None and intent.kind is IntentKind.REGISTER:
            return RegistrationState.QUEUED
        if pair in self._queue.failures:
            return RegistrationState.FAILED
        return RegistrationState.NOT_REGISTERED

    def states_of(self, managed_thing_id: str) -> dict[str, RegistrationState]:
        """Return how far a thing is with each account association that has to do with it."""
        rows = self._coordinator.data.registrations_by_thing.get(managed_thing_id, ())
        pairs = {(row.managed_thing_id, row.account_association_id) for row in rows}
        pairs |= self._pairs_of_thing.get(managed_thing_id, set())
        return {association_id: self.state_of((thing_id, association_id)) for thing_id, association_id in pairs}

    def state_of_thing(self, managed_thing_id: str) -> RegistrationState:
        """Return the best of a thing's states."""
        return best_state(self.states_of(managed_thing_id).values())

    def last_error(self, managed_thing_id: str) -> str | None:
        """Return why a thing isn't registered, in AWS's words; ``None`` if nothing went wrong."""
        for pair in sorted(self._pairs_of_thing.get(managed_thing_id, ())):
            if (failure := self._queue.failures.get(pair)) is not None:
                return f"{failure.error_code}: {failure.error_message}"
            if (error := self._last_errors.get(pair)) is not None:
                return f"{error.code}: {error.message}"
        return None

    def device_discovery_id(self, pair: Pair) -> str | None:
        """Return the discovery job that a pair was last registered with."""
        return self._queue.discovery_ids.get(pair)

    # --- asking for something ---------------------------------------------------------------------------------

    async def async_register(
        self,
        managed_thing_ids: Iterable[str],
        account_association_id: str,
        *,
        device_discovery_id: str | None = None,
        start_discovery: bool = True,
        wait: bool = True,
        dry_run: bool = False,
    ) -> list[Item]:
        """Register things with an association, and return a verdict on each in the order asked for.

        With ``wait`` it returns when every pair is done, refused or waiting in the queue for the cloud; without it,
        as soon as all are safe on disk. Raises nothing for a pair that fails; ``NotStoredError`` if the disk takes
        nothing, then nothing was done; and ``AwsError`` only for a dry run that has to look for discovery jobs and
        can't.
        """
        verdicts: dict[Pair, Item] = {}
        intents: list[Intent] = []
        pairs = [(thing_id, account_association_id) for thing_id in dict.fromkeys(managed_thing_ids)]
        for pair in pairs:
            discovery_id = device_discovery_id or self._queue.discovery_ids.get(pair)
            if (status := self._status_without_sending(pair, device_discovery_id)) is not None:
                verdicts[pair] = self._item(pair, status, discovery_id)
            else:
                intents.append(
                    Intent(
                        kind=IntentKind.REGISTER,
                        managed_thing_id=pair[0],
                        account_association_id=pair[1],
                        device_discovery_id=discovery_id,
                        created_at=dt_util.utcnow(),
                        discovery_given=device_discovery_id is not None,
                        start_discovery=start_discovery,
                    )
                )
        if dry_run:
            verdicts |= await self._async_plan(intents)
        else:
            verdicts |= await self._async_carry_out(
                intents, wait=wait, wanted={(account_association_id, thing_id) for thing_id, _ in pairs}
            )
        return [verdicts[pair] for pair in pairs]

    async def _async_plan(self, intents: list[Intent]) -> dict[Pair, Item]:
        """Return what would become of intents, as far as that can be told without changing anything."""
        verdicts: dict[Pair, Item] = {}
        unknown = [intent for intent in intents if intent.device_discovery_id is None]
        found: dict[str, str] = {}
        if unknown:
            found = await self._discoveries.async_find(
                [intent.managed_thing_id for intent in unknown], unknown[0].account_association_id, start=False
            )
        for intent in intents:
            discovery_id = intent.device_discovery_id or found.get(intent.managed_thing_id)
            if discovery_id is None and not intent.start_discovery:
                verdicts[intent.pair] = self._item(intent.pair, ItemStatus.FAILED, error=no_discovery())
            else:
                verdicts[intent.pair] = self._item(intent.pair, ItemStatus.PLANNED, discovery_id)
        return verdicts

    async def async_deregister(
        self, managed_thing_ids: Iterable[str], account_association_id: str, *, dry_run: bool = False
    ) -> list[Item]:
        """Deregister things from an association, cancelling registrations that still wait; verdicts as above."""
        verdicts: dict[Pair, Item] = {}
        intents: list[Intent] = []
        pairs = [(thing_id, account_association_id) for thing_id in dict.fromkeys(managed_thing_ids)]
        cancelled: set[Pair] = set()
        for pair in pairs:
            waiting = self._queue.intents.get(pair)
            nothing_there = pair not in self._coordinator.data.registrations_by_pair
            if nothing_there and pair not in self._active and (waiting is None or pair not in self._tries):
                verdicts[pair] = self._item(pair, ItemStatus.NOT_REGISTERED)
                if not dry_run:
                    cancelled.add(pair)
            elif dry_run:
                verdicts[pair] = self._item(pair, ItemStatus.PLANNED)
            else:
                intents.append(
                    Intent(
                        kind=IntentKind.DEREGISTER,
                        managed_thing_id=pair[0],
                        account_association_id=pair[1],
                        device_discovery_id=None,
                        created_at=dt_util.utcnow(),
                    )
                )
        if not dry_run:
            unwanted = {(account_association_id, thing_id) for thing_id, _ in pairs}
            if cancelled & (self._queue.intents.keys() | self._queue.failures.keys()):
                async with self._stored(cancelled, unwanted=unwanted):
                    for pair in cancelled:
                        self._forget(pair)
            verdicts |= await self._async_carry_out(intents, wait=True, unwanted=unwanted)
        return [verdicts[pair] for pair in pairs]

    def _status_without_sending(self, pair: Pair, device_discovery_id: str | None) -> ItemStatus | None:
        """Return the verdict on a pair for which the newest Inventory shows that nothing has to be sent."""
        waiting = self._queue.intents.get(pair)
        if waiting is not None and waiting.kind is IntentKind.DEREGISTER:
            return None
        if self._coordinator.data.is_registered(pair):
            return ItemStatus.ALREADY_REGISTERED
        if (
            waiting is not None
            and waiting.accepted_at is not None
            and device_discovery_id in (None, waiting.device_discovery_id)
        ):
            # Accepted from us just now; the lists lag behind.
            return ItemStatus.PRE_ASSOCIATED
        remembered = self._queue.discovery_ids.get(pair)
        if (
            pair in self._coordinator.data.registrations_by_pair
            and remembered is not None
            and device_discovery_id in (None, remembered)
        ):
            # Accepted from us before; AWS has it and is not done yet.
            return ItemStatus.PRE_ASSOCIATED
        return None

    # --- carrying it out --------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _stored(
        self,
        pairs: Collection[Pair],
        *,
        wanted: AbstractSet[tuple[str, str]] = frozenset(),
        unwanted: AbstractSet[tuple[str, str]] = frozenset(),
    ) -> AsyncGenerator[None]:
        """Put on disk what is changed for some pairs, or leave everything as it was and raise ``NotStoredError``.

        Policies are to leave the ``unwanted`` alone from then on, and no longer the ``wanted``.
        """
        queue = self._queue
        before = {pair: (queue.intents.get(pair), queue.failures.get(pair)) for pair in pairs}
        no_longer, newly = queue.left_out & wanted, unwanted - queue.left_out
        yield
        if not (pairs or no_longer or newly):
            return
        after = {pair: queue.intents.get(pair) for pair in pairs}
        self._storing.update(pairs)
        queue.left_out = (queue.left_out - no_longer) | newly
        try:
            await self._store.async_save_queue()
        except NotStoredError:
            queue.left_out = (queue.left_out - newly) | no_longer
            for pair, (intent, failure) in before.items():
                if queue.intents.get(pair) is not after[pair]:
                    # Somebody else wants something newer of it by now.
                    continue
                self._forget(pair)
                if intent is not None:
                    queue.intents[pair] = intent
                    self._tries[pair] = 1
                if failure is not None:
                    queue.failures[pair] = failure
                if intent is not None or failure is not None:
                    self._index(pair)
            raise
        finally:
            self._storing -= Counter(pairs)
            self._touch(pairs)

    async def _async_carry_out(
        self,
        intents: list[Intent],
        *,
        wait: bool,
        wanted: AbstractSet[tuple[str, str]] = frozenset(),
        unwanted: AbstractSet[tuple[str, str]] = frozenset(),
    ) -> dict[Pair, Item]:
        """Put intents on disk, then start on them; return the verdicts that are known when it is time to answer."""
        if not intents:
            async with self._stored((), wanted=wanted, unwanted=unwanted):
                return {}
        # Who asks for what an attempt is just doing gets its verdict; a second request would do it twice.
        joined = {intent.pair: self._active[intent.pair] for intent in intents if self._is_under_way(intent)}
        pairs = {intent.pair for intent in intents}
        own = pairs - joined.keys()
        async with self._stored(own, wanted=wanted, unwanted=unwanted):
            for intent in intents:
                if intent.pair in own:
                    self._enqueue(intent)
        if not wait:
            # A pair that another attempt is busy with is taken up again by the timer.
            self._async_start([pair for pair in own if pair not in self._active], user=True)
            return {pair: self._item(pair, ItemStatus.QUEUED) for pair in pairs}
        while busy := [self._active[pair] for pair in own if pair in self._active]:
            await asyncio.wait(busy)
        futures = joined | self._async_start(own, user=True)
        if futures:
            await asyncio.wait(futures.values())
        return {pair: futures[pair].result() if pair in futures else self._settled_item(pair) for pair in pairs}

    def _is_under_way(self, intent: Intent) -> bool:
        """Whether an attempt is just carrying out the same wish."""
        waiting = self._queue.intents.get(intent.pair)
        return (
            intent.pair in self._active
            and waiting is not None
            and waiting.kind is intent.kind
            and intent.device_discovery_id in (None, waiting.device_discovery_id)
        )

    @callback
    def _async_start(self, pairs: Iterable[Pair], *, user: bool) -> dict[Pair, asyncio.Future[Item]]:
        """Start an attempt in the background; it goes on whatever becomes of the action that asked for it."""
        started: dict[Pair, asyncio.Future[Item]] = {}
        todo = [
            intent
            for pair in pairs
            if (intent := self._queue.intents.get(pair)) is not None and may_be_sent(intent, self._coordinator.data)
        ]
        # What needs a discovery first may take minutes, and what doesn't must not wait for it.
        for is_ready in (True, False):
            if intents := [intent for intent in todo if intent.is_ready is is_ready]:
                batch = self._new_batch()
                for intent in intents:
                    self._join(batch, intent)
                started |= batch.futures
                self._entry.async_create_background_task(
                    self._hass, self._async_attempt(batch, user=user), f"{DOMAIN} attempt of {len(intents)} pairs"
                )
        return started

    def _new_batch(self) -> Batch:
        return Batch(Attempt(self._coordinator, self._discoveries, self._count_try))

    def _count_try(self, pair: Pair) -> None:
        self._tries[pair] = self._tries.get(pair, 0) + 1

    def _join(self, batch: Batch, intent: Intent) -> None:
        """Make an intent part of a batch; until that ends no other one works on the pair."""
        batch.attempt.add(intent, unknown=self._unknown.get(intent.pair) is intent.kind)
        self._active[intent.pair] = batch.futures[intent.pair] = self._hass.loop.create_future()

    @contextmanager
    def batch(self) -> Generator[Batch]:
        """Give a batch that pairs join one by one; whatever happens, those left over wait in the queue."""
        batch = self._new_batch()
        try:
            yield batch
        finally:
            self._end(batch)

    def _end(self, batch: Batch) -> None:
        for pair, future in batch.futures.items():
            if self._active.get(pair) is future:
                del self._active[pair]
            if not future.done():
                future.set_result(self._item(pair, ItemStatus.QUEUED))

    async def _async_attempt(self, batch: Batch, *, user: bool) -> None:
        """Bring a batch as far as it goes now; what is left waits in the queue for another attempt."""
        try:
            with nullcontext() if user else background():
                await batch.attempt.async_run()
            await self._async_finish(batch)
        finally:
            self._end(batch)
        self._schedule_retry()

    async def async_send(self, batch: Batch, intent: Intent) -> None:
        """Put one more intent on disk and send it, unless it is done; its verdict comes with :meth:`async_settle`.

        Raises ``NotStoredError`` if the disk takes nothing, then nothing was sent.
        """
        while (busy := self._active.get(intent.pair)) is not None:
            await asyncio.wait([busy])
        if (status := self._status_without_sending(intent.pair, None)) is not None:
            batch.verdicts[intent.pair] = self._item(intent.pair, status, intent.device_discovery_id)
            return
        async with self._stored([intent.pair]):
            self._enqueue(intent)
        self._join(batch, intent)
        await batch.attempt.async_send(intent.pair)

    async def async_settle(self, batch: Batch) -> None:
        """Read back what was sent and bring it as far as it goes now; the verdicts are in the batch then."""
        await batch.attempt.async_settle()
        await self._async_finish(batch)
        self._schedule_retry()

    async def _async_finish(self, batch: Batch) -> None:
        """Turn what an attempt found out into verdicts, and take off the disk what is through."""
        verdicts, attempt = batch.verdicts, batch.attempt
        for pair, progress in attempt.progress.items():
            self._unknown.pop(pair, None)
            if progress.unknown:
                self._unknown[pair] = progress.intent.kind
            if self._queue.intents.get(pair) is not progress.intent:
                # Replaced by a newer wish while this attempt ran; that one has its own verdict.
                verdicts[pair] = self._item(pair, ItemStatus.QUEUED)
                continue
            verdicts[pair] = self._verdict(pair, progress)
            if verdicts[pair].status is ItemStatus.QUEUED and progress.error is not None:
                self._last_errors[pair] = progress.error
        await self._store.async_keep_queue()
        self._touch(verdicts)
        if any(isinstance(progress.error, InvalidCredentialsError) for progress in attempt.progress.values()):
            self._entry.async_start_reauth(self._hass)
        for pair, item in verdicts.items():
            if (future := batch.futures.get(pair)) is not None and not future.done():
                future.set_result(item)
        # Whoever got a verdict may ask for the pair again at once.
        self._end(batch)
        if any(progress.accepted for progress in attempt.progress.values()):
            await self._coordinator.async_request_refresh()

    def _verdict(self, pair: Pair, progress: Progress) -> Item:
        """Return the verdict on a pair, and forget or keep its intent accordingly."""
        intent, error = progress.intent, progress.error
        registering = intent.kind is IntentKind.REGISTER
        if progress.accepted:
            if not registering:
                self._forget(pair)
                self._queue.discovery_ids.pop(pair, None)
                return self._item(pair, ItemStatus.DEREGISTERED, request_id=progress.request_id)
            self._queue.discovery_ids[pair] = str(intent.device_discovery_id)
            if pair in self._coordinator.data.registrations_by_pair:
                self._forget(pair)
            else:
                self._queue.intents[pair] = replace(intent, accepted_at=dt_util.utcnow())
                self._index(pair)
                self._last_errors.pop(pair, None)
            done = self._coordinator.data.is_registered(pair)
            return self._item(
                pair,
                ItemStatus.REGISTERED if done else ItemStatus.PRE_ASSOCIATED,
                intent.device_discovery_id,
                request_id=progress.request_id,
            )
        if error is None or not progress.is_refused:
            return self._item(pair, ItemStatus.QUEUED, intent.device_discovery_id, error)
        self._forget(pair)
        if not registering and isinstance(error, NotFoundError):
            return self._item(pair, ItemStatus.NOT_REGISTERED)
        self._queue.failures[pair] = Failure(
            kind=intent.kind,
            error_code=error.code,
            error_message=error.message,
            request_id=error.request_id,
            failed_at=dt_util.utcnow(),
        )
        self._index(pair)
        self._coordinator.async_announce(
            pair[1],
            Activity.REGISTRATION_FAILED,
            {
                "managed_thing_id": pair[0],
                "name": thing_name(pair[0], self._coordinator.data),
                "error_code": error.code,
                "error_message": error.message,
            },
        )
        return self._item(pair, ItemStatus.FAILED, intent.device_discovery_id, error)

    # --- later ------------------------------------------------------------------------------------------------

    @callback
    def async_inventory_updated(self) -> None:
        """Settle what a synchronisation shows, and go on with what waited for the cloud."""
        if not self._coordinator.last_update_success:
            return
        self._settle()
        inventory = self._coordinator.data
        if restored := self._unauthorized - inventory.unauthorized:
            for pair in self._queue.intents:
                if pair[1] in restored:
                    self._tries[pair] = 0
            self._cancel_retry()
        self._unauthorized = inventory.unauthorized
        if self._unsub_retry is None:
            self._schedule_retry()

    def _settle(self) -> None:
        """Take off the disk what the newest Inventory shows to be through."""
        inventory = self._coordinator.data
        settled = {
            pair
            for pair, intent in self._queue.intents.items()
            if pair not in self._active
            and (
                inventory.is_registered(pair)
                or (intent.accepted_at is not None and pair in inventory.registrations_by_pair)
                if intent.kind is IntentKind.REGISTER
                else pair not in inventory.registrations_by_pair
            )
        }
        settled |= {
            pair
            for pair in self._queue.failures
            if inventory.is_registered(pair) or pair[0] not in inventory.things_by_id
        }
        if settled:
            for pair in settled:
                if (intent := self._queue.intents.get(pair)) is not None and intent.device_discovery_id is not None:
                    self._queue.discovery_ids[pair] = intent.device_discovery_id
                self._forget(pair)
            self._entry.async_create_background_task(
                self._hass, self._store.async_keep_queue(), f"{DOMAIN} save the queue"
            )
            self._touch(settled)

    @callback
    def _schedule_retry(self) -> None:
        """Set the timer for the next attempt at what waits; later the more often it was tried.

        What waits for an authorization needs none: the Inventory that shows it sets the timer.
        """
        self._cancel_retry()
        delays = [
            self._pause_before(intent)
            for pair, intent in self._queue.intents.items()
            if not self._is_busy(pair) and may_be_sent(intent, self._coordinator.data)
        ]
        if self._queue.onboardings:
            delays.append(_pause_after(self._onboarding_tries))
        if delays and not self._is_stopped and not self._hass.is_stopping and self._hass.state is not CoreState.stopped:
            self._unsub_retry = async_call_later(
                self._hass,
                min(delays),
                HassJob(self._async_start_retry, f"{DOMAIN} retry", cancel_on_shutdown=True),
            )

    @callback
    def _async_start_retry(self, _now: datetime) -> None:
        self._unsub_retry = None
        self._entry.async_create_background_task(self._hass, self._async_retry(), f"{DOMAIN} retry")

    def _is_busy(self, pair: Pair) -> bool:
        """Whether somebody is at work on a pair, or about to be."""
        return pair in self._active or pair in self._storing

    def _pause_before(self, intent: Intent) -> float:
        """Return how many seconds an intent waits for its next attempt."""
        if intent.accepted_at is not None:
            return max(0.0, (intent.accepted_at + ACCEPTED_FOR - dt_util.utcnow()).total_seconds())
        return _pause_after(self._tries.get(intent.pair, 0))

    async def _async_retry(self) -> None:
        """Try again what waits, once the newest Inventory is good enough to decide on."""
        if not self._coordinator.last_update_success:
            await self._coordinator.async_refresh()
        if not self._coordinator.last_update_success:
            self._onboarding_tries += 1
            for pair in self._queue.intents:
                self._count_try(pair)
            self._schedule_retry()
            return
        # The synchronisation may be so fresh that its listeners were not all told yet.
        self._settle()
        now = dt_util.utcnow()
        due = [
            pair
            for pair, intent in self._queue.intents.items()
            if not self._is_busy(pair)
            and may_be_sent(intent, self._coordinator.data)
            and (intent.accepted_at is None or now >= intent.accepted_at + ACCEPTED_FOR)
        ]
        if due:
            self._async_start(due, user=False)
        if self._queue.onboardings and self.resume_onboardings is not None:
            self._onboarding_tries += 1
            self._entry.async_create_background_task(
                self._hass, self._async_resume_onboardings(self.resume_onboardings), f"{DOMAIN} resume onboardings"
            )
        elif not due:
            self._schedule_retry()

    async def _async_resume_onboardings(self, resume: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            with background():
                await resume()
        except NotStoredError as err:
            _LOGGER.debug("Onboardings go on waiting: %s", err)
        if not self._queue.onboardings:
            self._onboarding_tries = 0
        self._schedule_retry()

    @callback
    def async_stop(self) -> None:
        """Plan no further attempt, though one be under way; what waits is on disk."""
        self._is_stopped = True
        self._cancel_retry()

    def _cancel_retry(self) -> None:
        if self._unsub_retry is not None:
            self._unsub_retry()
            self._unsub_retry = None

    # --- small things -----------------------------------------------------------------------------------------

    def _enqueue(self, intent: Intent) -> None:
        """Put an intent into the queue, in place of what is known of its pair."""
        self._forget(intent.pair)
        self._queue.intents[intent.pair] = intent
        self._index(intent.pair)

    def _index(self, pair: Pair) -> None:
        """Let a thing's entities find a pair that has an intent or a failure."""
        self._pairs_of_thing.setdefault(pair[0], set()).add(pair)

    def _forget(self, pair: Pair) -> None:
        """Drop a pair's intent and failure."""
        self._queue.intents.pop(pair, None)
        self._queue.failures.pop(pair, None)
        self._tries.pop(pair, None)
        self._last_errors.pop(pair, None)
        if (pairs := self._pairs_of_thing.get(pair[0])) is not None:
            pairs.discard(pair)
            if not pairs:
                del self._pairs_of_thing[pair[0]]

    @callback
    def async_show_pending(self) -> None:
        """Let the account's entities show how much waits, and see that it is taken up."""
        self._touch([])
        if self._unsub_retry is None:
            self._schedule_retry()

    def _touch(self, pairs: Iterable[Pair]) -> None:
        """Let the entities of pairs, and the account's, show where they are now."""
        self._coordinator.async_touch({str(self._entry.unique_id), *(aws_id for pair in pairs for aws_id in pair)})

    def _item(
        self,
        pair: Pair,
        status: ItemStatus,
        device_discovery_id: str | None = None,
        error: AwsError | None = None,
        *,
        request_id: str | None = None,
    ) -> Item:
        return Item(
            managed_thing_id=pair[0],
            device_id=self._coordinator.device_id(pair[0]),
            account_association_id=pair[1],
            device_discovery_id=device_discovery_id,
            status=status,
            error_code=None if error is None else error.code,
            error_message=None if error is None else error.message,
            request_id=request_id if error is None else error.request_id,
        )

    def _settled_item(self, pair: Pair) -> Item:
        """Return the verdict on a pair that another request brought to its end meanwhile."""
        match self.state_of(pair):
            case RegistrationState.ASSOCIATED:
                return self._item(pair, ItemStatus.ALREADY_REGISTERED)
            case RegistrationState.PRE_ASSOCIATED:
                return self._item(pair, ItemStatus.PRE_ASSOCIATED)
            case RegistrationState.QUEUED:
                return self._item(pair, ItemStatus.QUEUED)
            case RegistrationState.FAILED:
                failure = self._queue.failures[pair]
                return replace(
                    self._item(pair, ItemStatus.FAILED, request_id=failure.request_id),
                    error_code=failure.error_code,
                    error_message=failure.error_message,
                )
            case RegistrationState.NOT_REGISTERED:
                return self._item(pair, ItemStatus.NOT_REGISTERED)


def _pause_after(tries: int) -> float:
    """Return how many seconds to wait after so many tries."""
    first, longest = RETRY_SECONDS
    return min(longest, first * float(2 ** min(tries, 16))) * uniform(0.5, 1)  # noqa: S311 - no secret hangs on it
