"""Where a namespace ends although a zone goes on: routes that lead out of zones, and localhost.

The longer of zone and route decides, and a zone that somebody wrote wins a tie. Names that have
records here are answered here in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from resolver import names
from resolver.namespace import Below, Namespace, Node
from resolver.rrsets import AAAA, A, StaticSet
from resolver.visible import Part
from resolver.zones.special import LOCALHOST
from resolver.zones.zone import Environment

LOOPBACK = ((A, b"\x7f\0\0\1"), (AAAA, bytes(15) + b"\1"))

Routed = Mapping[bytes, bytes]
"""The suffixes (keys) of routes that lead out of a zone → the apex of that zone."""


def routed_names(
    environment: Environment,
    parts: Mapping[bytes, Part],
    internal: Sequence[bytes],
    governing: Callable[[bytes], bytes | None],
) -> Routed:
    """The routes of an environment that lead out of zones; `internal` are our own domains."""
    routed = {}
    spec = environment.forward
    for text in spec.routes if spec is not None else ():
        try:
            suffix = names.key(names.from_text(text))
        except names.BadName:
            continue  # reported where it was read
        apex = governing(suffix)
        if apex is None:
            continue
        is_local = parts[apex].is_given and apex not in internal
        if apex != suffix or is_local:
            routed[suffix] = apex
    return routed


def add_routed(space: Namespace, routed: Routed) -> None:
    """A node where each such route begins: no wildcard, cut or denial above holds below it."""
    nodes = space.nodes
    for suffix, apex in routed.items():
        if suffix == apex:
            nodes[suffix].sets.clear()  # SOA and NS are those of whoever is asked
        elif suffix not in nodes:
            nodes[suffix] = Node(suffix, space.zones[apex], {})


def open_names(space: Namespace, routed: Routed) -> None:
    """Mark the names that are asked elsewhere where they have no records here."""
    zones = [(suffix, space.zones[apex]) for suffix, apex in routed.items()]
    for key, node in space.nodes.items():
        node.is_open = node.zone.fallthrough or any(
            node.zone is zone and names.is_at_or_below(key, suffix) for suffix, zone in zones
        )
        if node.is_open and node.below is Below.NOTHING:
            node.below = Below.FALLTHROUGH


def add_localhost(space: Namespace, parts: Mapping[bytes, Part]) -> None:
    """RFC 6761 6.3: localhost and what is below it have the loopback addresses."""
    if not parts[LOCALHOST].is_given:
        return
    zone = space.zones[LOCALHOST]
    for owner in (LOCALHOST, b"\1*" + LOCALHOST):
        node = space.nodes.setdefault(owner, Node(owner, zone, {}))
        for rtype, packed in LOOPBACK:
            node.sets[rtype] = StaticSet(rtype, zone.ttl, (packed,), zone.place)
