"""What this integration is to cost, and where it costs more, what of that is not its own."""

from dataclasses import dataclass
import statistics

from .cloud import LATENCY
from .figures import Figures, clients_of, median_of, ratio
from .markdown import table
from .scenarios import Fleet, Way

QUOTA_RATIO = 1.02
THROTTLED = 0.01
SET_UP_RATIO = 1.3
MEMORY_RATIO = 1.5
STALL = 20.0
"""Milliseconds."""
POLL_CPU = 1.0
"""Seconds for 10,000 things."""
SET_UP_THINGS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """One aim; ``reason`` is what explains a figure that misses it."""

    what: str
    figure: str
    is_met: bool
    reason: str = ""


def aims_table(figures: Figures) -> str:
    """Return each aim with what was measured, and whether it is met, else why not."""
    ways = {way.name: way for way in figures.ways}
    aims = []
    if (bulk := ways.get("register")) is not None:
        aims.append(_bulk(bulk))
        if (loop := ways.get("boto3, loop")) is not None:
            aims.append(_bulk_cpu(bulk, loop))
    for fleet in figures.fleets:
        if fleet.things == SET_UP_THINGS:
            aims += _set_up(fleet, figures)
        if fleet.polls:
            aims += _large(fleet)
    return table(["aim", "measured", ""], ([aim.what, aim.figure, "met" if aim.is_met else aim.reason] for aim in aims))


def _bulk(way: Way) -> Aim:
    wall, throttled = statistics.median(way.ratios), statistics.median(way.throttled)
    return Aim(
        what=f"registering in bulk: {QUOTA_RATIO} × the quota's limit, none failed, {THROTTLED:.0%} answered 429",
        figure=f"{wall:.2f} ×, {way.failed}, {throttled:.1%}",
        is_met=wall <= QUOTA_RATIO and way.failed == 0 and throttled <= THROTTLED,
        reason="missed",
    )


def _bulk_cpu(way: Way, loop: Way) -> Aim:
    ours, on_loop, theirs = (statistics.median(values) for values in (way.cpu, way.loop_cpu, loop.cpu))
    return Aim(
        what="its CPU: no more than a boto3 loop's",
        figure=f"{ours / theirs:.2f} ×",
        is_met=ours <= theirs,
        reason=(
            f"{(ours - on_loop) / theirs:.2f} × without the event loop, which paces the calls, keeps the queue on disk"
            " and the states of all entities; calls that are spread over the time cost the SDK itself more than a burst"
        ),
    )


def _set_up(fleet: Fleet, figures: Figures) -> list[Aim]:
    waiting = fleet.waits * LATENCY + clients_of(figures.sdk, "wall")
    start = ratio(fleet, "wall", first=False)
    wall, cpu, memory = (ratio(fleet, member, first=True) for member in ("wall", "cpu", "memory"))
    without = ratio(fleet, "wall", first=True, less=waiting)
    cpu_without, memory_without = (
        ratio(fleet, member, first=True, less=clients_of(figures.sdk, member)) for member in ("cpu", "memory")
    )
    return [
        Aim(
            what=f"start with {fleet.things} things: {SET_UP_RATIO} × the bare integration's",
            figure=f"{start:.2f} ×",
            is_met=start <= SET_UP_RATIO,
            reason="missed",
        ),
        Aim(
            what="first set-up of as many, which reads the cloud before: the same",
            figure=f"{wall:.2f} ×, CPU {cpu:.2f} ×",
            is_met=max(wall, cpu) <= SET_UP_RATIO,
            reason=(
                f"{without:.2f} × without the latency of {fleet.waits} answers, one after the other, and without making"
                f" the SDK's clients; CPU {cpu_without:.2f} × without these"
            ),
        ),
        Aim(
            what=f"memory per thing: {MEMORY_RATIO} × the bare integration's",
            figure=f"{memory:.2f} ×",
            is_met=memory <= MEMORY_RATIO,
            reason=f"{memory_without:.2f} × without the SDK's clients, which any number of things share",
        ),
    ]


def _large(fleet: Fleet) -> list[Aim]:
    cpu = statistics.median([poll["cpu"] / poll["number"] for poll in fleet.polls])
    written = sum(poll["written"] for poll in fleet.polls)
    aims = []
    for what, runs in (("first set-up", fleet.first), ("start", fleet.again), ("poll", fleet.polls)):
        stalls = [run["stalls"] for run in runs]
        wall, own, collector = (median_of(stalls, kind) for kind in ("wall", "cpu", "collector"))
        aims.append(
            Aim(
                what=f"longest stall of the event loop, {what} of {fleet.things} things: {STALL:.0f} ms",
                figure=f"{wall:.0f} ms",
                is_met=wall < STALL,
                reason=(
                    f"{own:.0f} ms without Python's garbage collector, which looks at all that Home Assistant has:"
                    f" {collector:.0f} ms"
                ),
            )
        )
    aims.append(
        Aim(
            what=f"poll of {fleet.things} unchanged things: {POLL_CPU:.0f} s of CPU, no state written",
            figure=f"{cpu:.2f} s, {written}",
            is_met=cpu < POLL_CPU and written == 0,
            reason="missed",
        )
    )
    return aims
