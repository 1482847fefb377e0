"""How often to poll an account that many gateways may share."""

from collections.abc import Mapping
from datetime import timedelta
from random import randint, uniform
from typing import Any, Self

from .const import CONF_SCAN_INTERVAL_MINUTES, DEFAULT_SCAN_INTERVAL_MINUTES

THROTTLED_RETRY_SECONDS = (60.0, 300.0)
"""Seconds that a throttled poll waits for its repetition, by chance, so that gateways drift apart.

The second number doubles while poll after poll is throttled, as long as it stays within the interval.
"""
STRETCH = 2.0
"""How many times longer the interval gets after each poll that had to be repeated."""
RECOVERY = 0.9
"""What each poll that works at once makes of a longer interval, down to the one that was asked for."""
LONGEST_INTERVAL = timedelta(days=1)
MOST_TURNS = 128
"""Of so many synchronisations one reads the list of all homes at least, however often it was throttled."""


class Pacing:
    """Decides when the next poll is due.

    AWS serves so many calls per second, to all gateways of an account together. If these ask for more, each of them
    asks less and less often, and more often again when there is room.
    """

    def __init__(self, interval: timedelta) -> None:
        """Poll once per ``interval`` while AWS allows it."""
        self._interval = interval
        self._stretch = 1.0
        self._throttled = 0

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Poll as often as an entry's options say."""
        return cls(timedelta(minutes=options.get(CONF_SCAN_INTERVAL_MINUTES, DEFAULT_SCAN_INTERVAL_MINUTES)))

    @property
    def first_interval(self) -> timedelta:
        """After a power cut a thousand gateways start together; their polls must not stay together."""
        return self._interval * uniform(0, 1)  # noqa: S311 - no secret hangs on it

    @property
    def interval(self) -> timedelta:
        """From one poll to the next."""
        return max(self._interval, min(self._interval * self._stretch, LONGEST_INTERVAL))

    def succeeded(self) -> None:
        """Note that AWS served a poll."""
        if not self._throttled:
            self._stretch = max(1.0, self._stretch * RECOVERY)
        self._throttled = 0

    def throttled(self, retry_after: float | None) -> float:
        """Note that AWS refused a poll for its rate; return how many seconds to wait before it is repeated."""
        if not self._throttled and self.interval < LONGEST_INTERVAL:
            self._stretch *= STRETCH
        self._throttled += 1
        shortest, longest = THROTTLED_RETRY_SECONDS
        longer = min(longest * float(2 ** min(self._throttled - 1, 16)), self.interval.total_seconds())
        return max(uniform(shortest, max(longest, longer)), retry_after or 0)  # noqa: S311 - no secret hangs on it


class Turns:
    """Decides which synchronisations read a list that holds the rows of all homes of an account."""

    def __init__(self) -> None:
        """Begin with the next one."""
        self._wait = 0
        self._spread = 1

    def take(self) -> bool:
        """Return whether this synchronisation is to read the list."""
        if self._wait:
            self._wait -= 1
            return False
        return True

    def ask(self) -> None:
        """Let the next synchronisation read the list."""
        self._wait = 0

    def read(self, pages: int) -> None:
        """Note that the list was read to its end: one of so many synchronisations as it has pages is to read it."""
        self._spread = max(1, pages)
        self._wait = self._spread - 1

    def throttled(self) -> None:
        """Note that AWS refused a page for its rate: another synchronisation tries, by chance, so that homes spread."""
        self._spread = min(self._spread * 2, MOST_TURNS)
        self._wait = randint(1, self._spread)  # noqa: S311 - no secret hangs on it
