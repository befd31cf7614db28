"""Which replies may be given again for the same octets without another look. Pure.

Only those that depend on nothing but view, listener and octets: never what is counted by name,
asks others, or carries options. Clients whose view is not decided by their address alone have no
memo at all.
"""

from __future__ import annotations

from math import inf

from resolver import message
from resolver.cache import ROOT_QUESTIONS, Cache
from resolver.counters import ReplyCount
from resolver.forward.question import flags_of
from resolver.generation import Generation, View
from resolver.memo import Kept
from resolver.message import NOERROR, Query
from resolver.outcome import Reply, Source
from resolver.query import CLASS_IN, TRANSFERS
from resolver.views import EXPLAIN, Door


def plain_view(source: str, door: Door, generation: Generation) -> View | None:
    """The view of a client whose address alone decides; None: somebody else, or nobody."""
    if door.environment is not None:
        if door.allow is not None and not door.allow.find(source):
            return None
        return generation.pinned(door.environment, door.region or "")
    if generation.trusted is not None and generation.trusted.find(source):
        return None
    return generation.view_of(source)


def find_memorable(
    wire: bytes, reply: Reply, view: View, cache: Cache | None, now: float, where: ReplyCount
) -> Kept | None:
    """What to keep of the reply that `wire` was just given in `view`; `where` it is counted."""
    query = message.read(wire)
    if query is None or query.fault is not NOERROR or query.qclass != CLASS_IN:
        return None
    if query.key.startswith(EXPLAIN):
        return None  # what it is answered depends on who asks
    beyond = len(wire) - 12 - len(query.question)
    if query.qtype in TRANSFERS or beyond not in (0, message.BARE_OPT):
        return None
    if reply.source == Source.ZONE:
        return _from_zones(wire, query, reply, view, where)
    if reply.source == Source.CACHE and cache is not None:
        return _from_cache(wire, query, reply, view, cache, now, where)
    return None


def _from_zones(
    wire: bytes, query: Query, reply: Reply, view: View, where: ReplyCount
) -> Kept | None:
    answer = view.answers.find(query.key)
    if answer is None or answer.is_kept:
        return None
    if answer.onward is not None and query.recursion_desired:
        return None
    turns = len(answer.turns)
    place = answer.position if turns > 1 else None
    return Kept(
        octets=wire[2:],
        tail=reply.wire[2:],
        turn=place[0] % turns if place is not None else 0,
        turns=turns,
        expires=inf,
        place=place,
        handed=answer.handed if answer.targets else None,
        guard=answer.watch(),
        counted=where.counted,
        hits=None,
        latency=where.latency,
    )


def _from_cache(
    wire: bytes,
    query: Query,
    reply: Reply,
    view: View,
    cache: Cache,
    now: float,
    where: ReplyCount,
) -> Kept | None:
    """A fresh entry by itself, until its TTLs move on or it is to be refreshed."""
    key = (query.key, flags_of(wire, query), view.forwarding.place)
    partition = cache.partition(view.environment)
    shown = partition.shown.get(key)
    if shown is None or key[:2] in ROOT_QUESTIONS or view.answers.find(query.key) is not None:
        return None
    _, entry = shown
    if partition.peek(key, now) is not entry:
        return None  # it had to make room: nobody would tell its guard of what takes its place
    expires = min(partition.shown_until, entry.expires)
    if cache.policy.prefetch:
        if now >= entry.refresh_at:
            return None
        expires = min(expires, entry.refresh_at)
    return Kept(
        octets=wire[2:],
        tail=reply.wire[2:],
        turn=0,
        turns=1,
        expires=expires,
        place=None,
        handed=None,
        guard=entry.watch(),
        counted=where.counted,
        hits=partition.hit_counts["negative" if entry.is_negative else "positive"],
        latency=where.latency,
    )
