"""The bench at a tiny size: that it measures what it says, never how fast anything is."""

import asyncio
import json
from pathlib import Path
import sys
import time

import pytest

from bench.report import BEGIN, END, headline, report, spread, write
from bench.scenarios import Poll, SetUp, Way, measure_poll, measure_registration, measure_set_up
from bench.stalls import measured

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.xdist_group("bench")]
PAIRS = 3


@pytest.fixture(name="stand_in")
def stand_in_fixture(tmp_path: Path) -> Path:
    """Make a program that stands in for the AWS CLI: it writes its arguments down, and fails for the second pair."""
    program = tmp_path / "aws"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        f"log = pathlib.Path({str(tmp_path / 'calls')!r})\n"
        "calls = json.loads(log.read_text()) if log.exists() else []\n"
        "log.write_text(json.dumps([*calls, sys.argv[1:]]))\n"
        "sys.exit(len(calls) == 1)\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("worker", ["onboard", "threads"])
def test_registration(worker: str) -> None:
    way = measure_registration(worker, worker, PAIRS, 1)
    assert (way.failed, way.throttled) == (0, [0.0])
    assert [len(values) for values in (way.ratios, way.cpu)] == [1, 1]
    assert all(value > 0 for value in (*way.ratios, *way.cpu))
    assert bool(way.stalls) is (worker == "onboard")


def test_command_line(stand_in: Path) -> None:
    way = measure_registration("AWS CLI", "command_line", PAIRS, 1, program=str(stand_in))
    # The stand-in sends nothing, so the cloud has none of the pairs.
    assert way.failed == PAIRS
    calls = json.loads((stand_in.parent / "calls").read_text(encoding="utf-8"))
    assert [call[2:4] for call in calls] == [["iot-managed-integrations", "register-account-association"]] * PAIRS
    assert len({call[call.index("--managed-thing-id") + 1] for call in calls}) == PAIRS


def test_poll() -> None:
    poll = measure_poll(300, 1, 1, settle=0)
    # Two pages of things, one of registrations, one of associations.
    assert poll.pages == 4
    assert poll.list_calls == [poll.pages]
    assert poll.states_written == 0


def test_set_up_adds_what_the_bare_integration_adds() -> None:
    set_up = measure_set_up(20, 1)
    assert set_up.ours[0]["states"] == set_up.bare[0]["states"] > 40


async def test_stalls() -> None:
    with measured() as stalls:
        await asyncio.sleep(0.01)
        begin = time.perf_counter()
        while time.perf_counter() - begin < 0.05:
            pass
        await asyncio.sleep(0.01)
    assert stalls.wall >= 45
    assert stalls.cpu > 0


def test_report(tmp_path: Path) -> None:
    way = Way(name="register", pairs=200, ratios=[1.0, 1.5, 1.25], throttled=[0.0, 0.02, 0.01], cpu=[0.5], failed=7)
    stall = {"wall": 12.0, "cpu": 10.0, "collector": 1.0}
    poll = Poll(things=500, pages=4, list_calls=[4.0], stalls=[stall], set_up_stalls=[stall], bare_stalls=[stall])
    costs = {"states": 9, "wall": 2.0, "cpu": 1.0, "memory": 2**21}
    set_up = SetUp(things=50, ours=[costs], bare=[costs | {"wall": 1.0}])
    assert spread([0.5]) == "0.50"
    last = headline([way], poll, set_up)
    assert "register 1.25 (1.00–1.50) × limit, 7 failed, 1.0 % 429" in last
    assert "4/4 pages" in last
    assert "2.00 × time, 1.00 × memory" in last
    assert "\n" not in last

    text = report([way], poll, set_up)
    assert "| register | 200 | 1.25 (1.00–1.50) | 7 | 1.0 (0.0–2.0) % | 0.50 | – |" in text
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}old\n{END}after\n", encoding="utf-8")
    write(text, readme)
    write(text, readme)
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{text}\n{END}after\n"
    readme.write_text("no place\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place for figures"):
        write(text, readme)
