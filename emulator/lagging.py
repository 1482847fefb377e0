"""Lists that still show an older state of the account, as those of a large service may."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .models import ManagedIntegrationsBackend, Snapshot

LAGGING_LISTS = ("ListManagedThings", "ListManagedThingAccountAssociations")


@dataclass(slots=True)
class _Lag:
    """``calls`` that each list still answers from the first of ``states``, or the ``seconds`` that it is behind."""

    calls: dict[str, int]
    seconds: float
    states: list[tuple[datetime, Snapshot]] = field(default_factory=list)


class LaggingLists:
    """What the lists of things and of registrations show, if that isn't what there is."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start up to date."""
        self._backend = backend
        self._lag: _Lag | None = None

    def lag(self, seconds: float, calls: int) -> None:
        """Be so many seconds behind, or show what is now for so many calls of each; with neither, be up to date."""
        self._lag = _Lag(dict.fromkeys(LAGGING_LISTS, calls), seconds) if seconds or calls else None
        self.remember()

    def remember(self) -> None:
        """Keep the present state, if it will be shown later."""
        if self._lag is not None and (self._lag.seconds or not self._lag.states):
            self._lag.states.append((self._backend.timeline.now, self._backend.snapshot()))

    def state_for(self, operation: str) -> Snapshot | None:
        """Return what an operation shows now, ``None`` for what there is."""
        if (lag := self._lag) is None or operation not in LAGGING_LISTS:
            return None
        if lag.seconds:
            then = self._backend.timeline.now - timedelta(seconds=lag.seconds)
            while len(lag.states) > 1 and lag.states[1][0] <= then:
                del lag.states[0]
            return lag.states[0][1]
        if not lag.calls[operation]:
            return None
        lag.calls[operation] -= 1
        return lag.states[0][1]
