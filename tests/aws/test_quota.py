"""The token buckets, on a clock that only the test moves."""

import asyncio
from collections.abc import Iterator
import heapq
from itertools import count

import pytest

from custom_components.mi_registration.aws.quota import LONGEST_RETRY_AFTER, SLOWEST_RATE, Quota, background


class Clock:
    """Simulated time: sleepers wake in order when everybody else waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order: Iterator[int] = count()

    def __call__(self) -> float:
        """Return the simulated time in seconds."""
        return self.now

    async def sleep(self, delay: float) -> None:
        """Sleep for so many simulated seconds."""
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + delay, next(self._order), future))
        await future

    async def run[T](self, *tasks: asyncio.Task[T]) -> None:
        """Move the time on until the tasks are done."""
        while True:
            await settle()
            if all(task.done() for task in tasks):
                return
            self.step()

    async def run_until(self, moment: float) -> None:
        """Move the time on to ``moment``."""
        await settle()
        while self._sleepers and self._sleepers[0][0] <= moment:
            self.step()
            await settle()
        self.now = moment

    def step(self) -> None:
        """Wake the next sleeper."""
        assert self._sleepers, "nobody sleeps: everybody waits for ever"
        self.now, _, future = heapq.heappop(self._sleepers)
        if not future.done():
            future.set_result(None)


async def settle() -> None:
    """Let every task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Service:
    """AWS's side: a bucket of ten requests that fills at ten per second."""

    def __init__(self, clock: Clock, rate: float = 10) -> None:
        self._clock = clock
        self._rate = rate
        self._tokens = 10.0
        self._updated = clock.now
        self.refused = 0

    def call(self) -> bool:
        """Answer a request; False is a 429."""
        now = self._clock.now
        self._tokens = min(10.0, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if self._tokens < 1 - 1e-6:
            self.refused += 1
            return False
        self._tokens -= 1
        return True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quota(clock: Clock) -> Quota:
    return Quota(10, clock=clock, sleep=clock.sleep, random=lambda: 0.0)


def start(quota: Quota, log: list[str], name: str, operation: str = "Op", *, later: bool = False) -> asyncio.Task[None]:
    async def work() -> None:
        await quota.acquire(operation)
        log.append(name)

    if later:
        with background():
            return asyncio.get_running_loop().create_task(work())
    return asyncio.get_running_loop().create_task(work())


@pytest.mark.parametrize("workers", [1, 8, 200])
async def test_200_requests_take_what_the_service_allows(clock: Clock, quota: Quota, workers: int) -> None:
    service = Service(clock)
    left = list(range(200))
    begin = clock.now

    async def work() -> None:
        while left:
            item = left.pop()
            await quota.acquire("Register")
            if service.call():
                quota.succeeded("Register")
            else:
                quota.throttled("Register")
                left.append(item)
            await clock.sleep(0.04)

    await clock.run(*(asyncio.create_task(work()) for _ in range(workers)))
    assert clock.now - begin <= 1.02 * 200 / 10
    assert service.refused == 0


async def test_a_slower_service_is_found_and_followed(clock: Clock) -> None:
    """Another gateway uses half of the account's quota: nearly all requests get through, near the possible speed."""
    quota = Quota(10, clock=clock, sleep=clock.sleep, random=lambda: 0.5)
    service = Service(clock, rate=5)
    done = 0
    begin = clock.now

    async def work() -> None:
        nonlocal done
        while done < 300:
            await quota.acquire("Op")
            if service.call():
                quota.succeeded("Op")
                done += 1
            else:
                quota.throttled("Op")

    await clock.run(asyncio.create_task(work()))
    assert service.refused <= 15
    assert clock.now - begin <= 1.5 * 300 / 5


async def test_operations_do_not_wait_for_each_other(clock: Clock, quota: Quota) -> None:
    log: list[str] = []
    tasks = [start(quota, log, f"a{i}", "A") for i in range(6)]
    tasks += [start(quota, log, "b", "B")]
    await settle()
    assert log == ["a0", "a1", "a2", "a3", "a4", "b"]
    await clock.run(*tasks)
    assert log[-1] == "a5"
    assert clock.now == pytest.approx(1000.1)


async def test_users_overtake_background_work_and_each_class_is_served_in_order(clock: Clock, quota: Quota) -> None:
    log: list[str] = []
    tasks = [start(quota, log, f"first{i}") for i in range(5)]
    tasks += [start(quota, log, f"background{i}", later=True) for i in range(3)]
    await settle()
    tasks += [start(quota, log, f"user{i}") for i in range(2)]
    await clock.run(*tasks)
    assert log[5:] == ["user0", "user1", "background0", "background1", "background2"]
    assert clock.now == pytest.approx(1000.5)


async def test_background_ends_with_its_block(clock: Clock, quota: Quota) -> None:
    log: list[str] = []
    tasks = [start(quota, log, f"first{i}") for i in range(5)]
    with background():
        pass
    tasks += [start(quota, log, "background", later=True), start(quota, log, "user")]
    await clock.run(*tasks)
    assert log[5:] == ["user", "background"]


async def test_a_cancelled_waiter_leaves_no_hole(clock: Clock, quota: Quota) -> None:
    log: list[str] = []
    tasks = [start(quota, log, f"{i}") for i in range(9)]
    await settle()
    tasks[5].cancel()  # the first in the queue, which sleeps
    tasks[7].cancel()  # one that waits behind another
    await clock.run(*tasks)
    assert log == ["0", "1", "2", "3", "4", "6", "8"]
    assert clock.now == pytest.approx(1000.2)
    assert quota.snapshot["Op"].waiting == 0


async def test_throttling_halves_the_rate_once_for_requests_under_way_together(clock: Clock, quota: Quota) -> None:
    for _ in range(3):
        quota.throttled("Op")
    assert quota.snapshot["Op"].rate == 5
    assert quota.snapshot["Op"].throttled == 3
    clock.now += 1
    quota.throttled("Op")
    assert quota.snapshot["Op"].rate == 2.5
    for _ in range(20):
        clock.now += 1
        quota.throttled("Op")
    assert quota.snapshot["Op"].rate == SLOWEST_RATE


async def test_successes_win_the_rate_back_and_no_more(clock: Clock, quota: Quota) -> None:
    quota.throttled("Op")
    quota.succeeded("Op")
    assert quota.snapshot["Op"].rate == pytest.approx(5.1)
    for _ in range(100):
        quota.succeeded("Op")
    assert quota.snapshot["Op"].rate == 10


@pytest.mark.parametrize(
    ("retry_after", "chance", "pause"),
    [
        (None, 0.0, 0.0),
        (None, 1.0, 0.2),
        (7.0, 0.0, 7.0),
        (7.0, 0.5, 7.1),
        (-5.0, 0.0, 0.0),
        (1e9, 0.0, LONGEST_RETRY_AFTER),
    ],
)
async def test_nothing_goes_out_before_retry_after_and_jitter(
    clock: Clock, retry_after: float | None, chance: float, pause: float
) -> None:
    quota = Quota(10, clock=clock, sleep=clock.sleep, random=lambda: chance)
    quota.throttled("Op", retry_after)
    log: list[str] = []
    tasks = [start(quota, log, f"{i}") for i in range(3)]
    await clock.run(tasks[0])
    assert clock.now == pytest.approx(1000 + pause)
    await clock.run(*tasks)
    # No burst after the pause: the others follow at the halved rate.
    assert clock.now == pytest.approx(1000 + pause + 0.4)


async def test_a_refusal_holds_back_those_who_wait_already(clock: Clock, quota: Quota) -> None:
    log: list[str] = []
    tasks = [start(quota, log, f"{i}") for i in range(6)]
    await settle()
    quota.throttled("Op", 60)
    await clock.run_until(1059.9)
    assert log == ["0", "1", "2", "3", "4"]
    await clock.run(*tasks)
    assert clock.now == pytest.approx(1060)


async def test_the_rate_can_be_changed_and_slowness_is_kept(clock: Clock, quota: Quota) -> None:
    quota.succeeded("Fine")
    quota.throttled("Slow")
    quota.set_rate(20)
    assert quota.requests_per_second == 20
    assert quota.snapshot["Fine"].rate == 20
    assert quota.snapshot["Slow"].rate == 10
    quota.set_rate(1)
    assert quota.snapshot["Slow"].rate == 0.5
    log: list[str] = []
    tasks = [start(quota, log, f"{i}", "Fine") for i in range(2)]
    await settle()
    assert log == ["0"]
    await clock.run(*tasks)
    assert clock.now == pytest.approx(1001)


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_is_positive(rate: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Quota(rate)
    with pytest.raises(ValueError, match="positive"):
        Quota(10).set_rate(rate)


async def test_the_default_clock_lets_the_first_requests_through_at_once() -> None:
    quota = Quota(10)
    for _ in range(5):
        await quota.acquire("Op")
    assert quota.snapshot["Op"].waiting == 0
