"""The figures as tables, on the terminal and in the README."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
import os
from pathlib import Path
import platform
import statistics

import boto3

from homeassistant.const import __version__ as home_assistant_version

from .scenarios import Poll, SetUp, Way

README = Path(__file__).parent / "README.md"
BEGIN = "<!-- figures: made by `scripts/bench --write` -->\n"
END = "<!-- end of figures -->\n"


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Return the median, and the range where there are several values."""
    text = f"{statistics.median(values):.{digits}f}"
    if len(values) > 1:
        text += f" ({min(values):.{digits}f}–{max(values):.{digits}f})"
    return text


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def registrations(ways: Iterable[Way]) -> str:
    """Return the table of what registers devices."""
    return _table(
        [
            "way",
            "pairs",
            "wall time ÷ the quota's limit",
            "failed",
            "calls answered 429",
            "CPU seconds per 100 pairs",
            "longest stall of the event loop",
        ],
        (
            [
                way.name,
                str(way.pairs),
                spread(way.ratios),
                str(way.failed),
                f"{spread([share * 100 for share in way.throttled], 1)} %",
                spread(way.cpu),
                f"{spread(way.stalls, 0)} ms" if way.stalls else "–",
            ]
            for way in ways
        ),
    )


def _stall_row(name: str, stalls: Sequence[dict[str, float]]) -> list[str]:
    return [name, *(f"{spread([stall[kind] for stall in stalls], 0)} ms" for kind in ("wall", "cpu", "collector"))]


def poll_table(poll: Poll) -> str:
    """Return what a synchronisation of a large account costs."""
    calls = f"{spread(poll.list_calls, 0)} list calls for {poll.pages} pages"
    return (
        f"A synchronisation of {poll.things} things: {calls}, {poll.states_written} states written"
        " while nothing changes.\n\n"
    ) + _table(
        ["longest stall of the event loop", "wall time", "CPU without garbage collector", "garbage collector"],
        [
            _stall_row("unchanged synchronisation", poll.stalls),
            _stall_row("set-up", poll.set_up_stalls),
            _stall_row("set-up of the bare integration", poll.bare_stalls),
        ],
    )


def _ratio(set_up: SetUp, member: str) -> float:
    ours, bare = (statistics.median([run[member] for run in runs]) for runs in (set_up.ours, set_up.bare))
    return float(ours / bare)


def set_up_table(set_up: SetUp) -> str:
    """Return what setting up costs beside the floor."""
    rows = []
    for name, runs in (("this integration", set_up.ours), ("bare integration", set_up.bare)):
        memory = [run["memory"] / 2**20 for run in runs]
        rows.append(
            [
                name,
                str(runs[0]["states"]),
                f"{spread([run['wall'] for run in runs])} s",
                f"{spread([run['cpu'] for run in runs])} s",
                f"{spread(memory, 1)} MiB",
            ]
        )
    ratios = [f"{_ratio(set_up, member):.2f}" for member in ("wall", "cpu", "memory")]
    return _table(
        [f"set-up of {set_up.things} things", "entities", "wall time", "CPU", "memory added"],
        [["ratio", "", *ratios], *rows],
    )


def headline(ways: Sequence[Way], poll: Poll, set_up: SetUp) -> str:
    """Return the figures that matter most in one line."""
    parts = [
        f"{way.name} {spread(way.ratios)} × limit, {way.failed} failed,"
        f" {statistics.median(way.throttled) * 100:.1f} % 429"
        for way in ways
    ]
    stalls = spread([stall["cpu"] for stall in poll.stalls], 0)
    calls = f"{spread(poll.list_calls, 0)}/{poll.pages} pages"
    parts.append(f"poll of {poll.things}: {calls}, {stalls} ms CPU stall, {poll.states_written} states written")
    time, memory = _ratio(set_up, "wall"), _ratio(set_up, "memory")
    parts.append(f"set-up of {set_up.things}: {time:.2f} × time, {memory:.2f} × memory of bare")
    return "bench: " + " · ".join(parts)


def machine() -> str:
    """Return what the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} × {model}, {memory:.0f} GiB, Linux {platform.release()},"
        f" Python {platform.python_version()}, Home Assistant {home_assistant_version}, boto3 {boto3.__version__}"
    )


def report(ways: Sequence[Way], poll: Poll, set_up: SetUp) -> str:
    """Return everything that was measured, as Markdown."""
    return "\n".join([f"{machine()}.\n", registrations(ways), poll_table(poll), set_up_table(set_up)])


def write(text: str, path: Path = README) -> None:
    """Put a report into the README, in the place of the one before; raises ``ValueError`` if it has no such place."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no place for figures")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
