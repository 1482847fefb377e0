"""One attempt at what is to be registered and deregistered: find discovery jobs → send → read back → send again.

It brings pairs as far as it goes now, and leaves in the progress of each how far that was.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from itertools import groupby
import logging
from typing import Final

from homeassistant.exceptions import HomeAssistantError

from .aws.errors import (
    AccessDeniedError,
    AwsError,
    CannotConnectError,
    ClockSkewError,
    ConflictError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotFoundError,
    ThrottledError,
)
from .aws.models import AssociationState, Registration, RegistrationStatus
from .concurrency import first_error_only
from .const import DOMAIN
from .coordinator import MiRegistrationCoordinator
from .device_discovery import DeviceDiscoveries
from .inventory import Inventory, Pair
from .store import Intent, IntentKind

_LOGGER = logging.getLogger(__name__)

ROUNDS: Final = 3
"""How often one attempt sends a pair whose outcome stays unknown, before it waits in the queue."""
THROTTLED_TRIES: Final = 10
"""How often one attempt sends a pair that is throttled; the quota spaces the tries out."""
SENT_AT_ONCE: Final = 8
"""How many requests of one attempt wait for their turn or their answer: what stops one stops nearly all the rest."""
READ_BACK_SECONDS: Final = 60.0
"""How long an attempt waits for the lists to show what AWS accepted."""
LOST_ANSWER_SECONDS: Final = 15.0
"""How long an attempt looks for the work of a request whose answer got lost, before it counts as not done."""
READ_BACK_PAUSES: Final = (0.5, 8.0)
"""The first pause between two looks at the lists, and the longest, in seconds."""
_MAY_BE_DONE: Final = {
    IntentKind.REGISTER: (ConflictError,),
    IntentKind.DEREGISTER: (ConflictError, InvalidRequestError),
}
"""What AWS may answer where there is nothing left to do, which it doesn't document: the lists tell."""


def may_pass(error: AwsError) -> bool:
    """Whether the same request may be accepted later: an error goes by on its own, or with new credentials."""
    return error.transient or isinstance(error, InvalidCredentialsError)


def may_be_sent(intent: Intent, inventory: Inventory) -> bool:
    """Whether AWS may act for the end user; if not, a registration waits until they authorize that again."""
    return intent.kind is IntentKind.DEREGISTER or intent.account_association_id not in inventory.unauthorized


def no_discovery() -> NotFoundError:
    """Return the failure of a thing that no discovery lists, in the user's language."""
    reason = HomeAssistantError(translation_domain=DOMAIN, translation_key="no_device_discovery")
    return NotFoundError(str(reason), code="no_device_discovery", operation="ListDiscoveredDevices", iam_action="")


def read_back_pauses() -> Generator[float]:
    """Give the pauses between looks at the lists, longer and longer, until it is no use to look on."""
    pause, longest = READ_BACK_PAUSES
    total = 0.0
    while total < READ_BACK_SECONDS:
        yield pause
        total += pause
        pause = min(pause * 2, longest)


@dataclass(slots=True)
class Progress:
    """How far an attempt is with one intent."""

    intent: Intent
    before: Registration | None
    """What the Inventory showed before anything was sent."""
    unknown: bool = False
    """A request left, and nobody knows whether its work was done."""
    accepted: bool = False
    """AWS said yes; all that is left is to see it in the lists."""
    unauthorized: bool = False
    """AWS refused it because the end user has to authorize the association again, or may have."""
    error: AwsError | None = None
    """The last thing that went wrong."""
    request_id: str | None = None

    @property
    def is_due(self) -> bool:
        """Whether this attempt is to send it, for the first time or again."""
        return (
            not self.accepted
            and not self.unknown
            and self.intent.is_ready
            and (self.error is None or (self.error.transient and not isinstance(self.error, ThrottledError)))
        )

    @property
    def is_refused(self) -> bool:
        """Whether AWS refused it for good."""
        return not (self.accepted or self.unknown or self.unauthorized or self.error is None or may_pass(self.error))

    def note_lists(self, shown: Mapping[Pair, Registration]) -> None:
        """Note that the lists show that a request whose answer got lost did its work, if they do."""
        row = shown.get(self.intent.pair)
        if self.intent.kind is IntentKind.DEREGISTER:
            is_done = row is None
        else:
            is_done = row is not None and (row.status is RegistrationStatus.ASSOCIATED or self.before is None)
        if self.unknown and is_done:
            self.note_accepted()

    def note_accepted(self, request_id: str | None = None) -> None:
        """Note that AWS said yes, or that the work turned out to be done."""
        self.accepted = True
        self.unknown = False
        self.error = None
        self.request_id = request_id


class Attempt:
    """One go at a batch of intents, each of which is on disk."""

    def __init__(
        self,
        coordinator: MiRegistrationCoordinator,
        discoveries: DeviceDiscoveries,
        count_try: Callable[[Pair], None],
    ) -> None:
        """Prepare; ``count_try`` is told of each pair that is about to be sent."""
        self._coordinator = coordinator
        self._client = coordinator.client
        self._queue = coordinator.store.queue
        self._discoveries = discoveries
        self._count_try = count_try
        self._gate = asyncio.Semaphore(SENT_AT_ONCE)
        self._stale_discoveries: set[tuple[str, str]] = set()
        """Managed things, each with a discovery job that AWS wouldn't take for it."""
        self._associations_read = False
        self.progress: dict[Pair, Progress] = {}
        self.stop: AwsError | None = None
        """Why nothing more is sent."""

    def add(self, intent: Intent, *, unknown: bool) -> None:
        """Take an intent up; it is ``unknown`` if an earlier attempt could not find out what became of its request."""
        before = self._coordinator.data.registrations_by_pair.get(intent.pair)
        self.progress[intent.pair] = Progress(intent, before, unknown=unknown)

    async def async_run(self) -> None:
        """Bring all intents as far as it goes now."""
        await self._async_pass()
        if self._forget_stale_discoveries():
            await self._async_pass()

    async def async_settle(self) -> None:
        """Read back what :meth:`async_send` sent, and bring it as far as it goes now."""
        await self._async_read_back()
        await self._async_pass()

    async def _async_pass(self) -> None:
        await self._async_find_discoveries()
        await self._async_rounds()
        await self._async_explain_conflicts()

    # --- discovery jobs ---------------------------------------------------------------------------------------

    async def _async_find_discoveries(self) -> None:
        """Find the discovery job for each thing that still needs one; a failure is left in its progress."""

        def _key(progress: Progress) -> tuple[str, bool]:
            return progress.intent.account_association_id, progress.intent.start_discovery

        needing = sorted((progress for progress in self.progress.values() if not progress.intent.is_ready), key=_key)
        for (association_id, start), group in groupby(needing, key=_key):
            members = {progress.intent.managed_thing_id: progress for progress in group}
            try:
                found = await self._discoveries.async_find(
                    members, association_id, start=start, excluded=self._stale_discoveries
                )
            except AwsError as err:
                for progress in members.values():
                    progress.error = err
                continue
            for thing_id, progress in members.items():
                if (discovery_id := found.get(thing_id)) is None:
                    progress.error = progress.error or no_discovery()
                    continue
                progress.error = None
                progress.intent = self._queue.replace(progress.intent, device_discovery_id=discovery_id)

    def _forget_stale_discoveries(self) -> bool:
        """Prepare another try for pairs whose discovery job AWS no longer takes; return whether there are any.

        Not for a job that the user named. AWS doesn't document which error it gives for an old job.
        """
        again = False
        for pair, progress in self.progress.items():
            intent = progress.intent
            if (
                progress.is_refused
                and isinstance(progress.error, InvalidRequestError | NotFoundError | ConflictError)
                and intent.kind is IntentKind.REGISTER
                and intent.device_discovery_id is not None
                and not intent.discovery_given
            ):
                self._stale_discoveries.add((pair[0], intent.device_discovery_id))
                self._queue.discovery_ids.pop(pair, None)
                progress.intent = self._queue.replace(intent, device_discovery_id=None)
                again = True
        return again

    # --- sending ----------------------------------------------------------------------------------------------

    async def _async_rounds(self) -> None:
        """Send what isn't accepted yet, read back, and send again what got lost on the way."""
        for _ in range(ROUNDS):
            if any(progress.unknown for progress in self.progress.values()):
                # Sent a while ago: by now the lists show it, or it got lost.
                await self._async_read_back(once=True)
            due = [pair for pair, progress in self.progress.items() if progress.is_due]
            if not due or self.stop is not None:
                return
            with first_error_only():
                async with asyncio.TaskGroup() as group:
                    for pair in due:
                        group.create_task(self.async_send(pair))
            await self._async_read_back()
            self._go_on_if_line_is_back()

    def _go_on_if_line_is_back(self) -> None:
        """Send more after all if the line broke for a moment only, as the lists that could be read show."""
        if isinstance(self.stop, CannotConnectError) and not any(p.unknown for p in self.progress.values()):
            self.stop = None

    async def async_send(self, pair: Pair) -> None:
        """Send one pair's request, again while it is throttled; how that ends is left in its progress."""
        progress = self.progress[pair]
        intent = progress.intent
        for tries in range(THROTTLED_TRIES):
            async with self._gate:
                if self.stop is not None:
                    progress.error = progress.error or self.stop
                    return
                if not may_be_sent(intent, self._coordinator.data):
                    return
                if self._is_done_meanwhile(progress):
                    progress.note_accepted()
                    return
                if tries == 0:
                    # The pause before the next attempt grows with attempts; the tries of one are spaced by the quota.
                    self._count_try(pair)
                try:
                    progress.note_accepted(await self._async_request(intent))
                except ThrottledError as err:
                    progress.error = err
                    continue
                except AwsError as err:
                    progress.error = err
                    progress.unknown = err.transient or isinstance(err, _MAY_BE_DONE[intent.kind])
                    if isinstance(
                        err, AccessDeniedError | CannotConnectError | ClockSkewError | InvalidCredentialsError
                    ):
                        self.stop = err
                return

    def _is_done_meanwhile(self, progress: Progress) -> bool:
        """Whether a pair was registered since the attempt began: by a request whose answer got lost, or elsewhere."""
        before = progress.before
        return (
            progress.intent.kind is IntentKind.REGISTER
            and (before is None or before.status is not RegistrationStatus.ASSOCIATED)
            and self._coordinator.data.is_registered(progress.intent.pair)
        )

    async def _async_request(self, intent: Intent) -> str | None:
        """Send an intent once; returns AWS's request id, raises ``AwsError``."""
        if intent.kind is IntentKind.REGISTER:
            return await self._client.register_account_association(
                managed_thing_id=intent.managed_thing_id,
                account_association_id=intent.account_association_id,
                device_discovery_id=intent.device_discovery_id or "",
            )
        return await self._client.deregister_account_association(
            managed_thing_id=intent.managed_thing_id, account_association_id=intent.account_association_id
        )

    # --- reading back -----------------------------------------------------------------------------------------

    async def _async_read_back(self, *, once: bool = False) -> None:
        """Read the lists until they show what was accepted, and settle what may or may not have been done.

        It reads the pages of each association concerned, not one call per pair.
        """
        open_pairs = sorted(pair for pair, progress in self.progress.items() if progress.accepted or progress.unknown)
        with first_error_only():
            async with asyncio.TaskGroup() as group:
                for association_id, pairs in groupby(open_pairs, key=lambda pair: pair[1]):
                    group.create_task(
                        self._async_read_back_association(
                            association_id, [self.progress[pair] for pair in pairs], once=once
                        )
                    )

    async def _async_read_back_association(self, association_id: str, todo: list[Progress], *, once: bool) -> None:
        looked_for = 0.0
        for pause in (None,) if once else (*read_back_pauses(), None):
            try:
                rows = await self._client.list_managed_thing_account_associations(account_association_id=association_id)
            except AwsError as err:
                _LOGGER.debug("Reading back association %s failed: %s", association_id, err.code)
                return
            self._coordinator.async_merge_registrations(association_id, rows)
            shown = {(row.managed_thing_id, row.account_association_id): row for row in rows}
            for progress in todo:
                progress.note_lists(shown)
            waiting = [p for p in todo if p.unknown or not self._is_complete(p.intent, shown)]
            if pause is None or not waiting or (looked_for >= LOST_ANSWER_SECONDS and all(p.unknown for p in waiting)):
                break
            await asyncio.sleep(pause)
            looked_for += pause
        for progress in todo:
            # What the lists didn't show, now that they were read, got lost: the request, or its work.
            progress.unknown = False

    def _is_complete(self, intent: Intent, shown: Mapping[Pair, Registration]) -> bool:
        """Whether the lists show that an intent is through."""
        if intent.kind is IntentKind.DEREGISTER:
            return intent.pair not in shown
        return self._coordinator.data.is_registered(intent.pair)

    async def _async_explain_conflicts(self) -> None:
        """After a conflict, see whether the end user has to authorize again: then it isn't AWS's last word.

        The newest Inventory may be older than that. It costs one reading of the associations, however many pairs AWS
        refused. An error of that reading says nothing, so that another attempt has to find out.
        """
        refused = [
            progress
            for progress in self.progress.values()
            if progress.is_refused
            and isinstance(progress.error, ConflictError)
            and progress.intent.kind is IntentKind.REGISTER
        ]
        if not refused:
            return
        if not self._associations_read:
            try:
                await self._coordinator.async_read_associations()
            except AwsError as err:
                _LOGGER.debug("Reading the account associations after a conflict failed: %s", err.code)
                for progress in refused:
                    progress.unauthorized = may_pass(err)
                return
            self._associations_read = True
        for progress in refused:
            progress.unauthorized = self._awaits_authorization(progress.intent.account_association_id)

    def _awaits_authorization(self, account_association_id: str) -> bool:
        inventory = self._coordinator.data
        association = inventory.associations_by_id.get(account_association_id)
        return account_association_id in inventory.unauthorized or (
            association is not None and association.state is AssociationState.ASSOCIATION_IN_PROGRESS
        )
