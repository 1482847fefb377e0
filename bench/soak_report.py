"""Live through a simulated day with faults and restarts, and say what came of it: `scripts/bench --soak`."""

import argparse
from pathlib import Path
import sys
from typing import Final

from .markdown import table, write_between
from .report import README, machine
from .soak import Soak, soak

BEGIN: Final = "<!-- soak: made by `scripts/bench --soak --write` -->\n"
END: Final = "<!-- end of soak -->\n"


def figures(result: Soak) -> str:
    """Return the figures as Markdown."""
    first, last = result.footprints[0], result.footprints[-1]
    rows = [
        ("simulated hours, devices, restarts", f"{result.hours}, {result.things}, {result.restarts}"),
        ("faults; requests, of which not answered well", f"{result.faults}; {result.requests}, {result.refused}"),
        ("devices registered in the end", str(result.registered)),
        ("intents lost, intents still waiting", f"{result.lost}, {result.pending}"),
        ("registered twice, or created twice", str(result.twice)),
        *(
            (f"{name} after the first stop, after the last", f"{first[name]}, {last[name]}")
            for name in ("tasks", "threads", "sockets", "cores", "coordinators")
        ),
        (
            "memory after the first stop, after the last",
            ", ".join(f"{footprint['memory'] / 2**20:.0f} MiB" for footprint in (first, last)),
        ),
    ]
    return table(("what", "figure"), rows)


def write(text: str, path: Path = README) -> None:
    """Put the figures into the README, in the place of the ones before."""
    write_between(path, BEGIN, END, text)


def main() -> int:
    """Live through a day and print the figures."""
    parser = argparse.ArgumentParser(prog="scripts/bench --soak", description=__doc__)
    parser.add_argument("--things", type=int, default=500)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the figures into bench/README.md")
    arguments = parser.parse_args()
    result = soak(things=arguments.things, hours=arguments.hours, restarts=arguments.restarts, seed=arguments.seed)
    text = figures(result)
    if arguments.write:
        write(f"{machine()} Seed {arguments.seed}.\n\n{text}")
    print(text)
    return 1 if result.lost or result.twice or result.pending else 0


if __name__ == "__main__":
    sys.exit(main())
