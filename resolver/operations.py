"""What people may ask of a running server, behind the admin address: `admin.operated.Operated`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence

from healthcheck.counts import CheckCounts
from healthcheck.health import DeclaredState, Target
from healthcheck.heartbeats import Word
from healthcheck.report import Report, Summary
from resolver.cache import Cache
from resolver.checking import Checking
from resolver.forward.forwarder import Forwarder
from resolver.forward.standing import Standing
from resolver.generation import Generation, Published
from resolver.knowing import Knowing
from resolver.reload import Built


class Operations:
    """The server as an operator sees it."""

    def __init__(
        self,
        published: Published,
        checking: Checking,
        reload: Callable[[], Awaitable[Built]],
        cache: Cache,
        *,
        keeps_overrides: bool,
    ) -> None:
        self.cache = cache
        self.forwarder: Forwarder | None = None  # from when the server runs
        self.published = published
        self.checking = checking
        self.keeps_overrides = keeps_overrides
        self._reload = reload

    @property
    def generation(self) -> Generation:
        return self.published.generation

    @property
    def degraded(self) -> list[str]:
        """What is wrong, a sentence each."""
        found = []
        if self.checking.trouble is not None:
            found.append(self.checking.trouble)
        summary = self.checking.checker.summary()
        if summary.frozen_since is not None:
            found.append("health states are frozen: too many targets fail at once")
        if summary.overdue:
            found.append(f"{summary.overdue} health checks are overdue")
        down = sorted({s.name for s in self.standings() if s.is_down})
        if down:
            found.append(f"upstreams do not answer: {', '.join(down)}")
        return found

    @property
    def knowledge(self) -> Knowing | None:
        """What `explain` needs of forwarding."""
        return Knowing(self.forwarder) if self.forwarder is not None else None

    def standings(self) -> Iterator[Standing]:
        """How the upstreams of every environment stand."""
        return iter(()) if self.forwarder is None else self.forwarder.upstreams.standings()

    def coalesced(self, environment: str) -> int:
        """How many questions of an environment waited for what was asked already."""
        return 0 if self.forwarder is None else self.forwarder.coalesced[environment]

    def turned_away(self, environment: str) -> int:
        """How many questions of an environment found no place to wait in."""
        return 0 if self.forwarder is None else self.forwarder.places.refused[environment]

    def reports(self, endpoint: str | None = None) -> list[Report]:
        checker = self.checking.checker
        return checker.reports() if endpoint is None else checker.reports_of(endpoint)

    def summary(self) -> Summary:
        return self.checking.checker.summary()

    def counts(self) -> CheckCounts:
        return self.checking.checker.counts()

    def held_until(self, target: Target) -> float:
        """In seconds since the epoch; 0.0: nobody was given it."""
        until = self.published.held_until(target)
        return time.time() + until - time.monotonic() if until else 0.0

    async def set_override(
        self,
        endpoints: Sequence[str],
        state: DeclaredState,
        reason: str,
        by: str,
        until: float | None,
    ) -> None:
        """Put an operator's word in force; it is in the answers when this returns."""
        checker = self.checking.checker
        await self.checking.call(checker.set_override, endpoints, state, reason, by, until)

    async def resume(self, endpoints: Sequence[str]) -> None:
        """End overrides and damping."""
        await self.checking.call(self.checking.checker.resume, endpoints)

    async def heartbeat(self, endpoint: str, word: Word, text: str) -> None:
        """Take a heartbeat; raises KeyError for an endpoint without a heartbeat check."""
        await self.checking.call(self.checking.checker.heartbeat, endpoint, word, text)

    async def reload(self) -> Built:
        return await self._reload()
