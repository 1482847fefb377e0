"""What AWS doesn't document, each a switch with the default that the emulator was given and why."""

from dataclasses import dataclass
from typing import Literal

type RefusalKind = Literal["validation", "conflict", "not_found"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How the emulated service behaves where AWS's documentation is silent. Durations are seconds of service time."""

    reregister: Literal["ok", "conflict"] = "ok"
    """RegisterAccountAssociation of a pair that is registered. "ok": the call is a PUT and marked idempotent."""
    mismatched_discovery: RefusalKind | Literal["accept"] = "validation"
    """Register with a job of another association, unfinished, or without the device. "validation": the input is wrong,
    and all three resources exist."""
    registration_delay: float = 0.0
    """Time from Register's 201 until the row is ASSOCIATED; above 0 the row is PRE_ASSOCIATED meanwhile. 0: the guide
    shows ACTIVATED in the very next call."""
    register_needs_authorization: bool = True
    """Whether Register is a conflict while the association isn't ASSOCIATION_SUCCEEDED. True: there is no access."""
    hub_devices_accept_registration: bool = False
    """Whether Register accepts a thing that isn't a cloud device. False: the guide has no such step for them."""
    deregister_missing: RefusalKind | Literal["ok"] = "not_found"
    """Deregister of a pair that isn't registered. "not_found": the operation lists ResourceNotFoundException."""
    unfiltered_registrations: Literal["all", "validation"] = "all"
    """ListManagedThingAccountAssociations without a filter. "all": both filters are optional."""
    registrations_of_unknown: Literal["empty", "not_found"] = "empty"
    """ListManagedThingAccountAssociations of an id that doesn't exist. "empty": the operation doesn't list
    ResourceNotFoundException."""
    last_deregistration: Literal["ISOLATED", "UNASSOCIATED", "ACTIVATED"] = "ISOLATED"
    """A thing's ProvisioningStatus after its last association is gone. ISOLATED: the guide describes it so."""
    discovery_duration: float = 5.0
    """How long a discovery job runs. 5: quick enough to watch; AWS's sample finds a device after 25."""
    discovery_timeout: float = 900.0
    """When a job that never ends becomes TIMED_OUT. 900: the only limit in the guide (capability rediscovery)."""
    discovery_expires_after: float | None = None
    """How long after its end a job can still be read and used. None: no retention is documented."""
    one_discovery_per_association: bool = True
    """Whether a second job on the same association or hub is a conflict. True: the operation lists
    ConflictException."""
    discovery_needs_authorization: bool = True
    """Whether a CLOUD discovery is a conflict while the association isn't ASSOCIATION_SUCCEEDED. True: as above."""
    discovery_on_disconnected_hub: Literal["TIMED_OUT", "FAILED"] = "TIMED_OUT"
    """How a job ends whose hub isn't connected. TIMED_OUT: nobody is there to answer."""
    recreate_thing: Literal["conflict", "ok"] = "conflict"
    """CreateManagedThing for a device that has a thing. "conflict": the operation lists ConflictException."""
    hub_activation_delay: float = 2.0
    """Time from CreateManagedThing of a device found by a hub until it is ACTIVATED. 2: as in AWS's sample."""
    pre_onboarded_needs_filter: bool = True
    """Whether only a discovery with ConnectorDeviceIdList activates PRE_ASSOCIATED things. True: the guide asks for
    it."""
    automatic_registration: bool = True
    """Whether option 2 registers by itself; without, the thing is left in DISCOVERED, as the guide warns."""
    delete_cloud_thing: Literal["ok", "validation"] = "validation"
    """DeleteManagedThing of a cloud device. "validation": the model says it can't be removed with this call."""
    deletion_delay: float = 0.0
    """How long a thing stays DELETE_IN_PROGRESS; ``Force`` always removes it at once."""
    connectivity_of_others: Literal["disconnected", "not_found"] = "disconnected"
    """GetManagedThingConnectivityData of a thing with no MQTT connection of its own."""
    refresh_when_authorized: Literal["ok", "conflict"] = "ok"
    """StartAccountAssociationRefresh while the association is ASSOCIATION_SUCCEEDED. "ok": the model says what the call
    answers for general authorization, which needs none."""
    authorization_url_lifetime: float = 3600.0
    """How long an OAuthAuthorizationUrl can be opened. 3600: long enough for anybody at a keyboard; the guide only says
    that a refresh makes a new one."""
    expired_authorization: Literal["ASSOCIATION_IN_PROGRESS", "ASSOCIATION_FAILED"] = "ASSOCIATION_IN_PROGRESS"
    """AssociationState once nobody has opened the link in time. ASSOCIATION_IN_PROGRESS: no event tells the service."""
    http_authorization_page: bool = True
    """Whether OAuthAuthorizationUrl leads to the emulator's own consent page over plain http, although the model's
    pattern wants https. True: a browser can open it without trusting a certificate made up by the emulator; the scheme
    of this one member is all that answers are not held to. False: an https link to the vendor, where nobody is."""
    delete_with_registrations: RefusalKind | Literal["ok"] = "validation"
    """DeleteAccountAssociation while things are registered with it. "validation": the model wants them deregistered
    before, and the operation doesn't list ConflictException. "ok" deregisters them."""
    association_deletion_delay: float = 2.0
    """How long an association stays ASSOCIATION_DELETING. 2: quick enough to watch."""
    cloud_discoveries: Literal["emulated", "connector"] = "emulated"
    """Who answers a CLOUD discovery. "emulated": the vendor accounts of the world. "connector": whoever calls
    SendConnectorEvent, and a job that gets no last event times out."""
    failed_connector_event: Literal["FAILED", "RUNNING"] = "FAILED"
    """A job's status after a DEVICE_DISCOVERY event with a StatusCode of neither 2xx nor 3xx. FAILED: the guide says
    what those two mean only."""
    uncontrollable_thing: Literal["validation", "accept"] = "validation"
    """SendManagedThingCommand to a thing that isn't ACTIVATED, or through an association it isn't registered with.
    "validation": only ACTIVATED things can be controlled, and the operation doesn't list ConflictException."""
    command_delay: float = 1.0
    """Time until a command shows in the state. 1: quick enough to watch; the guide only says that it comes later."""
    certificate_of_others: Literal["not_found", "empty"] = "not_found"
    """GetManagedThingCertificate of a thing that has none. "not_found": the operation lists
    ResourceNotFoundException."""
    duplicate_name: Literal["ok", "conflict"] = "ok"
    """A second resource of one kind with the same Name, where that isn't what identifies it. "ok": ids are made up."""
    delete_in_use: Literal["validation", "ok"] = "validation"
    """DeleteCloudConnector with connector destinations, DeleteDestination with notification configurations.
    "validation": as documented for connector destinations with associations; neither lists ConflictException."""
    second_event_log_configuration: Literal["conflict", "ok"] = "conflict"
    """CreateEventLogConfiguration for a resource that has one. "conflict": the operation lists ConflictException."""
    provisioning_profile_delay: float = 0.0
    """How long a provisioning profile stays CREATE_IN_PROGRESS. 0: nothing says that anybody has to wait."""
    encryption_update_delay: float = 0.0
    """How long the default encryption stays UPDATE_IN_PROGRESS. 0: as above."""
    unset_configuration: Literal["not_found", "empty"] = "not_found"
    """Get of a hub or runtime log configuration that was never put. "not_found": both list
    ResourceNotFoundException."""
    reregister_endpoint: Literal["ok", "conflict"] = "ok"
    """RegisterCustomEndpoint a second time. "ok": the operation says that it returns the endpoint."""
    throttling_status: Literal[429, 400] = 429
    """HTTP status of ThrottlingException. 429 is the model's, 400 that of AWS's page of common errors."""
    default_page_size: int = 50
    """Items on a page when MaxResults isn't given."""
