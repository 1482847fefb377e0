"""Calls that are made side by side, and fail as one."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def first_error_only() -> Generator[None]:
    """Raise the first error of a task group by itself: the others of one outage only repeat it."""
    try:
        yield
    except ExceptionGroup as group:
        raise group.exceptions[0] from None


async def side_by_side[T](*calls: Coroutine[Any, Any, T]) -> list[T]:
    """Await calls of one kind together; the first error ends them all."""
    with first_error_only():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]
