"""What AWS's service model said when somebody looked last: the code goes by it, and every change of it is seen."""

import ast
from collections.abc import Callable
from copy import deepcopy
import json
from pathlib import Path
import sys
from typing import Any

import botocore
from botocore.loaders import Loader
import pytest

from custom_components.mi_registration.aws import boto3_client, models
from custom_components.mi_registration.aws.permissions import TABLE
from custom_components.mi_registration.aws.redaction import sensitive_names
from emulator.responses import IMPLEMENTED
from scripts import check_model
from scripts.check_model import SERVICES, Facts, differences, facts, load, looked_at

MODEL = Path(botocore.__file__).parent / "data"
MI = SERVICES["iotmanagedintegrations"]
LINK = "RegisterAccountAssociation"
ENUMS = [
    found
    for found in vars(models).values()
    if isinstance(found, type) and issubclass(found, models.LenientEnum) and found is not models.LenientEnum
]


@pytest.fixture(scope="module", name="raw")
def raw_fixture() -> dict[str, Any]:
    """Return the service model that comes with Home Assistant."""
    model: dict[str, Any] = Loader().load_service_model(MI, "service-2")
    return model


@pytest.fixture
def changed_facts(raw: dict[str, Any], tmp_path: Path) -> Callable[[Callable[[Any], object]], Facts]:
    """Return a way to get the facts of a model that was changed."""

    def get(change: Callable[[Any], object]) -> Facts:
        model = deepcopy(raw)
        change(model)
        for service, content in ((MI, model), ("sts", Loader().load_service_model("sts", "service-2"))):
            folder = tmp_path / service / content["metadata"]["apiVersion"]
            folder.mkdir(parents=True)
            (folder / "service-2.json").write_text(json.dumps(content), encoding="utf-8")
        return facts(load(tmp_path))

    return get


def _input(model: Any) -> Any:
    return model["shapes"][model["operations"][LINK]["input"]["shape"]]


CHANGES: dict[str, tuple[Callable[[Any], object], list[str]]] = {
    "nothing": (lambda _: None, []),
    "what isn't used": (lambda model: model["shapes"]["OtaStatus"]["enum"].append("PAUSED"), []),
    "what is only documented": (lambda model: model.update(documentation="New"), []),
    "a new operation": (
        lambda model: model["operations"].update(
            MoveThing={"name": "MoveThing", "http": {"method": "PUT", "requestUri": "/move"}}
        ),
        ["new: MoveThing: not used"],
    ),
    "an operation goes": (
        lambda model: model["operations"].pop("DeleteAccountAssociation"),
        ["gone: DeleteAccountAssociation: DELETE /account-associations/{AccountAssociationId}"],
    ),
    "another address": (
        lambda model: model["operations"][LINK]["http"].update(requestUri="/elsewhere"),
        [f"changed: {LINK}: PUT /managed-thing-associations/register → PUT /elsewhere"],
    ),
    "a required member": (
        lambda model: (
            _input(model)["members"].update(Reason={"shape": "Role"}),
            _input(model)["required"].append("Reason"),
        ),
        [f"new: {LINK}.input.Reason: string required"],
    ),
    "a member that was optional": (
        lambda model: model["shapes"]["ListAccountAssociationsRequest"].update(required=["MaxResults"]),
        ["changed: ListAccountAssociations.input.MaxResults: integer min=1 max=1000 → integer required min=1 max=1000"],
    ),
    "a member goes": (
        lambda model: model["shapes"]["ManagedThingSummary"]["members"].pop("ParentControllerId"),
        ["gone: ListManagedThings.output.Items[].ParentControllerId: string min=1 max=64 pattern=[A-Za-z0-9]+"],
    ),
    "a secret": (
        lambda model: model["shapes"]["AssociationState"].update(sensitive=True),
        [
            f"changed: {place}.AssociationState: string required → string required sensitive"
            for place in (
                "CreateAccountAssociation.output",
                "ListAccountAssociations.output.Items[]",
            )
        ],
    ),
    "a state": (
        lambda model: model["shapes"]["ManagedThingAssociationStatus"]["enum"].append("PAUSED"),
        ["changed: enum ManagedThingAssociationStatus: ASSOCIATED PRE_ASSOCIATED → ASSOCIATED PAUSED PRE_ASSOCIATED"],
    ),
    "an error goes": (
        lambda model: model["operations"][LINK].update(
            errors=[error for error in model["operations"][LINK]["errors"] if error["shape"] != "ConflictException"]
        ),
        [f"gone: {LINK}.error.ConflictException: error"],
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES)
def test_differences(
    changed_facts: Callable[[Callable[[Any], object]], Facts],
    change: Callable[[Any], object],
    expected: list[str],
) -> None:
    assert differences(facts(load(MODEL)), changed_facts(change)) == expected


def test_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It fails where something differs, until that is taken over."""
    here = tmp_path / "service_model.json"
    here.write_text(json.dumps(looked_at() | {LINK: "PUT /before"}), encoding="utf-8")
    monkeypatch.setattr(check_model, "LOOKED_AT", here)
    monkeypatch.setattr(sys, "argv", ["check_model", str(MODEL)])
    assert check_model.main() == 1
    assert f"changed: {LINK}: PUT /before → " in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["check_model", str(MODEL), "--write"])
    assert check_model.main() == 0
    monkeypatch.setattr(sys, "argv", ["check_model", str(MODEL)])
    assert check_model.main() == 0


def test_operations_exist_and_are_emulated() -> None:
    known = looked_at()
    for permission in TABLE:
        service, _, operation = permission.iam_action.partition(":")
        assert known[operation] != "not used"
        assert service == "sts" or operation in IMPLEMENTED, operation


@pytest.mark.parametrize("enum", ENUMS)
def test_enums_are_complete(enum: type[models.LenientEnum]) -> None:
    """Each class names its shape in its docstring."""
    shape = (enum.__doc__ or "").split("``")[1]
    assert sorted(enum) == looked_at()[f"enum {shape}"].split()


def test_required_members_are_sent() -> None:
    tree = ast.parse(Path(boto3_client.__file__).read_text(encoding="utf-8"))
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    named |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    required = {
        place.rpartition(".")[2]
        for place, words in looked_at().items()
        if ".input." in place and place.count(".") == 2 and "required" in words.split()
    }
    assert {"ManagedThingId", "AccountAssociationId"} <= required
    assert required <= named


def test_what_aws_marks_sensitive_is_redacted() -> None:
    sensitive = {
        place.rpartition(".")[2].strip("[]{}") for place, words in looked_at().items() if "sensitive" in words.split()
    }
    assert "MacAddress" in sensitive
    assert sensitive - sensitive_names() == set()
