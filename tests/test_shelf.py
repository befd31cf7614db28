"""A shelf: bounds, what goes first, and what rests on which target."""

from __future__ import annotations

import pytest

from healthcheck.health import Target
from resolver.background import at_once
from resolver.handouts import Handouts
from resolver.packing import Answer, make_turn
from resolver.shelf import EVICTED, Shelf

A: Target = (b"\1a\0", bytes([10, 0, 0, 1]))
B: Target = (b"\1b\0", bytes([10, 0, 0, 2]))


def answer(body: bytes = b"") -> Answer:
    """An answer of one turn that lives for 30 seconds."""
    made = Answer((make_turn(1, 0, 0, body, b""),), 0)
    made.longest = 30
    return made


def shelf(most: int = 1000, most_octets: int = 10**6) -> Shelf:
    return Shelf(most, most_octets, Handouts())


def test_an_answer_is_known_by_its_targets() -> None:
    """All that were asked about, whether they are in it or not."""
    kept, one, both = shelf(), answer(), answer()
    kept.put("one", one, [A])
    kept.put("both", both, [A, B])
    assert set(kept.resting_on(A)) == {one, both}
    assert kept.resting_on(B) == [both]
    assert both.targets == (A, B)


def test_dropping_takes_what_rests_on_any_target() -> None:
    """Once, also what rests on several; the rest stays, and the octets are those of the rest."""
    kept, still = shelf(), answer()
    kept.put("still", still, [])
    for name, targets in (("a", [A]), ("b", [B]), ("both", [A, B])):
        kept.put(name, answer(), targets)
    kept.drop([A, B, (b"\1c\0", b"")])
    assert kept.answers == {"still": still}
    assert kept.octets == still.size
    assert kept.resting_on(A) == kept.resting_on(B) == []


@pytest.mark.parametrize("most", [1, 5, 200])
def test_the_oldest_go_when_it_is_full(most: int) -> None:
    """Several at a time; never more than the bound, and the newest is always there."""
    kept = shelf(most=most)
    for number in range(500):
        kept.put(number, answer(), [A if number % 2 else B])
        assert len(kept) <= most
        assert number in kept.answers
    assert list(kept.answers) == list(range(500 - len(kept), 500))
    assert len(kept) >= min(most, max(1, most - EVICTED))
    assert {id(a) for a in (*kept.resting_on(A), *kept.resting_on(B))} == {
        id(a) for a in kept.answers.values()
    }


def test_octets_are_bounded_and_one_big_answer_is_kept() -> None:
    """Else a question with a big answer would be prepared each time."""
    kept, big = shelf(most_octets=5000), answer(bytes(9000))
    for number in range(50):
        kept.put(number, answer(bytes(100)), [])
        assert kept.octets <= 5000
    kept.put("big", big, [])
    assert kept.answers == {"big": big}
    kept.put("small", answer(), [])
    assert list(kept.answers) == ["small"]


@pytest.mark.parametrize("way", ["drop", "evict"])
def test_what_goes_is_given_by_nobody_any_more(way: str) -> None:
    """Its guard says so; that of what stays does not."""
    kept, gone, still = shelf(most=1 if way == "evict" else 10), answer(), answer()
    guards = gone.watch(), still.watch()
    kept.put("gone", gone, [A])
    if way == "drop":
        kept.put("still", still, [B])
        kept.drop([A])
    else:
        kept.put("still", still, [A])
    assert [list(guard) for guard in guards] == [[0], [1]]
    assert kept.answers == {"still": still}


@pytest.mark.parametrize("way", ["drop", "evict"])
def test_what_goes_notes_its_hand_outs(way: str) -> None:
    """By a flip or for want of room alike."""
    kept, given = shelf(most=1), answer(A[1])
    kept.put("given", given, [A, B])
    given.handed[0] = 100.0
    if way == "drop":
        kept.drop([B])
    else:
        kept.put("other", answer(), [])
    assert (kept.handouts.until(A, ()), kept.handouts.until(B, ())) == (130.0, 0.0)


def test_a_released_shelf_is_empty() -> None:
    """Nobody may ask it any more."""
    kept = shelf()
    kept.put("one", answer(), [A])
    at_once(kept.release())
    assert len(kept) == 0
    assert kept.resting_on(A) == []


def test_dropping_takes_what_rests_on_any_name() -> None:
    """Whatever its own key is; a guard tells those who kept replies made of it."""
    kept, still, gone = shelf(), answer(), answer()
    kept.put("still", still, [A], [b"\1s\0"])
    kept.put("gone", gone, [A], [b"\1g\0", b"\1s\0"])
    guards = [still.watch(), gone.watch()]
    kept.drop_names([b"\1g\0", b"\1x\0"])
    assert kept.answers == {"still": still}
    assert kept.resting_on(A) == [still]
    assert [guard[0] for guard in guards] == [1, 0]
    kept.drop_names([b"\1s\0"])
    assert not kept.answers
    assert not kept.resting_on(A)
