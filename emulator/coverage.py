"""The table of operations in the README, made from the service model."""

from pathlib import Path

from moto.core.utils import get_service_model

from .responses import IMPLEMENTED, SERVICE

README = Path(__file__).with_name("README.md")
_BEGIN = "<!-- coverage: made by `python -m emulator --coverage` -->\n"
_END = "<!-- end of coverage -->\n"


def table() -> str:
    """Return the table in Markdown: one row per operation of the service."""
    names = sorted(get_service_model(SERVICE).operation_names)
    rows = (f"| {name} | {'implemented' if name in IMPLEMENTED else 'routed only'} |\n" for name in names)
    summary = f"{len(IMPLEMENTED)} of {len(names)} operations are implemented.\n\n"
    return f"{summary}| operation | |\n| --- | --- |\n{''.join(rows)}"


def updated(text: str) -> str:
    """Return the README's text with a current table; raises ValueError if it has no place for one."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError("The README has no place for the table of operations")
    return f"{before}{begin}{table()}{end}{after}"


def update() -> None:
    """Write a current table into the README."""
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")
