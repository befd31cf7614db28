"""The simulation of workers: what waits, and what holds it up."""

import random

import pytest

from bench.simulate import ANSWER, CALM, FLIPS, Stall, share_of_busiest, simulate, waits


def test_who_comes_alone_waits_for_nobody() -> None:
    """At a hundredth of the load an answer takes its own time."""
    found = waits(2000, CALM, random.Random(1))
    assert found[len(found) // 2] == pytest.approx(ANSWER)


def test_a_stall_holds_up_who_comes_meanwhile() -> None:
    """A tenth of the time: p99 is nearly all of it, the median is as ever."""
    found = waits(2000, (Stall(0.1, 0.01),), random.Random(1))
    assert 0.008 < found[int(0.99 * len(found))] <= 0.011
    assert found[len(found) // 2] == pytest.approx(ANSWER)


def test_clients_are_spread_by_chance() -> None:
    """Few clients unevenly; one has all of one worker."""
    chance = random.Random(1)
    assert share_of_busiest(1, 10, chance) == 1.0
    assert share_of_busiest(4, 4, chance) >= 0.25
    assert share_of_busiest(4, 100_000, chance) == pytest.approx(0.25, abs=0.01)


def test_more_than_a_core_can_do_never_ends() -> None:
    """And that is said, not simulated."""
    assert simulate(1, 400_000).calm == float("inf")
    row = simulate(1, 20_000)
    assert row.calm < row.flips < row.reloading or row.calm <= row.flips
    assert FLIPS[0].takes < 0.001
