"""When a gateway asks AWS next, beside many others."""

from datetime import timedelta

import pytest

from custom_components.mi_registration.pacing import LONGEST_INTERVAL, Pacing, Turns

INTERVAL = timedelta(minutes=15)


def test_first_intervals_differ() -> None:
    """Gateways that start together don't stay together."""
    first = [Pacing(INTERVAL).first_interval for _ in range(200)]
    assert all(timedelta(0) <= interval <= INTERVAL for interval in first)
    assert min(first) < INTERVAL / 4
    assert max(first) > INTERVAL * 3 / 4


def test_repeated_later_and_later() -> None:
    """A poll that is throttled again and again is repeated within a longer and longer time, up to the interval."""

    def waits(tries: int) -> list[float]:
        """Return the last of so many pauses, of each of 200 gateways."""
        last = []
        for _ in range(200):
            pacing = Pacing(INTERVAL)
            last.append([pacing.throttled(None) for _ in range(tries)][-1])
        return last

    # The interval is twice as long from the first throttled poll on.
    for tries, longest in ((1, 300), (2, 600), (3, 1200), (4, 1800), (30, 1800)):
        pauses = waits(tries)
        assert 60 <= min(pauses) < 200
        assert longest * 0.8 < max(pauses) <= longest

    pacing = Pacing(timedelta(minutes=1))
    assert all(60 <= pacing.throttled(None) <= 300 for _ in range(200))
    assert pacing.throttled(5000) == 5000
    again = Pacing(INTERVAL)
    again.throttled(None)
    again.throttled(None)
    again.succeeded()
    assert 60 <= again.throttled(None) <= 300


def test_interval_follows_what_aws_serves() -> None:
    """It grows with each poll that had to be repeated, however often, and shrinks with each that had not."""
    pacing = Pacing(INTERVAL)
    pacing.succeeded()
    assert pacing.interval == INTERVAL
    for _ in range(5):
        pacing.throttled(None)
    assert pacing.interval == INTERVAL * 2
    pacing.succeeded()
    assert pacing.interval == INTERVAL * 2
    pacing.throttled(None)
    assert pacing.interval == INTERVAL * 4
    pacing.succeeded()
    shrinking = []
    for _ in range(20):
        pacing.succeeded()
        shrinking.append(pacing.interval)
    assert shrinking == sorted(shrinking, reverse=True)
    assert INTERVAL < shrinking[0] < INTERVAL * 4
    assert shrinking[-1] == INTERVAL


@pytest.mark.parametrize("interval", [INTERVAL, LONGEST_INTERVAL])
def test_at_least_once_a_day(interval: timedelta) -> None:
    """However little AWS serves, a gateway asks once a day, and then recovers as fast as from the last step."""
    pacing = Pacing(interval)
    for _ in range(50):
        pacing.throttled(None)
        pacing.succeeded()
    assert pacing.interval == LONGEST_INTERVAL
    for _ in range(60):
        pacing.succeeded()
    assert pacing.interval == interval


def test_turns() -> None:
    """A list is read in one of so many synchronisations as it has pages."""
    turns = Turns()

    def taken(count: int) -> list[bool]:
        return [turns.take() for _ in range(count)]

    assert taken(1) == [True]
    turns.read(0)
    assert taken(1) == [True]
    turns.read(3)
    assert taken(3) == [False, False, True]
    turns.read(3)
    turns.ask()
    assert taken(1) == [True]


def test_turns_after_throttling() -> None:
    """Homes that were refused together spread over more and more synchronisations."""
    turns = Turns()
    turns.read(4)
    for most in (8, 16, 32, 64, 128, 128):
        turns.throttled()
        waited = next(count for count in range(most + 1) if turns.take())
        assert 1 <= waited <= most
