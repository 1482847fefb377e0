"""Many gateways that share one AWS account and Region, and so one quota, on a simulated clock.

Real: a gateway's coordinators and registrar, the client with its pages, its quota and its table of errors, and Home
Assistant's timers. Simulated: time, the network, boto3, and the cloud, whose quota is the emulator's.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
import logging
import random
from tempfile import TemporaryDirectory
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntries
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util

from .fleet_cloud import Cloud, Sdk
from .fleet_gateways import LATENCY, Gateway, Integration, Script
from .fleet_scenario import BIN, MINUTE, Outcome, Scenario
from .simulated_time import SimulatedLoop

STARTED_WITHIN = MINUTE
"""After a power cut all gateways have started within so many seconds."""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def _home_assistant(directory: str) -> AsyncGenerator[HomeAssistant]:
    """Give the one Home Assistant whose entries all the gateways are."""
    hass = HomeAssistant(directory)
    hass.config_entries = ConfigEntries(hass, {})
    dr.async_setup(hass)
    await dr.async_load(hass, load_empty=True)
    await er.async_load(hass, load_empty=True)
    try:
        yield hass
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await hass.async_stop(force=True)


class _Run:
    """One life of a fleet."""

    def __init__(self, scenario: Scenario, loop: SimulatedLoop, hass: HomeAssistant) -> None:
        self._scenario = scenario
        self._time = loop.time
        self._cloud = Cloud(scenario, loop.time)
        sdk = Sdk(self._cloud)
        self._gateways: list[Gateway] = [
            Script(self._cloud, sdk, scenario.interval * MINUTE, number)
            if scenario.plain
            else Integration(hass, self._cloud, sdk, scenario.interval, number)
            for number in range(scenario.gateways)
        ]
        self.outcome = Outcome(scenario)

    async def live(self) -> None:
        """Start after a power cut, go on until the end of the steady time, then do the campaign."""
        await self._poll()
        await self._register()
        for gateway in self._gateways:
            await gateway.stop()

    async def _poll(self) -> None:
        async def start(gateway: Gateway) -> None:
            await asyncio.sleep(random.uniform(0, STARTED_WITHIN))
            await gateway.start()

        scenario, outcome = self._scenario, self.outcome
        starts = [asyncio.create_task(start(gateway)) for gateway in self._gateways]
        end = scenario.settling + scenario.steady
        await asyncio.sleep(scenario.settling)
        while (now := self._time()) < end:
            outcome.ages += [now - gateway.read_at for gateway in self._gateways]
            outcome.association_ages += [now - gateway.associations_read_at for gateway in self._gateways]
            await asyncio.sleep(BIN)
        await asyncio.gather(*starts)
        outcome.first_reads = [gateway.first_read for gateway in self._gateways if gateway.first_read is not None]
        steady = range(int(scenario.settling / BIN), int(end / BIN))
        outcome.refused = self._cloud.share(bins=steady)
        outcome.bins = self._cloud.shares(end)
        served: Counter[str] = Counter()
        for (operation, number), count in self._cloud.served.items():
            if number in steady:
                served[operation] += count
        outcome.calls_per_second = {name: count / scenario.steady for name, count in sorted(served.items())}

    async def _register(self) -> None:
        async def register(gateway: Gateway) -> None:
            await asyncio.sleep(random.uniform(0, self._scenario.campaign_within))
            await gateway.register()

        begin = self._time()
        await asyncio.gather(*map(register, self._gateways))
        self.outcome.campaign = self._cloud.last_registered - begin
        bins = range(int(begin / BIN), int(self._time() / BIN) + 1)
        self.outcome.campaign_refused = self._cloud.share(bins=bins, operation="RegisterAccountAssociation")
        self.outcome.lost = sum(gateway.lost for gateway in self._gateways)


async def _run(scenario: Scenario, loop: SimulatedLoop, directory: str) -> Outcome:
    async with _home_assistant(directory) as hass:
        run = _Run(scenario, loop, hass)
        await run.live()
    return run.outcome


def simulate(scenario: Scenario) -> Outcome:
    """Run a fleet; the same scenario has the same outcome each time, in other processes by the same PYTHONHASHSEED."""
    random.seed(scenario.seed)
    logger = logging.getLogger("custom_components.mi_registration")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    loop = SimulatedLoop(latency=LATENCY)

    def utcnow() -> datetime:
        return EPOCH + timedelta(seconds=loop.time())

    with TemporaryDirectory(prefix="fleet-") as directory, patch.object(dt_util, "utcnow", utcnow):
        try:
            return loop.run_until_complete(_run(scenario, loop, directory))
        finally:
            loop.close()
            logger.setLevel(level)
