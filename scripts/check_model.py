"""Compares what the code relies on in AWS's service model with a newer model: `scripts/check_model`.

What was looked at last is kept in tests/aws/service_model.json; tests hold the code to that. A difference wants a look
at the code, then `scripts/check_model --write`.
"""

import argparse
from collections.abc import Iterator, Mapping
import json
from pathlib import Path
import sys

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from custom_components.mi_registration.aws.permissions import TABLE
from scripts.house import ROOT

SERVICES = {"iotmanagedintegrations": "iot-managed-integrations", "sts": "sts"}
"""The name of each service in IAM, and in the AWS SDK."""
LOOKED_AT = ROOT / "tests" / "aws" / "service_model.json"
_CONSTRAINTS = ("min", "max", "pattern")

type Facts = dict[str, str]
"""What is true of each operation, each of its members and each enum, by place."""


def load(data: Path) -> dict[str, ServiceModel]:
    """Return the newest models in a botocore's data folder, by their names in IAM."""
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    return {
        name: ServiceModel(loader.load_service_model(service, "service-2"), service)
        for name, service in SERVICES.items()
    }


def facts(models: Mapping[str, ServiceModel]) -> Facts:
    """Return what the code relies on, and which operations there are beside."""
    used = [permission.iam_action.split(":") for permission in TABLE]
    found: Facts = {}
    for service, name in used:
        if name not in models[service].operation_names:
            continue
        operation = models[service].operation_model(name)
        found[name] = "{method} {requestUri}".format(**operation.http)
        for kind, shape in (("input", operation.input_shape), ("output", operation.output_shape)):
            if shape is not None:
                found |= _members(f"{name}.{kind}", shape, ())
        for error in operation.error_shapes:
            found[f"{name}.error.{error.name}"] = "error"
    unused = set(models["iotmanagedintegrations"].operation_names) - {name for _, name in used}
    found |= dict.fromkeys(unused, "not used")
    return dict(sorted(found.items()))


def _members(place: str, shape: Shape, above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if shape.name in above:
        return
    above += (shape.name,)
    match shape:
        case StructureShape():
            for name, member in shape.members.items():
                is_required = name in shape.required_members
                yield f"{place}.{name}", _words(member, *(["required"] if is_required else []))
                yield from _members(f"{place}.{name}", member, above)
        case ListShape():
            yield f"{place}[]", _words(shape.member)
            yield from _members(f"{place}[]", shape.member, above)
        case MapShape():
            yield f"{place}{{}}", _words(shape.value)
            yield from _members(f"{place}{{}}", shape.value, above)
        case _ if values := getattr(shape, "enum", None):
            yield f"enum {shape.name}", " ".join(sorted(values))


def _words(shape: Shape, *words: str) -> str:
    metadata = shape.metadata
    sensitive = ["sensitive"] if metadata.get("sensitive") else []
    constraints = [f"{key}={metadata[key]}" for key in _CONSTRAINTS if key in metadata]
    return " ".join([shape.type_name, *words, *sensitive, *constraints])


def differences(before: Facts, after: Facts) -> list[str]:
    """Return what differs, one line each; an operation that is new or gone takes its members with it."""
    lines = []
    for place in sorted(before.keys() | after.keys()):
        operation, _, member = place.partition(".")
        if member and (operation in before) != (operation in after):
            continue
        match before.get(place), after.get(place):
            case None, is_now:
                lines.append(f"new: {place}: {is_now}")
            case was, None:
                lines.append(f"gone: {place}: {was}")
            case was, is_now if was != is_now:
                lines.append(f"changed: {place}: {was} → {is_now}")
    return lines


def looked_at() -> Facts:
    """Return what was true when somebody looked last."""
    content: Facts = json.loads(LOOKED_AT.read_text(encoding="utf-8"))
    return content


def main() -> int:
    """Print what differs, or take it over."""
    parser = argparse.ArgumentParser(prog="scripts/check_model", description=__doc__)
    parser.add_argument("data", type=Path, help="the data folder of a botocore")
    parser.add_argument("--write", action="store_true", help="take it over: it has been looked at")
    options = parser.parse_args()
    now = facts(load(options.data))
    if options.write:
        LOOKED_AT.write_text(f"{json.dumps(now, indent=2)}\n", encoding="utf-8")
        return 0
    lines = differences(looked_at(), now)
    for line in lines:
        print(line)
    print(f"check_model: {len(lines)} differences" if lines else "check_model: as it was")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
