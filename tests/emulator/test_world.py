"""What tests do to a world behind the service's back."""

from datetime import UTC, datetime
from typing import Any

from freezegun.api import FrozenDateTimeFactory
import pytest

from emulator import Emulator, Switches, World

from .conftest import make_client


def test_changes_by_somebody_else(client: Any, empty_world: World, world: World) -> None:
    thing, acme = world.thing_id("Kitchen ceiling light"), world.association_id("Acme Lighting")
    world.deregister(thing, acme)
    assert client.get_managed_thing(Identifier=thing)["ProvisioningStatus"] == "ISOLATED"
    world.register(thing, acme, "PRE_ASSOCIATED")
    assert client.get_managed_thing(Identifier=thing)["ProvisioningStatus"] == "ISOLATED"
    world.register(thing, acme)
    assert client.get_managed_thing(Identifier=thing)["ProvisioningStatus"] == "ACTIVATED"
    before = world.things[thing]["UpdatedAt"]
    world.advance(1)
    world.update_thing(thing, status="DELETION_FAILED", Name="Old light")
    details = client.get_managed_thing(Identifier=thing)
    assert (details["ProvisioningStatus"], details["Name"]) == ("DELETION_FAILED", "Old light")
    assert details["UpdatedAt"] > before
    assert empty_world.things == empty_world.associations == empty_world.discoveries == {}


def test_switches_from_the_start(emulator: Emulator, socket_enabled: None) -> None:
    world = emulator.create_world("home", switches=Switches(default_page_size=3), region="me-central-1")
    client = make_client("iot-managed-integrations", emulator, world)
    assert len(client.list_managed_things()["Items"]) == 3
    emulator.remove_world(world)


def test_clock_of_the_tests_own(emulator: Emulator, socket_enabled: None) -> None:
    new_year = datetime(2030, 1, 1, tzinfo=UTC)
    world = emulator.create_world("empty", clock=lambda: new_year)
    world.add_thing(name="Lamp")
    client = make_client("iot-managed-integrations", emulator, world)
    assert client.list_managed_things()["Items"][0]["CreatedAt"] == new_year
    assert world.now == new_year
    emulator.remove_world(world)


def test_frozen_time(client: Any, sts_client: Any, world: World, freezer: FrozenDateTimeFactory) -> None:
    freezer.move_to("2031-05-05T12:00:00+00:00")
    world.set_latency(0.01)
    client.list_managed_things()
    sts_client.assume_role(RoleArn=world.add_role("gateway"), RoleSessionName="test")
    assert [request.status for request in world.requests] == [200, 200]


def test_service_time_runs_events_in_order(world: World) -> None:
    order: list[tuple[str, datetime]] = []
    start = world.now
    world.timeline.after(20, lambda: order.append(("second", world.timeline.now)))
    world.timeline.after(10, lambda: order.append(("first", world.timeline.now)))
    world.timeline.after(0, lambda: order.append(("at once", world.timeline.now)))
    world.advance(60)
    assert [name for name, _ in order] == ["at once", "first", "second"]
    assert [(at - start).total_seconds() for _, at in order] == pytest.approx([0, 10, 20], abs=1)
