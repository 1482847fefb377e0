"""Resources that are what their callers said: one mechanism for all of them, which the service model drives."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .exceptions import ConflictException, ResourceNotFoundException
from .service_model import MODEL, PAGING, Params, Wire, answer, path_member

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of resource. ``name`` is as in AWS's operations, ``key`` the member that identifies one."""

    name: str
    resource_type: str
    key: str = "Id"

    def operation(self, verb: str) -> str | None:
        """Return the operation of a verb (``List`` too), if the kind has it."""
        name = f"{verb}{self.name}{'s' if verb == 'List' else ''}"
        return name if name in MODEL.operation_names else None


@dataclass(slots=True, kw_only=True)
class Record:
    """A resource with all its members under AWS's names; every answer gives those that it has a place for."""

    sequence: int
    id: str
    members: Wire = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.members.get("Name", self.id))


class Records[R: Record = Record]:
    """All resources of one kind in an account. What a kind has beyond the mechanism is in a subclass."""

    def __init__(self, backend: ManagedIntegrationsBackend, kind: Kind, record_type: type[R]) -> None:
        """Start with none."""
        self.backend = backend
        self.kind = kind
        self.rows: dict[str, R] = {}
        self._record_type = record_type

    def get(self, identifier: str) -> R:
        """Return a resource, or raise ResourceNotFoundException."""
        if (record := self.rows.get(identifier)) is None:
            raise ResourceNotFoundException(self.kind.resource_type, identifier)
        return record

    def add(self, members: Params, identifier: str | None = None) -> R:
        """Put a resource into the account, with what AWS adds to it; its id is made up unless given."""
        sequence = self.backend.next_sequence()
        identifier = identifier or members.get(self.kind.key) or self.backend.new_id(self.kind.resource_type)
        now = self.backend.timeline.now
        given = {
            self.kind.key: identifier,
            "Arn": self.backend.arn(self.kind.resource_type, identifier),
            "CreatedAt": now,
            "UpdatedAt": now,
        }
        record = self._record_type(sequence=sequence, id=identifier, members=given | dict(members))
        self.rows[identifier] = record
        return record

    def create(self, params: Params) -> Wire:
        """Create a resource; the same ClientToken gets the same answer."""
        operation = f"Create{self.kind.name}"
        return self.backend.once(operation, params, lambda: self._create(operation, params))

    def _create(self, operation: str, params: Params) -> Wire:
        members = {name: value for name, value in params.items() if name != "ClientToken"}
        if members.get(self.kind.key) in self.rows:
            raise ConflictException("A resource of this name already exists.")
        names = (record.members.get("Name") for record in self.rows.values())
        self.backend.refuse_second_name(members.get("Name"), names)
        self.check(members)
        record = self.add(members | self.defaults(members))
        return answer(operation, record.members)

    def read(self, params: Params) -> Wire:
        """Answer with a resource."""
        operation = f"Get{self.kind.name}"
        return answer(operation, self.get(params[path_member(operation)]).members)

    def update(self, params: Params) -> Wire:
        """Change the members that are given."""
        key = path_member(f"Update{self.kind.name}")
        record = self.get(params[key])
        changes = {name: value for name, value in params.items() if name != key}
        self.change(record, changes)
        record.members["UpdatedAt"] = self.backend.timeline.now
        return {}

    def delete(self, params: Params) -> Wire:
        """Remove a resource."""
        record = self.get(params[path_member(f"Delete{self.kind.name}")])
        self.check_removal(record)
        del self.rows[record.id]
        return {}

    def matching(self, params: Params) -> Iterator[R]:
        """Yield the resources that a List operation's filters let through."""
        filters = {name: value for name, value in params.items() if name not in PAGING}
        return (
            record
            for record in self.rows.values()
            if all(self.filtered(record, name) == value for name, value in filters.items())
        )

    # What a kind may have of its own

    def check(self, members: Params) -> None:
        """Raise an error if a resource can't be created so."""

    def defaults(self, members: Params) -> Wire:  # noqa: ARG002  # for subclasses
        """Return what AWS adds to a new resource."""
        return {}

    def change(self, record: R, changes: Params) -> None:
        """Apply an update."""
        record.members |= changes

    def check_removal(self, record: R) -> None:
        """Raise an error if a resource can't be deleted now."""

    def filtered(self, record: R, name: str) -> Any:
        """Return the value that a filter of a List operation compares."""
        return record.members.get(name)
