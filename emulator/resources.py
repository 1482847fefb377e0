"""The resources that the service keeps, and how each looks on the wire."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .service_model import Wire, present


@dataclass(slots=True, kw_only=True)
class ManagedThing:
    """A device or a hub. ``members`` holds what the caller may set, under AWS's member names.

    ``described`` are the members about its capabilities, ``state`` the endpoints as the device reported them last.
    """

    sequence: int
    id: str
    arn: str
    role: str
    provisioning_status: str
    created_at: datetime
    updated_at: datetime
    activated_at: datetime | None = None
    parent_controller_id: str | None = None
    connector_device_id: str | None = None
    connector_destination_id: str | None = None
    material: str | None = field(default=None, repr=False)
    members: Wire = field(default_factory=dict, repr=False)
    connected: bool = False
    connectivity_changed_at: datetime | None = None
    disconnect_reason: str = "NONE"
    described: Wire = field(default_factory=dict, repr=False)
    state: list[Wire] = field(default_factory=list, repr=False)
    certificate_pem: str | None = None

    @property
    def is_cloud(self) -> bool:
        """Whether the device is reached through a vendor's cloud."""
        return self.connector_device_id is not None

    def wire(self) -> Wire:
        """GetManagedThing; a row of ListManagedThings has fewer members."""
        return present(
            {
                **self.members,
                "Id": self.id,
                "Arn": self.arn,
                "Role": self.role,
                "ProvisioningStatus": self.provisioning_status,
                "CreatedAt": self.created_at,
                "UpdatedAt": self.updated_at,
                "ActivatedAt": self.activated_at,
                "ParentControllerId": self.parent_controller_id,
                "ConnectorDeviceId": self.connector_device_id,
                "ConnectorDestinationId": self.connector_destination_id,
            }
        )


@dataclass(slots=True, kw_only=True)
class CloudDevice:
    """A device in a vendor's account: what a CLOUD discovery of its association finds."""

    connector_device_id: str
    name: str | None = None
    brand: str | None = None
    model: str | None = None
    device_types: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class HubDevice:
    """A device in radio reach of a hub: what a ZIGBEE, ZWAVE or CUSTOM discovery finds."""

    protocol: str
    material: str = field(repr=False)
    name: str | None = None
    brand: str | None = None
    model: str | None = None
    device_types: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingAuthorization:
    """An OAuth link that waits for the end user. ``token`` is the link's state parameter, good for one use."""

    token: str = field(repr=False)
    started_at: datetime


@dataclass(slots=True, kw_only=True)
class AccountAssociation:
    """One end user's account at a vendor. ``auth_material`` is the name of its general authorization, if that is it."""

    sequence: int
    id: str
    arn: str
    name: str | None
    state: str
    connector_destination_id: str
    description: str | None = None
    error_message: str | None = None
    auth_material: str | None = None
    tagged: Wire = field(default_factory=dict, repr=False)
    """Has the member ``Tags``, if there are any."""
    pending: PendingAuthorization | None = None
    cloud_devices: dict[str, CloudDevice] = field(default_factory=dict)

    def wire(self) -> Wire:
        """Return a row of ListAccountAssociations."""
        return present(
            {
                "AccountAssociationId": self.id,
                "Arn": self.arn,
                "AssociationState": self.state,
                "ConnectorDestinationId": self.connector_destination_id,
                "Name": self.name,
                "Description": self.description,
                "ErrorMessage": self.error_message,
            }
        )


@dataclass(slots=True, kw_only=True)
class Registration:
    """A managed thing linked to an account association."""

    sequence: int
    managed_thing_id: str
    account_association_id: str
    status: str
    device_discovery_id: str | None = None

    def wire(self) -> Wire:
        """Return a row of ListManagedThingAccountAssociations."""
        return {
            "ManagedThingId": self.managed_thing_id,
            "AccountAssociationId": self.account_association_id,
            "ManagedThingAssociationStatus": self.status,
        }


@dataclass(slots=True, kw_only=True)
class DiscoveredDevice:
    """A device that a discovery job found."""

    sequence: int
    device: CloudDevice | HubDevice
    discovered_at: datetime
    modification: str
    material: str | None = field(default=None, repr=False)

    def wire(self, managed_thing_id: str | None) -> Wire:
        """Return a row of ListDiscoveredDevices."""
        return present(
            {
                "ConnectorDeviceId": self.device.connector_device_id if isinstance(self.device, CloudDevice) else None,
                "ConnectorDeviceName": self.device.name,
                "DeviceTypes": list(self.device.device_types),
                "ManagedThingId": managed_thing_id,
                "Modification": self.modification,
                "DiscoveredAt": self.discovered_at,
                "Brand": self.device.brand,
                "Model": self.device.model,
                "AuthenticationMaterial": self.material,
            }
        )


@dataclass(slots=True, kw_only=True)
class DeviceDiscovery:
    """A discovery job. ``only`` are the connector device ids that it was asked about, none means all."""

    sequence: int
    id: str
    arn: str
    type: str
    started_at: datetime
    status: str = "RUNNING"
    finished_at: datetime | None = None
    controller_id: str | None = None
    account_association_id: str | None = None
    only: tuple[str, ...] = ()
    tags: dict[str, str] | None = field(default=None, repr=False)
    found: list[DiscoveredDevice] = field(default_factory=list)

    def wants(self, connector_device_id: str) -> bool:
        """Whether the job was asked about a device."""
        return not self.only or connector_device_id in self.only

    def found_cloud_device(self, connector_device_id: str | None) -> CloudDevice | None:
        """Return a cloud device that the job found, ``None`` if it did not."""
        devices = (row.device for row in self.found if isinstance(row.device, CloudDevice))
        return next((device for device in devices if device.connector_device_id == connector_device_id), None)

    def wire(self) -> Wire:
        """GetDeviceDiscovery; a row of ListDeviceDiscoveries has Id, DiscoveryType and Status only."""
        return present(
            {
                "Id": self.id,
                "Arn": self.arn,
                "DiscoveryType": self.type,
                "Status": self.status,
                "StartedAt": self.started_at,
                "FinishedAt": self.finished_at,
                "ControllerId": self.controller_id,
                "AccountAssociationId": self.account_association_id,
                "Tags": self.tags,
            }
        )
