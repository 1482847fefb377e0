"""Fixtures of the emulator, for any part of the tests."""

from collections.abc import Generator, Iterator

import pytest
import pytest_socket

from emulator import Emulator, World


def hide_aws_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep out the AWS settings of this machine."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session", name="emulator")
def emulator_fixture() -> Iterator[Emulator]:
    """Start an emulator for all tests: its thread must exist before a test starts."""
    pytest_socket.enable_socket()
    with Emulator() as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def remove_worlds(request: pytest.FixtureRequest) -> Generator[None]:
    """Remove what else a test created, so that the next one's first account has the same id as ever."""
    if "emulator" not in request.fixturenames:
        yield
        return
    emulator: Emulator = request.getfixturevalue("emulator")
    before = set(emulator.service.worlds)
    yield
    for key in set(emulator.service.worlds) - before:
        emulator.remove_world(emulator.service.worlds[key])


def own_world(emulator: Emulator, name: str) -> Generator[World]:
    """Yield a world, then fail the test if the emulator itself had a bug meanwhile."""
    world = emulator.create_world(name)
    yield world
    emulator.remove_world(world)
    assert world.problems == []


@pytest.fixture
def world(emulator: Emulator, socket_enabled: None) -> Generator[World]:
    """Create a home of this test's own, account 123456789012 in eu-west-1."""
    yield from own_world(emulator, "home")


@pytest.fixture
def empty_world(emulator: Emulator, socket_enabled: None) -> Generator[World]:
    """Create an account of this test's own with nothing in it."""
    yield from own_world(emulator, "empty")
