"""Resources that are what their callers said: the same rules for every kind."""

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore import xform_name
import pytest

from emulator import World
from emulator.records import Kind
from emulator.responses import IMPLEMENTED, KINDS
from emulator.service_model import path_member

from .conftest import code_of, error_of

STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/events"
SECRET = {"arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:vendor-a1B2c3", "versionId": "0" * 32}
OAUTH = {
    "authUrl": "https://vendor.example/authorize",
    "tokenUrl": "https://vendor.example/token",
    "tokenEndpointAuthenticationScheme": "HTTP_BASIC",
}
CREATION: dict[str, dict[str, Any]] = {
    "CloudConnector": {"Name": "Own", "EndpointConfig": {"lambda": {"arn": "own-function"}}},
    "ConnectorDestination": {
        "Name": "Own",
        "CloudConnectorId": "acme-lighting-connector",
        "AuthConfig": {"oAuth": OAUTH},
        "SecretsManager": SECRET,
    },
    "CredentialLocker": {"Name": "Own"},
    "Destination": {
        "Name": "Own",
        "DeliveryDestinationArn": STREAM,
        "DeliveryDestinationType": "KINESIS",
        "RoleArn": "arn:aws:iam::123456789012:role/writer",
    },
    "EventLogConfiguration": {"ResourceType": "ota-task", "EventLogLevel": "INFO"},
    "NotificationConfiguration": {"EventType": "DEVICE_STATE", "DestinationName": "Stream"},
    "OtaTaskConfiguration": {"Name": "Own"},
    "ProvisioningProfile": {"Name": "Own", "ProvisioningType": "JITR"},
}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@pytest.fixture(autouse=True)
def stream(client: Any) -> None:
    client.create_destination(**CREATION["Destination"] | {"Name": "Stream"})


def call(client: Any, verb: str, kind: Kind, **params: Any) -> Any:
    return getattr(client, xform_name(kind.operation(verb) or ""))(**params)


def create(client: Any, kind: Kind, **params: Any) -> Any:
    return call(client, "Create", kind, **CREATION[kind.name] | params)


def on(kind: Kind, verb: str, identifier: str) -> dict[str, str]:
    return {path_member(f"{verb}{kind.name}"): identifier}


@each_kind
def test_life(client: Any, kind: Kind) -> None:
    identifier = create(client, kind)[kind.key]
    details = call(client, "Get", kind, **on(kind, "Get", identifier))
    given = {name: value for name, value in CREATION[kind.name].items() if name in details}
    assert given
    assert given.items() <= details.items()
    rows = next(rows for rows in call(client, "List", kind).values() if isinstance(rows, list))
    assert identifier in [row[kind.key] for row in rows]
    call(client, "Delete", kind, **on(kind, "Delete", identifier))
    for verb in ("Get", "Delete"):
        refused = error_of(partial(call, client, verb, kind, **on(kind, verb, identifier)))
        words = kind.resource_type.replace("-", " ").title()
        assert refused == ("ResourceNotFoundException", 404, f"{words} resource not found.")


@each_kind
def test_client_token(client: Any, kind: Kind) -> None:
    first, again = (create(client, kind, ClientToken="once") for _ in range(2))
    del first["ResponseMetadata"], again["ResponseMetadata"]
    assert first == again
    (changed,) = {"EventLogLevel", "DestinationName", "Name"} & CREATION[kind.name].keys() - {kind.key} or {
        "Description"
    }
    other = "DEBUG" if changed == "EventLogLevel" else "Other"
    refused = error_of(lambda: create(client, kind, ClientToken="once", **{changed: other}))
    assert refused[:2] == ("ConflictException", 409)


@each_kind
def test_a_second_one(client: Any, world: World, kind: Kind) -> None:
    create(client, kind)
    identified_by_caller = kind.key in CREATION[kind.name] or kind.name == "EventLogConfiguration"
    if identified_by_caller:
        assert code_of(lambda: create(client, kind)) == "ConflictException"
        world.set_switches(second_event_log_configuration="ok")
    if kind.key not in CREATION[kind.name]:
        create(client, kind)
    if "Name" in CREATION[kind.name]:
        world.set_switches(duplicate_name="conflict")
        assert code_of(lambda: create(client, kind)) == "ConflictException"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("CloudConnector", {"Name": "New", "Description": "Newer"}),
        ("ConnectorDestination", {"Name": "New", "Description": "Newer"}),
        ("Destination", {"Description": "Newer"}),
        ("EventLogConfiguration", {"EventLogLevel": "ERROR"}),
        ("NotificationConfiguration", {"DestinationName": "Second"}),
    ],
)
def test_update(client: Any, world: World, name: str, change: dict[str, str]) -> None:
    kind = next(kind for kind in KINDS if kind.name == name)
    client.create_destination(**CREATION["Destination"] | {"Name": "Second"})
    identifier = create(client, kind)[kind.key]
    before = call(client, "Get", kind, **on(kind, "Get", identifier))
    world.advance(60)
    call(client, "Update", kind, **on(kind, "Update", identifier), **change)
    after = call(client, "Get", kind, **on(kind, "Get", identifier))
    assert change.items() <= after.items()
    if "UpdatedAt" in before:
        assert after["UpdatedAt"] > before["UpdatedAt"]
        assert after["CreatedAt"] == before["CreatedAt"]
    missing = {path_member(f"Update{name}"): "DEVICE_OTA" if kind.key == "EventType" else "nowhere"}
    assert code_of(lambda: call(client, "Update", kind, **missing | change)) == "ResourceNotFoundException"


def test_every_list_has_pages(client: Any, world: World) -> None:
    acme, thing = world.association_id("Acme Lighting"), world.thing_id("Kitchen ceiling light")
    for kind in KINDS:
        create(client, kind)
    client.create_notification_configuration(EventType="DEVICE_OTA", DestinationName="Own")
    client.create_event_log_configuration(ResourceType="managed-thing", EventLogLevel="INFO")
    for name in ("CredentialLocker", "OtaTaskConfiguration", "ProvisioningProfile"):
        create(client, next(kind for kind in KINDS if kind.name == name))
    capabilities: list[dict[str, Any]] = [
        {"id": f"matter.{name}@1.4", "name": name, "version": "1", "properties": [], "actions": [], "events": []}
        for name in ("OnOff", "LevelControl")
    ]
    endpoint = {"id": "1", "deviceTypes": [], "capabilities": capabilities}
    world.set_capabilities(thing, {"version": "1.0.0", "endpoints": [endpoint]})
    for version in ("1.4", "1.5"):
        world.add_schema_version("matter.OnOff", version, {})
    needed = {
        "ListDiscoveredDevices": {"Identifier": world.discovery_id(acme)},
        "ListManagedThingSchemas": {"Identifier": thing},
        "ListSchemaVersions": {"Type": "capability"},
    }
    lists = [name for name in IMPLEMENTED if name.startswith("List") and name != "ListTagsForResource"]
    for name in lists:
        method, params = xform_name(name), needed.get(name, {})
        (whole,) = [rows for rows in getattr(client, method)(**params).values() if isinstance(rows, list)]
        pages = list(client.get_paginator(method).paginate(**params, PaginationConfig={"PageSize": 1}))
        assert len(pages) == len(whole) > 1, name
        rows = [row for page in pages for rows in page.values() if isinstance(rows, list) for row in rows]
        assert rows == whole


# What kinds have of their own


def test_own_connector(client: Any, world: World) -> None:
    connector = client.create_cloud_connector(**CREATION["CloudConnector"])["Id"]
    details = client.get_cloud_connector(Identifier=connector)
    assert (details["Type"], details["EndpointType"]) == ("UNLISTED", "LAMBDA")
    (row,) = client.list_cloud_connectors(LambdaArn="own-function")["Items"]
    assert row["Id"] == connector
    destination = client.create_connector_destination(
        **CREATION["ConnectorDestination"] | {"CloudConnectorId": connector}
    )["Id"]
    assert code_of(lambda: client.delete_cloud_connector(Identifier=connector)) == "ValidationException"
    world.set_switches(delete_in_use="ok")
    client.delete_cloud_connector(Identifier=connector)
    association = client.create_account_association(ConnectorDestinationId=destination)["AccountAssociationId"]
    refused = error_of(lambda: client.delete_connector_destination(Identifier=destination))
    assert refused[:2] == ("ValidationException", 400)
    world.remove_association(association)
    client.delete_connector_destination(Identifier=destination)


def materials(*names: str) -> list[dict[str, Any]]:
    return [{"AuthMaterialName": name, "SecretsManager": SECRET} for name in names]


def test_authorization_of_a_destination(client: Any, world: World) -> None:
    base = {"CloudConnectorId": "acme-lighting-connector"}
    general = {"GeneralAuthorization": materials("one", "two")}
    identifier = client.create_connector_destination(**base, AuthConfig=general)["Id"]
    association = client.create_account_association(ConnectorDestinationId=identifier)
    assert association["AssociationState"] == "ASSOCIATION_SUCCEEDED"

    def update(**changes: Any) -> None:
        client.update_connector_destination(Identifier=identifier, AuthConfig=changes)

    changed = [{"AuthMaterialName": "two", "SecretsManager": SECRET | {"versionId": "1" * 32}}]
    update(GeneralAuthorizationUpdate={"AuthMaterialsToAdd": materials("three"), "AuthMaterialsToUpdate": changed})
    config = client.get_connector_destination(Identifier=identifier)["AuthConfig"]
    assert config["GeneralAuthorization"] == [*materials("one"), *changed, *materials("three")]
    wrong: list[Callable[[], Any]] = [
        lambda: update(GeneralAuthorizationUpdate={"AuthMaterialsToAdd": materials("four")}),
        lambda: update(GeneralAuthorizationUpdate={"AuthMaterialsToAdd": materials("one")}),
        lambda: update(GeneralAuthorizationUpdate={"AuthMaterialsToUpdate": materials("four")}),
        lambda: update(oAuthUpdate={"oAuthCompleteRedirectUrl": "https://vendor.example/"}),
        lambda: client.create_connector_destination(**base, AuthConfig={}),
        lambda: client.create_connector_destination(
            **base, AuthConfig={"oAuth": OAUTH | {"oAuthCompleteRedirectUrl": "nowhere"}}
        ),
    ]
    assert {code_of(call) for call in wrong} == {"ValidationException"}
    nowhere = CREATION["ConnectorDestination"] | {"CloudConnectorId": "nowhere"}
    assert code_of(lambda: client.create_connector_destination(**nowhere)) == "ResourceNotFoundException"
    world.deny("secretsmanager:GetSecretValue")
    denied = error_of(lambda: client.create_connector_destination(**CREATION["ConnectorDestination"]))
    assert denied[0] == "AccessDeniedException"
    assert SECRET["arn"] in denied[2]


def test_notifications_need_their_destination(client: Any, world: World) -> None:
    missing = {"EventType": "DEVICE_STATE", "DestinationName": "Nowhere"}
    assert code_of(lambda: client.create_notification_configuration(**missing)) == "ValidationException"
    client.create_notification_configuration(**CREATION["NotificationConfiguration"])
    assert code_of(lambda: client.update_notification_configuration(**missing)) == "ResourceNotFoundException"
    assert code_of(lambda: client.delete_destination(Name="Stream")) == "ValidationException"
    world.set_switches(delete_in_use="ok")
    client.delete_destination(Name="Stream")


def test_provisioning_profile(client: Any, world: World) -> None:
    world.set_switches(provisioning_profile_delay=30)
    created = client.create_provisioning_profile(ProvisioningType="FLEET_PROVISIONING", Name="hubs")
    assert created["Status"] == "CREATE_IN_PROGRESS"
    assert created["ClaimCertificatePrivateKey"].startswith("-----BEGIN PRIVATE KEY-----")
    world.advance(30)
    details = client.get_provisioning_profile(Identifier=created["Id"])
    assert (details["Status"], details["ClaimCertificate"]) == ("CREATED", created["ClaimCertificate"])
    assert "ClaimCertificatePrivateKey" not in details
    own = client.create_provisioning_profile(ProvisioningType="FLEET_PROVISIONING", ClaimCertificate="own")
    assert own["ClaimCertificate"] == "own"
    assert "ClaimCertificatePrivateKey" not in own


def test_things_need_their_credential_locker(client: Any, world: World) -> None:
    thing = world.thing_id("Laundry plug")
    locker = client.create_credential_locker()["Id"]
    client.update_managed_thing(Identifier=thing, CredentialLockerId=locker)
    (row,) = client.list_managed_things(CredentialLockerFilter=locker)["Items"]
    assert row["Id"] == thing
    missing = error_of(lambda: client.update_managed_thing(Identifier=thing, CredentialLockerId="nowhere"))
    assert missing == ("ResourceNotFoundException", 404, "Credential Locker resource not found.")
