"""What happens to a request between the socket and the backend, in the order in which AWS does it."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from hashlib import sha256
from itertools import count
import json
import traceback
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.serialize import DefaultAttributePicker, SerializationContext
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from . import sigv4, sts
from .exceptions import (
    AccessDeniedException,
    InvalidRequestException,
    ManagedIntegrationsError,
    SerializationException,
    ThrottlingException,
    ValidationException,
)
from .faults import Refusal, garble
from .responses import IMPLEMENTED, ManagedIntegrationsResponse
from .serialize import JsonSerializer, XmlSerializer
from .service_model import SERVICE, SIGNING_NAME
from .sigv4 import Credential, SignedRequest
from .timeline import wall_clock
from .unknown_values import modernise
from .validation import check_request, check_types, response_violations
from .world import LOG_LENGTH, RecordedRequest, World

UNKNOWN = "-"
"""Stands in the log for an operation that nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes back; ``None`` as status drops the connection instead."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class Call:
    """A request that has been read: which service, operation and world it is for, where these exist."""

    request: SignedRequest
    parsed: Request
    service: Literal["iotmanagedintegrations", "sts"]
    operation: OperationModel | None
    uri_params: dict[str, Any]
    world: World | None
    request_id: str
    params: dict[str, Any] = field(default_factory=dict)
    unreadable: ManagedIntegrationsError | None = None
    """Why ``params`` are empty although the request has some."""

    @property
    def name(self) -> str:
        """AWS's name of the operation."""
        return self.operation.name if self.operation else UNKNOWN


class Service:
    """Answers for all worlds."""

    def __init__(self) -> None:
        """Start with no worlds."""
        self.worlds: dict[str, World] = {}
        self.strangers: deque[RecordedRequest] = deque(maxlen=LOG_LENGTH)
        """Requests that no account could be found for."""
        self._numbers = count(1)

    def world_of_key(self, access_key_id: str) -> World | None:
        """Return the world that an access key belongs to."""
        return next((world for world in self.worlds.values() if access_key_id in world.credentials), None)

    def new_request_id(self) -> str:
        """Return an id in the form of AWS's."""
        number = sha256(f"request {next(self._numbers)}".encode()).hexdigest()
        return "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:32]))

    def read(self, request: SignedRequest) -> Call:
        """Find out what a request is for."""
        parts = urlsplit(request.url)
        parsed = Request.from_primitives(request.method, request.url, dict(request.headers), request.body)
        # The labels of a path are matched before they are decoded.
        parsed.environ["RAW_URI"] = parts.path
        service = _service_of(request)
        operation, uri_params = _route(service, request, parsed)
        world = None
        try:
            scope = sigv4.parse_authorization(request.headers, service=service)
        except ManagedIntegrationsError:
            pass  # answered with that error when the signature's turn comes
        else:
            world = self.world_of_key(scope.access_key_id)
        call = Call(
            request=request,
            parsed=parsed,
            service=service,
            operation=operation,
            uri_params=uri_params,
            world=world,
            request_id=self.new_request_id(),
        )
        if operation is not None:
            try:
                call.params = _parse(call, operation)
            except ManagedIntegrationsError as error:
                call.unreadable = error
        return call

    def answer(self, call: Call) -> Reply:
        """Do the work and log it."""
        code: str | None
        if (world := call.world) is None:
            reply, code = self._answer_stranger(call)
            self._record(call, reply, code)
            return reply
        with world.lock:
            work, refuse = partial(self._work, world, call), partial(self._refusal, call)
            reply, code = answer_with_faults(world, call.name, work, refuse)
            world.remember_state()
            self._record(call, reply, code)
        return reply

    def _record(self, call: Call, reply: Reply, code: str | None) -> None:
        request = RecordedRequest(
            operation=call.name,
            service=call.service,
            account_id=call.world.account_id if call.world else None,
            params=call.params,
            status=reply.status,
            error_code=code,
            time=wall_clock(),
            request_id=call.request_id,
        )
        if call.world is None:
            self.strangers.append(request)
        else:
            call.world.record(request)

    def _answer_stranger(self, call: Call) -> tuple[Reply, str]:
        try:
            sigv4.parse_authorization(call.request.headers, service=call.service)
        except ManagedIntegrationsError as unreadable:
            return self._refusal(call, unreadable, wall_clock()), unreadable.code
        error = sigv4.unknown_key(service=call.service)
        return self._refusal(call, error, wall_clock()), error.code

    def _work(self, world: World, call: Call, now: datetime) -> Reply:
        credential = self._authenticate(world, call, now)
        if call.operation is None:
            message = f"No operation answers {call.request.method} {urlsplit(call.request.url).path}."
            raise ManagedIntegrationsError("UnknownOperationException", message)
        if (refusal := world.faults.take_refusal(call.name)) is not None:
            raise refused(refusal, world)
        if call.unreadable is not None:
            raise call.unreadable
        self._authorize(world, call, credential)
        if call.service == "sts":
            return self._work_of_sts(world, call, call.operation, credential, now)
        if not world.quota.allows(call.name):
            raise ThrottlingException(world.switches.throttling_status)
        _check(call.operation, call.params)
        if call.name not in IMPLEMENTED:
            message = f"{call.name} is in the service model, but the emulator doesn't implement it."
            raise ManagedIntegrationsError("UnknownOperationException", message)
        response = ManagedIntegrationsResponse(
            world.backend, call.params, lagging=world.lagging_state(call.name), endpoint=_endpoint(call.request)
        )
        result = response.call(call.name)
        strict = _with_https(result) if world.switches.http_authorization_page else result
        if violations := response_violations(call.operation.output_shape, strict):
            world.problems.append(f"{call.name}: {'; '.join(violations)}")
            raise ManagedIntegrationsError(
                "InternalServerException", f"The emulator's answer breaks the service model: {'; '.join(violations)}"
            )
        return self._success(world, call, call.operation, result, now)

    def _authenticate(self, world: World, call: Call, now: datetime) -> Credential:
        scope = sigv4.parse_authorization(call.request.headers, service=call.service)
        credential = world.credentials[scope.access_key_id]
        sigv4.verify(
            call.request,
            scope,
            credential,
            service=call.service,
            region=world.region,
            now=now,
            session_now=world.timeline.now,
        )
        return credential

    def _authorize(self, world: World, call: Call, credential: Credential) -> None:
        needed = {f"{call.service}:{call.name}": _resource(world, call)}
        if call.service == SIGNING_NAME and (secret := world.backend.linking.secret_of(call.name, call.params)):
            needed["secretsmanager:GetSecretValue"] = secret
        for action, resource in needed.items():
            if world.faults.denies(action):
                raise AccessDeniedException(
                    principal=credential.principal,
                    action=action,
                    resource=resource,
                    code="AccessDenied" if call.service == "sts" else "AccessDeniedException",
                )

    def _work_of_sts(
        self, world: World, call: Call, operation: OperationModel, credential: Credential, now: datetime
    ) -> Reply:
        role_arn = call.params.get("RoleArn", "")
        home = next((other for other in self.worlds.values() if role_arn in other.roles), None)
        role = home.roles[role_arn] if home else None
        caller = sts.Caller(world=world, credential=credential)
        result, session = sts.call(operation, call.parsed, call.params, caller, role)
        if session is not None and home is not None:
            sts.accept(session, home)
        serialized = sts.serializer(operation, call.request_id).serialize(result)
        return _reply(call, serialized, now)

    def _success(
        self, world: World, call: Call, operation: OperationModel, result: dict[str, Any], now: datetime
    ) -> Reply:
        serialized = _json_serializer(operation, call.request_id).serialize(result)
        if operation.output_shape is None:
            serialized["body"] = ""
        elif world.faults.unknown_members or world.faults.unknown_enums:
            body = modernise(
                operation.output_shape,
                json.loads(serialized["body"]),
                members=world.faults.unknown_members,
                enums=world.faults.unknown_enums,
            )
            serialized["body"] = json.dumps(body)
        return _reply(call, serialized, now)

    def _refusal(self, call: Call, error: ManagedIntegrationsError, now: datetime) -> Reply:
        # An operation that nobody knows still needs a serialiser; every operation's writes errors alike.
        if call.service == "sts":
            operation = call.operation or get_service_model(sts.SERVICE).operation_model("GetCallerIdentity")
            serializer: JsonSerializer | XmlSerializer = sts.serializer(operation, call.request_id)
        else:
            operation = call.operation or get_service_model(SERVICE).operation_model("ListManagedThings")
            serializer = _json_serializer(operation, call.request_id)
        return _reply(call, serializer.serialize(error), now)


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


def _check(operation: OperationModel, params: Mapping[str, Any]) -> None:
    try:
        check_request(operation.input_shape, params)
    except ValidationException as error:
        # The operations on tags have an error of their own for it.
        if any(shape.name == "InvalidRequestException" for shape in operation.error_shapes):
            raise InvalidRequestException(error.message) from None
        raise


def _endpoint(request: SignedRequest) -> str:
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.netloc}"


def _with_https(result: dict[str, Any]) -> dict[str, Any]:
    url = result.get("OAuthAuthorizationUrl", "")
    return result | {"OAuthAuthorizationUrl": f"https{url.removeprefix('http')}"} if url.startswith("http:") else result


def _service_of(request: SignedRequest) -> Literal["iotmanagedintegrations", "sts"]:
    try:
        scope = sigv4.parse_authorization(request.headers, service=SIGNING_NAME)
    except ManagedIntegrationsError:
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return "sts" if form else "iotmanagedintegrations"
    return "sts" if scope.service == "sts" else "iotmanagedintegrations"


def _route(service: str, request: SignedRequest, parsed: Request) -> tuple[OperationModel | None, dict[str, Any]]:
    if service == "sts":
        action = parse_qs(request.body.decode(errors="replace")).get("Action", [""])[0]
        return sts.operation_named(action), {}
    try:
        return get_service_router(SERVICE).match(parsed)
    except NotFound, NotImplementedError:
        return None, {}


def _parse(call: Call, operation: OperationModel) -> dict[str, Any]:
    if call.service == "sts":
        return sts.parse(operation, call.parsed)
    body = call.request.body
    if body and operation.input_shape is not None:
        try:
            content = json.loads(body)
        except ValueError:
            raise SerializationException("Unexpected character in the body: it is not JSON.") from None
        check_types(operation.input_shape, content)
    try:
        parsed: dict[str, Any] = PROTOCOL_PARSERS["rest-json"](operation).parse(
            {
                "method": call.request.method,
                "values": call.parsed.args,
                "headers": call.parsed.headers,
                "body": body,
                "url_path": call.parsed.path,
                "url_params": call.uri_params,
            }
        )
    except ValueError:
        raise SerializationException("STRING_VALUE can not be converted to a Number") from None
    return parsed


def refused(refusal: Refusal, world: World) -> ManagedIntegrationsError:
    """Return the error that a test asked for."""
    status = refusal.status
    if status is None and refusal.code == "ThrottlingException":
        status = world.switches.throttling_status
    error = ManagedIntegrationsError(refusal.code, refusal.message, status=status)
    if refusal.retry_after is not None:
        error.headers["Retry-After"] = f"{refusal.retry_after:g}"
    return error


def _resource(world: World, call: Call) -> str:
    if call.service == "sts":
        return str(call.params.get("RoleArn", "*"))
    if association_id := call.params.get("AccountAssociationId"):
        return world.backend.arn("account-association", association_id)
    identifier = call.params.get("ManagedThingId", call.params.get("Identifier"))
    if identifier and "ManagedThing" in call.name:
        return world.backend.arn("managed-thing", identifier)
    return f"arn:aws:iotmanagedintegrations:{world.region}:{world.account_id}:*"


def _json_serializer(operation: OperationModel, request_id: str) -> JsonSerializer:
    return JsonSerializer(operation, context=SerializationContext(request_id), value_picker=DefaultAttributePicker())


def _reply(call: Call, serialized: Mapping[str, Any], now: datetime) -> Reply:
    body = serialized["body"]
    headers = {name: value for name, value in serialized["headers"].items() if name.lower() != "x-amzn-errortype"}
    if (code := serialized["headers"].get("X-Amzn-Errortype")) is not None:
        headers["x-amzn-ErrorType"] = code
    headers["x-amzn-RequestId"] = call.request_id
    headers["Date"] = format_datetime(now, usegmt=True)
    status = serialized["status_code"]
    if status == 204:
        body = ""
    return Reply(status=status, headers=headers, body=body.encode() if isinstance(body, str) else body)
