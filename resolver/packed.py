"""A namespace over a parcel: names are opened when they are asked for, and some stay open. Pure.

What stays open is bounded, so that walking through all names costs no memory for long.
"""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, count, islice, repeat
from typing import Any

from healthcheck.check import CheckedBy, Timing
from healthcheck.health import DeclaredState
from resolver.hints import HintedSet
from resolver.namespace import Namespace, Node, ZoneView
from resolver.parcel import (
    BELOW,
    NUMBER,
    OF_FILE,
    OF_GLUE,
    OF_SERVICE,
    OF_ZONE,
    PLACE,
    POOL,
    PORT,
    REGIONAL,
    STATIC,
    Digest,
    Parcel,
)
from resolver.rrsets import (
    PoolSet,
    PortSet,
    RegionalTiers,
    RegionlessTiers,
    Rrset,
    StaticSet,
    Tiers,
)
from resolver.select import Pool
from resolver.zones.places import Place
from resolver.zones.zone import CheckNeeds, Endpoint, Port, Service

MAX_OPEN = 8192  # names, and shared things, that are kept open in one namespace
EVICTED = 64  # names that make room at a time

# Where a parcel came without its places and checks, as to a worker.
NOWHERE = Place("-")
NO_NEEDS = CheckNeeds()
BARE: tuple[Any, ...] = (b"", (), (), (), (), 0, True, None, None)


class _Checked:
    """In place of a check: that there is one is all that an answer asks."""

    kind = "-"


BARELY = CheckedBy(_Checked(), Timing())  # type: ignore[arg-type]  # it is never probed


class PackedNamespace(Namespace):
    """A namespace over a parcel: names are opened when they are asked for, and some stay open."""

    __slots__ = ("_files", "_opened", "_packed", "parcel")

    def __init__(self, parcel: Parcel, *, is_lazy: bool = False) -> None:
        """With `is_lazy`, `zones` and `glue` hold only what was needed so far."""
        super().__init__(parcel.environment)
        self.parcel = parcel
        self.digests = parcel.digests
        self._packed = parcel.nodes
        self._opened: dict[Digest, Any] = {}
        self._files: dict[int, str] = {}
        if not is_lazy:
            for key in parcel.zones:
                self._zone(key)
            for key in parcel.glue:
                self.glue_of(key)

    def __len__(self) -> int:
        return len(self._packed)

    def __contains__(self, key: bytes) -> bool:
        return key in self._packed

    def node(self, key: bytes) -> Node | None:
        node = self.nodes.get(key)
        if node is None:
            octets = self._packed.get(key)
            return None if octets is None else self._keep(key, octets)
        return node

    def enclose(self, key: bytes) -> Node | None:
        nodes, packed = self.nodes, self._packed
        while len(key) > 1:
            key = key[key[0] + 1 :]
            node = nodes.get(key)
            if node is not None:
                return node
            octets = packed.get(key)
            if octets is not None:
                return self._keep(key, octets)
        return None

    def items(self) -> Iterator[tuple[bytes, Node]]:
        for key, octets in self._packed.items():
            yield key, self.nodes.get(key) or self._open(key, octets)

    def values(self) -> Iterator[Node]:
        return (node for _, node in self.items())

    def glue_of(self, key: bytes) -> Mapping[int, Rrset]:
        sets = self.glue.get(key)
        if sets is None:
            octets = self.parcel.glue.get(key)
            if octets is None:
                return {}
            sets = self.glue[key] = self._sets(OF_GLUE + key, marshal.loads(octets))
        return sets

    def _keep(self, key: bytes, octets: bytes) -> Node:
        nodes = self.nodes
        if len(nodes) >= MAX_OPEN:
            for oldest in list(islice(nodes, EVICTED)):
                nodes.pop(oldest, None)
        node = nodes[key] = self._open(key, octets)
        return node

    def _open(self, key: bytes, octets: bytes) -> Node:
        owner, size, below, has_wildcard, is_open, sets = marshal.loads(octets)
        zone = self._zone(key[len(key) - size :])
        wildcard = self.node(b"\1*" + key) if has_wildcard else None
        owner = key if owner is None else owner
        return Node(owner, zone, self._sets(key, sets), BELOW[below], wildcard, is_open)

    def _zone(self, key: bytes) -> ZoneView:
        zone = self.zones.get(key)
        if zone is None:
            *written, fallthrough, is_internal = marshal.loads(self.parcel.zones[key])
            apex, soa, soa_ttl, minimum, ttl, nameservers = written
            place = self._place(self.parcel.places.get(OF_ZONE + key))
            what = (ttl, nameservers, fallthrough, place, is_internal)
            zone = self.zones[key] = ZoneView(apex, soa, soa_ttl, minimum, *what)
        return zone

    def _sets(self, key: bytes, packed: Iterable[tuple[Any, ...]]) -> dict[int, Rrset]:
        found = self.parcel.places.get(key, b"")
        places = map(self._place, (found[at : at + PLACE.size] for at in count(0, PLACE.size)))
        return {number: self._rrset(kind, what, places) for number, kind, *what in packed}

    def _rrset(self, kind: int, packed: list[Any], places: Iterator[Place]) -> Rrset:
        if kind == POOL:
            rtype, ttl, tiers = packed
            return PoolSet(rtype, self._find(tiers, self._tiers), ttl)
        if kind == PORT:
            tiers, port, protocol, ttl = packed
            return PortSet(self._find(tiers, self._tiers), port, protocol, ttl)
        rtype, ttl, rdatas = packed
        make = StaticSet if kind == STATIC else HintedSet
        return make(rtype, ttl, rdatas, next(places))

    def _place(self, packed: bytes | None) -> Place:
        if not packed:
            return NOWHERE
        number, line, column = PLACE.unpack(packed)
        file = self._files.get(number)
        if file is None:
            file = self._files[number] = self.parcel.places[OF_FILE + NUMBER.pack(number)].decode()
        return Place(file, line, column)

    def _find(self, digest: Digest, open_: Callable[[Digest], Any]) -> Any:
        """A shared thing, opened at most once while it is remembered."""
        found = self._opened.get(digest)
        if found is None:
            found = open_(digest)
            if len(self._opened) >= MAX_OPEN:
                self._opened.clear()
            self._opened[digest] = found
        return found

    def _plain(self, digest: Digest) -> Any:
        parcel = self.parcel
        return pickle.loads(parcel.shared.get(digest) or parcel.checks[digest])

    def _tiers(self, digest: Digest) -> Tiers:
        kind, first, second = marshal.loads(self.parcel.shared[digest])
        if kind == REGIONAL:
            others = tuple(self._find(other, self._service) for other in second)
            return RegionalTiers(Pool(self._find(first, self._service), others))
        services = {region: self._find(other, self._service) for region, other in first}
        return RegionlessTiers(services, second)

    def _service(self, digest: Digest) -> Service:
        parcel = self.parcel
        packed = marshal.loads(parcel.shared[digest])
        owner, name, environment, region, endpoints, ports, *packed = packed
        ttl, policy, failover, is_checked = packed
        rest = parcel.places.get(OF_SERVICE + digest)
        place, of_endpoints, of_ports, *more = BARE if rest is None else marshal.loads(rest)
        of_failover, grants, content, says_check, needs, check = more
        checked_by = BARELY if is_checked else None
        return Service(
            owner=owner,
            name=name,
            environment=environment,
            region=region,
            endpoints=tuple(map(self._endpoint, endpoints, chain(of_endpoints, repeat(b"")))),
            ports=tuple(map(self._port, ports, chain(of_ports, repeat(b"")))),
            ttl=ttl,
            policy=self._find(policy, self._plain),
            failover=failover,
            checked_by=self._find(check, self._plain) if check else checked_by,
            grants=frozenset(grants),
            place=self._place(place),
            digest=content,
            failover_places=tuple(map(self._place, of_failover)),
            says_check=says_check,
            needs=self._find(needs, self._plain) if needs else NO_NEEDS,
        )

    def _endpoint(self, packed: tuple[Any, ...], place: bytes) -> Endpoint:
        label, owner, v4, v6, weight, standby, state, ptr, key = packed
        what = (weight, standby, DeclaredState(state), ptr)
        return Endpoint(label, owner, v4, v6, *what, self._place(place), key)

    def _port(self, packed: tuple[Any, ...], place: bytes) -> Port:
        name, number, protocol, prefix = packed
        return Port(name, number, protocol, prefix, self._place(place))
