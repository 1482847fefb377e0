"""Requests as they come, and what each is for."""

from collections.abc import Callable
from dataclasses import dataclass, field
import json
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound

from . import sigv4, sts
from .exceptions import ManagedIntegrationsError, SerializationException
from .service_model import SERVICE, SIGNING_NAME
from .sigv4 import SignedRequest
from .validation import check_types
from .world import World

type ServiceName = Literal["iotmanagedintegrations", "sts"]

UNKNOWN = "-"
"""Stands in the log for an operation that nobody knows."""


@dataclass(slots=True, kw_only=True)
class Call:
    """A request that has been read: which service, operation and world it is for, where these exist."""

    request: SignedRequest
    parsed: Request
    service: ServiceName
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


def read(request: SignedRequest, *, world_of_key: Callable[[str], World | None], request_id: str) -> Call:
    """Find out what a request is for; ``world_of_key`` knows whose an access key is."""
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
        world = world_of_key(scope.access_key_id)
    call = Call(
        request=request,
        parsed=parsed,
        service=service,
        operation=operation,
        uri_params=uri_params,
        world=world,
        request_id=request_id,
    )
    if operation is not None:
        try:
            call.params = _parse(call, operation)
        except ManagedIntegrationsError as error:
            call.unreadable = error
    return call


def _service_of(request: SignedRequest) -> ServiceName:
    try:
        scope = sigv4.parse_authorization(request.headers, service=SIGNING_NAME)
    except ManagedIntegrationsError:
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        return "sts" if form else "iotmanagedintegrations"
    return "sts" if scope.service == "sts" else "iotmanagedintegrations"


def _route(
    service: ServiceName, request: SignedRequest, parsed: Request
) -> tuple[OperationModel | None, dict[str, Any]]:
    if service == "sts":
        action = parse_qs(request.body.decode(errors="replace")).get("Action", [""])[0]
        return sts.operation_named(action), {}
    try:
        return get_service_router(SERVICE).match(parsed)
    except NotFound, NotImplementedError:  # the latter for the Content-Type of another protocol
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
