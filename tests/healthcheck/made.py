"""Targets, observations and clocks that the tests of the checker's judgement are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from healthcheck.check import CheckedBy, Failed, Failure, Observation, Timing
from healthcheck.health import Target
from healthcheck.kinds.kind import Kind
from healthcheck.tools import Tools
from healthcheck.track import Track, observe
from healthcheck.use import Use

TIMING = Timing()


@dataclass(frozen=True)
class Scripted(Kind):
    """A check that fails at the addresses that are in `REFUSING`."""

    kind: ClassVar[str] = "scripted"
    refusing: frozenset[str] = frozenset()

    async def probe(self, address: str, tools: Tools) -> str:
        """Say what the script says."""
        if address in self.refusing:
            raise Failed(Failure.REFUSED, "")
        return "fine"


CHECKED = CheckedBy(Scripted(), TIMING)


class Clock:
    """Time that passes when it is told to; `wall` runs along with it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        """The same, since the epoch."""
        return 1_800_000_000.0 + self.now


def target(name: str, address: str = "10.0.0.1") -> Target:
    """The key of an endpoint at an address."""
    return name.encode(), bytes(map(int, address.split(".")))


def use(
    endpoint: str = "web.prod.east/a",
    address: str = "10.0.0.1",
    checked_by: CheckedBy | None = CHECKED,
    slow_start: float = 0.0,
) -> Use:
    """A target of the service that the endpoint's id names."""
    service = endpoint.partition("/")[0]
    name, environment, region = service.split(".")
    labels = (environment, region, name)
    return Use(
        target(endpoint, address), endpoint, service, labels, address, checked_by, slow_start
    )


def passed(at: float) -> Observation:
    """A probe that passed."""
    return Observation(at, 0.001, None, "fine")


def failed(at: float, failure: Failure = Failure.REFUSED, detail: str = "") -> Observation:
    """A probe that failed."""
    return Observation(at, 0.001, failure, detail)


def observed(seen: Iterable[Observation], track: Track | None = None) -> Track:
    """What observations come to with the usual timing."""
    track = track or Track()
    for each in seen:
        track = observe(track, each, TIMING)
    return track


def went_down(at: float = 10.0) -> Track:
    """A track that was up and went down by three failures, the last at `at`."""
    return observed([passed(at - 5), failed(at - 2), failed(at - 1), failed(at)])
