"""What is known of one upstream, and the order that follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.forward.standing import (
    FAILURES_TO_SUSPECT,
    LEAST_PATIENCE,
    POLICIES,
    PROBES_TO_CALL_DOWN,
    UNKNOWN_PATIENCE,
    Standing,
    fastest,
    round_robin,
    sequential,
)
from resolver.zones.upstream import read_upstream


def standing(text: str = "127.0.0.1", latency: float | None = None, failures: int = 0) -> Standing:
    """An upstream of which so much is known."""
    made = Standing(read_upstream(text), "dev")
    made.latency, made.failures = latency, failures
    return made


def test_a_new_one_is_neither_suspect_nor_down() -> None:
    """Its name is its text."""
    new = standing("tcp://127.0.0.1:5353")
    assert (new.is_suspect, new.is_down, new.latency) == (False, False, None)
    assert (new.name, new.environment) == ("tcp://127.0.0.1:5353", "dev")


def test_three_failures_in_a_row_make_it_suspect() -> None:
    """A reply in between begins the count anew."""
    one = standing()
    for _ in range(FAILURES_TO_SUSPECT - 1):
        one.failed("timeout")
    one.answered(0.01)
    one.failed("refused")
    seen = [one.is_suspect]
    for _ in range(FAILURES_TO_SUSPECT - 1):
        one.failed("timeout")
    assert [*seen, one.is_suspect] == [False, True]
    assert one.reasons == {"timeout": 4, "refused": 1}


def test_what_was_counted_is_not_counted_again() -> None:
    """Its reason is; a late one has been a failure already."""
    one = standing()
    one.was_late(0.5)
    one.failed("timeout", is_new=False)
    assert (one.failures, one.reasons["timeout"]) == (1, 1)


def test_only_probes_call_it_down() -> None:
    """CVE-2023-26437: names that hang behind it cannot."""
    one = standing()
    for _ in range(100):
        one.failed("timeout")
    seen = [one.is_down]
    one.failed_probes = PROBES_TO_CALL_DOWN
    seen.append(one.is_down)
    one.answered(0.01)
    assert [*seen, one.is_down] == [False, True, False]
    assert (one.is_suspect, one.failed_probes) == (False, 0)


def test_latency_is_a_moving_average() -> None:
    """The first is taken as it is, each later one for a quarter."""
    one = standing()
    one.answered(0.1)
    assert one.latency == 0.1
    one.answered(0.5)
    assert one.latency == pytest.approx(0.2)


def test_who_was_late_is_preferred_no_more() -> None:
    """At least twice as slow as it was thought to be."""
    one = standing(latency=0.3)
    one.was_late(0.4)
    assert one.latency == pytest.approx(0.6)
    new = standing()
    new.was_late(0.4)
    assert new.latency == 0.4


@pytest.mark.parametrize(
    ("latency", "timeout", "patience"),
    [
        (None, 2.0, UNKNOWN_PATIENCE),
        (None, 0.1, 0.1),
        (0.001, 2.0, LEAST_PATIENCE),
        (0.1, 2.0, 0.4),
        (10.0, 2.0, 2.0),
        (0.001, 0.05, 0.05),
    ],
)
def test_patience_follows_latency(latency: float | None, timeout: float, patience: float) -> None:
    """Within bounds, and never beyond the timeout."""
    assert standing(latency=latency).patience(timeout) == pytest.approx(patience)


STANDINGS = st.lists(
    st.tuples(st.none() | st.floats(0.001, 5), st.integers(0, 4), st.integers(0, 4)),
    min_size=1,
    max_size=6,
)


@given(STANDINGS, st.integers(0, 20))
def test_every_policy_asks_all_and_the_silent_last(
    known: list[tuple[float | None, int, int]], turn: int
) -> None:
    """Those that answer, then suspects, then those that are down."""
    standings = []
    for latency, failures, probes in known:
        one = standing(latency=latency, failures=failures)
        one.failed_probes = probes
        standings.append(one)
    for policy in POLICIES.values():
        order = policy(standings, turn)
        assert set(order) == set(standings)
        assert len(order) == len(standings)
        ranks = [(one.is_down, one.is_suspect) for one in order]
        assert ranks == sorted(ranks)


def test_the_fastest_is_asked_first() -> None:
    """Before it who was never asked."""
    slow, quick, new = standing(latency=0.2), standing(latency=0.1), standing()
    assert fastest([slow, quick, new], 7) == [new, quick, slow]
    quick.failures = FAILURES_TO_SUSPECT
    assert fastest([slow, quick, new], 7) == [new, slow, quick]


def test_sequence_is_as_written() -> None:
    """But for those that do not answer."""
    one, two, three = standing(latency=0.9, failures=3), standing(latency=0.5), standing()
    assert sequential([one, two, three], 3) == [two, three, one]


def test_each_has_its_turn() -> None:
    """The others follow in their order."""
    one, two, three = (standing() for _ in range(3))
    orders = [round_robin([one, two, three], turn) for turn in range(4)]
    assert orders == [[one, two, three], [two, three, one], [three, one, two], [one, two, three]]
