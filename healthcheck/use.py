"""A use: one address of one endpoint of one service, with how it is checked."""

from __future__ import annotations

from dataclasses import dataclass

from healthcheck.check import Check, CheckedBy, Timing
from healthcheck.health import Target

ProbeKey = tuple[str, Check, Timing]
"""Address, check, timing: equal ones are probed once, whoever uses them."""


@dataclass(frozen=True, slots=True)
class Use:
    """What a checker is told of a target; unchecked ones too, for the sake of overrides."""

    target: Target
    endpoint: str  # `service.env.region/name`: the id in commands and the API
    service: str  # `service.env.region`
    labels: tuple[str, str, str]  # environment, region, service name; of metrics
    address: str
    checked_by: CheckedBy | None
    slow_start: float = 30.0  # seconds

    @property
    def probe(self) -> ProbeKey | None:
        """What is to be probed for it; None: nothing."""
        found = self.checked_by
        return None if found is None else (self.address, found.check, found.timing)
