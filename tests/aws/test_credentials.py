"""Temporary credentials and when they are renewed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
import logging
import threading
from typing import override

import pytest

from custom_components.mi_registration.aws.clock import Clock
from custom_components.mi_registration.aws.credentials import RenewableCredentials, TemporaryCredentials

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Hands(Clock):
    """A clock that a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.time = START

    @override
    def now(self) -> datetime:
        return self.time


class Source:
    """Gives numbered credentials, each good for ``life``."""

    def __init__(self, clock: Clock, life: timedelta) -> None:
        self.clock = clock
        self.life = life
        self.given = 0
        self.asked = 0
        self.error: Exception | None = None
        self.before: Callable[[], object] = lambda: None

    def renew(self) -> TemporaryCredentials:
        """Give the next ones, or raise the error."""
        self.asked += 1
        self.before()
        if self.error is not None:
            raise self.error
        self.given += 1
        return TemporaryCredentials(
            access_key_id=f"key-{self.given}",
            secret_access_key="canary-secret",
            session_token="canary-token",
            expires=self.clock.now() + self.life,
        )


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def source(clock: Hands) -> Source:
    return Source(clock, timedelta(hours=1))


@pytest.fixture
def credentials(source: Source, clock: Hands) -> RenewableCredentials:
    return RenewableCredentials(source.renew, method="test", clock=clock)


def key(credentials: RenewableCredentials) -> str | None:
    return credentials.get_frozen_credentials().access_key


def test_nothing_is_asked_before_it_is_needed(credentials: RenewableCredentials, source: Source) -> None:
    assert source.asked == 0
    assert credentials.get_frozen_credentials()[:3] == ("key-1", "canary-secret", "canary-token")
    assert credentials.method == "test"


@pytest.mark.parametrize(("minutes", "before"), [(60, 15), (45, 15), (15, 5), (720, 15)])
def test_when_they_are_renewed(
    credentials: RenewableCredentials, source: Source, clock: Hands, minutes: int, before: int
) -> None:
    source.life = timedelta(minutes=minutes)
    assert key(credentials) == "key-1"
    clock.time = START + timedelta(minutes=minutes - before, seconds=-1)
    assert key(credentials) == "key-1"
    clock.time += timedelta(seconds=1)
    assert key(credentials) == "key-2"
    assert key(credentials) == "key-2"
    assert source.asked == 2


def test_good_ones_are_used_while_renewing_fails(
    credentials: RenewableCredentials, source: Source, clock: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    key(credentials)
    source.error = ValueError("canary")
    clock.time = START + timedelta(minutes=50)
    assert key(credentials) == "key-1"
    assert key(credentials) == "key-1"
    assert source.asked == 2, "not with every request"
    clock.time += timedelta(minutes=1)
    assert key(credentials) == "key-1"
    assert source.asked == 3
    clock.time = START + timedelta(minutes=59, seconds=1)
    for _ in range(2):
        with pytest.raises(ValueError, match="canary"):
            key(credentials)
    source.error = None
    assert key(credentials) == "key-2"
    assert caplog.text == ""


def test_the_first_ones_cannot_be_had(credentials: RenewableCredentials, source: Source) -> None:
    source.error = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        key(credentials)
    source.error = None
    assert key(credentials) == "key-1"


def test_one_thread_renews_and_the_others_go_on(
    credentials: RenewableCredentials, source: Source, clock: Hands
) -> None:
    key(credentials)
    clock.time = START + timedelta(minutes=50)
    reached, go = threading.Event(), threading.Event()

    def held() -> None:
        reached.set()
        go.wait()

    source.before = held
    found: list[str | None] = []
    renewing = threading.Thread(target=lambda: found.append(key(credentials)))
    renewing.start()
    reached.wait()
    assert key(credentials) == "key-1"
    go.set()
    renewing.join()
    assert found == ["key-2"]
    assert source.asked == 2


@pytest.mark.parametrize("minutes", [50, 60])
def test_a_thread_that_comes_late_takes_what_another_got(
    credentials: RenewableCredentials, source: Source, clock: Hands, minutes: int
) -> None:
    """It saw the old ones, and got the lock when they had been replaced."""
    key(credentials)
    clock.time = START + timedelta(minutes=minutes)
    lock = credentials._renewing

    class LateLock:
        entered = False

        def acquire(self, *, blocking: bool = True) -> bool:
            if not self.entered:
                self.entered = True
                key(credentials)
            return lock.acquire(blocking=blocking)

        def release(self) -> None:
            lock.release()

        def __enter__(self) -> None:
            self.acquire()

        def __exit__(self, *_: object) -> None:
            self.release()

    credentials._renewing = LateLock()  # type: ignore[assignment]  # all that is used of a lock
    assert key(credentials) == "key-2"
    assert source.asked == 2


def test_secrets_are_not_shown(source: Source) -> None:
    assert "canary" not in repr(source.renew())
