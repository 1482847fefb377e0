"""A power cut in the middle of a batch: nothing is lost, and nothing is done twice."""

from multiprocessing import get_context
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from random import Random
import time
from typing import Any

import pytest
import pytest_socket

from emulator import Emulator, World

from .common import PUT, REGISTER
from .engine_common import CREATE, ONBOARD, add_lamps, assert_nothing_twice
from .engine_driver import Run, run
from .flow_common import entry_data

BATCH = 100
KILLS = 5
"""Kills of one batch; four batches make twenty."""


@pytest.fixture(name="processes")
def processes_fixture(socket_enabled: None) -> ForkServerContext:
    """Return what starts processes that have Home Assistant in memory already; it is asked over a Unix socket."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.engine_driver"])
    return context


def start(processes: ForkServerContext, what: Run) -> ForkServerProcess:
    """Start a Home Assistant in a process of its own."""
    process = processes.Process(target=run, args=(what,))
    process.start()
    return process


def wait_for(process: ForkServerProcess, world: World, count: int) -> bool:
    """Wait until the cloud saw so many writes; returns whether the process still runs."""
    while world.count(PUT) + world.count(CREATE) < count:
        if not process.is_alive():
            return False
        time.sleep(0.001)
    return process.is_alive()


def kill(process: ForkServerProcess) -> None:
    """Kill a process as a power cut would, and let the cloud end what it had got from it."""
    process.kill()
    process.join()


def run_with_kills(
    processes: ForkServerContext, world: World, what: dict[str, Any], ask: dict[str, Any], points: list[int]
) -> int:
    """Ask for something, kill the process at each point, and let the last one finish; returns the kills that hit."""
    hits = 0
    for number, count in enumerate(points):
        process = start(processes, Run(**what, **(ask if number == 0 else {})))
        hits += wait_for(process, world, count)
        kill(process)
    process = start(processes, Run(**what))
    process.join()
    assert process.exitcode == 0
    return hits


def what_runs(emulator: Emulator, world: World, config_dir: Path, association: str) -> dict[str, Any]:
    """Return what all processes of a test have in common."""
    return {
        "config_dir": str(config_dir),
        "unique_id": f"aws:{world.account_id}:{world.region}",
        "data": entry_data(emulator, world),
        "account_association_id": association,
    }


@pytest.mark.parametrize("seed", range(4))
def test_kill_while_registering(
    emulator: Emulator, empty_world: World, tmp_path: Path, processes: ForkServerContext, seed: int
) -> None:
    """A batch of a hundred pairs, killed at five random points."""
    world, random = empty_world, Random(seed)  # noqa: S311  # a seeded test
    association = world.add_association(name="Vendor account")
    things, discovery = add_lamps(world, association, BATCH)
    world.set_latency(0.02, PUT)
    points = sorted(random.sample(range(1, BATCH), KILLS))
    hits = run_with_kills(
        processes,
        world,
        what_runs(emulator, world, tmp_path, association),
        {"ask": REGISTER, "fields": {"managed_thing_id": things, "device_discovery_id": discovery}},
        points,
    )
    assert hits == KILLS
    assert world.registrations == {(thing, association): "ASSOCIATED" for thing in things}
    assert_nothing_twice(world)


def test_kill_while_onboarding(
    emulator: Emulator, empty_world: World, tmp_path: Path, processes: ForkServerContext
) -> None:
    """Forty devices that have no managed thing, killed between creations and registrations."""
    world, random = empty_world, Random(4)  # noqa: S311  # a seeded test
    association = world.add_association(name="Vendor account")
    for number in range(40):
        world.add_cloud_device(association, f"d-{number}", f"Lamp {number}")
    world.add_discovery(association_id=association)
    world.set_latency(0.02, PUT)
    world.set_latency(0.02, CREATE)
    points = sorted(random.sample(range(1, 80), KILLS))
    hits = run_with_kills(processes, world, what_runs(emulator, world, tmp_path, association), {"ask": ONBOARD}, points)
    assert hits == KILLS
    # One thing for each device, and each is registered.
    assert sorted(thing["Name"] for thing in world.things.values()) == sorted(f"Lamp {n}" for n in range(40))
    assert world.registrations == {(thing, association): "ASSOCIATED" for thing in world.things}
    assert_nothing_twice(world)
