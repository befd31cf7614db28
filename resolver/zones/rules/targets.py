"""Rules on the targets of records: names that do not exist, and chains that never end."""

from __future__ import annotations

from collections.abc import Iterator

from resolver import names
from resolver.chain import MAX_CHAIN
from resolver.namespace import Below, Node
from resolver.rrsets import ALIAS, CNAME, DNAME, HTTPS, MX, NS, PTR, SRV, SVCB, StaticSet
from resolver.zones.places import Place, Problem
from resolver.zones.records import ALIAS as ALIAS_TYPE
from resolver.zones.records import type_text
from resolver.zones.rules.forwarding import routes_of
from resolver.zones.rules.sight import Link, Sight
from resolver.zones.rules.survey import Survey, warning

WITH_TARGET = frozenset({CNAME, MX, SRV, NS, SVCB, HTTPS, PTR, ALIAS_TYPE})


def dangling_target(survey: Survey) -> Iterator[Problem]:
    """Targets that lie in our zones, but do not exist for an environment that sees the record."""
    found: dict[tuple[Place, bytes], tuple[Link, list[str]]] = {}
    for name, sight in survey.sights.items():
        routes = [suffix for suffix, _, _ in routes_of(survey.environments[name])]
        for link in sight.doubtful:
            if link.rrset.rtype not in WITH_TARGET or not _dangles(sight, link.target, routes):
                continue
            if link.rrset.rtype != PTR or not _is_written(survey, names.key(link.target)):
                at = (sight.place_of(link), link.target)
                found.setdefault(at, (link, []))[1].append(name)
    for (place, target), (link, environments) in found.items():
        owner, kind = names.to_text(link.node.owner), type_text(link.rrset.rtype)
        message = (
            f"{names.to_text(target)}, target of {owner} {kind}, does not exist for"
            f" {survey.listed(environments)}"
        )
        yield warning(place, "dangling-target", message)


def _dangles(sight: Sight, target: bytes, routes: list[bytes]) -> bool:
    """Whether a name of ours is missing; the names of others are the isolation proof's."""
    key = target.lower()
    if key == names.ROOT:  # RFC 2782, RFC 7505, RFC 9460 2.5: there is none, or the owner itself
        return False
    space = sight.space
    node = space.node(key)
    if node is not None:
        return not node.sets and node.below is Below.HERE
    encloser = space.enclose(key)
    if encloser is None or encloser.zone.fallthrough:
        return False
    if encloser.below is Below.HERE:
        return not any(_here(sight, key, region) for region in sight.survey.plan.regions)
    if space.has(key):
        return False
    apex = names.key(encloser.zone.apex)
    if any(len(route) >= len(apex) and names.is_at_or_below(key, route) for route in routes):
        return False
    return sight.keeper(target) is None


def _is_written(survey: Survey, key: bytes) -> bool:
    """Whether a name without a node is written nevertheless: it is shadowed, and told as that."""
    return any(
        key in zone.records or key in zone.services or names.parent(key) in zone.services
        for zone in survey.zones
    )


def _here(sight: Sight, key: bytes, region: str) -> bytes | None:
    """What a name below `here` is a CNAME to for callers from a region."""
    domain = sight.survey.domain
    prefix = key[: len(key) - len(domain) - len(b"\x04here")]
    for path in (f"{sight.environment}.{region}", sight.environment):
        target = prefix + names.from_text(path, domain)
        if len(target) <= names.MAX_NAME and sight.space.has(target):
            return target
    return None


def cname_loop(survey: Survey) -> Iterator[Problem]:
    """Chains of CNAME, ALIAS and DNAME that come back or have too many steps."""
    for sight in survey.sights.values():
        aimed = {link.target.lower() for link in sight.steps}
        done: set[bytes] = set()
        for link in sight.steps:
            # Below a DNAME any name will do: it has no node of its own.
            start = b"\x01x" + link.key if link.rrset.rtype == DNAME else link.key
            for region in survey.plan.regions or ("",):
                chain, loop, uses_here = _follow(sight, start, region, done)
                if loop or (chain and len(chain) > MAX_CHAIN and link.key not in aimed):
                    yield _endless(sight, chain, loop)
                if not uses_here:
                    break


def _follow(
    sight: Sight, start: bytes, region: str, done: set[bytes]
) -> tuple[list[bytes], list[bytes], bool]:
    """The chain from a start, the loop in it if that is news, and whether `here` took part."""
    chain, position, uses_here = [start], {start: 0}, False
    while len(chain) <= 2 * MAX_CHAIN:
        following, by_here = _next(sight, chain[-1], region)
        uses_here |= by_here
        if following is None:
            return chain[:-1], [], uses_here
        if following in position:
            loop = chain[position[following] :]
            is_known = any(key in done for key in loop)
            done.update(loop)
            return chain, [] if is_known else loop, uses_here
        position[following] = len(chain)
        chain.append(following)
    is_known = any(key in done for key in chain)
    done.update(chain)
    return [] if is_known else chain, [], uses_here


def _node_for(sight: Sight, key: bytes) -> Node | None:
    node = sight.space.node(key)
    if node is None:
        node = sight.space.enclose(key)
        if node is not None and node.below is Below.WILDCARD:
            return node.wildcard
    return node


def _next(sight: Sight, key: bytes, region: str) -> tuple[bytes | None, bool]:
    """The next name of a chain in lower case, and whether `here` made it."""
    node = _node_for(sight, key)
    if node is None:
        return None, False
    owner = node.owner.lower()
    if node.below is Below.HERE and key != owner:
        return _here(sight, key, region), True
    if node.below is Below.DNAME and key != owner and not owner.startswith(b"\x01*"):
        target = key[: len(key) - len(owner)] + _target(node, DNAME)
        return (target if len(target) <= names.MAX_NAME else None), False
    for rtype in (CNAME, ALIAS):
        if rtype in node.sets and node.below is not Below.CUT:
            return _target(node, rtype), False
    return None, False


def _target(node: Node, rtype: int) -> bytes:
    rrset = node.sets[rtype]
    assert isinstance(rrset, StaticSet)  # nothing generates these types
    return rrset.rdatas[0].lower()


def _endless(sight: Sight, chain: list[bytes], loop: list[bytes]) -> Problem:
    """The problem of a loop, told from its first place on, or of a chain that is too long."""
    if loop:
        place, first = min(
            (place, position)
            for position, key in enumerate(loop)
            if (place := _place(sight, key)) is not None
        )
        told = [*loop[first:], *loop[:first], loop[first]]
        message = f"{' → '.join(names.to_text(key) for key in told)} is a loop: no answer"
        return warning(place, "cname-loop", message)
    message = (
        f"{names.to_text(chain[0])} begins a chain of more than {MAX_CHAIN} steps"
        f" (to {names.to_text(chain[MAX_CHAIN])}): no answer"
    )
    place = next(found for key in chain if (found := _place(sight, key)) is not None)
    return warning(place, "cname-loop", message)


def _place(sight: Sight, key: bytes) -> Place | None:
    """Where the step that leads on from a name stands; None for `here`, which nobody wrote."""
    node = _node_for(sight, key)
    assert node is not None  # it was followed
    for rtype in (CNAME, ALIAS, DNAME):
        if rtype in node.sets:
            return node.sets[rtype].place
    return None
