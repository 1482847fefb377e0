"""Nothing secret leaves: not into logs, diagnostics, states, events, repairs, error texts or our stored files."""

from collections.abc import Generator
from contextlib import contextmanager
import json
import logging
from typing import Any

import boto3
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.mi_registration import linking
from custom_components.mi_registration.activity import EVENT_ACTIVITY
from custom_components.mi_registration.aws import boto3_calls
from custom_components.mi_registration.const import DOMAIN
from custom_components.mi_registration.diagnostics import (
    async_get_config_entry_diagnostics,
    async_get_device_diagnostics,
)
from emulator import Emulator, World
from homeassistant.const import EVENT_CALL_SERVICE, MATCH_ALL
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr, issue_registry as ir

from .common import (
    LIST_ASSOCIATIONS,
    LIST_REGISTRATIONS,
    LIST_THINGS,
    PUT,
    REGISTER,
    act,
    coordinator_of,
    data_of,
    loaded,
    poll,
)
from .engine_common import (
    CREATE,
    GET_DISCOVERED,
    LIST_FOUND,
    ONBOARD,
    START,
    START_DISCOVERY,
    look_back,
    make_quick,
    make_retries_quick,
    reload,
    settle,
)
from .repair_common import issues, make_looks_quick, until

LOGGERS = ("custom_components.mi_registration", "boto3", "botocore", "s3transfer", "urllib3")
CANARIES = {
    "Brand": "canary-brand-71",
    "Model": "canary-model-72",
    "SerialNumber": "CANARYSERIAL73",
    "Owner": "canary-owner-74",
    "MacAddress": "02:ca:4a:12:7e:75",
    "UniversalProductCode": "760000000076",
    "InternationalArticleNumber": "7700000000077",
    "Classification": "canary-classification-78",
    "ConnectorDeviceId": "canary-connector-device-79",
    "FoundConnectorDeviceId": "canary-found-device-80",
    "FoundBrand": "canary-found-brand-81",
    "FoundModel": "canary-found-model-82",
    "HubMaterial": "ZIGBEE:canary-material-83",
    "HubBrand": "canary-hub-brand-84",
    "HubModel": "canary-hub-model-85",
    "InstallCode": "canary-install-code-86",
    "ExternalId": "canary-external-id-87",
    "Tag": "canary-tag-88",
    "DeviceSpecificKey": "canary-device-specific-key-89",
}
NOT_OURS = {EVENT_CALL_SERVICE, dr.EVENT_DEVICE_REGISTRY_UPDATED}
"""What Home Assistant itself says of what the user typed, and of its device registry."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    make_quick(monkeypatch)
    make_looks_quick(monkeypatch)
    make_retries_quick(monkeypatch)
    monkeypatch.setattr(linking, "AUTHORIZE_SECONDS", 0.2)


def at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """Let everything that has to do with AWS write all that it can."""
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name)


class Home:
    """A home with a canary wherever AWS's service model says that something is sensitive."""

    def __init__(self, world: World) -> None:
        """Fill an empty account."""
        self.world = world
        world.set_switches(discovery_duration=0.0, hub_activation_delay=0.0)
        destination = world.add_connector_destination("Vendor")
        self.association = world.add_association(name="Vendor", connector_destination_id=destination)
        members: dict[str, Any] = {
            name: CANARIES[name]
            for name in (
                "Brand",
                "Model",
                "SerialNumber",
                "Owner",
                "MacAddress",
                "UniversalProductCode",
                "InternationalArticleNumber",
                "Classification",
                "DeviceSpecificKey",
            )
        } | {"Tags": {"note": CANARIES["Tag"]}}
        world.add_cloud_device(
            self.association,
            CANARIES["ConnectorDeviceId"],
            "Lamp",
            brand=CANARIES["Brand"],
            model=CANARIES["Model"],
            device_types=["Light"],
        )
        discovery = world.add_discovery(association_id=self.association)
        self.lamp = world.add_thing(
            name="Lamp",
            status="UNASSOCIATED",
            association_id=self.association,
            connector_device_id=CANARIES["ConnectorDeviceId"],
            material=f"CLOUD:{discovery}:{CANARIES['ConnectorDeviceId']}",
            **members,
        )
        self.hub = world.add_thing(
            name="Hub",
            role="CONTROLLER",
            Brand=CANARIES["HubBrand"],
            Model=CANARIES["HubModel"],
            SerialNumber="H" + CANARIES["SerialNumber"],
            Owner=CANARIES["Owner"],
        )
        world.add_cloud_device(
            self.association,
            CANARIES["FoundConnectorDeviceId"],
            "Found lamp",
            brand=CANARIES["FoundBrand"],
            model=CANARIES["FoundModel"],
            device_types=["Light"],
        )
        world.add_hub_device(
            self.hub,
            "zigbee",
            name="Button",
            brand=CANARIES["HubBrand"],
            model=CANARIES["HubModel"],
            material=CANARIES["HubMaterial"],
        )
        self.role = world.add_role("Gateway", external_id=CANARIES["ExternalId"])
        self.secrets = {world.access_key_id, world.secret_access_key, *CANARIES.values()}

    def note_sessions(self) -> None:
        """Count the credentials of assumed roles as secrets, too."""
        for credential in self.world.credentials.values():
            self.secrets |= {credential.access_key_id, credential.secret_access_key}
            if (token := getattr(credential, "session_token", None)) is not None:
                self.secrets.add(token)


class Watch:
    """Collects what Home Assistant shows to anybody."""

    def __init__(self, hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
        """Listen from now on."""
        self._hass = hass
        self._caplog = caplog
        self.texts: dict[str, list[str]] = {"events": [], "states": [], "repairs": [], "errors": [], "diagnostics": []}

        @callback
        def _note(event: Event) -> None:
            if event.event_type not in NOT_OURS:
                self.texts["events"].append(repr(event.as_dict()))
            self.look()

        hass.bus.async_listen(MATCH_ALL, _note)

    def look(self) -> None:
        """Note the repairs that are shown just now."""
        self.texts["repairs"].append(repr(list(ir.async_get(self._hass).issues.values())))

    async def read(self, entry: MockConfigEntry) -> None:
        """Note states and diagnostics as they are now."""
        self.texts["states"] += [repr(shown.as_dict()) for shown in self._hass.states.async_all()]
        self.texts["diagnostics"].append(
            json.dumps(await async_get_config_entry_diagnostics(self._hass, entry), default=str)
        )
        for device in dr.async_entries_for_config_entry(dr.async_get(self._hass), entry.entry_id):
            found = await async_get_device_diagnostics(self._hass, entry, device)
            self.texts["diagnostics"].append(json.dumps(found, default=str))

    @contextmanager
    def errors(self) -> Generator[None]:
        """Go on after an error, but note what it says."""
        try:
            yield
        except HomeAssistantError as error:
            self.texts["errors"].append(f"{error} {error.translation_placeholders} {error.__cause__!r}")

    def leaks(self, secrets: set[str]) -> set[tuple[str, str]]:
        """Return where which secret can be read."""
        places = {**self.texts, "log": [*self._caplog.messages, self._caplog.text]}
        return {
            (place, secret) for place, texts in places.items() for secret in secrets if any(secret in t for t in texts)
        }


OPERATIONS = (LIST_THINGS, LIST_ASSOCIATIONS, LIST_REGISTRATIONS, START, LIST_FOUND, CREATE, PUT)


def break_service(world: World, fault: str | None) -> None:
    """Let the next calls fail in one way."""
    match fault:
        case "deny":
            for operation in OPERATIONS:
                world.deny(f"iotmanagedintegrations:{operation}")
        case "refuse":
            # AWS's texts repeat what was sent.
            text = f"Bad value {CANARIES['FoundBrand']}, {CANARIES['Owner']}"
            for operation in OPERATIONS:
                world.refuse(operation, "ValidationException", message=text if operation == CREATE else "no")
        case "garble":
            world.garble(LIST_THINGS, "html")
            world.garble(LIST_FOUND, "truncated")
        case "drop":
            world.drop(times=2)


def mend_service(world: World) -> None:
    """Take back what is left of the faults."""
    for operation in OPERATIONS:
        world.allow(f"iotmanagedintegrations:{operation}")
    world.faults.refusals.clear()
    world.faults.garblings.clear()
    world.faults.drops.clear()


async def exercise(hass: HomeAssistant, home: Home, entry: MockConfigEntry, watch: Watch) -> None:
    """Do everything that has to do with something secret, well and with faults."""
    world, association = home.world, home.association
    await look_back(hass)
    await settle(hass)
    for fault in ("refuse", "deny", "garble", "drop", None):
        break_service(world, fault)
        await poll(hass, entry)
        for fields in (
            {"discovery_type": "cloud", "account_association_id": association},
            {
                "discovery_type": "cloud",
                "account_association_id": association,
                "connector_device_id": [CANARIES["FoundConnectorDeviceId"]],
            },
            {"discovery_type": "zigbee", "controller_id": home.hub},
            {"discovery_type": "zwave", "controller_id": home.hub, "install_code": CANARIES["InstallCode"]},
        ):
            with watch.errors():
                await act(hass, START_DISCOVERY, **fields)
        with watch.errors():
            await act(hass, GET_DISCOVERED, account_association_id=association)
        with watch.errors():
            await act(hass, ONBOARD, controller_id=home.hub, return_response=False)
        with watch.errors():
            await act(hass, ONBOARD, account_association_id=association, return_response=False)
        with watch.errors():
            await act(
                hass, REGISTER, managed_thing_id=home.lamp, account_association_id=association, return_response=False
            )
        with watch.errors():
            answer = await act(hass, "refresh_account_association", account_association_id=association)
            home.secrets.add(answer["authorization_url"].partition("state=")[2])
            world.authorize(association)
        await settle(hass)
        home.note_sessions()
        await watch.read(entry)
        mend_service(world)
    world.expire_authorization(association)
    await poll(hass, entry)
    await watch.read(entry)
    world.set_association_state(association, "ASSOCIATION_SUCCEEDED")
    world.expire_sessions()
    await poll(hass, entry)
    world.set_clock_offset(3600)
    await poll(hass, entry)
    await watch.read(entry)
    world.set_clock_offset(0)
    world.offline()
    await poll(hass, entry)
    await watch.read(entry)
    world.offline(False)
    await reload(hass, entry)
    home.note_sessions()


async def test_no_canary_anywhere(
    hass: HomeAssistant,
    emulator: Emulator,
    empty_world: World,
    caplog: pytest.LogCaptureFixture,
    hass_storage: dict[str, Any],
) -> None:
    """Flows, actions and faults, at DEBUG, with a canary in every sensitive member and credential."""
    at_debug(caplog)
    home = Home(empty_world)
    watch = Watch(hass, caplog)
    entry = await loaded(
        hass,
        emulator,
        empty_world,
        data={"role_arn": home.role, "external_id": CANARIES["ExternalId"]},
        options={"owner": CANARIES["Owner"], "requests_per_second": 100},
    )
    assert home.lamp in coordinator_of(entry).data.things_by_id
    await exercise(hass, home, entry, watch)
    # Bad credentials: AWS's text about them repeats what was signed.
    secret = empty_world.credentials[empty_world.access_key_id].secret_access_key
    hass.config_entries.async_update_entry(entry, data={**entry.data, "secret_access_key": f"wrong-{secret}"})
    await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    home.note_sessions()
    watch.look()
    assert any(EVENT_ACTIVITY in text for text in watch.texts["events"])
    assert watch.texts["errors"]
    assert any("Lamp" in text for text in watch.texts["states"])
    assert "RegisterAccountAssociation" in caplog.text
    refused = {request.operation for request in empty_world.requests if request.error_code == "ValidationException"}
    assert {START, CREATE, PUT} <= refused
    assert any("Bad value **REDACTED**" in text for text in (*watch.texts["errors"], *watch.texts["events"]))
    assert watch.leaks(home.secrets) == set()
    assert await hass.config_entries.async_unload(entry.entry_id)
    ours = {key: json.dumps(value, default=str) for key, value in hass_storage.items() if key.startswith(DOMAIN)}
    assert ours
    assert {(key, secret) for key, text in ours.items() for secret in home.secrets if secret in text} == set()


async def test_no_key_of_a_device_anywhere(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    caplog: pytest.LogCaptureFixture,
    hass_storage: dict[str, Any],
) -> None:
    """With a device certificate: its key and the session that it gives, through work and a revocation."""
    at_debug(caplog)
    watch = Watch(hass, caplog)
    world.add_role_alias("GatewayAlias", world.add_role("Gateway"))
    certificate, private_key = world.create_device_certificate("cellar-gateway")
    entry = await loaded(
        hass,
        emulator,
        world,
        data={
            "auth_method": "iot_certificate",
            "credential_endpoint": emulator.start_credential_provider(),
            "role_alias": "GatewayAlias",
            "thing_name": "cellar-gateway",
            "certificate": certificate,
            "private_key": private_key,
            "ca_certificate": world.ca_certificate_pem,
        },
    )
    acme = world.association_id("Acme Lighting")
    fields = {"managed_thing_id": world.thing_id("Hallway spots"), "account_association_id": acme}
    await act(hass, REGISTER, **fields, device_discovery_id=world.discovery_id(acme))
    await watch.read(entry)
    sessions = [key for key_id, key in world.credentials.items() if key_id != world.access_key_id]
    world.revoke_certificate(certificate)
    await hass.config_entries.async_reload(entry.entry_id)
    with watch.errors():
        await act(hass, REGISTER, **fields)
    watch.look()
    assert sessions
    secrets = {line for line in private_key.splitlines() if line and not line.startswith("-----")}
    secrets |= {key.secret_access_key for key in sessions} | {
        key.session_token for key in sessions if key.session_token
    }
    assert watch.texts["diagnostics"]
    assert watch.leaks(secrets) == set()
    assert await hass.config_entries.async_unload(entry.entry_id)
    ours = {key: json.dumps(value, default=str) for key, value in hass_storage.items() if key.startswith(DOMAIN)}
    assert {(key, secret) for key, text in ours.items() for secret in secrets if secret in text} == set()


async def test_a_leak_would_be_seen(
    hass: HomeAssistant,
    emulator: Emulator,
    empty_world: World,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the mend the SDK writes session tokens, serial numbers and OAuth links: the test above looks well."""

    @contextmanager
    def _public() -> Generator[None]:
        yield

    monkeypatch.setattr(boto3_calls, "private", _public)
    at_debug(caplog)
    home = Home(empty_world)
    watch = Watch(hass, caplog)
    entry = await loaded(
        hass,
        emulator,
        empty_world,
        data={"role_arn": home.role, "external_id": CANARIES["ExternalId"]},
        options={"requests_per_second": 100},
    )
    answer = await act(hass, "refresh_account_association", account_association_id=home.association)
    link = answer["authorization_url"].partition("state=")[2]
    assert await poll(hass, entry)
    found = {secret for place, secret in watch.leaks({*home.secrets, link}) if place == "log"}
    assert {CANARIES["SerialNumber"], CANARIES["Owner"], link, empty_world.access_key_id} <= found


async def test_other_users_of_the_sdk_keep_their_log(
    hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Another integration's boto3 in the same process can be debugged as ever."""
    at_debug(caplog)
    entry = await loaded(hass, emulator, world)
    assert await poll(hass, entry)
    assert not [record for record in caplog.records if record.name.startswith(("botocore", "urllib3"))]

    def _use_boto3() -> None:
        boto3.client(
            "sts",
            endpoint_url=emulator.url,
            region_name=world.region,
            aws_access_key_id=world.access_key_id,
            aws_secret_access_key=world.secret_access_key,
        ).get_caller_identity()

    await hass.async_add_executor_job(_use_boto3)
    assert {"botocore.auth", "botocore.endpoint", "botocore.parsers"} <= {record.name for record in caplog.records}


async def test_own_log_tells_of_each_request(
    hass: HomeAssistant, emulator: Emulator, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What the SDK no longer says is said in a line: operation, outcome, duration, request id."""
    at_debug(caplog)
    entry = await loaded(hass, emulator, world)
    world.refuse(LIST_THINGS, "InternalServerException")
    assert not await poll(hass, entry)
    sent = [request for request in world.requests if request.operation == LIST_THINGS]
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("aws.boto3_calls")]
    assert any(line.startswith(f"{LIST_THINGS}: done after ") and sent[0].request_id in line for line in lines)
    assert any(
        line.startswith(f"{LIST_THINGS}: InternalServerException after ") and sent[-1].request_id in line
        for line in lines
    )
    assert issues(hass) == set()
    await until(lambda: bool(data_of(entry).client.calls))
