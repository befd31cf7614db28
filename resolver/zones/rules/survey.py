"""What the rules look at: the zones, the namespaces compiled of them, and indices made once.

Nothing here judges. Names are compared as keys; everything lazy is made at most once a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from resolver import names
from resolver.generation import Generation
from resolver.visible import Part, visible_parts
from resolver.zones import records
from resolver.zones.places import Place, Problem, Severity
from resolver.zones.rules.sight import Sight
from resolver.zones.special import LOCAL_ZONES
from resolver.zones.zone import RecordSet, Service, Zone, ZoneSet


def error(place: Place, rule: str, message: str) -> Problem:
    return Problem(place, Severity.ERROR, rule, message)


def warning(place: Place, rule: str, message: str) -> Problem:
    return Problem(place, Severity.WARNING, rule, message)


def hint(place: Place, rule: str, message: str) -> Problem:
    return Problem(place, Severity.HINT, rule, message)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing written in a zone: a record set, or a service (`rtype` is None)."""

    owner: bytes
    key: bytes
    rtype: int | None
    viewers: frozenset[str]
    place: Place

    @property
    def kind(self) -> str:
        return "service" if self.rtype is None else records.type_text(self.rtype)


class Survey:
    """The subject of one run of the rules; `generation` is None when the zones have errors."""

    def __init__(
        self, zones: ZoneSet, generation: Generation | None, has_default_upstreams: bool
    ) -> None:
        self.zones = zones.zones
        self.zone_set = zones
        self.plan = zones.plan
        self.environments = zones.plan.environments
        self.has_default_upstreams = has_default_upstreams
        self.by_apex: dict[bytes, list[Zone]] = {}
        for zone in zones.zones:
            self.by_apex.setdefault(names.key(zone.apex), []).append(zone)
        self.domain = names.key(zones.plan.domain)
        self.internal = (self.domain, *(names.key(apex) for apex in zones.plan.domains))
        self.local = frozenset(names.key(apex) for apex in LOCAL_ZONES)
        self.given = self.local.union(self.internal)  # an apex in every view
        self.apexes = self.given.union(self.by_apex)
        self.nesting = frozenset(
            above for apex in self.apexes for above in names.ancestors(apex) if above in self.apexes
        )
        self.generation = generation

    @cached_property
    def sights(self) -> Mapping[str, Sight]:
        """The namespace of each environment; none while the zones have errors."""
        spaces = self.generation.namespaces if self.generation is not None else {}
        return {name: Sight(self, name, space) for name, space in spaces.items()}

    def forget(self) -> None:
        """Let go of the sights, which hold this survey in turn.

        Such a ring keeps a generation until the collector comes; what was loaded is frozen out
        of its reach, so that it never would.
        """
        self.__dict__.pop("sights", None)

    @cached_property
    def parts(self) -> Mapping[str, Mapping[bytes, Part]]:
        """What each environment sees of the zones, by apex key."""
        if self.generation is not None:
            return self.generation.seen
        return {
            name: visible_parts(self.zone_set, environment)
            for name, environment in self.environments.items()
        }

    def governing(self, key: bytes) -> bytes | None:
        """The longest apex of all declared and given ones at or above a name."""
        apexes = self.apexes
        while key not in apexes:
            if len(key) == 1:
                return None
            key = key[key[0] + 1 :]
        return key

    def listed(self, environments: Iterable[str]) -> str:
        """Environments for a message, in the order of the plan."""
        chosen = set(environments)
        return ", ".join(name for name in self.environments if name in chosen)

    @cached_property
    def services(self) -> tuple[tuple[Zone, Service], ...]:
        return tuple((zone, found) for zone in self.zones for found in zone.services.values())

    @cached_property
    def _viewers(self) -> dict[int, frozenset[str]]:
        return {
            id(service): zone.visible | service.grants if service.grants else zone.visible
            for zone, service in self.services
        }

    @cached_property
    def _viewers_by_owner(self) -> dict[tuple[bytes, Place], frozenset[str]]:
        return {(s.owner, s.place): self._viewers[id(s)] for _, s in self.services}

    def viewers(self, service: Service) -> frozenset[str]:
        """The environments that see a service of these zones.

        A namespace that was kept from an earlier generation holds equal services, not the same.
        """
        found = self._viewers.get(id(service))
        return self._viewers_by_owner[service.owner, service.place] if found is None else found

    @cached_property
    def tiers(self) -> Mapping[tuple[str, str | None, str | None], Service]:
        """(service, environment, region) → service."""
        return {(s.name, s.environment, s.region): s for _, s in self.services if s.region}

    @cached_property
    def regionless(self) -> Mapping[bytes, tuple[Service, ...]]:
        """The key of each `service.env` name → the regional services behind it."""
        found: dict[bytes, tuple[Service, ...]] = {}
        for zone, service in self.services:
            if service.environment is None:
                continue
            prefix = service.owner[: len(service.owner) - len(zone.apex)]
            label = service.environment.encode()
            key = names.key(prefix) + bytes((len(label),)) + label + self.domain
            found[key] = (*found.get(key, ()), service)
        return found


def sets_of(zone: Zone) -> Iterator[RecordSet]:
    """The plain records of a zone, without overrides."""
    for sets in zone.records.values():
        yield from sets


def items_of(zone: Zone) -> Iterator[Item]:
    """Services, records and overrides of a zone, each with the environments that see it."""
    overridden: dict[bytes, frozenset[str]] = {}
    for name, owners in zone.overrides.items():
        for key, override in owners.items():
            overridden[key] = overridden.get(key, frozenset()) | {name}
            for found in override.sets:
                yield Item(found.owner, key, found.rtype, frozenset((name,)), found.place)
    for key, service in zone.services.items():
        viewers = (zone.visible | service.grants) - overridden.get(key, frozenset())
        yield Item(service.owner, key, None, viewers, service.place)
    for key, sets in zone.records.items():
        for found in sets:
            viewers = (zone.visible | found.grants) - overridden.get(key, frozenset())
            yield Item(found.owner, key, found.rtype, viewers, found.place)
