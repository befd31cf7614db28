"""Preparation: a question → its answer, packed once and sent often.

It resolves the question in one namespace under one health, and packs what comes of it.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from resolver import names
from resolver.chain import End, Resolution, Step, resolve
from resolver.namespace import Namespace
from resolver.outcome import Rcode
from resolver.packing import HANDS_OUT, Answer, Onward, Packer, Turn, make_turn, targets_of
from resolver.rrsets import HTTPS, MX, NS, SOA, SRV, SVCB, Pick, Scope

MAX_ADDITIONAL_NAMES = 13  # names whose addresses are added to one answer
# Types whose targets' addresses are added (RFC 1034 3.7, RFC 2782, RFC 9460 4.1).
ADDITIONAL_FOR = frozenset({NS, MX, SRV, SVCB, HTTPS})
NOTHING = (Pick((), 0),)  # the one turn of a chain that ends without records


class Preparation(NamedTuple):
    """Where answers come from: names, who asks under which health, and the places on wheels."""

    space: Namespace
    scope: Scope
    place_of: Callable[[bytes], array[int]]

    def prepare(self, qname: bytes, qtype: int, wheel: bytes, *, is_shared: bool) -> Answer | None:
        """The answer to a question, or None outside of all zones.

        `wheel` names the place that its turns share; a shared answer serves names of any length.
        """
        found = resolve(self.space, qname, qtype, self.scope)
        if found.end is End.OUTSIDE and not found.steps:
            return None
        return self._pack(found, qname, wheel, is_shared)

    def _pack(self, found: Resolution, qname: bytes, wheel: bytes, is_shared: bool) -> Answer:
        """Pack the end of a look-up; `wheel` names the place that its turns share."""
        if found.end is End.FAILED:
            return self._pack_failure(found, qname, is_shared)
        if found.end is End.REFERRAL:
            return self._pack_referral(found, qname, is_shared)
        turns = found.steps[-1].turns if found.steps else NOTHING
        packer = Packer(qname, is_shared)
        packed: list[Turn | None] = [self._pack_turn(found, packer, turns[0])]
        has_more = bool(found.steps) and found.steps[-1].rrset.rtype in ADDITIONAL_FOR
        for pick in turns[1:]:
            # What is added depends on health as it is now; the rest can wait.
            again = Packer(qname, is_shared)
            packed.append(self._pack_turn(found, again, pick) if has_more else None)
        rcode = {End.NXDOMAIN: Rcode.NXDOMAIN, End.TOO_LONG: Rcode.YXDOMAIN}.get(
            found.end, Rcode.NOERROR
        )
        position = self._take_place(wheel, turns) if len(packed) > 1 else None
        answer = Answer(packed, rcode, position=position)
        if found.end is End.OUTSIDE:
            answer.onward = Onward(found.at)
        if None in packed:
            answer.pack_by(partial(_pack_alone, found, qname, is_shared))
        # Additional data is the same in every turn.
        own = found.steps[-1].rrset.rtype if found.steps else None
        longest = max(pick.ttl for pick in turns) if own in HANDS_OUT else 0
        answer.longest = max(longest, packer.longest)
        answer.names_endpoints = own == SRV
        return answer

    def _pack_failure(self, found: Resolution, qname: bytes, is_shared: bool) -> Answer:
        """SERVFAIL; where an ALIAS leads out of our zones, who asks there can tell more."""
        empty = make_turn(0, 0, 0, b"", b"")
        onward, chain, alias = None, None, found.alias
        if alias is not None:
            owner = alias.owner if found.steps else None
            onward = Onward(alias.target, alias.cut, owner, alias.ttl)
            chain = _chain_of(found, qname, is_shared)
        rcode, reason = Rcode.SERVFAIL, found.reason
        return Answer((empty,), rcode, reason=reason, onward=onward, chain=chain)

    def _take_place(self, wheel: bytes, turns: Iterable[Pick]) -> array[int]:
        """The place on the wheel; where its turns are others than before, it jumps.

        Going on by one, flips that come in step with questions would skip the same turns each time.
        """
        place = self.place_of(wheel)
        shown = zlib.crc32(repr(turns).encode())
        if place[1] not in (0, shown):
            place[0] = zlib.crc32(place[0].to_bytes(8, "big"), shown)
        place[1] = shown
        return place

    def _pack_turn(self, found: Resolution, packer: Packer, last: Pick) -> Turn:
        _add_chain(packer, found.steps[:-1])
        targets: list[bytes] = []
        if found.steps:
            step = found.steps[-1]
            rtype = step.rrset.rtype
            for rdata in last.rdatas:
                packer.add(step.owner, rtype, last.ttl, rdata)
                if rtype in ADDITIONAL_FOR:
                    targets += targets_of(step.owner, rtype, rdata)
        answers = packer.count
        if found.end in (End.NODATA, End.NXDOMAIN) and found.node is not None:
            zone = found.node.zone
            packer.add(zone.apex, SOA, zone.negative_ttl, zone.soa)
        return self._finish(packer, answers, targets)

    def _pack_referral(self, found: Resolution, qname: bytes, is_shared: bool) -> Answer:
        """The chain, NS of the cut in authority, glue in additional (RFC 1034 4.3.2)."""
        assert found.node is not None
        packer = Packer(qname, is_shared)
        _add_chain(packer, found.steps)
        answers = packer.count
        rrset = self.space.delegation(found.node)
        targets, ttl = rrset.draw(self.scope).turns[0]
        for rdata in targets:
            packer.add(found.node.owner, NS, ttl, rdata)
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
        onward = Onward(found.at if found.steps else None, cut)
        answer = Answer(
            *((turn,), Rcode.NOERROR),
            authoritative=authoritative,
            onward=onward,
            chain=_chain_of(found, qname, is_shared),
        )
        answer.longest = packer.longest  # name servers may be endpoints
        return answer

    def _finish(self, packer: Packer, answers: int, targets: list[bytes]) -> Turn:
        lean_size, lean_count = len(packer.parts), packer.count
        self._add_addresses(packer, targets)
        return make_turn(
            answers,
            lean_count - answers,
            packer.count - lean_count,
            b"".join(packer.parts[:lean_size]),
            b"".join(packer.parts[lean_size:]),
        )

    def _add_addresses(self, packer: Packer, targets: list[bytes]) -> None:
        distinct = {name.lower(): name for name in targets[:MAX_ADDITIONAL_NAMES]}
        for target in distinct.values():
            for rtype, pick in self.space.addresses(target, self.scope):
                for rdata in pick.rdatas:
                    packer.add(target, rtype, pick.ttl, rdata)


def _pack_alone(found: Resolution, qname: bytes, is_shared: bool, place: int) -> Turn:
    """A turn of an answer to which nothing is added; it asks nothing of health."""
    packer = Packer(qname, is_shared)
    _add_chain(packer, found.steps[:-1])
    step = found.steps[-1]
    pick = step.turns[place]
    for rdata in pick.rdatas:
        packer.add(step.owner, step.rrset.rtype, pick.ttl, rdata)
    return make_turn(packer.count, 0, 0, b"".join(packer.parts), b"")


def _chain_of(found: Resolution, qname: bytes, is_shared: bool) -> Answer | None:
    """The aliases that were followed, without what they led to."""
    if not found.steps:
        return None
    packer = Packer(qname, is_shared)
    _add_chain(packer, found.steps)
    return Answer((make_turn(packer.count, 0, 0, b"".join(packer.parts), b""),), Rcode.NOERROR)


def _add_chain(packer: Packer, steps: Iterable[Step]) -> None:
    for step in steps:
        rdatas, ttl = step.turns[0]
        for rdata in rdatas:
            packer.add(step.owner, step.rrset.rtype, ttl, rdata)
