"""Cloud connectors, and the destinations through which end users link their accounts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, override

from .exceptions import ValidationException
from .records import Kind, Record, Records
from .resources import CloudDevice
from .service_model import MODEL, Params, Wire, present
from .validation import fits

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend

CLOUD_CONNECTOR = Kind(name="CloudConnector", resource_type="cloud-connector")
CONNECTOR_DESTINATION = Kind(name="ConnectorDestination", resource_type="connector-destination")
_MAX_MATERIALS = MODEL.shape_for("AuthMaterials").metadata["max"]


class CloudConnectors(Records):
    """Vendors' connectors: Lambda functions that speak to the vendors' clouds."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with none."""
        super().__init__(backend, CLOUD_CONNECTOR, Record)

    def add_vendor(self, identifier: str, *, name: str, connector_type: str) -> None:
        """Put the connector of a vendor into the account."""
        backend = self.backend
        function = f"arn:aws:lambda:{backend.region_name}:{backend.account_id}:function:{identifier}"
        members = {"Name": name, "Type": connector_type, "EndpointConfig": {"lambda": {"arn": function}}}
        self.add(members | {"EndpointType": "LAMBDA"}, identifier)

    @override
    def defaults(self, members: Params) -> Wire:
        # Listing one for other customers takes a review by AWS.
        return {"EndpointType": members.get("EndpointType", "LAMBDA"), "Type": "UNLISTED"}

    @override
    def check_removal(self, record: Record) -> None:
        destinations = self.backend.connector_destinations.rows.values()
        if self.backend.switches.delete_in_use == "validation" and any(
            destination.members["CloudConnectorId"] == record.id for destination in destinations
        ):
            raise ValidationException("The cloud connector still has connector destinations.")

    @override
    def filtered(self, record: Record, name: str) -> Any:
        if name == "LambdaArn":
            return record.members["EndpointConfig"].get("lambda", {}).get("arn")
        return super().filtered(record, name)


@dataclass(slots=True, kw_only=True)
class ConnectorDestination(Record):
    """How end users link their accounts through a connector: by OAuth, by general authorization, or by either.

    ``cloud_devices`` is what an account linked from now on holds.
    """

    cloud_devices: dict[str, CloudDevice] = field(default_factory=dict)

    @property
    def oauth(self) -> bool:
        """Whether accounts can be linked by OAuth."""
        return "oAuth" in self.members["AuthConfig"]

    @property
    def auth_materials(self) -> tuple[str, ...]:
        """The names of what accounts can be linked with by general authorization."""
        return tuple(row["AuthMaterialName"] for row in self.members["AuthConfig"].get("GeneralAuthorization", ()))

    @property
    def secret_arn(self) -> str:
        """The secret that callers who link accounts must be allowed to read, ``*`` if there is none."""
        return secret_of(self.members) or "*"


def secret_of(members: Params) -> str | None:
    """Return the first secret that a destination's members name."""
    materials = members.get("AuthConfig", {}).get("GeneralAuthorization") or ()
    holders = [members, *materials]
    return next((holder["SecretsManager"]["arn"] for holder in holders if "SecretsManager" in holder), None)


class ConnectorDestinations(Records[ConnectorDestination]):
    """The connector destinations of an account."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with none."""
        super().__init__(backend, CONNECTOR_DESTINATION, ConnectorDestination)

    def add_vendor(
        self,
        identifier: str,
        *,
        name: str,
        cloud_connector_id: str,
        oauth: bool,
        auth_materials: Iterable[str],
        description: str | None = None,
    ) -> None:
        """Put a vendor's destination into the account."""
        backend = self.backend
        # Six characters at the end, as Secrets Manager adds them.
        name_of_secret = f"secret:connector-destination/{identifier}-a1B2c3"
        arn = f"arn:aws:secretsmanager:{backend.region_name}:{backend.account_id}:{name_of_secret}"
        secret = {"arn": arn, "versionId": "0" * 32}
        vendor = f"https://oauth.{identifier.lower().replace('_', '-')}.example"
        config = {
            "authUrl": f"{vendor}/authorize",
            "tokenUrl": f"{vendor}/token",
            "tokenEndpointAuthenticationScheme": "HTTP_BASIC",
            "oAuthCompleteRedirectUrl": f"{vendor}/complete",
        }
        materials = [{"AuthMaterialName": material, "SecretsManager": secret} for material in auth_materials]
        members = present(
            {
                "Name": name,
                "Description": description,
                "CloudConnectorId": cloud_connector_id,
                "AuthType": "OAUTH" if oauth else None,
                "AuthConfig": present({"oAuth": config if oauth else None, "GeneralAuthorization": materials or None}),
                "SecretsManager": secret if oauth else None,
            }
        )
        self.add(members | self.defaults(members), identifier)

    @override
    def check(self, members: Params) -> None:
        self.backend.cloud_connectors.get(members["CloudConnectorId"])
        config = members["AuthConfig"]
        if "oAuth" not in config and not config.get("GeneralAuthorization"):
            raise ValidationException("AuthConfig must contain oAuth or GeneralAuthorization.")
        _check_redirect(config)

    @override
    def defaults(self, members: Params) -> Wire:
        url = members["AuthConfig"].get("oAuth", {}).get("oAuthCompleteRedirectUrl")
        return present({"OAuthCompleteRedirectUrl": url})

    @override
    def change(self, record: ConnectorDestination, changes: Params) -> None:
        config = _updated(record.members["AuthConfig"], changes.get("AuthConfig", {}))
        _check_redirect(config)
        record.members |= dict(changes) | {"AuthConfig": config}
        record.members |= self.defaults(record.members)

    @override
    def check_removal(self, record: ConnectorDestination) -> None:
        associations = self.backend.associations.values()
        if any(association.connector_destination_id == record.id for association in associations):
            raise ValidationException("The connector destination is used by an account association.")


def _check_redirect(config: Params) -> None:
    # The same URL is a plain string in one member of the model and a constrained one in another.
    url = config.get("oAuth", {}).get("oAuthCompleteRedirectUrl")
    if url is not None and not fits(MODEL.shape_for("OAuthCompleteRedirectUrl"), url):
        raise ValidationException("oAuthCompleteRedirectUrl is not a valid URL.")


def _updated(config: Params, update: Params) -> Wire:
    new = dict(config)
    if (oauth := update.get("oAuthUpdate")) is not None:
        if "oAuth" not in config:
            raise ValidationException("The connector destination has no OAuth configuration.")
        new["oAuth"] = config["oAuth"] | oauth
    general = update.get("GeneralAuthorizationUpdate", {})
    materials = {row["AuthMaterialName"]: row for row in config.get("GeneralAuthorization", ())}
    for row in general.get("AuthMaterialsToUpdate", ()):
        if row["AuthMaterialName"] not in materials:
            raise ValidationException("The connector destination has no authorization material of that name.")
        materials[row["AuthMaterialName"]] = row
    for row in general.get("AuthMaterialsToAdd", ()):
        if row["AuthMaterialName"] in materials:
            raise ValidationException("The connector destination has an authorization material of that name.")
        materials[row["AuthMaterialName"]] = row
    if len(materials) > _MAX_MATERIALS:
        raise ValidationException(f"A connector destination has at most {_MAX_MATERIALS} authorization materials.")
    return new | ({"GeneralAuthorization": list(materials.values())} if materials else {})
