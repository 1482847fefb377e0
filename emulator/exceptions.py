"""The errors that the service answers with, modelled and common ones alike."""

from moto.core.exceptions import ServiceException

from .switches import RefusalKind

COMMON_STATUS = {
    "AccessDenied": 403,
    "ExpiredToken": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignature": 403,
    "IncompleteSignatureException": 403,
    "InternalFailure": 500,
    "InvalidClientTokenId": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationToken": 403,
    "MissingAuthenticationTokenException": 403,
    "NotAuthorized": 401,
    "OptInRequired": 403,
    "RegionDisabledException": 403,
    "RequestExpired": 400,
    "RequestTimeTooSkewed": 403,
    "RequestTimeoutException": 408,
    "SerializationException": 400,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
    "Throttling": 400,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationError": 400,
}
"""HTTP status of the errors that any AWS service may answer with, which no service model lists."""


class ManagedIntegrationsError(ServiceException):
    """An error of this service; ``status`` wins over the one in the service model, ``headers`` go out with it."""

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        """Say ``message`` under AWS's error ``code``."""
        super().__init__(code, message)
        self.status = status
        self.headers: dict[str, str] = {}


class AccessDeniedException(ManagedIntegrationsError):  # noqa: N818  # AWS's name, which is its code
    """403: no policy allows the call."""

    def __init__(self, *, principal: str, action: str, resource: str, code: str = "AccessDeniedException") -> None:
        """Name who may not do what to which resource, as IAM does."""
        super().__init__(
            code,
            f"User: {principal} is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action",
        )


class ConflictException(ManagedIntegrationsError):  # noqa: N818  # AWS's name, which is its code
    """409: the resource is in a state that doesn't allow the call."""

    def __init__(self, message: str) -> None:
        """Say which state that is."""
        super().__init__("ConflictException", message)


class InvalidRequestException(ManagedIntegrationsError):  # noqa: N818  # AWS's name, which is its code
    """400: what ValidationException is to the other operations, for those on tags."""

    def __init__(self, message: str) -> None:
        """Say which rule the request breaks."""
        super().__init__("InvalidRequestException", message)


class ResourceNotFoundException(ManagedIntegrationsError):  # noqa: N818  # AWS's name, which is its code
    """404, with the id and the type of what isn't there."""

    def __init__(self, resource_type: str, resource_id: str) -> None:
        """Name what is missing; the wording is that of GetManagedThing in AWS's guide."""
        super().__init__("ResourceNotFoundException", f"{resource_type.replace('-', ' ').title()} resource not found.")
        self.ResourceId = resource_id
        self.ResourceType = resource_type


class SerializationException(ManagedIntegrationsError):  # noqa: N818  # AWS's name, which is its code
    """400: the body isn't JSON, or a member has the wrong JSON type."""

    def __init__(self, message: str) -> None:
        """Say what could not be read."""
        super().__init__("SerializationException", message)


class ThrottlingException(ManagedIntegrationsError):  # noqa: N818  # AWS's name, which is its code
    """429 (or 400, as AWS's page of common errors has it): too many calls."""

    def __init__(self, status: int) -> None:
        """Answer with that HTTP status."""
        super().__init__("ThrottlingException", "Rate exceeded", status=status)


class ValidationException(ManagedIntegrationsError):  # noqa: N818  # AWS's name, which is its code
    """400: the request breaks the service model or a rule between its members."""

    def __init__(self, message: str) -> None:
        """Say which rule."""
        super().__init__("ValidationException", message)


def refusal(kind: RefusalKind, problem: str, resource_type: str, resource_id: str) -> ManagedIntegrationsError:
    """Return the error that a switch chose for a problem with a resource."""
    match kind:
        case "validation":
            return ValidationException(problem)
        case "conflict":
            return ConflictException(problem)
        case "not_found":
            return ResourceNotFoundException(resource_type, resource_id)
