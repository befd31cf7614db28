"""Hints of SVCB and HTTPS that follow the selection: `ipv4hint=auto`, `ipv6hint=auto`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from resolver.rrsets import AAAA, HTTPS, SVCB, A, Drawn, Pick, Scope, StaticSet
from resolver.select import Mode
from resolver.turns import LONG_CYCLE
from resolver.zones import svcb
from resolver.zones.places import Place
from resolver.zones.zone import RecordSet

LookUp = Callable[[bytes, int], tuple[Pick, ...]]
"""A name and a type → the turns of what is answered; none when there is nothing."""


@dataclass(frozen=True, slots=True)
class HintedSet:
    """SVCB or HTTPS whose hints are the selected addresses of its targets (RFC 9460 7.3).

    A look-up fills them in; drawn by itself it has none.
    """

    rtype: int
    ttl: int
    rdatas: tuple[bytes, ...]
    place: Place

    def draw(self, scope: Scope) -> Drawn:
        return Drawn((self._pick({}, 0),), Mode.NORMAL)

    def filled(self, owner: bytes, look_up: LookUp) -> DrawnSet:
        """The set with hints from what `look_up` gives for A and AAAA of each target."""
        hints: dict[bytes, dict[int, tuple[Pick, ...]]] = {}
        for rdata in self.rdatas:
            if svcb.has_auto_hints(rdata):
                target = svcb.target(rdata, owner)
                hints[rdata] = {
                    svcb.IPV4HINT: look_up(target, A),
                    svcb.IPV6HINT: look_up(target, AAAA),
                }
        cycles = [len(turns) for found in hints.values() for turns in found.values() if turns]
        turns = tuple(self._pick(hints, turn) for turn in range(_common_turns(cycles)))
        return DrawnSet(self.rtype, self.ttl, turns, self.place)

    def _pick(self, hints: Mapping[bytes, Mapping[int, tuple[Pick, ...]]], turn: int) -> Pick:
        rdatas, ttl = [], self.ttl
        for rdata in self.rdatas:
            picks = {
                key: turns[turn % len(turns)]
                for key, turns in hints.get(rdata, {}).items()
                if turns
            }
            ttl = min(ttl, *(pick.ttl for pick in picks.values())) if picks else ttl
            rdatas.append(svcb.with_hints(rdata, {k: pick.rdatas for k, pick in picks.items()}))
        return Pick(tuple(rdatas), ttl)


def _common_turns(cycles: Sequence[int]) -> int:
    """Turns in which each cycle goes round whole; nearly, where that would be too long."""
    common = math.lcm(*cycles)
    return common if common <= LONG_CYCLE else max(LONG_CYCLE, *cycles)


@dataclass(frozen=True, slots=True)
class DrawnSet:
    """A set that was made for one look-up."""

    rtype: int
    ttl: int
    turns: tuple[Pick, ...]
    place: Place

    def draw(self, scope: Scope) -> Drawn:
        return Drawn(self.turns, Mode.NORMAL)


def written(found: RecordSet) -> StaticSet | HintedSet:
    """A record set of a zone as a node holds it."""
    if found.rtype in (SVCB, HTTPS) and any(map(svcb.has_auto_hints, found.rdatas)):
        return HintedSet(found.rtype, found.ttl, found.rdatas, found.place)
    return StaticSet(found.rtype, found.ttl, found.rdatas, found.place)
