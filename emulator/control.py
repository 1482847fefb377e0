"""The control of a running emulator over HTTP, for the demo and for tests in another process.

``GET /_emulator/worlds`` lists the accounts with their credentials, ``GET /_emulator/requests?account_id=…`` the log,
``GET /_emulator/ca_certificate`` gives the root certificate of the credential provider, and ``POST
/_emulator/<command>`` with ``{"account_id": …, …}`` calls the method of :class:`.world.World` that has this name with
the other members as its arguments.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .pki import AUTHORITY
from .world import RecordedRequest, World

CONTROL_PREFIX = "/_emulator/"
COMMANDS = frozenset(
    {
        "add_association",
        "add_cloud_device",
        "add_connector_destination",
        "add_discovery",
        "add_hub_device",
        "add_managed_thing_certificate",
        "add_role",
        "add_role_alias",
        "add_schema_version",
        "add_thing",
        "add_unknown_values",
        "add_vendor_device",
        "advance",
        "allow",
        "authorize",
        "clear_requests",
        "create_device_certificate",
        "deny",
        "deregister",
        "drop",
        "expire_authorization",
        "expire_sessions",
        "finish_discovery",
        "garble",
        "lag_lists",
        "offline",
        "plan_discovery",
        "refuse",
        "register",
        "report_state",
        "remove_association",
        "remove_connector_destination",
        "remove_role",
        "remove_role_alias",
        "remove_thing",
        "revoke_certificate",
        "set_association_state",
        "set_capabilities",
        "set_clock_offset",
        "set_connectivity",
        "set_lateness",
        "set_latency",
        "set_quota",
        "set_switches",
        "update_thing",
    }
)


def _request(request: RecordedRequest) -> dict[str, Any]:
    return asdict(request) | {"time": request.time.isoformat()}


def _described(world: World) -> dict[str, str]:
    return {
        "account_id": world.account_id,
        "region": world.region,
        "access_key_id": world.access_key_id,
        "secret_access_key": world.secret_access_key,
    }


def _find(worlds: Mapping[str, World], account_id: str | None) -> World:
    if account_id is None and len(worlds) == 1:
        return next(iter(worlds.values()))
    if account_id is None or account_id not in worlds:
        raise LookupError(f"No world has account {account_id}")
    return worlds[account_id]


def control(worlds: Mapping[str, World], method: str, path: str, query: Mapping[str, str], body: Any) -> dict[str, Any]:
    """Do one command; ``account_id`` may be left out where there is one world only.

    Raises LookupError, TypeError, ValueError or ManagedIntegrationsError for a command, account, argument or resource
    that doesn't exist.
    """
    if not isinstance(body, Mapping):
        raise TypeError("The body must be a JSON object")
    command = path.removeprefix(CONTROL_PREFIX)
    match method, command:
        case "GET", "worlds":
            return {"worlds": [_described(world) for world in worlds.values()]}
        case "GET", "requests":
            world = _find(worlds, query.get("account_id"))
            return {"requests": [_request(request) for request in world.requests]}
        case "GET", "ca_certificate":
            return {"ca_certificate_pem": AUTHORITY.certificate_pem}
        case "POST", _ if command in COMMANDS:
            arguments = {name: value for name, value in body.items() if name != "account_id"}
            return {"result": getattr(_find(worlds, body.get("account_id")), command)(**arguments)}
        case _:
            raise LookupError(f"No such command: {method} {command}")
