"""Checks values against the constraints of the service model, in AWS's wording."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
import re
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from .exceptions import SerializationException, ValidationException

_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "byte": (int,),
    "double": (int, float),
    "float": (int, float),
    "integer": (int,),
    "list": (list,),
    "long": (int,),
    "map": (dict,),
    "short": (int,),
    "string": (str,),
    "structure": (dict,),
    "timestamp": (int, float, str, datetime),
}
UNSATISFIABLE = frozenset({"ProvisioningProfileArn"})
"""Shapes whose maximum nothing that satisfies the pattern can keep: 64 characters, of which account, Region and the
pattern's own text leave none for the id."""
_JSON_NAMES = {bool: "BOOLEAN_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", str: "STRING_VALUE"}


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Compile a pattern of the service model, which is written for Java.

    Letters and numbers together, ``\p{L}\p{N}``, are what Python's ``\w`` matches beside the underscore, which the
    model's classes with these two have anyway.
    """
    pythonic = re.sub(r"\\x\{([0-9A-Fa-f]{4})\}", r"\\u\1", pattern.replace(r"\p{L}\p{N}", r"\w"))
    return re.compile(pythonic)


def check_request(shape: Shape | None, params: Mapping[str, Any]) -> None:
    """Raise ValidationException unless ``params`` satisfy the operation's input shape.

    Values of members marked sensitive are left out of the message, as AWS does.
    """
    if shape is None:
        return
    if violations := list(_violations(shape, params, "", echo=True)):
        number = len(violations)
        raise ValidationException(
            f"{number} validation error{'s' if number > 1 else ''} detected: {'; '.join(violations)}"
        )


def check_types(shape: Shape, value: Any) -> None:
    """Raise SerializationException if a JSON value has another type than its shape, before it is parsed."""
    if value is None or getattr(shape, "is_document_type", False):
        return
    expected = _TYPES.get(shape.type_name)
    if expected is None:
        return
    if not isinstance(value, expected) or (isinstance(value, bool) and shape.type_name != "boolean"):
        if isinstance(value, dict | list) or shape.type_name in ("list", "map", "structure"):
            raise SerializationException("Start of structure or map found where not expected.")
        found = _JSON_NAMES.get(type(value), "NULL_VALUE")
        raise SerializationException(f"{found} can not be converted to a {shape.type_name.title()}")
    for child, item, _ in _children(shape, value):
        check_types(child, item)


def response_violations(shape: Shape | None, result: Mapping[str, Any]) -> list[str]:
    """Return how an answer breaks the service model; members that the model doesn't know count too."""
    return [] if shape is None else list(_violations(shape, result, "", echo=True, strict=True))


def fits(shape: Shape, value: Any) -> bool:
    """Return whether a plain value satisfies a shape's constraints."""
    return not any(_broken_constraints(shape, value))


def _children(shape: Shape, value: Any) -> Iterator[tuple[Shape, Any, str]]:
    match shape:
        case StructureShape():
            for name, member in shape.members.items():
                if value.get(name) is not None:
                    yield member, value[name], name
        case ListShape():
            for number, item in enumerate(value, 1):
                yield shape.member, item, f"{number}.member"
        case MapShape():
            for key, item in value.items():
                yield shape.key, key, "key"
                yield shape.value, item, f"{key}.member"


def _violations(shape: Shape, value: Any, path: str, *, echo: bool, strict: bool = False) -> Iterator[str]:
    echo = echo and not shape.metadata.get("sensitive", False)
    if getattr(shape, "is_document_type", False):
        return
    if strict and not isinstance(value, _TYPES.get(shape.type_name, (object,))):
        yield f"Value at '{path}' is no {shape.type_name}"
        return
    for constraint in _broken_constraints(shape, value):
        shown = f"Value '{value}' at" if echo else "Value at"
        yield f"{shown} '{path}' failed to satisfy constraint: {constraint}"
    prefix = f"{path}." if path else ""
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{prefix}{_lower(name)}' failed to satisfy constraint: Member must not be null"
        if strict:
            yield from (f"'{prefix}{name}' is not in the service model" for name in value if name not in shape.members)
    for child, item, name in _children(shape, value):
        yield from _violations(child, item, f"{prefix}{_lower(name)}", echo=echo, strict=strict)


def _broken_constraints(shape: Shape, value: Any) -> Iterator[str]:
    meta = shape.metadata
    sized = isinstance(shape, StringShape | ListShape | MapShape)
    measure, noun = (len(value), "length") if sized else (value, "value")
    if "max" in meta and measure > meta["max"] and shape.name not in UNSATISFIABLE:
        yield f"Member must have {noun} less than or equal to {meta['max']}"
    if "min" in meta and measure < meta["min"]:
        yield f"Member must have {noun} greater than or equal to {meta['min']}"
    if isinstance(shape, StringShape):
        if "pattern" in meta and not compile_pattern(meta["pattern"]).fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {meta['pattern']}"
        if shape.enum and value not in shape.enum:
            yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]
