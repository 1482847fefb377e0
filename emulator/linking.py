"""Linking an end user's account at a vendor: associations, and the OAuth link's way to its end."""

from functools import partial
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from .connectors import ConnectorDestination, secret_of
from .exceptions import ConflictException, ValidationException
from .resources import AccountAssociation, PendingAuthorization
from .service_model import Params

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend

type LinkState = Literal["pending", "expired", "used", "unknown"]

IN_PROGRESS = "ASSOCIATION_IN_PROGRESS"
FAILED = "ASSOCIATION_FAILED"
SUCCEEDED = "ASSOCIATION_SUCCEEDED"
DELETING = "ASSOCIATION_DELETING"
TOKEN_EXPIRED = "REFRESH_TOKEN_EXPIRED"
DENIED = "access_denied The user denied access"
"""ErrorMessage after a refusal: OAuth's error code, and what its error_description usually says."""
CONSENT_PATH = "/_oauth/authorize"
"""Where the emulator serves the vendor's consent page."""


class AccountLinking:
    """The authorization of one account's associations through connector destinations."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with no links; ``backend`` holds the associations and destinations."""
        self.backend = backend
        self._used: set[str] = set()

    def secret_of(self, operation: str, params: Params) -> str | None:
        """Return the secret that the caller of an operation must be allowed to read, ``*`` for one not known here."""
        match operation:
            case "CreateConnectorDestination":
                return secret_of(params)
            case "CreateAccountAssociation":
                destination_id = params.get("ConnectorDestinationId")
            case "GetAccountAssociation" | "StartAccountAssociationRefresh":
                association = self.backend.associations.get(params.get("AccountAssociationId", ""))
                destination_id = association.connector_destination_id if association else None
            case _:
                return None
        destination = self.backend.connector_destinations.rows.get(destination_id or "")
        return destination.secret_arn if destination else "*"

    # Associations

    def create(self, params: Params) -> AccountAssociation:
        """CreateAccountAssociation."""
        destination = self.backend.connector_destinations.get(params["ConnectorDestinationId"])
        self.backend.refuse_second_name(params.get("Name"), (row.name for row in self.backend.associations.values()))
        material = _material(destination, params.get("GeneralAuthorization"))
        association = self.backend.add_association(
            name=params.get("Name"),
            description=params.get("Description"),
            state=SUCCEEDED if material else IN_PROGRESS,
            connector_destination_id=destination.id,
        )
        association.tagged = {"Tags": params["Tags"]} if "Tags" in params else {}
        association.auth_material = material
        if material is None:
            self._ask(association)
        return association

    def update(self, association: AccountAssociation, params: Params) -> None:
        """UpdateAccountAssociation: the name and the description."""
        self._refuse_deleting(association)
        association.name = params.get("Name", association.name)
        association.description = params.get("Description", association.description)

    def refresh(self, association: AccountAssociation) -> None:
        """StartAccountAssociationRefresh: the end user has to sign in again; a link from before is good no longer."""
        self._refuse_deleting(association)
        if association.state == SUCCEEDED and self.backend.switches.refresh_when_authorized == "conflict":
            raise ConflictException("The account association doesn't need a refresh.")
        association.error_message = None
        if association.auth_material is not None:
            association.state = SUCCEEDED
            return
        association.state = IN_PROGRESS
        self._ask(association)

    def start_deleting(self, association: AccountAssociation) -> None:
        """Let an association be on its way out."""
        association.state = DELETING
        self.forget_link(association)

    def set_state(self, association: AccountAssociation, state: str, error_message: str | None) -> None:
        """Move an association to another state, whatever it is in; a link that waits is good no longer."""
        association.state = state
        association.error_message = error_message
        self.forget_link(association)

    @staticmethod
    def _refuse_deleting(association: AccountAssociation) -> None:
        if association.state == DELETING:
            raise ConflictException(f"The account association is in state {DELETING}.")

    # The link that the end user opens

    def authorization_url(self, association: AccountAssociation, endpoint: str) -> str:
        """Return the link that waits for the end user, empty if none does."""
        if association.pending is None or association.state != IN_PROGRESS:
            return ""
        query = urlencode(
            {"response_type": "code", "client_id": "managed-integrations", "state": association.pending.token}
        )
        if self.backend.switches.http_authorization_page:
            return f"{endpoint}{CONSENT_PATH}?{query}"
        return f"https://oauth.{association.connector_destination_id.lower()}.example/authorize?{query}"

    def find_link(self, token: str) -> tuple[LinkState, AccountAssociation | None]:
        """Return how it stands with a link, and whose it is if it waits."""
        for association in self.backend.associations.values():
            if association.pending is not None and association.pending.token == token:
                return ("expired", None) if self._has_expired(association.pending) else ("pending", association)
        return "used" if token in self._used else "unknown", None

    def answer(self, association: AccountAssociation, error_message: str | None) -> None:
        """End the linking as the end user, the vendor or AWS decided: ``error_message`` is ``None`` for a success.

        Raises ValueError if no link waits, or not any longer.
        """
        if association.pending is None or self._has_expired(association.pending):
            raise ValueError(f"No authorization of account association {association.id} is waiting")
        self.set_state(association, SUCCEEDED if error_message is None else FAILED, error_message)

    def _ask(self, association: AccountAssociation) -> None:
        self.forget_link(association)
        # Nobody may guess it: any page in the same browser could post to the consent page.
        pending = PendingAuthorization(token=token_urlsafe(32), started_at=self.backend.timeline.now)
        association.pending = pending
        self.backend.timeline.after(
            self.backend.switches.authorization_url_lifetime, partial(self._expire, association, pending)
        )

    def _expire(self, association: AccountAssociation, pending: PendingAuthorization) -> None:
        if association.pending is pending and association.state == IN_PROGRESS:
            association.state = self.backend.switches.expired_authorization
            if association.state == FAILED:
                association.error_message = "The authorization was not completed in time"

    def _has_expired(self, pending: PendingAuthorization) -> bool:
        age = (self.backend.timeline.now - pending.started_at).total_seconds()
        return age >= self.backend.switches.authorization_url_lifetime

    def forget_link(self, association: AccountAssociation) -> None:
        """Let the link that waits for the end user, if one does, be good no longer."""
        if association.pending is not None:
            self._used.add(association.pending.token)
            association.pending = None


def _material(destination: ConnectorDestination, asked: Params | None) -> str | None:
    """Return the name of the general authorization to link with, ``None`` for OAuth."""
    name = (asked or {}).get("AuthMaterialName")
    if name is None:
        return None if destination.oauth else destination.auth_materials[0]
    if name not in destination.auth_materials:
        raise ValidationException("The connector destination has no authorization material of that name.")
    return str(name)
