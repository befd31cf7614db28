"""What the admin address asks of the server behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from healthcheck.counts import CheckCounts
from healthcheck.health import DeclaredState, Target
from healthcheck.heartbeats import Word
from healthcheck.report import Report, Summary
from resolver.events import EventLog
from resolver.explain_elsewhere import Facts, Knowledge
from resolver.figures import Figures
from resolver.generation import Generation
from resolver.history import Past
from resolver.processes import Cost
from resolver.reload import Built
from resolver.reloads import Reloads
from resolver.samples import Sampled


class NotAnswering(Exception):
    """The checker or a worker does not answer; what was asked may still be done later."""


class Operated(Protocol):
    """A running server. Everything but the coroutines only reads, from any thread.

    Those that change something raise NotAnswering when the checker or a worker hangs.
    """

    @property
    def generation(self) -> Generation: ...

    @property
    def events(self) -> EventLog:
        """What has happened of late."""

    @property
    def keeps_overrides(self) -> bool:
        """Whether a restart remembers overrides (`state_dir`)."""

    @property
    def reloads(self) -> Reloads: ...

    async def ask(self, question: bytes) -> int | None:
        """The response code of a query that is sent as clients do; None: nobody answers."""

    def processes(self) -> Iterable[Cost]:
        """What each process of the server costs."""

    def degraded(self, figures: Figures) -> list[str]:
        """What is wrong with the server, a sentence each; answers go on."""

    def workers(self) -> Sequence[tuple[int, bool, int]]:
        """Each worker: its number, whether it answers, and how often another took its place."""

    async def figures(self) -> Figures:
        """What was counted, and how upstreams stand; of those that answer in time."""

    async def asked(self) -> Mapping[str, Sampled]:
        """What is asked most, and by whom, by environment; of those that answer in time."""

    async def forget(
        self, environments: frozenset[str], name: bytes | None, suffix: bytes | None
    ) -> dict[str, int]:
        """Forget in the cache; how many entries in each environment."""

    def past(self, moment: float) -> Past:
        """What was served at a time, in seconds since the epoch; raises NotKept.

        In the loop that reloads: what it gives may be taken apart later.
        """

    async def explain(self, work: Callable[[Knowledge], Facts]) -> Facts:
        """Do `work` with what is known of forwarding; it may be tried several times."""

    def reports(self, endpoint: str | None = None) -> list[Report]:
        """What is known of the targets of one endpoint, by its id, or of every target."""

    def summary(self) -> Summary: ...

    def counts(self) -> CheckCounts: ...

    async def held_until(self, targets: Sequence[Target]) -> Mapping[Target, float]:
        """The epoch second until which a client may hold each; those that somebody holds."""

    async def set_override(
        self,
        endpoints: Sequence[str],
        state: DeclaredState,
        reason: str,
        by: str,
        until: float | None,
    ) -> None: ...

    async def resume(self, endpoints: Sequence[str]) -> None: ...

    async def heartbeat(self, endpoint: str, word: Word, text: str) -> None:
        """Take a heartbeat; raises KeyError for an endpoint that no heartbeat check has."""

    async def reload(self) -> Built: ...
