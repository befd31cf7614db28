"""What `explain` tells of names that upstreams answer: route, cache, and the choice among them.

Reads the same values as the answer; asks nobody, counts nothing, and touches no entry. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from resolver import names
from resolver.cache import Entry, Key
from resolver.explain_selection import place_text
from resolver.forward.standing import Standing
from resolver.gathering import MAX_RESTARTS
from resolver.generation import View
from resolver.outcome import Forward, Rcode, Reason, Source
from resolver.routes import Route

Facts = dict[str, Any]

KINDS = {
    "route": "a route of the environment",
    "upstreams": "the environment's upstreams",
    "default": "the server's default upstreams",
    "system": "the machine's resolv.conf",
    "delegation": "a delegation of our zones",
}


class Remembers(Protocol):
    """What is remembered of one environment's questions."""

    def peek(self, key: Key, now: float) -> Entry | None: ...
    def find_failure(self, key: Key, now: float) -> Reason | None: ...


class Knowledge(Protocol):
    """What a running server knows of upstreams and of what they said."""

    @property
    def now(self) -> float:
        """On the server's clock."""

    @property
    def policy(self) -> str:
        """How one of several upstreams is chosen."""

    def partition(self, environment: str) -> Remembers | None: ...

    def choose(self, environment: str, route: Route) -> Sequence[Standing] | None:
        """The upstreams of a route in the order in which they would be asked now; None: unknown."""


def explain_elsewhere(forward: Forward, knowledge: Knowledge | None) -> list[Facts]:
    """A step for each name that upstreams are asked for; without a server: routes only."""
    view, steps = forward.asked.view, []
    name, key, route = forward.name, forward.key, forward.route
    for _ in range(MAX_RESTARTS):
        facts: Facts = {"name": names.to_text(name), "route": _route(route)}
        steps.append(facts)
        if knowledge is None:
            facts["upstreams"] = [{"upstream": str(upstream)} for upstream in route.upstreams]
            break
        entry = _peek(knowledge.partition(view.environment), key, knowledge.now)
        if entry is not None and entry.route != route:
            entry = None  # it would be dropped, or denies what others are asked for
        facts["cache"] = _cache(knowledge, view, key, entry)
        facts["upstreams"] = _upstreams(knowledge, view, route)
        if entry is None or entry.tail is None:
            break
        facts["leads_to"] = names.to_text(entry.tail)
        name = entry.tail
        fields = key[0][-4:]
        further = view.forwarding.find(name.lower())
        if further is None or view.answers.find(name.lower() + fields) is not None:
            break  # ours
        key, route = (name.lower() + fields, key[1], key[2]), further
    return steps


def outcome_of(steps: list[Facts]) -> tuple[str | None, str, str]:
    """rcode, source and reason of the answer; without an rcode, upstreams will tell."""
    last = steps[-1]
    cache, upstreams = last.get("cache", {}), last["upstreams"]
    if "leads_to" in last:
        return None, Source.FORWARD, "asked-elsewhere"
    state = cache.get("state")
    if state == "fresh":
        return cache["rcode"], Source.CACHE, cache["reason"]
    if state == "failed":
        return Rcode.SERVFAIL.name, Source.FORWARD, cache["reason"]
    if state in ("absent", "stale") and not any(item.get("up", True) for item in upstreams):
        if state == "stale":
            return cache["rcode"], Source.STALE, Reason.STALE.word
        return Rcode.SERVFAIL.name, Source.FORWARD, Reason.NO_UPSTREAM.word
    return None, Source.FORWARD, "asked-elsewhere"


def _route(route: Route) -> Facts:
    place = place_text(route.place) if route.place is not None else None
    return {
        "suffix": names.to_text(route.suffix),
        "kind": route.kind,
        "by": KINDS[route.kind],
        "place": place,
    }


def _peek(partition: Remembers | None, key: Key, now: float) -> Entry | None:
    return partition.peek(key, now) if partition is not None else None


def _cache(knowledge: Knowledge, view: View, key: Key, entry: Entry | None) -> Facts:
    now, partition = knowledge.now, knowledge.partition(view.environment)
    if entry is None:
        failure = partition.find_failure(key, now) if partition is not None else None
        if failure is not None:
            return {"state": "failed", "reason": failure.word}
        return {"state": "absent"}
    left = entry.expires - now
    facts = {
        "state": "fresh" if left > 0 else "stale",
        "rcode": Rcode(entry.rcode).name,
        "records": entry.answers,
        "age": round(now - entry.stored, 1),
        "expires_in": round(left, 1),
        "from": entry.upstream,
        "reason": entry.reason.word,
    }
    if entry.token is not view.forwarding:
        facts["routes"] = "of an earlier generation: looked at again when it is asked for"
    return facts


def _upstreams(knowledge: Knowledge, view: View, route: Route) -> list[Facts]:
    order = knowledge.choose(view.environment, route)
    if order is None:
        return [{"upstream": str(upstream)} for upstream in route.upstreams]
    return [_upstream(standing, place, knowledge.policy) for place, standing in enumerate(order)]


def _upstream(standing: Standing, place: int, policy: str) -> Facts:
    latency = standing.latency
    if standing.is_down:
        why = f"down: {standing.failed_probes} probes failed"
    elif standing.is_suspect:
        why = f"suspect: {standing.failures} failures in a row, probed meanwhile"
    elif latency is None:
        why = "never asked"
    else:
        why = f"{latency * 1000:.1f} ms on average"
    return {
        "upstream": standing.name,
        "order": place + 1,
        "policy": policy,
        "up": not standing.is_down,
        "latency": latency,
        "why": why,
    }
