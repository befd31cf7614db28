"""Who asks: client address → environment and region, by the longest matching network.

A table belongs to one generation; what it remembers of addresses goes with it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from resolver.zones.leaves import IPNetwork

if TYPE_CHECKING:  # they import views from here
    from resolver.cache import Cache
    from resolver.generation import Generation
    from resolver.outcome import Asked, Reply

EXPLAIN = b"\x08_explain"
"""The first label of names that some clients are told about (`explain_names`). What such a name is
answered depends on who asks, so that no memo keeps it."""

Target = TypeVar("Target")


class Match(NamedTuple, Generic[Target]):
    """The network that decided, and what it decides."""

    network: IPNetwork
    target: Target


Tables = dict[int, list[tuple[int, dict[int, Match[Target | None]]]]]
"""IP version → [(shift, {prefix: Match})], longest prefixes first."""


class NetworkTable(Generic[Target]):
    """Longest-prefix match over networks with values; frozen once made.

    A carve-out is a longer network with the value None.
    """

    __slots__ = ("_remembered", "_tables")

    MAX_REMEMBERED = 65536

    def __init__(self, networks: Iterable[tuple[IPNetwork, Target | None]]) -> None:
        tables: dict[int, dict[int, dict[int, Match[Target | None]]]] = {4: {}, 6: {}}
        for network, target in networks:
            shift = network.max_prefixlen - network.prefixlen
            prefixes = tables[network.version].setdefault(shift, {})
            prefixes[int(network.network_address) >> shift] = Match(network, target)
        self._tables: Tables[Target] = {v: sorted(found.items()) for v, found in tables.items()}
        self._remembered: dict[str, Target | None] = {}

    def __getstate__(self) -> Tables[Any]:
        """Without what is remembered of addresses."""
        return self._tables

    def __setstate__(self, tables: Tables[Any]) -> None:
        self._tables = tables
        self._remembered = {}

    def match(self, source: str) -> Match[Target | None] | None:
        """The longest network that holds an address, or None; raises ValueError on no address."""
        address = ipaddress.ip_address(source.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        number = int(address)
        for shift, prefixes in self._tables[address.version]:
            found = prefixes.get(number >> shift)
            if found is not None:
                return found
        return None

    def find(self, source: str) -> Target | None:
        """What the longest network that holds `source` says; remembered, within a bound."""
        try:
            return self._remembered[source]
        except KeyError:
            found = self.match(source)
            if len(self._remembered) >= self.MAX_REMEMBERED:
                self._remembered.clear()
            target = self._remembered[source] = found.target if found else None
            return target

    def find_within(self, network: IPNetwork) -> Target | None:
        """The one value of every address of `network`, or None when they differ (RFC 7871)."""
        found: Match[Target | None] | None = None
        longer: list[Match[Target | None]] = []
        size = network.prefixlen
        number = int(network.network_address)
        for shift, prefixes in self._tables[network.version]:
            if network.max_prefixlen - shift > size:
                low = number >> shift
                high = low + (1 << (network.max_prefixlen - shift - size))
                longer += [item for prefix, item in prefixes.items() if low <= prefix < high]
            elif found is None:
                found = prefixes.get(number >> shift)
        return _one_value(network, found.target if found is not None else None, longer)


@dataclass(frozen=True, slots=True)
class Door:
    """What a listener adds to a query: its transport, its limit, and whom it is for."""

    transport: str  # udp | tcp
    payload: int  # the largest reply that EDNS may ask for; 65535 on TCP
    environment: str | None = None  # a pinned listener's
    region: str | None = None
    allow: NetworkTable[bool] | None = None  # None: every source
    explain: Callable[[Asked, Generation, float, Cache | None], Reply | None] | None = None


def _one_value(
    network: IPNetwork, around: Target | None, inside: list[Match[Target | None]]
) -> Target | None:
    """The value of all of `network`: `around` where nothing longer `inside` says another."""
    if not inside:
        return around
    same = [item for item in inside if item.network == network]
    if same:
        around = same[0].target
        inside = [item for item in inside if item.network != network]
        if not inside:
            return around
    values = []
    for half in network.subnets():
        start, end = int(half.network_address), int(half.broadcast_address)
        within = [m for m in inside if start <= int(m.network.network_address) <= end]
        values.append(_one_value(half, around, within))
    return values[0] if values[0] is values[1] else None
