"""Failures and moves between up and down: counted for metrics, and told in bounded log lines."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from healthcheck.check import Failure, Observation
from healthcheck.counts import Labels
from healthcheck.health import State
from healthcheck.judge import told
from healthcheck.ledger import Watched

log = logging.getLogger("sightline.health")

MOST_LINES = 50  # a second
REST = 1.0  # seconds without another first failure until they are told together
MOST_NAMES = 10  # endpoints of one probe that a line names apart
MOST_FIRST = 5  # that are told with their reasons


class Moves:
    """Plain counters, by labels of the service and failure word or new state."""

    def __init__(self) -> None:
        self.failures: dict[tuple[Labels, str], int] = {}
        self.transitions: dict[tuple[Labels, str], int] = {}
        self._second = 0
        self._lines = 0
        self._untold = 0
        self._first: list[tuple[str, str]] = []  # down when first looked at: endpoint, line
        self._first_at = 0.0

    def fail(self, labels: Iterable[Labels], failure: Failure) -> None:
        """Count a probe that failed."""
        for each in labels:
            key = (each, failure.value)
            self.failures[key] = self.failures.get(key, 0) + 1

    def move(self, entry: Watched, before: State, seen: Observation) -> None:
        """Count and tell that a probe changed its state; the first state is no move."""
        after = entry.track.state
        if before is State.UNKNOWN:
            if after is State.DOWN:
                self._first.append((_name(entry), _line(entry, before, seen)))
                self._first_at = seen.at
            return
        for each in entry.labels:
            key = (each, after.value)
            self.transitions[key] = self.transitions.get(key, 0) + 1
        self._tell(entry, before, seen)

    def flush(self, now: float) -> None:
        """Say how many lines were left out, once their second is over."""
        if self._first and now - self._first_at >= REST:
            self._tell_first()
        if int(now) != self._second:
            if self._untold:
                log.info("%d more targets changed within a second", self._untold)
            self._second, self._lines, self._untold = int(now), 0, 0

    def _tell(self, entry: Watched, before: State, seen: Observation) -> None:
        self.flush(seen.at)
        self._lines += 1
        if self._lines > MOST_LINES:
            self._untold += 1
            return
        log.info("%s", _line(entry, before, seen), extra={"fields": _fields(entry, before, seen)})

    def _tell_first(self) -> None:
        """At a start there may be many: then their names are enough."""
        first, self._first = self._first, []
        if len(first) <= MOST_FIRST:
            for _, line in first:
                log.info("%s", line)
            return
        names = ", ".join(name for name, _ in first[:MOST_FIRST])
        log.info(
            "%d targets were down when first looked at: %s and %d more",
            *(len(first), names, len(first) - MOST_FIRST),
        )


def _name(entry: Watched) -> str:
    names = sorted({use.endpoint for use in entry.uses})
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {entry.key[0]}"


def _fields(entry: Watched, before: State, seen: Observation) -> dict[str, object]:
    """What a line is about, apart; of a probe that serves several services, the first."""
    environment, region, service = min(entry.labels, default=(None, None, None))
    return {
        "environment": environment,
        "region": region,
        "service": service,
        "endpoints": sorted({use.endpoint for use in entry.uses})[:MOST_NAMES],
        "address": entry.key[0],
        "from": before.value,
        "to": entry.track.state.value,
        "reason": None if seen.failure is None else seen.failure.value,
        "failures": None if seen.failure is None else entry.track.failures,
    }


def _line(entry: Watched, before: State, seen: Observation) -> str:
    change = f"{before.value} → {entry.track.state.value}{_why(entry, before, seen)}"
    return f"{_name(entry)}: {change}"


def _why(entry: Watched, before: State, seen: Observation) -> str:
    if seen.failure is None:
        return ""
    count = "" if before is State.UNKNOWN else f" ({entry.track.failures} in a row)"
    return f": {told(seen)}{count}"
