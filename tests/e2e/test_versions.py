"""What depends on the release of Home Assistant, in a process of its own, over its API."""

from datetime import datetime
from typing import Any

from scripts.demo import cloud_of
from scripts.house import DOMAIN, House

ACME = "Acme Lighting"
LIGHT = "Hallway spots"
ACCOUNT = "aws_123456789012_eu_west_1"
PENDING = f"sensor.{ACCOUNT}_pending_registrations"
REGISTRATION = "sensor.hallway_spots_registration"
STATE = "sensor.acme_lighting_state"
LINKS_REPAIRS = (2026, 11)
"""The release since which Home Assistant ties a repair to its config entry."""

DEVICES = f"""
{{% set found = namespace(pairs=[]) %}}
{{% for entity in integration_entities('{DOMAIN}') %}}
{{% set found.pairs = found.pairs + [(entity, device_id(entity))] %}}
{{% endfor %}}
{{{{ dict(found.pairs) | to_json }}}}
"""


def _cloud_id(house: House, name: str) -> str:
    """Return the id of a managed thing or an account association by its name in the cloud."""
    cloud = cloud_of(house)
    things = [item for page in cloud.get_paginator("list_managed_things").paginate() for item in page["Items"]]
    ids = {item["AccountAssociationId"]: item["Name"] for item in cloud.list_account_associations()["Items"]}
    ids |= {item["Id"]: item["Name"] for item in things}
    return next(cloud_id for cloud_id, found in ids.items() if found == name)


def _state(house: House, entity_id: str) -> str:
    state: str = house.api.get(f"/api/states/{entity_id}")["state"]
    return state


def _wait_for_state(house: House, entity_id: str, state: str) -> None:
    house.wait_until(lambda: _state(house, entity_id) == state, f"{entity_id} = {state}")


def _synchronize(house: House) -> None:
    house.api.post("/api/services/button/press", {"entity_id": f"button.{ACCOUNT}_synchronize"})


def _repairs(house: House) -> dict[str, dict[str, Any]]:
    """Return what Home Assistant keeps of the integration's repairs, by id."""
    found = house.api.render("{{ issues().values() | list | to_json }}")
    return {repair["issue_id"]: repair for repair in found if repair["domain"] == DOMAIN}


def _devices(house: House) -> dict[str, str]:
    """Return the device of every enabled entity."""
    devices: dict[str, str] = house.api.render(DEVICES)
    return devices


def _history(house: House, since: datetime) -> dict[str, list[tuple[str, str]]]:
    """Return when each of the integration's entities had which state, as recorded."""
    entities = ",".join(sorted(_devices(house)))
    path = f"/api/history/period/{since.isoformat()}?filter_entity_id={entities}&skip_initial_state"
    return {rows[0]["entity_id"]: [(row["last_changed"], row["state"]) for row in rows] for rows in house.api.get(path)}


def _recorded(house: House, since: datetime, entity_id: str) -> list[str]:
    return [state for _, state in _history(house, since).get(entity_id, ())]


def test_repairs_belong_to_the_entry(house: House) -> None:
    version = tuple(int(part) for part in house.api.get("/api/config")["version"].split(".")[:2])
    (entry,) = house.api.get(f"/api/config/config_entries/entry?domain={DOMAIN}")
    assert _repairs(house) == {}
    association = _cloud_id(house, ACME)
    house.command("expire_authorization", association_id=association)
    _synchronize(house)
    _wait_for_state(house, STATE, "refresh_token_expired")
    house.restart()
    house.wait_until(lambda: bool(_repairs(house)), "the repair")
    ((repair_id, repair),) = _repairs(house).items()
    assert repair_id == f"authorization_expired_{association}"
    assert repair.get("config_entry_id") == (entry["entry_id"] if version >= LINKS_REPAIRS else None)

    house.api.delete(f"/api/config/config_entries/entry/{entry['entry_id']}")
    assert _repairs(house) == {}
    assert house.api.get(f"/api/config/config_entries/entry?domain={DOMAIN}") == []


def test_everything_stays_after_a_restart(house: House) -> None:
    begin = datetime.fromisoformat(house.api.get(f"/api/states/{REGISTRATION}")["last_changed"]).replace(microsecond=0)
    light, association = _cloud_id(house, LIGHT), _cloud_id(house, ACME)
    house.command("offline")
    data = {"managed_thing_id": light, "account_association_id": association, "wait": False}
    answer = house.api.call_action(DOMAIN, "register_account_association", data)
    assert answer["summary"] == {"queued": 1}
    house.command("expire_authorization", association_id=association)
    house.command("offline", offline=False)
    _synchronize(house)
    _wait_for_state(house, STATE, "refresh_token_expired")
    assert _state(house, PENDING) == "1"
    assert _state(house, REGISTRATION) == "queued"
    house.wait_until(lambda: _recorded(house, begin, STATE)[-1:] == ["refresh_token_expired"], "recording")
    devices = _devices(house)
    before = _history(house, begin)
    assert _recorded(house, begin, REGISTRATION) == ["not_registered", "queued"]

    house.restart()
    _wait_for_state(house, STATE, "refresh_token_expired")
    assert _devices(house) == devices
    assert _state(house, PENDING) == "1"
    assert _state(house, REGISTRATION) == "queued"
    house.command("set_association_state", association_id=association, state="ASSOCIATION_SUCCEEDED")
    _synchronize(house)
    _wait_for_state(house, REGISTRATION, "associated")
    _wait_for_state(house, PENDING, "0")
    house.wait_until(lambda: _recorded(house, begin, REGISTRATION)[-1:] == ["associated"], "recording")
    after = _history(house, begin)
    # What was last set up in the second before is in none of them until it changes.
    assert {REGISTRATION, STATE, PENDING} <= before.keys()
    assert {entity_id: after[entity_id][: len(rows)] for entity_id, rows in before.items()} == before
