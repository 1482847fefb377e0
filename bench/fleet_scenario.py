"""Fleets of gateways: what is simulated, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MINUTE = 60.0
HOUR = 3600.0
BIN = 10 * MINUTE
"""Refusals over time are counted over so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A fleet, and how long to look at it."""

    gateways: int
    interval: int = 15
    """Minutes between two synchronisations, as set in the options."""
    quota: float = 10.0
    """Calls per second that AWS serves of each operation, for the whole fleet."""
    things: int = 20
    """Managed things of each home; half of them are registered, the campaign registers the others."""
    associations: int = 2
    """Account associations of each home."""
    settling: float = 3 * HOUR
    """Seconds after the start that don't count as steady."""
    steady: float = 3 * HOUR
    """Seconds that do."""
    campaign_within: float = 1.0
    """All gateways begin with the campaign within so many seconds."""
    plain: bool = False
    """Whether a plain script is simulated instead of the integration."""
    seed: int = 1

    @property
    def limit(self) -> float:
        """Seconds that the quota needs for the campaign at least."""
        return self.gateways * (self.things // 2) / self.quota


@dataclass(slots=True)
class Outcome:
    """What became of a fleet."""

    scenario: Scenario
    first_reads: list[float] = field(default_factory=list)
    """When each gateway had read the cloud for the first time, in seconds after the start."""
    ages: list[float] = field(default_factory=list)
    """How old what the gateways show was, looked at again and again while all was steady, in seconds."""
    association_ages: list[float] = field(default_factory=list)
    """The same for the states of the account associations."""
    refused: float = 0.0
    """The share of calls that the cloud refused while all was steady."""
    calls_per_second: Mapping[str, float] = field(default_factory=dict)
    """What the cloud served of each operation while all was steady."""
    bins: list[float] = field(default_factory=list)
    """The share of calls that was refused, from the start, for each :data:`BIN`."""
    campaign: float = 0.0
    """Seconds until the last registration was made that all gateways were told to make at once."""
    campaign_refused: float = 0.0
    """The share of the campaign's RegisterAccountAssociation calls that the cloud refused."""
    lost: int = 0
    """Registrations that were not made in the end."""

    @property
    def all_have_read(self) -> bool:
        """Whether every gateway read the cloud at least once."""
        return len(self.first_reads) == self.scenario.gateways
