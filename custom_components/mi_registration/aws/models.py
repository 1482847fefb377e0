"""What the service answers, as immutable values.

Parsing is lenient: a member that is missing, or an enum value that AWS added after this code was written, reads as
``None``; a member that is not used here is ignored. Field names are those of the service model in snake case. Members
which the service model marks sensitive are kept out of ``repr`` so that they can't reach a log.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class LenientEnum(StrEnum):
    """An enum of the service model that AWS may extend at any time."""

    @classmethod
    def parse(cls, value: object) -> Self | None:
        """Return the member for a value from the wire, ``None`` for a missing or unknown one."""
        if not isinstance(value, str):
            return None
        return cls._value2member_map_.get(value)  # type: ignore[return-value]  # typeshed: values are Enum, not Self


class Role(LenientEnum):
    """Shape ``Role``."""

    CONTROLLER = "CONTROLLER"
    DEVICE = "DEVICE"


class ProvisioningStatus(LenientEnum):
    """Shape ``ProvisioningStatus``."""

    UNASSOCIATED = "UNASSOCIATED"
    PRE_ASSOCIATED = "PRE_ASSOCIATED"
    DISCOVERED = "DISCOVERED"
    ACTIVATED = "ACTIVATED"
    DELETION_FAILED = "DELETION_FAILED"
    DELETE_IN_PROGRESS = "DELETE_IN_PROGRESS"
    ISOLATED = "ISOLATED"
    DELETED = "DELETED"


class AssociationState(LenientEnum):
    """Shape ``AssociationState``."""

    ASSOCIATION_IN_PROGRESS = "ASSOCIATION_IN_PROGRESS"
    ASSOCIATION_FAILED = "ASSOCIATION_FAILED"
    ASSOCIATION_SUCCEEDED = "ASSOCIATION_SUCCEEDED"
    ASSOCIATION_DELETING = "ASSOCIATION_DELETING"
    REFRESH_TOKEN_EXPIRED = "REFRESH_TOKEN_EXPIRED"


class RegistrationStatus(LenientEnum):
    """Shape ``ManagedThingAssociationStatus``."""

    PRE_ASSOCIATED = "PRE_ASSOCIATED"
    ASSOCIATED = "ASSOCIATED"


class DiscoveryType(LenientEnum):
    """Shape ``DiscoveryType``."""

    ZWAVE = "ZWAVE"
    ZIGBEE = "ZIGBEE"
    CLOUD = "CLOUD"
    CUSTOM = "CUSTOM"
    CONTROLLER_CAPABILITY_REDISCOVERY = "CONTROLLER_CAPABILITY_REDISCOVERY"


class DiscoveryStatus(LenientEnum):
    """Shape ``DeviceDiscoveryStatus``."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


class DiscoveryModification(LenientEnum):
    """Shape ``DiscoveryModification``."""

    DISCOVERED = "DISCOVERED"
    UPDATED = "UPDATED"
    NO_CHANGE = "NO_CHANGE"


class DisconnectReason(LenientEnum):
    """Shape ``DisconnectReasonValue``."""

    AUTH_ERROR = "AUTH_ERROR"
    CLIENT_INITIATED_DISCONNECT = "CLIENT_INITIATED_DISCONNECT"
    CLIENT_ERROR = "CLIENT_ERROR"
    CONNECTION_LOST = "CONNECTION_LOST"
    DUPLICATE_CLIENTID = "DUPLICATE_CLIENTID"
    FORBIDDEN_ACCESS = "FORBIDDEN_ACCESS"
    MQTT_KEEP_ALIVE_TIMEOUT = "MQTT_KEEP_ALIVE_TIMEOUT"
    SERVER_ERROR = "SERVER_ERROR"
    SERVER_INITIATED_DISCONNECT = "SERVER_INITIATED_DISCONNECT"
    THROTTLED = "THROTTLED"
    WEBSOCKET_TTL_EXPIRATION = "WEBSOCKET_TTL_EXPIRATION"
    CUSTOMAUTH_TTL_EXPIRATION = "CUSTOMAUTH_TTL_EXPIRATION"
    UNKNOWN = "UNKNOWN"
    NONE = "NONE"


type Wire = Mapping[str, Any]
"""A response or a list item as botocore parsed it."""


def _text(wire: Wire, member: str) -> str | None:
    value = wire.get(member)
    return value if isinstance(value, str) and value else None


def _time(wire: Wire, member: str) -> datetime | None:
    value = wire.get(member)
    return value if isinstance(value, datetime) else None


def _texts(wire: Wire, member: str) -> tuple[str, ...]:
    value = wire.get(member)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentity:
    """Whose credentials these are (STS ``GetCallerIdentity``)."""

    account: str
    partition: str

    @classmethod
    def from_wire(cls, wire: Wire) -> Self | None:
        """Parse the answer; ``None`` if it names no account."""
        account, arn = _text(wire, "Account"), _text(wire, "Arn")
        if account is None or arn is None or arn.count(":") < 5:
            return None
        return cls(account=account, partition=arn.split(":")[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedThing:
    """A row of ``ListManagedThings``: a hub (role CONTROLLER) or a device."""

    managed_thing_id: str
    role: Role | None = None
    name: str | None = None
    provisioning_status: ProvisioningStatus | None = None
    parent_controller_id: str | None = None
    connector_destination_id: str | None = None
    connector_device_id: str | None = field(default=None, repr=False)
    brand: str | None = field(default=None, repr=False)
    model: str | None = field(default=None, repr=False)
    serial_number: str | None = field(default=None, repr=False)
    owner: str | None = field(default=None, repr=False)
    updated_at: datetime | None = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Self | None:
        """Parse a row; ``None`` if it has no id."""
        if (managed_thing_id := _text(wire, "Id")) is None:
            return None
        return cls(
            managed_thing_id=managed_thing_id,
            role=Role.parse(wire.get("Role")),
            name=_text(wire, "Name"),
            provisioning_status=ProvisioningStatus.parse(wire.get("ProvisioningStatus")),
            parent_controller_id=_text(wire, "ParentControllerId"),
            connector_destination_id=_text(wire, "ConnectorDestinationId"),
            connector_device_id=_text(wire, "ConnectorDeviceId"),
            brand=_text(wire, "Brand"),
            model=_text(wire, "Model"),
            serial_number=_text(wire, "SerialNumber"),
            owner=_text(wire, "Owner"),
            updated_at=_time(wire, "UpdatedAt"),
        )

    @property
    def is_hub(self) -> bool:
        """Whether this thing is a hub, which other things can hang on."""
        return self.role is Role.CONTROLLER


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedThingDetails:
    """What only ``GetManagedThing`` tells of a thing, beside its row of the list."""

    thing: ManagedThing
    mac_address: str | None = field(default=None, repr=False)
    device_specific_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_wire(cls, wire: Wire) -> Self | None:
        """Parse the answer; ``None`` if it has no id."""
        if (thing := ManagedThing.from_wire(wire)) is None:
            return None
        return cls(
            thing=thing,
            mac_address=_text(wire, "MacAddress"),
            device_specific_key=_text(wire, "DeviceSpecificKey"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAssociation:
    """One end user's account at a vendor: a row of ``ListAccountAssociations``, or the answer of another operation."""

    account_association_id: str
    state: AssociationState | None = None
    name: str | None = None
    connector_destination_id: str | None = None
    error_message: str | None = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Self | None:
        """Parse a row or an answer; ``None`` if it has no id."""
        if (account_association_id := _text(wire, "AccountAssociationId")) is None:
            return None
        return cls(
            account_association_id=account_association_id,
            state=AssociationState.parse(wire.get("AssociationState")),
            name=_text(wire, "Name"),
            connector_destination_id=_text(wire, "ConnectorDestinationId"),
            error_message=_text(wire, "ErrorMessage"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAssociationLink:
    """A new association and where to authorize it (``CreateAccountAssociation``).

    ``authorization_url`` is where the user signs in at the vendor; it is a secret, and empty where the vendor's
    connector needs nobody to sign in (general authorization).
    """

    association: AccountAssociation
    authorization_url: str = field(default="", repr=False)

    @classmethod
    def from_wire(cls, wire: Wire) -> Self | None:
        """Parse an answer; ``None`` if it has no id."""
        if (association := AccountAssociation.from_wire(wire)) is None:
            return None
        return cls(association=association, authorization_url=authorization_url(wire))


def authorization_url(wire: Wire) -> str:
    """Return the OAuth link of an answer, empty if there is none."""
    return _text(wire, "OAuthAuthorizationUrl") or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorDestination:
    """A row of ``ListConnectorDestinations``: a vendor's cloud, set up in this account so that users can link to it."""

    connector_destination_id: str
    name: str | None = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Self | None:
        """Parse a row; ``None`` if it has no id."""
        if (connector_destination_id := _text(wire, "Id")) is None:
            return None
        return cls(connector_destination_id=connector_destination_id, name=_text(wire, "Name"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A row of ``ListManagedThingAccountAssociations``: a thing linked to an association."""

    managed_thing_id: str
    account_association_id: str
    status: RegistrationStatus | None = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Self | None:
        """Parse a row; ``None`` if it lacks an id."""
        managed_thing_id = _text(wire, "ManagedThingId")
        account_association_id = _text(wire, "AccountAssociationId")
        if managed_thing_id is None or account_association_id is None:
            return None
        return cls(
            managed_thing_id=managed_thing_id,
            account_association_id=account_association_id,
            status=RegistrationStatus.parse(wire.get("ManagedThingAssociationStatus")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Connectivity:
    """Whether a hub is connected to AWS (``GetManagedThingConnectivityData``)."""

    connected: bool | None = None
    timestamp: datetime | None = None
    disconnect_reason: DisconnectReason | None = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        """Parse the answer."""
        connected = wire.get("Connected")
        return cls(
            connected=connected if isinstance(connected, bool) else None,
            timestamp=_time(wire, "Timestamp"),
            disconnect_reason=DisconnectReason.parse(wire.get("DisconnectReason")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDiscovery:
    """A discovery job (``GetDeviceDiscovery``); a row of ``ListDeviceDiscoveries`` has only id, type and status."""

    device_discovery_id: str
    discovery_type: DiscoveryType | None = None
    status: DiscoveryStatus | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    controller_id: str | None = None
    account_association_id: str | None = None

    @classmethod
    def from_wire(cls, wire: Wire) -> Self | None:
        """Parse an answer or a row; ``None`` if it has no id."""
        if (device_discovery_id := _text(wire, "Id")) is None:
            return None
        return cls(
            device_discovery_id=device_discovery_id,
            discovery_type=DiscoveryType.parse(wire.get("DiscoveryType")),
            status=DiscoveryStatus.parse(wire.get("Status")),
            started_at=_time(wire, "StartedAt"),
            finished_at=_time(wire, "FinishedAt"),
            controller_id=_text(wire, "ControllerId"),
            account_association_id=_text(wire, "AccountAssociationId"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredDevice:
    """A row of ``ListDiscoveredDevices``: a device that a discovery job found."""

    connector_device_id: str | None = field(default=None, repr=False)
    name: str | None = None
    device_types: tuple[str, ...] = ()
    managed_thing_id: str | None = None
    modification: DiscoveryModification | None = None
    brand: str | None = field(default=None, repr=False)
    model: str | None = field(default=None, repr=False)
    authentication_material: str | None = field(default=None, repr=False)

    @classmethod
    def from_wire(cls, wire: Wire) -> Self:
        """Parse a row; every member is optional."""
        return cls(
            connector_device_id=_text(wire, "ConnectorDeviceId"),
            name=_text(wire, "ConnectorDeviceName"),
            device_types=_texts(wire, "DeviceTypes"),
            managed_thing_id=_text(wire, "ManagedThingId"),
            modification=DiscoveryModification.parse(wire.get("Modification")),
            brand=_text(wire, "Brand"),
            model=_text(wire, "Model"),
            authentication_material=_text(wire, "AuthenticationMaterial"),
        )
