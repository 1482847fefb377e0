"""What can go wrong, and what then becomes of it: the rows that tests run and that docs/reliability.md shows."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from emulator import World


class Kind(StrEnum):
    """The kinds of failure that the integration tells apart, by the names of their texts."""

    INVALID_AUTH = "invalid_auth"
    ACCESS_DENIED = "access_denied"
    CLOCK_SKEW = "clock_skew"
    THROTTLED = "throttled"
    SERVICE_ERROR = "service_error"
    CANNOT_CONNECT = "cannot_connect"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    INVALID_REQUEST = "invalid_request"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Something that comes instead of a good answer."""

    name: str
    kind: Kind
    status: int | None = None
    """The HTTP status; ``None`` for a fault on the wire."""
    is_lost: bool = False
    """Whether AWS did the work, and only its answer got lost."""
    inject: Callable[[World, str, int], None]
    """Let so many of the next calls of an operation be answered so."""


def _refusal(code: str, status: int, kind: Kind) -> Answer:
    def _inject(world: World, operation: str, times: int) -> None:
        world.refuse(operation, code, times, status=status)

    return Answer(name=code, kind=kind, status=status, inject=_inject)


ANSWERS: Final = (
    _refusal("AccessDeniedException", 403, Kind.ACCESS_DENIED),
    _refusal("UnauthorizedException", 401, Kind.ACCESS_DENIED),
    _refusal("NotAuthorized", 401, Kind.ACCESS_DENIED),
    _refusal("OptInRequired", 403, Kind.ACCESS_DENIED),
    _refusal("UnrecognizedClientException", 403, Kind.INVALID_AUTH),
    _refusal("InvalidClientTokenId", 403, Kind.INVALID_AUTH),
    _refusal("InvalidSignatureException", 403, Kind.INVALID_AUTH),
    _refusal("SignatureDoesNotMatch", 403, Kind.INVALID_AUTH),
    _refusal("IncompleteSignature", 403, Kind.INVALID_AUTH),
    _refusal("ExpiredTokenException", 403, Kind.INVALID_AUTH),
    _refusal("RequestTimeTooSkewed", 403, Kind.CLOCK_SKEW),
    _refusal("ThrottlingException", 429, Kind.THROTTLED),
    _refusal("ThrottlingException", 400, Kind.THROTTLED),
    _refusal("InternalServerException", 500, Kind.SERVICE_ERROR),
    _refusal("InternalFailure", 500, Kind.SERVICE_ERROR),
    _refusal("ServiceUnavailableException", 503, Kind.SERVICE_ERROR),
    _refusal("RequestTimeoutException", 408, Kind.SERVICE_ERROR),
    _refusal("UnknownOperationException", 404, Kind.SERVICE_ERROR),
    _refusal("AddedLaterException", 418, Kind.SERVICE_ERROR),
    _refusal("ResourceNotFoundException", 404, Kind.NOT_FOUND),
    _refusal("ConflictException", 409, Kind.CONFLICT),
    _refusal("ValidationException", 400, Kind.INVALID_REQUEST),
    _refusal("ServiceQuotaExceededException", 402, Kind.INVALID_REQUEST),
    Answer(
        name="reset before the work",
        kind=Kind.CANNOT_CONNECT,
        inject=lambda world, operation, times: world.drop(operation, "before", times),
    ),
    Answer(
        name="reset after the work",
        kind=Kind.CANNOT_CONNECT,
        is_lost=True,
        inject=lambda world, operation, times: world.drop(operation, "after", times),
    ),
    Answer(
        name="truncated answer",
        kind=Kind.CANNOT_CONNECT,
        is_lost=True,
        inject=lambda world, operation, times: world.garble(operation, "truncated", times),
    ),
    Answer(
        name="garbage",
        kind=Kind.CANNOT_CONNECT,
        is_lost=True,
        inject=lambda world, operation, times: world.garble(operation, "garbage", times),
    ),
    Answer(
        name="not UTF-8",
        kind=Kind.CANNOT_CONNECT,
        is_lost=True,
        inject=lambda world, operation, times: world.garble(operation, "not_utf8", times),
    ),
    Answer(
        name="a proxy's page",
        kind=Kind.CANNOT_CONNECT,
        is_lost=True,
        inject=lambda world, operation, times: world.garble(operation, "html", times),
    ),
)
"""Every code that the operations declare, AWS's common ones, one that doesn't exist yet, and the wire's faults."""

STS_ANSWERS: Final = (
    _refusal("MalformedPolicyDocument", 400, Kind.SERVICE_ERROR),
    _refusal("PackedPolicyTooLarge", 400, Kind.SERVICE_ERROR),
    _refusal("RegionDisabledException", 403, Kind.INVALID_REQUEST),
)
"""What AssumeRole alone declares."""

ONE_OF_EACH_KIND: Final = (*{answer.kind: answer for answer in reversed(ANSWERS)}.values(), ANSWERS[-1])
"""For phases in which each try takes long: an answer of each kind, and a proxy's page, which is the oddest."""


class Phase(StrEnum):
    """When a call is made."""

    FLOW = "flow"
    SET_UP = "set-up"
    POLL = "poll"
    ACTION = "action"
    QUEUE = "queue"
    REPAIR = "repair"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What becomes of a fault."""

    sees: str
    kept: str


OUTCOMES: Final = MappingProxyType(
    {
        "form": Outcome(
            sees="The form again, with the text of this kind of error", kept="What was typed in; nothing was made"
        ),
        "ended": Outcome(
            sees="The flow ends with the text of this kind of error", kept="Everything as it was before the flow"
        ),
        "gone": Outcome(
            sees="The form again, with an error at the field: the connector destination is gone",
            kept="What was typed in",
        ),
        "retried": Outcome(
            sees="The entry is not ready, with the text; Home Assistant tries again by itself",
            kept="Entry, subentries and queue",
        ),
        "reauth": Outcome(sees="Home Assistant asks for new credentials", kept="Entry, subentries and queue"),
        "without": Outcome(
            sees="Only what needs this list is unavailable; a repair names the missing permission",
            kept="What the list said before",
        ),
        "stale": Outcome(
            sees="Entities of the cloud are unavailable, with the text at the button; the next poll mends it",
            kept="Devices, entities, the last Inventory",
        ),
        "stale, reauth": Outcome(
            sees="Entities of the cloud are unavailable, and Home Assistant asks for new credentials",
            kept="Devices, entities, the last Inventory, the queue",
        ),
        "hub gone": Outcome(sees="Only this hub's connectivity is unavailable", kept="Everything else"),
        "hub stale": Outcome(
            sees="Only the connectivity of hubs is unavailable; the next poll mends it", kept="Everything else"
        ),
        "hub stale, reauth": Outcome(
            sees="Only the connectivity of hubs is unavailable, and Home Assistant asks for new credentials",
            kept="Everything else",
        ),
        "unseen": Outcome(sees="Nothing but a line in the log; it is read later", kept="Everything"),
        "raised": Outcome(
            sees="The action fails with the text of this kind of error", kept="Everything as it was before"
        ),
        "no such id": Outcome(sees="The action fails: AWS has no such discovery", kept="Everything as it was before"),
        "done": Outcome(sees="Nothing: it is done in spite of it", kept="The registration asked for, done once"),
        "queued": Outcome(
            sees="`queued` with the code; done by itself when the cause has passed",
            kept="The registration asked for, on disk",
        ),
        "queued, reauth": Outcome(
            sees="`queued` with the code, and Home Assistant asks for new credentials",
            kept="The registration asked for, on disk",
        ),
        "failed": Outcome(
            sees="`failed` with AWS's code and text, at the device too, and a repair that tries again",
            kept="Why it failed; nothing is sent again unasked",
        ),
        "not there": Outcome(sees="`not_registered`: there is nothing to remove", kept="Everything else"),
        "waits": Outcome(
            sees="`queued` goes on, counted in `pending_registrations`", kept="The registration asked for, on disk"
        ),
        "waits, reauth": Outcome(
            sees="`queued` goes on, and Home Assistant asks for new credentials",
            kept="The registration asked for, on disk",
        ),
        "dialog": Outcome(sees="The dialog again, with AWS's reason", kept="The repair"),
        "mended": Outcome(sees="The repair goes away", kept="The registration asked for, done or on disk"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Site:
    """An operation in a phase in which it is called."""

    operation: str
    phase: Phase
    outcomes: dict[Kind, str]
    lost: str | None = None
    """What becomes of it where only the answer got lost, if that is something else."""
    answers: tuple[Answer, ...] = ANSWERS

    @property
    def id(self) -> str:
        """The id of the test's parameter."""
        return f"{self.operation}-{self.phase}"

    def outcome(self, answer: Answer) -> str:
        """Return what becomes of an answer."""
        return self.lost if answer.is_lost and self.lost is not None else self.outcomes[answer.kind]


def _all(outcome: str, **others: str) -> dict[Kind, str]:
    return {kind: others.get(kind.value, outcome) for kind in Kind}


_READ = _all("stale", invalid_auth="stale, reauth")
_OPTIONAL = _all("stale", invalid_auth="stale, reauth", access_denied="without")
_WRITE = _all(
    "failed",
    throttled="done",
    service_error="done",
    cannot_connect="done",
    clock_skew="queued",
    invalid_auth="queued, reauth",
)
_RETRY = _all(
    "failed",
    throttled="waits",
    service_error="waits",
    cannot_connect="waits",
    clock_skew="waits",
    invalid_auth="waits, reauth",
)

_AHEAD = "as the call that it comes ahead of"
_AS_IN_POLL = "the same code as in poll"
_AS_IN_ACTION = "the same code as in action"
_AS_IN_QUEUE = "the same code as in queue"
_CREDENTIALS = {Phase.QUEUE: _AHEAD, Phase.REPAIR: _AHEAD}

ELSEWHERE: Final[dict[str, dict[Phase, str]]] = {
    "AssumeRole": _CREDENTIALS,
    "AssumeRoleWithCertificate": _CREDENTIALS,
    "GetCallerIdentity": {Phase.POLL: "the same code as in set-up"},
    "GetDeviceDiscovery": {Phase.REPAIR: _AS_IN_QUEUE},
    "ListAccountAssociations": {Phase.REPAIR: _AS_IN_ACTION},
    "ListDeviceDiscoveries": {Phase.REPAIR: _AS_IN_QUEUE},
    "ListDiscoveredDevices": {Phase.REPAIR: _AS_IN_QUEUE},
    "ListManagedThings": {Phase.ACTION: _AS_IN_POLL, Phase.REPAIR: _AS_IN_POLL},
    "ListManagedThingAccountAssociations": {
        Phase.QUEUE: "tests/test_engine_faults.py::test_lost_answer_and_lists_that_can_not_be_read",
        Phase.REPAIR: "tests/test_repair_flows.py::test_register_again_offline",
    },
    "StartDeviceDiscovery": {Phase.REPAIR: _AS_IN_QUEUE},
    "CreateManagedThing": {Phase.REPAIR: _AS_IN_ACTION},
}
"""What is tested elsewhere, or goes the same way."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that is no answer of AWS's."""

    group: str
    name: str
    sees: str
    kept: str
    test: str


_ALL = "Everything"
_QUEUE = "What was asked for, on disk"

OTHERS: Final = (
    Fault(
        group="wire",
        name="connection refused",
        sees="The entry is not ready, with the text; tried again by itself",
        kept="Entry and queue",
        test="tests/test_errors_matrix.py::test_connection_refused",
    ),
    Fault(
        group="wire",
        name="TLS failure",
        sees="An error of the connection, or of the certificate where that is refused",
        kept="Entry and queue",
        test="tests/aws/test_iot_credentials.py::test_an_endpoint_that_is_not_trusted",
    ),
    Fault(
        group="wire",
        name="no TLS where TLS is spoken",
        sees="An error of the connection",
        kept="Entry and queue",
        test="tests/aws/test_iot_credentials.py::test_somebody_who_speaks_no_tls",
    ),
    Fault(
        group="wire",
        name="slow answers that come in time",
        sees="Nothing but the time it takes",
        kept=_ALL,
        test="tests/test_late_answers.py::test_slow_but_in_time",
    ),
    Fault(
        group="wire",
        name="an answer that comes too late: flow",
        sees="The form again, with an error of the connection",
        kept="What was typed in; nothing was made",
        test="tests/test_late_answers.py::test_flow",
    ),
    Fault(
        group="wire",
        name="the same: set-up",
        sees="The entry is not ready, with the text; tried again by itself",
        kept="Entry and queue",
        test="tests/test_late_answers.py::test_set_up",
    ),
    Fault(
        group="wire",
        name="the same: poll",
        sees="Entities of the cloud are unavailable; the next poll mends it",
        kept="Devices, entities, the last Inventory",
        test="tests/test_late_answers.py::test_poll",
    ),
    Fault(
        group="wire",
        name="the same: an action that reads",
        sees="The action fails with an error of the connection",
        kept=_ALL,
        test="tests/test_late_answers.py::test_reading_action",
    ),
    Fault(
        group="wire",
        name="the same: a registration or deregistration",
        sees="Nothing: the lists show that it is done, and it is not sent twice",
        kept="The registration asked for, done once",
        test="tests/test_late_answers.py::test_write",
    ),
    Fault(
        group="wire",
        name="a write that AWS gets to after the time is over",
        sees="Nothing: the lists show that it is done, and it is not sent twice",
        kept="The registration asked for, done once",
        test="tests/test_late_answers.py::test_write",
    ),
    Fault(
        group="wire",
        name="a write and the lists after it come too late",
        sees="`queued`; done when they are read again, without a second request",
        kept=_QUEUE,
        test="tests/test_late_answers.py::test_write_and_lists",
    ),
    Fault(
        group="wire",
        name="a new managed thing's answer comes too late",
        sees="Nothing: it is created once",
        kept=_ALL,
        test="tests/test_late_answers.py::test_creation",
    ),
    Fault(
        group="wire",
        name="the cloud is away for a day",
        sees="`queued`, done when it is back",
        kept=_QUEUE,
        test="tests/test_engine_faults.py::test_cloud_down_for_a_day",
    ),
    Fault(
        group="process",
        name="SIGKILL at random points of a batch",
        sees="Nothing: the next start goes on with it",
        kept=_QUEUE,
        test="tests/test_engine_crash.py::test_kill_while_registering",
    ),
    Fault(
        group="process",
        name="SIGKILL while onboarding",
        sees="Nothing: one managed thing for each device",
        kept=_QUEUE,
        test="tests/test_engine_crash.py::test_kill_while_onboarding",
    ),
    Fault(
        group="process",
        name="stop and start in any phase",
        sees="Nothing: it is done once",
        kept=_QUEUE,
        test="tests/test_engine_faults.py::test_stop_and_start",
    ),
    Fault(
        group="process",
        name="full disk or read-only configuration folder: an action",
        sees="The action fails with the operating system's reason; nothing is sent",
        kept="Everything as it was before",
        test="tests/test_disk_faults.py::test_registration_is_not_sent",
    ),
    Fault(
        group="process",
        name="the same: a cancellation",
        sees="The same; the registration goes on waiting",
        kept=_QUEUE,
        test="tests/test_disk_faults.py::test_cancelling_is_not_done_by_halves",
    ),
    Fault(
        group="process",
        name="the same: between request and end",
        sees="Nothing; the cloud tells after a restart",
        kept=_QUEUE,
        test="tests/test_disk_faults.py::test_end_of_a_registration",
    ),
    Fault(
        group="process",
        name="the same: onboarding",
        sees="Nothing is created without its token on disk",
        kept=_ALL,
        test="tests/test_disk_faults.py::test_onboarding",
    ),
    Fault(
        group="process",
        name="the same: a policy",
        sees="A line in the log; tried again by itself",
        kept=_ALL,
        test="tests/test_disk_faults.py::test_policy",
    ),
    Fault(
        group="process",
        name="the same: a choice in a repair",
        sees="The dialog again, with the operating system's reason; nothing is sent",
        kept="Everything as it was before",
        test="tests/test_disk_faults.py::test_choosing_devices",
    ),
    Fault(
        group="process",
        name="the same: set-up and poll",
        sees="Nothing",
        kept="What the disk had before",
        test="tests/test_disk_faults.py::test_first_set_up",
    ),
    Fault(
        group="process",
        name="a broken file that can't be set aside",
        sees="The entry is not ready, with the reason",
        kept="The file",
        test="tests/test_disk_faults.py::test_file_that_can_neither_be_read_nor_set_aside",
    ),
    Fault(
        group="process",
        name="a broken file",
        sees="A repair that names the file",
        kept="The file, under another name",
        test="tests/test_engine_faults.py::test_unreadable_file",
    ),
    Fault(
        group="clock",
        name="clock wrong by more than AWS allows",
        sees="Nothing: requests are signed with AWS's time",
        kept=_ALL,
        test="tests/aws/test_clock.py::test_a_wrong_clock_is_corrected",
    ),
    Fault(
        group="clock",
        name="clock wrong, and AWS refuses its own time too",
        sees="The text with the measured seconds",
        kept=_ALL,
        test="tests/test_errors_matrix.py::test_wrong_clock",
    ),
    Fault(
        group="clock",
        name="a write with a wrong clock",
        sees="Nothing: it is done once",
        kept=_ALL,
        test="tests/aws/test_clock.py::test_a_write_with_a_wrong_clock_is_done_once",
    ),
    Fault(
        group="credentials",
        name="unknown access key",
        sees="Home Assistant asks for new credentials",
        kept="Entry and queue",
        test="tests/test_errors_matrix.py::test_unknown_key",
    ),
    Fault(
        group="credentials",
        name="revoked device certificate",
        sees="Home Assistant asks for new credentials",
        kept="Entry and queue",
        test="tests/aws/test_iot_credentials.py::test_a_revoked_certificate",
    ),
    Fault(
        group="credentials",
        name="expired device certificate",
        sees="The text says so",
        kept="Entry and queue",
        test="tests/aws/test_iot_credentials.py::test_an_expired_certificate",
    ),
    Fault(
        group="undocumented",
        name="lists that lag behind a registration",
        sees="`pre_associated`; no second request",
        kept=_QUEUE,
        test="tests/test_engine_faults.py::test_lagging_list",
    ),
    Fault(
        group="undocumented",
        name="values that AWS adds later",
        sees="`unknown`",
        kept=_ALL,
        test="tests/test_fuzz.py::test_rows",
    ),
)

_EXPIRED = tuple(answer for answer in ANSWERS if answer.name == "ExpiredTokenException")
_NO_CREDENTIALS = ("invalid_auth", "access_denied", "not_found", "invalid_request")
"""What keeps credentials from being obtained for good."""

SITES: Final = (
    *(
        site
        for operation, answers in (
            ("AssumeRole", (*ONE_OF_EACH_KIND, *_EXPIRED, *STS_ANSWERS)),
            ("AssumeRoleWithCertificate", ONE_OF_EACH_KIND),
        )
        for site in (
            Site(operation=operation, phase=Phase.FLOW, outcomes=_all("form")),
            Site(
                operation=operation,
                phase=Phase.SET_UP,
                outcomes=_all("retried", **dict.fromkeys(_NO_CREDENTIALS, "reauth")),
                answers=ONE_OF_EACH_KIND,
            ),
            Site(
                operation=operation,
                phase=Phase.POLL,
                outcomes=_all("stale", **dict.fromkeys(_NO_CREDENTIALS, "stale, reauth")),
                answers=answers,
            ),
            Site(operation=operation, phase=Phase.ACTION, outcomes=_all("raised"), answers=ONE_OF_EACH_KIND),
        )
    ),
    Site(operation="GetCallerIdentity", phase=Phase.FLOW, outcomes=_all("form")),
    Site(operation="ListAccountAssociations", phase=Phase.FLOW, outcomes=_all("form")),
    Site(operation="ListConnectorDestinations", phase=Phase.FLOW, outcomes=_all("ended")),
    Site(operation="CreateAccountAssociation", phase=Phase.FLOW, outcomes=_all("form", not_found="gone")),
    Site(operation="StartAccountAssociationRefresh", phase=Phase.FLOW, outcomes=_all("ended")),
    Site(operation="DeleteAccountAssociation", phase=Phase.FLOW, outcomes=_all("ended")),
    Site(
        operation="GetCallerIdentity",
        phase=Phase.SET_UP,
        outcomes=_all("retried", invalid_auth="reauth"),
        answers=ONE_OF_EACH_KIND,
    ),
    Site(
        operation="ListManagedThings",
        phase=Phase.SET_UP,
        outcomes=_all("retried", invalid_auth="reauth"),
        answers=ONE_OF_EACH_KIND,
    ),
    Site(
        operation="ListAccountAssociations",
        phase=Phase.SET_UP,
        outcomes=_all("retried", invalid_auth="reauth", access_denied="without"),
        answers=ONE_OF_EACH_KIND,
    ),
    Site(
        operation="ListManagedThingAccountAssociations",
        phase=Phase.SET_UP,
        outcomes=_all("retried", invalid_auth="reauth", access_denied="without"),
        answers=ONE_OF_EACH_KIND,
    ),
    Site(operation="ListManagedThings", phase=Phase.POLL, outcomes=_READ),
    Site(operation="ListAccountAssociations", phase=Phase.POLL, outcomes=_OPTIONAL),
    Site(operation="ListManagedThingAccountAssociations", phase=Phase.POLL, outcomes=_OPTIONAL),
    Site(
        operation="GetManagedThingConnectivityData",
        phase=Phase.POLL,
        outcomes=_all("hub stale", invalid_auth="hub stale, reauth", not_found="hub gone"),
    ),
    Site(operation="GetManagedThing", phase=Phase.POLL, outcomes=_all("unseen")),
    Site(operation="ListDeviceDiscoveries", phase=Phase.POLL, outcomes=_all("unseen")),
    Site(operation="GetDeviceDiscovery", phase=Phase.POLL, outcomes=_all("unseen")),
    Site(operation="ListDiscoveredDevices", phase=Phase.POLL, outcomes=_all("unseen")),
    Site(operation="RegisterAccountAssociation", phase=Phase.ACTION, outcomes=_WRITE),
    Site(operation="DeregisterAccountAssociation", phase=Phase.ACTION, outcomes=_WRITE | {Kind.NOT_FOUND: "not there"}),
    Site(operation="ListManagedThingAccountAssociations", phase=Phase.ACTION, outcomes=_all("done")),
    Site(
        operation="CreateManagedThing",
        phase=Phase.ACTION,
        outcomes=_WRITE | {Kind.CLOCK_SKEW: "done"},
    ),
    Site(
        operation="StartDeviceDiscovery",
        phase=Phase.ACTION,
        outcomes=_all(
            "raised", service_error="done", cannot_connect="done", throttled="done", clock_skew="done", conflict="done"
        ),
    ),
    Site(operation="GetDeviceDiscovery", phase=Phase.ACTION, outcomes=_all("raised", not_found="no such id")),
    Site(operation="ListDiscoveredDevices", phase=Phase.ACTION, outcomes=_all("raised")),
    Site(operation="ListDeviceDiscoveries", phase=Phase.ACTION, outcomes=_all("raised")),
    Site(operation="GetManagedThingConnectivityData", phase=Phase.ACTION, outcomes=_all("done")),
    Site(
        operation="ListAccountAssociations",
        phase=Phase.ACTION,
        outcomes=_all("unseen"),
        answers=ONE_OF_EACH_KIND,
    ),
    Site(operation="StartAccountAssociationRefresh", phase=Phase.ACTION, outcomes=_all("raised")),
    Site(operation="RegisterAccountAssociation", phase=Phase.QUEUE, outcomes=_RETRY, lost="done"),
    Site(
        operation="DeregisterAccountAssociation",
        phase=Phase.QUEUE,
        outcomes=_RETRY | {Kind.NOT_FOUND: "done"},
        lost="done",
    ),
    Site(operation="CreateManagedThing", phase=Phase.QUEUE, outcomes=_RETRY, lost="done"),
    Site(operation="ListDeviceDiscoveries", phase=Phase.QUEUE, outcomes=_RETRY, answers=ONE_OF_EACH_KIND),
    Site(operation="GetDeviceDiscovery", phase=Phase.QUEUE, outcomes=_RETRY, answers=ONE_OF_EACH_KIND),
    Site(operation="ListDiscoveredDevices", phase=Phase.QUEUE, outcomes=_RETRY, answers=ONE_OF_EACH_KIND),
    Site(operation="StartDeviceDiscovery", phase=Phase.QUEUE, outcomes=_RETRY, lost="done", answers=ONE_OF_EACH_KIND),
    Site(
        operation="ListManagedThings",
        phase=Phase.QUEUE,
        outcomes=_all("waits", invalid_auth="waits, reauth"),
    ),
    Site(
        operation="RegisterAccountAssociation",
        phase=Phase.REPAIR,
        outcomes=_all(
            "dialog",
            throttled="mended",
            service_error="mended",
            cannot_connect="mended",
            clock_skew="mended",
            invalid_auth="mended",
        ),
    ),
    Site(operation="StartAccountAssociationRefresh", phase=Phase.REPAIR, outcomes=_all("dialog")),
)
