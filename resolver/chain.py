"""What a question comes to: the chain of record sets through one namespace, to its end.

CNAME, DNAME, ALIAS, wildcards, `here` and zone cuts are steps here, and nowhere else; answers,
`explain` and `export` read the same resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from resolver import names
from resolver.hints import HintedSet
from resolver.namespace import Below, Namespace, Node
from resolver.outcome import Reason
from resolver.rrsets import (
    ALIAS,
    ANY,
    CNAME,
    DNAME,
    DS,
    FAMILY_OF,
    HINFO,
    AliasSet,
    Pick,
    Rrset,
    Scope,
    StaticSet,
)
from resolver.select import Mode

MAX_CHAIN = 20  # CNAME and DNAME steps within our zones
# RFC 8482 4.2: an HINFO that says why ANY is not answered in full.
ANY_RDATA = b"\x07RFC8482\x00"


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
    turns: tuple[Pick, ...]  # as drawn for the scope that asked


class Alias(NamedTuple):
    """An ALIAS whose target others are to be asked for."""

    owner: bytes
    ttl: int  # the lowest of it and of the chain behind it
    target: bytes
    cut: bytes | None  # the key of the zone cut that the target is below, if it is below one


@dataclass(slots=True)
class Resolution:
    """What a question comes to in a namespace: the chain, its end, and the zone of the end."""

    steps: list[Step] = field(default_factory=list)
    end: End = End.OUTSIDE
    node: Node | None = None  # the last node met: the name's, or its closest encloser
    reason: Reason = Reason.ANSWERED
    at: bytes = b""  # the name at which it ended, as spelled there
    alias: Alias | None = None  # an ALIAS that leads out of our zones


def resolve(space: Namespace, qname: bytes, qtype: int, scope: Scope) -> Resolution:
    """Follow a question through CNAME, DNAME, ALIAS and `here` to its end in a namespace."""
    return _Chain(space, qtype, scope, set()).follow(qname)


class _Chain:
    """One look-up on its way; `seen` holds the names passed, also by the aliases inside it."""

    def __init__(self, space: Namespace, qtype: int, scope: Scope, seen: set[bytes]) -> None:
        self.space = space
        self.qtype = qtype
        self.scope = scope
        self.seen = seen
        self.found = Resolution()

    def follow(self, owner: bytes | None) -> Resolution:
        found, seen = self.found, self.seen
        while owner is not None:
            key = owner.lower()
            if key in seen or len(found.steps) > 2 * MAX_CHAIN or len(seen) > 2 * MAX_CHAIN:
                found.end, found.reason = End.FAILED, Reason.CHAIN_TOO_LONG
                break
            seen.add(key)
            found.at = owner
            owner = self._step(owner, key)
        return found

    def _end(self, end: End) -> bytes | None:
        """Note the end; there is no next name."""
        self.found.end = end
        return None

    def _step(self, owner: bytes, key: bytes) -> bytes | None:
        """One name of a chain; gives the next one, or None at the end."""
        space, found = self.space, self.found
        node = space.node(key)
        if node is None:
            found.node = space.enclose(key)
            return self._end(End.OUTSIDE) if found.node is None else self._below(found.node, owner)
        found.node = node
        if node.below is Below.CUT and self.qtype != DS:
            return self._end(End.REFERRAL)
        if not node.sets and node.is_open:
            return self._end(End.OUTSIDE)
        if self.qtype == DS and key == node.zone.apex.lower():
            # RFC 4035 3.1.4.1: DS of an apex is the parent zone's to answer, where we have it.
            found.node = space.enclose(key) or node
        return self._at(node, owner)

    def _at(self, node: Node, owner: bytes) -> bytes | None:
        """The sets of a node, given under `owner` (the wildcard's are given under the qname)."""
        sets, qtype = node.sets, self.qtype
        if qtype == ANY and CNAME in sets:  # RFC 8482 4.2: then no HINFO is made
            rrset: Rrset | None = sets[CNAME]
        elif qtype == ANY and sets:
            rrset = StaticSet(HINFO, node.zone.ttl, (ANY_RDATA,), node.zone.place)
        else:
            rrset = sets.get(qtype)
        if rrset is not None:
            return self._finish(owner, rrset, node)
        if ALIAS in sets and qtype in FAMILY_OF:
            return self._alias(node, owner)
        if CNAME in sets:
            turns = sets[CNAME].draw(self.scope).turns
            self.found.steps.append(Step(owner, sets[CNAME], node, turns))
            return turns[0].rdatas[0]
        return self._end(End.NODATA)

    def _alias(self, node: Node, owner: bytes) -> bytes | None:
        alias = node.sets[ALIAS]
        target = alias.draw(self.scope).turns[0].rdatas[0]
        inner = _Chain(self.space, self.qtype, self.scope, self.seen).follow(target)
        if inner.end is End.ANSWER:
            ttl = min(alias.ttl, *(step.rrset.ttl for step in inner.steps))
            return self._finish(owner, AliasSet(inner.steps[-1].rrset, ttl, alias.place), node)
        if inner.end is End.NODATA:
            return self._end(End.NODATA)
        failed = inner.end is End.FAILED
        if inner.end in (End.OUTSIDE, End.REFERRAL):
            ttl = min([alias.ttl, *(step.rrset.ttl for step in inner.steps)])
            cut = None
            if inner.end is End.REFERRAL and inner.node is not None:
                cut = inner.node.owner.lower()
            self.found.alias = Alias(owner, ttl, inner.at, cut)
        elif inner.alias is not None:
            ttl = min([alias.ttl, inner.alias.ttl, *(step.rrset.ttl for step in inner.steps)])
            self.found.alias = inner.alias._replace(owner=owner, ttl=ttl)
            failed = False
        self.found.reason = inner.reason if failed else Reason.ALIAS_UNRESOLVED
        return self._end(End.FAILED)

    def _look_up(self, name: bytes, rtype: int) -> tuple[Pick, ...]:
        """What a question for a name within our zones would be answered with."""
        found = _Chain(self.space, rtype, self.scope, set()).follow(name)
        return found.steps[-1].turns if found.end is End.ANSWER else ()

    def _below(self, node: Node, owner: bytes) -> bytes | None:
        """A name without a node: what its closest encloser says of names below it."""
        if node.below is Below.WILDCARD:
            assert node.wildcard is not None
            return self._at(node.wildcard, owner)
        if node.below is Below.DNAME:
            return self._dname(node, owner)
        if node.below is Below.HERE:
            return self._here(node, owner)
        return self._end(_ENDS_BELOW[node.below])

    def _dname(self, node: Node, owner: bytes) -> bytes | None:
        """RFC 6672 3.2: the DNAME, and a CNAME made of it with the same TTL (3.1)."""
        dname = node.sets[DNAME]
        assert isinstance(dname, StaticSet)
        redirect = Step(node.owner, dname, node, dname.draw(self.scope).turns)
        if redirect not in self.found.steps:  # RFC 2181 5: the same record is given once
            self.found.steps.append(redirect)
        target = owner[: len(owner) - len(node.owner)] + dname.rdatas[0]
        if len(target) > names.MAX_NAME:
            return self._end(End.TOO_LONG)  # RFC 6672 2.2: YXDOMAIN
        return self._made(owner, StaticSet(CNAME, dname.ttl, (target,), dname.place), node)

    def _here(self, node: Node, owner: bytes) -> bytes | None:
        target = self.space.find_here(node, owner, self.scope)
        if target is None:
            return self._end(End.NXDOMAIN)
        cname = StaticSet(CNAME, node.zone.ttl, (target,), node.zone.place)
        return self._made(owner, cname, node)

    def _made(self, owner: bytes, cname: StaticSet, node: Node) -> bytes | None:
        """Take a CNAME made for the owner: the end for who asks for it, else the way on."""
        self.found.steps.append(Step(owner, cname, node, cname.draw(self.scope).turns))
        return self._end(End.ANSWER) if self.qtype in (CNAME, ANY) else cname.rdatas[0]

    def _finish(self, owner: bytes, rrset: Rrset, node: Node) -> bytes | None:
        """The end of a chain: what the set gives to this scope."""
        if isinstance(rrset, HintedSet):
            rrset = rrset.filled(owner, self._look_up)
        drawn = rrset.draw(self.scope)
        if drawn.mode is Mode.CLOSED:
            self.found.reason = Reason.NO_HEALTHY_ENDPOINT
            return self._end(End.FAILED)
        if drawn.mode is Mode.EMPTY:
            return self._end(End.NODATA)
        self.found.steps.append(Step(owner, rrset, node, drawn.turns))
        return self._end(End.ANSWER)


_ENDS_BELOW = {
    Below.CUT: End.REFERRAL,
    Below.FALLTHROUGH: End.OUTSIDE,
    Below.NOTHING: End.NXDOMAIN,
}
