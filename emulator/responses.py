"""Operations of IoT Managed Integrations, each handed to the backend and turned into its answer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from moto.core.model import StructureShape
from moto.core.utils import get_service_model

from .models import ManagedIntegrationsBackend, Snapshot
from .pagination import Sequenced, page
from .resources import AccountAssociation, DiscoveredDevice, ManagedThing

SERVICE = "iot-managed-integrations"
SIGNING_NAME = "iotmanagedintegrations"

type Params = Mapping[str, Any]

_THING_FILTERS: dict[str, Callable[[ManagedThing], Any]] = {
    "ConnectorDestinationIdFilter": lambda thing: thing.connector_destination_id,
    "ConnectorDeviceIdFilter": lambda thing: thing.connector_device_id,
    "ConnectorPolicyIdFilter": lambda thing: thing.members.get("ConnectorPolicyId"),
    "CredentialLockerFilter": lambda thing: thing.members.get("CredentialLockerId"),
    "OwnerFilter": lambda thing: thing.members.get("Owner"),
    "ParentControllerIdentifierFilter": lambda thing: thing.parent_controller_id,
    "ProvisioningStatusFilter": lambda thing: thing.provisioning_status,
    "RoleFilter": lambda thing: thing.role,
    "SerialNumberFilter": lambda thing: thing.members.get("SerialNumber"),
}
SUMMARY_MEMBERS = frozenset(cast(StructureShape, get_service_model(SERVICE).shape_for("ManagedThingSummary")).members)


class ManagedIntegrationsResponse:
    """One request; :meth:`call` runs the operation and returns its output members.

    ``lagging`` is the older state that the two lists of things and registrations still show, if they lag.
    """

    def __init__(
        self,
        backend: ManagedIntegrationsBackend,
        params: Params,
        *,
        lagging: Snapshot | None = None,
        endpoint: str = "",
    ) -> None:
        """Take the parsed and checked input members; ``endpoint`` is the URL under which the caller came."""
        self.backend = backend
        self.params = params
        self.lagging = lagging
        self.endpoint = endpoint

    def call(self, operation: str) -> dict[str, Any]:
        """Run the operation; only those in :data:`IMPLEMENTED` exist."""
        return IMPLEMENTED[operation](self)

    def _page[Row: Sequenced](
        self, operation: str, rows: Iterable[Row], wire: Callable[[Row], dict[str, Any]], *, key: str = "Items"
    ) -> dict[str, Any]:
        items, token = page(
            rows,
            account_id=self.backend.account_id,
            operation=operation,
            params=self.params,
            default_size=self.backend.switches.default_page_size,
        )
        return {key: [wire(item) for item in items]} | ({"NextToken": token} if token else {})

    def list_managed_things(self) -> dict[str, Any]:
        """ListManagedThings."""
        wanted = [(_THING_FILTERS[name], value) for name, value in self.params.items() if name in _THING_FILTERS]
        things = self.lagging.things if self.lagging else self.backend.things.values()
        rows = (thing for thing in things if all(read(thing) == value for read, value in wanted))
        return self._page(
            "ListManagedThings",
            rows,
            lambda thing: {name: value for name, value in thing.wire().items() if name in SUMMARY_MEMBERS},
        )

    def get_managed_thing(self) -> dict[str, Any]:
        """GetManagedThing."""
        return self.backend.thing(self.params["Identifier"]).wire()

    def create_managed_thing(self) -> dict[str, Any]:
        """CreateManagedThing."""
        thing = self.backend.create_managed_thing(self.params)
        return {"Id": thing.id, "Arn": thing.arn, "CreatedAt": thing.created_at}

    def update_managed_thing(self) -> dict[str, Any]:
        """UpdateManagedThing."""
        self.backend.update_managed_thing(self.params)
        return {}

    def delete_managed_thing(self) -> dict[str, Any]:
        """DeleteManagedThing."""
        self.backend.delete_managed_thing(self.params["Identifier"], force=self.params.get("Force", False))
        return {}

    def get_managed_thing_connectivity_data(self) -> dict[str, Any]:
        """GetManagedThingConnectivityData."""
        return self.backend.connectivity(self.params["Identifier"])

    def list_account_associations(self) -> dict[str, Any]:
        """ListAccountAssociations."""
        destination = self.params.get("ConnectorDestinationId")
        rows = (
            association
            for association in self.backend.associations.values()
            if destination in (None, association.connector_destination_id)
        )
        return self._page("ListAccountAssociations", rows, lambda association: association.wire())

    def get_account_association(self) -> dict[str, Any]:
        """GetAccountAssociation."""
        association = self.backend.association(self.params["AccountAssociationId"])
        material = association.auth_material
        more = {"Tags": association.tags} if association.tags else {}
        return (
            association.wire()
            | more
            | ({"GeneralAuthorization": {"AuthMaterialName": material}} if material else {})
            | {"OAuthAuthorizationUrl": self._authorization_url(association)}
        )

    def _authorization_url(self, association: AccountAssociation) -> str:
        return self.backend.linking.authorization_url(association, self.endpoint)

    def create_account_association(self) -> dict[str, Any]:
        """CreateAccountAssociation."""
        association = self.backend.create_account_association(self.params)
        return {
            "AccountAssociationId": association.id,
            "Arn": association.arn,
            "AssociationState": association.state,
            "OAuthAuthorizationUrl": self._authorization_url(association),
        }

    def update_account_association(self) -> dict[str, Any]:
        """UpdateAccountAssociation."""
        self.backend.linking.update(self.backend.association(self.params["AccountAssociationId"]), self.params)
        return {}

    def delete_account_association(self) -> dict[str, Any]:
        """DeleteAccountAssociation."""
        self.backend.delete_account_association(self.params["AccountAssociationId"])
        return {}

    def start_account_association_refresh(self) -> dict[str, Any]:
        """StartAccountAssociationRefresh."""
        association = self.backend.association(self.params["AccountAssociationId"])
        self.backend.linking.refresh(association)
        return {"OAuthAuthorizationUrl": self._authorization_url(association)}

    def list_connector_destinations(self) -> dict[str, Any]:
        """ListConnectorDestinations."""
        connector = self.params.get("CloudConnectorId")
        rows = (
            destination
            for destination in self.backend.linking.destinations.values()
            if connector in (None, destination.cloud_connector_id)
        )
        return self._page(
            "ListConnectorDestinations",
            rows,
            lambda destination: destination.summary(),
            key="ConnectorDestinationList",
        )

    def get_connector_destination(self) -> dict[str, Any]:
        """GetConnectorDestination."""
        return self.backend.linking.destination(self.params["Identifier"]).wire()

    def list_cloud_connectors(self) -> dict[str, Any]:
        """ListCloudConnectors."""
        kind, function = self.params.get("Type"), self.params.get("LambdaArn")
        rows = (
            connector
            for connector in self.backend.linking.connectors.values()
            if kind in (None, connector.type) and function in (None, connector.lambda_arn)
        )
        return self._page("ListCloudConnectors", rows, lambda connector: connector.wire())

    def get_cloud_connector(self) -> dict[str, Any]:
        """GetCloudConnector."""
        return self.backend.linking.connector(self.params["Identifier"]).wire()

    def list_managed_thing_account_associations(self) -> dict[str, Any]:
        """ListManagedThingAccountAssociations; an id that doesn't exist has no rows."""
        thing_id = self.params.get("ManagedThingId")
        association_id = self.params.get("AccountAssociationId")
        registrations = self.lagging.registrations if self.lagging else self.backend.registrations.values()
        rows = (
            row
            for row in registrations
            if thing_id in (None, row.managed_thing_id) and association_id in (None, row.account_association_id)
        )
        return self._page("ListManagedThingAccountAssociations", rows, lambda row: row.wire())

    def register_account_association(self) -> dict[str, Any]:
        """RegisterAccountAssociation."""
        self.backend.register_account_association(self.params)
        return {name: self.params[name] for name in ("AccountAssociationId", "DeviceDiscoveryId", "ManagedThingId")}

    def deregister_account_association(self) -> dict[str, Any]:
        """DeregisterAccountAssociation."""
        self.backend.deregister_account_association(self.params)
        return {}

    def start_device_discovery(self) -> dict[str, Any]:
        """StartDeviceDiscovery."""
        job = self.backend.start_device_discovery(self.params)
        return {"Id": job.id, "StartedAt": job.started_at}

    def get_device_discovery(self) -> dict[str, Any]:
        """GetDeviceDiscovery."""
        return self.backend.discovery(self.params["Identifier"]).wire()

    def list_device_discoveries(self) -> dict[str, Any]:
        """ListDeviceDiscoveries."""
        discovery_type, status = self.params.get("TypeFilter"), self.params.get("StatusFilter")
        rows = (
            job
            for job in self.backend.kept_discoveries()
            if discovery_type in (None, job.type) and status in (None, job.status)
        )
        return self._page(
            "ListDeviceDiscoveries",
            rows,
            lambda job: {"Id": job.id, "DiscoveryType": job.type, "Status": job.status},
        )

    def list_discovered_devices(self) -> dict[str, Any]:
        """ListDiscoveredDevices."""
        job = self.backend.discovery(self.params["Identifier"])

        def wire(row: DiscoveredDevice) -> dict[str, Any]:
            thing = self.backend.thing_of(job, row)
            return row.wire(thing.id if thing else None)

        return self._page("ListDiscoveredDevices", job.found, wire)


_R = ManagedIntegrationsResponse
IMPLEMENTED: dict[str, Callable[[ManagedIntegrationsResponse], dict[str, Any]]] = {
    "CreateAccountAssociation": _R.create_account_association,
    "CreateManagedThing": _R.create_managed_thing,
    "DeleteAccountAssociation": _R.delete_account_association,
    "DeleteManagedThing": _R.delete_managed_thing,
    "DeregisterAccountAssociation": _R.deregister_account_association,
    "GetAccountAssociation": _R.get_account_association,
    "GetCloudConnector": _R.get_cloud_connector,
    "GetConnectorDestination": _R.get_connector_destination,
    "GetDeviceDiscovery": _R.get_device_discovery,
    "GetManagedThing": _R.get_managed_thing,
    "GetManagedThingConnectivityData": _R.get_managed_thing_connectivity_data,
    "ListAccountAssociations": _R.list_account_associations,
    "ListCloudConnectors": _R.list_cloud_connectors,
    "ListConnectorDestinations": _R.list_connector_destinations,
    "ListDeviceDiscoveries": _R.list_device_discoveries,
    "ListDiscoveredDevices": _R.list_discovered_devices,
    "ListManagedThingAccountAssociations": _R.list_managed_thing_account_associations,
    "ListManagedThings": _R.list_managed_things,
    "RegisterAccountAssociation": _R.register_account_association,
    "StartAccountAssociationRefresh": _R.start_account_association_refresh,
    "StartDeviceDiscovery": _R.start_device_discovery,
    "UpdateAccountAssociation": _R.update_account_association,
    "UpdateManagedThing": _R.update_managed_thing,
}
