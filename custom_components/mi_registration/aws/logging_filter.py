"""Keeps what boto3 is told and answered out of the log.

At DEBUG the SDK writes whole requests and answers: session tokens, OAuth links, serial numbers, owners. Which of that
is secret can't be told from a line of text, so nothing below a warning is written of the requests of this integration;
its own logger has a line for each instead. The SDK's other users in the same process keep their lines.
"""

from collections.abc import Generator
from contextlib import contextmanager
import logging
import threading
from typing import Final, override

_SDK: Final = ("boto3", "botocore", "s3transfer", "urllib3")


class _PrivacyFilter(logging.Filter):
    """Drops what a thread says below a warning while it works on a request of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.working = threading.local()
        self.loggers = 0

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or not getattr(self.working, "depth", 0)


_FILTER: Final = _PrivacyFilter()


@contextmanager
def private() -> Generator[None]:
    """Keep what this thread does with the SDK out of the log."""
    _install()
    _FILTER.working.depth = getattr(_FILTER.working, "depth", 0) + 1
    try:
        yield
    finally:
        _FILTER.working.depth -= 1


def _install() -> None:
    """Put the filter on every logger that the SDK has by now.

    A logger's filter doesn't see what comes up from the loggers below it, so each needs its own. They stay, since they
    do nothing outside of :func:`private`.
    """
    loggers = list(logging.root.manager.loggerDict.items())
    if len(loggers) == _FILTER.loggers:
        # Loggers only ever come.
        return
    _FILTER.loggers = len(loggers)
    for name, logger in loggers:
        if name.partition(".")[0] in _SDK and isinstance(logger, logging.Logger):
            logger.addFilter(_FILTER)
