"""The tables of docs/reliability.md, from what the tests run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from tests.fault_table import ANSWERS, ELSEWHERE, OTHERS, OUTCOMES, SITES, Kind, Phase, Site

MATRIX = "tests/test_errors_matrix.py"
NOT_CALLED = "not called"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def answers() -> str:
    """Return what can come instead of a good answer, and what kind of failure that is."""
    return _table(
        ["answer", "HTTP status", "kind"],
        (
            [f"`{answer.name}`" if answer.status else answer.name, str(answer.status or "none"), f"`{answer.kind}`"]
            for answer in ANSWERS
        ),
    )


def outcomes() -> str:
    """Return what becomes of failures."""
    return _table(
        ["outcome", "what the user sees", "what is kept"],
        ([f"**{name}**", outcome.sees, outcome.kept] for name, outcome in OUTCOMES.items()),
    )


def phases() -> str:
    """Return which operation is called in which phase, with the test that lets it fail there."""
    tested = {(site.operation, site.phase): site for site in SITES}
    operations = sorted({site.operation for site in SITES} | ELSEWHERE.keys())
    rows = []
    for operation in operations:
        cells = []
        for phase in Phase:
            if (site := tested.get((operation, phase))) is not None:
                cells.append(f"`test_answers[{site.id}]`")
            else:
                cells.append(ELSEWHERE.get(operation, {}).get(phase, NOT_CALLED))
        rows.append([operation, *cells])
    return _table(["operation", *Phase], rows)


def _outcome(site: Site, kind: Kind) -> str:
    return f"**{site.outcomes[kind]}**"


def matrix() -> str:
    """Return what becomes of each kind of failure, by phase and operation."""
    parts = []
    in_order = sorted(SITES, key=lambda site: (list(Phase).index(site.phase), site.operation))
    for phase, sites in groupby(in_order, key=lambda site: site.phase):
        rows = ([site.operation, *(_outcome(site, kind) for kind in Kind)] for site in sites)
        parts.append(f"### {phase.capitalize()}\n\n" + _table(["operation", *(f"`{kind}`" for kind in Kind)], rows))
    return "\n\n".join(parts)


def others() -> str:
    """Return the faults that are no answers of AWS's."""
    return _table(
        ["what", "fault", "what the user sees", "what is kept", "test"],
        ([fault.group, fault.name, fault.sees, fault.kept, f"`{fault.test}`"] for fault in OTHERS),
    )


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "answers": answers,
    "calls": phases,
    "outcomes": outcomes,
    "matrix": matrix,
    "other faults": others,
}
"""The generated parts of docs/reliability.md."""
