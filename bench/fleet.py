"""A large account: what setting it up and reading it again costs, beside an integration without any cloud."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
import gc
import time
from types import MappingProxyType
from typing import Any

import httpx

from custom_components.mi_registration.const import DOMAIN
from homeassistant.config_entries import SOURCE_USER, ConfigEntry
from homeassistant.const import EVENT_STATE_CHANGED, EVENT_STATE_REPORTED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .cloud import Endpoint
from .home import UNLIMITED, add, config_entry, home_assistant, start
from .memory import resident
from .stalls import measured

BARE_DOMAIN = "bench_bare"


async def _cost(hass: HomeAssistant, act: Callable[[], Awaitable[object]]) -> dict[str, Any]:
    """Return what an act cost."""
    gc.collect()
    memory = resident()
    with measured() as stalls:
        begin, cpu = time.perf_counter(), time.process_time()
        await act()
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    gc.collect()
    return {
        "wall": wall,
        "cpu": cpu,
        "memory": resident() - memory,
        "states": len(hass.states.async_entity_ids()),
        "stalls": asdict(stalls),
    }


async def set_up(
    endpoint: Endpoint, association_ids: list[str], *, directory: str, polls: int = 0, settle: float = 0
) -> dict[str, Any]:
    """Set the integration up, then, ``settle`` seconds later, read the unchanged account so many times."""
    async with home_assistant(directory) as hass:
        entry = config_entry(endpoint, association_ids, requests_per_second=UNLIMITED)
        result = await _cost(hass, lambda: add(hass, entry))
        written = 0

        @callback
        def count(_event: Event[Any]) -> None:
            nonlocal written
            written += 1

        async def poll() -> None:
            for _ in range(polls):
                await entry.runtime_data.coordinator.async_refresh()
                await hass.async_block_till_done()

        await asyncio.sleep(settle)
        hass.bus.async_listen(EVENT_STATE_CHANGED, count)
        hass.bus.async_listen(EVENT_STATE_REPORTED, count, event_filter=callback(lambda _: True))
        result["polls"] = {
            **await _cost(hass, poll),
            "number": polls,
            "written": written,
            "good": entry.runtime_data.coordinator.last_update_success,
        }
        return result


async def start_again(directory: str) -> dict[str, Any]:
    """Start with what was left on disk; ``fresh`` are the seconds until everything shows what the cloud says now."""
    async with home_assistant(directory) as hass:
        (entry,) = hass.config_entries.async_entries(DOMAIN)
        result = await _cost(hass, lambda: start(hass, entry))
        coordinator = entry.runtime_data.coordinator
        begin = time.perf_counter()
        published = asyncio.Event()
        coordinator.async_add_listener(published.set)
        while not coordinator.last_update_success:
            await published.wait()
            published.clear()
        await hass.async_block_till_done()
        result["fresh"] = result["wall"] + time.perf_counter() - begin
        return result


async def notice(endpoint: Endpoint, association_ids: list[str]) -> dict[str, Any]:
    """Return how long a change in the cloud takes to show, when it is asked for at once, as by the account's button."""
    async with home_assistant() as hass:
        entry = config_entry(endpoint, association_ids, requests_per_second=UNLIMITED)
        await add(hass, entry)
        coordinator = entry.runtime_data.coordinator
        thing_id = next(thing.managed_thing_id for thing in coordinator.data.managed_things if not thing.is_hub)
        entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, f"{thing_id}_provisioning_status")
        shown = hass.loop.create_future()

        @callback
        def show(event: Event[EventStateChangedData]) -> None:
            if event.data["entity_id"] == entity_id and not shown.done():
                shown.set_result(time.perf_counter())

        hass.bus.async_listen(EVENT_STATE_CHANGED, show)
        async with httpx.AsyncClient(trust_env=False) as http:
            url = f"{endpoint.url}/_emulator/update_thing"
            (await http.post(url, json={"thing_id": thing_id, "status": "ISOLATED"})).raise_for_status()
        begin = time.perf_counter()
        await coordinator.async_refresh()
        return {"wall": await shown - begin}


async def bare(size: int, *, directory: str) -> dict[str, Any]:
    """Set up the integration that adds the same entities for so many things and talks to nobody."""
    async with home_assistant(directory) as hass:
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
        return await _cost(hass, lambda: add(hass, entry))


async def bare_again(directory: str) -> dict[str, Any]:
    """Start that integration with what was left on disk."""
    async with home_assistant(directory) as hass:
        (entry,) = hass.config_entries.async_entries(BARE_DOMAIN)
        return await _cost(hass, lambda: start(hass, entry))
