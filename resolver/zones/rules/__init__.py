"""Lint rules over the assembled zones: what can be judged only when everything is known.

What is wrong with a single value is found while it is read. Each rule is a function from the
survey to its problems; RULES is the whole list, in the order of the pages it reads like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from resolver.generation import Generation
from resolver.zones.places import Problem
from resolver.zones.rules import forwarding, isolation, networks, owners, pools, targets
from resolver.zones.rules.survey import Survey
from resolver.zones.zone import ZoneSet

Rule = Callable[[Survey], Iterable[Problem]]

RULES: tuple[Rule, ...] = (
    networks.cidr_overlap,
    networks.trusted_overlap,
    networks.endpoint_outside_environment,
    networks.address_of_other_environment,
    networks.nameserver_in_environment,
    forwarding.bad_upstream,
    forwarding.no_upstream,
    forwarding.hidden_zone_forwarded,
    forwarding.route_shadows_zone,
    owners.zone_overlap,
    owners.crowded_owner,
    owners.name_clash,
    owners.shadowed_by_zone,
    owners.shadowed_in_zone,
    pools.unknown_service,
    pools.unchecked_service,
    pools.weights_need_single_answer,
    pools.ptr_conflict,
    targets.dangling_target,
    targets.cname_loop,
    isolation.names_of_others,
    isolation.owners_of_others,
    isolation.services_of_others,
    isolation.failover_of_others,
    isolation.routes_of_others,
    isolation.fallthrough_of_others,
)


def lint(
    zones: ZoneSet, generation: Generation | None, has_default_upstreams: bool
) -> list[Problem]:
    """Every finding of every rule, each once.

    Without a generation (the zones have errors already) the rules on namespaces find nothing.
    """
    survey = Survey(zones, generation, has_default_upstreams)
    found: dict[Problem, None] = {}
    try:
        for rule in RULES:
            found.update(dict.fromkeys(rule(survey)))
    finally:
        survey.forget()
    return list(found)
