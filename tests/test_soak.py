"""An hour with faults and restarts: nothing is lost, nothing is done twice, nothing is left behind."""

import json
from pathlib import Path
import subprocess
import sys

import pytest

from bench.soak import Soak
from bench.soak_report import BEGIN, END, figures, write
from scripts.house import ROOT

RUN = """
import dataclasses, json
from bench.soak import soak
print(json.dumps(dataclasses.asdict(soak(things=50, hours=1, restarts=2, seed={seed}))))
"""


def run(seed: int) -> Soak:
    """Live through an hour in a process of its own, whose time is moved."""
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(seed=seed)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return Soak(**json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("seed", [1, 2])
def test_hour(seed: int) -> None:
    result = run(seed)
    assert result.faults > 0
    assert result.refused > 0
    assert (result.registered, result.lost, result.pending, result.twice) == (50, 0, 0, 0)
    assert len(result.footprints) == 3
    for footprint in result.footprints:
        assert (footprint["tasks"], footprint["threads"]) == (0, 0)
        # What Python keeps of a core that was stopped is all that keeps a coordinator.
        assert footprint["coordinators"] <= footprint["cores"]
    assert "| intents lost, intents still waiting | 0, 0 |" in figures(result)


def test_write(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}old\n{END}after\n", encoding="utf-8")
    write("new", readme)
    assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\nnew\n{END}after\n"
    readme.write_text("no place\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no place"):
        write("new", readme)
