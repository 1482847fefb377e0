"""What the templates of the dashboard in docs/examples say; the rest of it is seen in the browser's journeys."""

from itertools import pairwise
import re

import pytest
import yaml

from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.core import HomeAssistant
from homeassistant.helpers.template import Template
from homeassistant.helpers.translation import async_load_integrations
from scripts.house import DASHBOARD

from .common import (
    ACME,
    HUB,
    HUB_CHILD,
    LIGHT,
    NORTHWIND,
    OTHER_LIGHT,
    REGISTER,
    REGISTERED_LIGHT,
    act,
    data_of,
    poll,
    press,
)
from .engine_common import make_quick, ready, settle
from .repair_common import fail_to_register

REPAIRS = "[Open the repairs](/config/repairs)"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


async def _shown(hass: HomeAssistant, heading: str) -> str:
    """Return what stands below a heading of the dashboard."""
    await async_load_integrations(hass, {DOMAIN})
    (view,) = yaml.safe_load(DASHBOARD.read_text(encoding="utf-8"))["views"]
    cards = [pair for section in view["sections"] for pair in pairwise(section["cards"])]
    (content,) = [card["content"] for above, card in cards if above.get("heading") == heading]
    shown: str = Template(content, hass).async_render(parse_result=False)
    return shown


async def _alerts(hass: HomeAssistant) -> list[tuple[str, str, str]]:
    """Return kind, title and text of what needs a hand; make sure of the link to the repairs."""
    shown = await _shown(hass, "Needs a hand")
    found = re.findall(r'<ha-alert alert-type="(\w+)" title="(.*)">(.*)</ha-alert>', shown)
    if found:
        assert (REPAIRS in shown) == any(kind == "error" for kind, *_ in found)
    else:
        assert shown.split("\n") == ['<ha-alert alert-type="success">Nothing.</ha-alert>']
    return found


async def _rows(hass: HomeAssistant, heading: str) -> dict[str, list[str]]:
    """Return the cells of a table by the name of what each row is about; links are that name."""
    rows = {}
    for line in (await _shown(hass, heading)).splitlines()[2:]:
        cells = [cell.strip().replace("&nbsp;", " ") for cell in line.strip().strip("|").split("|")]
        (name,) = [text for cell in cells for text in re.findall(r"\[(.*)\]\(/config/devices/device/\w+\)", cell)]
        rows[name] = [cell for cell in cells if "<ha-icon" not in cell and name not in cell]
    return rows


async def test_nothing_needs_a_hand(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    await ready(hass, emulator, world)
    assert await _alerts(hass) == []


async def test_failed_registration(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """AWS's words are shown as text, whatever they hold."""
    await ready(hass, emulator, world)
    await fail_to_register(hass, world, world.thing_id(LIGHT), world.association_id(ACME), "<b>full</b>")
    reason = "ServiceQuotaExceededException: &lt;b&gt;full&lt;/b&gt;"
    assert await _alerts(hass) == [("error", f"{LIGHT} could not be registered", reason)]
    assert (await _rows(hass, "Registrations"))[LIGHT] == ["Acme AL-GU10", "cloud", "Failed", ACME]


async def test_expired_authorization(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    world.expire_authorization(world.association_id(NORTHWIND))
    assert await poll(hass, entry)
    assert [alert[:2] for alert in await _alerts(hass)] == [("error", f"{NORTHWIND} must be authorized again")]
    assert await _rows(hass, "Account associations") == {
        ACME: ["Linked", "Manual"],
        NORTHWIND: ["Authorization expired", "Manual"],
    }


async def test_hub_without_connection(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    entry = await ready(hass, emulator, world)
    world.set_connectivity(world.thing_id(HUB), False)
    await data_of(entry).connectivity.async_refresh()
    await settle(hass)
    assert [alert[:2] for alert in await _alerts(hass)] == [("warning", f"{HUB} is not connected to AWS")]


@pytest.mark.parametrize(("status", "text"), [("FAILED", "Failed"), ("TIMED_OUT", "Timed out")])
async def test_discovery_without_success(
    hass: HomeAssistant, emulator: Emulator, world: World, status: str, text: str
) -> None:
    await ready(hass, emulator, world)
    world.plan_discovery(status, duration=0)
    await press(hass, world.association_id(ACME), "discover_devices")
    await settle(hass)
    assert await _alerts(hass) == [("warning", f"A discovery by {ACME} did not succeed", text)]


async def test_what_is_registered(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """What waits and what was never asked for are told apart; devices of a hub need no registration."""
    entry = await ready(hass, emulator, world)
    world.offline()
    await act(hass, REGISTER, managed_thing_id=world.thing_id(LIGHT), account_association_id=world.association_id(ACME))
    rows = await _rows(hass, "Registrations")
    assert len(rows) == sum(thing["Role"] == "DEVICE" for thing in world.things.values())
    assert rows[REGISTERED_LIGHT] == ["Acme AL-C60", "cloud", "Associated", ACME]
    assert rows[LIGHT] == ["Acme AL-GU10", "cloud", "Queued", ACME]
    assert rows[OTHER_LIGHT] == ["Acme AL-STRIP", "cloud", "Not registered", ""]
    assert rows[HUB_CHILD] == ["Voltcraft Home VH-PLUG", HUB, "Activated", ""]

    assert not await poll(hass, entry)
    offline = await _rows(hass, "Registrations")
    assert offline.keys() == rows.keys()
    assert offline[REGISTERED_LIGHT] == ["Acme AL-C60", "cloud", "unavailable", ""]
