"""moto's response serialisers, with the errors that no service model lists."""

from functools import cache
from typing import Any

from moto.core.errors import ErrorLookupFactory, ErrorShape
from moto.core.model import ServiceModel
from moto.core.serialize import QuerySerializer, ResponseDict, ResponseSerializer, RestJSONSerializer

from .exceptions import COMMON_STATUS, ManagedIntegrationsError

_lookups = ErrorLookupFactory()


@cache
def error_shape(service_model: ServiceModel, code: str) -> ErrorShape:
    """Return the error's shape from the service model, or one made up for an error common to all services."""
    if (shape := _lookups.for_service(service_model).from_code(code)) is not None:
        return shape
    status = COMMON_STATUS.get(code, 400)
    model = {
        "type": "structure",
        "members": {},
        "exception": True,
        "fault": status >= 500,
        "error": {"code": code, "httpStatusCode": status, "senderFault": status < 500},
    }
    return ErrorShape(code, model)


class _CommonErrors(ResponseSerializer):
    def _serialize_error(self, resp: ResponseDict, error: Exception) -> ResponseDict:
        code = getattr(error, "code", type(error).__name__)
        shape = error_shape(self.service_model, code)
        serialized: dict[str, Any] = {}
        self._serialize_error_metadata(serialized, error, shape)
        # The code travels in the header; the body of this protocol has only the members.
        serialized.pop("__type", None)
        response = self._serialized_error_to_response(resp, error, shape, serialized)
        if isinstance(error, ManagedIntegrationsError):
            response["headers"].update(error.headers)
            if error.status is not None:
                response["status_code"] = error.status
        return response


class JsonSerializer(_CommonErrors, RestJSONSerializer):
    """REST-JSON, the protocol of IoT Managed Integrations."""

    CONTENT_TYPE = "application/json"


class XmlSerializer(_CommonErrors, QuerySerializer):
    """AWS Query, the protocol of STS."""
