"""What happened in checking since the start, as metrics want it: plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Labels = tuple[str, str, str]
"""Environment, region, service."""


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram: cumulative counts by upper bound in seconds (the last is +Inf), and the sum."""

    buckets: tuple[tuple[float, int], ...]
    total: float


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """A copy of the checker's counters at one moment."""

    durations: Mapping[str, Durations] = field(default_factory=dict)  # by kind
    failures: Mapping[tuple[Labels, str], int] = field(default_factory=dict)  # by reason
    transitions: Mapping[tuple[Labels, str], int] = field(default_factory=dict)  # to up or down
    ages: Mapping[Labels, float] = field(default_factory=dict)  # of the oldest observation
