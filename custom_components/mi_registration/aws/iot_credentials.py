"""Credentials for a device certificate: AWS IoT's credential provider, reached by mutual TLS."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
import json
import os
from pathlib import Path
import re
import ssl
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, ClassVar, Final

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies
import certifi
import urllib3
from urllib3.exceptions import HTTPError, SSLError
from urllib3.util import Timeout

from .certificates import CertificateError, CertificateNotYetValidError, check_certificate
from .clock import Clock
from .credentials import TemporaryCredentials
from .endpoints import credential_provider_url
from .identifiers import ROLE_ALIAS, THING_NAME

OPERATION: Final = "AssumeRoleWithCertificate"
"""The IAM action that AWS IoT's policy must allow, ``iot:`` before it; the provider itself names no operation."""
_ERROR_CODES = MappingProxyType(
    {
        400: "InvalidRequestException",
        403: "AccessDeniedException",
        404: "ResourceNotFoundException",
        429: "ThrottlingException",
    }
)
_REFUSED = re.compile(r"ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)")


class CredentialProviderError(Exception):
    """The credential provider gave no credentials; a cause that is about the connection tells that from a refusal."""

    operation_name: ClassVar[str] = OPERATION


@dataclass(frozen=True, slots=True, kw_only=True)
class IotCertificate:
    """A device certificate and what it may be exchanged for. Certificates and the key are PEM text.

    ``credential_endpoint`` is the host that AWS's ``DescribeEndpoint`` gives for ``iot:CredentialProvider``;
    ``ca_certificate`` replaces the public authorities as what that host is checked against.
    """

    credential_endpoint: str
    role_alias: str
    thing_name: str
    certificate: str = field(repr=False)
    private_key: str = field(repr=False)
    ca_certificate: str | None = field(default=None, repr=False)


def fetch_credentials(
    source: IotCertificate, *, clock: Clock, connect_timeout: float, read_timeout: float
) -> TemporaryCredentials:
    """Exchange the certificate for temporary credentials. Blocks; the timeouts are in seconds.

    Raises :class:`CredentialProviderError`, ``ClientError`` if AWS refuses, and :class:`.endpoints.EndpointError`.
    """
    base = credential_provider_url(source.credential_endpoint)
    if ROLE_ALIAS.fullmatch(source.role_alias) is None:
        raise CredentialProviderError(f"the role alias must match {ROLE_ALIAS.pattern}")
    if THING_NAME.fullmatch(source.thing_name) is None:
        raise CredentialProviderError(f"the thing name must match {THING_NAME.pattern}")
    try:
        check_certificate(source.certificate, source.private_key, source.ca_certificate, now=clock.now())
    except CertificateNotYetValidError:
        # More likely this machine's clock is wrong than that: AWS knows.
        pass
    except CertificateError as error:
        raise CredentialProviderError(str(error)) from error
    try:
        context = _tls_context(source)
    except ssl.SSLError as error:
        raise CredentialProviderError(f"the certificate can't be used for TLS: {error}") from error
    try:
        answer = _get(
            f"{base}/role-aliases/{source.role_alias}/credentials",
            headers={"x-amzn-iot-thingname": source.thing_name},
            context=context,
            timeout=Timeout(connect=connect_timeout, read=read_timeout),
        )
    except SSLError as error:
        # urllib3 wraps what the TLS library raises; that alone as the cause says nothing about the connection.
        wrapped = error.args[0]
        if _REFUSED.search(str(wrapped)):
            raise CredentialProviderError(f"the certificate was refused: {wrapped}") from wrapped
        raise CredentialProviderError(str(wrapped)) from error
    except HTTPError as error:
        raise CredentialProviderError(str(error)) from error
    clock.measure(answer.headers)
    return _parsed(answer)


def _get(url: str, *, headers: dict[str, str], context: ssl.SSLContext, timeout: Timeout) -> urllib3.BaseHTTPResponse:
    proxy = get_environ_proxies(url).get("https")
    with (
        urllib3.ProxyManager(proxy, ssl_context=context) if proxy else urllib3.PoolManager(ssl_context=context)
    ) as pool:
        return pool.request("GET", url, headers=headers, timeout=timeout, retries=False, redirect=False)


def _tls_context(source: IotCertificate) -> ssl.SSLContext:
    if source.ca_certificate is None:
        context = ssl.create_default_context(cafile=certifi.where())
    else:
        context = ssl.create_default_context(cadata=source.ca_certificate)
    # The TLS library reads a client's key from files only. The directory is nobody else's, and is gone at once.
    with TemporaryDirectory(prefix="mi_registration-") as folder:
        file = Path(folder, "client.pem")
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(f"{source.private_key}\n{source.certificate}\n")
        context.load_cert_chain(file)
    return context


def _parsed(answer: urllib3.BaseHTTPResponse) -> TemporaryCredentials:
    try:
        body = json.loads(answer.data)
    except ValueError, RecursionError:
        body = None
    if answer.status != 200:
        raise _refusal(answer, body)
    match body:
        case {
            "credentials": {
                "accessKeyId": str(access_key_id),
                "secretAccessKey": str(secret_access_key),
                "sessionToken": str(session_token),
                "expiration": str(expiration),
            }
        } if (expires := _time(expiration)) is not None:
            return TemporaryCredentials(
                access_key_id=access_key_id,
                secret_access_key=secret_access_key,
                session_token=session_token,
                expires=expires,
            )
    raise CredentialProviderError("the answer holds no credentials") from ResponseParserError()


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _refusal(answer: urllib3.BaseHTTPResponse, body: Any) -> ClientError:
    """Say it as botocore says it of AWS's other services."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    told = body.get("message") or body.get("Message") if isinstance(body, dict) else None
    code = headers.get("x-amzn-errortype", "").partition(":")[0] or _ERROR_CODES.get(answer.status, "Unknown")
    return ClientError(
        {
            "Error": {"Code": code, "Message": told if isinstance(told, str) else f"HTTP status {answer.status}"},
            "ResponseMetadata": {
                "RequestId": headers.get("x-amzn-requestid", ""),
                "HTTPStatusCode": answer.status,
                "HTTPHeaders": headers,
                "RetryAttempts": 0,
                "HostId": "",
            },
        },
        OPERATION,
    )
