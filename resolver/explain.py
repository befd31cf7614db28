"""Why a client gets an answer: the decisions of the journey and of `select`, as plain data.

Made of the same values as the answer: the view, the resolution, the selection. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from resolver import names
from resolver.chain import End, Resolution, Step, resolve
from resolver.generation import Generation, View
from resolver.namespace import Namespace
from resolver.outcome import Rcode, Reply
from resolver.query import handle
from resolver.rrsets import FAMILY_OF, AliasSet, PoolSet, PortSet, Rrset, Scope
from resolver.select import Choice, Family, Selection, select
from resolver.views import Door
from resolver.zones import records
from resolver.zones.places import Place
from resolver.zones.plan import HERE
from resolver.zones.zone import ZoneSet

Facts = dict[str, Any]
_DOOR = Door("tcp", 65535)  # the answer in full, whatever a client could take over UDP


def explain(
    generation: Generation, name: str, qtype: int, client: str, *, reveal: bool = False
) -> Facts:
    """Explain one question of one client.

    `reveal` adds which other environments have the name: for those who may read the files.
    Raises BadName for a name and ValueError for a client that cannot be read.
    """
    match = generation.networks.match(client)
    if generation.trusted is not None and generation.trusted.find(client):
        match = None  # its client subnet would decide, and none is given here
    view = match.target if match is not None else None
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
    facts["chain"] = [_explain_step(step, scope) for step in resolution.steps]
    facts.update(_explain_end(resolution, space, qtype, scope))
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


def _explain_step(step: Step, scope: Scope) -> Facts:
    rrset, zone = step.rrset, step.node.zone
    facts: Facts = {
        "owner": names.to_text(step.owner),
        "type": records.type_text(rrset.rtype),
        "ttl": rrset.ttl,
        "zone": names.to_text(zone.apex),
        "place": _place(rrset.place),
        "values": _values(rrset, scope),
    }
    if names.key(step.owner) != names.key(step.node.owner):
        facts["by"] = names.to_text(step.node.owner)  # the wildcard or DNAME
    if isinstance(rrset, AliasSet):
        facts["alias"] = True
        rrset = rrset.target
    if isinstance(rrset, PoolSet):
        facts["service"] = rrset.tiers.pool(scope).named.identity
        facts["selection"] = [_explain_selection(rrset.selection(scope), FAMILY_OF[rrset.rtype])]
    elif isinstance(rrset, PortSet):
        pool = rrset.tiers.pool(scope)
        facts["service"] = pool.named.identity
        facts["selection"] = [
            _explain_selection(select(pool, family, scope.health), family)
            for family in Family
            if any(e.v4 if family is Family.V4 else e.v6 for t in pool.tiers for e in t.endpoints)
        ]
    return facts


def _values(rrset: Rrset, scope: Scope) -> list[str]:
    """The rdata of any turn, in a stable order."""
    found = dict.fromkeys(rdata for turn in rrset.draw(scope).turns for rdata in turn)
    return [records.to_text(rrset.rtype, rdata) for rdata in found]


def _explain_selection(selection: Selection, family: Family) -> Facts:
    return {
        "family": f"IPv{family.value}",
        "mode": selection.mode.value,
        "tiers": [round(load, 1) for load in selection.loads],
        "endpoints": [_explain_choice(choice) for choice in selection.choices],
    }


def _explain_choice(choice: Choice) -> Facts:
    rtype = 1 if len(choice.address) == 4 else 28
    return {
        "endpoint": choice.endpoint.label,
        "address": records.to_text(rtype, choice.address),
        "region": choice.region,
        "tier": choice.tier,
        "in": choice.is_in,
        "why": choice.why.value,
        "declared": choice.endpoint.state.value,
        "health": choice.health.state.value,
        "health_reason": choice.health.reason,
        "weight": choice.weight,
        "share": round(choice.share, 1),
        "place": _place(choice.endpoint.place),
    }


def _explain_end(
    resolution: Resolution, space: Namespace, qtype: int, scope: Scope
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
        rrset = node.sets.get(qtype)
        if resolution.end is End.NODATA and isinstance(rrset, PoolSet):
            yield "selection", [_explain_selection(rrset.selection(scope), FAMILY_OF[qtype])]
    elif resolution.end is End.REFERRAL and node is not None:
        yield "cut", names.to_text(node.owner)
        yield "cut_place", _place(space.delegation(node).place)


def _elsewhere(generation: Generation, qname: bytes, view: View) -> list[str]:
    return [
        name
        for name, space in generation.namespaces.items()
        if name != view.environment and names.key(qname) in space.nodes
    ]


def to_lines(facts: Facts) -> Iterator[str]:
    """The explanation for people, a fact a line."""
    question = facts["question"]
    yield f"{question['name']} {question['type']} ({question['read_as']})"
    view = facts["view"]
    if view is None:
        yield f"client   {facts['client']} is in no environment: refused"
        if "carved_out_of" in facts:
            yield f"         {facts['carved_out_of']} is carved out of its network"
    else:
        where = f" ({view['place']})" if view["place"] else ""
        yield (
            f"client   {facts['client']} is in {view['environment']}.{view['region']} "
            f"by {view['network']}{where}"
        )
    for step in facts.get("chain", ()):
        yield from _step_lines(step)
    yield from _end_lines(facts)
    yield f"answer   {facts['rcode']}, from {facts['source']}: {facts['reason']}"


def _step_lines(step: Facts) -> Iterator[str]:
    by = f" by {step['by']}" if "by" in step else ""
    by += " by ALIAS" if step.get("alias") else ""
    yield f"record   {step['owner']} {step['ttl']} {step['type']}{by}"
    yield f"         zone {step['zone']}, {step['place'] or 'generated'}"
    if "service" in step:
        yield f"service  {step['service']}, TTL {step['ttl']} as configured"
        for selection in step["selection"]:
            yield from _selection_lines(selection)
    else:
        yield from (f"         {value}" for value in step["values"])


def _selection_lines(selection: Facts) -> Iterator[str]:
    loads = ", ".join(f"tier {n} {load:g} %" for n, load in enumerate(selection["tiers"]))
    yield f"select   {selection['family']}, {selection['mode']}: {loads}"
    for item in selection["endpoints"]:
        state = "in " if item["in"] else "out"
        yield (
            f"  {state}    {item['endpoint']} {item['address']} {item['region'] or ''} "
            f"tier {item['tier']}, weight {item['weight']}, share {item['share']:g} %: "
            f"{item['why']}; {item['health']} ({item['health_reason']}) {item['place']}"
        )


def _end_lines(facts: Facts) -> Iterator[str]:
    end = facts.get("end")
    if end in ("nxdomain", "nodata"):
        what = "no such name" if end == "nxdomain" else "the name has no such type"
        yield f"end      {what} in zone {facts['zone']} ({facts['zone_place']})"
        yield f"         closest existing name {facts['closest_encloser']}"
        if "types_here" in facts:
            yield f"         it has {', '.join(facts['types_here'])}"
        for selection in facts.get("selection", ()):
            yield from _selection_lines(selection)
        yield f"         negative TTL {facts['negative_ttl']}"
    elif end == "referral":
        yield f"end      below the zone cut {facts['cut']} ({facts['cut_place']})"
    elif end == "outside":
        yield "end      outside of the zones of this view; nothing is forwarded"
    if facts.get("exists_in"):
        yield f"note     the name exists in {', '.join(facts['exists_in'])}, unseen from here"
