"""Tables of the documentation."""

from collections.abc import Iterable
from typing import Final

EMPTY: Final = "–"


def _cell(text: str) -> str:
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))
    return "<br>".join(paragraphs).replace("|", "\\|") or EMPTY


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; a blank line within a cell becomes a line break, an empty cell a dash."""
    cells = [list(head)]
    cells.append(["---"] * len(cells[0]))
    cells += [[_cell(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
