"""The journey beyond our zones: cache of the environment → route → REFUSED. Nothing here waits.

A question may pass through both worlds; then it is `gathering` that follows it. Only upstream data
comes from the cache.
"""

from __future__ import annotations

from resolver.cache import Cache, Entry, Key
from resolver.findings import Finding, Fresh, give
from resolver.forward.question import flags_of
from resolver.gathering import Gathering
from resolver.outcome import Asked, Forward, Outcome, Rcode, Reason, Reply, Source, hot_forward
from resolver.packing import Answer, Turn
from resolver.render import refuse

REFRESH_AGAIN = 5.0  # seconds until a refresh that came to nothing is tried again
UNASKABLE = frozenset({0, 41, 249, 250})  # OPT, TKEY, TSIG: no data of anybody


def answer_elsewhere(
    asked: Asked, answer: Answer | None, now: float, cache: Cache | None, fresh: Fresh | None
) -> Outcome:
    """Answer what our zones do not, or not to the end (`answer`, with RD)."""
    query, view = asked.query, asked.view
    if query.qtype in UNASKABLE or (answer is None and not query.recursion_desired):
        # The cache is never shown to who does not ask for recursion.
        return refuse(asked.wire, query, view.environment, Rcode.REFUSED, Reason.NOT_FORWARDED)
    flags = flags_of(asked.wire, query)
    if answer is None and not fresh and cache is not None:
        quick = _answer_quickly(asked, flags, now, cache)
        if quick is not None:
            return quick
    partition = cache.partition(view.environment) if cache is not None else None
    serve_stale = cache.policy.serve_stale if cache is not None else 0.0
    return Gathering(asked, flags, now, partition, serve_stale, fresh or {}).run(answer)


def _answer_quickly(asked: Asked, flags: int, now: float, cache: Cache) -> Outcome | None:
    """What nearly all questions come to: a fresh entry, or nothing known; None: look closer."""
    query, view = asked.query, asked.view
    partition, forwarding = cache.partition(view.environment), view.forwarding
    key = (query.key, flags, forwarding.place)
    if now >= partition.shown_until:
        partition.turn_over(now)
    shown = partition.shown.get(key)
    if shown is not None:
        turn, entry = shown
        if now < entry.expires and entry.token is forwarding:
            return _from_cache(asked, entry, turn, key, now, cache)
    found = partition.find(key)
    if found is None:
        found = partition.find_denial(key, now)
        if found is None:
            route = forwarding.find(query.key[:-4])
            if route is None or partition.find_failure(key, now) is not None:
                return None
            partition.misses += 1
            name = query.question[:-4]
            return hot_forward((asked, name, query.qtype, key, route, None, None))
        if found.name_size != len(query.key) - 4:
            return None
    if now >= found.expires or found.token is not forwarding or found.tail is not None:
        return None
    return _from_cache(asked, found, partition.show(key, found, now), key, now, cache)


def _from_cache(
    asked: Asked, entry: Entry, turn: Turn, key: Key, now: float, cache: Cache
) -> Outcome:
    """The reply that a fresh entry is by itself; what is asked again near its end is refreshed."""
    reply = give(asked, entry, turn, Source.CACHE, entry.reason)
    partition = cache.partitions[asked.view.environment]
    partition.hit_counts["positive" if entry.answers else "negative"][0] += 1
    if now >= entry.refresh_at and entry.was_asked and cache.policy.prefetch:
        entry.refresh_at = now + REFRESH_AGAIN
        partition.prefetches += 1
        name = asked.query.question[:-4]
        return Forward(asked, name, asked.query.qtype, key, entry.route, None, reply)
    entry.was_asked = True
    return reply


def answer_without_asking(forward: Forward) -> Reply:
    """What can be said where nobody is to be asked after all."""
    asked = forward.asked
    answer = asked.view.answers.find(asked.query.key)
    nobody: Fresh = {}
    outcome: Outcome = forward
    while isinstance(outcome, Forward):  # name servers of a delegation are asked for one by one
        nobody[outcome.key] = Finding(None, Source.FORWARD, Reason.NOT_FORWARDED)
        outcome = answer_elsewhere(asked, answer, 0.0, None, nobody)
    assert isinstance(outcome, Reply)
    return outcome
