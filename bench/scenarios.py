"""What is measured: each run has a cloud of its own and a process of its own."""

from dataclasses import dataclass, field
from math import ceil
from tempfile import TemporaryDirectory
from typing import Any

from botocore.config import Config

from custom_components.mi_registration.aws.client import PAGE_SIZE

from .cloud import QUOTA, Cloud, throttled_share
from .worker import run, run_module

POLL_LISTS = ("ListManagedThings", "ListManagedThingAccountAssociations", "ListAccountAssociations")
SETTLE = 12.0
"""Seconds between set-up and synchronisation: what set-up put off (files, details of hubs) is part of neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured, and how often."""

    pairs: int = 200
    peer_pairs: int = 200
    cli_pairs: int = 20
    fleets: tuple[int, ...] = (10, 100, 1000, 10_000)
    """Numbers of things; the account of the last is read again, too."""
    polls: int = 3
    day_things: int = 100
    day_minutes: int = 24 * 60
    repeats: int = 3


QUICK = Sizes(pairs=100, peer_pairs=100, cli_pairs=5, fleets=(1000, 10_000), polls=1, repeats=1)


@dataclass(slots=True, kw_only=True)
class Way:
    """A way to register devices. Ratios and shares are of each run, ``failed`` is of all runs."""

    name: str
    pairs: int
    ratios: list[float] = field(default_factory=list)
    """Wall time, divided by the time that the quota needs for so many pairs."""
    failed: int = 0
    """Pairs that the cloud doesn't have in the end."""
    throttled: list[float] = field(default_factory=list)
    """Which part of the calls was answered 429."""
    cpu: list[float] = field(default_factory=list)
    """CPU seconds per hundred pairs, with the processes that it starts."""
    loop_cpu: list[float] = field(default_factory=list)
    """What Home Assistant's event loop has of that, where there is one."""
    stalls: list[float] = field(default_factory=list)
    """The longest stall of Home Assistant's event loop in milliseconds, where there is one."""


@dataclass(slots=True, kw_only=True)
class Fleet:
    """An account of some size, beside an integration that adds the same entities with no cloud: each run's costs."""

    things: int
    pages: int = 0
    """Pages that the three lists have."""
    waits: int = 0
    """How many of the cloud's answers a first set-up waits for one after the other."""
    list_calls: list[float] = field(default_factory=list)
    """Calls of these lists per synchronisation."""
    first: list[dict[str, Any]] = field(default_factory=list)
    """Set up for the first time."""
    again: list[dict[str, Any]] = field(default_factory=list)
    """Started with what the first set-up left on disk."""
    polls: list[dict[str, Any]] = field(default_factory=list)
    """Read again, where nothing changed."""
    bare_first: list[dict[str, Any]] = field(default_factory=list)
    bare_again: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Day:
    """A day of an account that doesn't change."""

    things: int
    calls: int
    states_written: int
    bytes_written: int


@dataclass(slots=True, kw_only=True)
class Reactions:
    """How long it takes until something shows, in seconds."""

    notice: list[float] = field(default_factory=list)
    """From a change in the cloud to the entity's state."""
    register: list[float] = field(default_factory=list)
    """From the action to a pair that AWS has as ASSOCIATED."""


def measure_registration(name: str, worker: str, pairs: int, repeats: int, **arguments: Any) -> Way:
    """Let a worker register so many pairs, each time in a new account."""
    way = Way(name=name, pairs=pairs)
    for _ in range(repeats):
        result = _register(way, worker, **arguments)
        way.ratios.append(result["wall"] / (pairs / QUOTA))
        way.cpu.append(result["cpu"] / pairs * 100)
        if "loop_cpu" in result:
            way.loop_cpu.append(result["loop_cpu"] / pairs * 100)
    return way


def measure_engine(name: str, worker: str, pairs: int, repeats: int) -> Way:
    """Let one of the integration's own actions do it, and once more with somebody watching the event loop."""
    way = measure_registration(name, worker, pairs, repeats)
    way.stalls.append(_register(way, worker, watch=True)["stalls"]["wall"])
    return way


def _register(way: Way, worker: str, **arguments: Any) -> dict[str, Any]:
    with Cloud() as cloud:
        vendor = cloud.add_vendor(way.pairs, with_things=worker != "onboard")
        result = run(worker, endpoint=cloud.endpoint, vendor=vendor, **arguments)
        way.throttled.append(throttled_share(cloud.requests))
        way.failed += way.pairs - cloud.registered()
    return result


def measure_fleet(things: int, repeats: int, *, polls: int = 0, settle: float = SETTLE) -> Fleet:
    """Set an account up and start it again, with no quota in the way, and beside it the floor."""
    fleet = Fleet(things=things)
    for _ in range(repeats):
        with (
            Cloud(f"fleet:{things}", quota=None) as cloud,
            TemporaryDirectory(prefix="bench-") as ours,
            TemporaryDirectory(prefix="bench-") as floor,
        ):
            pages = [max(1, ceil(count / PAGE_SIZE)) for count in _rows(cloud).values()]
            # Who the credentials belong to is asked first, then the lists are read side by side.
            fleet.pages, fleet.waits = sum(pages), 1 + max(pages)
            arguments = {"endpoint": cloud.endpoint, "association_ids": _association_ids(cloud)}
            cloud.command("clear_requests")
            result = run("set_up", **arguments, directory=ours, polls=polls, settle=settle if polls else 0)
            fleet.list_calls.append(sum(row["operation"] in POLL_LISTS for row in cloud.requests) / (polls + 1))
            fleet.first.append(result)
            if polls:
                fleet.polls.append(result["polls"])
            fleet.again.append(run("start_again", directory=ours))
            fleet.bare_first.append(run("bare", size=things, directory=floor))
            fleet.bare_again.append(run("bare_again", directory=floor))
        if not all(poll["good"] for poll in fleet.polls):
            raise RuntimeError("a synchronisation failed")
        kinds = (fleet.first, fleet.again, fleet.bare_first, fleet.bare_again)
        if len({runs[-1]["states"] for runs in kinds}) > 1:
            raise RuntimeError("the bare integration has other entities")
    return fleet


def measure_sdk(repeats: int) -> list[dict[str, Any]]:
    """Load the AWS SDK and make an account's clients, in a process without anything else."""
    return [run_module("bench.sdk") for _ in range(repeats)]


def measure_day(things: int, minutes: int) -> Day:
    """Live through a day; how long the cloud takes is of no account here."""
    with Cloud(f"fleet:{things}", quota=None) as cloud:
        cloud.command("set_latency", seconds=0)
        result = run("day", endpoint=cloud.endpoint, association_ids=_association_ids(cloud), minutes=minutes)
        if not result["good"]:
            raise RuntimeError("a synchronisation failed")
        return Day(
            things=things,
            calls=len(cloud.requests),
            states_written=result["states"],
            bytes_written=result["bytes"],
        )


def measure_reactions(things: int, repeats: int) -> Reactions:
    """Let something change in the cloud, and register one thing."""
    reactions = Reactions()
    for _ in range(repeats):
        with Cloud(f"fleet:{things}", quota=None) as cloud:
            result = run("notice", endpoint=cloud.endpoint, association_ids=_association_ids(cloud))
            reactions.notice.append(result["wall"])
        with Cloud() as cloud:
            result = run("register", endpoint=cloud.endpoint, vendor=cloud.add_vendor(1, with_things=True))
            if cloud.registered() != 1:
                raise RuntimeError("the thing isn't registered")
            reactions.register.append(result["wall"])
    return reactions


def _rows(cloud: Cloud) -> dict[str, int]:
    """Return how many rows each list of a synchronisation has."""
    client = cloud.endpoint.client(Config(proxies={}))
    return {
        operation: sum(len(page["Items"]) for page in client.get_paginator(operation).paginate())
        for operation in ("list_managed_things", "list_managed_thing_account_associations", "list_account_associations")
    }


def _association_ids(cloud: Cloud) -> list[str]:
    answer = cloud.endpoint.client(Config(proxies={})).list_account_associations()
    return [row["AccountAssociationId"] for row in answer["Items"]]
