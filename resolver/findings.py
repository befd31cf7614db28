"""What is known of questions that are not ours, and the reply that an entry is by itself. Pure."""

from __future__ import annotations

import struct
from typing import NamedTuple

from resolver.cache import STALE_AGE, Entry, Key
from resolver.generation import View
from resolver.outcome import Asked, Rcode, Reason, Reply, Source, hot_reply
from resolver.packing import Turn
from resolver.render import AD, render
from resolver.routes import Route


class Finding(NamedTuple):
    """What is known of one question that is not ours; without an entry: why nothing."""

    entry: Entry | None
    source: str
    reason: Reason
    age: int = 0  # by which TTLs are counted down, or STALE_AGE


Fresh = dict[Key, Finding]
"""What upstreams said for one client's question since it came."""


def stale_finding(entry: Entry) -> Finding:
    """An entry past its time, since nobody says anything newer (RFC 8767 4)."""
    is_denied = entry.rcode == Rcode.NXDOMAIN
    reason = Reason.STALE_NXDOMAIN if is_denied else Reason.STALE
    return Finding(entry, Source.STALE, reason, STALE_AGE)


def give(asked: Asked, entry: Entry, turn: Turn, source: str, reason: Reason) -> Reply:
    """The reply that an entry is by itself, with TTLs as of `turn`."""
    wire, query, view, door, subnet, _ = asked
    bits = entry.rcode
    # RFC 6840 5.7, 5.8: AD for those who show that they know what it means.
    if entry.authentic and (wire[3] & AD or (query.edns is not None and query.edns.dnssec_ok)):
        bits |= AD
    octets = render(wire, query, turn, bits, reason, (door, subnet))
    return hot_reply((octets, view.environment, query.qtype, entry.rcode, source, reason))


def is_asked_by(view: View, route: Route, name: bytes, qtype: int) -> bool:
    """Whether a route is the one by which a name (key) is asked in a view; False for our own."""
    answer = view.answers.find(name + struct.pack("!HH", qtype, 1))
    if answer is None:
        return view.forwarding.find(name) == route
    onward = answer.onward
    if onward is None or onward.name is not None:
        return False
    return route.is_delegation and onward.cut == route.suffix
