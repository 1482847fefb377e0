"""What is measured: each run has a cloud of its own and a process of its own."""

from dataclasses import dataclass, field
from math import ceil
from typing import Any

from botocore.config import Config

from custom_components.mi_registration.aws.client import PAGE_SIZE

from .cloud import QUOTA, Cloud, throttled_share
from .worker import run

POLL_LISTS = ("ListManagedThings", "ListManagedThingAccountAssociations", "ListAccountAssociations")
SETTLE = 12.0
"""Seconds between set-up and synchronisation: what set-up put off (files, details of hubs) is part of neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured, and how often."""

    pairs: int = 200
    peer_pairs: int = 200
    cli_pairs: int = 20
    poll_things: int = 10_000
    polls: int = 3
    set_up_things: int = 1000
    repeats: int = 3


QUICK = Sizes(peer_pairs=100, cli_pairs=5, polls=1, repeats=1)


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
    stalls: list[float] = field(default_factory=list)
    """The longest stall of Home Assistant's event loop in milliseconds, where there is one."""


@dataclass(slots=True, kw_only=True)
class Poll:
    """Synchronisations of an account that doesn't change."""

    things: int
    pages: int
    """Pages that the three lists have."""
    list_calls: list[float] = field(default_factory=list)
    """Calls of these lists per synchronisation."""
    states_written: int = 0
    stalls: list[dict[str, float]] = field(default_factory=list)
    set_up_stalls: list[dict[str, float]] = field(default_factory=list)
    bare_stalls: list[dict[str, float]] = field(default_factory=list)
    """Of the set-up of an integration that adds the same entities with no cloud."""


@dataclass(slots=True, kw_only=True)
class SetUp:
    """Setting up an account, beside an integration that adds the same entities with no cloud."""

    things: int
    ours: list[dict[str, Any]] = field(default_factory=list)
    bare: list[dict[str, Any]] = field(default_factory=list)


def measure_registration(name: str, worker: str, pairs: int, repeats: int, **arguments: Any) -> Way:
    """Let a worker register so many pairs, each time in a new account."""
    way = Way(name=name, pairs=pairs)
    for _ in range(repeats):
        with Cloud() as cloud:
            vendor = cloud.add_vendor(pairs, with_things=worker != "onboard")
            result = run(worker, endpoint=cloud.endpoint, vendor=vendor, **arguments)
            way.ratios.append(result["wall"] / (pairs / QUOTA))
            way.throttled.append(throttled_share(cloud.requests))
            way.cpu.append(result["cpu"] / pairs * 100)
            if "stalls" in result:
                way.stalls.append(result["stalls"]["wall"])
            way.failed += pairs - cloud.registered()
    return way


def measure_poll(things: int, polls: int, repeats: int, *, settle: float = SETTLE) -> Poll:
    """Set a large account up and read it again, with no quota in the way."""
    poll = Poll(things=things, pages=0)
    for _ in range(repeats):
        with Cloud(f"fleet:{things}", quota=None) as cloud:
            rows = _rows(cloud)
            poll.pages = sum(max(1, ceil(count / PAGE_SIZE)) for count in rows.values())
            cloud.command("clear_requests")
            ids = _association_ids(cloud)
            result = run("set_up", endpoint=cloud.endpoint, association_ids=ids, polls=polls, settle=settle)
            # One call is our own: that for the ids.
            calls = sum(request["operation"] in POLL_LISTS for request in cloud.requests) - 1
        if not result["polls"]["good"]:
            raise RuntimeError("a synchronisation failed")
        poll.list_calls.append(calls / (polls + 1))
        poll.states_written += result["polls"]["written"]
        poll.stalls.append(result["polls"]["stalls"])
        poll.set_up_stalls.append(result["stalls"])
        poll.bare_stalls.append(run("bare", size=things)["stalls"])
    return poll


def measure_set_up(things: int, repeats: int) -> SetUp:
    """Set an account up, and beside it the floor."""
    measured = SetUp(things=things)
    for _ in range(repeats):
        with Cloud(f"fleet:{things}", quota=None) as cloud:
            measured.ours.append(run("set_up", endpoint=cloud.endpoint, association_ids=_association_ids(cloud)))
        measured.bare.append(run("bare", size=things))
        if measured.ours[-1]["states"] != measured.bare[-1]["states"]:
            raise RuntimeError("the bare integration has other entities")
    return measured


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
