"""The only module that talks to AWS: one method per operation used, behind a Protocol."""

from typing import Protocol

from .models import (
    AccountAssociation,
    CallerIdentity,
    Connectivity,
    DeviceDiscovery,
    DiscoveredDevice,
    DiscoveryType,
    ManagedThing,
    ManagedThingDetails,
    Registration,
    Role,
)


class ManagedIntegrationsClient(Protocol):
    """What this integration asks of AWS.

    Every method raises a subclass of :class:`.errors.AwsError` and nothing else. Lists are complete: all pages.
    """

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

    async def close(self) -> None:
        """Free the connections and the threads."""
