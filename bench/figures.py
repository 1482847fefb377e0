"""What was measured, and how several runs of it are told as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
import statistics
from typing import Any

from .scenarios import Day, Fleet, Reactions, Way


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that was measured."""

    ways: Sequence[Way]
    fleets: Sequence[Fleet]
    sdk: Sequence[dict[str, Any]]
    day: Day
    reactions: Reactions


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median, and the range where there are several values."""
    text = f"{statistics.median(values):.{digits}f}"
    if len(values) > 1:
        text += f" ({min(values):.{digits}f}–{max(values):.{digits}f})"
    return text


def median_of(runs: Iterable[dict[str, Any]], member: str) -> float:
    """Return the median of one figure of all runs."""
    return float(statistics.median([run[member] for run in runs]))


def clients_of(sdk: Iterable[dict[str, Any]], member: str) -> float:
    """Return what the AWS SDK's clients of an account cost by themselves."""
    return median_of([run["clients"] for run in sdk], member)


def ratio(fleet: Fleet, member: str, *, first: bool, less: float = 0) -> float:
    """Return one cost of a first set-up, or of a start, ``less`` a part of it, in multiples of the bare integration's.

    Seconds or bytes, as the cost is.
    """
    ours, bare = (fleet.first, fleet.bare_first) if first else (fleet.again, fleet.bare_again)
    return (median_of(ours, member) - less) / median_of(bare, member)
