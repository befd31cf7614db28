"""The journey of a query: octets and values in, one outcome out. Nothing here waits.

parse (or drop, or an error) → view of the client (or REFUSED) → answers of the view
→ what upstreams said, or are to be asked (`elsewhere`) → REFUSED
"""

from __future__ import annotations

from resolver import message
from resolver.cache import Cache
from resolver.elsewhere import answer_elsewhere
from resolver.findings import Fresh
from resolver.generation import Generation, View
from resolver.message import NOERROR, Query
from resolver.outcome import NOT_A_QUERY, Outcome, Rcode, Reason, Source, hot_asked, hot_reply
from resolver.render import AUTHORITATIVE, refuse, render
from resolver.views import EXPLAIN, Door

CLASS_IN = 1
TRANSFERS = frozenset({251, 252})  # IXFR, AXFR


def handle(
    wire: bytes,
    source: str,
    door: Door,
    generation: Generation,
    now: float = 0.0,
    cache: Cache | None = None,
    fresh: Fresh | None = None,
) -> Outcome:
    """Decide what becomes of one message from `source` at `door`.

    `now`, in seconds on the server's clock, is noted as the time of a hand-out; 0.0: it is none.
    `fresh` is what upstreams said since the question came. Without a `cache` nothing is kept.
    """
    query = message.read(wire)
    if query is None:
        return NOT_A_QUERY
    if door.environment is None and generation.trusted is None:  # most servers, most queries
        view, subnet = generation.views.get(generation.networks.find(source)), None
    else:
        view, subnet = find_view(query, source, door, generation)
    environment = view.environment if view is not None else None
    if query.fault is not NOERROR:
        reason = _FAULTS.get(query.fault, Reason.MALFORMED)
        return refuse(wire, query, environment, query.fault, reason)
    if view is None:
        return refuse(wire, query, None, Rcode.REFUSED, Reason.UNKNOWN_CLIENT)
    if query.qclass != CLASS_IN:
        return refuse(wire, query, environment, Rcode.REFUSED, Reason.UNKNOWN_CLASS)
    if query.qtype in TRANSFERS:
        return refuse(wire, query, environment, Rcode.REFUSED, Reason.TRANSFER_REFUSED)
    if door.explain is not None and query.key.startswith(EXPLAIN):
        asked = hot_asked((wire, query, view, door, subnet, source))
        explained = door.explain(asked, generation, now, cache)
        if explained is not None:
            return explained
    answer = view.answers.find(query.key)
    if answer is None or (answer.onward is not None and query.recursion_desired):
        asked = hot_asked((wire, query, view, door, subnet, source))
        return answer_elsewhere(asked, answer, now, cache, fresh)
    if answer.is_kept and cache is not None:
        cache.partition(view.environment).kept_inside.note(query.key[:-4], source)
    bits = answer.rcode | (AUTHORITATIVE if answer.authoritative else 0)
    reply = render(wire, query, answer.next_turn(now), bits, answer.reason, (door, subnet))
    return hot_reply(
        (reply, view.environment, query.qtype, answer.rcode, Source.ZONE, answer.reason)
    )


_FAULTS = {
    Rcode.NOTIMP: Reason.UNKNOWN_OPCODE,
    Rcode.BADVERS: Reason.UNKNOWN_VERSION,
    Rcode.NOTAUTH: Reason.UNKNOWN_KEY,
}


def find_view(
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
