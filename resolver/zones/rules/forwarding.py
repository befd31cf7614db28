"""Rules on what leaves: upstreams, routes, and zones whose questions would go upstream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from resolver import names
from resolver.zones.model import ForwardSpec
from resolver.zones.places import Place, Problem, Text, place_of
from resolver.zones.rules.survey import Survey, error, warning
from resolver.zones.upstream import SYSTEM, BadUpstream, read_upstream
from resolver.zones.zone import Environment


def routes_of(environment: Environment) -> Iterator[tuple[bytes, Text, Place]]:
    """The key, text and place of every route's suffix; unreadable ones were reported before."""
    if environment.forward is None:
        return
    for text in environment.forward.routes:
        try:
            suffix = names.key(names.from_text(text))
        except names.BadName:
            continue
        yield suffix, text, place_of(text, environment.place.file)


def bad_upstream(survey: Survey) -> Iterator[Problem]:
    """Upstreams of environments and routes that are no addresses."""
    for environment in survey.environments.values():
        forward, file = environment.forward, environment.place.file
        if forward is None:
            continue
        for region, servers in forward.upstreams.items():
            yield from _unreadable(servers, file, may_be_system=True)
            if not servers:
                where = "" if region == "*" else f" for {region}"
                message = f"no upstreams{where}: write forward: none to have none"
                yield error(place_of(region, file), "bad-address", message)
        for suffix, servers in forward.routes.items():
            yield from _unreadable(servers, file, may_be_system=False)
            if not servers:
                message = f"the route {suffix} names no servers"
                yield error(place_of(suffix, file), "bad-address", message)


def _unreadable(servers: Iterable[Text], file: str, may_be_system: bool) -> Iterator[Problem]:
    for text in servers:
        if text == SYSTEM and may_be_system:
            continue
        try:
            read_upstream(text)
        except BadUpstream as problem:
            yield error(place_of(text, file), "bad-address", str(problem))


def no_upstream(survey: Survey) -> Iterator[Problem]:
    """An environment that nobody gave upstreams, nor `forward: none`, beside others."""
    if survey.has_default_upstreams or len(survey.environments) < 2:
        return
    for environment in survey.environments.values():
        missing = _without_upstreams(environment.forward, environment.clients)
        if missing is not None:
            whose = f"{environment.name} {missing}".rstrip()
            message = f"{whose} has no upstreams: external names are REFUSED (forward: none?)"
            yield warning(environment.place, "no-upstream", message)


def _without_upstreams(forward: ForwardSpec | None, regions: Iterable[str]) -> str | None:
    """The regions without upstreams, for a message; '' is all of them, None is none of them."""
    if forward is None:
        return ""
    if forward.none is not None or "*" in forward.upstreams:
        return None
    if not forward.upstreams:
        return ""
    return ", ".join(region for region in regions if region not in forward.upstreams) or None


def hidden_zone_forwarded(survey: Survey) -> Iterator[Problem]:
    """A zone outside of our domains that some environment does not have and would ask for."""
    for apex, zones in survey.by_apex.items():
        inside = (*survey.internal, *survey.local)
        if any(names.is_at_or_below(apex, given) for given in inside):
            continue
        seen = frozenset[str]().union(*(zone.visible for zone in zones))
        others = survey.environments.keys() - seen
        for zone in zones:
            if others and not zone.fallthrough:
                message = (
                    f"questions of {survey.listed(others)} for {names.to_text(apex)} would go"
                    " upstream: make it visible to all, let it fall through, or list it in domains"
                )
                yield error(zone.place, "hidden-zone-forwarded", message)


def route_shadows_zone(survey: Survey) -> Iterator[Problem]:
    """A route that a zone of the same name makes void, or that takes names from a zone."""
    for environment in survey.environments.values():
        for suffix, text, place in routes_of(environment):
            zones = [z for z in survey.by_apex.get(suffix, ()) if environment.name in z.visible]
            falls_through = any(zone.fallthrough for zone in zones)
            if (zones or suffix in survey.internal) and not falls_through:
                where = f" (at {zones[0].place})" if zones else ""
                message = (
                    f"{environment.name} has the zone {text}{where} itself: the zone wins a tie,"
                    " so this route is never asked"
                )
                yield error(place, "route-shadows-zone", message)
                continue
            yield from _names_taken(survey, environment.name, suffix, text, place)


def _names_taken(
    survey: Survey, environment: str, suffix: bytes, text: Text, place: Place
) -> Iterator[Problem]:
    sight = survey.sights.get(environment)
    top = sight.space.node(suffix) if sight is not None else None
    if sight is None or top is None:
        return
    zone = top.zone
    if zone.fallthrough or suffix == names.key(zone.apex):
        return
    for key, node in sight.space.items():
        if node.zone is zone and node.sets and names.is_at_or_below(key, suffix):
            message = (
                f"the route {text} takes the names below it from the zone"
                f" {names.to_text(zone.apex)}, which has {names.to_text(node.owner)} there"
            )
            yield warning(place, "route-shadows-zone", message)
            return
