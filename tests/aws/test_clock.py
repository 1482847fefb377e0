"""AWS's time: measured, and used for signatures when this machine's clock is wrong."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
import re

import pytest

from custom_components.mi_registration.aws.boto3_client import Boto3ManagedIntegrationsClient
from custom_components.mi_registration.aws.clock import Clock, http_date
from custom_components.mi_registration.aws.errors import ClockSkewError, InvalidCredentialsError
from emulator import Emulator, World

from .conftest import MakeClient, world_config
from .scripted_server import ScriptedServer, answer, refusal

type Client = Boto3ManagedIntegrationsClient

IN_2030 = "Tue, 01 Jan 2030 00:00:00 GMT"


def calls_of(client: Client) -> tuple[Callable[[], Awaitable[object]], ...]:
    return (client.list_managed_things, client.get_caller_identity, client.list_account_associations)


def refused(world: World) -> int:
    return sum(request.error_code is not None for request in world.requests)


@pytest.mark.parametrize("offset", [-90_000, -3600, 3600, 90_000])
@pytest.mark.parametrize("first", [0, 1])
async def test_a_wrong_clock_is_corrected(client: Client, world: World, offset: int, first: int) -> None:
    assert client.clock_skew is None
    world.set_clock_offset(offset)
    calls = calls_of(client)
    await calls[first]()
    assert client.clock_skew == pytest.approx(offset, abs=60)
    assert refused(world) == 1
    for call in calls:
        await call()
    assert refused(world) == 1, "one measurement serves all"


async def test_it_heals_when_the_clock_is_set_right(client: Client, world: World) -> None:
    world.set_clock_offset(3600)
    await client.list_managed_things()
    world.set_clock_offset(0)
    await client.list_managed_things()
    assert client.clock_skew == pytest.approx(0, abs=60)
    assert refused(world) == 2
    await client.get_caller_identity()
    assert refused(world) == 2


async def test_a_clock_that_drifts_is_followed_before_aws_minds(client: Client, world: World) -> None:
    for step in range(10):
        world.set_clock_offset(step * 200)
        await client.list_account_associations()
    assert client.clock_skew == pytest.approx(1800, abs=60)
    assert refused(world) == 0


async def test_a_write_with_a_wrong_clock_is_done_once(client: Client, world: World) -> None:
    acme = world.association_id("Acme Lighting")
    thing = world.thing_id("Hallway spots")
    world.set_clock_offset(-7200)
    await client.register_account_association(
        managed_thing_id=thing, account_association_id=acme, device_discovery_id=world.discovery_id(acme)
    )
    assert [request.error_code is None for request in world.requests] == [False, True]
    assert [call.error_code is None for call in client.calls] == [False, True]


@pytest.mark.parametrize("offset", [-1800, 1800])
async def test_a_role_is_assumed_with_a_wrong_clock(
    make_client: MakeClient, emulator: Emulator, world: World, offset: int
) -> None:
    world.set_clock_offset(offset)
    client = make_client(**world_config(emulator, world), role_arn=world.add_role("gateway"))
    for call in calls_of(client):
        await call()
    assert refused(world) == 1
    assert world.count("AssumeRole") == 2


async def test_a_wrong_secret_is_no_wrong_clock(make_client: MakeClient, emulator: Emulator, world: World) -> None:
    client = make_client(**world_config(emulator, world) | {"secret_access_key": "wrong"})
    world.set_clock_offset(3600)
    with pytest.raises(InvalidCredentialsError):
        await client.list_managed_things()
    with pytest.raises(InvalidCredentialsError):
        await client.list_managed_things()
    assert refused(world) == 3


async def test_what_stays_refused_is_tried_no_more_than_twice(
    scripted_client: Client, scripted: ScriptedServer
) -> None:
    scripted.default = refusal("InvalidSignatureException", "Signature expired: x", headers={"Date": IN_2030})
    with pytest.raises(ClockSkewError) as caught:
        await scripted_client.list_managed_things()
    assert len(scripted.requests) == 2
    expected = (datetime(2030, 1, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds()
    assert caught.value.clock_skew == pytest.approx(expected, abs=3600)
    assert scripted_client.clock_skew == pytest.approx(expected, abs=3600)


async def test_without_a_time_there_is_nothing_to_correct(scripted_client: Client, scripted: ScriptedServer) -> None:
    scripted.default = refusal("RequestTimeTooSkewed")
    with pytest.raises(ClockSkewError) as caught:
        await scripted_client.list_managed_things()
    assert caught.value.clock_skew is None
    assert scripted_client.clock_skew is None
    assert len(scripted.requests) == 1


async def test_the_time_in_awss_text_will_do(scripted_client: Client, scripted: ScriptedServer) -> None:
    now = datetime.now(UTC) + timedelta(hours=2)
    text = f"Signature expired: x is now earlier than y ({now:%Y%m%dT%H%M%SZ} - 5 min.)"
    scripted.answers.extend([refusal("InvalidSignatureException", text, status=403), answer({"Items": []})])
    assert await scripted_client.list_managed_things() == ()
    assert scripted_client.clock_skew == pytest.approx(7200, abs=60)


async def test_the_signature_has_the_corrected_time(scripted_client: Client, scripted: ScriptedServer) -> None:
    scripted.answers.extend(
        [refusal("RequestTimeTooSkewed", headers={"Date": IN_2030}), answer({"Items": []}, headers={"Date": IN_2030})]
    )
    await scripted_client.list_managed_things()
    first, second = (re.findall(r"(?im)^x-amz-date: (\d{4})", text) for text in scripted.requests)
    assert len(first) == 1
    assert first != ["2030"]
    assert second == ["2030"]
    assert "/20300101/eu-west-1/iotmanagedintegrations/aws4_request" in scripted.requests[1]
    assert len(re.findall("(?im)^authorization:", scripted.requests[1])) == 1


@pytest.mark.parametrize("offset", [-50, 50])
async def test_less_than_a_minute_is_ignored(scripted_client: Client, scripted: ScriptedServer, offset: int) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=offset), usegmt=True)
    scripted.default = answer({"Items": []}, headers={"Date": then})
    await scripted_client.list_managed_things()
    assert scripted_client.clock_skew == pytest.approx(offset, abs=8)
    assert scripted_client._clock.correction == 0


@pytest.mark.parametrize("headers", [{"Date": "yesterday"}, {}, {"Date": "Mon, 01 Jan 9999 00:00:00 GMT"}])
async def test_what_is_no_time_is_ignored(
    scripted_client: Client, scripted: ScriptedServer, headers: dict[str, str]
) -> None:
    scripted.default = answer({"Items": []}, headers=headers)
    await scripted_client.list_managed_things()
    assert scripted_client.clock_skew is None


async def test_a_proxys_time_is_ignored(scripted_client: Client, scripted: ScriptedServer) -> None:
    scripted.answers.append(answer({"Items": []}, headers={"Date": IN_2030}, request_id=None))
    scripted.answers.append(answer({"Items": []}))
    with pytest.raises(Exception, match="not from AWS"):
        await scripted_client.list_managed_things()
    await scripted_client.list_managed_things()
    assert scripted_client.clock_skew is None


def test_the_clock_alone() -> None:
    clock = Clock()
    assert (clock.skew, clock.correction, clock.signed_correction) == (None, 0, 0)
    clock.learn(59.9)
    assert (clock.skew, clock.correction) == (59.9, 0)
    clock.learn(-60)
    assert clock.correction == -60
    assert datetime.now(UTC) - clock.now() >= timedelta(seconds=59)
    clock.learn(1e12)
    assert clock.skew == -60


def test_http_date() -> None:
    expected = datetime(2030, 1, 1, tzinfo=UTC)
    assert http_date(IN_2030) == expected
    assert http_date("Tue, 01 Jan 2030 00:00:00 -0000") == expected
    assert http_date("soon") is None
