"""The isolation proof: nothing that one environment sees names what only another one has.

A leak is a name owned by another environment's zone, in the owner or rdata of anything visible
without a grant, or an address that enters through a service that was not granted. What is walked
is the namespace that will be answered from, so that the proof holds for what is served.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from resolver import names
from resolver.namespace import Node
from resolver.rrsets import RegionalTiers, RegionlessTiers, Rrset, StaticSet
from resolver.zones.places import Place, Problem
from resolver.zones.records import type_text
from resolver.zones.rules.forwarding import routes_of
from resolver.zones.rules.sight import Keeper, Link, Sight
from resolver.zones.rules.survey import Survey, error
from resolver.zones.zone import Service

RULE = "isolation"
MAX_EVIDENCE = 6  # links before the one that leaks
REVERSE = tuple(names.from_text(text) for text in ("in-addr.arpa.", "ip6.arpa."))


@dataclass(slots=True)
class _Leak:
    """One name that environments would learn, and how the first of them does."""

    name: bytes
    keeper: Keeper
    chain: str
    environments: list[str] = field(default_factory=list)

    def problem(self, survey: Survey, place: Place) -> Problem:
        message = (
            f"{survey.listed(self.environments)} would learn {names.to_text(self.name)}, which is"
            f" {self.keeper.whose} (at {self.keeper.place}): {self.chain}"
        )
        return error(place, RULE, message)


def names_of_others(survey: Survey) -> Iterator[Problem]:
    """Names of others in rdata: every field of type domain name, of every set that is visible."""
    leaks: dict[tuple[Place, bytes], _Leak] = {}
    for name, sight in survey.sights.items():
        for link in sight.doubtful:
            keeper = sight.keeper(link.target)
            if keeper is None:
                continue
            at = (sight.place_of(link), names.key(link.target))
            if at not in leaks:
                leaks[at] = _Leak(link.target, keeper, _evidence(sight, link))
            if name not in leaks[at].environments:
                leaks[at].environments.append(name)
    for (place, _), leak in leaks.items():
        yield leak.problem(survey, place)


def _evidence(sight: Sight, link: Link) -> str:
    """The chain that leads to a leak: each link with its type, place and grant."""
    leading: dict[bytes, Link] = {}
    for other in sight.links:
        if other.key != link.key:
            leading.setdefault(names.key(other.target), other)
    chain, seen = [link], {link.key}
    while len(chain) <= MAX_EVIDENCE:
        before = leading.get(chain[0].key)
        if before is None or before.key in seen:
            break
        seen.add(before.key)
        chain.insert(0, before)
    told = [_told(sight, part) for part in chain]
    return " → ".join([*told, names.to_text(link.target)])


def _told(sight: Sight, link: Link) -> str:
    how = _how(sight, link)
    kind = type_text(link.rrset.rtype)
    return f"{names.to_text(link.node.owner)} {kind} ({how}{sight.place_of(link)})"


def _how(sight: Sight, link: Link) -> str:
    """By what this environment sees the record, unless the zone is its own alone."""
    origin = sight.origin(link.key, link.node, link.rrset)
    if origin is None:
        return "generated, "
    if origin.is_override:
        return f"override for {sight.environment}, "
    if sight.environment not in origin.zone.visible:
        return f"shared with {sight.environment}, "
    return "" if origin.zone.environment else f"visible to {sight.environment}, "


def owners_of_others(survey: Survey) -> Iterator[Problem]:
    """Owners that lie in a zone of others, written in a shorter zone that is visible."""
    leaks: dict[tuple[Place, bytes], _Leak] = {}
    for name, sight in survey.sights.items():
        if not sight.hidden_apexes:
            continue
        servers = {server.place for server in survey.environments[name].nameservers}
        for key, owner, sets in _owners(survey, sight):
            apex = survey.governing(key)
            if apex not in sight.hidden_apexes or apex in sight.space.zones:
                continue
            if any(names.is_below(key, tree) for tree in REVERSE):
                continue  # the name of an address that is visible itself
            zones = survey.by_apex[apex]
            keeper = sight.keeper(owner)
            if keeper is None or all(zone.fallthrough for zone in zones):
                continue
            for rrset in sets.values():
                if rrset.place in servers:
                    continue  # NS says that name too
                told = f"{names.to_text(owner)} {type_text(rrset.rtype)} ({rrset.place})"
                leak = leaks.setdefault((rrset.place, key), _Leak(owner, keeper, told))
                if name not in leak.environments:
                    leak.environments.append(name)
    for (place, _), leak in leaks.items():
        yield leak.problem(survey, place)


def _owners(survey: Survey, sight: Sight) -> Iterator[tuple[bytes, bytes, dict[int, Rrset]]]:
    """Nodes and glue of zones that other apexes lie below."""
    divided = {zone for key, zone in sight.space.zones.items() if key in survey.nesting}
    for key, node in sight.space.items():
        if node.zone in divided and node.sets:
            yield key, node.owner, node.sets
    for key, sets in sight.space.glue.items():
        if sets:
            yield key, key, dict(sets)


def services_of_others(survey: Survey) -> Iterator[Problem]:
    """Addresses and SRV targets that enter by selection from a service that was not granted."""
    for name, sight in survey.sights.items():
        for node, rrset, service in _selected(sight):
            if name not in survey.viewers(service):
                message = (
                    f"{name} would be answered from {service.identity}"
                    f" (at {service.place}) at {names.to_text(node.owner)}"
                )
                yield error(rrset.place, RULE, message)


def _selected(sight: Sight) -> Iterator[tuple[Node, Rrset, Service]]:
    """Every set that is selected, with each service that it may be selected from."""
    for node in sight.space.values():
        for rrset in node.sets.values():
            if type(rrset) is StaticSet:
                continue
            tiers = getattr(rrset, "tiers", None)
            if type(tiers) is RegionalTiers:
                for service in tiers.fixed.tiers:
                    yield node, rrset, service
            elif type(tiers) is RegionlessTiers:
                for service in tiers.services.values():
                    yield node, rrset, service


def failover_of_others(survey: Survey) -> Iterator[Problem]:
    """A shared service with a tier that is not shared with the same environments."""
    for _, service in survey.services:
        if not service.failover:
            continue
        viewers = survey.viewers(service)
        for region, place in zip(service.failover, service.failover_places, strict=True):
            tier = survey.tiers.get((service.name, service.environment, region))
            missing = viewers - survey.viewers(tier) if tier is not None else None
            if tier is not None and missing:
                message = (
                    f"{survey.listed(missing)} would be answered from {tier.identity}"
                    f" (at {tier.place}), which is not shared with them: {service.identity}"
                    f" (shared at {service.place}) fails over to {region}"
                )
                yield error(place, RULE, message)


def routes_of_others(survey: Survey) -> Iterator[Problem]:
    """Routes that would take questions for names of others to one's own upstreams."""
    for name, environment in survey.environments.items():
        for suffix, text, place in routes_of(environment):
            for apex in _reached(survey, name, suffix):
                message = (
                    f"the route {text} of {name} would take questions for"
                    f" {names.to_text(apex)} there, a zone {_whose(survey, apex)}"
                )
                yield error(place, RULE, message)


def fallthrough_of_others(survey: Survey) -> Iterator[Problem]:
    """Fall-through zones whose unanswered names would go upstream although others own them."""
    for zone in survey.zones:
        if not zone.fallthrough:
            continue
        for name in sorted(zone.visible):
            for apex in _reached(survey, name, names.key(zone.apex)):
                message = (
                    f"questions of {name} for {names.to_text(apex)}, a zone"
                    f" {_whose(survey, apex)}, would fall through"
                    f" {names.to_text(zone.apex)} and go upstream"
                )
                yield error(zone.place, RULE, message)


def _reached(survey: Survey, environment: str, suffix: bytes) -> Iterator[bytes]:
    """Apexes hidden from an environment whose names it would send on by a forwarding suffix.

    Those at or above the suffix; and those below it within our domains (outside of them the
    rule hidden-zone-forwarded speaks), unless a zone between them answers.
    """
    for apex, zones in survey.by_apex.items():
        if any(environment in zone.visible for zone in zones) or apex in survey.given:
            continue
        if all(zone.fallthrough for zone in zones):
            continue
        if names.is_at_or_below(suffix, apex):
            yield apex
        elif names.is_below(apex, suffix):
            inside = any(names.is_at_or_below(apex, given) for given in survey.given)
            if inside and not _is_answered(survey, environment, apex, suffix):
                yield apex


def _is_answered(survey: Survey, environment: str, apex: bytes, suffix: bytes) -> bool:
    """Whether a zone of the environment, longer than the suffix, holds the apex."""
    parts = survey.parts[environment]
    longest = next((a for a in (apex, *names.ancestors(apex)) if a in parts), None)
    return longest is not None and len(longest) > len(suffix)


def _whose(survey: Survey, apex: bytes) -> str:
    zone = survey.by_apex[apex][0]
    return f"of {survey.listed(zone.visible) or 'nobody'} (at {zone.place})"
