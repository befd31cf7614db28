"""Cycles of answers: who stands first, and who else is in."""

from collections import Counter

import pytest

from resolver.turns import LONG_CYCLE, make_cycle

OWNERS = [b"\1a", b"\1b", b"\1c", b"\1d"]


def test_no_tier_has_no_turns() -> None:
    """Nothing serves."""
    assert make_cycle((), (), (), 8) == ()


def test_weights_make_the_shortest_exact_cycle() -> None:
    """1:3 are four turns, spread smoothly."""
    cycle = make_cycle([{0: 10, 1: 30}], [25.0, 75.0], OWNERS, 1)
    assert [turn[0] for turn in cycle] == [1, 0, 1, 1] or [t[0] for t in cycle] == [1, 1, 0, 1]


def test_a_turn_holds_one_tier_only() -> None:
    """Whichever stands first."""
    cycle = make_cycle([{0: 1, 1: 1}, {2: 1, 3: 1}], [35.0, 35.0, 15.0, 15.0], OWNERS, 8)
    assert len(cycle) == LONG_CYCLE
    assert {frozenset(turn) for turn in cycle} == {frozenset({0, 1}), frozenset({2, 3})}
    firsts = Counter(turn[0] for turn in cycle)
    assert firsts[0] / LONG_CYCLE == pytest.approx(0.35, abs=0.01)


@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_no_turn_holds_more_than_it_may(most: int) -> None:
    """Nor anybody twice."""
    cycle = make_cycle([dict.fromkeys(range(4), 1)], [25.0] * 4, OWNERS, most)
    assert all(len(turn) == len(set(turn)) == min(most, 4) for turn in cycle)


def test_cycles_are_bounded() -> None:
    """Odd weights are rounded to half a point."""
    assert len(make_cycle([{0: 997, 1: 1009}], [49.7, 50.3], OWNERS, 8)) == LONG_CYCLE
