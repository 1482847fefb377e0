"""What an account, or one of its things, has exactly one of: endpoint, encryption, hub tokens, runtime logs."""

from typing import TYPE_CHECKING

from .exceptions import ConflictException, ResourceNotFoundException, ValidationException
from .service_model import Params, Wire

if TYPE_CHECKING:
    from .models import ManagedIntegrationsBackend


class AccountSettings:
    """The settings of one account."""

    def __init__(self, backend: ManagedIntegrationsBackend) -> None:
        """Start with what an account has before anything was set."""
        self.backend = backend
        self._endpoint: str | None = None
        self._hub: Wire | None = None
        self._encryption: Wire = {
            "encryptionType": "MANAGED_INTEGRATIONS_DEFAULT_ENCRYPTION",
            "configurationStatus": {"state": "ENABLED"},
        }
        self._runtime_logs: dict[str, Wire] = {}

    def register_custom_endpoint(self) -> Wire:
        """RegisterCustomEndpoint."""
        if self._endpoint is not None and self.backend.switches.reregister_endpoint == "conflict":
            raise ConflictException("A custom endpoint is already registered.")
        if self._endpoint is None:
            self.backend.next_sequence()
            prefix = self.backend.new_id("custom-endpoint")[:14]
            self._endpoint = f"{prefix}.iot.{self.backend.region_name}.example"
        return {"EndpointAddress": self._endpoint}

    def custom_endpoint(self) -> Wire:
        """GetCustomEndpoint."""
        if self._endpoint is None:
            raise ResourceNotFoundException("custom-endpoint", self.backend.account_id)
        return {"EndpointAddress": self._endpoint}

    def put_hub_configuration(self, params: Params) -> Wire:
        """PutHubConfiguration."""
        self._hub = {**params, "UpdatedAt": self.backend.timeline.now}
        return dict(params)

    def hub_configuration(self) -> Wire:
        """GetHubConfiguration."""
        return self._or_unset(self._hub, "hub-configuration", self.backend.account_id)

    def put_encryption(self, params: Params) -> Wire:
        """PutDefaultEncryptionConfiguration."""
        if params["encryptionType"] == "CUSTOMER_KEY_ENCRYPTION" and "kmsKeyArn" not in params:
            raise ValidationException("kmsKeyArn is required for encryption type CUSTOMER_KEY_ENCRYPTION.")
        configuration = {**params, "configurationStatus": {"state": "UPDATE_IN_PROGRESS"}}

        def enable() -> None:
            configuration["configurationStatus"] = {"state": "ENABLED"}

        self.backend.timeline.after(self.backend.switches.encryption_update_delay, enable)
        self._encryption = configuration
        return self.encryption()

    def encryption(self) -> Wire:
        """GetDefaultEncryptionConfiguration."""
        return dict(self._encryption)

    def put_runtime_log(self, params: Params) -> Wire:
        """PutRuntimeLogConfiguration."""
        thing = self.backend.thing(params["ManagedThingId"])
        self._runtime_logs[thing.id] = params["RuntimeLogConfigurations"]
        return {}

    def runtime_log(self, managed_thing_id: str) -> Wire:
        """GetRuntimeLogConfiguration."""
        thing = self.backend.thing(managed_thing_id)
        found = self._or_unset(self._runtime_logs.get(thing.id), "runtime-log-configuration", thing.id)
        return {"ManagedThingId": thing.id, "RuntimeLogConfigurations": found}

    def reset_runtime_log(self, managed_thing_id: str) -> Wire:
        """ResetRuntimeLogConfiguration."""
        self._runtime_logs.pop(self.backend.thing(managed_thing_id).id, None)
        return {}

    def _or_unset(self, configuration: Wire | None, resource_type: str, resource_id: str) -> Wire:
        if configuration is None and self.backend.switches.unset_configuration == "not_found":
            raise ResourceNotFoundException(resource_type, resource_id)
        return configuration or {}
