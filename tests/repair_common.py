"""What the tests of repairs share: what is shown, and fixing it as the frontend does."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp.test_utils import TestClient
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.mi_registration import linking
from custom_components.mi_registration.const import DOMAIN
from emulator import World
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.setup import async_setup_component

from .common import PUT, REGISTER, act, poll

FIX_URL = "/api/repairs/issues/fix"
IGNORE_OWN_WARNING_OF_HTTP = pytest.mark.filterwarnings("ignore:It is recommended to use web")
"""Home Assistant's HTTP server uses keys of an older aiohttp."""


def make_looks_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let authorizations be watched closely."""
    monkeypatch.setattr(linking, "AUTHORIZE_PAUSES", (0.01, 0.02))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that real requests bring about in the background."""
    while not condition():  # noqa: ASYNC110  # nothing tells of most of what tests wait for
        await asyncio.sleep(0.01)


def issues(hass: HomeAssistant) -> set[str]:
    """Return the ids of this integration's repairs that are shown."""
    return {issue.issue_id for issue in ir.async_get(hass).issues.values() if issue.domain == DOMAIN and issue.active}


def issue(hass: HomeAssistant, issue_id: str) -> ir.IssueEntry:
    """Return a repair that is shown."""
    found = ir.async_get(hass).async_get_issue(DOMAIN, issue_id)
    assert found is not None
    return found


async def text_of(hass: HomeAssistant, issue_id: str) -> str:
    """Return what the user reads of a repair: title and, where there is one, description."""
    found = issue(hass, issue_id)
    texts = await async_get_translations(hass, "en", "issues", [DOMAIN])
    parts = []
    for part in ("title", "description"):
        text = texts.get(f"component.{DOMAIN}.issues.{found.translation_key}.{part}")
        if text is not None:
            parts.append(text.format(**(found.translation_placeholders or {})))
    assert parts
    return "\n".join(parts)


def refuse(world: World, message: str = "by request of a test") -> None:
    """Let AWS refuse to register from now on, whatever discovery is named; what it refused before is forgotten."""
    accept(world)
    world.refuse(PUT, "ServiceQuotaExceededException", times=100, message=message)


def accept(world: World) -> None:
    """Let AWS register again."""
    world.faults.refusals.pop(PUT, None)


async def fail_to_register(
    hass: HomeAssistant, world: World, thing_id: str, association_id: str, message: str = "by request of a test"
) -> str:
    """Let AWS refuse to register a thing for good; return the id of the repair."""
    refuse(world, message)
    with pytest.raises(HomeAssistantError, match=message):
        await act(hass, REGISTER, managed_thing_id=thing_id, account_association_id=association_id)
    await hass.async_block_till_done(wait_background_tasks=True)
    return f"registration_failed_{thing_id}_{association_id}"


async def expire_authorization(hass: HomeAssistant, entry: MockConfigEntry, world: World, association_id: str) -> str:
    """Let an association need a new authorization; return the id of the repair."""
    world.expire_authorization(association_id)
    assert await poll(hass, entry)
    return f"authorization_expired_{association_id}"


async def delete_association(hass: HomeAssistant, entry: MockConfigEntry, world: World, association_id: str) -> str:
    """Let an association be deleted in the cloud; return the id of the repair."""
    world.remove_association(association_id)
    assert await poll(hass, entry)
    return f"association_deleted_{association_id}"


async def leave_in_discovered(
    hass: HomeAssistant, entry: MockConfigEntry, world: World, thing_id: str, association_id: str
) -> str:
    """Let AWS never be done with a thing; return the id of the repair."""
    world.register(thing_id, association_id, status="PRE_ASSOCIATED")
    world.update_thing(thing_id, status="DISCOVERED")
    assert await poll(hass, entry)
    return f"thing_stuck_in_discovered_{thing_id}"


class FixFlow:
    """A fix flow, driven through Home Assistant's HTTP API."""

    def __init__(self, client: TestClient[Any, Any], result: dict[str, Any]) -> None:
        """Take over a flow that was started."""
        self._client = client
        self.result = result

    @classmethod
    async def start(cls, hass: HomeAssistant, hass_client: ClientSessionGenerator, issue_id: str) -> FixFlow:
        """Open a repair's dialog."""
        assert await async_setup_component(hass, "repairs", {})
        await hass.async_block_till_done()
        client = await hass_client()
        answer = await client.post(FIX_URL, json={"handler": DOMAIN, "issue_id": issue_id})
        assert answer.status == HTTPStatus.OK, await answer.text()
        return cls(client, await answer.json())

    async def submit(self, **user_input: Any) -> dict[str, Any]:
        """Submit the form that is shown."""
        answer = await self._client.post(f"{FIX_URL}/{self.result['flow_id']}", json=user_input)
        assert answer.status == HTTPStatus.OK, await answer.text()
        self.result = await answer.json()
        return self.result

    async def look(self) -> dict[str, Any]:
        """Read what the dialog shows now, as the frontend does when Home Assistant tells it that a flow went on."""
        answer = await self._client.get(f"{FIX_URL}/{self.result['flow_id']}")
        assert answer.status == HTTPStatus.OK, await answer.text()
        self.result = await answer.json()
        return self.result

    async def close(self) -> None:
        """Close the dialog."""
        answer = await self._client.delete(f"{FIX_URL}/{self.result['flow_id']}")
        assert answer.status == HTTPStatus.OK, await answer.text()
