"""Which devices there are, as in the emulator's fleet of the same size, and how their entities look."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from custom_components.mi_registration.coordinator import DeviceKind
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity, EntityDescription

DOMAIN = "bench_bare"
ASSOCIATIONS = 4
THINGS_PER_HUB = 100


@dataclass(frozen=True, slots=True)
class Device:
    """A device and the one that it hangs on."""

    id: str
    kind: DeviceKind
    via: str | None


def layout(things: int) -> Iterator[Device]:
    """Yield the devices of a fleet, each after the one that it hangs on."""
    hubs = min(things, max(1, things // THINGS_PER_HUB))
    yield Device("account", DeviceKind.ACCOUNT, None)
    for number in range(ASSOCIATIONS):
        yield Device(f"association-{number}", DeviceKind.ASSOCIATION, "account")
    for number in range(hubs):
        yield Device(f"hub-{number}", DeviceKind.HUB, "account")
    for number in range(things - hubs):
        on_hub = number // 4 % 4 == 3
        yield Device(f"thing-{number}", DeviceKind.THING, f"hub-{number % hubs}" if on_hub else "account")


def entities[E: Entity](
    create: Callable[[], E], things: int, descriptions: Mapping[DeviceKind, Iterable[EntityDescription]]
) -> Iterator[E]:
    """Yield an entity for each description of each device."""
    for device in layout(things):
        for description in descriptions.get(device.kind, ()):
            entity = create()
            entity.entity_description = description
            entity._attr_has_entity_name = True
            entity._attr_name = description.key
            entity._attr_should_poll = False
            entity._attr_unique_id = f"{device.id}_{description.key}"
            entity._attr_device_info = DeviceInfo(identifiers={(DOMAIN, device.id)})
            yield entity
