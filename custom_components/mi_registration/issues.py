"""Which repairs there should be: derived from what is known now, so that each comes and goes by itself."""

from dataclasses import dataclass, field
from inspect import signature
import json
from typing import Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .account_lists import CloudList
from .aws.models import ProvisioningStatus
from .aws.permissions import statement
from .const import CONF_ACCOUNT_ASSOCIATION_ID, DOMAIN
from .data import MiRegistrationConfigEntry
from .policies import wanted_for_suggestion
from .store import IntentKind

CLOCK_SKEW_SECONDS: Final = 300
"""AWS refuses signatures that are older or newer than this."""
CLOCK_JITTER_SECONDS: Final = 10
"""Differences of the skew that only come of the time that requests take."""
_OF_CLIENT: Final = frozenset({"missing_permission", "clock_skew"})
_OF_CLOUD: Final = frozenset(
    {
        "association_deleted",
        "authorization_expired",
        "devices_found",
        "registration_failed",
        "thing_stuck_in_discovered",
    }
)
_LINKS_TO_ENTRY: Final = "config_entry_id" in signature(ir.async_create_issue).parameters
"""Whether this Home Assistant (2026.11 and newer) ties an issue to its config entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A repair that should be shown."""

    issue_id: str
    translation_key: str
    placeholders: dict[str, str]
    data: dict[str, str | int | float | None] = field(default_factory=dict)
    is_fixable: bool = True
    severity: ir.IssueSeverity = ir.IssueSeverity.WARNING


class Issues:
    """Keeps one entry's repairs in step with what is known."""

    def __init__(self, hass: HomeAssistant, entry: MiRegistrationConfigEntry) -> None:
        """Prepare; the entry's runtime data is complete."""
        self._hass = hass
        self._entry = entry
        self._data = entry.runtime_data
        self.shown: dict[str, Issue] = {}
        """The repairs shown now, by id."""

    @callback
    def async_start(self) -> None:
        """Follow what is known until the entry is unloaded."""
        coordinator = self._data.coordinator
        self._entry.async_on_unload(coordinator.async_add_listener(self.async_update))
        # What the registrar and the discoveries find out shows on the account.
        self._entry.async_on_unload(coordinator.async_add_listener(self.async_update, str(self._entry.unique_id)))
        self._entry.async_on_unload(self._data.client.async_add_denied_listener(self.async_update))
        # A clock may go wrong while the cloud stays as it is.
        coordinator.after_refresh = self.async_update
        self.shown = self._left_from_before()
        self.async_update()

    def _left_from_before(self) -> dict[str, Issue]:
        """Return what was shown when the entry was unloaded: what was mended meanwhile must go, the rest stay."""
        return {
            entry.issue_id: Issue(
                issue_id=entry.issue_id,
                translation_key=entry.translation_key,
                placeholders=entry.translation_placeholders or {},
                data={name: value for name, value in entry.data.items() if name != "entry_id"},
                is_fixable=bool(entry.is_fixable),
                severity=entry.severity or ir.IssueSeverity.WARNING,
            )
            for entry in ir.async_get(self._hass).issues.values()
            if entry.domain == DOMAIN
            and entry.data is not None
            and entry.data.get("entry_id") == self._entry.entry_id
            and entry.translation_key is not None
            and entry.translation_key in _OF_CLIENT | _OF_CLOUD
        }

    @callback
    def async_update(self) -> None:
        """Create, replace and delete repairs as needed."""
        wanted = {issue.issue_id: issue for issue in self._wanted()}
        for issue_id in self.shown.keys() - wanted.keys():
            _let_go(self._hass, issue_id, self._entry.entry_id)
        for issue_id, issue in wanted.items():
            if self.shown.get(issue_id) != issue:
                self._create(issue)
        self.shown = wanted

    @callback
    def async_take_over(self, issue_id: str) -> None:
        """Show a repair, which was another entry's too, as this entry's."""
        self._create(self.shown[issue_id])

    def _create(self, issue: Issue) -> None:
        link: dict[str, Any] = {"config_entry_id": self._entry.entry_id} if _LINKS_TO_ENTRY else {}
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue.issue_id,
            is_fixable=issue.is_fixable,
            severity=issue.severity,
            translation_key=issue.translation_key,
            translation_placeholders=issue.placeholders,
            data={"entry_id": self._entry.entry_id, **issue.data},
            **link,
        )

    def _wanted(self) -> list[Issue]:
        issues = [*self._of_permissions(), *self._of_clock()]
        if self._data.coordinator.last_update_success:
            issues += [*self._of_associations(), *self._of_things(), *self._of_registrations()]
        else:
            # Nothing new is known of the cloud: what was shown before still counts.
            issues += [issue for issue in self.shown.values() if issue.translation_key not in _OF_CLIENT]
        return issues

    def _of_associations(self) -> list[Issue]:
        if CloudList.ASSOCIATIONS in self._data.coordinator.unread_lists:
            return []
        inventory = self._data.coordinator.data
        issues = []
        for association_id, subentry in self._data.coordinator.association_subentries.items():
            association = inventory.associations_by_id.get(association_id)
            placeholders = {"name": (association and association.name) or subentry.title}
            data: dict[str, str | int | float | None] = {CONF_ACCOUNT_ASSOCIATION_ID: association_id}
            if association is None:
                issues.append(
                    Issue(
                        issue_id=f"association_deleted_{association_id}",
                        translation_key="association_deleted",
                        placeholders=placeholders,
                        data=data,
                    )
                )
                continue
            if association_id in inventory.unauthorized or association_id in self._data.linking.requested:
                issues.append(
                    Issue(
                        issue_id=f"authorization_expired_{association_id}",
                        translation_key="authorization_expired",
                        placeholders={**placeholders, "reason": association.error_message or "-"},
                        data=data,
                        severity=ir.IssueSeverity.ERROR,
                    )
                )
            if devices := wanted_for_suggestion(self._data, association_id):
                issues.append(
                    Issue(
                        issue_id=f"devices_found_{association_id}",
                        translation_key="devices_found",
                        placeholders={**placeholders, "count": str(len(devices))},
                        data=data,
                    )
                )
        return issues

    def _of_things(self) -> list[Issue]:
        """Return the things that AWS found but couldn't register by itself; AWS documents to do it by hand then."""
        inventory = self._data.coordinator.data
        return [
            Issue(
                issue_id=f"thing_stuck_in_discovered_{thing.managed_thing_id}",
                translation_key="thing_stuck_in_discovered",
                placeholders={"name": thing.name or thing.managed_thing_id},
                data={"managed_thing_id": thing.managed_thing_id},
            )
            for thing in inventory.managed_things
            if thing.provisioning_status is ProvisioningStatus.DISCOVERED
            and inventory.registrations_by_thing.get(thing.managed_thing_id)
        ]

    def _of_registrations(self) -> list[Issue]:
        inventory = self._data.coordinator.data
        issues = []
        for (thing_id, association_id), failure in self._data.store.queue.failures.items():
            thing = inventory.things_by_id.get(thing_id)
            association = inventory.associations_by_id.get(association_id)
            if thing is None or failure.kind is not IntentKind.REGISTER:
                continue
            issues.append(
                Issue(
                    issue_id=f"registration_failed_{thing_id}_{association_id}",
                    translation_key="registration_failed",
                    placeholders={
                        "device": thing.name or thing_id,
                        "name": (association and association.name) or association_id,
                        "code": failure.error_code,
                        "message": failure.error_message,
                        "request_id": failure.request_id or "-",
                    },
                    data={"managed_thing_id": thing_id, CONF_ACCOUNT_ASSOCIATION_ID: association_id},
                )
            )
        return issues

    def _of_permissions(self) -> list[Issue]:
        partition, account, region = str(self._entry.unique_id).split(":")
        return [
            Issue(
                issue_id=f"missing_permission_{iam_action}",
                translation_key="missing_permission",
                placeholders={
                    "iam_action": iam_action,
                    "statement": json.dumps(
                        statement(iam_action, account=account, region=region, partition=partition), indent=2
                    ),
                    "name": self._entry.title,
                },
                is_fixable=False,
            )
            for iam_action in sorted(set(self._data.client.denied.values()))
        ]

    def _of_clock(self) -> list[Issue]:
        skew = self._data.client.clock_skew
        if skew is None or abs(skew) <= CLOCK_SKEW_SECONDS:
            return []
        seconds = f"{abs(skew):.0f}"
        shown = self.shown.get("clock_skew")
        if shown is not None and abs(abs(skew) - int(shown.placeholders["seconds"])) <= CLOCK_JITTER_SECONDS:
            seconds = shown.placeholders["seconds"]
        return [
            Issue(
                issue_id="clock_skew",
                translation_key="clock_skew",
                placeholders={"seconds": seconds},
                is_fixable=False,
            )
        ]


@callback
def async_delete_issues(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the repairs of an entry that is removed or disabled."""
    for issue in list(ir.async_get(hass).issues.values()):
        if issue.domain == DOMAIN and (issue.data or {}).get("entry_id") == entry_id:
            _let_go(hass, issue.issue_id, entry_id)


def _let_go(hass: HomeAssistant, issue_id: str, entry_id: str) -> None:
    """Delete a repair unless another entry has it, too: a clock is everybody's, and so may a permission be."""
    others: list[MiRegistrationConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
    for other in others:
        if other.entry_id != entry_id and issue_id in other.runtime_data.issues.shown:
            other.runtime_data.issues.async_take_over(issue_id)
            return
    ir.async_delete_issue(hass, DOMAIN, issue_id)
