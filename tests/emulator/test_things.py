"""Managed things and how they are created, listed, changed and deleted."""

from typing import Any

import pytest

from emulator import World

from .conftest import code_of, error_of


def names(client: Any, **filters: str) -> set[str]:
    return {thing["Name"] for thing in client.list_managed_things(**filters)["Items"]}


def create(client: Any, material: str, kind: str = "DISCOVERED_DEVICE", **members: Any) -> str:
    answer = client.create_managed_thing(
        **{"Role": "DEVICE", "AuthenticationMaterial": material, "AuthenticationMaterialType": kind} | members
    )
    identifier: str = answer["Id"]
    assert answer["Arn"].endswith(f":managed-thing/{identifier}")
    return identifier


def test_list_has_all_and_each_filter_some(client: Any, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    assert len(names(client)) == 13
    assert names(client, RoleFilter="CONTROLLER") == {"Cellar hub"}
    assert len(names(client, ParentControllerIdentifierFilter=hub)) == 4
    assert names(client, SerialNumberFilter="LMH2-000731") == {"Cellar hub"}
    assert names(client, ConnectorDeviceIdFilter="al-1001") == {"Kitchen ceiling light"}
    assert len(names(client, ConnectorDestinationIdFilter="acme-lighting")) == 4
    assert "Hallway spots" in names(client, ProvisioningStatusFilter="UNASSOCIATED")
    assert names(client, OwnerFilter="somebody-else") == set()
    assert names(client, OwnerFilter="robin", RoleFilter="CONTROLLER") == {"Cellar hub"}
    assert names(client, CredentialLockerFilter="locker1") == set()
    assert names(client, ConnectorPolicyIdFilter="policy1") == set()


def test_row_has_no_members_that_only_get_has(client: Any, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    row = client.list_managed_things(RoleFilter="CONTROLLER")["Items"][0]
    assert "MacAddress" not in row
    assert client.get_managed_thing(Identifier=hub)["MacAddress"] == "02:00:5e:10:00:01"
    assert row["Arn"] == f"arn:aws:iotmanagedintegrations:eu-west-1:{world.account_id}:managed-thing/{hub}"


def test_missing_thing(client: Any) -> None:
    code, status, message = error_of(lambda: client.get_managed_thing(Identifier="nowhere"))
    assert (code, status, message) == ("ResourceNotFoundException", 404, "Managed Thing resource not found.")


def test_update(client: Any, world: World) -> None:
    thing = world.thing_id("Laundry plug")
    before = client.get_managed_thing(Identifier=thing)
    world.advance(60)
    client.update_managed_thing(Identifier=thing, Name="Washing machine", Owner="alex")
    after = client.get_managed_thing(Identifier=thing)
    assert (after["Name"], after["Owner"], after["Brand"]) == ("Washing machine", "alex", "Voltcraft Home")
    assert after["UpdatedAt"] > before["UpdatedAt"]
    assert code_of(lambda: client.update_managed_thing(Identifier="x", Name="y")) == "ResourceNotFoundException"


def test_delete(client: Any, world: World) -> None:
    plug, hub, light = (world.thing_id(name) for name in ("Laundry plug", "Cellar hub", "Kitchen ceiling light"))
    client.delete_managed_thing(Identifier=plug)
    assert plug not in world.things
    assert code_of(lambda: client.delete_managed_thing(Identifier=hub)) == "ConflictException"
    assert code_of(lambda: client.delete_managed_thing(Identifier=light)) == "ValidationException"
    world.set_switches(delete_cloud_thing="ok", deletion_delay=30)
    client.delete_managed_thing(Identifier=light)
    assert world.things[light]["ProvisioningStatus"] == "DELETE_IN_PROGRESS"
    world.advance(30)
    assert light not in world.things
    assert not [key for key in world.registrations if key[0] == light]
    lock = world.thing_id("Front door lock")
    client.delete_managed_thing(Identifier=lock, Force=True)
    assert lock not in world.things


def test_connectivity(client: Any, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    answer = client.get_managed_thing_connectivity_data(Identifier=hub)
    assert (answer["Connected"], answer["DisconnectReason"]) == (True, "NONE")
    world.set_connectivity(hub, False, "MQTT_KEEP_ALIVE_TIMEOUT")
    answer = client.get_managed_thing_connectivity_data(Identifier=hub)
    assert (answer["Connected"], answer["DisconnectReason"]) == (False, "MQTT_KEEP_ALIVE_TIMEOUT")
    lock = world.thing_id("Front door lock")
    assert client.get_managed_thing_connectivity_data(Identifier=lock)["Connected"] is False
    world.set_switches(connectivity_of_others="not_found")
    assert code_of(lambda: client.get_managed_thing_connectivity_data(Identifier=lock)) == "ResourceNotFoundException"


def test_create_by_cloud_discovery(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    discovery = world.add_discovery(association_id=acme)
    thing = create(client, f"CLOUD:{discovery}:al-1005", Name="Porch")
    details = client.get_managed_thing(Identifier=thing)
    assert details["ProvisioningStatus"] == "UNASSOCIATED"
    assert (details["Name"], details["Brand"], details["ConnectorDeviceId"]) == ("Porch", "Acme", "al-1005")
    assert code_of(lambda: create(client, f"CLOUD:{discovery}:al-1005")) == "ConflictException"
    world.set_switches(recreate_thing="ok", duplicate_name="conflict")
    assert create(client, f"CLOUD:{discovery}:al-1005") != thing
    assert code_of(lambda: create(client, f"CLOUD:{discovery}:al-1006", Name="Porch")) == "ConflictException"


@pytest.mark.parametrize(
    ("material", "code"),
    [
        ("CLOUD:nothing", "ValidationException"),
        ("CLOUD:nowhere:al-1005", "ResourceNotFoundException"),
        ("CLOUD:{discovery}:al-9999", "ValidationException"),
        ("ZIGBEE:nobody", "ValidationException"),
    ],
)
def test_create_refuses_bad_material(client: Any, world: World, material: str, code: str) -> None:
    discovery = world.discovery_id(world.association_id("Acme Lighting"))
    assert code_of(lambda: create(client, material.format(discovery=discovery))) == code


def test_create_by_hub_discovery_activates_by_itself(client: Any, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    discovery = world.add_discovery(hub_id=hub, discovery_type="ZIGBEE")
    rows = client.list_discovered_devices(Identifier=discovery)["Items"]
    row = next(row for row in rows if row.get("ConnectorDeviceName") == "Stair button")
    assert "ManagedThingId" not in row
    thing = create(client, row["AuthenticationMaterial"])
    details = client.get_managed_thing(Identifier=thing)
    assert (details["ProvisioningStatus"], details["ParentControllerId"]) == ("DISCOVERED", hub)
    world.advance(2)
    assert client.get_managed_thing(Identifier=thing)["ProvisioningStatus"] == "ACTIVATED"
    rows = client.list_discovered_devices(Identifier=discovery)["Items"]
    assert thing in {row.get("ManagedThingId") for row in rows}
    assert code_of(lambda: create(client, row["AuthenticationMaterial"])) == "ConflictException"


def test_create_by_bar_code(client: Any) -> None:
    material = "SN:HUB-77;UPC:036000291452"
    thing = create(client, material, "WIFI_SETUP_QR_BAR_CODE", Role="CONTROLLER", Owner="robin")
    details = client.get_managed_thing(Identifier=thing)
    assert details["ProvisioningStatus"] == "PRE_ASSOCIATED"
    assert (details["SerialNumber"], details["UniversalProductCode"]) == ("HUB-77", "036000291452")
    assert code_of(lambda: create(client, material, "WIFI_SETUP_QR_BAR_CODE")) == "ConflictException"


@pytest.mark.parametrize("material", ["CLOUD:al-1005", "CLOUD::x", "HUB:al-1005:x"])
def test_create_pre_onboarded_refuses_bad_material(client: Any, material: str) -> None:
    assert code_of(lambda: create(client, material, "PRE_ONBOARDED_CLOUD")) == "ValidationException"


def test_create_pre_onboarded_needs_its_associations(client: Any) -> None:
    material = "CLOUD:al-1005:nowhere"
    assert code_of(lambda: create(client, material, "PRE_ONBOARDED_CLOUD")) == "ResourceNotFoundException"


def test_client_token_creates_once(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    material = f"CLOUD:{world.add_discovery(association_id=acme)}:al-1005"
    assert create(client, material, ClientToken="once") == create(client, material, ClientToken="once")
    assert code_of(lambda: create(client, material, ClientToken="once", Name="Other")) == "ConflictException"
