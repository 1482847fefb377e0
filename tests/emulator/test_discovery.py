"""Discovery jobs: how they start, what they find and when, how they end."""

from typing import Any

import pytest

from emulator import World

from .conftest import code_of


def start(client: Any, **params: Any) -> str:
    identifier: str = client.start_device_discovery(**params)["Id"]
    return identifier


def found(client: Any, discovery: str) -> dict[str, dict[str, Any]]:
    rows = client.list_discovered_devices(Identifier=discovery)["Items"]
    return {row["ConnectorDeviceId"]: row for row in rows}


def test_results_arrive_over_time(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    job = start(client, DiscoveryType="CLOUD", AccountAssociationId=acme)
    details = client.get_device_discovery(Identifier=job)
    assert (details["Status"], details["AccountAssociationId"]) == ("RUNNING", acme)
    assert "FinishedAt" not in details
    assert found(client, job) == {}
    world.advance(2.5)
    assert len(found(client, job)) == 3
    world.advance(2.5)
    details = client.get_device_discovery(Identifier=job)
    assert details["Status"] == "SUCCEEDED"
    assert (details["FinishedAt"] - details["StartedAt"]).total_seconds() == pytest.approx(5, abs=0.01)
    rows = found(client, job)
    assert len(rows) == 6
    assert rows["al-1001"]["Modification"] == "NO_CHANGE"
    assert rows["al-1001"]["ManagedThingId"] == world.thing_id("Kitchen ceiling light")
    assert rows["al-1005"]["Modification"] == "DISCOVERED"
    assert "ManagedThingId" not in rows["al-1005"]


def test_filtered_discovery(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    job = start(client, DiscoveryType="CLOUD", AccountAssociationId=acme, ConnectorDeviceIdList=["al-1006", "no-such"])
    world.advance(5)
    assert set(found(client, job)) == {"al-1006"}


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT"])
def test_other_ends(client: Any, world: World, status: str) -> None:
    acme = world.association_id("Acme Lighting")
    world.plan_discovery(status, duration=3)
    job = start(client, DiscoveryType="CLOUD", AccountAssociationId=acme)
    world.advance(3)
    assert client.get_device_discovery(Identifier=job)["Status"] == status


def test_job_that_never_ends_times_out(client: Any, world: World) -> None:
    world.plan_discovery("TIMED_OUT")
    job = start(client, DiscoveryType="CLOUD", AccountAssociationId=world.association_id("Acme Lighting"))
    world.advance(899)
    assert client.get_device_discovery(Identifier=job)["Status"] == "RUNNING"
    world.advance(1)
    assert client.get_device_discovery(Identifier=job)["Status"] == "TIMED_OUT"


def test_hub_discovery(client: Any, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    world.add_hub_device(hub, "custom", name="Matter bulb", device_types=["On/Off Light"])
    job = start(
        client, DiscoveryType="CUSTOM", ControllerIdentifier=hub, CustomProtocolDetail={"Name": "Matter", "NodeId": "1"}
    )
    world.advance(5)
    (row,) = client.list_discovered_devices(Identifier=job)["Items"]
    assert (row["ConnectorDeviceName"], row["DeviceTypes"]) == ("Matter bulb", ["On/Off Light"])
    assert row["AuthenticationMaterial"].startswith("CUSTOM:")
    assert client.get_device_discovery(Identifier=job)["ControllerId"] == hub


@pytest.mark.parametrize("end", ["TIMED_OUT", "FAILED"])
def test_disconnected_hub_finds_nothing(client: Any, world: World, end: str) -> None:
    hub = world.thing_id("Cellar hub")
    world.set_connectivity(hub, False)
    world.set_switches(discovery_on_disconnected_hub=end)
    job = start(client, DiscoveryType="ZIGBEE", ControllerIdentifier=hub)
    world.advance(900)
    assert client.get_device_discovery(Identifier=job)["Status"] == end
    assert client.list_discovered_devices(Identifier=job)["Items"] == []


def test_one_job_at_a_time(client: Any, world: World) -> None:
    acme, northwind = world.association_id("Acme Lighting"), world.association_id("Northwind Climate")
    start(client, DiscoveryType="CLOUD", AccountAssociationId=acme)
    start(client, DiscoveryType="CLOUD", AccountAssociationId=northwind)
    assert code_of(lambda: start(client, DiscoveryType="CLOUD", AccountAssociationId=acme)) == "ConflictException"
    world.set_switches(one_discovery_per_association=False)
    start(client, DiscoveryType="CLOUD", AccountAssociationId=acme)


def test_client_token_starts_once(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    params = {"DiscoveryType": "CLOUD", "AccountAssociationId": acme, "ClientToken": "once"}
    assert start(client, **params) == start(client, **params)


def test_association_must_be_authorized(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    world.set_association_state(acme, "REFRESH_TOKEN_EXPIRED")
    assert code_of(lambda: start(client, DiscoveryType="CLOUD", AccountAssociationId=acme)) == "ConflictException"
    world.set_switches(discovery_needs_authorization=False)
    start(client, DiscoveryType="CLOUD", AccountAssociationId=acme)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"DiscoveryType": "CLOUD"}, "ValidationException"),
        ({"DiscoveryType": "CLOUD", "AccountAssociationId": "nowhere"}, "ResourceNotFoundException"),
        ({"DiscoveryType": "CLOUD", "AccountAssociationId": "a", "ControllerIdentifier": "h"}, "ValidationException"),
        ({"DiscoveryType": "ZIGBEE"}, "ValidationException"),
        ({"DiscoveryType": "ZIGBEE", "ControllerIdentifier": "nowhere"}, "ResourceNotFoundException"),
        ({"DiscoveryType": "ZWAVE", "ControllerIdentifier": "h", "AccountAssociationId": "a"}, "ValidationException"),
        ({"DiscoveryType": "CUSTOM", "ControllerIdentifier": "h"}, "ValidationException"),
        ({"DiscoveryType": "CONTROLLER_CAPABILITY_REDISCOVERY", "ControllerIdentifier": "h"}, "ValidationException"),
    ],
)
def test_rules_between_members(client: Any, params: dict[str, str], code: str) -> None:
    assert code_of(lambda: start(client, **params)) == code


def test_only_a_hub_can_discover(client: Any, world: World) -> None:
    lock = world.thing_id("Front door lock")
    assert code_of(lambda: start(client, DiscoveryType="ZIGBEE", ControllerIdentifier=lock)) == "ValidationException"


def test_list_of_jobs(client: Any, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    job = start(client, DiscoveryType="ZIGBEE", ControllerIdentifier=hub)
    assert len(client.list_device_discoveries()["Items"]) == 3
    assert client.list_device_discoveries(TypeFilter="ZIGBEE")["Items"] == [
        {"Id": job, "DiscoveryType": "ZIGBEE", "Status": "RUNNING"}
    ]
    assert len(client.list_device_discoveries(StatusFilter="SUCCEEDED")["Items"]) == 2
    assert client.list_device_discoveries(TypeFilter="ZIGBEE", StatusFilter="FAILED")["Items"] == []
    assert code_of(lambda: client.get_device_discovery(Identifier="nowhere")) == "ResourceNotFoundException"
    assert code_of(lambda: client.list_discovered_devices(Identifier="nowhere")) == "ResourceNotFoundException"


def test_jobs_may_expire(client: Any, world: World) -> None:
    world.set_switches(discovery_expires_after=3600)
    assert client.list_device_discoveries()["Items"] == []
    job = start(client, DiscoveryType="CLOUD", AccountAssociationId=world.association_id("Acme Lighting"))
    world.advance(5 + 3599)
    assert client.get_device_discovery(Identifier=job)["Status"] == "SUCCEEDED"
    world.advance(1)
    assert code_of(lambda: client.get_device_discovery(Identifier=job)) == "ResourceNotFoundException"


def pre_onboard(client: Any, world: World) -> tuple[str, str]:
    acme = world.association_id("Acme Lighting")
    thing = client.create_managed_thing(
        Role="DEVICE",
        AuthenticationMaterialType="PRE_ONBOARDED_CLOUD",
        AuthenticationMaterial=f"CLOUD:al-1005:{acme}",
        Name="Porch light",
    )["Id"]
    assert world.things[thing]["ProvisioningStatus"] == "PRE_ASSOCIATED"
    assert world.registrations[thing, acme] == "PRE_ASSOCIATED"
    return thing, acme


@pytest.mark.parametrize(
    ("switches", "only", "status", "row"),
    [
        ({}, ["al-1005"], "ACTIVATED", "ASSOCIATED"),
        ({}, [], "PRE_ASSOCIATED", "PRE_ASSOCIATED"),
        ({"pre_onboarded_needs_filter": False}, [], "ACTIVATED", "ASSOCIATED"),
        ({"automatic_registration": False}, ["al-1005"], "DISCOVERED", "PRE_ASSOCIATED"),
        ({}, ["al-1006"], "PRE_ASSOCIATED", "PRE_ASSOCIATED"),
    ],
)
def test_pre_onboarded_things(  # noqa: PLR0917  # pytest passes by name
    client: Any, world: World, switches: dict[str, Any], only: list[str], status: str, row: str
) -> None:
    world.set_switches(**switches)
    thing, acme = pre_onboard(client, world)
    start(client, DiscoveryType="CLOUD", AccountAssociationId=acme, ConnectorDeviceIdList=only)
    world.advance(5)
    assert world.things[thing]["ProvisioningStatus"] == status
    assert world.registrations[thing, acme] == row


def test_stuck_thing_is_finished_by_hand(client: Any, world: World) -> None:
    world.set_switches(automatic_registration=False)
    thing, acme = pre_onboard(client, world)
    job = start(client, DiscoveryType="CLOUD", AccountAssociationId=acme, ConnectorDeviceIdList=["al-1005"])
    world.advance(5)
    client.register_account_association(ManagedThingId=thing, AccountAssociationId=acme, DeviceDiscoveryId=job)
    assert world.things[thing]["ProvisioningStatus"] == "ACTIVATED"
    assert world.registrations[thing, acme] == "ASSOCIATED"
