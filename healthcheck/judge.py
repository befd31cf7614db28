"""The judgement of one target: from its track and circumstances to what answers are made of.

Pure: time is given. Numbers that move by themselves stay out of reasons, so that an equal Health
means that nothing happened; they are shown from the track.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from healthcheck.check import Failure, Observation, Timing
from healthcheck.health import (
    ASSUMED_UP,
    NOT_OBSERVED,
    WHOLE,
    DeclaredState,
    Health,
    HealthTable,
    State,
)
from healthcheck.track import Track, is_suppressed, pause, penalty_at, released_at, tenths_at
from healthcheck.use import Use

KEPT = 600.0  # seconds that an overdue target keeps its state
OVERDUE = 3  # pauses without an observation
PROBING_OFF = Health(State.UP, "probing is off")
DETAIL = 120  # characters

# What says all of it in one word; of the others, the detail is what people want to read.
_PLAIN = {Failure.REFUSED, Failure.RESET, Failure.TIMEOUT, Failure.UNREACHABLE}


def judge(
    use: Use,
    track: Track | None,
    now: float,
    *,
    is_unproven: bool = False,
    override: DeclaredState = DeclaredState.NORMAL,
) -> Health:
    """What answers are made of; no track means that nobody probes it."""
    health = _judged(use, track, now, is_unproven)
    return replace(health, override=override) if health.override is not override else health


def unjudged(use: Use, *, is_probing: bool = True) -> Health:
    """What holds for a target before anything is known of it."""
    if use.checked_by is None:
        return ASSUMED_UP
    return NOT_OBSERVED if is_probing else PROBING_OFF


def empty_table(*, is_probing: bool = True) -> HealthTable:
    """The table in which every target is as `unjudged` says."""
    return HealthTable(unobserved=NOT_OBSERVED if is_probing else PROBING_OFF)


def _judged(use: Use, track: Track | None, now: float, is_unproven: bool) -> Health:
    checked_by = use.checked_by
    if checked_by is None or track is None:
        return unjudged(use, is_probing=False)
    if not checked_by.enforce:
        return Health(State.UP, f"observed only: {_observed_only(track, now)}")
    if track.state is State.UNKNOWN:
        return NOT_OBSERVED
    if is_lost(track, checked_by.timing, now):
        return Health(State.UNKNOWN, f"no observation for {_lost_after(track, checked_by.timing)}")
    if is_unproven and track.state is State.DOWN:
        return Health(State.UP, "unproven: no endpoint of the service has ever passed its check")
    return _enforced(use, track, checked_by.timing, now)


def _enforced(use: Use, track: Track, timing: Timing, now: float) -> Health:
    is_damped = is_suppressed(track, now)
    return Health(
        track.state,
        _reason(track, timing, is_damped=is_damped),
        damped=is_damped,
        changing=is_changing(track),
        tenths=WHOLE if is_damped else tenths_at(track, now, use.slow_start),
    )


def _reason(track: Track, timing: Timing, *, is_damped: bool) -> str:
    if track.is_saved:
        return f"saved state of {time_of_day(track.saved_at)}"
    if track.state is State.DOWN:
        return _down_reason(track, timing)
    if is_damped:
        return "damped: up, but it changed too often"
    if not track.streak or track.last is None or track.last.failure is None:
        return "up"
    # While frozen the streak may outgrow what it takes.
    count = min(track.streak, timing.fall)
    return f"up, {count} of {timing.fall} failures: {track.last.failure.value}"


def _down_reason(track: Track, timing: Timing) -> str:
    reason = "down" if track.decided is None else f"down: {told(track.decided)}"
    if track.since is not None:
        reason += f" ({timing.fall} failures in a row)" if timing.fall > 1 else ""
    if track.streak:
        reason += f", {min(track.streak, timing.rise)} of {timing.rise} successes"
    return reason


def _observed_only(track: Track, now: float) -> str:
    if track.state is State.DOWN and track.decided is not None:
        return f"would be down ({told(track.decided)})"
    if track.state is State.DOWN:
        return "would be down"
    if is_suppressed(track, now):
        return "would be held out (damped)"
    return "up" if track.state is State.UP else "not observed yet"


def is_changing(track: Track) -> bool:
    """Whether observations contradict the state, or none of this process made it."""
    return track.is_saved or (track.streak > 0 and track.state is not State.UNKNOWN)


def told(seen: Observation) -> str:
    """The failure in few words; empty when it passed."""
    if seen.failure is None:
        return ""
    word = seen.failure.value
    if seen.failure in _PLAIN or not seen.detail:
        return word
    detail = seen.detail if len(seen.detail) <= DETAIL else seen.detail[: DETAIL - 1] + "…"
    return detail if detail.casefold().startswith(word) else f"{word}: {detail}"


def told_damping(track: Track, now: float) -> str:
    """The numbers of its damping at present; empty when it is not damped."""
    released = released_at(track)
    if released is None or not is_suppressed(track, now):
        return ""
    penalty = penalty_at(track, now)
    return f"penalty {penalty:.0f}, until below 1000 (about {released - now:.0f} s)"


def seen_at(track: Track) -> float:
    """When it was last observed, or came to be watched."""
    return track.begun if track.last is None else track.last.at


def is_overdue(track: Track, pause: float, timing: Timing, now: float) -> bool:
    """Whether its observation is missing; `pause` in seconds."""
    return now - seen_at(track) > OVERDUE * pause + timing.timeout


def is_lost(track: Track, timing: Timing, now: float) -> bool:
    """Whether it is overdue for so long that its state counts no more."""
    seconds = now - seen_at(track)
    return seconds > KEPT and seconds > _lost_seconds(track, timing)


def _lost_seconds(track: Track, timing: Timing) -> float:
    return OVERDUE * pause(track, timing) + timing.timeout + KEPT


def _lost_after(track: Track, timing: Timing) -> str:
    return f"{_lost_seconds(track, timing) / 60:.0f} min"


def time_of_day(epoch: float) -> str:
    """An epoch time as UTC: `10:31:02Z`."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%H:%M:%SZ")
