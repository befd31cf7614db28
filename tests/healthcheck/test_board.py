"""What is published of health."""

from healthcheck.board import Board
from healthcheck.health import ASSUMED_UP, NOT_OBSERVED, Health, State
from healthcheck.judge import PROBING_OFF
from tests.healthcheck.made import use

A, PLAIN = use(), use("db.prod.east/a", checked_by=None)
UP, DOWN = Health(State.UP, "up"), Health(State.DOWN, "down")


def test_only_what_differs_is_put_and_told() -> None:
    """From what holds for any target, and from the table before."""
    board = Board(is_probing=True)
    assert not board.put(A, NOT_OBSERVED)
    assert not board.put(PLAIN, ASSUMED_UP)
    assert not board.has_news
    assert board.put(A, UP)
    assert not board.put(A, UP)
    table, changed = board.take()
    assert table.known == {A.target: UP}
    assert changed == {A.target}
    assert table.of(PLAIN.target) == ASSUMED_UP
    assert not board.has_news


def test_a_change_and_back_is_no_news_in_the_end() -> None:
    """And a published table does not change any more."""
    board = Board(is_probing=True)
    board.put(A, UP)
    before, _ = board.take()
    board.put(A, DOWN)
    assert before.of(A.target) == UP
    board.put(A, UP)
    assert board.take()[1] == frozenset()
    board.put(A, NOT_OBSERVED)
    table, changed = board.take()
    assert table.known == {}
    assert changed == {A.target}
    assert board.of(A) == table.of(A.target, is_checked=True) == NOT_OBSERVED


def test_what_is_gone_is_dropped_silently() -> None:
    """Its going is known to who changed the zones."""
    board = Board(is_probing=True)
    board.put(A, UP)
    board.keep({})
    assert not board.has_news
    assert board.take()[0].known == {}


def test_without_probing_all_are_up() -> None:
    """And say why."""
    board = Board(is_probing=False)
    assert board.take()[0].of(A.target, is_checked=True) == board.of(A) == PROBING_OFF
