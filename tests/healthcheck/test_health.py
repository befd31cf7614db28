"""What is known of a target."""

import pytest

from healthcheck.health import ALL_UP, Health, HealthTable, State


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
