"""What the page shows of services and endpoints. Pure.

Times are seconds since the epoch, so that the page can let ages grow by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from healthcheck.health import DeclaredState
from healthcheck.report import Report
from resolver.admin.selections import family_of
from resolver.admin.status import Json, Moment
from resolver.admin.survey import EFFECTIVE, SERVED_AS_UP, Entry, Survey, effective
from resolver.select import Pool

MOST_OF_ALL = 99.95  # percent


def tell_row(name: str, entries: Sequence[Entry], survey: Survey, moment: Moment) -> Json:
    """A service with these of its endpoints."""
    environment, region, _ = entries[0].labels
    service = entries[0].service
    mode, tiers = None, []
    if service is not None:
        outcome = survey.outcome(service, family_of(service))
        mode, tiers = outcome.mode.value, _tell_tiers(survey.pool(service), outcome.loads)
    return {
        "service": name,
        "environment": environment,
        "region": region,
        "place": None if service is None else str(service.place),
        "mode": mode,
        "tiers": tiers,
        "states": count(entry.effective for entry in entries),
        "endpoints": [tell_endpoint(entry, survey, moment) for entry in entries],
    }


def _tell_tiers(pool: Pool, loads: Sequence[float]) -> list[Json]:
    """Which regions answer, and in how many percent; none where all is as usual."""
    if len(pool.tiers) == 1 or loads[0] >= MOST_OF_ALL:
        return []
    return [
        {"region": tier.region, "percent": round(load)}
        for tier, load in zip(pool.tiers, loads, strict=True)
        if load > 0
    ]


def count(words: Iterable[str]) -> dict[str, int]:
    """How many there are of each state, without those of which there are none."""
    counted = Counter(words)
    return {word: counted[word] for word in EFFECTIVE if counted[word]}


def tell_endpoint(entry: Entry, survey: Survey, moment: Moment) -> Json:
    """One endpoint, as far as the page shows it."""
    override = next((r.override for r in entry.reports if r.override is not None), None)
    declared = entry.declared
    return {
        "id": entry.id,
        "label": entry.label,
        "effective": entry.effective,
        "declared": None if declared is DeclaredState.NORMAL else declared.value,
        "override": override
        and {
            "state": override.state.value,
            "reason": override.reason,
            "by": override.by,
            "since": override.since,
            "until": override.until,
        },
        "addresses": [_tell_address(report, entry, survey, moment) for report in entry.reports],
    }


def _tell_address(report: Report, entry: Entry, survey: Survey, moment: Moment) -> Json:
    use, health, track = report.use, report.health, report.track
    to_epoch = moment.epoch - moment.checker
    real = "unchecked" if use.checked_by is None else "unknown"
    last = None if track is None else track.last
    since = None if track is None else track.since
    is_served = entry.service is not None and survey.is_served(entry.service, use.target)
    return {
        "address": use.address,
        "kind": None if use.checked_by is None else use.checked_by.check.kind,
        "real": real if track is None else track.state.value,
        "effective": effective(report, entry.declared),
        "reason": health.reason,
        "changing": health.changing,
        "tenths": health.tenths,
        "since": None if since is None else round(since + to_epoch, 1),
        "seen": None if last is None else round(last.at + to_epoch, 1),
        "overdue": report.is_overdue,
        "recent": [] if report.recent is None else _in_tenths(report.recent.told()),
        "safe_at": moment.held.get(use.target),
        "served": is_served,
    }


def _in_tenths(seconds: Iterable[float]) -> list[int]:
    """Tenths of milliseconds, at least one; negative where it failed."""
    return [max(1, round(s * 1e4)) if s > 0 else min(-1, round(s * 1e4)) for s in seconds]


def is_out(states: Iterable[str]) -> bool:
    """Whether nothing of it is served as if it were up."""
    return SERVED_AS_UP.isdisjoint(states)
