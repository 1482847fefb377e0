"""How fast each operation may be called: AWS's quota of managed integrations counts per operation."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
import math
import random
import time

SLOWEST_RATE = 0.1
"""Requests per second below which throttling doesn't slow an operation further."""
RECOVERY = 0.01
"""The part of the configured rate that one successful request wins back."""
LONGEST_RETRY_AFTER = 900.0
"""Seconds: no Retry-After is believed beyond this."""
ONE_EVENT = 1.0
"""Seconds in which several refusals count as one: they were under way together."""

_EPSILON = 1e-6


class _Priority(IntEnum):
    USER = 0
    BACKGROUND = 1


_PRIORITY: ContextVar[_Priority] = ContextVar("mi_registration_priority", default=_Priority.USER)


@contextmanager
def background() -> Iterator[None]:
    """Mark the calls made inside, and in tasks started inside, as work that nobody is waiting for."""
    token = _PRIORITY.set(_Priority.BACKGROUND)
    try:
        yield
    finally:
        _PRIORITY.reset(token)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationQuota:
    """How one operation fares: its present rate in requests per second, who waits, how often AWS refused."""

    rate: float
    waiting: int
    throttled: int


@dataclass(slots=True, kw_only=True)
class _Bucket:
    rate: float
    tokens: float
    updated: float
    not_before: float = -math.inf
    slowed: float = -math.inf
    throttled: int = 0
    queues: tuple[deque[asyncio.Event], deque[asyncio.Event]] = field(default_factory=lambda: (deque(), deque()))

    @property
    def first(self) -> asyncio.Event | None:
        """Whose turn it is: users before background work, and first come, first served."""
        return next((queue[0] for queue in self.queues if queue), None)


class Quota:
    """A token bucket per operation that slows down when AWS refuses and recovers with every success.

    A bucket holds half a second's worth of requests, so that a burst of ours stays inside the burst that AWS allows.
    Use it from one event loop only; nothing runs while nobody waits.
    """

    def __init__(
        self,
        requests_per_second: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        """Allow so many requests per second for each operation; ``clock``, ``sleep`` and ``random`` are for tests."""
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._rate = _checked(requests_per_second)
        self._buckets: defaultdict[str, _Bucket] = defaultdict(self._full_bucket)

    @property
    def requests_per_second(self) -> float:
        """The configured rate."""
        return self._rate

    @property
    def snapshot(self) -> Mapping[str, OperationQuota]:
        """The state of each operation called so far."""
        return {
            operation: OperationQuota(
                rate=bucket.rate, waiting=sum(map(len, bucket.queues)), throttled=bucket.throttled
            )
            for operation, bucket in sorted(self._buckets.items())
        }

    def set_rate(self, requests_per_second: float) -> None:
        """Change the configured rate; an operation that was slowed down stays as much slower as it was."""
        rate = _checked(requests_per_second)
        for bucket in self._buckets.values():
            self._refill(bucket)
            bucket.rate = min(rate, max(bucket.rate * rate / self._rate, SLOWEST_RATE))
            bucket.tokens = min(bucket.tokens, _capacity(bucket.rate))
        self._rate = rate

    async def acquire(self, operation: str) -> None:
        """Wait until ``operation`` may be called once."""
        bucket = self._buckets[operation]
        turn = asyncio.Event()
        queue = bucket.queues[_PRIORITY.get()]
        queue.append(turn)
        try:
            while True:
                if bucket.first is not turn:
                    turn.clear()
                    await turn.wait()
                elif (delay := self._delay(bucket)) > 0:
                    await self._sleep(delay)
                else:
                    bucket.tokens -= 1
                    return
        finally:
            queue.remove(turn)
            if (first := bucket.first) is not None:
                first.set()

    def throttled(self, operation: str, retry_after: float | None = None) -> None:
        """AWS refused a call for its rate: halve ours, and pause for ``retry_after`` seconds and a random time more."""
        bucket = self._buckets[operation]
        bucket.throttled += 1
        self._refill(bucket)
        now = self._clock()
        if now - bucket.slowed >= ONE_EVENT:
            bucket.slowed = now
            bucket.rate = min(self._rate, max(bucket.rate / 2, SLOWEST_RATE))
        # AWS's own bucket is empty now, so ours holds just the one request that may follow the pause.
        bucket.tokens = 1.0
        pause = min(max(retry_after or 0.0, 0.0), LONGEST_RETRY_AFTER) + self._random() / bucket.rate
        bucket.not_before = max(bucket.not_before, now + pause)

    def succeeded(self, operation: str) -> None:
        """AWS answered a call: win back some of the rate."""
        bucket = self._buckets[operation]
        self._refill(bucket)
        bucket.rate = min(self._rate, bucket.rate + RECOVERY * self._rate)

    def _full_bucket(self) -> _Bucket:
        return _Bucket(rate=self._rate, tokens=_capacity(self._rate), updated=self._clock())

    def _refill(self, bucket: _Bucket) -> None:
        now = self._clock()
        elapsed = max(0.0, now - max(bucket.updated, bucket.not_before))
        bucket.tokens = min(_capacity(bucket.rate), bucket.tokens + elapsed * bucket.rate)
        bucket.updated = now

    def _delay(self, bucket: _Bucket) -> float:
        """Seconds until the next request may go out; 0 if it may now."""
        self._refill(bucket)
        delay = max(0.0, bucket.not_before - bucket.updated) + max(0.0, (1 - bucket.tokens) / bucket.rate)
        return delay if delay > _EPSILON else 0


def _capacity(rate: float) -> float:
    return max(1.0, rate / 2)


def _checked(requests_per_second: float) -> float:
    if not (requests_per_second > 0 and math.isfinite(requests_per_second)):
        raise ValueError("requests_per_second must be positive")
    return requests_per_second
