"""Linking accounts: connectors, destinations, and an association from its creation to its end."""

from typing import Any

import pytest

from emulator import Emulator, World

from .conftest import code_of, error_of, make_client

SECRET = "secretsmanager:GetSecretValue"


def create(client: Any, destination: str = "contoso-locks", **params: Any) -> Any:
    return client.create_account_association(ConnectorDestinationId=destination, **{"Name": "Our locks"} | params)


def get(client: Any, association: str) -> Any:
    return client.get_account_association(AccountAssociationId=association)


def refresh(client: Any, association: str) -> str:
    url: str = client.start_account_association_refresh(AccountAssociationId=association)["OAuthAuthorizationUrl"]
    return url


def test_destinations(client: Any, world: World) -> None:
    rows = client.list_connector_destinations()["ConnectorDestinationList"]
    assert [row["Name"] for row in rows] == ["Acme Lighting", "Northwind Climate", "Contoso Locks", "Fabrikam Blinds"]
    used = {row["ConnectorDestinationId"] for row in world.associations.values()}
    assert used == {row["Id"] for row in rows[:2]}
    (row,) = client.list_connector_destinations(CloudConnectorId=rows[2]["CloudConnectorId"])[
        "ConnectorDestinationList"
    ]
    oauth = client.get_connector_destination(Identifier=row["Id"])
    assert {name: oauth[name] for name in row} == row
    assert oauth["AuthType"] == "OAUTH"
    assert list(oauth["AuthConfig"]) == ["oAuth"]
    general = client.get_connector_destination(Identifier="fabrikam-blinds")
    assert "AuthType" not in general
    assert [item["AuthMaterialName"] for item in general["AuthConfig"]["GeneralAuthorization"]] == [
        "fabrikam-blinds-material"
    ]
    assert error_of(lambda: client.get_connector_destination(Identifier="nowhere"))[:2] == (
        "ResourceNotFoundException",
        404,
    )


def test_pages_of_destinations(client: Any) -> None:
    pages = list(client.get_paginator("list_connector_destinations").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["ConnectorDestinationList"]) for page in pages] == [3, 1]


def test_connectors(client: Any, world: World) -> None:
    own = world.add_connector_destination("Own thing", description="Home made", connector_type="UNLISTED")
    second = world.add_connector_destination("Own test", cloud_connector_id="own-thing-connector")
    assert len(client.list_cloud_connectors(Type="LISTED")["Items"]) == 4
    (row,) = client.list_cloud_connectors(Type="UNLISTED")["Items"]
    details = client.get_cloud_connector(Identifier=row["Id"])
    assert {name: details[name] for name in row} == row
    function = row["EndpointConfig"]["lambda"]["arn"]
    assert client.list_cloud_connectors(LambdaArn=function)["Items"] == [row]
    rows = client.list_connector_destinations(CloudConnectorId=row["Id"])["ConnectorDestinationList"]
    assert [row["Id"] for row in rows] == [own, second]
    assert rows[0]["Description"] == "Home made"
    assert code_of(lambda: client.get_cloud_connector(Identifier="nowhere")) == "ResourceNotFoundException"
    for arguments in (("Own thing",), ("Other", "magic")):
        with pytest.raises(ValueError, match=r"already|No such kind"):
            world.add_connector_destination(*arguments)


def test_oauth(client: Any, emulator: Emulator, world: World) -> None:
    answer = create(client, Description="Front and back", Tags={"home": "1"})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert answer["AssociationState"] == "ASSOCIATION_IN_PROGRESS"
    assert answer["OAuthAuthorizationUrl"].startswith(f"{emulator.url}/")
    association = answer["AccountAssociationId"]
    details = get(client, association)
    assert details["OAuthAuthorizationUrl"] == answer["OAuthAuthorizationUrl"]
    assert (details["Name"], details["Description"], details["Tags"]) == ("Our locks", "Front and back", {"home": "1"})
    assert code_of(lambda: discover(client, association)) == "ConflictException"
    world.authorize(association)
    details = get(client, association)
    assert (details["AssociationState"], details["OAuthAuthorizationUrl"]) == ("ASSOCIATION_SUCCEEDED", "")
    row = client.list_account_associations()["Items"][-1]
    assert (row["AccountAssociationId"], row["ConnectorDestinationId"]) == (association, "contoso-locks")
    with pytest.raises(ValueError, match="is waiting"):
        world.authorize(association)


def discover(client: Any, association: str) -> str:
    job: str = client.start_device_discovery(DiscoveryType="CLOUD", AccountAssociationId=association)["Id"]
    return job


def test_https_url_is_a_switch(client: Any, world: World) -> None:
    world.set_switches(http_authorization_page=False)
    assert create(client)["OAuthAuthorizationUrl"].startswith("https://oauth.contoso-locks.example/")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"allow": False}, "access_denied The user denied access"),
        ({"allow": False, "error_message": "Not today"}, "Not today"),
        ({"error_message": "The token endpoint cannot be reached"}, "The token endpoint cannot be reached"),
    ],
)
def test_linking_fails(client: Any, world: World, arguments: dict[str, Any], message: str) -> None:
    association = create(client)["AccountAssociationId"]
    world.authorize(association, **arguments)
    details = get(client, association)
    assert (details["AssociationState"], details["ErrorMessage"]) == ("ASSOCIATION_FAILED", message)
    assert details["OAuthAuthorizationUrl"] == ""
    assert refresh(client, association)
    assert "ErrorMessage" not in get(client, association)


@pytest.mark.parametrize("params", [{}, {"GeneralAuthorization": {"AuthMaterialName": "fabrikam-blinds-material"}}])
def test_general_authorization(client: Any, params: dict[str, Any]) -> None:
    answer = create(client, "fabrikam-blinds", **params)
    assert (answer["AssociationState"], answer["OAuthAuthorizationUrl"]) == ("ASSOCIATION_SUCCEEDED", "")
    details = get(client, answer["AccountAssociationId"])
    assert details["GeneralAuthorization"] == {"AuthMaterialName": "fabrikam-blinds-material"}
    assert refresh(client, answer["AccountAssociationId"]) == ""
    assert get(client, answer["AccountAssociationId"])["AssociationState"] == "ASSOCIATION_SUCCEEDED"


def test_destination_of_both_kinds(client: Any, world: World) -> None:
    both = world.add_connector_destination("Both ways", "both")
    assert create(client, both)["OAuthAuthorizationUrl"]
    material = {"AuthMaterialName": f"{both}-material"}
    assert create(client, both, GeneralAuthorization=material)["OAuthAuthorizationUrl"] == ""
    assert code_of(lambda: create(client, GeneralAuthorization=material)) == "ValidationException"


def test_destination_that_is_gone(client: Any, world: World) -> None:
    association = create(client)["AccountAssociationId"]
    world.remove_connector_destination("contoso-locks")
    assert error_of(lambda: create(client))[:2] == ("ResourceNotFoundException", 404)
    assert get(client, association)["ConnectorDestinationId"] == "contoso-locks"


def test_client_token(client: Any, world: World) -> None:
    first, second = (create(client, ClientToken="once") for _ in range(2))
    assert first["AccountAssociationId"] == second["AccountAssociationId"]
    assert first["OAuthAuthorizationUrl"] == second["OAuthAuthorizationUrl"]
    assert len(world.associations) == 3
    assert code_of(lambda: create(client, ClientToken="once", Name="Other")) == "ConflictException"
    assert create(client, ClientToken="twice")["AccountAssociationId"] != first["AccountAssociationId"]


def test_association_without_a_name(client: Any, world: World) -> None:
    answer = client.create_account_association(ConnectorDestinationId="contoso-locks")
    assert "Name" not in get(client, answer["AccountAssociationId"])
    assert world.association_id("Acme Lighting")


@pytest.mark.parametrize(
    ("destination", "count"),
    [("acme-lighting", 6), ("northwind-climate", 4), ("contoso-locks", 2), ("fabrikam-blinds", 3)],
)
def test_new_account_has_devices(client: Any, world: World, destination: str, count: int) -> None:
    answer = create(client, destination)
    if answer["OAuthAuthorizationUrl"]:
        world.authorize(answer["AccountAssociationId"])
    job = discover(client, answer["AccountAssociationId"])
    world.advance(5)
    rows = client.list_discovered_devices(Identifier=job)["Items"]
    assert len(rows) == count
    known = {row["ConnectorDeviceId"] for row in rows if "ManagedThingId" in row}
    assert len(known) == (4 if destination in ("acme-lighting", "northwind-climate") else 0)


def test_expired_tokens(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    registrations = world.registrations
    world.expire_authorization(acme)
    details = get(client, acme)
    assert (details["AssociationState"], details["OAuthAuthorizationUrl"]) == ("REFRESH_TOKEN_EXPIRED", "")
    assert details["ErrorMessage"]
    first = refresh(client, acme)
    details = get(client, acme)
    assert (details["AssociationState"], details["OAuthAuthorizationUrl"]) == ("ASSOCIATION_IN_PROGRESS", first)
    second = refresh(client, acme)
    assert second != first
    world.authorize(acme)
    details = get(client, acme)
    assert details["AssociationState"] == "ASSOCIATION_SUCCEEDED"
    assert "ErrorMessage" not in details
    assert world.registrations == registrations


@pytest.mark.parametrize("name", ["Acme Lighting", "Fabrikam"])
def test_refresh_that_nobody_needs(client: Any, world: World, name: str) -> None:
    create(client, "fabrikam-blinds", Name="Fabrikam")
    world.set_switches(refresh_when_authorized="conflict")
    association = world.association_id(name)
    assert error_of(lambda: refresh(client, association))[:2] == ("ConflictException", 409)
    assert get(client, association)["AssociationState"] == "ASSOCIATION_SUCCEEDED"
    world.set_switches(refresh_when_authorized="ok")
    refresh(client, association)
    assert code_of(lambda: refresh(client, "nowhere")) == "ResourceNotFoundException"


def test_link_that_nobody_opens(client: Any, world: World) -> None:
    world.set_switches(authorization_url_lifetime=60)
    association = create(client)["AccountAssociationId"]
    world.advance(60)
    with pytest.raises(ValueError, match="is waiting"):
        world.authorize(association)
    assert get(client, association)["AssociationState"] == "ASSOCIATION_IN_PROGRESS"
    refresh(client, association)
    world.advance(59)
    world.authorize(association)
    world.advance(2)
    assert get(client, association)["AssociationState"] == "ASSOCIATION_SUCCEEDED"


def test_link_that_nobody_opens_may_fail(client: Any, world: World) -> None:
    world.set_switches(authorization_url_lifetime=60, expired_authorization="ASSOCIATION_FAILED")
    association = create(client)["AccountAssociationId"]
    world.advance(30)
    refresh(client, association)
    world.advance(59)
    assert get(client, association)["AssociationState"] == "ASSOCIATION_IN_PROGRESS"
    world.advance(1)
    details = get(client, association)
    assert (details["AssociationState"], details["OAuthAuthorizationUrl"]) == ("ASSOCIATION_FAILED", "")
    assert details["ErrorMessage"]


def test_update(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    answer = client.update_account_association(AccountAssociationId=acme, Name="Lights")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert (get(client, acme)["Name"], get(client, acme)["Description"]) == ("Lights", "Lights of the house")
    client.update_account_association(AccountAssociationId=acme, Description="All of them")
    assert (get(client, acme)["Name"], get(client, acme)["Description"]) == ("Lights", "All of them")
    update = client.update_account_association
    assert code_of(lambda: update(AccountAssociationId="nowhere", Name="x")) == "ResourceNotFoundException"
    assert code_of(lambda: update(AccountAssociationId=acme, Name="100 %")) == "ValidationException"


def test_delete(client: Any, world: World) -> None:
    association = create(client)["AccountAssociationId"]
    answer = client.delete_account_association(AccountAssociationId=association)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    details = get(client, association)
    assert (details["AssociationState"], details["OAuthAuthorizationUrl"]) == ("ASSOCIATION_DELETING", "")
    client.delete_account_association(AccountAssociationId=association)
    assert code_of(lambda: refresh(client, association)) == "ConflictException"
    update = client.update_account_association
    assert code_of(lambda: update(AccountAssociationId=association, Name="x")) == "ConflictException"
    with pytest.raises(ValueError, match="is waiting"):
        world.authorize(association)
    world.advance(2)
    assert code_of(lambda: get(client, association)) == "ResourceNotFoundException"
    assert (
        code_of(lambda: client.delete_account_association(AccountAssociationId=association))
        == "ResourceNotFoundException"
    )


def test_delete_needs_deregistration(client: Any, world: World) -> None:
    acme, light = world.association_id("Acme Lighting"), world.thing_id("Kitchen ceiling light")
    codes = {
        "validation": "ValidationException",
        "conflict": "ConflictException",
        "not_found": "ResourceNotFoundException",
    }
    for choice, code in codes.items():
        world.set_switches(delete_with_registrations=choice)
        assert code_of(lambda: client.delete_account_association(AccountAssociationId=acme)) == code
    assert world.associations[acme]["AssociationState"] == "ASSOCIATION_SUCCEEDED"
    world.set_switches(delete_with_registrations="ok", association_deletion_delay=0)
    client.delete_account_association(AccountAssociationId=acme)
    assert acme not in world.associations
    assert all(key[1] != acme for key in world.registrations)
    assert world.things[light]["ProvisioningStatus"] == "ISOLATED"


def test_secret_must_be_readable(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    world.deny(SECRET)
    for call, vendor in (
        (lambda: create(client), "contoso-locks"),
        (lambda: get(client, acme), "acme-lighting"),
        (lambda: refresh(client, acme), "acme-lighting"),
    ):
        code, status, message = error_of(call)
        assert (code, status) == ("AccessDeniedException", 403)
        assert f"perform: {SECRET} on resource: arn:aws:secretsmanager:" in message
        assert vendor in message
    assert "resource: *" in error_of(lambda: get(client, "nowhere"))[2]
    client.list_account_associations()
    client.get_connector_destination(Identifier="acme-lighting")
    world.allow(SECRET)
    get(client, acme)


def test_empty_world_has_no_destinations(empty_client: Any) -> None:
    assert empty_client.list_connector_destinations()["ConnectorDestinationList"] == []
    assert empty_client.list_cloud_connectors()["Items"] == []


def test_url_names_the_host_that_was_called(emulator: Emulator, world: World) -> None:
    class Renamed:
        url = emulator.url.replace("127.0.0.1", "localhost")

    renamed: Any = Renamed
    client = make_client("iot-managed-integrations", renamed, world)
    assert create(client)["OAuthAuthorizationUrl"].startswith(f"{Renamed.url}/")
