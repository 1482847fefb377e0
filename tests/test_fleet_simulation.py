"""Fleets on a simulated clock: the integration's own pacing beside a plain script's."""

import asyncio
from dataclasses import replace
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import fleet_report
from bench.fleet_report import BEGIN, DOCUMENT, END, PLOT, campaigns, plot, polls, write
from bench.fleet_scenario import BIN, HOUR, MINUTE, Scenario
from bench.fleet_simulation import simulate
from bench.simulated_time import SimulatedLoop

CROWDED = Scenario(gateways=150, interval=1, quota=2.5, settling=40 * MINUTE, steady=40 * MINUTE, campaign_within=750)
"""Twice as many calls as the quota allows: 150 × 2 lists of registrations in a minute are 5 per second."""
ROOMY = Scenario(gateways=5, interval=15, settling=HOUR, steady=HOUR)

outcome_of = cache(simulate)


def test_simulated_time() -> None:
    """A day of it passes at once, timers go off in order, and answers take as long as they should."""
    loop = SimulatedLoop(latency=0.5)
    seen: list[tuple[str, float]] = []

    def fail() -> None:
        raise ValueError("broken")

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, loop.time()))

    async def main() -> None:
        await asyncio.gather(wait("day", 86400), wait("hour", 3600), wait("second", 1))
        begin = loop.time()
        assert await loop.run_in_executor(None, sum, (1, 2)) == 3
        assert loop.time() == begin
        with pytest.raises(ValueError, match="broken"):
            await loop.run_in_executor(None, fail)

    try:
        loop.run_until_complete(main())
        assert seen == [("second", 1), ("hour", 3600), ("day", 86400)]
        with pytest.raises(RuntimeError, match="no timer"):
            loop.run_until_complete(loop.create_future())
    finally:
        loop.close()


def test_small_fleet() -> None:
    """Where there is room nothing is refused while all is steady, and everybody reads at the interval asked for."""
    outcome = outcome_of(ROOMY)
    assert outcome.refused == 0
    assert outcome.all_have_read
    assert max(outcome.first_reads) < 2 * MINUTE
    assert MINUTE < max(outcome.ages) <= 15 * MINUTE + 5
    assert outcome.lost == 0
    # Two associations in each home; one page each of the other lists.
    calls = outcome.calls_per_second
    assert calls["ListManagedThingAccountAssociations"] == 2 * calls["ListManagedThings"]
    assert calls["ListAccountAssociations"] == calls["ListManagedThings"]
    assert calls["ListManagedThings"] * ROOMY.steady == pytest.approx(5 * 4, abs=5)


def test_same_each_time() -> None:
    """A seed decides everything."""
    assert simulate(ROOMY) == outcome_of(ROOMY)
    assert simulate(replace(ROOMY, seed=2)).ages != outcome_of(ROOMY).ages


def test_crowded_fleet() -> None:
    """A fleet that wants twice what there is stops asking for it, and every gateway gets its share."""
    outcome = outcome_of(CROWDED)
    calls = outcome.calls_per_second
    assert all(served <= CROWDED.quota * 1.01 for served in calls.values())
    assert calls["ListManagedThingAccountAssociations"] > CROWDED.quota / 3
    # Nobody starves.
    assert outcome.all_have_read
    assert max(outcome.ages) < HOUR
    assert outcome.lost == 0
    assert outcome.campaign >= outcome.scenario.limit - 2 / CROWDED.quota

    script = outcome_of(replace(CROWDED, plain=True))
    assert outcome.refused < script.refused / 2
    assert script.lost > 0


def test_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = outcome_of(ROOMY)
    never = replace(outcome, first_reads=[])
    rows = polls([outcome, never]).splitlines()
    assert rows[2].startswith("| 5 | integration | 15 min | 10/s | 0.0% | ")
    assert rows[3].endswith("| never |")
    assert campaigns([outcome]).splitlines()[2].endswith("| 0 |")
    document, image = tmp_path / "scaling.md", tmp_path / "scaling.svg"
    document.write_text(f"before\n{BEGIN}old\n{END}after\n", encoding="utf-8")
    monkeypatch.setattr(fleet_report, "DOCUMENT", document)
    monkeypatch.setattr(fleet_report, "PLOT", image)
    write("new\n", plot([(outcome, "five & more", "#000")]))
    assert document.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew\n\n{END}after\n"
    document.write_text("no place\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        write("new\n", "")
    (line,) = ET.parse(image).iterfind("{*}polyline")  # noqa: S314  # written just now
    assert len(line.attrib["points"].split()) == len(outcome.bins) == int((ROOMY.settling + ROOMY.steady) / BIN)


def test_document() -> None:
    """The document has every fleet's figures, and its plot every line."""
    figures = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [line for line in figures.splitlines() if line.startswith("| ")]
    heads = 2
    assert len(rows) == len(fleet_report.POLLS) + len(fleet_report.CAMPAIGNS) + 2 * heads
    assert len(list(ET.parse(PLOT).iterfind("{*}polyline"))) == len(fleet_report.PLOTTED)  # noqa: S314  # our own file
