"""What all tests share."""

from collections.abc import Generator

import pytest
import pytest_socket

from emulator import Emulator, World


@pytest.fixture(scope="session")
def emulator() -> Generator[Emulator]:
    """Run one emulator for all tests; each test has accounts of its own in it."""
    # The session's fixtures come before those that unblock sockets for a test.
    pytest_socket.enable_socket()
    with Emulator() as server:
        yield server


@pytest.fixture
def world(emulator: Emulator) -> World:
    """Make the account of a home: a hub with devices, two account associations, some things registered."""
    return emulator.create_world("home")


@pytest.fixture
def empty_world(emulator: Emulator) -> World:
    """Make an account with nothing in it."""
    return emulator.create_world("empty")


@pytest.fixture(autouse=True)
def _real_parts(enable_custom_integrations: None, socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Home Assistant find the integration, boto3 reach the loopback, and keep this machine's AWS settings out."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
