"""The only module that talks to AWS: one method per operation used, behind a Protocol."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
import json
import logging
import threading
import time
from typing import Any, Protocol, override

import boto3
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest
from botocore.credentials import RefreshableCredentials
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParserError

from .clock import LEAST_CORRECTION, Clock
from .credentials import RenewableCredentials
from .errors import (
    EXPIRED_CODES,
    AccessDeniedError,
    AwsError,
    CannotConnectError,
    ClockSkewError,
    InvalidRequestError,
    ThrottledError,
    UnsupportedSdkError,
    from_exception,
)
from .identifiers import malformed
from .logging_filter import private
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
    Wire,
    authorization_url,
)
from .quota import Quota
from .redaction import sensitive_values
from .session import ConnectionSettings, client_config, create_session

_LOGGER = logging.getLogger(__name__)

SERVICE = "iot-managed-integrations"
IAM_PREFIXES = {SERVICE: "iotmanagedintegrations", "sts": "sts"}
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
RECORDED_CALLS = 50


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Success[T]:
    value: T


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page[T]:
    rows: tuple[T, ...]
    next_token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connection:
    clients: Mapping[str, Any]
    renewable: bool
    """Whether the credentials are replaced without the user when they have expired."""


class Boto3ManagedIntegrationsClient(ManagedIntegrationsClient):
    """The Protocol by boto3, which blocks: everything of it happens in a small pool of threads of its own.

    The pool's size is the number of requests that can be under way. Every request waits for its turn in ``quota``;
    none is repeated here, but one that AWS refused for the time of its signature only: it is sent once more with AWS's
    time. boto3's session and clients come to be with the first request. Use it from one event loop.
    """

    def __init__(
        self, settings: ConnectionSettings, *, quota: Quota, user_agent_extra: str, max_workers: int = 8
    ) -> None:
        """Prepare; nothing is read or sent yet."""
        self._settings = settings
        self._quota = quota
        self._config = client_config(user_agent_extra=user_agent_extra, max_connections=max_workers)
        self._pool = ThreadPoolExecutor(max_workers, thread_name_prefix="mi_registration")
        self._clock = Clock()
        self._connecting = threading.Lock()
        self._connection: _Connection | None = None
        self._retired: list[_Connection] = []
        self._sent = threading.local()
        self._calls: deque[CallRecord] = deque(maxlen=RECORDED_CALLS)
        self._closed = False
        self._denied: dict[str, str] = {}
        self._denied_listeners: list[Callable[[], None]] = []

    @property
    @override
    def calls(self) -> tuple[CallRecord, ...]:
        return tuple(self._calls)

    @property
    @override
    def quota(self) -> Quota:
        return self._quota

    @property
    @override
    def clock_skew(self) -> float | None:
        return self._clock.skew

    @property
    @override
    def denied(self) -> Mapping[str, str]:
        return self._denied

    @override
    def async_add_denied_listener(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._denied_listeners.append(listener)
        return lambda: self._denied_listeners.remove(listener)

    @override
    async def get_caller_identity(self) -> CallerIdentity:
        return await self._call("GetCallerIdentity", {}, partial(_needed, CallerIdentity.from_wire), service="sts")

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
            "GetManagedThing", {"Identifier": managed_thing_id}, partial(_needed, ManagedThingDetails.from_wire)
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
        return await self._pages(
            "ListManagedThingAccountAssociations",
            {"ManagedThingId": managed_thing_id, "AccountAssociationId": account_association_id},
            Registration.from_wire,
        )

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
            _request_id,
        )

    @override
    async def deregister_account_association(self, *, managed_thing_id: str, account_association_id: str) -> str | None:
        return await self._call(
            "DeregisterAccountAssociation",
            {"ManagedThingId": managed_thing_id, "AccountAssociationId": account_association_id},
            _request_id,
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
            partial(_needed, ManagedThing.from_wire),
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
            partial(_needed, DeviceDiscovery.from_wire),
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
            "GetDeviceDiscovery", {"Identifier": device_discovery_id}, partial(_needed, DeviceDiscovery.from_wire)
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
            partial(_needed, AccountAssociationLink.from_wire),
        )

    @override
    async def start_account_association_refresh(self, account_association_id: str) -> str:
        return await self._call(
            "StartAccountAssociationRefresh", {"AccountAssociationId": account_association_id}, authorization_url
        )

    @override
    async def delete_account_association(self, account_association_id: str) -> None:
        await self._call("DeleteAccountAssociation", {"AccountAssociationId": account_association_id}, _request_id)

    @override
    async def close(self) -> None:
        """Free the connections and the threads; waits for the requests that are under way."""
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._shut_down)

    def _shut_down(self) -> None:
        self._pool.shutdown()
        for connection in (*self._retired, self._connection):
            if connection is not None:
                for client in connection.clients.values():
                    client.close()

    async def _pages[T](
        self, operation: str, params: Mapping[str, Any], from_wire: Callable[[Wire], T | None], *, rows: str = "Items"
    ) -> tuple[T, ...]:
        """Read a list to its end; ``rows`` is the member of its answers that holds them."""
        found: list[T] = []
        tokens: set[str] = set()
        position: dict[str, str] = {}
        while True:
            page = await self._call(
                operation, {**params, "MaxResults": PAGE_SIZE, **position}, partial(_page, from_wire, rows)
            )
            found.extend(page.rows)
            if page.next_token is None:
                return tuple(found)
            if page.next_token in tokens:
                raise self._own_error(CannotConnectError, "RepeatedToken", "AWS repeats a page of the list", operation)
            tokens.add(page.next_token)
            position = {"NextToken": page.next_token}

    async def _call[T](
        self, operation: str, params: Mapping[str, Any], parse: Callable[[Wire], T], *, service: str = SERVICE
    ) -> T:
        """Send one request when its turn has come. Members that are None are left out."""
        params = {name: value for name, value in params.items() if value is not None}
        if wrong := malformed(operation, params):
            text = ", ".join(f"{member} must match {pattern}" for member, pattern in wrong.items())
            raise self._own_error(InvalidRequestError, "ParamValidationError", text, operation)
        await self._quota.acquire(operation)
        if self._closed:
            raise self._own_error(CannotConnectError, "ClientClosed", "the client is closed", operation, service)
        outcome = await asyncio.get_running_loop().run_in_executor(
            self._pool, self._send, service, operation, params, parse
        )
        self._note_permission(operation, outcome)
        if isinstance(outcome, _Success):
            self._quota.succeeded(operation)
            return outcome.value
        if isinstance(outcome, ThrottledError):
            self._quota.throttled(operation, outcome.retry_after)
        raise outcome

    def _note_permission(self, operation: str, outcome: object) -> None:
        """Remember what is denied until a call shows that it no longer is."""
        before = self._denied.get(operation)
        if isinstance(outcome, AccessDeniedError):
            self._denied[operation] = outcome.iam_action
        elif isinstance(outcome, _Success):
            self._denied.pop(operation, None)
        if self._denied.get(operation) != before:
            for listener in list(self._denied_listeners):
                listener()

    def _own_error(
        self, kind: type[AwsError], code: str, text: str, operation: str, service: str = SERVICE
    ) -> AwsError:
        return kind(text, code=code, operation=operation, iam_action=f"{IAM_PREFIXES[service]}:{operation}")

    def _send[T](
        self, service: str, operation: str, params: Mapping[str, Any], parse: Callable[[Wire], T]
    ) -> _Success[T] | AwsError:
        """In the pool: send one request. Failures are returned, since nobody would get them after a cancellation."""
        outcome = self._attempt(service, operation, params, parse)
        if isinstance(outcome, ClockSkewError):
            if outcome.clock_skew is not None:
                self._clock.learn(outcome.clock_skew)
            # AWS did nothing yet: it checks the signature first.
            if abs(self._clock.correction - self._clock.signed_correction) >= LEAST_CORRECTION:
                return self._attempt(service, operation, params, parse, number=2)
        return outcome

    def _attempt[T](
        self, service: str, operation: str, params: Mapping[str, Any], parse: Callable[[Wire], T], *, number: int = 1
    ) -> _Success[T] | AwsError:
        at = datetime.now(UTC)
        begin = time.monotonic()
        self._sent.secrets = set()
        request_id: str | None = None
        connection: _Connection | None = None
        outcome: _Success[T] | AwsError
        try:
            with private():
                connection = self._connect(operation)
                response = getattr(connection.clients[service], xform_name(operation))(**params)
            request_id = _request_id(response)
            outcome = _Success(value=parse(response))
        except AwsError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001  # the SDK raises more than its own exceptions; the table sorts all
            outcome = from_exception(
                error,
                operation=operation,
                service=IAM_PREFIXES[service],
                secrets=self._secrets(connection, service, operation, params),
                now=datetime.now(UTC),
                correction=self._clock.signed_correction,
                renewable=connection is not None and connection.renewable,
            )
            if connection is not None and outcome.code in EXPIRED_CODES:
                self._retire(connection)
        failure = outcome if isinstance(outcome, AwsError) else None
        record = CallRecord(
            operation=operation,
            at=at,
            latency=time.monotonic() - begin,
            error_code=failure.code if failure else None,
            request_id=failure.request_id if failure else request_id,
            attempt=number,
        )
        self._calls.append(record)
        _LOGGER.debug(
            "%s: %s after %.3f s, request %s",
            operation,
            record.error_code or "done",
            record.latency,
            record.request_id,
        )
        return outcome

    def _connect(self, operation: str) -> _Connection:
        with self._connecting:
            if self._connection is None:
                self._connection = self._new_connection(operation)
            return self._connection

    def _retire(self, connection: _Connection) -> None:
        """Let the next request find new credentials: AWS ended these before their time."""
        with self._connecting:
            if self._connection is connection:
                self._connection = None
                # Requests of other threads may be using it still: it is closed at the end.
                self._retired.append(connection)

    def _new_connection(self, operation: str) -> _Connection:
        session = create_session(self._settings, config=self._config, clock=self._clock, prepare=self._prepare)
        available = session.get_available_services()
        clients = {
            service: session.client(  # type: ignore[call-overload]  # typed by literals, not by a variable
                service, endpoint_url=self._settings.endpoint_url, config=self._config
            )
            for service in IAM_PREFIXES
            if service in available
        }
        if SERVICE not in clients or not has_operations(clients[SERVICE].meta.service_model):
            raise self._own_error(
                UnsupportedSdkError,
                "UnsupportedSdk",
                f"boto3 {boto3.__version__} doesn't know managed integrations well enough: it must be 1.42.44 or newer."
                " Home Assistant 2026.8 and later bring a newer one; remove whatever holds back boto3 or botocore",
                operation,
            )
        renewable = isinstance(session.get_credentials(), RefreshableCredentials | RenewableCredentials)
        return _Connection(clients=clients, renewable=renewable)

    def _prepare(self, session: boto3.Session) -> None:
        session.events.register("before-send", self._remember_credentials)
        session.events.register("before-parse.sts", _require_sts_answer)
        session.events.register(f"before-parse.{SERVICE}", _check_answer)

    def _remember_credentials(self, request: AWSPreparedRequest, **_: Any) -> None:
        """Keep what this request was signed with: AWS's text about a bad signature repeats the headers."""
        headers: Any = request.headers
        for name in ("X-Amz-Security-Token", "Authorization"):
            if (value := headers.get(name)) is not None:
                text = value.decode() if isinstance(value, bytes) else str(value)
                access_key_id = text.partition("Credential=")[2].partition("/")[0]
                self._sent.secrets.add(access_key_id or text)

    def _secrets(
        self, connection: _Connection | None, service: str, operation: str, params: Mapping[str, Any]
    ) -> set[str]:
        sent: set[str] = self._sent.secrets
        secrets = sent | self._settings.secrets
        if connection is not None:
            secrets |= sensitive_values(
                connection.clients[service].meta.service_model.operation_model(operation), params
            )
        return secrets


def has_operations(service_model: ServiceModel) -> bool:
    """Whether botocore's model of managed integrations has everything that is used here."""
    if not OPERATIONS.issubset(service_model.operation_names):
        return False
    # The newest thing that is used is filtered discovery, in boto3 since 1.42.44.
    discovery = service_model.operation_model("StartDeviceDiscovery").input_shape
    return discovery is not None and "ConnectorDeviceIdList" in discovery.members


def _require_request_id(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a good status that is not AWS's, such as that of a proxy's page."""
    if response_dict["status_code"] < 300 and "x-amzn-requestid" not in response_dict["headers"]:
        raise ResponseParserError("the answer is not from AWS: it has no request id")


def _require_sts_answer(operation_model: OperationModel, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a good status whose body is not STS's, which botocore trips over."""
    _require_request_id(response_dict)
    if response_dict["status_code"] < 300 and f"<{operation_model.name}Response".encode() not in response_dict["body"]:
        raise ResponseParserError("the answer is not from STS")


def _check_answer(
    operation_model: OperationModel,
    response_dict: Mapping[str, Any],
    customized_response_dict: dict[str, Any],
    **_: Any,
) -> None:
    """Refuse a good status whose body is not AWS's: botocore reads a proxy's page as an answer without members.

    What looks like an empty list must be one that AWS sent, else everything on it would seem to be gone.
    """
    _require_request_id(response_dict)
    if response_dict["status_code"] >= 300 or operation_model.output_shape is None:
        return
    try:
        body = json.loads(response_dict["body"])
    except ValueError, RecursionError:
        raise ResponseParserError("the answer is not JSON") from None
    if not isinstance(body, dict):
        raise ResponseParserError("the answer is not a JSON object")
    # AWS's documentation shows the id of a new association under this name, against its service model.
    if operation_model.name == "CreateAccountAssociation" and "AccountAssociationId" not in body and "Id" in body:
        customized_response_dict["AccountAssociationId"] = body["Id"]


def _needed[T](from_wire: Callable[[Wire], T | None], response: Wire) -> T:
    if (value := from_wire(response)) is None:
        raise ResponseParserError("the answer lacks an id")
    return value


def _page[T](from_wire: Callable[[Wire], T | None], member: str, response: Wire) -> _Page[T]:
    token = response.get("NextToken")
    if token is not None and not isinstance(token, str):
        raise ResponseParserError("the answer's NextToken is no text")
    items = response.get(member, [])
    if not isinstance(items, list):
        raise ResponseParserError(f"the answer's {member} is no list")
    rows = (from_wire(row) for row in items if isinstance(row, dict))
    return _Page(rows=tuple(row for row in rows if row is not None), next_token=token or None)


def _request_id(response: Wire) -> str | None:
    request_id = response.get("ResponseMetadata", {}).get("RequestId")
    return request_id if isinstance(request_id, str) else None
