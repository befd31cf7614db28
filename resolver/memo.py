"""Replies by the exact octets of their queries: most clients send the same ones again and again.

A memo belongs to one view at one listener, so nothing that one view was told is found by another.
What may be kept is decided in `memorable`; here it is kept within a bound, given in turn and
counted. `listen/_pump.c` has the same in compiled form.
"""

from __future__ import annotations

from array import array
from itertools import islice
from typing import NamedTuple, Protocol

MOST = 131_072  # entries of one memo
MOST_OCTETS = 64 * 1024 * 1024
FULL_SIZE = 200  # octets counted for an entry beside its key and tails
SEEN = 8192  # queries remembered as seen once
EVICTED = 64  # entries that make room at a time: one by one would walk the dictionary each time


class Kept(NamedTuple):
    """One turn of a reply, and what is counted whenever a turn is given."""

    octets: bytes  # of the query after its ID
    tail: bytes  # of the reply after its ID
    turn: int
    turns: int
    expires: float  # on the server's clock; infinite where the guard alone decides
    place: array[int] | None  # on the wheel; None: there is one turn only
    handed: array[float] | None  # when each turn was last given; None: nobody wants to know
    guard: array[int] | None  # the entry is good while it reads 1
    counted: array[int]  # the replies given
    hits: array[int] | None  # of the cache
    latency: array[float]


class Memo(Protocol):
    """What both kinds of memo do."""

    @property
    def octets(self) -> int:
        """What is kept, in octets."""

    def __len__(self) -> int: ...

    def keep(self, kept: Kept, /) -> None:
        """Keep one turn."""

    def give(self, octets: bytes, now: float, /) -> bytes | bool:
        """The tail of the next reply, counted; else whether a reply is worth keeping."""

    def shrink(self, most: int, /) -> bool:
        """Forget up to `most` entries; whether any are left."""


class Entry(NamedTuple):
    """What a memo keeps of one query."""

    tails: list[bytes | None]  # by turn; None until it was given once
    expires: float
    place: array[int] | None
    handed: array[float] | None
    guard: array[int] | None
    counted: array[int]  # the replies given
    hits: array[int] | None
    latency: array[float]


class PythonMemo:
    """A memo without compiled code."""

    __slots__ = ("_most", "_most_octets", "_seen", "entries", "octets")

    def __init__(self, most: int = MOST, most_octets: int = MOST_OCTETS) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.octets = 0
        self._most = most
        self._most_octets = most_octets
        self._seen = array("q", bytes(8 * SEEN))

    def __len__(self) -> int:
        return len(self.entries)

    def give(self, octets: bytes, now: float, /) -> bytes | bool:
        """See `Memo`. A query is worth keeping when it comes again: a flood of names keeps none."""
        entry = self.entries.get(octets)
        if entry is None:
            mark = hash(octets)
            slot = mark % SEEN
            is_known = self._seen[slot] == mark
            self._seen[slot] = mark
            return is_known
        if now >= entry.expires or (entry.guard is not None and not entry.guard[0]):
            self._drop(octets)
            return True
        place, turn = entry.place, 0
        if place is not None:
            turn = (place[0] + 1) % len(entry.tails)
        tail = entry.tails[turn]
        if tail is None:
            return True
        if place is not None:
            place[0] += 1
        if entry.handed is not None:
            entry.handed[turn] = now
        entry.counted[0] += 1
        if entry.hits is not None:
            entry.hits[0] += 1
        return tail

    def keep(self, kept: Kept, /) -> None:
        """See `Memo`."""
        if not 0 <= kept.turn < kept.turns or (kept.turns > 1 and kept.place is None):
            raise ValueError("no such turn")
        entry = self.entries.get(kept.octets)
        if entry is not None and not _is_of(entry, kept):
            self._drop(kept.octets)
            entry = None
        if entry is None:
            entry = Entry([None] * kept.turns, *kept[4:])
            self.entries[kept.octets] = entry
            self.octets += FULL_SIZE + len(kept.octets) + 8 * kept.turns
        if entry.tails[kept.turn] is None:
            entry.tails[kept.turn] = kept.tail
            self.octets += 40 + len(kept.tail)
        while self.entries and (len(self.entries) > self._most or self.octets > self._most_octets):
            self.shrink(EVICTED)

    def shrink(self, most: int, /) -> bool:
        """See `Memo`."""
        for octets in list(islice(self.entries, most)):
            self._drop(octets)
        return bool(self.entries)

    def _drop(self, octets: bytes) -> None:
        entry = self.entries.pop(octets)
        self.octets -= FULL_SIZE + len(octets) + 8 * len(entry.tails)
        self.octets -= sum(40 + len(tail) for tail in entry.tails if tail is not None)


def _is_of(entry: Entry, kept: Kept) -> bool:
    """Whether a turn belongs to what is kept already."""
    if len(entry.tails) != kept.turns or entry.expires != kept.expires:
        return False
    arrays = zip(entry[2:], kept[5:], strict=True)
    return all(mine is other for mine, other in arrays)
