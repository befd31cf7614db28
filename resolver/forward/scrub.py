"""What of an upstream's reply is believed: the chain that answers the question, and no more. Pure.

RFC 2181 5.4.1, RFC 5452 6: records that were not asked for are neither given nor kept. A chain
is followed as long as the same route is responsible for its names; where it leaves, the rest is
asked of whoever is.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from resolver import names
from resolver.forward.private import ADDRESS_TYPES, without_private
from resolver.forward.wire import (
    RECORD,
    Malformed,
    Record,
    read_name,
    read_rdata,
    read_records,
)
from resolver.outcome import Rcode, Reason
from resolver.packing import Packer
from resolver.rrsets import AAAA, ANY, CNAME, DNAME, NS, SOA, A

OPT, RRSIG, NSEC, NSEC3 = 41, 46, 47, 50
PROOFS = frozenset({RRSIG, NSEC, NSEC3})  # what a validator behind us needs (RFC 4035 3.1.3)
MAX_RECORDS = 500  # of what is kept of one reply
MAX_OCTETS = 60_000  # without compression; a message has 65,535
SIGNED = frozenset(rtype.to_bytes(2, "big") for rtype in (SOA, NSEC, NSEC3))
MAX_LINKS = 20  # aliases in one reply
ACCEPTED = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.YXDOMAIN})
COUNTS = struct.Struct("!HHHH")
BARE_OPT = b"\0\0\x29"
HEAD = struct.Struct("!HHHIH")
TOP_BIT = 1 << 31
POINTER = 0xC00C  # to the name of the question
SIZES = {A: 4, AAAA: 16}  # octets of an address


class Reply(NamedTuple):
    """A reply as far as its header, question and bounds go."""

    wire: bytes
    qname: bytes  # key
    qtype: int
    rcode: int  # with the upper bits of OPT
    answer: list[Record]
    authority: list[Record]
    is_recursive: bool  # RA
    is_authentic: bool  # AD

    @property
    def is_lame(self) -> bool:
        """A referral, from a server that asks nobody for us: neither answer nor denial."""
        return (
            self.rcode == Rcode.NOERROR
            and not self.answer
            and any(record.rtype == NS for record in self.authority)
            and not any(record.rtype == SOA for record in self.authority)
        )


def read_reply(wire: bytes, question_size: int, key: bytes) -> Reply:
    """Walk all of a message whose ID and question were found to be right. Raises Malformed.

    `key` is the question with its name in lower case.
    """
    _, answers, authorities, additionals = COUNTS.unpack_from(wire, 4)
    qname, qtype = key[:-4], key[-4] << 8 | key[-3]
    answer, position = read_records(wire, 12 + question_size, answers, qname)
    if answers and not answer:
        raise Malformed("an answer of another class")
    authority: list[Record] = []
    rcode = wire[3] & 15
    if authorities:
        authority, position = read_records(wire, position, authorities, qname)
    if additionals == 1 and wire[position : position + 3] == BARE_OPT:  # what most replies end with
        if position + 11 > len(wire):
            raise Malformed("a record that does not end")
        rcode |= wire[position + 5] << 4
    elif additionals:
        additional, position = read_records(wire, position, additionals, qname)
        for record in additional:
            if record.rtype == OPT:  # RFC 6891 6.1.3: the upper eight bits of the rcode
                rcode |= record.ttl >> 24 << 4
    flags = wire[3]
    return _hot_reply(
        (wire, qname, qtype, rcode, answer, authority, bool(flags & 0x80), bool(flags & 0x20))
    )


@dataclass(slots=True)
class Limits:
    """Bounds of TTLs, in seconds."""

    most: int = 86400
    least: int = 0
    most_negative: int = 3600

    def ttl(self, ttl: int) -> int:
        """RFC 2181 8: a TTL with its top bit set is 0."""
        return max(self.least, 0 if ttl >= 1 << 31 else min(ttl, self.most))


class Scrubbed(NamedTuple):
    """What is kept of a reply, packed as it follows the question."""

    body: bytes
    offsets: tuple[int, ...]  # of the TTLs in it
    answers: int
    authorities: int
    rcode: int
    lifetime: int  # seconds; 0: it is not to be kept
    tail: bytes | None  # the name that the chain leads to, where somebody else is to be asked
    denies: bytes | None  # the key of the name that does not exist (RFC 8020 2)
    reason: Reason
    is_changed: bool = False  # private addresses were taken out


# NamedTuples' own constructors take twice as long; these run for every miss.
_hot_reply = partial(tuple.__new__, Reply)
_hot_scrubbed = partial(tuple.__new__, Scrubbed)

Responsible = Callable[[bytes], bool]
"""Whether a name (key) is asked of the same servers as the question."""


def scrub(
    reply: Reply, limits: Limits, is_same: Responsible, *, dnssec_ok: bool, guarded: bool
) -> Scrubbed:
    """Keep what answers the question. Raises Malformed when nothing of the answer does.

    `guarded`: private addresses are taken out.
    """
    return _Scrubbing(reply, limits, is_same, dnssec_ok, guarded).run()


def scrub_simple(reply: Reply, limits: Limits) -> Scrubbed | None:
    """The same for most replies: records of the name and type asked for, without names inside.

    None: not as simple as that. Neither DNSSEC records nor the guard are looked at.
    """
    wire, qname, qtype, rcode, answer, *_ = reply
    count = len(answer)
    if rcode or not count or qtype in SPECIAL or count > MAX_RECORDS:
        return None
    lowest = TOP_BIT
    size = SIZES.get(qtype)
    for owner, rtype, ttl, _, length in answer:
        # A TTL with its top bit set is the lowest (RFC 2181 8).
        if rtype != qtype or owner != qname or ttl >= TOP_BIT or (size and length != size):
            return None
        lowest = min(lowest, ttl)
    ttl = limits.ttl(lowest)
    parts: list[bytes] = []
    offsets, position = [], 6
    for _, rtype, _, start, length in answer:
        offsets.append(position)
        parts += (HEAD.pack(POINTER, rtype, 1, ttl, length), wire[start : start + length])
        position += 12 + length
    return _hot_scrubbed(
        (b"".join(parts), tuple(offsets), count, 0, 0, ttl, None, None, Reason.ANSWERED, False)
    )


class _Scrubbing:
    def __init__(
        self, reply: Reply, limits: Limits, is_same: Responsible, dnssec_ok: bool, guarded: bool
    ) -> None:
        self.reply = reply
        self.limits = limits
        self.is_same = is_same
        self.dnssec_ok = dnssec_ok
        self.guarded = guarded
        self.packer = Packer(reply.qname, False)
        self.offsets: list[int] = []
        self.lifetime: int | None = None

    def run(self) -> Scrubbed:
        reply = self.reply
        return self._follow() if reply.answer else self._end(reply.qname, None)

    def _follow(self) -> Scrubbed:
        """Follow the chain through the answer section (RFC 1034 4.3.2, RFC 6672 3.2)."""
        by_owner: dict[bytes, list[Record]] = {}
        for record in self.reply.answer:
            by_owner.setdefault(record.owner, []).append(record)
        name, spelled = self.reply.qname, self.reply.qname
        seen, qtype = {name}, self.reply.qtype
        while True:
            here = by_owner.get(name, [])
            if qtype == CNAME and self._alias(name, spelled, [], by_owner) is not None:
                return self._result(Rcode.NOERROR)  # with the DNAME that it is made of
            own = [r for r in here if r.rtype == qtype or (qtype == ANY and r.rtype != OPT)]
            if own:
                return self._finish(spelled, here, own)
            target = self._alias(name, spelled, here, by_owner)
            if target is None:
                if not self.packer.count:
                    raise Malformed("an answer to something else")
                return self._end(name, spelled)
            if target.lower() in seen or len(seen) > MAX_LINKS:
                raise Malformed("a chain of aliases that does not end")
            name, spelled = target.lower(), target
            seen.add(name)
            if not self.is_same(name):
                return self._result(Rcode.NOERROR, tail=spelled)

    def _alias(
        self, name: bytes, spelled: bytes, here: list[Record], by_owner: dict[bytes, list[Record]]
    ) -> bytes | None:
        """The target of a name's CNAME, or of the CNAME that a DNAME above makes; kept."""
        wire = self.reply.wire
        for above in names.ancestors(name):
            dname = next((r for r in by_owner.get(above, ()) if r.rtype == DNAME), None)
            if dname is None or not self.is_same(above):  # who answers has no say above its route
                continue
            owner = spelled[len(name) - len(above) :]
            target = read_rdata(wire, dname)
            self._add(owner, dname, target)
            self._add_signatures(owner, by_owner[above], DNAME)
            made = spelled[: len(name) - len(above)] + target
            if len(made) > names.MAX_NAME:
                return None
            self._add(spelled, dname._replace(rtype=CNAME), made)
            return made
        cname = next((r for r in here if r.rtype == CNAME), None)
        if cname is None:
            return None
        target = read_rdata(wire, cname)
        self._add(spelled, cname, target)
        self._add_signatures(spelled, here, CNAME)
        return target

    def _finish(self, spelled: bytes, here: list[Record], own: list[Record]) -> Scrubbed:
        """The records asked for; RFC 2181 5.2: all of a set have one TTL."""
        if len(own) > MAX_RECORDS:
            raise Malformed(f"more than {MAX_RECORDS} records")
        lowest = min(self.limits.ttl(record.ttl) for record in own)
        withheld = changed = 0
        for record in own:
            said = read_rdata(self.reply.wire, record)
            if len(said) != SIZES.get(record.rtype, len(said)):
                raise Malformed("an address of another length")
            rdata: bytes | None = said
            if self.guarded and record.rtype in ADDRESS_TYPES:
                rdata = without_private(record.rtype, said)
            changed += rdata != said
            if rdata is None:
                withheld += 1
                continue
            self._add(spelled, record._replace(ttl=lowest), rdata)
        if withheld == len(own):
            lifetime = min(lowest, self.limits.most_negative)
            if self.lifetime is not None:  # of the chain that led here
                lifetime = min(lifetime, self.lifetime)
            return Scrubbed(b"", (), 0, 0, 0, lifetime, None, None, Reason.PRIVATE_WITHHELD, True)
        if not changed:  # a signature of more than is left is of no use
            self._add_signatures(spelled, here, self.reply.qtype)
        return self._result(Rcode.NOERROR)._replace(is_changed=bool(changed))

    def _end(self, name: bytes, spelled: bytes | None) -> Scrubbed:
        """The end of a chain without records of the type: a denial, or a name to ask on for."""
        rcode = self.reply.rcode
        soa = self._soa(name)
        if spelled is not None and soa is None and rcode == Rcode.NOERROR:
            return self._result(rcode, tail=spelled)
        answers = self.packer.count
        if soa is not None:
            self._deny(soa)
        elif not answers or rcode == Rcode.NXDOMAIN:
            self.lifetime = 0  # RFC 2308 5: without an SOA it is not to be kept
        denies = name if rcode == Rcode.NXDOMAIN and spelled is None and soa is not None else None
        return self._result(rcode, answers=answers, denies=denies)

    def _soa(self, name: bytes) -> Record | None:
        for record in self.reply.authority:
            if record.rtype == SOA and names.is_at_or_below(name, record.owner):
                return record
        return None

    def _deny(self, soa: Record) -> None:
        """RFC 2308 5: kept for the lower of the SOA's TTL and its minimum."""
        rdata = read_rdata(self.reply.wire, soa)
        minimum = int.from_bytes(rdata[-4:], "big")
        ttl = min(self.limits.ttl(soa.ttl), self.limits.ttl(minimum), self.limits.most_negative)
        self._add(soa.owner, soa, rdata, ttl)

    def _add(self, owner: bytes, record: Record, rdata: bytes, ttl: int | None = None) -> None:
        if self.packer.count >= MAX_RECORDS or self.packer.size > MAX_OCTETS:
            raise Malformed(f"more than {MAX_RECORDS} records, or {MAX_OCTETS} octets")
        ttl = self.limits.ttl(record.ttl) if ttl is None else ttl
        self.packer.add(owner, record.rtype, ttl, rdata)
        self.offsets.append(self.packer.size - len(rdata) - 6)
        self.lifetime = ttl if self.lifetime is None else min(self.lifetime, ttl)

    def _add_signatures(self, owner: bytes, here: list[Record], covered: int) -> None:
        """RFC 4035 3.1.1: with DO, the signatures of what is given."""
        if not self.dnssec_ok:
            return
        wire = self.reply.wire
        for record in here:
            if record.rtype == RRSIG and wire[record.start : record.start + 2] == covered.to_bytes(
                2, "big"
            ):
                self._add(owner, record, read_rdata(wire, record))

    def _proves(self, record: Record) -> bool:
        """Not the signature of what was dropped."""
        covered = self.reply.wire[record.start : record.start + 2]
        return (record.rtype != RRSIG or covered in SIGNED) and self.is_same(record.owner)

    def _result(
        self,
        rcode: int,
        *,
        tail: bytes | None = None,
        answers: int | None = None,
        denies: bytes | None = None,
    ) -> Scrubbed:
        if answers is None:
            answers = self.packer.count
        if self.dnssec_ok:
            for record in self.reply.authority:
                if record.rtype in PROOFS and self._proves(record):
                    self._add(record.owner, record, read_rdata(self.reply.wire, record))
        body, offsets = b"".join(self.packer.parts), tuple(self.offsets)
        authorities, lifetime = self.packer.count - answers, self.lifetime or 0
        return Scrubbed(
            *(body, offsets, answers, authorities, int(rcode), lifetime),
            *(tail, denies, Reason.ANSWERED),
        )


# Types that a look at owner and type does not do for.
SPECIAL = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 17, 18, 21, 26, 33, 35, 36, 39, ANY})


class Unpacked(NamedTuple):
    """A record of packed sections, its rdata without compression."""

    owner: bytes  # as spelled
    rtype: int
    ttl: int
    rdata: bytes


def unpack(qname: bytes, body: bytes, count: int) -> list[Unpacked]:
    """The first `count` records of sections that were packed to follow a question for `qname`."""
    wire = bytes(12) + qname + bytes(4) + body
    position, found = 16 + len(qname), []
    for _ in range(count):
        owner, position = read_name(wire, position)
        rtype, _, ttl, length = RECORD.unpack_from(wire, position)
        rdata = wire[position + 10 : position + 10 + length]
        found.append(Unpacked(owner, rtype, ttl, rdata))
        position += 10 + length
    return found
