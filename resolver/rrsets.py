"""What a node of a namespace holds: record sets, written or selected, behind one interface.

`draw` gives the cycle of rdata that answers take turns through. Static sets are written in the
zone; the others come from `select`, so that every answer and every explanation agree.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

from healthcheck.health import HealthSource
from resolver.select import Choice, Family, Mode, Pool, Selection, select
from resolver.zones.places import Place
from resolver.zones.zone import Endpoint, Policy, Port, Service

A, NS, CNAME, SOA, PTR, MX, AAAA, SRV, DNAME, DS, SVCB, HTTPS = (
    *(1, 2, 5, 6, 12, 15, 28, 33, 39, 43, 64, 65),
)
ANY, HINFO = 255, 13
ALIAS = -1  # where a node keeps its ALIAS: no question has this type

FAMILY_OF = {A: Family.V4, AAAA: Family.V6}
# Rotations of one set kept ready: bounded in octets, so that big sets turn in bigger steps.
MAX_ROTATED = 65536
UNSETTLED_TTL = 5  # seconds, of an answer with an endpoint that is changing its mind


class Scope(NamedTuple):
    """What a draw depends on beside the zones: who asks from where, and health."""

    environment: str
    region: str
    health: HealthSource

    @property
    def paths(self) -> tuple[bytes, bytes]:
        """`env.region` and `env` as labels: where `here` leads."""
        return _paths(self.environment, self.region)


@lru_cache
def _paths(environment: str, region: str) -> tuple[bytes, bytes]:
    words = [bytes((len(word),)) + word.encode() for word in (environment, region)]
    return words[0] + words[1], words[0]


class Pick(NamedTuple):
    """What one turn gives: the rdata and their one TTL (RFC 2181 5.2)."""

    rdatas: tuple[bytes, ...]
    ttl: int


class Drawn(NamedTuple):
    """The turns of a record set, and how they came about."""

    turns: tuple[Pick, ...]
    mode: Mode


class Rrset(Protocol):
    """The records of one owner and type, as one scope sees them."""

    @property
    def rtype(self) -> int: ...
    @property
    def ttl(self) -> int: ...
    @property
    def place(self) -> Place: ...
    def draw(self, scope: Scope) -> Drawn: ...


@dataclass(frozen=True, slots=True)
class StaticSet:
    """Records as written, or generated once."""

    rtype: int
    ttl: int
    rdatas: tuple[bytes, ...]
    place: Place

    def draw(self, scope: Scope) -> Drawn:
        """Addresses take turns; other types keep their order."""
        count = len(self.rdatas)
        if self.rtype not in FAMILY_OF or count == 1:
            return Drawn((Pick(self.rdatas, self.ttl),), Mode.NORMAL)
        turns = max(1, min(count, MAX_ROTATED // (count * 16)))
        starts = [turn * count // turns for turn in range(turns)]
        return Drawn(
            tuple(Pick(self.rdatas[s:] + self.rdatas[:s], self.ttl) for s in starts), Mode.NORMAL
        )


class Tiers(Protocol):
    """Whatever can name the tiers of a service for a scope."""

    @property
    def place(self) -> Place: ...
    def pool(self, scope: Scope) -> Pool: ...


@dataclass(frozen=True, slots=True)
class RegionalTiers:
    """A service of its zone: itself, then its failover regions."""

    fixed: Pool

    @property
    def place(self) -> Place:
        return self.fixed.named.place

    def pool(self, scope: Scope) -> Pool:
        return self.fixed


@dataclass(frozen=True, slots=True)
class RegionlessTiers:
    """`service.env`: the caller's region, that service's failover, then the other regions."""

    services: Mapping[str, Service]  # by region; those that the environment sees
    regions: tuple[str, ...]

    @property
    def place(self) -> Place:
        return next(iter(self.services.values())).place

    def pool(self, scope: Scope) -> Pool:
        near = self.services.get(scope.region)
        wanted = [scope.region, *(near.failover if near else ()), *self.regions]
        order = [region for region in dict.fromkeys(wanted) if region in self.services]
        tiers = tuple(self.services[region] for region in order)
        return Pool(tiers[0], tiers)


@dataclass(frozen=True, slots=True)
class PoolSet:
    """A or AAAA of a service: whatever `select` says."""

    rtype: int
    tiers: Tiers
    lowest_ttl: int

    @property
    def place(self) -> Place:
        return self.tiers.place

    @property
    def ttl(self) -> int:
        return self.lowest_ttl

    def selection(self, scope: Scope) -> Selection:
        return select(self.tiers.pool(scope), FAMILY_OF[self.rtype], scope.health)

    def draw(self, scope: Scope) -> Drawn:
        pool = self.tiers.pool(scope)
        selection = select(pool, FAMILY_OF[self.rtype], scope.health)
        policy, turns = pool.named.policy, []
        for turn in selection.cycle:
            chosen = [selection.choices[i] for i in turn]
            ttl = ttl_for(self.ttl, policy, chosen)
            turns.append(Pick(tuple(choice.address for choice in chosen), ttl))
        return Drawn(tuple(turns), selection.mode)


@dataclass(frozen=True, slots=True)
class PortSet:
    """SRV of a named port: one for each selected endpoint (RFC 2782)."""

    tiers: Tiers
    port: str
    protocol: str
    ttl: int
    rtype: int = field(default=SRV, init=False)

    @property
    def place(self) -> Place:
        return self.tiers.place

    def draw(self, scope: Scope) -> Drawn:
        pool = self.tiers.pool(scope)
        selections = [select(pool, family, scope.health) for family in Family]
        rdatas: dict[bytes, bytes] = {}
        chosen = []
        for selection in selections:
            for choice in selection.choices:
                if not choice.is_in:
                    continue
                port = find_port(pool.tiers[choice.tier], self.port, self.protocol)
                if port is None:  # that region's service has no such port
                    continue
                chosen.append(choice)  # by either family: the answer leads to both addresses
                if choice.endpoint.owner in rdatas:
                    continue
                weight = max(1, min(65535, round(choice.share * 100)))
                rdatas[choice.endpoint.owner] = (
                    struct.pack("!HHH", choice.tier, weight, port.number) + choice.endpoint.owner
                )
        if not rdatas:
            modes = {selection.mode for selection in selections}
            return Drawn((), Mode.CLOSED if Mode.CLOSED in modes else Mode.EMPTY)
        ttl = ttl_for(self.ttl, pool.named.policy, chosen)
        return Drawn((Pick(tuple(rdatas.values()), ttl),), selections[0].mode)


@dataclass(frozen=True, slots=True)
class AliasSet:
    """A or AAAA of an owner with ALIAS: those of its target, with the lower TTL."""

    target: Rrset
    ttl: int
    place: Place

    @property
    def rtype(self) -> int:
        return self.target.rtype

    def draw(self, scope: Scope) -> Drawn:
        turns, mode = self.target.draw(scope)
        return Drawn(tuple(Pick(rdatas, min(ttl, self.ttl)) for rdatas, ttl in turns), mode)


def ttl_for(ttl: int, policy: Policy, chosen: Iterable[Choice]) -> int:
    """The TTL of an answer that holds these: short while one of them may change its mind."""
    if ttl <= UNSETTLED_TTL or not policy.ttl_from_health:
        return ttl
    return ttl if all(choice.health.is_settled for choice in chosen) else UNSETTLED_TTL


def find_port(service: Service, name: str, protocol: str) -> Port | None:
    """The port of a service with this name and protocol."""
    return next((p for p in service.ports if p.name == name and p.protocol == protocol), None)


def endpoint_sets(endpoint: Endpoint, ttl: int) -> dict[int, Rrset]:
    """The endpoint's own name: its addresses at all times, whatever its health."""
    sets: dict[int, Rrset] = {}
    if endpoint.v4 is not None:
        sets[A] = StaticSet(A, ttl, (endpoint.v4,), endpoint.place)
    if endpoint.v6 is not None:
        sets[AAAA] = StaticSet(AAAA, ttl, (endpoint.v6,), endpoint.place)
    return sets


def pool_sets(tiers: Tiers, services: Iterable[Service], ttl: int) -> dict[int, Rrset]:
    """A and AAAA of a service name, for the families that any of its endpoints has."""
    endpoints = [endpoint for service in services for endpoint in service.endpoints]
    sets: dict[int, Rrset] = {}
    if any(endpoint.v4 is not None for endpoint in endpoints):
        sets[A] = PoolSet(A, tiers, ttl)
    if any(endpoint.v6 is not None for endpoint in endpoints):
        sets[AAAA] = PoolSet(AAAA, tiers, ttl)
    return sets
