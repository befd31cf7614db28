"""The memos of one listener: one for each view, and whose queries may be looked up in it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from resolver.cache import Cache
from resolver.counters import Counters
from resolver.denials import Denials
from resolver.generation import Generation, View, ViewKey
from resolver.memo import Memo
from resolver.memorable import find_memorable, plain_view
from resolver.outcome import Reply
from resolver.views import Door

FORGOTTEN = 512  # entries of retired memos that are freed at a time: all at once would be a stall


class _Place(NamedTuple):
    """A memo, and what its view is known by: it is good for no other."""

    memo: Memo
    denials: Denials | None
    space: object  # of which the denials are
    lineage: object
    forwarding: object

    def is_of(self, view: View | None) -> bool:
        return (
            view is not None
            and view.answers.lineage is self.lineage
            and view.forwarding is self.forwarding
        )


class Memos:
    """Makes a memo when a view's first client asks; retires it with the view."""

    MOST_SOURCES = 65536

    def __init__(
        self,
        door: Door,
        generation: Generation,
        make: Callable[[], Memo],
        counters: Counters,
        cache: Cache | None,
    ) -> None:
        self.door = door
        self.generation = generation
        self._make = make
        self._places: dict[ViewKey, _Place] = {}
        self._retired: list[Memo] = []
        self._counters = counters
        self._cache = cache
        self.denials: dict[str, Denials] = {}  # by client

    def turn_to(self, generation: Generation) -> bool:
        """Go over to another generation; whether sources may be of other views now.

        A flip of health keeps views: the guards of what it touched say so themselves.
        """
        before, self.generation = self.generation, generation
        views, places = generation.views, self._places.items()
        gone = [key for key, place in places if not place.is_of(views.get(key))]
        # Those of files that changed a little keep their memos, but not what denies names.
        moved = [
            (view, place)
            for key, place in places
            if (view := views.get(key)) is not None
            and place.is_of(view)
            and view.answers.space is not place.space
        ]
        for view, place in moved:
            self._places[view.environment, view.region] = self._place_of(view, place.memo)
        # Networks alone would not tell: a reload that leaves them as they are may keep the table.
        are_same = generation.networks is before.networks and generation.trusted is before.trusted
        if are_same and not gone and not moved:
            return False
        self.denials.clear()
        self._retired += [self._places.pop(key).memo for key in gone]
        return True

    def find(self, source: str) -> Memo | None:
        """That of a client; None: each of its queries is looked at."""
        view = plain_view(source, self.door, self.generation)
        if view is None:
            return None
        key = (view.environment, view.region)
        place = self._places.get(key)
        if place is None or not place.is_of(view):
            if place is not None:
                self._retired.append(place.memo)
            place = self._places[key] = self._place_of(view, self._make())
        if place.denials is not None:
            if len(self.denials) >= self.MOST_SOURCES:
                self.denials.clear()
            self.denials[source] = place.denials
        return place.memo

    def _place_of(self, view: View, memo: Memo) -> _Place:
        denials, answers = None, view.answers
        if self._cache is not None:
            kept_inside = self._cache.partition(view.environment).kept_inside
            denials = Denials(view, kept_inside)
        return _Place(memo, denials, answers.space, answers.lineage, view.forwarding)

    def remember(self, memo: Memo, wire: bytes, source: str, reply: Reply, now: float) -> None:
        """Keep a reply just given, if it may be given again."""
        view = plain_view(source, self.door, self.generation)
        if view is not None and self.find(source) is memo:
            where = self._counters.tally(reply, self.door.transport)
            kept = find_memorable(wire, reply, view, self._cache, now, where)
            if kept is not None:
                memo.keep(kept)

    def deny(self, wire: bytes, source: str, now: float) -> bytes | None:
        """The reply to a name that is known not to exist, counted."""
        denials = self.denials.get(source)
        found = denials.give(wire, source) if denials is not None else None
        if found is None:
            return None
        reply, where = found
        where.add(monotonic() - now)
        return reply

    def learn(self, wire: bytes, source: str, reply: Reply) -> None:
        """Learn from a denial just given."""
        denials = self.denials.get(source)
        if denials is not None:
            denials.keep(wire, reply, self._counters.tally(reply, self.door.transport))

    def shrink(self) -> None:
        """Free a piece of what is retired."""
        if self._retired and not self._retired[-1].shrink(FORGOTTEN):
            self._retired.pop()
