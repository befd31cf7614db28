"""The state machine of one target."""

import math
from itertools import pairwise

import pytest

from healthcheck.check import Observation, Timing
from healthcheck.health import WHOLE, State
from healthcheck.track import (
    MAX_PENALTY,
    Track,
    is_restless,
    is_suppressed,
    observe,
    pardoned,
    pause,
    penalty_at,
    released_at,
    starts_at,
    tenths_at,
)
from tests.healthcheck.made import TIMING, failed, observed, passed, went_down


def test_the_first_observation_decides() -> None:
    """At once, either way, and it is no move."""
    for seen, state in ((passed(1), State.UP), (failed(1), State.DOWN)):
        track = observed([seen])
        assert (track.state, track.since, track.penalty, track.decided) == (state, None, 0, seen)


def test_it_falls_after_failures_in_a_row() -> None:
    """A success in between begins the count anew."""
    track = observed([passed(0), failed(1), failed(2), passed(3), failed(4), failed(5)])
    assert (track.state, track.streak) == (State.UP, 2)
    track = observed([failed(6)], track)
    assert (track.state, track.streak, track.since, track.failures) == (State.DOWN, 0, 6, 3)


def test_it_rises_after_successes_in_a_row() -> None:
    """Two by default."""
    track = observed([failed(0), passed(1), failed(2), passed(3)])
    assert (track.state, track.streak) == (State.DOWN, 1)
    assert observed([passed(4)], track).state is State.UP


def test_while_frozen_observations_are_remembered_and_states_stay() -> None:
    """The first one after the thaw decides, for the whole streak counts."""
    track = observed([passed(0)])
    for at in range(1, 8):
        track = observe(track, failed(at), TIMING, is_frozen=True)
    assert (track.state, track.streak, track.failures) == (State.UP, 7, 7)
    assert observe(track, failed(8), TIMING).state is State.DOWN
    assert observe(Track(), failed(1), TIMING, is_frozen=True).state is State.UNKNOWN


def test_a_saved_state_is_a_state_until_observations_contradict_it_often_enough() -> None:
    """One that agrees confirms it, and tells why."""
    saved = Track(state=State.DOWN, is_saved=True, saved_at=5)
    contradicted = observed([passed(1)], saved)
    assert (contradicted.state, contradicted.streak, contradicted.is_saved) == (
        *(State.DOWN, 1),
        False,
    )
    confirmed = observed([failed(1)], saved)
    assert confirmed.decided == failed(1)
    assert not confirmed.is_saved


def flapping(until: float) -> list[tuple[float, Track]]:
    """The track at each second of a target that is up 10 s and down 10 s."""
    timing = Timing(interval=1, fast_interval=1, fall=1, rise=1)
    track, seen = Track(), []
    for at in range(int(until)):
        observation: Observation = failed(at) if at // 10 % 2 else passed(at)
        track = observe(track, observation, timing)
        seen.append((float(at), track))
    return seen


def test_a_flapping_target_shows_at_most_three_changes() -> None:
    """Up 10 s and down 10 s for 5 minutes: 29 moves undamped."""
    seen = flapping(300)
    real = [track.state for _, track in seen]
    visible = [track.state is State.UP and not is_suppressed(track, at) for at, track in seen]
    assert sum(a is not b for a, b in pairwise(real)) == 29
    assert sum(a is not b for a, b in pairwise(visible)) <= 3


def test_moves_count_while_it_is_held_out_and_the_penalty_is_bounded() -> None:
    """So that it stays out for as long as it flaps, and not for ever after."""
    at, track = flapping(3000)[-1]
    assert is_suppressed(track, at)
    assert 2500 < penalty_at(track, at) <= MAX_PENALTY
    released = released_at(track)
    assert released is not None
    assert 90 < released - at <= 180
    assert is_suppressed(track, released - 0.001)
    assert not is_suppressed(track, released + 0.001)


def test_a_move_after_the_release_does_not_hold_it_out_again() -> None:
    """Below REUSE it needs as many moves as ever."""
    track = Track(state=State.UP, penalty=2600, penalized=0, is_suppressed=True, is_proven=True)
    track = observed([failed(400), failed(401), failed(402)], track)
    assert track.state is State.DOWN
    assert not is_suppressed(track, 402)


def test_a_pardon_forgives() -> None:
    """What an operator's resume does."""
    at, track = flapping(300)[-1]
    assert not is_suppressed(pardoned(track), at)
    assert released_at(pardoned(track)) is None


def test_slow_start_is_from_one_tenth_to_the_whole() -> None:
    """Over the time given, after it came up."""
    track = observed([passed(11), passed(20)], went_down(10))
    assert [tenths_at(track, 20 + s, 30) for s in (0, 3, 4, 15, 29, 30, 99)] == [
        *(1, 1, 2, 5, 9),
        *(WHOLE, WHOLE),
    ]
    assert tenths_at(track, 20, 0) == WHOLE
    assert tenths_at(track, 20, 1e-300) == 1


def test_there_is_no_slow_start_at_process_start_nor_for_what_is_down() -> None:
    """The first observation is no move."""
    assert tenths_at(observed([passed(1)]), 1, 30) == WHOLE
    assert tenths_at(went_down(10), 10, 30) == WHOLE
    assert tenths_at(Track(state=State.UP, is_saved=True), 1, 30) == WHOLE


def test_a_release_begins_a_slow_start() -> None:
    """From the moment at which the penalty is low enough."""
    track = Track(state=State.UP, since=0, penalty=2000, penalized=0, is_suppressed=True)
    assert starts_at(track) == pytest.approx(90)
    assert tenths_at(track, 91, 30) == 1
    assert tenths_at(track, 106, 30) == 5
    assert [is_restless(track, at, 30) for at in (89, 119, 121)] == [True, True, False]


def test_probes_come_fast_while_it_changes_its_mind() -> None:
    """Before the first observation as well."""
    assert pause(Track(), TIMING) == TIMING.fast_interval
    assert pause(observed([passed(0), failed(1)]), TIMING) == TIMING.fast_interval
    assert pause(observed([passed(0)]), TIMING) == TIMING.interval


def test_probes_of_what_is_down_become_rare() -> None:
    """15 seconds at most, or the interval if that is longer; the first few come as usual."""
    track = went_down(10)
    pauses = []
    for at in range(11, 20):
        pauses.append(pause(track, TIMING))
        track = observed([failed(at)], track)
    assert pauses[:4] == [5, 7.5, 11.25, 15]
    assert set(pauses[4:]) == {15}
    rare = Timing(interval=40)
    assert pause(track, rare) == 40


def test_penalty_halves() -> None:
    """Every 90 seconds."""
    track = went_down(10)
    assert [round(penalty_at(track, 10 + s)) for s in (0, 90, 180)] == [1000, 500, 250]
    assert math.isclose(penalty_at(track, 10), track.penalty)
