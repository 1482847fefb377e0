"""The few ways a call to AWS can fail, and the one table that sorts every failure into them."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
import re
from types import MappingProxyType
from typing import Any, ClassVar

from botocore import exceptions as botocore_errors
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from .clock import http_date
from .endpoints import EndpointError
from .iot_credentials import CredentialProviderError
from .redaction import redact_text


class AwsError(Exception):
    """A call to AWS failed.

    ``code``, ``message`` and ``request_id`` are AWS's own where AWS answered, else botocore's name for what happened;
    sensitive values are already taken out of ``message``. ``operation`` is the AWS operation, such as
    ``RegisterAccountAssociation``.
    """

    transient: ClassVar[bool] = False
    """Whether the same call may succeed later without anybody changing anything."""
    key: ClassVar[str] = "unknown"
    """The name of this kind of failure in translations."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        operation: str,
        iam_action: str,
        request_id: str | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
        clock_skew: float | None = None,
    ) -> None:
        """Keep what AWS said.

        ``retry_after`` is in seconds; ``clock_skew`` is AWS's clock minus ours in seconds, where it could be measured;
        ``iam_action`` is what a policy has to allow for this call.
        """
        super().__init__(message)
        self.message = message
        self.code = code
        self.operation = operation
        self.iam_action = iam_action
        self.request_id = request_id
        self.http_status = http_status
        self.retry_after = retry_after
        self.clock_skew = clock_skew

    @property
    def placeholders(self) -> dict[str, str]:
        """What a translated text can say of this failure.

        The message comes without its full stop, since the texts go on behind it.
        """
        return {
            "code": self.code,
            "message": self.message.removesuffix("."),
            "operation": self.operation,
            "iam_action": self.iam_action,
            "request_id": self.request_id or "-",
            "seconds": "-" if self.clock_skew is None else f"{abs(self.clock_skew):.0f}",
        }


class InvalidCredentialsError(AwsError):
    """The credentials are missing, wrong, expired or can't be obtained: only the user can mend that."""

    key = "invalid_auth"


class AccessDeniedError(AwsError):
    """The credentials are good, but no policy allows ``iam_action``."""

    key = "access_denied"


class ThrottledError(AwsError):
    """Too many calls for the account's quota."""

    transient = True
    key = "throttled"


class CannotConnectError(AwsError):
    """No usable answer came: refused, timed out, cut off, unresolvable, TLS failure, garbage. The work may be done."""

    transient = True
    key = "cannot_connect"


class ServiceError(AwsError):
    """AWS answered that it failed, or with a code that isn't known here. The work may be done."""

    transient = True
    key = "service_error"


class ClockSkewError(AwsError):
    """AWS refuses the signature because this machine's clock is wrong."""

    transient = True
    key = "clock_skew"


class NotFoundError(AwsError):
    """AWS doesn't have that resource."""

    key = "not_found"


class ConflictError(AwsError):
    """AWS says the resource is in a state that doesn't allow the call, or already as wanted: read it back."""

    key = "conflict"


class InvalidRequestError(AwsError):
    """AWS, or botocore before sending, rejects the request itself, or a hard quota is used up."""

    key = "invalid_request"


class UnsupportedSdkError(AwsError):
    """The installed botocore doesn't know the operations that are needed here."""

    key = "sdk_too_old"


CODES: Mapping[str, type[AwsError]] = MappingProxyType(
    {
        "AuthFailure": InvalidCredentialsError,
        "ExpiredToken": InvalidCredentialsError,
        "ExpiredTokenException": InvalidCredentialsError,
        "IncompleteSignature": InvalidCredentialsError,
        "IncompleteSignatureException": InvalidCredentialsError,
        "InvalidAccessKeyId": InvalidCredentialsError,
        "InvalidClientTokenId": InvalidCredentialsError,
        "InvalidIdentityToken": InvalidCredentialsError,
        "InvalidSignatureException": InvalidCredentialsError,
        "InvalidToken": InvalidCredentialsError,
        "MissingAuthenticationToken": InvalidCredentialsError,
        "MissingAuthenticationTokenException": InvalidCredentialsError,
        "SignatureDoesNotMatch": InvalidCredentialsError,
        "UnrecognizedClientException": InvalidCredentialsError,
        "AccessDenied": AccessDeniedError,
        "AccessDeniedException": AccessDeniedError,
        "NotAuthorized": AccessDeniedError,
        "OptInRequired": AccessDeniedError,
        "UnauthorizedException": AccessDeniedError,
        "UnauthorizedOperation": AccessDeniedError,
        "RequestExpired": ClockSkewError,
        "RequestInTheFuture": ClockSkewError,
        "RequestTimeTooSkewed": ClockSkewError,
        "RequestLimitExceeded": ThrottledError,
        "RequestThrottled": ThrottledError,
        "RequestThrottledException": ThrottledError,
        "SlowDown": ThrottledError,
        "ThrottledException": ThrottledError,
        "Throttling": ThrottledError,
        "ThrottlingException": ThrottledError,
        "TooManyRequestsException": ThrottledError,
        "InternalError": ServiceError,
        "InternalFailure": ServiceError,
        "InternalFailureException": ServiceError,
        "InternalServerError": ServiceError,
        "InternalServerException": ServiceError,
        "RequestAbortedException": ServiceError,
        "RequestTimeout": ServiceError,
        "RequestTimeoutException": ServiceError,
        "ServiceUnavailable": ServiceError,
        "ServiceUnavailableException": ServiceError,
        "UnknownOperationException": ServiceError,
        "ResourceNotFoundException": NotFoundError,
        "ConflictException": ConflictError,
        "InvalidAction": InvalidRequestError,
        "InvalidParameterCombination": InvalidRequestError,
        "InvalidParameterValue": InvalidRequestError,
        "InvalidRequestException": InvalidRequestError,
        "LimitExceededException": InvalidRequestError,
        "MalformedHttpRequestException": InvalidRequestError,
        "MissingParameter": InvalidRequestError,
        "RegionDisabledException": InvalidRequestError,
        "RequestEntityTooLargeException": InvalidRequestError,
        "SerializationException": InvalidRequestError,
        "ServiceQuotaExceededException": InvalidRequestError,
        "ValidationError": InvalidRequestError,
        "ValidationException": InvalidRequestError,
    }
)
"""AWS's error codes: those of the service model, of AWS's common errors and of STS."""

STATUSES: Mapping[int, type[AwsError]] = MappingProxyType({407: CannotConnectError, 429: ThrottledError})
"""What an HTTP status alone tells where the code is not in the table; any other is a :class:`ServiceError`.

A 401, 403 or 404 without a code of AWS's may come from a proxy, and must neither end the credentials' use nor make a
resource look deleted.
"""

EXCEPTIONS: tuple[tuple[type[Exception], type[AwsError]], ...] = (
    (ResponseParserError, CannotConnectError),
    (UnicodeDecodeError, CannotConnectError),
    (botocore_errors.ConnectionError, CannotConnectError),
    (botocore_errors.HTTPClientError, CannotConnectError),
    (botocore_errors.IncompleteReadError, CannotConnectError),
    (botocore_errors.MetadataRetrievalError, CannotConnectError),
    (HTTPError, CannotConnectError),
    (CredentialProviderError, InvalidCredentialsError),
    (botocore_errors.ConfigNotFound, InvalidCredentialsError),
    (botocore_errors.ConfigParseError, InvalidCredentialsError),
    (botocore_errors.CredentialRetrievalError, InvalidCredentialsError),
    (botocore_errors.InvalidConfigError, InvalidCredentialsError),
    (botocore_errors.LoginError, InvalidCredentialsError),
    (botocore_errors.MissingDependencyException, InvalidCredentialsError),
    (botocore_errors.NoAuthTokenError, InvalidCredentialsError),
    (botocore_errors.NoCredentialsError, InvalidCredentialsError),
    (botocore_errors.PartialCredentialsError, InvalidCredentialsError),
    (botocore_errors.ProfileNotFound, InvalidCredentialsError),
    (botocore_errors.RefreshWithMFAUnsupportedError, InvalidCredentialsError),
    (botocore_errors.SSOError, InvalidCredentialsError),
    (botocore_errors.TokenRetrievalError, InvalidCredentialsError),
    (botocore_errors.UnknownCredentialError, InvalidCredentialsError),
    (botocore_errors.DataNotFoundError, UnsupportedSdkError),
    (botocore_errors.UnsupportedServiceProtocolsError, UnsupportedSdkError),
    (botocore_errors.BaseEndpointResolverError, InvalidRequestError),
    (botocore_errors.EndpointProviderError, InvalidRequestError),
    (botocore_errors.InvalidHostLabelError, InvalidRequestError),
    (botocore_errors.ParamValidationError, InvalidRequestError),
    (botocore_errors.UnknownRegionError, InvalidRequestError),
    (botocore_errors.ValidationError, InvalidRequestError),
    (EndpointError, InvalidRequestError),
)
"""What the SDK raises where AWS did not answer; the first row that fits counts, anything else is a ServiceError."""

CREDENTIAL_OPERATIONS: Mapping[str, str] = MappingProxyType(
    {
        "AssumeRole": "sts",
        "AssumeRoleWithCertificate": "iot",
        "AssumeRoleWithWebIdentity": "sts",
        "CreateToken": "sso-oauth",
        "GetRoleCredentials": "sso",
    }
)
"""What is called on the way to obtain credentials, with the IAM prefix of its service."""

EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})
_CLOCK_DEPENDENT = EXPIRED_CODES | {"InvalidSignatureException", "SignatureDoesNotMatch"}
_SKEW_THAT_AWS_ALLOWS = timedelta(minutes=5)
_SKEW_TEXT = re.compile(r"Signature (?:expired|not yet current)")
_AWS_TIME_IN_TEXT = re.compile(r"\((\d{8}T\d{6}Z) [+-] \d+ min")
_ACTION_IN_TEXT = re.compile(r"not authorized to perform:? +([a-z0-9-]+:[A-Za-z]+)")
_LONGEST_MESSAGE = 1000
_LONGEST_RETRY_AFTER_DIGITS = 9


def from_exception(
    error: Exception,
    *,
    operation: str,
    service: str,
    secrets: Collection[str],
    now: datetime,
    correction: float = 0.0,
    renewable: bool = False,
) -> AwsError:
    """Sort an exception of the SDK into this module's classes; never raises.

    ``service`` is the IAM prefix of the operation, ``secrets`` are the values to take out of the message, ``now`` is
    this machine's time; ``correction`` are the seconds that the request's signature had been moved by; with
    ``renewable`` expired credentials are replaced without the user, so nobody has to mend them.
    Raise the result outside of an ``except`` block: the original's text may hold a secret.
    """
    named = getattr(error, "operation_name", "")
    if (credential_service := CREDENTIAL_OPERATIONS.get(named)) is not None:
        operation, service = named, credential_service
    if isinstance(error, botocore_errors.ClientError):
        return _from_answer(
            error,
            operation=operation,
            service=service,
            secrets=secrets,
            now=now,
            correction=correction,
            renewable=renewable,
        )
    return _class_of(error)(
        _shown(str(error), secrets),
        code=type(error).__name__,
        operation=operation,
        iam_action=f"{service}:{operation}",
    )


def _class_of(error: Exception) -> type[AwsError]:
    found = next((ours for theirs, ours in EXCEPTIONS if isinstance(error, theirs)), ServiceError)
    if found is InvalidCredentialsError:
        # botocore wraps an unreachable source of credentials in the same exceptions as one that refuses.
        cause = error.__cause__ or error.__context__
        if isinstance(cause, Exception) and _class_of(cause) is CannotConnectError:
            return CannotConnectError
    return found


def _from_answer(
    error: botocore_errors.ClientError,
    *,
    operation: str,
    service: str,
    secrets: Collection[str],
    now: datetime,
    correction: float,
    renewable: bool,
) -> AwsError:
    answer: Mapping[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code") or "Unknown")
    text = str(answer.get("Error", {}).get("Message") or "")
    metadata = answer.get("ResponseMetadata", {})
    headers: Mapping[str, str] = metadata.get("HTTPHeaders", {})
    status = metadata.get("HTTPStatusCode")

    kind = CODES.get(code) or STATUSES.get(status, ServiceError)
    skew = _clock_skew(headers, text, now)
    if code in _CLOCK_DEPENDENT and (
        _SKEW_TEXT.search(text) or (skew is not None and abs(skew - correction) > _SKEW_THAT_AWS_ALLOWS.total_seconds())
    ):
        kind = ClockSkewError
    elif operation in CREDENTIAL_OPERATIONS and issubclass(
        kind, (AccessDeniedError, InvalidRequestError, NotFoundError)
    ):
        kind = InvalidCredentialsError
    elif renewable and code in EXPIRED_CODES and operation not in CREDENTIAL_OPERATIONS:
        kind = ServiceError

    iam_action = f"{service}:{operation}"
    if kind is AccessDeniedError and (named := _ACTION_IN_TEXT.search(text)):
        iam_action = named[1]
    return kind(
        _shown(text, secrets) or code,
        code=code,
        operation=operation,
        iam_action=iam_action,
        request_id=metadata.get("RequestId"),
        http_status=status,
        retry_after=_retry_after(headers, now),
        clock_skew=skew if kind is ClockSkewError else None,
    )


def _shown(text: str, secrets: Collection[str]) -> str:
    text = redact_text(text, secrets)
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}…"


def _clock_skew(headers: Mapping[str, str], text: str, now: datetime) -> float | None:
    """Seconds that AWS's clock is ahead of ours: from the answer's date, else from AWS's text."""
    if (theirs := http_date(headers.get("date", ""))) is None:
        if (found := _AWS_TIME_IN_TEXT.search(text)) is None:
            return None
        try:
            theirs = datetime.strptime(found[1], "%Y%m%dT%H%M%S%z")
        except ValueError:
            return None
    return (theirs - now).total_seconds()


def _retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds, from either form of the ``Retry-After`` header."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) <= _LONGEST_RETRY_AFTER_DIGITS:
        return float(value)
    if (moment := http_date(value)) is None:
        return None
    return max(0.0, (moment - now).total_seconds())
