"""Why endpoints are in an answer or out of it: what `select` decided and what the checker saw.

Whoever may not read an environment is told what its answers show, and not why. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from healthcheck.health import WHOLE, Target
from healthcheck.judge import told_damping
from healthcheck.report import Report
from healthcheck.track import penalty_at
from resolver.rrsets import (
    FAMILY_OF,
    UNSETTLED_TTL,
    AliasSet,
    PoolSet,
    PortSet,
    Rrset,
    Scope,
    Tiers,
)
from resolver.select import Choice, Family, Selection, select
from resolver.zones import records
from resolver.zones.places import Place

Facts = dict[str, Any]
SEVERAL = "-"  # what belongs to several environments
WITHHELD = "withheld"  # what only those may read who may read that environment


class Seen(NamedTuple):
    """What a running server knows beside the generation, and of what the reader may be told.

    `now` is on the checker's clock; `covers` says of an environment (or `-`) whether the reader
    may read it. A grant is of names: who may not is told what the answer shows and not why.
    """

    reports: Mapping[Target, Report]
    now: float
    covers: Callable[[str], bool] = lambda _: True


NOTHING_SEEN = Seen({}, 0.0)


def place_text(place: Place | None) -> str | None:
    """`FILE:LINE`, or None for what is generated."""
    return f"{place.file}:{place.line}" if place is not None and place.file else None


def _source(rrset: Rrset) -> tuple[Tiers, tuple[Family, ...]] | None:
    """Where a selected record set comes from, and for which families."""
    if isinstance(rrset, AliasSet):
        return _source(rrset.target)
    if isinstance(rrset, PoolSet):
        return rrset.tiers, (FAMILY_OF[rrset.rtype],)
    return (rrset.tiers, tuple(Family)) if isinstance(rrset, PortSet) else None


def explain_selections(rrset: Rrset, scope: Scope, seen: Seen) -> tuple[str, list[Facts]] | None:
    """The service's identity and what was selected of it; None for what is written."""
    source = _source(rrset)
    if source is None:
        return None
    pool = source[0].pool(scope)
    found = [(select(pool, family, scope.health), family) for family in source[1]]
    known = seen if seen.covers(pool.named.environment or SEVERAL) else None
    return pool.named.identity, [
        _explain_selection(selection, family, known)
        for selection, family in found
        if selection.choices or len(found) == 1
    ]


def explain_ttl(rrset: Rrset, scope: Scope, ttls: list[int]) -> str:
    """How the TTL came about."""
    source = _source(rrset)
    assert source is not None
    policy = source[0].pool(scope).named.policy
    if not policy.ttl_from_health:
        return f"{rrset.ttl}, as configured whatever health says (ttl_from_health: off)"
    if rrset.ttl <= UNSETTLED_TTL:
        return f"{rrset.ttl}, as configured: no longer than while an endpoint is unsettled"
    if ttls == [rrset.ttl]:
        return f"{rrset.ttl}, as configured: whatever it holds is settled"
    unsettled = f"min({rrset.ttl} configured, {UNSETTLED_TTL} while an endpoint is unsettled)"
    some = "" if len(ttls) == 1 else f", or {rrset.ttl} in answers that hold none such"
    return f"{unsettled} = {UNSETTLED_TTL}{some}"


def _explain_selection(selection: Selection, family: Family, seen: Seen | None) -> Facts:
    return {
        "family": f"IPv{family.value}",
        "mode": selection.mode.value,
        "tiers": [round(load, 1) for load in selection.loads],
        "endpoints": [_explain_choice(choice, seen) for choice in selection.choices],
    }


def _explain_choice(choice: Choice, seen: Seen | None) -> Facts:
    """One endpoint; without `seen`, what the answers show of it."""
    rtype = 1 if len(choice.address) == 4 else 28
    health = choice.health
    facts: Facts = {
        "endpoint": choice.endpoint.label,
        "address": records.to_text(rtype, choice.address),
        "region": choice.region,
        "tier": choice.tier,
        "in": choice.is_in,
        "why": choice.why.value,
        "effective": health.effective(choice.endpoint.state),
        "health": health.state.value,
        "health_reason": WITHHELD,
        "settled": health.is_settled,
        "weight": choice.weight,
        "weight_now": choice.weight * health.tenths / WHOLE,
        "share": round(choice.share, 1),
        "place": WITHHELD,
    }
    if seen is None:
        return facts
    facts["declared"] = choice.endpoint.state.value
    facts["override"] = health.override.value
    facts["health_reason"] = health.reason
    facts["place"] = place_text(choice.endpoint.place)
    report = seen.reports.get((choice.endpoint.key, choice.address))
    if report is not None:
        facts.update(_explain_report(report, seen.now))
    return facts


def _explain_report(report: Report, now: float) -> Iterator[tuple[str, Any]]:
    """What the checker knows: the real state apart from the effective one."""
    if report.override is not None:
        override = report.override
        yield (
            "override_by",
            {
                "reason": override.reason,
                "by": override.by,
                "since": override.since,
                "until": override.until,
            },
        )
    track = report.track
    if track is None:
        return
    yield "real", track.state.value
    yield "streak", track.streak
    yield "penalty", round(penalty_at(track, now))
    yield "overdue", report.is_overdue
    yield "damping", told_damping(track, now)
    if track.last is not None:
        yield (
            "last",
            {
                "age": round(now - track.last.at, 1),
                "seconds": round(track.last.seconds, 4),
                "passed": track.last.has_passed,
                "failure": track.last.failure.value if track.last.failure is not None else None,
                "detail": track.last.detail,
            },
        )
