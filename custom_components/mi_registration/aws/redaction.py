"""What must never be shown: the members that AWS's own service model marks sensitive, and credentials."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
import json
import re
from typing import Any
from urllib.parse import quote

from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
import botocore.session

REDACTED = "**REDACTED**"

CREDENTIAL_NAMES = frozenset(
    {
        "access_key_id",
        "authorization_url",
        "ca_certificate",
        "certificate",
        "external_id",
        "private_key",
        "secret_access_key",
        "session_token",
        "AccessKeyId",
        "ExternalId",
        "SecretAccessKey",
        "SessionToken",
    }
)
"""Members and settings that hold credentials or links; STS's service model marks only some of them."""

_SHORTEST_WITHOUT_BOUNDARY = 4
_OPERATIONS = re.compile(r"ManagedThing|AccountAssociation|DeviceDiscover|DiscoveredDevices")
"""Those of things, associations and discoveries: elsewhere in the service even ``Name`` is sensitive."""


@cache
def sensitive_names() -> frozenset[str]:
    """Return the sensitive members, as AWS spells them and in snake case, and the credentials' names.

    Blocks when called for the first time: it reads the service model from disk.
    """
    service_model = botocore.session.Session().get_service_model("iot-managed-integrations")
    found: set[str] = set()
    seen: set[str] = set()
    for name in filter(_OPERATIONS.search, service_model.operation_names):
        operation = service_model.operation_model(name)
        for shape in (operation.input_shape, operation.output_shape):
            if shape is not None:
                _collect(shape, found, seen)
    return CREDENTIAL_NAMES | found | {xform_name(name) for name in found}


def _collect(shape: Shape, found: set[str], seen: set[str]) -> None:
    if shape.name in seen:
        return
    seen.add(shape.name)
    match shape:
        case StructureShape():
            for name, member in shape.members.items():
                if _is_sensitive(member):
                    found.add(name)
                _collect(member, found, seen)
        case ListShape():
            _collect(shape.member, found, seen)
        case MapShape():
            _collect(shape.value, found, seen)


def _is_sensitive(shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive")) or (isinstance(shape, ListShape) and _is_sensitive(shape.member))


def sensitive_values(operation: OperationModel, params: Mapping[str, Any]) -> frozenset[str]:
    """Return the texts in a request's parameters that belong to sensitive members."""
    if operation.input_shape is None:
        return frozenset()
    return frozenset(_values(operation.input_shape, params, sensitive=False))


def _values(shape: Shape, value: Any, *, sensitive: bool) -> Iterator[str]:
    sensitive = sensitive or bool(shape.metadata.get("sensitive"))
    match shape, value:
        case StructureShape(), Mapping():
            for name, item in value.items():
                if name in CREDENTIAL_NAMES:
                    yield str(item)
                elif name in shape.members:
                    yield from _values(shape.members[name], item, sensitive=sensitive)
        case MapShape(), Mapping():
            for key, item in value.items():
                yield from _values(shape.key, key, sensitive=sensitive)
                yield from _values(shape.value, item, sensitive=sensitive)
        case ListShape(), list() | tuple():
            for item in value:
                yield from _values(shape.member, item, sensitive=sensitive)
        case _, str() if sensitive and value:
            yield value


def redact_text(text: str, values: Collection[str]) -> str:
    """Replace every one of ``values`` in ``text``, also where it is escaped as in a URL or in JSON.

    A very short value is replaced only where it stands alone: else most of the text would be lost with it.
    """
    forms = {form for value in values if value for form in (value, quote(value, safe=""), json.dumps(value)[1:-1])}
    # The longest first: one value may be a part of another.
    for form in sorted(forms, key=len, reverse=True):
        pattern = re.escape(form)
        if len(form) < _SHORTEST_WITHOUT_BOUNDARY:
            pattern = rf"(?<!\w){pattern}(?!\w)"
        text = re.sub(pattern, REDACTED, text)
    return text
