"""Which names are asked most, and by whom, of questions that were looked at now and then.

Pure. Two windows: the present one, and the one before it, so that what is told is of the last five
to ten minutes, and memory is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from resolver.offenders import CAPACITY, Offenders, Often, add_tops

WINDOW = 300.0  # seconds


class Sampled(NamedTuple):
    """What was seen of the clients of one environment."""

    total: int  # questions that were looked at
    names: tuple[Often[bytes], ...]  # keys; what came most often first
    clients: tuple[Often[str], ...]


class Samples:
    """What one process has seen, by environment."""

    def __init__(self) -> None:
        self._began = 0.0
        self._present: dict[str, Offenders] = {}
        self._before: dict[str, Offenders] = {}

    def note(self, environment: str, name: bytes, client: str, now: float) -> None:
        """Count one question; `now` in seconds on any clock that goes on."""
        self._turn(now)
        found = self._present.get(environment)
        if found is None:
            found = self._present[environment] = Offenders()
        found.note(name, client)

    def told(self, now: float) -> dict[str, Sampled]:
        """What was seen in the last windows."""
        self._turn(now)
        return add_samples(
            {name: _of(found) for name, found in window.items()}
            for window in (self._present, self._before)
        )

    def _turn(self, now: float) -> None:
        if now - self._began >= WINDOW:
            is_next = now - self._began < 2 * WINDOW
            self._before = self._present if is_next else {}
            self._present, self._began = {}, now


def _of(found: Offenders) -> Sampled:
    names, clients = found.names.top(CAPACITY), found.clients.top(CAPACITY)
    return Sampled(found.total, tuple(names), tuple(clients))


def add_samples(every: Iterable[Mapping[str, Sampled]]) -> dict[str, Sampled]:
    """Those of several windows or processes as one."""
    by_environment: dict[str, list[Sampled]] = {}
    for found in every:
        for environment, sampled in found.items():
            by_environment.setdefault(environment, []).append(sampled)
    return {
        environment: Sampled(
            sum(sampled.total for sampled in found),
            add_tops([sampled.names for sampled in found]),
            add_tops([sampled.clients for sampled in found]),
        )
        for environment, found in by_environment.items()
    }
