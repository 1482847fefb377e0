"""Values that the service model allows: what any caller might send."""

from collections.abc import Mapping
from functools import cache
import re
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from hypothesis import strategies as st

from emulator.validation import compile_pattern, fits

# The model allows texts and lists of any length, of which short ones show as much.
_LONGEST_TEXT = 40
_LONGEST_LIST = 2
_INT32 = 2**31 - 1
# Of what the pattern matches hardly anything keeps the length, too.
_BOUNDED_PATTERNS = {
    "ActionTraceId": r"[a-zA-Z0-9]{15,17}=(_[0-9])?",
    "ExtrinsicSchemaId": r"0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10}",
    "SchemaVersionVersion": r"\d{1,3}\.\d{1,3}(\.\d{1,3})?|\$latest",
    "SchemaVersionedId": r"[a-zA-Z0-9.]{3,20}@(\d{1,3}\.\d{1,3}(\.\d{1,3})?|\$latest)",
}
_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-_INT32, _INT32) | st.text('aé✓ "\\', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=5,
)


def values(shape: Shape, chosen: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for a shape. ``chosen`` has the value or strategy to use for shapes of that name instead."""
    if shape.name in chosen:
        value = chosen[shape.name]
        return value if isinstance(value, st.SearchStrategy) else st.just(value)
    if getattr(shape, "is_document_type", False):
        return st.dictionaries(st.text("abc", max_size=3), _DOCUMENTS, max_size=3)
    low = shape.metadata.get("min", 0)
    longest = max(low, min(shape.metadata.get("max", _LONGEST_LIST), _LONGEST_LIST))
    strategy: st.SearchStrategy[Any]
    match shape:
        case StructureShape():
            members = {name: values(member, chosen) for name, member in shape.members.items()}
            required = {name: members.pop(name) for name in shape.required_members}
            strategy = st.fixed_dictionaries(required, optional=members)
        case ListShape():
            strategy = st.lists(values(shape.member, chosen), min_size=low, max_size=longest)
        case MapShape():
            keys, items = values(shape.key, chosen), values(shape.value, chosen)
            strategy = st.dictionaries(keys, items, min_size=low, max_size=longest)
        case StringShape():
            strategy = _texts(shape)
        case _:
            strategy = _scalars(shape)
    return strategy


def _scalars(shape: Shape) -> st.SearchStrategy[Any]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.integers(-_INT32 if low is None else low, _INT32 if high is None else high)
        case "double":
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case other:
            raise ValueError(f"The service model has got values of type {other}: say here how to draw them")


@cache
def _texts(shape: StringShape) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    low = shape.metadata.get("min", 0)
    longest = max(low, min(shape.metadata.get("max", _LONGEST_TEXT), _LONGEST_TEXT))
    if (pattern := shape.metadata.get("pattern")) is None:
        return st.text(st.characters(codec="utf-8"), min_size=low, max_size=longest)
    compiled = compile_pattern(_BOUNDED_PATTERNS.get(shape.name, pattern)).pattern
    if (one := re.fullmatch(r"\(?(\[(?:[^\]\\]|\\.)+\])\)?[+*]", compiled)) is not None:
        compiled = f"{one[1]}{{{low},{longest}}}"
    return st.from_regex(re.compile(compiled), fullmatch=True).filter(lambda text: fits(shape, text))
