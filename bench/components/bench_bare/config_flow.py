"""Home Assistant wants one for every domain that has entries."""

from homeassistant.config_entries import ConfigFlow

from .layout import DOMAIN


class BareConfigFlow(ConfigFlow, domain=DOMAIN):
    """A flow without steps: the bench makes its entries itself."""
