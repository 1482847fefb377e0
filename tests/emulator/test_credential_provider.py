"""AWS IoT's credential provider over real mutual TLS."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPSConnection
import json
from pathlib import Path
import socket
import ssl
from typing import Any
from urllib.parse import quote

from freezegun.api import FrozenDateTimeFactory
import pytest

from emulator import Emulator, World
from emulator.pki import CertificateAuthority

from .conftest import Answer, code_of, make_client

OPERATION = "AssumeRoleWithCertificate"


@dataclass(kw_only=True)
class Device:
    """A gateway with its certificate, and all that it needs in AWS."""

    emulator: Emulator
    world: World
    directory: Path
    certificate: str
    private_key: str
    role: str

    def context(self, certificate: str | None = None, private_key: str | None = None) -> ssl.SSLContext:
        """Return a TLS context that trusts the provider, and shows this or another certificate."""
        context = ssl.create_default_context(cadata=self.world.ca_certificate_pem)
        file = self.directory / "device.pem"
        file.write_text((certificate or self.certificate) + (private_key or self.private_key))
        context.load_cert_chain(file)
        return context

    def ask(
        self,
        alias: str = "gateway",
        *,
        thing_name: str | None = "cellar-hub",
        context: ssl.SSLContext | None = None,
        path: str | None = None,
        method: str = "GET",
    ) -> Answer:
        """Ask for credentials."""
        headers = {} if thing_name is None else {"x-amzn-iot-thingname": thing_name}
        connection = HTTPSConnection(self.emulator.credential_endpoint, context=context or self.context(), timeout=30)
        with closing(connection):
            connection.request(method, path or f"/role-aliases/{quote(alias)}/credentials", headers=headers)
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(status=answer.status, headers=lower, body=answer.read())

    def client(self, service: str = "iot-managed-integrations") -> Any:
        """Return a client with fresh credentials."""
        credentials = self.ask().json["credentials"]
        return make_client(
            service,
            self.emulator,
            self.world,
            aws_access_key_id=credentials["accessKeyId"],
            aws_secret_access_key=credentials["secretAccessKey"],
            aws_session_token=credentials["sessionToken"],
        )


@pytest.fixture
def device(emulator: Emulator, world: World, tmp_path: Path) -> Device:
    emulator.start_credential_provider()
    certificate, private_key = world.create_device_certificate("cellar-hub")
    role = world.add_role("gateway-role")
    world.add_role_alias("gateway", role)
    return Device(
        emulator=emulator,
        world=world,
        directory=tmp_path,
        certificate=certificate,
        private_key=private_key,
        role=role,
    )


def refusal(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.headers["x-amzn-errortype"], answer.json["message"]


def test_credentials_work_and_end(device: Device, world: World) -> None:
    answer = device.ask()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert list(answer.json) == ["credentials"]
    credentials = answer.json["credentials"]
    assert set(credentials) == {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}
    left = datetime.strptime(credentials["expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(minutes=58) < left <= timedelta(hours=1)
    client = device.client()
    assert len(client.list_managed_things()["Items"]) == 13
    arn = device.client("sts").get_caller_identity()["Arn"]
    assert arn.startswith(f"arn:aws:sts::{world.account_id}:assumed-role/gateway-role/")
    world.advance(3601)
    assert code_of(client.list_managed_things) == "ExpiredTokenException"
    device.client().list_managed_things()


def test_frozen_time(device: Device, freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to("2031-05-05T12:00:00+00:00")
    answer = device.ask()
    assert answer.json["credentials"]["expiration"] == "2031-05-05T13:00:00Z"
    assert answer.headers["date"] == "Mon, 05 May 2031 12:00:00 GMT"


@pytest.mark.parametrize("offset", [0, -7200, 7200])
def test_expiration_is_by_the_clock_of_aws(device: Device, world: World, offset: float) -> None:
    world.advance(86_400)
    world.set_clock_offset(offset)
    expiration = datetime.fromisoformat(device.ask().json["credentials"]["expiration"])
    assert abs(expiration - (world.now + timedelta(seconds=offset, hours=1))) < timedelta(minutes=1)


def test_request_log(device: Device, world: World) -> None:
    answer = device.ask()
    (request,) = world.requests
    assert (request.operation, request.service, request.status) == (OPERATION, "iot", 200)
    assert request.params == {"RoleAlias": "gateway", "ThingName": "cellar-hub"}
    assert request.request_id == answer.headers["x-amzn-requestid"]
    assert world.count(OPERATION) == 1


def test_thing_name(device: Device) -> None:
    assert device.ask(thing_name=None).status == 200
    answer = device.ask(thing_name="attic-hub")
    assert refusal(answer) == (403, "AccessDeniedException", "Invalid thing name passed")


def test_revoked_certificate(device: Device, world: World) -> None:
    client = device.client()
    world.revoke_certificate(device.certificate)
    assert refusal(device.ask()) == (403, "AccessDeniedException", "Access Denied")
    client.list_managed_things()


def test_policy_without_the_action(device: Device, world: World) -> None:
    world.deny("iot:AssumeRoleWithCertificate")
    assert refusal(device.ask()) == (403, "AccessDeniedException", "Access Denied")
    world.allow("iot:AssumeRoleWithCertificate")
    assert device.ask().status == 200


def no_alias(device: Device) -> None:
    device.world.remove_role_alias("gateway")


def no_role(device: Device) -> None:
    device.world.remove_role(device.role)


def too_long(device: Device) -> None:
    device.world.add_role_alias("gateway", device.role, seconds=3601)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (no_alias, (404, "ResourceNotFoundException", "Role alias does not exist")),
        (
            no_role,
            (400, "InvalidRequestException", "Unable to assume the role, or the role to assume does not exist"),
        ),
        (
            too_long,
            (
                400,
                "InvalidRequestException",
                "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role",
            ),
        ),
    ],
)
def test_roles(device: Device, change: Callable[[Device], None], expected: tuple[int, str, str]) -> None:
    change(device)
    answer = device.ask()
    assert refusal(answer) == expected
    assert device.world.requests[-1].error_code == expected[1]


def test_alias_is_decoded(device: Device, world: World) -> None:
    world.add_role_alias("a=b,c@d", device.role, seconds=900)
    assert device.ask("a=b,c@d").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/role-aliases//credentials"), ("POST", "/role-aliases/gateway/credentials")],
)
def test_other_paths(device: Device, method: str, path: str) -> None:
    assert refusal(device.ask(method=method, path=path)) == (404, "ResourceNotFoundException", "Not Found")


def certificate_of_a_stranger(device: Device) -> ssl.SSLContext:
    issued = CertificateAuthority().issue("cellar-hub")
    return device.context(issued.certificate_pem, issued.private_key_pem)


def expired_certificate(device: Device) -> ssl.SSLContext:
    return device.context(*device.world.create_device_certificate("cellar-hub", expired=True))


def no_certificate(device: Device) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=device.world.ca_certificate_pem)


@pytest.mark.parametrize("context", [certificate_of_a_stranger, expired_certificate, no_certificate])
def test_handshake_fails(device: Device, context: Callable[[Device], ssl.SSLContext]) -> None:
    with pytest.raises(OSError, match=r"alert|reset|EOF|closed|Broken pipe"):
        device.ask(context=context(device))
    assert device.world.requests == []
    assert device.ask().status == 200


def test_provider_is_not_trusted_by_default(device: Device) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        device.ask(context=ssl.create_default_context())


def test_certificate_that_no_account_has(emulator: Emulator, device: Device) -> None:
    other = emulator.create_world("empty")
    context = device.context(*other.create_device_certificate("cellar-hub"))
    assert device.ask(context=context).status == 404
    assert other.requests[-1].operation == OPERATION
    emulator.remove_world(other)
    answer = device.ask(context=context)
    assert refusal(answer) == (403, "AccessDeniedException", "Certificate is invalid on this endpoint")
    assert emulator.strangers[-1].operation == OPERATION


def test_faults(device: Device, world: World) -> None:
    world.refuse(OPERATION, "ServiceUnavailableException", message="Later")
    world.refuse(OPERATION, "ThrottlingException", retry_after=3)
    assert refusal(device.ask()) == (503, "ServiceUnavailableException", "Later")
    answer = device.ask()
    assert (answer.status, answer.headers["retry-after"]) == (429, "3")
    for when in ("before", "after"):
        world.drop(OPERATION, when)
        with pytest.raises((OSError, HTTPException)):
            device.ask()
    world.garble(OPERATION)
    with pytest.raises(json.JSONDecodeError):
        _ = device.ask().json
    world.offline()
    with pytest.raises((OSError, HTTPException)):
        device.ask()
    world.offline(False)
    world.set_clock_offset(-3600)
    world.set_latency(0.01, OPERATION)
    answer = device.ask()
    assert answer.status == 200
    told = datetime.strptime(answer.headers["date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert datetime.now(UTC) - told > timedelta(minutes=59)


def test_plain_http_gets_nothing(device: Device) -> None:
    host, _, port = device.emulator.credential_endpoint.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"GET /role-aliases/gateway/credentials HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            received = connection.recv(1024)
        except ConnectionResetError:
            received = b""
    assert b"HTTP/1.1 200" not in received


def test_starts_once_and_stops(emulator: Emulator, socket_enabled: None) -> None:
    own = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        own.start_credential_provider()
    with own:
        with pytest.raises(RuntimeError, match="not running"):
            _ = own.credential_endpoint
        with pytest.raises(OSError, match="in use"):
            own.start_credential_provider(own.port)
        endpoint = own.start_credential_provider()
        assert own.start_credential_provider() == own.credential_endpoint == endpoint
    host, _, port = endpoint.rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=30)
    with pytest.raises(RuntimeError, match="not running"):
        _ = own.credential_endpoint


def test_no_certificate_without_pem(world: World) -> None:
    with pytest.raises(ValueError, match="PEM"):
        world.revoke_certificate("nonsense")
    with pytest.raises(LookupError):
        world.revoke_certificate(CertificateAuthority().certificate_pem)
