"""How long an event loop was kept from everything else."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
import gc
import threading
import time

TICK = 0.002
"""Seconds between two looks at the clock."""


@dataclass(slots=True)
class Stalls:
    """The longest stall of each kind, in milliseconds."""

    wall: float = 0.0
    """As anything that waits for the loop sees it, with whatever else the machine is doing."""
    cpu: float = 0.0
    """Computing by the loop's own thread, without the collector: what a busy machine doesn't add to."""
    collector: float = 0.0
    """CPU of Python's garbage collector on the loop's thread: it looks at everything that Home Assistant has."""


@contextmanager
def measured() -> Generator[Stalls]:
    """Watch the running loop during the block."""
    loop = asyncio.get_running_loop()
    stalls = Stalls()
    last = (time.perf_counter(), time.thread_time())
    main = threading.get_ident()
    begin = 0.0
    collected = 0.0

    def look() -> None:
        nonlocal last, collected
        now = (time.perf_counter(), time.thread_time())
        stalls.wall = max(stalls.wall, (now[0] - last[0] - TICK) * 1000)
        stalls.cpu = max(stalls.cpu, (now[1] - last[1] - collected) * 1000)
        last, collected = now, 0.0

    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK)
            look()

    def collect(phase: str, _info: dict[str, int]) -> None:
        nonlocal begin, collected
        if threading.get_ident() != main:
            return
        if phase == "start":
            begin = time.thread_time()
        else:
            pause = time.thread_time() - begin
            collected += pause
            stalls.collector = max(stalls.collector, pause * 1000)

    ticking = loop.create_task(tick())
    gc.callbacks.append(collect)
    try:
        yield stalls
    finally:
        gc.callbacks.remove(collect)
        ticking.cancel()
        look()
