"""The consent page, opened and answered as a browser does."""

from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, override
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from emulator import Emulator, World

from .conftest import make_client


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a browser got."""

    status: int
    headers: dict[str, str]
    text: str


def browse(url: str, form: dict[str, str] | None = None, method: str | None = None) -> Page:
    data = None if form is None else urlencode(form).encode()
    try:
        answer = urlopen(Request(url, data=data, method=method))  # noqa: S310  # always the emulator's
    except HTTPError as error:
        answer = error
    with answer:
        return Page(status=answer.status, headers=dict(answer.headers), text=answer.read().decode())


class Form(HTMLParser):
    """The hidden fields and the buttons of a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.buttons: dict[str, tuple[str, str]] = {}
        self._button: tuple[str, str] | None = None
        self.feed(page.text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input":
            self.fields[given["name"]] = given["value"]
        self._button = (given["name"], given["value"]) if tag == "button" else None

    @override
    def handle_data(self, data: str) -> None:
        if self._button:
            self.buttons[data] = self._button
            self._button = None

    def click(self, url: str, label: str) -> Page:
        """Send the form by one of its buttons."""
        return browse(url, self.fields | dict([self.buttons[label]]))


@dataclass(frozen=True, kw_only=True)
class Link:
    """An association that waits for its user."""

    world: World
    client: Any
    id: str
    url: str

    @property
    def row(self) -> dict[str, Any]:
        """The association's row."""
        return self.world.associations[self.id]


@pytest.fixture
def link(client: Any, world: World) -> Link:
    answer = client.create_account_association(ConnectorDestinationId="contoso-locks", Name="Our locks")
    return Link(world=world, client=client, id=answer["AccountAssociationId"], url=answer["OAuthAuthorizationUrl"])


def test_allow(link: Link) -> None:
    page = browse(link.url)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Contoso Locks wants to let AWS IoT Managed Integrations use your account" in page.text
    form = Form(page)
    assert set(form.buttons) == {"Allow", "Deny"}
    assert link.row["AssociationState"] == "ASSOCIATION_IN_PROGRESS"
    done = form.click(link.url, "Allow")
    assert done.status == 200
    assert "You can close this window." in done.text
    assert link.row["AssociationState"] == "ASSOCIATION_SUCCEEDED"


def test_deny(link: Link) -> None:
    done = Form(browse(link.url)).click(link.url, "Deny")
    assert "You can close this window." in done.text
    assert link.row["AssociationState"] == "ASSOCIATION_FAILED"
    assert link.row["ErrorMessage"] == "access_denied The user denied access"
    listed = link.client.list_account_associations()["Items"][-1]
    assert listed["ErrorMessage"] == link.row["ErrorMessage"]


def test_link_is_good_once(link: Link) -> None:
    form = Form(browse(link.url))
    form.click(link.url, "Allow")
    assert browse(link.url).status == 410
    again = form.click(link.url, "Deny")
    assert (again.status, "no longer good" in again.text) == (410, True)
    assert link.row["AssociationState"] == "ASSOCIATION_SUCCEEDED"


def test_newer_link_replaces_it(link: Link) -> None:
    form = Form(browse(link.url))
    newer = link.client.start_account_association_refresh(AccountAssociationId=link.id)["OAuthAuthorizationUrl"]
    assert form.click(link.url, "Allow").status == 410
    assert link.row["AssociationState"] == "ASSOCIATION_IN_PROGRESS"
    assert Form(browse(newer)).click(newer, "Allow").status == 200


def test_deleted_meanwhile(link: Link) -> None:
    form = Form(browse(link.url))
    link.client.delete_account_association(AccountAssociationId=link.id)
    link.world.advance(10)
    assert form.click(link.url, "Allow").status == 410


def test_removed_meanwhile(link: Link) -> None:
    link.world.remove_association(link.id)
    assert link.id not in link.world.associations
    assert browse(link.url).status == 410


def test_expired_link(link: Link) -> None:
    form = Form(browse(link.url))
    link.world.advance(3600)
    page = browse(link.url)
    assert (page.status, "has expired" in page.text) == (410, True)
    assert form.click(link.url, "Allow").status == 410
    assert link.row["AssociationState"] == "ASSOCIATION_IN_PROGRESS"


@pytest.mark.parametrize("change", ["x", "<script>", "%FF", ""])
def test_unknown_link(link: Link, change: str) -> None:
    page = browse(f"{link.url.partition('state=')[0]}state={change}")
    assert (page.status, "not known" in page.text) == (404, True)
    assert "<script>" not in page.text
    assert browse(link.url.partition("?")[0]).status == 404


def test_nothing_decided(link: Link) -> None:
    fields = Form(browse(link.url)).fields
    assert browse(link.url, fields).status == 400
    assert browse(link.url, fields | {"decision": "perhaps"}).status == 400
    assert browse(link.url, {"decision": "allow"}).status == 404
    assert browse(link.url, method="DELETE").status == 405
    assert link.row["AssociationState"] == "ASSOCIATION_IN_PROGRESS"


def test_names_are_escaped(client: Any, world: World) -> None:
    world.backend.connector_destinations.get("contoso-locks").members["Name"] = "<b>Vendor</b>"
    answer = client.create_account_association(ConnectorDestinationId="contoso-locks")
    page = browse(answer["OAuthAuthorizationUrl"])
    assert "&lt;b&gt;Vendor&lt;/b&gt; wants" in page.text
    assert "<b>" not in page.text
    done = Form(page).click(answer["OAuthAuthorizationUrl"], "Allow")
    assert "<b>" not in done.text


def test_destination_that_is_gone(link: Link) -> None:
    link.world.remove_connector_destination("contoso-locks")
    assert "contoso-locks wants" in browse(link.url).text


def test_each_world_knows_its_own_links(emulator: Emulator, link: Link) -> None:
    other = emulator.create_world("home")
    theirs = make_client("iot-managed-integrations", emulator, other).create_account_association(
        ConnectorDestinationId="acme-lighting"
    )
    assert "Contoso Locks wants" in browse(link.url).text
    url = theirs["OAuthAuthorizationUrl"]
    Form(browse(url)).click(url, "Allow")
    assert other.associations[theirs["AccountAssociationId"]]["AssociationState"] == "ASSOCIATION_SUCCEEDED"
    assert link.row["AssociationState"] == "ASSOCIATION_IN_PROGRESS"
    emulator.remove_world(other)
    assert browse(url).status == 404
