"""The integration's own actions, called in a real Home Assistant."""

from contextlib import nullcontext
from dataclasses import asdict
import time
from typing import Any

from custom_components.mi_registration.const import DOMAIN

from .cloud import QUOTA, Endpoint, Vendor
from .home import add, config_entry, home_assistant
from .stalls import measured


async def _act(
    endpoint: Endpoint, vendor: Vendor, action: str, fields: dict[str, Any], *, watch: bool
) -> dict[str, Any]:
    """Set the integration up, call an action and return what that cost.

    Whoever watches the event loop for stalls wakes it up all the time: CPU is for a run without.
    """
    async with home_assistant() as hass:
        entry = config_entry(endpoint, [vendor.account_association_id], requests_per_second=int(QUOTA))
        await add(hass, entry)
        data = {
            "account_association_id": vendor.account_association_id,
            "device_discovery_id": vendor.device_discovery_id,
            **fields,
        }
        with measured() if watch else nullcontext() as stalls:
            begin, cpu, loop_cpu = time.perf_counter(), time.process_time(), time.thread_time()
            answer = await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)
            wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
            loop_cpu = time.thread_time() - loop_cpu
        return {
            "wall": wall,
            "cpu": cpu,
            "loop_cpu": loop_cpu,
            "stalls": stalls and asdict(stalls),
            "summary": (answer or {})["summary"],
        }


async def register(endpoint: Endpoint, vendor: Vendor, *, watch: bool = False) -> dict[str, Any]:
    """Register a vendor's managed things by one call."""
    fields = {"managed_thing_id": vendor.managed_thing_ids}
    return await _act(endpoint, vendor, "register_account_association", fields, watch=watch)


async def onboard(endpoint: Endpoint, vendor: Vendor, *, watch: bool = False) -> dict[str, Any]:
    """Create and register everything that a vendor's discovery lists, by one call."""
    return await _act(endpoint, vendor, "onboard_discovered_devices", {}, watch=watch)
