"""The blueprints, imported as a user does and run in real automations: what is done, and what is told if it fails."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from datetime import timedelta
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker
import voluptuous as vol

from custom_components.mi_registration.const import DOMAIN
from emulator import Emulator, World
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint.importer import fetch_blueprint_from_url
from homeassistant.components.persistent_notification import Notification, UpdateType, async_register_callback
from homeassistant.components.trace.util import async_list_traces
from homeassistant.const import STATE_ON
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.selector import selector
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import extract_inputs, load_yaml_dict

from .common import ACME, HUB, LIGHT, NORTHWIND, OTHER_LIGHT, act, device_id, entity_id, pass_time, poll, state, writes
from .engine_common import (
    FOUND_LIGHTS,
    LIST_JOBS,
    STAIR_BUTTON,
    START,
    START_DISCOVERY,
    make_quick,
    params_of,
    ready,
    settle,
    until,
)
from .repair_common import refuse

FOLDER = Path(__file__).parent.parent / "blueprints" / "automation" / DOMAIN
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
HACS = json.loads((FOLDER.parents[2] / "hacs.json").read_text(encoding="utf-8"))
REPOSITORY = "mi-registration/mi_registration"
REFRESH = "iotmanagedintegrations:StartAccountAssociationRefresh"

type Use = Callable[..., Coroutine[Any, Any, None]]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)


def url(name: str) -> str:
    """Return the address from which a user imports a blueprint."""
    return f"https://github.com/{REPOSITORY}/blob/main/blueprints/automation/{DOMAIN}/{name}.yaml"


def inputs_of(name: str) -> dict[str, Any]:
    """Return what a blueprint asks for."""
    inputs: dict[str, Any] = load_yaml_dict(str(FOLDER / f"{name}.yaml"))["blueprint"]["input"]
    return inputs


class Reports(list[dict[str, Any]]):
    """What a blueprint reported, through an action of the user's own."""

    def __init__(self, hass: HomeAssistant, *variables: str) -> None:
        """Prepare the action; it is handed these variables."""
        super().__init__()
        self.action = {"action": "test.report", "data": {name: f"{{{{ {name} }}}}" for name in variables}}

        async def _reported(call: ServiceCall) -> None:
            self.append(dict(call.data))

        hass.services.async_register("test", "report", _reported)


@pytest.fixture
def notifications(hass: HomeAssistant) -> dict[str, str]:
    """Return the messages of the notifications shown in Home Assistant, by title."""
    shown: dict[str, str] = {}

    @callback
    def _changed(_: UpdateType, changed: Mapping[str, Notification]) -> None:
        shown.update({str(notification["title"]): notification["message"] for notification in changed.values()})

    async_register_callback(hass, _changed)
    return shown


@pytest.fixture
async def use(hass: HomeAssistant, tmp_path: Path, aioclient_mock: AiohttpClientMocker) -> AsyncGenerator[Use]:
    """Give what imports a blueprint from its address, and makes an automation of it."""

    async def _use(name: str, **inputs: Any) -> None:
        hass.config.config_dir = str(tmp_path)
        aioclient_mock.get(  # type: ignore[no-untyped-call]  # the test package has no types
            f"https://raw.githubusercontent.com/{REPOSITORY}/main/blueprints/automation/{DOMAIN}/{name}.yaml",
            text=(FOLDER / f"{name}.yaml").read_text(encoding="utf-8"),
        )
        imported = await fetch_blueprint_from_url(hass, url(name))
        assert imported.blueprint.validate() is None
        path = f"{imported.suggested_filename}.yaml"
        await async_get_blueprints(hass).async_add_blueprint(imported.blueprint, path)
        assert await async_setup_component(hass, "persistent_notification", {})
        config = {"id": "of_a_blueprint", "alias": "Of a blueprint", "use_blueprint": {"path": path, "input": inputs}}
        assert await async_setup_component(hass, "automation", {"automation": config})
        await hass.async_block_till_done()
        automation = hass.states.get("automation.of_a_blueprint")
        assert automation is not None
        assert automation.state == STATE_ON

    yield _use
    # Home Assistant itself would leave a timer of a trigger behind.
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


@pytest.mark.parametrize("name", NAMES)
async def test_description(hass: HomeAssistant, emulator: Emulator, world: World, name: str) -> None:
    """A blueprint says what it does, where it comes from and what it needs, and each input has a use and a selector."""
    entry = await ready(hass, emulator, world)
    data = load_yaml_dict(str(FOLDER / f"{name}.yaml"))
    blueprint = data["blueprint"]
    assert blueprint["source_url"] == url(name)
    assert blueprint["homeassistant"]["min_version"] == HACS["homeassistant"]
    assert blueprint["description"]
    assert extract_inputs({key: value for key, value in data.items() if key != "blueprint"}) == set(inputs_of(name))
    models = {device.model for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)}
    classes = {
        (entity.domain, entity.original_device_class)
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    }
    for asked in inputs_of(name).values():
        assert asked["name"]
        assert asked["description"]
        chooser = vol.Schema(selector(asked["selector"]))
        for wanted in asked["selector"].get("device", {}).get("filter", []):
            assert wanted["integration"] == DOMAIN
            assert wanted["model"] in models
        for wanted in asked["selector"].get("entity", {}).get("filter", []):
            assert wanted["integration"] == DOMAIN
            assert (wanted["domain"], wanted["device_class"]) in classes
        if "default" in asked:
            chooser(asked["default"])


async def test_authorization_expired(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    *,
    use: Use,
    notifications: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The notification has the link, which works; nothing else has it."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await use("authorization_expired", account_associations=[device_id(hass, entry, acme)])
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    await until(hass, lambda: bool(notifications))
    message = notifications[f"{ACME} must be authorized again"]
    assert message.startswith("The owner of the account has to open this link: http")
    link = message.rpartition(" ")[2]
    assert link.startswith(emulator.url)
    world.authorize(acme)
    await settle(hass)
    assert state(hass, "sensor", acme, "state") == "association_succeeded"
    shown = [(shown.state, shown.attributes) for shown in hass.states.async_all()]
    assert link not in str(shown)
    assert link not in caplog.text
    traces = await async_list_traces(hass, "automation", None)
    assert traces == []


async def test_no_link(hass: HomeAssistant, emulator: Emulator, world: World, use: Use) -> None:
    """If AWS gives no link, that is told."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    reports = Reports(hass, "title", "message", "authorization_url", "account_association", "association_device_id")
    await use(
        "authorization_expired", account_associations=[device_id(hass, entry, acme)], notification=[reports.action]
    )
    world.deny(REFRESH)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    await settle(hass)
    assert reports == [
        {
            "title": f"{ACME} must be authorized again",
            "message": "AWS gave no link for it; the log says why. The repair in Settings tries again.",
            "authorization_url": "",
            "account_association": ACME,
            "association_device_id": device_id(hass, entry, acme),
        }
    ]


REPORT_OF_FOUND = ("title", "message", "registered", "waiting", "failed", "account_association")


async def test_register_found_devices(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    use: Use,
    notifications: dict[str, str],
) -> None:
    """What a discovery finds is created and registered, and named; a discovery that finds nothing new is no news."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await use("register_found_devices", account_associations=[device_id(hass, entry, acme)])
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    message = notifications.pop(f"Devices of {ACME}")
    assert message.startswith("Registered: ")
    assert set(message.removeprefix("Registered: ").removesuffix(".").split(", ")) == {
        LIGHT,
        OTHER_LIGHT,
        *FOUND_LIGHTS,
    }
    for name in (LIGHT, OTHER_LIGHT, *FOUND_LIGHTS):
        assert world.registrations[world.thing_id(name), acme] == "ASSOCIATED"
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert notifications == {}


async def test_found_devices_that_fail(hass: HomeAssistant, emulator: Emulator, world: World, use: Use) -> None:
    """What AWS refuses is named with AWS's reason, what has to wait is named, and so is a discovery that failed."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    reports = Reports(hass, *REPORT_OF_FOUND)
    await use("register_found_devices", account_associations=[device_id(hass, entry, acme)], report=[reports.action])
    refuse(world, "Not today.")
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    (report,) = reports
    assert set(report["failed"]) == {LIGHT, OTHER_LIGHT, *FOUND_LIGHTS}
    assert f"Failed: {LIGHT} (Not today.)." in report["message"]
    assert (report["registered"], report["waiting"]) == ([], [])
    reports.clear()
    world.plan_discovery("FAILED")
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme)
    await settle(hass)
    assert [report["message"] for report in reports] == ["The discovery ended with status failed."]


async def test_found_devices_of_an_expired_authorization(
    hass: HomeAssistant, emulator: Emulator, world: World, use: Use
) -> None:
    """If the action itself fails, that is told."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    reports = Reports(hass, *REPORT_OF_FOUND)
    await use("register_found_devices", account_associations=[device_id(hass, entry, acme)], report=[reports.action])
    world.set_switches(discovery_duration=1000.0)
    await act(hass, START_DISCOVERY, discovery_type="cloud", account_association_id=acme, wait=False)
    world.expire_authorization(acme)
    assert await poll(hass, entry)
    world.advance(1000)
    await settle(hass)
    assert [report["message"] for report in reports] == [
        "The devices that were found could not be registered; the log says why."
    ]


async def test_nightly_check(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    use: Use,
    notifications: dict[str, str],
) -> None:
    """What isn't registered is named; nothing is said when all is, and nothing is written to the cloud."""
    entry = await ready(hass, emulator, world)
    acme = world.association_id(ACME)
    await use("nightly_check", account_associations=[device_id(hass, entry, acme)], at=in_a_minute())
    world.clear_requests()
    await pass_time(hass, 61)
    message = notifications.pop("Unregistered devices")
    assert message.startswith("Not registered: ")
    assert set(message.removeprefix("Not registered: ").removesuffix(".").split(", ")) == {LIGHT, OTHER_LIGHT}
    assert writes(world) == []
    for name in (LIGHT, OTHER_LIGHT):
        world.register(world.thing_id(name), acme)
    assert await poll(hass, entry)
    await pass_time(hass, 86461)
    assert notifications == {}


async def test_nightly_check_that_fails(hass: HomeAssistant, emulator: Emulator, world: World, use: Use) -> None:
    """An account association that can't be checked is named, and the others are checked."""
    entry = await ready(hass, emulator, world)
    reports = Reports(hass, "title", "message", "unregistered", "not_checked")
    devices = [device_id(hass, entry, world.association_id(name)) for name in (ACME, NORTHWIND)]
    await use("nightly_check", account_associations=devices, at=in_a_minute(), report=[reports.action])
    world.refuse(LIST_JOBS, "AccessDeniedException", times=1)
    await pass_time(hass, 61)
    (report,) = reports
    assert report["not_checked"] == [ACME]
    assert set(report["unregistered"]) == {"Office radiator valve", "Attic air sensor"}
    assert report["message"].endswith(f"Could not be checked, the log says why: {ACME}.")


def in_a_minute() -> str:
    """Return the time of day of the next minute."""
    return (dt_util.now() + timedelta(seconds=60)).strftime("%H:%M:%S")


async def returning_hub(hass: HomeAssistant, world: World) -> None:
    """Let the hub lose its connection and come back."""
    hub = world.thing_id(HUB)
    await pass_time(hass, 6)
    for connected, shown in ((False, "off"), (True, "on")):
        world.set_connectivity(hub, connected)
        await pass_time(hass, 902)
        assert state(hass, "binary_sensor", hub, "connected") == shown
    await settle(hass)


async def test_rediscover_after_hub_returns(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    use: Use,
    notifications: dict[str, str],
) -> None:
    """A hub that is connected again looks for devices, and those are named."""
    await ready(hass, emulator, world)
    hubs = [entity_id(hass, "binary_sensor", world.thing_id(HUB), "connected")]
    await use("rediscover_after_hub_returns", hubs=hubs)
    await returning_hub(hass, world)
    assert [params["DiscoveryType"] for params in params_of(world, START)] == ["ZIGBEE"]
    message = notifications[f"{HUB} is connected again"]
    found = set(message.removeprefix("It found: ").removesuffix(".").split(", "))
    assert found == {STAIR_BUTTON, "Hallway motion sensor", "Kitchen window contact"}


async def test_rediscovery_that_fails(hass: HomeAssistant, emulator: Emulator, world: World, use: Use) -> None:
    """A discovery that AWS refuses or that fails is told, and the next type is still looked for."""
    await ready(hass, emulator, world)
    reports = Reports(hass, "title", "message", "hub", "discovery_type", "status", "devices")
    hubs = [entity_id(hass, "binary_sensor", world.thing_id(HUB), "connected")]
    await use(
        "rediscover_after_hub_returns",
        hubs=hubs,
        discovery_types=["zigbee", "zwave"],
        stable_for={"hours": 0, "minutes": 0, "seconds": 0},
        report=[reports.action],
    )
    world.refuse(START, "ServiceQuotaExceededException", times=1)
    world.plan_discovery("FAILED")
    await returning_hub(hass, world)
    assert [(report["discovery_type"], report["status"], report["message"]) for report in reports] == [
        ("zigbee", "failed", "It could not look for Zigbee devices; the log says why."),
        ("zwave", "failed", "The discovery of Z-Wave devices ended with status failed."),
    ]
