"""What is taken out of texts."""

import boto3
from botocore.model import OperationModel
import pytest

from custom_components.mi_registration.aws.redaction import redact_text, sensitive_names, sensitive_values


def operation(service: str, name: str) -> OperationModel:
    client = boto3.client(
        service,  # type: ignore[call-overload]  # typed by literals, not by a variable
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    model: OperationModel = client.meta.service_model.operation_model(name)
    client.close()
    return model


def test_sensitive_names() -> None:
    names = sensitive_names()
    assert {
        "AuthenticationMaterial",
        "Brand",
        "Classification",
        "ConnectorDeviceId",
        "ConnectorDeviceIdList",
        "DeviceSpecificKey",
        "MacAddress",
        "Model",
        "OAuthAuthorizationUrl",
        "Owner",
        "OwnerFilter",
        "SerialNumber",
        "Tags",
        "authentication_material",
        "authorization_url",
        "ca_certificate",
        "certificate",
        "connector_device_id",
        "mac_address",
        "private_key",
        "secret_access_key",
        "SessionToken",
    } <= names
    assert names.isdisjoint({"Id", "Name", "ManagedThingId", "AccountAssociationId", "Role", "Items", "name"})


def test_sensitive_values_of_a_request() -> None:
    assert sensitive_values(
        operation("iot-managed-integrations", "CreateManagedThing"),
        {
            "Role": "DEVICE",
            "Owner": "canary-owner",
            "AuthenticationMaterial": "canary-material",
            "Name": "shown",
            "Brand": "",
            "Tags": {"canary-key": "canary-value"},
            "MetaData": {"shown": "shown"},
            "Unknown": "shown",
            "Model": 7,
        },
    ) == {"canary-owner", "canary-material", "canary-key", "canary-value"}
    assert sensitive_values(
        operation("iot-managed-integrations", "StartDeviceDiscovery"),
        {"ConnectorDeviceIdList": ["canary-1", "canary-2"], "CustomProtocolDetail": {"Name": "shown"}},
    ) == {"canary-1", "canary-2"}


def test_credentials_in_a_request() -> None:
    assert sensitive_values(operation("sts", "AssumeRole"), {"ExternalId": "canary", "RoleArn": "arn"}) == {"canary"}


def test_a_request_without_members(monkeypatch: pytest.MonkeyPatch) -> None:
    model = operation("sts", "GetCallerIdentity")
    monkeypatch.setattr(type(model), "input_shape", None)
    assert sensitive_values(model, {}) == frozenset()


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("id canary-1 is wrong", {"canary-1"}, "id **REDACTED** is wrong"),
        ("canary-12 canary-1", {"canary-1", "canary-12"}, "**REDACTED** **REDACTED**"),
        ("?Owner=a%40canary.x&b=1", {"a@canary.x"}, "?Owner=**REDACTED**&b=1"),
        (r'{"m": "ca\"na\\ry"}', {r'ca"na\ry'}, '{"m": "**REDACTED**"}'),
        ("LG is a LGX (LG)", {"LG"}, "**REDACTED** is a LGX (**REDACTED**)"),
        ("nothing", {""}, "nothing"),
        ("a.c abc", {"a.c"}, "**REDACTED** abc"),
    ],
)
def test_redact_text(text: str, values: set[str], expected: str) -> None:
    assert redact_text(text, values) == expected
