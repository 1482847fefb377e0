"""The client against the emulator: every method, and every way in which a call can go wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
import gc
import logging
import threading
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.mi_registration.aws.boto3_client import Boto3ManagedIntegrationsClient
from custom_components.mi_registration.aws.client import OPERATIONS
from custom_components.mi_registration.aws.errors import (
    AccessDeniedError,
    AwsError,
    CannotConnectError,
    ConflictError,
    InvalidCredentialsError,
    InvalidRequestError,
    NotFoundError,
    ServiceError,
    ThrottledError,
    UnsupportedSdkError,
)
from custom_components.mi_registration.aws.models import (
    AccountAssociation,
    AssociationState,
    CallerIdentity,
    DisconnectReason,
    DiscoveryStatus,
    DiscoveryType,
    ProvisioningStatus,
    RegistrationStatus,
    Role,
)
from custom_components.mi_registration.aws.quota import Quota
from custom_components.mi_registration.aws.session import create_session
from emulator import Emulator, World

from .conftest import MakeClient, world_config

type Client = Boto3ManagedIntegrationsClient

CALLS_MODULE = "custom_components.mi_registration.aws.boto3_calls"


class Gate:
    """Holds the client's threads where they are about to send."""

    def __init__(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()
        send = client._send

        def held(*args: Any) -> Any:
            self._reached.set()
            self._open.wait()
            return send(*args)

        monkeypatch.setattr(client, "_send", held)

    async def reached(self) -> None:
        """Wait until a thread stands before the gate."""
        await asyncio.to_thread(self._reached.wait)

    def open(self) -> None:
        """Let the threads go on."""
        self._open.set()


# Every method


async def test_get_caller_identity(client: Client, world: World) -> None:
    assert await client.get_caller_identity() == CallerIdentity(account=world.account_id, partition="aws")


async def test_list_managed_things(client: Client, world: World) -> None:
    things = {thing.managed_thing_id: thing for thing in await client.list_managed_things()}
    assert set(things) == set(world.things)
    hub = things[world.thing_id("Cellar hub")]
    assert hub.is_hub
    assert (hub.brand, hub.model, hub.serial_number, hub.owner) == ("Lumenor", "LM-HUB2", "LMH2-000731", "robin")
    assert hub.updated_at is not None
    assert hub.updated_at.tzinfo is not None
    light = things[world.thing_id("Kitchen ceiling light")]
    assert (light.role, light.provisioning_status) == (Role.DEVICE, ProvisioningStatus.ACTIVATED)
    assert light.connector_device_id == "al-1001"


async def test_list_managed_things_with_filters(client: Client, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    assert {thing.managed_thing_id for thing in await client.list_managed_things(role=Role.CONTROLLER)} == {hub}
    children = await client.list_managed_things(parent_controller_id=hub)
    assert len(children) == 4
    assert {thing.parent_controller_id for thing in children} == {hub}
    (lock,) = await client.list_managed_things(serial_number="BBL2-00417")
    assert lock.name == "Front door lock"
    assert await client.list_managed_things(owner="nobody") == ()
    assert hub in {thing.managed_thing_id for thing in await client.list_managed_things(owner="robin")}


async def test_get_managed_thing(client: Client, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    details = await client.get_managed_thing(hub)
    assert details.thing.managed_thing_id == hub
    assert details.mac_address == "02:00:5e:10:00:01"


async def test_get_managed_thing_connectivity_data(client: Client, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    assert (await client.get_managed_thing_connectivity_data(hub)).connected is True
    world.set_connectivity(hub, connected=False)
    connectivity = await client.get_managed_thing_connectivity_data(hub)
    assert connectivity.connected is False
    assert connectivity.disconnect_reason is DisconnectReason.CONNECTION_LOST


async def test_list_account_associations(client: Client, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    world.set_association_state(acme, "ASSOCIATION_FAILED", "The vendor said no")
    rows = {row.account_association_id: row for row in await client.list_account_associations()}
    assert set(rows) == set(world.associations)
    assert rows[acme].name == "Acme Lighting"
    assert rows[acme].state is AssociationState.ASSOCIATION_FAILED
    assert rows[acme].error_message == "The vendor said no"


async def test_list_managed_thing_account_associations(client: Client, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    thing = world.thing_id("Kitchen ceiling light")
    rows = await client.list_managed_thing_account_associations()
    assert {(row.managed_thing_id, row.account_association_id) for row in rows} == set(world.registrations)
    assert {row.status for row in rows} == {RegistrationStatus.ASSOCIATED}
    of_acme = await client.list_managed_thing_account_associations(account_association_id=acme)
    assert 0 < len(of_acme) < len(rows)
    (pair,) = await client.list_managed_thing_account_associations(managed_thing_id=thing, account_association_id=acme)
    assert pair.managed_thing_id == thing


async def test_register_and_deregister(client: Client, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    thing = world.thing_id("Hallway spots")
    request_id = await client.register_account_association(
        managed_thing_id=thing, account_association_id=acme, device_discovery_id=world.discovery_id(acme)
    )
    assert request_id == world.requests[-1].request_id
    assert (thing, acme) in world.registrations
    request_id = await client.deregister_account_association(managed_thing_id=thing, account_association_id=acme)
    assert request_id == world.requests[-1].request_id
    assert (thing, acme) not in world.registrations


async def test_discovery_to_thing(client: Client, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    world.plan_discovery(duration=60)
    job = await client.start_device_discovery(
        discovery_type=DiscoveryType.CLOUD, client_token="token-1", account_association_id=acme
    )
    assert job.status is DiscoveryStatus.RUNNING
    assert (job.discovery_type, job.account_association_id) == (DiscoveryType.CLOUD, acme)
    assert job.started_at is not None
    assert (await client.get_device_discovery(job.device_discovery_id)).status is DiscoveryStatus.RUNNING
    world.advance(120)
    done = await client.get_device_discovery(job.device_discovery_id)
    assert done.status is DiscoveryStatus.SUCCEEDED
    assert done.finished_at is not None
    assert done.account_association_id == acme

    jobs = await client.list_device_discoveries(discovery_type=DiscoveryType.CLOUD)
    assert job.device_discovery_id in {row.device_discovery_id for row in jobs}
    assert await client.list_device_discoveries(discovery_type=DiscoveryType.ZWAVE) == ()

    found = {row.connector_device_id: row for row in await client.list_discovered_devices(job.device_discovery_id)}
    assert set(found) == {f"al-{number}" for number in range(1001, 1007)}
    assert found["al-1005"].name == "Porch light"
    assert found["al-1005"].device_types == ("Dimmable Light",)
    assert found["al-1005"].managed_thing_id is None
    assert found["al-1001"].managed_thing_id == world.thing_id("Kitchen ceiling light")

    thing_id = await client.create_managed_thing(
        role=Role.DEVICE,
        authentication_material=f"CLOUD:{job.device_discovery_id}:al-1005",
        authentication_material_type="DISCOVERED_DEVICE",
        client_token="token-2",
        name="Porch light",
        owner="robin",
        brand="Acme",
        model="AL-OUT1",
    )
    assert world.things[thing_id]["Owner"] == "robin"


async def test_discovery_of_a_hub(client: Client, world: World) -> None:
    hub = world.thing_id("Cellar hub")
    job = await client.start_device_discovery(
        discovery_type=DiscoveryType.ZWAVE, client_token="token-1", controller_id=hub, install_code="12345"
    )
    assert job.controller_id == hub
    assert (await client.get_device_discovery(job.device_discovery_id)).controller_id == hub
    params = next(request.params for request in world.requests if request.operation == "StartDeviceDiscovery")
    assert params["AuthenticationMaterial"] == "12345"
    assert params["AuthenticationMaterialType"] == "ZWAVE_INSTALL_CODE"


async def test_list_connector_destinations(client: Client, world: World) -> None:
    before = len(await client.list_connector_destinations())
    identifier = world.add_connector_destination("Nimbus Climate")
    rows = {row.connector_destination_id: row for row in await client.list_connector_destinations()}
    assert len(rows) == before + 1
    assert rows[identifier].name == "Nimbus Climate"


async def test_an_account_is_linked_and_unlinked(client: Client, world: World) -> None:
    destination = world.add_connector_destination("Nimbus Climate")
    asked = {"connector_destination_id": destination, "name": "My Nimbus", "client_token": "token-1"}
    link = await client.create_account_association(**asked)
    assert link.association.state is AssociationState.ASSOCIATION_IN_PROGRESS
    assert link.authorization_url
    assert link.authorization_url not in repr(link)
    assert (await client.create_account_association(**asked)) == link
    association = link.association.account_association_id

    async def read() -> AccountAssociation:
        rows = {row.account_association_id: row for row in await client.list_account_associations()}
        return rows[association]

    assert await read() == replace(link.association, name="My Nimbus", connector_destination_id=destination)

    world.authorize(association, False, "access_denied by the test")
    failed = await read()
    assert failed.state is AssociationState.ASSOCIATION_FAILED
    assert failed.error_message == "access_denied by the test"

    assert (await client.start_account_association_refresh(association)).startswith("http")
    world.authorize(association)
    assert (await read()).state is AssociationState.ASSOCIATION_SUCCEEDED

    await client.delete_account_association(association)
    world.advance(3600)
    assert association not in world.associations


async def test_general_authorization_needs_no_link(client: Client, world: World) -> None:
    destination = world.add_connector_destination("Nimbus Climate", "general")
    link = await client.create_account_association(
        connector_destination_id=destination, name="My Nimbus", client_token="token-1"
    )
    assert (link.association.state, link.authorization_url) == (AssociationState.ASSOCIATION_SUCCEEDED, "")
    assert await client.start_account_association_refresh(link.association.account_association_id) == ""


async def test_a_connector_destination_that_is_gone(client: Client, world: World) -> None:
    with pytest.raises(NotFoundError):
        await client.create_account_association(
            connector_destination_id="gone", name="My Nimbus", client_token="token-1"
        )


async def test_members_that_are_not_given_are_not_sent(client: Client, world: World) -> None:
    await client.list_managed_things()
    assert world.requests[-1].params == {"MaxResults": 250}


async def test_values_that_aws_adds_later(client: Client, world: World) -> None:
    world.add_unknown_values()
    things = await client.list_managed_things()
    assert {thing.managed_thing_id for thing in things} == set(world.things)
    assert {thing.provisioning_status for thing in things} == {None}
    assert {row.state for row in await client.list_account_associations()} == {None}
    assert {row.status for row in await client.list_managed_thing_account_associations()} == {None}


# Pages


async def test_all_pages(make_client: MakeClient, emulator: Emulator) -> None:
    world = emulator.create_world("fleet:600")
    try:
        client = make_client(**world_config(emulator, world))
        things = await client.list_managed_things()
        assert {thing.managed_thing_id for thing in things} == set(world.things)
        assert len(things) == len(world.things) >= 600
        assert world.count("ListManagedThings") == -(-len(things) // 250)
        assert client.quota.snapshot["ListManagedThings"].waiting == 0
    finally:
        emulator.remove_world(world)


# Failures


async def test_a_wrong_secret(make_client: MakeClient, emulator: Emulator, world: World) -> None:
    client = make_client(**world_config(emulator, world) | {"secret_access_key": "canary-wrong-secret"})
    for call in (client.get_caller_identity, client.list_account_associations):
        with pytest.raises(InvalidCredentialsError) as caught:
            await call()
        assert "canary" not in f"{caught.value!r} {caught.value.placeholders}"
        assert caught.value.request_id


async def test_a_wrong_key(make_client: MakeClient, emulator: Emulator, world: World) -> None:
    client = make_client(**world_config(emulator, world) | {"access_key_id": "AKIACANARY0000000000"})
    with pytest.raises(InvalidCredentialsError) as caught:
        await client.get_caller_identity()
    assert caught.value.iam_action == "sts:GetCallerIdentity"
    with pytest.raises(InvalidCredentialsError):
        await client.list_account_associations()


async def test_no_credentials_at_all(make_client: MakeClient, emulator: Emulator) -> None:
    client = make_client(auth_method="default_chain", endpoint_url=emulator.url)
    with pytest.raises(InvalidCredentialsError, match="credentials"):
        await client.get_caller_identity()
    other = make_client(auth_method="default_chain", profile_name="none", endpoint_url=emulator.url)
    with pytest.raises(InvalidCredentialsError, match="none"):
        await other.get_caller_identity()


async def test_the_default_chain(
    make_client: MakeClient, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", world.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", world.secret_access_key)
    client = make_client(auth_method="default_chain", endpoint_url=emulator.url)
    assert (await client.get_caller_identity()).account == world.account_id


async def test_a_denied_action(client: Client, world: World) -> None:
    world.deny("iotmanagedintegrations:ListManagedThings")
    with pytest.raises(AccessDeniedError) as caught:
        await client.list_managed_things()
    assert caught.value.iam_action == "iotmanagedintegrations:ListManagedThings"
    assert caught.value.code == "AccessDeniedException"
    await client.list_account_associations()


async def test_denied_operations_are_remembered_until_one_works(client: Client, world: World) -> None:
    told: list[dict[str, str]] = []
    stop = client.async_add_denied_listener(lambda: told.append(dict(client.denied)))
    action = "iotmanagedintegrations:ListManagedThings"
    world.deny(action)
    for _ in range(2):
        with pytest.raises(AccessDeniedError):
            await client.list_managed_things()
    await client.list_account_associations()
    assert client.denied == {"ListManagedThings": action}
    world.drop("ListManagedThings")
    with pytest.raises(CannotConnectError):
        await client.list_managed_things()
    assert client.denied == {"ListManagedThings": action}
    world.allow(action)
    await client.list_managed_things()
    assert told == [{"ListManagedThings": action}, {}]
    stop()
    world.deny(action)
    with pytest.raises(AccessDeniedError):
        await client.list_managed_things()
    assert len(told) == 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ValidationException", InvalidRequestError),
        ("ServiceQuotaExceededException", InvalidRequestError),
        ("ResourceNotFoundException", NotFoundError),
        ("ConflictException", ConflictError),
        ("ThrottlingException", ThrottledError),
        ("InternalServerException", ServiceError),
        ("ServiceUnavailableException", ServiceError),
        ("UnauthorizedException", AccessDeniedError),
        ("AccessDeniedException", AccessDeniedError),
        ("UnrecognizedClientException", InvalidCredentialsError),
        ("ExpiredTokenException", InvalidCredentialsError),
        ("FutureException", ServiceError),
    ],
)
async def test_errors_of_the_service(client: Client, world: World, code: str, expected: type[AwsError]) -> None:
    world.refuse("GetDeviceDiscovery", code, message="because of the test")
    with pytest.raises(AwsError) as caught:
        await client.get_device_discovery("job1")
    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.message) == (code, "because of the test")
    assert caught.value.request_id == world.requests[-1].request_id
    assert caught.value.operation == "GetDeviceDiscovery"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert world.count("GetDeviceDiscovery") == 1, "nothing is repeated here"


async def test_throttling_slows_the_operation_down(make_client: MakeClient, emulator: Emulator, world: World) -> None:
    quota = Quota(1000, random=lambda: 0.0)
    client = make_client(quota=quota, **world_config(emulator, world))
    world.refuse("ListManagedThings", "ThrottlingException", retry_after=7)
    with pytest.raises(ThrottledError) as caught:
        await client.list_managed_things()
    assert caught.value.retry_after == 7
    assert quota.snapshot["ListManagedThings"].rate == 500
    assert quota.snapshot["ListManagedThings"].throttled == 1
    await client.list_account_associations()
    assert quota.snapshot["ListAccountAssociations"].rate == 1000


@pytest.mark.parametrize("how", ["truncated", "garbage", "not_utf8", "html"])
async def test_spoilt_answers_are_never_taken_for_empty_ones(client: Client, world: World, how: Any) -> None:
    acme = world.association_id("Acme Lighting")
    thing = world.thing_id("Hallway spots")
    calls: list[Callable[[], Awaitable[object]]] = [
        client.get_caller_identity,
        client.list_managed_things,
        partial(client.get_managed_thing, thing),
        partial(
            client.register_account_association,
            managed_thing_id=thing,
            account_association_id=acme,
            device_discovery_id=world.discovery_id(acme),
        ),
    ]
    for call in calls:
        world.garble(None, how)
        with pytest.raises((CannotConnectError, ServiceError)):
            await call()
    await client.list_account_associations()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_dropped_connections(client: Client, world: World, when: Any) -> None:
    acme = world.association_id("Acme Lighting")
    thing = world.thing_id("Hallway spots")
    ids = {"managed_thing_id": thing, "account_association_id": acme, "device_discovery_id": world.discovery_id(acme)}
    await client.list_account_associations()
    world.drop("RegisterAccountAssociation", when)
    with pytest.raises(CannotConnectError):
        await client.register_account_association(**ids)
    assert ((thing, acme) in world.registrations) is (when == "after")
    assert world.count("RegisterAccountAssociation") == 1


async def test_nobody_listens(make_client: MakeClient, unused_tcp_port: int) -> None:
    client = make_client(endpoint_url=f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(CannotConnectError) as caught:
        await client.list_managed_things(owner="canary.owner@example")
    assert caught.value.code == "EndpointConnectionError"
    assert "canary" not in str(caught.value)
    assert "**REDACTED**" in str(caught.value)


async def test_a_region_that_is_none(make_client: MakeClient) -> None:
    client = make_client(region="no region")
    with pytest.raises(InvalidRequestError, match="no region"):
        await client.list_managed_things()


async def test_an_insecure_endpoint_is_never_used(make_client: MakeClient) -> None:
    client = make_client(endpoint_url="http://aws.example")
    with pytest.raises(InvalidRequestError) as caught:
        await client.get_caller_identity()
    assert caught.value.code == "InsecureEndpointError"


async def test_ids_are_checked_before_anything_is_sent(client: Client, world: World) -> None:
    calls: list[Awaitable[object]] = [
        client.get_managed_thing("a b"),
        client.get_managed_thing_connectivity_data(""),
        client.list_managed_thing_account_associations(account_association_id="a-b"),
        client.register_account_association(
            managed_thing_id="x" * 65, account_association_id="a", device_discovery_id="d"
        ),
        client.deregister_account_association(managed_thing_id="x", account_association_id="ä"),
        client.get_device_discovery("../things"),
        client.list_discovered_devices("a/b"),
        client.list_managed_things(owner="canary owner"),
        client.create_managed_thing(
            role=Role.DEVICE,
            authentication_material="CLOUD:job:canary.1",
            authentication_material_type="DISCOVERED_DEVICE",
            client_token="t",
        ),
        client.start_device_discovery(discovery_type=DiscoveryType.CLOUD, client_token="t", controller_id="a/b"),
        client.create_account_association(connector_destination_id="a b", name="a", client_token="t"),
        client.create_account_association(connector_destination_id="a", name="Küche", client_token="t"),
        client.create_account_association(connector_destination_id="a", name="a", client_token="t:1"),
        client.start_account_association_refresh("../a"),
        client.delete_account_association(""),
    ]
    for call in calls:
        with pytest.raises(InvalidRequestError, match="must match") as caught:
            await call
        assert caught.value.code == "ParamValidationError"
        assert "canary" not in str(caught.value)
    assert world.requests == []
    assert client.calls == ()


async def test_what_botocore_refuses_is_not_sent_either(client: Client, world: World) -> None:
    bad: Any = 7
    with pytest.raises(InvalidRequestError, match="ClientToken"):
        await client.start_device_discovery(discovery_type=DiscoveryType.CLOUD, client_token=bad)
    assert world.requests == []


# Assumed roles


async def test_an_assumed_role(make_client: MakeClient, emulator: Emulator, world: World) -> None:
    role = world.add_role("gateway", external_id="canary-external-id")
    client = make_client(**world_config(emulator, world), role_arn=role, external_id="canary-external-id")
    assert (await client.get_caller_identity()).account == world.account_id
    await asyncio.gather(client.list_managed_things(), client.list_account_associations())
    assert world.count("AssumeRole") == 1
    await client.list_managed_things()
    assert world.count("AssumeRole") == 1


async def test_an_assumed_role_is_renewed_before_it_expires(
    make_client: MakeClient, emulator: Emulator, world: World, freezer: FrozenDateTimeFactory
) -> None:
    """In the middle of a batch, with no failed call; of 15 minutes the last five are left unused."""
    role = world.add_role("gateway", max_seconds=900)
    client = make_client(**world_config(emulator, world), role_arn=role)
    assumed = []
    for _ in range(14):
        await asyncio.gather(*(client.list_account_associations() for _ in range(8)))
        assumed.append(world.count("AssumeRole"))
        freezer.tick(100)
    assert {request.error_code for request in world.requests} == {None}
    # Those who came while one renewed went on with the old ones.
    assert assumed == [1] * 6 + [2] * 6 + [3] * 2


async def test_a_role_that_can_be_assumed_no_more(
    make_client: MakeClient,
    emulator: Emulator,
    world: World,
    freezer: FrozenDateTimeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    role = world.add_role("gateway", max_seconds=900)
    client = make_client(**world_config(emulator, world), role_arn=role)
    await client.list_managed_things()
    world.remove_role(role)
    for _ in range(8):
        freezer.tick(100)
        await client.list_managed_things()
    freezer.tick(50)
    with pytest.raises(InvalidCredentialsError) as caught:
        await client.list_managed_things()
    error = caught.value
    assert "is not authorized to perform: sts:AssumeRole on resource: " + role in error.message
    assert (error.code, error.operation, error.iam_action) == ("AccessDenied", "AssumeRole", "sts:AssumeRole")
    told = [record for record in caplog.records if record.levelno >= logging.WARNING and record.name != "asyncio"]
    assert told == []
    world.add_role("gateway")
    await client.list_managed_things()


async def test_a_role_whose_sessions_were_revoked_comes_back(
    make_client: MakeClient, emulator: Emulator, world: World
) -> None:
    role = world.add_role("gateway")
    client = make_client(**world_config(emulator, world), role_arn=role)
    await client.list_managed_things()
    old = client._connection
    assert old is not None
    world.expire_sessions()
    with pytest.raises(ServiceError) as caught:
        await client.list_managed_things()
    assert caught.value.code == "ExpiredTokenException"
    await client.list_managed_things()
    # A thread that was slower to learn of it must not take the new session away.
    client._retire(old)
    await client.list_managed_things()
    assert world.count("AssumeRole") == 2


@pytest.mark.parametrize(
    ("role_arn", "external_id"),
    [
        ("arn:aws:iam::{account}:role/gateway", "wrong"),
        ("arn:aws:iam::{account}:role/gateway", None),
        ("arn:aws:iam::{account}:role/other", "canary-external-id"),
        ("short", None),
        ("arn:aws:iam::{account}:role/gateway", "!"),
    ],
)
async def test_a_role_that_cannot_be_assumed(
    make_client: MakeClient, emulator: Emulator, world: World, role_arn: str, external_id: str | None
) -> None:
    world.add_role("gateway", external_id="canary-external-id")
    client = make_client(
        **world_config(emulator, world),
        role_arn=role_arn.format(account=world.account_id),
        external_id=external_id,
    )
    with pytest.raises(InvalidCredentialsError) as caught:
        await client.list_managed_things()
    assert "canary" not in str(caught.value)
    assert world.count("ListManagedThings") == 0


async def test_a_role_without_credentials_to_assume_it(make_client: MakeClient, emulator: Emulator) -> None:
    client = make_client(
        auth_method="default_chain", endpoint_url=emulator.url, role_arn="arn:aws:iam::123456789012:role/gateway"
    )
    with pytest.raises(InvalidCredentialsError):
        await client.list_managed_things()


async def test_sts_is_down_when_the_role_is_assumed(make_client: MakeClient, emulator: Emulator, world: World) -> None:
    client = make_client(**world_config(emulator, world), role_arn=world.add_role("gateway"))
    world.drop("AssumeRole")
    with pytest.raises(CannotConnectError):
        await client.list_managed_things()
    await client.list_managed_things()


# The client itself


async def test_first_calls_at_once_share_one_session(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def counting(*args: Any, **kwargs: Any) -> Any:
        made.append(threading.current_thread())
        return create_session(*args, **kwargs)

    monkeypatch.setattr(f"{CALLS_MODULE}.create_session", counting)
    await asyncio.gather(*(client.list_account_associations() for _ in range(8)))
    assert len(made) == 1
    assert made != [threading.current_thread()]


async def test_a_failed_connection_is_tried_again(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(f"{CALLS_MODULE}.create_session", lambda *_, **__: 1 / 0)
        with pytest.raises(ServiceError) as caught:
            await client.get_caller_identity()
        assert caught.value.code == "ZeroDivisionError"
    await client.get_caller_identity()


@pytest.mark.parametrize("missing", ["operation", "service"])
async def test_an_sdk_that_is_too_old(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    if missing == "operation":
        monkeypatch.setattr(f"{CALLS_MODULE}.OPERATIONS", OPERATIONS | {"NotYetThere"})
    else:
        monkeypatch.setattr("boto3.Session.get_available_services", lambda _: ["sts"])
    with pytest.raises(UnsupportedSdkError, match="or newer"):
        await client.list_managed_things()
    assert world.requests == []


async def test_calls_are_recorded(client: Client, world: World) -> None:
    await client.list_account_associations()
    world.refuse("GetManagedThing", "ConflictException")
    with pytest.raises(ConflictError):
        await client.get_managed_thing("thing1")
    good, bad = client.calls
    assert (good.operation, good.error_code) == ("ListAccountAssociations", None)
    assert (bad.operation, bad.error_code) == ("GetManagedThing", "ConflictException")
    assert [good.request_id, bad.request_id] == [request.request_id for request in world.requests]
    assert good.latency >= 0
    assert good.at <= bad.at
    for _ in range(60):
        await client.list_account_associations()
    assert len(client.calls) == 50


async def test_the_user_agent_names_us(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    await client.get_caller_identity()
    assert client._connection is not None
    for botocore_client in client._connection.clients.values():
        assert botocore_client.meta.config.user_agent_extra == "mi_registration/test"


async def test_a_cancelled_call_leaves_nothing_behind(
    client: Client, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate(client, monkeypatch)
    world.refuse("ListManagedThings", "InternalServerException")
    call = asyncio.create_task(client.list_managed_things())
    await gate.reached()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gate.open()
    await client.close()
    gc.collect()
    assert client.calls[-1].error_code == "InternalServerException"
    assert "never retrieved" not in caplog.text


async def test_a_cancelled_call_that_waits_for_a_thread_is_not_sent(
    make_client: MakeClient, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(max_workers=1, **world_config(emulator, world))
    gate = Gate(client, monkeypatch)
    first = asyncio.create_task(client.list_managed_things())
    await gate.reached()
    second = asyncio.create_task(client.list_account_associations())
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.open()
    await first
    assert world.count("ListAccountAssociations") == 0


def own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("mi_registration")]


async def test_close_waits_for_what_is_under_way_and_leaves_no_thread(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(client.list_account_associations() for _ in range(8)))
    assert own_threads()
    gate = Gate(client, monkeypatch)
    under_way = asyncio.create_task(client.list_managed_things())
    await gate.reached()
    closing = asyncio.create_task(client.close())
    await asyncio.sleep(0)
    with pytest.raises(CannotConnectError) as caught:
        await client.list_managed_things()
    assert caught.value.code == "ClientClosed"
    assert own_threads()
    gate.open()
    await closing
    assert await under_way
    assert own_threads() == []
    with pytest.raises(CannotConnectError) as caught:
        await client.get_caller_identity()
    assert caught.value.iam_action == "sts:GetCallerIdentity"
    await client.close()


async def test_close_before_the_first_call(make_client: MakeClient) -> None:
    await make_client().close()
