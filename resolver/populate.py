"""Zones → the namespace of one environment, which holds what it may see and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from resolver import names
from resolver.hints import written
from resolver.leaving import add_localhost, add_routed, open_names, routed_names
from resolver.namespace import Below, Namespace, Node, ZoneView
from resolver.rrsets import (
    AAAA,
    ALIAS,
    CNAME,
    DNAME,
    DS,
    NS,
    PTR,
    SOA,
    A,
    PortSet,
    RegionalTiers,
    RegionlessTiers,
    Rrset,
    StaticSet,
    Tiers,
    endpoint_sets,
    pool_sets,
)
from resolver.select import Pool
from resolver.visible import Part, claims
from resolver.zones import records
from resolver.zones.plan import HERE
from resolver.zones.services import stable_digest
from resolver.zones.special import LOCALHOST
from resolver.zones.zone import Environment, Plan, Service

MASK = 2**96 - 1

SerialOf = Callable[[str, bytes, int], int]
"""(environment, apex key, digest of the visible content) → serial."""


class Before(NamedTuple):
    """What the environment saw under the same plan, and the namespace made of it."""

    parts: Mapping[bytes, Part]
    space: Namespace


def populate(
    plan: Plan,
    environment: Environment,
    parts: Mapping[bytes, Part],
    serial_of: SerialOf,
    before: Before | None = None,
) -> Namespace:
    """Build the namespace of one environment from what it sees (`visible_parts`).

    With `before`, zones in which nothing can have changed keep their nodes.
    """
    return _Population(plan, environment, parts).build(serial_of, before)


class _Population:
    def __init__(self, plan: Plan, environment: Environment, parts: Mapping[bytes, Part]) -> None:
        self.plan = plan
        self.environment = environment
        self.parts = parts
        self._governors: dict[bytes, bytes | None] = {}  # by the name above
        self.space = Namespace(environment.name)
        self.nested = self._apexes_with_zones_below()
        self.regional = self._regional_services()
        self.claims = claims(self.parts.values())
        self.internal = [names.key(apex) for apex in (plan.domain, *plan.domains)]
        self.routed = routed_names(environment, parts, self.internal, self._governing)

    def build(self, serial_of: SerialOf, before: Before | None) -> Namespace:
        space = self.space
        space.digests = self._digests()
        kept = self._kept_zones(before) if before is not None else frozenset()
        for key, part in self.parts.items():
            serial = part.soa.serial
            if serial is None:
                serial = serial_of(self.environment.name, key, space.digests[key])
            if before is not None and key in kept:
                space.zones[key] = before.space.zones[key]
                continue
            space.zones[key] = zone = self._zone_view(part, serial)
            self._add_apex(key, part, zone)
        domain = space.zones[names.key(self.plan.domain)]
        fresh = {key: part for key, part in self.parts.items() if key not in kept}
        for key, part in fresh.items():
            self._add_records(key, part, space.zones[key])
        for key, part in fresh.items():
            zone = space.zones[key]
            for service in part.services:
                self._add_service(service, key, zone)
        self._add_regionless(domain)
        self._add_nameservers(domain)
        self._add_pointers()
        add_localhost(self.space, self.parts)
        self._occlude()
        add_routed(self.space, self.routed)
        made = [*space.nodes, *kept]  # the names above a kept apex are another zone's
        if before is not None:
            self._keep(kept, before.space)
        self._add_empty_non_terminals(made)
        self._add_here(domain)
        self._mark_wildcards()
        return space

    def _kept_zones(self, before: Before) -> frozenset[bytes]:
        """The zones whose nodes cannot have changed.

        Only env.region zones: the domain's and the reverse ones hold what others generate. All
        zones of an environment go together, for the sake of failover tiers.
        """
        if before.parts.keys() != self.parts.keys():
            return frozenset()
        stale = {
            part.environment
            for key, part in self.parts.items()
            if not part.is_same(before.parts[key])
        }
        given_to = {self._governing(names.key(s.name)) for s in self.environment.nameservers}
        return frozenset(
            key
            for key, part in self.parts.items()
            if part.environment is not None
            and part.environment not in stale
            and key not in given_to
        )

    def _keep(self, kept: frozenset[bytes], old: Namespace) -> None:
        zones = {old.zones[key] for key in kept}
        nodes = self.space.nodes
        nodes.update((key, node) for key, node in old.items() if node.zone in zones)
        for key, sets in old.glue.items():
            if self._governing(key) in kept:
                self.space.glue[key] = sets

    def _apexes_with_zones_below(self) -> set[bytes]:
        return {
            above for key in self.parts for above in names.ancestors(key) if above in self.parts
        }

    def _regional_services(self) -> dict[tuple[str, str], dict[str, Service]]:
        """(service, environment) → region → service, of those this environment sees."""
        found: dict[tuple[str, str], dict[str, Service]] = {}
        for part in self.parts.values():
            for service in part.services:
                if service.environment is not None and service.region is not None:
                    by_region = found.setdefault((service.name, service.environment), {})
                    by_region[service.region] = service
        return found

    def _digests(self) -> dict[bytes, int]:
        """Order does not matter, so parts are summed; what is generated belongs to its zone."""
        common = stable_digest(
            [(server.name, server.addresses) for server in self.environment.nameservers],
            self.plan.rname,
        )
        digests = {}
        for key, part in self.parts.items():
            total = common + stable_digest(part.soa, part.ttl, part.fallthrough)
            total += sum(service.digest for service in part.services)
            total += sum(item.digest for item in part.sets)
            digests[key] = total
        domain = names.key(self.plan.domain)
        for services in self.regional.values():
            digests[domain] += sum(3 * service.digest for service in services.values())
        for claim in self.claims.values():
            apex = self._governing(claim.owner)
            if apex is not None:
                digests[apex] += claim.digest
        return {key: total & MASK for key, total in digests.items()}

    def _zone_view(self, part: Part, serial: int) -> ZoneView:
        soa, key = part.soa, names.key(part.apex)
        servers = tuple(server.name for server in self.environment.nameservers) or (LOCALHOST,)
        fixed = (serial, soa.refresh, soa.retry, soa.expire, soa.minimum)
        rdata = (soa.mname or servers[0]) + (soa.rname or self.plan.rname)
        return ZoneView(
            apex=part.apex,
            soa=rdata + struct.pack("!5I", *fixed),
            soa_ttl=part.ttl if soa.ttl is None else soa.ttl,
            minimum=soa.minimum,
            ttl=part.ttl,
            nameservers=servers,
            fallthrough=part.fallthrough,
            place=part.place,
            is_internal=part.is_given or any(names.is_at_or_below(key, k) for k in self.internal),
        )

    def _add_apex(self, key: bytes, part: Part, zone: ZoneView) -> None:
        sets: dict[int, Rrset] = {}
        if not part.fallthrough:
            sets[SOA] = StaticSet(SOA, zone.soa_ttl, (zone.soa,), zone.place)
            sets[NS] = StaticSet(NS, zone.ttl, zone.nameservers, zone.place)
        self.space.nodes[key] = Node(part.apex, zone, sets)

    def _governing(self, key: bytes) -> bytes | None:
        """The apex key of the zone that a name belongs to: the longest."""
        if key in self.parts:
            return key
        above = names.parent(key)
        try:
            return self._governors[above]
        except KeyError:
            found = next((name for name in names.ancestors(key) if name in self.parts), None)
            self._governors[above] = found
            return found

    def _node(self, owner: bytes, apex: bytes, zone: ZoneView) -> Node | None:
        """The node of an owner in this zone, made if need be; None: it is another zone's."""
        key = names.key(owner)
        if apex in self.nested and self._governing(key) != apex:
            return None
        node = self.space.nodes.get(key)
        if node is None:
            node = self.space.nodes[key] = Node(owner, zone, {})
        return node

    def _add_records(self, apex: bytes, part: Part, zone: ZoneView) -> None:
        for item in part.sets:
            node = self._node(item.owner, apex, zone)
            if node is not None:
                number = ALIAS if item.rtype == records.ALIAS else item.rtype
                node.sets[number] = written(item)

    def _add_service(self, service: Service, apex: bytes, zone: ZoneView) -> None:
        regions = self.regional.get((service.name, service.environment or ""), {})
        others = [regions[region] for region in service.failover if region in regions]
        tiers = RegionalTiers(Pool(service, (service, *others)))
        node = self._node(service.owner, apex, zone)
        if node is None:
            return
        for rtype, rrset in pool_sets(tiers, tiers.fixed.tiers, service.ttl).items():
            node.sets.setdefault(rtype, rrset)
        for endpoint in service.endpoints:
            node = self._node(endpoint.owner, apex, zone)
            if node is not None:
                for rtype, found in endpoint_sets(endpoint, service.ttl).items():
                    node.sets.setdefault(rtype, found)
        self._add_ports(service, service.owner, tiers, apex, zone)

    def _add_ports(
        self, service: Service, owner: bytes, tiers: Tiers, apex: bytes, zone: ZoneView
    ) -> None:
        for port in service.ports:
            rrset = PortSet(tiers, port.name, port.protocol, service.ttl)
            if len(port.prefix) + len(owner) > names.MAX_NAME:
                continue
            node = self._node(port.prefix + owner, apex, zone)
            if node is not None:
                node.sets.setdefault(rrset.rtype, rrset)

    def _add_regionless(self, domain: ZoneView) -> None:
        """`service.env` for every regional service that is seen; in the domain's zone."""
        apex = names.key(self.plan.domain)
        for (_, environment), services in self.regional.items():
            first = next(iter(services.values()))
            prefix = first.owner[: len(first.owner) - len(self._zone_suffix(first))]
            owner = prefix + bytes((len(environment),)) + environment.encode() + self.plan.domain
            node = self._node(owner, apex, domain)
            if node is None or len(owner) > names.MAX_NAME:
                continue
            tiers = RegionlessTiers(services, self.plan.regions)
            ttl = min(service.ttl for service in services.values())
            for rtype, rrset in pool_sets(tiers, services.values(), ttl).items():
                node.sets.setdefault(rtype, rrset)
            for service in services.values():
                self._add_ports(service, owner, tiers, apex, domain)

    def _zone_suffix(self, service: Service) -> bytes:
        path = f"{service.environment}.{service.region}"
        return names.from_text(path, self.plan.domain)

    def _add_nameservers(self, domain: ZoneView) -> None:
        """Addresses of the name servers, where their names are ours and say nothing else."""
        for server in self.environment.nameservers:
            apex = self._governing(names.key(server.name))
            if apex is None:
                continue
            node = self._node(server.name, apex, self.space.zones[apex])
            if node is None or CNAME in node.sets:
                continue
            for rtype, size in ((A, 4), (AAAA, 16)):
                packed = tuple(a.packed for a in server.addresses if len(a.packed) == size)
                if packed:
                    rrset = StaticSet(rtype, domain.ttl, packed, server.place)
                    node.sets.setdefault(rtype, rrset)

    def _add_pointers(self) -> None:
        for claim in self.claims.values():
            apex = self._governing(claim.owner)
            if apex is None or self.space.zones[apex].fallthrough:
                continue
            node = self._node(claim.owner, apex, self.space.zones[apex])
            if node is not None and PTR not in node.sets and CNAME not in node.sets:
                node.sets[PTR] = StaticSet(PTR, claim.ttl, (claim.target,), claim.place)

    def _occlude(self) -> None:
        """Below zone cuts and DNAMEs there are no nodes; addresses there are glue."""
        nodes, space = self.space.nodes, self.space
        tops: dict[bytes, Below] = {}
        for key, node in nodes.items():
            if NS in node.sets and key not in self.parts:
                tops[key] = node.below = Below.CUT
            elif DNAME in node.sets:
                tops[key] = node.below = Below.DNAME
        if not tops:
            return
        for key in list(nodes):
            node = nodes[key]
            hidden = any(
                above in tops and nodes[above].zone is node.zone
                for above in names.ancestors(key)
                if above in nodes
            )
            if hidden or node.below is Below.CUT:
                space.glue[key] = {t: s for t, s in node.sets.items() if t in (A, AAAA)}
            if hidden:
                del nodes[key]
            elif node.below is Below.CUT:
                node.sets = {t: s for t, s in node.sets.items() if t in (NS, DS)}

    def _add_empty_non_terminals(self, made: list[bytes]) -> None:
        nodes, zones = self.space.nodes, self.space.zones
        for key in made:
            above = names.parent(key)
            missing = []
            while above not in nodes and above != names.ROOT:
                missing.append(above)
                above = names.parent(above)
            # A zone below another's cut or DNAME adds nothing to that one.
            if not missing or above == names.ROOT or nodes[above].below is not Below.NOTHING:
                continue
            owner = nodes[key].owner
            zone = nodes[above].zone
            for name in missing:
                nodes[name] = Node(owner[len(owner) - len(name) :], zone, {})
        open_names(self.space, self.routed)
        assert all(key in nodes for key in zones)

    def _add_here(self, domain: ZoneView) -> None:
        owner = names.from_text(HERE, self.plan.domain)
        self.space.nodes[names.key(owner)] = Node(owner, domain, {}, Below.HERE)

    def _mark_wildcards(self) -> None:
        nodes = self.space.nodes
        for key, node in nodes.items():
            if key.startswith(b"\x01*"):
                encloser = nodes[names.parent(key)]
                if encloser.below in (Below.NOTHING, Below.FALLTHROUGH):
                    encloser.below, encloser.wildcard = Below.WILDCARD, node
