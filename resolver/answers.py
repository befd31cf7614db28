"""Prepared answers: everything of a reply but ID, question and OPT, made once and sent often.

An answer is a short cycle of turns. Owner names point at the question (offset 12), so the
client's spelling is echoed. Answers are prepared on first use, kept within a bound, and belong
to one view of one generation; only the place on the wheel is carried over.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator

from healthcheck.health import HealthSource, NotingTable, Target
from resolver.handouts import Handouts
from resolver.namespace import Below, Namespace, Node, NotingNamespace, ZoneView
from resolver.outcome import Rcode
from resolver.packing import Answer, make_turn
from resolver.prepare import Preparation
from resolver.rrsets import ALIAS, ANY, CNAME, DS, SOA, Scope
from resolver.shelf import Shelf

MAX_PREPARED = 65536  # answers of one view
MAX_MADE = 4096
ANY_ZONE = b""  # noted by what rests on a zone itself: its SOA, its TTL
MAX_PREPARED_OCTETS = 64 * 1024 * 1024


class AnswerTable:
    """The answers of one view: environment and region."""

    __slots__ = (
        *("_made", "_nodata", "_nxdomain", "_prepared", "_seed", "_wheels", "_wild"),
        *("handouts", "scope", "space"),
    )

    def __init__(
        self,
        space: Namespace,
        scope: Scope,
        seed: int,
        wheels: dict[bytes, array[int]],
        handouts: Handouts,
    ) -> None:
        self.space = space
        self.scope = scope
        self.handouts = handouts  # of all views; outlives generations
        self._seed = seed
        self._wheels = wheels  # (owner, type) → place on the wheel; outlives generations
        self._begin()

    def _begin(self) -> None:
        self._prepared = Shelf(MAX_PREPARED, MAX_PREPARED_OCTETS, self.handouts)
        # Below DNAME and `here`: names made up as they are asked must not push the others out.
        self._made = Shelf(MAX_MADE, MAX_PREPARED_OCTETS, self.handouts)
        # A CNAME answers for 65,536 types.
        self._wild = Shelf(MAX_MADE, MAX_PREPARED_OCTETS, self.handouts)
        self._nxdomain: dict[ZoneView, dict[int, Answer]] = {}  # by length of the qname
        self._nodata: dict[ZoneView, dict[int, Answer]] = {}

    @property
    def wheels(self) -> dict[bytes, array[int]]:
        return self._wheels

    @property
    def lineage(self) -> object:
        """The same for a table and those that took over its prepared answers."""
        return self._prepared

    @property
    def _shelves(self) -> tuple[Shelf, Shelf, Shelf]:
        return self._prepared, self._made, self._wild

    def judged_anew(self, health: HealthSource, touched: Iterable[Target]) -> AnswerTable:
        """The table under another health, which differs for `touched` only.

        It takes over the prepared answers that rest on none of them; this one prepares its own
        again if anybody still asks it.
        """
        scope = self.scope._replace(health=health)
        successor = AnswerTable(self.space, scope, self._seed, self._wheels, self.handouts)
        for shelf in self._shelves:
            shelf.drop(touched)
        for name in ("_prepared", "_made", "_wild", "_nxdomain", "_nodata"):
            setattr(successor, name, getattr(self, name))
        self._begin()
        return successor

    def moved_to(self, space: Namespace, touched: Collection[bytes]) -> AnswerTable:
        """The table over a namespace that says something else of `touched` only (keys of names;
        ANY_ZONE when anything of a zone itself changed).

        It takes over the prepared answers that rest on none of them. Answers that hold for names
        that were never looked up are made again: any of those names may exist now.
        """
        successor = AnswerTable(space, self.scope, self._seed, self._wheels, self.handouts)
        for shelf in (self._prepared, self._made):
            shelf.drop_names(touched)
        for negatives in (self._nxdomain, self._nodata):
            for by_length in negatives.values():
                for answer in by_length.values():
                    answer.retire()
        for answer in self._wild.answers.values():
            answer.retire()
        wild = self._wild
        for name in ("_prepared", "_made"):
            setattr(successor, name, getattr(self, name))
        self._begin()
        self._wild = wild  # it is settled with this table
        return successor

    def resting_on(self, target: Target) -> list[Answer]:
        """The prepared answers that were made with the health of a target."""
        return [answer for shelf in self._shelves for answer in shelf.resting_on(target)]

    def settle(self) -> Iterator[None]:
        """Note what the answers gave out, before they go; one at each step."""
        for shelf in self._shelves:
            for answer in list(shelf.answers.values()):
                self.handouts.settle(answer)
                yield

    def release(self) -> Iterator[None]:
        """Forget the prepared answers, one at each step; nobody may ask any more."""
        for shelf in self._shelves:
            yield from shelf.release()

    def find(self, key: bytes) -> Answer | None:
        """The answer to a question (name in lower case, type, class); None: not our name."""
        answer = self._prepared.answers.get(key)
        return answer if answer is not None else self._find_unprepared(key)

    def _find_unprepared(self, key: bytes) -> Answer | None:
        made = self._made.answers.get(key)
        if made is not None:
            return made
        qname, qtype = key[:-4], key[-4] << 8 | key[-3]
        space = self.space
        node = space.node(qname)
        if node is None:
            node = space.enclose(qname)
            if node is None:
                return None
            below = node.below
            if below is Below.NOTHING:
                return self._negative(node.zone, Rcode.NXDOMAIN, len(qname))
            if below is Below.FALLTHROUGH:
                return None
            if below is Below.WILDCARD:
                return self._from_wildcard(node, qname, qtype, key)
            if below is Below.HERE and space.find_here(node, qname, self.scope) is None:
                return self._negative(node.zone, Rcode.NXDOMAIN, len(qname))
        elif (
            node.below is not Below.CUT
            and qtype not in node.sets
            and CNAME not in node.sets
            and ALIAS not in node.sets
            and (qtype not in (DS, 255) or not node.sets)
            and not (node.is_open and not node.sets)
        ):
            return self._negative(node.zone, Rcode.NOERROR, len(qname))
        return self._prepare(key, qname, qtype)

    def _negative(self, zone: ZoneView, rcode: int, length: int) -> Answer:
        """NODATA or NXDOMAIN: the same for every name of this length in the zone (RFC 2308 2)."""
        negatives = self._nxdomain if rcode else self._nodata
        by_length = negatives.get(zone)
        if by_length is None:
            by_length = negatives[zone] = {}
        answer = by_length.get(length)
        if answer is None:
            # The SOA's owner is the end of the question's name.
            owner = struct.pack("!H", 0xC000 | 12 + length - len(zone.apex))
            head = struct.pack("!HHIH", SOA, 1, zone.negative_ttl, len(zone.soa))
            turn = make_turn(0, 1, 0, owner + head + zone.soa, b"")
            answer = by_length[length] = Answer((turn,), rcode)
            answer.is_kept = rcode == Rcode.NXDOMAIN and zone.is_internal
        return answer

    def _from_wildcard(self, encloser: Node, qname: bytes, qtype: int, key: bytes) -> Answer | None:
        """Answers of a wildcard do not depend on the name asked, so a flood prepares one."""
        wildcard = encloser.wildcard
        assert wildcard is not None
        sets = wildcard.sets
        if (
            qtype not in sets
            and CNAME not in sets
            and ALIAS not in sets
            and (qtype != 255 or not sets)
        ):
            return self._negative(wildcard.zone, Rcode.NOERROR, len(qname))
        mark = (wildcard.owner, qtype)
        answer = self._wild.answers.get(mark)
        if answer is None:
            health = NotingTable(self.scope.health)
            wheel = wildcard.owner.lower() + key[-4:-2]
            preparation = self._preparation(self.space, health)
            answer = preparation.prepare(qname, qtype, wheel, is_shared=True)
            if answer is not None:
                self._wild.put(mark, answer, health.asked)
        return answer

    def _prepare(self, key: bytes, qname: bytes, qtype: int) -> Answer | None:
        space, health = NotingNamespace(self.space), NotingTable(self.scope.health)
        preparation = self._preparation(space, health)
        answer = preparation.prepare(qname, qtype, key[:-2], is_shared=False)
        if answer is not None:
            shelf = self._prepared if qname in self.space else self._made
            if qtype == ANY or answer.has_authority:
                space.asked.add(ANY_ZONE)
            shelf.put(key, answer, health.asked, space.asked)
        return answer

    def _preparation(self, space: Namespace, health: HealthSource) -> Preparation:
        return Preparation(space, self.scope._replace(health=health), self._place)

    def _place(self, wheel: bytes) -> array[int]:
        place = self._wheels.get(wheel)
        if place is None:
            if len(self._wheels) >= MAX_PREPARED:
                self._wheels.clear()
            place = self._wheels[wheel] = array("Q", (zlib.crc32(wheel, self._seed), 0))
        return place
