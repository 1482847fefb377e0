"""What goes back to a client, with what tests want to go wrong on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import traceback

from .exceptions import ManagedIntegrationsError
from .faults import Refusal, garble
from .timeline import wall_clock
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back; ``None`` as status drops the connection instead."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def refused(refusal: Refusal, world: World) -> ManagedIntegrationsError:
    """Return the error that a test asked for."""
    status = refusal.status
    if status is None and refusal.code == "ThrottlingException":
        status = world.switches.throttling_status
    error = ManagedIntegrationsError(refusal.code, refusal.message, status=status)
    if refusal.retry_after is not None:
        error.headers["Retry-After"] = f"{refusal.retry_after:g}"
    return error


def answer_with_faults(
    world: World,
    operation: str,
    work: Callable[[datetime], Reply],
    refuse: Callable[[ManagedIntegrationsError, datetime], Reply],
) -> tuple[Reply, str | None]:
    """Let ``work`` answer at AWS's time of day, with what is to go wrong; returns the reply and its error code.

    ``refuse`` turns the error into the service's form of it.
    """
    if world.faults.offline or world.faults.take_drop(operation, "before"):
        return Reply(status=None), None
    world.timeline.settle()
    now = wall_clock() + timedelta(seconds=world.faults.clock_offset)
    code: str | None = None
    try:
        reply = work(now)
    except ManagedIntegrationsError as error:
        reply, code = refuse(error, now), error.code
    except Exception as bug:  # noqa: BLE001  # a bug here must fail the test that met it, not kill the server
        world.problems.append(f"{operation}: {''.join(traceback.format_exception(bug))}")
        failure = ManagedIntegrationsError("InternalServerException", f"The emulator has a bug: {bug!r}")
        reply, code = refuse(failure, now), failure.code
    if world.faults.take_drop(operation, "after"):
        return Reply(status=None), code
    if (how := world.faults.take_garbling(operation)) is not None:
        body, content_type = garble(reply.body, how)
        headers = {**reply.headers} | ({"Content-Type": content_type} if content_type else {})
        reply = Reply(status=reply.status, headers=headers, body=body)
    return reply, code
