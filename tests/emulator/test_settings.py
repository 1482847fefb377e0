"""Settings of an account and of a thing, and tags."""

from functools import partial
from typing import Any

import pytest

from emulator import World

from .conftest import code_of, error_of


def test_custom_endpoint(client: Any, world: World) -> None:
    assert code_of(client.get_custom_endpoint) == "ResourceNotFoundException"
    address = client.register_custom_endpoint()["EndpointAddress"]
    assert client.get_custom_endpoint()["EndpointAddress"] == address
    assert client.register_custom_endpoint()["EndpointAddress"] == address
    world.set_switches(reregister_endpoint="conflict")
    assert code_of(client.register_custom_endpoint) == "ConflictException"


def test_encryption(client: Any, world: World) -> None:
    default = client.get_default_encryption_configuration()
    assert default["encryptionType"] == "MANAGED_INTEGRATIONS_DEFAULT_ENCRYPTION"
    own = {"encryptionType": "CUSTOMER_KEY_ENCRYPTION"}
    assert code_of(lambda: client.put_default_encryption_configuration(**own)) == "ValidationException"
    own["kmsKeyArn"] = f"arn:aws:kms:{world.region}:{world.account_id}:key/own"
    world.set_switches(encryption_update_delay=60)
    answer = client.put_default_encryption_configuration(**own)
    assert answer["configurationStatus"] == {"state": "UPDATE_IN_PROGRESS"}
    world.advance(60)
    now = client.get_default_encryption_configuration()
    del now["ResponseMetadata"]
    assert now == own | {"configurationStatus": {"state": "ENABLED"}}


def test_hub_configuration(client: Any, world: World) -> None:
    assert code_of(client.get_hub_configuration) == "ResourceNotFoundException"
    world.set_switches(unset_configuration="empty")
    assert set(client.get_hub_configuration()) == {"ResponseMetadata"}
    client.put_hub_configuration(HubTokenTimerExpirySettingInSeconds=90)
    answer = client.get_hub_configuration()
    assert answer["HubTokenTimerExpirySettingInSeconds"] == 90
    assert abs((answer["UpdatedAt"] - world.now).total_seconds()) < 60


def test_runtime_log(client: Any, world: World) -> None:
    hub = {"ManagedThingId": world.thing_id("Cellar hub")}
    assert code_of(lambda: client.get_runtime_log_configuration(**hub)) == "ResourceNotFoundException"
    levels = {"LogLevel": "DEBUG", "UploadLog": True}
    client.put_runtime_log_configuration(**hub, RuntimeLogConfigurations=levels)
    assert client.get_runtime_log_configuration(**hub)["RuntimeLogConfigurations"] == levels
    client.reset_runtime_log_configuration(**hub)
    world.set_switches(unset_configuration="empty")
    assert client.get_runtime_log_configuration(**hub)["RuntimeLogConfigurations"] == {}
    for call in (client.get_runtime_log_configuration, client.reset_runtime_log_configuration):
        assert code_of(partial(call, ManagedThingId="nowhere")) == "ResourceNotFoundException"


@pytest.mark.parametrize("kind", ["thing", "association", "locker", "profile"])
def test_tags(client: Any, world: World, kind: str) -> None:
    match kind:
        case "thing":
            arn = client.get_managed_thing(Identifier=world.thing_id("Laundry plug"))["Arn"]
        case "association":
            association = world.association_id("Acme Lighting")
            arn = client.get_account_association(AccountAssociationId=association)["Arn"]
        case "locker":
            arn = client.create_credential_locker()["Arn"]
        case _:
            arn = client.create_provisioning_profile(ProvisioningType="JITR")["Arn"]
    assert "tags" not in client.list_tags_for_resource(ResourceArn=arn)
    client.tag_resource(ResourceArn=arn, Tags={"floor": "1", "room": "kitchen"})
    client.tag_resource(ResourceArn=arn, Tags={"floor": "2"})
    assert client.list_tags_for_resource(ResourceArn=arn)["tags"] == {"floor": "2", "room": "kitchen"}
    many = {f"tag{number}": "" for number in range(49)}
    refused = error_of(lambda: client.tag_resource(ResourceArn=arn, Tags=many))
    assert refused == ("InvalidRequestException", 400, "A resource has at most 50 tags.")
    client.untag_resource(ResourceArn=arn, TagKeys=["floor", "no such"])
    assert client.list_tags_for_resource(ResourceArn=arn)["tags"] == {"room": "kitchen"}
    client.untag_resource(ResourceArn=arn, TagKeys=["room"])
    assert "tags" not in client.list_tags_for_resource(ResourceArn=arn)


def test_tags_show_in_the_resource(client: Any, world: World) -> None:
    thing = world.thing_id("Laundry plug")
    client.tag_resource(ResourceArn=world.things[thing]["Arn"], Tags={"room": "laundry"})
    assert client.get_managed_thing(Identifier=thing)["Tags"] == {"room": "laundry"}
    job = client.start_device_discovery(
        DiscoveryType="CLOUD", AccountAssociationId=world.association_id("Acme Lighting"), Tags={"asked": "by hand"}
    )["Id"]
    assert client.get_device_discovery(Identifier=job)["Tags"] == {"asked": "by hand"}


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:iotmanagedintegrations:eu-west-1:{account}:managed-thing/nowhere", "ResourceNotFoundException"),
        ("arn:aws:iotmanagedintegrations:eu-west-1:{account}:ota-task/nowhere", "ResourceNotFoundException"),
        ("arn:aws:iotmanagedintegrations:ca-central-1:{account}:managed-thing/{thing}", "ResourceNotFoundException"),
        ("arn:aws:iotmanagedintegrations:eu-west-1:1:managed-thing/{thing}", "ResourceNotFoundException"),
        ("arn:aws:iot:eu-west-1:{account}:thing/{thing}", "InvalidRequestException"),
    ],
)
def test_tags_of_nothing(client: Any, world: World, arn: str, code: str) -> None:
    arn = arn.format(account=world.account_id, thing=world.thing_id("Laundry plug"))
    assert code_of(lambda: client.list_tags_for_resource(ResourceArn=arn)) == code
