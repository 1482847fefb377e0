"""AWS IoT's credential provider: a certificate instead of an access key, over real mutual TLS."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
import json
import logging
import os
from pathlib import Path
import socket
import ssl
import tempfile
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from freezegun.api import FrozenDateTimeFactory
import pytest

from custom_components.mi_registration.aws.boto3_client import Boto3ManagedIntegrationsClient
from custom_components.mi_registration.aws.endpoints import (
    EndpointError,
    InsecureEndpointError,
    credential_provider_url,
)
from custom_components.mi_registration.aws.errors import (
    AwsError,
    CannotConnectError,
    InvalidCredentialsError,
    InvalidRequestError,
    ServiceError,
    ThrottledError,
)
from emulator import Emulator, World
from emulator.pki import AUTHORITY, CertificateAuthority

from .conftest import MakeClient
from .scripted_server import ScriptedServer, answer

ALIAS = "gateways"
THING = "gateway-1"
GOOD = {
    "accessKeyId": "ASIAX",
    "secretAccessKey": "canary-secret",
    "sessionToken": "canary-token",
    "expiration": "2099-01-01T00:00:00Z",
}


@pytest.fixture
def config(emulator: Emulator, world: World) -> dict[str, Any]:
    """Set up a role alias and a device with its certificate."""
    world.add_role_alias(ALIAS, world.add_role("gateway"))
    certificate, private_key = world.create_device_certificate(THING)
    return {
        "auth_method": "iot_certificate",
        "credential_endpoint": emulator.start_credential_provider(),
        "role_alias": ALIAS,
        "thing_name": THING,
        "certificate": certificate,
        "private_key": private_key,
        "ca_certificate": world.ca_certificate_pem,
        "endpoint_url": emulator.url,
        "region": world.region,
    }


@pytest.fixture
def client(make_client: MakeClient, config: dict[str, Any]) -> Boto3ManagedIntegrationsClient:
    """Make a client with the certificate."""
    return make_client(**config)


async def failure(client: Boto3ManagedIntegrationsClient) -> AwsError:
    with pytest.raises(AwsError) as caught:
        await client.list_managed_things()
    assert caught.value.operation == "AssumeRoleWithCertificate"
    assert caught.value.iam_action == "iot:AssumeRoleWithCertificate"
    assert "PRIVATE KEY" not in f"{caught.value} {vars(caught.value)}"
    return caught.value


async def test_a_certificate_is_enough(client: Boto3ManagedIntegrationsClient, world: World) -> None:
    assert (await client.get_caller_identity()).account == world.account_id
    assert {thing.managed_thing_id for thing in await client.list_managed_things()} == set(world.things)
    (asked,) = (request for request in world.requests if request.operation == "AssumeRoleWithCertificate")
    assert asked.params == {"RoleAlias": ALIAS, "ThingName": THING}
    assert client.clock_skew == pytest.approx(0, abs=60)


async def test_an_endpoint_may_be_written_as_a_url(make_client: MakeClient, config: dict[str, Any]) -> None:
    client = make_client(**config | {"credential_endpoint": f"https://{config['credential_endpoint']}/"})
    await client.get_caller_identity()


async def test_a_role_assumed_with_a_certificate(make_client: MakeClient, config: dict[str, Any], world: World) -> None:
    client = make_client(**config, role_arn=world.add_role("home", external_id="x" * 4), external_id="x" * 4)
    await client.list_managed_things()
    assert [request.operation for request in world.requests] == [
        "AssumeRoleWithCertificate",
        "AssumeRole",
        "ListManagedThings",
    ]


async def test_credentials_are_renewed_without_a_failed_call(
    make_client: MakeClient, config: dict[str, Any], world: World, freezer: FrozenDateTimeFactory
) -> None:
    world.add_role_alias("short", world.add_role("short", max_seconds=900), seconds=900)
    client = make_client(**config | {"role_alias": "short"})
    for _ in range(12):
        await client.list_managed_things()
        freezer.tick(100)
    assert {request.error_code for request in world.requests} == {None}
    assert world.count("AssumeRoleWithCertificate") == 2


async def test_a_revoked_certificate(
    client: Boto3ManagedIntegrationsClient, config: dict[str, Any], world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.revoke_certificate(config["certificate"])
    error = await failure(client)
    assert isinstance(error, InvalidCredentialsError)
    assert (error.message, error.code, error.http_status) == ("Access Denied", "AccessDeniedException", 403)
    assert error.request_id == world.requests[-1].request_id
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"role_alias": "none"}, "Role alias does not exist"),
        ({"thing_name": "other"}, "Invalid thing name passed"),
        ({"role_alias": "a/b"}, "must match"),
        ({"thing_name": "a\r\nb: c"}, "must match"),
        ({"private_key": AUTHORITY.issue("other").private_key_pem}, "does not belong"),
        ({"certificate": "junk"}, "not valid PEM"),
    ],
)
async def test_settings_that_are_wrong(
    make_client: MakeClient, config: dict[str, Any], change: dict[str, str], text: str
) -> None:
    error = await failure(make_client(**config | change))
    assert isinstance(error, InvalidCredentialsError)
    assert text in error.message


async def test_an_expired_certificate(make_client: MakeClient, config: dict[str, Any], world: World) -> None:
    certificate, private_key = world.create_device_certificate(THING, expired=True)
    error = await failure(make_client(**config | {"certificate": certificate, "private_key": private_key}))
    assert isinstance(error, InvalidCredentialsError)
    assert "expired" in error.message
    assert world.requests == []


async def test_a_key_that_is_too_weak_for_tls(make_client: MakeClient, config: dict[str, Any], world: World) -> None:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505  # that is the point
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, THING)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, SHA256())
    )
    error = await failure(
        make_client(
            **config
            | {
                "certificate": certificate.public_bytes(Encoding.PEM).decode(),
                "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
            }
        )
    )
    assert isinstance(error, InvalidCredentialsError)
    assert "can't be used for TLS" in error.message
    assert world.requests == []


async def test_a_certificate_from_the_future_is_awss_business(
    client: Boto3ManagedIntegrationsClient, world: World
) -> None:
    """The clock here may be years behind: then the user has nothing to mend about the certificate."""
    client._clock.learn(-20 * 365 * 86400)
    await client.list_managed_things()


async def test_a_certificate_that_the_endpoint_does_not_trust(make_client: MakeClient, config: dict[str, Any]) -> None:
    stranger = CertificateAuthority("Somebody else").issue(THING)
    with tls_server(b"", wants_certificate=True) as endpoint:
        error = await failure(
            make_client(
                **config
                | {
                    "certificate": stranger.certificate_pem,
                    "private_key": stranger.private_key_pem,
                    "credential_endpoint": endpoint,
                }
            )
        )
    assert isinstance(error, InvalidCredentialsError)
    assert "the certificate was refused" in error.message
    assert "alert unknown ca" in error.message


async def test_a_certificate_of_no_account(make_client: MakeClient, config: dict[str, Any]) -> None:
    stranger = AUTHORITY.issue(THING)
    error = await failure(
        make_client(**config | {"certificate": stranger.certificate_pem, "private_key": stranger.private_key_pem})
    )
    assert isinstance(error, InvalidCredentialsError)
    assert error.message == "Certificate is invalid on this endpoint"


@pytest.mark.parametrize(
    "ca_certificate", ["", CertificateAuthority("Somebody else").certificate_pem], ids=["none", "another"]
)
async def test_an_endpoint_that_is_not_trusted(
    make_client: MakeClient, config: dict[str, Any], ca_certificate: str, world: World
) -> None:
    error = await failure(make_client(**config | {"ca_certificate": ca_certificate}))
    assert isinstance(error, CannotConnectError)
    assert "CERTIFICATE_VERIFY_FAILED" in error.message
    assert world.requests == []


async def test_nobody_listens(make_client: MakeClient, config: dict[str, Any], unused_tcp_port: int) -> None:
    error = await failure(make_client(**config | {"credential_endpoint": f"127.0.0.1:{unused_tcp_port}"}))
    assert isinstance(error, CannotConnectError)


async def test_somebody_who_speaks_no_tls(make_client: MakeClient, config: dict[str, Any]) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with one_connection(serve) as endpoint:
        error = await failure(make_client(**config | {"credential_endpoint": endpoint}))
    assert isinstance(error, CannotConnectError)


async def test_the_connection_is_dropped(client: Boto3ManagedIntegrationsClient, world: World) -> None:
    world.drop("AssumeRoleWithCertificate")
    assert isinstance(await failure(client), CannotConnectError)
    await client.list_managed_things()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ThrottlingException", ThrottledError),
        ("InternalServerException", ServiceError),
        ("ServiceUnavailableException", ServiceError),
        ("ValidationException", InvalidCredentialsError),
    ],
)
async def test_refusals(
    client: Boto3ManagedIntegrationsClient, world: World, code: str, expected: type[AwsError]
) -> None:
    world.refuse("AssumeRoleWithCertificate", code, message="because of the test")
    error = await failure(client)
    assert type(error) is expected
    assert (error.code, error.message) == (code, "because of the test")
    await client.list_managed_things()


@pytest.mark.parametrize("how", ["truncated", "garbage", "not_utf8", "html"])
async def test_spoilt_answers(client: Boto3ManagedIntegrationsClient, world: World, how: Any) -> None:
    world.garble("AssumeRoleWithCertificate", how)
    assert isinstance(await failure(client), CannotConnectError)
    await client.list_managed_things()


async def test_a_proxy_is_used(
    make_client: MakeClient, config: dict[str, Any], scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", scripted.url)
    scripted.default = answer(b"", status=403)
    endpoint = "example.credentials.iot.eu-west-1.amazonaws.com"
    error = await failure(make_client(**config | {"credential_endpoint": endpoint}))
    assert isinstance(error, CannotConnectError)
    assert scripted.requests[0].startswith(f"CONNECT {endpoint}:443 HTTP/1.")


# A provider that answers what a test wrote down


@contextmanager
def one_connection(serve: Callable[[socket.socket], object]) -> Generator[str]:
    """Serve one connection on the loopback; yields its address."""

    def accept() -> None:
        connection, _ = listener.accept()
        with connection:
            serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        serving = pool.submit(accept)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        serving.result()


@contextmanager
def tls_server(content: bytes, *, wants_certificate: bool = False) -> Generator[str]:
    """Send one answer over TLS, to nobody without a certificate of the emulator's authority if that is wanted."""
    own = AUTHORITY.issue("provider", hosts=["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=AUTHORITY.certificate_pem)
    context.verify_mode = ssl.CERT_REQUIRED if wants_certificate else ssl.CERT_NONE
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(own.certificate_pem + own.private_key_pem)
        file.flush()
        context.load_cert_chain(file.name)

    def serve(connection: socket.socket) -> None:
        with connection.dup() as open_still:
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(65536)
                    secured.sendall(content)
            except ssl.SSLCertVerificationError:
                # What the client sent is read, else closing would take the alert back.
                open_still.recv(65536)

    with one_connection(serve) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("content", "expected", "text"),
    [
        (answer([]), CannotConnectError, "no credentials"),
        (answer({}), CannotConnectError, "no credentials"),
        (answer({"credentials": None}), CannotConnectError, "no credentials"),
        (answer({"credentials": GOOD | {"sessionToken": 7}}), CannotConnectError, "no credentials"),
        (answer({"credentials": GOOD | {"expiration": "soon"}}), CannotConnectError, "no credentials"),
        (answer({"Message": "by the test"}, status=403), InvalidCredentialsError, "by the test"),
        (answer({"message": 7}, status=403), InvalidCredentialsError, "HTTP status 403"),
        (answer(b"<html/>", status=403, request_id=None), InvalidCredentialsError, "HTTP status 403"),
        (answer({}, status=400), InvalidCredentialsError, "HTTP status 400"),
        (answer({}, status=404), InvalidCredentialsError, "HTTP status 404"),
        (answer({}, status=429), ThrottledError, "HTTP status 429"),
        (answer({}, status=502), ServiceError, "HTTP status 502"),
        (answer({}, status=302, headers={"Location": "https://127.0.0.1:1"}), ServiceError, "HTTP status 302"),
    ],
    ids=lambda value: value[9:13].decode() if isinstance(value, bytes) else None,
)
async def test_answers(
    make_client: MakeClient, config: dict[str, Any], content: bytes, expected: type[AwsError], text: str
) -> None:
    with tls_server(content) as endpoint:
        error = await failure(make_client(**config | {"credential_endpoint": endpoint}))
    assert type(error) is expected
    assert text in error.message


@pytest.mark.parametrize("expiration", ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00"])
async def test_an_answer_as_aws_documents_it(
    make_client: MakeClient, config: dict[str, Any], scripted: ScriptedServer, expiration: str
) -> None:
    scripted.default = answer({"Items": []})
    with tls_server(answer({"credentials": GOOD | {"expiration": expiration}})) as endpoint:
        client = make_client(**config | {"credential_endpoint": endpoint, "endpoint_url": scripted.url})
        await client.list_managed_things()
    assert "Credential=ASIAX/" in scripted.requests[0]
    assert "canary-token" in scripted.requests[0]


# Secrets


async def test_the_key_is_on_disk_only_while_it_is_read(
    client: Boto3ManagedIntegrationsClient,
    config: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[tuple[int, int, bool]] = []

    class Watched(ssl.SSLContext):
        def load_cert_chain(self, certfile: Any, *args: Any, **kwargs: Any) -> None:
            file = Path(certfile)
            seen.append((file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777, tmp_path in file.parents))
            super().load_cert_chain(certfile, *args, **kwargs)

    def create(**kwargs: Any) -> ssl.SSLContext:
        context = Watched(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(**kwargs)
        return context

    monkeypatch.setattr(ssl, "create_default_context", create)
    old = os.umask(0)
    try:
        await client.list_managed_things()
    finally:
        os.umask(old)
    assert seen == [(0o700, 0o600, True)]
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # pathlib's way is refused in a coroutine


async def test_nothing_secret_is_shown(
    client: Boto3ManagedIntegrationsClient, config: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await client.list_managed_things()
    body = "".join(config["private_key"].splitlines()[1:-1])[:40]
    shown = f"{client._settings!r} {caplog.text} {client.calls}"
    assert body not in shown
    assert "PRIVATE KEY" not in shown
    assert config["private_key"] in client._settings.secrets
    assert json.dumps(config["thing_name"]).strip('"') in repr(client._settings)


# The endpoint


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("abc.credentials.iot.eu-west-1.amazonaws.com", "https://abc.credentials.iot.eu-west-1.amazonaws.com"),
        ("127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("[::1]:8443", "https://[::1]:8443"),
        ("https://localhost:8443/", "https://localhost:8443"),
    ],
)
def test_endpoints(endpoint: str, url: str) -> None:
    assert credential_provider_url(endpoint) == url


@pytest.mark.parametrize("endpoint", ["", "https://", "ftp://x", "a/b", "a?b", "a#b", "u:p@a", "a:port", "http://[::1"])
def test_endpoints_that_are_none(endpoint: str) -> None:
    with pytest.raises(EndpointError):
        credential_provider_url(endpoint)


@pytest.mark.parametrize("endpoint", ["http://api.example", "http://127.0.0.1:80"])
async def test_an_endpoint_without_tls(make_client: MakeClient, config: dict[str, Any], endpoint: str) -> None:
    with pytest.raises(InsecureEndpointError):
        credential_provider_url(endpoint)
    with pytest.raises(InvalidRequestError) as caught:
        await make_client(**config | {"credential_endpoint": endpoint}).list_managed_things()
    assert caught.value.code == "InsecureEndpointError"
