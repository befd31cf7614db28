"""From track and circumstances to what answers are made of."""

from dataclasses import replace

import pytest

from healthcheck.check import CheckedBy, Failure, Timing
from healthcheck.health import (
    ASSUMED_UP,
    NOT_OBSERVED,
    WHOLE,
    DeclaredState,
    Health,
    State,
)
from healthcheck.judge import (
    DETAIL,
    PROBING_OFF,
    is_changing,
    is_lost,
    is_overdue,
    judge,
    told,
    told_damping,
    unjudged,
)
from healthcheck.track import Track
from tests.healthcheck.made import (
    CHECKED,
    TIMING,
    Scripted,
    failed,
    observed,
    passed,
    use,
    went_down,
)

OBSERVE_ONLY = use(checked_by=CheckedBy(Scripted(), TIMING, enforce=False))
DAMPED = Track(
    state=State.UP, last=passed(20), since=20, penalty=2783, penalized=20, is_suppressed=True
)
STATUS = failed(3, Failure.STATUS, "status 500")


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        (observed([passed(1)]), "up"),
        (observed([passed(1), failed(2, Failure.TIMEOUT)]), "up, 1 of 3 failures: timeout"),
        (observed([failed(1)]), "down: refused"),
        (went_down(), "down: refused (3 failures in a row)"),
        (observed([STATUS]), "down: status 500"),
        (
            observed([passed(11)], went_down()),
            "down: refused (3 failures in a row), 1 of 2 successes",
        ),
        (DAMPED, "damped: up, but it changed too often"),
        (Track(state=State.DOWN, is_saved=True, saved_at=37862), "saved state of 10:31:02Z"),
        (
            observed([failed(9)], Track(state=State.UP, is_saved=True)),
            "up, 1 of 3 failures: refused",
        ),
        (observed([passed(9)], Track(state=State.DOWN, is_saved=True)), "down, 1 of 2 successes"),
    ],
)
def test_reasons_are_for_people(track: Track, reason: str) -> None:
    """What it is, and why."""
    assert judge(use(), track, 20).reason == reason


def test_an_equal_judgement_means_that_nothing_happened() -> None:
    """Neither time nor further failures of any kind change it; only what matters does."""
    down, damped = went_down(), DAMPED
    before = judge(use(), down, 10)
    for at in range(11, 40):
        down = observed([failed(at, Failure.TIMEOUT, f"after {at} s")], down)
        assert judge(use(), down, at) == before
    assert judge(use(), damped, 21) == judge(use(), damped, 80)


def test_a_target_that_changes_its_mind_is_changing() -> None:
    """So is one that is known from a former process only."""
    assert judge(use(), observed([passed(0), failed(1)]), 1).changing
    assert judge(use(), observed([failed(0), passed(1)]), 1).changing
    assert not judge(use(), observed([passed(0)]), 1).changing
    assert is_changing(Track(state=State.UP, is_saved=True))


def test_a_damped_target_is_held_out_although_it_is_up() -> None:
    """When it is down, it is down; what is released starts slowly."""
    slow = use(slow_start=30)
    held, released = judge(slow, DAMPED, 21), judge(slow, DAMPED, 160)
    assert (held.state, held.damped, held.is_up, held.tenths) == (State.UP, True, False, WHOLE)
    assert (released.damped, released.is_up, released.tenths) == (False, True, 3)
    assert "penalty 2783, until below 1000 (about 133 s)" in told_damping(DAMPED, 20)
    assert told_damping(DAMPED, 400) == told_damping(Track(), 1) == ""


def test_a_target_that_came_up_starts_slowly() -> None:
    """And is not settled until it has its whole weight."""
    track = observed([passed(11), passed(12)], went_down())
    found = judge(use(slow_start=30), track, 12)
    assert (found.reason, found.tenths, found.is_settled) == ("up", 1, False)
    assert judge(use(slow_start=30), track, 42) == Health(State.UP, "up")


def test_what_was_never_observed_is_unknown() -> None:
    """It is served."""
    assert judge(use(), Track(), 1e6) == NOT_OBSERVED
    assert judge(use(), Track(), 1, is_unproven=True) == NOT_OBSERVED


def test_a_service_that_never_passed_is_served() -> None:
    """Its targets are judged up and settled, whatever is really seen."""
    found = judge(use(), went_down(), 10, is_unproven=True)
    assert found.reason.startswith("unproven: ")
    assert found.is_up
    assert found.is_settled


def test_without_enforcement_it_is_up_and_says_what_it_would_be() -> None:
    """Observed only."""
    assert judge(OBSERVE_ONLY, observed([STATUS]), 9) == Health(
        State.UP, "observed only: would be down (status 500)"
    )
    assert judge(OBSERVE_ONLY, Track(), 9) == Health(State.UP, "observed only: not observed yet")
    assert judge(OBSERVE_ONLY, observed([passed(1)]), 9) == Health(State.UP, "observed only: up")
    assert judge(OBSERVE_ONLY, DAMPED, 21).is_up
    assert judge(OBSERVE_ONLY, Track(state=State.DOWN), 9).is_settled


def test_nobody_checks_it_or_nobody_probes() -> None:
    """Both are up, and say so."""
    unchecked = use(checked_by=None)
    assert judge(unchecked, None, 1) == unjudged(unchecked) == ASSUMED_UP
    assert judge(use(), None, 1) == unjudged(use(), is_probing=False) == PROBING_OFF
    assert unjudged(use()) == NOT_OBSERVED


@pytest.mark.parametrize("track", [None, Track(), DAMPED, went_down()])
def test_an_override_is_kept_apart(track: Track | None) -> None:
    """It changes nothing else."""
    plain = judge(use(), track, 21)
    overridden = judge(use(), track, 21, override=DeclaredState.DRAIN)
    assert overridden == replace(plain, override=DeclaredState.DRAIN)


def test_a_missing_observation_is_overdue() -> None:
    """Three of its present pauses and a timeout after the last, or since it is watched."""
    track = observed([passed(100)])
    assert not is_overdue(track, 5, TIMING, 117)
    assert is_overdue(track, 5, TIMING, 117.1)
    assert is_overdue(Track(begun=100), 1, TIMING, 105.1)


def test_an_overdue_target_keeps_its_state_for_ten_minutes() -> None:
    """Then it is unknown, which is served, and says for how long at least."""
    track = went_down(100)
    assert not is_lost(track, TIMING, 716)
    assert judge(use(), track, 716).state is State.DOWN
    assert judge(use(), track, 718) == Health(State.UNKNOWN, "no observation for 10 min")
    rare = use(checked_by=replace(CHECKED, timing=Timing(interval=40)))
    assert judge(rare, track, 9999).reason == "no observation for 12 min"
    saved = Track(state=State.DOWN, is_saved=True, begun=100)
    assert judge(use(), saved, 900).state is State.UNKNOWN


def test_failures_are_told_in_few_words() -> None:
    """The word itself, where the detail adds nothing or says it already."""
    assert told(failed(1, Failure.TIMEOUT, "no answer within 2 s")) == "timeout"
    assert told(failed(1, Failure.BODY, "lacks 'ok'")) == "body: lacks 'ok'"
    assert told(failed(1, Failure.EXIT, "exit 2: no disk")) == "exit 2: no disk"
    assert told(failed(1, Failure.BODY)) == "body"
    assert len(told(failed(1, Failure.BODY, "x" * 500))) == len("body: ") + DETAIL
    assert told(passed(1)) == ""
