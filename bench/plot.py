"""The growth of the costs with the number of things, as a picture."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
import math
from pathlib import Path
import statistics
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from .scenarios import Fleet

PICTURE = Path(__file__).parent / "growth.png"
SIZE = (960, 600)
LEFT, TOP, RIGHT, BOTTOM = 80, 60, 250, 60
"""Margins in pixels; the names of the lines are on the right."""
INK, FAINT, PAPER = "#1f2937", "#d1d5db", "#ffffff"
LINES = (
    ("first set-up", "first", "#d97706", True),
    ("first set-up, bare", "bare_first", "#d97706", False),
    ("start", "again", "#2563eb", True),
    ("start, bare", "bare_again", "#2563eb", False),
)
"""Name, member of a fleet, colour, and whether it is this integration's: others' lines are thin."""


class _Axis:
    """A logarithmic axis of whole powers of ten."""

    def __init__(self, values: Sequence[float], start: int, end: int) -> None:
        self._low = math.floor(math.log10(min(values)))
        self._high = max(self._low + 1, math.ceil(math.log10(max(values))))
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """Return where a value is, in pixels."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def marks(self) -> Iterator[float]:
        """Yield the powers of ten."""
        yield from (10.0**power for power in range(self._low, self._high + 1))


def _median(runs: Sequence[dict[str, Any]]) -> float:
    return float(statistics.median([run["wall"] for run in runs]))


def draw(fleets: Sequence[Fleet], path: Path = PICTURE) -> None:
    """Draw the time of set-up by number of things."""
    picture = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(16)
    times = {member: [_median(getattr(fleet, member)) for fleet in fleets] for _, member, _, _ in LINES}
    across = _Axis([fleet.things for fleet in fleets], LEFT, SIZE[0] - RIGHT)
    up = _Axis([value for values in times.values() for value in values], SIZE[1] - BOTTOM, TOP)
    pen.text((LEFT, 18), "Seconds of set-up by number of things", INK, ImageFont.load_default(20))
    for mark in across.marks():
        pen.line([(across.at(mark), TOP), (across.at(mark), SIZE[1] - BOTTOM)], FAINT)
        pen.text((across.at(mark), SIZE[1] - BOTTOM + 12), f"{mark:,.0f}", INK, font, anchor="ma")
    for mark in up.marks():
        pen.line([(LEFT, up.at(mark)), (SIZE[0] - RIGHT, up.at(mark))], FAINT)
        pen.text((LEFT - 12, up.at(mark)), f"{mark:g}", INK, font, anchor="rm")
    for number, (name, member, colour, is_ours) in enumerate(LINES):
        points = [(across.at(fleet.things), up.at(value)) for fleet, value in zip(fleets, times[member], strict=True)]
        width = 4 if is_ours else 1
        for pair in pairwise(points):
            pen.line(pair, colour, width)
        for x, y in points:
            pen.ellipse([x - 4, y - 4, x + 4, y + 4], colour if is_ours else PAPER, colour)
        y = TOP + 14 + number * 28
        pen.line([(SIZE[0] - RIGHT + 24, y), (SIZE[0] - RIGHT + 60, y)], colour, width)
        pen.text((SIZE[0] - RIGHT + 70, y), name, INK, font, anchor="lm")
    picture.save(path, optimize=True)
