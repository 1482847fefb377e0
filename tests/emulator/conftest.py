"""What the tests of the emulator share: stock boto3 clients, and requests signed by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
from typing import Any

import boto3
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
import pytest

from emulator import Emulator, World
from tests.emulator_fixtures import empty_world, world

__all__ = ["empty_world", "world"]

CONFIG = Config(retries={"total_max_attempts": 1}, parameter_validation=False)


def make_client(service: str, emulator: Emulator, world: World, **arguments: Any) -> Any:
    """Return a boto3 client that sends what it is given, once; ``arguments`` are further ones of ``boto3.client``."""
    arguments = {
        "aws_access_key_id": world.access_key_id,
        "aws_secret_access_key": world.secret_access_key,
        "config": CONFIG,
    } | arguments
    # Its stubs want a literal as the name of the service.
    session: Any = boto3.Session()
    return session.client(service, endpoint_url=emulator.url, region_name=world.region, **arguments)


@pytest.fixture
def client(emulator: Emulator, world: World) -> Any:
    return make_client("iot-managed-integrations", emulator, world)


@pytest.fixture
def empty_client(emulator: Emulator, empty_world: World) -> Any:
    return make_client("iot-managed-integrations", emulator, empty_world)


@pytest.fixture
def sts_client(emulator: Emulator, world: World) -> Any:
    return make_client("sts", emulator, world)


@dataclass(kw_only=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        content: dict[str, Any] = json.loads(self.body)
        return content


type Send = Callable[..., Answer]


@pytest.fixture
def send(emulator: Emulator, world: World) -> Send:
    """Return a function that signs a request as told and sends it."""

    def send_signed(
        path: str = "/managed-things",
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        service: str = "iotmanagedintegrations",
        region: str = world.region,
        key: str = world.access_key_id,
        secret: str = world.secret_access_key,
        token: str | None = None,
        age: float = 0,
        change: Callable[[AWSRequest], None] | None = None,
    ) -> Answer:
        request = AWSRequest(method=method, url=emulator.url + path, data=body, headers=headers or {})
        signer = SigV4Auth(ReadOnlyCredentials(key, secret, token), service, region)
        signed_at = datetime.now(UTC) - timedelta(seconds=age)
        request.context["timestamp"] = signed_at.strftime(SIGV4_TIMESTAMP)
        request.headers["X-Amz-Date"] = request.context["timestamp"]
        if token is not None:
            request.headers["X-Amz-Security-Token"] = token
        text = signer.string_to_sign(request, signer.canonical_request(request))
        scope = f"{signer.scope(request)}, SignedHeaders={signer.signed_headers(signer.headers_to_sign(request))}"
        signature = signer.signature(text, request)
        request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, Signature={signature}"
        if change is not None:
            change(request)
        answer = URLLib3Session().send(request.prepare())
        lower = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(status=answer.status_code, headers=lower, body=answer.content)

    return send_signed


def error_of(call: Callable[[], Any]) -> tuple[str, int, str]:
    """Return code, HTTP status and message of the error that a call ends in."""
    with pytest.raises(ClientError) as caught:
        call()
    response: Any = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def code_of(call: Callable[[], Any]) -> str:
    """Return the code of the error that a call ends in."""
    return error_of(call)[0]
