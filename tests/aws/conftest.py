"""What the tests of the AWS layer share."""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

from custom_components.mi_registration.aws.boto3_client import Boto3ManagedIntegrationsClient
from custom_components.mi_registration.aws.quota import Quota
from custom_components.mi_registration.aws.session import ConnectionSettings
from emulator import Emulator, World
from tests.emulator_fixtures import hide_aws_settings

from .scripted_server import ScriptedServer

type MakeClient = Callable[..., Boto3ManagedIntegrationsClient]

ACCESS_KEY_ID = "AKIACANARYCANARY0001"
SECRET_ACCESS_KEY = "canary-secret-access-key-0000000000000001"


@pytest.fixture(autouse=True)
def _real_parts(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the place of the fixture for all tests: here nothing needs a Home Assistant.

    Lets sockets through to the loopback and keeps this machine's own AWS settings out.
    """
    hide_aws_settings(monkeypatch)


@pytest.fixture
async def make_client() -> AsyncGenerator[MakeClient]:
    """Make clients from the flat data of a configuration; they are closed after the test."""
    clients: list[Boto3ManagedIntegrationsClient] = []

    def make(*, quota: Quota | None = None, max_workers: int = 8, **data: Any) -> Boto3ManagedIntegrationsClient:
        defaults = {
            "region": "eu-west-1",
            "auth_method": "access_key",
            "access_key_id": ACCESS_KEY_ID,
            "secret_access_key": SECRET_ACCESS_KEY,
        }
        client = Boto3ManagedIntegrationsClient(
            ConnectionSettings.from_config(defaults | data),
            quota=quota or Quota(100_000),
            user_agent_extra="mi_registration/test",
            max_workers=max_workers,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
def scripted() -> Generator[ScriptedServer]:
    """Run a server that sends what the test wrote down."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def scripted_client(make_client: MakeClient, scripted: ScriptedServer) -> Boto3ManagedIntegrationsClient:
    """Make a client of the scripted server."""
    return make_client(endpoint_url=scripted.url)


@pytest.fixture
def client(make_client: MakeClient, emulator: Emulator, world: World) -> Boto3ManagedIntegrationsClient:
    """Make a client of the world."""
    return make_client(**world_config(emulator, world))


def world_config(emulator: Emulator, world: World) -> dict[str, Any]:
    """Return what connects to a world."""
    return {
        "endpoint_url": emulator.url,
        "region": world.region,
        "access_key_id": world.access_key_id,
        "secret_access_key": world.secret_access_key,
    }
