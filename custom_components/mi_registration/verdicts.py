"""What is said of a registration: how far it is, and what became of a request for it."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .inventory import Inventory


class RegistrationState(StrEnum):
    """How far a pair is, best first."""

    ASSOCIATED = "associated"
    PRE_ASSOCIATED = "pre_associated"
    QUEUED = "queued"
    FAILED = "failed"
    NOT_REGISTERED = "not_registered"


_RANK = {state: rank for rank, state in enumerate(RegistrationState)}


def best_state(states: Iterable[RegistrationState]) -> RegistrationState:
    """Return the best of the states that a thing has with its associations; it may have none."""
    return min(states, key=_RANK.__getitem__, default=RegistrationState.NOT_REGISTERED)


class ItemStatus(StrEnum):
    """What became of one pair of a request."""

    REGISTERED = "registered"
    PRE_ASSOCIATED = "pre_associated"
    ALREADY_REGISTERED = "already_registered"
    DEREGISTERED = "deregistered"
    NOT_REGISTERED = "not_registered"
    QUEUED = "queued"
    PLANNED = "planned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """The verdict on one pair."""

    managed_thing_id: str | None
    """``None`` for a discovered device that doesn't exist as a managed thing yet."""
    device_id: str | None
    account_association_id: str | None
    device_discovery_id: str | None
    status: ItemStatus
    error_code: str | None = None
    error_message: str | None = None
    request_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the form that actions answer with."""
        return {**asdict(self), "status": self.status.value}


def raise_for_failures(items: Collection[Item], inventory: Inventory) -> None:
    """Raise a ``HomeAssistantError`` that names every device that failed, if any did."""
    failed = [item for item in items if item.status is ItemStatus.FAILED]
    if not failed:
        return
    raise HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="registration_failed",
        translation_placeholders={
            "failed": str(len(failed)),
            "total": str(len(items)),
            "devices": "; ".join(
                f"{thing_name(item.managed_thing_id, inventory)} ({item.error_code}: {item.error_message})"
                for item in failed
            ),
        },
    )


def thing_name(managed_thing_id: str | None, inventory: Inventory) -> str:
    """Return what a user knows a thing as."""
    thing = inventory.things_by_id.get(managed_thing_id or "")
    return (thing.name if thing is not None else None) or managed_thing_id or "-"
