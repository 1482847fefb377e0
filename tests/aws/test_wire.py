"""The client against a server that sends whatever it likes."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
import json
import logging
from typing import Any

import boto3
from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import HealthCheck, example, given, settings, strategies as st
import pytest

from custom_components.mi_registration.aws.boto3_client import Boto3ManagedIntegrationsClient
from custom_components.mi_registration.aws.client import OPERATIONS
from custom_components.mi_registration.aws.errors import (
    CODES,
    AwsError,
    CannotConnectError,
    InvalidCredentialsError,
    ServiceError,
    ThrottledError,
)
from custom_components.mi_registration.aws.models import (
    AccountAssociation,
    AccountAssociationLink,
    AssociationState,
    CallerIdentity,
    Connectivity,
    ConnectorDestination,
    DeviceDiscovery,
    DiscoveredDevice,
    DiscoveryType,
    ManagedThing,
    ManagedThingDetails,
    Registration,
    Role,
)

from .conftest import ACCESS_KEY_ID, SECRET_ACCESS_KEY, MakeClient
from .scripted_server import REQUEST_ID, ScriptedServer, answer, refusal

type Client = Boto3ManagedIntegrationsClient
type Call = Callable[[Client], Awaitable[object]]

PAIR = {"managed_thing_id": "thing1", "account_association_id": "association1"}
CALLS: dict[str, Call] = {
    "ListManagedThings": lambda client: client.list_managed_things(),
    "GetManagedThing": lambda client: client.get_managed_thing("thing1"),
    "GetManagedThingConnectivityData": lambda client: client.get_managed_thing_connectivity_data("thing1"),
    "ListAccountAssociations": lambda client: client.list_account_associations(),
    "ListManagedThingAccountAssociations": lambda client: client.list_managed_thing_account_associations(),
    "RegisterAccountAssociation": lambda client: client.register_account_association(
        **PAIR, device_discovery_id="job1"
    ),
    "DeregisterAccountAssociation": lambda client: client.deregister_account_association(**PAIR),
    "CreateManagedThing": lambda client: client.create_managed_thing(
        role=Role.DEVICE,
        authentication_material="CLOUD:job1:device1",
        authentication_material_type="DISCOVERED_DEVICE",
        client_token="token",
    ),
    "StartDeviceDiscovery": lambda client: client.start_device_discovery(
        discovery_type=DiscoveryType.CUSTOM,
        client_token="token",
        controller_id="hub1",
        custom_protocol_detail={"Name": "Matter"},
        connector_device_ids=("device1",),
    ),
    "GetDeviceDiscovery": lambda client: client.get_device_discovery("job1"),
    "ListDeviceDiscoveries": lambda client: client.list_device_discoveries(),
    "ListDiscoveredDevices": lambda client: client.list_discovered_devices("job1"),
    "ListConnectorDestinations": lambda client: client.list_connector_destinations(),
    "CreateAccountAssociation": lambda client: client.create_account_association(
        connector_destination_id="acme", name="Acme", client_token="token"
    ),
    "StartAccountAssociationRefresh": lambda client: client.start_account_association_refresh("association1"),
    "DeleteAccountAssociation": lambda client: client.delete_account_association("association1"),
}
LISTS = sorted(name for name in CALLS if name.startswith("List"))
NEED_AN_ID = ("GetManagedThing", "GetDeviceDiscovery", "CreateManagedThing", "CreateAccountAssociation")


def test_every_operation_is_called_here() -> None:
    assert set(CALLS) == OPERATIONS


# What was asked and what it is called


async def test_requests_look_as_the_service_wants_them(scripted_client: Client, scripted: ScriptedServer) -> None:
    scripted.default = answer({"Id": "job1"})
    await CALLS["StartDeviceDiscovery"](scripted_client)
    head, _, body = scripted.requests[-1].partition("\r\n\r\n")
    assert head.startswith("POST /device-discoveries HTTP/1.1")
    assert json.loads(body) == {
        "DiscoveryType": "CUSTOM",
        "ClientToken": "token",
        "ControllerIdentifier": "hub1",
        "CustomProtocolDetail": {"Name": "Matter"},
        "ConnectorDeviceIdList": ["device1"],
    }
    assert "mi_registration/test" in head
    assert "/eu-west-1/iotmanagedintegrations/aws4_request" in head


@pytest.mark.parametrize("operation", sorted(CALLS))
async def test_an_error_of_every_operation(scripted_client: Client, scripted: ScriptedServer, operation: str) -> None:
    scripted.default = refusal("ThrottlingException", status=429, headers={"Retry-After": "3"})
    with pytest.raises(ThrottledError) as caught:
        await CALLS[operation](scripted_client)
    error = caught.value
    assert (error.operation, error.iam_action) == (operation, f"iotmanagedintegrations:{operation}")
    assert (error.code, error.request_id, error.http_status, error.retry_after) == (
        "ThrottlingException",
        REQUEST_ID,
        429,
        3,
    )
    assert len(scripted.requests) == 1


async def test_every_code_arrives_as_its_class(scripted_client: Client, scripted: ScriptedServer) -> None:
    seen = {}
    for code in CODES:
        scripted.answers.append(refusal(code))
        with pytest.raises(AwsError) as caught:
            await scripted_client.list_account_associations()
        assert caught.value.code == code
        seen[code] = type(caught.value)
    assert seen == dict(CODES)


# Answers that aren't


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"no HTTP at all\r\n\r\n",
        answer({"Items": []})[:-3],
        answer(b""),
        answer(b"<html>Please log in</html>", headers={"Content-Type": "text/html"}),
        answer(b"\xff\xfe"),
        answer(b"null"),
        answer([]),
        answer("Items"),
        answer({}, request_id=None),
        answer({"Items": [], "NextToken": 7}),
        answer(b'{"Items": [{"Id": "a"}'),
    ],
    ids=lambda content: content[-30:].decode(errors="replace"),
)
@pytest.mark.parametrize("operation", LISTS)
async def test_what_is_not_a_list_is_not_an_empty_list(
    scripted_client: Client, scripted: ScriptedServer, operation: str, content: bytes
) -> None:
    scripted.default = content
    with pytest.raises(CannotConnectError):
        await CALLS[operation](scripted_client)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("items", [{"a": 1}, "text", 7, [7], ["text"], [[{"Id": "a"}]]])
async def test_items_of_a_wrong_type(scripted_client: Client, scripted: ScriptedServer, items: object) -> None:
    scripted.default = answer({"Items": items})
    with pytest.raises(ServiceError):
        await scripted_client.list_managed_things()


async def test_a_list_without_items_or_with_rows_that_say_nothing(
    scripted_client: Client, scripted: ScriptedServer
) -> None:
    scripted.answers.append(answer({}))
    assert await scripted_client.list_managed_things() == ()
    scripted.answers.append(answer({"Items": None, "NextToken": ""}))
    assert await scripted_client.list_managed_things() == ()
    scripted.answers.append(answer({"Items": [None, {}, {"Id": "a"}, {"Id": ""}]}))
    assert await scripted_client.list_managed_things() == (ManagedThing(managed_thing_id="a"),)


@pytest.mark.parametrize("operation", NEED_AN_ID)
async def test_an_answer_without_the_id(scripted_client: Client, scripted: ScriptedServer, operation: str) -> None:
    scripted.default = answer({"Name": "x"})
    with pytest.raises(CannotConnectError, match="lacks an id"):
        await CALLS[operation](scripted_client)


@pytest.mark.parametrize("body", [b"", b"<html>Please log in</html>", b"\xff\xfe", b"null", b"[]", b'{"Id": "a"'])
@pytest.mark.parametrize("operation", NEED_AN_ID)
async def test_what_is_not_an_answer(
    scripted_client: Client, scripted: ScriptedServer, operation: str, body: bytes
) -> None:
    scripted.default = answer(body, status=201)
    with pytest.raises(CannotConnectError):
        await CALLS[operation](scripted_client)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<GetCallerIdentityResponse/>", AwsError),
        (b"<html/>", AwsError),
        (b"{}", CannotConnectError),
        (b"\xff", CannotConnectError),
    ],
)
async def test_sts_answers_nonsense(
    scripted_client: Client, scripted: ScriptedServer, body: bytes, expected: type[AwsError]
) -> None:
    scripted.default = answer(body)
    with pytest.raises(expected) as caught:
        await scripted_client.get_caller_identity()
    assert caught.value.transient


async def test_accepted_without_a_request_id(scripted_client: Client, scripted: ScriptedServer) -> None:
    scripted.default = answer({}, request_id=None)
    with pytest.raises(CannotConnectError, match="not from AWS"):
        await CALLS["DeregisterAccountAssociation"](scripted_client)
    scripted.default = answer(b"")
    assert await CALLS["DeregisterAccountAssociation"](scripted_client) == REQUEST_ID


@pytest.mark.parametrize("status", [301, 401, 403, 404, 407, 502, 599])
async def test_pages_of_a_proxy(scripted_client: Client, scripted: ScriptedServer, status: int) -> None:
    scripted.default = answer(b"<html>no</html>", status=status, request_id=None)
    with pytest.raises(AwsError) as caught:
        await scripted_client.list_managed_things()
    assert caught.value.transient
    assert caught.value.http_status == status


@pytest.mark.parametrize("member", ["Id", "AccountAssociationId"])
async def test_a_new_associations_id_as_documented_and_as_modelled(
    scripted_client: Client, scripted: ScriptedServer, member: str
) -> None:
    scripted.default = answer({member: "a1", "AssociationState": "ASSOCIATION_SUCCEEDED", "OAuthAuthorizationUrl": ""})
    assert await CALLS["CreateAccountAssociation"](scripted_client) == AccountAssociationLink(
        association=AccountAssociation(account_association_id="a1", state=AssociationState.ASSOCIATION_SUCCEEDED)
    )
    scripted.default = answer({"Id": "wrong", "AccountAssociationId": "a1"})
    assert await CALLS["CreateAccountAssociation"](scripted_client) == AccountAssociationLink(
        association=AccountAssociation(account_association_id="a1")
    )


@pytest.mark.parametrize("url", [None, "", "https://vendor.example/authorize?state=canary"])
async def test_a_refresh_may_need_no_link(scripted_client: Client, scripted: ScriptedServer, url: str | None) -> None:
    scripted.default = answer({"OAuthAuthorizationUrl": url})
    assert await CALLS["StartAccountAssociationRefresh"](scripted_client) == (url or "")


async def test_connector_destinations_come_in_pages(scripted_client: Client, scripted: ScriptedServer) -> None:
    scripted.answers.extend(
        [
            answer({"ConnectorDestinationList": [{"Id": "a", "Name": "A"}, {"Name": "no id"}], "NextToken": "n1"}),
            answer({"ConnectorDestinationList": [{"Id": "b"}]}),
        ]
    )
    assert await scripted_client.list_connector_destinations() == (
        ConnectorDestination(connector_destination_id="a", name="A"),
        ConnectorDestination(connector_destination_id="b"),
    )


async def test_pages_in_a_circle(scripted_client: Client, scripted: ScriptedServer) -> None:
    pages = [answer({"Items": [{"Id": f"t{number}"}], "NextToken": token}) for number, token in enumerate("abca")]
    scripted.answers.extend(pages)
    with pytest.raises(CannotConnectError) as caught:
        await scripted_client.list_managed_things()
    assert caught.value.code == "RepeatedToken"
    assert len(scripted.requests) == 4
    assert "NextToken=c" in scripted.requests[3]


async def test_pages_keep_the_filters(scripted_client: Client, scripted: ScriptedServer) -> None:
    scripted.answers.extend(
        [
            answer({"Items": [{"Id": "t1"}], "NextToken": "n1"}),
            answer({"Items": [], "NextToken": "n2"}),
            answer({"Items": [{"Id": "t2"}]}),
        ]
    )
    things = await scripted_client.list_managed_things(owner="robin", role=Role.DEVICE)
    assert [thing.managed_thing_id for thing in things] == ["t1", "t2"]
    assert all("OwnerFilter=robin" in text and "RoleFilter=DEVICE" in text for text in scripted.requests)
    assert [("NextToken=n1" in text, "NextToken=n2" in text) for text in scripted.requests] == [
        (False, False),
        (True, False),
        (False, True),
    ]


async def test_a_failure_on_a_later_page_fails_the_list(scripted_client: Client, scripted: ScriptedServer) -> None:
    scripted.answers.extend([answer({"Items": [{"Id": "t1"}], "NextToken": "n1"}), refusal("InternalServerException")])
    with pytest.raises(ServiceError):
        await scripted_client.list_managed_things()


# Secrets


async def test_nothing_secret_in_errors_logs_or_records(
    scripted_client: Client, scripted: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    secrets = {
        "authentication_material": "CLOUD:job1:canary-material",
        "owner": "canary.owner",
        "brand": "canary brand",
        "model": "canary model",
    }
    text = " ".join(["told:", *secrets.values(), ACCESS_KEY_ID, SECRET_ACCESS_KEY, "canary%20brand", "shown"])
    for code in ("ValidationException", "SignatureDoesNotMatch", "FutureException"):
        scripted.default = refusal(code, text)
        with pytest.raises(AwsError) as caught:
            await scripted_client.create_managed_thing(
                role=Role.DEVICE, authentication_material_type="DISCOVERED_DEVICE", client_token="token", **secrets
            )
        error = caught.value
        told = f"{error} {error!r} {error.placeholders} {vars(error)} {scripted_client.calls}"
        assert "canary" not in told.lower()
        assert "shown" in error.message
        assert error.__cause__ is None
        assert error.__context__ is None
    assert "canary" not in caplog.text.lower()


async def test_the_session_token_of_the_chain_is_secret_too(
    make_client: MakeClient,
    scripted: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-key-of-the-chain")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-token-of-the-chain")
    client = make_client(auth_method="default_chain", endpoint_url=scripted.url)
    text = "should have been 'x-amz-security-token:canary-token-of-the-chain', key canary-key-of-the-chain"
    scripted.default = refusal("SignatureDoesNotMatch", text, status=403)
    with pytest.raises(InvalidCredentialsError) as caught:
        await client.list_managed_things()
    assert str(caught.value) == "should have been 'x-amz-security-token:**REDACTED**', key **REDACTED**"


async def test_an_assumed_roles_failure_is_logged_without_secrets(
    make_client: MakeClient,
    scripted: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    for token in ("", "canary-token"):
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
        client = make_client(
            auth_method="default_chain",
            endpoint_url=scripted.url,
            role_arn="arn:aws:iam::123456789012:role/gateway",
            external_id="canary-external",
        )
        body = (
            "<ErrorResponse><Error><Code>AccessDenied</Code>"
            "<Message>told canary-external and canary-token</Message></Error></ErrorResponse>"
        )
        scripted.default = answer(body.replace("canary-token", token).encode(), status=403)
        with pytest.raises(InvalidCredentialsError, match="told") as caught:
            await client.list_managed_things()
        assert "canary" not in str(caught.value)
    assert "canary" not in caplog.text
    # A busy machine makes asyncio warn that a step of the test took long.
    complaints = [record for record in caplog.records if record.levelno >= logging.WARNING and record.name != "asyncio"]
    assert complaints == []


async def test_models_do_not_show_what_is_sensitive(scripted_client: Client, scripted: ScriptedServer) -> None:
    row = {
        name: f"canary-{name}"
        for name in (
            "Brand",
            "Model",
            "SerialNumber",
            "Owner",
            "ConnectorDeviceId",
            "MacAddress",
            "DeviceSpecificKey",
            "AuthenticationMaterial",
            "OAuthAuthorizationUrl",
        )
    } | {"AccountAssociationId": "a1"}
    scripted.default = answer({"Id": "t1", **row, "Items": [{"Id": "t1", **row}]})
    shown = [
        *await scripted_client.list_managed_things(),
        await scripted_client.get_managed_thing("t1"),
        *await scripted_client.list_discovered_devices("job1"),
        await CALLS["CreateAccountAssociation"](scripted_client),
    ]
    assert len(shown) == 4
    assert "canary" not in repr(shown)
    assert "canary-Brand" in str(vars_of(shown[0]))


def vars_of(value: object) -> list[object]:
    return [getattr(value, name) for name in type(value).__slots__]  # type: ignore[attr-defined]  # dataclass slots


# Answers made from the service model


def service_model() -> Any:
    client = boto3.client(
        "iot-managed-integrations", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    model = client.meta.service_model
    client.close()
    return model


MODEL = service_model()
SLOW_AND_SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=10),
    st.lists(st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def wire(shape: Shape, *, junk: bool) -> st.SearchStrategy[Any]:
    """Return what the service may send for a shape; with ``junk`` also what it may not."""
    good: st.SearchStrategy[Any]
    match shape:
        case StructureShape():
            good = st.fixed_dictionaries(
                {}, optional={name: wire(member, junk=junk) for name, member in shape.members.items()}
            ).flatmap(
                lambda members: st.dictionaries(st.sampled_from(["NewMember", "Other"]), JUNK, max_size=1).map(
                    lambda extra: extra | members
                )
            )
        case ListShape():
            good = st.lists(wire(shape.member, junk=junk), max_size=3)
        case MapShape():
            good = st.dictionaries(st.text(max_size=5), wire(shape.value, junk=junk), max_size=2)
        case Shape(type_name="timestamp"):
            good = st.one_of(
                st.floats(min_value=0, max_value=4e9), st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
            )
        case Shape(type_name="boolean"):
            good = st.booleans()
        case Shape(type_name="integer" | "long" | "double" | "float"):
            good = st.integers()
        case _:
            known = shape.metadata.get("enum", [])
            good = st.one_of(st.sampled_from([*known, "VALUE_OF_TOMORROW"]), st.text(min_size=1, max_size=20))
    return st.one_of(good, JUNK) if junk else good


def answers(operation: str, *, junk: bool) -> st.SearchStrategy[Any]:
    shape = MODEL.operation_model(operation).output_shape
    if shape is None:
        return JUNK
    without_token = wire(shape, junk=junk)
    return without_token.map(lambda body: body | {"NextToken": None} if isinstance(body, dict) else body)


PARSERS: tuple[Callable[[Any], object], ...] = (
    AccountAssociation.from_wire,
    AccountAssociationLink.from_wire,
    CallerIdentity.from_wire,
    Connectivity.from_wire,
    ConnectorDestination.from_wire,
    DeviceDiscovery.from_wire,
    DiscoveredDevice.from_wire,
    ManagedThing.from_wire,
    ManagedThingDetails.from_wire,
    Registration.from_wire,
)
NAMES = sorted(
    {
        name
        for shape in map(MODEL.shape_for, MODEL.shape_names)
        if isinstance(shape, StructureShape)
        for name in shape.members
    }
    | {"Account", "Arn"}
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(row={"DisconnectReason": [], "Role": {}})
@given(row=st.dictionaries(st.sampled_from(NAMES), JUNK | st.just("arn:aws:sts::1:user/x")))
def test_parsers_never_fail(row: dict[str, Any]) -> None:
    for parse in PARSERS:
        assert hash(parse(row)) is not None


@pytest.mark.parametrize("operation", sorted(CALLS))
@settings(deadline=None, max_examples=30, suppress_health_check=SLOW_AND_SHARED)
@given(data=st.data())
async def test_whatever_the_model_allows_is_understood(
    scripted_client: Client, scripted: ScriptedServer, operation: str, data: st.DataObject
) -> None:
    body = data.draw(answers(operation, junk=False))
    scripted.default = answer(body)
    try:
        result = await CALLS[operation](scripted_client)
    except CannotConnectError:
        assert not body.get("AccountAssociationId" if "Account" in operation else "Id"), "all with an id can be used"
    else:
        if operation.startswith("List"):
            assert isinstance(result, tuple)
            member = "ConnectorDestinationList" if operation == "ListConnectorDestinations" else "Items"
            assert len(result) <= len(body.get(member, ()))


@pytest.mark.parametrize("operation", sorted(CALLS))
@settings(deadline=None, max_examples=30, suppress_health_check=SLOW_AND_SHARED)
@given(data=st.data())
async def test_whatever_the_service_sends_only_our_errors_come_out(
    scripted_client: Client, scripted: ScriptedServer, operation: str, data: st.DataObject
) -> None:
    status = data.draw(st.sampled_from([200, 201, 400, 403, 404, 429, 500]))
    headers = data.draw(
        st.dictionaries(
            st.sampled_from(["x-amzn-ErrorType", "Retry-After", "Date"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        )
    )
    scripted.default = answer(data.draw(answers(operation, junk=True)), status=status, headers=headers)
    try:
        await CALLS[operation](scripted_client)
    except AwsError as error:
        assert error.operation == operation  # noqa: PT017  # both outcomes are fine, any other exception is not
