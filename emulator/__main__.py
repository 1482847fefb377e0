"""``python -m emulator``: serve one account until interrupted."""

import argparse
import signal
import sys
import threading

from . import coverage
from .quota import DEFAULT_RATE
from .server import Emulator


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    parser.add_argument("--world", default="home", help="home, empty or fleet:<number of things> (default: home)")
    parser.add_argument("--region", default="eu-west-1", help="AWS Region (default: %(default)s)")
    parser.add_argument(
        "--quota",
        type=float,
        default=DEFAULT_RATE,
        help="calls per second of each operation, 0 for any number (default: %(default)g, as AWS)",
    )
    parser.add_argument(
        "--credential-provider-port",
        type=int,
        metavar="PORT",
        help="also serve AWS IoT's credential provider on this port, 0 for any free one (default: no)",
    )
    parser.add_argument("--coverage", action="store_true", help="update the table of operations in the README and end")
    return parser


def main() -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.coverage:
        coverage.update()
        print(coverage.table(), end="")
        return 0
    interrupted = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: interrupted.set())
    try:
        emulator = Emulator(host=arguments.host, port=arguments.port)
        world = emulator.create_world(arguments.world, region=arguments.region, quota=arguments.quota or None)
        emulator.start()
        if arguments.credential_provider_port is not None:
            emulator.start_credential_provider(arguments.credential_provider_port)
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    print(f"endpoint URL       {emulator.url}")
    print(f"account, Region    {world.account_id}, {world.region}")
    print(f"access key id      {world.access_key_id}")
    print(f"secret access key  {world.secret_access_key}")
    if arguments.credential_provider_port is not None:
        print(f"credentials        {emulator.credential_endpoint}")
    print("Stop with Ctrl-C.", flush=True)
    interrupted.wait()
    emulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
