"""What happens to a request between the socket and the backend, in the order in which AWS does it."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from hashlib import sha256
from itertools import count
import json
from typing import Any
from urllib.parse import urlsplit

from moto.core.model import OperationModel
from moto.core.serialize import DefaultAttributePicker, SerializationContext
from moto.core.utils import get_service_model

from . import sigv4, sts
from .calls import Call, read
from .exceptions import (
    AccessDeniedException,
    InvalidRequestException,
    ManagedIntegrationsError,
    ThrottlingException,
    ValidationException,
)
from .replies import Reply, answer_with_faults, refused
from .responses import IMPLEMENTED, ManagedIntegrationsResponse
from .serialize import JsonSerializer, XmlSerializer
from .service_model import SERVICE, SIGNING_NAME
from .sigv4 import Credential, SignedRequest
from .timeline import wall_clock
from .unknown_values import modernise
from .validation import check_request, response_violations
from .world import LOG_LENGTH, RecordedRequest, World


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
        return read(request, world_of_key=self.world_of_key, request_id=self.new_request_id())

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
            world.lists.remember()
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
            world.backend, call.params, lagging=world.lists.state_for(call.name), endpoint=_endpoint(call.request)
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
