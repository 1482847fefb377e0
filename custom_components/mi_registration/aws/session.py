"""Where credentials come from: an access key, a device certificate or boto3's own chain, and a role assumed by them."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.credentials import CredentialResolver
from botocore.exceptions import CredentialRetrievalError, ParamValidationError
import botocore.session

from .clock import Clock
from .credentials import RenewableCredentialsProvider, TemporaryCredentials
from .endpoints import check_endpoint
from .iot_credentials import IotCertificate, fetch_credentials

CONNECT_TIMEOUT = 5
"""Seconds to wait for a connection."""
READ_TIMEOUT = 15
"""Seconds to wait for the next bytes of an answer."""
ROLE_SESSION_NAME = "mi_registration"
"""How CloudTrail names what is done with an assumed role."""
_ASSUME_ROLE = "assume-role"


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
    credentials: AccessKey | DefaultChain | IotCertificate
    assume_role: AssumeRole | None = None
    endpoint_url: str | None = None

    @classmethod
    def from_config(cls, data: Mapping[str, Any]) -> Self:
        """Read the flat data of a configuration; empty text means not set.

        Raises ``KeyError`` for what is required and missing, ``ValueError`` for an unknown ``auth_method``.
        """
        credentials: AccessKey | DefaultChain | IotCertificate
        match data["auth_method"]:
            case "access_key":
                credentials = AccessKey(
                    access_key_id=data["access_key_id"], secret_access_key=data["secret_access_key"]
                )
            case "default_chain":
                credentials = DefaultChain(profile_name=data.get("profile_name") or None)
            case "iot_certificate":
                credentials = IotCertificate(
                    credential_endpoint=data["credential_endpoint"],
                    role_alias=data["role_alias"],
                    thing_name=data["thing_name"],
                    certificate=data["certificate"],
                    private_key=data["private_key"],
                    ca_certificate=data.get("ca_certificate") or None,
                )
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
        match self.credentials:
            case AccessKey(access_key_id=access_key_id, secret_access_key=secret_access_key):
                values |= {access_key_id, secret_access_key}
            case IotCertificate(private_key=private_key):
                values.add(private_key)
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


def create_session(
    settings: ConnectionSettings, *, config: Config, clock: Clock, prepare: Callable[[boto3.Session], None]
) -> boto3.Session:
    """Return a session with these credentials. Blocks: it reads files and may ask a metadata service.

    Temporary credentials are obtained with the first request that is signed, and renewed before they expire by
    ``clock``, which also corrects the time of all signatures. ``prepare`` gets every session before it is used. Raises
    what boto3 and botocore raise, and :class:`.endpoints.EndpointError`.
    """
    if settings.endpoint_url is not None:
        check_endpoint(settings.endpoint_url)

    def prepared(session: boto3.Session) -> boto3.Session:
        clock.attach(session.events)
        prepare(session)
        return session

    def renewing(renew: Callable[[], TemporaryCredentials], method: str) -> boto3.Session:
        core = botocore.session.Session()
        provider = RenewableCredentialsProvider(renew, method=method, clock=clock)
        core.register_component("credential_provider", CredentialResolver(providers=[provider]))
        return prepared(boto3.Session(botocore_session=core, region_name=settings.region))

    match settings.credentials:
        case AccessKey(access_key_id=access_key_id, secret_access_key=secret_access_key):
            session = prepared(
                boto3.Session(
                    aws_access_key_id=access_key_id,
                    aws_secret_access_key=secret_access_key,
                    region_name=settings.region,
                )
            )
        case DefaultChain(profile_name=profile_name):
            session = prepared(boto3.Session(profile_name=profile_name, region_name=settings.region))
        case certificate:
            fetch = partial(
                fetch_credentials,
                certificate,
                clock=clock,
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
            )
            session = renewing(fetch, "iot-certificate")
    if settings.assume_role is None:
        return session
    return renewing(partial(_assume, session, settings.assume_role, settings.endpoint_url, config), _ASSUME_ROLE)


def _assume(source: boto3.Session, role: AssumeRole, endpoint_url: str | None, config: Config) -> TemporaryCredentials:
    external_id: dict[str, Any] = {} if role.external_id is None else {"ExternalId": role.external_id}
    with closing(source.client("sts", endpoint_url=endpoint_url, config=config)) as client:
        try:
            answer = client.assume_role(RoleArn=role.role_arn, RoleSessionName=ROLE_SESSION_NAME, **external_id)
        except ParamValidationError as error:
            # It is the role or the external id that is malformed, not the request which needs the credentials.
            raise CredentialRetrievalError(provider=_ASSUME_ROLE, error_msg=str(error)) from None
    given = answer["Credentials"]
    return TemporaryCredentials(
        access_key_id=given["AccessKeyId"],
        secret_access_key=given["SecretAccessKey"],
        session_token=given["SessionToken"],
        expires=given["Expiration"],
    )
