"""The bench at a tiny size: that it measures what it says, never how fast anything is."""

import asyncio
import json
from pathlib import Path
import sys
import time

from PIL import Image, ImageColor
import pytest

from bench.aims import SET_UP_THINGS, aims_table
from bench.cloud import LATENCY
from bench.figures import Figures, spread
from bench.plot import LINES, draw
from bench.report import BEGIN, END, headline, report, write
from bench.scenarios import (
    Day,
    Fleet,
    Reactions,
    Way,
    measure_day,
    measure_engine,
    measure_fleet,
    measure_reactions,
    measure_registration,
    measure_sdk,
)
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


def test_registration() -> None:
    way = measure_registration("threads", "threads", PAIRS, 1)
    assert (way.failed, way.throttled, way.stalls, way.loop_cpu) == (0, [0.0], [], [])
    assert [len(values) for values in (way.ratios, way.cpu)] == [1, 1]
    assert all(value > 0 for value in (*way.ratios, *way.cpu))


def test_engine() -> None:
    way = measure_engine("onboard", "onboard", PAIRS, 1)
    assert (way.failed, way.throttled) == (0, [0.0, 0.0])
    assert [len(values) for values in (way.ratios, way.cpu, way.loop_cpu, way.stalls)] == [1, 1, 1, 1]
    assert way.cpu[0] > way.loop_cpu[0] > 0
    assert all(value > 0 for value in (*way.ratios, *way.stalls))


def test_command_line(stand_in: Path) -> None:
    way = measure_registration("AWS CLI", "command_line", PAIRS, 1, program=str(stand_in))
    # The stand-in sends nothing, so the cloud has none of the pairs.
    assert way.failed == PAIRS
    calls = json.loads((stand_in.parent / "calls").read_text(encoding="utf-8"))
    assert [call[2:4] for call in calls] == [["iot-managed-integrations", "register-account-association"]] * PAIRS
    assert len({call[call.index("--managed-thing-id") + 1] for call in calls}) == PAIRS


def test_fleet() -> None:
    fleet = measure_fleet(300, 1, polls=1, settle=0)
    # Two pages of things, one of registrations, one of associations; before them, whose credentials these are.
    assert (fleet.pages, fleet.waits) == (4, 3)
    assert fleet.list_calls == [fleet.pages]
    assert fleet.polls[0]["written"] == 0
    kinds = (fleet.first, fleet.again, fleet.bare_first, fleet.bare_again)
    assert {runs[0]["states"] for runs in kinds} == {fleet.first[0]["states"]}
    assert fleet.first[0]["states"] > 600
    assert fleet.again[0]["fresh"] > fleet.again[0]["wall"]


def test_day() -> None:
    day = measure_day(10, 60)
    # At least three synchronisations of three calls each, and as often whether the hub is connected.
    assert day.calls >= 12
    assert day.states_written == 0
    assert day.bytes_written > 0


def test_reactions() -> None:
    reactions = measure_reactions(10, 1)
    assert reactions.notice[0] > LATENCY
    assert reactions.register[0] > LATENCY


def test_sdk() -> None:
    (sdk,) = measure_sdk(1)
    assert all(cost > 0 for part in ("load", "clients") for cost in sdk[part].values())


async def test_stalls() -> None:
    with measured() as stalls:
        await asyncio.sleep(0.01)
        begin = time.perf_counter()
        while time.perf_counter() - begin < 0.05:
            pass
        await asyncio.sleep(0.01)
    assert stalls.wall >= 45
    assert stalls.cpu > 0


def _figures() -> Figures:
    stalls = {"wall": 12.0, "cpu": 10.0, "collector": 1.0}
    cost = {"states": 9, "wall": 2.0, "cpu": 1.0, "memory": 2**21, "stalls": stalls}
    fleet = Fleet(things=50, pages=4, waits=5)
    fleet.list_calls = [4.0]
    fleet.first, fleet.bare_first = [cost], [cost | {"wall": 1.0}]
    fleet.again, fleet.bare_again = [cost | {"fresh": 3.0}], [cost | {"wall": 1.6}]
    fleet.polls = [cost | {"number": 2, "written": 0}]
    part = {"wall": 0.3, "cpu": 0.5, "memory": 2**20}
    return Figures(
        ways=[
            Way(
                name="register",
                pairs=200,
                ratios=[1.0, 1.5, 1.25],
                throttled=[0.0, 0.02, 0.01],
                cpu=[0.5],
                loop_cpu=[0.2],
                failed=7,
            ),
            Way(name="boto3, loop", pairs=200, ratios=[1.0], throttled=[0.1], cpu=[0.25]),
        ],
        fleets=[fleet],
        sdk=[{"load": part, "clients": part}],
        day=Day(things=50, calls=384, states_written=0, bytes_written=2**19),
        reactions=Reactions(notice=[0.125], register=[0.5]),
    )


def test_report(tmp_path: Path) -> None:
    figures = _figures()
    assert spread([0.5]) == "0.50"
    last = headline(figures)
    assert "register 1.25 (1.00–1.50) × limit, 7 failed, 1.0 % 429" in last
    assert "4/4 pages" in last
    assert "start 1.25 × and first set-up 2.00 × time, 1.00 × memory" in last
    assert "\n" not in last

    text = report(figures)
    assert "| register | 200 | 1.25 (1.00–1.50) | 7 | 1.0 (0.0–2.0) % | 0.50 | 0.20 | – |" in text
    # Five answers of 40 ms each and 0.3 s of the SDK off two seconds; half of the CPU and of the memory are the SDK's.
    assert "| 50 | 9 | 1.25 | 1.00 | 2.00 | 1.50 | 1.00 | 0.50 | 1.00 | 0.50 |" in text
    assert "| 50 | this integration | 2.00 s | 1.00 s | 3.00 s | 2.00 s | 1.00 s | 2.0 MiB | 41.0 KiB |" in text
    assert "4 list calls for 4 pages, 0.50 s of CPU, 0 states written" in text
    assert "| import boto3 | 0.30 s | 0.50 s | 1.0 MiB |" in text
    assert "| written to disk in that day | 0.50 MiB |" in text
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}old\n{END}after\n", encoding="utf-8")
    write(text, readme)
    write(text, readme)
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{text}\n{END}after\n"
    readme.write_text("no place\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        write(text, readme)


def test_aims() -> None:
    """Each aim is met, or what was measured says why not."""
    figures = _figures()
    rows = aims_table(figures).splitlines()[2:]
    assert [row.split(" | ")[1:] for row in rows] == [
        ["1.25 ×, 7, 1.0%", "missed |"],
        [
            "2.00 ×",
            (
                "1.20 × without the event loop, which paces the calls, keeps the queue on disk and the states of all"
                " entities; calls that are spread over the time cost the SDK itself more than a burst |"
            ),
        ],
        ["12 ms", "met |"],
        ["12 ms", "met |"],
        ["12 ms", "met |"],
        ["0.50 s, 0", "met |"],
    ]
    figures.fleets[0].things = SET_UP_THINGS
    rows = aims_table(figures).splitlines()[4:7]
    assert [row.split(" | ")[1:] for row in rows] == [
        ["1.25 ×", "met |"],
        [
            "2.00 ×, CPU 1.00 ×",
            (
                "1.50 × without the latency of 5 answers, one after the other, and without making the SDK's clients;"
                " CPU 0.50 × without these |"
            ),
        ],
        ["1.00 ×", "met |"],
    ]


def test_plot(tmp_path: Path) -> None:
    figures = _figures()
    draw(figures.fleets, tmp_path / "growth.png")
    with Image.open(tmp_path / "growth.png") as picture:
        colours = {colour for _, colour in picture.getcolors(picture.width * picture.height) or ()}
    assert {ImageColor.getrgb(colour) for _, _, colour, _ in LINES} <= colours
