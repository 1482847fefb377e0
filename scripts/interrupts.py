"""Signals that end the house."""

from collections.abc import Iterator
from contextlib import contextmanager
import signal

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Interrupts:
    """Signals that end the house: each is a KeyboardInterrupt, but never between a child's start and our knowing it."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._is_held = False
        self._is_pending = False

    def interrupt(self, *_: object) -> None:
        """Handle a signal; later ones can't interrupt the stopping."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if not self._is_held:
            raise KeyboardInterrupt
        self._is_pending = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put signals off until the end of the block."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            if self._is_pending:
                self._is_pending = False
                raise KeyboardInterrupt


INTERRUPTS = _Interrupts()
"""Of this process: there is only one handler of a signal."""


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, as Ctrl-C is."""
    previous = {number: signal.signal(number, INTERRUPTS.interrupt) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
