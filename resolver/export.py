"""What one environment sees, zone by zone, as master files (RFC 1035 5). Text only, no files.

Selected addresses, SRV, PTR, ALIAS and `here` names become plain records. What a master file
cannot say is said in comments.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from resolver import names
from resolver.chain import End, resolve
from resolver.namespace import Below, Namespace, Node, ZoneView
from resolver.rrsets import AAAA, ALIAS, CNAME, FAMILY_OF, MX, NS, SOA, A, Rrset, Scope
from resolver.zones import records
from resolver.zones.plan import HERE
from resolver.zones.special import LOCALHOST

# Types that every name server in use reads by name; the others are written as RFC 3597 says.
_BY_NAME = frozenset(
    {1, 2, 5, 6, 12, 13, 15, 16, 17, 18, 28, 33, 35, 36, 39, 43, 44, 48, 52, 59, 60, 61, 64, 65, 99}
    | {108, 109, 256, 257}
)
_is_host_name = re.compile(
    rb"(?:\x01\*)?(?:[\x01-\x3f](?!-)[0-9a-z-]+(?<!-))*\x00", re.IGNORECASE
).fullmatch


class Line(NamedTuple):
    """One record, or a comment if it has no type."""

    owner: bytes
    ttl: int
    rtype: int | None
    rdata: bytes | str


def exported_zones(space: Namespace) -> list[bytes]:
    """The apex keys of the zones that hold more than their SOA and NS, in canonical order."""
    filled = {node.zone.apex.lower() for key, node in space.items() if _has_more(key, node)}
    return sorted(filled - {LOCALHOST}, key=_canonical)  # that one is on every machine


def export_zone(space: Namespace, scope: Scope, apex: bytes) -> str:
    """One zone, by its apex key, as a master file; `scope` says who looks, from which region."""
    zone = space.zones[apex]
    lines = list(_lines_of(space, scope, apex))
    lines.sort(key=lambda line: (_canonical(line.owner.lower()), line.rtype != SOA))
    text = [f"; {names.to_text(zone.apex)} as {scope.environment} in {scope.region} sees it"]
    text += [f"; {remark}" for remark in _remarks(zone, lines)]
    text.append(f"$ORIGIN {names.to_text(zone.apex)}")
    text += [_text_of(line, zone.apex) for line in lines]
    return "\n".join(text) + "\n"


def _canonical(key: bytes) -> list[bytes]:
    """RFC 4034 6.1: by labels, the rightmost first."""
    return names.labels(key)[::-1]


def _has_more(key: bytes, node: Node) -> bool:
    """Whether a node holds more than the SOA and the generated NS of an apex."""
    if key != node.zone.apex.lower():
        return bool(node.sets)
    ns = node.sets.get(NS)
    return bool(node.sets.keys() - {SOA, NS}) or (ns is not None and ns.place != node.zone.place)


def _lines_of(space: Namespace, scope: Scope, apex: bytes) -> Iterator[Line]:
    zone = space.zones[apex]
    yield Line(zone.apex, zone.soa_ttl, SOA, zone.soa)
    top = space.node(apex)
    if top is not None and NS not in top.sets:  # a fall-through zone
        for server in zone.nameservers:
            yield Line(zone.apex, zone.ttl, NS, server)
    for node in space.values():
        if node.zone.apex.lower() == apex:
            yield from _node_lines(space, scope, node)
    for zone_below in _zones_below(space, apex):
        for server in zone_below.nameservers:
            yield Line(zone_below.apex, zone_below.ttl, NS, server)
    for key, sets in space.glue.items():
        cut = space.node(key) or space.enclose(key)
        if cut is not None and cut.below is Below.CUT and cut.zone.apex.lower() == apex:
            for rrset in sets.values():
                yield from _set_lines(key[: len(key) - len(cut.owner)] + cut.owner, rrset, scope)
    here = space.node(names.from_labels([HERE.encode()], apex))
    if here is not None and here.below is Below.HERE:
        yield from _here_lines(space, scope, here)


def _zones_below(space: Namespace, apex: bytes) -> Iterator[ZoneView]:
    """The zones next below this one: a master file delegates what stands in files of their own."""
    for key in exported_zones(space):
        if next((above for above in names.ancestors(key) if above in space.zones), None) == apex:
            yield space.zones[key]


def _node_lines(space: Namespace, scope: Scope, node: Node) -> Iterator[Line]:
    for rtype, rrset in node.sets.items():
        if rtype == ALIAS:
            yield from _alias_lines(space, scope, node)
        elif rtype != SOA:
            yield from _set_lines(node.owner, rrset, scope)


def _set_lines(owner: bytes, rrset: Rrset, scope: Scope) -> Iterator[Line]:
    drawn = rrset.draw(scope)
    rdatas = dict.fromkeys(rdata for turn in drawn.turns for rdata in turn.rdatas)
    if not rdatas:
        what = f"{records.type_text(rrset.rtype)}: nothing to hand out ({drawn.mode.value})"
        yield Line(owner, rrset.ttl, None, what)
    for rdata in sorted(rdatas) if rrset.rtype in FAMILY_OF else rdatas:
        yield Line(owner, rrset.ttl, rrset.rtype, rdata)


def _alias_lines(space: Namespace, scope: Scope, node: Node) -> Iterator[Line]:
    """ALIAS as the addresses that it is answered with."""
    for rtype in (A, AAAA):
        if rtype in node.sets:
            continue
        found = resolve(space, node.owner, rtype, scope)
        if found.end is End.ANSWER:
            yield from _set_lines(node.owner, found.steps[-1].rrset, scope)
        elif found.end is End.FAILED:
            what = f"{records.type_text(rtype)} by ALIAS: {found.reason.word}"
            yield Line(node.owner, 0, None, what)


def _here_lines(space: Namespace, scope: Scope, here: Node) -> Iterator[Line]:
    """The `here` names of everything that is seen from this region, as CNAMEs.

    Not those below a zone cut or a DNAME: their CNAME is made of the question.
    """
    domain, labels = names.parent(here.owner), (scope.environment.encode(), scope.region.encode())
    suffixes = [names.from_labels([*path], domain) for path in (labels, labels[:1])]
    prefixes = {
        key[: len(key) - len(suffix)]: node.owner[: len(key) - len(suffix)]
        for suffix in reversed(suffixes)
        for key, node in space.items()
        if node.sets and names.is_below(key, names.key(suffix))
    }
    for prefix in prefixes.values():
        owner = prefix + here.owner
        for suffix in suffixes:
            if len(prefix + suffix) <= names.MAX_NAME and space.has(names.key(prefix + suffix)):
                if len(owner) <= names.MAX_NAME:
                    yield Line(owner, here.zone.ttl, CNAME, prefix + suffix)
                break


def _remarks(zone: ZoneView, lines: Iterable[Line]) -> Iterator[str]:
    if zone.fallthrough:
        yield "fallthrough: names without records here are forwarded; the SOA and NS are not served"
    odd = {
        names.to_text(line.owner)
        for line in lines
        if line.rtype in (A, AAAA, MX) and not _is_host_name(line.owner)
    }
    if odd:
        yield f"not all owners of addresses are host names (RFC 1123): {min(odd)}"


def _text_of(line: Line, apex: bytes) -> str:
    owner = names.relative_text(line.owner, apex)
    if isinstance(line.rdata, str):
        return f"; {owner} {line.rdata}"
    assert line.rtype is not None
    if line.rtype == SOA:
        rdata = _soa_text(line.rdata)
    elif line.rtype in _BY_NAME:
        rdata = records.to_text(line.rtype, line.rdata)
    else:
        rdata = f"\\# {len(line.rdata)} {line.rdata.hex().upper()}".rstrip()
    rtype = records.type_text(line.rtype) if line.rtype in _BY_NAME else f"TYPE{line.rtype}"
    return f"{owner} {line.ttl} IN {rtype} {rdata}"


def _soa_text(rdata: bytes) -> str:
    (_, mname), (_, rname), *_ = records.TABLE[SOA].spans(rdata)
    fixed = " ".join(map(str, struct.unpack("!5I", rdata[-20:])))
    return f"{names.to_text(mname)} {names.to_text(rname)} {fixed}"
