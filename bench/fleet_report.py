"""What fleets of different sizes can expect, as tables and a plot: `scripts/fleet`."""

import argparse
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import statistics
import sys
from xml.sax.saxutils import escape

from .fleet_scenario import BIN, HOUR, MINUTE, Outcome, Scenario
from .fleet_simulation import simulate
from .markdown import table, write_between

DOCUMENT = Path(__file__).parents[1] / "docs" / "scaling.md"
PLOT = Path(__file__).parents[1] / "docs" / "images" / "scaling.svg"
BEGIN = "<!-- figures: made by `scripts/fleet --write` -->\n"
END = "<!-- end of figures -->\n"


def spread_out(gateways: int, *, interval: int = 15, quota: float = 10.0, plain: bool = False) -> Scenario:
    """Return a fleet whose campaign begins at random within a quarter more than the quota needs for it."""
    within = 1.25 * Scenario(gateways=gateways, quota=quota).limit
    return Scenario(gateways=gateways, interval=interval, quota=quota, plain=plain, campaign_within=within)


def at_once(gateways: int, *, plain: bool = False) -> Scenario:
    """Return a fleet whose campaign begins everywhere in the same second."""
    return Scenario(gateways=gateways, settling=HOUR, steady=BIN, plain=plain)


POLLS = (
    *(spread_out(gateways) for gateways in (1, 100, 1000, 10000)),
    spread_out(10000, interval=60),
    spread_out(10000, quota=40),
    *(spread_out(gateways, plain=True) for gateways in (100, 1000, 10000)),
)
CAMPAIGNS = (
    *(at_once(gateways) for gateways in (100, 1000)),
    *(spread_out(gateways) for gateways in (100, 1000)),
    spread_out(10000, interval=60),
    *(at_once(gateways, plain=True) for gateways in (100, 1000)),
    *(spread_out(gateways, plain=True) for gateways in (100, 1000, 10000)),
)
PLOTTED = (
    (spread_out(1000), "1,000 gateways, every 15 minutes", "#2a7f62"),
    (spread_out(10000), "10,000 gateways, every 15 minutes", "#c77d0a"),
    (spread_out(10000, interval=60), "10,000 gateways, every 60 minutes", "#2457a6"),
    (spread_out(1000, plain=True), "1,000 scripts, every 15 minutes", "#b3261e"),
)


def _duration(seconds: float) -> str:
    """Return a duration as a person would say it."""
    if seconds >= 2 * HOUR:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / MINUTE:.0f} min" if seconds >= 2 * MINUTE else f"{seconds:.0f} s"


def _spread(values: Sequence[float]) -> list[str]:
    """Return median, 95th percentile and maximum."""
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return [_duration(value) for value in (statistics.median(ordered), p95, ordered[-1])]


def _who(scenario: Scenario) -> str:
    return "script" if scenario.plain else "integration"


def polls(outcomes: Iterable[Outcome]) -> str:
    """Return the table of how fresh the gateways' data is, and what that costs."""
    return table(
        [
            "gateways",
            "who",
            "interval",
            "quota",
            "calls refused",
            "age of the data: median",
            "95 %",
            "longest",
            "age of the authorizations: median",
            "95 %",
            "all have read after a power cut",
        ],
        (
            [
                f"{outcome.scenario.gateways:,}",
                _who(outcome.scenario),
                f"{outcome.scenario.interval} min",
                f"{outcome.scenario.quota:.0f}/s",
                f"{outcome.refused:.1%}",
                *_spread(outcome.ages),
                *_spread(outcome.association_ages)[:2],
                _duration(max(outcome.first_reads)) if outcome.all_have_read else "never",
            ]
            for outcome in outcomes
        ),
    )


def campaigns(outcomes: Iterable[Outcome]) -> str:
    """Return the table of campaigns."""
    return table(
        ["gateways", "who", "begin within", "registrations", "done after", "the quota's limit", "refused", "lost"],
        (
            [
                f"{outcome.scenario.gateways:,}",
                _who(outcome.scenario),
                _duration(outcome.scenario.campaign_within),
                f"{outcome.scenario.gateways * outcome.scenario.things // 2:,}",
                _duration(outcome.campaign),
                _duration(outcome.scenario.limit),
                f"{outcome.campaign_refused:.0%}",
                f"{outcome.lost:,}",
            ]
            for outcome in outcomes
        ),
    )


def plot(lines: Iterable[tuple[Outcome, str, str]]) -> str:
    """Draw the share of refused calls over the hours after a power cut, as an SVG image."""
    lines = list(lines)
    width, height, left, top, right, bottom = 860, 420, 60, 24, 20, 110
    hours = max(len(outcome.bins) for outcome, _, _ in lines) * BIN / HOUR
    inner, tall = width - left - right, height - top - bottom

    def x(hour: float) -> float:
        return left + inner * hour / hours

    def y(share: float) -> float:
        return top + tall * (1 - share)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<style>text { font: 13px sans-serif }</style>",
        "<title>Share of calls that AWS refuses, after a power cut</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for percent in range(0, 101, 20):
        level = y(percent / 100)
        parts += [
            f'<line x1="{left}" y1="{level:.1f}" x2="{width - right}" y2="{level:.1f}" stroke="#ddd"/>',
            f'<text x="{left - 8}" y="{level + 4:.1f}" text-anchor="end" fill="#444">{percent} %</text>',
        ]
    for hour in range(int(hours) + 1):
        parts.append(f'<text x="{x(hour):.1f}" y="{top + tall + 20}" text-anchor="middle" fill="#444">{hour}</text>')
    parts.append(
        f'<text x="{left + inner / 2:.1f}" y="{top + tall + 42}" text-anchor="middle" fill="#444">'
        "hours since all gateways started within a minute; share of calls refused in each ten minutes</text>"
    )
    for number, (outcome, name, colour) in enumerate(lines):
        points = " ".join(
            f"{x((index + 0.5) * BIN / HOUR):.1f},{y(share):.1f}" for index, share in enumerate(outcome.bins)
        )
        at, level = left + 10 + (number % 2) * inner / 2, top + tall + 68 + (number // 2) * 22
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5" stroke-linejoin="round"/>',
            f'<line x1="{at:.1f}" y1="{level}" x2="{at + 28:.1f}" y2="{level}" stroke="{colour}" stroke-width="2.5"/>',
            f'<text x="{at + 36:.1f}" y="{level + 4}" fill="#222">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


def write(text: str, image: str) -> None:
    """Put the tables into the document and the plot beside it."""
    write_between(DOCUMENT, BEGIN, END, text)
    PLOT.write_text(image, encoding="utf-8")


def main() -> int:
    """Run every fleet, the largest first, and print the tables."""
    parser = argparse.ArgumentParser(prog="scripts/fleet", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fleets of up to 1,000 gateways only; about a minute")
    parser.add_argument("--write", action="store_true", help="put tables and plot into docs/scaling.md")
    arguments = parser.parse_args()
    if arguments.quick and arguments.write:
        parser.error("--quick leaves out what --write needs")
    wanted = {*POLLS, *CAMPAIGNS, *(scenario for scenario, _, _ in PLOTTED)}
    scenarios = sorted(
        (scenario for scenario in wanted if not arguments.quick or scenario.gateways <= 1000),
        key=lambda scenario: (-scenario.gateways, scenario.plain, scenario.interval, scenario.quota, scenario.steady),
    )
    with ProcessPoolExecutor() as pool:
        outcomes = dict(zip(scenarios, pool.map(simulate, scenarios), strict=True))
    text = "\n".join(
        (
            polls(outcomes[scenario] for scenario in POLLS if scenario in outcomes),
            campaigns(outcomes[scenario] for scenario in CAMPAIGNS if scenario in outcomes),
        )
    )
    print(text)
    if arguments.write:
        write(text, plot((outcomes[scenario], name, colour) for scenario, name, colour in PLOTTED))
    return 0


if __name__ == "__main__":
    sys.exit(main())
