"""What this integration asks of AWS: one method per operation used. Nothing here needs the AWS SDK."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .models import (
    AccountAssociation,
    AccountAssociationLink,
    CallerIdentity,
    Connectivity,
    ConnectorDestination,
    DeviceDiscovery,
    DiscoveredDevice,
    DiscoveryType,
    ManagedThing,
    ManagedThingDetails,
    Registration,
    Role,
)
from .quota import Quota

SERVICE = "iot-managed-integrations"
OPERATIONS = frozenset(
    {
        "CreateAccountAssociation",
        "CreateManagedThing",
        "DeleteAccountAssociation",
        "DeregisterAccountAssociation",
        "GetDeviceDiscovery",
        "GetManagedThing",
        "GetManagedThingConnectivityData",
        "ListAccountAssociations",
        "ListConnectorDestinations",
        "ListDeviceDiscoveries",
        "ListDiscoveredDevices",
        "ListManagedThingAccountAssociations",
        "ListManagedThings",
        "RegisterAccountAssociation",
        "StartAccountAssociationRefresh",
        "StartDeviceDiscovery",
    }
)
"""The operations of managed integrations that are used here."""
PAGE_SIZE = 250
"""Rows asked for per page: a quarter of what the service allows, so that a page stays well inside the read timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A request that was sent, for diagnostics. ``error_code`` is None for a success, ``latency`` is in seconds."""

    operation: str
    at: datetime
    latency: float
    error_code: str | None
    request_id: str | None
    attempt: int = 1
    """2 for a request that was signed anew with AWS's time."""


class ManagedIntegrationsClient(Protocol):
    """What this integration asks of AWS.

    Every method raises a subclass of :class:`.errors.AwsError` and nothing else. Lists are complete: all pages.
    """

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The last requests, the oldest first."""

    @property
    def quota(self) -> Quota:
        """The quota that paces this client."""

    @property
    def clock_skew(self) -> float | None:
        """AWS's clock minus ours in seconds, as last measured; ``None`` before the first answer."""

    @property
    def denied(self) -> Mapping[str, str]:
        """The operations that are denied now, each with the IAM action that is missing; a call that works clears it."""

    def async_add_denied_listener(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` whenever ``denied`` changes; return how to stop that."""

    async def get_caller_identity(self) -> CallerIdentity:
        """STS ``GetCallerIdentity``."""

    async def list_managed_things(
        self,
        *,
        owner: str | None = None,
        role: Role | None = None,
        parent_controller_id: str | None = None,
        serial_number: str | None = None,
    ) -> tuple[ManagedThing, ...]:
        """``ListManagedThings`` with its filters."""

    async def get_managed_thing(self, managed_thing_id: str) -> ManagedThingDetails:
        """``GetManagedThing``."""

    async def get_managed_thing_connectivity_data(self, managed_thing_id: str) -> Connectivity:
        """``GetManagedThingConnectivityData``."""

    async def list_account_associations(self) -> tuple[AccountAssociation, ...]:
        """``ListAccountAssociations``."""

    async def list_managed_thing_account_associations(
        self, *, managed_thing_id: str | None = None, account_association_id: str | None = None
    ) -> tuple[Registration, ...]:
        """``ListManagedThingAccountAssociations``; without a filter, all rows of the account."""

    async def register_account_association(
        self, *, managed_thing_id: str, account_association_id: str, device_discovery_id: str
    ) -> str | None:
        """``RegisterAccountAssociation``; returns AWS's request id. Accepted does not mean complete: read it back."""

    async def deregister_account_association(self, *, managed_thing_id: str, account_association_id: str) -> str | None:
        """``DeregisterAccountAssociation``; returns AWS's request id."""

    async def create_managed_thing(
        self,
        *,
        role: Role,
        authentication_material: str,
        authentication_material_type: str,
        client_token: str,
        name: str | None = None,
        owner: str | None = None,
        brand: str | None = None,
        model: str | None = None,
    ) -> str:
        """``CreateManagedThing``; returns the new thing's id. The same ``client_token`` never creates a second one."""

    async def start_device_discovery(
        self,
        *,
        discovery_type: DiscoveryType,
        client_token: str,
        account_association_id: str | None = None,
        controller_id: str | None = None,
        connector_device_ids: tuple[str, ...] = (),
        custom_protocol_detail: dict[str, str] | None = None,
        install_code: str | None = None,
    ) -> DeviceDiscovery:
        """``StartDeviceDiscovery``; ``install_code`` is a Z-Wave device's. The job returned is running."""

    async def get_device_discovery(self, device_discovery_id: str) -> DeviceDiscovery:
        """``GetDeviceDiscovery``."""

    async def list_device_discoveries(
        self, *, discovery_type: DiscoveryType | None = None
    ) -> tuple[DeviceDiscovery, ...]:
        """``ListDeviceDiscoveries``: only id, type and status of each; AWS documents no order."""

    async def list_discovered_devices(self, device_discovery_id: str) -> tuple[DiscoveredDevice, ...]:
        """``ListDiscoveredDevices`` of one job."""

    async def list_connector_destinations(self) -> tuple[ConnectorDestination, ...]:
        """``ListConnectorDestinations``: what an account association can be created with."""

    async def create_account_association(
        self, *, connector_destination_id: str, name: str, client_token: str
    ) -> AccountAssociationLink:
        """``CreateAccountAssociation``; the same ``client_token`` never creates a second one.

        The user has to open the link that it answers, unless that is empty.
        """

    async def start_account_association_refresh(self, account_association_id: str) -> str:
        """``StartAccountAssociationRefresh``; returns the OAuth link to open, empty if nobody has to sign in."""

    async def delete_account_association(self, account_association_id: str) -> None:
        """``DeleteAccountAssociation``."""

    async def close(self) -> None:
        """Free the connections and the threads."""
