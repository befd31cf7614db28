"""A namespace over a parcel: names are opened when they are asked for, and some stay open. Pure.

What stays open is bounded, so that walking through all names costs no memory for long.
"""

from __future__ import annotations

import marshal
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from healthcheck.check import CheckedBy, Timing
from healthcheck.health import DeclaredState
from resolver.hints import HintedSet
from resolver.namespace import Namespace, Node, ZoneView
from resolver.parcel import BELOW, POOL, PORT, REGIONAL, STATIC, Digest, Parcel
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
from resolver.zones.zone import Endpoint, Port, Service

MAX_OPEN = 8192  # names, and shared things, that are kept open in one namespace
EVICTED = 64  # names that make room at a time

NOWHERE = Place("-")  # of what was packed barely


class _Checked:
    """In place of a check: that there is one is all that an answer asks."""

    kind = "-"


BARELY = CheckedBy(_Checked(), Timing())  # type: ignore[arg-type]  # it is never probed


class PackedNamespace(Namespace):
    """A namespace over a parcel: names are opened when they are asked for, and some stay open."""

    __slots__ = ("_opened", "_packed", "parcel")

    def __init__(self, parcel: Parcel, *, is_lazy: bool = False) -> None:
        """With `is_lazy`, `zones` and `glue` hold only what was needed so far."""
        super().__init__(parcel.environment)
        self.parcel = parcel
        self.digests = parcel.digests
        self._packed = parcel.nodes
        self._opened: dict[Digest, Any] = {}
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
            sets = self.glue[key] = self._sets(marshal.loads(octets))
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
        return Node(owner, zone, self._sets(sets), BELOW[below], wildcard, is_open)

    def _zone(self, key: bytes) -> ZoneView:
        zone = self.zones.get(key)
        if zone is None:
            *written, fallthrough, place, is_internal = marshal.loads(self.parcel.zones[key])
            apex, soa, soa_ttl, minimum, ttl, nameservers = written
            what = (ttl, nameservers, fallthrough, self._place(*place), is_internal)
            zone = self.zones[key] = ZoneView(apex, soa, soa_ttl, minimum, *what)
        return zone

    def _sets(self, packed: Iterable[tuple[Any, ...]]) -> dict[int, Rrset]:
        return {number: self._rrset(kind, found) for number, kind, *found in packed}

    def _rrset(self, kind: int, packed: list[Any]) -> Rrset:
        if kind == STATIC:
            rtype, ttl, rdatas, *place = packed
            return StaticSet(rtype, ttl, rdatas, self._place(*place))
        if kind == POOL:
            rtype, ttl, tiers = packed
            return PoolSet(rtype, self._find(tiers, self._tiers), ttl)
        if kind == PORT:
            tiers, port, protocol, ttl = packed
            return PortSet(self._find(tiers, self._tiers), port, protocol, ttl)
        rtype, ttl, rdatas, *place = packed
        return HintedSet(rtype, ttl, rdatas, self._place(*place))

    def _find(self, digest: Digest, open_: Callable[[bytes], Any]) -> Any:
        """A shared thing, opened at most once while it is remembered."""
        found = self._opened.get(digest)
        if found is None:
            found = open_(self.parcel.shared[digest])
            if len(self._opened) >= MAX_OPEN:
                self._opened.clear()
            self._opened[digest] = found
        return found

    def _place(self, file: Digest | None = None, line: int = 1, column: int = 1) -> Place:
        if file is None:
            return NOWHERE
        return Place(self._find(file, marshal.loads), line, column)

    def _tiers(self, octets: bytes) -> Tiers:
        kind, first, second = marshal.loads(octets)
        if kind == REGIONAL:
            others = tuple(self._find(digest, self._service) for digest in second)
            return RegionalTiers(Pool(self._find(first, self._service), others))
        services = {region: self._find(digest, self._service) for region, digest in first}
        return RegionlessTiers(services, second)

    def _service(self, octets: bytes) -> Service:
        packed = marshal.loads(octets)
        owner, name, environment, region, endpoints, ports, ttl, policy, *packed = packed
        failover, check, grants, place, digest, failover_places, says_check, needs = packed
        checked_by = None if check is None else BARELY
        if check:
            checked_by = self._opened.get(check)
            if checked_by is None:
                checked_by = self._opened[check] = pickle.loads(self.parcel.checks[check])
        return Service(
            owner=owner,
            name=name,
            environment=environment,
            region=region,
            endpoints=tuple(self._endpoint(endpoint) for endpoint in endpoints),
            ports=tuple(self._port(port) for port in ports),
            ttl=ttl,
            policy=self._find(policy, pickle.loads),
            failover=failover,
            checked_by=checked_by,
            grants=frozenset(grants),
            place=self._place(*place),
            digest=digest,
            failover_places=tuple(self._place(*found) for found in failover_places),
            says_check=says_check,
            needs=self._find(needs, pickle.loads),
        )

    def _endpoint(self, packed: tuple[Any, ...]) -> Endpoint:
        label, owner, v4, v6, weight, standby, state, ptr, place, key = packed
        what = (weight, standby, DeclaredState(state), ptr)
        return Endpoint(label, owner, v4, v6, *what, self._place(*place), key)

    def _port(self, packed: tuple[Any, ...]) -> Port:
        name, number, protocol, prefix, place = packed
        return Port(name, number, protocol, prefix, self._place(*place))
