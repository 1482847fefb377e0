"""How a request gets to AWS by boto3, which blocks: its thread, its turn, its credentials, and what is noted of it."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
import logging
import threading
import time
from typing import Any, override

import boto3
from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest
from botocore.credentials import RefreshableCredentials
from botocore.model import ServiceModel

from .answers import page_of, request_id_of, require_service_answer, require_sts_answer
from .client import OPERATIONS, PAGE_SIZE, SERVICE, CallRecord, ManagedIntegrationsClient
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
from .models import Wire
from .quota import Quota
from .redaction import sensitive_values
from .session import ConnectionSettings, client_config, create_session

_LOGGER = logging.getLogger(__name__)

IAM_PREFIXES = {SERVICE: "iotmanagedintegrations", "sts": "sts"}
RECORDED_CALLS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class _Success[T]:
    value: T


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connection:
    clients: Mapping[str, Any]
    renewable: bool
    """Whether the credentials are replaced without the user when they have expired."""


class Boto3Calls(ManagedIntegrationsClient):
    """What all operations share; everything of boto3 happens in a small pool of threads of its own.

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
                operation, {**params, "MaxResults": PAGE_SIZE, **position}, partial(page_of, from_wire, rows)
            )
            found.extend(page.rows)
            if page.next_token is None:
                return tuple(found)
            if page.next_token in tokens:
                raise _own_error(CannotConnectError, "RepeatedToken", "AWS repeats a page of the list", operation)
            tokens.add(page.next_token)
            position = {"NextToken": page.next_token}

    async def _call[T](
        self, operation: str, params: Mapping[str, Any], parse: Callable[[Wire], T], *, service: str = SERVICE
    ) -> T:
        """Send one request when its turn has come. Members that are None are left out."""
        params = {name: value for name, value in params.items() if value is not None}
        if wrong := malformed(operation, params):
            text = ", ".join(f"{member} must match {pattern}" for member, pattern in wrong.items())
            raise _own_error(InvalidRequestError, "ParamValidationError", text, operation)
        await self._quota.acquire(operation)
        if self._closed:
            raise _own_error(CannotConnectError, "ClientClosed", "the client is closed", operation, service)
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
            request_id = request_id_of(response)
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
            raise _own_error(
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
        session.events.register("before-parse.sts", require_sts_answer)
        session.events.register(f"before-parse.{SERVICE}", require_service_answer)

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


def _own_error(kind: type[AwsError], code: str, text: str, operation: str, service: str = SERVICE) -> AwsError:
    return kind(text, code=code, operation=operation, iam_action=f"{IAM_PREFIXES[service]}:{operation}")


def has_operations(service_model: ServiceModel) -> bool:
    """Whether botocore's model of managed integrations has everything that is used here."""
    if not OPERATIONS.issubset(service_model.operation_names):
        return False
    # The newest thing that is used is filtered discovery, in boto3 since 1.42.44.
    discovery = service_model.operation_model("StartDeviceDiscovery").input_shape
    return discovery is not None and "ConnectorDeviceIdList" in discovery.members
