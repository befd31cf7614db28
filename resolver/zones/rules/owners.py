"""Rules on owner names: what cannot stand at one name, and what can never be answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from resolver import names
from resolver.rrsets import AAAA, CNAME, DNAME, DS, NS, SRV, A
from resolver.zones.places import Place, Problem
from resolver.zones.plan import HERE
from resolver.zones.records import ALIAS, type_text
from resolver.zones.rules.survey import Item, Survey, error, items_of, sets_of, warning
from resolver.zones.zone import RecordSet, Service, Zone

# RFC 4034 3 and 4: signatures and their proofs stand beside a CNAME.
BESIDE_CNAME = frozenset({46, 47})
ADDRESSES = (A, AAAA)


def zone_overlap(survey: Survey) -> Iterator[Problem]:
    """One zone name written for sets of environments that share some, but not all."""
    for zones in survey.by_apex.values():
        for position, zone in enumerate(zones):
            for first in zones[:position]:
                both = first.visible & zone.visible
                if both:
                    message = (
                        f"{survey.listed(both)} would see two zones {names.to_text(zone.apex)}:"
                        f" the other is visible to {survey.listed(first.visible)}"
                        f" (at {first.place})"
                    )
                    yield error(zone.place, "zone-overlap", message)


class _Occupant(NamedTuple):
    """Something at an owner name: the type of its records and what it is."""

    owner: bytes
    rtype: int
    what: str
    place: Place

    def __str__(self) -> str:
        return f"{self.what} at {self.place}"


def _owner_keys(services: Iterable[Service], sets: Iterable[RecordSet]) -> list[bytes]:
    """The owner key of each thing that is written or generated."""
    owners = [service.owner for service in services]
    owners += [endpoint.owner for service in services for endpoint in service.endpoints]
    owners += [owner for s in services if s.ports for owner, _ in srv_owners(s, s.owner)]
    owners += [item.owner for item in sets]
    return [names.key(owner) for owner in owners]


def _occupants(
    services: Iterable[Service], sets: Iterable[RecordSet], wanted: set[bytes]
) -> Iterator[_Occupant]:
    """What stands at the wanted owners: first what is generated, then what is written."""
    for service in services:
        for endpoint in service.endpoints:
            if endpoint.owner.lower() in wanted:
                for rtype, address in ((A, endpoint.v4), (AAAA, endpoint.v6)):
                    if address is not None:
                        yield _Occupant(endpoint.owner, rtype, "endpoint", endpoint.place)
        if service.owner.lower() in wanted:
            for rtype, size in ((A, 4), (AAAA, 16)):
                if any(len(a) == size for e in service.endpoints for a in e.addresses):
                    yield _Occupant(service.owner, rtype, "service", service.place)
        for owner, place in srv_owners(service, service.owner):
            if owner.lower() in wanted:
                yield _Occupant(owner, SRV, "port", place)
    for item in sets:
        if item.owner.lower() in wanted:
            yield _Occupant(item.owner, item.rtype, type_text(item.rtype), item.place)


def srv_owners(service: Service, owner: bytes) -> Iterator[tuple[bytes, Place]]:
    """The names of the generated SRV below a name of the service (RFC 2782)."""
    for port in service.ports:
        yield _srv_labels(port.name, port.protocol) + owner, port.place


@lru_cache
def _srv_labels(name: str, protocol: str) -> bytes:
    return names.from_text(f"_{name}._{protocol}.")[:-1]


def crowded_owner(survey: Survey) -> Iterator[Problem]:
    """Owners with the same type twice, or with types that exclude each other.

    A zone is judged as written; where overrides or namesakes mix, also as each environment has it.
    """
    for zone in survey.zones:
        yield from _crowded(zone, zone.services.values(), sets_of(zone))
    for apex, zones in survey.by_apex.items():
        for name, parts in survey.parts.items():
            part = parts.get(apex)
            if part is not None and (len(zones) > 1 or name in zones[0].overrides):
                yield from _crowded(zones[0], part.services, part.sets)


def _crowded(
    zone: Zone, services: Iterable[Service], sets: Iterable[RecordSet]
) -> Iterator[Problem]:
    services, sets = tuple(services), tuple(sets)
    apex = names.key(zone.apex)
    # Objects are made for crowded owners only: of 50,000 there are none, as a rule.
    keys = _owner_keys(services, sets)
    seen = set(keys)
    crowds: dict[bytes, list[_Occupant]] = {}
    if len(seen) < len(keys):
        several = {key for key, count in Counter(keys).items() if count > 1}
        for occupant in _occupants(services, sets, several):
            crowds.setdefault(names.key(occupant.owner), []).append(occupant)
    for key, crowd in crowds.items():
        yield from _judge(crowd, is_apex=key == apex)
    if apex in seen and not zone.fallthrough:
        for item in sets:
            if item.rtype == CNAME and names.key(item.owner) == apex:
                message = f"{names.to_text(zone.apex)} has a CNAME, but as an apex also SOA and NS"
                yield error(item.place, "cname-and-other", message)


def _judge(crowd: list[_Occupant], is_apex: bool) -> Iterator[Problem]:
    """RFC 1034 3.6.2: a CNAME stands alone; RFC 6672 2.3: a DNAME with NS only at an apex."""
    by_type: dict[int, _Occupant] = {}
    for occupant in crowd:
        known = by_type.setdefault(occupant.rtype, occupant)
        if known is not occupant:
            kind, owner = type_text(occupant.rtype), names.to_text(occupant.owner)
            message = f"{kind} of {owner} ({occupant.what}) stands already: {known}"
            yield error(occupant.place, "duplicate-record", message)
    for rtype, rivals, what in (
        (CNAME, by_type.keys() - BESIDE_CNAME - {CNAME}, "a CNAME and other records"),
        (ALIAS, by_type.keys() & {A, AAAA}, "an ALIAS and addresses"),
        (DNAME, by_type.keys() & (set() if is_apex else {NS}), "a DNAME and a zone cut"),
    ):
        found = by_type.get(rtype)
        if found is not None and rivals:
            others = ", ".join(str(by_type[rival]) for rival in sorted(rivals))
            message = f"{names.to_text(found.owner)} has {what} ({others})"
            yield error(found.place, "cname-and-other", message)


def name_clash(survey: Survey) -> Iterator[Problem]:
    """What is written in the domain's zone where names are generated: `here`, `service.env`."""
    here = names.key(names.from_text(HERE, survey.plan.domain))
    items = [item for zone in survey.by_apex.get(survey.domain, ()) for item in items_of(zone)]
    for item in items:
        if names.is_at_or_below(item.key, here):
            message = f"{names.to_text(item.owner)}: {HERE!r} names the caller's own environment"
            yield error(item.place, "name-clash", message)
    yield from _regionless_zones(survey)
    if items:
        yield from _regionless_clashes(survey, items)


def _regionless_clashes(survey: Survey, items: list[Item]) -> Iterator[Problem]:
    generated: dict[bytes, tuple[int, list[Service]]] = {}
    for key, services in survey.regionless.items():
        generated[key] = (A, list(services))
        for service in services:
            for owner, _ in srv_owners(service, key):
                generated.setdefault(names.key(owner), (SRV, []))[1].append(service)
    for item in items:
        rtype, behind = generated.get(item.key, (0, []))
        if item.rtype in ((None, A, AAAA, CNAME, ALIAS) if rtype == A else (SRV, CNAME)):
            yield from _clash(survey, item, behind)
    tops = {item.key: item for item in items if item.rtype in (NS, DNAME)}
    if not tops:
        return
    for key, (_, behind) in generated.items():
        for above in (key, *names.ancestors(key)):
            if above in tops and above != survey.domain:
                yield from _clash(survey, tops[above], behind)


def _clash(survey: Survey, item: Item, services: Iterable[Service]) -> Iterator[Problem]:
    service = next((s for s in services if item.viewers & survey.viewers(s)), None)
    if service is not None:
        message = (
            f"{item.kind} of {names.to_text(item.owner)} stands where the region-less name of"
            f" {service.identity} (at {service.place}) is generated"
        )
        yield error(item.place, "name-clash", message)


def _regionless_zones(survey: Survey) -> Iterator[Problem]:
    for key, services in survey.regionless.items():
        apex = survey.governing(key)
        if apex is None or apex == survey.domain:
            continue
        for zone in survey.by_apex[apex]:
            service = services[0]
            if zone.visible & survey.viewers(service):
                message = (
                    f"the zone {names.to_text(zone.apex)} takes {names.to_text(key)}, the"
                    f" region-less name of {service.identity} (at {service.place})"
                )
                yield error(zone.place, "name-clash", message)


def shadowed_by_zone(survey: Survey) -> Iterator[Problem]:
    """What is written at or below the apex of a longer zone that the same environment has."""
    for zone in survey.zones:
        apex = names.key(zone.apex)
        if apex not in survey.nesting:
            continue
        for item in items_of(zone):
            if survey.governing(item.key) == apex:
                continue
            for name in survey.environments:
                if name not in item.viewers:
                    continue
                nearest = _nearest(item.key, survey.parts[name])
                if nearest != apex and nearest is not None:
                    viewers = [
                        e for e in item.viewers if _nearest(item.key, survey.parts[e]) == nearest
                    ]
                    message = (
                        f"{item.kind} of {names.to_text(item.owner)} is never answered to"
                        f" {survey.listed(viewers)}: the name is in the zone"
                        f" {names.to_text(nearest)}"
                    )
                    yield warning(item.place, "shadowed-record", message)


def _nearest(key: bytes, apexes: Mapping[bytes, object]) -> bytes | None:
    if key in apexes:
        return key
    return next((above for above in names.ancestors(key) if above in apexes), None)


def shadowed_in_zone(survey: Survey) -> Iterator[Problem]:
    """What is written below a zone cut (addresses apart, they are glue) or below a DNAME."""
    for zone in survey.zones:
        apex = names.key(zone.apex)
        tops: dict[bytes, list[Item]] = {}
        if not _has_tops(zone, apex):
            continue
        items = list(items_of(zone))
        for item in items:
            if item.rtype == DNAME or (item.rtype == NS and item.key != apex):
                tops.setdefault(item.key, []).append(item)
        for item in items:
            for above in (item.key, *names.ancestors(item.key)):
                for top in tops.get(above, ()):
                    if top.viewers & item.viewers and _is_shadowed(item, top):
                        yield _shadow(item, top)


def _has_tops(zone: Zone, apex: bytes) -> bool:
    overrides = [found for owners in zone.overrides.values() for found in owners.values()]
    sets = [*sets_of(zone), *(found for override in overrides for found in override.sets)]
    return any(s.rtype == DNAME or (s.rtype == NS and names.key(s.owner) != apex) for s in sets)


def _is_shadowed(item: Item, top: Item) -> bool:
    """RFC 6672 2.4: nothing below a DNAME; RFC 1034 4.2.1: only glue at and below a cut."""
    if top.rtype == DNAME:
        return item.key != top.key
    if item.rtype in ADDRESSES:
        return False
    return item.key != top.key or item.rtype not in (NS, DS, CNAME, DNAME)


def _shadow(item: Item, top: Item) -> Problem:
    where = "below" if item.key != top.key else "at"
    what = "DNAME" if top.rtype == DNAME else "zone cut"
    message = (
        f"{item.kind} of {names.to_text(item.owner)} is never answered: it stands {where} the"
        f" {what} {names.to_text(top.owner)} (at {top.place})"
    )
    return warning(item.place, "shadowed-record", message)
