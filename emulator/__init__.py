"""An AWS IoT Managed Integrations that runs on this machine, for the demo, the tests and the benchmarks.

::

    with Emulator() as emulator:
        world = emulator.create_world("home")
        client = boto3.client(
            "iot-managed-integrations",
            endpoint_url=emulator.url,
            region_name=world.region,
            aws_access_key_id=world.access_key_id,
            aws_secret_access_key=world.secret_access_key,
        )
"""

from .server import Emulator
from .switches import Switches
from .world import RecordedRequest, World

__all__ = ["Emulator", "RecordedRequest", "Switches", "World"]
