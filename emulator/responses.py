"""Operations of IoT Managed Integrations, each handed to the backend and turned into its answer."""

from collections.abc import Callable, Iterable
from typing import Any

from . import tags
from .configurations import (
    CREDENTIAL_LOCKER,
    DESTINATION,
    EVENT_LOG_CONFIGURATION,
    NOTIFICATION_CONFIGURATION,
    OTA_TASK_CONFIGURATION,
    PROVISIONING_PROFILE,
)
from .connectors import CLOUD_CONNECTOR, CONNECTOR_DESTINATION
from .models import ManagedIntegrationsBackend, Snapshot
from .pagination import Sequenced, page
from .records import Kind, Records
from .resources import AccountAssociation, DiscoveredDevice, ManagedThing
from .service_model import Params, Wire, answer, present, rows_of, told

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

    def page[Row: Sequenced](
        self, operation: str, rows: Iterable[Row], wire: Callable[[Row], dict[str, Any]]
    ) -> dict[str, Any]:
        """Return a page of a List operation; of what ``wire`` makes of a row the answer has what the model lists."""
        key, shape = rows_of(operation)
        items, token = page(
            rows,
            account_id=self.backend.account_id,
            operation=operation,
            params=self.params,
            default_size=self.backend.switches.default_page_size,
        )
        return present({key: [told(shape, wire(item)) for item in items], "NextToken": token})

    def list_managed_things(self) -> dict[str, Any]:
        """ListManagedThings."""
        wanted = [(_THING_FILTERS[name], value) for name, value in self.params.items() if name in _THING_FILTERS]
        things = self.lagging.things if self.lagging else self.backend.things.values()
        rows = (thing for thing in things if all(read(thing) == value for read, value in wanted))
        return self.page("ListManagedThings", rows, lambda thing: thing.wire())

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

    def get_managed_thing_meta_data(self) -> dict[str, Any]:
        """GetManagedThingMetaData."""
        thing = self.backend.thing(self.params["Identifier"])
        return answer("GetManagedThingMetaData", thing.members | {"ManagedThingId": thing.id})

    def list_managed_thing_schemas(self) -> dict[str, Any]:
        """ListManagedThingSchemas."""
        rows = self.backend.capabilities.schemas_of(self.params)
        return self.page("ListManagedThingSchemas", rows, lambda record: record.members)

    def list_schema_versions(self) -> dict[str, Any]:
        """ListSchemaVersions."""
        rows = self.backend.capabilities.schema_versions(self.params)
        return self.page("ListSchemaVersions", rows, lambda record: record.members)

    def list_account_associations(self) -> dict[str, Any]:
        """ListAccountAssociations."""
        destination = self.params.get("ConnectorDestinationId")
        rows = (
            association
            for association in self.backend.associations.values()
            if destination in (None, association.connector_destination_id)
        )
        return self.page("ListAccountAssociations", rows, lambda association: association.wire())

    def get_account_association(self) -> dict[str, Any]:
        """GetAccountAssociation."""
        association = self.backend.association(self.params["AccountAssociationId"])
        material = association.auth_material
        return (
            association.wire()
            | association.tagged
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

    def list_managed_thing_account_associations(self) -> dict[str, Any]:
        """ListManagedThingAccountAssociations."""
        thing_id = self.params.get("ManagedThingId")
        association_id = self.params.get("AccountAssociationId")
        self.backend.registrar.check_filter(thing_id, association_id)
        registrations = self.lagging.registrations if self.lagging else self.backend.registrations.values()
        rows = (
            row
            for row in registrations
            if thing_id in (None, row.managed_thing_id) and association_id in (None, row.account_association_id)
        )
        return self.page("ListManagedThingAccountAssociations", rows, lambda row: row.wire())

    def register_account_association(self) -> dict[str, Any]:
        """RegisterAccountAssociation."""
        self.backend.registrar.register(self.params)
        return {name: self.params[name] for name in ("AccountAssociationId", "DeviceDiscoveryId", "ManagedThingId")}

    def deregister_account_association(self) -> dict[str, Any]:
        """DeregisterAccountAssociation."""
        self.backend.registrar.deregister(self.params)
        return {}

    def start_device_discovery(self) -> dict[str, Any]:
        """StartDeviceDiscovery."""
        job = self.backend.discoveries.start(self.params)
        return {"Id": job.id, "StartedAt": job.started_at}

    def get_device_discovery(self) -> dict[str, Any]:
        """GetDeviceDiscovery."""
        return self.backend.discovery(self.params["Identifier"]).wire()

    def list_device_discoveries(self) -> dict[str, Any]:
        """ListDeviceDiscoveries."""
        discovery_type, status = self.params.get("TypeFilter"), self.params.get("StatusFilter")
        rows = (
            job
            for job in self.backend.discoveries.kept()
            if discovery_type in (None, job.type) and status in (None, job.status)
        )
        return self.page("ListDeviceDiscoveries", rows, lambda job: job.wire())

    def list_discovered_devices(self) -> dict[str, Any]:
        """ListDiscoveredDevices."""
        job = self.backend.discovery(self.params["Identifier"])

        def wire(row: DiscoveredDevice) -> dict[str, Any]:
            thing = self.backend.discoveries.thing_of(job, row)
            return row.wire(thing.id if thing else None)

        return self.page("ListDiscoveredDevices", job.found, wire)


type Operation = Callable[[ManagedIntegrationsResponse], Wire]

KINDS = (
    CLOUD_CONNECTOR,
    CONNECTOR_DESTINATION,
    CREDENTIAL_LOCKER,
    DESTINATION,
    EVENT_LOG_CONFIGURATION,
    NOTIFICATION_CONFIGURATION,
    OTA_TASK_CONFIGURATION,
    PROVISIONING_PROFILE,
)


def _operations_on(kind: Kind) -> dict[str, Operation]:
    def records(response: ManagedIntegrationsResponse) -> Records[Any]:
        return response.backend.records[kind]

    def rows(response: ManagedIntegrationsResponse) -> Wire:
        found = records(response).matching(response.params)
        return response.page(f"List{kind.name}s", found, lambda record: record.members)

    verbs: dict[str, Operation] = {
        "Create": lambda response: records(response).create(response.params),
        "Delete": lambda response: records(response).delete(response.params),
        "Get": lambda response: records(response).read(response.params),
        "List": rows,
        "Update": lambda response: records(response).update(response.params),
    }
    return {name: verbs[verb] for verb in verbs if (name := kind.operation(verb)) is not None}


_R = ManagedIntegrationsResponse
IMPLEMENTED: dict[str, Operation] = {
    **{name: operation for kind in KINDS for name, operation in _operations_on(kind).items()},
    "CreateAccountAssociation": _R.create_account_association,
    "CreateManagedThing": _R.create_managed_thing,
    "DeleteAccountAssociation": _R.delete_account_association,
    "DeleteManagedThing": _R.delete_managed_thing,
    "DeregisterAccountAssociation": _R.deregister_account_association,
    "GetAccountAssociation": _R.get_account_association,
    "GetCustomEndpoint": lambda r: r.backend.settings.custom_endpoint(),
    "GetDefaultEncryptionConfiguration": lambda r: r.backend.settings.encryption(),
    "GetDeviceDiscovery": _R.get_device_discovery,
    "GetHubConfiguration": lambda r: r.backend.settings.hub_configuration(),
    "GetManagedThing": _R.get_managed_thing,
    "GetManagedThingCapabilities": lambda r: r.backend.capabilities.of(r.params["Identifier"]),
    "GetManagedThingCertificate": lambda r: r.backend.capabilities.certificate(r.params["Identifier"]),
    "GetManagedThingConnectivityData": _R.get_managed_thing_connectivity_data,
    "GetManagedThingMetaData": _R.get_managed_thing_meta_data,
    "GetManagedThingState": lambda r: r.backend.capabilities.state(r.params["ManagedThingId"]),
    "GetRuntimeLogConfiguration": lambda r: r.backend.settings.runtime_log(r.params["ManagedThingId"]),
    "GetSchemaVersion": lambda r: r.backend.capabilities.schema_version(r.params),
    "ListAccountAssociations": _R.list_account_associations,
    "ListDeviceDiscoveries": _R.list_device_discoveries,
    "ListDiscoveredDevices": _R.list_discovered_devices,
    "ListManagedThingAccountAssociations": _R.list_managed_thing_account_associations,
    "ListManagedThingSchemas": _R.list_managed_thing_schemas,
    "ListManagedThings": _R.list_managed_things,
    "ListSchemaVersions": _R.list_schema_versions,
    "ListTagsForResource": lambda r: tags.list_tags(r.backend, r.params["ResourceArn"]),
    "PutDefaultEncryptionConfiguration": lambda r: r.backend.settings.put_encryption(r.params),
    "PutHubConfiguration": lambda r: r.backend.settings.put_hub_configuration(r.params),
    "PutRuntimeLogConfiguration": lambda r: r.backend.settings.put_runtime_log(r.params),
    "RegisterAccountAssociation": _R.register_account_association,
    "RegisterCustomEndpoint": lambda r: r.backend.settings.register_custom_endpoint(),
    "ResetRuntimeLogConfiguration": lambda r: r.backend.settings.reset_runtime_log(r.params["ManagedThingId"]),
    "SendConnectorEvent": lambda r: r.backend.discoveries.connector_event(r.params),
    "SendManagedThingCommand": lambda r: r.backend.capabilities.send_command(r.params),
    "StartAccountAssociationRefresh": _R.start_account_association_refresh,
    "StartDeviceDiscovery": _R.start_device_discovery,
    "TagResource": lambda r: tags.tag(r.backend, r.params["ResourceArn"], r.params["Tags"]),
    "UntagResource": lambda r: tags.untag(r.backend, r.params["ResourceArn"], r.params["TagKeys"]),
    "UpdateAccountAssociation": _R.update_account_association,
    "UpdateManagedThing": _R.update_managed_thing,
}
