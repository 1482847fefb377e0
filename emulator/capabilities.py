"""What a thing can do and how it is: capability reports, schemas, reported state, commands."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from .exceptions import ResourceNotFoundException, ValidationException
from .records import Record
from .resources import ManagedThing
from .service_model import MODEL, Params, Wire, present
from .validation import fits

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend

LATEST = "$latest"
DEFAULT_FORMAT = "AWS"


class Capabilities:
    """The capabilities of an account's things, and the catalogue of schemas."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with an empty catalogue."""
        self.backend = backend
        self._schemas: list[Record] = []

    # Reports and schemas

    def of(self, identifier: str) -> Wire:
        """GetManagedThingCapabilities."""
        thing = self.backend.thing(identifier)
        report = {name: thing.described.get(name) for name in ("Capabilities", "CapabilityReport")}
        return {"ManagedThingId": thing.id} | present(report)

    def schemas_of(self, params: Params) -> Iterator[Record]:
        """Yield the rows of ListManagedThingSchemas: each capability of each endpoint, with the schema it came with."""
        described = self.backend.thing(params["Identifier"]).described
        schemas = {row["CapabilityId"]: row["Schema"] for row in described.get("CapabilitySchemas", ())}
        capability_id = MODEL.shape_for("CapabilityId")
        number = 0
        for endpoint in described.get("CapabilityReport", {}).get("endpoints", ()):
            for capability in endpoint["capabilities"]:
                number += 1
                row = {
                    "EndpointId": endpoint["id"],
                    # A report may name versions of three numbers, for which the row's member has no place.
                    "CapabilityId": capability["id"] if fits(capability_id, capability["id"]) else None,
                    "Schema": schemas.get(capability["id"]),
                }
                if params.get("EndpointIdFilter") in (None, row["EndpointId"]) and params.get("CapabilityIdFilter") in (
                    None,
                    row["CapabilityId"],
                ):
                    yield Record(sequence=number, id=capability["id"], members=present(row))

    def add_schema(self, members: Params, schemas: Params) -> None:
        """Put a schema version into the catalogue; ``schemas`` has the schema itself by SchemaVersionFormat."""
        sequence = self.backend.next_sequence()
        identifier = f"{members['SchemaId']}@{members['SemanticVersion']}"
        self._schemas.append(Record(sequence=sequence, id=identifier, members=dict(members) | {"Schemas": schemas}))

    def schema_versions(self, params: Params) -> list[Record]:
        """Return the rows of ListSchemaVersions."""
        found = [
            record
            for record in self._schemas
            if all(
                record.members[name] == params[name]
                for name in ("Type", "SchemaId", "Namespace", "Visibility")
                if name in params
            )
        ]
        match params.get("SemanticVersion"):
            case None:
                return found
            case version if version == LATEST:
                return [record for record in found if record is _newest(found, record.members["SchemaId"])]
            case version:
                return [record for record in found if record.members["SemanticVersion"] == version]

    def schema_version(self, params: Params) -> Wire:
        """GetSchemaVersion."""
        asked: str = params["SchemaVersionedId"]
        schema_id, _, version = asked.partition("@")
        found = self.schema_versions({"Type": params["Type"], "SchemaId": schema_id, "SemanticVersion": version})
        schema = found[0].members["Schemas"].get(params.get("Format", DEFAULT_FORMAT)) if found else None
        if schema is None:
            raise ResourceNotFoundException("schema-version", asked)
        return {name: value for name, value in found[0].members.items() if name != "Schemas"} | {"Schema": schema}

    # State and commands

    def state(self, identifier: str) -> Wire:
        """GetManagedThingState: what the device reported last."""
        return {"Endpoints": self.backend.thing(identifier).state}

    def report_state(self, identifier: str, endpoint_id: str, capability_id: str, properties: Params) -> None:
        """Let a device report properties of a capability; it has that from now on."""
        thing = self.backend.thing(identifier)
        reported = _reported(thing, endpoint_id, capability_id)
        if reported is None:
            reported = {"id": capability_id, "name": _bare(capability_id), "version": "1", "properties": []}
            endpoint = next((row for row in thing.state if row["endpointId"] == endpoint_id), None)
            if endpoint is None:
                endpoint = {"endpointId": endpoint_id, "capabilities": []}
                thing.state.append(endpoint)
            endpoint["capabilities"].append(reported)
        self._set_properties(reported, properties)

    def certificate(self, identifier: str) -> Wire:
        """GetManagedThingCertificate."""
        thing = self.backend.thing(identifier)
        if thing.certificate_pem is None and self.backend.switches.certificate_of_others == "not_found":
            raise ResourceNotFoundException("certificate", identifier)
        return present({"ManagedThingId": thing.id, "CertificatePem": thing.certificate_pem})

    def send_command(self, params: Params) -> Wire:
        """SendManagedThingCommand; what comes of it shows in the state later."""
        thing = self.backend.thing(params["ManagedThingId"])
        association_id = params.get("AccountAssociationId", params.get("ConnectorAssociationId"))
        if association_id is not None:
            self.backend.association(association_id)
        registered = association_id is None or (thing.id, association_id) in self.backend.registrations
        if self.backend.switches.uncontrollable_thing == "validation":
            if thing.provisioning_status != "ACTIVATED":
                raise ValidationException(f"The managed thing is in status {thing.provisioning_status}.")
            if not registered:
                raise ValidationException("The managed thing is not registered with the account association.")
        if thing.provisioning_status == "ACTIVATED" and registered:
            carry_out = partial(self._carry_out, thing, params["Endpoints"])
            self.backend.timeline.after(self.backend.switches.command_delay, carry_out)
        self.backend.next_sequence()
        return {"TraceId": self.backend.new_id("command")}

    def _carry_out(self, thing: ManagedThing, endpoints: list[Wire]) -> None:
        """Do what the guide says of UpdateState, and the actions of OnOff; other actions leave the state alone."""
        for endpoint in endpoints:
            for capability in endpoint["capabilities"]:
                reported = _reported(thing, endpoint["endpointId"], capability["id"])
                if reported is None:
                    continue
                for action in capability["actions"]:
                    self._set_properties(reported, _effect(capability["id"], action, reported["properties"]))

    def _set_properties(self, reported: Wire, properties: Params) -> None:
        changed_at = self.backend.timeline.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rows = {row["name"]: row for row in reported["properties"]}
        for name, value in properties.items():
            rows[name] = {"name": name, "value": {"propertyValue": value, "lastChangedAt": changed_at}}
        reported["properties"] = list(rows.values())


def _bare(capability_id: str) -> str:
    return capability_id.partition("@")[0].rpartition(".")[2]


def _reported(thing: ManagedThing, endpoint_id: str, capability_id: str) -> Wire | None:
    for endpoint in thing.state:
        for capability in endpoint["capabilities"]:
            # The guide's own samples differ in namespace and version.
            if endpoint["endpointId"] == endpoint_id and _bare(capability["id"]) == _bare(capability_id):
                found: Wire = capability
                return found
    return None


def _effect(capability_id: str, action: Wire, reported: list[Wire]) -> Wire:
    values = {row["name"]: row["value"]["propertyValue"] for row in reported}
    match _bare(capability_id), action["name"]:
        case _, "UpdateState":
            return dict(action.get("parameters") or {})
        case "OnOff", "On" | "Off" as name:
            return {"OnOff": name == "On"}
        case "OnOff", "Toggle" if "OnOff" in values:
            return {"OnOff": not values["OnOff"]}
        case _:
            return {}


def _newest(records: list[Record], schema_id: str) -> Record:
    def version(record: Record) -> tuple[int, ...]:
        return tuple(map(int, record.members["SemanticVersion"].split(".")))

    return max((record for record in records if record.members["SchemaId"] == schema_id), key=version)
