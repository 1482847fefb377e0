"""What a loaded entry owns, where every module finds it: this one imports none of them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntry

if TYPE_CHECKING:
    from .aws.client import ManagedIntegrationsClient
    from .connectivity import ConnectivityCoordinator
    from .coordinator import MiRegistrationCoordinator
    from .device_discovery import DeviceDiscoveries
    from .issues import Issues
    from .linking import Linking
    from .matcher import Matcher
    from .onboarder import Onboarder
    from .registrar import Registrar
    from .store import RegistrationStore


@dataclass(slots=True, kw_only=True)
class MiRegistrationData:
    """What a loaded entry owns."""

    client: ManagedIntegrationsClient
    store: RegistrationStore
    coordinator: MiRegistrationCoordinator
    discoveries: DeviceDiscoveries
    registrar: Registrar
    onboarder: Onboarder
    linking: Linking
    issues: Issues = field(init=False)
    connectivity: ConnectivityCoordinator
    matcher: Matcher


type MiRegistrationConfigEntry = ConfigEntry[MiRegistrationData]
