"""What things can do, how they are, commands, and what connectors say of them."""

from functools import partial
from typing import Any

import pytest

from emulator import World

from .conftest import code_of, error_of

ON_OFF = "matter.OnOff@1.4"


def report(*capability_ids: str) -> dict[str, Any]:
    capabilities = [
        {"id": identifier, "name": "Any", "version": "6", "properties": [], "actions": [], "events": []}
        for identifier in capability_ids
    ]
    return {"version": "1.0.0", "endpoints": [{"id": "1", "deviceTypes": [], "capabilities": capabilities}]}


def command(name: str, capability: str = ON_OFF, endpoint: str = "1", **parameters: Any) -> list[dict[str, Any]]:
    action = {"name": name, "parameters": parameters}
    row = {"id": capability, "name": "On/Off", "version": "1", "actions": [action]}
    return [{"endpointId": endpoint, "capabilities": [row]}]


def properties(client: Any, thing: str) -> dict[str, Any]:
    endpoints = client.get_managed_thing_state(ManagedThingId=thing)["Endpoints"]
    rows = [row for endpoint in endpoints for item in endpoint["capabilities"] for row in item["properties"]]
    return {row["name"]: row["value"]["propertyValue"] for row in rows}


@pytest.fixture
def light(world: World) -> str:
    return world.thing_id("Kitchen ceiling light")


def test_capabilities(client: Any, world: World, light: str) -> None:
    assert set(client.get_managed_thing_capabilities(Identifier=light)) == {"ManagedThingId", "ResponseMetadata"}
    schema = {
        "Format": "AWS",
        "CapabilityId": ON_OFF,
        "ExtrinsicId": "0x0006",
        "ExtrinsicVersion": 6,
        "Schema": {"title": "On/Off"},
    }
    client.update_managed_thing(
        Identifier=light, CapabilityReport=report(ON_OFF, "aws.Blink@1.0.1"), CapabilitySchemas=[schema]
    )
    answer = client.get_managed_thing_capabilities(Identifier=light)
    assert answer["CapabilityReport"] == report(ON_OFF, "aws.Blink@1.0.1")
    assert "CapabilityReport" not in client.get_managed_thing(Identifier=light)
    rows = client.list_managed_thing_schemas(Identifier=light)["Items"]
    assert rows == [{"EndpointId": "1", "CapabilityId": ON_OFF, "Schema": {"title": "On/Off"}}, {"EndpointId": "1"}]
    for filters, number in (
        ({"CapabilityIdFilter": ON_OFF}, 1),
        ({"EndpointIdFilter": "1"}, 2),
        ({"EndpointIdFilter": "2"}, 0),
    ):
        assert len(client.list_managed_thing_schemas(Identifier=light, **filters)["Items"]) == number


def test_meta_data_and_certificate(client: Any, world: World, light: str) -> None:
    assert "MetaData" not in client.get_managed_thing_meta_data(Identifier=light)
    client.update_managed_thing(Identifier=light, MetaData={"room": "kitchen"})
    assert client.get_managed_thing_meta_data(Identifier=light)["MetaData"] == {"room": "kitchen"}
    assert code_of(lambda: client.get_managed_thing_certificate(Identifier=light)) == "ResourceNotFoundException"
    world.set_switches(certificate_of_others="empty")
    assert "CertificatePem" not in client.get_managed_thing_certificate(Identifier=light)
    certificate, _ = world.add_managed_thing_certificate(light)
    assert client.get_managed_thing_certificate(Identifier=light)["CertificatePem"] == certificate


def test_schema_versions(client: Any, world: World) -> None:
    for version in ("1.4", "1.10", "1.5"):
        world.add_schema_version("matter.OnOff", version, {"version": version})
    world.add_schema_version("aws.Recording", "1.0", {}, visibility="PRIVATE", schema_format="ZCL")

    def found(**filters: str) -> list[tuple[str, str]]:
        rows = client.list_schema_versions(Type="capability", **filters)["Items"]
        return [(row["SchemaId"], row["SemanticVersion"]) for row in rows]

    assert len(found()) == 4
    assert found(Namespace="aws") == found(Visibility="PRIVATE") == [("aws.Recording", "1.0")]
    assert found(SemanticVersion="$latest") == [("matter.OnOff", "1.10"), ("aws.Recording", "1.0")]
    assert found(SchemaId="matter.OnOff", SemanticVersion="1.5") == [("matter.OnOff", "1.5")]
    assert client.list_schema_versions(Type="definition")["Items"] == []

    def get(identifier: str, **params: str) -> Any:
        return client.get_schema_version(Type="capability", SchemaVersionedId=identifier, **params)

    assert get("matter.OnOff@$latest")["Schema"] == {"version": "1.10"}
    assert get("matter.OnOff@1.4", Format="AWS")["SemanticVersion"] == "1.4"
    assert get("aws.Recording@1.0", Format="ZCL")["Visibility"] == "PRIVATE"
    for missing in ("matter.OnOff@2.0", "aws.Recording@1.0"):
        assert code_of(partial(get, missing)) == "ResourceNotFoundException"


def test_commands_show_in_the_state_later(client: Any, world: World, light: str) -> None:
    assert client.get_managed_thing_state(ManagedThingId=light)["Endpoints"] == []
    world.report_state(light, ON_OFF, {"OnOff": False})
    world.report_state(light, "matter.LevelControl@1.4", {"CurrentLevel": 10})
    assert client.send_managed_thing_command(ManagedThingId=light, Endpoints=command("On"))["TraceId"]
    assert properties(client, light)["OnOff"] is False
    world.advance(1)
    assert properties(client, light) == {"OnOff": True, "CurrentLevel": 10}
    for name, parameters, state in (
        ("Toggle", {}, False),
        ("UpdateState", {"OnOff": True}, True),
        ("ReadState", {"propertiesToRead": ["*"]}, True),
        ("Off", {}, False),
    ):
        client.send_managed_thing_command(ManagedThingId=light, Endpoints=command(name, "aws.OnOff@1.0", **parameters))
        world.advance(1)
        assert properties(client, light)["OnOff"] is state, name
    for elsewhere in (command("On", "matter.Thermostat@1.4"), command("On", endpoint="2")):
        client.send_managed_thing_command(ManagedThingId=light, Endpoints=elsewhere)
    world.advance(1)
    assert properties(client, light) == {"OnOff": False, "CurrentLevel": 10}


def test_commands_through_an_association(client: Any, world: World, light: str) -> None:
    acme, other = world.association_id("Acme Lighting"), world.association_id("Northwind Climate")
    unregistered = world.thing_id("Hallway spots")
    world.report_state(light, ON_OFF, {"OnOff": False})

    def send(thing: str, **params: str) -> Any:
        return client.send_managed_thing_command(ManagedThingId=thing, Endpoints=command("On"), **params)

    send(light, AccountAssociationId=acme)
    world.advance(1)
    assert properties(client, light) == {"OnOff": True}
    assert code_of(lambda: send(light, AccountAssociationId=other)) == "ValidationException"
    refused = error_of(lambda: send(unregistered))
    assert refused == ("ValidationException", 400, "The managed thing is in status UNASSOCIATED.")
    assert code_of(lambda: send(light, AccountAssociationId="nowhere")) == "ResourceNotFoundException"
    assert code_of(lambda: send("nowhere")) == "ResourceNotFoundException"
    world.set_switches(uncontrollable_thing="accept")
    world.report_state(unregistered, ON_OFF, {"OnOff": False})
    send(unregistered)
    send(light, ConnectorAssociationId=other)
    world.advance(1)
    assert properties(client, unregistered) == {"OnOff": False}


def device(identifier: str, **members: Any) -> dict[str, Any]:
    endpoints = [
        {"id": "1", "deviceTypes": ["Light"], "clusters": []},
        {"id": "2", "deviceTypes": ["Light"], "clusters": []},
    ]
    return {"ConnectorDeviceId": identifier, "CapabilityReport": {"version": "1.0.0", "endpoints": endpoints}} | members


def event(client: Any, job: str, status: int | None = None, *devices: dict[str, Any], **params: Any) -> Any:
    params = {"ConnectorId": "acme-lighting-connector", "Operation": "DEVICE_DISCOVERY", "Devices": devices} | params
    return client.send_connector_event(**params, DeviceDiscoveryId=job, **{"StatusCode": status} if status else {})


def discover(client: Any, world: World, **params: Any) -> str:
    world.set_switches(cloud_discoveries="connector")
    acme = world.association_id("Acme Lighting")
    job: str = client.start_device_discovery(DiscoveryType="CLOUD", AccountAssociationId=acme, **params)["Id"]
    return job


def test_a_connector_brings_a_discovery_on(client: Any, world: World) -> None:
    job = discover(client, world)
    world.advance(600)
    assert (
        event(client, job, 300, device("one", ConnectorDeviceName="First"))["ConnectorId"] == "acme-lighting-connector"
    )
    assert client.get_device_discovery(Identifier=job)["Status"] == "RUNNING"
    event(client, job, None, device("one"), device("two"))
    assert client.get_device_discovery(Identifier=job)["Status"] == "SUCCEEDED"
    event(client, job, 200, device("three"))
    world.advance(900)
    assert client.get_device_discovery(Identifier=job)["Status"] == "SUCCEEDED"
    rows = client.list_discovered_devices(Identifier=job)["Items"]
    assert [row["ConnectorDeviceId"] for row in rows] == ["one", "two"]
    assert (rows[0]["ConnectorDeviceName"], rows[0]["DeviceTypes"]) == ("First", ["Light"])


def test_a_connector_is_silent_or_fails(client: Any, world: World) -> None:
    job = discover(client, world, ConnectorDeviceIdList=["one"])
    event(client, job, 300, device("two"))
    assert client.list_discovered_devices(Identifier=job)["Items"] == []
    world.advance(900)
    assert client.get_device_discovery(Identifier=job)["Status"] == "TIMED_OUT"
    job = discover(client, world)
    world.set_switches(failed_connector_event="RUNNING")
    event(client, job, 500)
    assert client.get_device_discovery(Identifier=job)["Status"] == "RUNNING"
    world.set_switches(failed_connector_event="FAILED")
    event(client, job, 500)
    assert client.get_device_discovery(Identifier=job)["Status"] == "FAILED"


def test_events_that_belong_to_nothing(client: Any, world: World) -> None:
    job = discover(client, world)
    for connector in ("nowhere", "contoso-locks-connector"):
        assert code_of(partial(event, client, job, ConnectorId=connector)) == "ResourceNotFoundException"
    assert code_of(lambda: event(client, "nowhere")) == "ResourceNotFoundException"
    other = {"ConnectorId": "acme-lighting-connector", "Operation": "DEVICE_EVENT"}
    assert client.send_connector_event(**other)["ConnectorId"] == "acme-lighting-connector"
    assert code_of(lambda: client.send_connector_event(**other | {"Operation": "DEVICE_DISCOVERY"})) == (
        "ValidationException"
    )
    hub_job = world.add_discovery(hub_id=world.thing_id("Cellar hub"), status="RUNNING")
    assert code_of(lambda: event(client, hub_job)) == "ResourceNotFoundException"
