"""The journey beyond our zones: cache of the environment → route → REFUSED. Nothing here waits.

A question may pass through both worlds; then it is `gathering` that follows it. Only upstream data
comes from the cache.
"""

from __future__ import annotations

import math

from resolver.cache import Cache, Entry, Key, Partition
from resolver.findings import Finding, Fresh, give
from resolver.forward.question import CHECKING_DISABLED, DNSSEC_OK
from resolver.gathering import Gathering
from resolver.message import CD
from resolver.outcome import Asked, Forward, Outcome, Rcode, Reason, Reply, Source, hot_forward
from resolver.packing import Answer
from resolver.render import refuse

UNASKABLE = frozenset({0, 41, 249, 250})  # OPT, TKEY, TSIG: no data of anybody


def answer_elsewhere(
    asked: Asked, answer: Answer | None, now: float, cache: Cache | None, fresh: Fresh | None
) -> Outcome:
    """Answer what our zones do not, or not to the end (`answer`, with RD)."""
    query, view = asked.query, asked.view
    if answer is None and (not query.recursion_desired or query.qtype in UNASKABLE):
        # The cache is never shown to who does not ask for recursion.
        return refuse(asked.wire, query, view.environment, Rcode.REFUSED, Reason.NOT_FORWARDED)
    flags = CHECKING_DISABLED if asked.wire[3] & CD else 0
    if query.edns is not None and query.edns.dnssec_ok:
        flags |= DNSSEC_OK
    partition = cache.partition(view.environment) if cache is not None else None
    if answer is None and not fresh and partition is not None and cache is not None:
        forwarding = view.forwarding
        key = (query.key, flags, forwarding.place)
        entry = partition.find(key)
        if entry is None:
            entry = partition.find_denial(key, now)
            if entry is None and partition.find_failure(key, now) is None:
                # What nobody knows anything of: most of what is not in the cache.
                route = forwarding.find(query.key[:-4])
                if route is not None:
                    partition.misses += 1
                    name = query.question[:-4]
                    return hot_forward((asked, name, query.qtype, key, route, None, None))
        elif now < entry.expires and entry.token is forwarding and entry.tail is None:
            return _from_cache(asked, entry, key, now, partition, cache.policy.prefetch)
    serve_stale = cache.policy.serve_stale if cache is not None else 0.0
    return Gathering(asked, flags, now, partition, serve_stale, fresh or {}).run(answer)


def _from_cache(
    asked: Asked, entry: Entry, key: Key, now: float, partition: Partition, prefetch: bool
) -> Outcome:
    """What most external questions come to."""
    was_asked = entry.was_asked
    finding = Finding(entry, Source.CACHE, entry.reason, int(now - entry.stored))
    reply = give(asked, entry, finding)
    entry.was_asked = True
    partition.hits["negative" if entry.is_negative else "positive"] += 1
    if now >= entry.refresh_at and was_asked and prefetch:
        entry.refresh_at = math.inf  # once
        partition.prefetches += 1
        name = asked.query.question[:-4]
        return Forward(asked, name, asked.query.qtype, key, entry.route, None, reply)
    return reply


def answer_without_asking(forward: Forward) -> Reply:
    """What can be said where nobody is to be asked after all."""
    asked = forward.asked
    answer = asked.view.answers.find(asked.query.key)
    nobody = {forward.key: Finding(None, Source.FORWARD, Reason.NOT_FORWARDED)}
    outcome = answer_elsewhere(asked, answer, 0.0, None, nobody)
    assert isinstance(outcome, Reply)
    return outcome
