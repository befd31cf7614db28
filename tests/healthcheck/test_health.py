"""What is known of a target."""

import pytest

from healthcheck.health import (
    ALL_UP,
    ASSUMED_UP,
    NOT_OBSERVED,
    DeclaredState,
    Health,
    HealthTable,
    State,
)


@pytest.mark.parametrize(
    ("health", "is_up", "is_really_up"),
    [
        (Health(State.UP, ""), True, True),
        (Health(State.DOWN, ""), False, False),
        (Health(State.UNKNOWN, ""), True, True),
        (Health(State.UP, "", damped=True), False, True),
        (Health(State.DOWN, "", damped=True), False, False),
    ],
)
def test_effective_and_real_state(health: Health, is_up: bool, is_really_up: bool) -> None:
    """Unknown is served; damped is held out although it is up."""
    assert (health.is_up, health.is_really_up) == (is_up, is_really_up)


def test_what_nobody_checks_is_up() -> None:
    """A target that is in no table."""
    assert ALL_UP.of((b"\0", b"\x0a\0\0\1")).is_up
    down = HealthTable({(b"\0", b"\x0a\0\0\1"): Health(State.DOWN, "refused")})
    assert not down.of((b"\0", b"\x0a\0\0\1")).is_up
    assert down.of((b"\0", b"\x0a\0\0\2")).reason == "assumed up"


def test_what_is_checked_and_not_in_the_table_is_as_the_table_says() -> None:
    """Served, but not for long."""
    table = HealthTable(unobserved=NOT_OBSERVED)
    target = (b"\0", b"\x0a\0\0\1")
    assert table.of(target, is_checked=True) is NOT_OBSERVED
    assert table.of(target) is ASSUMED_UP
    up = Health(State.UP, "up")
    assert table.replace({target: up}).of(target, is_checked=True) is up
    assert not table.known


def test_the_stronger_of_two_words_counts() -> None:
    """The zone file's and the operator's."""
    normal, drain, maintenance = DeclaredState
    assert normal.and_also(drain) is drain.and_also(normal) is drain
    assert drain.and_also(maintenance) is maintenance
    assert normal.and_also(normal) is normal


@pytest.mark.parametrize(
    ("health", "is_settled"),
    [
        (Health(State.UP, ""), True),
        (Health(State.DOWN, ""), True),
        (NOT_OBSERVED, False),
        (Health(State.UP, "", changing=True), False),
        (Health(State.UP, "", damped=True), False),
        (Health(State.UP, "", tenths=9), False),
        (Health(State.UP, "", override=DeclaredState.DRAIN), True),
    ],
)
def test_what_is_about_to_change_is_not_settled(health: Health, is_settled: bool) -> None:
    """Answers that hold it live shortly."""
    assert health.is_settled is is_settled
