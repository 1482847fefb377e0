"""The patterns are those of the service model."""

import re

import boto3
import pytest

from custom_components.mi_registration.aws.client import OPERATIONS
from custom_components.mi_registration.aws.identifiers import PATTERNS, malformed


def test_patterns_are_the_models() -> None:
    client = boto3.client(
        "iot-managed-integrations", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    model = client.meta.service_model
    client.close()
    assert set(PATTERNS) <= OPERATIONS
    for operation, members in PATTERNS.items():
        shape = model.operation_model(operation).input_shape
        assert shape is not None
        for member, pattern in members.items():
            rules = shape.members[member].metadata
            alphabet = re.fullmatch(r"(.*)[*+]", rules["pattern"])
            assert alphabet is not None
            assert pattern.pattern == f"{alphabet[1]}{{{rules['min']},{rules['max']}}}"


@pytest.mark.parametrize(
    ("operation", "params", "wrong"),
    [
        ("GetManagedThing", {"Identifier": "a:b_c-D1"}, []),
        ("GetManagedThing", {"Identifier": "a b"}, ["Identifier"]),
        ("GetManagedThing", {"Identifier": "ab\n"}, ["Identifier"]),
        ("GetManagedThing", {"Identifier": ""}, ["Identifier"]),
        ("GetManagedThing", {"Identifier": "a" * 65}, ["Identifier"]),
        ("GetDeviceDiscovery", {"Identifier": "a" * 200}, []),
        ("GetDeviceDiscovery", {"Identifier": "a-b"}, ["Identifier"]),
        (
            "RegisterAccountAssociation",
            {"ManagedThingId": "ä", "AccountAssociationId": "a-b", "DeviceDiscoveryId": "a_b"},
            ["ManagedThingId", "AccountAssociationId", "DeviceDiscoveryId"],
        ),
        ("CreateManagedThing", {"AuthenticationMaterial": "CLOUD:job:device.1"}, ["AuthenticationMaterial"]),
        ("ListAccountAssociations", {"MaxResults": 250}, []),
    ],
)
def test_malformed(operation: str, params: dict[str, str], wrong: list[str]) -> None:
    assert list(malformed(operation, params)) == wrong
