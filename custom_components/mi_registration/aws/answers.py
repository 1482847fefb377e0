"""Whether an answer is AWS's, and complete enough to be used: botocore takes much for an answer that is none."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import json
from typing import Any

from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

from .models import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Page[T]:
    """A part of a list; ``next_token`` asks for the next one."""

    rows: tuple[T, ...]
    next_token: str | None


def _require_request_id(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a good status that is not AWS's, such as that of a proxy's page."""
    if response_dict["status_code"] < 300 and "x-amzn-requestid" not in response_dict["headers"]:
        raise ResponseParserError("the answer is not from AWS: it has no request id")


def require_sts_answer(operation_model: OperationModel, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a good status whose body is not STS's, which botocore trips over."""
    _require_request_id(response_dict)
    if response_dict["status_code"] < 300 and f"<{operation_model.name}Response".encode() not in response_dict["body"]:
        raise ResponseParserError("the answer is not from STS")


def require_service_answer(
    operation_model: OperationModel,
    response_dict: Mapping[str, Any],
    customized_response_dict: dict[str, Any],
    **_: Any,
) -> None:
    """Refuse a good status whose body is not AWS's: botocore reads a proxy's page as an answer without members.

    What looks like an empty list must be one that AWS sent, else everything on it would seem to be gone.
    """
    _require_request_id(response_dict)
    if response_dict["status_code"] >= 300 or operation_model.output_shape is None:
        return
    try:
        body = json.loads(response_dict["body"])
    except ValueError, RecursionError:
        raise ResponseParserError("the answer is not JSON") from None
    if not isinstance(body, dict):
        raise ResponseParserError("the answer is not a JSON object")
    # AWS's documentation shows the id of a new association under this name, against its service model.
    if operation_model.name == "CreateAccountAssociation" and "AccountAssociationId" not in body and "Id" in body:
        customized_response_dict["AccountAssociationId"] = body["Id"]


def needed[T](from_wire: Callable[[Wire], T | None], response: Wire) -> T:
    """Return what an answer tells; it must tell it."""
    if (value := from_wire(response)) is None:
        raise ResponseParserError("the answer lacks an id")
    return value


def page_of[T](from_wire: Callable[[Wire], T | None], member: str, response: Wire) -> Page[T]:
    """Return a part of a list, whose rows are in ``member``; rows without an id are left out."""
    token = response.get("NextToken")
    if token is not None and not isinstance(token, str):
        raise ResponseParserError("the answer's NextToken is no text")
    items = response.get(member, [])
    if not isinstance(items, list):
        raise ResponseParserError(f"the answer's {member} is no list")
    rows = (from_wire(row) for row in items if isinstance(row, dict))
    return Page(rows=tuple(row for row in rows if row is not None), next_token=token or None)


def request_id_of(response: Wire) -> str | None:
    """Return the id that AWS gave the request of an answer."""
    value = response.get("ResponseMetadata", {}).get("RequestId")
    return value if isinstance(value, str) else None
