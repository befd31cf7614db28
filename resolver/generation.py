"""A generation: all that a query reads, frozen and numbered; and the one mutable reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from healthcheck.health import HealthTable
from resolver.answers import AnswerTable
from resolver.namespace import Namespace
from resolver.views import NetworkTable
from resolver.visible import Part
from resolver.zones.zone import ZoneSet


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the clients of one environment and region see."""

    environment: str
    region: str
    answers: AnswerTable


Serials = Mapping[tuple[str, bytes], tuple[int, int]]
"""(environment, apex key) → (digest of the visible content, serial)."""


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """Zones, views and health at one moment; nothing in it that a reader can see changes."""

    number: int
    zones: ZoneSet
    views: Mapping[tuple[str, str], View]
    networks: NetworkTable[View]
    trusted: NetworkTable[bool] | None  # forwarders whose client subnet chooses the view
    health: HealthTable
    seen: Mapping[str, Mapping[bytes, Part]]  # what each environment sees, by apex key
    namespaces: Mapping[str, Namespace]
    serials: Serials

    def pinned(self, environment: str, region: str) -> View | None:
        """The view of a pinned listener; None when the files no longer have it."""
        return self.views.get((environment, region))


def release(old: Generation, new: Generation) -> None:
    """Take apart what only an old generation holds; nobody may read it any more.

    Piece by piece, so that another thread can answer meanwhile: freed at once, a hundred
    thousand names would hold the interpreter for a tenth of a second.
    """
    for name, space in old.namespaces.items():
        if new.namespaces.get(name) is not space:
            while space.nodes:
                space.nodes.popitem()
    for place, view in old.views.items():
        if new.views.get(place) is not view:
            view.answers.release()


class Published:
    """The generation that is served now: the only thing that a reload or a flip replaces."""

    __slots__ = ("generation",)

    def __init__(self, generation: Generation) -> None:
        self.generation = generation

    def replace(self, generation: Generation) -> None:
        """Publish; numbers only rise."""
        if generation.number <= self.generation.number:
            raise ValueError("an older generation cannot be published")
        self.generation = generation
