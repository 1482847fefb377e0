"""An emulated AWS in a process of its own, so that its work isn't counted as anybody else's."""

from dataclasses import asdict, dataclass
import os
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config
import httpx

LATENCY = 0.04
"""Seconds that every answer takes at least."""
QUOTA = 10.0
"""Calls per second and operation: AWS's default."""
BRAND = "Acme"
WRITES = frozenset({"CreateManagedThing", "RegisterAccountAssociation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the cloud is, and the credentials for it."""

    url: str
    account_id: str
    region: str
    access_key_id: str
    secret_access_key: str

    @property
    def unique_id(self) -> str:
        """The unique id of a config entry for this account and Region."""
        return f"aws:{self.account_id}:{self.region}"

    def as_dict(self) -> dict[str, str]:
        """Return the form that a worker process is given."""
        return asdict(self)

    def client(self, config: Config) -> Any:
        """Return the AWS SDK's own client."""
        return boto3.client(
            "iot-managed-integrations",
            region_name=self.region,
            endpoint_url=self.url,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=config,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """An account association whose finished discovery lists devices."""

    account_association_id: str
    device_discovery_id: str
    managed_thing_ids: list[str]
    """Empty if the devices have no managed things yet."""

    def as_dict(self) -> dict[str, Any]:
        """Return the form that a worker process is given."""
        return asdict(self)


class Cloud:
    """An emulator as a context manager; ``quota`` is in calls per second and operation, ``None`` for any number."""

    endpoint: Endpoint

    def __init__(self, world: str = "empty", *, quota: float | None = QUOTA) -> None:
        """Describe it; nothing is started yet."""
        self._command = [sys.executable, "-m", "emulator", "--world", world, "--quota", str(quota or 0)]
        self._process: subprocess.Popen[str]
        self._http = httpx.Client(trust_env=False, timeout=60)

    def __enter__(self) -> Self:
        """Start it; returns when it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, env=environment())
        first = self._process.stdout.readline() if self._process.stdout else ""
        if not first.startswith("endpoint URL"):
            raise RuntimeError("the emulator did not start")
        url = first.split()[-1]
        world = self._http.get(f"{url}/_emulator/worlds").raise_for_status().json()["worlds"][0]
        self.endpoint = Endpoint(url=url, **world)
        self.command("set_latency", seconds=LATENCY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._http.close()
        self._process.terminate()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def command(self, name: str, /, **arguments: Any) -> Any:
        """Call a method of the emulated account."""
        answer = self._http.post(f"{self.endpoint.url}/_emulator/{name}", json=arguments)
        return answer.raise_for_status().json()["result"]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests so far, oldest first."""
        rows: list[dict[str, Any]] = self._http.get(f"{self.endpoint.url}/_emulator/requests").json()["requests"]
        return rows

    def add_vendor(self, size: int, *, with_things: bool) -> Vendor:
        """Let a finished discovery list so many devices, with managed things that aren't registered or without."""
        association = self.command("add_association", name=f"{BRAND} Home")
        for number in range(size):
            self.command(
                "add_cloud_device",
                association_id=association,
                connector_device_id=f"dev-{number}",
                name=f"Device {number}",
                brand=BRAND,
                model="M1",
                device_types=["Light"],
            )
        discovery = self.command("add_discovery", association_id=association)
        things = [
            self.command(
                "add_thing",
                name=f"Device {number}",
                status="UNASSOCIATED",
                association_id=association,
                connector_device_id=f"dev-{number}",
                material=f"CLOUD:{discovery}:dev-{number}",
                Brand=BRAND,
                Model="M1",
                SerialNumber=f"SN-{number:06}",
            )
            for number in range(size if with_things else 0)
        ]
        return Vendor(account_association_id=association, device_discovery_id=discovery, managed_thing_ids=things)

    def registered(self) -> int:
        """Return how many pairs the cloud has as ASSOCIATED, by asking it as any client would."""
        self.command("set_quota", rate=None)
        pages = self.endpoint.client(Config(proxies={})).get_paginator("list_managed_thing_account_associations")
        return sum(
            row["ManagedThingAssociationStatus"] == "ASSOCIATED" for page in pages.paginate() for row in page["Items"]
        )


def environment() -> dict[str, str]:
    """Return this process's environment without anything about AWS or proxies of whoever runs this."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("AWS_", "HTTP"))}
    return kept | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
    }


def throttled_share(requests: list[dict[str, Any]]) -> float:
    """Return which part of the requests, from the first write on, was answered 429."""
    first = next((number for number, request in enumerate(requests) if request["operation"] in WRITES), len(requests))
    counted = requests[first:]
    return sum(request["status"] == 429 for request in counted) / len(counted) if counted else 0.0
