"""What comes most often, counted in bounded memory."""

from __future__ import annotations

from collections import Counter
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from resolver import offenders
from resolver.offenders import CAPACITY, Offenders, Often, Tally


def tally_of(items: list[str]) -> Tally[str]:
    """What counted these."""
    tally: Tally[str] = Tally()
    for item in items:
        tally.note(item)
    return tally


def test_few_are_counted_exactly() -> None:
    """Most first; equals by themselves."""
    tally = tally_of([*"bbbaacd", "a"])
    assert tally.top() == [
        Often("a", 3, 3),
        Often("b", 3, 3),
        Often("c", 1, 1),
        Often("d", 1, 1),
    ]
    assert tally.top(1) == [Often("a", 3, 3)]
    assert tally.top(0) == []


@given(
    st.lists(st.sampled_from("aaaaaabbbcdefghij"), max_size=200),
    st.integers(1, 6),
)
def test_the_count_is_within_what_is_told(items: list[str], capacity: int) -> None:
    """Misra and Gries 1982, against an exact count: bounds hold, and nothing frequent is missed."""
    exact = Counter(items)
    with mock.patch.object(offenders, "CAPACITY", capacity):
        tally = tally_of(items)
        top = tally.top(100)
    assert len(top) <= capacity
    for item, least, most in top:
        assert 0 < least <= exact[item] <= most
        assert most - least <= len(items) / (capacity + 1)
    counted = {item for item, _, _ in top}
    for item, count in exact.items():
        assert item in counted or count <= len(items) / (capacity + 1)
    assert [-least for _, least, _ in top] == sorted(-least for _, least, _ in top)


def test_a_flood_of_names_leaves_what_is_frequent() -> None:
    """Memory is bounded, whatever comes."""
    items = [item for n in range(5000) for item in (f"random-{n}", "often")]
    tally = tally_of(items)
    assert len(tally._counts) <= CAPACITY
    (often,) = tally.top(1)
    assert often.item == "often"
    assert often.least <= 5000 <= often.most


def test_offenders_count_names_and_clients() -> None:
    """Each for itself."""
    seen = Offenders()
    for name, client in ((b"\1a\0", "10.0.0.1"), (b"\1a\0", "10.0.0.2"), (b"\1b\0", "10.0.0.2")):
        seen.note(name, client)
    assert seen.total == 3
    assert seen.names.top() == [Often(b"\1a\0", 2, 2), Often(b"\1b\0", 1, 1)]
    assert seen.clients.top(1) == [Often("10.0.0.2", 2, 2)]
