"""Reading queries and shaping replies."""

import struct
from ipaddress import ip_network

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import message
from resolver.message import Edns, Query, opt_record, read, read_subnet
from resolver.outcome import Rcode, Reason

NAME = b"\3www\4corp\4test\0"
QUESTION = NAME + b"\0\1\0\1"
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"


def packet(
    question: bytes = QUESTION,
    flags: bytes = b"\1\0",
    counts: tuple[int, int, int, int] = (1, 0, 0, 0),
    more: bytes = b"",
) -> bytes:
    """A message; by default a good query with RD."""
    return b"\x12\x34" + flags + struct.pack("!4H", *counts) + question + more


def read_one(wire: bytes) -> Query:
    """A query that is not dropped."""
    query = read(wire)
    assert query is not None
    return query


def fault(wire: bytes) -> Rcode:
    """What a query deserves."""
    return read_one(wire).fault


def record(rtype: int, owner: bytes = b"\0", rdata: bytes = b"", ttl: int = 0) -> bytes:
    """One record of the additional section, class 1232."""
    return owner + struct.pack("!HHIH", rtype, 1232, ttl, len(rdata)) + rdata


def extra(*records: bytes) -> bytes:
    """A query with additional records."""
    return packet(counts=(1, 0, 0, len(records)), more=b"".join(records))


def test_a_good_query() -> None:
    """The question is kept as sent, the key has its name in lower case, and no more."""
    query = read_one(packet(b"\3WwW\4corp\4TEST\0\0\x41\0\1"))
    assert query.question == b"\3WwW\4corp\4TEST\0\0\x41\0\1"
    assert query.key == NAME + b"\0\x41\0\1"
    assert (query.qtype, query.qclass, query.recursion_desired) == (65, 1, True)
    assert (query.edns, query.fault) == (None, Rcode.NOERROR)


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        packet()[:11],
        packet(flags=b"\x81\0"),
        packet(flags=b"\x80\0", question=b""),
        b"\x12\x34\xff\xff" + bytes(8),
    ],
)
def test_nothing_is_said_to_fragments_and_replies(wire: bytes) -> None:
    """Short of a header, or QR set."""
    assert read(wire) is None


@pytest.mark.parametrize(
    "wire",
    [
        packet(counts=(0, 0, 0, 0), question=b""),
        packet(counts=(2, 0, 0, 0), question=QUESTION * 2),
        packet(counts=(1, 1, 0, 0)),
        packet(counts=(1, 0, 1, 0)),
        packet(question=b""),
        packet(question=b"\3www"),
        packet(question=NAME),
        packet(question=NAME + b"\0\1\0"),
        packet(question=b"\xc0\x0c\0\1\0\1"),
        packet(question=b"\3www\xc0\x0c\0\1\0\1"),
        packet(question=b"\x40" + b"x" * 64 + b"\0\0\1\0\1"),
        packet(question=b"\x80\0\0\1\0\1"),
        packet(question=b"\x3f" + b"x" * 62),
        packet(question=(b"\x3f" + b"x" * 63) * 4 + b"\0\0\1\0\1"),
        packet(more=b"\0"),
        packet(more=OPT),
        packet(counts=(1, 0, 0, 1)),
        packet(counts=(1, 0, 0, 2), more=OPT),
        extra(OPT + b"\0"),
        extra(OPT, OPT),
        extra(record(41, owner=b"\1x\0")),
        extra(record(41, rdata=b"\0\3\0\4abc")),
        extra(record(41, rdata=b"\0\3\0")),
        extra(OPT[:-1]),
        extra(OPT[:5]),
        extra(OPT[:-2] + b"\0\1"),
        extra(record(1, owner=b"\x3fshort")),
        extra(record(1, owner=b"\x40x\0")),
        extra(record(1, owner=b"\xc0")),
        extra(*[record(16)] * 9),
    ],
)
def test_malformed_queries_get_formerr(wire: bytes) -> None:
    """Whatever breaks the shape of RFC 1035 4 or RFC 6891 6."""
    assert fault(wire) is Rcode.FORMERR


def test_the_longest_name_can_be_asked() -> None:
    """255 octets are a name, 256 are none."""
    longest = (b"\x3f" + b"x" * 63) * 3 + b"\x3d" + b"x" * 61 + b"\0"
    assert fault(packet(longest + b"\0\1\0\1")) is Rcode.NOERROR
    longer = (b"\x3f" + b"x" * 63) * 3 + b"\x3e" + b"x" * 62 + b"\0"
    assert fault(packet(longer + b"\0\1\0\1")) is Rcode.FORMERR


@pytest.mark.parametrize("opcode", range(1, 16))
def test_other_opcodes_are_not_implemented(opcode: int) -> None:
    """IQUERY, STATUS, NOTIFY, UPDATE and those that are nothing; their body is not read."""
    assert fault(packet(flags=bytes((opcode << 3, 0)), question=b"\xff")) is Rcode.NOTIMP


def test_edns() -> None:
    """Size, version and DO; other options are passed over."""
    plain = read_one(extra(OPT))
    assert plain.edns == Edns(1232, 0, False, None)
    option = b"\0\x0a\0\x08abcdefgh" + b"\0\x08\0\x07\0\1\x18\0\x0a\x40\1"
    full = read_one(extra(record(41, ttl=0x8000, rdata=option)))
    assert full.edns == Edns(1232, 0, True, b"\0\1\x18\0\x0a\x40\1")
    assert read_one(extra(record(1, owner=b"\xc0\x0c", rdata=b"abcd"), OPT)).edns == plain.edns


def test_an_unknown_edns_version_is_badvers() -> None:
    """RFC 6891 6.1.3; what else is wrong matters first."""
    assert fault(extra(record(41, ttl=1 << 16))) is Rcode.BADVERS
    assert fault(extra(record(41, ttl=1 << 16) + b"\0")) is Rcode.FORMERR


def test_signed_queries_are_not_authorized() -> None:
    """RFC 8945 5.2.1: we know no keys."""
    assert fault(extra(OPT, record(250, rdata=b"x"))) is Rcode.NOTAUTH


@given(st.binary(max_size=120))
def test_any_octets_are_read_or_dropped(octets: bytes) -> None:
    """Nothing is raised, also behind a good header."""
    for wire in (octets, packet(octets), packet(more=octets, counts=(1, 0, 0, 2))):
        query = read(wire)
        assert query is None or isinstance(query.fault, Rcode)


@pytest.mark.parametrize(
    ("option", "network"),
    [
        (b"\0\1\x18\0\x0a\x40\1", "10.64.1.0/24"),
        (b"\0\1\0\0", "0.0.0.0/0"),
        (b"\0\1\x20\0\x0a\x40\1\1", "10.64.1.1/32"),
        (b"\0\1\x09\0\x0a\x80", "10.128.0.0/9"),
        (b"\0\2\x30\0\xfd\x64\0\0\0\1", "fd64:0:1::/48"),
    ],
)
def test_client_subnets(option: bytes, network: str) -> None:
    """RFC 7871 6."""
    assert read_subnet(option) == ip_network(network)


@pytest.mark.parametrize(
    "option",
    [
        b"",
        b"\0\1\x18",
        b"\0\3\0\0",
        b"\0\0\0\0",
        b"\0\1\x18\1\x0a\x40\1",
        b"\0\1\x21\0\x0a\x40\1\1\0",
        b"\0\1\x18\0\x0a\x40",
        b"\0\1\x18\0\x0a\x40\1\0",
        b"\0\1\x14\0\x0a\x40\x0f",
    ],
)
def test_malformed_client_subnets(option: bytes) -> None:
    """Wrong family, scope, length, or bits beyond the prefix."""
    assert read_subnet(option) is None


def test_an_error_echoes_the_question() -> None:
    """ID, opcode, RD, CD and the question; RA only for clients of an environment."""
    wire = packet(flags=b"\x01\x10")
    reply = message.error(wire, read_one(wire), Rcode.REFUSED, b"", recursion=True)
    assert reply == b"\x12\x34\x81\x95\0\1\0\0\0\0\0\0" + QUESTION
    shy = message.error(wire, read_one(wire), Rcode.REFUSED, b"", recursion=False)
    assert shy[3] == 0x15


def test_an_error_without_a_question() -> None:
    """What could not be read is not echoed."""
    wire = packet(question=b"\xc0\x0c")
    reply = message.error(wire, read_one(wire), Rcode.FORMERR, b"", recursion=False)
    assert reply == b"\x12\x34\x81\x01" + bytes(8)


def test_opt_records_carry_the_reason() -> None:
    """An extended error with its text, the upper bits of the rcode, and DO (RFC 8914 2)."""
    wire = packet()
    opt = opt_record(True, 1232, Reason.NO_HEALTHY_ENDPOINT, Rcode.BADVERS)
    reply = message.error(wire, read_one(wire), Rcode.BADVERS, opt, recursion=True)
    parsed = dns.message.from_wire(reply)
    assert int(parsed.rcode()) == int(Rcode.BADVERS)
    assert parsed.ednsflags & 0x8000
    assert [option.to_text() for option in parsed.options] == ["EDE 0 (Other): no healthy endpoint"]
    assert message.PLAIN_OPT[False] == OPT
