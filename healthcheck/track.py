"""The state machine of one probed target: observations in, state out. Pure: time is given.

    unknown ──first observation──▶ up or down
    up ──`fall` failures in a row──▶ down ──`rise` successes in a row──▶ up

Every move between up and down adds to a penalty that halves every 90 s (after RFC 2439): above
SUPPRESS the target is held out of answers until the penalty is below REUSE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from healthcheck.check import Observation, Timing
from healthcheck.health import WHOLE, State

PENALTY = 1000.0
MAX_PENALTY = 4000.0
SUPPRESS = 2500.0
REUSE = 1000.0
HALF_LIFE = 90.0  # seconds
SLOWEST = 15.0  # seconds between probes of what is down, unless its interval is longer
BACK_OFF = 1.5


@dataclass(frozen=True, slots=True)
class Track:
    """What the observations of one target came to so far; times on the checker's clock."""

    begun: float = 0.0  # when it came to be watched
    state: State = State.UNKNOWN
    streak: int = 0  # observations in a row that contradict `state`
    last: Observation | None = None
    decided: Observation | None = None  # the one that made `state` what it is
    since: float | None = None  # when it came to be in `state`; None: not by a move we saw
    is_proven: bool = False  # it has been up once
    is_saved: bool = False  # the state is of a former process, and nothing was observed since
    saved_at: float = 0.0  # when that process saw it last, in seconds since the epoch
    penalty: float = 0.0  # at `penalized`
    penalized: float = 0.0
    is_suppressed: bool = False  # until the penalty is below REUSE
    failures: int = 0  # in a row, whatever the state


def observe(track: Track, seen: Observation, timing: Timing, *, is_frozen: bool = False) -> Track:
    """Take one observation. While frozen, it is remembered and the state stays."""
    passed = seen.has_passed
    agrees = passed is (track.state is State.UP)
    is_first = track.state is State.UNKNOWN
    track = replace(
        track,
        last=seen,
        decided=seen if track.is_saved and agrees else track.decided,
        is_saved=False,
        failures=0 if passed else track.failures + 1,
        streak=0 if agrees or is_first else track.streak + 1,
    )
    if is_frozen:
        return track
    if is_first:
        return replace(
            track, state=_state(passed), decided=seen, is_proven=track.is_proven or passed
        )
    if track.streak < (timing.rise if passed else timing.fall):
        return track
    return _moved(track, seen)


def _state(passed: bool) -> State:
    return State.UP if passed else State.DOWN


def _moved(track: Track, seen: Observation) -> Track:
    now = seen.at
    penalty = min(MAX_PENALTY, penalty_at(track, now) + PENALTY)
    held = is_suppressed(track, now) or penalty > SUPPRESS
    return replace(
        track,
        state=_state(seen.has_passed),
        streak=0,
        since=now,
        decided=seen,
        # Not by its first success: others of its service would count as down before it is up.
        is_proven=track.is_proven or seen.has_passed,
        penalty=penalty,
        penalized=now,
        is_suppressed=held,
    )


def taken_back(track: Track, before: Track) -> Track:
    """As if the last move, which `before` led to, had been held up: its streak goes on."""
    return replace(before, last=track.last, streak=track.failures, failures=track.failures)


def penalty_at(track: Track, now: float) -> float:
    """RFC 2439 4.5.3: it decays exponentially."""
    return float(track.penalty * 0.5 ** ((now - track.penalized) / HALF_LIFE))


def is_suppressed(track: Track, now: float) -> bool:
    """Whether its moves hold it out of the answers."""
    return track.is_suppressed and penalty_at(track, now) >= REUSE


def released_at(track: Track) -> float | None:
    """When the penalty falls below REUSE; None when it is not suppressed by it."""
    if not track.is_suppressed:
        return None
    return track.penalized + HALF_LIFE * math.log2(track.penalty / REUSE)


def tenths_at(track: Track, now: float, slow_start: float) -> int:
    """The tenths of its weight after it came up, 1 to 10: full after `slow_start` seconds."""
    if track.state is not State.UP:
        return WHOLE
    began = starts_at(track)
    if began is None or now - began >= slow_start:
        return WHOLE
    return max(1, 1 + math.floor((WHOLE - 1) * (now - began) / slow_start))


def starts_at(track: Track) -> float | None:
    """When a slow start begins: when it came up or was released; None: there is none."""
    moments = [at for at in (track.since, released_at(track)) if at is not None]
    return max(moments, default=None)


def is_restless(track: Track, now: float, slow_start: float) -> bool:
    """Whether time alone will change what is judged of it: it is damped or starts slowly."""
    return is_suppressed(track, now) or tenths_at(track, now, slow_start) < WHOLE


def pardoned(track: Track) -> Track:
    """The track with its penalty forgiven: what `resume` does."""
    return replace(track, penalty=0.0, is_suppressed=False)


def pause(track: Track, timing: Timing) -> float:
    """Seconds from the start of the last probe to that of the next, without jitter."""
    if track.last is None or track.streak:
        return timing.fast_interval
    if track.state is State.DOWN and track.failures > timing.fall:
        slowest = max(SLOWEST, timing.interval)
        steps = min(track.failures - timing.fall, 20)
        return float(min(slowest, timing.interval * BACK_OFF**steps))
    return timing.interval
