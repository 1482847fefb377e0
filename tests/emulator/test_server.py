"""The server, its control over HTTP, its command line and its worlds."""

from contextlib import suppress
import json
import os
from pathlib import Path
import signal
import socket
import ssl
import subprocess
import sys
import threading
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
from botocore.exceptions import EndpointConnectionError
import pytest

from emulator import Emulator, World, coverage
from emulator.responses import IMPLEMENTED
from emulator.service_model import MODEL

from .conftest import CONFIG, code_of, make_client

ROOT = Path(__file__).parents[2]


def control(emulator: Emulator, path: str, body: dict[str, Any] | list[Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{emulator.url}/_emulator/{path}", data=data)) as answer:  # noqa: S310  # always http
        return json.load(answer)


def test_control(emulator: Emulator, client: Any, world: World) -> None:
    account = {"account_id": world.account_id}
    described = next(row for row in control(emulator, "worlds")["worlds"] if row["account_id"] == world.account_id)
    assert described["access_key_id"] == world.access_key_id
    control(emulator, "refuse", account | {"operation": "ListManagedThings", "code": "ConflictException"})
    assert code_of(client.list_managed_things) == "ConflictException"
    thing = control(emulator, "add_thing", account | {"name": "From afar"})["result"]
    assert world.things[thing]["Name"] == "From afar"
    (request,) = control(emulator, f"requests?account_id={world.account_id}")["requests"]
    assert (request["operation"], request["error_code"]) == ("ListManagedThings", "ConflictException")
    control(emulator, "clear_requests", account)
    assert world.requests == []


def test_control_of_linking_and_certificates(emulator: Emulator, client: Any, world: World) -> None:
    account = {"account_id": world.account_id}
    answer = client.create_account_association(ConnectorDestinationId="contoso-locks")
    association = {"association_id": answer["AccountAssociationId"]}
    control(emulator, "authorize", account | association | {"allow": False})
    assert world.associations[association["association_id"]]["AssociationState"] == "ASSOCIATION_FAILED"
    with pytest.raises(HTTPError) as caught:
        control(emulator, "authorize", account | association)
    with caught.value as refused:
        assert refused.code == 400
    assert control(emulator, "ca_certificate") == {"ca_certificate_pem": world.ca_certificate_pem}
    certificate, _ = control(emulator, "create_device_certificate", account | {"thing_name": "hub"})["result"]
    assert [entry.thing_name for entry in world.certificates.values()] == ["hub"]
    control(emulator, "revoke_certificate", account | {"certificate_pem": certificate})
    assert [entry.active for entry in world.certificates.values()] == [False]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("dance", {}),
        ("backend", {}),
        ("refuse", {"account_id": "1"}),
        ("refuse", {"operation": "ListManagedThings"}),
        ("remove_thing", {"thing_id": "nowhere"}),
        ("drop", {"when": "sometimes"}),
        ("garble", {"how": "politely"}),
        ("requests?account_id=1", None),
        ("clear_requests", []),
    ],
)
def test_control_refuses_nonsense(
    emulator: Emulator, empty_world: World, path: str, body: dict[str, Any] | list[Any] | None
) -> None:
    if isinstance(body, dict):
        body = {"account_id": empty_world.account_id} | body
    with pytest.raises(HTTPError) as caught:
        control(emulator, path, body)
    with caught.value as answer:
        assert answer.code == 400
        assert "error" in json.load(answer)


def test_starts_and_stops(socket_enabled: None) -> None:
    emulator = Emulator()
    emulator.stop()
    before = threading.active_count()
    with emulator:
        world = emulator.create_world("home")
        assert threading.active_count() == before + 1
        client = make_client("iot-managed-integrations", emulator, world)
        client.list_managed_things()
        assert threading.active_count() == before + 1
        (described,) = control(emulator, "worlds")["worlds"]
        assert described["account_id"] == "123456789012"
        assert control(emulator, "advance", {"seconds": 1}) == {"result": None}
    assert threading.active_count() == before
    with pytest.raises(EndpointConnectionError):
        client.list_managed_things()


def test_port_in_use(emulator: Emulator, socket_enabled: None) -> None:
    with pytest.raises(OSError, match="in use"):
        Emulator(port=emulator.port).start()


def test_serves_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        Emulator(host="0.0.0.0")  # noqa: S104  # it is refused
    assert Emulator(host="0.0.0.0", allow_remote=True).host == "0.0.0.0"  # noqa: S104  # never started
    assert Emulator(host="::1", port=80).url == "http://[::1]:80"


def test_accounts(emulator: Emulator, world: World) -> None:
    assert emulator.create_world("empty").account_id != world.account_id
    with pytest.raises(ValueError, match="already"):
        emulator.create_world("empty", account_id=world.account_id)
    for name in ("nowhere", "fleet", "fleet:0", "fleet:x"):
        with pytest.raises(ValueError, match="No such world"):
            emulator.create_world(name)


def test_removed_world_is_forgotten(emulator: Emulator, socket_enabled: None) -> None:
    world = emulator.create_world("empty")
    client = make_client("iot-managed-integrations", emulator, world)
    client.list_managed_things()
    emulator.remove_world(world)
    assert code_of(client.list_managed_things) == "UnrecognizedClientException"


def test_worlds_are_the_same_in_every_run() -> None:
    first, second = (World(account_id="000000000001") for _ in range(2))
    assert first.add_thing(name="a") == second.add_thing(name="a")
    assert first.add_thing(name="b") == second.add_thing(name="b")
    assert first.add_association() == second.add_association()


def test_fleet(emulator: Emulator, socket_enabled: None) -> None:
    world = emulator.create_world("fleet:1000")
    client = make_client("iot-managed-integrations", emulator, world)
    things = client.list_managed_things(MaxResults=1000)["Items"]
    assert len(things) == 1000
    assert sum(thing["Role"] == "CONTROLLER" for thing in things) == 10
    assert len(client.list_account_associations()["Items"]) == 4
    assert len(world.registrations) == pytest.approx(500, abs=10)
    loose = next(thing["Id"] for thing in things if thing["ProvisioningStatus"] == "UNASSOCIATED")
    association = next(
        row["AccountAssociationId"]
        for row in client.list_account_associations()["Items"]
        if row["ConnectorDestinationId"] == world.things[loose]["ConnectorDestinationId"]
    )
    client.register_account_association(
        ManagedThingId=loose,
        AccountAssociationId=association,
        DeviceDiscoveryId=world.discovery_id(association),
    )
    assert world.problems == []
    emulator.remove_world(world)


def test_small_fleets(emulator: Emulator) -> None:
    for size in (1, 2, 7):
        world = emulator.create_world(f"fleet:{size}")
        assert len(world.things) == size
        emulator.remove_world(world)


def run(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "emulator", *arguments],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_line(socket_enabled: None, number: signal.Signals) -> None:
    with run("--world", "empty", "--region", "ca-central-1", "--quota", "0") as process:
        assert process.stdout is not None
        told = dict(line.rstrip("\n").split("  ", 1) for line in (process.stdout.readline() for _ in range(4)))
        values = {name: value.strip() for name, value in told.items()}
        client: Any = boto3.client(
            "iot-managed-integrations",
            endpoint_url=values["endpoint URL"],
            region_name="ca-central-1",
            aws_access_key_id=values["access key id"],
            aws_secret_access_key=values["secret access key"],
            config=CONFIG,
        )
        assert client.list_managed_things()["Items"] == []
        process.send_signal(number)
        assert process.wait() == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_command_line_with_credential_provider(socket_enabled: None) -> None:
    with run("--world", "empty", "--credential-provider-port", "0") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        host, _, port = lines[-1].removeprefix("credentials").strip().rpartition(":")
        # The handshake of a client without a certificate is through when the server has hung up.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection((host, int(port)), timeout=30) as plain,
            suppress(ssl.SSLError, ConnectionError),
            context.wrap_socket(plain) as connection,
        ):
            connection.recv(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_command_line_names_what_is_wrong(emulator: Emulator) -> None:
    for arguments in (
        ("--port", str(emulator.port)),
        ("--credential-provider-port", str(emulator.port)),
        ("--world", "nowhere"),
        ("--host", "192.0.2.1"),
    ):
        with run(*arguments) as process:
            _, error = process.communicate()
            assert process.returncode == 1
            assert error.startswith("python -m emulator: ")
            assert len(error.splitlines()) == 1


def test_table_of_operations_is_current() -> None:
    text = coverage.README.read_text(encoding="utf-8")
    assert coverage.updated(text) == text
    assert coverage.REASONS.keys() == set(MODEL.operation_names) - IMPLEMENTED.keys()
    assert coverage.table().count("\n| ") == 85
    assert "| RegisterAccountAssociation | implemented |" in coverage.table()
    with pytest.raises(ValueError, match="no place"):
        coverage.updated("no table here")
