"""The state machine of a target, held to an explicit table of transitions."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from healthcheck.check import Failure, Observation, Timing
from healthcheck.health import State
from healthcheck.track import (
    MAX_PENALTY,
    Track,
    is_suppressed,
    observe,
    penalty_at,
    released_at,
)

Step = tuple[float, bool, bool]  # seconds passed, passed, frozen

STEPS = st.lists(
    st.tuples(
        st.integers(1, 4000).map(lambda tenths: tenths / 10) | st.sampled_from([1.0, 5.0]),
        st.booleans(),
        st.sampled_from([False, False, False, True]),
    ),
    max_size=80,
)
TIMINGS = st.builds(Timing, fall=st.integers(1, 4), rise=st.integers(1, 4))


class Oracle:
    """The same rules as a table: (state, what was seen) → what follows."""

    TABLE: ClassVar = {
        ("unknown", "pass"): "become up",
        ("unknown", "fail"): "become down",
        ("up", "pass"): "stay",
        ("down", "fail"): "stay",
        ("up", "fail"): "count towards down",
        ("down", "pass"): "count towards up",
    }

    def __init__(self, timing: Timing) -> None:
        self.needed = {"down": timing.fall, "up": timing.rise}
        self.state = "unknown"
        self.streak = 0
        self.moves: list[float] = []
        self.penalty = 0.0
        self.held = False

    def pass_time(self, seconds: float) -> None:
        """The penalty halves every 90 seconds."""
        self.penalty /= 2 ** (seconds / 90)
        if self.penalty < 1000:
            self.held = False

    def see(self, passed: bool, frozen: bool) -> None:
        """Follow the table."""
        verb, _, goal = self.TABLE[self.state, "pass" if passed else "fail"].rpartition(" ")
        if verb == "become" and not frozen:
            self.state = goal
        elif verb == "" and goal == "stay":
            self.streak = 0
        elif verb == "count towards":
            self.streak += 1
            if self.streak >= self.needed[goal] and not frozen:
                self.move(goal)

    def move(self, goal: str) -> None:
        """Pay for it."""
        self.state, self.streak = goal, 0
        self.penalty = min(4000.0, self.penalty + 1000)
        self.held = self.held or self.penalty > 2500

    @property
    def is_visible(self) -> bool:
        """Whether an answer may hold it."""
        return self.state != "down" and not self.held


def replay(steps: list[Step], timing: Timing) -> list[tuple[float, Track]]:
    """The tracks after each step."""
    track, now, found = Track(), 0.0, []
    for seconds, passed, frozen in steps:
        now += seconds
        seen = Observation(now, 0.0, None if passed else Failure.REFUSED, "")
        track = observe(track, seen, timing, is_frozen=frozen)
        found.append((now, track))
    return found


@given(STEPS, TIMINGS)
def test_the_track_does_what_the_table_says(steps: list[Step], timing: Timing) -> None:
    """State, streak, damping and what people see of it, after every step."""
    oracle = Oracle(timing)
    changes, expected_changes, visible, expected_visible = 0, 0, True, True
    for (seconds, passed, frozen), (now, track) in zip(steps, replay(steps, timing), strict=True):
        oracle.pass_time(seconds)
        oracle.see(passed, frozen)
        assert (track.state.value, track.streak) == (oracle.state, oracle.streak)
        assert abs(penalty_at(track, now) - oracle.penalty) < 1e-6
        if abs(oracle.penalty - 1000) > 1e-6:
            assert is_suppressed(track, now) is oracle.held
        is_visible = track.state is not State.DOWN and not is_suppressed(track, now)
        changes += is_visible is not visible
        expected_changes += oracle.is_visible is not expected_visible
        visible, expected_visible = is_visible, oracle.is_visible
        assert changes == expected_changes


@given(STEPS, TIMINGS)
def test_what_is_held_out_comes_back(steps: list[Step], timing: Timing) -> None:
    """The penalty is bounded, and so is the time until the release."""
    for now, track in replay(steps, timing):
        assert 0 <= penalty_at(track, now) <= MAX_PENALTY
        released = released_at(track)
        if is_suppressed(track, now):
            assert released is not None
            assert released - now <= 180 + 1e-6
            assert not is_suppressed(track, released + 0.001)


@given(STEPS, TIMINGS)
def test_a_replay_ends_the_same(steps: list[Step], timing: Timing) -> None:
    """Nothing but its arguments counts."""
    assert replay(steps, timing) == replay(steps, timing)
