"""Prepared answers: everything of a reply but ID, question and OPT, made once and sent often.

An answer is a short cycle of turns. Owner names point at the question (offset 12), so the
client's spelling is echoed. Answers are prepared on first use, kept within a bound, and belong
to one view of one generation; only the place on the wheel is carried over.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from resolver import names
from resolver.chain import End, Resolution, resolve
from resolver.namespace import Below, Namespace, Node, ZoneView
from resolver.outcome import Rcode, Reason
from resolver.rrsets import ALIAS, CNAME, DNAME, DS, HTTPS, MX, NS, SOA, SRV, SVCB, Scope
from resolver.zones import records

MAX_PREPARED = 65536  # answers of one view
MAX_MADE = 4096
MAX_PREPARED_OCTETS = 64 * 1024 * 1024
MAX_ADDITIONAL_NAMES = 13  # names whose addresses are added to one answer
# Types whose targets' addresses are added (RFC 1034 3.7, RFC 2782, RFC 9460 4.1).
ADDITIONAL_FOR = frozenset({NS, MX, SRV, SVCB, HTTPS})


class Turn(NamedTuple):
    """One reply's sections: in full, and lean (without additional data)."""

    counts: bytes  # QDCOUNT to ARCOUNT
    counts_opt: bytes  # the same with one more record in additional
    body: bytes
    lean_counts: bytes
    lean_counts_opt: bytes
    lean: int  # octets of body without additional


class Answer:
    """The turns of one question in one view."""

    __slots__ = ("authoritative", "chain", "is_cut", "position", "rcode", "reason", "size", "turns")

    def __init__(
        self,
        turns: tuple[Turn, ...],
        rcode: int,
        *,
        authoritative: bool = True,
        reason: Reason = Reason.ANSWERED,
        position: list[int] | None = None,
        is_cut: bool = False,
        chain: Answer | None = None,
    ) -> None:
        self.turns = turns
        self.rcode = int(rcode)
        self.authoritative = authoritative
        self.is_cut = is_cut  # it ends at a zone cut, so it depends on RD
        self.chain = chain  # then what is left of it without the referral
        self.reason = reason
        self.position = position if position is not None else [0]
        self.size = sum(len(turn.body) for turn in turns) + 400


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


class _Packer:
    """Appends records; an owner that was packed before is a pointer (RFC 1035 4.1.4).

    Rdata is never compressed. Without a known length of the qname (answers of a wildcard serve
    names of any length) only the qname itself is pointed at.
    """

    def __init__(self, qname: bytes, is_shared: bool) -> None:
        self.parts: list[bytes] = []
        self.count = 0
        self.size = 0
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


def _targets(owner: bytes, rtype: int, rdata: bytes) -> list[bytes]:
    """The names whose addresses a client of this rdata will want.

    The root is nobody (RFC 2782, RFC 7505 3), but in SVCB ServiceMode the owner (RFC 9460 2.5.2).
    """
    found = [name for _, name in records.names_in(rtype, rdata) if name != names.ROOT]
    if not found and rtype in (SVCB, HTTPS) and rdata[:2] != b"\0\0":
        return [owner]
    return found


class AnswerTable:
    """The answers of one view: environment and region."""

    __slots__ = (
        *("_made", "_nodata", "_nxdomain", "_octets", "_prepared", "_seed", "_wheels", "_wild"),
        *("scope", "space"),
    )

    def __init__(
        self, space: Namespace, scope: Scope, seed: int, wheels: dict[bytes, list[int]]
    ) -> None:
        self.space = space
        self.scope = scope
        self._seed = seed
        self._wheels = wheels  # (owner, type) → place on the wheel; outlives generations
        self._prepared: dict[bytes, Answer] = {}
        self._made: dict[bytes, Answer] = {}  # below DNAME and `here`
        self._octets = 0
        self._wild: dict[tuple[bytes, int], Answer] = {}
        self._nxdomain: dict[ZoneView, dict[int, Answer]] = {}  # by length of the qname
        self._nodata: dict[ZoneView, dict[int, Answer]] = {}

    @property
    def wheels(self) -> dict[bytes, list[int]]:
        return self._wheels

    def release(self) -> None:
        """Forget the prepared answers one by one; nobody may ask any more."""
        for answers in (self._prepared, self._made):
            while answers:
                answers.popitem()

    def find(self, key: bytes) -> Answer | None:
        """The answer to a question (name in lower case, type, class); None: not our name."""
        answer = self._prepared.get(key)
        return answer if answer is not None else self._find_unprepared(key)

    def _find_unprepared(self, key: bytes) -> Answer | None:
        made = self._made.get(key)
        if made is not None:
            return made
        qname, qtype = key[:-4], key[-4] << 8 | key[-3]
        space = self.space
        node = space.nodes.get(qname)
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
            and not (node.zone.fallthrough and not node.sets)
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
        answer = self._wild.get(mark)
        if answer is None:
            resolution = resolve(self.space, qname, qtype, self.scope)
            if resolution.end is End.OUTSIDE and not resolution.steps:
                return None
            answer = self._pack(resolution, qname, wildcard.owner.lower() + key[-4:-2], True)
            if len(self._wild) >= MAX_MADE:  # a CNAME answers for each of 65,536 types
                self._wild.clear()
            self._wild[mark] = answer
        return answer

    def _prepare(self, key: bytes, qname: bytes, qtype: int) -> Answer | None:
        resolution = resolve(self.space, qname, qtype, self.scope)
        if resolution.end is End.OUTSIDE and not resolution.steps:
            return None
        answer = self._pack(resolution, qname, key[:-2], False)
        if qname not in self.space.nodes:
            # Names that are made up as they are asked must not push the others out.
            if len(self._made) >= MAX_MADE:
                self._made.clear()
            self._made[key] = answer
            return answer
        if len(self._prepared) >= MAX_PREPARED or self._octets > MAX_PREPARED_OCTETS:
            self._prepared.clear()
            self._octets = 0
        self._prepared[key] = answer
        self._octets += answer.size
        return answer

    def _pack(self, found: Resolution, qname: bytes, wheel: bytes, is_shared: bool) -> Answer:
        """Pack the end of a look-up; `wheel` names the place that its turns share."""
        if found.end is End.FAILED:
            empty = make_turn(0, 0, 0, b"", b"")
            return Answer((empty,), Rcode.SERVFAIL, authoritative=True, reason=found.reason)
        if found.end is End.REFERRAL:
            return self._pack_referral(found, qname, is_shared)
        turns: tuple[tuple[bytes, ...], ...] = ((),)
        if found.steps:
            turns = found.steps[-1].turns
        packed = tuple(self._pack_turn(found, qname, turn, is_shared) for turn in turns)
        rcode = {End.NXDOMAIN: Rcode.NXDOMAIN, End.TOO_LONG: Rcode.YXDOMAIN}.get(
            found.end, Rcode.NOERROR
        )
        return Answer(packed, rcode, position=self._place(wheel) if len(packed) > 1 else None)

    def _place(self, wheel: bytes) -> list[int]:
        place = self._wheels.get(wheel)
        if place is None:
            if len(self._wheels) >= MAX_PREPARED:
                self._wheels.clear()
            place = self._wheels[wheel] = [zlib.crc32(wheel, self._seed)]
        return place

    def _pack_turn(
        self, found: Resolution, qname: bytes, last: tuple[bytes, ...], is_shared: bool
    ) -> Turn:
        packer = _Packer(qname, is_shared)
        for step in found.steps[:-1]:
            for rdata in step.turns[0]:
                packer.add(step.owner, step.rrset.rtype, step.rrset.ttl, rdata)
        targets: list[bytes] = []
        if found.steps:
            step = found.steps[-1]
            rtype, ttl = step.rrset.rtype, step.rrset.ttl
            for rdata in last:
                packer.add(step.owner, rtype, ttl, rdata)
                if rtype in ADDITIONAL_FOR:
                    targets += _targets(step.owner, rtype, rdata)
        answers = packer.count
        if found.end in (End.NODATA, End.NXDOMAIN) and found.node is not None:
            zone = found.node.zone
            packer.add(zone.apex, SOA, zone.negative_ttl, zone.soa)
        return self._finish(packer, answers, targets)

    def _pack_referral(self, found: Resolution, qname: bytes, is_shared: bool) -> Answer:
        """The chain, NS of the cut in authority, glue in additional (RFC 1034 4.3.2)."""
        assert found.node is not None
        packer = _Packer(qname, is_shared)
        for step in found.steps:
            for rdata in step.turns[0]:
                packer.add(step.owner, step.rrset.rtype, step.rrset.ttl, rdata)
        answers = packer.count
        chain = None
        if answers:
            alone = make_turn(answers, 0, 0, b"".join(packer.parts), b"")
            chain = Answer((alone,), Rcode.NOERROR)
        rrset = self.space.delegation(found.node)
        targets = rrset.draw(self.scope).turns[0]
        for rdata in targets:
            packer.add(found.node.owner, NS, rrset.ttl, rdata)
        authority = packer.count - answers
        # RFC 9471 3.1: without the glue of servers below the cut the reply is of no use.
        cut = found.node.owner.lower()
        needed = [t for t in targets if names.is_at_or_below(t.lower(), cut)]
        self._add_addresses(packer, needed)
        glue, lean_size = packer.count - answers - authority, len(packer.parts)
        self._add_addresses(packer, [t for t in targets if t not in needed])
        turn = make_turn(
            answers,
            authority,
            packer.count - answers - authority - glue,
            b"".join(packer.parts[:lean_size]),
            b"".join(packer.parts[lean_size:]),
            glue,
        )
        authoritative = bool(answers)  # AA is of the first owner (RFC 1035 4.1.1)
        return Answer((turn,), Rcode.NOERROR, authoritative=authoritative, is_cut=True, chain=chain)

    def _finish(self, packer: _Packer, answers: int, targets: list[bytes]) -> Turn:
        lean_size, lean_count = len(packer.parts), packer.count
        self._add_addresses(packer, targets)
        return make_turn(
            answers,
            lean_count - answers,
            packer.count - lean_count,
            b"".join(packer.parts[:lean_size]),
            b"".join(packer.parts[lean_size:]),
        )

    def _add_addresses(self, packer: _Packer, targets: list[bytes]) -> None:
        distinct = {name.lower(): name for name in targets[:MAX_ADDITIONAL_NAMES]}
        for target in distinct.values():
            for rrset, rdatas in self.space.addresses(target, self.scope):
                for rdata in rdatas:
                    packer.add(target, rrset.rtype, rrset.ttl, rdata)
