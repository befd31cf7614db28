"""The shapes of JSON: endpoints, services, status and problems of files. Pure.

Times are ISO 8601 in UTC, whole seconds, rounded up; durations are seconds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from healthcheck.check import CheckedBy, Observation
from healthcheck.health import Target
from healthcheck.report import Override, Report, Summary
from healthcheck.track import penalty_at
from resolver.admin.access import Sight
from resolver.admin.selections import family_of
from resolver.admin.survey import EFFECTIVE, Entry, Survey, effective
from resolver.reloads import Reloads

Json = dict[str, Any]

WITHHELD = "what is wrong is told to those who may read all environments"


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is told: on the wall's clock and on the checker's, and who is still held."""

    epoch: float
    checker: float
    held: Mapping[Target, float]  # until when, in seconds since the epoch


def tell_time(epoch: float) -> str:
    """Seconds since the epoch as ISO 8601, never earlier than meant."""
    return datetime.fromtimestamp(math.ceil(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tell_endpoint(entry: Entry, survey: Survey, moment: Moment) -> Json:
    """All that is known of an endpoint."""
    environment, region, _ = entry.labels
    override = next((r.override for r in entry.reports if r.override is not None), None)
    return {
        "id": entry.id,
        "service": entry.service_id,
        "environment": environment,
        "region": region,
        "endpoint": entry.label,
        "effective": entry.effective,
        "declared": entry.declared.value,
        "override": None if override is None else _tell_override(override),
        "addresses": [_tell_address(report, entry, survey, moment) for report in entry.reports],
    }


def _tell_override(override: Override) -> Json:
    return {
        "state": override.state.value,
        "reason": override.reason,
        "by": override.by,
        "since": tell_time(override.since),
        "until": None if override.until is None else tell_time(override.until),
    }


def _tell_address(report: Report, entry: Entry, survey: Survey, moment: Moment) -> Json:
    use, health, track = report.use, report.health, report.track
    real = "unchecked" if use.checked_by is None else "unknown"
    until = moment.held.get(use.target)
    served = entry.service is not None and survey.is_served(entry.service, use.target)
    return {
        "address": use.address,
        "real": real if track is None else track.state.value,
        "effective": effective(report, entry.declared),
        "reason": health.reason,
        "changing": health.changing,
        "weight_tenths": health.tenths,
        "check": None if use.checked_by is None else _tell_check(use.checked_by),
        "last": _tell_last(track.last, moment) if track is not None and track.last else None,
        "streak": 0 if track is None else track.streak,
        "penalty": 0 if track is None else round(penalty_at(track, moment.checker)),
        "overdue": report.is_overdue,
        "safe_to_stop_at": tell_time(until) if until else None,
        "served": served,
    }


def _tell_check(checked_by: CheckedBy) -> Json:
    check, timing = checked_by.check, checked_by.timing
    port = getattr(check, "port", None)
    return {
        "kind": check.kind,
        **({"port": port} if isinstance(port, int) else {}),
        "interval": timing.interval,
        "fast_interval": timing.fast_interval,
        "timeout": timing.timeout,
        "fall": timing.fall,
        "rise": timing.rise,
        "enforce": checked_by.enforce,
    }


def _tell_last(last: Observation, moment: Moment) -> Json:
    return {
        "age": round(max(0.0, moment.checker - last.at), 3),
        "seconds": round(last.seconds, 6),
        "passed": last.has_passed,
        "failure": None if last.failure is None else last.failure.value,
        "detail": last.detail,
    }


def tell_service(name: str, entries: list[Entry], survey: Survey) -> Json:
    """A line of a service."""
    environment, region, _ = entries[0].labels
    service = entries[0].service
    reports = [report for entry in entries for report in entry.reports]
    mode = None
    if service is not None:
        mode = survey.outcome(service, family_of(service)).mode.value
    return {
        "service": name,
        "environment": environment,
        "region": region,
        "endpoints": len(entries),
        "up": _count(entries)["up"],
        "states": _count(entries),
        "mode": mode,
        "checked": any(report.use.checked_by is not None for report in reports),
        "unproven": any(report.is_unproven for report in reports),
    }


def _count(entries: Iterable[Entry]) -> dict[str, int]:
    counted = Counter(entry.effective for entry in entries)
    return {word: counted[word] for word in EFFECTIVE}


def tell_environments(survey: Survey) -> dict[str, Json]:
    """The counts of each environment that is seen; `-`: what belongs to several."""
    found: dict[str, list[Entry]] = {
        name: [] for name in survey.generation.zones.plan.environments if survey.sight.covers(name)
    }
    for entry in survey.entries:
        found.setdefault(entry.labels[0], []).append(entry)
    return {
        name: {
            "services": len({entry.service_id for entry in entries}),
            "endpoints": len(entries),
            **_count(entries),
        }
        for name, entries in found.items()
    }


def tell_checker(survey: Survey, summary: Summary, epoch: float) -> Json:
    """How checking goes; who does not see all is told of what it sees."""
    frozen = summary.frozen_since
    since = None if frozen is None else tell_time(epoch - (summary.now - frozen))
    if survey.sight.sees_all:
        return {
            "targets": summary.targets,
            "overdue": summary.overdue,
            "frozen_since": since,
            "in_flight": summary.in_flight,
            "own_faults": summary.own_faults,
            "restarts": summary.restarts,
        }
    probes = {
        report.use.probe: report.is_overdue
        for entry in survey.entries
        for report in entry.reports
        if report.use.probe is not None
    }
    return {
        "targets": len(probes),
        "overdue": sum(probes.values()),
        "frozen_since": since,
        "in_flight": None,
        "own_faults": None,
        "restarts": None,
    }


def tell_degraded(sentences: list[str], *, sees_all: bool) -> list[str]:
    """The sentences may name anything, so that only who sees all is told them."""
    return sentences if sees_all or not sentences else [WITHHELD]


def tell_number(generation: int, sight: Sight) -> int | None:
    """The generation's number moves with what happens in any environment."""
    return generation if sight.sees_all else None


def tell_served(reloads: Reloads, sight: Sight) -> Json:
    """What is served of the files, since when, and whether that is what they say now; these move
    with what happens anywhere. Reads files."""
    if not sight.sees_all:
        return {"revision": None, "loaded_at": None, "reload_failed": None}
    return {
        "revision": reloads.revision(),
        "loaded_at": tell_time(reloads.loaded_at),
        "reload_failed": reloads.has_failed,
    }
