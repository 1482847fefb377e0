"""A large account: what setting it up and reading it again costs, beside an integration without any cloud."""

import asyncio
from dataclasses import asdict
import gc
from pathlib import Path
import resource
import time
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, HomeAssistant, callback

from .cloud import Endpoint
from .home import add, config_entry, home_assistant
from .stalls import measured

BARE_DOMAIN = "bench_bare"
UNLIMITED = 100
"""Requests per second: the most that the integration's options allow."""


def _resident() -> int:
    """Return the memory in use, in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


async def _set_up(hass: HomeAssistant, entry: ConfigEntry) -> dict[str, Any]:
    """Set an entry up and return what that cost."""
    gc.collect()
    memory = _resident()
    with measured() as stalls:
        begin, cpu = time.perf_counter(), time.process_time()
        await add(hass, entry)
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    gc.collect()
    return {
        "wall": wall,
        "cpu": cpu,
        "memory": _resident() - memory,
        "states": len(hass.states.async_entity_ids()),
        "stalls": asdict(stalls),
    }


async def set_up(
    endpoint: Endpoint, association_ids: list[str], *, polls: int = 0, settle: float = 0
) -> dict[str, Any]:
    """Set the integration up, then, ``settle`` seconds later, read the unchanged account so many times."""
    async with home_assistant() as hass:
        entry = config_entry(endpoint, association_ids, requests_per_second=UNLIMITED)
        result = await _set_up(hass, entry)
        written = 0

        @callback
        def count(_event: Event[Any]) -> None:
            nonlocal written
            written += 1

        await asyncio.sleep(settle)
        hass.bus.async_listen(EVENT_STATE_CHANGED, count)
        hass.bus.async_listen(EVENT_STATE_REPORTED, count, event_filter=callback(lambda _: True))
        begin = time.perf_counter()
        with measured() as stalls:
            for _ in range(polls):
                await entry.runtime_data.coordinator.async_refresh()
                await hass.async_block_till_done()
        result["polls"] = {
            "wall": (time.perf_counter() - begin) / max(1, polls),
            "stalls": asdict(stalls),
            "written": written,
            "good": entry.runtime_data.coordinator.last_update_success,
        }
        return result


async def bare(size: int) -> dict[str, Any]:
    """Set up the integration that adds the same entities for so many things and talks to nobody."""
    async with home_assistant() as hass:
        entry: ConfigEntry[Any] = ConfigEntry(
            version=1,
            minor_version=1,
            domain=BARE_DOMAIN,
            title="Bare",
            unique_id="bare",
            source=SOURCE_USER,
            discovery_keys=MappingProxyType({}),
            data={"things": size},
            options={},
            subentries_data=[],
        )
        return await _set_up(hass, entry)
