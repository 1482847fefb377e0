"""The one table: whatever the SDK raises becomes one of our classes."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from ssl import SSLError
from typing import Any

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError
import pytest
from urllib3.exceptions import ProtocolError

from custom_components.mi_registration.aws.endpoints import EndpointError
from custom_components.mi_registration.aws.errors import (
    AccessDeniedError,
    AwsError,
    CannotConnectError,
    ClockSkewError,
    ConflictError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotFoundError,
    ServiceError,
    ThrottledError,
    UnsupportedSdkError,
    from_exception,
)
from custom_components.mi_registration.aws.iot_credentials import CredentialProviderError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def convert(
    error: Exception, *, operation: str = "ListManagedThings", secrets: frozenset[str] = frozenset()
) -> AwsError:
    return from_exception(error, operation=operation, service="iotmanagedintegrations", secrets=secrets, now=NOW)


def client_error(
    code: str,
    message: str = "no",
    *,
    status: int = 400,
    operation: str = "ListManagedThings",
    headers: dict[str, str] | None = None,
) -> sdk.ClientError:
    return sdk.ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "RequestId": "id-1",
                "HTTPStatusCode": status,
                "HTTPHeaders": headers or {},
                "HostId": "",
                "RetryAttempts": 0,
            },
        },
        operation,
    )


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("UnrecognizedClientException", 403, InvalidCredentialsError),
        ("InvalidClientTokenId", 403, InvalidCredentialsError),
        ("SignatureDoesNotMatch", 403, InvalidCredentialsError),
        ("InvalidSignatureException", 403, InvalidCredentialsError),
        ("ExpiredToken", 403, InvalidCredentialsError),
        ("ExpiredTokenException", 403, InvalidCredentialsError),
        ("IncompleteSignature", 403, InvalidCredentialsError),
        ("MissingAuthenticationTokenException", 403, InvalidCredentialsError),
        ("InvalidToken", 400, InvalidCredentialsError),
        ("AccessDenied", 403, AccessDeniedError),
        ("AccessDeniedException", 403, AccessDeniedError),
        ("UnauthorizedException", 401, AccessDeniedError),
        ("NotAuthorized", 401, AccessDeniedError),
        ("OptInRequired", 403, AccessDeniedError),
        ("RequestTimeTooSkewed", 403, ClockSkewError),
        ("RequestExpired", 400, ClockSkewError),
        ("ThrottlingException", 429, ThrottledError),
        ("ThrottlingException", 400, ThrottledError),
        ("Throttling", 400, ThrottledError),
        ("TooManyRequestsException", 429, ThrottledError),
        ("RequestLimitExceeded", 503, ThrottledError),
        ("429", 429, ThrottledError),
        ("InternalServerException", 500, ServiceError),
        ("InternalFailureException", 500, ServiceError),
        ("ServiceUnavailableException", 503, ServiceError),
        ("RequestTimeoutException", 408, ServiceError),
        ("UnknownOperationException", 404, ServiceError),
        ("ResourceNotFoundException", 404, NotFoundError),
        ("ConflictException", 409, ConflictError),
        ("ValidationException", 400, InvalidRequestError),
        ("InvalidRequestException", 400, InvalidRequestError),
        ("ServiceQuotaExceededException", 402, InvalidRequestError),
        ("LimitExceededException", 410, InvalidRequestError),
        ("407", 407, CannotConnectError),
        ("401", 401, ServiceError),
        ("403", 403, ServiceError),
        ("404", 404, ServiceError),
        ("502", 502, ServiceError),
        ("BrandNewException", 403, ServiceError),
        ("", 418, ServiceError),
    ],
)
def test_codes(code: str, status: int, expected: type[AwsError]) -> None:
    error = convert(client_error(code, status=status))
    assert type(error) is expected
    assert error.code == (code or "Unknown")
    assert error.request_id == "id-1"
    assert error.http_status == status
    assert error.operation == "ListManagedThings"
    assert error.iam_action == "iotmanagedintegrations:ListManagedThings"
    assert str(error) == error.message == "no"


def test_an_answer_without_anything() -> None:
    error = convert(sdk.ClientError({}, "ListManagedThings"))
    assert type(error) is ServiceError
    assert error.placeholders == {
        "code": "Unknown",
        "message": "Unknown",
        "operation": "ListManagedThings",
        "iam_action": "iotmanagedintegrations:ListManagedThings",
        "request_id": "-",
        "seconds": "-",
    }


@pytest.mark.parametrize(("text", "shown"), [("Not there.", "Not there"), ("Not there", "Not there")])
def test_texts_around_a_message_have_its_full_stop(text: str, shown: str) -> None:
    """A translated text goes on behind AWS's message, or ends with a full stop of its own."""
    error = convert(client_error("ResourceNotFoundException", text))
    assert error.placeholders["message"] == shown
    assert error.message == text


def test_only_what_may_pass_by_itself_is_transient() -> None:
    transient = {kind.__name__ for kind in AwsError.__subclasses__() if kind.transient}
    assert transient == {"CannotConnectError", "ClockSkewError", "ServiceError", "ThrottledError"}
    assert len({kind.key for kind in AwsError.__subclasses__()}) == len(AwsError.__subclasses__())


def caused(error: Exception, cause: Exception, *, explicit: bool = True) -> Exception:
    if explicit:
        error.__cause__ = cause
    else:
        error.__context__ = cause
    return error


REFUSED = sdk.EndpointConnectionError(endpoint_url="https://x")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (REFUSED, CannotConnectError),
        (sdk.ConnectTimeoutError(endpoint_url="https://x"), CannotConnectError),
        (sdk.ReadTimeoutError(endpoint_url="https://x"), CannotConnectError),
        (sdk.ConnectionClosedError(endpoint_url="https://x"), CannotConnectError),
        (sdk.SSLError(endpoint_url="https://x", error=OSError("bad")), CannotConnectError),
        (sdk.ProxyConnectionError(proxy_url="https://x"), CannotConnectError),
        (sdk.HTTPClientError(error="bad"), CannotConnectError),
        (sdk.ResponseStreamingError(error="bad"), CannotConnectError),
        (sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), CannotConnectError),
        (sdk.MetadataRetrievalError(error_msg="bad"), CannotConnectError),
        (ResponseParserError("bad"), CannotConnectError),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), CannotConnectError),
        (sdk.NoCredentialsError(), InvalidCredentialsError),
        (sdk.PartialCredentialsError(provider="env", cred_var="x"), InvalidCredentialsError),
        (sdk.ProfileNotFound(profile="x"), InvalidCredentialsError),
        (sdk.ConfigParseError(path="x"), InvalidCredentialsError),
        (sdk.InvalidConfigError(error_msg="x"), InvalidCredentialsError),
        (sdk.UnknownCredentialError(name="x"), InvalidCredentialsError),
        (sdk.UnauthorizedSSOTokenError(), InvalidCredentialsError),
        (sdk.TokenRetrievalError(provider="sso", error_msg="x"), InvalidCredentialsError),
        (sdk.CredentialRetrievalError(provider="x", error_msg="refused"), InvalidCredentialsError),
        (caused(sdk.CredentialRetrievalError(provider="x", error_msg="x"), REFUSED), CannotConnectError),
        (
            caused(sdk.CredentialRetrievalError(provider="x", error_msg="x"), REFUSED, explicit=False),
            CannotConnectError,
        ),
        (
            caused(sdk.CredentialRetrievalError(provider="x", error_msg="x"), ValueError("x")),
            InvalidCredentialsError,
        ),
        (ProtocolError("bad"), CannotConnectError),
        (CredentialProviderError("refused"), InvalidCredentialsError),
        (caused(CredentialProviderError("x"), ProtocolError("bad")), CannotConnectError),
        (caused(CredentialProviderError("x"), ResponseParserError("bad")), CannotConnectError),
        (caused(CredentialProviderError("x"), SSLError("alert")), InvalidCredentialsError),
        (sdk.ParamValidationError(report="x"), InvalidRequestError),
        (sdk.InvalidRegionError(region_name="x y"), InvalidRequestError),
        (sdk.NoRegionError(), InvalidRequestError),
        (sdk.UnknownEndpointError(service_name="x", region_name="y"), InvalidRequestError),
        (sdk.EndpointResolutionError(msg="x"), InvalidRequestError),
        (EndpointError("x"), InvalidRequestError),
        (sdk.UnknownServiceError(service_name="x", known_service_names=""), UnsupportedSdkError),
        (sdk.UnseekableStreamError(stream_object=BytesIO()), ServiceError),
        (TypeError("x"), ServiceError),
        (RecursionError(), ServiceError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_exceptions(error: Exception, expected: type[AwsError]) -> None:
    ours = convert(error)
    assert type(ours) is expected
    assert ours.code == type(error).__name__
    assert ours.request_id is None
    assert ours.http_status is None


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException", "ExpiredTokenException"])
@pytest.mark.parametrize("seconds", [-4000, 4000])
def test_a_wrong_clock_is_seen_from_the_answers_date(code: str, seconds: int) -> None:
    headers = {"date": format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)}
    error = convert(client_error(code, headers=headers))
    assert type(error) is ClockSkewError
    assert error.clock_skew == seconds
    assert error.placeholders["seconds"] == "4000"


@pytest.mark.parametrize(
    ("text", "skew"),
    [
        ("Signature expired: 20261122T120000Z is now earlier than 20261122T130500Z (20261122T131000Z - 5 min.)", 4200),
        (
            "Signature not yet current: 20261122T120000Z is still later than 20261122T11Z (20261122T110000Z + 5 min.)",
            -3600,
        ),
        ("Signature expired", None),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_a_wrong_clock_is_seen_from_the_text(text: str, skew: int | None, headers: dict[str, str]) -> None:
    error = convert(client_error("InvalidSignatureException", text, headers=headers))
    assert type(error) is ClockSkewError
    assert error.clock_skew == skew


@pytest.mark.parametrize(
    ("code", "seconds", "expected"),
    [
        ("SignatureDoesNotMatch", 299, InvalidCredentialsError),
        ("UnrecognizedClientException", 4000, InvalidCredentialsError),
        ("AccessDeniedException", 4000, AccessDeniedError),
    ],
)
def test_the_clock_is_not_to_blame_for_everything(code: str, seconds: int, expected: type[AwsError]) -> None:
    headers = {"date": format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)}
    error = convert(client_error(code, headers=headers))
    assert type(error) is expected
    assert error.clock_skew is None


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "ExpiredTokenException"])
def test_a_wrong_clock_that_was_corrected_is_not_to_blame(code: str) -> None:
    headers = {"date": format_datetime(NOW + timedelta(hours=1), usegmt=True)}

    def corrected(seconds: float) -> AwsError:
        return from_exception(
            client_error(code, headers=headers),
            operation="ListManagedThings",
            service="iotmanagedintegrations",
            secrets=(),
            now=NOW,
            correction=seconds,
        )

    assert type(corrected(3600)) is InvalidCredentialsError
    for wrong in (0, -3600):
        error = corrected(wrong)
        assert type(error) is ClockSkewError
        assert error.clock_skew == 3600, "as this machine's clock is, not as it was corrected"


def test_who_was_asked_for_credentials_is_named() -> None:
    error = convert(CredentialProviderError("no"))
    assert (error.operation, error.iam_action) == ("AssumeRoleWithCertificate", "iot:AssumeRoleWithCertificate")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1e99", None),
        ("9" * 400, None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert convert(client_error("ThrottlingException", headers={"retry-after": value})).retry_after == seconds


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AccessDenied", InvalidCredentialsError),
        ("ValidationError", InvalidCredentialsError),
        ("RegionDisabledException", InvalidCredentialsError),
        ("InvalidClientTokenId", InvalidCredentialsError),
        ("Throttling", ThrottledError),
        ("InternalFailure", ServiceError),
    ],
)
def test_a_role_that_cannot_be_assumed(code: str, expected: type[AwsError]) -> None:
    error = convert(client_error(code, operation="AssumeRole"))
    assert type(error) is expected
    assert error.operation == "AssumeRole"
    assert error.iam_action == "sts:AssumeRole"


def test_the_action_that_aws_names_is_the_one_that_is_missing() -> None:
    text = "User: arn:aws:iam::1:user/x is not authorized to perform: secretsmanager:GetSecretValue on resource: y"
    assert convert(client_error("AccessDeniedException", text)).iam_action == "secretsmanager:GetSecretValue"
    assert convert(client_error("ValidationException", text)).iam_action == "iotmanagedintegrations:ListManagedThings"


def test_secrets_and_endless_text_are_kept_out() -> None:
    text = "canary<html>" + "x" * 5000
    for error in (client_error("Odd", text), ValueError(text)):
        ours = convert(error, secrets=frozenset({"canary"}))
        assert ours.message.startswith("**REDACTED**<html>")
        assert len(ours.message) == 1001
        assert "canary" not in repr(ours)


def test_messages_may_be_anything() -> None:
    response: Any = {"Error": {"Code": 7, "Message": {"a": 1}}, "ResponseMetadata": {}}
    error = convert(sdk.ClientError(response, "ListManagedThings"))
    assert (type(error), error.code, error.message) == (ServiceError, "7", "{'a': 1}")
