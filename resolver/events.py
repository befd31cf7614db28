"""What has happened, within a bound: health, overrides, reloads, workers, upstreams, the checker.

Each kind and environment has a ring of its own, so that much of one pushes out nothing of another.
Pure: time is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

MOST = 1000  # of one kind in one environment
MICROSECONDS = 1_000_000


class Kind(Enum):
    """What something that happened is about."""

    HEALTH = "health"
    OVERRIDE = "override"
    RELOAD = "reload"
    WORKER = "worker"
    UPSTREAM = "upstream"
    CHECKER = "checker"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; `environment` is None where it is about the server as a whole.

    What is `withheld`, and the text that names it, is for those who may read every environment.
    """

    ident: int  # microseconds since the epoch, and greater than that of the event before it
    kind: Kind
    environment: str | None
    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    withheld: Mapping[str, Any] = field(default_factory=dict)
    brief: str | None = None  # the text for the others, if it is another

    @property
    def at(self) -> float:
        """When, in seconds since the epoch."""
        return self.ident / MICROSECONDS


class EventLog:
    """The latest events; idents only rise, and tell nothing but the time."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._rings: dict[tuple[Kind, str | None], deque[Event]] = {}
        self._last = 0

    def add(
        self,
        at: float,
        kind: Kind,
        environment: str | None,
        text: str,
        facts: Mapping[str, Any] | None = None,
        *,
        withheld: Mapping[str, Any] | None = None,
        brief: str | None = None,
    ) -> None:
        """Note what happened `at`, in seconds since the epoch."""
        self._last = ident = max(int(at * MICROSECONDS), self._last + 1)
        ring = self._rings.get((kind, environment))
        if ring is None:
            ring = self._rings[kind, environment] = deque(maxlen=self._most)
        ring.append(Event(ident, kind, environment, text, facts or {}, withheld or {}, brief))

    def find(
        self,
        covers: Callable[[str], bool],
        *,
        limit: int,
        since: int | None = None,
        environment: str | None = None,
        kind: Kind | None = None,
    ) -> list[Event]:
        """Events of environments that `covers` accepts, and of the server as a whole, in order.

        The latest `limit`; those that follow the ident `since` at once, where that is given. An
        `environment` leaves out what is about the server as a whole.
        """
        found = [
            event
            for (of_kind, of), ring in list(self._rings.items())
            if kind in (None, of_kind) and environment in (None, of) and (of is None or covers(of))
            for event in list(ring)
            if since is None or event.ident > since
        ]
        found.sort(key=lambda event: event.ident)
        return found[-limit:] if since is None else found[:limit]
