"""Where credentials come from, and which endpoints are refused."""

from pathlib import Path
from typing import Any

import boto3
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ProfileNotFound
import pytest

from custom_components.mi_registration.aws.clock import Clock
from custom_components.mi_registration.aws.endpoints import EndpointError, InsecureEndpointError, check_endpoint
from custom_components.mi_registration.aws.iot_credentials import IotCertificate
from custom_components.mi_registration.aws.session import (
    AccessKey,
    AssumeRole,
    ConnectionSettings,
    DefaultChain,
    client_config,
    create_session,
)

KEYS = {"auth_method": "access_key", "region": "eu-west-1", "access_key_id": "AKIAX", "secret_access_key": "canary-1"}
CONFIG = client_config(user_agent_extra="x/1", max_connections=3)


def test_settings_from_an_access_key() -> None:
    settings = ConnectionSettings.from_config(KEYS)
    assert settings == ConnectionSettings(
        region="eu-west-1", credentials=AccessKey(access_key_id="AKIAX", secret_access_key="canary-1")
    )
    assert settings.secrets == {"AKIAX", "canary-1"}


def test_settings_with_everything() -> None:
    settings = ConnectionSettings.from_config(
        {
            "auth_method": "default_chain",
            "region": "ca-central-1",
            "profile_name": "home",
            "role_arn": "arn:aws:iam::123456789012:role/x",
            "external_id": "canary-2",
            "endpoint_url": "https://aws.example",
        }
    )
    assert settings == ConnectionSettings(
        region="ca-central-1",
        credentials=DefaultChain(profile_name="home"),
        assume_role=AssumeRole(role_arn="arn:aws:iam::123456789012:role/x", external_id="canary-2"),
        endpoint_url="https://aws.example",
    )
    assert settings.secrets == {"canary-2"}


CERTIFICATE = {
    "auth_method": "iot_certificate",
    "region": "eu-west-1",
    "credential_endpoint": "abc.credentials.example",
    "role_alias": "gateways",
    "thing_name": "gateway-1",
    "certificate": "canary-certificate",
    "private_key": "canary-key",
}


@pytest.mark.parametrize("ca_certificate", ["", None, "canary-ca"])
def test_settings_from_a_certificate(ca_certificate: str | None) -> None:
    settings = ConnectionSettings.from_config(CERTIFICATE | {"ca_certificate": ca_certificate})
    assert settings.credentials == IotCertificate(
        credential_endpoint="abc.credentials.example",
        role_alias="gateways",
        thing_name="gateway-1",
        certificate="canary-certificate",
        private_key="canary-key",
        ca_certificate=ca_certificate or None,
    )
    assert settings.secrets == {"canary-key"}
    assert "canary" not in repr(settings)


@pytest.mark.parametrize("name", sorted(CERTIFICATE))
def test_settings_that_lack_something(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        ConnectionSettings.from_config({key: value for key, value in CERTIFICATE.items() if key != name})


def test_empty_text_means_not_set() -> None:
    settings = ConnectionSettings.from_config(
        {
            "auth_method": "default_chain",
            "region": "eu-west-1",
            "profile_name": "",
            "role_arn": "",
            "external_id": "",
            "endpoint_url": "",
        }
    )
    assert settings == ConnectionSettings(region="eu-west-1", credentials=DefaultChain())
    assert settings.secrets == frozenset()
    role = ConnectionSettings.from_config(KEYS | {"role_arn": "arn", "external_id": ""})
    assert role.assume_role == AssumeRole(role_arn="arn")
    assert role.secrets == {"AKIAX", "canary-1"}


def test_settings_that_are_none() -> None:
    with pytest.raises(ValueError, match="unknown auth_method 'password'"):
        ConnectionSettings.from_config(KEYS | {"auth_method": "password"})
    with pytest.raises(KeyError, match="region"):
        ConnectionSettings.from_config({"auth_method": "default_chain"})


def test_secrets_are_not_shown() -> None:
    shown = repr(ConnectionSettings.from_config(KEYS | {"role_arn": "arn", "external_id": "canary-2"}))
    assert "canary" not in shown
    assert "eu-west-1" in shown


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example",
        "https://10.0.0.1:8443/path",
        "http://127.0.0.1:4566",
        "http://127.8.9.1",
        "http://[::1]:5000",
        "http://localhost:4566",
        "HTTP://LocalHost",
        "http://aws.localhost",
    ],
)
def test_good_endpoints(url: str) -> None:
    check_endpoint(url)


@pytest.mark.parametrize(
    "url",
    ["http://api.example", "http://10.0.0.1", "http://[2001:db8::1]", "http://localhost.example", "http://0.0.0.0"],
)
def test_insecure_endpoints(url: str) -> None:
    with pytest.raises(InsecureEndpointError):
        check_endpoint(url)


@pytest.mark.parametrize(
    "url", ["", "api.example", "ftp://api.example", "https://", "https://:80", "//x", "https://x:port", "http://[::1"]
)
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(EndpointError) as caught:
        check_endpoint(url)
    assert not isinstance(caught.value, InsecureEndpointError)


def test_the_configuration_of_every_client() -> None:
    options: dict[str, Any] = vars(CONFIG)
    assert options["retries"] == {"total_max_attempts": 1, "mode": "standard"}
    assert (options["connect_timeout"], options["read_timeout"], options["max_pool_connections"]) == (5, 15, 3)
    assert options["ignore_configured_endpoint_urls"] is True
    assert options["user_agent_extra"] == "x/1"


def session_of(settings: ConnectionSettings) -> boto3.Session:
    prepared: list[boto3.Session] = []
    session = create_session(settings, config=CONFIG, clock=Clock(), prepare=prepared.append)
    assert prepared[-1] is session
    return session


def frozen(settings: ConnectionSettings) -> ReadOnlyCredentials:
    credentials = session_of(settings).get_credentials()
    assert credentials is not None
    return credentials.get_frozen_credentials()


def test_a_session_of_an_access_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "other")
    settings = ConnectionSettings.from_config(KEYS)
    assert frozen(settings)[:3] == ("AKIAX", "canary-1", None)
    assert session_of(settings).region_name == "eu-west-1"


def test_a_session_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "c")
    assert frozen(ConnectionSettings(region="eu-west-1", credentials=DefaultChain()))[:3] == ("a", "b", "c")


def test_a_session_of_a_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[home]\naws_access_key_id = k\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert frozen(ConnectionSettings(region="eu-west-1", credentials=DefaultChain(profile_name="home")))[:2] == (
        "k",
        "s",
    )
    with pytest.raises(ProfileNotFound):
        session_of(ConnectionSettings(region="eu-west-1", credentials=DefaultChain(profile_name="none")))


def test_a_session_refuses_an_insecure_endpoint() -> None:
    with pytest.raises(InsecureEndpointError):
        session_of(ConnectionSettings.from_config(KEYS | {"endpoint_url": "http://api.example"}))
