"""Messages → the generation that a worker serves; the other end of `sending`. Pure.

What is served is never touched: a namespace that is altered is copied first, a part at a time.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from healthcheck.health import Health, HealthTable, Target
from resolver import names
from resolver.answers import ANY_ZONE, AnswerTable
from resolver.generation import Generation, View, ViewKey
from resolver.handouts import Handouts
from resolver.messages import TABLES, Begin, Commit, Flip, HealthPiece, Piece
from resolver.namespace import Namespace
from resolver.packed import PackedNamespace
from resolver.parcel import Parcel
from resolver.routes import Forwarding
from resolver.rrsets import Scope
from resolver.views import NetworkTable
from resolver.zones.places import Place
from resolver.zones.zone import Plan, ZoneSet

COPIED = 2000  # entries at a time
MOST_TOUCHED = 2000  # names; when there are more, all answers are prepared again

# A worker reads no files, so its generations have none.
NO_FILES = ZoneSet(Plan(names.ROOT, (), names.ROOT, (), 0, (), {}, {}, (), (), Place("-")), ())


class Receiver:
    """What a worker has been told; `seed` (any 32 bits) starts its wheels."""

    def __init__(self, seed: int) -> None:
        self.generation: Generation | None = None  # that is served
        self._seed = seed
        self._parcels: dict[str, Parcel] = {}
        self._staged: dict[str, Parcel] = {}
        self._touched: dict[str, set[bytes]] = {}  # of namespaces that are altered: names
        self._begun = Begin(frozenset(), frozenset(), frozenset())
        self._retired: list[Parcel] = []
        self._health: dict[Target, Health | None] = {}  # before the first generation
        self.heard = 0  # the highest number
        self._handouts = Handouts()

    def begin(self, message: Begin) -> Iterator[None]:
        """Make room for a generation; a step at a time."""
        self._begun = message
        self._staged = {name: Parcel(name) for name in message.fresh}
        self._touched = {name: set() for name in message.altered}
        for name in message.altered:
            copy = self._staged[name] = Parcel(name)
            for table in TABLES:
                yield from _copy(getattr(self._parcels[name], table), getattr(copy, table))

    def take(self, piece: Piece) -> None:
        """A part of a namespace that is not served yet."""
        table = getattr(self._staged[piece.environment], piece.table)
        table.update(piece.put)
        for key in piece.gone:
            table.pop(key, None)
        touched = self._touched.get(piece.environment)
        if touched is not None and piece.table != "shared":
            touched.update(piece.put, piece.gone)
            if piece.table == "zones":
                touched.add(ANY_ZONE)

    def take_health(self, piece: HealthPiece) -> None:
        """What is known of targets; flips that overtook it know better."""
        for target, health in piece.known.items():
            self._health.setdefault(target, health)

    def commit(self, message: Commit) -> Generation:
        """The generation to serve from now on."""
        old = self.generation
        kept = self._begun.kept
        spaces: dict[str, Namespace] = (
            {}
            if old is None
            else {name: space for name, space in old.namespaces.items() if name in kept}
        )
        for name, parcel in self._staged.items():
            spaces[name] = PackedNamespace(parcel, is_lazy=True)
        self._retired += [parcel for name, parcel in self._parcels.items() if name not in kept]
        self._parcels = {n: p for n, p in self._parcels.items() if n in kept} | self._staged
        self._staged = {}
        self.heard = max(message.number, self.heard)
        if old is None:
            known = {target: h for target, h in self._health.items() if h is not None}
            health, self._health = HealthTable(known, message.unobserved), {}
        else:
            health = old.health
        networks, trusted = (
            (old.networks, old.trusted)
            if message.networks is None and old is not None
            else _read_networks(message.networks)
        )
        views: dict[ViewKey | None, View] = {}
        for environment, region, forwarding in message.views:
            before = old.views.get((environment, region)) if old is not None else None
            space = spaces[environment]
            views[environment, region] = self._view(before, space, region, forwarding, health)
        self.generation = Generation(
            number=self.heard if old is None else max(self.heard, old.number + 1),
            zones=NO_FILES,
            views=views,
            networks=networks,
            trusted=trusted,
            health=health,
            seen={},
            namespaces=spaces,
            serials={},
            handouts=self._handouts,
        )
        return self.generation

    def _view(
        self,
        before: View | None,
        space: Namespace,
        region: str,
        forwarding: Forwarding,
        health: HealthTable,
    ) -> View:
        # Its identity is the token by which cached replies know that their route still holds.
        if before is not None and before.forwarding.is_same(forwarding):
            forwarding = before.forwarding
        if before is not None and before.answers.space is space:
            same = before.forwarding is forwarding
            return before if same else replace(before, forwarding=forwarding)
        touched = self._touched.get(space.environment)
        if before is not None and touched is not None and len(touched) <= MOST_TOUCHED:
            answers = before.answers.moved_to(space, touched)
            return replace(before, answers=answers, forwarding=forwarding)
        scope = Scope(space.environment, region, health)
        wheels = before.answers.wheels if before is not None else {}
        answers = AnswerTable(space, scope, self._seed, wheels, self._handouts)
        return View(space.environment, region, answers, forwarding)

    def release(self) -> Iterator[None]:
        """Take apart what is served no more; a step at a time."""
        while self._retired:
            parcel = self._retired.pop()
            for name in TABLES:
                table = getattr(parcel, name)
                while table:
                    table.popitem()
                    yield

    def flip(self, message: Flip) -> Generation | None:
        """The generation that differs by health; None before the first one."""
        self.heard = max(message.number, self.heard)
        old = self.generation
        if old is None:
            self._health.update(message.changed)
            return None
        known = dict(old.health.known)
        for target, health in message.changed.items():
            if health is None:
                known.pop(target, None)
            else:
                known[target] = health
        table = HealthTable(known, message.unobserved)
        self.generation = old.judged_anew(max(self.heard, old.number + 1), table, message.changed)
        return self.generation


def _copy(source: dict[bytes, bytes], target: dict[bytes, bytes]) -> Iterator[None]:
    entries = iter(source.items())
    while piece := dict(islice(entries, COPIED)):
        target.update(piece)
        yield


def _read_networks(
    octets: bytes | None,
) -> tuple[NetworkTable[ViewKey], NetworkTable[bool] | None]:
    assert octets is not None, "the first generation comes with its networks"
    found: tuple[NetworkTable[ViewKey], NetworkTable[bool] | None] = pickle.loads(octets)
    return found
