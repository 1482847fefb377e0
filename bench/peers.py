"""What people use without this integration, as its documentation shows it: boto3 in a loop, in threads, the AWS CLI."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
import resource
import subprocess
import time
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .cloud import Endpoint, Vendor, environment

THREADS = 10


def _timed(act: Callable[[], int]) -> dict[str, Any]:
    """Return what an act cost, with its own count of what was accepted; children count as CPU of ours."""

    def cpu() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    begin, before = time.perf_counter(), cpu()
    accepted = act()
    return {"wall": time.perf_counter() - begin, "cpu": cpu() - before, "accepted": accepted}


def _register_by_sdk(endpoint: Endpoint, vendor: Vendor, threads: int) -> dict[str, Any]:
    # Nothing but the proxy is set: retries and connections are what the SDK gives whoever doesn't choose.
    client = endpoint.client(Config(proxies={}))

    def register(managed_thing_id: str) -> bool:
        try:
            client.register_account_association(
                ManagedThingId=managed_thing_id,
                AccountAssociationId=vendor.account_association_id,
                DeviceDiscoveryId=vendor.device_discovery_id,
            )
        except BotoCoreError, ClientError:
            return False
        return True

    def act() -> int:
        if threads == 1:
            return sum(map(register, vendor.managed_thing_ids))
        with ThreadPoolExecutor(threads) as pool:
            return sum(pool.map(register, vendor.managed_thing_ids))

    return _timed(act)


def loop(endpoint: Endpoint, vendor: Vendor) -> dict[str, Any]:
    """Register one after the other with boto3."""
    return _register_by_sdk(endpoint, vendor, 1)


def threads(endpoint: Endpoint, vendor: Vendor) -> dict[str, Any]:
    """Register ten at a time with boto3."""
    return _register_by_sdk(endpoint, vendor, THREADS)


def command_line(endpoint: Endpoint, vendor: Vendor, program: str) -> dict[str, Any]:
    """Register one after the other with the AWS CLI."""
    variables = environment() | {
        "AWS_ACCESS_KEY_ID": endpoint.access_key_id,
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_access_key,
        "AWS_DEFAULT_REGION": endpoint.region,
    }

    def register(managed_thing_id: str) -> bool:
        command = [program, "--endpoint-url", endpoint.url, "iot-managed-integrations", "register-account-association"]
        command += ["--managed-thing-id", managed_thing_id]
        command += ["--account-association-id", vendor.account_association_id]
        command += ["--device-discovery-id", vendor.device_discovery_id]
        return subprocess.run(command, env=variables, capture_output=True, check=False).returncode == 0

    return _timed(lambda: sum(map(register, vendor.managed_thing_ids)))
