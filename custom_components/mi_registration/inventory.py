"""One immutable picture of the account, and what changed between two of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, Final, Self

from .aws.models import (
    AccountAssociation,
    AssociationState,
    ManagedThing,
    ProvisioningStatus,
    Registration,
    RegistrationStatus,
    Role,
)

type Pair = tuple[str, str]
"""Managed thing id and account association id."""

AUTHORIZATION_PROBLEMS: Final = frozenset({AssociationState.REFRESH_TOKEN_EXPIRED, AssociationState.ASSOCIATION_FAILED})


def _unchanged_kept[T, K](new: Iterable[T], old: Mapping[K, T], key: Callable[[T], K]) -> tuple[T, ...]:
    """Return the new rows in the order of their keys, each replaced by the old object where it is equal.

    Comparing two pictures then mostly compares identities, which keeps an unchanged poll of a large account cheap.
    """
    rows = {key(row): row for row in new}
    return tuple(old[k] if old.get(k) == row else row for k, row in sorted(rows.items()))


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What one synchronisation saw: hubs and devices, associations, and which are registered with which.

    Rows are unique and sorted by id, so that two pictures are equal exactly if the cloud didn't change.
    """

    managed_things: tuple[ManagedThing, ...] = ()
    account_associations: tuple[AccountAssociation, ...] = ()
    registrations: tuple[Registration, ...] = ()
    unauthorized: frozenset[str] = frozenset()
    """Associations whose authorization expired or failed, until it succeeds again: not while it is in progress."""

    @classmethod
    def build(
        cls,
        managed_things: Iterable[ManagedThing],
        account_associations: Iterable[AccountAssociation],
        registrations: Iterable[Registration],
        previous: Self | None = None,
    ) -> Self:
        """Make a picture of the lists; things that AWS only keeps as DELETED are gone.

        Registrations of things outside the scope are left out with them.
        """
        before = previous or cls()
        things = _unchanged_kept(
            (thing for thing in managed_things if thing.provisioning_status is not ProvisioningStatus.DELETED),
            before.things_by_id,
            lambda thing: thing.managed_thing_id,
        )
        ids = {thing.managed_thing_id for thing in things}
        associations = _unchanged_kept(
            account_associations, before.associations_by_id, lambda association: association.account_association_id
        )
        new = cls(
            managed_things=things,
            account_associations=associations,
            registrations=_unchanged_kept(
                (row for row in registrations if row.managed_thing_id in ids),
                before.registrations_by_pair,
                lambda row: (row.managed_thing_id, row.account_association_id),
            ),
            unauthorized=frozenset(
                row.account_association_id
                for row in associations
                if row.state in AUTHORIZATION_PROBLEMS
                or (
                    row.account_association_id in before.unauthorized
                    and row.state is not AssociationState.ASSOCIATION_SUCCEEDED
                )
            ),
        )
        if previous is not None and new == previous:
            return previous
        new._index()
        return new

    def _index(self) -> None:
        """Make what is looked up later now: a large account is built where no event loop waits for it."""
        for name, attribute in vars(type(self)).items():
            if isinstance(attribute, cached_property):
                getattr(self, name)

    def with_registrations(self, account_association_id: str, rows: Iterable[Registration]) -> Self:
        """Return this picture with an association's registrations replaced by rows read since."""
        others = (row for row in self.registrations if row.account_association_id != account_association_id)
        new = (
            row
            for row in rows
            if row.account_association_id == account_association_id and row.managed_thing_id in self.things_by_id
        )
        registrations = _unchanged_kept(
            chain(others, new),
            self.registrations_by_pair,
            lambda row: (row.managed_thing_id, row.account_association_id),
        )
        return self if registrations == self.registrations else replace(self, registrations=registrations)

    @cached_property
    def things_by_id(self) -> dict[str, ManagedThing]:
        """Hubs and devices by managed thing id."""
        return {thing.managed_thing_id: thing for thing in self.managed_things}

    @cached_property
    def associations_by_id(self) -> dict[str, AccountAssociation]:
        """Account associations by id."""
        return {row.account_association_id: row for row in self.account_associations}

    @cached_property
    def registrations_by_pair(self) -> dict[Pair, Registration]:
        """Registrations by managed thing id and account association id."""
        return {(row.managed_thing_id, row.account_association_id): row for row in self.registrations}

    @cached_property
    def registrations_by_thing(self) -> dict[str, tuple[Registration, ...]]:
        """Registrations by managed thing id."""
        return self._grouped(lambda row: row.managed_thing_id)

    @cached_property
    def registrations_by_association(self) -> dict[str, tuple[Registration, ...]]:
        """Registrations by account association id."""
        return self._grouped(lambda row: row.account_association_id)

    def _grouped(self, key: Callable[[Registration], str]) -> dict[str, tuple[Registration, ...]]:
        groups: dict[str, list[Registration]] = {}
        for row in self.registrations:
            groups.setdefault(key(row), []).append(row)
        return {name: tuple(rows) for name, rows in groups.items()}

    @cached_property
    def things_by_connector_device(self) -> dict[tuple[str | None, str], str]:
        """Managed thing ids by connector destination and the vendor's id of the device."""
        return {
            (thing.connector_destination_id, thing.connector_device_id): thing.managed_thing_id
            for thing in self.managed_things
            if thing.connector_device_id is not None
        }

    @cached_property
    def hubs(self) -> tuple[ManagedThing, ...]:
        """Things with role CONTROLLER."""
        return tuple(thing for thing in self.managed_things if thing.is_hub)

    @cached_property
    def children_by_hub(self) -> dict[str, int]:
        """How many things name each hub as their parent."""
        counts: dict[str, int] = {}
        for thing in self.managed_things:
            if thing.parent_controller_id:
                counts[thing.parent_controller_id] = counts.get(thing.parent_controller_id, 0) + 1
        return counts

    def is_registered(self, pair: Pair) -> bool:
        """Whether nothing has to be sent to register this pair.

        A row is ASSOCIATED, or its thing ACTIVATED: AWS's documents name either as the end of a registration.
        """
        if (row := self.registrations_by_pair.get(pair)) is None:
            return False
        return row.status is RegistrationStatus.ASSOCIATED or (
            (thing := self.things_by_id.get(pair[0])) is not None
            and thing.provisioning_status is ProvisioningStatus.ACTIVATED
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what may be kept on disk: nothing that AWS's service model marks sensitive."""
        return {
            "managed_things": [
                [
                    thing.managed_thing_id,
                    thing.role,
                    thing.name,
                    thing.provisioning_status,
                    thing.parent_controller_id,
                    thing.connector_destination_id,
                ]
                for thing in self.managed_things
            ],
            "account_associations": [
                [row.account_association_id, row.state, row.name, row.connector_destination_id]
                for row in self.account_associations
            ],
            "registrations": [
                [row.managed_thing_id, row.account_association_id, row.status] for row in self.registrations
            ],
            "unauthorized": sorted(self.unauthorized),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Restore what :meth:`as_dict` gave.

        Raises ``KeyError``, ``TypeError`` or ``ValueError`` if the data isn't of that shape.
        """
        return cls.build(
            (
                ManagedThing(
                    managed_thing_id=thing_id,
                    role=Role.parse(role),
                    name=name,
                    provisioning_status=ProvisioningStatus.parse(status),
                    parent_controller_id=parent,
                    connector_destination_id=destination,
                )
                for thing_id, role, name, status, parent, destination in data["managed_things"]
            ),
            (
                AccountAssociation(
                    account_association_id=association_id,
                    state=AssociationState.parse(state),
                    name=name,
                    connector_destination_id=destination,
                )
                for association_id, state, name, destination in data["account_associations"]
            ),
            (
                Registration(
                    managed_thing_id=thing_id,
                    account_association_id=association_id,
                    status=RegistrationStatus.parse(status),
                )
                for thing_id, association_id, status in data["registrations"]
            ),
            cls(unauthorized=frozenset(data.get("unauthorized", ()))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryDiff:
    """What changed from one picture to the next, by id."""

    added_things: frozenset[str]
    removed_things: frozenset[str]
    changed_things: frozenset[str]
    added_associations: frozenset[str]
    removed_associations: frozenset[str]
    changed_associations: frozenset[str]
    changed_pairs: frozenset[Pair]

    @classmethod
    def between(cls, old: Inventory, new: Inventory) -> Self:
        """Compare two pictures."""
        if old is new:
            return cls(**dict.fromkeys(cls.__dataclass_fields__, frozenset()))
        pairs = _changed(old.registrations_by_pair, new.registrations_by_pair)
        return cls(
            added_things=frozenset(new.things_by_id.keys() - old.things_by_id.keys()),
            removed_things=frozenset(old.things_by_id.keys() - new.things_by_id.keys()),
            changed_things=_changed(old.things_by_id, new.things_by_id),
            added_associations=frozenset(new.associations_by_id.keys() - old.associations_by_id.keys()),
            removed_associations=frozenset(old.associations_by_id.keys() - new.associations_by_id.keys()),
            changed_associations=_changed(old.associations_by_id, new.associations_by_id),
            changed_pairs=pairs | frozenset(new.registrations_by_pair.keys() ^ old.registrations_by_pair.keys()),
        )

    def touched(self, old: Inventory, new: Inventory) -> set[str]:
        """Return the ids of all things, hubs and associations whose devices may show something else now."""
        things = self.added_things | self.removed_things | self.changed_things
        ids = {*things, *self.added_associations, *self.removed_associations, *self.changed_associations}
        for pair in self.changed_pairs:
            ids.update(pair)
        for thing_id in things:
            for inventory in (old, new):
                if (thing := inventory.things_by_id.get(thing_id)) and thing.parent_controller_id:
                    ids.add(thing.parent_controller_id)
        return ids


def _changed[K, V](old: Mapping[K, V], new: Mapping[K, V]) -> frozenset[K]:
    return frozenset(key for key, value in new.items() if key in old and old[key] != value)
