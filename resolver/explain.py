"""Why a client gets an answer: the decisions of the journey and of `select`, as plain data.

Made of the same values as the answer: the view, the resolution, the selection (which
`explain_selection` tells). Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from resolver import names
from resolver.chain import MAX_CHAIN, End, Resolution, Step, resolve
from resolver.elsewhere import answer_without_asking
from resolver.explain_elsewhere import Knowledge, explain_elsewhere, outcome_of
from resolver.explain_selection import (
    NOTHING_SEEN,
    SEVERAL,
    WITHHELD,
    Facts,
    Seen,
    explain_selections,
    explain_ttl,
    place_text,
)
from resolver.generation import Generation, View, ViewKey
from resolver.namespace import Namespace, Node, ZoneView
from resolver.outcome import Forward, Rcode, Reply
from resolver.query import handle
from resolver.rrsets import ALIAS, FAMILY_OF, AliasSet, Scope
from resolver.views import Door
from resolver.zones import records
from resolver.zones.places import Place
from resolver.zones.plan import HERE
from resolver.zones.zone import ZoneSet

_DOOR = Door("tcp", 65535)  # the answer in full, whatever a client could take over UDP


class AtDoor(NamedTuple):
    """A client, and the view of a listener that decides it; None: its address does."""

    address: str
    pin: ViewKey | None = None


class _Told(NamedTuple):
    """`Seen`, with the environment of each zone by its apex key."""

    seen: Seen
    environments: Mapping[bytes, str]

    def place(self, place: Place, zone: ZoneView) -> str | None:
        """Where something of a zone is written."""
        environment = self.environments.get(names.key(zone.apex), SEVERAL)
        return place_text(place) if self.seen.covers(environment) else WITHHELD


def explain(
    generation: Generation,
    name: str,
    qtype: int,
    client: str | AtDoor,
    *,
    reveal: bool = False,
    seen: Seen = NOTHING_SEEN,
    knowledge: Knowledge | None = None,
) -> Facts:
    """Explain one question of one client.

    `reveal` adds which other environments have the name: for those who may read the files.
    `knowledge` is what a running server knows of upstreams and has in its cache.
    Raises BadName for a name and ValueError for a client that cannot be read.
    """
    client, pin = (client.address, client.pin) if isinstance(client, AtDoor) else (client, None)
    match = generation.networks.match(client) if pin is None else None
    if generation.trusted is not None and generation.trusted.find(client):
        match = None  # its client subnet would decide, and none is given here
    view = generation.views.get(match.target) if match is not None else None
    if pin is not None:
        view = generation.pinned(*pin)
    qname, read_as = complete(name, generation, view)
    wire = bytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + qname + struct.pack("!HH", qtype, 1)
    door = _DOOR if pin is None else replace(_DOOR, environment=pin[0], region=pin[1])
    outcome = handle(wire, client, door, generation)
    steps = []
    if isinstance(outcome, Forward):
        steps = explain_elsewhere(outcome, knowledge)
        outcome = answer_without_asking(outcome)
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
    network = str(match.network) if match is not None else None
    facts["view"] = {
        "environment": view.environment,
        "region": view.region,
        "network": network,  # None: the listener is pinned
        "place": place_text(_network_place(generation.zones, view, network)),
    }
    space, scope = view.answers.space, view.answers.scope
    if steps:
        facts["elsewhere"] = steps
        facts["rcode"], facts["source"], facts["reason"] = outcome_of(steps)
    resolution = resolve(space, qname, qtype, scope)
    zones = generation.zones.zones
    told = _Told(seen, {names.key(zone.apex): zone.environment or SEVERAL for zone in zones})
    facts["end"] = resolution.end.value
    facts["chain"] = [_explain_step(step, scope, told) for step in resolution.steps]
    facts.update(_explain_end(resolution, space, qtype, (scope, told)))
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


def _network_place(zones: ZoneSet, view: View, network: str | None) -> Place | None:
    environment = zones.plan.environments.get(view.environment)
    if environment is None:
        return None  # a worker has no files
    return next(
        (c.place for c in environment.clients.get(view.region, ()) if str(c.network) == network),
        None,
    )


def _explain_step(step: Step, scope: Scope, told: _Told) -> Facts:
    rrset, zone = step.rrset, step.node.zone
    ttls = sorted({turn.ttl for turn in step.turns})
    facts: Facts = {
        "owner": names.to_text(step.owner),
        "type": records.type_text(rrset.rtype),
        "ttl": ttls[0],
        "zone": names.to_text(zone.apex),
        "place": told.place(rrset.place, zone),
        "values": _values(step),
    }
    if names.key(step.owner) != names.key(step.node.owner):
        facts["by"] = names.to_text(step.node.owner)  # the wildcard or DNAME
    if isinstance(rrset, AliasSet):
        facts["alias"] = True
    found = explain_selections(rrset, scope, told.seen)
    if found is not None:
        facts["service"], facts["selection"] = found
        facts["ttl_arithmetic"] = explain_ttl(rrset, scope, ttls)
    return facts


def _values(step: Step) -> list[str]:
    """The rdata of any turn, in a stable order."""
    found = dict.fromkeys(rdata for turn in step.turns for rdata in turn.rdatas)
    return [records.to_text(step.rrset.rtype, rdata) for rdata in found]


def _explain_end(
    resolution: Resolution, space: Namespace, qtype: int, known: tuple[Scope, _Told]
) -> Iterator[tuple[str, Any]]:
    node, told = resolution.node, known[1]
    if resolution.end in (End.NXDOMAIN, End.NODATA) and node is not None:
        zone = node.zone
        yield "zone", names.to_text(zone.apex)
        yield "zone_place", told.place(zone.place, zone)
        yield "closest_encloser", names.to_text(node.owner)
        arithmetic = f"min(SOA TTL {zone.soa_ttl}, minimum {zone.minimum}) = {zone.negative_ttl}"
        yield "negative_ttl", arithmetic
        present = [records.type_text(t) for t in sorted(node.sets) if t > 0]
        if resolution.end is End.NODATA and present:
            yield "types_here", present
        found = _behind(node, space, qtype, (known[0], told.seen))
        if resolution.end is End.NODATA and found is not None:
            yield "selection", found[1]
    elif resolution.end is End.FAILED and node is not None:
        found = _behind(node, space, qtype, (known[0], told.seen))
        if found is not None:
            yield "service", found[0]
            yield "selection", found[1]
    elif resolution.end is End.REFERRAL and node is not None:
        yield "cut", names.to_text(node.owner)
        yield "cut_place", told.place(space.delegation(node).place, node.zone)


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
    return explain_selections(rrset, *known) if rrset is not None else None


def _elsewhere(generation: Generation, qname: bytes, view: View) -> list[str]:
    return [
        name
        for name, space in generation.namespaces.items()
        if name != view.environment and names.key(qname) in space
    ]
