"""What the AWS SDK costs by itself, in a process that has nothing else: `python -m bench.sdk`, the figures in JSON.

Home Assistant loads it for its own cloud too; the clients are the integration's.
"""

from collections.abc import Callable
import gc
import json
import sys
import time

from .memory import resident


def _cost(act: Callable[[], object]) -> dict[str, float]:
    gc.collect()
    memory = resident()
    begin, cpu = time.perf_counter(), time.process_time()
    kept = act()
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    gc.collect()
    cost = {"wall": wall, "cpu": cpu, "memory": resident() - memory}
    del kept
    return cost


def _load() -> object:
    import boto3  # noqa: PLC0415  # that is what is measured

    return boto3


def _clients() -> object:
    import boto3  # noqa: PLC0415  # loaded by now

    session = boto3.Session(aws_access_key_id="-", aws_secret_access_key="-", region_name="eu-west-1")  # noqa: S106  # nothing is sent
    return [session.client("iot-managed-integrations"), session.client("sts")]


def main() -> int:
    """Load the SDK, then make the clients of an account."""
    print(json.dumps({"load": _cost(_load), "clients": _cost(_clients)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
