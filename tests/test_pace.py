"""How often the same is told."""

import pytest

from resolver import pace
from resolver.pace import Held, Pace


def test_a_burst_of_a_kind_is_told_and_the_rest_is_counted() -> None:
    """Each kind by itself, until its window is over."""
    paced = Pace(2, 60.0)
    assert [paced.admit("down", float(n)) for n in range(5)] == [True, True, False, False, False]
    assert paced.admit("slow", 5.0)
    assert paced.expire(59.9) == []
    assert paced.expire(60.0) == [Held("down", 3, 60.0)]
    assert paced.admit("down", 60.0)


def test_a_window_without_anything_held_back_is_not_told_of() -> None:
    """Nothing was kept from anybody."""
    paced = Pace(2, 60.0)
    assert paced.admit("down", 0.0)
    assert paced.expire(100.0) == []


def test_a_subject_is_told_once_in_a_window() -> None:
    """A client that asks for ever has one line; others have theirs."""
    paced = Pace(3, 60.0)
    subjects = ["a", "a", "b", "a", "c", "d"]
    told = [paced.admit("refused", 0.0, subject) for subject in subjects]
    assert told == [True, False, True, False, True, False]
    assert paced.close() == [Held("refused", 3, 60.0)]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds beyond the bound share one; subjects are those that were told."""
    monkeypatch.setattr(pace, "MOST_KINDS", 3)
    paced = Pace(1, 60.0)
    for n in range(100):
        paced.admit(n, 0.0)
        paced.admit(0, 0.0, subject=n)
    assert len(paced._windows) == 4
    assert sum(len(window.subjects) for window in paced._windows.values()) == 0
    assert paced.expire(60.0) == [Held(0, 100, 60.0), Held(pace.OTHERS, 96, 60.0)]
