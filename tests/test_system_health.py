"""System health: a line for each thing worth knowing of each account."""

import asyncio

import botocore
import pytest
from pytest_homeassistant_custom_component.common import get_system_health_info

from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component

from .common import ACME, LIGHT, REGISTER, act, data_of, loaded
from .engine_common import make_quick
from .flow_common import add_entry
from .repair_common import IGNORE_OWN_WARNING_OF_HTTP

pytestmark = IGNORE_OWN_WARNING_OF_HTTP


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


async def info_of(hass: HomeAssistant) -> dict[str, object]:
    """Return what the page shows, checks of reachability done."""
    assert await async_setup_component(hass, "system_health", {})
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, DOMAIN)
    return {name: await value if asyncio.iscoroutine(value) else value for name, value in info.items()}


async def test_account(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """It tells the Region, the last success, what waits, and which SDK is used."""
    entry = await loaded(hass, emulator, world)
    world.offline()
    light, acme = world.thing_id(LIGHT), world.association_id(ACME)
    await act(hass, REGISTER, managed_thing_id=light, account_association_id=acme)
    world.offline(False)
    info = await info_of(hass)
    assert info == {
        "botocore": botocore.__version__,
        f"{entry.title}: reachable": "ok",
        f"{entry.title}: region": world.region,
        f"{entry.title}: last success": data_of(entry).coordinator.as_of,
        f"{entry.title}: pending": 1,
    }


async def test_endpoint_that_is_not_there(
    hass: HomeAssistant, emulator: Emulator, world: World, unused_tcp_port: int
) -> None:
    """An endpoint that nothing listens on is unreachable."""
    entry = await loaded(hass, emulator, world)
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, "endpoint_url": f"http://127.0.0.1:{unused_tcp_port}"}
    )
    info = await info_of(hass)
    assert info[f"{entry.title}: reachable"] == {"type": "failed", "error": "unreachable"}


async def test_account_that_is_not_loaded(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Only what is loaded shows."""
    assert await async_setup_component(hass, DOMAIN, {})
    add_entry(hass, emulator, world)
    assert await info_of(hass) == {"botocore": botocore.__version__}


async def test_accounts_with_the_same_title(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Each has its own lines."""
    first = await loaded(hass, emulator, world)
    second = await loaded(hass, emulator, emulator.create_world("home"))
    for entry in (first, second):
        hass.config_entries.async_update_entry(entry, title="Home")
    info = await info_of(hass)
    assert [info[f"Home ({entry.unique_id}): reachable"] for entry in (first, second)] == ["ok", "ok"]
