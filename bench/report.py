"""The figures as tables, on the terminal and in the README."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
import os
from pathlib import Path
import platform
import statistics
from typing import Any

import boto3

from homeassistant.const import __version__ as home_assistant_version

from .aims import aims_table
from .cloud import LATENCY
from .figures import Figures, clients_of, ratio, spread
from .markdown import table, write_between
from .scenarios import Day, Fleet, Reactions, Way

README = Path(__file__).parent / "README.md"
BEGIN = "<!-- figures: made by `scripts/bench --write` -->\n"
END = "<!-- end of figures -->\n"
STALLS = ("wall", "cpu", "collector")


def registrations(ways: Iterable[Way]) -> str:
    """Return the table of what registers devices."""
    return table(
        [
            "way",
            "pairs",
            "wall time ÷ the quota's limit",
            "failed",
            "calls answered 429",
            "CPU seconds per 100 pairs",
            "of it on the event loop",
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
                spread(way.loop_cpu) if way.loop_cpu else "–",
                f"{spread(way.stalls, 0)} ms" if way.stalls else "–",
            ]
            for way in ways
        ),
    )


def _stalls(name: str, things: int, runs: Sequence[dict[str, Any]]) -> list[str]:
    stalls = [run["stalls"] for run in runs]
    return [name, str(things), *(f"{spread([stall[kind] for stall in stalls], 0)} ms" for kind in STALLS)]


def stall_table(fleets: Sequence[Fleet]) -> str:
    """Return how long the event loop was kept from everything else."""
    rows = []
    for fleet in fleets:
        rows += [
            _stalls(name, fleet.things, runs)
            for name, runs in (
                ("unchanged synchronisation", fleet.polls),
                ("first set-up", fleet.first),
                ("start", fleet.again),
                ("first set-up of the bare integration", fleet.bare_first),
                ("start of the bare integration", fleet.bare_again),
            )
            if runs
        ]
    kinds = ["wall time", "CPU without garbage collector", "garbage collector"]
    return table(["longest stall of the event loop", "things", *kinds], rows)


def poll_text(fleet: Fleet) -> str:
    """Return what a synchronisation of a large account costs."""
    calls = f"{spread(fleet.list_calls, 0)} list calls for {fleet.pages} pages"
    written = sum(poll["written"] for poll in fleet.polls)
    cpu = spread([poll["cpu"] / poll["number"] for poll in fleet.polls])
    return (
        f"A synchronisation of {fleet.things} things: {calls}, {cpu} s of CPU, {written} states written while nothing"
        " changes.\n"
    )


def ratio_table(fleets: Iterable[Fleet], sdk: Sequence[dict[str, Any]]) -> str:
    """Return what setting up costs, in multiples of what the same entities cost without any cloud."""
    rows = []
    for fleet in fleets:
        waiting = fleet.waits * LATENCY + clients_of(sdk, "wall")
        ratios = [
            *(ratio(fleet, member, first=False) for member in ("wall", "cpu")),
            ratio(fleet, "wall", first=True),
            ratio(fleet, "wall", first=True, less=waiting),
        ]
        for member in ("cpu", "memory"):
            ratios += [
                ratio(fleet, member, first=True),
                ratio(fleet, member, first=True, less=clients_of(sdk, member)),
            ]
        rows.append([str(fleet.things), str(fleet.first[0]["states"]), *(f"{value:.2f}" for value in ratios)])
    head = ["things", "entities", "start: wall time", "CPU", "first set-up: wall time", "without waiting and SDK"]
    return table([*head, "CPU", "without SDK", "memory", "without SDK"], rows)


def cost_table(fleets: Iterable[Fleet]) -> str:
    """Return what setting up costs, in seconds and in memory."""
    rows = []
    for fleet in fleets:
        for name, first, again in (
            ("this integration", fleet.first, fleet.again),
            ("bare integration", fleet.bare_first, fleet.bare_again),
        ):
            rows.append(
                [
                    str(fleet.things),
                    name,
                    *(f"{spread([run[member] for run in again])} s" for member in ("wall", "cpu")),
                    f"{spread([run['fresh'] for run in again])} s" if "fresh" in again[0] else "–",
                    *(f"{spread([run[member] for run in first])} s" for member in ("wall", "cpu")),
                    f"{spread([run['memory'] / 2**20 for run in first], 1)} MiB",
                    f"{spread([run['memory'] / 2**10 / fleet.things for run in first], 1)} KiB",
                ]
            )
    head = ["things", "", "start: wall time", "CPU", "until the cloud was read", "first set-up: wall time", "CPU"]
    return table([*head, "memory", "per thing"], rows)


def sdk_table(sdk: Sequence[dict[str, Any]]) -> str:
    """Return what the AWS SDK costs by itself."""
    return table(
        ["AWS SDK by itself", "wall time", "CPU", "memory"],
        (
            [
                name,
                *(f"{spread([run[part][member] for run in sdk])} s" for member in ("wall", "cpu")),
                f"{spread([run[part]['memory'] / 2**20 for run in sdk], 1)} MiB",
            ]
            for name, part in (("import boto3", "load"), ("an account's clients, the first in a process", "clients"))
        ),
    )


def life_table(day: Day, reactions: Reactions) -> str:
    """Return what an account costs while nothing happens, and how soon it shows what does."""
    return table(
        ["an account in use", ""],
        [
            [f"calls in a day of {day.things} things in which nothing changes", str(day.calls)],
            ["states written in that day", str(day.states_written)],
            ["written to disk in that day", f"{day.bytes_written / 2**20:.2f} MiB"],
            ["from a change in the cloud to the entity's state, once it is asked for", _seconds(reactions.notice)],
            ["from the action to ASSOCIATED, read back", _seconds(reactions.register)],
        ],
    )


def _seconds(values: Sequence[float]) -> str:
    return f"{spread(values)} s"


def headline(figures: Figures) -> str:
    """Return the figures that matter most in one line."""
    parts = [
        f"{way.name} {spread(way.ratios)} × limit, {way.failed} failed,"
        f" {statistics.median(way.throttled) * 100:.1f} % 429"
        for way in figures.ways
    ]
    for fleet in figures.fleets:
        if fleet.polls:
            stalls = spread([poll["stalls"]["cpu"] for poll in fleet.polls], 0)
            calls = f"{spread(fleet.list_calls, 0)}/{fleet.pages} pages"
            written = sum(poll["written"] for poll in fleet.polls)
            parts.append(f"poll of {fleet.things}: {calls}, {stalls} ms CPU stall, {written} states written")
        first, again = (ratio(fleet, "wall", first=first) for first in (True, False))
        memory = ratio(fleet, "memory", first=True)
        parts.append(
            f"{fleet.things} things: start {again:.2f} × and first set-up {first:.2f} × time,"
            f" {memory:.2f} × memory of bare"
        )
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


def report(figures: Figures) -> str:
    """Return everything that was measured, as Markdown."""
    return "\n".join(
        [
            f"{machine()}.\n",
            registrations(figures.ways),
            ratio_table(figures.fleets, figures.sdk),
            cost_table(figures.fleets),
            sdk_table(figures.sdk),
            *(poll_text(fleet) for fleet in figures.fleets if fleet.polls),
            stall_table([fleet for fleet in figures.fleets if fleet.polls]),
            life_table(figures.day, figures.reactions),
            aims_table(figures),
        ]
    )


def write(text: str, path: Path = README) -> None:
    """Put a report into the README, in the place of the one before."""
    write_between(path, BEGIN, END, text)
