"""What metrics are made from."""

from healthcheck.counts import CheckCounts


def test_nothing_is_counted_at_first() -> None:
    """A checker that has just begun."""
    counts = CheckCounts()
    found = (counts.durations, counts.failures, counts.transitions, counts.ages)
    assert not any(found)
