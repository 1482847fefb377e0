"""STS: who calls, and roles with their trust policy and their end."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from emulator import Emulator, World

from .conftest import code_of, error_of, make_client


def assume(sts_client: Any, arn: str, **params: Any) -> dict[str, str]:
    credentials = sts_client.assume_role(RoleArn=arn, RoleSessionName="test", **params)["Credentials"]
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


def test_identity(sts_client: Any, world: World) -> None:
    answer = sts_client.get_caller_identity()
    assert (answer["Account"], answer["Arn"]) == (world.account_id, world.user_arn)
    assert answer["ResponseMetadata"]["RequestId"] == world.requests[-1].request_id
    assert world.count("GetCallerIdentity") == 1


def test_session_works_and_ends(sts_client: Any, emulator: Emulator, world: World) -> None:
    arn = world.add_role("gateway")
    keys = assume(sts_client, arn)
    client = make_client("iot-managed-integrations", emulator, world, **keys)
    sts = make_client("sts", emulator, world, **keys)
    assert len(client.list_managed_things()["Items"]) == 13
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:sts::{world.account_id}:assumed-role/gateway/test"
    world.advance(3599)
    client.list_managed_things()
    world.advance(2)
    assert error_of(client.list_managed_things)[:2] == ("ExpiredTokenException", 403)
    assert error_of(sts.get_caller_identity)[:2] == ("ExpiredToken", 403)


def test_sessions_can_be_ended(sts_client: Any, emulator: Emulator, world: World) -> None:
    client = make_client("iot-managed-integrations", emulator, world, **assume(sts_client, world.add_role("gateway")))
    world.expire_sessions()
    assert code_of(client.list_managed_things) == "ExpiredTokenException"
    sts_client.get_caller_identity()


def test_session_without_its_token(sts_client: Any, emulator: Emulator, world: World) -> None:
    keys = assume(sts_client, world.add_role("gateway"))
    del keys["aws_session_token"]
    client = make_client("iot-managed-integrations", emulator, world, **keys)
    assert code_of(client.list_managed_things) == "UnrecognizedClientException"


def test_external_id(sts_client: Any, world: World) -> None:
    arn = world.add_role("gateway", external_id="our-home")
    assert assume(sts_client, arn, ExternalId="our-home")
    for wrong in ({}, {"ExternalId": "their-home"}):
        code, status, message = error_of(partial(assume, sts_client, arn, **wrong))
        assert (code, status) == ("AccessDenied", 403)
        assert message == f"User: {world.user_arn} is not authorized to perform: sts:AssumeRole on resource: {arn}"


def test_unknown_or_removed_role(sts_client: Any, world: World) -> None:
    assert code_of(lambda: assume(sts_client, f"arn:aws:iam::{world.account_id}:role/none")) == "AccessDenied"
    arn = world.add_role("gateway")
    world.remove_role(arn)
    assert code_of(lambda: assume(sts_client, arn)) == "AccessDenied"


def test_length_of_sessions(sts_client: Any, world: World) -> None:
    arn = world.add_role("short", max_seconds=1800)
    answer = sts_client.assume_role(RoleArn=arn, RoleSessionName="test")
    left = (answer["Credentials"]["Expiration"] - datetime.now(UTC)).total_seconds()
    assert left == pytest.approx(1800, abs=60)
    code, status, _ = error_of(lambda: assume(sts_client, arn, DurationSeconds=3600))
    assert (code, status) == ("ValidationError", 400)
    assert assume(sts_client, arn, DurationSeconds=900)


def test_role_of_another_account(sts_client: Any, emulator: Emulator, world: World, empty_world: World) -> None:
    keys = assume(sts_client, empty_world.add_role("visitor"))
    client = make_client("iot-managed-integrations", emulator, world, **keys)
    assert client.list_managed_things()["Items"] == []
    assert empty_world.count("ListManagedThings") == 1


def test_validation_and_operations_that_are_not_emulated(sts_client: Any) -> None:
    code, status, message = error_of(lambda: sts_client.assume_role(RoleArn="x", RoleSessionName="a b"))
    assert (code, status) == ("ValidationError", 400)
    assert message.startswith("2 validation errors detected: ")
    code, status, message = error_of(sts_client.get_session_token)
    assert (code, status) == ("UnknownOperationException", 404)
    assert "GetSessionToken" in message


def test_denied_actions(sts_client: Any, world: World) -> None:
    arn = world.add_role("gateway")
    world.deny("sts:*")
    code, status, message = error_of(lambda: assume(sts_client, arn))
    assert (code, status) == ("AccessDenied", 403)
    assert f"sts:AssumeRole on resource: {arn} because" in message
    assert code_of(sts_client.get_caller_identity) == "AccessDenied"
    world.allow("sts:*")
    assume(sts_client, arn)
