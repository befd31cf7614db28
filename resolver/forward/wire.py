"""Reading messages that others wrote: names with compression, records, rdata. Pure.

Every bound is checked; what breaks a rule raises Malformed and nothing else (RFC 1035 4.1,
RFC 9267: pointers lead backwards only, and end).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from resolver import names

MAX_JUMPS = 127
MAX_SECTION_JUMPS = 8000  # of the owners of a section
MAX_RECORDS = 2000  # of a section: each may cost 127 jumps
RECORD = struct.Struct("!HHIH")
POINTER_TO_QNAME = b"\xc0\x0c"
NAPTR, OPT, CLASS_IN = 35, 41, 1
# Types whose rdata may hold compressed names (RFC 1035 3.3, RFC 3597 4): octets before, names.
COMPRESSIBLE = {
    2: (0, 1),  # NS
    3: (0, 1),  # MD
    4: (0, 1),  # MF
    5: (0, 1),  # CNAME
    6: (0, 2),  # SOA
    7: (0, 1),  # MB
    8: (0, 1),  # MG
    9: (0, 1),  # MR
    12: (0, 1),  # PTR
    14: (0, 2),  # MINFO
    15: (2, 1),  # MX
    17: (0, 2),  # RP
    18: (2, 1),  # AFSDB
    21: (2, 1),  # RT
    26: (2, 2),  # PX
    33: (6, 1),  # SRV
    36: (2, 1),  # KX
    39: (0, 1),  # DNAME
}
TAILS = {6: 20}  # octets behind the names


class Malformed(Exception):
    """Octets that are no such message; the message says what is wrong."""


class Record(NamedTuple):
    """One record of a message, its rdata still where it was."""

    owner: bytes  # the name in lower case
    rtype: int
    ttl: int
    start: int
    length: int


_hot_record: Callable[[tuple[bytes, int, int, int, int]], Record]
_hot_record = partial(tuple.__new__, Record)


def read_name(wire: bytes, position: int, left: list[int] | None = None) -> tuple[bytes, int]:
    """A name as it is spelled, and the position behind it. Raises Malformed.

    `left` are the jumps that the section may still take.
    """
    parts: list[bytes] = []
    end, size, jumps = -1, 0, 0
    lowest = position
    try:
        while length := wire[position]:
            if length < 64:
                parts.append(wire[position : position + 1 + length])
                position += 1 + length
                size += 1 + length
                if size >= names.MAX_NAME:
                    raise Malformed("a name of more than 255 octets")
                continue
            if length < 192:
                raise Malformed("an unknown type of label")
            if end < 0:
                end = position + 2
            target = (length & 63) << 8 | wire[position + 1]
            jumps += 1
            if left is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise Malformed("more compression than a message can need")
            if target >= lowest or jumps > MAX_JUMPS:
                raise Malformed("a compression pointer that does not lead back")
            position = lowest = target
    except IndexError:
        raise Malformed("a name that does not end") from None
    if position >= len(wire) or (parts and len(parts[-1]) != parts[-1][0] + 1):
        raise Malformed("a name that does not end")
    parts.append(names.ROOT)
    return b"".join(parts), position + 1 if end < 0 else end


def read_records(wire: bytes, position: int, count: int, qname: bytes) -> tuple[list[Record], int]:
    """`count` records from a position, and the position behind them. Raises Malformed.

    `qname` is the name of the question in lower case, at offset 12.
    """
    records: list[Record] = []
    size, left = len(wire), [MAX_SECTION_JUMPS]
    if count > MAX_RECORDS:
        raise Malformed(f"more than {MAX_RECORDS} records")
    if position + 11 * count > size:
        raise Malformed("fewer records than the header says")
    try:
        for _ in range(count):
            if wire[position : position + 2] == POINTER_TO_QNAME:
                owner = qname
                position += 2
            else:
                owner, position = read_name(wire, position, left)
                owner = owner.lower()
            rtype, rclass, ttl, length = RECORD.unpack_from(wire, position)
            position += 10
            if rclass == CLASS_IN or rtype == OPT:  # what is of another class answers nothing
                records.append(_hot_record((owner, rtype, ttl, position, length)))
            position += length
    except struct.error:
        raise Malformed("a record that does not end") from None
    if position > size:
        raise Malformed("rdata that does not end")
    return records, position


def read_rdata(wire: bytes, record: Record) -> bytes:
    """The rdata of a record without compression. Raises Malformed."""
    _, rtype, _, start, length = record
    end = start + length
    layout = COMPRESSIBLE.get(rtype)
    if layout is None:
        if rtype != NAPTR:
            return wire[start:end]
        layout = (_naptr_prefix(wire, start, end), 1)
    before, count = layout
    position = start + before
    parts = [wire[start:position]]
    for _ in range(count):
        name, position = read_name(wire, position)
        parts.append(name)
    parts.append(wire[position:end])
    if position > end or len(parts[-1]) != TAILS.get(rtype, 0):
        raise Malformed("rdata of another length than its fields")
    return b"".join(parts)


def _naptr_prefix(wire: bytes, start: int, end: int) -> int:
    """RFC 3403 4.1: order, preference, and three strings before the name."""
    position = start + 4
    for _ in range(3):
        if position >= end:
            raise Malformed("rdata of another length than its fields")
        position += 1 + wire[position]
    return position - start
