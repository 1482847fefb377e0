"""The service model's constraints on requests and answers, and AWS's wording."""

import json
import re
from typing import Any
from urllib.parse import urlencode

from hypothesis import given, strategies as st
from moto.core.utils import get_service_model
import pytest

from emulator import World
from emulator.exceptions import ValidationException
from emulator.validation import check_request, compile_pattern, response_violations

from .conftest import Send, code_of, error_of

MODEL = get_service_model("iot-managed-integrations")


@pytest.mark.parametrize(
    ("operation", "params", "message"),
    [
        (
            "get_managed_thing",
            {"Identifier": "a b"},
            (
                "1 validation error detected: Value 'a b' at 'identifier' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]*"
            ),
        ),
        (
            "register_account_association",
            {"ManagedThingId": "t" * 65, "AccountAssociationId": "a-b"},
            (
                f"3 validation errors detected: Value null at 'deviceDiscoveryId' failed to satisfy constraint: "
                f"Member must not be null; Value '{'t' * 65}' at 'managedThingId' failed to satisfy constraint: "
                "Member must have length less than or equal to 64; Value 'a-b' at 'accountAssociationId' failed to "
                "satisfy constraint: Member must satisfy regular expression pattern: [0-9a-zA-Z]+"
            ),
        ),
        (
            "list_managed_things",
            {"MaxResults": 1001},
            (
                "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
                "Member must have value less than or equal to 1000"
            ),
        ),
        (
            "list_managed_things",
            {"MaxResults": 0},
            (
                "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1"
            ),
        ),
        (
            "list_managed_things",
            {"RoleFilter": "BOSS"},
            (
                "1 validation error detected: Value 'BOSS' at 'roleFilter' failed to satisfy constraint: "
                "Member must satisfy enum value set: [CONTROLLER, DEVICE]"
            ),
        ),
        (
            "start_device_discovery",
            {"DiscoveryType": "CLOUD", "AccountAssociationId": "a", "ConnectorDeviceIdList": ["ok", "not ok"]},
            (
                "1 validation error detected: Value at 'connectorDeviceIdList.2.member' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@-]+"
            ),
        ),
    ],
)
def test_wording(client: Any, operation: str, params: dict[str, Any], message: str) -> None:
    assert error_of(lambda: getattr(client, operation)(**params)) == ("ValidationException", 400, message)


def test_sensitive_values_are_not_echoed(client: Any) -> None:
    _, _, message = error_of(lambda: client.list_managed_things(OwnerFilter="canary in a mine"))
    assert "canary" not in message
    assert message.startswith("1 validation error detected: Value at 'ownerFilter' failed")


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"ManagedThingId": 1}', b'{"ManagedThingId": {"a": 1}}', b'{"ManagedThingId": true}']
)
def test_bodies_of_the_wrong_type(send: Send, body: bytes) -> None:
    answer = send("/managed-thing-associations/register", method="PUT", body=body)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "SerializationException")


def test_query_of_the_wrong_type(send: Send) -> None:
    assert send("/managed-things?MaxResults=many").headers["x-amzn-errortype"] == "SerializationException"


def test_error_looks_like_aws(send: Send, world: World) -> None:
    answer = send("/managed-things/nowhere")
    assert answer.json == {
        "Message": "Managed Thing resource not found.",
        "ResourceId": "nowhere",
        "ResourceType": "managed-thing",
    }
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert answer.headers["x-amzn-requestid"] == world.requests[-1].request_id
    assert answer.headers["content-type"] == "application/json"


def test_unknown_path_and_operations_that_are_routed_only(client: Any, send: Send) -> None:
    assert send("/no-such-thing").headers["x-amzn-errortype"] == "UnknownOperationException"
    of_another_protocol = send(headers={"Content-Type": "application/x-amz-json-1.1"})
    assert of_another_protocol.headers["x-amzn-errortype"] == "UnknownOperationException"
    code, status, message = error_of(client.list_ota_tasks)
    assert (code, status) == ("UnknownOperationException", 404)
    assert "ListOtaTasks" in message


def test_every_operation_is_routed_and_validated(send: Send, world: World) -> None:
    for name in MODEL.operation_names:
        operation = MODEL.operation_model(name)
        http, shape = operation.http_trait, operation.input_shape
        needed = [shape.members[member].serialization for member in shape.required_members] if shape else []
        query = urlencode({place["name"]: "x" for place in needed if place.get("location") == "querystring"})
        path = re.sub(r"\{\w+\}", "x", http.uri) + (f"?{query}" if query else "")
        answer = send(path, method=http.method, body=b"" if http.method == "GET" else b"{}")
        assert answer.status < 500, name
    assert {request.operation for request in world.requests} == set(MODEL.operation_names)


def test_answers_are_checked(client: Any, world: World) -> None:
    world.add_thing(name="Bad/Name", Nonsense=1)
    code, status, message = error_of(client.list_managed_things)
    assert (code, status) == ("InternalServerException", 500)
    assert "'items.14.member.name'" in message
    assert len(world.problems) == 1
    world.problems.clear()


def test_what_breaks_the_model_in_an_answer() -> None:
    shape = MODEL.shape_for("GetDeviceDiscoveryResponse")
    assert response_violations(None, {}) == []
    violations = response_violations(shape, {"Id": "a-b", "Status": "LATE", "StartedAt": [], "Extra": 1})
    assert len(violations) == 6
    assert "'Extra' is not in the service model" in violations
    assert "Value at 'startedAt' is no timestamp" in violations


def test_bug_of_the_emulator_is_told(client: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(world.backend, "thing", broken)
    assert code_of(lambda: client.get_managed_thing(Identifier="x")) == "InternalServerException"
    assert "broken on purpose" in world.problems[0]
    world.problems.clear()


@given(st.text(max_size=140))
def test_check_agrees_with_the_pattern(name: str) -> None:
    shape = MODEL.shape_for("UpdateManagedThingRequest")
    legal = 1 <= len(name) <= 128 and compile_pattern(r"[\p{L}\p{N} ._-]+").fullmatch(name) is not None
    try:
        check_request(shape, {"Identifier": "x", "Name": name})
    except ValidationException:
        assert not legal
    else:
        assert legal


@pytest.mark.parametrize(("name", "legal"), [("Küche 2", True), ("キッチン", True), ("a/b", False), ("½ lamp", True)])
def test_names_in_any_script(name: str, legal: bool) -> None:  # noqa: FBT001  # pytest passes by name
    assert (compile_pattern(r"[\p{L}\p{N} ._-]+").fullmatch(name) is not None) is legal


def test_all_patterns_of_the_model_compile() -> None:
    patterns = [
        pattern for name in MODEL.shape_names if (pattern := MODEL.shape_for(name).metadata.get("pattern")) is not None
    ]
    assert len([compile_pattern(pattern) for pattern in patterns]) > 50
    capabilities = compile_pattern(MODEL.shape_for("Capabilities").metadata["pattern"])
    assert capabilities.fullmatch(json.dumps({"a": [1]}))
