"""Signatures: what AWS refuses, and under which name."""

from typing import Any

from botocore.awsrequest import AWSRequest
import pytest

from emulator import Emulator, World

from .conftest import Send, code_of, error_of, make_client

IDENTITY = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


def refused(send: Send, **how: Any) -> tuple[int, str]:
    answer = send(**how)
    return answer.status, answer.headers["x-amzn-errortype"]


def test_good_signature(send: Send) -> None:
    assert send().status == 200
    assert send("/managed-things?OwnerFilter=robin&MaxResults=2").status == 200
    assert send("/managed-things/a%20b").headers["x-amzn-errortype"] == "ValidationException"


def test_wrong_keys(send: Send, emulator: Emulator) -> None:
    assert refused(send, key="AKIA" + "NOBODY0000000000") == (403, "UnrecognizedClientException")
    assert emulator.strangers[-1].error_code == "UnrecognizedClientException"
    assert refused(send, secret="wrong") == (403, "InvalidSignatureException")
    assert refused(send, token="unasked") == (403, "UnrecognizedClientException")


def test_wrong_scope(send: Send) -> None:
    answer = send(service="iot")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert "correct service: 'iotmanagedintegrations'" in answer.json["Message"]
    answer = send(region="us-east-1")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert "valid region" in answer.json["Message"]


@pytest.mark.parametrize(("age", "text"), [(301, "Signature expired: "), (-302, "Signature not yet current: ")])
def test_wrong_clock(send: Send, age: float, text: str) -> None:
    answer = send(age=age)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert answer.json["Message"].startswith(text)


def test_nearly_wrong_clock(send: Send) -> None:
    assert send(age=280).status == 200
    assert send(age=-280).status == 200


def drop_authorization(request: AWSRequest) -> None:
    del request.headers["Authorization"]


def spoil_authorization(request: AWSRequest) -> None:
    request.headers.replace_header("Authorization", "AWS4-HMAC-SHA256 Credential=x")


def drop_date(request: AWSRequest) -> None:
    del request.headers["X-Amz-Date"]


def change_scope_date(request: AWSRequest) -> None:
    day = request.context["timestamp"][:8]
    request.headers.replace_header("Authorization", request.headers["Authorization"].replace(day, "20200101"))


def change_body(request: AWSRequest) -> None:
    request.data = b'{"ManagedThingId": "other"}'


def change_url(request: AWSRequest) -> None:
    request.url = f"{request.url}?RoleFilter=DEVICE"


def change_method(request: AWSRequest) -> None:
    request.method = "POST"


def unsign_date(request: AWSRequest) -> None:
    header = request.headers["Authorization"].replace(";x-amz-date", "")
    request.headers.replace_header("Authorization", header)


def lie_about_body(request: AWSRequest) -> None:
    request.headers["X-Amz-Content-SHA256"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (drop_authorization, "MissingAuthenticationTokenException"),
        (spoil_authorization, "IncompleteSignatureException"),
        (drop_date, "IncompleteSignatureException"),
        (change_scope_date, "InvalidSignatureException"),
        (change_body, "InvalidSignatureException"),
        (change_url, "InvalidSignatureException"),
        (change_method, "InvalidSignatureException"),
        (unsign_date, "InvalidSignatureException"),
        (lie_about_body, "InvalidSignatureException"),
    ],
)
def test_tampering(send: Send, change: Any, code: str) -> None:
    assert refused(send, change=change) == (403, code)


def test_every_signed_header_counts(send: Send) -> None:
    def change(request: AWSRequest) -> None:
        request.headers.replace_header("X-Extra", "two")

    assert send(headers={"X-Extra": "one"}).status == 200
    assert refused(send, headers={"X-Extra": "one"}, change=change) == (403, "InvalidSignatureException")


def test_sts_has_its_own_names(send: Send, emulator: Emulator, world: World) -> None:
    stranger = make_client("sts", emulator, world, aws_access_key_id="AKIA" + "NOBODY0000000000")
    assert error_of(stranger.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    liar = make_client("sts", emulator, world, aws_secret_access_key="wrong")
    assert error_of(liar.get_caller_identity)[:2] == ("SignatureDoesNotMatch", 403)
    sts: dict[str, Any] = {"path": "/", "method": "POST", "body": IDENTITY, "headers": FORM, "service": "sts"}
    assert send(**sts).status == 200
    assert b"<Code>SignatureDoesNotMatch</Code>" in send(**sts, age=301).body
    assert b"<Code>MissingAuthenticationToken</Code>" in send(**sts, change=drop_authorization).body
    assert b"<Code>UnknownOperationException</Code>" in send(**sts | {"body": b"Action=Dance"}).body


def test_clock_offset(send: Send, world: World) -> None:
    world.set_clock_offset(3600)
    assert refused(send) == (403, "InvalidSignatureException")
    assert send(age=-3600).status == 200
    world.set_clock_offset(0)
    assert send().status == 200


def test_worlds_do_not_share_keys(emulator: Emulator, world: World, empty_world: World) -> None:
    assert world.account_id != empty_world.account_id
    mixed = make_client("iot-managed-integrations", emulator, world, aws_access_key_id=empty_world.access_key_id)
    assert code_of(mixed.list_managed_things) == "InvalidSignatureException"
    other = make_client("iot-managed-integrations", emulator, empty_world)
    assert other.list_managed_things()["Items"] == []
    assert world.requests == []
