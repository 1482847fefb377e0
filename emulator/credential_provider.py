"""AWS IoT's credential provider: a device certificate in, temporary credentials of a role out.

Status and message of each refusal are those that
https://awslabs.github.io/aws-iot-core-credential-provider-session-helper/dev_notes.html saw the real one answer with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import partial
import json
from pathlib import Path
import re
import ssl
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

from . import pki, sts
from .exceptions import ManagedIntegrationsError
from .replies import Reply, answer_with_faults, refused
from .serialize import error_shape
from .service import Service
from .service_model import MODEL
from .timeline import wall_clock
from .world import RecordedRequest, World

OPERATION = "AssumeRoleWithCertificate"
"""The name of a request in the log and for faults; IAM's action is ``iot:AssumeRoleWithCertificate``."""
THING_NAME = "x-amzn-iot-thingname"
_PATH = re.compile(r"/role-aliases/([^/]+)/credentials")


def server_context(host: str) -> ssl.SSLContext:
    """Return the TLS side of the provider: its own certificate, and none but devices of this process let in."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=pki.AUTHORITY.certificate_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    own = pki.AUTHORITY.issue("credentials.iot", hosts=dict.fromkeys((host, "localhost", "127.0.0.1", "::1")))
    # The ssl module reads keys from files only.
    with TemporaryDirectory() as directory:
        file = Path(directory, "server.pem")
        file.touch(mode=0o600)
        file.write_text(own.certificate_pem + own.private_key_pem, encoding="ascii")
        context.load_cert_chain(file)
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRequest:
    """A request as it came; ``certificate_id`` is of the certificate shown in the handshake."""

    thing_name: str | None
    certificate_id: str
    world: World | None
    request_id: str
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def role_alias(self) -> str | None:
        """The role alias in the path, ``None`` for any other path or method."""
        return self.params.get("RoleAlias")


class CredentialProvider:
    """Answers for the device certificates of all worlds."""

    def __init__(self, service: Service) -> None:
        """Share the worlds and the log of strangers with the other services."""
        self._service = service

    def read(self, method: str, path: str, headers: Mapping[str, str], certificate: bytes) -> CredentialRequest:
        """Find out who asks, and for what; ``certificate`` is DER."""
        identifier = pki.certificate_id(certificate)
        found = _PATH.fullmatch(path) if method == "GET" else None
        thing_name = headers.get(THING_NAME)
        params = {"RoleAlias": unquote(found[1]) if found else None, "ThingName": thing_name}
        return CredentialRequest(
            thing_name=thing_name,
            certificate_id=identifier,
            world=next((world for world in self._service.worlds.values() if identifier in world.certificates), None),
            request_id=self._service.new_request_id(),
            params={name: value for name, value in params.items() if value is not None},
        )

    def answer(self, request: CredentialRequest) -> Reply:
        """Do the work and log it."""
        refuse = partial(_refusal, request)
        if (world := request.world) is None:
            unknown = _forbidden("Certificate is invalid on this endpoint")
            reply, code = refuse(unknown, wall_clock()), unknown.code
            self._service.strangers.append(_recorded(request, reply, code))
            return reply
        with world.lock:
            reply, known_code = answer_with_faults(world, OPERATION, partial(_work, world, request), refuse)
            world.record(_recorded(request, reply, known_code))
        return reply


def _work(world: World, request: CredentialRequest, now: datetime) -> Reply:
    if (refusal := world.faults.take_refusal(OPERATION)) is not None:
        raise refused(refusal, world)
    if request.role_alias is None:
        raise ManagedIntegrationsError("ResourceNotFoundException", "Not Found", status=404)
    certificate = world.certificates[request.certificate_id]
    if not certificate.active:
        raise _forbidden("Access Denied")
    if request.thing_name not in (None, certificate.thing_name):
        raise _forbidden("Invalid thing name passed")
    if world.faults.denies(f"iot:{OPERATION}"):
        raise _forbidden("Access Denied")
    if (alias := world.role_aliases.get(request.role_alias)) is None:
        raise ManagedIntegrationsError("ResourceNotFoundException", "Role alias does not exist", status=404)
    if (role := world.roles.get(alias.role_arn)) is None:
        raise _invalid("Unable to assume the role, or the role to assume does not exist")
    if alias.seconds > role.max_seconds:
        raise _invalid("The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role")
    session = sts.start_session(world, role, name=request.certificate_id, seconds=alias.seconds)
    credentials = {
        "accessKeyId": session.access_key_id,
        "secretAccessKey": session.secret_access_key,
        "sessionToken": session.session_token,
        "expiration": session.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return _reply(request, 200, {"credentials": credentials}, now)


def _forbidden(message: str) -> ManagedIntegrationsError:
    return ManagedIntegrationsError("AccessDeniedException", message, status=403)


def _invalid(message: str) -> ManagedIntegrationsError:
    return ManagedIntegrationsError("InvalidRequestException", message, status=400)


def _refusal(request: CredentialRequest, error: ManagedIntegrationsError, now: datetime) -> Reply:
    shape = error_shape(MODEL, error.code)
    status = error.status or shape.metadata["error"]["httpStatusCode"]
    headers = {"x-amzn-ErrorType": error.code, **error.headers}
    return _reply(request, status, {"message": error.message}, now, headers)


def _reply(
    request: CredentialRequest,
    status: int,
    content: Mapping[str, Any],
    now: datetime,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    own = {
        "Content-Type": "application/json",
        "x-amzn-RequestId": request.request_id,
        "Date": format_datetime(now, usegmt=True),
    }
    return Reply(status=status, headers=own | dict(headers or {}), body=json.dumps(content).encode())


def _recorded(request: CredentialRequest, reply: Reply, code: str | None) -> RecordedRequest:
    return RecordedRequest(
        operation=OPERATION,
        service="iot",
        account_id=request.world.account_id if request.world else None,
        params=request.params,
        status=reply.status,
        error_code=code,
        time=wall_clock(),
        request_id=request.request_id,
    )
