"""What can be made to go wrong."""

import asyncio
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError
import pytest

from emulator import Emulator, World
from emulator.unknown_values import FUTURE_MEMBERS, FUTURE_VALUE

from .conftest import CONFIG, Send, code_of, error_of, make_client


def register(client: Any, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    client.register_account_association(
        ManagedThingId=world.thing_id("Hallway spots"),
        AccountAssociationId=acme,
        DeviceDiscoveryId=world.discovery_id(acme),
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDeniedException", 403),
        ("ConflictException", 409),
        ("InternalFailureException", 500),
        ("InternalServerException", 500),
        ("InvalidRequestException", 400),
        ("LimitExceededException", 410),
        ("ResourceNotFoundException", 404),
        ("ServiceQuotaExceededException", 402),
        ("ServiceUnavailableException", 503),
        ("ThrottlingException", 429),
        ("UnauthorizedException", 401),
        ("ValidationException", 400),
        ("UnrecognizedClientException", 403),
        ("RequestTimeoutException", 408),
        ("SomethingNobodyKnows", 400),
    ],
)
def test_refusals(client: Any, world: World, code: str, status: int) -> None:
    world.refuse("ListManagedThings", code, times=2, message="because of the test")
    for _ in range(2):
        assert error_of(client.list_managed_things) == (code, status, "because of the test")
    client.list_managed_things()
    assert [(request.status, request.error_code) for request in world.requests] == [
        (status, code),
        (status, code),
        (200, None),
    ]


def test_refusals_of_any_operation(client: Any, sts_client: Any, world: World) -> None:
    world.refuse(None, "ServiceUnavailable", times=2, status=502, retry_after=1.5)
    assert error_of(client.list_account_associations)[:2] == ("ServiceUnavailable", 502)
    assert error_of(sts_client.get_caller_identity)[:2] == ("ServiceUnavailable", 502)
    client.list_account_associations()


def test_retry_after(send: Send, world: World) -> None:
    world.refuse("ListManagedThings", "ThrottlingException", retry_after=7)
    assert send().headers["retry-after"] == "7"
    world.set_switches(throttling_status=400)
    world.refuse("ListManagedThings", "ThrottlingException")
    assert send().status == 400


def test_refused_call_does_nothing(client: Any, world: World) -> None:
    world.refuse("RegisterAccountAssociation", "ConflictException")
    assert code_of(lambda: register(client, world)) == "ConflictException"
    assert len(world.registrations) == 4
    assert world.requests[-1].params["ManagedThingId"] == world.thing_id("Hallway spots")


@pytest.mark.parametrize(("when", "rows"), [("before", 4), ("after", 5)])
def test_dropped_connections(client: Any, world: World, when: Any, rows: int) -> None:
    world.drop("RegisterAccountAssociation", when)
    with pytest.raises(ConnectionClosedError):
        register(client, world)
    assert len(world.registrations) == rows
    assert world.requests[-1].status is None
    assert world.requests[-1].params["AccountAssociationId"] == world.association_id("Acme Lighting")
    client.list_managed_things()


def test_offline(client: Any, sts_client: Any, world: World) -> None:
    world.offline(True)
    for call in (client.list_managed_things, sts_client.get_caller_identity):
        with pytest.raises(ConnectionClosedError):
            call()
    world.offline(False)
    client.list_managed_things()


@pytest.mark.parametrize("how", ["truncated", "garbage", "html"])
def test_spoilt_answers(client: Any, sts_client: Any, world: World, how: Any) -> None:
    world.garble("ListManagedThings", how)
    # botocore takes a JSON answer that it can't read for one without any member.
    assert client.list_managed_things().keys() == {"ResponseMetadata"}
    assert len(client.list_managed_things()["Items"]) == 13
    world.garble(None, how)
    with pytest.raises((ResponseParserError, KeyError)):
        sts_client.get_caller_identity()
    sts_client.get_caller_identity()


def test_answers_that_are_no_text(client: Any, world: World) -> None:
    world.garble("ListManagedThings", "not_utf8")
    with pytest.raises(UnicodeDecodeError):
        client.list_managed_things()


def test_latency(client: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", note)
    world.set_latency(30)
    world.set_latency(60, "ListManagedThings")
    client.list_managed_things()
    client.list_account_associations()
    world.set_latency(0)
    client.list_account_associations()
    assert waited == [60, 30]


def test_client_may_give_up_waiting(client: Any, world: World, emulator: Emulator) -> None:
    impatient = make_client("iot-managed-integrations", emulator, world, config=CONFIG.merge(Config(read_timeout=0.05)))
    world.set_latency(3600)
    with pytest.raises(ReadTimeoutError):
        impatient.list_managed_things()
    world.set_latency(0)
    client.list_managed_things()


def test_late_answer(client: Any, world: World, emulator: Emulator) -> None:
    impatient = make_client("iot-managed-integrations", emulator, world, config=CONFIG.merge(Config(read_timeout=0.05)))
    hub = world.thing_id("Cellar hub")
    world.set_lateness(3600, "UpdateManagedThing")
    with pytest.raises(ReadTimeoutError):
        impatient.update_managed_thing(Identifier=hub, Name="Attic hub")
    assert world.things[hub]["Name"] == "Attic hub"
    world.set_lateness(0, "UpdateManagedThing")
    client.update_managed_thing(Identifier=hub, Name="Cellar hub")


def test_denied_actions(client: Any, world: World) -> None:
    action = "iotmanagedintegrations:RegisterAccountAssociation"
    world.deny(action)
    code, status, message = error_of(lambda: register(client, world))
    arn = f"arn:aws:iotmanagedintegrations:eu-west-1:{world.account_id}:account-association/"
    assert (code, status) == ("AccessDeniedException", 403)
    assert message == (
        f"User: {world.user_arn} is not authorized to perform: {action} on resource: "
        f"{arn}{world.association_id('Acme Lighting')} because no identity-based policy allows the {action} action"
    )
    client.list_managed_things()
    world.allow(action)
    register(client, world)


@pytest.mark.parametrize(
    ("call", "resource"),
    [
        (lambda client: client.list_managed_things(), "*"),
        (lambda client: client.get_managed_thing(Identifier="thing"), "managed-thing/thing"),
        (lambda client: client.get_device_discovery(Identifier="job"), "*"),
    ],
)
def test_resource_of_denied_actions(client: Any, world: World, call: Callable[[Any], Any], resource: str) -> None:
    world.deny("iotmanagedintegrations:*")
    assert f":{resource} because" in error_of(lambda: call(client))[2]


def test_date_header_follows_the_clock(send: Send, world: World) -> None:
    honest = parsedate_to_datetime(send().headers["date"])
    world.set_clock_offset(-7200)
    skewed = parsedate_to_datetime(send(age=7200).headers["date"])
    assert (honest - skewed).total_seconds() == pytest.approx(7200, abs=60)


def test_lists_that_lag_by_calls(client: Any, world: World) -> None:
    world.lag_lists(calls=2)
    register(client, world)
    thing = world.thing_id("Hallway spots")
    for rows in (4, 4, 5):
        assert len(client.list_managed_thing_account_associations()["Items"]) == rows
    for status in ("UNASSOCIATED", "UNASSOCIATED", "ACTIVATED"):
        shown = {row["Id"]: row["ProvisioningStatus"] for row in client.list_managed_things()["Items"]}
        assert shown[thing] == status
        assert client.get_managed_thing(Identifier=thing)["ProvisioningStatus"] == "ACTIVATED"


def test_lists_that_lag_show_old_members(client: Any, world: World) -> None:
    thing = world.thing_id("Laundry plug")
    arn = world.things[thing]["Arn"]
    world.lag_lists(calls=1)
    client.update_managed_thing(Identifier=thing, Name="Washing machine")
    client.tag_resource(ResourceArn=arn, Tags={"room": "laundry"})
    for name in ("Laundry plug", "Washing machine"):
        assert {row["Id"]: row["Name"] for row in client.list_managed_things()["Items"]}[thing] == name


def test_lists_that_lag_by_time(client: Any, world: World) -> None:
    def rows() -> int:
        return len(client.list_managed_thing_account_associations()["Items"])

    world.lag_lists(30)
    register(client, world)
    assert rows() == 4
    world.advance(29)
    assert rows() == 4
    world.advance(2)
    assert rows() == 5
    world.remove_thing(world.thing_id("Hallway spots"))
    assert rows() == 5
    world.lag_lists()
    assert rows() == 4


def test_unknown_values(client: Any, send: Send, world: World) -> None:
    world.add_unknown_values(True)
    for row in client.list_managed_things()["Items"]:
        assert (row["Role"], row["ProvisioningStatus"]) == (FUTURE_VALUE, FUTURE_VALUE)
    answer = send().json
    assert answer.items() >= FUTURE_MEMBERS.items()
    assert all(row.items() >= FUTURE_MEMBERS.items() for row in answer["Items"])
    world.add_unknown_values(members=False)
    assert send().json.keys() == {"Items"}
    world.add_unknown_values(enums=False)
    assert send().json["Items"][0]["Role"] == "CONTROLLER"
    world.add_unknown_values(False)
    assert "AddedLater" not in send().json
