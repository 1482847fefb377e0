"""What the tests of triggers, conditions and blueprints share."""

from collections.abc import Mapping
from typing import Any, Final

from pytest_homeassistant_custom_component.common import MockConfigEntry

from homeassistant.core import HomeAssistant, ServiceCall
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    label_registry as lr,
)
from homeassistant.setup import async_setup_component

from .common import device_id

KITCHEN: Final = "Kitchen"
TARGET_KINDS: Final = ("entity", "device", "area", "floor", "label", "labelled device", "labelled area")


async def automate(hass: HomeAssistant, *automations: Mapping[str, Any]) -> list[list[Any]]:
    """Set automations up; returns for each a list that grows by its ``trigger`` whenever it runs."""
    runs: list[list[Any]] = [[] for _ in automations]

    async def _ran(call: ServiceCall) -> None:
        runs[call.data["number"]].append(call.data["trigger"])

    hass.services.async_register("test", "ran", _ran)
    configs = [
        {
            "alias": f"Automation {number}",
            "actions": {"action": "test.ran", "data": {"number": number, "trigger": "{{ trigger }}"}},
            "mode": "queued",
            "max": 1000,
            **automation,
        }
        for number, automation in enumerate(automations)
    ]
    assert await async_setup_component(hass, "automation", {"automation": configs})
    await hass.async_block_till_done()
    return runs


def put_in_kitchen(hass: HomeAssistant, entry: MockConfigEntry, aws_id: str) -> str:
    """Put the device of an AWS id into the kitchen, on the ground floor; returns the id of that area."""
    floors, areas = fr.async_get(hass), ar.async_get(hass)
    floor = floors.async_get_floor_by_name("Ground") or floors.async_create("Ground")
    area = areas.async_get_area_by_name(KITCHEN) or areas.async_create(KITCHEN, floor_id=floor.floor_id)
    dr.async_get(hass).async_update_device(device_id(hass, entry, aws_id), area_id=area.id)
    return area.id


def target(hass: HomeAssistant, entry: MockConfigEntry, kind: str, aws_id: str, entity_id: str) -> dict[str, str]:
    """Return a target of a kind that means the device of an AWS id, or an entity of it."""
    labels = lr.async_get(hass)
    label = (labels.async_get_label_by_name("Watched") or labels.async_create("Watched")).label_id
    match kind:
        case "entity":
            return {"entity_id": entity_id}
        case "device":
            return {"device_id": device_id(hass, entry, aws_id)}
        case "area":
            return {"area_id": put_in_kitchen(hass, entry, aws_id)}
        case "floor":
            area = ar.async_get(hass).async_get_area(put_in_kitchen(hass, entry, aws_id))
            assert area is not None
            assert area.floor_id is not None
            return {"floor_id": area.floor_id}
        case "label":
            er.async_get(hass).async_update_entity(entity_id, labels={label})
        case "labelled device":
            dr.async_get(hass).async_update_device(device_id(hass, entry, aws_id), labels={label})
        case "labelled area":
            ar.async_get(hass).async_update(put_in_kitchen(hass, entry, aws_id), labels={label})
        case _:
            raise ValueError(kind)
    return {"label_id": label}


def add_foreign_entity(
    hass: HomeAssistant, platform: str, translation_key: str, area_id: str, state: str, **attributes: Any
) -> str:
    """Put another integration's entity into an area, named like one of ours; returns its id."""
    foreign = er.async_get(hass).async_get_or_create(
        platform, "foreign", translation_key, translation_key=translation_key
    )
    er.async_get(hass).async_update_entity(foreign.entity_id, area_id=area_id)
    hass.states.async_set(foreign.entity_id, state, attributes)
    return foreign.entity_id
