"""A Home Assistant in a process of its own, which a test may kill at any moment."""

import asyncio
from dataclasses import dataclass, field
import time
from typing import Any

from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant

from custom_components.mi_registration import attempt, device_discovery, registrar
from custom_components.mi_registration.const import DOMAIN, SUBENTRY_ACCOUNT_ASSOCIATION
from homeassistant.loader import DATA_CUSTOM_COMPONENTS
from homeassistant.util import dt as dt_util

ENTRY_ID = "the_only_entry"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a process is to do: ask for something, or with ``ask`` empty only finish what an earlier one left."""

    config_dir: str
    unique_id: str
    data: dict[str, str] = field(repr=False)
    account_association_id: str
    ask: str | None = None
    """The name of an action, or ``None``."""
    fields: dict[str, Any] = field(default_factory=dict)


def run(what: Run) -> None:
    """Run until nothing waits any more."""
    asyncio.run(_async_run(what))


async def _async_run(what: Run) -> None:
    registrar.RETRY_SECONDS = (0.05, 0.2)  # type: ignore[misc]  # this process is for this test only
    attempt.READ_BACK_PAUSES = (0.05, 0.1)  # type: ignore[misc]  # likewise
    device_discovery.FOLLOW_PAUSES = (0.05, 0.1)  # type: ignore[misc]  # likewise
    async with async_test_home_assistant(config_dir=what.config_dir) as hass:
        hass.data.pop(DATA_CUSTOM_COMPONENTS)
        entry = MockConfigEntry(
            domain=DOMAIN,
            entry_id=ENTRY_ID,
            unique_id=what.unique_id,
            data=what.data,
            options={"requests_per_second": 100},
            subentries_data=[
                {
                    "subentry_type": SUBENTRY_ACCOUNT_ASSOCIATION,
                    "title": "Vendor account",
                    "unique_id": what.account_association_id,
                    "data": {
                        "account_association_id": what.account_association_id,
                        "registration_policy": "manual",
                    },
                }
            ],
        )
        entry.add_to_hass(hass)
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        if what.ask is not None:
            await hass.services.async_call(
                DOMAIN,
                what.ask,
                {"account_association_id": what.account_association_id, **what.fields},
                blocking=True,
                return_response=True,
            )
        data = entry.runtime_data
        while data.registrar.pending_count or not data.coordinator.last_update_success:
            await hass.async_add_executor_job(time.sleep, 0.05)
        await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_stop(force=True)
        dt_util.set_default_time_zone(dt_util.UTC)
