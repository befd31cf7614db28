"""Everything one environment may see, as one map of names.

A namespace holds nothing that its environment may not see: there is no filter to forget.
Each name belongs to one zone, the one with the longest apex. Empty non-terminals are nodes
without sets; what lies below a zone cut or a DNAME has no node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from resolver import names
from resolver.rrsets import FAMILY_OF, NS, Pick, Rrset, Scope
from resolver.zones.places import Place


@dataclass(frozen=True, slots=True, eq=False)
class ZoneView:
    """One zone as one environment sees it; known by identity."""

    apex: bytes
    soa: bytes  # rdata
    soa_ttl: int
    minimum: int
    ttl: int
    nameservers: tuple[bytes, ...]
    fallthrough: bool
    place: Place
    is_internal: bool = False  # names that it has not are kept from leaving

    @property
    def negative_ttl(self) -> int:
        """RFC 2308 5: the lower of the SOA's own TTL and its minimum."""
        return min(self.soa_ttl, self.minimum)


class Below(Enum):
    """What answers for names below a node that have no node of their own."""

    NOTHING = "nothing"
    WILDCARD = "wildcard"
    CUT = "zone cut"
    DNAME = "dname"
    HERE = "here"
    FALLTHROUGH = "fallthrough"


@dataclass(slots=True, eq=False)
class Node:
    """One name; frozen once the namespace is made."""

    owner: bytes
    zone: ZoneView
    sets: dict[int, Rrset]
    below: Below = Below.NOTHING
    wildcard: Node | None = None
    is_open: bool = False  # without sets it is not ours to answer: a fall-through zone, or a route


class Namespace:
    """The names of one environment; see the module.

    Readers go through `node`, `items` and `in`: names may be packed (`parcel`).
    """

    __slots__ = ("digests", "environment", "glue", "nodes", "zones")

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.nodes: dict[bytes, Node] = {}
        self.zones: dict[bytes, ZoneView] = {}
        self.glue: dict[bytes, dict[int, Rrset]] = {}  # names at and below zone cuts
        self.digests: dict[bytes, int] = {}  # of the visible content, by apex key

    def __len__(self) -> int:
        return len(self.nodes)

    def __contains__(self, key: bytes) -> bool:
        return key in self.nodes

    def node(self, key: bytes) -> Node | None:
        """The node of a name, if it has one."""
        return self.nodes.get(key)

    def items(self) -> Iterator[tuple[bytes, Node]]:
        """Every name with its node."""
        yield from self.nodes.items()

    def values(self) -> Iterator[Node]:
        """Every node."""
        yield from self.nodes.values()

    def release(self) -> Iterator[None]:
        """Take it apart, a name at each step; nobody may read it any more."""
        while self.nodes:
            self.nodes.popitem()
            yield

    def glue_of(self, key: bytes) -> Mapping[int, Rrset]:
        """The addresses of a name at or below a zone cut."""
        return self.glue.get(key, {})

    def enclose(self, key: bytes) -> Node | None:
        """The closest encloser: the nearest ancestor that has a node (RFC 4592 3.3.1)."""
        nodes = self.nodes
        while len(key) > 1:
            key = key[key[0] + 1 :]
            node = nodes.get(key)
            if node is not None:
                return node
        return None

    def has(self, key: bytes) -> bool:
        """Whether a name exists here, itself or by a wildcard, DNAME or delegation."""
        node = self.node(key)
        if node is not None:
            return bool(node.sets) or not node.is_open
        encloser = self.enclose(key)
        return encloser is not None and encloser.below in (Below.WILDCARD, Below.CUT, Below.DNAME)

    def find_here(self, here: Node, owner: bytes, scope: Scope) -> bytes | None:
        """`X.here` → `X.env.region` if this view has it, else `X.env`, else None."""
        prefix, domain = owner[: len(owner) - len(here.owner)], names.parent(here.owner)
        for path in scope.paths:
            target = prefix + path + domain
            if len(target) <= names.MAX_NAME and self.has(target.lower()):
                return target
        return None

    def addresses(self, name: bytes, scope: Scope) -> list[tuple[int, Pick]]:
        """A and AAAA of a name that this namespace itself holds, for the additional section."""
        key = name.lower()
        node = self.node(key)
        if node is not None and node.below is not Below.CUT:
            sets: Mapping[int, Rrset] = node.sets
        else:
            sets = self.glue_of(key)
        found = []
        for rtype in FAMILY_OF:
            rrset = sets.get(rtype)
            if rrset is not None:
                turns = rrset.draw(scope).turns
                if turns:
                    found.append((rtype, turns[0]))
        return found

    def delegation(self, cut: Node) -> Rrset:
        """The NS set of a zone cut."""
        return cut.sets[NS]


class NotingNamespace(Namespace):
    """A namespace that notes which names it was asked for: all that an answer rests on.

    An answer stays right in another namespace that says the same of every one of them.
    """

    __slots__ = ("asked", "space")

    def __init__(self, space: Namespace) -> None:
        super().__init__(space.environment)
        self.space = space
        self.asked: set[bytes] = set()  # keys

    def node(self, key: bytes) -> Node | None:
        self.asked.add(key)
        return self.space.node(key)

    def __contains__(self, key: bytes) -> bool:
        self.asked.add(key)
        return key in self.space

    def glue_of(self, key: bytes) -> Mapping[int, Rrset]:
        self.asked.add(key)
        return self.space.glue_of(key)

    def enclose(self, key: bytes) -> Node | None:
        while len(key) > 1:
            key = key[key[0] + 1 :]
            node = self.node(key)
            if node is not None:
                return node
        return None
