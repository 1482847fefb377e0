"""What worlds start with."""

from collections.abc import Callable
from typing import Any, Literal

from .contents import Described
from .world import World

_DAY = 86_400.0
_OWNER = "robin"

_HUB_CHILDREN = (
    ("Front door lock", "Brightbolt", "BB-LOCK2", "BBL2-00417", "zwave"),
    ("Laundry plug", "Voltcraft Home", "VH-PLUG", "VHP-31209", "zwave"),
    ("Hallway motion sensor", "Lumenor", "LM-PIR1", "LMP1-8841", "zigbee"),
    ("Kitchen window contact", "Lumenor", "LM-DW3", "LMD3-2207", "zigbee"),
)
_ACME_LIGHTS = (
    ("al-1001", "Kitchen ceiling light", "AL-C60", "Color Temperature Light", True),
    ("al-1002", "Living room lamp", "AL-E27", "Extended Color Light", True),
    ("al-1003", "Hallway spots", "AL-GU10", "Dimmable Light", False),
    ("al-1004", "Bedroom strip", "AL-STRIP", "Extended Color Light", False),
)
_NEW_ACME_LIGHTS = (
    ("al-1005", "Porch light", "AL-OUT1", "Dimmable Light"),
    ("al-1006", "Garden lantern", "AL-OUT2", "On/Off Light"),
)
_CONTOSO_LOCKS = (
    ("co-3001", "Back door lock", "CO-LOCK1", "Door Lock"),
    ("co-3002", "Garage door lock", "CO-LOCK1", "Door Lock"),
)
_FABRIKAM_BLINDS = (
    ("fb-4001", "Living room blind", "FB-ROLL2", "Window Covering"),
    ("fb-4002", "Bedroom blind", "FB-ROLL2", "Window Covering"),
    ("fb-4003", "Terrace awning", "FB-AWN1", "Window Covering"),
)
_NORTHWIND_DEVICES = (
    ("nw-2001", "Bedroom thermostat", "NW-T2", "Thermostat", True),
    ("nw-2002", "Bathroom heater", "NW-H1", "Thermostat", True),
    ("nw-2003", "Office radiator valve", "NW-V4", "Thermostat", False),
    ("nw-2004", "Attic air sensor", "NW-A1", "Temperature Sensor", False),
)


def empty(_: World) -> None:
    """Start with nothing."""


def home(world: World) -> None:
    """One house: a hub with four devices, two vendor accounts with eight, half of those registered.

    The others were found by finished discoveries, so they can be registered at once. A new discovery finds two lights
    that have no managed thing yet, and one device in reach of the hub. Through the connector destinations of four
    vendors more accounts can be linked, one of them (Fabrikam Blinds) without OAuth; discoveries of these find devices.
    """
    world.advance(-30 * _DAY)
    hub = world.add_thing(
        name="Cellar hub",
        role="CONTROLLER",
        Brand="Lumenor",
        Model="LM-HUB2",
        SerialNumber="LMH2-000731",
        Owner=_OWNER,
        MacAddress="02:00:5e:10:00:01",
        UniversalProductCode="036000291452",
    )
    for name, brand, model, serial, protocol in _HUB_CHILDREN:
        material = world.add_hub_device(hub, protocol, name=name, brand=brand, model=model)
        members: dict[str, Any] = {"Brand": brand, "Model": model, "SerialNumber": serial, "Owner": _OWNER}
        world.add_thing(name=name, parent_id=hub, material=material, **members)
    world.add_hub_device(hub, "zigbee", name="Stair button", brand="Lumenor", model="LM-BTN1")
    acme = world.add_association(name="Acme Lighting", description="Lights of the house")
    northwind = world.add_association(name="Northwind Climate", description="Heating and air")
    world.advance(_DAY)
    _vendor(world, acme, "Acme", _ACME_LIGHTS)
    _vendor(world, northwind, "Northwind", _NORTHWIND_DEVICES)
    for device_id, name, model, device_type in _NEW_ACME_LIGHTS:
        world.add_cloud_device(acme, device_id, name, brand="Acme", model=model, device_types=[device_type])
    world.advance(29 * _DAY)
    lights = tuple(light[:4] for light in _ACME_LIGHTS) + _NEW_ACME_LIGHTS
    _destination(world, "Acme Lighting", "Acme", lights)
    _destination(world, "Northwind Climate", "Northwind", tuple(device[:4] for device in _NORTHWIND_DEVICES))
    _destination(world, "Contoso Locks", "Contoso", _CONTOSO_LOCKS)
    _destination(world, "Fabrikam Blinds", "Fabrikam", _FABRIKAM_BLINDS, auth="general")


def _destination(
    world: World,
    name: str,
    brand: str,
    devices: tuple[tuple[str, str, str, str], ...],
    *,
    auth: Literal["oauth", "general"] = "oauth",
) -> None:
    destination = world.add_connector_destination(name, auth)
    for device_id, device_name, model, device_type in devices:
        world.add_vendor_device(
            destination, device_id, device_name, brand=brand, model=model, device_types=[device_type]
        )


def _vendor(world: World, association: str, brand: str, devices: tuple[tuple[str, str, str, str, bool], ...]) -> None:
    for device_id, name, model, device_type, _ in devices:
        world.add_cloud_device(association, device_id, name, brand=brand, model=model, device_types=[device_type])
    discovery = world.add_discovery(association_id=association)
    for device_id, name, model, _, registered in devices:
        serial = device_id.upper()
        thing = world.add_thing(
            name=name,
            status="UNASSOCIATED",
            association_id=association,
            connector_device_id=device_id,
            material=f"CLOUD:{discovery}:{device_id}",
            Brand=brand,
            Model=model,
            SerialNumber=serial,
            Owner=_OWNER,
        )
        if registered:
            world.register(thing, association, discovery_id=discovery)


def fleet(world: World, size: int) -> None:
    """``size`` things: a hub for each hundred, a quarter of the rest on hubs, the others at four vendors.

    Of those that aren't hubs half are registered, a quarter could be: finished discoveries list them.
    """
    world.advance(-30 * _DAY)
    hub_count = min(size, max(1, size // 100))
    hubs = [
        world.add_thing(name=f"Hub {number}", role="CONTROLLER", SerialNumber=f"HUB-{number:05}", Owner=_owner(number))
        for number in range(hub_count)
    ]
    vendors = ("Acme", "Northwind", "Contoso", "Fabrikam")
    associations = [world.add_association(name=f"{vendor} Home") for vendor in vendors]
    device_count = size - hub_count
    on_cloud = [number for number in range(device_count) if number // 4 % 4 != 3]
    for number in on_cloud:
        vendor = number % 4
        described: Described = {"brand": vendors[vendor], "model": "M1", "device_types": ["Light"]}
        world.add_cloud_device(associations[vendor], f"dev-{number}", f"Device {number}", **described)
    discoveries = [world.add_discovery(association_id=association) for association in associations]
    for number in range(device_count):
        members: dict[str, Any] = {
            "SerialNumber": f"SN-{number:06}",
            "Model": "M1",
            "Owner": _owner(number % hub_count),
        }
        vendor = number % 4
        if number // 4 % 4 == 3:
            world.add_thing(name=f"Device {number}", parent_id=hubs[number % hub_count], Brand="Lumenor", **members)
            continue
        thing = world.add_thing(
            name=f"Device {number}",
            status="UNASSOCIATED",
            association_id=associations[vendor],
            connector_device_id=f"dev-{number}",
            material=f"CLOUD:{discoveries[vendor]}:dev-{number}",
            Brand=vendors[vendor],
            **members,
        )
        if number // 4 % 4 < 2:
            world.register(thing, associations[vendor], discovery_id=discoveries[vendor])
    world.advance(30 * _DAY)


def _owner(hub_number: int) -> str:
    return f"customer-{hub_number}"


def seed(name: str) -> Callable[[World], None]:
    """Return what fills the world of that name: ``home``, ``empty`` or ``fleet:<number of things>``."""
    match name.split(":"):
        case ["home"]:
            return home
        case ["empty"]:
            return empty
        case ["fleet", number] if number.isdecimal() and int(number) > 0:
            return lambda world: fleet(world, int(number))
        case _:
            raise ValueError(f"No such world: {name!r}; there are home, empty and fleet:<number of things>")
