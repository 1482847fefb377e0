"""Where an AWS session's credentials come from: an access key or boto3's own chain, and a role assumed with them."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Self, override
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError, ParamValidationError
import botocore.session

from .redaction import redact_text

CONNECT_TIMEOUT = 5
"""Seconds to wait for a connection."""
READ_TIMEOUT = 15
"""Seconds to wait for the next bytes of an answer."""
ROLE_SESSION_NAME = "mi_registration"
"""How CloudTrail names what is done with an assumed role."""


class EndpointError(ValueError):
    """An endpoint URL can't be used: it has no ``http`` or ``https`` scheme, no host, or a port that is none."""


class InsecureEndpointError(EndpointError):
    """An endpoint URL would send signed requests unencrypted to another machine."""


def check_endpoint(url: str) -> None:
    """Raise :class:`EndpointError` if requests must not be sent to ``url``.

    Plain ``http`` is for loopback hosts only.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise EndpointError(f"not a URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise EndpointError("the endpoint URL needs http:// or https:// and a host")
    if parts.scheme == "http" and not _is_loopback(host):
        raise InsecureEndpointError("plain http is for loopback hosts only")


def is_insecure_endpoint(url: str) -> bool:
    """Whether ``url`` is plain ``http`` to another machine.

    Raises :class:`EndpointError` if it is no endpoint at all.
    """
    try:
        check_endpoint(url)
    except InsecureEndpointError:
        return True
    return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """An IAM user's long-term access key."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultChain:
    """boto3's own chain: environment, shared configuration (of one profile), container and instance role."""

    profile_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRole:
    """A role to assume with the other credentials (STS ``AssumeRole``)."""

    role_arn: str
    external_id: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """How to reach one account in one Region. ``endpoint_url`` stands in for every AWS service that is called."""

    region: str
    credentials: AccessKey | DefaultChain
    assume_role: AssumeRole | None = None
    endpoint_url: str | None = None

    @classmethod
    def from_config(cls, data: Mapping[str, Any]) -> Self:
        """Read the flat data of a configuration; empty text means not set.

        Raises ``KeyError`` for what is required and missing, ``ValueError`` for an unknown ``auth_method``.
        """
        credentials: AccessKey | DefaultChain
        match data["auth_method"]:
            case "access_key":
                credentials = AccessKey(
                    access_key_id=data["access_key_id"], secret_access_key=data["secret_access_key"]
                )
            case "default_chain":
                credentials = DefaultChain(profile_name=data.get("profile_name") or None)
            case other:
                raise ValueError(f"unknown auth_method {other!r}")
        role_arn = data.get("role_arn")
        return cls(
            region=data["region"],
            credentials=credentials,
            assume_role=AssumeRole(role_arn=role_arn, external_id=data.get("external_id") or None)
            if role_arn
            else None,
            endpoint_url=data.get("endpoint_url") or None,
        )

    @property
    def secrets(self) -> frozenset[str]:
        """The values that must not appear in any text."""
        values: set[str] = set()
        if isinstance(self.credentials, AccessKey):
            values |= {self.credentials.access_key_id, self.credentials.secret_access_key}
        if self.assume_role is not None and self.assume_role.external_id is not None:
            values.add(self.assume_role.external_id)
        return frozenset(values)


def client_config(*, user_agent_extra: str, max_connections: int) -> Config:
    """Return the botocore configuration of every client: pacing and repeating are not its business.

    An endpoint comes from :class:`ConnectionSettings` alone: one from the environment would not have been checked.
    """
    return Config(  # type: ignore[call-arg]  # boto3-stubs lacks ignore_configured_endpoint_urls
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=max_connections,
        user_agent_extra=user_agent_extra,
        ignore_configured_endpoint_urls=True,
        parameter_validation=True,
    )


def create_session(settings: ConnectionSettings, *, config: Config) -> boto3.Session:
    """Return a session with these credentials. Blocks: it reads files and may ask a metadata service.

    A role is assumed with the first request that is signed and renewed ten to fifteen minutes before its credentials
    expire. Raises what boto3 and botocore raise, and :class:`EndpointError`.
    """
    if settings.endpoint_url is not None:
        check_endpoint(settings.endpoint_url)
    credentials = settings.credentials
    if isinstance(credentials, AccessKey):
        session = boto3.Session(
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            region_name=settings.region,
        )
    else:
        session = boto3.Session(profile_name=credentials.profile_name, region_name=settings.region)
    if settings.assume_role is None:
        return session
    provider = _AssumedRoleProvider(session, settings, settings.assume_role, config)
    core = botocore.session.Session()
    core.register_component("credential_provider", CredentialResolver(providers=[provider]))
    return boto3.Session(botocore_session=core, region_name=settings.region)


class _AssumedRoleProvider(CredentialProvider):
    """Gives a botocore session the credentials of a role, renewed before they expire."""

    METHOD = "assume-role"
    CANONICAL_NAME = "custom-assume-role"

    def __init__(self, source: boto3.Session, settings: ConnectionSettings, role: AssumeRole, config: Config) -> None:
        super().__init__()
        self._source = source
        self._settings = settings
        self._role = role
        self._config = config

    @override
    def load(self) -> Credentials:
        return DeferredRefreshableCredentials(refresh_using=self._assume, method=self.METHOD)

    def _assume(self) -> dict[str, Any]:
        source = self._source.get_credentials()
        if source is None:
            raise NoCredentialsError
        extra_args = {"RoleSessionName": ROLE_SESSION_NAME}
        if self._role.external_id is not None:
            extra_args["ExternalId"] = self._role.external_id
        with ExitStack() as opened:

            def create_client(service: str, **credentials: str | None) -> Any:
                client = self._source.client(
                    service,  # type: ignore[call-overload]  # the fetcher asks for "sts" only
                    endpoint_url=self._settings.endpoint_url,
                    config=self._config,
                    **credentials,
                )
                return opened.enter_context(closing(client))

            fetcher = AssumeRoleCredentialFetcher(
                client_creator=create_client,
                source_credentials=source,
                role_arn=self._role.role_arn,
                extra_args=extra_args,
            )
            try:
                return fetcher.fetch_credentials()
            except ParamValidationError as error:
                # It is the role or the external id that is malformed, not the request which needs the credentials.
                raise CredentialRetrievalError(provider=self.METHOD, error_msg=str(error)) from None
            except ClientError as error:
                # botocore logs this as a warning.
                source_token = source.get_frozen_credentials().token
                secrets = self._settings.secrets | ({source_token} if source_token else set())
                answer = error.response
                answer["Error"]["Message"] = redact_text(answer["Error"]["Message"], secrets)
                raise ClientError(answer, error.operation_name) from None
