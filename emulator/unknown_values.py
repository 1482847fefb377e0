"""Turns an answer into one of a future version of the service: new enum values, new members."""

from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

FUTURE_VALUE = "ADDED_AFTER_THIS_WAS_WRITTEN"
FUTURE_MEMBERS = {"AddedLater": "text", "AddedLaterToo": {"Deep": [1, 2.5, None, {"Deeper": True}]}}


def modernise(shape: Shape, value: Any, *, members: bool, enums: bool) -> Any:
    """Return a serialised value with a new value for each enum, and new members in each structure."""
    match shape:
        case StructureShape() if isinstance(value, dict):
            known = {
                name: modernise(shape.members[name], item, members=members, enums=enums) for name, item in value.items()
            }
            return known | FUTURE_MEMBERS if members else known
        case ListShape():
            return [modernise(shape.member, item, members=members, enums=enums) for item in value]
        case MapShape():
            return {key: modernise(shape.value, item, members=members, enums=enums) for key, item in value.items()}
        case StringShape() if enums and shape.enum:
            return FUTURE_VALUE
        case _:
            return value
