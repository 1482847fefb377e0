"""A day with faults: clock, cloud and Home Assistant in one process, with time that is moved."""

import argparse
import asyncio
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
import gc
from itertools import pairwise
import logging
from pathlib import Path
from random import Random
import sys
from tempfile import TemporaryDirectory
import threading
import time
from types import TracebackType
from typing import Any, Final, Self, override
from unittest.mock import patch

from freezegun import freeze_time

from custom_components.mi_registration.const import (
    CONF_REGISTRATION_POLICY,
    CONF_SCAN_INTERVAL_MINUTES,
    DOMAIN,
    POLICY_AUTOMATIC,
)
from emulator import Emulator, World
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import event
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from .cloud import Endpoint
from .home import config_entry, home_assistant
from .report import README, machine

BEGIN: Final = "<!-- soak: made by `scripts/bench --soak --write` -->\n"
END: Final = "<!-- end of soak -->\n"
STEP: Final = 60
"""Simulated seconds between two looks."""
REFUSALS: Final = (
    ("ThrottlingException", 429),
    ("InternalServerException", 500),
    ("ServiceUnavailableException", 503),
    ("SomethingNew", 500),
)
OPERATIONS: Final = (
    "CreateManagedThing",
    "GetDeviceDiscovery",
    "ListAccountAssociations",
    "ListDeviceDiscoveries",
    "ListDiscoveredDevices",
    "ListManagedThingAccountAssociations",
    "ListManagedThings",
    "RegisterAccountAssociation",
    "StartDeviceDiscovery",
)


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


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time can be moved on."""

    ahead = 0.0

    @override
    def time(self) -> float:
        return super().time() + self.ahead


class _Cloud:
    """An emulated account that is watched and disturbed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # a seeded run
        self._emulator = Emulator()
        self._accepted: set[tuple[str, str]] = set()
        self._offline_steps = 0
        self.faults: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.twice = 0

    def __enter__(self) -> Self:
        self._emulator.__enter__()
        self.world: World = self._emulator.create_world("empty")
        self.association = self.world.add_association(name="Vendor account")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._emulator.__exit__(kind, error, trace)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(
            url=self._emulator.url,
            account_id=self.world.account_id,
            region=self.world.region,
            access_key_id=self.world.access_key_id,
            secret_access_key=self.world.secret_access_key,
        )

    def disturb(self) -> None:
        """Let something go wrong, once in a while."""
        if self._offline_steps:
            self._offline_steps -= 1
            if not self._offline_steps:
                self.world.offline(offline=False)
            return
        dice = self._random.random()
        operation = self._random.choice(OPERATIONS)
        if dice < 0.10:
            code, status = self._random.choice(REFUSALS)
            self.world.refuse(operation, code, self._random.randint(1, 8), status=status)
            self.faults["refused"] += 1
        elif dice < 0.15:
            self.world.drop(operation, self._random.choice(("before", "after")))
            self.faults["dropped"] += 1
        elif dice < 0.18:
            self.world.garble(operation, self._random.choice(("truncated", "garbage", "not_utf8", "html")))
            self.faults["garbled"] += 1
        elif dice < 0.19:
            self.world.offline()
            self._offline_steps = self._random.randint(1, 30)
            self.faults["offline"] += 1

    def mend(self) -> None:
        """Let everything work from now on."""
        self._offline_steps = 0
        self.world.offline(offline=False)
        with self.world.lock:
            for faults in (self.world.faults.refusals, self.world.faults.drops, self.world.faults.garblings):
                faults.clear()

    def look(self) -> None:
        """Count what was asked for since the last look."""
        requests = self.world.requests
        self.world.clear_requests()
        for request in requests:
            self.counts["all"] += 1
            self.counts["refused"] += request.status not in {200, 201}
            if request.operation == "RegisterAccountAssociation":
                pair = (str(request.params["ManagedThingId"]), str(request.params["AccountAssociationId"]))
                if pair in self._accepted:
                    self.twice += 1
                elif request.status == 201:
                    self._accepted.add(pair)


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
        memory=int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096,
    )


class _Day:
    """One run."""

    def __init__(self, cloud: _Cloud, things: int, hours: int, restarts: int, frozen: Any) -> None:
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
        if not isinstance(loop, SimulatedLoop):
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
        _Cloud(seed) as cloud,
        freeze_time(tick=True, real_asyncio=True) as frozen,
        patch.object(dt_util, "utcnow", _utcnow),
        patch.object(event, "time_tracker_utcnow", _utcnow),
        patch.object(event, "time_tracker_timestamp", _timestamp),
        asyncio.Runner(loop_factory=SimulatedLoop) as runner,
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


def table(result: Soak) -> str:
    """Return the figures as Markdown."""
    first, last = result.footprints[0], result.footprints[-1]
    rows = [
        ("simulated hours, devices, restarts", f"{result.hours}, {result.things}, {result.restarts}"),
        ("faults; requests, of which not answered well", f"{result.faults}; {result.requests}, {result.refused}"),
        ("devices registered in the end", str(result.registered)),
        ("intents lost, intents still waiting", f"{result.lost}, {result.pending}"),
        ("registered twice, or created twice", str(result.twice)),
        *(
            (f"{name} after the first stop, after the last", f"{first[name]}, {last[name]}")
            for name in ("tasks", "threads", "sockets", "cores", "coordinators")
        ),
        (
            "memory after the first stop, after the last",
            ", ".join(f"{footprint['memory'] / 2**20:.0f} MiB" for footprint in (first, last)),
        ),
    ]
    return "".join(f"| {what} | {value} |\n" for what, value in [("what", "figure"), ("---", "---"), *rows])


def write(text: str, path: Path = README) -> None:
    """Put the table into the README, in the place of the one before; raises ``ValueError`` if it has no such place."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no place for the soak")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> int:
    """Live through a day and print the figures."""
    parser = argparse.ArgumentParser(prog="scripts/bench --soak", description=__doc__)
    parser.add_argument("--things", type=int, default=500)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--restarts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the figures into bench/README.md")
    arguments = parser.parse_args()
    result = soak(things=arguments.things, hours=arguments.hours, restarts=arguments.restarts, seed=arguments.seed)
    text = table(result)
    if arguments.write:
        write(f"{machine()} Seed {arguments.seed}.\n\n{text}")
    print(text)
    return 1 if result.lost or result.twice or result.pending else 0


if __name__ == "__main__":
    sys.exit(main())
