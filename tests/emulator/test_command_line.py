"""The AWS CLI says of an account what boto3 says of it."""

from collections.abc import Iterator
from datetime import datetime
import json
import os
from pathlib import Path
import subprocess
from typing import Any

from botocore import xform_name
import pytest

from emulator import Emulator, World
from emulator.responses import IMPLEMENTED

from .conftest import make_client

ROOT = Path(__file__).parents[2]
# It pins another botocore than Home Assistant, so it has an environment of its own, which scripts/test makes.
PYTHON = ROOT / ".setup" / "awscli" / "bin" / "python"
# One process and one driver for all commands: each start of the CLI takes a second.
RUN_ALL = """
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver

driver, results = create_clidriver(), []
for command in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = driver.main(command)
    results.append([status, out.getvalue(), err.getvalue()])
json.dump(results, sys.stdout)
"""

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the AWS CLI is not installed: scripts/test does it")


def set_up(client: Any, world: World) -> Iterator[tuple[str, dict[str, Any]]]:
    """Put something of every kind into an account; yields the operations that read, with their input."""
    thing, hub = world.thing_id("Kitchen ceiling light"), world.thing_id("Cellar hub")
    acme = world.association_id("Acme Lighting")
    locker = client.create_credential_locker(Name="Locker", Tags={"home": "1"})["Id"]
    stream = f"arn:aws:kinesis:{world.region}:{world.account_id}:stream/events"
    client.create_destination(
        Name="Stream",
        DeliveryDestinationArn=stream,
        DeliveryDestinationType="KINESIS",
        RoleArn=world.add_role("writer"),
    )
    client.create_notification_configuration(EventType="DEVICE_STATE", DestinationName="Stream")
    log = client.create_event_log_configuration(ResourceType="managed-thing", EventLogLevel="ERROR")["Id"]
    rollout = {"ExponentialRolloutRate": {"BaseRatePerMinute": 5, "IncrementFactor": 1.5}, "MaximumPerMinute": 50}
    configuration = client.create_ota_task_configuration(Name="Slowly", PushConfig={"RolloutConfig": rollout})
    profile = client.create_provisioning_profile(ProvisioningType="FLEET_PROVISIONING", Name="hubs")["Id"]
    client.register_custom_endpoint()
    client.put_hub_configuration(HubTokenTimerExpirySettingInSeconds=60)
    client.put_runtime_log_configuration(ManagedThingId=hub, RuntimeLogConfigurations={"LogLevel": "INFO"})
    capability = {
        "id": "matter.OnOff@1.4",
        "name": "On/Off",
        "version": "6",
        "properties": ["OnOff"],
        "actions": ["On"],
    }
    endpoint = {"id": "1", "deviceTypes": ["Light"], "capabilities": [capability | {"events": []}]}
    world.set_capabilities(thing, {"version": "1.0.0", "endpoints": [endpoint]})
    world.report_state(thing, "matter.OnOff@1.4", {"OnOff": True})
    world.add_schema_version("matter.OnOff", "1.4", {"title": "On/Off", "extra": [1, None]})
    world.add_managed_thing_certificate(hub)
    client.update_managed_thing(Identifier=thing, MetaData={"room": "kitchen"}, CredentialLockerId=locker)
    by_member = {
        "CredentialLocker": {"Identifier": locker},
        "Destination": {"Name": "Stream"},
        "NotificationConfiguration": {"EventType": "DEVICE_STATE"},
        "EventLogConfiguration": {"Id": log},
        "OtaTaskConfiguration": {"Identifier": configuration["TaskConfigurationId"]},
        "ProvisioningProfile": {"Identifier": profile},
        "CloudConnector": {"Identifier": "acme-lighting-connector"},
        "ConnectorDestination": {"Identifier": "fabrikam-blinds"},
        "AccountAssociation": {"AccountAssociationId": acme},
        "ManagedThingState": {"ManagedThingId": thing},
        "ManagedThingCertificate": {"Identifier": hub},
        "RuntimeLogConfiguration": {"ManagedThingId": hub},
        "SchemaVersion": {"Type": "capability", "SchemaVersionedId": "matter.OnOff@$latest"},
        "DeviceDiscovery": {"Identifier": world.discovery_id(acme)},
    }
    listed = {
        "ListDiscoveredDevices": {"Identifier": world.discovery_id(acme)},
        "ListManagedThingSchemas": {"Identifier": thing},
        "ListSchemaVersions": {"Type": "capability"},
        "ListTagsForResource": {"ResourceArn": client.get_credential_locker(Identifier=locker)["Arn"]},
    }
    for operation in sorted(IMPLEMENTED):
        if operation.startswith("List"):
            yield operation, listed.get(operation, {})
        elif operation.startswith("Get"):
            subject = operation.removeprefix("Get")
            default = {"Identifier": thing} if subject.startswith("ManagedThing") else {}
            yield operation, by_member.get(subject, default)


def answer_of_boto3(client: Any, operation: str, params: dict[str, Any]) -> Any:
    method = xform_name(operation)
    if client.can_paginate(method):
        return client.get_paginator(method).paginate(**params).build_full_result()
    answer = getattr(client, method)(**params)
    del answer["ResponseMetadata"]
    return answer


def same(told: Any, expected: Any) -> bool:
    """Return whether the CLI's JSON says what boto3 read; it writes times as text."""
    match expected:
        case dict():
            return told.keys() == expected.keys() and all(same(told[key], expected[key]) for key in expected)
        case list():
            return len(told) == len(expected) and all(map(same, told, expected, strict=True))
        case datetime():
            return datetime.fromisoformat(told) == expected
        case _:
            return bool(told == expected)


def test_every_read(emulator: Emulator, world: World, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ncli_timestamp_format = iso8601\noutput = json\n", encoding="utf-8")
    client = make_client("iot-managed-integrations", emulator, world)
    reads = list(set_up(client, world))
    base = ["--endpoint-url", emulator.url, "--region", world.region, "iot-managed-integrations"]
    commands = [
        [*base, xform_name(operation, "-"), "--cli-input-json", json.dumps(params)] for operation, params in reads
    ]
    environment = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")} | {
        "AWS_ACCESS_KEY_ID": world.access_key_id,
        "AWS_SECRET_ACCESS_KEY": world.secret_access_key,
        "AWS_CONFIG_FILE": str(config),
        "AWS_PAGER": "",
    }
    done = subprocess.run(
        [PYTHON, "-c", RUN_ALL], input=json.dumps(commands), capture_output=True, text=True, env=environment, check=True
    )
    assert done.stderr == ""
    assert len(reads) == sum(operation.startswith(("Get", "List")) for operation in IMPLEMENTED)
    for (operation, params), (status, out, err) in zip(reads, json.loads(done.stdout), strict=True):
        assert (status, err) == (0, ""), operation
        expected = answer_of_boto3(client, operation, params)
        assert expected, operation
        assert same(json.loads(out), expected), f"{operation}: {out} is not {expected}"
