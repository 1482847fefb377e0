"""Tags of the resources that have an ARN of their own in the service model's tag operations."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .exceptions import InvalidRequestException, ResourceNotFoundException
from .service_model import MODEL, Wire

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend

_MAX_TAGS: int = MODEL.shape_for("TagsMap").metadata["max"]


def list_tags(backend: ManagedIntegrationsBackend, arn: str) -> Wire:
    """ListTagsForResource."""
    tags = _holder(backend, arn).get("Tags")
    return {"tags": tags} if tags else {}


def tag(backend: ManagedIntegrationsBackend, arn: str, tags: Mapping[str, str]) -> Wire:
    """TagResource."""
    holder = _holder(backend, arn)
    new = holder.get("Tags", {}) | tags
    if len(new) > _MAX_TAGS:
        raise InvalidRequestException(f"A resource has at most {_MAX_TAGS} tags.")
    holder["Tags"] = new
    return {}


def untag(backend: ManagedIntegrationsBackend, arn: str, keys: Iterable[str]) -> Wire:
    """UntagResource; keys that the resource doesn't have are passed over."""
    holder = _holder(backend, arn)
    gone = set(keys)
    # An empty map would break the model, which wants at least one tag in it.
    if left := {key: value for key, value in holder.pop("Tags", {}).items() if key not in gone}:
        holder["Tags"] = left
    return {}


def _holder(backend: ManagedIntegrationsBackend, arn: str) -> Wire:
    """Return the members that the resource's tags are among."""
    resource_type, _, identifier = arn.rpartition(":")[2].partition("/")
    if arn != backend.arn(resource_type, identifier):
        raise ResourceNotFoundException(resource_type, identifier)
    match resource_type:
        case "managed-thing":
            return backend.thing(identifier).members
        case "account-association":
            return backend.association(identifier).tagged
        case "credential-locker":
            return backend.credential_lockers.get(identifier).members
        case "provisioning-profile":
            return backend.provisioning_profiles.get(identifier).members
        case _:
            raise ResourceNotFoundException(resource_type, identifier)
