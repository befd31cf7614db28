"""Why a client gets an answer: the decisions of the journey and of `select`, as plain data.

Made of the same values as the answer: the view, the resolution, the selection. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from healthcheck.health import WHOLE, Target
from healthcheck.judge import told_damping
from healthcheck.report import Report
from healthcheck.track import penalty_at
from resolver import names
from resolver.chain import MAX_CHAIN, End, Resolution, Step, resolve
from resolver.generation import Generation, View
from resolver.namespace import Namespace, Node
from resolver.outcome import Rcode, Reply
from resolver.query import handle
from resolver.rrsets import (
    ALIAS,
    FAMILY_OF,
    UNSETTLED_TTL,
    AliasSet,
    PoolSet,
    PortSet,
    Rrset,
    Scope,
    Tiers,
)
from resolver.select import Choice, Family, Selection, select
from resolver.views import Door
from resolver.zones import records
from resolver.zones.places import Place
from resolver.zones.plan import HERE
from resolver.zones.zone import ZoneSet

Facts = dict[str, Any]
_DOOR = Door("tcp", 65535)  # the answer in full, whatever a client could take over UDP


class Seen(NamedTuple):
    """What a running server knows beside the generation; `now` is on the checker's clock."""

    reports: Mapping[Target, Report]
    now: float


NOTHING_SEEN = Seen({}, 0.0)


def explain(
    generation: Generation,
    name: str,
    qtype: int,
    client: str,
    *,
    reveal: bool = False,
    seen: Seen = NOTHING_SEEN,
) -> Facts:
    """Explain one question of one client.

    `reveal` adds which other environments have the name: for those who may read the files.
    Raises BadName for a name and ValueError for a client that cannot be read.
    """
    match = generation.networks.match(client)
    if generation.trusted is not None and generation.trusted.find(client):
        match = None  # its client subnet would decide, and none is given here
    view = generation.views.get(match.target) if match is not None else None
    qname, read_as = complete(name, generation, view)
    wire = bytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + qname + struct.pack("!HH", qtype, 1)
    outcome = handle(wire, client, _DOOR, generation)
    assert isinstance(outcome, Reply)
    facts: Facts = {
        "question": {
            "name": names.to_text(qname),
            "type": records.type_text(qtype),
            "read_as": read_as,
        },
        "client": client,
        "view": None,
        "rcode": Rcode(outcome.rcode).name,
        "source": outcome.source,
        "reason": outcome.reason.word,
    }
    if view is None:
        if match is not None:
            facts["carved_out_of"] = str(match.network)
        return facts
    assert match is not None
    facts["view"] = {
        "environment": view.environment,
        "region": view.region,
        "network": str(match.network),
        "place": _place(_network_place(generation.zones, view, str(match.network))),
    }
    space, scope = view.answers.space, view.answers.scope
    resolution = resolve(space, qname, qtype, scope)
    facts["end"] = resolution.end.value
    facts["chain"] = [_explain_step(step, scope, seen) for step in resolution.steps]
    facts.update(_explain_end(resolution, space, qtype, (scope, seen)))
    if reveal and resolution.end is End.NXDOMAIN:
        facts["exists_in"] = _elsewhere(generation, qname, view)
    return facts


def complete(name: str, generation: Generation, view: View | None) -> tuple[bytes, str]:
    """A name without a final dot is relative to the domain if the view has it, else absolute.

    What ends in an environment or region of the plan is meant relative even where it is unseen.
    """
    absolute = names.from_text(name if name.endswith(".") else name + ".")
    plan = generation.zones.plan
    if name.endswith(".") or names.is_at_or_below(names.key(absolute), names.key(plan.domain)):
        return absolute, "absolute"
    try:
        relative = names.from_text(name, plan.domain)
    except names.BadName:
        return absolute, "absolute"
    is_seen = view is not None and view.answers.space.has(names.key(relative))
    last = names.labels(absolute)[-1].decode("latin-1").lower()
    if is_seen or last == HERE or last in plan.regions or last in plan.environments:
        return relative, f"relative to {names.to_text(plan.domain)}"
    return absolute, "absolute"


def _network_place(zones: ZoneSet, view: View, network: str) -> Place | None:
    environment = zones.plan.environments[view.environment]
    return next(
        (c.place for c in environment.clients.get(view.region, ()) if str(c.network) == network),
        None,
    )


def _place(place: Place | None) -> str | None:
    return f"{place.file}:{place.line}" if place is not None and place.file else None


def _explain_step(step: Step, scope: Scope, seen: Seen) -> Facts:
    rrset, zone = step.rrset, step.node.zone
    ttls = sorted({turn.ttl for turn in step.turns})
    facts: Facts = {
        "owner": names.to_text(step.owner),
        "type": records.type_text(rrset.rtype),
        "ttl": ttls[0],
        "zone": names.to_text(zone.apex),
        "place": _place(rrset.place),
        "values": _values(step),
    }
    if names.key(step.owner) != names.key(step.node.owner):
        facts["by"] = names.to_text(step.node.owner)  # the wildcard or DNAME
    if isinstance(rrset, AliasSet):
        facts["alias"] = True
    found = _selections(rrset, scope, seen)
    if found is not None:
        facts["service"], facts["selection"] = found
        facts["ttl_arithmetic"] = _ttl_arithmetic(rrset, scope, ttls)
    return facts


def _values(step: Step) -> list[str]:
    """The rdata of any turn, in a stable order."""
    found = dict.fromkeys(rdata for turn in step.turns for rdata in turn.rdatas)
    return [records.to_text(step.rrset.rtype, rdata) for rdata in found]


def _source(rrset: Rrset) -> tuple[Tiers, tuple[Family, ...]] | None:
    """Where a selected record set comes from, and for which families."""
    if isinstance(rrset, AliasSet):
        return _source(rrset.target)
    if isinstance(rrset, PoolSet):
        return rrset.tiers, (FAMILY_OF[rrset.rtype],)
    return (rrset.tiers, tuple(Family)) if isinstance(rrset, PortSet) else None


def _selections(rrset: Rrset, scope: Scope, seen: Seen) -> tuple[str, list[Facts]] | None:
    """The service's identity and what was selected of it; None for what is written."""
    source = _source(rrset)
    if source is None:
        return None
    pool = source[0].pool(scope)
    found = [(select(pool, family, scope.health), family) for family in source[1]]
    return pool.named.identity, [
        _explain_selection(selection, family, seen)
        for selection, family in found
        if selection.choices or len(found) == 1
    ]


def _ttl_arithmetic(rrset: Rrset, scope: Scope, ttls: list[int]) -> str:
    """How the TTL came about."""
    source = _source(rrset)
    assert source is not None
    policy = source[0].pool(scope).named.policy
    if not policy.ttl_from_health:
        return f"{rrset.ttl}, as configured whatever health says (ttl_from_health: off)"
    if rrset.ttl <= UNSETTLED_TTL:
        return f"{rrset.ttl}, as configured: no longer than while an endpoint is unsettled"
    if ttls == [rrset.ttl]:
        return f"{rrset.ttl}, as configured: whatever it holds is settled"
    unsettled = f"min({rrset.ttl} configured, {UNSETTLED_TTL} while an endpoint is unsettled)"
    some = "" if len(ttls) == 1 else f", or {rrset.ttl} in answers that hold none such"
    return f"{unsettled} = {UNSETTLED_TTL}{some}"


def _explain_selection(selection: Selection, family: Family, seen: Seen) -> Facts:
    return {
        "family": f"IPv{family.value}",
        "mode": selection.mode.value,
        "tiers": [round(load, 1) for load in selection.loads],
        "endpoints": [_explain_choice(choice, seen) for choice in selection.choices],
    }


def _explain_choice(choice: Choice, seen: Seen) -> Facts:
    rtype = 1 if len(choice.address) == 4 else 28
    health = choice.health
    facts: Facts = {
        "endpoint": choice.endpoint.label,
        "address": records.to_text(rtype, choice.address),
        "region": choice.region,
        "tier": choice.tier,
        "in": choice.is_in,
        "why": choice.why.value,
        "declared": choice.endpoint.state.value,
        "override": health.override.value,
        "health": health.state.value,
        "health_reason": health.reason,
        "settled": health.is_settled,
        "weight": choice.weight,
        "weight_now": choice.weight * health.tenths / WHOLE,
        "share": round(choice.share, 1),
        "place": _place(choice.endpoint.place),
    }
    report = seen.reports.get((choice.endpoint.key, choice.address))
    if report is not None:
        facts.update(_explain_report(report, seen.now))
    return facts


def _explain_report(report: Report, now: float) -> Iterator[tuple[str, Any]]:
    """What the checker knows: the real state apart from the effective one."""
    if report.override is not None:
        override = report.override
        yield (
            "override_by",
            {
                "reason": override.reason,
                "by": override.by,
                "since": override.since,
                "until": override.until,
            },
        )
    track = report.track
    if track is None:
        return
    yield "real", track.state.value
    yield "streak", track.streak
    yield "penalty", round(penalty_at(track, now))
    yield "overdue", report.is_overdue
    yield "damping", told_damping(track, now)
    if track.last is not None:
        yield (
            "last",
            {
                "age": round(now - track.last.at, 1),
                "seconds": round(track.last.seconds, 4),
                "passed": track.last.has_passed,
                "failure": track.last.failure.value if track.last.failure is not None else None,
                "detail": track.last.detail,
            },
        )


def _explain_end(
    resolution: Resolution, space: Namespace, qtype: int, known: tuple[Scope, Seen]
) -> Iterator[tuple[str, Any]]:
    node = resolution.node
    if resolution.end in (End.NXDOMAIN, End.NODATA) and node is not None:
        zone = node.zone
        yield "zone", names.to_text(zone.apex)
        yield "zone_place", _place(zone.place)
        yield "closest_encloser", names.to_text(node.owner)
        arithmetic = f"min(SOA TTL {zone.soa_ttl}, minimum {zone.minimum}) = {zone.negative_ttl}"
        yield "negative_ttl", arithmetic
        present = [records.type_text(t) for t in sorted(node.sets) if t > 0]
        if resolution.end is End.NODATA and present:
            yield "types_here", present
        found = _behind(node, space, qtype, known)
        if resolution.end is End.NODATA and found is not None:
            yield "selection", found[1]
    elif resolution.end is End.FAILED and node is not None:
        found = _behind(node, space, qtype, known)
        if found is not None:
            yield "service", found[0]
            yield "selection", found[1]
    elif resolution.end is End.REFERRAL and node is not None:
        yield "cut", names.to_text(node.owner)
        yield "cut_place", _place(space.delegation(node).place)


def _behind(
    node: Node | None, space: Namespace, qtype: int, known: tuple[Scope, Seen]
) -> tuple[str, list[Facts]] | None:
    """What was selected at the node where a look-up ended without records; ALIAS is followed."""
    for _ in range(MAX_CHAIN):
        if node is None or qtype in node.sets:
            break
        if ALIAS not in node.sets or qtype not in FAMILY_OF:
            return None
        target = node.sets[ALIAS].draw(known[0]).turns[0].rdatas[0]
        node = resolve(space, target, qtype, known[0]).node
    rrset = node.sets.get(qtype) if node is not None else None
    return _selections(rrset, *known) if rrset is not None else None


def _elsewhere(generation: Generation, qname: bytes, view: View) -> list[str]:
    return [
        name
        for name, space in generation.namespaces.items()
        if name != view.environment and names.key(qname) in space.nodes
    ]
