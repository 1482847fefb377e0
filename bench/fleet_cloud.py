"""The one AWS account of a simulated fleet, and what stands in for boto3 before it."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
import botocore.session

from custom_components.mi_registration.aws.client import SERVICE
from custom_components.mi_registration.aws.models import AccountAssociation, ManagedThing, Registration
from custom_components.mi_registration.inventory import Inventory
from emulator.quota import Quota

from .fleet_scenario import BIN, Scenario

ACCOUNT = "123456789012"
REGION = "eu-west-1"


class Cloud:
    """The account: who has what, and how many calls it serves."""

    def __init__(self, scenario: Scenario, clock: Callable[[], float]) -> None:
        """Make the homes, each with its things and associations."""
        self._quota = Quota(scenario.quota, clock=clock)
        self._clock = clock
        self._per_home = scenario.associations
        self.parsed: dict[str, AccountAssociation] = {}
        self.last_registered = 0.0
        """When the last registration was made."""
        self.served: Counter[tuple[str, int]] = Counter()
        """Calls by operation and bin."""
        self.refused: Counter[tuple[str, int]] = Counter()
        self.things: dict[str, list[dict[str, Any]]] = {}
        """Rows by owner."""
        self.associations: list[dict[str, Any]] = []
        self.registered: dict[str, dict[str, dict[str, Any]]] = {}
        """Rows by association and thing."""
        for number in range(scenario.gateways):
            owner = f"home-{number}"
            ids = [f"association{number}x{index}" for index in range(scenario.associations)]
            self.associations += [
                {
                    "AccountAssociationId": association_id,
                    "AssociationState": "ASSOCIATION_SUCCEEDED",
                    "Name": association_id,
                    "ConnectorDestinationId": "vendor",
                }
                for association_id in ids
            ]
            self.parsed |= {
                row.account_association_id: row
                for row in map(AccountAssociation.from_wire, self.associations_of(number))
                if row is not None
            }
            self.things[owner] = [
                {
                    "Id": f"thing{number}x{index}",
                    "Role": "DEVICE",
                    "Name": f"Device {index}",
                    "ProvisioningStatus": "UNASSOCIATED",
                }
                for index in range(scenario.things)
            ]
            self.registered |= {association_id: {} for association_id in ids}
            for index, row in enumerate(self.things[owner][scenario.things // 2 :]):
                self.register(row["Id"], ids[index % len(ids)])

    def associations_of(self, number: int) -> list[dict[str, Any]]:
        """Return the rows of one home's associations."""
        return self.associations[number * self._per_home : (number + 1) * self._per_home]

    def known(self, number: int) -> Inventory:
        """Return what a home's gateway knows from before."""
        associations = self.associations_of(number)
        registered = [row for one in associations for row in self.registered[one["AccountAssociationId"]].values()]
        return Inventory.build(
            [thing for row in self.things[f"home-{number}"] if (thing := ManagedThing.from_wire(row))],
            [found for row in associations if (found := AccountAssociation.from_wire(row))],
            [pair for row in registered if (pair := Registration.from_wire(row))],
        )

    def register(self, thing_id: str, association_id: str) -> None:
        """Note a registration; it is complete at once."""
        self.last_registered = self._clock()
        self.registered[association_id][thing_id] = {
            "ManagedThingId": thing_id,
            "AccountAssociationId": association_id,
            "ManagedThingAssociationStatus": "ASSOCIATED",
        }

    def admit(self, operation: str) -> None:
        """Count a call against the quota; raises ``ClientError`` if that is used up."""
        now = int(self._clock() / BIN)
        if self._quota.allows(operation):
            self.served[operation, now] += 1
            return
        self.refused[operation, now] += 1
        raise ClientError(
            {
                "Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"},
                "ResponseMetadata": {
                    "HTTPStatusCode": 429,
                    "HTTPHeaders": {},
                    "RequestId": "",
                    "HostId": "",
                    "RetryAttempts": 0,
                },
            },
            operation,
        )

    def shares(self, until: float) -> list[float]:
        """Return the share of refused calls for each bin up to a time."""
        return [self.share(bins=[number]) for number in range(int(until / BIN))]

    def share(self, *, bins: Iterable[int], operation: str | None = None) -> float:
        """Return the share of refused calls in some bins."""
        wanted = set(bins)

        def total(counter: Counter[tuple[str, int]]) -> int:
            return sum(
                count for (name, number), count in counter.items() if number in wanted and operation in (None, name)
            )

        refused = total(self.refused)
        return refused / max(1, refused + total(self.served))


class Sdk:
    """Stands in for boto3's clients of the services: methods with the SDK's names, answers and errors."""

    def __init__(self, cloud: Cloud) -> None:
        """Talk to a cloud."""
        self._cloud = cloud

    @cached_property
    def meta(self) -> SimpleNamespace:
        """What the SDK knows of the service."""
        return SimpleNamespace(service_model=botocore.session.get_session().get_service_model(SERVICE))

    def get_caller_identity(self) -> dict[str, Any]:
        """GetCallerIdentity."""
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/gateway", "UserId": "gateway"}

    def list_managed_things(self, *, OwnerFilter: str, **position: Any) -> dict[str, Any]:
        """ListManagedThings."""
        self._cloud.admit("ListManagedThings")
        return _page(self._cloud.things[OwnerFilter], **position)

    def list_account_associations(self, **position: Any) -> dict[str, Any]:
        """ListAccountAssociations."""
        self._cloud.admit("ListAccountAssociations")
        return _page(self._cloud.associations, **position)

    def list_managed_thing_account_associations(
        self,
        *,
        AccountAssociationId: str,
        **position: Any,
    ) -> dict[str, Any]:
        """ListManagedThingAccountAssociations."""
        self._cloud.admit("ListManagedThingAccountAssociations")
        return _page(list(self._cloud.registered[AccountAssociationId].values()), **position)

    def register_account_association(
        self,
        *,
        ManagedThingId: str,
        AccountAssociationId: str,
        **_: Any,
    ) -> dict[str, Any]:
        """RegisterAccountAssociation."""
        self._cloud.admit("RegisterAccountAssociation")
        self._cloud.register(ManagedThingId, AccountAssociationId)
        return {"ResponseMetadata": {"RequestId": ""}}


def _page(rows: list[dict[str, Any]], *, MaxResults: int, NextToken: str = "0") -> dict[str, Any]:
    end = int(NextToken) + MaxResults
    return {"Items": rows[int(NextToken) : end], **({"NextToken": str(end)} if end < len(rows) else {})}
