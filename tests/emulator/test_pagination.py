"""Pages and their tokens."""

from typing import Any

from hypothesis import given, strategies as st
import pytest

from emulator import World
from emulator.exceptions import ValidationException
from emulator.pagination import page
from emulator.resources import Registration

from .conftest import code_of

OPERATIONS = [
    ("list_managed_things", 13),
    ("list_account_associations", 2),
    ("list_managed_thing_account_associations", 4),
    ("list_device_discoveries", 2),
]


@pytest.mark.parametrize(("operation", "total"), OPERATIONS)
def test_pages_of_one(client: Any, operation: str, total: int) -> None:
    pages = list(client.get_paginator(operation).paginate(PaginationConfig={"PageSize": 1}))
    assert [len(page["Items"]) for page in pages] == [1] * total
    everything = getattr(client, operation)()["Items"]
    assert [page["Items"][0] for page in pages] == everything


def test_pages_of_discovered_devices(client: Any, world: World) -> None:
    job = world.discovery_id(world.association_id("Acme Lighting"))
    paginator = client.get_paginator("list_discovered_devices")
    pages = list(paginator.paginate(Identifier=job, PaginationConfig={"PageSize": 3}))
    assert [len(page["Items"]) for page in pages] == [3, 1]


def test_default_page_size(client: Any, world: World) -> None:
    world.set_switches(default_page_size=5)
    assert len(client.list_managed_things()["Items"]) == 5
    assert len(client.list_managed_things(MaxResults=1000)["Items"]) == 13


def test_a_token_is_good_for_its_call_only(client: Any) -> None:
    token = client.list_managed_things(MaxResults=2, RoleFilter="DEVICE")["NextToken"]
    assert len(client.list_managed_things(MaxResults=3, RoleFilter="DEVICE", NextToken=token)["Items"]) == 3
    for call in (
        lambda: client.list_managed_things(NextToken=token),
        lambda: client.list_account_associations(NextToken=token),
        lambda: client.list_managed_things(RoleFilter="DEVICE", NextToken="bm9uc2Vuc2U="),
        lambda: client.list_managed_things(RoleFilter="DEVICE", NextToken="x"),
    ):
        assert code_of(call) == "ValidationException"


def test_what_comes_and_goes_between_pages(client: Any, world: World) -> None:
    first = client.list_managed_things(MaxResults=5)
    world.remove_thing(first["Items"][-1]["Id"])
    late = world.add_thing(name="Late")
    second = client.list_managed_things(NextToken=first["NextToken"])
    ids = [row["Id"] for row in first["Items"] + second["Items"]]
    assert len(ids) == len(set(ids)) == 14
    assert ids[-1] == late


@given(st.integers(0, 60), st.integers(1, 70))
def test_pages_are_complete_and_in_order(total: int, size: int) -> None:
    rows = [
        Registration(sequence=number, managed_thing_id=str(number), account_association_id="a", status="ASSOCIATED")
        for number in range(total)
    ]
    seen: list[Registration] = []
    token = None
    while True:
        params = {"MaxResults": size} | ({"NextToken": token} if token else {})
        items, token = page(rows, account_id="1", operation="List", params=params, default_size=50)
        assert len(items) <= size
        seen += items
        if token is None:
            break
    assert seen == rows


@given(st.text(st.sampled_from("abcXYZ019=_-"), min_size=1, max_size=80))
def test_made_up_tokens(token: str) -> None:
    with pytest.raises(ValidationException):
        page([], account_id="1", operation="List", params={"NextToken": token}, default_size=50)
