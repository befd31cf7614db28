"""Reading what others wrote."""

from __future__ import annotations

import contextlib
import struct
from time import perf_counter

import dns.exception
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import names
from resolver.forward.wire import (
    COMPRESSIBLE,
    MAX_JUMPS,
    MAX_RECORDS,
    MAX_SECTION_JUMPS,
    NAPTR,
    TAILS,
    Malformed,
    Record,
    read_name,
    read_rdata,
    read_records,
)
from tests.forward.replies import packed, whole_rdata
from tests.properties.profile import PROFILE

WWW = names.from_text("www.example.")
POINTER = b"\xc0\x0c"


def chained(jumps: int) -> bytes:
    """Octets whose last two begin a name of so many pointers that ends in the root."""
    pointers = [struct.pack("!H", 0xC000 | max(0, 2 * n - 1)) for n in range(jumps)]
    return b"\0" + b"".join(pointers)


@pytest.mark.parametrize(
    ("wire", "position", "name", "end"),
    [
        (WWW, 0, WWW, len(WWW)),
        (b"\0", 0, b"\0", 1),
        (bytes(12) + WWW + b"\xc0\x0c", 12 + len(WWW), WWW, 14 + len(WWW)),
        (bytes(12) + WWW + b"\1X\xc0\x10", 12 + len(WWW), b"\1X" + WWW[4:], 16 + len(WWW)),
        (b"\3WwW\0", 0, b"\3WwW\0", 5),
    ],
)
def test_a_name_is_read_as_it_is_spelled(wire: bytes, position: int, name: bytes, end: int) -> None:
    """With the position behind it, which is behind the first pointer where there is one."""
    assert read_name(wire, position) == (name, end)


@pytest.mark.parametrize(
    ("wire", "position"),
    [
        pytest.param(b"", 0, id="nothing"),
        pytest.param(b"\3ab", 0, id="half a label"),
        pytest.param(b"\3abc", 0, id="no root"),
        pytest.param(b"\1a\xc0", 0, id="half a pointer"),
        pytest.param(b"\0", 7, id="a position behind the end"),
        pytest.param(b"\xc0\0", 0, id="a pointer to itself"),
        pytest.param(b"\xc0\2\0", 0, id="a pointer forward"),
        pytest.param(b"\1a\xc0\0", 0, id="a loop"),
        pytest.param(b"\1a\1b\xc0\0", 2, id="a loop through an earlier name"),
        pytest.param(b"\xc0\2\xc0\0", 2, id="two pointers at each other"),
        pytest.param(b"\x40a\0", 0, id="a label of type 01"),
        pytest.param(b"\x80a\0", 0, id="a label of type 10"),
    ],
)
def test_what_is_no_name_is_malformed(wire: bytes, position: int) -> None:
    """RFC 1035 4.1.4, RFC 9267 2: whatever is wrong."""
    with pytest.raises(Malformed):
        read_name(wire, position)


def test_255_octets_are_a_name_and_256_are_none() -> None:
    """RFC 1035 2.3.4: the root counts, in one piece or through a pointer."""
    longest = (b"\x3f" + b"a" * 63) * 3 + b"\x3d" + b"a" * 61 + b"\0"
    assert len(longest) == names.MAX_NAME
    assert read_name(longest, 0) == (longest, 255)
    for wire, position in (
        ((b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0", 0),
        (longest + b"\1a\xc0\0", 255),
    ):
        with pytest.raises(Malformed, match="255"):
            read_name(wire, position)


def test_pointers_end_after_127_jumps() -> None:
    """No name needs more."""
    wire = chained(MAX_JUMPS)
    assert read_name(wire, len(wire) - 2) == (b"\0", len(wire))
    wire = chained(MAX_JUMPS + 1)
    with pytest.raises(Malformed):
        read_name(wire, len(wire) - 2)


# Octets that often make labels and pointers to places nearby.
WIRES = st.lists(
    st.sampled_from((0, 0, 1, 1, 2, 3, 5, 63, 64, 128, 0xC0, 0xC0, 0xFF, 65, 97)), max_size=40
).map(bytes)


@PROFILE
@given(WIRES | st.binary(max_size=300), st.integers(0, 40))
def test_any_octets_are_a_name_or_malformed(wire: bytes, position: int) -> None:
    """And dnspython reads the same name, if any; it refuses what is refused here."""
    try:
        name, end = read_name(wire, position)
    except Malformed:
        with pytest.raises(dns.exception.DNSException):
            dns.name.from_wire(wire, min(position, len(wire)))
        return
    assert names.from_labels(names.labels(name)) == name
    assert position < end <= len(wire)
    with contextlib.suppress(dns.exception.DNSException):  # newer ones refuse more
        assert dns.name.from_wire(wire, position)[0].to_wire() == name


# ---------------------------------------------------------------- records


def test_records_are_found_where_they_are() -> None:
    """Owners in lower case, TTLs as they are, rdata by place."""
    wire = packed(
        "www.example. IN A",
        "wWw.example. 300 IN CNAME host.example.\nHost.example. 60 IN A 192.0.2.1",
    )
    found, end = read_records(wire, 12 + len(WWW) + 4, 2, WWW)
    assert end == len(wire)
    assert [(r.owner, r.rtype, r.ttl) for r in found] == [
        (WWW, 5, 300),
        (names.from_text("host.example."), 1, 60),
    ]
    assert read_rdata(wire, found[1]) == bytes((192, 0, 2, 1))


RECORD = POINTER + b"\0\1\0\1\0\0\0\7\0\4\xc0\0\2\1"


@pytest.mark.parametrize("size", range(len(RECORD)))
def test_a_record_that_is_cut_is_malformed(size: int) -> None:
    """Wherever it is cut, and also when another should follow."""
    before = bytes(12) + WWW + bytes(4)
    assert len(read_records(before + RECORD, len(before), 1, WWW)[0]) == 1
    with pytest.raises(Malformed):
        read_records(before + RECORD[:size], len(before), 1, WWW)
    with pytest.raises(Malformed):
        read_records(before + RECORD + RECORD[:size], len(before), 2, WWW)


@pytest.mark.parametrize("rclass", [0, 2, 3, 4, 254, 255, 4096])
def test_records_of_another_class_are_passed_over(rclass: int) -> None:
    """They answer nothing; the class of OPT is a size (RFC 6891 6.1.2)."""
    other = POINTER + struct.pack("!HHIH", 1, rclass, 7, 4) + bytes(4)
    opt = b"\0" + struct.pack("!HHIH", 41, rclass, 7, 0)
    before = bytes(12) + WWW + bytes(4)
    wire = before + other + RECORD + opt
    found, end = read_records(wire, len(before), 3, WWW)
    assert [record.rtype for record in found] == [1, 41]
    assert read_rdata(wire, found[0]) == RECORD[-4:]
    assert end == len(wire)


def test_more_records_than_there_is_room_for_are_refused_at_once() -> None:
    """A header that promises more costs nothing, whether they are there or not."""
    for count in (100, 2000):
        with pytest.raises(Malformed, match="fewer"):
            read_records(bytes(12) + WWW + bytes(4), 12, count, WWW)
    with pytest.raises(Malformed, match="more than"):
        read_records(bytes(65535), 12, MAX_RECORDS + 1, WWW)


@PROFILE
@given(st.binary(max_size=120), st.integers(0, 60), st.integers(0, 12))
def test_any_octets_are_records_or_malformed(wire: bytes, position: int, count: int) -> None:
    """No more than were asked for, within the message; their rdata is octets or malformed too."""
    try:
        found, end = read_records(wire, position, count, WWW)
    except Malformed:
        return
    assert len(found) <= count
    assert end <= len(wire) or not count
    for record in found:
        assert record.start + record.length <= end
        try:
            read_rdata(wire, record)
        except Malformed:
            continue


def test_the_largest_message_of_long_chains_is_read_in_bounded_time() -> None:
    """Each owner is a chain of 127 pointers: far below a second, and no recursion."""
    chain = chained(MAX_JUMPS)
    owner = struct.pack("!H", 0xC000 | len(chain) - 2)
    count = MAX_RECORDS
    wire = chain + (owner + b"\0\1\0\1" + bytes(6)) * count
    began = perf_counter()
    with pytest.raises(Malformed):  # one more jump than is allowed
        read_records(wire, len(chain), count, WWW)
    owner = struct.pack("!H", 0xC000 | len(chain) - 4)
    wire = chain + (owner + b"\0\1\0\1" + bytes(6)) * count
    with pytest.raises(Malformed, match="more compression"):
        read_records(wire, len(chain), count, WWW)
    few = MAX_SECTION_JUMPS // MAX_JUMPS
    assert len(read_records(wire, len(chain), few, WWW)[0]) == few
    assert perf_counter() - began < 5


# ---------------------------------------------------------------- rdata


def placed(rtype: int, rdata: bytes, more: bytes = b"") -> tuple[bytes, Record]:
    """A message that holds rdata behind a question for www.example., and its record."""
    before = bytes(12) + WWW + bytes(4)
    return before + rdata + more, Record(WWW, rtype, 0, len(before), len(rdata))


def uncompressed(wire: bytes, record: Record) -> bytes:
    """What dnspython makes of the rdata; what it refuses to decompress, as it is here."""
    try:
        return whole_rdata(record.rtype, wire, record.start, record.length)
    except dns.exception.DNSException:
        assert record.rtype not in ALWAYS_COMPRESSIBLE
        return read_rdata(wire, record)


ALWAYS_COMPRESSIBLE = frozenset({2, 5, 6, 12, 15})  # RFC 1035 3.3
KNOWN_TO_DNSPYTHON = tuple(t for t in COMPRESSIBLE if t not in {3, 4, 7, 8, 9, 14})
NAMES = (
    (WWW, WWW),
    (POINTER, WWW),
    (b"\1x" + POINTER, b"\1x" + WWW),
    (b"\3FoO\xc0\x10", b"\3FoO" + WWW[4:]),
    (b"\0", b"\0"),
)


@pytest.mark.parametrize("rtype", COMPRESSIBLE)
@pytest.mark.parametrize(("first", "first_whole"), NAMES)
@pytest.mark.parametrize(("second", "second_whole"), NAMES)
def test_names_in_rdata_are_made_whole(
    rtype: int, first: bytes, first_whole: bytes, second: bytes, second_whole: bytes
) -> None:
    """RFC 3597 4: of every type that may hold compressed names; dnspython agrees."""
    before, count = COMPRESSIBLE[rtype]
    head, tail = bytes(range(before)), bytes(range(TAILS.get(rtype, 0)))
    short = b"".join((first, second)[:count])
    whole = b"".join((first_whole, second_whole)[:count])
    wire, record = placed(rtype, head + short + tail, b"\0")
    assert read_rdata(wire, record) == head + whole + tail
    if rtype in KNOWN_TO_DNSPYTHON:
        assert read_rdata(wire, record) == uncompressed(wire, record)


@pytest.mark.parametrize("rtype", COMPRESSIBLE)
def test_rdata_of_another_length_than_its_fields_is_malformed(rtype: int) -> None:
    """Too short in any place, or with octets left over; what follows is not read as part of it."""
    before, count = COMPRESSIBLE[rtype]
    rdata = bytes(before) + POINTER * count + bytes(TAILS.get(rtype, 0))
    for wrong in (*(rdata[:n] for n in range(len(rdata))), rdata + b"\0"):
        wire, record = placed(rtype, wrong, rdata * 3)
        with pytest.raises(Malformed):
            read_rdata(wire, record)


STRINGS = b"\1U\3SIP\0"


@pytest.mark.parametrize(("name", "whole"), NAMES)
def test_naptr_is_read_past_its_strings(name: bytes, whole: bytes) -> None:
    """RFC 3403 4.1."""
    wire, record = placed(NAPTR, b"\0\1\0\2" + STRINGS + name, b"\0")
    assert read_rdata(wire, record) == b"\0\1\0\2" + STRINGS + whole
    assert read_rdata(wire, record) == uncompressed(wire, record)


@pytest.mark.parametrize("size", range(len(STRINGS) + 4 + 2))
def test_naptr_that_is_cut_is_malformed(size: int) -> None:
    """In its numbers, strings or name."""
    wire, record = placed(NAPTR, (bytes(4) + STRINGS + POINTER)[:size], b"\3abc\0" * 5)
    with pytest.raises(Malformed):
        read_rdata(wire, record)


@pytest.mark.parametrize("rtype", [1, 16, 28, 43, 46, 47, 64, 65, 257, 65280])
def test_other_rdata_is_given_as_it_is(rtype: int) -> None:
    """RFC 3597 4: no other type may compress, so what looks like a pointer is none."""
    wire, record = placed(rtype, b"\xc0\x0c\xc0\x0c")
    assert read_rdata(wire, record) == b"\xc0\x0c\xc0\x0c"


@PROFILE
@given(st.sampled_from((*COMPRESSIBLE, NAPTR)), WIRES, st.binary(max_size=30))
def test_any_rdata_is_read_as_dnspython_reads_it_or_malformed(
    rtype: int, rdata: bytes, more: bytes
) -> None:
    """And nothing else."""
    wire, record = placed(rtype, rdata, more)
    try:
        whole = read_rdata(wire, record)
    except Malformed:
        return
    if rtype in (*KNOWN_TO_DNSPYTHON, NAPTR):
        with contextlib.suppress(dns.exception.DNSException):
            assert whole == whole_rdata(rtype, wire, record.start, record.length)
