"""Places and problems as people and editors read them."""

import pickle

import pytest

from resolver.zones.places import (
    Place,
    Problem,
    Rejected,
    Severity,
    did_you_mean,
    place_of,
    text_at,
)


def test_a_problem_is_one_line_that_editors_understand() -> None:
    """FILE:LINE:COLUMN: severity: RULE-ID: message."""
    problem = Problem(Place("zones/a.yaml", 41, 7), Severity.ERROR, "bad-name", "no name")
    assert str(problem) == "zones/a.yaml:41:7: error: bad-name: no name"


def test_rejected_holds_and_says_every_problem() -> None:
    """A line each."""
    problems = [Problem(Place("f", n), Severity.WARNING, "r", "m") for n in (1, 2)]
    rejected = Rejected(iter(problems))
    assert rejected.problems == tuple(problems)
    assert str(rejected) == "f:1:1: warning: r: m\nf:2:1: warning: r: m"


def test_the_place_of_what_has_none_is_the_top() -> None:
    """Of its file."""
    assert place_of(text_at("x", 3, 4), "f") == Place("f", 3, 4)
    assert place_of(None, "f") == Place("f", 1, 1)


def test_text_is_a_str_with_a_place() -> None:
    """Equal to the same text elsewhere."""
    assert text_at("x", 3, 4) == "x"
    assert hash(text_at("x", 3, 4)) == hash("x")


@pytest.mark.parametrize(
    ("word", "hint"),
    [("stagin", "; did you mean 'staging'?"), ("xyz", ""), ("prod", "; did you mean 'prod'?")],
)
def test_did_you_mean(word: str, hint: str) -> None:
    """The nearest known word, when there is a near one."""
    assert did_you_mean(word, ["prod", "staging"]) == hint


def test_what_is_quickly_pickled_is_the_same_afterwards() -> None:
    """Frozen, with slots, and with places that were one object still one."""
    place = Place("zones/a.yaml", 41, 7)
    one = Problem(place, Severity.HINT, "rule", "words")
    other = Problem(place, Severity.ERROR, "rule", "words")
    found = pickle.loads(pickle.dumps((one, other)))
    assert found == (one, other)
    assert found[0].place is found[1].place
    assert b"_dataclass" not in pickle.dumps(one)
