"""What people are told of a target: the values behind `explain`, status, API and metrics."""

from __future__ import annotations

from dataclasses import dataclass

from healthcheck.health import DeclaredState, Health
from healthcheck.recent import Recent
from healthcheck.track import Track
from healthcheck.use import Use


@dataclass(frozen=True, slots=True)
class Override:
    """An operator's word on one endpoint; times in seconds since the epoch."""

    state: DeclaredState
    reason: str
    by: str
    since: float
    until: float | None  # None: until it is resumed


@dataclass(frozen=True, slots=True)
class Report:
    """One target: what is done with it, what was seen of it, what is judged."""

    use: Use
    health: Health
    track: Track | None  # None: nobody probes it
    override: Override | None
    pause: float  # seconds between probes at present
    is_overdue: bool  # no observation for 3 of them and a timeout
    is_unproven: bool  # no endpoint of its service has ever passed
    recent: Recent | None = None  # the last observations; goes on as they come


@dataclass(frozen=True, slots=True)
class Summary:
    """The checker's own state."""

    targets: int  # distinct probes
    overdue: int
    frozen_since: float | None  # on the checker's clock
    in_flight: int
    own_faults: int  # probes that our own side kept from observing
    restarts: int  # of probe tasks that died
    now: float  # on the checker's clock
