"""Many gateways that share one AWS account and Region, and so one quota, on a simulated clock.

Real: a gateway's coordinators and registrar, the client with its pages, its quota and its table of errors, and Home
Assistant's timers. Simulated: time, the network, boto3, and the cloud, whose quota is the emulator's.
"""

from abc import ABC, abstractmethod
import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
import logging
import random
from tempfile import TemporaryDirectory
from types import MappingProxyType, SimpleNamespace
from typing import Any, override
from unittest.mock import patch

from botocore.exceptions import ClientError
import botocore.session

from custom_components.mi_registration.aws.client import PAGE_SIZE, SERVICE, Boto3ManagedIntegrationsClient
from custom_components.mi_registration.aws.models import AccountAssociation, ManagedThing, Registration
from custom_components.mi_registration.aws.quota import Quota
from custom_components.mi_registration.aws.session import ConnectionSettings
from custom_components.mi_registration.const import (
    CONF_ACCOUNT_ASSOCIATION_ID,
    CONF_OWNER,
    CONF_REGION,
    CONF_REQUESTS_PER_SECOND,
    CONF_SCAN_INTERVAL_MINUTES,
    DOMAIN,
    SUBENTRY_ACCOUNT_ASSOCIATION,
)
from custom_components.mi_registration.coordinator import MiRegistrationCoordinator
from custom_components.mi_registration.device_discovery import DeviceDiscoveries
from custom_components.mi_registration.inventory import Inventory
from custom_components.mi_registration.registrar import Registrar
from custom_components.mi_registration.store import RegistrationStore
from emulator.quota import Quota as CloudQuota
from homeassistant.config_entries import SOURCE_USER, ConfigEntries, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util

from .simulated_time import SimulatedLoop

MINUTE = 60.0
HOUR = 3600.0
ACCOUNT = "123456789012"
REGION = "eu-west-1"
LATENCY = 0.04
"""Seconds from a request to its answer."""
STARTED_WITHIN = MINUTE
"""After a power cut all gateways have started within so many seconds."""
BIN = 10 * MINUTE
"""What the plot shows is counted over so many seconds."""
LONGEST_CAMPAIGN = 48 * HOUR
"""A campaign that isn't done by then is given up."""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fleet, and how long to look at it."""

    gateways: int
    interval: int = 15
    """Minutes between two synchronisations, as set in the options."""
    quota: float = 10.0
    """Calls per second that AWS serves of each operation, for the whole fleet."""
    things: int = 20
    """Managed things of each home; half of them are registered, the campaign registers the others."""
    associations: int = 2
    """Account associations of each home."""
    settling: float = 3 * HOUR
    """Seconds after the start that don't count as steady."""
    steady: float = 3 * HOUR
    """Seconds that do."""
    campaign_within: float = 1.0
    """All gateways begin with the campaign within so many seconds."""
    plain: bool = False
    """Whether a plain script is simulated instead of the integration."""
    seed: int = 1

    @property
    def limit(self) -> float:
        """Seconds that the quota needs for the campaign at least."""
        return self.gateways * (self.things // 2) / self.quota


@dataclass(slots=True)
class Outcome:
    """What became of a fleet."""

    scenario: Scenario
    first_reads: list[float] = field(default_factory=list)
    """When each gateway had read the cloud for the first time, in seconds after the start."""
    ages: list[float] = field(default_factory=list)
    """How old what the gateways show was, looked at again and again while all was steady, in seconds."""
    association_ages: list[float] = field(default_factory=list)
    """The same for the states of the account associations."""
    refused: float = 0.0
    """The share of calls that the cloud refused while all was steady."""
    calls_per_second: Mapping[str, float] = field(default_factory=dict)
    """What the cloud served of each operation while all was steady."""
    bins: list[float] = field(default_factory=list)
    """The share of calls that was refused, from the start, for each :data:`BIN`."""
    campaign: float = 0.0
    """Seconds until the last registration was made that all gateways were told to make at once."""
    campaign_refused: float = 0.0
    """The share of the campaign's RegisterAccountAssociation calls that the cloud refused."""
    lost: int = 0
    """Registrations that were not made in the end."""

    @property
    def all_have_read(self) -> bool:
        """Whether every gateway read the cloud at least once."""
        return len(self.first_reads) == self.scenario.gateways


class Cloud:
    """The account: who has what, and how many calls it serves."""

    def __init__(self, scenario: Scenario, clock: Callable[[], float]) -> None:
        """Make the homes, each with its things and associations."""
        self._quota = CloudQuota(scenario.quota, clock=clock)
        self._clock = clock
        self._per_home = scenario.associations
        self.parsed: dict[str, AccountAssociation] = {}
        self.last_registered = 0.0
        """When the last registration was made."""
        self.served: Counter[tuple[str, int]] = Counter()
        """Calls by operation and bin."""
        self.refused: Counter[tuple[str, int]] = Counter()
        self.things: dict[str, list[dict[str, Any]]] = {}
        """Rows by owner."""
        self.associations: list[dict[str, Any]] = []
        self.registered: dict[str, dict[str, dict[str, Any]]] = {}
        """Rows by association and thing."""
        for number in range(scenario.gateways):
            owner = f"home-{number}"
            ids = [f"association{number}x{index}" for index in range(scenario.associations)]
            self.associations += [
                {
                    "AccountAssociationId": association_id,
                    "AssociationState": "ASSOCIATION_SUCCEEDED",
                    "Name": association_id,
                    "ConnectorDestinationId": "vendor",
                }
                for association_id in ids
            ]
            self.parsed |= {
                row.account_association_id: row
                for row in map(AccountAssociation.from_wire, self.associations_of(number))
                if row is not None
            }
            self.things[owner] = [
                {
                    "Id": f"thing{number}x{index}",
                    "Role": "DEVICE",
                    "Name": f"Device {index}",
                    "ProvisioningStatus": "UNASSOCIATED",
                }
                for index in range(scenario.things)
            ]
            self.registered |= {association_id: {} for association_id in ids}
            for index, row in enumerate(self.things[owner][scenario.things // 2 :]):
                self.register(row["Id"], ids[index % len(ids)])

    def associations_of(self, number: int) -> list[dict[str, Any]]:
        """Return the rows of one home's associations."""
        return self.associations[number * self._per_home : (number + 1) * self._per_home]

    def known(self, number: int) -> Inventory:
        """Return what a home's gateway knows from before."""
        associations = self.associations_of(number)
        registered = [row for one in associations for row in self.registered[one["AccountAssociationId"]].values()]
        return Inventory.build(
            [thing for row in self.things[f"home-{number}"] if (thing := ManagedThing.from_wire(row))],
            [found for row in associations if (found := AccountAssociation.from_wire(row))],
            [pair for row in registered if (pair := Registration.from_wire(row))],
        )

    def register(self, thing_id: str, association_id: str) -> None:
        """Note a registration; it is complete at once."""
        self.last_registered = self._clock()
        self.registered[association_id][thing_id] = {
            "ManagedThingId": thing_id,
            "AccountAssociationId": association_id,
            "ManagedThingAssociationStatus": "ASSOCIATED",
        }

    def admit(self, operation: str) -> None:
        """Count a call against the quota; raises ``ClientError`` if that is used up."""
        now = int(self._clock() / BIN)
        if self._quota.allows(operation):
            self.served[operation, now] += 1
            return
        self.refused[operation, now] += 1
        raise ClientError(
            {
                "Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"},
                "ResponseMetadata": {
                    "HTTPStatusCode": 429,
                    "HTTPHeaders": {},
                    "RequestId": "",
                    "HostId": "",
                    "RetryAttempts": 0,
                },
            },
            operation,
        )

    def shares(self, until: float) -> list[float]:
        """Return the share of refused calls for each bin up to a time."""
        return [self.share(bins=[number]) for number in range(int(until / BIN))]

    def share(self, *, bins: Iterable[int], operation: str | None = None) -> float:
        """Return the share of refused calls in some bins."""
        wanted = set(bins)

        def total(counter: Counter[tuple[str, int]]) -> int:
            return sum(
                count for (name, number), count in counter.items() if number in wanted and operation in (None, name)
            )

        refused = total(self.refused)
        return refused / max(1, refused + total(self.served))


class _Sdk:
    """Stands in for boto3's clients of the services: methods with the SDK's names, answers and errors."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    @cached_property
    def meta(self) -> SimpleNamespace:
        return SimpleNamespace(service_model=botocore.session.get_session().get_service_model(SERVICE))

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/gateway", "UserId": "gateway"}

    def list_managed_things(self, *, OwnerFilter: str, **position: Any) -> dict[str, Any]:  # noqa: N803
        self._cloud.admit("ListManagedThings")
        return _page(self._cloud.things[OwnerFilter], **position)

    def list_account_associations(self, **position: Any) -> dict[str, Any]:
        self._cloud.admit("ListAccountAssociations")
        return _page(self._cloud.associations, **position)

    def list_managed_thing_account_associations(
        self,
        *,
        AccountAssociationId: str,  # noqa: N803
        **position: Any,
    ) -> dict[str, Any]:
        self._cloud.admit("ListManagedThingAccountAssociations")
        return _page(list(self._cloud.registered[AccountAssociationId].values()), **position)

    def register_account_association(
        self,
        *,
        ManagedThingId: str,  # noqa: N803
        AccountAssociationId: str,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        self._cloud.admit("RegisterAccountAssociation")
        self._cloud.register(ManagedThingId, AccountAssociationId)
        return {"ResponseMetadata": {"RequestId": ""}}


def _page(rows: list[dict[str, Any]], *, MaxResults: int, NextToken: str = "0") -> dict[str, Any]:  # noqa: N803
    end = int(NextToken) + MaxResults
    return {"Items": rows[int(NextToken) : end], **({"NextToken": str(end)} if end < len(rows) else {})}


class _Client(Boto3ManagedIntegrationsClient):
    """The client, but for the SDK."""

    def __init__(self, sdk: _Sdk, quota: Quota, parsed: Mapping[str, AccountAssociation]) -> None:
        super().__init__(
            ConnectionSettings.from_config({CONF_REGION: REGION, "auth_method": "default_chain"}),
            quota=quota,
            user_agent_extra="simulation",
        )
        self._parsed = parsed
        self._simulated = SimpleNamespace(clients={SERVICE: sdk, "sts": sdk}, renewable=False)

    @override
    async def list_account_associations(self) -> tuple[AccountAssociation, ...]:
        # Twenty thousand rows for ten thousand gateways are parsed once, not two hundred million times.
        return await self._pages("ListAccountAssociations", {}, lambda row: self._parsed[row["AccountAssociationId"]])

    @override
    def _connect(self, operation: str) -> Any:
        return self._simulated


class _Store(RegistrationStore):
    """The store, but for the disk."""

    @override
    async def async_save_queue(self) -> None:
        pass

    @override
    def async_keep_inventory(self, inventory: Inventory, as_of: datetime) -> None:
        self.as_of, self.inventory = as_of, inventory


class _Coordinator(MiRegistrationCoordinator):
    """The coordinator; it also notes how fresh its data is."""

    gateway: Gateway

    @override
    async def _async_update_data(self) -> Inventory:
        begun = self.hass.loop.time()
        inventory = await super()._async_update_data()
        self.gateway.first_read = self.gateway.first_read or self.hass.loop.time()
        self.gateway.read_at = begun
        return inventory

    @override
    async def _list_associations(self) -> Iterable[AccountAssociation]:
        associations = await super()._list_associations()
        if associations is not self.data.account_associations:
            self.gateway.associations_read_at = self.hass.loop.time()
        return associations


class Gateway(ABC):
    """What looks after one home."""

    first_read: float | None = None
    """When it had read the cloud for the first time."""
    read_at = 0.0
    """When the last good reading began; the start, if there was none."""
    associations_read_at = 0.0
    """When the list of account associations was last read to its end; the start, if it never was."""

    def __init__(self, cloud: Cloud, number: int) -> None:
        """Know the home from before."""
        self._cloud = cloud
        self.owner = f"home-{number}"
        things = cloud.things[self.owner]
        self.things = [row["Id"] for row in things[: len(things) // 2]]
        self.associations = [row["AccountAssociationId"] for row in cloud.associations_of(number)]

    @abstractmethod
    async def start(self) -> None:
        """Read the cloud, and go on with that."""

    @abstractmethod
    async def register(self) -> None:
        """Register what isn't yet, spread over the home's associations, until all is made or given up."""

    @abstractmethod
    async def stop(self) -> None:
        """Read no more."""

    @property
    def lost(self) -> int:
        """How many registrations the cloud doesn't have."""
        made = {thing_id for association_id in self.associations for thing_id in self._cloud.registered[association_id]}
        return len(set(self.things) - made)


class Script(Gateway):
    """A loop over boto3's own methods and retries, as one would write it without this integration."""

    TRIES = 3
    """Of each call, as boto3 makes them by itself in its standard mode."""

    def __init__(self, cloud: Cloud, sdk: _Sdk, interval: float, number: int) -> None:
        """Prepare."""
        super().__init__(cloud, number)
        self._sdk = sdk
        self._interval = interval
        self._polls: asyncio.Task[None] | None = None

    @override
    async def start(self) -> None:
        self._polls = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        time = asyncio.get_running_loop().time
        while True:
            begun = time()
            with suppress(ClientError):
                await self._pages(self._sdk.list_managed_things, OwnerFilter=self.owner)
                await self._pages(self._sdk.list_account_associations)
                for association_id in self.associations:
                    await self._pages(
                        self._sdk.list_managed_thing_account_associations, AccountAssociationId=association_id
                    )
                self.first_read = self.first_read or time()
                self.read_at = self.associations_read_at = begun
            await asyncio.sleep(begun + self._interval - time())

    async def _pages(self, method: Callable[..., dict[str, Any]], **params: str) -> None:
        position: dict[str, str] = {}
        while True:
            answer = await self._call(method, **params, MaxResults=PAGE_SIZE, **position)
            if "NextToken" not in answer:
                return
            position = {"NextToken": answer["NextToken"]}

    async def _call(self, method: Callable[..., dict[str, Any]], **params: Any) -> dict[str, Any]:
        for tries in range(1, self.TRIES + 1):
            await asyncio.sleep(LATENCY)
            try:
                return method(**params)
            except ClientError:
                if tries == self.TRIES:
                    raise
                await asyncio.sleep(random.random() * 2**tries)  # noqa: S311 - no secret hangs on it
        raise AssertionError

    @override
    async def register(self) -> None:
        for index, thing_id in enumerate(self.things):
            with suppress(ClientError):
                await self._call(
                    self._sdk.register_account_association,
                    ManagedThingId=thing_id,
                    AccountAssociationId=self.associations[index % len(self.associations)],
                )

    @override
    async def stop(self) -> None:
        if self._polls is not None:
            self._polls.cancel()


class Integration(Gateway):
    """The integration of this repository."""

    def __init__(self, hass: HomeAssistant, cloud: Cloud, sdk: _Sdk, interval: int, number: int) -> None:
        """Prepare, as a start of Home Assistant does that knows the home from before."""
        super().__init__(cloud, number)
        self.entry: ConfigEntry[Any] = ConfigEntry(
            version=1,
            minor_version=1,
            domain=DOMAIN,
            entry_id=f"gateway-{number}",
            title=f"Gateway {number}",
            unique_id=f"aws:{ACCOUNT}:{REGION}",
            source=SOURCE_USER,
            discovery_keys=MappingProxyType({}),
            data={CONF_REGION: REGION},
            options={
                CONF_OWNER: self.owner,
                CONF_SCAN_INTERVAL_MINUTES: interval,
                CONF_REQUESTS_PER_SECOND: 10,
            },
            subentries_data=[
                {
                    "subentry_type": SUBENTRY_ACCOUNT_ASSOCIATION,
                    "title": association_id,
                    "unique_id": association_id,
                    "data": {CONF_ACCOUNT_ASSOCIATION_ID: association_id},
                }
                for association_id in self.associations
            ],
        )
        # The public way would set the entry up; all gateways are entries of one Home Assistant here.
        hass.config_entries._entries[self.entry.entry_id] = self.entry  # noqa: SLF001
        client = _Client(sdk, Quota(10, clock=hass.loop.time), cloud.parsed)
        store = _Store(hass, self.entry.entry_id)
        store.inventory, store.as_of = cloud.known(number), dt_util.utcnow()
        self.coordinator = _Coordinator(hass, self.entry, client, store)
        self.coordinator.gateway = self
        # Each machine's clock has a phase of its own within the second, but these share one.
        self.coordinator._microsecond = random.random()  # noqa: S311, SLF001
        self._registrar = Registrar(self.coordinator, DeviceDiscoveries(self.coordinator))

    @override
    async def start(self) -> None:
        self.coordinator.async_add_listener(self._registrar.async_inventory_updated)
        await self.coordinator.async_refresh()

    @override
    async def register(self) -> None:
        begun = self.coordinator.hass.loop.time()
        await asyncio.gather(
            *(
                self._registrar.async_register(
                    self.things[index :: len(self.associations)], association_id, device_discovery_id="discovery"
                )
                for index, association_id in enumerate(self.associations)
            )
        )
        while self._registrar.pending_count and self.coordinator.hass.loop.time() - begun < LONGEST_CAMPAIGN:  # noqa: ASYNC110 - counts time, too
            await asyncio.sleep(MINUTE)

    @override
    async def stop(self) -> None:
        self._registrar.async_stop()
        await self.coordinator.async_shutdown()
        await self.coordinator.client.close()


async def _run(scenario: Scenario, loop: SimulatedLoop, directory: str) -> Outcome:
    hass = HomeAssistant(directory)
    hass.config_entries = ConfigEntries(hass, {})
    dr.async_setup(hass)
    await dr.async_load(hass, load_empty=True)
    await er.async_load(hass, load_empty=True)
    cloud = Cloud(scenario, loop.time)
    sdk = _Sdk(cloud)
    gateways: list[Gateway] = [
        Script(cloud, sdk, scenario.interval * MINUTE, number)
        if scenario.plain
        else Integration(hass, cloud, sdk, scenario.interval, number)
        for number in range(scenario.gateways)
    ]
    outcome = Outcome(scenario)

    async def start(gateway: Gateway) -> None:
        await asyncio.sleep(random.uniform(0, STARTED_WITHIN))  # noqa: S311 - no secret hangs on it
        await gateway.start()

    starts = [asyncio.create_task(start(gateway)) for gateway in gateways]
    end = scenario.settling + scenario.steady
    await asyncio.sleep(scenario.settling)
    while loop.time() < end:
        now = loop.time()
        outcome.ages += [now - gateway.read_at for gateway in gateways]
        outcome.association_ages += [now - gateway.associations_read_at for gateway in gateways]
        await asyncio.sleep(BIN)
    await asyncio.gather(*starts)
    outcome.first_reads = [gateway.first_read for gateway in gateways if gateway.first_read is not None]
    steady = range(int(scenario.settling / BIN), int(end / BIN))
    outcome.refused = cloud.share(bins=steady)
    outcome.bins = cloud.shares(end)
    served: Counter[str] = Counter()
    for (operation, number), count in cloud.served.items():
        if number in steady:
            served[operation] += count
    outcome.calls_per_second = {name: count / scenario.steady for name, count in sorted(served.items())}

    begin = loop.time()

    async def campaign(gateway: Gateway) -> None:
        await asyncio.sleep(random.uniform(0, scenario.campaign_within))  # noqa: S311 - no secret hangs on it
        await gateway.register()

    await asyncio.gather(*(campaign(gateway) for gateway in gateways))
    outcome.campaign = cloud.last_registered - begin
    outcome.campaign_refused = cloud.share(
        bins=range(int(begin / BIN), int(loop.time() / BIN) + 1), operation="RegisterAccountAssociation"
    )
    outcome.lost = sum(gateway.lost for gateway in gateways)
    for gateway in gateways:
        await gateway.stop()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await hass.async_stop(force=True)
    return outcome


def simulate(scenario: Scenario) -> Outcome:
    """Run a fleet; the same scenario has the same outcome each time."""
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
