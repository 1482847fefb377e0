"""STS by moto's own backend, with trust policies and the length of sessions enforced."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.serialize import SerializationContext, XFormedAttributePicker
from moto.core.utils import get_service_model
from moto.iam.models import iam_backends
from moto.sts.models import AssumedRole, sts_backends
from moto.sts.responses import TokenResponse

from .exceptions import ManagedIntegrationsError, ValidationException
from .serialize import XmlSerializer
from .sigv4 import Credential
from .timeline import wall_clock
from .validation import check_request
from .world import Role, World

SERVICE = "sts"
DEFAULT_DURATION = 3600
_IMPLEMENTED: dict[str, Callable[[TokenResponse], Any]] = {
    "AssumeRole": TokenResponse.assume_role,
    "GetCallerIdentity": TokenResponse.get_caller_identity,
}
_PARTITION = "aws"


def operation_named(name: str) -> OperationModel | None:
    """Return the STS operation, if there is one of that name."""
    model = get_service_model(SERVICE)
    return model.operation_model(name) if name in model.operation_names else None


def parse(operation: OperationModel, request: Request) -> dict[str, Any]:
    """Return the input members of a request."""
    parser = PROTOCOL_PARSERS["query"](operation)
    parsed: dict[str, Any] = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": {},
        }
    )
    return parsed


def create_user(world: World) -> None:
    """Make the world's user known to moto, which forgets all that it knew of this account."""
    forget(world)
    iam = iam_backends[world.account_id][_PARTITION]
    name = world.user_arn.rpartition("/")[2]
    user = iam.create_user(world.region, name)
    user.id = "AIDA" + "DEMO" + world.account_id
    key = iam.create_access_key(name)
    del iam.access_keys[key.access_key_id]
    key.access_key_id = world.access_key_id
    key.secret_access_key = world.secret_access_key
    iam.access_keys[world.access_key_id] = key


def forget(world: World) -> None:
    """Let moto forget the account."""
    iam_backends[world.account_id][_PARTITION].reset()
    sts_backends[world.account_id][_PARTITION].reset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls STS."""

    world: World
    credential: Credential


def call(
    operation: OperationModel, request: Request, params: dict[str, Any], caller: Caller, role: Role | None
) -> tuple[Any, AssumedRole | None]:
    """Run the operation; returns its result and, for AssumeRole, the session. ``role`` is the one asked for."""
    if operation.name not in _IMPLEMENTED:
        raise ManagedIntegrationsError("UnknownOperationException", f"{operation.name} is not emulated.", status=404)
    try:
        check_request(operation.input_shape, params)
    except ValidationException as error:
        raise ManagedIntegrationsError("ValidationError", error.message) from None
    if operation.name == "AssumeRole":
        trusted = _trusted(params, caller, role)
        params = params | {"DurationSeconds": _duration(params, trusted)}
    response = TokenResponse()
    response.setup_class(request)
    response.params = params
    result = _IMPLEMENTED[operation.name](response).result
    session = result["Credentials"] if operation.name == "AssumeRole" else None
    return result, session


def start_session(world: World, role: Role, *, name: str, seconds: int) -> AssumedRole:
    """Let a role be assumed by somebody whom its trust policy names for certain, AWS IoT for instance."""
    session: AssumedRole = sts_backends[world.account_id][_PARTITION].assume_role(
        region_name=world.region,
        role_session_name=name,
        role_arn=role.arn,
        policy="",
        duration=seconds,
        external_id="",
    )
    accept(session, world)
    return session


def accept(session: AssumedRole, home: World) -> None:
    """Let requests to a role's account be signed with its session's credentials until they expire.

    moto's sessions end by this machine's clock; here they also age when a test moves the service time, and their
    Expiration is told by AWS's clock.
    """
    expires = home.timeline.now + (session.expiration - wall_clock().replace(tzinfo=None))
    session.expiration = (expires + timedelta(seconds=home.faults.clock_offset)).replace(tzinfo=None)
    home.credentials[session.access_key_id] = Credential(
        access_key_id=session.access_key_id,
        secret_access_key=session.secret_access_key,
        session_token=session.session_token,
        expires=expires,
        principal=session.arn,
    )


def _trusted(params: dict[str, Any], caller: Caller, role: Role | None) -> Role:
    """Return the role, if its trust policy lets the caller assume it."""
    if role is None or (role.external_id is not None and role.external_id != params.get("ExternalId")):
        # The same for a role that doesn't exist: IAM doesn't tell strangers which roles there are.
        raise ManagedIntegrationsError(
            "AccessDenied",
            f"User: {caller.credential.principal} is not authorized to perform: sts:AssumeRole "
            f"on resource: {params['RoleArn']}",
        )
    return role


def _duration(params: dict[str, Any], role: Role) -> int:
    asked: int | None = params.get("DurationSeconds")
    if asked is not None and asked > role.max_seconds:
        raise ManagedIntegrationsError(
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    return asked or min(DEFAULT_DURATION, role.max_seconds)


def serializer(operation: OperationModel, request_id: str) -> XmlSerializer:
    """Return what writes the answers of an operation."""
    return XmlSerializer(operation, context=SerializationContext(request_id), value_picker=XFormedAttributePicker())
