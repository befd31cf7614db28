"""The octets of a reply: what is answered, cut to what the client can take. Pure."""

from __future__ import annotations

from resolver import message
from resolver.message import AA, CD, QR, RA, RD, TC, Query
from resolver.outcome import Rcode, Reason, Reply, Source
from resolver.packing import Turn
from resolver.views import Door

NOBODY = "-"  # the environment of clients that have none
AD = 0x20  # of octet 3


def render(
    wire: bytes, query: Query, turn: Turn, bits: int, reason: Reason, to: tuple[Door, bytes | None]
) -> bytes:
    """The reply to `wire` that holds a turn; `bits` is AA << 8 | AD | rcode.

    RFC 2181 9: what does not fit is left out, and said to be missing where it was asked for.
    """
    door, subnet = to
    third = QR | wire[2] & RD | bits >> 8
    fourth = RA | wire[3] & CD | bits & 255
    edns, question = query.edns, query.question
    if edns is None:
        opt, limit = b"", door.payload if door.transport == "tcp" else message.UDP_PLAIN
        counts, lean_counts = turn.counts, turn.lean_counts
    else:
        opt = message.PLAIN_OPT[edns.dnssec_ok]
        if reason.code is not None or subnet is not None:
            opt = message.opt_record(edns.dnssec_ok, message.OFFERED, reason, 0, subnet)
        limit = door.payload
        if door.transport == "udp":
            # RFC 6891 6.2.3: less than 512 means 512.
            limit = max(message.UDP_PLAIN, min(edns.size, limit))
        counts, lean_counts = turn.counts_opt, turn.lean_counts_opt
    room = limit - 12 - len(question) - len(opt)
    body = turn.body
    if len(body) > room:
        counts, body = lean_counts, body[: turn.lean]
        if len(body) > room:
            third |= TC
            counts = message.OPT_COUNTS if opt else message.EMPTY_COUNTS
            body = b""
    return b"".join((wire[:2], bytes((third, fourth)), counts, question, body, opt))


def refuse(
    wire: bytes,
    query: Query,
    environment: str | None,
    rcode: Rcode,
    reason: Reason,
    source: str = Source.POLICY,
) -> Reply:
    """A reply without records, to a client of an environment or of none."""
    opt = b""
    if query.edns is not None:
        opt = message.opt_record(query.edns.dnssec_ok, message.OFFERED, reason, rcode)
    reply = message.error(wire, query, rcode, opt, environment is not None)
    return Reply(reply, environment or NOBODY, query.qtype, int(rcode), source, reason)


AUTHORITATIVE = AA << 8
