"""How long an event loop was kept from everything else."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
import gc
import time

TICK = 0.002
"""Seconds between two looks at the clock."""


@dataclass(slots=True)
class Stalls:
    """The longest stall of each kind, in milliseconds."""

    wall: float = 0.0
    """As anything that waits for the loop sees it, with whatever else the machine is doing."""
    cpu: float = 0.0
    """Computing by the loop's own thread: what a busy machine doesn't add to."""
    collector: float = 0.0
    """Python's garbage collector, part of the above."""


@contextmanager
def measured() -> Generator[Stalls]:
    """Watch the running loop during the block."""
    loop = asyncio.get_running_loop()
    stalls = Stalls()
    last = (time.perf_counter(), time.thread_time())
    collecting = 0.0

    def tick() -> None:
        nonlocal last, timer
        now = (time.perf_counter(), time.thread_time())
        stalls.wall = max(stalls.wall, (now[0] - last[0] - TICK) * 1000)
        stalls.cpu = max(stalls.cpu, (now[1] - last[1]) * 1000)
        last = now
        timer = loop.call_later(TICK, tick)

    def collected(phase: str, _info: dict[str, int]) -> None:
        nonlocal collecting
        if phase == "start":
            collecting = time.perf_counter()
        else:
            stalls.collector = max(stalls.collector, (time.perf_counter() - collecting) * 1000)

    timer = loop.call_later(TICK, tick)
    gc.callbacks.append(collected)
    try:
        yield stalls
    finally:
        gc.callbacks.remove(collected)
        timer.cancel()
        tick()
        timer.cancel()
