"""What metrics are made from."""

from healthcheck.counts import CheckCounts


def test_nothing_is_counted_at_first() -> None:
    """A checker that has just begun."""
    counts = CheckCounts()
    assert not (counts.durations or counts.failures or counts.transitions or counts.ages)
