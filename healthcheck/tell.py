"""What the checker tells people: reports on targets, a summary, and counts for metrics.

Everything is built from single look-ups and copies, so that any thread may ask.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from healthcheck.counts import CheckCounts, Labels
from healthcheck.health import Target
from healthcheck.judge import is_overdue, seen_at
from healthcheck.report import Report, Summary
from healthcheck.runner import Runner
from healthcheck.track import pause
from healthcheck.use import Use
from healthcheck.watch import Watch


def report(watch: Watch, use: Use, now: float) -> Report:
    """What is known of one target."""
    entry = watch.ledger.by_target.get(use.target) if watch.is_probing else None
    health, override = watch.board.of(use), watch.overrides.of(use.endpoint)
    if entry is None:
        return Report(use, health, None, override, 0.0, is_overdue=False, is_unproven=False)
    track = entry.track
    seconds = pause(track, entry.timing)
    return Report(
        use,
        health,
        track,
        override,
        seconds,
        is_overdue=is_overdue(track, seconds, entry.timing, now),
        is_unproven=use.service in watch.proof.unproven,
        recent=entry.recent,
    )


def reports(watch: Watch, targets: Collection[Target] | None, now: float) -> list[Report]:
    """Reports on some targets or on all; without those that are unknown."""
    uses = watch.ledger.uses
    wanted = uses.keys() if targets is None else targets
    found = [uses.get(target) for target in wanted]
    return [report(watch, use, now) for use in found if use is not None]


def summary(watch: Watch, runner: Runner | None, now: float) -> Summary:
    """How the checker itself does."""
    entries = list(watch.ledger.watched.values()) if watch.is_probing else []
    overdue = 0
    for entry in entries:
        track = entry.track
        overdue += is_overdue(track, pause(track, entry.timing), entry.timing, now)
    return Summary(
        targets=len(entries),
        overdue=overdue,
        frozen_since=watch.doubt.frozen_since,
        in_flight=0 if runner is None else runner.in_flight,
        own_faults=0 if runner is None else runner.own_faults,
        restarts=0 if runner is None else runner.restarts,
        now=now,
    )


def counts(watch: Watch, runner: Runner | None, now: float) -> CheckCounts:
    """A copy of all counters."""
    durations = {} if runner is None else dict(runner.durations)
    return CheckCounts(
        durations={kind: found.snapshot() for kind, found in durations.items()},
        failures=dict(watch.moves.failures),
        transitions=dict(watch.moves.transitions),
        ages=ages(watch, now),
    )


def ages(watch: Watch, now: float) -> Mapping[Labels, float]:
    """Seconds since the oldest last observation of each service that is probed."""
    oldest: dict[Labels, float] = {}
    for entry in list(watch.ledger.watched.values()) if watch.is_probing else ():
        age = max(0.0, now - seen_at(entry.track))
        for labels in entry.labels:
            oldest[labels] = max(age, oldest.get(labels, 0.0))
    return oldest
