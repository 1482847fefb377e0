"""Asyncio event loops on a time of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from selectors import SelectorKey, SelectSelector
from typing import Any, override


class MovableLoop(asyncio.SelectorEventLoop):
    """A usual loop with a clock that can be put ``ahead``: timers that are due by then are called at once."""

    ahead = 0.0

    @override
    def time(self) -> float:
        return super().time() + self.ahead


class _Selector(SelectSelector):
    """Instead of waiting for files it lets time pass."""

    now = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everything waits, and there is no timer to wake it")
        self.now += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """Runs any asyncio code, a day of it in the time that its steps take: the clock jumps to the next timer.

    There are no sockets and no threads: what is meant for an executor runs at once, and if it is meant for an executor
    of the caller's own, its result comes ``latency`` seconds later, as an answer of a server would.
    """

    def __init__(self, *, latency: float) -> None:
        """Start at second 0."""
        self._simulated = _Selector()
        self._latency = latency
        super().__init__(self._simulated)

    @override
    def time(self) -> float:
        return self._simulated.now

    @override
    def run_in_executor[*Ts, T](
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self.create_future()
        try:
            result = func(*args)
        except Exception as err:  # noqa: BLE001  # it belongs to whoever awaits the future
            future.set_exception(err)
            return future
        if executor is None:
            future.set_result(result)
        else:
            self.call_later(self._latency, _set_result, future, result)
        return future


def _set_result(future: asyncio.Future[Any], result: Any) -> None:
    """Give the result, unless nobody waits for it any more."""
    if not future.done():
        future.set_result(result)
