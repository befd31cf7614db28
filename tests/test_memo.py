"""Memos: both kinds keep, give, count and forget alike, within their bounds."""

from __future__ import annotations

import struct
from array import array
from collections import Counter
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolver.listen import pumps
from resolver.listen.pumps import NoCompiledPump, make_memo
from resolver.memo import EVICTED, FULL_SIZE, Kept, Memo, PythonMemo
from tests.listen.fuzz_pump import KEYS, OPERATIONS, PLENTY, MakeMemo, Operation, World, new_arrays
from tests.properties.profile import PROFILE

PLACE, HANDED, GUARD, HITS = 1, 2, 4, 8  # bits of `new_arrays`
QUERY = b"\1\0\0\1\0\0\0\0\0\0\3www\0\0\1\0\1"


def maker(kind: str) -> MakeMemo:
    """What makes memos of a kind; a test of what was never compiled is skipped, and says so."""
    if kind == "python":
        return PythonMemo
    try:
        pumps.choose("compiled")
    except NoCompiledPump as missing:
        pytest.skip(str(missing))
    return type(make_memo("compiled"))


@pytest.fixture(params=["compiled", "python"])
def make(request: pytest.FixtureRequest) -> MakeMemo:
    """Makes memos of one kind."""
    return maker(request.param)


@pytest.fixture
def memo(make: MakeMemo) -> Memo:
    """A memo with plenty of room."""
    return make(*PLENTY)


def kept(turn: int = 0, turns: int = 1, kind: int = 0, **said: object) -> Kept:
    """One turn with arrays of its own, but for what is said."""
    arrays = new_arrays(turns, kind)
    made = Kept(QUERY, b"tail %d" % turn, turn, turns, inf, *arrays)
    return made._replace(**said)  # type: ignore[arg-type]  # each by its name


# ---------------------------------------------------------------- what is given


def test_a_query_is_worth_keeping_when_it_comes_again(memo: Memo) -> None:
    """And not before: a flood of names keeps none."""
    assert memo.give(QUERY, 1.0) is False
    assert memo.give(QUERY, 1.0) is True
    assert len(memo) == memo.octets == 0


def test_what_was_kept_is_given_for_the_same_octets_alone(memo: Memo) -> None:
    """One octet more, less or otherwise, and nothing is known."""
    memo.keep(kept())
    assert memo.give(QUERY, 1.0) == b"tail 0"
    for place in range(len(QUERY)):
        other = QUERY[:place] + bytes([QUERY[place] ^ 0x20]) + QUERY[place + 1 :]
        assert not isinstance(memo.give(other, 1.0), bytes)
    assert not isinstance(memo.give(QUERY + b"\0", 1.0), bytes)
    assert not isinstance(memo.give(QUERY[:-1], 1.0), bytes)


def test_turns_go_round_and_are_counted(memo: Memo) -> None:
    """The place goes on by one for each reply; who was handed what is noted, and each hit."""
    arrays = new_arrays(3, HANDED | GUARD | HITS)
    for turn in range(3):
        memo.keep(Kept(QUERY, b"tail %d" % turn, turn, 3, inf, *arrays))
    assert arrays.place is not None
    arrays.place[0] = 7
    given = [memo.give(QUERY, float(when)) for when in range(100, 107)]
    assert given == [b"tail %d" % turn for turn in (2, 0, 1, 2, 0, 1, 2)]
    assert list(arrays.place) == [14, 0]
    assert arrays.handed is not None
    assert list(arrays.handed) == [104.0, 105.0, 106.0]
    assert arrays.counted[0] == 7
    assert arrays.hits is not None
    assert arrays.hits[0] == 7
    assert not any(arrays.latency), "who sends the reply knows how long it took"


def test_a_turn_that_was_never_given_is_asked_for(memo: Memo) -> None:
    """The place stays where it is, and nothing is counted; the others are given meanwhile."""
    arrays = new_arrays(2, HANDED)
    assert arrays.place is not None
    assert arrays.handed is not None
    arrays.place[0] = 0
    memo.keep(Kept(QUERY, b"one", 1, 2, inf, *arrays))
    assert memo.give(QUERY, 5.0) == b"one"
    assert memo.give(QUERY, 6.0) is True
    assert (arrays.place[0], arrays.counted[0], list(arrays.handed)) == (1, 1, [0.0, 5.0])
    arrays.place[0] += 1  # as whoever is asked does
    memo.keep(Kept(QUERY, b"two", 0, 2, inf, *arrays))
    assert [memo.give(QUERY, 7.0) for _ in range(3)] == [b"one", b"two", b"one"]


def test_spellings_share_a_wheel(memo: Memo) -> None:
    """Two queries for one name take turns between them, and each turn comes as often."""
    arrays, other = new_arrays(3, 0), QUERY.upper()
    for octets in (QUERY, other):
        for turn in range(3):
            memo.keep(Kept(octets, b"%d" % turn, turn, 3, inf, *arrays))
    given = [memo.give(octets, 1.0) for octets in (QUERY, other) * 9]
    assert given == [b"1", b"2", b"0"] * 6


@pytest.mark.parametrize("has_guard", [True, False])
def test_nothing_is_given_past_its_expiry(memo: Memo, has_guard: bool) -> None:
    """Not at the moment itself either; then it is forgotten, and worth keeping again."""
    memo.keep(kept(kind=GUARD if has_guard else 0, expires=100.0))
    assert memo.give(QUERY, 99.999) == b"tail 0"
    assert memo.give(QUERY, 100.0) is True
    assert len(memo) == memo.octets == 0


def test_a_guard_ends_all_that_it_guards(memo: Memo) -> None:
    """At once, whatever else is right; what has no guard is not touched."""
    guard = array("Q", (1,))
    for octets in (b"a", b"b"):
        memo.keep(kept(octets=octets, guard=guard))
    memo.keep(kept(octets=b"c"))
    guard[0] = 0
    assert [memo.give(octets, 1.0) for octets in (b"a", b"b", b"c")] == [True, True, b"tail 0"]
    assert len(memo) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"expires": 5.0},
        {"turns": 2, "turn": 0},
        {"place": array("Q", (0, 0))},
        {"handed": array("d", bytes(24))},
        {"guard": array("Q", (1,))},
        {"counted": array("Q", (0,))},
        {"hits": array("Q", (0,))},
        {"latency": array("d", bytes(8 * 20))},
        {"hits": None},
    ],
)
def test_what_is_kept_under_other_arrays_takes_the_place_of_all_turns(
    memo: Memo, change: dict[str, object]
) -> None:
    """An entry counts where its answer counts: turns of two answers never mix."""
    before = kept(turns=3, kind=PLACE | HANDED | GUARD | HITS)
    for turn in range(3):
        memo.keep(before._replace(turn=turn, tail=b"before"))
    after = before._replace(tail=b"after", **change)  # type: ignore[arg-type]  # each by its name
    memo.keep(after)
    assert len(memo) == 1
    size = FULL_SIZE + len(QUERY) + 8 * after.turns + 40 + len(b"after")
    assert memo.octets == size
    assert after.place is not None
    after.place[0] = after.turns - 1
    assert memo.give(QUERY, 1.0) == b"after"
    assert memo.give(QUERY, 1.0) is True


def test_a_turn_is_kept_once(memo: Memo) -> None:
    """Again is neither an error nor any larger."""
    one = kept(kind=GUARD)
    memo.keep(one)
    before = memo.octets
    memo.keep(one)
    assert (len(memo), memo.octets) == (1, before)


@pytest.mark.parametrize(
    "wrong",
    [
        {"turn": 1},
        {"turn": -1},
        {"turns": 0},
        {"turn": 1, "turns": 2, "place": None},
    ],
)
def test_a_turn_that_cannot_be_is_refused(memo: Memo, wrong: dict[str, object]) -> None:
    """And nothing is kept of it."""
    with pytest.raises(ValueError, match=r"turn|array"):
        memo.keep(kept()._replace(**wrong))  # type: ignore[arg-type]  # each by its name
    assert len(memo) == memo.octets == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": array("L", ()), "turns": 2},
        {"handed": array("d", (0.0,)), "turns": 2, "place": array("Q", (0, 0))},
        {"counted": array("B", bytes(8))},
        {"counted": array("Q", ())},
        {"guard": array("I", (1,))},
        {"latency": array("d", (0.0, 0.0))},
    ],
)
def test_compiled_code_takes_no_array_that_is_too_small(wrong: dict[str, object]) -> None:
    """It would count in memory that is not the array's."""
    memo = maker("compiled")(*PLENTY)
    with pytest.raises(ValueError, match="array"):
        memo.keep(kept()._replace(**wrong))  # type: ignore[arg-type]  # each by its name
    assert len(memo) == memo.octets == 0
    for what in (7, (), kept()[:-1], kept(octets="text"), kept(tail=None), kept(latency=b"octets")):
        with pytest.raises((TypeError, BufferError)):
            memo.keep(what)  # type: ignore[arg-type]  # that is what is tried


# ---------------------------------------------------------------- bounds


def query(number: int) -> bytes:
    """One of many queries."""
    return QUERY + struct.pack("!I", number)


@pytest.mark.parametrize("most", [0, 1, 10, 200])
def test_entries_are_bounded(make: MakeMemo, most: int) -> None:
    """However many are kept; where there is room for more than goes at a time, some are there."""
    memo = make(most, PLENTY[1])
    for number in range(500):
        memo.keep(kept(octets=query(number)))
        assert len(memo) <= most
    there = [n for n in range(500) if isinstance(memo.give(query(n), 1.0), bytes)]
    assert len(there) == len(memo)
    assert there or most <= EVICTED


def test_octets_are_bounded(make: MakeMemo) -> None:
    """Keys, tails and turns all count; a tail that is larger than everything is not kept."""
    most = 20_000
    memo = make(PLENTY[0], most)
    for number in range(300):
        memo.keep(kept(octets=query(number), tail=bytes(number * 10)))
        assert memo.octets <= most
    arrays = new_arrays(200, 0)
    for turn in range(200):
        memo.keep(Kept(QUERY, bytes(100), turn, 200, inf, *arrays))
        assert memo.octets <= most
    memo.keep(kept(octets=b"x", tail=bytes(most)))
    assert memo.octets <= most
    assert not isinstance(memo.give(b"x", 1.0), bytes)
    while memo.shrink(3):
        pass
    assert len(memo) == memo.octets == 0


def test_shrinking_goes_a_few_at_a_time(memo: Memo) -> None:
    """And tells when nothing is left; also of what was empty."""
    assert memo.shrink(5) is False
    for number in range(12):
        memo.keep(kept(octets=query(number)))
    assert [(memo.shrink(5), len(memo)) for _ in range(3)] == [(True, 7), (True, 2), (False, 0)]
    memo.keep(kept())
    assert memo.shrink(0) is True
    assert memo.give(QUERY, 1.0) == b"tail 0"


def test_what_is_used_stays_while_others_pass() -> None:
    """In the compiled memo a flood of queries that come twice takes turns with itself."""
    memo = maker("compiled")(100, PLENTY[1])
    memo.keep(kept())
    for number in range(1000):
        memo.keep(kept(octets=query(number)))
        if number % 10 == 0:
            assert memo.give(QUERY, 1.0) == b"tail 0"
    assert len(memo) == 100


def test_arrays_live_as_long_as_their_entry(make: MakeMemo) -> None:
    """Nobody else need keep them."""
    memo = make(*PLENTY)
    for number in range(200):
        memo.keep(kept(0, 1, PLACE | HANDED | GUARD | HITS, octets=query(number)))
    del number
    filler = [array("Q", range(64)) for _ in range(200)]
    assert all(memo.give(query(n), 1.0) == b"tail 0" for n in range(200))
    assert all(list(each) == list(range(64)) for each in filler)


def test_a_memo_of_many_is_as_sure_as_one_of_few(make: MakeMemo) -> None:
    """Thousands of entries find each their own, while its table grows."""
    memo = make(*PLENTY)
    for number in range(5000):
        memo.keep(kept(octets=query(number), tail=b"%d" % number))
    assert all(memo.give(query(n), 1.0) == b"%d" % n for n in range(5000))


def test_few_queries_of_a_flood_are_taken_for_known(memo: Memo) -> None:
    """What was seen is remembered by a mark, in a few thousand slots."""
    known = Counter(memo.give(query(n), 1.0) for n in range(20_000))
    assert known[True] < 5
    assert len(memo) == 0


# ---------------------------------------------------------------- both at once

OPERATION: st.SearchStrategy[Operation] = st.tuples(
    st.sampled_from(OPERATIONS),
    st.integers(0, KEYS - 1),
    st.integers(0, 255),
    st.integers(0, 255),
)


@settings(PROFILE, max_examples=40)
@given(st.lists(OPERATION, min_size=10, max_size=150))
def test_both_kinds_do_the_same(operations: list[Operation]) -> None:
    """In any sequence: turns, counts, hits, hand-outs, sizes; each reply is what was kept."""
    world = World([maker("compiled"), PythonMemo], *PLENTY)
    for operation in operations:
        world.do(operation)


@settings(PROFILE, max_examples=40)
@given(
    st.lists(OPERATION, min_size=10, max_size=150),
    st.integers(0, 12),
    st.integers(0, 8000),
)
def test_both_kinds_keep_their_bounds(operations: list[Operation], most: int, octets: int) -> None:
    """What goes may differ; each reply is right all the same."""
    world = World([maker("compiled"), PythonMemo], most, octets)
    for operation in operations:
        world.do(operation)
