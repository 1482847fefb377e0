"""Everything that can be made to go wrong, per world."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

type Garbling = Literal["truncated", "garbage", "not_utf8", "html"]
type DropTime = Literal["before", "after"]

ANY = "*"
"""Stands for every operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error to answer with instead of doing the work. ``retry_after`` is in seconds."""

    code: str
    message: str
    status: int | None = None
    retry_after: float | None = None


@dataclass(slots=True)
class Faults:
    """What is to go wrong. Keys are operation names, or :data:`ANY`."""

    latency: dict[str, float] = field(default_factory=dict)
    lateness: dict[str, float] = field(default_factory=dict)
    refusals: dict[str, deque[Refusal]] = field(default_factory=lambda: defaultdict(deque))
    drops: dict[tuple[str, DropTime], int] = field(default_factory=lambda: defaultdict(int))
    garblings: dict[str, deque[Garbling]] = field(default_factory=lambda: defaultdict(deque))
    denied: set[str] = field(default_factory=set)
    clock_offset: float = 0.0
    offline: bool = False
    unknown_members: bool = False
    unknown_enums: bool = False

    def delay(self, operation: str) -> float:
        """Return how long to wait before the work, in seconds."""
        return self.latency.get(operation, self.latency.get(ANY, 0.0))

    def delay_of_answer(self, operation: str) -> float:
        """Return how long to wait between the work and its answer, in seconds."""
        return self.lateness.get(operation, self.lateness.get(ANY, 0.0))

    def take_refusal(self, operation: str) -> Refusal | None:
        """Return the error that this call gets, if any is left."""
        for key in (operation, ANY):
            if self.refusals[key]:
                return self.refusals[key].popleft()
        return None

    def take_drop(self, operation: str, when: DropTime) -> bool:
        """Return whether this call's connection is to be dropped."""
        for name in (operation, ANY):
            if self.drops[name, when] > 0:
                self.drops[name, when] -= 1
                return True
        return False

    def take_garbling(self, operation: str) -> Garbling | None:
        """Return how this call's answer is to be spoilt, if at all."""
        for key in (operation, ANY):
            if self.garblings[key]:
                return self.garblings[key].popleft()
        return None

    def denies(self, action: str) -> bool:
        """Return whether IAM denies the action; patterns such as ``iotmanagedintegrations:List*`` work."""
        return any(fnmatchcase(action, pattern) for pattern in self.denied)


def garble(body: bytes, how: Garbling) -> tuple[bytes, str | None]:
    """Spoil a body; returns it with the content type that it then has, ``None`` for the one that it had."""
    match how:
        case "truncated":
            return body[: max(1, len(body) // 2)], None
        case "garbage":
            return b"\x00\x01 this is no answer", None
        case "not_utf8":
            return b'{"Items": [{"Name": "K\xfcche \xff\xfe"}]}', None
        case "html":
            return b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"
