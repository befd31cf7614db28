"""The journey of a query: octets and values in, one outcome out. Nothing here waits.

parse (or drop, or an error) → view of the client (or REFUSED) → answers of the view → REFUSED
"""

from __future__ import annotations

from resolver import message
from resolver.generation import Generation, View
from resolver.message import AA, CD, NOERROR, QR, RA, RD, TC, Query
from resolver.outcome import NOT_A_QUERY, Outcome, Rcode, Reason, Reply, Source, hot_reply
from resolver.packing import Answer
from resolver.views import Door

CLASS_IN = 1
TRANSFERS = frozenset({251, 252})  # IXFR, AXFR
NOBODY = "-"  # the environment of clients that have none


def handle(
    wire: bytes, source: str, door: Door, generation: Generation, now: float = 0.0
) -> Outcome:
    """Decide what becomes of one message from `source` at `door`.

    `now`, in seconds on the server's clock, is noted as the time of a hand-out; 0.0: it is none.
    """
    query = message.read(wire)
    if query is None:
        return NOT_A_QUERY
    if door.environment is None and generation.trusted is None:  # most servers, most queries
        view, subnet = generation.views.get(generation.networks.find(source)), None
    else:
        view, subnet = _find_view(query, source, door, generation)
    if query.fault is not NOERROR:
        return _refuse(wire, query, view, query.fault, _FAULTS.get(query.fault, Reason.MALFORMED))
    if view is None:
        return _refuse(wire, query, None, Rcode.REFUSED, Reason.UNKNOWN_CLIENT)
    if query.qclass != CLASS_IN:
        return _refuse(wire, query, view, Rcode.REFUSED, Reason.UNKNOWN_CLASS)
    if query.qtype in TRANSFERS:
        return _refuse(wire, query, view, Rcode.REFUSED, Reason.TRANSFER_REFUSED)
    answer = view.answers.find(query.key)
    if answer is None:
        return _refuse(wire, query, view, Rcode.REFUSED, Reason.NOT_FORWARDED)
    if answer.is_cut and query.recursion_desired:
        # Stub resolvers cannot follow referrals.
        if answer.chain is None:
            return _refuse(wire, query, view, Rcode.REFUSED, Reason.BELOW_CUT)
        answer = answer.chain
    reply = _render(wire, query, answer, (door, subnet), now)
    return hot_reply(
        (reply, view.environment, query.qtype, answer.rcode, Source.ZONE, answer.reason)
    )


_FAULTS = {
    Rcode.NOTIMP: Reason.UNKNOWN_OPCODE,
    Rcode.BADVERS: Reason.UNKNOWN_VERSION,
    Rcode.NOTAUTH: Reason.UNKNOWN_KEY,
}


def _find_view(
    query: Query, source: str, door: Door, generation: Generation
) -> tuple[View | None, bytes | None]:
    """Who asks; and, for a trusted forwarder, the client subnet to confirm (RFC 7871 7.2.1)."""
    if door.environment is not None:
        if door.allow is not None and not door.allow.find(source):
            return None, None
        return generation.pinned(door.environment, door.region or ""), None
    if generation.trusted is not None and generation.trusted.find(source):
        option = query.edns.subnet if query.edns is not None else None
        network = message.read_subnet(option) if option is not None else None
        if option is None or network is None:
            return None, None
        # The whole of SOURCE decided, so SCOPE equals it.
        confirmed = option[:3] + option[2:3] + option[4:]
        return generation.views.get(generation.networks.find_within(network)), confirmed
    return generation.view_of(source), None


def _render(
    wire: bytes, query: Query, answer: Answer, to: tuple[Door, bytes | None], now: float
) -> bytes:
    """The reply: the answer's next turn, cut to what the client can take (RFC 2181 9)."""
    door, subnet = to
    turns, place = answer.turns, 0
    if len(turns) > 1:
        answer.position[0] = place = answer.position[0] + 1
        place %= len(turns)
    turn = turns[place] or answer.turn(place)
    if now:
        answer.handed[place] = now
    third = QR | wire[2] & RD | (AA if answer.authoritative else 0)
    fourth = RA | wire[3] & CD | answer.rcode
    edns, question = query.edns, query.question
    if edns is None:
        opt, limit = b"", door.payload if door.transport == "tcp" else message.UDP_PLAIN
        counts, lean_counts = turn.counts, turn.lean_counts
    else:
        opt = message.PLAIN_OPT[edns.dnssec_ok]
        if answer.reason.code is not None or subnet is not None:
            opt = message.opt_record(edns.dnssec_ok, message.OFFERED, answer.reason, 0, subnet)
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


def _refuse(wire: bytes, query: Query, view: View | None, rcode: Rcode, reason: Reason) -> Reply:
    opt = b""
    if query.edns is not None:
        opt = message.opt_record(query.edns.dnssec_ok, message.OFFERED, reason, rcode)
    reply = message.error(wire, query, rcode, opt, view is not None)
    environment = view.environment if view is not None else NOBODY
    return Reply(reply, environment, query.qtype, int(rcode), Source.POLICY, reason)
