"""What AWS doesn't document, each with the ways it may be and what then becomes of a user's wish."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from custom_components.mi_registration.aws.client import OPERATIONS

from .fault_table import Outcome

OUTCOMES: Final = MappingProxyType(
    {
        "registered": Outcome(sees="`registered`", kept="The registration, asked of AWS once"),
        "other discovery": Outcome(
            sees="`registered`, with another discovery that is looked for", kept="The registration, made once"
        ),
        "later": Outcome(
            sees="`pre_associated`, and `associated` as soon as a poll shows it",
            kept="The registration, asked of AWS once",
        ),
        "waits": Outcome(
            sees="`queued` until the end user has authorized it again; the repair has the link",
            kept="The registration asked for, on disk",
        ),
        "failed": Outcome(
            sees="`failed` with AWS's code and text", kept="Why it failed; nothing is sent again unasked"
        ),
        "deregistered": Outcome(sees="`deregistered`, and not registered any more", kept="Everything else"),
        "not there": Outcome(sees="`not_registered`: there is nothing to remove", kept="Everything else"),
        "nothing": Outcome(sees="Nothing: all rows are there", kept="Everything"),
        "found": Outcome(sees="`succeeded`, with what was found", kept="The discovery and what it found"),
        "joined": Outcome(
            sees="The same as the one that runs already, which is followed", kept="The discovery and what it found"
        ),
        "not found": Outcome(sees="`failed`", kept="That it ended, and when"),
        "timed out": Outcome(
            sees="`timed_out`, when AWS says so or the action's own time is over", kept="That it ended, and when"
        ),
        "refused": Outcome(sees="The action fails with AWS's code and text", kept="Everything as it was before"),
        "second thing": Outcome(
            sees="`registered`, beside the managed thing that somebody else made meanwhile", kept="Both managed things"
        ),
        "by AWS": Outcome(sees="`associated` when the discovery has ended", kept="Everything; nothing is sent twice"),
        "by hand": Outcome(
            sees="`pre_associated` until it is registered by its button or an action",
            kept="Everything; nothing is sent twice",
        ),
        "stuck": Outcome(sees="`pre_associated`, and a repair that registers it by hand", kept="Everything"),
        "gone": Outcome(sees="Its device goes with the next poll", kept="Everything else"),
        "going": Outcome(
            sees="`delete_in_progress`, and its device goes when AWS has deleted it", kept="Everything else"
        ),
        "disconnected": Outcome(sees="Its connectivity is off", kept="Everything else"),
        "unavailable": Outcome(sees="Only its connectivity is unavailable", kept="Everything else"),
        "link": Outcome(sees="The link to sign in at the vendor", kept="Registrations and devices"),
        "linked": Outcome(sees="The new association, with its device", kept="Everything"),
        "asked again": Outcome(
            sees="The flow asks whether to sign in again, to use it as it is, or to delete it",
            kept="The new association in the cloud",
        ),
        "deleted": Outcome(sees="The flow ends: the association is deleted", kept="Everything else"),
        "flow ends": Outcome(sees="The flow ends with AWS's text", kept="The association with its registrations"),
        "repair": Outcome(
            sees="A repair: it was deleted in the cloud, remove it here", kept="Its device, until removed"
        ),
        "state, then repair": Outcome(
            sees="Its state is `association_deleting`; then a repair: remove it here", kept="Its device, until removed"
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something that AWS's documentation leaves open: a switch of the emulator."""

    switch: str
    """The field of ``Switches``."""
    asks: str
    operations: tuple[str, ...]
    """Those whose answer it changes, or shows."""
    ways: tuple[tuple[Any, str], ...] = ()
    """Each value that is tried, with its outcome; none where no operation of these is ever called."""

    @property
    def is_met(self) -> bool:
        """Whether this integration calls any of the operations."""
        return not OPERATIONS.isdisjoint(self.operations)


PUT: Final = "RegisterAccountAssociation"
DELETE: Final = "DeregisterAccountAssociation"
LIST: Final = "ListManagedThingAccountAssociations"
THINGS: Final = "ListManagedThings"
START: Final = "StartDeviceDiscovery"
JOB: Final = "GetDeviceDiscovery"
CREATE: Final = "CreateManagedThing"
LINK: Final = "CreateAccountAssociation"
REFRESH: Final = "StartAccountAssociationRefresh"
ASSOCIATIONS: Final = "ListAccountAssociations"

QUESTIONS: Final = (
    Question(
        switch="reregister",
        asks="A pair that is registered already, registered again",
        operations=(PUT,),
        ways=(("ok", "registered"), ("conflict", "registered")),
    ),
    Question(
        switch="mismatched_discovery",
        asks="A registration with a discovery that doesn't list the device",
        operations=(PUT,),
        ways=(
            ("validation", "other discovery"),
            ("conflict", "other discovery"),
            ("not_found", "other discovery"),
            ("accept", "registered"),
        ),
    ),
    Question(
        switch="registration_delay",
        asks="Seconds from AWS's yes until the pair is associated",
        operations=(PUT, LIST),
        ways=((0.0, "registered"), (20.0, "later")),
    ),
    Question(
        switch="register_needs_authorization",
        asks="Registering while the association isn't authorized, which no poll has shown yet",
        operations=(PUT,),
        ways=((True, "waits"), (False, "registered")),
    ),
    Question(
        switch="hub_devices_accept_registration",
        asks="Registering a device that belongs to a hub",
        operations=(PUT,),
        ways=((True, "registered"), (False, "failed")),
    ),
    Question(
        switch="deregister_missing",
        asks="Deregistering a pair that somebody else deregistered meanwhile",
        operations=(DELETE,),
        ways=(
            ("not_found", "not there"),
            ("ok", "deregistered"),
            ("conflict", "deregistered"),
            ("validation", "deregistered"),
        ),
    ),
    Question(
        switch="unfiltered_registrations",
        asks="The list of registrations without a filter",
        operations=(LIST,),
        ways=(("all", "nothing"), ("validation", "nothing")),
    ),
    Question(
        switch="registrations_of_unknown",
        asks="The list of registrations of an association that was deleted",
        operations=(LIST,),
        ways=(("empty", "nothing"), ("not_found", "nothing")),
    ),
    Question(
        switch="last_deregistration",
        asks="A thing's provisioning status after its last deregistration",
        operations=(DELETE, THINGS),
        ways=(("ISOLATED", "deregistered"), ("UNASSOCIATED", "deregistered"), ("ACTIVATED", "deregistered")),
    ),
    Question(
        switch="discovery_duration",
        asks="Seconds that a discovery takes",
        operations=(START, JOB),
        ways=((0.0, "found"), (0.2, "found")),
    ),
    Question(
        switch="discovery_timeout",
        asks="Seconds after which AWS gives up a discovery that never ends",
        operations=(START, JOB),
        ways=((0.0, "timed out"), (100_000.0, "timed out")),
    ),
    Question(
        switch="discovery_expires_after",
        asks="Seconds for which a discovery that has ended can be used; `None` for ever",
        operations=(PUT, JOB, "ListDiscoveredDevices", "ListDeviceDiscoveries"),
        ways=((None, "registered"), (3600.0, "other discovery")),
    ),
    Question(
        switch="one_discovery_per_association",
        asks="A discovery while another one of the same association runs",
        operations=(START,),
        ways=((True, "joined"), (False, "found")),
    ),
    Question(
        switch="discovery_needs_authorization",
        asks="A discovery while the association isn't authorized, which no poll has shown yet",
        operations=(START,),
        ways=((True, "refused"), (False, "found")),
    ),
    Question(
        switch="discovery_on_disconnected_hub",
        asks="How a discovery ends whose hub is offline, where that couldn't be asked before",
        operations=(START, JOB),
        ways=(("TIMED_OUT", "timed out"), ("FAILED", "not found")),
    ),
    Question(
        switch="cloud_discoveries",
        asks="Whether the vendor's connector answers a discovery at all",
        operations=(START, JOB),
        ways=(("emulated", "found"), ("connector", "timed out")),
    ),
    Question(
        switch="failed_connector_event",
        asks="A discovery whose connector reports an error: it fails, or runs on",
        operations=("SendConnectorEvent", JOB),
        ways=(("FAILED", "not found"), ("RUNNING", "timed out")),
    ),
    Question(
        switch="recreate_thing",
        asks="Creating a managed thing for a device for which somebody else made one meanwhile",
        operations=(CREATE,),
        ways=(("conflict", "registered"), ("ok", "second thing")),
    ),
    Question(
        switch="duplicate_name",
        asks="Several found devices of one name",
        operations=(CREATE,),
        ways=(("ok", "registered"), ("conflict", "registered")),
    ),
    Question(
        switch="hub_activation_delay",
        asks="Seconds until a device that a hub found is activated",
        operations=(CREATE, THINGS),
        ways=((0.0, "registered"), (20.0, "later")),
    ),
    Question(
        switch="pre_onboarded_needs_filter",
        asks="A discovery of the whole account, and a thing that is pre-onboarded",
        operations=(START, LIST),
        ways=((True, "by hand"), (False, "by AWS")),
    ),
    Question(
        switch="automatic_registration",
        asks="A discovery of just a thing that is pre-onboarded",
        operations=(START, LIST),
        ways=((True, "by AWS"), (False, "stuck")),
    ),
    Question(
        switch="delete_cloud_thing",
        asks="Deleting a cloud device's managed thing",
        operations=("DeleteManagedThing",),
    ),
    Question(
        switch="deletion_delay",
        asks="Seconds until a thing that somebody deletes is gone",
        operations=("DeleteManagedThing", THINGS),
        ways=((0.0, "gone"), (20.0, "going")),
    ),
    Question(
        switch="connectivity_of_others",
        asks="The connectivity of a hub that was never connected",
        operations=("GetManagedThingConnectivityData",),
        ways=(("disconnected", "disconnected"), ("not_found", "unavailable")),
    ),
    Question(
        switch="refresh_when_authorized",
        asks="A new authorization while the old one is good",
        operations=(REFRESH,),
        ways=(("ok", "link"), ("conflict", "refused")),
    ),
    Question(
        switch="authorization_url_lifetime",
        asks="Seconds for which the vendor's link is good: the user is in time, or too late",
        operations=(LINK, REFRESH),
        ways=((3600.0, "linked"), (1.0, "asked again")),
    ),
    Question(
        switch="expired_authorization",
        asks="The state of a new association that nobody authorized in time",
        operations=(LINK, ASSOCIATIONS),
        ways=(("ASSOCIATION_IN_PROGRESS", "asked again"), ("ASSOCIATION_FAILED", "asked again")),
    ),
    Question(
        switch="http_authorization_page",
        asks="The scheme of the vendor's link: `http` (the emulator's own) or `https`",
        operations=(LINK, REFRESH),
        ways=((True, "link"), (False, "link")),
    ),
    Question(
        switch="delete_with_registrations",
        asks="Deleting an association with which things are registered",
        operations=("DeleteAccountAssociation",),
        ways=(
            ("validation", "flow ends"),
            ("conflict", "flow ends"),
            ("not_found", "flow ends"),
            ("ok", "deleted"),
        ),
    ),
    Question(
        switch="association_deletion_delay",
        asks="Seconds until an association that somebody deletes is gone",
        operations=("DeleteAccountAssociation", ASSOCIATIONS),
        ways=((0.0, "repair"), (20.0, "state, then repair")),
    ),
    Question(
        switch="throttling_status",
        asks="The HTTP status of `ThrottlingException`",
        operations=tuple(sorted(OPERATIONS)),
        ways=((429, "registered"), (400, "registered")),
    ),
    Question(
        switch="default_page_size",
        asks="Rows on a page of a list where the caller names no number",
        operations=tuple(sorted(name for name in OPERATIONS if name.startswith("List"))),
        ways=((50, "nothing"), (2, "nothing")),
    ),
    Question(
        switch="uncontrollable_thing",
        asks="A command to a thing that can't be controlled",
        operations=("SendManagedThingCommand",),
    ),
    Question(
        switch="command_delay",
        asks="Seconds until a command shows in a thing's state",
        operations=("SendManagedThingCommand", "GetManagedThingState"),
    ),
    Question(
        switch="certificate_of_others",
        asks="The certificate of a thing that has none",
        operations=("GetManagedThingCertificate",),
    ),
    Question(
        switch="delete_in_use",
        asks="Deleting a cloud connector or a destination that is in use",
        operations=("DeleteCloudConnector", "DeleteDestination"),
    ),
    Question(
        switch="second_event_log_configuration",
        asks="A second event log configuration of one resource",
        operations=("CreateEventLogConfiguration",),
    ),
    Question(
        switch="provisioning_profile_delay",
        asks="Seconds until a provisioning profile is made",
        operations=("CreateProvisioningProfile", "GetProvisioningProfile", "ListProvisioningProfiles"),
    ),
    Question(
        switch="encryption_update_delay",
        asks="Seconds until the default encryption has changed",
        operations=("PutDefaultEncryptionConfiguration", "GetDefaultEncryptionConfiguration"),
    ),
    Question(
        switch="unset_configuration",
        asks="A hub or runtime log configuration that was never put",
        operations=("GetHubConfiguration", "GetRuntimeLogConfiguration"),
    ),
    Question(
        switch="reregister_endpoint",
        asks="A custom endpoint that is registered already",
        operations=("RegisterCustomEndpoint",),
    ),
)
