"""One environment's namespace under examination: names in its rdata, and whose they are.

The isolation proof and the rules on targets share what is found here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from resolver import names
from resolver.namespace import Namespace, Node
from resolver.rrsets import AAAA, CNAME, DNAME, NS, PTR, SOA, A, StaticSet
from resolver.zones import records
from resolver.zones.places import Place
from resolver.zones.zone import RecordSet, Zone

if TYPE_CHECKING:
    from resolver.zones.rules.survey import Survey

_ADDRESSES = frozenset({A, AAAA})
_STEPS = frozenset({CNAME, DNAME, records.ALIAS})
_ONE_NAME = _STEPS | {NS, PTR}  # the rdata is a name, no more


class Link(NamedTuple):
    """A name in an rdata that an environment sees."""

    key: bytes  # of the owner
    node: Node
    rrset: StaticSet
    position: int  # of the rdata in its set
    field: str
    target: bytes


@dataclass(frozen=True, slots=True)
class Keeper:
    """Whose a name is that an environment may not see."""

    whose: str
    place: Place


@dataclass(frozen=True, slots=True)
class Origin:
    """The record set in a zone that a set of the namespace was made of."""

    found: RecordSet
    zone: Zone
    is_override: bool


class Sight:
    """What one environment sees; `space` holds nothing else."""

    def __init__(self, survey: Survey, environment: str, space: Namespace) -> None:
        self.survey = survey
        self.environment = environment
        self.space = space
        self._hidden: dict[bytes, list[Zone]] = {}
        for apex, zones in survey.by_apex.items():
            hidden = [zone for zone in zones if environment not in zone.visible]
            if hidden:
                self._hidden[apex] = hidden
        self._undivided = frozenset(
            zone for apex, zone in space.zones.items() if apex not in survey.nesting
        )

    @cached_property
    def _sets(self) -> tuple[tuple[bytes, Node, StaticSet], ...]:
        """Every written or once generated set that may hold names, with its owner key."""
        return tuple(
            (key, node, rrset)
            for key, node in self.space.items()
            for rtype, rrset in node.sets.items()
            if type(rrset) is StaticSet and rtype not in _ADDRESSES
        )

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """Every name in the rdata of every written or once generated set."""
        return tuple(link for found in self._sets for link in _links(*found))

    @cached_property
    def steps(self) -> tuple[Link, ...]:
        """The links that lead on to another name: CNAME, DNAME and ALIAS."""
        return tuple(
            link for found in self._sets if found[2].rtype in _STEPS for link in _links(*found)
        )

    @cached_property
    def doubtful(self) -> tuple[Link, ...]:
        """The links whose targets may be missing or of others: few of them, as a rule."""
        return tuple(
            link
            for key, node, rrset in self._sets
            if not (rrset.rtype in _ONE_NAME and all(map(self._is_settled, rrset.rdatas)))
            for link in _links(key, node, rrset)
            if not self._is_settled(link.target)
        )

    def _is_settled(self, target: bytes) -> bool:
        """Whether a name exists here, in a zone that no other apex lies below.

        Then this zone governs it in every environment, and it has no keeper.
        """
        node = self.space.node(target.lower())
        return node is not None and bool(node.sets) and node.zone in self._undivided

    @cached_property
    def hidden_apexes(self) -> frozenset[bytes]:
        """Apexes of which no zone is this environment's to see, grants apart."""
        return frozenset(
            apex
            for apex, hidden in self._hidden.items()
            if apex not in self.survey.given and len(hidden) == len(self.survey.by_apex[apex])
        )

    def keeper(self, name: bytes) -> Keeper | None:
        """Whose the name is, when it belongs to others and this environment was not granted it."""
        key = names.key(name)
        apex = self.survey.governing(key)
        if apex is None:
            return None
        if apex in self.hidden_apexes:
            return self._keeper_of_zone(key, apex)
        hidden = self._hidden.get(apex)
        if hidden and not self.space.has(key):
            for zone in hidden:  # namesakes: what exists in one of theirs only
                if self._is_known_in(zone, key, apex):
                    return _zone_keeper(zone, self.survey)
        if apex == self.survey.domain and key not in self.space:
            return self._keeper_of_regionless(key)
        return None

    def _keeper_of_zone(self, key: bytes, apex: bytes) -> Keeper | None:
        hidden = self._hidden[apex]
        if all(zone.fallthrough for zone in hidden):
            # Names of fall-through zones are public; theirs are those with records of theirs.
            if key in self.space:
                return None
            hidden = [zone for zone in hidden if key in zone.records or key in zone.services]
        elif apex in self.space.zones and self.space.has(key):
            return None  # granted
        return _zone_keeper(hidden[0], self.survey) if hidden else None

    def _is_known_in(self, zone: Zone, key: bytes, apex: bytes) -> bool:
        """Whether an environment of that zone has the name in a zone of that apex."""
        for name in zone.visible:
            sight = self.survey.sights.get(name)
            node = sight.space.node(key) if sight is not None else None
            if node is not None and names.key(node.zone.apex) == apex:
                return True
        return False

    def _keeper_of_regionless(self, key: bytes) -> Keeper | None:
        for above in (key, *names.ancestors(key)):
            if len(above) <= len(self.survey.domain):
                return None
            services = self.survey.regionless.get(above)
            if services:
                if any(self.environment in self.survey.viewers(s) for s in services):
                    return None
                return Keeper(f"{services[0].environment}'s", services[0].place)
        return None

    def origin(self, key: bytes, node: Node, rrset: StaticSet) -> Origin | None:
        """The record set behind a set of this namespace; None for what is generated."""
        for zone in self.survey.by_apex.get(names.key(node.zone.apex), ()):
            override = zone.overrides.get(self.environment, {}).get(key)
            if override is not None:
                for found in override.sets:
                    if (found.rtype, found.place) == (rrset.rtype, rrset.place):
                        return Origin(found, zone, True)
            written = zone.find(key, rrset.rtype)
            if written is not None and written.place == rrset.place:
                return Origin(written, zone, False)
        return None

    def place_of(self, link: Link) -> Place:
        """Where the rdata of a link stands."""
        origin = self.origin(link.key, link.node, link.rrset)
        if origin is not None:
            return origin.found.places[link.position]
        plan, zone = self.survey.plan, link.node.zone
        servers = self.survey.environments[self.environment].nameservers
        if link.rrset.rtype == SOA:
            for declared in self.survey.by_apex.get(names.key(zone.apex), ()):
                soa, place = declared.soa, declared.soa_place
                if place is not None and link.target in (soa.mname, soa.rname):
                    return place
            if link.field == "rname":
                return plan.rname_place or plan.place
        for server in servers:
            if server.name == link.target:
                return server.place
        return link.rrset.place


def _links(key: bytes, node: Node, rrset: StaticSet) -> Iterator[Link]:
    is_name = rrset.rtype in _ONE_NAME
    for position, rdata in enumerate(rrset.rdatas):
        if is_name:
            yield Link(key, node, rrset, position, "target", rdata)
            continue
        for field, target in records.names_in(rrset.rtype, rdata):
            yield Link(key, node, rrset, position, field, target)


def _zone_keeper(zone: Zone, survey: Survey) -> Keeper:
    if zone.environment is not None:
        return Keeper(f"{zone.environment}'s", zone.place)
    whose = f"in a zone for {survey.listed(zone.visible) or 'nobody'} only"
    return Keeper(whose, zone.place)
