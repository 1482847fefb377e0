"""The cloud of a soak: an emulated account that is watched and disturbed."""

from collections import Counter
from random import Random
from types import TracebackType
from typing import Final, Self

from emulator import Emulator, World

from .cloud import Endpoint

REFUSALS: Final = (
    ("ThrottlingException", 429),
    ("InternalServerException", 500),
    ("ServiceUnavailableException", 503),
    ("SomethingNew", 500),
)
OPERATIONS: Final = (
    "CreateManagedThing",
    "GetDeviceDiscovery",
    "ListAccountAssociations",
    "ListDeviceDiscoveries",
    "ListDiscoveredDevices",
    "ListManagedThingAccountAssociations",
    "ListManagedThings",
    "RegisterAccountAssociation",
    "StartDeviceDiscovery",
)


class DisturbedCloud:
    """An emulated account that is watched and disturbed."""

    def __init__(self, seed: int) -> None:
        """Prepare; what goes wrong follows from the seed."""
        self._random = Random(seed)  # a seeded run
        self._emulator = Emulator()
        self._accepted: set[tuple[str, str]] = set()
        self._offline_steps = 0
        self.faults: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.twice = 0

    def __enter__(self) -> Self:
        """Start the emulator."""
        self._emulator.__enter__()
        self.world: World = self._emulator.create_world("empty")
        self.association = self.world.add_association(name="Vendor account")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._emulator.__exit__(kind, error, trace)

    @property
    def endpoint(self) -> Endpoint:
        """Where it is, and the credentials for it."""
        return Endpoint(
            url=self._emulator.url,
            account_id=self.world.account_id,
            region=self.world.region,
            access_key_id=self.world.access_key_id,
            secret_access_key=self.world.secret_access_key,
        )

    def disturb(self) -> None:
        """Let something go wrong, once in a while."""
        if self._offline_steps:
            self._offline_steps -= 1
            if not self._offline_steps:
                self.world.offline(offline=False)
            return
        dice = self._random.random()
        operation = self._random.choice(OPERATIONS)
        if dice < 0.10:
            code, status = self._random.choice(REFUSALS)
            self.world.refuse(operation, code, self._random.randint(1, 8), status=status)
            self.faults["refused"] += 1
        elif dice < 0.15:
            self.world.drop(operation, self._random.choice(("before", "after")))
            self.faults["dropped"] += 1
        elif dice < 0.18:
            self.world.garble(operation, self._random.choice(("truncated", "garbage", "not_utf8", "html")))
            self.faults["garbled"] += 1
        elif dice < 0.19:
            self.world.offline()
            self._offline_steps = self._random.randint(1, 30)
            self.faults["offline"] += 1

    def mend(self) -> None:
        """Let everything work from now on."""
        self._offline_steps = 0
        self.world.offline(offline=False)
        with self.world.lock:
            for faults in (self.world.faults.refusals, self.world.faults.drops, self.world.faults.garblings):
                faults.clear()

    def look(self) -> None:
        """Count what was asked for since the last look."""
        requests = self.world.requests
        self.world.clear_requests()
        for request in requests:
            self.counts["all"] += 1
            self.counts["refused"] += request.status not in {200, 201}
            if request.operation == "RegisterAccountAssociation":
                pair = (str(request.params["ManagedThingId"]), str(request.params["AccountAssociationId"]))
                if pair in self._accepted:
                    self.twice += 1
                elif request.status == 201:
                    self._accepted.add(pair)
