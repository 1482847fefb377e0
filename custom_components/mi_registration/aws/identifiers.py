"""The texts that AWS's service model accepts. botocore doesn't check patterns: what breaks them would go out to AWS."""

from collections.abc import Mapping
import re
from types import MappingProxyType
from typing import Any

MANAGED_THING_ID = re.compile(r"[a-zA-Z0-9:_-]{1,64}")
ACCOUNT_ASSOCIATION_ID = re.compile(r"[0-9a-zA-Z]{1,64}")
DEVICE_DISCOVERY_ID = re.compile(r"[A-Za-z0-9]{1,200}")
CONNECTOR_DEVICE_ID = re.compile(r"[a-zA-Z0-9_.,@-]{1,256}")
CONTROLLER_ID = re.compile(r"[A-Za-z0-9]{1,64}")
CONNECTOR_DESTINATION_ID = re.compile(r"[A-Za-z0-9-_]{1,64}")
ASSOCIATION_NAME = re.compile(r"[A-Za-z0-9-_ ]{1,128}")
CLIENT_TOKEN = re.compile(r"[a-zA-Z0-9=_-]{1,64}")
OWNER = re.compile(r"[a-zA-Z0-9_.,@-]{1,64}")
SERIAL_NUMBER = re.compile(r"[A-Za-z0-9-_ ]{1,128}")
AUTHENTICATION_MATERIAL = re.compile(r'[0-9A-Za-z!#$%&()*\+\-;<=>?@^_`{|}~\/: {},\\"]{1,512}')
INSTALL_CODE = re.compile(r"[0-9A-Za-z_\-\+=\/:; ]{1,64}")

# Those of AWS IoT Core, for its credential provider.
ROLE_ALIAS = re.compile(r"[\w=,@-]{1,128}", re.ASCII)
THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")

_ASSOCIATION = {"AccountAssociationId": ACCOUNT_ASSOCIATION_ID}
_DISCOVERY_BY_IDENTIFIER = {"Identifier": DEVICE_DISCOVERY_ID}
_THING_BY_IDENTIFIER = {"Identifier": MANAGED_THING_ID}
_PAIR = {"ManagedThingId": MANAGED_THING_ID, **_ASSOCIATION}

PATTERNS: Mapping[str, Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "ListManagedThings": {
            "OwnerFilter": OWNER,
            "ParentControllerIdentifierFilter": CONTROLLER_ID,
            "SerialNumberFilter": SERIAL_NUMBER,
        },
        "GetManagedThing": _THING_BY_IDENTIFIER,
        "GetManagedThingConnectivityData": _THING_BY_IDENTIFIER,
        "ListManagedThingAccountAssociations": _PAIR,
        "RegisterAccountAssociation": {**_PAIR, "DeviceDiscoveryId": DEVICE_DISCOVERY_ID},
        "DeregisterAccountAssociation": _PAIR,
        "CreateManagedThing": {"AuthenticationMaterial": AUTHENTICATION_MATERIAL, "Owner": OWNER},
        "StartDeviceDiscovery": {
            "AccountAssociationId": ACCOUNT_ASSOCIATION_ID,
            "AuthenticationMaterial": INSTALL_CODE,
            "ControllerIdentifier": MANAGED_THING_ID,
        },
        "GetDeviceDiscovery": _DISCOVERY_BY_IDENTIFIER,
        "ListDiscoveredDevices": _DISCOVERY_BY_IDENTIFIER,
        "CreateAccountAssociation": {
            "ClientToken": CLIENT_TOKEN,
            "ConnectorDestinationId": CONNECTOR_DESTINATION_ID,
            "Name": ASSOCIATION_NAME,
        },
        "StartAccountAssociationRefresh": _ASSOCIATION,
        "DeleteAccountAssociation": _ASSOCIATION,
    }
)
"""For each operation the members that are checked before a request is sent."""


def malformed(operation: str, params: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the members that AWS would reject, each with the pattern it breaks."""
    return {
        member: pattern.pattern
        for member, pattern in PATTERNS.get(operation, {}).items()
        if member in params and pattern.fullmatch(params[member]) is None
    }
