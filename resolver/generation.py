"""A generation: all that a query reads, frozen and numbered; and the one mutable reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from healthcheck.health import HealthTable, Target
from resolver.answers import AnswerTable
from resolver.handouts import Handouts
from resolver.namespace import Namespace
from resolver.routes import Forwarding
from resolver.views import NetworkTable
from resolver.visible import Part
from resolver.zones.upstream import Upstream
from resolver.zones.zone import ZoneSet


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the clients of one environment and region see."""

    environment: str
    region: str
    answers: AnswerTable
    forwarding: Forwarding


ViewKey = tuple[str, str]
"""Environment and region."""

Serials = Mapping[tuple[str, bytes], tuple[int, int]]
"""(environment, apex key) → (digest of the visible content, serial)."""


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """Zones, views and health at one moment; nothing in it that a reader can see changes."""

    number: int
    zones: ZoneSet
    views: Mapping[ViewKey | None, View]  # nothing is at None: whoever is in no network
    networks: NetworkTable[ViewKey]
    trusted: NetworkTable[bool] | None  # forwarders whose client subnet chooses the view
    health: HealthTable
    seen: Mapping[str, Mapping[bytes, Part]]  # what each environment sees, by apex key
    namespaces: Mapping[str, Namespace]
    serials: Serials
    handouts: Handouts

    def view_of(self, source: str) -> View | None:
        """The view of a client by its address; None: it is in no environment."""
        return self.views.get(self.networks.find(source))

    def pinned(self, environment: str, region: str) -> View | None:
        """The view of a pinned listener; None when the files no longer have it."""
        return self.views.get((environment, region))

    def upstreams(self) -> set[tuple[str, Upstream]]:
        """Every upstream that a route of an environment names."""
        return {
            (view.environment, upstream)
            for view in self.views.values()
            for route in view.forwarding.routes.values()
            for upstream in route.upstreams
        }

    def held_until(self, target: Target) -> float:
        """Until when a client may hold a target from an answer; 0.0: nobody does."""
        prepared = [a for view in self.views.values() for a in view.answers.resting_on(target)]
        return self.handouts.until(target, prepared)

    def judged_anew(
        self, number: int, health: HealthTable, touched: Iterable[Target]
    ) -> Generation:
        """The next generation, which differs by the health of `touched` only.

        It takes over what is prepared and rests on none of them: only names that a change
        touches are prepared again.
        """
        touched = frozenset(touched)  # each view goes through them
        views = {
            key: replace(view, answers=view.answers.judged_anew(health, touched))
            for key, view in self.views.items()
        }
        return replace(self, number=number, views=views, health=health)


def settle(old: Generation, new: Generation) -> Iterator[None]:
    """Note what the answers gave out that only an old generation holds; an answer at each step."""
    for place, view in old.views.items():
        if new.views.get(place) is not view:
            yield from view.answers.settle()


def release(old: Generation, new: Generation, *, names: bool = True) -> Iterator[None]:
    """Take apart what only an old generation holds; nobody may read it any more.

    Without `names` its namespaces stay as they are: the history has them.

    Piece by piece, so that queries are answered meanwhile: freed at once, a hundred thousand
    names would hold the interpreter for a tenth of a second.
    """
    for name, space in old.namespaces.items():
        if names and new.namespaces.get(name) is not space:
            yield from space.release()
    for place, view in old.views.items():
        if new.views.get(place) is not view:
            yield from view.answers.release()


class Published:
    """The generation that is served now: the only thing that a reload or a flip replaces."""

    __slots__ = ("_retiring", "generation")

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._retiring: Generation | None = None

    def replace(self, generation: Generation, retiring: Generation | None = None) -> None:
        """Publish; numbers only rise. `retiring` gave answers that are not settled yet."""
        if generation.number <= self.generation.number:
            raise ValueError("an older generation cannot be published")
        self._retiring = retiring if retiring is not None else self._retiring
        self.generation = generation

    def retired(self) -> None:
        """What the retiring generation gave out is noted."""
        self._retiring = None

    def held_until(self, target: Target) -> float:
        """Until when a client may hold a target from an answer; 0.0: nobody was given it."""
        until = self.generation.held_until(target)
        retiring = self._retiring
        return until if retiring is None else max(until, retiring.held_until(target))
