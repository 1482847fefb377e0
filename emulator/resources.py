"""The resources that the service keeps, and how each looks on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

type Wire = dict[str, Any]


def present(members: Mapping[str, Any]) -> Wire:
    """Leave out the members without a value: AWS never sends null."""
    return {name: value for name, value in members.items() if value is not None}


@dataclass(slots=True, kw_only=True)
class ManagedThing:
    """A device or a hub. ``members`` holds what the caller may set, under AWS's member names."""

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
    device_types: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class HubDevice:
    """A device in radio reach of a hub: what a ZIGBEE, ZWAVE or CUSTOM discovery finds."""

    protocol: str
    material: str = field(repr=False)
    name: str | None = None
    brand: str | None = None
    model: str | None = None
    device_types: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class CloudConnector:
    """A vendor's connector: a Lambda function that speaks to the vendor's cloud."""

    sequence: int
    id: str
    name: str
    type: str
    lambda_arn: str

    def wire(self) -> Wire:
        """GetCloudConnector, and a row of ListCloudConnectors."""
        return {
            "Id": self.id,
            "Name": self.name,
            "Type": self.type,
            "EndpointType": "LAMBDA",
            "EndpointConfig": {"lambda": {"arn": self.lambda_arn}},
        }


@dataclass(slots=True, kw_only=True)
class ConnectorDestination:
    """How end users link their accounts through a connector: by OAuth, by general authorization, or by either.

    ``auth_materials`` are the names for the latter. ``cloud_devices`` is what an account linked from now on holds.
    """

    sequence: int
    id: str
    name: str
    cloud_connector_id: str
    secret_arn: str
    oauth: bool
    auth_materials: tuple[str, ...] = ()
    description: str | None = None
    cloud_devices: dict[str, CloudDevice] = field(default_factory=dict)

    def summary(self) -> Wire:
        """Return a row of ListConnectorDestinations."""
        return present(
            {
                "Id": self.id,
                "Name": self.name,
                "Description": self.description,
                "CloudConnectorId": self.cloud_connector_id,
            }
        )

    def wire(self) -> Wire:
        """GetConnectorDestination."""
        secret = {"arn": self.secret_arn, "versionId": "0" * 32}
        vendor = f"https://oauth.{self.id.lower().replace('_', '-')}.example"
        oauth = {
            "authUrl": f"{vendor}/authorize",
            "tokenUrl": f"{vendor}/token",
            "tokenEndpointAuthenticationScheme": "HTTP_BASIC",
            "oAuthCompleteRedirectUrl": f"{vendor}/complete",
        }
        materials = [{"AuthMaterialName": name, "SecretsManager": secret} for name in self.auth_materials]
        return self.summary() | present(
            {
                "AuthType": "OAUTH" if self.oauth else None,
                "AuthConfig": present(
                    {"oAuth": oauth if self.oauth else None, "GeneralAuthorization": materials or None}
                ),
                "SecretsManager": secret if self.oauth else None,
                "OAuthCompleteRedirectUrl": oauth["oAuthCompleteRedirectUrl"] if self.oauth else None,
            }
        )


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
    tags: dict[str, str] = field(default_factory=dict, repr=False)
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
    found: list[DiscoveredDevice] = field(default_factory=list)

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
            }
        )
