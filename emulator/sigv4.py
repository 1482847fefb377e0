"""Verifies Signature Version 4 with botocore's own signer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import hmac
import re

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from .exceptions import ManagedIntegrationsError

MAX_SKEW = timedelta(minutes=5)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)"
    r"/aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A key pair that may sign: a user's (no token, no expiry) or one from AssumeRole."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires: datetime | None = None
    principal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the Authorization header of a request says."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: frozenset[str]
    signature: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """A request as it came over the wire; ``url`` is exactly as it was sent, header names are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


_STS_CODES = {
    "IncompleteSignatureException": "IncompleteSignature",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ExpiredTokenException": "ExpiredToken",
}


def auth_error(code: str, message: str, *, service: str) -> ManagedIntegrationsError:
    """Return the error under the name that ``service`` has for it: STS speaks the older Query names."""
    return ManagedIntegrationsError(_STS_CODES[code] if service == "sts" else code, message, status=403)


def parse_authorization(headers: Mapping[str, str], *, service: str) -> Scope:
    """Read the Authorization header; raises what AWS answers to a missing or unreadable one."""
    if not (header := headers.get("authorization")):
        raise auth_error("MissingAuthenticationTokenException", "Missing Authentication Token", service=service)
    if (found := _AUTHORIZATION.fullmatch(header.strip())) is None:
        raise auth_error(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
            service=service,
        )
    return Scope(
        access_key_id=found["key"],
        date=found["date"],
        region=found["region"],
        service=found["service"],
        signed_headers=frozenset(found["headers"].split(";")),
        signature=found["signature"],
    )


def unknown_key(*, service: str) -> ManagedIntegrationsError:
    """Return the error for an access key id that nobody has."""
    return auth_error(
        "UnrecognizedClientException", "The security token included in the request is invalid.", service=service
    )


def verify(
    request: SignedRequest,
    scope: Scope,
    credential: Credential,
    *,
    service: str,
    region: str,
    now: datetime,
    session_now: datetime,
) -> None:
    """Raise AWS's error unless ``credential`` signed ``request`` for this service and Region, just now.

    ``now`` is what the signature's time is compared with, ``session_now`` what the expiry of a session is.
    """
    if scope.region != region:
        raise auth_error(
            "InvalidSignatureException", "Credential should be scoped to a valid region. ", service=service
        )
    if scope.service != service:
        raise auth_error(
            "InvalidSignatureException",
            f"Credential should be scoped to correct service: '{service}'. ",
            service=service,
        )
    _check_time(request, scope, service=service, now=now)
    if credential.session_token != request.headers.get("x-amz-security-token"):
        raise unknown_key(service=service)
    if not hmac.compare_digest(_sign(request, scope, credential), scope.signature):
        raise auth_error(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
            service=service,
        )
    if credential.expires is not None and credential.expires <= session_now:
        raise auth_error(
            "ExpiredTokenException", "The security token included in the request is expired", service=service
        )


def _check_time(request: SignedRequest, scope: Scope, *, service: str, now: datetime) -> None:
    stamp = request.headers.get("x-amz-date", "")
    try:
        signed_at = datetime.strptime(stamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        raise auth_error(
            "IncompleteSignatureException",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            service=service,
        ) from None
    if scope.date != stamp[:8]:
        raise auth_error(
            "InvalidSignatureException",
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{scope.date}' != '{stamp[:8]}', from '{stamp}'.",
            service=service,
        )
    server = now.strftime(SIGV4_TIMESTAMP)
    if signed_at < now - MAX_SKEW:
        limit = (now - MAX_SKEW).strftime(SIGV4_TIMESTAMP)
        message = f"Signature expired: {stamp} is now earlier than {limit} ({server} - 5 min.)"
        raise auth_error("InvalidSignatureException", message, service=service)
    if signed_at > now + MAX_SKEW:
        limit = (now + MAX_SKEW).strftime(SIGV4_TIMESTAMP)
        message = f"Signature not yet current: {stamp} is still later than {limit} ({server} + 5 min.)"
        raise auth_error("InvalidSignatureException", message, service=service)


def _sign(request: SignedRequest, scope: Scope, credential: Credential) -> str:
    required = {"host", "x-amz-date"} | ({"x-amz-security-token"} if credential.session_token else set())
    if not required <= scope.signed_headers:
        return ""
    signer = SigV4Auth(
        ReadOnlyCredentials(credential.access_key_id, credential.secret_access_key, credential.session_token),
        scope.service,
        scope.region,
    )
    again = AWSRequest(
        method=request.method,
        url=request.url,
        headers={name: value for name, value in request.headers.items() if name in scope.signed_headers},
        data=request.body,
    )
    if request.headers.get("x-amz-content-sha256", (body_hash := signer.payload(again))) != body_hash:
        return ""
    again.context["timestamp"] = request.headers["x-amz-date"]
    return signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
