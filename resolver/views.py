"""Who asks: client address → environment and region, by the longest matching network.

A table belongs to one generation; what it remembers of addresses goes with it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from resolver.zones.leaves import IPNetwork

Target = TypeVar("Target")


class Match(NamedTuple, Generic[Target]):
    """The network that decided, and what it decides."""

    network: IPNetwork
    target: Target


class NetworkTable(Generic[Target]):
    """Longest-prefix match over networks with values; frozen once made.

    A carve-out is a longer network with the value None.
    """

    __slots__ = ("_remembered", "_tables")

    MAX_REMEMBERED = 65536

    def __init__(self, networks: Iterable[tuple[IPNetwork, Target | None]]) -> None:
        # version → [(shift, {prefix: Match})], longest prefixes first
        tables: dict[int, dict[int, dict[int, Match[Target | None]]]] = {4: {}, 6: {}}
        for network, target in networks:
            shift = network.max_prefixlen - network.prefixlen
            prefixes = tables[network.version].setdefault(shift, {})
            prefixes[int(network.network_address) >> shift] = Match(network, target)
        self._tables = {version: sorted(found.items()) for version, found in tables.items()}
        self._remembered: dict[str, Target | None] = {}

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
        found = self.match(str(network.network_address))
        if found is None or found.network.prefixlen > network.prefixlen:
            return None
        for shift, prefixes in self._tables[network.version]:
            if network.max_prefixlen - shift <= network.prefixlen:
                break
            longer = network.max_prefixlen - shift - network.prefixlen
            start = int(network.network_address) >> shift
            if any(start <= prefix < start + (1 << longer) for prefix in prefixes):
                return None
        return found.target
