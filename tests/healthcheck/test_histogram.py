"""Durations in buckets, and the last minute."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthcheck.histogram import BOUNDS, Histogram, LastMinute, Spread

DURATIONS = st.lists(st.floats(0, 100, allow_nan=False))


def test_nothing_was_observed_yet() -> None:
    """Every bucket is there, so that metrics have them from the start."""
    durations = Histogram().snapshot()
    assert [bound for bound, _ in durations.buckets] == [*BOUNDS, math.inf]
    assert {count for _, count in durations.buckets} == {0}
    assert durations.total == 0


@given(DURATIONS)
def test_a_bucket_counts_what_took_no_longer_than_its_bound(taken: list[float]) -> None:
    """A duration of just the bound is within it."""
    histogram = Histogram()
    for seconds in [*taken, *BOUNDS]:
        histogram.observe(seconds)
    durations = histogram.snapshot()
    for bound, count in durations.buckets:
        assert count == sum(seconds <= bound for seconds in [*taken, *BOUNDS])
    assert durations.total == pytest.approx(sum(taken) + sum(BOUNDS), abs=1e-3)


def test_a_snapshot_stays_as_it_is() -> None:
    """Whatever is observed after it."""
    histogram = Histogram()
    before = histogram.snapshot()
    histogram.observe(0.2)
    assert before == Histogram().snapshot()


def test_the_last_minute_has_a_mean_and_a_maximum() -> None:
    """And nothing when nothing was noted."""
    last = LastMinute()
    assert last.spread(0.0) == Spread()
    for value, now in ((1.0, 0.0), (2.0, 15.0), (6.0, 16.0)):
        last.note(value, now)
    assert last.spread(16.0) == Spread(count=3, mean=3.0, max=6.0)


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    """Whether anything was noted since, or not."""
    last = LastMinute()
    last.note(9.0, 0.0)
    last.note(1.0, 50.0)
    assert last.spread(61.0) == Spread(count=1, mean=1.0, max=1.0)
    assert last.spread(200.0) == Spread()


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 30)), min_size=1, max_size=50))
def test_the_maximum_covers_fifty_seconds_at_least(noted: list[tuple[float, float]]) -> None:
    """And a minute at most."""
    last, now, seen = LastMinute(), 0.0, []
    for value, wait in noted:
        now += wait
        last.note(value, now)
        seen.append((now, value))
    recent = [value for at, value in seen if at > now - 50]
    allowed = [value for at, value in seen if at > now - 60]
    assert max(recent) <= last.spread(now).max <= max(allowed)
    assert len(recent) <= last.spread(now).count <= len(allowed)
