"""The service's quota: so many calls per second, per operation and account."""

from collections.abc import Callable
import time

DEFAULT_RATE = 10.0
"""Calls per second that AWS documents for nearly every operation."""

DOCUMENTED_RATES = {"SendManagedThingCommand": 100.0, "RegisterCustomEndpoint": 1.0, "CreateOtaTask": 5.0}
DOCUMENTED_RATES["DeleteOtaTask"] = DOCUMENTED_RATES["CreateOtaTask"]


class Quota:
    """A token bucket per operation that holds one second's worth of calls.

    ``rate`` is the calls per second of an ordinary operation, ``None`` for no quota at all; the operations for which
    AWS documents another rate keep their proportion to it.
    """

    def __init__(self, rate: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with full buckets; ``clock`` is in seconds."""
        self.rate = rate
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def allows(self, operation: str) -> bool:
        """Take a token of the operation's bucket; ``False`` if it has none left."""
        if self.rate is None:
            return True
        rate = self.rate * DOCUMENTED_RATES.get(operation, DEFAULT_RATE) / DEFAULT_RATE
        size = max(rate, 1.0)
        now = self._clock()
        tokens, filled_at = self._buckets.get(operation, (size, now))
        tokens = min(size, tokens + (now - filled_at) * rate)
        allowed = tokens >= 1.0
        self._buckets[operation] = (tokens - 1.0 if allowed else tokens, now)
        return allowed
