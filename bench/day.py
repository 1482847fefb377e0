"""A day in the life of an account in which nothing changes, with a clock that jumps from minute to minute."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import httpx

from custom_components.mi_registration.const import DOMAIN
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, callback
from homeassistant.util import dt as dt_util

from .cloud import Endpoint
from .home import UNLIMITED, add, config_entry, home_assistant
from .simulated_time import MovableLoop

MINUTES = 24 * 60
FIRST_MINUTES = 10
"""After these everything that a set-up put off is done: it is no part of a usual day."""


class _Disk:
    """Counts what is written; every write replaces a file by a new one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen: dict[Path, int] = {}
        self.written = 0

    def look(self) -> None:
        for path in self._directory.glob(f"{DOMAIN}.*"):
            status = path.stat()
            if self._seen.get(path) != status.st_ino:
                self._seen[path] = status.st_ino
                self.written += status.st_size


async def _day(loop: MovableLoop, endpoint: Endpoint, association_ids: list[str], minutes: int) -> dict[str, Any]:
    states = 0

    @callback
    def count(_event: Event[Any]) -> None:
        nonlocal states
        states += 1

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=loop.ahead)

    async with AsyncExitStack() as stack:
        directory = stack.enter_context(TemporaryDirectory(prefix="bench-"))
        stack.enter_context(patch.object(dt_util, "utcnow", now))
        hass = await stack.enter_async_context(home_assistant(directory))
        disk = _Disk(Path(directory) / ".storage")

        async def live(minutes: int) -> None:
            for _ in range(minutes):
                loop.ahead += 60
                await hass.async_block_till_done(wait_background_tasks=True)
                disk.look()

        entry = config_entry(endpoint, association_ids, requests_per_second=UNLIMITED)
        await add(hass, entry)
        await live(FIRST_MINUTES)
        disk.written = 0
        hass.bus.async_listen(EVENT_STATE_CHANGED, count)
        hass.bus.async_listen(EVENT_STATE_REPORTED, count, event_filter=callback(lambda _: True))
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{endpoint.url}/_emulator/clear_requests", json={})).raise_for_status()
        await live(minutes)
        return {"states": states, "bytes": disk.written, "good": entry.runtime_data.coordinator.last_update_success}


def day(endpoint: Endpoint, association_ids: list[str], minutes: int = MINUTES) -> dict[str, Any]:
    """Live through so many minutes; return the states and bytes written meanwhile. The cloud has the calls."""
    loop = MovableLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(_day(loop, endpoint, association_ids, minutes))
