"""What all tests share."""

import asyncio.constants
from collections.abc import Generator
from functools import cache

import botocore.session
from freezegun import freeze_time
from freezegun.api import TickingDateTimeFactory
import pytest
from pytest_homeassistant_custom_component.syrupy import HomeAssistantSnapshotExtension
from syrupy.assertion import SnapshotAssertion

from .emulator_fixtures import empty_world, emulator_fixture, hide_aws_settings, remove_worlds, world

__all__ = ["empty_world", "emulator_fixture", "remove_worlds", "world"]


@pytest.fixture(scope="session", autouse=True)
def _save_time() -> Generator[None]:
    """Leave out what costs half of the time of the tests and shows nothing.

    botocore reads its files of a service once, not for every session. asyncio's debug mode, with which Home Assistant's
    tests find calls from wrong threads, doesn't note where every handle, future and task was created.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        patch.setattr(asyncio.constants, "DEBUG_STACK_DEPTH", 0)
        yield


@pytest.fixture(autouse=True)
def _real_parts(enable_custom_integrations: None, socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Home Assistant find the integration, boto3 reach the loopback, and keep this machine's AWS settings out."""
    hide_aws_settings(monkeypatch)


@pytest.fixture
def moving_time() -> Generator[TickingDateTimeFactory]:
    """Let a test move time, which goes on by itself: while it stands still, as with ``freezer``, no sleep ever ends."""
    with freeze_time(tick=True) as time:
        assert isinstance(time, TickingDateTimeFactory)
        yield time


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Leave out of snapshots what differs in every run."""
    return snapshot.use_extension(HomeAssistantSnapshotExtension)
