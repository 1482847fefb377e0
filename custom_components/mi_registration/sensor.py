"""Sensors: counts of the account, states of its associations, and whether each thing is registered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.typing import StateType

from .account_lists import CloudList
from .aws.models import AssociationState, DiscoveryStatus, ProvisioningStatus
from .coordinator import DeviceKind
from .data import MiRegistrationConfigEntry, MiRegistrationData
from .entity import Descriptions, MiRegistrationEntity, MiRegistrationEntityDescription, async_setup_platform
from .verdicts import RegistrationState

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class MiRegistrationSensorDescription(MiRegistrationEntityDescription, SensorEntityDescription):
    """How to read a sensor's value for a device, by its AWS id."""

    value_fn: Callable[[MiRegistrationData, str], StateType | datetime]
    attributes_fn: Callable[[MiRegistrationData, str], dict[str, Any]] | None = None


def _options(enum: type[StrEnum]) -> list[str]:
    return [value.lower() for value in enum]


def _lower(value: StrEnum | None) -> str | None:
    return None if value is None else value.lower()


def _association_state(data: MiRegistrationData, association_id: str) -> str | None:
    return _lower(data.coordinator.data.associations_by_id[association_id].state)


def _provisioning_status(data: MiRegistrationData, thing_id: str) -> str | None:
    return _lower(data.coordinator.data.things_by_id[thing_id].provisioning_status)


def _registered_things(data: MiRegistrationData, association_id: str) -> int:
    inventory = data.coordinator.data
    return sum(
        inventory.is_registered((row.managed_thing_id, association_id))
        for row in inventory.registrations_by_association.get(association_id, ())
    )


def _discovery_status(data: MiRegistrationData, target: str) -> str:
    job = data.discoveries.newest(target)
    return "none" if job is None else _lower(job.status) or "none"


def _last_discovery(data: MiRegistrationData, target: str) -> datetime | None:
    job = data.discoveries.newest(target)
    return None if job is None else job.finished_at or job.started_at


def _unregistered_things(data: MiRegistrationData, association_id: str) -> int:
    return len(data.discoveries.unregistered(association_id))


def _all_unregistered_things(data: MiRegistrationData, _account: str) -> int:
    return sum(_unregistered_things(data, association_id) for association_id in data.coordinator.association_subentries)


def _registration_attributes(data: MiRegistrationData, thing_id: str) -> dict[str, Any]:
    return {
        "account_associations": [
            {"account_association_id": association_id, "status": state.value}
            for association_id, state in sorted(data.registrar.states_of(thing_id).items())
        ],
        "last_error": data.registrar.last_error(thing_id),
    }


PROVISIONING_STATUS = MiRegistrationSensorDescription(
    key="provisioning_status",
    device_class=SensorDeviceClass.ENUM,
    options=_options(ProvisioningStatus),
    entity_category=EntityCategory.DIAGNOSTIC,
    value_fn=_provisioning_status,
)

DISCOVERY_STATUS = MiRegistrationSensorDescription(
    key="discovery_status",
    device_class=SensorDeviceClass.ENUM,
    options=["none", *_options(DiscoveryStatus)],
    value_fn=_discovery_status,
)
LAST_DISCOVERY = MiRegistrationSensorDescription(
    key="last_discovery", device_class=SensorDeviceClass.TIMESTAMP, value_fn=_last_discovery
)

SENSORS: Descriptions[MiRegistrationSensorDescription] = {
    DeviceKind.ACCOUNT: (
        MiRegistrationSensorDescription(
            key="managed_things",
            state_class=SensorStateClass.MEASUREMENT,
            value_fn=lambda data, _: len(data.coordinator.data.managed_things),
        ),
        MiRegistrationSensorDescription(
            key="unregistered_things",
            state_class=SensorStateClass.MEASUREMENT,
            needs_list=CloudList.REGISTRATIONS,
            value_fn=_all_unregistered_things,
        ),
        MiRegistrationSensorDescription(
            key="pending_registrations",
            state_class=SensorStateClass.MEASUREMENT,
            needs_cloud=False,
            value_fn=lambda data, _: data.registrar.pending_count,
        ),
    ),
    DeviceKind.ASSOCIATION: (
        MiRegistrationSensorDescription(
            key="state",
            device_class=SensorDeviceClass.ENUM,
            options=_options(AssociationState),
            needs_list=CloudList.ASSOCIATIONS,
            value_fn=_association_state,
        ),
        MiRegistrationSensorDescription(
            key="registered_things",
            state_class=SensorStateClass.MEASUREMENT,
            needs_list=CloudList.REGISTRATIONS,
            value_fn=_registered_things,
        ),
        MiRegistrationSensorDescription(
            key="unregistered_things",
            state_class=SensorStateClass.MEASUREMENT,
            needs_list=CloudList.REGISTRATIONS,
            value_fn=_unregistered_things,
        ),
        DISCOVERY_STATUS,
        LAST_DISCOVERY,
    ),
    DeviceKind.HUB: (
        PROVISIONING_STATUS,
        MiRegistrationSensorDescription(
            key="managed_things",
            state_class=SensorStateClass.MEASUREMENT,
            value_fn=lambda data, hub_id: data.coordinator.data.children_by_hub.get(hub_id, 0),
        ),
        DISCOVERY_STATUS,
        LAST_DISCOVERY,
    ),
    DeviceKind.THING: (
        MiRegistrationSensorDescription(
            key="registration",
            device_class=SensorDeviceClass.ENUM,
            options=_options(RegistrationState),
            needs_list=CloudList.REGISTRATIONS,
            value_fn=lambda data, thing_id: data.registrar.state_of_thing(thing_id),
            attributes_fn=_registration_attributes,
        ),
        PROVISIONING_STATUS,
    ),
}


async def async_setup_entry(
    _hass: HomeAssistant, entry: MiRegistrationConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors."""
    await async_setup_platform(entry, async_add_entities, SENSORS, MiRegistrationSensor)


class MiRegistrationSensor(MiRegistrationEntity, SensorEntity):
    """A sensor that reads the Inventory and the registrar."""

    entity_description: MiRegistrationSensorDescription
    _unrecorded_attributes = frozenset({"account_associations"})

    @property
    @override
    def native_value(self) -> StateType | datetime:
        """Return the value; only asked for while the device is in the Inventory."""
        return self.entity_description.value_fn(self.runtime_data, self.aws_id)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, Any] | None:
        """Return the attributes of those sensors that have any."""
        if (attributes_fn := self.entity_description.attributes_fn) is None:
            return None
        return attributes_fn(self.runtime_data, self.aws_id)
