"""The client of an entry: what was typed, and the quota that all clients of one AWS account and Region share."""

from collections.abc import Mapping
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.loader import async_get_loaded_integration
from homeassistant.util.hass_dict import HassKey

from .aws.boto3_client import Boto3ManagedIntegrationsClient
from .aws.client import ManagedIntegrationsClient
from .aws.quota import Quota
from .aws.session import ConnectionSettings
from .const import CONF_REQUESTS_PER_SECOND, DEFAULT_REQUESTS_PER_SECOND, DOMAIN

_QUOTAS: HassKey[dict[str, Quota]] = HassKey(f"{DOMAIN}_quotas")


def create_client(
    hass: HomeAssistant, data: Mapping[str, Any], options: Mapping[str, Any], *, account: str | None = None
) -> ManagedIntegrationsClient:
    """Make a client for an entry's data and options; nothing is read or sent yet.

    ``account`` is the entry's unique id, once it is known: all clients of one account and Region share AWS's quota.
    """
    rate = options.get(CONF_REQUESTS_PER_SECOND, DEFAULT_REQUESTS_PER_SECOND)
    quota = Quota(rate)
    if account is not None:
        quota = hass.data.setdefault(_QUOTAS, {}).setdefault(account, quota)
        quota.set_rate(rate)
    version = async_get_loaded_integration(hass, DOMAIN).version
    return Boto3ManagedIntegrationsClient(
        ConnectionSettings.from_config(data), quota=quota, user_agent_extra=f"{DOMAIN}/{version}"
    )
