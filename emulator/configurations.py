"""The kinds of resources that set an account up: certificates, notifications, logs, updates over the air."""

from functools import partial
from typing import TYPE_CHECKING, override

from . import pki
from .exceptions import ConflictException, ValidationException
from .records import Kind, Record, Records
from .service_model import Params, Wire

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend

CREDENTIAL_LOCKER = Kind(name="CredentialLocker", resource_type="credential-locker")
DESTINATION = Kind(name="Destination", resource_type="destination", key="Name")
EVENT_LOG_CONFIGURATION = Kind(name="EventLogConfiguration", resource_type="event-log-configuration")
NOTIFICATION_CONFIGURATION = Kind(
    name="NotificationConfiguration", resource_type="notification-configuration", key="EventType"
)
OTA_TASK_CONFIGURATION = Kind(
    name="OtaTaskConfiguration", resource_type="ota-task-configuration", key="TaskConfigurationId"
)
PROVISIONING_PROFILE = Kind(name="ProvisioningProfile", resource_type="provisioning-profile")


class Destinations(Records):
    """Where notifications go."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with none."""
        super().__init__(backend, DESTINATION, Record)

    @override
    def check_removal(self, record: Record) -> None:
        configurations = self.backend.notification_configurations.rows.values()
        if self.backend.switches.delete_in_use == "validation" and any(
            configuration.members["DestinationName"] == record.id for configuration in configurations
        ):
            raise ValidationException("The destination is used by a notification configuration.")


class NotificationConfigurations(Records):
    """Which events go to which destination."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with none."""
        super().__init__(backend, NOTIFICATION_CONFIGURATION, Record)

    @override
    def check(self, members: Params) -> None:
        # Of the two operations that name a destination only the update lists ResourceNotFoundException.
        if members["DestinationName"] not in self.backend.destinations.rows:
            raise ValidationException("The destination does not exist.")

    @override
    def change(self, record: Record, changes: Params) -> None:
        self.backend.destinations.get(changes["DestinationName"])
        super().change(record, changes)


class EventLogConfigurations(Records):
    """What is logged of an account, of a type of resource, or of one resource."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with none."""
        super().__init__(backend, EVENT_LOG_CONFIGURATION, Record)

    @override
    def check(self, members: Params) -> None:
        subject = (members["ResourceType"], members.get("ResourceId"))
        if self.backend.switches.second_event_log_configuration == "conflict" and any(
            subject == (record.members["ResourceType"], record.members.get("ResourceId"))
            for record in self.rows.values()
        ):
            raise ConflictException("An event log configuration already exists for this resource.")


class ProvisioningProfiles(Records):
    """With which certificates devices come into the account."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with none."""
        super().__init__(backend, PROVISIONING_PROFILE, Record)

    @override
    def add(self, members: Params, identifier: str | None = None) -> Record:
        record = super().add({**members, "Status": "CREATE_IN_PROGRESS"}, identifier)
        created = partial(record.members.update, Status="CREATED")
        self.backend.timeline.after(self.backend.switches.provisioning_profile_delay, created)
        return record

    @override
    def defaults(self, members: Params) -> Wire:
        if "ClaimCertificate" in members:
            return {}
        issued = pki.AUTHORITY.issue("claim certificate")
        # Only the answer to the creation has a place for the key.
        return {"ClaimCertificate": issued.certificate_pem, "ClaimCertificatePrivateKey": issued.private_key_pem}
