"""Stock boto3 sends whatever the service model allows, and understands everything that comes back."""

from collections.abc import Mapping
from datetime import datetime
import logging
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
import pytest

from emulator import Emulator, World
from emulator.responses import IMPLEMENTED, ManagedIntegrationsResponse
from emulator.service_model import MODEL, PAGING

from .model_values import values

type Chosen = Mapping[str, Any]

SETTINGS = settings(
    deadline=None,
    derandomize=True,
    # A walk of a hundred calls can't be made shorter.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
CAPABILITY = "matter.OnOff@1.4"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the emulator means to answer, by operation: the newest only."""
    answers: dict[str, Any] = {}
    call = ManagedIntegrationsResponse.call

    def recorded(self: ManagedIntegrationsResponse, operation: str) -> dict[str, Any]:
        result = answers[operation] = call(self, operation)
        return result

    monkeypatch.setattr(ManagedIntegrationsResponse, "call", recorded)
    return answers


def plain(value: Any) -> Any:
    """Make two ways to say the same thing equal; the wire has times in milliseconds."""
    match value:
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case datetime():
            return int(value.timestamp() * 1000)
        case _:
            return value


class Caller:
    """Somebody with stock boto3 who calls operations with members that hypothesis draws."""

    def __init__(self, emulator: Emulator, world: World, sent: dict[str, Any], data: st.DataObject) -> None:
        """Use what boto3 gives whoever chooses nothing."""
        self.client: Any = boto3.Session().client(
            "iot-managed-integrations",
            endpoint_url=emulator.url,
            region_name=world.region,
            aws_access_key_id=world.access_key_id,
            aws_secret_access_key=world.secret_access_key,
        )
        self.world = world
        self.known: dict[str, Any] = {
            # An empty list isn't in the query at all, and then moto's router knows no such operation.
            "TagKeyList": st.lists(values(MODEL.shape_for("TagKey"), {}), min_size=1, max_size=3)
        }
        self.called: set[str] = set()
        self._sent = sent
        self._data = data

    def draw(self, operation: str, pinned: Chosen, left_out: frozenset[str]) -> dict[str, Any]:
        """Return input members; ``pinned`` are members with their values."""
        shape = MODEL.operation_model(operation).input_shape
        drawn = self._data.draw(values(shape, self.known), label=operation) if shape else {}
        return {name: value for name, value in drawn.items() if name not in left_out} | dict(pinned)

    def __call__(self, operation: str, *left_out: str, **pinned: Any) -> dict[str, Any]:
        """Call an operation that must succeed; returns what botocore read, which must be all that was sent."""
        return self.call(operation, self.draw(operation, pinned, PAGING | set(left_out)))

    def list(self, operation: str, **pinned: Any) -> None:
        """Call a List operation for all its rows, of which there must be some, and for those that filters leave."""
        assert any(isinstance(rows, list) and rows for rows in self.call(operation, pinned).values()), operation
        self(operation, **pinned)

    def value(self, shape: str) -> Any:
        """Return a value of a shape."""
        return self._data.draw(values(MODEL.shape_for(shape), self.known), label=shape)

    def call(self, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Call an operation with these members."""
        answer: dict[str, Any] = getattr(self.client, xform_name(operation))(**params)
        status = answer.pop("ResponseMetadata")["HTTPStatusCode"]
        assert status == MODEL.operation_model(operation).http["responseCode"]
        self.called.add(operation)
        assert plain(answer) == plain(self._sent[operation])
        return answer


def set_up_connectors(caller: Caller) -> None:
    known = caller.known
    known["CloudConnectorId"] = caller("CreateCloudConnector")["Id"]
    caller("UpdateCloudConnector")
    caller("GetCloudConnector")
    caller.list("ListCloudConnectors")
    oauth = caller.value("OAuthConfig") | {"oAuthCompleteRedirectUrl": "https://vendor.example/done"}
    config = caller.value("AuthConfig") | {"oAuth": oauth}
    known["ConnectorDestinationId"] = caller("CreateConnectorDestination", AuthConfig=config)["Id"]
    caller("UpdateConnectorDestination", "AuthConfig")
    update = {"oAuthUpdate": caller.value("OAuthUpdate") | {"oAuthCompleteRedirectUrl": "http://vendor.example/end"}}
    caller("UpdateConnectorDestination", AuthConfig=update)
    caller("GetConnectorDestination")
    caller.list("ListConnectorDestinations")
    created = caller("CreateAccountAssociation", "GeneralAuthorization")
    known["AccountAssociationId"] = created["AccountAssociationId"]
    caller("StartAccountAssociationRefresh")
    caller.world.authorize(created["AccountAssociationId"])
    caller("UpdateAccountAssociation")
    caller("GetAccountAssociation")
    caller.list("ListAccountAssociations")


def set_up_account(caller: Caller) -> None:
    known = caller.known
    known["CredentialLockerId"] = caller("CreateCredentialLocker")["Id"]
    caller("GetCredentialLocker")
    caller.list("ListCredentialLockers")
    known["DestinationName"] = caller("CreateDestination")["Name"]
    caller("UpdateDestination")
    caller("GetDestination")
    caller.list("ListDestinations")
    known["EventType"] = caller("CreateNotificationConfiguration")["EventType"]
    caller("UpdateNotificationConfiguration")
    caller("GetNotificationConfiguration")
    caller.list("ListNotificationConfigurations")
    known["LogConfigurationId"] = caller("CreateEventLogConfiguration")["Id"]
    caller("UpdateEventLogConfiguration")
    caller("GetEventLogConfiguration")
    caller.list("ListEventLogConfigurations")
    known["OtaTaskConfigurationId"] = caller("CreateOtaTaskConfiguration")["TaskConfigurationId"]
    caller("GetOtaTaskConfiguration")
    caller.list("ListOtaTaskConfigurations")
    known["ProvisioningProfileId"] = caller("CreateProvisioningProfile")["Id"]
    caller("GetProvisioningProfile")
    caller.list("ListProvisioningProfiles")
    caller("RegisterCustomEndpoint")
    caller("GetCustomEndpoint")
    caller("PutHubConfiguration")
    caller("GetHubConfiguration")
    for kind in ("CUSTOMER_KEY_ENCRYPTION", "MANAGED_INTEGRATIONS_DEFAULT_ENCRYPTION"):
        caller("PutDefaultEncryptionConfiguration", encryptionType=kind, kmsKeyArn=caller.value("KmsKeyArn"))
        caller("GetDefaultEncryptionConfiguration")


def onboard(caller: Caller) -> None:
    known, world = caller.known, caller.world
    known["AccountAssociationId"] = known["ConnectorAssociationId"] = world.association_id("Acme Lighting")
    cloud = {"DiscoveryType": "CLOUD"}
    others = ("ControllerIdentifier", "CustomProtocolDetail", "Protocol", "ConnectorDeviceIdList")
    known["ManagedThingId"] = world.thing_id("Kitchen ceiling light")
    known["DeviceDiscoveryId"] = caller(
        "StartDeviceDiscovery", *others, **cloud, AccountAssociationId=known["AccountAssociationId"]
    )["Id"]
    event = {"ConnectorId": "acme-lighting-connector", "Operation": "DEVICE_DISCOVERY", "StatusCode": 300}
    caller("SendConnectorEvent", **event, DeviceDiscoveryId=known["DeviceDiscoveryId"])
    world.advance(5)
    caller("GetDeviceDiscovery")
    caller.list("ListDeviceDiscoveries")
    caller.list("ListDiscoveredDevices", Identifier=known["DeviceDiscoveryId"])
    known["ManagedThingId"] = caller(
        "CreateManagedThing",
        AuthenticationMaterialType="DISCOVERED_DEVICE",
        AuthenticationMaterial=f"CLOUD:{known['DeviceDiscoveryId']}:al-1005",
        CapabilityReport=caller.value("CapabilityReport"),
    )["Id"]
    caller("RegisterAccountAssociation")
    caller.list("ListManagedThingAccountAssociations")


def use(caller: Caller) -> None:
    known, world = caller.known, caller.world
    thing = known["ManagedThingId"]
    caller("UpdateManagedThing")
    caller("GetManagedThing")
    caller.list("ListManagedThings")
    caller("GetManagedThingMetaData")
    caller("GetManagedThingCapabilities")
    world.report_state(thing, CAPABILITY, {"OnOff": True})
    caller("SendManagedThingCommand", AccountAssociationId=known["AccountAssociationId"])
    action = {"name": "UpdateState", "parameters": caller.value("CapabilityProperties")}
    capability = {"id": CAPABILITY, "name": "On/Off", "version": "1", "actions": [action]}
    caller("SendManagedThingCommand", Endpoints=[{"endpointId": "1", "capabilities": [capability]}])
    world.advance(1)
    caller("GetManagedThingState")
    caller("GetManagedThingConnectivityData")
    world.add_managed_thing_certificate(thing)
    caller("GetManagedThingCertificate")
    report = {"id": CAPABILITY, "name": "On/Off", "version": "6", "properties": [], "actions": [], "events": []}
    endpoint = {"id": "1", "deviceTypes": [], "capabilities": [report]}
    schema = caller.value("CapabilitySchemaItem") | {"CapabilityId": CAPABILITY}
    caller(
        "UpdateManagedThing",
        CapabilityReport={"version": "1.0.0", "endpoints": [endpoint]},
        CapabilitySchemas=[schema],
    )
    caller.list("ListManagedThingSchemas", Identifier=thing)
    world.add_schema_version("matter.OnOff", "1.4", caller.value("SchemaVersionSchema"))
    caller.list("ListSchemaVersions", Type="capability")
    caller("GetSchemaVersion", Type="capability", SchemaVersionedId=CAPABILITY, Format="AWS")
    caller("PutRuntimeLogConfiguration")
    caller("GetRuntimeLogConfiguration")
    caller("ResetRuntimeLogConfiguration")
    arn = {"ResourceArn": world.things[thing]["Arn"]}
    caller("TagResource", **arn)
    caller("ListTagsForResource", **arn)
    caller("UntagResource", **arn)


def clear_up(caller: Caller) -> None:
    caller("DeregisterAccountAssociation")
    for thing in (caller.world.thing_id("Laundry plug"), caller.world.thing_id("Front door lock")):
        caller("DeleteManagedThing", Identifier=thing)
    for association in caller.world.associations:
        caller.world.remove_association(association)
    caller.known["AccountAssociationId"] = caller.world.add_association()
    for kind in (
        "AccountAssociation",
        "ConnectorDestination",
        "CloudConnector",
        "NotificationConfiguration",
        "Destination",
        "EventLogConfiguration",
        "OtaTaskConfiguration",
        "ProvisioningProfile",
        "CredentialLocker",
    ):
        caller(f"Delete{kind}")


@settings(SETTINGS, max_examples=3)
@given(data=st.data())
def test_a_walk_through_all_operations(
    emulator: Emulator,
    socket_enabled: None,
    sent: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    data: st.DataObject,
) -> None:
    caplog.set_level(logging.WARNING)
    world = emulator.create_world("home")
    caller = Caller(emulator, world, sent, data)
    for part in (set_up_connectors, set_up_account, onboard, use, clear_up):
        part(caller)
    emulator.remove_world(world)
    assert world.problems == []
    assert caller.called == set(IMPLEMENTED)
    assert caplog.records == []


@settings(SETTINGS, max_examples=20)
@given(data=st.data())
def test_any_call_gets_an_answer_that_the_model_has(
    emulator: Emulator, socket_enabled: None, sent: dict[str, Any], data: st.DataObject
) -> None:
    world = emulator.create_world("home")
    caller = Caller(emulator, world, sent, data)
    there = {
        "ManagedThingId": [*world.things],
        "AccountAssociationId": [*world.associations],
        "DeviceDiscoveryId": [*world.discoveries],
        "ConnectorDestinationId": ["acme-lighting", "fabrikam-blinds"],
        "CloudConnectorId": ["acme-lighting-connector"],
        "IoTManagedIntegrationsResourceARN": [thing["Arn"] for thing in world.things.values()],
    }
    for name, identifiers in there.items():
        caller.known[name] = st.sampled_from(identifiers) | values(MODEL.shape_for(name), {})
    for operation in data.draw(st.lists(st.sampled_from(sorted(MODEL.operation_names)), min_size=10, max_size=20)):
        params = caller.draw(operation, {}, frozenset())
        declared = {shape.name for shape in MODEL.operation_model(operation).error_shapes}
        try:
            caller.call(operation, params)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            assert code in declared if operation in IMPLEMENTED else code == "UnknownOperationException"
    emulator.remove_world(world)
    assert world.problems == []
