"""What each error of AWS's, and each fault on the wire, leads to in each phase, and that it passes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from emulator import Emulator, World
from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError

from .common import (
    ACME,
    LIGHT,
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    PUT,
    REGISTER,
    act,
    coordinator_of,
    device,
    key_of,
    loaded,
    pass_time,
    poll,
    press,
    shorten_waits,
    state,
    state_of,
)
from .flow_common import add_entry, set_up


@dataclass(frozen=True, kw_only=True)
class Case:
    """A refusal, the text that it is shown with, and what becomes of a registration that meets it once."""

    code: str
    status: int | None = None
    key: str
    registration: str = "failed"

    @property
    def asks_for_credentials(self) -> bool:
        """Whether only the user can mend it."""
        return self.key == "invalid_auth"


CASES = [
    Case(code="AccessDeniedException", status=403, key="access_denied"),
    Case(code="UnauthorizedException", status=401, key="access_denied"),
    Case(code="UnrecognizedClientException", status=403, key="invalid_auth", registration="queued"),
    Case(code="InvalidSignatureException", status=403, key="invalid_auth", registration="queued"),
    Case(code="ExpiredTokenException", status=403, key="invalid_auth", registration="queued"),
    Case(code="RequestTimeTooSkewed", status=403, key="clock_skew", registration="queued"),
    Case(code="ThrottlingException", key="throttled", registration="registered"),
    Case(code="ThrottlingException", status=400, key="throttled", registration="registered"),
    Case(code="InternalServerException", key="service_error", registration="registered"),
    Case(code="InternalFailure", status=500, key="service_error", registration="registered"),
    Case(code="ServiceUnavailableException", status=503, key="service_error", registration="registered"),
    Case(code="AddedLaterException", status=418, key="service_error", registration="registered"),
    Case(code="ResourceNotFoundException", status=404, key="not_found"),
    Case(code="ConflictException", status=409, key="conflict"),
    Case(code="ValidationException", status=400, key="invalid_request"),
    Case(code="ServiceQuotaExceededException", status=402, key="invalid_request"),
]
FAULTS: dict[str, Callable[[World, str], None]] = {
    "truncated": lambda world, operation: world.garble(operation, "truncated"),
    "garbage": lambda world, operation: world.garble(operation, "garbage"),
    "not_utf8": lambda world, operation: world.garble(operation, "not_utf8"),
    "html": lambda world, operation: world.garble(operation, "html"),
    "cut off before": lambda world, operation: world.drop(operation, "before"),
    "cut off after": lambda world, operation: world.drop(operation, "after"),
}
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{case.status}")
each_fault = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
each_list = pytest.mark.parametrize("operation", [LIST_THINGS, LIST_ASSOCIATIONS, LIST_REGISTRATIONS])


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_waits(monkeypatch)


def asked_for_credentials(hass: HomeAssistant) -> bool:
    """Whether a flow asks for new credentials."""
    return any(flow["context"]["source"] == SOURCE_REAUTH for flow in hass.config_entries.flow.async_progress())


@each_case
async def test_set_up(hass: HomeAssistant, emulator: Emulator, world: World, case: Case) -> None:
    """The first set-up is tried again later, or waits for new credentials."""
    world.refuse(LIST_THINGS, case.code, status=case.status)
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    assert entry.error_reason_translation_key == case.key
    assert asked_for_credentials(hass) is case.asks_for_credentials
    if case.asks_for_credentials:
        assert state_of(entry) is ConfigEntryState.SETUP_ERROR
        assert await hass.config_entries.async_reload(entry.entry_id)
    else:
        assert state_of(entry) is ConfigEntryState.SETUP_RETRY
        await pass_time(hass, 60)
    assert state_of(entry) is ConfigEntryState.LOADED


@each_case
async def test_poll(hass: HomeAssistant, emulator: Emulator, world: World, case: Case) -> None:
    """A poll that fails leaves everything in place, and the next one mends it."""
    entry = await loaded(hass, emulator, world)
    light = world.thing_id(LIGHT)
    world.refuse(LIST_THINGS, case.code, status=case.status)
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, entry.unique_id, "synchronize")
    assert key_of(caught) == case.key
    await hass.async_block_till_done()
    assert state_of(entry) is ConfigEntryState.LOADED
    assert not coordinator_of(entry).last_update_success
    assert asked_for_credentials(hass) is case.asks_for_credentials
    assert state(hass, "sensor", light, "registration") == "unavailable"
    assert device(hass, entry, light) is not None
    assert await poll(hass, entry)
    assert state(hass, "sensor", light, "registration") == "not_registered"


async def register(hass: HomeAssistant, world: World) -> Any:
    """Register a light, and one that is registered already so that a failure doesn't raise."""
    acme = world.association_id(ACME)
    answer = await act(
        hass,
        REGISTER,
        managed_thing_id=[world.thing_id(LIGHT), world.thing_id("Kitchen ceiling light")],
        account_association_id=acme,
        device_discovery_id=world.discovery_id(acme),
    )
    assert answer["results"][1]["status"] == "already_registered"
    return answer["results"][0]


@each_case
async def test_action(hass: HomeAssistant, emulator: Emulator, world: World, case: Case) -> None:
    """A registration is done in spite of it, waits, or fails with AWS's code; done it is in the end."""
    entry = await loaded(hass, emulator, world)
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    world.refuse(PUT, case.code, status=case.status)
    verdict = await register(hass, world)
    assert verdict["status"] == case.registration
    assert verdict["error_code"] == (None if case.registration == "registered" else case.code)
    await hass.async_block_till_done()
    assert asked_for_credentials(hass) is case.asks_for_credentials
    assert coordinator_of(entry).last_update_success
    if case.registration == "queued":
        await pass_time(hass, 901)
    elif case.registration == "failed":
        assert (await register(hass, world))["status"] == "registered"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert world.registrations[light, acme] == "ASSOCIATED"
    assert state(hass, "sensor", entry.unique_id, "pending_registrations") == "0"
    assert state(hass, "sensor", light, "registration") == "associated"


@each_fault
@each_list
async def test_wire_at_set_up(
    hass: HomeAssistant, emulator: Emulator, world: World, operation: str, fault: Callable[[World, str], None]
) -> None:
    """An answer that can't be read, or none, means to try again later."""
    fault(world, operation)
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_connect"
    assert not asked_for_credentials(hass)
    await pass_time(hass, 60)
    assert state_of(entry) is ConfigEntryState.LOADED


@each_fault
async def test_wire_at_poll(
    hass: HomeAssistant, emulator: Emulator, world: World, fault: Callable[[World, str], None]
) -> None:
    """Nothing is taken for gone because of it."""
    entry = await loaded(hass, emulator, world)
    fault(world, LIST_THINGS)
    assert not await poll(hass, entry)
    assert not asked_for_credentials(hass)
    assert device(hass, entry, world.thing_id(LIGHT)) is not None
    assert await poll(hass, entry)
    assert state(hass, "sensor", entry.unique_id, "managed_things") == "13"


async def test_connection_refused(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Nobody listens."""
    entry = add_entry(hass, emulator, world, data={"endpoint_url": "http://127.0.0.1:9"})
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "cannot_connect"
    hass.config_entries.async_update_entry(entry, data={**entry.data, "endpoint_url": emulator.url})
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.LOADED


async def test_unknown_key(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An access key that AWS doesn't know needs the user."""
    entry = add_entry(hass, emulator, world, data={"access_key_id": "AKIANOBODY"})
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "invalid_auth"
    assert asked_for_credentials(hass)


async def test_wrong_clock(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """If signing with AWS's time doesn't help either, the text says by how much this machine's clock is wrong."""
    entry = await loaded(hass, emulator, world)
    world.set_clock_offset(7200)
    for operation in (LIST_THINGS, LIST_ASSOCIATIONS, LIST_REGISTRATIONS):
        world.refuse(operation, "RequestTimeTooSkewed", times=2)
    with pytest.raises(HomeAssistantError) as caught:
        await press(hass, entry.unique_id, "synchronize")
    assert key_of(caught) == "clock_skew"
    assert caught.value.translation_placeholders is not None
    assert abs(int(caught.value.translation_placeholders["seconds"]) - 7200) < 60
    assert not asked_for_credentials(hass)
    world.set_clock_offset(0)
    world.faults.refusals.clear()
    assert await poll(hass, entry)
