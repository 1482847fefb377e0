"""What looks after a home of a simulated fleet: this integration, or a plain script."""

from abc import ABC, abstractmethod
import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
import random
from types import MappingProxyType, SimpleNamespace
from typing import Any, override

from botocore.exceptions import ClientError

from custom_components.mi_registration.account_lists import AccountLists
from custom_components.mi_registration.aws.boto3_client import Boto3ManagedIntegrationsClient
from custom_components.mi_registration.aws.client import PAGE_SIZE, SERVICE
from custom_components.mi_registration.aws.models import AccountAssociation
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
from homeassistant.config_entries import SOURCE_USER, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from .fleet_cloud import ACCOUNT, REGION, Cloud, Sdk
from .fleet_scenario import HOUR, MINUTE

LATENCY = 0.04
"""Seconds from a request to its answer."""
LONGEST_CAMPAIGN = 48 * HOUR
"""A campaign that isn't done by then is given up."""


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

    def __init__(self, cloud: Cloud, sdk: Sdk, interval: float, number: int) -> None:
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
        tries = 1
        while True:
            await asyncio.sleep(LATENCY)
            try:
                return method(**params)
            except ClientError:
                if tries == self.TRIES:
                    raise
            await asyncio.sleep(random.random() * 2**tries)
            tries += 1

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


class _Client(Boto3ManagedIntegrationsClient):
    """The client, but for the SDK."""

    def __init__(self, sdk: Sdk, quota: Quota, parsed: Mapping[str, AccountAssociation]) -> None:
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


class _Lists(AccountLists):
    """The lists; it also notes when the account associations were read."""

    def __init__(self, coordinator: _Coordinator) -> None:
        super().__init__(coordinator)
        self._simulated = coordinator

    @override
    async def async_list_associations(self) -> tuple[AccountAssociation, ...]:
        associations = await super().async_list_associations()
        self._simulated.gateway.associations_read_at = self._simulated.hass.loop.time()
        return associations


class Integration(Gateway):
    """The integration of this repository."""

    def __init__(self, hass: HomeAssistant, cloud: Cloud, sdk: Sdk, interval: int, number: int) -> None:
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
        hass.config_entries._entries[self.entry.entry_id] = self.entry  # noqa: SLF001  # async_add would set it up
        client = _Client(sdk, Quota(10, clock=hass.loop.time), cloud.parsed)
        store = _Store(hass, self.entry.entry_id)
        store.inventory, store.as_of = cloud.known(number), dt_util.utcnow()
        self.coordinator = _Coordinator(hass, self.entry, client, store)
        self.coordinator.lists = _Lists(self.coordinator)
        self.coordinator.gateway = self
        self.coordinator._microsecond = random.random()  # noqa: SLF001  # each machine's clock has a phase of its own
        self._registrar = Registrar(self.coordinator, DeviceDiscoveries(self.coordinator))

    @override
    async def start(self) -> None:
        self.coordinator.async_add_listener(self._registrar.async_inventory_updated)
        await self.coordinator.async_refresh()

    @override
    async def register(self) -> None:
        time = self.coordinator.hass.loop.time
        given_up = time() + LONGEST_CAMPAIGN
        await asyncio.gather(
            *(
                self._registrar.async_register(
                    self.things[index :: len(self.associations)], association_id, device_discovery_id="discovery"
                )
                for index, association_id in enumerate(self.associations)
            )
        )
        while self._registrar.pending_count and time() < given_up:  # noqa: ASYNC110  # nothing tells of the last one
            await asyncio.sleep(MINUTE)

    @override
    async def stop(self) -> None:
        self._registrar.async_stop()
        await self.coordinator.async_shutdown()
        await self.coordinator.client.close()
