"""Pages with opaque tokens, each good only for the call that it continues."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
import json
from typing import Any, Protocol

from .exceptions import ValidationException


class Sequenced(Protocol):
    """Something that has its place in the order of creation."""

    sequence: int


def _purpose(account_id: str, operation: str, params: Mapping[str, Any]) -> str:
    filters = {name: value for name, value in params.items() if name not in ("MaxResults", "NextToken")}
    return sha256(json.dumps([account_id, operation, filters], sort_keys=True).encode()).hexdigest()[:16]


def page[Row: Sequenced](
    rows: Iterable[Row], *, account_id: str, operation: str, params: Mapping[str, Any], default_size: int
) -> tuple[list[Row], str | None]:
    """Return the page that NextToken and MaxResults ask for, and the token of the next one.

    A token remembers the last row of its page, so rows that come or go in between are neither repeated nor skipped.
    """
    purpose = _purpose(account_id, operation, params)
    last = _last_of(params["NextToken"], purpose) if params.get("NextToken") else -1
    size = params.get("MaxResults") or default_size
    rest = sorted((row for row in rows if row.sequence > last), key=lambda row: row.sequence)
    items = rest[:size]
    if len(rest) <= size:
        return items, None
    return items, urlsafe_b64encode(json.dumps([purpose, items[-1].sequence]).encode()).decode()


def _last_of(token: str, purpose: str) -> int:
    try:
        of, last = json.loads(urlsafe_b64decode(token))
    except ValueError, TypeError:
        of, last = None, None
    if of != purpose or not isinstance(last, int):
        raise ValidationException("Invalid NextToken.")
    return last
