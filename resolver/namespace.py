"""Everything one environment may see, as one map of names; and how a name is looked up in it.

A namespace holds nothing that its environment may not see: there is no filter to forget.
Each name belongs to one zone, the one with the longest apex. Empty non-terminals are nodes
without sets; what lies below a zone cut or a DNAME has no node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from resolver import names
from resolver.outcome import Reason
from resolver.rrsets import (
    ALIAS,
    ANY,
    CNAME,
    DNAME,
    DS,
    FAMILY_OF,
    HINFO,
    NS,
    AliasSet,
    Rrset,
    Scope,
    StaticSet,
)
from resolver.select import Mode
from resolver.zones.places import Place

MAX_CHAIN = 20  # CNAME and DNAME steps within our zones
# RFC 8482 4.2: an HINFO that says why ANY is not answered in full.
ANY_RDATA = b"\x07RFC8482\x00"


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


class End(Enum):
    """How a look-up ended."""

    ANSWER = "answer"
    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    REFERRAL = "referral"
    OUTSIDE = "outside"  # of all zones: a matter for forwarding
    TOO_LONG = "yxdomain"
    FAILED = "failed"


class Step(NamedTuple):
    """One record set of the answer: the owner it is given under, and whose it is."""

    owner: bytes
    rrset: Rrset
    node: Node
    turns: tuple[tuple[bytes, ...], ...]  # as drawn for the scope that asked


@dataclass(slots=True)
class Resolution:
    """What a question comes to in a namespace: the chain, its end, and the zone of the end."""

    steps: list[Step] = field(default_factory=list)
    end: End = End.OUTSIDE
    node: Node | None = None  # the last node met: the name's, or its closest encloser
    reason: Reason = Reason.ANSWERED


class Namespace:
    """The names of one environment; see the module."""

    __slots__ = ("digests", "environment", "glue", "nodes", "zones")

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.nodes: dict[bytes, Node] = {}
        self.zones: dict[bytes, ZoneView] = {}
        self.glue: dict[bytes, dict[int, Rrset]] = {}  # names at and below zone cuts
        self.digests: dict[bytes, int] = {}  # of the visible content, by apex key

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
        node = self.nodes.get(key)
        if node is not None:
            return bool(node.sets) or not node.zone.fallthrough
        encloser = self.enclose(key)
        return encloser is not None and encloser.below in (Below.WILDCARD, Below.CUT, Below.DNAME)

    def resolve(self, qname: bytes, qtype: int, scope: Scope) -> Resolution:
        """Follow a question through CNAME, DNAME, ALIAS and `here` to its end in this namespace."""
        found = Resolution()
        seen: set[bytes] = set()
        owner = qname
        while True:
            key = owner.lower()
            if key in seen or len(found.steps) > 2 * MAX_CHAIN:
                found.end, found.reason = End.FAILED, Reason.CHAIN_TOO_LONG
                return found
            seen.add(key)
            target = self._step(owner, key, qtype, scope, found, seen)
            if target is None:
                return found
            owner = target

    def _step(
        self,
        owner: bytes,
        key: bytes,
        qtype: int,
        scope: Scope,
        found: Resolution,
        seen: set[bytes],
    ) -> bytes | None:
        """One name of a chain; gives the next one, or None at the end."""
        node = self.nodes.get(key)
        if node is None:
            node = self.enclose(key)
            found.node = node
            if node is None:
                found.end = End.OUTSIDE
                return None
            return self._below(node, owner, qtype, scope, found, seen)
        found.node = node
        if node.below is Below.CUT and qtype != DS:
            found.end = End.REFERRAL
            return None
        if not node.sets and node.zone.fallthrough:
            found.end = End.OUTSIDE
            return None
        if qtype == DS and key == node.zone.apex.lower():
            # RFC 4035 3.1.4.1: DS of an apex is the parent zone's to answer, where we have it.
            found.node = self.enclose(key) or node
        return self._at(node, owner, qtype, scope, found, seen)

    def _at(
        self,
        node: Node,
        owner: bytes,
        qtype: int,
        scope: Scope,
        found: Resolution,
        seen: set[bytes],
    ) -> bytes | None:
        """The sets of a node, given under `owner` (the wildcard's are given under the qname)."""
        sets = node.sets
        if qtype == ANY and CNAME in sets:  # RFC 8482 4.2: then no HINFO is made
            rrset: Rrset | None = sets[CNAME]
        elif qtype == ANY and sets:
            rrset = StaticSet(HINFO, node.zone.ttl, (ANY_RDATA,), node.zone.place)
        else:
            rrset = sets.get(qtype)
        if rrset is None and ALIAS in sets and qtype in FAMILY_OF:
            self._alias(node, owner, qtype, scope, found, seen)
            return None
        if rrset is None and CNAME in sets:
            rrset = sets[CNAME]
            turns = rrset.draw(scope).turns
            found.steps.append(Step(owner, rrset, node, turns))
            return turns[0][0]
        if rrset is None:
            found.end = End.NODATA
            return None
        _finish(owner, rrset, node, scope, found)
        return None

    def _alias(
        self,
        node: Node,
        owner: bytes,
        qtype: int,
        scope: Scope,
        found: Resolution,
        seen: set[bytes],
    ) -> None:
        alias = node.sets[ALIAS]
        target = alias.draw(scope).turns[0][0]
        inner = Resolution()
        if target.lower() not in seen:
            inner = self.resolve(target, qtype, scope)
        if inner.end is End.ANSWER:
            ttl = min(alias.ttl, *(step.rrset.ttl for step in inner.steps))
            rrset = AliasSet(inner.steps[-1].rrset, ttl, alias.place)
            _finish(owner, rrset, node, scope, found)
        elif inner.end is End.NODATA:
            found.end = End.NODATA
        else:
            found.end = End.FAILED
            failed = inner.end is End.FAILED
            found.reason = inner.reason if failed else Reason.ALIAS_UNRESOLVED

    def _below(
        self,
        node: Node,
        owner: bytes,
        qtype: int,
        scope: Scope,
        found: Resolution,
        seen: set[bytes],
    ) -> bytes | None:
        """A name without a node: what its closest encloser says of names below it."""
        if node.below is Below.WILDCARD:
            assert node.wildcard is not None
            return self._at(node.wildcard, owner, qtype, scope, found, seen)
        if node.below is Below.DNAME:
            return self._dname(node, owner, qtype, found)
        if node.below is Below.HERE:
            return self._here(node, owner, qtype, scope, found)
        found.end = {
            Below.CUT: End.REFERRAL,
            Below.FALLTHROUGH: End.OUTSIDE,
            Below.NOTHING: End.NXDOMAIN,
        }[node.below]
        return None

    def _dname(self, node: Node, owner: bytes, qtype: int, found: Resolution) -> bytes | None:
        """RFC 6672 3.2: the DNAME, and a CNAME made of it with the same TTL (3.1)."""
        dname = node.sets[DNAME]
        assert isinstance(dname, StaticSet)
        redirect = Step(node.owner, dname, node, (dname.rdatas,))
        if redirect not in found.steps:  # RFC 2181 5: the same record is given once
            found.steps.append(redirect)
        prefix = owner[: len(owner) - len(node.owner)]
        target = prefix + dname.rdatas[0]
        if len(target) > names.MAX_NAME:
            found.end = End.TOO_LONG  # RFC 6672 2.2: YXDOMAIN
            return None
        cname = StaticSet(CNAME, dname.ttl, (target,), dname.place)
        return _follow(owner, cname, node, qtype, found)

    def _here(
        self, node: Node, owner: bytes, qtype: int, scope: Scope, found: Resolution
    ) -> bytes | None:
        target = self.find_here(node, owner, scope)
        if target is None:
            found.end = End.NXDOMAIN
            return None
        cname = StaticSet(CNAME, node.zone.ttl, (target,), node.zone.place)
        return _follow(owner, cname, node, qtype, found)

    def find_here(self, here: Node, owner: bytes, scope: Scope) -> bytes | None:
        """`X.here` → `X.env.region` if this view has it, else `X.env`, else None."""
        prefix, domain = owner[: len(owner) - len(here.owner)], names.parent(here.owner)
        for path in scope.paths:
            target = prefix + path + domain
            if len(target) <= names.MAX_NAME and self.has(target.lower()):
                return target
        return None

    def addresses(self, name: bytes, scope: Scope) -> list[tuple[Rrset, tuple[bytes, ...]]]:
        """A and AAAA of a name that this namespace itself holds, for the additional section."""
        key = name.lower()
        node = self.nodes.get(key)
        if node is not None and node.below is not Below.CUT:
            sets = node.sets
        else:
            sets = self.glue.get(key, {})
        found = []
        for rtype in FAMILY_OF:
            rrset = sets.get(rtype)
            if rrset is not None:
                turns = rrset.draw(scope).turns
                if turns:
                    found.append((rrset, turns[0]))
        return found

    def delegation(self, cut: Node) -> Rrset:
        """The NS set of a zone cut."""
        return cut.sets[NS]


def _finish(owner: bytes, rrset: Rrset, node: Node, scope: Scope, found: Resolution) -> None:
    """The end of a chain: what the set gives to this scope."""
    drawn = rrset.draw(scope)
    if drawn.mode is Mode.CLOSED:
        found.end, found.reason = End.FAILED, Reason.NO_HEALTHY_ENDPOINT
    elif drawn.mode is Mode.EMPTY:
        found.end = End.NODATA
    else:
        found.steps.append(Step(owner, rrset, node, drawn.turns))
        found.end = End.ANSWER


def _follow(
    owner: bytes, cname: StaticSet, node: Node, qtype: int, found: Resolution
) -> bytes | None:
    """Take a CNAME made for the owner: the end for who asks for it, else the way on."""
    found.steps.append(Step(owner, cname, node, (cname.rdatas,)))
    if qtype in (CNAME, ANY):
        found.end = End.ANSWER
        return None
    return cname.rdatas[0]
