"""A namespace as compact octets: each name packed by itself, and opened when it is first asked for.

So a process that answers takes over a hundred thousand names in a fraction of a second, and keeps
them in a few tens of megabytes. What many names share (services, tiers, policies) is packed once
and named by a digest of its octets. So equal things have equal octets, in every process, and two
parcels differ just where their answers may. Places and checks are kept beside: who only answers
needs none of them, and a line more in a file changes no name. Pure.

A parcel is read by the version of Python that made it (`marshal`), and is trusted as code is.
"""

from __future__ import annotations

import marshal
import pickle
import struct
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
from resolver.zones.zone import Endpoint, Service

FORMAT = 1  # of everything below; a parcel that was kept is read by the same one only
MARSHAL_VERSION = 2  # without references: shorter, and sooner written
DIGEST_SIZE = 12

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
    # What answers are not made of: where things were written, by the keys of above and a letter
    # that begins no name; files by their number. Checks and their needs, by digest.
    places: Table = field(default_factory=dict)
    checks: Table = field(default_factory=dict)
    digests: dict[bytes, int] = field(default_factory=dict)  # of the visible content, by apex key


OF_ZONE, OF_GLUE, OF_SERVICE, OF_FILE = b"z", b"g", b"s", b"f"
PLACE = struct.Struct("!III")  # number of the file, line, column
NUMBER = struct.Struct("!I")


def pack(space: Namespace) -> Parcel:
    """Pack all of a namespace."""
    packing = _Packing(space.environment)
    parcel = packing.parcel
    parcel.digests = dict(space.digests)
    for key, zone in space.zones.items():
        parcel.zones[key] = packing.zone(key, zone)
    for key, node in space.nodes.items():
        parcel.nodes[key] = packing.node(key, node)
    for key, sets in space.glue.items():
        parcel.glue[key] = _dump(packing.sets(OF_GLUE + key, sets))
    return parcel


def _dump(value: Any) -> bytes:
    return marshal.dumps(value, MARSHAL_VERSION)


class _Packing:
    """One namespace on its way into a parcel; what is shared is known by identity meanwhile."""

    def __init__(self, environment: str) -> None:
        self.parcel = Parcel(environment)
        self._files: dict[str, int] = {}
        self._known: dict[int, tuple[Digest, object]] = {}  # the object too: its id stays its own

    def zone(self, key: bytes, zone: ZoneView) -> bytes:
        self.parcel.places[OF_ZONE + key] = self._place(zone.place)
        what = (zone.apex, zone.soa, zone.soa_ttl, zone.minimum, zone.ttl, zone.nameservers)
        return _dump((*what, zone.fallthrough, zone.is_internal))

    def node(self, key: bytes, node: Node) -> bytes:
        # A zone's apex is the end of the key; a wildcard has the name that this says.
        owner = None if node.owner == key else node.owner
        marks = (BELOW.index(node.below), node.wildcard is not None, node.is_open)
        return _dump((owner, len(node.zone.apex), *marks, self.sets(key, node.sets)))

    def sets(self, key: bytes, sets: Mapping[int, Rrset]) -> tuple[Any, ...]:
        """The sets of a name; where they were written goes under `key`."""
        places = [
            self._place(rrset.place)
            for rrset in sets.values()
            if isinstance(rrset, (StaticSet, HintedSet))
        ]
        if places:
            self.parcel.places[key] = b"".join(places)
        return tuple((number, *self._rrset(rrset)) for number, rrset in sets.items())

    def _rrset(self, rrset: Rrset) -> tuple[Any, ...]:
        if isinstance(rrset, StaticSet):
            return (STATIC, rrset.rtype, rrset.ttl, rrset.rdatas)
        if isinstance(rrset, PoolSet):
            return (POOL, rrset.rtype, rrset.lowest_ttl, self._tiers(rrset.tiers))
        if isinstance(rrset, PortSet):
            tiers = self._tiers(rrset.tiers)
            return (PORT, tiers, str(rrset.port), str(rrset.protocol), rrset.ttl)
        assert isinstance(rrset, HintedSet)
        return (HINTED, rrset.rtype, rrset.ttl, rrset.rdatas)

    def _place(self, place: Place) -> bytes:
        number = self._files.get(place.file)
        if number is None:
            number = self._files[place.file] = len(self._files)
            self.parcel.places[OF_FILE + NUMBER.pack(number)] = str(place.file).encode()
        return PLACE.pack(number, place.line, place.column)

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

    def _plain(self, thing: object, table: Table) -> Digest:
        """Few, and of many shapes: those are pickled."""
        return self._once(thing, lambda: pickle.dumps(thing, 5), table)

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
        shared, places = self.parcel.shared, self.parcel.places
        digest = self._once(service, lambda: _dump(self._describe_service(service)), shared)
        if OF_SERVICE + digest not in places:
            places[OF_SERVICE + digest] = _dump(self._describe_rest(service))
        return digest

    def _describe_service(self, service: Service) -> tuple[Any, ...]:
        return (
            *(service.owner, str(service.name)),
            *(_text(service.environment), _text(service.region)),
            tuple(map(_describe_endpoint, service.endpoints)),
            tuple((str(p.name), p.number, str(p.protocol), p.prefix) for p in service.ports),
            *(service.ttl, self._plain(service.policy, self.parcel.shared)),
            *(tuple(map(str, service.failover)), service.checked_by is not None),
        )

    def _describe_rest(self, service: Service) -> tuple[Any, ...]:
        checks, checked_by = self.parcel.checks, service.checked_by
        return (
            self._place(service.place),
            tuple(self._place(endpoint.place) for endpoint in service.endpoints),
            tuple(self._place(port.place) for port in service.ports),
            tuple(self._place(place) for place in service.failover_places),
            *(tuple(sorted(map(str, service.grants))), service.digest, service.says_check),
            self._plain(service.needs, checks),
            None if checked_by is None else self._plain(checked_by, checks),
        )


def _describe_endpoint(endpoint: Endpoint) -> tuple[Any, ...]:
    return (
        *(str(endpoint.label), endpoint.owner, endpoint.v4, endpoint.v6, endpoint.weight),
        *(endpoint.standby, endpoint.state.value, endpoint.ptr, endpoint.key),
    )


def _text(value: str | None) -> str | None:
    return None if value is None else str(value)
