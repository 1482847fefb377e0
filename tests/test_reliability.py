"""The page of faults: no cell is blank, and each test that it names is there."""

import ast
from pathlib import Path

import pytest

from scripts import reliability
from scripts.house import ROOT

from .fault_table import ELSEWHERE, OTHERS

NAMED = sorted(
    {fault.test for fault in OTHERS}
    | {cell for cells in ELSEWHERE.values() for cell in cells.values() if "::" in cell}
    | {"tests/test_errors_matrix.py::test_answers"}
    | {f"tests/test_undocumented.py::{name}" for name in ("test_either_way", reliability.NEVER_MET)}
)


@pytest.mark.parametrize("part", reliability.PARTS.values(), ids=reliability.PARTS)
def test_no_cell_is_blank(part: object) -> None:
    """Every cell says something."""
    assert callable(part)
    rows = [line for line in str(part()).splitlines() if line.startswith("|")]
    assert len(rows) > 2
    for row in rows:
        assert all(cell.strip() for cell in row.strip("|").split("|")), row


@pytest.mark.parametrize("test", NAMED)
def test_named_tests_exist(test: str) -> None:
    """A test that was renamed or deleted must not stay on the page."""
    file, _, name = test.partition("::")
    tree = ast.parse((ROOT / Path(file)).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
