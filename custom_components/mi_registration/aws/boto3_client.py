"""The Protocol by boto3: what each operation is sent, and what is read from its answer."""

from dataclasses import replace
from functools import partial
from typing import override

from .answers import needed, request_id_of
from .boto3_calls import Boto3Calls
from .errors import NotFoundError
from .models import (
    AccountAssociation,
    AccountAssociationLink,
    CallerIdentity,
    Connectivity,
    ConnectorDestination,
    DeviceDiscovery,
    DiscoveredDevice,
    DiscoveryStatus,
    DiscoveryType,
    ManagedThing,
    ManagedThingDetails,
    Registration,
    Role,
    authorization_url,
)


class Boto3ManagedIntegrationsClient(Boto3Calls):
    """The client that talks to AWS."""

    @override
    async def get_caller_identity(self) -> CallerIdentity:
        return await self._call("GetCallerIdentity", {}, partial(needed, CallerIdentity.from_wire), service="sts")

    @override
    async def list_managed_things(
        self,
        *,
        owner: str | None = None,
        role: Role | None = None,
        parent_controller_id: str | None = None,
        serial_number: str | None = None,
    ) -> tuple[ManagedThing, ...]:
        return await self._pages(
            "ListManagedThings",
            {
                "OwnerFilter": owner,
                "RoleFilter": role,
                "ParentControllerIdentifierFilter": parent_controller_id,
                "SerialNumberFilter": serial_number,
            },
            ManagedThing.from_wire,
        )

    @override
    async def get_managed_thing(self, managed_thing_id: str) -> ManagedThingDetails:
        return await self._call(
            "GetManagedThing", {"Identifier": managed_thing_id}, partial(needed, ManagedThingDetails.from_wire)
        )

    @override
    async def get_managed_thing_connectivity_data(self, managed_thing_id: str) -> Connectivity:
        return await self._call(
            "GetManagedThingConnectivityData", {"Identifier": managed_thing_id}, Connectivity.from_wire
        )

    @override
    async def list_account_associations(self) -> tuple[AccountAssociation, ...]:
        return await self._pages("ListAccountAssociations", {}, AccountAssociation.from_wire)

    @override
    async def list_managed_thing_account_associations(
        self, *, managed_thing_id: str | None = None, account_association_id: str | None = None
    ) -> tuple[Registration, ...]:
        filters = {"ManagedThingId": managed_thing_id, "AccountAssociationId": account_association_id}
        try:
            return await self._pages("ListManagedThingAccountAssociations", filters, Registration.from_wire)
        except NotFoundError:
            if not any(filters.values()):
                raise
            # The operation lists no such error, but AWS doesn't document either that it tells of an id that is gone.
            return ()

    @override
    async def register_account_association(
        self, *, managed_thing_id: str, account_association_id: str, device_discovery_id: str
    ) -> str | None:
        return await self._call(
            "RegisterAccountAssociation",
            {
                "ManagedThingId": managed_thing_id,
                "AccountAssociationId": account_association_id,
                "DeviceDiscoveryId": device_discovery_id,
            },
            request_id_of,
        )

    @override
    async def deregister_account_association(self, *, managed_thing_id: str, account_association_id: str) -> str | None:
        return await self._call(
            "DeregisterAccountAssociation",
            {"ManagedThingId": managed_thing_id, "AccountAssociationId": account_association_id},
            request_id_of,
        )

    @override
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
        thing = await self._call(
            "CreateManagedThing",
            {
                "Role": role,
                "AuthenticationMaterial": authentication_material,
                "AuthenticationMaterialType": authentication_material_type,
                "ClientToken": client_token,
                "Name": name,
                "Owner": owner,
                "Brand": brand,
                "Model": model,
            },
            partial(needed, ManagedThing.from_wire),
        )
        return thing.managed_thing_id

    @override
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
        started = await self._call(
            "StartDeviceDiscovery",
            {
                "DiscoveryType": discovery_type,
                "ClientToken": client_token,
                "AccountAssociationId": account_association_id,
                "ControllerIdentifier": controller_id,
                "ConnectorDeviceIdList": list(connector_device_ids) or None,
                "CustomProtocolDetail": custom_protocol_detail,
                "AuthenticationMaterial": install_code,
                "AuthenticationMaterialType": None if install_code is None else "ZWAVE_INSTALL_CODE",
            },
            partial(needed, DeviceDiscovery.from_wire),
        )
        return replace(
            started,
            discovery_type=discovery_type,
            status=DiscoveryStatus.RUNNING,
            controller_id=controller_id,
            account_association_id=account_association_id,
        )

    @override
    async def get_device_discovery(self, device_discovery_id: str) -> DeviceDiscovery:
        return await self._call(
            "GetDeviceDiscovery", {"Identifier": device_discovery_id}, partial(needed, DeviceDiscovery.from_wire)
        )

    @override
    async def list_device_discoveries(
        self, *, discovery_type: DiscoveryType | None = None
    ) -> tuple[DeviceDiscovery, ...]:
        return await self._pages("ListDeviceDiscoveries", {"TypeFilter": discovery_type}, DeviceDiscovery.from_wire)

    @override
    async def list_discovered_devices(self, device_discovery_id: str) -> tuple[DiscoveredDevice, ...]:
        return await self._pages(
            "ListDiscoveredDevices", {"Identifier": device_discovery_id}, DiscoveredDevice.from_wire
        )

    @override
    async def list_connector_destinations(self) -> tuple[ConnectorDestination, ...]:
        return await self._pages(
            "ListConnectorDestinations", {}, ConnectorDestination.from_wire, rows="ConnectorDestinationList"
        )

    @override
    async def create_account_association(
        self, *, connector_destination_id: str, name: str, client_token: str
    ) -> AccountAssociationLink:
        return await self._call(
            "CreateAccountAssociation",
            {"ConnectorDestinationId": connector_destination_id, "Name": name, "ClientToken": client_token},
            partial(needed, AccountAssociationLink.from_wire),
        )

    @override
    async def start_account_association_refresh(self, account_association_id: str) -> str:
        return await self._call(
            "StartAccountAssociationRefresh", {"AccountAssociationId": account_association_id}, authorization_url
        )

    @override
    async def delete_account_association(self, account_association_id: str) -> None:
        await self._call("DeleteAccountAssociation", {"AccountAssociationId": account_association_id}, request_id_of)
