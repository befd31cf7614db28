"""What the admin address asks of the server behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from healthcheck.counts import CheckCounts
from healthcheck.health import DeclaredState, Target
from healthcheck.heartbeats import Word
from healthcheck.report import Report, Summary
from resolver.cache import Cache
from resolver.explain_elsewhere import Knowledge
from resolver.forward.standing import Standing
from resolver.generation import Generation
from resolver.reload import Built


class NotAnswering(Exception):
    """The checker does not take words at present; what was asked may still be done later."""


class Operated(Protocol):
    """A running server. Everything but the coroutines only reads, from any thread.

    Those raise NotAnswering while the checker hangs.
    """

    @property
    def generation(self) -> Generation: ...

    @property
    def keeps_overrides(self) -> bool:
        """Whether a restart remembers overrides (`state_dir`)."""

    @property
    def degraded(self) -> list[str]:
        """What is wrong with the server, a sentence each; answers go on."""

    @property
    def cache(self) -> Cache:
        """What upstreams said, by environment."""

    @property
    def knowledge(self) -> Knowledge | None:
        """What `explain` needs of forwarding; None: this server forwards nothing."""

    def standings(self) -> Iterable[Standing]:
        """How the upstreams of every environment stand."""

    def coalesced(self, environment: str) -> int:
        """How many questions of an environment waited for what was asked already."""

    def turned_away(self, environment: str) -> int:
        """How many questions of an environment found no place to wait in."""

    def reports(self, endpoint: str | None = None) -> list[Report]:
        """What is known of the targets of one endpoint, by its id, or of every target."""

    def summary(self) -> Summary: ...

    def counts(self) -> CheckCounts: ...

    def held_until(self, target: Target) -> float:
        """The epoch second until which a client may hold the address from an answer; 0: none."""

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
