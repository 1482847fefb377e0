"""The service's own time: what happens later, and jumping ahead to it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count


def wall_clock() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


class Timeline:
    """Runs what is due, in order, whenever somebody looks; nothing ticks in between."""

    def __init__(self, clock: Callable[[], datetime] = wall_clock) -> None:
        """Follow ``clock``, plus what :meth:`advance` adds to it."""
        self._clock = clock
        self._ahead = timedelta()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._replayed: datetime | None = None

    @property
    def now(self) -> datetime:
        """The service time; while something due runs, the time at which it was due."""
        return self._replayed or self._clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move the service time forward, and do what is due by then."""
        self._ahead += timedelta(seconds=seconds)
        self.settle()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do ``action`` in so many seconds of service time; at once if that is none."""
        if seconds <= 0:
            action()
        else:
            heappush(self._due, (self.now + timedelta(seconds=seconds), next(self._order), action))

    def settle(self) -> None:
        """Do everything that is due."""
        until = self.now
        while self._due and self._due[0][0] <= until:
            due, _, action = heappop(self._due)
            self._replayed = due
            try:
                action()
            finally:
                self._replayed = None
