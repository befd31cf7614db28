"""A namespace as compact octets: each name packed by itself, and opened when it is first asked for.

So a process that answers takes over a hundred thousand names in a fraction of a second, and keeps
them in a few tens of megabytes. What many names share (services, tiers, policies, names of files)
is packed once and named by a digest of its octets. So equal things have equal octets, in every
process, and two parcels differ just where what they say differs. Pure.

A parcel is read by the version of Python that made it (`marshal`), and is trusted as code is.
"""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from resolver.hints import HintedSet
from resolver.namespace import Below, Namespace, Node, ZoneView
from resolver.rrsets import (
    PoolSet,
    PortSet,
    RegionalTiers,
    RegionlessTiers,
    Rrset,
    StaticSet,
    Tiers,
)
from resolver.zones.places import Place
from resolver.zones.zone import CheckNeeds, Endpoint, Port, Service

FORMAT = 1  # of everything below; a parcel that was kept is read by the same one only
MARSHAL_VERSION = 2  # without references: shorter, and sooner written
DIGEST_SIZE = 12

NO_NEEDS = CheckNeeds()

Digest = bytes
Table = dict[bytes, bytes]
"""A name (key) or a digest → octets."""

BELOW = tuple(Below)
# Of record sets, and of tiers.
STATIC, HINTED, POOL, PORT = range(4)
REGIONAL, REGIONLESS = range(2)


@dataclass(slots=True)
class Parcel:
    """A namespace, packed; frozen once it is made. All by content, nothing by identity."""

    environment: str
    zones: Table = field(default_factory=dict)  # by apex key
    nodes: Table = field(default_factory=dict)
    glue: Table = field(default_factory=dict)
    shared: Table = field(default_factory=dict)  # by digest
    checks: Table = field(default_factory=dict)  # by digest
    digests: dict[bytes, int] = field(default_factory=dict)  # of the visible content, by apex key


def pack(space: Namespace, *, is_bare: bool = False) -> Parcel:
    """Pack a namespace: all of it, or what answers are made of.

    A bare one is without places, checks and needs. So it stays the same when lines move.
    """
    packing = _Packing(space.environment, is_bare)
    parcel = packing.parcel
    parcel.digests = dict(space.digests)
    parcel.zones = {key: _dump(packing.zone(zone)) for key, zone in space.zones.items()}
    parcel.nodes = {key: _dump(packing.node(key, node)) for key, node in space.nodes.items()}
    parcel.glue = {key: _dump(packing.sets(sets)) for key, sets in space.glue.items()}
    return parcel


def _dump(value: Any) -> bytes:
    return marshal.dumps(value, MARSHAL_VERSION)


class _Packing:
    """One namespace on its way into a parcel; what is shared is known by identity meanwhile."""

    def __init__(self, environment: str, is_bare: bool) -> None:
        self.parcel = Parcel(environment)
        self._is_bare = is_bare
        self._files: dict[str, Digest] = {}
        self._known: dict[int, tuple[Digest, object]] = {}  # the object too: its id stays its own

    def zone(self, zone: ZoneView) -> tuple[Any, ...]:
        return (
            *(zone.apex, zone.soa, zone.soa_ttl, zone.minimum, zone.ttl, zone.nameservers),
            *(zone.fallthrough, self._place(zone.place), zone.is_internal),
        )

    def node(self, key: bytes, node: Node) -> tuple[Any, ...]:
        # A zone's apex is the end of the key; a wildcard has the name that this says.
        owner = None if node.owner == key else node.owner
        marks = (BELOW.index(node.below), node.wildcard is not None, node.is_open)
        return (owner, len(node.zone.apex), *marks, self.sets(node.sets))

    def sets(self, sets: Mapping[int, Rrset]) -> tuple[Any, ...]:
        return tuple((number, *self._rrset(rrset)) for number, rrset in sets.items())

    def _rrset(self, rrset: Rrset) -> tuple[Any, ...]:
        if isinstance(rrset, StaticSet):
            return (STATIC, rrset.rtype, rrset.ttl, rrset.rdatas, *self._place(rrset.place))
        if isinstance(rrset, PoolSet):
            return (POOL, rrset.rtype, rrset.lowest_ttl, self._tiers(rrset.tiers))
        if isinstance(rrset, PortSet):
            tiers = self._tiers(rrset.tiers)
            return (PORT, tiers, str(rrset.port), str(rrset.protocol), rrset.ttl)
        assert isinstance(rrset, HintedSet)
        return (HINTED, rrset.rtype, rrset.ttl, rrset.rdatas, *self._place(rrset.place))

    def _place(self, place: Place) -> tuple[Digest, int, int] | tuple[()]:
        if self._is_bare:
            return ()
        digest = self._files.get(place.file)
        if digest is None:
            digest = self._share(self.parcel.shared, _dump(str(place.file)))
            self._files[place.file] = digest
        return digest, place.line, place.column

    def _share(self, table: Table, octets: bytes) -> Digest:
        digest = blake2b(octets, digest_size=DIGEST_SIZE).digest()
        table[digest] = octets
        return digest

    def _once(self, thing: object, describe: Callable[[], bytes], table: Table) -> Digest:
        """Pack a thing that many share."""
        found = self._known.get(id(thing))
        if found is None:
            found = self._known[id(thing)] = (self._share(table, describe()), thing)
        return found[0]

    def _plain(self, thing: object) -> Digest:
        """Few, and of many shapes: those are pickled."""
        return self._once(thing, lambda: pickle.dumps(thing, 5), self.parcel.shared)

    def _tiers(self, tiers: Tiers) -> Digest:
        return self._once(tiers, lambda: _dump(self._describe_tiers(tiers)), self.parcel.shared)

    def _describe_tiers(self, tiers: Tiers) -> tuple[Any, ...]:
        if isinstance(tiers, RegionalTiers):
            pool = tiers.fixed
            return (REGIONAL, self._service(pool.named), tuple(map(self._service, pool.tiers)))
        assert isinstance(tiers, RegionlessTiers)
        by_region = ((str(region), self._service(s)) for region, s in tiers.services.items())
        return (REGIONLESS, tuple(by_region), tuple(map(str, tiers.regions)))

    def _service(self, service: Service) -> Digest:
        shared = self.parcel.shared
        return self._once(service, lambda: _dump(self._describe_service(service)), shared)

    def _describe_service(self, service: Service) -> tuple[Any, ...]:
        checked_by, is_bare = service.checked_by, self._is_bare
        check = None if checked_by is None else b""
        if checked_by is not None and not is_bare:
            table = self.parcel.checks
            check = self._once(checked_by, lambda: pickle.dumps(checked_by, 5), table)
        places = () if is_bare else tuple(self._place(place) for place in service.failover_places)
        return (
            *(service.owner, str(service.name)),
            *(_text(service.environment), _text(service.region)),
            tuple(self._endpoint(endpoint) for endpoint in service.endpoints),
            tuple(self._port(port) for port in service.ports),
            *(service.ttl, self._plain(service.policy), tuple(map(str, service.failover)), check),
            *(tuple(sorted(map(str, service.grants))), self._place(service.place)),
            *(0 if is_bare else service.digest, places, service.says_check),
            self._plain(NO_NEEDS if is_bare else service.needs),
        )

    def _endpoint(self, endpoint: Endpoint) -> tuple[Any, ...]:
        return (
            *(str(endpoint.label), endpoint.owner, endpoint.v4, endpoint.v6, endpoint.weight),
            *(endpoint.standby, endpoint.state.value, endpoint.ptr, self._place(endpoint.place)),
            endpoint.key,
        )

    def _port(self, port: Port) -> tuple[Any, ...]:
        place = self._place(port.place)
        return (str(port.name), port.number, str(port.protocol), port.prefix, place)


def _text(value: str | None) -> str | None:
    return None if value is None else str(value)
