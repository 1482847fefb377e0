"""A day with faults: clock, cloud and Home Assistant in one process, with time that is moved."""

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
import gc
from itertools import pairwise
import logging
from pathlib import Path
from tempfile import TemporaryDirectory
import threading
import time
from typing import Any, Final
from unittest.mock import patch

from freezegun import freeze_time

from custom_components.mi_registration.const import (
    CONF_REGISTRATION_POLICY,
    CONF_SCAN_INTERVAL_MINUTES,
    DOMAIN,
    POLICY_AUTOMATIC,
)
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import event
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .home import config_entry, home_assistant
from .memory import resident
from .simulated_time import MovableLoop
from .soak_cloud import DisturbedCloud

STEP: Final = 60
"""Simulated seconds between two looks."""


@dataclass(slots=True, kw_only=True)
class Footprint:
    """What a stopped Home Assistant left behind."""

    tasks: int
    threads: int
    sockets: int
    cores: int
    """Home Assistant's own object: Python may keep one that was stopped, with everything that hangs on it."""
    coordinators: int
    memory: int
    """Bytes."""


@dataclass(slots=True, kw_only=True)
class Soak:
    """What came of it."""

    hours: int
    things: int
    restarts: int
    faults: int
    requests: int = 0
    refused: int = 0
    registered: int = 0
    lost: int = 0
    twice: int = 0
    pending: int = 0
    footprints: list[dict[str, int]] = field(default_factory=list)
    """After each stop of Home Assistant, in order."""


def _utcnow() -> datetime:
    """Return the moved time: Home Assistant took hold of the real clock when it was loaded."""
    return datetime.now(UTC)


def _timestamp() -> float:
    return time.time()


def footprint() -> Footprint:
    """Return what there is now of what could leak."""
    gc.collect()
    kinds = Counter(type(thing).__name__ for thing in gc.get_objects())
    return Footprint(
        tasks=len(asyncio.all_tasks()) - 1,
        threads=sum(thread.name.startswith(DOMAIN) for thread in threading.enumerate()),
        sockets=sum(path.is_socket() for path in Path("/proc/self/fd").iterdir()),
        cores=kinds["HomeAssistant"],
        coordinators=kinds["MiRegistrationCoordinator"],
        memory=resident(),
    )


class _Day:
    """One run."""

    def __init__(self, cloud: DisturbedCloud, things: int, hours: int, restarts: int, frozen: Any) -> None:
        self._cloud = cloud
        self._things = things
        self._steps = hours * 3600 // STEP
        self._restarts = restarts
        self._frozen = frozen
        self._found = 0
        self._wants_discovery = False
        self.footprints: list[Footprint] = []

    async def run(self, directory: str) -> int:
        """Live through it; return how much waits in the end."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, MovableLoop):
            raise TypeError("time can't be moved")
        self._loop = loop
        bounds = [self._steps * number // (self._restarts + 1) for number in range(self._restarts + 2)]
        pending = 0
        for number, (begin, end) in enumerate(pairwise(bounds)):
            async with home_assistant(directory) as hass:
                entry = await self._entry(hass)
                for step in range(begin, end):
                    self._cloud.disturb()
                    self._add_devices(step)
                    await self._step(hass, entry)
                if number == self._restarts:
                    pending = await self._end(hass, entry)
            self.footprints.append(footprint())
        return pending

    async def _entry(self, hass: HomeAssistant) -> ConfigEntry:
        if entries := hass.config_entries.async_entries(DOMAIN):
            await async_setup_component(hass, DOMAIN, {})
            return entries[0]
        new = config_entry(self._cloud.endpoint, [self._cloud.association], requests_per_second=100)
        await hass.config_entries.async_add(new)
        hass.config_entries.async_update_entry(new, options={**new.options, CONF_SCAN_INTERVAL_MINUTES: 15})
        (subentry,) = new.subentries.values()
        hass.config_entries.async_update_subentry(
            new, subentry, data={**subentry.data, CONF_REGISTRATION_POLICY: POLICY_AUTOMATIC}
        )
        await hass.async_block_till_done()
        return new

    def _add_devices(self, step: int) -> None:
        """Let the user buy devices at a steady pace, and look for them every half hour."""
        due = self._things * (step + 1) // self._steps
        for number in range(self._found, due):
            self._cloud.world.add_cloud_device(self._cloud.association, f"d-{number}", f"Lamp {number}")
        self._found = due
        self._wants_discovery |= step % (1800 // STEP) == 1800 // STEP - 1

    async def _step(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        if self._wants_discovery:
            await self._discover(hass, entry)
        self._loop.ahead += STEP
        self._frozen.tick(STEP)
        self._cloud.world.advance(STEP)
        await self._quiet(hass)
        self._cloud.look()

    async def _quiet(self, hass: HomeAssistant) -> None:
        """Wait until nobody talks to the cloud any more."""
        await hass.async_block_till_done()
        before = -1
        while (now := len(self._cloud.world.requests)) != before:
            before = now
            await asyncio.sleep(0.01)
            await hass.async_block_till_done()

    async def _discover(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Ask for a discovery as a user does: once more if it can't be started."""
        try:
            await hass.services.async_call(
                DOMAIN,
                "start_device_discovery",
                {
                    "config_entry_id": entry.entry_id,
                    "discovery_type": "cloud",
                    "account_association_id": self._cloud.association,
                    "wait": False,
                },
                blocking=True,
            )
        except HomeAssistantError:
            return
        self._wants_discovery = False

    async def _end(self, hass: HomeAssistant, entry: ConfigEntry) -> int:
        """Mend everything, look once more, and give what waits the time that it may take."""
        self._cloud.mend()
        self._wants_discovery = True
        for _ in range(90):
            await self._step(hass, entry)
        waiting: int = entry.runtime_data.registrar.pending_count
        return waiting


def soak(*, things: int, hours: int, restarts: int, seed: int) -> Soak:
    """Let a Home Assistant look after an account for some hours."""
    logging.disable(logging.CRITICAL)
    with (
        TemporaryDirectory(prefix="bench-") as directory,
        DisturbedCloud(seed) as cloud,
        freeze_time(tick=True, real_asyncio=True) as frozen,
        patch.object(dt_util, "utcnow", _utcnow),
        patch.object(event, "time_tracker_utcnow", _utcnow),
        patch.object(event, "time_tracker_timestamp", _timestamp),
        asyncio.Runner(loop_factory=MovableLoop) as runner,
    ):
        day = _Day(cloud, things, hours, restarts, frozen)
        pending = runner.run(day.run(directory))
        registered = sum(status == "ASSOCIATED" for status in cloud.world.registrations.values())
        names = Counter(str(thing.get("Name")) for thing in cloud.world.things.values())
        return Soak(
            hours=hours,
            things=things,
            restarts=restarts,
            faults=sum(cloud.faults.values()),
            requests=cloud.counts["all"],
            refused=cloud.counts["refused"],
            registered=registered,
            lost=things - min(len(names), registered),
            twice=cloud.twice + sum(names.values()) - len(names),
            pending=pending,
            footprints=[asdict(footprint) for footprint in day.footprints],
        )
