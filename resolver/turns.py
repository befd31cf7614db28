"""Turns: shares and weights → the cycle of answers that gives each its share. Pure.

One turn is one answer: who stands first, and who else is in it, all of one tier.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from operator import add

MAX_TURNS = 256  # of a cycle that is exact
FINE = 1 << 20  # parts of a percent
LONG_CYCLE = 256  # of one that is not: shares are right to half a point

Weights = Mapping[int, int]
"""Of one tier: index of a choice → weight."""


def make_cycle(
    tiers: Sequence[Weights],
    shares: Sequence[float],
    owners: Sequence[bytes],
    max_answers: int,
) -> tuple[tuple[int, ...], ...]:
    """The turns of the wheel: smooth weighted round robin decides who stands first.

    `tiers` are those that carry load; `shares` and `owners` are by index of the choice.
    """
    if not tiers:
        return ()
    weights = tuple(tiers[0].values())
    turns = sum(weights) // math.gcd(*weights) if len(tiers) == 1 else LONG_CYCLE
    if turns > MAX_TURNS:
        turns = LONG_CYCLE
    firsts = _smooth({i: shares[i] for tier in tiers for i in tier}, turns)
    own_tier = {index: tier for tier in tiers for index in tier}
    return tuple(
        (first, *_rest(first, own_tier[first], turn, owners)[: max_answers - 1])
        for turn, first in enumerate(firsts)
    )


def _smooth(shares: Mapping[int, float], turns: int) -> list[int]:
    """Smooth weighted round robin: in any run of turns each stands in its share, to one.

    In whole numbers, so that equals stay equal; of equals the first goes first.
    """
    indices = list(shares)
    weights = [round(share * FINE) for share in shares.values()]
    total, current, firsts = sum(weights), [0] * len(weights), []
    for _ in range(turns):
        current = list(map(add, current, weights))
        place = current.index(max(current))
        current[place] -= total
        firsts.append(indices[place])
    return firsts


def _rest(first: int, tier: Weights, turn: int, owners: Sequence[bytes]) -> list[int]:
    """The others of the tier in the order of a draw by weight without replacement.

    Equal weights: the next in turn. Else u^(1/weight) with u from a hash of turn and name
    (Efraimidis and Spirakis 2006), so that the draw is the same wherever it is made.
    """
    others = [index for index in tier if index != first]
    if len(set(tier.values())) == 1:
        order = list(tier)
        start = order.index(first)
        return order[start + 1 :] + order[:start]
    return sorted(
        others,
        key=lambda i: -(_uniform(turn, owners[i]) ** (1.0 / tier[i])),
    )


def _uniform(turn: int, owner: bytes) -> float:
    # CRCs of names of one length differ by a constant, so they alone would draw in step;
    # multiplying breaks that (the finalizer of MurmurHash3).
    mixed = zlib.crc32(owner, turn)
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return ((mixed ^ mixed >> 16) + 1) / 2**32
