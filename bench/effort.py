"""How much is measured, and what a scenario is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.peers import Site
from bench.report import Figure


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how often; times in seconds."""

    run: float = 5.0
    repetitions: int = 5
    flood: float = 60.0
    reloads: int = 5
    starts: int = 3
    kills: int = 5  # of each service
    steady: float = 30.0  # beside probes and flips
    names: int = 1_000_000  # that flood the cache
    turn: float = 2.0  # of one server among many
    large: int = 100_000  # names, or services


QUICK = Effort(
    run=2.0,
    repetitions=3,
    flood=6.0,
    reloads=2,
    starts=1,
    kills=1,
    steady=8.0,
    names=150_000,
    turn=0.7,
    large=20_000,
)

Figures = Iterator[Figure]
Scenario = Callable[[Site, Effort], Figures]
