"""ONE table: what IAM has to allow for each AWS operation that is called here, and on what.

From AWS's Service Authorization Reference for managed integrations. Discoveries, connectors and connector destinations
aren't IAM resources there, so that their operations need ``*``, as do all lists and everything that creates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any, Final


class Group(StrEnum):
    """What a policy is for; the later ones build on the first."""

    READ_ONLY = "read_only"
    LINKING = "linking"
    ONBOARDING = "onboarding"


class Resource(StrEnum):
    """A kind of IAM resource, as the part of its ARN behind Region and account; ``ANY`` is every resource."""

    ANY = "*"
    MANAGED_THING = "managed-thing/*"
    ACCOUNT_ASSOCIATION = "account-association/*"
    SECRET = "secret:*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What one IAM action needs. ``group`` is ``None`` for what AWS allows everybody."""

    iam_action: str
    group: Group | None
    resources: tuple[Resource, ...] = (Resource.ANY,)

    @property
    def service(self) -> str:
        """The action's prefix, which its resources have in their ARN too."""
        return self.iam_action.partition(":")[0]


_THINGS_AND_ASSOCIATIONS = (Resource.MANAGED_THING, Resource.ACCOUNT_ASSOCIATION)


def _of(group: Group, operation: str, *resources: Resource) -> Permission:
    return Permission(
        iam_action=f"iotmanagedintegrations:{operation}", group=group, resources=resources or (Resource.ANY,)
    )


TABLE: Final = (
    Permission(iam_action="sts:GetCallerIdentity", group=None),
    _of(Group.READ_ONLY, "ListManagedThings"),
    _of(Group.READ_ONLY, "ListAccountAssociations"),
    _of(Group.READ_ONLY, "ListManagedThingAccountAssociations"),
    _of(Group.READ_ONLY, "ListDeviceDiscoveries"),
    _of(Group.READ_ONLY, "GetDeviceDiscovery"),
    _of(Group.READ_ONLY, "ListDiscoveredDevices"),
    _of(Group.READ_ONLY, "GetManagedThing", Resource.MANAGED_THING),
    _of(Group.READ_ONLY, "GetManagedThingConnectivityData", Resource.MANAGED_THING),
    _of(Group.LINKING, "RegisterAccountAssociation", *_THINGS_AND_ASSOCIATIONS),
    _of(Group.LINKING, "DeregisterAccountAssociation", *_THINGS_AND_ASSOCIATIONS),
    _of(Group.LINKING, "StartDeviceDiscovery", *_THINGS_AND_ASSOCIATIONS),
    _of(Group.LINKING, "StartAccountAssociationRefresh", Resource.ACCOUNT_ASSOCIATION),
    _of(Group.ONBOARDING, "CreateManagedThing"),
    _of(Group.ONBOARDING, "CreateAccountAssociation"),
    _of(Group.ONBOARDING, "ListConnectorDestinations"),
    _of(Group.ONBOARDING, "DeleteAccountAssociation", Resource.ACCOUNT_ASSOCIATION),
)
"""Every operation that is called."""
ALONGSIDE: Final = (
    Permission(iam_action="secretsmanager:GetSecretValue", group=Group.LINKING, resources=(Resource.SECRET,)),
    Permission(iam_action="secretsmanager:GetSecretValue", group=Group.ONBOARDING, resources=(Resource.SECRET,)),
)
"""What AWS does with the caller's rights in ``StartAccountAssociationRefresh`` and ``CreateAccountAssociation``: it
reads the vendor's OAuth secret."""
_BY_ACTION = {permission.iam_action: permission for permission in (*TABLE, *ALONGSIDE)}


def policy(
    groups: Iterable[Group], *, account: str = "ACCOUNT", region: str = "*", partition: str = "aws"
) -> dict[str, Any]:
    """Return the least IAM policy for some groups, limited to an account and, unless it is ``*``, to a Region."""
    wanted = set(groups)
    statements: dict[tuple[str, ...], dict[str, Any]] = {}
    for (group, resources), permissions in groupby(
        (permission for permission in (*TABLE, *ALONGSIDE) if permission.group in wanted),
        key=lambda permission: (permission.group, permission.resources),
    ):
        found = list(permissions)
        actions = tuple(permission.iam_action for permission in found)
        # Two groups may need the same.
        statements.setdefault(
            actions,
            {
                "Sid": _sid(str(group), resources),
                "Effect": "Allow",
                "Action": list(actions),
                "Resource": _arns(found[0], account=account, region=region, partition=partition),
            },
        )
    return {"Version": "2012-10-17", "Statement": list(statements.values())}


def statement(iam_action: str, *, account: str, region: str, partition: str) -> dict[str, Any]:
    """Return the statement that allows one action and no more, also one that AWS named and that isn't in the table."""
    permission = _BY_ACTION.get(iam_action, Permission(iam_action=iam_action, group=None))
    return {
        "Effect": "Allow",
        "Action": iam_action,
        "Resource": _arns(permission, account=account, region=region, partition=partition),
    }


def _sid(group: str, resources: tuple[Resource, ...]) -> str:
    """Return a statement id, which may have letters and digits only."""
    words = [group, *(resource for resource in resources if resource is not Resource.ANY)]
    return "".join(part.capitalize() for word in words for part in word.strip("/:*").replace("-", "_").split("_"))


def _arns(permission: Permission, *, account: str, region: str, partition: str) -> str | list[str]:
    if permission.resources == (Resource.ANY,):
        return Resource.ANY.value
    arns = [f"arn:{partition}:{permission.service}:{region}:{account}:{resource}" for resource in permission.resources]
    return arns if len(arns) > 1 else arns[0]
