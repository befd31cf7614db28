"""The octets of replies: flags, sizes, what is left out."""

import struct

import dns.flags
import dns.message
import pytest

from resolver import message
from resolver.outcome import Rcode, Reason, Source
from resolver.packing import make_turn
from resolver.render import AD, AUTHORITATIVE, refuse, render
from resolver.views import Door
from tests.support import TCP, UDP, question

ADDRESS = bytes.fromhex("c00c 0001 0001 0000003c 0004 c0000201")


def rendered(
    edns: int | None, door: Door = UDP, lean: int = 1, more: int = 0, bits: int = 0
) -> tuple[bytes, dns.message.Message]:
    """A reply with so many addresses, and so many that may be left out."""
    wire = question("www.example.", edns=edns)
    query = message.read(wire)
    assert query is not None
    turn = make_turn(lean, 0, more, ADDRESS * lean, ADDRESS * more)
    octets = render(wire, query, turn, bits, Reason.ANSWERED, (door, None))
    return octets, dns.message.from_wire(octets)


def test_bits_are_aa_ad_and_the_rcode() -> None:
    """Whatever the answer says; QR and RA are always there."""
    _, reply = rendered(None, bits=AUTHORITATIVE | AD | Rcode.NXDOMAIN)
    assert dns.flags.to_text(reply.flags) == "QR AA RD RA AD"
    assert int(reply.rcode()) == Rcode.NXDOMAIN


@pytest.mark.parametrize(
    ("edns", "door", "most"),
    [(None, UDP, 512), (100, UDP, 512), (4096, UDP, 1232), (4096, TCP, 65535)],
)
def test_no_reply_exceeds_what_the_client_takes(edns: int | None, door: Door, most: int) -> None:
    """What may be left out goes first; then TC and an empty answer (RFC 2181 9)."""
    octets, reply = rendered(edns, door, lean=5, more=200)
    assert len(octets) <= most
    assert not reply.flags & dns.flags.TC
    assert sum(map(len, reply.answer)) >= 1
    octets, reply = rendered(edns, door, lean=200)
    assert len(octets) <= most
    assert bool(reply.flags & dns.flags.TC) is (most < 65535)
    assert bool(reply.answer) is (most == 65535)


def test_a_refusal_has_no_ra_for_nobody() -> None:
    """RA is for the clients of an environment."""
    wire = question("www.example.", edns=1232)
    query = message.read(wire)
    assert query is not None
    for environment, flags in (("dev", "QR RD RA"), (None, "QR RD")):
        found = refuse(wire, query, environment, Rcode.REFUSED, Reason.UNKNOWN_CLIENT)
        reply = dns.message.from_wire(found.wire)
        assert dns.flags.to_text(reply.flags) == flags
        assert (found.environment, found.source) == (environment or "-", Source.POLICY)
        assert struct.unpack_from("!H", found.wire, 10) == (1,)  # OPT with the extended error
