"""Packing: records → the turns of a reply, everything of it but ID, question and OPT.

Owner names point at the question (offset 12), so the client's spelling is echoed.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from healthcheck.health import Target
from resolver import names
from resolver.outcome import Reason
from resolver.rrsets import AAAA, CNAME, DNAME, HTTPS, MX, NS, SRV, SVCB, A
from resolver.zones import records

# Types by which a client may come to hold an address.
HANDS_OUT = frozenset({A, AAAA, SRV, SVCB, HTTPS})


class Turn(NamedTuple):
    """One reply's sections: in full, and lean (without additional data)."""

    counts: bytes  # QDCOUNT to ARCOUNT
    counts_opt: bytes  # the same with one more record in additional
    body: bytes
    lean_counts: bytes
    lean_counts_opt: bytes
    lean: int  # octets of body without additional


class Onward(NamedTuple):
    """Where an answer goes on, for clients who may have others asked (RD)."""

    name: bytes | None  # as spelled; None: the question's own
    cut: bytes | None = None  # the key of the zone cut whose servers are asked
    alias_owner: bytes | None = None  # of an ALIAS, whose addresses the name's are
    alias_ttl: int | None = None  # None: no ALIAS


class Answer:
    """The turns of one question in one view."""

    __slots__ = (
        *("_chain", "authoritative", "guard", "handed", "is_kept", "longest", "names"),
        *("names_endpoints", "onward", "position", "rcode", "reason", "size", "targets", "turns"),
        "_pack",
    )

    def __init__(
        self,
        turns: Sequence[Turn | None],
        rcode: int,
        *,
        authoritative: bool = True,
        reason: Reason = Reason.ANSWERED,
        position: array[int] | None = None,
        onward: Onward | None = None,
        chain: Answer | None = None,
    ) -> None:
        # The first is packed; others may be None until they are given for the first time.
        self.turns = list(turns)
        self._pack: Callable[[int], Turn] | None = None
        self.rcode = int(rcode)
        self.authoritative = authoritative
        self.onward = onward  # then it depends on RD
        self._chain = chain
        self.is_kept = False  # a question that is kept from leaving
        self.reason = reason
        # The place, a sum of turns. Arrays, since compiled code goes on by one as well.
        self.position = position if position is not None else _NO_PLACE
        first = self.turns[0]
        assert first is not None
        self.size = len(first.body) * len(self.turns) + 400
        # When each turn was last given, on the server's clock.
        self.handed = array("d", bytes(8 * len(turns)))
        # While it reads 1, replies made of this answer may be given again; None: nobody keeps any.
        self.guard: array[int] | None = None
        self.longest = 0  # TTL in seconds by which somebody may hold an address
        self.names_endpoints = False  # it gives out who it names, with or without an address
        self.targets: tuple[Target, ...] = ()  # whose health it rests on
        self.names: tuple[bytes, ...] = ()  # keys that it rests on

    @property
    def has_authority(self) -> bool:
        """Whether it has an authority section."""
        first = self.turns[0]
        return first is not None and first.counts[4:6] != b"\0\0"

    @property
    def chain(self) -> Answer | None:
        """The aliases that lead to where it goes on, without what is said of that."""
        onward = self.onward
        if onward is None or onward.cut is not None or onward.alias_ttl is not None:
            return self._chain
        return self

    def watch(self) -> array[int]:
        """The guard, for who keeps replies made of this answer."""
        if self.guard is None:
            self.guard = array("Q", (1,))
        return self.guard

    def retire(self) -> None:
        """Replies made of this answer are not given any more."""
        if self.guard is not None:
            self.guard[0] = 0

    def pack_by(self, pack: Callable[[int], Turn]) -> None:
        """Take what packs a turn by its place."""
        self._pack = pack

    def next_turn(self, now: float) -> Turn:
        """Go on by one; `now` is noted as the time of the hand-out unless it is 0.0."""
        turns, place = self.turns, 0
        if len(turns) > 1:
            self.position[0] = place = self.position[0] + 1
            place %= len(turns)
        if now:
            self.handed[place] = now
        return turns[place] or self.turn(place)

    def turn(self, place: int) -> Turn:
        """A turn, packed now if it has never been given."""
        turn = self.turns[place]
        if turn is None:
            assert self._pack is not None
            turn = self.turns[place] = self._pack(place)
        return turn


_NO_PLACE = array("Q", (0, 0))  # of answers with one turn, which go nowhere


def make_turn(
    answer: int, authority: int, additional: int, lean: bytes, more: bytes, glue: int = 0
) -> Turn:
    """Pack the counts of a turn; `more` is the additional data that may be left out.

    `lean` is the rest: answer, authority and `glue` records that a referral cannot do without.
    """

    def counts(records_: int) -> bytes:
        return struct.pack("!4H", 1, answer, authority, records_)

    full, least = additional + glue, glue
    return Turn(
        counts(full), counts(full + 1), lean + more, counts(least), counts(least + 1), len(lean)
    )


def plain_turn(answers: int, authorities: int, body: bytes) -> Turn:
    """A turn of which nothing may be left out; sooner made than by `make_turn`."""
    counts = _COUNTS.get((answers, authorities))
    if counts is None:
        if len(_COUNTS) > 4096:
            _COUNTS.clear()
        counts = (
            struct.pack("!4H", 1, answers, authorities, 0),
            struct.pack("!4H", 1, answers, authorities, 1),
        )
        _COUNTS[answers, authorities] = counts
    bare, with_opt = counts
    return _hot_turn((bare, with_opt, body, bare, with_opt, len(body)))


_COUNTS: dict[tuple[int, int], tuple[bytes, bytes]] = {}
_hot_turn: Callable[[tuple[bytes, bytes, bytes, bytes, bytes, int]], Turn]
_hot_turn = partial(tuple.__new__, Turn)


class Packer:
    """Appends records; an owner that was packed before is a pointer (RFC 1035 4.1.4).

    Rdata is never compressed. Without a known length of the qname (answers of a wildcard serve
    names of any length) only the qname itself is pointed at.
    """

    def __init__(self, qname: bytes, is_shared: bool) -> None:
        self.parts: list[bytes] = []
        self.count = 0
        self.size = 0
        self.longest = 0
        self.base = None if is_shared else 12 + len(qname) + 4
        self.offsets: dict[bytes, int] = {qname.lower(): 12}
        if not is_shared:
            position, suffix = 12, qname.lower()
            while suffix != names.ROOT:
                self.offsets.setdefault(suffix, position)
                position += suffix[0] + 1
                suffix = names.parent(suffix)

    def add(self, owner: bytes, rtype: int, ttl: int, rdata: bytes) -> None:
        name = self._owner(owner)
        head = name + struct.pack("!HHIH", rtype, 1, ttl, len(rdata))
        if self.base is not None:
            for target in _last_name(rtype, rdata):
                self._remember(target, self.base + self.size + len(head) + len(rdata) - len(target))
        if rtype in HANDS_OUT:
            self.longest = max(self.longest, ttl)
        self.parts += (head, rdata)
        self.size += len(head) + len(rdata)
        self.count += 1

    def _owner(self, owner: bytes) -> bytes:
        suffix, prefix = owner.lower(), 0
        while suffix != names.ROOT:
            offset = self.offsets.get(suffix)
            if offset is not None:
                if self.base is not None:
                    self._remember(owner, self.base + self.size)
                return owner[:prefix] + struct.pack("!H", 0xC000 | offset)
            prefix += suffix[0] + 1
            suffix = names.parent(suffix)
        if self.base is not None:
            self._remember(owner, self.base + self.size)
        return owner

    def _remember(self, name: bytes, offset: int) -> None:
        if offset < 0x4000:
            self.offsets.setdefault(name.lower(), offset)


def _last_name(rtype: int, rdata: bytes) -> tuple[bytes, ...]:
    """The name that ends the rdata of these types; later owners may point at it."""
    if rtype in (CNAME, NS, DNAME):
        return (rdata,)
    skip = {MX: 2, SRV: 6}.get(rtype)
    return () if skip is None else (rdata[skip:],)


def targets_of(owner: bytes, rtype: int, rdata: bytes) -> list[bytes]:
    """The names whose addresses a client of this rdata will want.

    The root is nobody (RFC 2782, RFC 7505 3), but in SVCB ServiceMode the owner (RFC 9460 2.5.2).
    """
    found = [name for _, name in records.names_in(rtype, rdata) if name != names.ROOT]
    if not found and rtype in (SVCB, HTTPS) and rdata[:2] != b"\0\0":
        return [owner]
    return found
