"""What the checker tells people."""

import pytest

from healthcheck import tell
from healthcheck.health import State
from healthcheck.track import Track
from healthcheck.use import ProbeKey
from healthcheck.watch import Watch
from tests.healthcheck.made import failed, passed, use

A, B = use(), use("web.prod.east/b", "10.0.0.2")
PLAIN = use("db.prod.east/a", checked_by=None)


def begin(_: ProbeKey) -> Track:
    """Nothing is known of it."""
    return Track(begun=100)


@pytest.fixture
def watch() -> Watch:
    """A target that failed, one that nobody has seen, and one that nobody checks."""
    made = Watch({}, is_probing=True)
    made.replace([A, B, PLAIN], begin, 100)
    made.observe(made.ledger.by_target[A.target], failed(103))
    return made


def test_a_report_holds_what_is_seen_and_what_is_judged(watch: Watch) -> None:
    """Apart: an unproven target is down and judged up."""
    report = tell.report(watch, A, 104)
    assert report.track is not None
    assert (report.track.state, report.health.state) == (State.DOWN, State.UP)
    assert (report.is_unproven, report.is_overdue, report.pause) == (True, False, 5)
    plain = tell.report(watch, PLAIN, 104)
    assert (plain.track, plain.health.reason, plain.pause) == (None, "assumed up", 0)


def test_unknown_targets_are_left_out(watch: Watch) -> None:
    """All or some of them."""
    assert [report.use for report in tell.reports(watch, None, 104)] == [A, B, PLAIN]
    assert [r.use for r in tell.reports(watch, [B.target, (b"", b"")], 104)] == [B]


def test_the_summary_counts_probes(watch: Watch) -> None:
    """Those without an observation for long are overdue."""
    summary = tell.summary(watch, None, 106)
    assert (summary.targets, summary.overdue, summary.frozen_since) == (2, 1, None)


def test_counts_are_copies(watch: Watch) -> None:
    """With the age of the oldest observation of each service."""
    counts = tell.counts(watch, None, 110)
    watch.observe(watch.ledger.by_target[B.target], passed(111))
    labels = ("prod", "east", "web")
    assert (counts.ages, counts.failures) == ({labels: 10}, {(labels, "refused"): 1})
    assert (counts.transitions, counts.durations) == ({}, {})
    assert tell.ages(watch, 112) == {labels: 9}
