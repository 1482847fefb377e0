"""A real Home Assistant core with the integration, its storage on disk, and nothing else set up."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import custom_components
from custom_components.mi_registration.const import (
    AUTH_ACCESS_KEY,
    CONF_ACCESS_KEY_ID,
    CONF_ACCOUNT_ASSOCIATION_ID,
    CONF_AUTH_METHOD,
    CONF_ENDPOINT_URL,
    CONF_REGION,
    CONF_REGISTRATION_POLICY,
    CONF_REQUESTS_PER_SECOND,
    CONF_SECRET_ACCESS_KEY,
    DOMAIN,
    POLICY_MANUAL,
    SUBENTRY_ACCOUNT_ASSOCIATION,
)
from homeassistant import bootstrap, loader
from homeassistant.auth import auth_manager_from_config
from homeassistant.config_entries import SOURCE_USER, ConfigEntries, ConfigEntry, ConfigEntryState
from homeassistant.core import HomeAssistant

from .cloud import Endpoint

COMPONENTS = Path(__file__).parent / "components"
"""Where Home Assistant finds the bare integration that ours is compared with."""
UNLIMITED = 100
"""Requests per second: the most that the integration's options allow."""


@asynccontextmanager
async def home_assistant(directory: str | None = None) -> AsyncGenerator[HomeAssistant]:
    """Start a Home Assistant core; it is stopped, and has saved everything, in the end.

    Its configuration is in ``directory``, or in a folder of its own that goes with it.
    """
    if str(COMPONENTS) not in custom_components.__path__:
        custom_components.__path__.append(str(COMPONENTS))
    with ExitStack() as stack:
        hass = HomeAssistant(directory or stack.enter_context(TemporaryDirectory(prefix="bench-")))
        loader.async_setup(hass)
        hass.config.skip_pip = True
        hass.config_entries = ConfigEntries(hass, {})
        await loader.async_get_custom_components(hass)
        await bootstrap.async_load_base_functionality(hass)
        hass.auth = await auth_manager_from_config(hass, [], [])
        await hass.async_start()
        try:
            yield hass
        finally:
            await hass.async_stop(force=True)


def config_entry(endpoint: Endpoint, association_ids: Iterable[str], *, requests_per_second: int) -> ConfigEntry:
    """Return an entry for the account, with a subentry for each association."""
    return ConfigEntry(
        version=1,
        minor_version=1,
        domain=DOMAIN,
        title=f"AWS {endpoint.account_id} ({endpoint.region})",
        unique_id=endpoint.unique_id,
        source=SOURCE_USER,
        discovery_keys=MappingProxyType({}),
        data={
            CONF_REGION: endpoint.region,
            CONF_AUTH_METHOD: AUTH_ACCESS_KEY,
            CONF_ENDPOINT_URL: endpoint.url,
            CONF_ACCESS_KEY_ID: endpoint.access_key_id,
            CONF_SECRET_ACCESS_KEY: endpoint.secret_access_key,
        },
        options={CONF_REQUESTS_PER_SECOND: requests_per_second},
        subentries_data=[
            {
                "subentry_type": SUBENTRY_ACCOUNT_ASSOCIATION,
                "title": association_id,
                "unique_id": association_id,
                "data": {CONF_ACCOUNT_ASSOCIATION_ID: association_id, CONF_REGISTRATION_POLICY: POLICY_MANUAL},
            }
            for association_id in association_ids
        ],
    )


async def add(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Set a new entry up, and wait until everything that this started has settled."""
    await hass.config_entries.async_add(entry)
    await _settle(hass, entry)


async def start(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Set an entry up that an earlier start left behind, as Home Assistant does when it starts."""
    await hass.config_entries.async_setup(entry.entry_id)
    await _settle(hass, entry)


async def _settle(hass: HomeAssistant, entry: ConfigEntry) -> None:
    await hass.async_block_till_done()
    if entry.state is not ConfigEntryState.LOADED:
        raise RuntimeError(f"{entry.domain} is {entry.state}: {entry.reason}")
    await asyncio.sleep(0)
