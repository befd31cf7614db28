"""What is asked of an upstream: the client's question and nothing else of its message. Pure.

A new ID and a new spelling for each attempt (RFC 5452 9.2; draft-vixie-dnsext-dns0x20), EDNS of
our own (RFC 6891 7: hop by hop), no option of the client's (RFC 7871 11.1).
"""

from __future__ import annotations

from collections.abc import Callable

from resolver.message import Query

OFFERED = 1232  # octets that we take over UDP (RFC 9715 3.2)
FLAG_RD, FLAG_CD, FLAG_AD = b"\1", 0x10, 0x20
COUNTS, COUNTS_OPT = b"\0\1\0\0\0\0\0\0", b"\0\1\0\0\0\0\0\1"
_OPT = (
    b"\0\0\x29" + OFFERED.to_bytes(2, "big") + b"\0\0\0\0\0\0",
    b"\0\0\x29" + OFFERED.to_bytes(2, "big") + b"\0\0\x80\0\0\0",  # DO (RFC 3225 3)
)
# Which octets are letters, and can be spelled either way: length octets never are.
_CASES = bytes(0x20 if 65 <= octet <= 90 or 97 <= octet <= 122 else 0 for octet in range(256))

Octets = Callable[[int], bytes]
"""So many octets that nobody can foretell."""

DNSSEC_OK, CHECKING_DISABLED = 1, 2  # of the flags of a cache key


def flags_of(wire: bytes, query: Query) -> int:
    """The flags with which a client's query is looked up, and asked of upstreams."""
    flags = CHECKING_DISABLED if wire[3] & FLAG_CD else 0
    if query.edns is not None and query.edns.dnssec_ok:
        flags |= DNSSEC_OK
    return flags


def spell(qname: bytes, octets: Octets) -> bytes:
    """The name with each letter in upper or lower case by chance."""
    size = len(qname)
    cases = int.from_bytes(qname.translate(_CASES), "big")
    chosen = cases & int.from_bytes(octets(size), "big")
    return (int.from_bytes(qname, "big") ^ chosen).to_bytes(size, "big")


def make_query(ident: bytes, question: bytes, flags: int, *, with_edns: bool) -> bytes:
    """The message to an upstream; `flags` are DNSSEC_OK and CHECKING_DISABLED."""
    # RFC 6840 5.7: AD in a query asks for it in the reply.
    fourth = bytes((FLAG_AD | (FLAG_CD if flags & CHECKING_DISABLED else 0),))
    if not with_edns:
        return b"".join((ident, FLAG_RD, fourth, COUNTS, question))
    return b"".join((ident, FLAG_RD, fourth, COUNTS_OPT, question, _OPT[flags & DNSSEC_OK]))
