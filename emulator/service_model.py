"""The service model, read the way the emulator needs it."""

from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, Shape, StructureShape
from moto.core.utils import get_service_model

SERVICE = "iot-managed-integrations"
SIGNING_NAME = "iotmanagedintegrations"
MODEL = get_service_model(SERVICE)
PAGING = frozenset({"MaxResults", "NextToken"})

type Params = Mapping[str, Any]
type Wire = dict[str, Any]


def present(members: Mapping[str, Any]) -> Wire:
    """Leave out the members without a value: AWS never sends null."""
    return {name: value for name, value in members.items() if value is not None}


def told(shape: Shape | None, members: Mapping[str, Any]) -> Wire:
    """Return those of the members that a structure has."""
    known = shape.members if isinstance(shape, StructureShape) else {}
    return {name: members[name] for name in known if members.get(name) is not None}


def answer(operation: str, members: Mapping[str, Any]) -> Wire:
    """Return those of a resource's members that an operation answers with."""
    return told(MODEL.operation_model(operation).output_shape, members)


def rows_of(operation: str) -> tuple[str, Shape]:
    """Return the member in which a List operation has its rows, and the shape of one."""
    shape = MODEL.operation_model(operation).output_shape
    return next((name, member.member) for name, member in shape.members.items() if isinstance(member, ListShape))


def path_member(operation: str) -> str:
    """Return the input member that names the resource in an operation's path."""
    shape = MODEL.operation_model(operation).input_shape
    names = (name for name, member in shape.members.items() if member.serialization.get("location") == "uri")
    return str(next(names))
