"""The tables of docs/reliability.md, from what the tests run."""

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Final

from scripts.markdown import table
from tests.fault_table import ANSWERS, ELSEWHERE, OTHERS, OUTCOMES, SITES, STS_ANSWERS, Kind, Phase, Site
from tests.open_questions import OUTCOMES as WAYS_OUT, QUESTIONS

NOT_CALLED = "not called"
NEVER_MET = "test_what_is_never_met"


def answers() -> str:
    """Return what can come instead of a good answer, and what kind of failure that is."""
    return table(
        ["answer", "HTTP status", "kind"],
        (
            [f"`{answer.name}`" if answer.status else answer.name, str(answer.status or "none"), f"`{answer.kind}`"]
            for answer in (*ANSWERS, *STS_ANSWERS)
        ),
    )


def outcomes() -> str:
    """Return what becomes of failures."""
    return table(
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
                few = "" if {*ANSWERS} <= {*site.answers} else ", one answer of each kind"
                cells.append(f"`test_answers[{site.id}]`{few}")
            else:
                cells.append(ELSEWHERE.get(operation, {}).get(phase, NOT_CALLED))
        rows.append([operation, *cells])
    return table(["operation", *Phase], rows)


def _outcome(site: Site, kind: Kind) -> str:
    cells = dict.fromkeys(site.outcome(answer) for answer in site.answers if answer.kind is kind)
    first, *others = (f"**{name}**" for name in cells)
    return first if not others else f"{first}; {', '.join(others)} if only the answer got lost"


def matrix() -> str:
    """Return what becomes of each kind of failure, by phase and operation."""
    parts = []
    in_order = sorted(SITES, key=lambda site: (list(Phase).index(site.phase), site.operation))
    for phase, sites in groupby(in_order, key=lambda site: site.phase):
        rows = ([site.operation, *(_outcome(site, kind) for kind in Kind)] for site in sites)
        parts.append(f"### {phase.capitalize()}\n\n" + table(["operation", *(f"`{kind}`" for kind in Kind)], rows))
    return "\n\n".join(parts)


def undocumented() -> str:
    """Return what AWS doesn't document, with what becomes of each way that it may be."""
    rows = []
    for question in QUESTIONS:
        if not question.is_met:
            operations = ", ".join(f"`{name}`" for name in question.operations)
            sees = f"Nothing: this integration doesn't call {operations}"
            rows.append([question.asks, "any", sees, "Everything", f"`{NEVER_MET}`"])
        for value, outcome in question.ways:
            way = WAYS_OUT[outcome]
            test = f"`test_either_way[{question.switch}-{value}]`"
            rows.append([question.asks, f"`{value}`", way.sees, way.kept, test])
    return table(["what AWS leaves open", "tried", "what the user sees", "what is kept", "test"], rows)


def others() -> str:
    """Return the faults that are no answers of AWS's."""
    return table(
        ["what", "fault", "what the user sees", "what is kept", "test"],
        ([fault.group, fault.name, fault.sees, fault.kept, f"`{fault.test}`"] for fault in OTHERS),
    )


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "answers": answers,
    "calls": phases,
    "outcomes": outcomes,
    "matrix": matrix,
    "undocumented": undocumented,
    "other faults": others,
}
"""The generated parts of docs/reliability.md."""
