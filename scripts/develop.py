"""Home Assistant and the emulator in the foreground, with debug logs, keeping their state: `scripts/develop`."""

import argparse
import sys

from scripts.errors import HouseError
from scripts.house import DASHBOARD_PATH, ROOT, House
from scripts.interrupts import stop_on_signals


def main() -> int:
    """Run until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="scripts/develop", description=__doc__)
    parser.add_argument("--port", type=int, default=8123, help="Home Assistant's port (default: %(default)s)")
    parser.add_argument("--emulator-port", type=int, default=8124, help="the emulator's port (default: %(default)s)")
    options = parser.parse_args()
    house = House(
        ROOT / ".develop",
        port=options.port,
        emulator_port=options.emulator_port,
        keep_state=True,
        log_level="debug",
        log_to_terminal=True,
    )
    try:
        with stop_on_signals(), house:
            print(f"\nOpen {house.url}/{DASHBOARD_PATH} – Ctrl-C stops. Start afresh: rm -r .develop\n", flush=True)
            house.run()
    except HouseError as error:
        print(f"develop: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
