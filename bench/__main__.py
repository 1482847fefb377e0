"""Measures the integration beside what else there is: `scripts/bench`."""

import argparse
from pathlib import Path
import sys

from .figures import Figures
from .plot import draw
from .report import headline, report, write
from .scenarios import (
    QUICK,
    Sizes,
    Way,
    measure_day,
    measure_engine,
    measure_fleet,
    measure_reactions,
    measure_registration,
    measure_sdk,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each once instead of three times, with smaller peers")
    parser.add_argument("--write", action="store_true", help="put the figures into bench/README.md")
    parser.add_argument("--aws-cli", type=Path, help="the AWS CLI's program; without it the CLI is left out")
    return parser


def _registrations(sizes: Sizes, aws_cli: Path | None) -> list[Way]:
    ways = [
        measure_engine("register", "register", sizes.pairs, sizes.repeats),
        measure_engine("onboard (create and register)", "onboard", sizes.pairs, sizes.repeats),
        measure_registration("boto3, loop", "loop", sizes.peer_pairs, sizes.repeats),
        measure_registration("boto3, 10 threads", "threads", sizes.peer_pairs, sizes.repeats),
    ]
    if aws_cli is not None:
        program = str(aws_cli.resolve())
        ways.append(measure_registration("AWS CLI", "command_line", sizes.cli_pairs, sizes.repeats, program=program))
    return ways


def main() -> int:
    """Measure everything and print it; the last line has the figures that matter most."""
    arguments = _parser().parse_args()
    sizes = QUICK if arguments.quick else Sizes()
    *others, largest = sizes.fleets
    figures = Figures(
        ways=_registrations(sizes, arguments.aws_cli),
        fleets=[
            *(measure_fleet(things, sizes.repeats) for things in others),
            measure_fleet(largest, sizes.repeats, polls=sizes.polls),
        ],
        sdk=measure_sdk(sizes.repeats),
        day=measure_day(sizes.day_things, sizes.day_minutes),
        reactions=measure_reactions(sizes.day_things, sizes.repeats),
    )
    text = report(figures)
    if arguments.write:
        write(text)
        draw(figures.fleets)
    print(text)
    print(headline(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
