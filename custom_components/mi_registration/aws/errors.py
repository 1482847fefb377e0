"""The few ways a call to AWS can fail, and the one table that sorts every failure into them."""

from typing import ClassVar


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
        """What a translated text can say of this failure."""
        return {
            "code": self.code,
            "message": self.message,
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
