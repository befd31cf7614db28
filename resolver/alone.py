"""Answering in the process of the supervisor: `workers: 0`, for small places.

Behind the same interface as a crew of workers, so that nobody else need know which it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from healthcheck.health import Target
from resolver.answering import Answering, Doors
from resolver.config import ServerConfig, SocketAddress
from resolver.figures import Figures
from resolver.generation import Generation, Published
from resolver.knowing import Known, Want
from resolver.samples import Sampled


class Answerers(Protocol):
    """Whoever answers, here or in processes of their own.

    What is told raises nothing; what is asked raises NotAnswering when nobody answers that.
    """

    @property
    def troubles(self) -> list[str]:
        """What is wrong with them, a sentence each."""

    @property
    def addresses(self) -> Sequence[SocketAddress]:
        """Where they listen."""

    @property
    def upstreams_down(self) -> frozenset[tuple[str, str]]:
        """Environment and name of each upstream that is called down."""

    async def start(self) -> None:
        """Answer; everybody does when this returns."""

    async def stop(self) -> None:
        """Answer what has come, and no more."""

    async def stage(self, generation: Generation) -> None:
        """Make ready to answer from what was read from files."""

    def commit(self, generation: Generation) -> None:
        """Answer from what was staged; its health may have moved on since."""

    def flip(self, generation: Generation, changed: Iterable[Target]) -> None:
        """Answer from a generation that differs by the health of some targets."""

    async def caught_up(self, number: int) -> None:
        """Wait until nobody answers from anything older."""

    def look_after(self) -> None:
        """Called now and then."""

    async def figures(self) -> Figures:
        """What was counted, and how upstreams stand."""

    async def asked(self) -> dict[str, Sampled]:
        """What is asked most, and by whom, by environment."""

    async def forget(
        self, environments: frozenset[str], name: bytes | None, suffix: bytes | None
    ) -> dict[str, int]:
        """Forget in the cache; how many entries in each environment."""

    async def held_until(self, targets: Sequence[Target]) -> dict[Target, float]:
        """Until when a client may hold each, on the server's clock; those that somebody holds."""

    async def know(self, want: Want) -> Known:
        """What `explain` wants to know."""

    def states(self) -> Sequence[tuple[int, bool, int]]:
        """Each worker: its number, whether it answers, and how often another took its place."""

    def processes(self) -> dict[str, int]:
        """The names and ids of those that are not this one."""


class Alone:
    """One process. What is published is what it answers from."""

    def __init__(self, config: ServerConfig, published: Published, doors: Doors) -> None:
        self._answering = Answering(config, published, doors)
        self.addresses = [bound.address for _, bound in doors]
        self.figures = self._answering.figures
        self.asked = self._answering.asked
        self.forget = self._answering.forget
        self.held_until = self._answering.held_until
        self.know = self._answering.know
        self.start = self._answering.start
        self.stop = self._answering.stop
        self.look_after = self._answering.look_after

    @property
    def troubles(self) -> list[str]:
        return []

    @property
    def upstreams_down(self) -> frozenset[tuple[str, str]]:
        return self._answering.upstreams_down

    async def stage(self, generation: Generation) -> None:
        """Nothing: it is here."""

    def commit(self, generation: Generation) -> None:
        self._answering.turn_over()

    def flip(self, generation: Generation, changed: Iterable[Target]) -> None:
        """Nothing: it is published."""

    async def caught_up(self, number: int) -> None:
        """Nothing: what is published is answered from."""

    def states(self) -> Sequence[tuple[int, bool, int]]:
        return ()

    def processes(self) -> dict[str, int]:
        return {}
