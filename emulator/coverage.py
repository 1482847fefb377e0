"""The table of operations in the README, made from the service model."""

from pathlib import Path

from .responses import IMPLEMENTED
from .service_model import MODEL

README = Path(__file__).with_name("README.md")
_BEGIN = "<!-- coverage: made by `python -m emulator --coverage` -->\n"
_END = "<!-- end of coverage -->\n"
_NO_TASKS = "there are no OTA tasks"
REASONS = {
    "CreateOtaTask": "AWS documents neither what Target holds nor what a task does to a device",
    "DeleteOtaTask": _NO_TASKS,
    "GetOtaTask": _NO_TASKS,
    "ListOtaTaskExecutions": _NO_TASKS,
    "ListOtaTasks": _NO_TASKS,
    "UpdateOtaTask": _NO_TASKS,
}
"""Why an operation is routed only."""


def _row(name: str) -> str:
    status = "implemented" if name in IMPLEMENTED else f"routed and validated only: {REASONS[name]}"
    return f"| {name} | {status} |\n"


def table() -> str:
    """Return the table in Markdown: one row per operation of the service."""
    names = sorted(MODEL.operation_names)
    summary = f"{len(IMPLEMENTED)} of {len(names)} operations are implemented, all but {', '.join(REASONS)}.\n\n"
    return f"{summary}| operation | |\n| --- | --- |\n{''.join(map(_row, names))}"


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
