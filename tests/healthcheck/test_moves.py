"""Failures and moves, counted and told."""

import logging

import pytest

from healthcheck.check import Failure
from healthcheck.health import State
from healthcheck.ledger import Watched
from healthcheck.moves import MOST_LINES, Moves
from healthcheck.track import Track
from healthcheck.use import Use
from tests.healthcheck.made import failed, observed, passed, use, went_down

LABELS = ("prod", "east", "web")


def entry(track: Track, *uses: Use) -> Watched:
    """A probe."""
    uses = uses or (use(),)
    probe = uses[0].probe
    assert probe is not None
    made = Watched(probe, track)
    made.serve(uses)
    return made


def test_counts_are_by_service() -> None:
    """A first state is no move."""
    moves = Moves()
    moves.fail([LABELS], Failure.REFUSED)
    moves.fail([LABELS], Failure.REFUSED)
    moves.move(entry(went_down(10)), State.UP, failed(10))
    moves.move(entry(observed([failed(10)])), State.UNKNOWN, failed(10))
    assert moves.failures == {(LABELS, "refused"): 2}
    assert moves.transitions == {(LABELS, "down"): 1}


def test_a_move_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Who, where, what and why; to be up at first goes without saying."""
    caplog.set_level(logging.INFO)
    moves = Moves()
    three = "web.prod.east/a, web.prod.east/b, web.prod.east/c"
    shared = [use(f"web.prod.east/{name}") for name in "abcde"]
    moves.move(entry(went_down(10)), State.UP, failed(10))
    moves.move(entry(observed([passed(11), passed(12)], went_down(10))), State.DOWN, passed(12))
    moves.move(entry(observed([failed(13)]), *shared), State.UNKNOWN, failed(13))
    moves.move(entry(observed([passed(14)])), State.UNKNOWN, passed(14))
    moves.flush(16)
    assert caplog.messages == [
        "web.prod.east/a 10.0.0.1: up → down: refused (3 in a row)",
        "web.prod.east/a 10.0.0.1: down → up",
        f"{three} and 2 more 10.0.0.1: unknown → down: refused",
    ]


def test_lines_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """What is left out of one second is told as a number after it."""
    caplog.set_level(logging.INFO)
    moves = Moves()
    for _ in range(MOST_LINES + 7):
        moves.move(entry(went_down(10)), State.UP, failed(10.2))
    assert len(caplog.messages) == MOST_LINES
    moves.flush(10.9)
    moves.flush(11.0)
    moves.flush(12.0)
    assert caplog.messages[MOST_LINES:] == ["7 more targets changed within a second"]
    moves.move(entry(went_down(12)), State.UP, failed(12))
    assert len(caplog.messages) == MOST_LINES + 2


def test_many_that_are_down_at_first_are_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Once no more of them come in."""
    caplog.set_level(logging.INFO)
    moves = Moves()
    for number in range(8):
        one = use(f"web.prod.east/n{number}")
        moves.move(entry(observed([failed(1)]), one), State.UNKNOWN, failed(1))
    moves.flush(1.5)
    assert caplog.messages == []
    moves.flush(2)
    (line,) = caplog.messages
    assert line.startswith("8 targets were down when first looked at: web.prod.east/n0 10.0.0.1, ")
    assert line.endswith(" and 3 more")
