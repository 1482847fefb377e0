"""Config flow, reauthentication and reconfiguration against the emulator."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
import pytest

from custom_components.mi_registration.const import DOMAIN, REGIONS
from emulator import Emulator, World
from homeassistant.config_entries import (
    SOURCE_REAUTH,
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntryState,
    ConfigFlowResult,
    FlowType,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, UnknownFlow

from .flow_common import (
    CONFIG_TEXTS,
    add_entry,
    assert_texts,
    entry_data,
    fields_of,
    options_of,
    set_up,
    state_of,
    suggested,
)

OTHER_SECRET = "not-the-secret-of-any-world"


def connection(emulator: Emulator, world: World, auth_method: str = "access_key") -> dict[str, Any]:
    """Return the first form, filled in."""
    return {"region": world.region, "auth_method": auth_method, "advanced": {"endpoint_url": emulator.url}}


def access_key(world: World, **changes: Any) -> dict[str, Any]:
    """Return the access key form, filled in."""
    return {"access_key_id": world.access_key_id, "secret_access_key": world.secret_access_key, **changes}


def role_of(world: World, external_id: str | None = None) -> dict[str, str]:
    """Return the section for a role that a world has from now on."""
    role_arn = world.add_role("HomeAssistant", external_id=external_id)
    return {"role_arn": role_arn} if external_id is None else {"role_arn": role_arn, "external_id": external_id}


def certificate_form(emulator: Emulator, world: World) -> dict[str, str]:
    """Return the device certificate form, filled in for a device that a world knows from now on."""
    world.add_role_alias("GatewayAlias", world.add_role("Gateway"))
    certificate, private_key = world.create_device_certificate("cellar-gateway")
    return {
        "credential_endpoint": emulator.start_credential_provider(),
        "role_alias": "GatewayAlias",
        "thing_name": "cellar-gateway",
        "certificate": certificate.strip(),
        "private_key": private_key.strip(),
        "ca_certificate": world.ca_certificate_pem.strip(),
    }


def certificate_data(emulator: Emulator, world: World, form: dict[str, str]) -> dict[str, str]:
    """Return the data of an entry that connects to a world with a device certificate."""
    return {"region": world.region, "auth_method": "iot_certificate", "endpoint_url": emulator.url, **form}


@pytest.fixture
def config_folder(hass: HomeAssistant, tmp_path: Path) -> Path:
    """Give Home Assistant a configuration folder of this test's own, with files beside it."""
    folder = tmp_path / "config"
    folder.mkdir()
    hass.config.config_dir = str(folder)
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file for its owner only."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")


def by_itself(_world: World) -> None:
    """Mend nothing: it is over after one refusal."""


async def start(hass: HomeAssistant) -> ConfigFlowResult:
    """Start a flow for a new entry."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    assert_texts(result, CONFIG_TEXTS)
    return result


async def submit(hass: HomeAssistant, result: ConfigFlowResult, form: dict[str, Any]) -> ConfigFlowResult:
    """Submit a form and wait until everything has settled."""
    result = await hass.config_entries.flow.async_configure(result["flow_id"], form)
    assert_texts(result, CONFIG_TEXTS)
    await hass.async_block_till_done()
    return result


async def to_credentials(
    hass: HomeAssistant, emulator: Emulator, world: World, auth_method: str = "access_key"
) -> ConfigFlowResult:
    """Go on to the second form."""
    result = await submit(hass, await start(hass), connection(emulator, world, auth_method))
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, auth_method, None)
    return result


async def assert_completes(hass: HomeAssistant, result: ConfigFlowResult, world: World) -> None:
    """Go on from the tested credentials to an entry that is set up."""
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "account_associations")
    result = await submit(hass, result, {"account_associations": []})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    assert entry.unique_id == f"aws:{world.account_id}:{world.region}"
    assert entry.state is ConfigEntryState.LOADED


async def test_access_key(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The shortest way: everything is chosen, the entry and a subentry for each association are made."""
    result = await start(hass)
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, "user", None)
    assert options_of(result, "region") == list(REGIONS)
    result = await submit(hass, result, connection(emulator, world))
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "access_key")
    assert world.requests == []

    result = await submit(hass, result, access_key(world))
    assert [request.operation for request in world.requests] == ["GetCallerIdentity", "ListAccountAssociations"]
    offered = options_of(result, "account_associations")
    assert all(option["value"] in option["label"] for option in offered)
    assert any("Acme Lighting" in option["label"] for option in offered)
    association_ids = [option["value"] for option in offered]
    assert len(association_ids) > 1

    result = await submit(hass, result, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.title == f"AWS {world.account_id} ({world.region})"
    assert entry.unique_id == f"aws:{world.account_id}:{world.region}"
    assert entry.data == entry_data(emulator, world)
    assert entry.options == {}
    assert entry.state is ConfigEntryState.LOADED
    assert "next_flow" not in result
    subentries = {subentry.unique_id: subentry for subentry in entry.subentries.values()}
    assert set(subentries) == set(association_ids)
    titles = {subentry.title for subentry in subentries.values()}
    assert {"Acme Lighting", "Northwind Climate"} <= titles
    for association_id, subentry in subentries.items():
        assert subentry.subentry_type == "account_association"
        assert subentry.data == {"account_association_id": association_id, "registration_policy": "manual"}


async def test_some_associations_and_an_owner(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Only the chosen associations become subentries; the owner is an option; blanks and case don't matter."""
    result = await start(hass)
    result = await submit(
        hass,
        result,
        {
            "region": f" {world.region.upper()} ",
            "auth_method": "access_key",
            "advanced": {"endpoint_url": f" {emulator.url} ", "owner": " family@example.com "},
        },
    )
    result = await submit(
        hass,
        result,
        {
            "access_key_id": f" {world.access_key_id}\t",
            "secret_access_key": f"{world.secret_access_key}\n",
            "assume_role": {"role_arn": "", "external_id": " "},
        },
    )
    chosen = options_of(result, "account_associations")[0]["value"]
    result = await submit(hass, result, {"account_associations": [chosen]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.data == entry_data(emulator, world)
    assert entry.options == {"owner": "family@example.com"}
    assert [subentry.unique_id for subentry in entry.subentries.values()] == [chosen]


async def test_account_without_associations(hass: HomeAssistant, emulator: Emulator, empty_world: World) -> None:
    """Where there is nothing to choose, nothing is asked."""
    result = await to_credentials(hass, emulator, empty_world)
    result = await submit(hass, result, access_key(empty_world))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    entry = result["result"]
    assert entry.subentries == {}
    assert entry.state is ConfigEntryState.LOADED

    # Home Assistant goes on to linking a vendor's account.
    flow_type, flow_id = result["next_flow"]
    assert flow_type is FlowType.CONFIG_SUBENTRIES_FLOW
    (flow,) = hass.config_entries.subentries.async_progress()
    assert (flow["flow_id"], flow["handler"]) == (flow_id, (entry.entry_id, "account_association"))
    following = await hass.config_entries.subentries.async_configure(flow_id, {"next_step_id": "create"})
    assert (following["type"], following["reason"]) == (FlowResultType.ABORT, "no_connector_destinations")


async def test_account_without_associations_not_set_up(
    hass: HomeAssistant, emulator: Emulator, empty_world: World
) -> None:
    """Where set-up fails the entry is there nevertheless, and nothing follows."""
    result = await to_credentials(hass, emulator, empty_world)
    empty_world.deny("iotmanagedintegrations:ListManagedThings")
    result = await submit(hass, result, access_key(empty_world))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].state is ConfigEntryState.SETUP_RETRY
    assert "next_flow" not in result
    assert hass.config_entries.subentries.async_progress() == []


async def test_chain_from_environment(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3's chain finds nothing at first, then the environment's credentials."""
    result = await to_credentials(hass, emulator, world, "default_chain")
    result = await submit(hass, result, {})
    assert (result["step_id"], result["errors"]) == ("default_chain", {"base": "invalid_auth"})

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", world.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", world.secret_access_key)
    result = await submit(hass, result, {"profile_name": " "})
    result = await submit(hass, result, {"account_associations": []})
    assert result["result"].data == {
        "region": world.region,
        "auth_method": "default_chain",
        "endpoint_url": emulator.url,
    }
    assert result["result"].state is ConfigEntryState.LOADED


async def test_chain_with_profile_and_role(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A profile of the shared files, and a role assumed with it."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    (tmp_path / "credentials").write_text(
        f"[home]\naws_access_key_id={world.access_key_id}\naws_secret_access_key={world.secret_access_key}\n",
        encoding="utf-8",
    )
    role = role_of(world)
    result = await to_credentials(hass, emulator, world, "default_chain")
    result = await submit(hass, result, {"profile_name": "office"})
    assert result["errors"] == {"base": "invalid_auth"}
    assert suggested(result) == {"profile_name": "office"}

    result = await submit(hass, result, {"profile_name": "home", "assume_role": role})
    result = await submit(hass, result, {"account_associations": []})
    assert result["result"].data == {
        "region": world.region,
        "auth_method": "default_chain",
        "endpoint_url": emulator.url,
        "profile_name": "home",
        **role,
    }
    assert world.count("AssumeRole") > 0


async def test_role_with_external_id(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A role that asks for an external id is refused without it."""
    role = role_of(world, external_id="home-42")
    result = await to_credentials(hass, emulator, world)
    for wrong in ({"role_arn": role["role_arn"]}, {**role, "external_id": "home-43"}):
        result = await submit(hass, result, access_key(world, assume_role=wrong))
        assert (result["step_id"], result["errors"]) == ("access_key", {"base": "invalid_auth"})
        assert suggested(result)["assume_role.role_arn"] == role["role_arn"]
        assert fields_of(result)["assume_role"].options == {"collapsed": False}
    result = await submit(hass, result, access_key(world, assume_role=role))
    result = await submit(hass, result, {"account_associations": []})
    assert result["result"].data == entry_data(emulator, world) | role
    assert result["result"].state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"region": "Ireland"}, {"region": "invalid_region"}),
        ({"region": " "}, {"region": "invalid_region"}),
        ({"region": "eu-west-1.example.com"}, {"region": "invalid_region"}),
        ({"advanced": {"endpoint_url": "http://192.0.2.1:5000"}}, {"base": "insecure_endpoint"}),
        ({"advanced": {"endpoint_url": "http://localhost.example.com"}}, {"base": "insecure_endpoint"}),
        ({"advanced": {"endpoint_url": "localhost:5000"}}, {"base": "invalid_endpoint"}),
        ({"advanced": {"endpoint_url": "ftp://127.0.0.1"}}, {"base": "invalid_endpoint"}),
        ({"advanced": {"owner": "the family"}}, {"advanced": "invalid_owner"}),
        ({"advanced": {"owner": "x" * 65}}, {"advanced": "invalid_owner"}),
        (
            {"region": "x", "advanced": {"owner": "?", "endpoint_url": "http://192.0.2.1"}},
            {"region": "invalid_region", "advanced": "invalid_owner", "base": "insecure_endpoint"},
        ),
    ],
)
async def test_bad_connection_form(
    hass: HomeAssistant, emulator: Emulator, world: World, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    """What can be seen to be wrong is never sent, and what was typed stays."""
    form = connection(emulator, world) | changes
    result = await submit(hass, await start(hass), form)
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, "user", errors)
    expected = {"region": form["region"], "auth_method": "access_key"}
    assert suggested(result) == expected | {f"advanced.{key}": value for key, value in form["advanced"].items()}

    result = await submit(hass, result, connection(emulator, world))
    assert (result["step_id"], result["errors"]) == ("access_key", None)
    assert world.requests == []
    await assert_completes(hass, await submit(hass, result, access_key(world)), world)


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"access_key_id": " "}, {"access_key_id": "required"}),
        ({"secret_access_key": ""}, {"secret_access_key": "required"}),
        ({"assume_role": {"role_arn": "HomeAssistant"}}, {"assume_role": "invalid_role_arn"}),
        (
            {"assume_role": {"role_arn": "arn:aws:iam::123456789012:user/HomeAssistant"}},
            {"assume_role": "invalid_role_arn"},
        ),
        ({"assume_role": {"external_id": "home-42"}}, {"assume_role": "invalid_role_arn"}),
        (
            {"assume_role": {"role_arn": "arn:aws-cn:iam::123456789012:role/HomeAssistant"}},
            {"assume_role": "wrong_partition"},
        ),
    ],
)
async def test_bad_credentials_form(
    hass: HomeAssistant, emulator: Emulator, world: World, changes: dict[str, Any], errors: dict[str, str]
) -> None:
    """Credentials that can't be right are never sent."""
    result = await to_credentials(hass, emulator, world)
    result = await submit(hass, result, access_key(world, **changes))
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, "access_key", errors)
    assert world.requests == []
    await assert_completes(hass, await submit(hass, result, access_key(world)), world)


@pytest.mark.parametrize("changes", [{"access_key_id": "AKIAUNKNOWN000000000"}, {"secret_access_key": OTHER_SECRET}])
async def test_wrong_access_key(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    changes: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A wrong key ID or secret can be corrected; the secret is in no log."""
    result = await to_credentials(hass, emulator, world)
    form = access_key(world, **changes)
    result = await submit(hass, result, form)
    assert (result["step_id"], result["errors"]) == ("access_key", {"base": "invalid_auth"})
    assert suggested(result) == form
    await assert_completes(hass, await submit(hass, result, access_key(world)), world)
    assert world.secret_access_key not in caplog.text
    assert OTHER_SECRET not in caplog.text


@pytest.mark.parametrize(
    ("break_it", "mend_it", "error", "placeholders"),
    [
        (
            lambda world: world.deny("iotmanagedintegrations:ListAccountAssociations"),
            lambda world: world.allow("iotmanagedintegrations:ListAccountAssociations"),
            "access_denied",
            {"iam_action": "iotmanagedintegrations:ListAccountAssociations"},
        ),
        (
            lambda world: world.refuse("ListAccountAssociations", "ThrottlingException"),
            by_itself,
            "throttled",
            {"code": "ThrottlingException"},
        ),
        (
            lambda world: world.refuse("ListAccountAssociations", "ValidationException", message="no such luck"),
            by_itself,
            "unknown",
            {"code": "ValidationException", "message": "no such luck"},
        ),
        (
            lambda world: world.refuse("GetCallerIdentity", "RequestTimeTooSkewed", times=10),
            lambda world: world.faults.refusals.clear(),
            "clock_skew",
            {"code": "RequestTimeTooSkewed"},
        ),
    ],
)
async def test_refused(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    *,
    break_it: Callable[[World], None],
    mend_it: Callable[[World], None],
    error: str,
    placeholders: dict[str, str],
) -> None:
    """Each refusal is named with what the user needs to know, and the same form works once it is mended."""
    result = await to_credentials(hass, emulator, world)
    break_it(world)
    result = await submit(hass, result, access_key(world))
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, "access_key", {"base": error})
    shown = result["description_placeholders"]
    assert shown is not None
    assert placeholders.items() <= shown.items()
    assert hass.config_entries.async_entries(DOMAIN) == []

    mend_it(world)
    await assert_completes(hass, await submit(hass, result, access_key(world)), world)


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        (lambda world: world.offline(True), lambda world: world.offline(False)),
        (lambda world: world.refuse("ListAccountAssociations", "InternalServerException"), by_itself),
        (lambda world: world.garble("ListAccountAssociations"), by_itself),
    ],
)
async def test_cannot_connect(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    break_it: Callable[[World], None],
    mend_it: Callable[[World], None],
) -> None:
    """Without an answer the flow returns to Region and endpoint, and forgets nothing that was typed."""
    result = await to_credentials(hass, emulator, world)
    break_it(world)
    result = await submit(hass, result, access_key(world))
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "user")
    assert result["errors"] == {"base": "cannot_connect"}
    assert suggested(result) == {
        "region": world.region,
        "auth_method": "access_key",
        "advanced.endpoint_url": emulator.url,
    }

    mend_it(world)
    result = await submit(hass, result, connection(emulator, world))
    assert suggested(result) == access_key(world)
    await assert_completes(hass, await submit(hass, result, access_key(world)), world)


async def test_wrong_endpoint(hass: HomeAssistant, emulator: Emulator, world: World, unused_tcp_port: int) -> None:
    """An endpoint where nothing answers can be corrected in the same flow."""
    form = connection(emulator, world) | {"advanced": {"endpoint_url": f"http://127.0.0.1:{unused_tcp_port}"}}
    result = await submit(hass, await start(hass), form)
    result = await submit(hass, result, access_key(world))
    assert (result["step_id"], result["errors"]) == ("user", {"base": "cannot_connect"})
    result = await submit(hass, result, connection(emulator, world))
    await assert_completes(hass, await submit(hass, result, access_key(world)), world)


async def test_wrong_clock(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A machine's clock may be wrong: AWS's time is used."""
    result = await to_credentials(hass, emulator, world)
    world.set_clock_offset(3600)
    await assert_completes(hass, await submit(hass, result, access_key(world)), world)


async def test_unknown_region(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A Region that isn't the account's is refused by AWS, and starting over with the right one works."""
    form = connection(emulator, world) | {"region": "xx-nowhere-9"}
    result = await submit(hass, await start(hass), form)
    result = await submit(hass, result, access_key(world))
    assert result["type"] is FlowResultType.FORM
    assert result["errors"] == {"base": "invalid_auth"}
    assert hass.config_entries.async_entries(DOMAIN) == []

    result = await to_credentials(hass, emulator, world)
    await assert_completes(hass, await submit(hass, result, access_key(world)), world)


async def test_sdk_too_old(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A boto3 that doesn't know the service is named; once it is updated, the same form works."""
    result = await to_credentials(hass, emulator, world)
    with monkeypatch.context() as patched:
        patched.setattr("boto3.Session.get_available_services", lambda _: ["sts"])
        result = await submit(hass, result, access_key(world))
    assert (result["step_id"], result["errors"]) == ("access_key", {"base": "sdk_too_old"})
    assert result["description_placeholders"] is not None
    assert "or newer" in result["description_placeholders"]["message"]
    assert world.requests == []

    await assert_completes(hass, await submit(hass, result, access_key(world)), world)


async def test_already_configured(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """One account and Region has one entry, by whatever credentials."""
    entry = add_entry(hass, emulator, world)
    role = role_of(world)
    result = await to_credentials(hass, emulator, world)
    result = await submit(hass, result, access_key(world, assume_role=role))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert hass.config_entries.async_entries(DOMAIN) == [entry]
    assert entry.data == entry_data(emulator, world)


async def test_two_flows_at_once(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The slower of two flows for the same account ends with the quicker one's entry."""
    first = await submit(hass, await to_credentials(hass, emulator, world), access_key(world))
    second = await submit(hass, await to_credentials(hass, emulator, world), access_key(world))
    await assert_completes(hass, second, world)
    with pytest.raises(UnknownFlow):
        await submit(hass, first, {})
    assert len(hass.config_entries.async_entries(DOMAIN)) == 1


async def test_two_accounts(hass: HomeAssistant, emulator: Emulator, world: World, empty_world: World) -> None:
    """Another account is another entry."""
    add_entry(hass, emulator, world)
    result = await to_credentials(hass, emulator, empty_world)
    result = await submit(hass, result, access_key(empty_world))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert len(hass.config_entries.async_entries(DOMAIN)) == 2


async def test_reauth_after_failed_setup(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Set-up with a wrong secret asks for the right one; the entry then loads and keeps its subentries and options."""
    association_id = next(iter(world.associations))
    entry = add_entry(
        hass,
        emulator,
        world,
        association_ids=[association_id],
        options={"scan_interval_minutes": 60},
        data={"secret_access_key": OTHER_SECRET},
    )
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH
    assert flow["step_id"] == "reauth_confirm"

    result = await submit(hass, flow, {"auth_method": "access_key", "advanced": {"endpoint_url": emulator.url}})
    assert suggested(result) == {"access_key_id": world.access_key_id}
    # Left empty, the secret stored is tested again.
    result = await submit(hass, result, {"access_key_id": world.access_key_id})
    assert (result["step_id"], result["errors"]) == ("access_key", {"base": "invalid_auth"})

    result = await submit(hass, result, access_key(world))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data == entry_data(emulator, world)
    assert entry.options == {"scan_interval_minutes": 60}
    assert [subentry.unique_id for subentry in entry.subentries.values()] == [association_id]
    assert entry.state is ConfigEntryState.LOADED
    assert hass.config_entries.flow.async_progress() == []


async def test_reauth_of_loaded_entry(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """The form shows what is in use, but not the secret; the entry is loaded anew with the new data."""
    role = role_of(world, external_id="home-42")
    entry = add_entry(hass, emulator, world, data=role)
    await set_up(hass, entry)
    before = entry.runtime_data
    result = await entry.start_reauth_flow(hass)
    assert_texts(result, CONFIG_TEXTS)
    assert suggested(result) == {"auth_method": "access_key", "advanced.endpoint_url": emulator.url}
    result = await submit(hass, result, {"auth_method": "access_key", "advanced": {"endpoint_url": emulator.url}})
    assert suggested(result) == {
        "access_key_id": world.access_key_id,
        "assume_role.role_arn": role["role_arn"],
        "assume_role.external_id": "home-42",
    }
    result = await submit(hass, result, access_key(world))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data == entry_data(emulator, world)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not before


async def test_reauth_with_the_same_credentials(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Credentials that were mended in AWS start a stopped poll again, though nothing changes here."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    before = entry.runtime_data
    result = await entry.start_reauth_flow(hass)
    result = await submit(hass, result, {"auth_method": "access_key", "advanced": {"endpoint_url": emulator.url}})
    result = await submit(hass, result, {"access_key_id": world.access_key_id})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data == entry_data(emulator, world)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not before


@pytest.mark.parametrize("source", ["reauth", "reconfigure"])
async def test_wrong_account(
    hass: HomeAssistant, emulator: Emulator, world: World, empty_world: World, source: str
) -> None:
    """Credentials of another account change nothing."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    before = entry.runtime_data
    result = await (entry.start_reauth_flow(hass) if source == "reauth" else entry.start_reconfigure_flow(hass))
    result = await submit(hass, result, {"auth_method": "access_key", "advanced": {"endpoint_url": emulator.url}})
    result = await submit(hass, result, access_key(empty_world))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "wrong_account")
    assert result["description_placeholders"] == {"account": empty_world.account_id, "title": entry.title}
    assert entry.data == entry_data(emulator, world)
    assert entry.unique_id == f"aws:{world.account_id}:{world.region}"
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is before


async def test_reconfigure_from_keys_to_role_to_chain_to_certificate(
    hass: HomeAssistant, emulator: Emulator, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The method changes in place, three times; what no longer belongs to the data is gone from it."""
    association_id = next(iter(world.associations))
    entry = add_entry(hass, emulator, world, association_ids=[association_id], options={"owner": "family"})
    await set_up(hass, entry)
    role = role_of(world)

    result = await entry.start_reconfigure_flow(hass)
    assert_texts(result, CONFIG_TEXTS)
    assert (result["type"], result["step_id"]) == (FlowResultType.FORM, "reconfigure")
    assert "region" not in fields_of(result)
    assert suggested(result) == {"auth_method": "access_key", "advanced.endpoint_url": emulator.url}
    result = await submit(hass, result, {"auth_method": "access_key", "advanced": {"endpoint_url": emulator.url}})
    result = await submit(hass, result, {"access_key_id": world.access_key_id, "assume_role": role})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.data == entry_data(emulator, world) | role
    assert entry.state is ConfigEntryState.LOADED

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", world.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", world.secret_access_key)
    result = await entry.start_reconfigure_flow(hass)
    result = await submit(hass, result, {"auth_method": "default_chain", "advanced": {"endpoint_url": emulator.url}})
    assert result["step_id"] == "default_chain"
    assert suggested(result) == {"assume_role.role_arn": role["role_arn"]}
    result = await submit(hass, result, {"assume_role": {}})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.data == {"region": world.region, "auth_method": "default_chain", "endpoint_url": emulator.url}

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    form = certificate_form(emulator, world)
    result = await entry.start_reconfigure_flow(hass)
    result = await submit(hass, result, {"auth_method": "iot_certificate", "advanced": {"endpoint_url": emulator.url}})
    assert (result["step_id"], suggested(result)) == ("iot_certificate", {})
    result = await submit(hass, result, form)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.data == certificate_data(emulator, world, form)
    assert entry.options == {"owner": "family"}
    assert [subentry.unique_id for subentry in entry.subentries.values()] == [association_id]
    assert entry.state is ConfigEntryState.LOADED


async def test_reconfigure_errors(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A stored secret isn't used with another access key ID; every error leaves the entry alone."""
    entry = add_entry(hass, emulator, world)
    await set_up(hass, entry)
    result = await entry.start_reconfigure_flow(hass)
    form = {"auth_method": "access_key", "advanced": {"endpoint_url": "http://192.0.2.1"}}
    result = await submit(hass, result, form)
    assert (result["step_id"], result["errors"]) == ("reconfigure", {"base": "insecure_endpoint"})
    form = {"auth_method": "access_key", "advanced": {"endpoint_url": emulator.url}}
    result = await submit(hass, result, form)
    world.clear_requests()
    result = await submit(hass, result, {"access_key_id": "AKIAUNKNOWN000000000"})
    assert (result["step_id"], result["errors"]) == ("access_key", {"secret_access_key": "required"})
    assert world.requests == []

    world.offline(True)
    result = await submit(hass, result, {"access_key_id": world.access_key_id})
    assert (result["step_id"], result["errors"]) == ("reconfigure", {"base": "cannot_connect"})
    assert entry.data == entry_data(emulator, world)
    world.offline(False)
    result = await submit(hass, result, form)
    result = await submit(hass, result, {"access_key_id": world.access_key_id})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.data == entry_data(emulator, world)
    assert entry.state is ConfigEntryState.LOADED


async def test_certificate(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A gateway that holds a device certificate and nothing else."""
    form = certificate_form(emulator, world)
    result = await to_credentials(hass, emulator, world, "iot_certificate")
    result = await submit(hass, result, {**form, "thing_name": " cellar-gateway "})
    assert world.count("AssumeRoleWithCertificate") > 0
    result = await submit(hass, result, {"account_associations": []})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["result"].data == certificate_data(emulator, world, form)
    assert result["result"].state is ConfigEntryState.LOADED


async def test_certificate_in_files(hass: HomeAssistant, emulator: Emulator, world: World, config_folder: Path) -> None:
    """Paths are kept as paths, and what the files hold is read again at each set-up."""
    form = certificate_form(emulator, world)
    (config_folder / "device.pem").write_text(form["certificate"], encoding="ascii")
    write_private(config_folder / "device.key", form["private_key"])
    (config_folder / "ca").mkdir()
    (config_folder / "ca" / "root.pem").write_text(form["ca_certificate"], encoding="ascii")
    form |= {
        "certificate": "device.pem",
        "private_key": str(config_folder / "device.key"),
        "ca_certificate": "ca/../ca/root.pem",
    }
    result = await to_credentials(hass, emulator, world, "iot_certificate")
    result = await submit(hass, result, form)
    result = await submit(hass, result, {"account_associations": []})
    entry = result["result"]
    assert entry.data == certificate_data(emulator, world, form)
    assert entry.state is ConfigEntryState.LOADED

    # A new certificate under the same names, as whatever rotates it puts it there.
    world.revoke_certificate((config_folder / "device.pem").read_text(encoding="ascii"))
    certificate, private_key = world.create_device_certificate("cellar-gateway")
    (config_folder / "device.pem").write_text(certificate, encoding="ascii")
    (config_folder / "device.key").write_text(private_key, encoding="ascii")
    world.expire_sessions()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.coordinator.last_update_success

    result = await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )
    result = await submit(hass, result, {"auth_method": "iot_certificate", "advanced": {"endpoint_url": emulator.url}})
    assert suggested(result) == form
    hass.config_entries.flow.async_abort(result["flow_id"])

    (config_folder / "device.key").unlink()
    assert not await hass.config_entries.async_reload(entry.entry_id)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    assert entry.reason is not None
    assert "device.key" in entry.reason
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH


JUNK_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----"
JUNK_KEY = "-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"certificate": JUNK_CERTIFICATE}, {"certificate": "invalid_certificate"}),
        ({"certificate": "two\nlines"}, {"certificate": "invalid_certificate"}),
        ({"certificate": "one line"}, {"certificate": "file_not_readable"}),
        ({"certificate": "."}, {"certificate": "file_not_readable"}),
        ({"certificate": "nul\0character"}, {"certificate": "file_not_readable"}),
        ({"certificate": "../outside.pem"}, {"certificate": "path_not_allowed"}),
        ({"certificate": "/etc/hostname"}, {"certificate": "path_not_allowed"}),
        ({"certificate": "link.pem"}, {"certificate": "path_not_allowed"}),
        ({"certificate": "binary.pem"}, {"certificate": "invalid_certificate"}),
        ({"private_key": JUNK_KEY}, {"private_key": "invalid_private_key"}),
        ({"private_key": "loose.key"}, {"private_key": "key_permissions"}),
        ({"private_key": "missing.key"}, {"private_key": "file_not_readable"}),
        ({"private_key": "other.key"}, {"private_key": "key_mismatch"}),
        ({"ca_certificate": JUNK_CERTIFICATE}, {"ca_certificate": "invalid_ca_certificate"}),
        (
            {"private_key": "loose.key", "ca_certificate": "missing.pem"},
            {"private_key": "key_permissions", "ca_certificate": "file_not_readable"},
        ),
        ({"private_key": " "}, {"private_key": "required"}),
        ({"credential_endpoint": " "}, {"credential_endpoint": "required"}),
        ({"credential_endpoint": "http://127.0.0.1:1"}, {"credential_endpoint": "invalid_credential_endpoint"}),
        ({"credential_endpoint": "a.example/path"}, {"credential_endpoint": "invalid_credential_endpoint"}),
        ({"role_alias": "no spaces"}, {"role_alias": "invalid_role_alias"}),
        (
            {"thing_name": "no/slash", "certificate": "missing.pem"},
            {"thing_name": "invalid_thing_name", "certificate": "file_not_readable"},
        ),
    ],
)
async def test_bad_certificate(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    config_folder: Path,
    *,
    changes: dict[str, str],
    errors: dict[str, str],
) -> None:
    """What can be seen to be wrong is said at its field and never sent; the same form works once it is mended."""
    form = certificate_form(emulator, world)
    outside = config_folder.parent / "outside.pem"
    outside.write_text(form["certificate"], encoding="ascii")
    (config_folder / "link.pem").symlink_to(outside)
    (config_folder / "binary.pem").write_bytes(b"\x30\x82\xff\xfe")
    write_private(config_folder / "loose.key", form["private_key"])
    (config_folder / "loose.key").chmod(0o644)
    write_private(config_folder / "other.key", world.create_device_certificate("other-gateway")[1])

    result = await to_credentials(hass, emulator, world, "iot_certificate")
    result = await submit(hass, result, form | changes)
    assert (result["type"], result["step_id"], result["errors"]) == (FlowResultType.FORM, "iot_certificate", errors)
    assert suggested(result) == form | changes
    assert world.requests == []
    await assert_completes(hass, await submit(hass, result, form), world)


def not_yet_valid(world: World) -> tuple[str, str]:
    """Return a certificate that begins tomorrow, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, world.account_id)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


def encrypted(world: World) -> tuple[str, str]:
    """Return a certificate, and its key with a password."""
    certificate, private_key = world.create_device_certificate("cellar-gateway")
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    return certificate, key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"password"),
    ).decode()


@pytest.mark.parametrize(
    ("make", "errors"),
    [
        (
            lambda world: world.create_device_certificate("cellar-gateway", expired=True),
            {"certificate": "certificate_expired"},
        ),
        (not_yet_valid, {"certificate": "certificate_not_yet_valid"}),
        (encrypted, {"private_key": "private_key_encrypted"}),
    ],
)
async def test_unusable_certificate(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    make: Callable[[World], tuple[str, str]],
    errors: dict[str, str],
) -> None:
    """A certificate that can't be used now is refused before it is shown to AWS."""
    form = certificate_form(emulator, world)
    certificate, private_key = make(world)
    result = await to_credentials(hass, emulator, world, "iot_certificate")
    result = await submit(hass, result, form | {"certificate": certificate, "private_key": private_key})
    assert (result["step_id"], result["errors"]) == ("iot_certificate", errors)
    assert world.requests == []
    await assert_completes(hass, await submit(hass, result, form), world)


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        (
            lambda world: world.remove_role_alias("GatewayAlias"),
            lambda world: world.add_role_alias("GatewayAlias", world.add_role("Gateway2")),
        ),
        (
            lambda world: world.deny("iot:AssumeRoleWithCertificate"),
            lambda world: world.allow("iot:AssumeRoleWithCertificate"),
        ),
    ],
)
async def test_certificate_refused(
    hass: HomeAssistant,
    emulator: Emulator,
    world: World,
    *,
    break_it: Callable[[World], None],
    mend_it: Callable[[World], None],
) -> None:
    """What AWS refuses is told with AWS's words, and no private key is in them."""
    form = certificate_form(emulator, world)
    result = await to_credentials(hass, emulator, world, "iot_certificate")
    break_it(world)
    result = await submit(hass, result, form)
    assert (result["step_id"], result["errors"]) == ("iot_certificate", {"base": "invalid_auth"})
    assert "PRIVATE KEY" not in str(result["description_placeholders"])
    mend_it(world)
    await assert_completes(hass, await submit(hass, result, form), world)


async def test_credential_provider_unreachable(
    hass: HomeAssistant, emulator: Emulator, world: World, unused_tcp_port: int
) -> None:
    """An endpoint where nothing answers can be corrected in the same flow."""
    form = certificate_form(emulator, world)
    result = await to_credentials(hass, emulator, world, "iot_certificate")
    result = await submit(hass, result, form | {"credential_endpoint": f"127.0.0.1:{unused_tcp_port}"})
    assert result["errors"] == {"base": "cannot_connect"}
    result = await submit(hass, result, connection(emulator, world, "iot_certificate"))
    await assert_completes(hass, await submit(hass, result, form), world)


async def test_reauth_with_new_certificate(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """An expired certificate asks for a new one; the form shows everything but the private key."""
    form = certificate_form(emulator, world)
    certificate, private_key = world.create_device_certificate("cellar-gateway", expired=True)
    expired = form | {"certificate": certificate.strip(), "private_key": private_key.strip()}
    association_id = next(iter(world.associations))
    entry = add_entry(hass, emulator, world, association_ids=[association_id])
    hass.config_entries.async_update_entry(entry, data=certificate_data(emulator, world, expired))
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["step_id"] == "reauth_confirm"
    result = await submit(hass, flow, {"auth_method": "iot_certificate", "advanced": {"endpoint_url": emulator.url}})
    assert suggested(result) == {key: value for key, value in expired.items() if key != "private_key"}
    # Left empty, the private key stored is used with its own certificate, and with no other.
    without_key = {key: value for key, value in form.items() if key != "private_key"}
    result = await submit(hass, result, without_key | {"certificate": expired["certificate"]})
    assert result["errors"] == {"certificate": "certificate_expired"}
    result = await submit(hass, result, without_key)
    assert result["errors"] == {"private_key": "required"}

    result = await submit(hass, result, form)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data == certificate_data(emulator, world, form)
    assert [subentry.unique_id for subentry in entry.subentries.values()] == [association_id]
    assert state_of(entry) is ConfigEntryState.LOADED


async def test_reauth_after_the_profile_was_deleted(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """A profile that is in the shared files no longer asks for other credentials."""
    entry = add_entry(hass, emulator, world)
    data = {"region": world.region, "auth_method": "default_chain", "endpoint_url": emulator.url}
    hass.config_entries.async_update_entry(entry, data=data | {"profile_name": "home"})
    await set_up(hass, entry)
    assert state_of(entry) is ConfigEntryState.SETUP_ERROR
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH
    result = await submit(hass, flow, {"auth_method": "default_chain", "advanced": {"endpoint_url": emulator.url}})
    assert suggested(result) == {"profile_name": "home"}
    result = await submit(hass, result, {"profile_name": "home"})
    assert result["errors"] == {"base": "invalid_auth"}
    shown = result["description_placeholders"]
    assert shown is not None
    assert "home" in shown["message"]


async def test_role_in_a_region_unknown_to_the_sdk(hass: HomeAssistant, emulator: Emulator, world: World) -> None:
    """Which partition such a Region belongs to is left to AWS."""
    form = connection(emulator, world) | {"region": "xx-nowhere-9"}
    result = await submit(hass, await start(hass), form)
    role = {"role_arn": "arn:aws-xx:iam::123456789012:role/HomeAssistant"}
    result = await submit(hass, result, access_key(world, assume_role=role))
    assert result["errors"] == {"base": "invalid_auth"}
