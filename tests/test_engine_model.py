"""The engine against a model: whatever happens on the way, in the end the cloud is as it was wanted."""

from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
import pytest

from emulator import Emulator, World
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant

from .common import DELETE, DEREGISTER, LIST_REGISTRATIONS, PUT, REGISTER, act, data_of, pass_time, poll
from .engine_common import add_lamps, assert_nothing_twice, make_quick, make_retries_quick
from .flow_common import add_entry, set_up

THINGS = 4
PAIRS = st.integers(0, THINGS - 1)
SOME = st.lists(PAIRS, min_size=1, max_size=THINGS, unique=True)


class Engine(RuleBasedStateMachine):
    """One entry with four devices of one association."""

    hass: HomeAssistant
    emulator: Emulator

    def __init__(self) -> None:
        super().__init__()
        self.world: World = self.emulator.create_world("empty")
        self.association = self.world.add_association(name="Vendor account")
        self.things, self.discovery = add_lamps(self.world, self.association, THINGS)
        self.wanted = dict.fromkeys(self.things, False)
        self.is_offline = False
        self.was_disturbed = False
        self.entry = add_entry(
            self.hass,
            self.emulator,
            self.world,
            association_ids=[self.association],
            options={"requests_per_second": 100},
        )
        self.wait(set_up(self.hass, self.entry))

    def wait[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in Home Assistant."""
        return self.hass.loop.run_until_complete(work)

    def is_pending(self, thing: str) -> bool:
        """Whether the engine still has something to do with a thing."""
        return (thing, self.association) in data_of(self.entry).store.queue.intents

    def is_failed(self, thing: str) -> bool:
        """Whether AWS refused what was wanted for good."""
        return (thing, self.association) in data_of(self.entry).store.queue.failures

    # What the user does

    @rule(numbers=SOME, wait=st.booleans())
    def register(self, numbers: list[int], wait: bool) -> None:  # noqa: FBT001  # hypothesis draws it
        """Ask for some devices."""
        things = [self.things[number] for number in numbers]
        answer = self.wait(
            act(
                self.hass,
                REGISTER,
                managed_thing_id=things,
                account_association_id=self.association,
                device_discovery_id=self.discovery,
                wait=wait,
            )
        )
        self.note(answer, wanted=True)

    @rule(numbers=SOME)
    def deregister(self, numbers: list[int]) -> None:
        """Ask for some devices to be taken out."""
        things = [self.things[number] for number in numbers]
        answer = self.wait(act(self.hass, DEREGISTER, managed_thing_id=things, account_association_id=self.association))
        self.note(answer, wanted=False)

    def note(self, answer: Any, *, wanted: bool) -> None:
        """Remember what was asked for; where the Inventory said that nothing is to be done, that may be old."""
        for item in answer["results"]:
            thing = item["managed_thing_id"]
            nothing_sent = item["status"] in {"already_registered", "not_registered"}
            self.wanted[thing] = (thing, self.association) in self.world.registrations if nothing_sent else wanted

    @rule()
    def restart(self) -> None:
        """Stop in the middle of whatever is under way, and start from the disk."""
        assert self.wait(self.hass.config_entries.async_reload(self.entry.entry_id))
        assert self.entry.state is ConfigEntryState.LOADED

    @rule()
    def synchronize(self) -> None:
        """Read the cloud."""
        self.wait(poll(self.hass, self.entry))

    @rule()
    def time_passes(self) -> None:
        """Let the timers run."""
        self.wait(pass_time(self.hass, 60))

    # What others do

    @rule(number=PAIRS)
    def register_elsewhere(self, number: int) -> None:
        """Another program registers a device."""
        thing = self.things[number]
        if not self.is_pending(thing) or self.wanted[thing]:
            self.world.register(thing, self.association, discovery_id=self.discovery)
            self.wanted[thing] = True

    @rule(number=PAIRS)
    def deregister_elsewhere(self, number: int) -> None:
        """Another program takes a device out that the engine is done with."""
        thing = self.things[number]
        if (thing, self.association) in self.world.registrations and not self.is_pending(thing):
            self.was_disturbed = True
            self.world.deregister(thing, self.association)
            self.wanted[thing] = False

    # What goes wrong

    @rule(operation=st.sampled_from([PUT, DELETE, LIST_REGISTRATIONS]), when=st.sampled_from(["before", "after"]))
    def drop(self, operation: str, when: Any) -> None:
        """Lose the next request or its answer."""
        self.was_disturbed = True
        self.world.drop(operation, when)

    @rule(
        operation=st.sampled_from([PUT, DELETE, LIST_REGISTRATIONS]),
        code=st.sampled_from(["InternalServerException", "ThrottlingException", "SomethingNew"]),
        times=st.integers(1, 6),
    )
    def refuse(self, operation: str, code: str, times: int) -> None:
        """Refuse the next requests, for a reason that passes."""
        self.was_disturbed = True
        self.world.refuse(operation, code, times, status=429 if code == "ThrottlingException" else 500)

    @precondition(lambda self: not self.is_offline)
    @rule()
    def line_breaks(self) -> None:
        """Lose the connection."""
        self.was_disturbed = True
        self.world.offline()
        self.is_offline = True

    @precondition(lambda self: self.is_offline)
    @rule()
    def line_is_back(self) -> None:
        """Get it back."""
        self.world.offline(offline=False)
        self.is_offline = False

    def teardown(self) -> None:
        """Let all faults pass: then everything must come out as it was wanted, without a request too many."""
        try:
            self.world.offline(offline=False)
            with self.world.lock:
                self.world.faults.refusals.clear()
                self.world.faults.drops.clear()
            for _ in range(20):
                self.wait(pass_time(self.hass, 1000))
                if not data_of(self.entry).registrar.pending_count:
                    break
            self.wait(poll(self.hass, self.entry))
            assert data_of(self.entry).registrar.pending_count == 0
            failed = {thing for thing in self.things if self.is_failed(thing)}
            assert not failed
            assert {thing for thing, _ in self.world.registrations} == {
                thing for thing, wanted in self.wanted.items() if wanted
            }
            assert self.world.problems == []
            if not self.was_disturbed:
                assert_nothing_twice(self.world)
        finally:
            self.wait(self.hass.config_entries.async_remove(self.entry.entry_id))
            self.emulator.remove_world(self.world)


# Hypothesis' own generator of random numbers is known to trip over Python 3.14's counting of references.
@pytest.mark.filterwarnings("ignore:It looks like `register_random` was passed:hypothesis.errors.HypothesisWarning")
def test_engine(hass: HomeAssistant, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random wishes, faults, restarts and changes made elsewhere."""
    make_quick(monkeypatch)
    make_retries_quick(monkeypatch)
    monkeypatch.setattr(Engine, "hass", hass, raising=False)
    monkeypatch.setattr(Engine, "emulator", emulator, raising=False)
    run_state_machine_as_test(
        Engine,
        settings=settings(
            max_examples=15,
            stateful_step_count=12,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
