"""Home Assistant with the integration, against an emulated AWS, ready to look at: `scripts/demo`.

With --check no browser is needed: a device is registered by an action over Home Assistant's own API, and the exit
code says whether the cloud agrees.
"""

import argparse
from dataclasses import dataclass
import json
from pathlib import Path
import sys
import time
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from scripts.errors import HouseError
from scripts.home_assistant_log import complaints
from scripts.house import DASHBOARD_PATH, DOMAIN, ROOT, House
from scripts.interrupts import stop_on_signals

if TYPE_CHECKING:
    from mypy_boto3_iot_managed_integrations import ManagedintegrationsforIoTDeviceManagementClient as Cloud

SECONDS_TO_SHOW = 30
"""How long Home Assistant may take to show what the cloud has."""

FIND_REGISTRATION_SENSOR = """
{%% set found = namespace(sensors=[]) %%}
{%% for entity in integration_entities('%(domain)s')
   if entity.startswith('sensor.') and state_attr(entity, 'account_associations') is not none
   and ('%(domain)s', '%(thing)s') in device_attr(device_id(entity), 'identifiers') %%}
{%% set found.sensors = found.sensors + [{'entity_id': entity, 'device_id': device_id(entity)}] %%}
{%% endfor %%}
{{ found.sensors | to_json }}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A managed thing that an account association can take: a finished discovery found it there."""

    managed_thing_id: str
    account_association_id: str
    device_discovery_id: str


def cloud_of(house: House) -> Cloud:
    """Return the AWS SDK's own client for the account, as its owner would use it beside Home Assistant."""
    return boto3.client(
        "iot-managed-integrations",
        region_name=house.account.region,
        endpoint_url=house.emulator_url,
        aws_access_key_id=house.account.access_key_id,
        aws_secret_access_key=house.account.secret_access_key,
        config=Config(proxies={}),
    )


def registrations(cloud: Cloud) -> dict[tuple[str, str], str]:
    """Return the status of every pair of managed thing and account association that the cloud has."""
    pages = cloud.get_paginator("list_managed_thing_account_associations").paginate()
    return {
        (row["ManagedThingId"], row["AccountAssociationId"]): row["ManagedThingAssociationStatus"]
        for page in pages
        for row in page["Items"]
    }


def find_candidate(cloud: Cloud) -> Candidate:
    """Return the first thing that could be registered and is not."""
    taken = registrations(cloud)
    for page in cloud.get_paginator("list_device_discoveries").paginate(StatusFilter="SUCCEEDED", TypeFilter="CLOUD"):
        for item in page["Items"]:
            discovery = item["Id"]
            association = cloud.get_device_discovery(Identifier=discovery).get("AccountAssociationId", "")
            for found in cloud.get_paginator("list_discovered_devices").paginate(Identifier=discovery):
                for device in found["Items"]:
                    thing = device.get("ManagedThingId")
                    if thing and association and (thing, association) not in taken:
                        return Candidate(
                            managed_thing_id=thing, account_association_id=association, device_discovery_id=discovery
                        )
    raise HouseError("the emulated account has no device that could be registered")


def check(house: House) -> list[str]:
    """Register a device by the action; return what is wrong."""
    cloud = cloud_of(house)
    candidate = find_candidate(cloud)
    thing, association = candidate.managed_thing_id, candidate.account_association_id
    sensors = house.api.render(FIND_REGISTRATION_SENSOR % {"domain": DOMAIN, "thing": thing})
    if len(sensors) != 1:
        return [f"Home Assistant has {len(sensors)} registration sensors for {thing}, not one"]
    entity_id = sensors[0]["entity_id"]

    def show(when: str) -> str:
        state = house.api.get(f"/api/states/{entity_id}")
        print(f"{when}: {entity_id} = {state['state']} {json.dumps(state['attributes'].get('account_associations'))}")
        return str(state["state"])

    before = show("before")
    answer = house.api.call_action(
        DOMAIN,
        "register_account_association",
        {
            "device_id": [sensors[0]["device_id"]],
            "account_association_id": association,
            "device_discovery_id": candidate.device_discovery_id,
        },
    )
    print(f"{DOMAIN}.register_account_association answers:\n{json.dumps(answer, indent=2)}")
    deadline = time.monotonic() + SECONDS_TO_SHOW
    while house.api.get(f"/api/states/{entity_id}")["state"] != "associated" and time.monotonic() < deadline:
        time.sleep(0.2)
    after = show("after")

    sent = [request for request in house.requests() if request["operation"] == "RegisterAccountAssociation"]
    print("cloud: " + json.dumps({"requests": sent, "status": registrations(cloud).get((thing, association))}))
    wanted_request = {
        "ManagedThingId": thing,
        "AccountAssociationId": association,
        "DeviceDiscoveryId": candidate.device_discovery_id,
    }
    provisioning = cloud.get_managed_thing(Identifier=thing)["ProvisioningStatus"]
    expected: list[tuple[str, Any, Any]] = [
        ("the sensor before", before, "not_registered"),
        ("the sensor after", after, "associated"),
        ("the action's summary", answer["summary"], {"registered": 1}),
        ("the thing in the answer", [item["managed_thing_id"] for item in answer["results"]], [thing]),
        ("what RegisterAccountAssociation was sent", [request["params"] for request in sent], [wanted_request]),
        ("what AWS answered", [request["error_code"] for request in sent], [None]),
        ("the cloud's status of the pair", registrations(cloud).get((thing, association)), "ASSOCIATED"),
        ("the cloud's provisioning status", provisioning, "ACTIVATED"),
    ]
    return [f"{what} is {seen!r}, not {wanted!r}" for what, seen, wanted in expected if seen != wanted]


def run_check(house: House) -> int:
    """Do the check, stop the house, then judge its log too."""
    with house:
        print(f"Home Assistant runs at {house.url}, AWS at {house.emulator_url}")
        problems = check(house)
    log = house.home_assistant_log.read_text(encoding="utf-8")
    problems += [f"Home Assistant logged: {record}" for record in complaints(log)]
    for problem in problems:
        print(f"demo: {problem}", file=sys.stderr)
    print("demo: FAILED" if problems else "demo: the cloud agrees")
    return 1 if problems else 0


def run_demo(house: House) -> int:
    """Run until Ctrl-C."""
    with house:
        print(f"\nOpen {house.url}/{DASHBOARD_PATH} (you are logged in). Ctrl-C stops.", flush=True)
        print(f"Logs: {house.log_directory}", flush=True)
        house.run()
    return 0


def main() -> int:
    """Run the demo or its check."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="headless: register a device and compare with the cloud")
    parser.add_argument("--port", type=int, help="Home Assistant's port (default: 8123, --check: any)")
    parser.add_argument("--emulator-port", type=int, help="the emulator's port (default: 8124, --check: any)")
    parser.add_argument("--directory", type=Path, default=ROOT / ".demo", help="where its files go (default: .demo)")
    options = parser.parse_args()
    defaults = (0, 0) if options.check else (8123, 8124)
    house = House(
        options.directory.resolve() / ("check" if options.check else "home"),
        port=defaults[0] if options.port is None else options.port,
        emulator_port=defaults[1] if options.emulator_port is None else options.emulator_port,
    )
    try:
        with stop_on_signals():
            return run_check(house) if options.check else run_demo(house)
    except HouseError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: stopped")
        return 130 if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
