"""AWS IoT Managed Integrations: links discovered devices to cloud account associations."""

import logging
from typing import TYPE_CHECKING

from homeassistant.const import EVENT_HOMEASSISTANT_CLOSE, Platform
from homeassistant.core import Event, HassJob, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv, device_registry as dr
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.typing import ConfigType

from .certificate_files import CertificateFilesError, async_resolve_files
from .connection import create_client
from .connectivity import ConnectivityCoordinator
from .const import DOMAIN
from .coordinator import MiRegistrationCoordinator
from .data import MiRegistrationConfigEntry, MiRegistrationData
from .device_discovery import DeviceDiscoveries
from .issues import Issues, async_delete_issues
from .linking import Linking
from .matcher import Matcher
from .onboarder import Onboarder
from .policies import Policies
from .registrar import Registrar
from .services import async_setup_services
from .store import NotStoredError, RegistrationStore

if TYPE_CHECKING:
    from datetime import datetime

_LOGGER = logging.getLogger(__name__)

PLATFORMS = [Platform.BINARY_SENSOR, Platform.BUTTON, Platform.EVENT, Platform.SELECT, Platform.SENSOR]
CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)

DETAILS_DELAY = 5
"""Seconds after set-up until what isn't part of a synchronisation is read: connectivity, discovery jobs."""


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Register the actions."""
    async_setup_services(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: MiRegistrationConfigEntry) -> bool:
    """Set up an account: from the cloud the first time, later from what was known, reading the cloud meanwhile."""
    store = RegistrationStore(hass, entry.entry_id)
    try:
        await store.async_load()
    except NotStoredError as err:
        raise ConfigEntryNotReady(
            translation_domain=DOMAIN,
            translation_key=err.translation_key,
            translation_placeholders=err.translation_placeholders,
        ) from err
    try:
        data = await async_resolve_files(hass, entry.data)
    except CertificateFilesError as err:
        raise ConfigEntryAuthFailed(
            translation_domain=DOMAIN,
            translation_key="certificate_files",
            translation_placeholders={"message": str(err)},
        ) from err
    client = create_client(hass, data, entry.options, account=entry.unique_id)
    entry.async_on_unload(client.close)

    async def _async_close(_event: Event) -> None:
        await client.close()

    # Entries aren't unloaded when Home Assistant stops, but threads of ours would hold it up.
    entry.async_on_unload(hass.bus.async_listen_once(EVENT_HOMEASSISTANT_CLOSE, _async_close))
    coordinator = MiRegistrationCoordinator(hass, entry, client, store)
    if store.inventory is None:
        await coordinator.async_config_entry_first_refresh()
    else:
        await coordinator.async_start_from_store()
    discoveries = DeviceDiscoveries(coordinator)
    registrar = Registrar(coordinator, discoveries)
    onboarder = Onboarder(coordinator, discoveries, registrar)
    connectivity = ConnectivityCoordinator(hass, entry, client)
    entry.runtime_data = MiRegistrationData(
        client=client,
        store=store,
        coordinator=coordinator,
        discoveries=discoveries,
        registrar=registrar,
        onboarder=onboarder,
        linking=Linking(coordinator),
        connectivity=connectivity,
        matcher=Matcher(coordinator),
    )
    policies = Policies(hass, entry)
    entry.runtime_data.issues = Issues(hass, entry)
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    coordinator.announcer.async_start()
    entry.async_on_unload(coordinator.async_add_listener(registrar.async_inventory_updated))
    entry.async_on_unload(registrar.async_stop)
    entry.runtime_data.matcher.async_start()
    policies.async_start()
    entry.runtime_data.issues.async_start()
    entry.async_on_unload(entry.add_update_listener(_UpdateListener(entry)))
    if coordinator.last_update_success:
        registrar.async_inventory_updated()
    else:
        entry.async_create_background_task(hass, _async_first_read(coordinator), f"{DOMAIN} first read")

    async def _async_read_details() -> None:
        await connectivity.async_refresh()
        await policies.async_look_back()

    @callback
    def _async_start_reading_details(_now: datetime) -> None:
        entry.async_create_background_task(hass, _async_read_details(), f"{DOMAIN} first details")

    entry.async_on_unload(
        async_call_later(
            hass,
            DETAILS_DELAY,
            HassJob(_async_start_reading_details, f"{DOMAIN} first details", cancel_on_shutdown=True),
        )
    )
    return True


async def _async_first_read(coordinator: MiRegistrationCoordinator) -> None:
    """Read the cloud for the first time after a start from the stored Inventory."""
    await coordinator.async_refresh()
    if not coordinator.last_update_success:
        # The coordinator logs only what fails after it worked.
        _LOGGER.warning(
            "%s can't be read: %s; starting from what was known at %s",
            coordinator.name,
            coordinator.last_exception,
            coordinator.as_of,
        )


class _UpdateListener:
    """Follows changes of an entry: associations in place, everything else by a reload."""

    def __init__(self, entry: MiRegistrationConfigEntry) -> None:
        self._set_up_with = (entry.data, entry.options)

    async def __call__(self, hass: HomeAssistant, entry: MiRegistrationConfigEntry) -> None:
        if (entry.data, entry.options) == self._set_up_with:
            entry.runtime_data.coordinator.async_subentries_changed()
        else:
            hass.config_entries.async_schedule_reload(entry.entry_id)


async def async_unload_entry(hass: HomeAssistant, entry: MiRegistrationConfigEntry) -> bool:
    """Unload an account; what waits is on disk."""
    if unloaded := await hass.config_entries.async_unload_platforms(entry, PLATFORMS):
        await entry.runtime_data.store.async_flush()
        if entry.disabled_by is not None:
            async_delete_issues(hass, entry.entry_id)
    return unloaded


async def async_remove_entry(hass: HomeAssistant, entry: MiRegistrationConfigEntry) -> None:
    """Remove what was kept on disk for an account; nothing in the cloud is touched."""
    await RegistrationStore(hass, entry.entry_id).async_remove()
    async_delete_issues(hass, entry.entry_id)


async def async_remove_config_entry_device(
    _hass: HomeAssistant, entry: MiRegistrationConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Let the user delete a device only if the cloud doesn't have what it stands for."""
    coordinator = entry.runtime_data.coordinator
    here = {str(entry.unique_id), *coordinator.association_subentries, *coordinator.data.things_by_id}
    return not any(domain == DOMAIN and aws_id in here for domain, aws_id in device.identifiers)
