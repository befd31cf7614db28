"""What people may ask of a running server, behind the admin address: `admin.operated.Operated`."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from healthcheck.counts import CheckCounts
from healthcheck.health import DeclaredState, Target
from healthcheck.heartbeats import Word
from healthcheck.report import Report, Summary
from resolver.alone import Answerers
from resolver.asking import ask_any
from resolver.checking import Checking
from resolver.config import ServerConfig
from resolver.events import EventLog
from resolver.explain_elsewhere import Facts, Knowledge
from resolver.figures import Figures
from resolver.generation import Generation, Published
from resolver.history import History, Past
from resolver.knowing import explaining
from resolver.override_log import note_override, note_resumed
from resolver.processes import Cost, costs_of
from resolver.reload import Built
from resolver.reloads import Reloads
from resolver.samples import Sampled


class Memory(NamedTuple):
    """What a server remembers of its own past."""

    events: EventLog
    history: History


class Operations:
    """The server as an operator sees it."""

    def __init__(
        self,
        published: Published,
        checking: Checking,
        reload: Callable[[], Awaitable[Built]],
        answerers: Answerers,
        reloads: Reloads,
        config: ServerConfig,
        *,
        memory: Memory | None = None,
    ) -> None:
        if memory is None:
            memory = Memory(EventLog(), History(published.generation, time.time()))
        self.events, self._history = memory
        self.answerers = answerers
        self.reloads = reloads
        self.policy = config.forward.policy  # how one of several upstreams is chosen
        self.published = published
        self.checking = checking
        self.keeps_overrides = config.state_dir is not None
        self._reload = reload

    @property
    def generation(self) -> Generation:
        return self.published.generation

    def degraded(self, figures: Figures) -> list[str]:
        """What is wrong, a sentence each."""
        found = self.answerers.troubles
        if self.checking.trouble is not None:
            found.append(self.checking.trouble)
        summary = self.checking.checker.summary()
        if summary.frozen_since is not None:
            found.append("health states are frozen: too many targets fail at once")
        if summary.overdue:
            found.append(f"{summary.overdue} health checks are overdue")
        down = sorted({s.name for s in figures.standings if s.is_down})
        if down:
            found.append(f"upstreams do not answer: {', '.join(down)}")
        return found

    def workers(self) -> Sequence[tuple[int, bool, int]]:
        return self.answerers.states()

    async def ask(self, question: bytes) -> int | None:
        """What this server says over the network; None: nothing."""
        return await ask_any(self.answerers.addresses, question)

    def processes(self) -> Iterable[Cost]:
        """What this process and those of the workers cost."""
        workers = self.answerers.processes()
        return costs_of({"supervisor" if workers else "server": os.getpid(), **workers})

    async def figures(self) -> Figures:
        """What was counted by all that answer, and how upstreams stand."""
        return await self.answerers.figures()

    async def asked(self) -> Mapping[str, Sampled]:
        """What is asked most, and by whom, by environment."""
        return await self.answerers.asked()

    async def forget(
        self, environments: frozenset[str], name: bytes | None, suffix: bytes | None
    ) -> dict[str, int]:
        """Forget in the cache; how many entries in each environment."""
        return await self.answerers.forget(environments, name, suffix)

    def past(self, moment: float) -> Past:
        """What was served at a time, in seconds since the epoch; raises NotKept."""
        return self._history.at(moment, self.generation)

    async def explain(self, work: Callable[[Knowledge], Facts]) -> Facts:
        """Do `work` with what is known of forwarding."""
        return await explaining(work, self.generation, self.policy, self.answerers.know)

    def reports(self, endpoint: str | None = None) -> list[Report]:
        checker = self.checking.checker
        return checker.reports() if endpoint is None else checker.reports_of(endpoint)

    def summary(self) -> Summary:
        return self.checking.checker.summary()

    def counts(self) -> CheckCounts:
        return self.checking.checker.counts()

    async def held_until(self, targets: Sequence[Target]) -> Mapping[Target, float]:
        """In seconds since the epoch, of those that somebody may hold."""
        held = await self.answerers.held_until(targets)
        moved = time.time() - time.monotonic()
        return {target: until + moved for target, until in held.items()}

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
        note_override(endpoints, state, reason, by, until)
        await self._be_answered()

    async def resume(self, endpoints: Sequence[str]) -> None:
        """End overrides and damping."""
        await self.checking.call(self.checking.checker.resume, endpoints)
        note_resumed(endpoints)
        await self._be_answered()

    async def _be_answered(self) -> None:
        """Wait until nobody answers from what was before."""
        await self.answerers.caught_up(self.generation.number)

    async def heartbeat(self, endpoint: str, word: Word, text: str) -> None:
        """Take a heartbeat; raises KeyError for an endpoint without a heartbeat check."""
        await self.checking.call(self.checking.checker.heartbeat, endpoint, word, text)

    async def reload(self) -> Built:
        return await self._reload()
