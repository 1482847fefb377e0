"""Managed things made from authentication material: what each kind of it says, and where the thing then is."""

from functools import partial
from typing import TYPE_CHECKING

from .exceptions import ConflictException, ValidationException
from .resources import CloudDevice, HubDevice, ManagedThing
from .service_model import Params, Wire, present

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend

_SETTABLE = (
    "Brand",
    "Classification",
    "CredentialLockerId",
    "HubNetworkMode",
    "MetaData",
    "Model",
    "Name",
    "Owner",
    "SerialNumber",
    "Tags",
    "WiFiSimpleSetupConfiguration",
)
"""Members of CreateManagedThing and UpdateManagedThing that GetManagedThing gives back."""
_DESCRIBING = ("Capabilities", "CapabilityReport", "CapabilitySchemas")
"""Members of the same two that it doesn't."""


def create_managed_thing(backend: ManagedIntegrationsBackend, params: Params) -> ManagedThing:
    """CreateManagedThing, without regard to the ClientToken."""
    names = (thing.members.get("Name") for thing in backend.things.values())
    backend.refuse_second_name(params.get("Name"), names)
    material: str = params["AuthenticationMaterial"]
    members = settable(backend, params)
    match params["AuthenticationMaterialType"]:
        case "DISCOVERED_DEVICE" if material.startswith("CLOUD:"):
            thing = _of_cloud_discovery(backend, params["Role"], material, members)
        case "DISCOVERED_DEVICE":
            thing = _of_hub_discovery(backend, params["Role"], material, members)
        case "PRE_ONBOARDED_CLOUD":
            thing = _pre_onboarded(backend, params["Role"], material, members)
        case _:
            thing = _of_bar_code(backend, params["Role"], material, members)
    thing.described = described(params)
    return thing


def settable(backend: ManagedIntegrationsBackend, params: Params) -> Wire:
    """Return the members that GetManagedThing gives back; raises ResourceNotFoundException for a missing locker."""
    if (locker := params.get("CredentialLockerId")) is not None:
        backend.credential_lockers.get(locker)
    return {name: params[name] for name in _SETTABLE if name in params}


def described(params: Params) -> Wire:
    """Return the members about capabilities."""
    return {name: params[name] for name in _DESCRIBING if name in params}


def _of_cloud_discovery(backend: ManagedIntegrationsBackend, role: str, material: str, members: Wire) -> ManagedThing:
    try:
        _, discovery_id, connector_device_id = material.split(":", 2)
    except ValueError:
        raise ValidationException("The authentication material is not valid.") from None
    discovery = backend.discoveries.get(discovery_id)
    found = discovery.found_cloud_device(connector_device_id)
    if found is None:
        raise ValidationException("The device was not found by the device discovery.")
    association = backend.associations.get(discovery.account_association_id or "")
    destination = association.connector_destination_id if association else None
    _refuse_second(backend, backend.cloud_thing(connector_device_id, destination))
    return backend.add_thing(
        role=role,
        provisioning_status="UNASSOCIATED",
        members=_reported(found) | members,
        connector_device_id=connector_device_id,
        connector_destination_id=destination,
        material=material,
    )


def _of_hub_discovery(backend: ManagedIntegrationsBackend, role: str, material: str, members: Wire) -> ManagedThing:
    jobs = [job for job in backend.discoveries.jobs.values() if any(row.material == material for row in job.found)]
    if not jobs:
        raise ValidationException("The authentication material is not valid.")
    _refuse_second(backend, backend.thing_of_material(material))
    device = next(row.device for row in jobs[-1].found if row.material == material)
    thing = backend.add_thing(
        role=role,
        provisioning_status="DISCOVERED",
        members=_reported(device) | members,
        parent_controller_id=jobs[-1].controller_id,
        material=material,
    )
    activate = partial(backend.set_provisioning_status, thing, "ACTIVATED")
    backend.timeline.after(backend.switches.hub_activation_delay, activate)
    return thing


def _pre_onboarded(backend: ManagedIntegrationsBackend, role: str, material: str, members: Wire) -> ManagedThing:
    prefix, _, rest = material.partition(":")
    connector_device_id, *association_ids = rest.split(":")
    if prefix != "CLOUD" or not connector_device_id or not association_ids:
        raise ValidationException("The authentication material is not valid.")
    associations = [backend.association(association_id) for association_id in association_ids]
    destination = associations[0].connector_destination_id
    _refuse_second(backend, backend.cloud_thing(connector_device_id, destination))
    thing = backend.add_thing(
        role=role,
        provisioning_status="PRE_ASSOCIATED",
        members=members,
        connector_device_id=connector_device_id,
        connector_destination_id=destination,
        material=material,
    )
    for association in associations:
        backend.registrar.add(thing.id, association.id, "PRE_ASSOCIATED")
    return thing


def _of_bar_code(backend: ManagedIntegrationsBackend, role: str, material: str, members: Wire) -> ManagedThing:
    _refuse_second(backend, backend.thing_of_material(material))
    code = dict(part.split(":", 1) for part in material.split(";") if ":" in part)
    printed = {"SerialNumber": code.get("SN"), "UniversalProductCode": code.get("UPC")}
    return backend.add_thing(
        role=role,
        provisioning_status="PRE_ASSOCIATED",
        members={name: value.strip() for name, value in printed.items() if value} | members,
        material=material,
    )


def _refuse_second(backend: ManagedIntegrationsBackend, existing: ManagedThing | None) -> None:
    if existing is not None and backend.switches.recreate_thing == "conflict":
        raise ConflictException("A managed thing already exists for this device.")


def _reported(device: CloudDevice | HubDevice) -> Wire:
    return present({"Name": device.name, "Brand": device.brand, "Model": device.model})
