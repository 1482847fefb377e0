"""One measurement in a process of its own: `python -m bench.worker NAME ARGUMENTS`, both ends in JSON."""

import asyncio
from collections.abc import Callable
import json
import subprocess
import sys
from typing import Any

from . import day, engine, fleet, peers
from .cloud import Endpoint, Vendor, environment

_MEASUREMENTS: dict[str, Callable[..., Any]] = {
    "register": engine.register,
    "onboard": engine.onboard,
    "loop": peers.loop,
    "threads": peers.threads,
    "command_line": peers.command_line,
    "set_up": fleet.set_up,
    "start_again": fleet.start_again,
    "bare": fleet.bare,
    "bare_again": fleet.bare_again,
    "notice": fleet.notice,
    "day": day.day,
}


def run(name: str, **arguments: Any) -> dict[str, Any]:
    """Do a measurement in a new process and return its result; raises ``RuntimeError`` with what it said if it ends.

    ``endpoint`` and ``vendor`` may be among the arguments; everything else must have a form in JSON.
    """
    values = {
        key: value.as_dict() if isinstance(value, (Endpoint, Vendor)) else value for key, value in arguments.items()
    }
    return run_module("bench.worker", name, json.dumps(values))


def run_module(module: str, *arguments: str) -> dict[str, Any]:
    """Run a module in a new process and return the JSON of its last line; raises ``RuntimeError`` as :func:`run`."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[2:4])} failed:\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> int:
    """Do what the command line says."""
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    if "endpoint" in arguments:
        arguments["endpoint"] = Endpoint(**arguments["endpoint"])
    if "vendor" in arguments:
        arguments["vendor"] = Vendor(**arguments["vendor"])
    result: Any = _MEASUREMENTS[name](**arguments)
    if asyncio.iscoroutine(result):
        result = asyncio.run(result)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
