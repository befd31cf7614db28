"""What one environment sees of the zones: the parts from which its namespace is made.

The only place where grants, `visible_to` and overrides are decided.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from resolver import names
from resolver.zones.places import Place
from resolver.zones.special import LOCAL_ZONES
from resolver.zones.zone import Environment, RecordSet, Service, Soa, Zone, ZoneSet


@dataclass(slots=True)
class Part:
    """What one environment sees of the zones with one apex."""

    apex: bytes
    environment: str | None  # of an env.region zone
    soa: Soa
    ttl: int
    fallthrough: bool
    place: Place
    services: list[Service] = field(default_factory=list)
    sets: list[RecordSet] = field(default_factory=list)
    overridden: set[bytes] = field(default_factory=set)  # owner keys
    is_given: bool = False  # nobody wrote it: it is in every view

    def is_same(self, other: Part) -> bool:
        """Whether the other holds the very same objects."""
        return (
            (self.soa, self.ttl, self.fallthrough, self.place, self.overridden)
            == (other.soa, other.ttl, other.fallthrough, other.place, other.overridden)
            and self.is_given == other.is_given
            and len(self.services) == len(other.services)
            and len(self.sets) == len(other.sets)
            and all(map(operator.is_, self.services, other.services))
            and all(map(operator.is_, self.sets, other.sets))
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The reverse name of an address, and the name that PTR gives for it."""

    owner: bytes
    target: bytes
    ttl: int
    place: Place

    @property
    def digest(self) -> int:
        """Of the content, the same in every process."""
        octets = b"%b%b%d" % (self.owner, self.target, self.ttl)
        return int.from_bytes(hashlib.blake2b(octets, digest_size=12).digest(), "big")


def visible_parts(zones: ZoneSet, environment: Environment) -> dict[bytes, Part]:
    """Everything that an environment sees, by apex key; generated zones included."""
    parts: dict[bytes, Part] = {}
    for zone in zones.zones:
        _add_zone(zone, environment, parts)
    plan = zones.plan
    for apex in (plan.domain, *plan.domains, *LOCAL_ZONES):
        key = names.key(apex)
        if key not in parts:
            given = Part(apex, None, Soa(), environment.ttl, False, plan.place, is_given=True)
            parts[key] = given
    return parts


def _add_zone(zone: Zone, environment: Environment, parts: dict[bytes, Part]) -> None:
    name = environment.name
    services = [s for s in zone.services.values() if zone.sees(name, s.grants)]
    sets = [
        found for sets in zone.records.values() for found in sets if zone.sees(name, found.grants)
    ]
    owns = name in zone.visible
    if not (owns or services or sets):
        return
    key = names.key(zone.apex)
    part = parts.get(key)
    if part is None:
        # A serial written by hand moves with what others cannot see: theirs is counted here.
        soa = zone.soa if owns else replace(zone.soa, serial=None)
        part = parts[key] = Part(
            zone.apex, zone.environment, soa, zone.ttl, zone.fallthrough, zone.place
        )
    elif owns:
        part.soa, part.ttl, part.place = zone.soa, zone.ttl, zone.place
        part.fallthrough = zone.fallthrough
    overrides = zone.overrides.get(name, {})
    part.overridden |= overrides.keys()
    part.services += [s for s in services if names.key(s.owner) not in overrides]
    part.sets += [found for found in sets if names.key(found.owner) not in overrides]
    part.sets += [found for override in overrides.values() for found in override.sets]


def every_claim(part: Part) -> Iterator[tuple[bytes, bytes, int, Place]]:
    """Address, name, TTL and place of all that claims a PTR; fall-through zones claim none."""
    if part.fallthrough:
        return
    for service in part.services:
        for endpoint in service.endpoints:
            if endpoint.ptr is not None:
                for address in endpoint.addresses:
                    yield address, endpoint.ptr, service.ttl, endpoint.place
    for item in part.sets:
        if item.ptr is not None:  # of address records only
            for address, place in zip(item.rdatas, item.places, strict=True):
                yield address, item.ptr, item.ttl, place


def claims(parts: Iterable[Part]) -> dict[bytes, Claim]:
    """The PTR of each address: the first claim, in the order of the files."""
    found: dict[bytes, Claim] = {}
    for part in parts:
        for address, target, ttl, place in every_claim(part):
            if address not in found:
                found[address] = Claim(names.reverse(address), target, ttl, place)
    return found
