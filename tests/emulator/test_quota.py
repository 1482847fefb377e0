"""The quota, on a clock of the test's own."""

from hypothesis import given, strategies as st
import pytest

from emulator import Emulator, World
from emulator.quota import Quota

from .conftest import error_of, make_client


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        """Start somewhere."""
        self.time = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.time


def test_burst_then_rate() -> None:
    clock = Clock()
    quota = Quota(10, clock=clock)
    assert [quota.allows("ListManagedThings") for _ in range(11)] == [True] * 10 + [False]
    assert quota.allows("GetManagedThing")
    clock.time += 0.1
    assert [quota.allows("ListManagedThings") for _ in range(2)] == [True, False]


def test_operations_with_quotas_of_their_own() -> None:
    quota = Quota(10, clock=Clock())
    assert sum(quota.allows("SendManagedThingCommand") for _ in range(200)) == 100
    assert sum(quota.allows("CreateOtaTask") for _ in range(20)) == 5


def test_no_quota() -> None:
    quota = Quota(None, clock=Clock())
    assert all(quota.allows("ListManagedThings") for _ in range(1000))


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_never_more_than_rate_and_burst(gaps: list[float]) -> None:
    clock = Clock()
    quota = Quota(10, clock=clock)
    allowed = 0
    for gap in gaps:
        clock.time += gap
        allowed += quota.allows("ListManagedThings")
    assert allowed <= 10 + 10 * (clock.time - 1000.0) + 1e-6


@pytest.mark.parametrize("status", [429, 400])
def test_over_the_wire(emulator: Emulator, world: World, status: int) -> None:
    client = make_client("iot-managed-integrations", emulator, world)
    world.quota = Quota(2, clock=Clock())
    world.set_switches(throttling_status=status)
    client.list_managed_things()
    client.list_managed_things()
    assert error_of(client.list_managed_things) == ("ThrottlingException", status, "Rate exceeded")
    client.list_account_associations()
    world.set_quota(None)
    client.list_managed_things()
