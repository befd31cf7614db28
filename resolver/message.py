"""Read a query and shape replies: header, question, EDNS, truncation, errors.

Reading never raises: octets that are no query give None, queries that break the rules give a
`Query` with the rcode that they deserve. Compression pointers are never followed here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from ipaddress import ip_network
from typing import NamedTuple

from resolver.outcome import Rcode, Reason
from resolver.zones.leaves import IPNetwork

QR, OPCODE_MASK, AA, TC, RD = 0x80, 0x78, 0x04, 0x02, 0x01  # of octet 2
RA, CD = 0x80, 0x10  # of octet 3
OPT, TSIG = 41, 250
CLIENT_SUBNET, EXTENDED_ERROR = 8, 15
MAPPED = bytes(10) + b"\xff\xff"
UDP_PLAIN = 512  # RFC 1035 4.2.1
BARE_OPT = 11  # octets of an OPT record without options
OFFERED = 1232  # the UDP payload that we say we take (flag day 2020)
MAX_RECORDS = 8  # records beside the question in a query; more is not worth our time
ONE_QUESTION = b"\0\1"
NO_RECORDS = b"\0\0\0\0\0\0"
ONE_ADDITIONAL = b"\0\0\0\0\0\1"
COUNTS = struct.Struct("!3H")
BARE = struct.Struct("!BHHBBHH")
NOERROR = Rcode.NOERROR
EMPTY_COUNTS = b"\0\1\0\0\0\0\0\0"
OPT_COUNTS = b"\0\1\0\0\0\0\0\1"


class Edns(NamedTuple):
    """The OPT record of a query (RFC 6891 6.1)."""

    size: int
    version: int
    dnssec_ok: bool
    subnet: bytes | None  # the raw client subnet option (RFC 7871 6)


class Query(NamedTuple):
    """A query as read: `fault` is NOERROR when it can be answered."""

    question: bytes  # as sent, without the header; empty when it could not be read
    key: bytes  # the same with the name in lower case
    qtype: int
    qclass: int
    recursion_desired: bool
    edns: Edns | None
    fault: Rcode


# A NamedTuple's own constructor takes twice as long; this one runs for every query.
_hot_query: Callable[[tuple[bytes, bytes, int, int, bool, Edns | None, Rcode]], Query]
_hot_query = partial(tuple.__new__, Query)


def read(wire: bytes) -> Query | None:
    """Read a query; None when nothing may be sent in return (RFC 1035 7.3, RFC 5452)."""
    if len(wire) < 12 or wire[2] & QR:
        return None
    rd = bool(wire[2] & RD)
    if wire[2] & OPCODE_MASK:
        return Query(b"", b"", 0, 0, rd, None, Rcode.NOTIMP)
    # RFC 9619 4: a query has exactly one question.
    if wire[4:6] != ONE_QUESTION:
        return _malformed(rd)
    position, size = 12, len(wire)
    try:
        while length := wire[position]:
            if length > 63:  # a pointer, or a label type that nobody uses (RFC 6891 5)
                return _malformed(rd)
            position += 1 + length
    except IndexError:
        return _malformed(rd)
    end = position + 5
    if end > size or end - 16 > 255:
        return _malformed(rd)
    fields = wire[position + 1 : end]
    key = wire[12 : position + 1].lower() + fields
    qtype, qclass = fields[0] << 8 | fields[1], fields[2] << 8 | fields[3]
    if wire[6:12] == NO_RECORDS:
        fault = NOERROR if end == size else Rcode.FORMERR
        return _hot_query((wire[12:end], key, qtype, qclass, rd, None, fault))
    edns, fault = _read_records(wire, end)
    return _hot_query((wire[12:end], key, qtype, qclass, rd, edns, fault))


def _malformed(recursion_desired: bool) -> Query:
    return Query(b"", b"", 0, 0, recursion_desired, None, Rcode.FORMERR)


def _read_records(wire: bytes, position: int) -> tuple[Edns | None, Rcode]:
    """Walk what follows the question: nothing but OPT and TSIG means anything in a query."""
    if wire[6:12] == ONE_ADDITIONAL and len(wire) == position + BARE_OPT:
        # What most stub resolvers send: OPT without options.
        owner, rtype, size, _, version, flags, length = BARE.unpack_from(wire, position)
        if not owner and rtype == OPT and not version and not length:
            return Edns(size, 0, bool(flags & 0x8000), None), NOERROR
    answers, authority, additional = COUNTS.unpack_from(wire, 6)
    others = answers + authority  # IXFR carries the SOA that the client has (RFC 1995 3)
    if others + additional > MAX_RECORDS:
        return None, Rcode.FORMERR
    edns: Edns | None = None
    fault = NOERROR
    for number in range(others + additional):
        start = position
        position = _skip_name(wire, position)
        if position < 0 or position + 10 > len(wire):
            return None, Rcode.FORMERR
        rtype, rclass, ttl, length = struct.unpack_from("!HHIH", wire, position)
        position += 10
        if position + length > len(wire):
            return None, Rcode.FORMERR
        if rtype == OPT:
            # RFC 6891 6.1.1: one OPT at most, in additional, owned by the root.
            if edns is not None or wire[start] or number < others:
                return None, Rcode.FORMERR
            options = _read_options(wire[position : position + length])
            if options is None:
                return None, Rcode.FORMERR
            edns = Edns(rclass, ttl >> 16 & 255, bool(ttl & 0x8000), options.get(CLIENT_SUBNET))
        elif rtype == TSIG:
            fault = Rcode.NOTAUTH  # RFC 8945 5.2.1: we know no keys
        position += length
    if position != len(wire):
        return edns, Rcode.FORMERR
    if edns is not None and edns.version:
        return edns, Rcode.BADVERS
    return edns, fault


def _skip_name(wire: bytes, position: int) -> int:
    """The position after a name that may end in a pointer; negative when it does not end."""
    size = len(wire)
    while position < size:
        length = wire[position]
        if length >= 0xC0:
            return position + 2
        position += 1 + length
        if not length:
            return position
        if length > 63:
            break
    return -1


def _read_options(rdata: bytes) -> dict[int, bytes] | None:
    """The options of an OPT record, the first of each code; None when one overruns."""
    options: dict[int, bytes] = {}
    position, size = 0, len(rdata)
    while position < size:
        if position + 4 > size:
            return None
        code, length = struct.unpack_from("!HH", rdata, position)
        position += 4
        if position + length > size:
            return None
        options.setdefault(code, rdata[position : position + length])
        position += length
    return options


def read_subnet(option: bytes) -> IPNetwork | None:
    """The network of a client subnet option; None when it is malformed (RFC 7871 6)."""
    if len(option) < 4:
        return None
    family, source, scope = struct.unpack_from("!HBB", option)
    size = {1: 4, 2: 16}.get(family)
    if size is None or scope or source > size * 8 or len(option) - 4 != (source + 7) // 8:
        return None
    packed = option[4:].ljust(size, b"\0")
    if packed.startswith(MAPPED) and source >= 96:  # ::ffff:0:0/96 is IPv4
        packed, source = packed[12:], source - 96
    try:
        return ip_network((packed, source))
    except ValueError:  # bits beyond the prefix are set
        return None


def opt_record(
    dnssec_ok: bool, size: int, reason: Reason, rcode: int = 0, subnet: bytes | None = None
) -> bytes:
    """The OPT record of a reply, with the extended error of a reason (RFC 8914 2)."""
    options = b""
    if reason.code is not None:
        text = reason.text.encode()
        options = struct.pack("!HHH", EXTENDED_ERROR, 2 + len(text), reason.code) + text
    if subnet is not None:
        options += struct.pack("!HH", CLIENT_SUBNET, len(subnet)) + subnet
    flags = (rcode >> 4) << 24 | (0x8000 if dnssec_ok else 0)
    return b"\0" + struct.pack("!HHIH", OPT, size, flags, len(options)) + options


PLAIN_OPT = (
    opt_record(False, OFFERED, Reason.ANSWERED),
    opt_record(True, OFFERED, Reason.ANSWERED),
)
"""The OPT record of an ordinary reply, by DO."""


def error(wire: bytes, query: Query, rcode: int, opt: bytes, recursion: bool) -> bytes:
    """A reply without records: header, the question where it could be read, OPT."""
    third = QR | wire[2] & (OPCODE_MASK | RD)
    fourth = (RA if recursion else 0) | wire[3] & CD | rcode & 15
    if not query.question:
        counts = b"\0\0\0\0\0\0" + (b"\0\1" if opt else b"\0\0")
    else:
        counts = OPT_COUNTS if opt else EMPTY_COUNTS
    return b"".join((wire[:2], bytes((third, fourth)), counts, query.question, opt))
