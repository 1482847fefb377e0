"""What Home Assistant's log says against this integration."""

from collections.abc import Iterator
import re

from scripts.house import DOMAIN

_LOG_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+([+-]\d\d:\d\d)? (?P<level>[A-Z]+) \(.*?\) \[")
_DEPRECATION = re.compile(r"deprecated|will stop working|Detected that custom integration")
_THREADS_LEFT = re.compile(r"^Found \d+ non-daemonic threads", re.MULTILINE)
"""Home Assistant prints this when it has to wait for threads that nobody ended."""
_NOT_TESTED = "We found a custom integration"
"""Home Assistant says this of every custom integration."""


def complaints(log: str) -> list[str]:
    """Return the records of a Home Assistant log that this integration must not cause.

    These are warnings, errors and deprecations that name the integration; and, by whomever, blocking calls, usage that
    will stop working and threads that outlive the stop.
    """
    found = _THREADS_LEFT.findall(log)
    for record in _log_records(log):
        match = _LOG_RECORD.match(record)
        if not match:
            continue
        detected = "Detected blocking call" in record or "Detected code that" in record
        deprecated = DOMAIN in record and _DEPRECATION.search(record)
        serious = DOMAIN in record and match["level"] in {"WARNING", "ERROR", "CRITICAL"} and _NOT_TESTED not in record
        if detected or deprecated or serious:
            found.append(record)
    return found


def _log_records(log: str) -> Iterator[str]:
    """Split a log into records: a line that begins one, and the lines (a traceback) that belong to it."""
    lines: list[str] = []
    for line in log.splitlines():
        if _LOG_RECORD.match(line) and lines:
            yield "\n".join(lines)
            lines = []
        lines.append(line)
    if lines:
        yield "\n".join(lines)
