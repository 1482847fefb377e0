"""What all tests share."""

import pytest
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from .emulator_fixtures import empty_world, emulator_fixture, remove_worlds, world

__all__ = ["empty_world", "emulator_fixture", "remove_worlds", "world"]


@pytest.fixture(autouse=True)
def _real_parts(enable_custom_integrations: None, socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Home Assistant find the integration, boto3 reach the loopback, and keep this machine's AWS settings out."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Leave out of snapshots what differs in every run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)
