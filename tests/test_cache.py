"""What upstreams said, kept while it is true."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver import names
from resolver.cache import (
    FAILURE_TIME,
    MAX_FAILURES,
    MEAN_OCTETS,
    OVERHEAD,
    STALE_AGE,
    STALE_TTL,
    Cache,
    CachePolicy,
    Entry,
    Key,
    Partition,
)
from resolver.forward.scrub import Scrubbed, unpack
from resolver.outcome import Rcode, Reason
from resolver.routes import Forwarding, Guard, Route
from resolver.rrsets import NS, SOA, A
from resolver.zones.upstream import read_upstream
from tests.properties.profile import PROFILE

AAAA, TXT = 28, 16
ROUTE = Route(names.ROOT, "default", (read_upstream("127.0.0.1"),))
TOKEN = Forwarding("dev", "dev", {names.ROOT: ROUTE}, Guard())


def key(name: str, qtype: int = A, flags: int = 0, place: str = "dev") -> Key:
    """The key of a question."""
    return names.key(names.from_text(name)) + struct.pack("!HH", qtype, 1), flags, place


def scrubbed(ttls: tuple[int, ...] = (300,), size: int = 4, rcode: int = 0) -> Scrubbed:
    """Records of the question's name with these TTLs."""
    parts, offsets, position = [], [], 0
    for ttl in ttls:
        parts.append(b"\xc0\x0c" + struct.pack("!HHIH", TXT, 1, ttl, size) + bytes(size))
        offsets.append(position + 6)
        position += 12 + size
    lifetime = min(ttls, default=0)
    return Scrubbed(
        *(b"".join(parts), tuple(offsets), len(ttls), 0, rcode, lifetime, None, None),
        Reason.ANSWERED,
    )


def entry(now: float = 0.0, ttls: tuple[int, ...] = (300,), size: int = 4, rcode: int = 0) -> Entry:
    """An entry that was stored at a time."""
    return Entry(scrubbed(ttls, size, rcode), 5, now, ROUTE, TOKEN, upstream="127.0.0.1")


def denial(now: float = 0.0, ttl: int = 300) -> Entry:
    """An entry of NXDOMAIN with its SOA."""
    found = scrubbed((ttl,), rcode=Rcode.NXDOMAIN)._replace(answers=0, authorities=1)
    return Entry(found, 5, now, ROUTE, TOKEN)


def deny(partition: Partition, name: str, made: Entry, flags: int = 0) -> None:
    """Keep that a name does not exist."""
    partition.put(key(name, A, flags), made, names.key(names.from_text(name)))


def ttls_of(made: Entry, age: int) -> list[int]:
    """The TTLs that a client reads."""
    return [record.ttl for record in unpack(b"\3www\0", made.turn(age).body, made.answers)]


# ---------------------------------------------------------------- entries


def test_an_entry_counts_down() -> None:
    """RFC 1035 3.2.1: each TTL by the seconds that went by, and never below zero."""
    made = entry(ttls=(300, 60))
    assert [ttls_of(made, age) for age in (0, 1, 59, 60, 61, 9999)] == [
        *([300, 60], [299, 59], [241, 1], [240, 0], [239, 0], [0, 0]),
    ]


def test_what_is_stale_has_thirty_seconds() -> None:
    """RFC 8767 4."""
    assert ttls_of(entry(ttls=(300, 5)), STALE_AGE) == [STALE_TTL] * 2


def test_an_entry_lives_as_long_as_it_is_true() -> None:
    """From when it was stored; the last tenth is for refreshing."""
    made = entry(now=1000.0, ttls=(300, 60))
    assert (made.stored, made.expires, made.refresh_at) == (1000.0, 1060.0, 1054.0)
    assert not made.is_negative
    assert denial().is_negative


def test_a_turn_counts_its_sections() -> None:
    """With and without OPT; nothing of it may be left out."""
    turn = denial().turn(0)
    assert (turn.counts, turn.counts_opt) == (b"\0\1\0\0\0\1\0\0", b"\0\1\0\0\0\1\0\1")
    assert turn.lean == len(turn.body)


@PROFILE
@given(
    st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=5),
    st.lists(st.integers(0, 2**31) | st.just(STALE_AGE), min_size=1, max_size=6),
)
def test_a_turn_never_has_more_than_was_said(ttls: list[int], ages: list[int]) -> None:
    """Whatever was asked before, and in any order; only the TTLs are other octets."""
    made = entry(ttls=tuple(ttls))
    for age in ages:
        wanted = [STALE_TTL if age == STALE_AGE else max(ttl - age, 0) for ttl in ttls]
        assert ttls_of(made, age) == wanted
        body = bytearray(made.turn(age).body)
        for offset in made.offsets:
            body[offset : offset + 4] = made.body[offset : offset + 4]
        assert body == made.body


# ---------------------------------------------------------------- a partition


def test_what_was_put_is_found_by_its_whole_key() -> None:
    """Name, type, flags and place; nothing else is."""
    partition, made = Partition(10), entry()
    partition.put(key("www.example."), made)
    assert partition.find(key("www.example.")) is made
    assert len(partition) == 1
    for other in (
        key("example."),
        key("www.example.", AAAA),
        key("www.example.", flags=1),
        key("www.example.", place="dev.east"),
    ):
        assert partition.find(other) is None
    assert partition.find_denial(key("www.example."), 0.0) is None


def test_the_number_of_entries_is_bounded() -> None:
    """Whoever was not asked for longest goes; a new entry of the same question takes no place."""
    partition = Partition(3)
    for name in "abc":
        partition.put(key(name), entry())
    assert partition.find(key("a")) is not None
    partition.put(key("c"), entry())
    assert (len(partition), partition.evictions) == (3, 0)
    partition.put(key("d"), entry())
    assert (len(partition), partition.evictions) == (3, 1)
    assert {name for name in "abcd" if partition.find(key(name))} == {"a", "c", "d"}


def test_denials_are_within_the_bound_too() -> None:
    """Also of names that are in it."""
    partition = Partition(4)
    for name in "abcd":
        partition.put(key(name), entry())
    for name in "abcdefgh":
        deny(partition, name, denial())
        assert len(partition) <= 4
    assert [partition.find_denial(key(name), 0.0) is not None for name in "aeh"] == [
        *(False, True, True)
    ]


def test_the_octets_are_bounded() -> None:
    """Large entries take the place of several; one that is larger than all of it is not kept."""
    partition = Partition(10)
    most = 10 * MEAN_OCTETS
    for n in range(10):
        partition.put(key(f"n{n}"), entry(size=2000))
        assert partition.octets <= most
    assert len(partition) == most // (2012 + OVERHEAD)
    before = len(partition)
    partition.put(key("large"), entry(size=most))
    assert partition.find(key("large")) is None
    assert len(partition) <= before


def test_a_cache_of_nothing_keeps_nothing() -> None:
    """But the root's, which is kept for whoever asks if we are there."""
    partition = Partition(0)
    partition.put(key("www.example."), entry())
    deny(partition, "gone.example.", denial())
    assert len(partition) == 0
    partition.put(key(".", NS), entry())
    assert partition.find(key(".", NS)) is not None


def test_the_root_is_pinned() -> None:
    """NS and SOA without flags: no flood of other names moves them."""
    partition = Partition(2)
    for qtype in (NS, SOA, A):
        partition.put(key(".", qtype), entry())
    partition.put(key(".", NS, flags=1), entry())
    assert set(partition.pinned) == {key(".", NS), key(".", SOA)}
    for n in range(5):
        partition.put(key(f"n{n}"), entry())
    assert partition.find(key(".", SOA)) is not None
    assert partition.find(key(".", A)) is None
    assert len(partition) == 2


def test_a_denial_is_of_the_name_and_of_all_below() -> None:
    """RFC 8020 2: whatever the type; not of what is above or beside it, nor for other flags."""
    partition, made = Partition(10), denial()
    deny(partition, "gone.example.", made)
    for name in ("gone.example.", "a.gone.example.", "c.b.a.gone.example."):
        assert partition.find_denial(key(name, AAAA), 299.0) is made
    for name in ("example.", ".", "notgone.example.", "gone.other.", "one.example."):
        assert partition.find_denial(key(name), 0.0) is None
    assert partition.find_denial(key("gone.example.", flags=1), 0.0) is None
    assert partition.find_denial(key("gone.example.", place="dev.east"), 0.0) is None


def test_a_denial_that_expired_is_of_its_own_name_only() -> None:
    """It may be stale, but denies nothing below it any more."""
    partition, made = Partition(10), denial(ttl=10)
    deny(partition, "gone.example.", made)
    assert partition.find_denial(key("gone.example."), 10.0) is made
    assert partition.find_denial(key("a.gone.example."), 10.0) is None
    deny(partition, "a.gone.example.", denial())
    assert partition.find_denial(key("b.a.gone.example."), 10.0) is not None


def test_a_denial_takes_the_place_of_what_was_said_before() -> None:
    """Or the old entry would be found first, and the name asked for each time."""
    partition = Partition(10)
    partition.put(key("www.example."), entry())
    made = denial(now=400.0)
    deny(partition, "www.example.", made)
    assert partition.find(key("www.example.")) is None
    assert partition.find_denial(key("www.example."), 400.0) is made


def test_a_name_that_exists_is_denied_no_more() -> None:
    """Neither for its other types nor below it."""
    partition = Partition(10)
    deny(partition, "www.example.", denial())
    partition.put(key("www.example."), entry())
    assert partition.find_denial(key("www.example.", AAAA), 0.0) is None
    assert partition.find_denial(key("a.www.example."), 0.0) is None


def test_an_evicted_denial_denies_nothing() -> None:
    """Nor one that was forgotten."""
    partition = Partition(2)
    deny(partition, "gone.example.", denial())
    for name in "ab":
        partition.put(key(name), entry())
    assert partition.find_denial(key("gone.example."), 0.0) is None
    deny(partition, "gone.example.", denial())
    assert partition.forget(name=names.from_text("gone.example.")) == 1
    assert partition.find_denial(key("a.gone.example."), 0.0) is None


def test_a_failure_is_remembered_for_five_seconds() -> None:
    """RFC 9520 3.2; of one question, until something better is known."""
    partition = Partition(10)
    partition.fail(key("a"), Reason.NO_UPSTREAM, 100.0)
    assert partition.find_failure(key("a"), 100.0 + FAILURE_TIME - 0.001) is Reason.NO_UPSTREAM
    assert partition.find_failure(key("a"), 100.0 + FAILURE_TIME) is None
    assert partition.find_failure(key("a", AAAA), 100.0) is None
    partition.fail(key("b"), Reason.NETWORK_ERROR, 100.0)
    partition.put(key("b"), entry())
    assert partition.find_failure(key("b"), 100.0) is None
    partition.fail(key("c"), Reason.NETWORK_ERROR, 100.0)
    deny(partition, "c", denial())
    assert partition.find_failure(key("c"), 100.0) is None


def test_failures_are_bounded() -> None:
    """The oldest go."""
    partition = Partition(10)
    for n in range(MAX_FAILURES + 10):
        partition.fail(key(f"n{n}"), Reason.NO_UPSTREAM, 0.0)
    assert len(partition._failures) == MAX_FAILURES
    assert partition.find_failure(key("n0"), 0.0) is None
    assert partition.find_failure(key(f"n{MAX_FAILURES + 9}"), 0.0) is Reason.NO_UPSTREAM


def test_dropping_forgets_one() -> None:
    """Pinned or not; what is not there is no error."""
    partition = Partition(10)
    for each in (key("a"), key(".", NS)):
        partition.put(each, entry())
        partition.drop(each)
        partition.drop(each)
        assert partition.find(each) is None


@pytest.mark.parametrize(
    ("name", "suffix", "left"),
    [
        (None, None, set()),
        ("www.example.", None, {"a.www.example.", "example.", "notexample.", "."}),
        (None, "example.", {"notexample.", "."}),
        (None, "www.example.", {"example.", "notexample.", "."}),
        (None, ".", set()),
        ("other.", None, {"www.example.", "a.www.example.", "example.", "notexample.", "."}),
    ],
)
def test_names_suffixes_or_everything_are_forgotten(
    name: str | None, suffix: str | None, left: set[str]
) -> None:
    """Of any type, failures and pinned ones too; whole labels only; the number is told."""
    every = ("www.example.", "a.www.example.", "example.", "notexample.", ".")
    partition = Partition(100)
    for each in every:
        partition.put(key(each, NS), entry())
        partition.put(key(each, TXT), entry())
        partition.fail(key(each, AAAA), Reason.NO_UPSTREAM, 0.0)
    count = partition.forget(
        None if name is None else names.from_text(name),
        None if suffix is None else names.from_text(suffix),
    )
    assert count == 2 * (len(every) - len(left))
    for qtype in (NS, TXT):
        assert {each for each in every if partition.find(key(each, qtype))} == left
    failing = {each for each in every if partition.find_failure(key(each, AAAA), 0.0)}
    assert failing == left


def test_looking_is_no_use() -> None:
    """Neither a list of all entries nor a peek keeps an entry from going."""
    partition = Partition(3)
    for name in "abc":
        partition.put(key(name), entry())
    assert partition.find(key("a")) is not None
    assert {each for each, _ in partition.items()} == {key("a"), key("b"), key("c")}
    assert partition.peek(key("b"), 0.0) is not None
    partition.put(key("d"), entry())
    assert {each for each, _ in partition.items()} == {key("a"), key("c"), key("d")}


NAMES = ("a.", "b.a.", "c.b.a.", "d.", "e.d.", ".")
ACTS = st.lists(
    st.tuples(
        st.sampled_from(("put", "deny", "find", "fail", "drop", "forget")),
        st.sampled_from(NAMES),
        st.sampled_from((A, NS)),
        st.integers(0, 20),
        st.integers(0, 5),
    ),
    max_size=40,
)


@PROFILE
@given(ACTS, st.integers(0, 4))
def test_any_use_keeps_the_bounds_and_what_was_said_last(
    acts: list[tuple[str, str, int, int, int]], most: int
) -> None:
    """What is found is what was put last, or nothing; nothing fresh is past its expiry."""
    partition, now = Partition(most), 0.0
    last: dict[Key, Entry] = {}
    for act, name, qtype, ttl, passed in acts:
        now += passed
        asked, owner = key(name, qtype), names.from_text(name)
        if act == "put":
            last[asked] = entry(now, (ttl,))
            partition.put(asked, last[asked])
        elif act == "deny" and name != ".":
            last[asked] = denial(now, ttl)
            partition.put(asked, last[asked], owner)
        elif act == "fail":
            partition.fail(asked, Reason.NO_UPSTREAM, now)
        elif act == "drop":
            partition.drop(asked)
        elif act == "forget":
            partition.forget(suffix=owner)
        assert len(partition) <= most
        assert partition.octets <= most * MEAN_OCTETS
        assert partition.octets == sum(len(e.body) + OVERHEAD for _, e in partition.items())
        found = partition.find(asked)
        assert found is None or found is last[asked]
        denied = partition.find_denial(asked, now)
        if denied is not None:
            assert denied.rcode == Rcode.NXDOMAIN
            assert now < denied.expires or denied in [last.get(key(name, t)) for t in (A, NS)]


# ---------------------------------------------------------------- who keeps replies


def test_a_guard_reads_one_while_an_entry_is_there() -> None:
    """Whoever watches has the same one; most entries are watched by nobody."""
    made = entry()
    assert made.guard is None
    guard = made.watch()
    assert made.watch() is guard
    assert list(guard) == [1]


@pytest.mark.parametrize(
    "way", ["put", "deny", "drop", "forget", "forget_name", "forget_suffix", "evict", "crowd"]
)
def test_the_guard_of_what_goes_says_so(way: str) -> None:
    """Replaced, denied, forgotten, or for want of room; what stays is not touched."""
    partition, made, other = Partition(3), entry(), entry()
    guards = made.watch(), other.watch()
    partition.put(key("a.www.example."), made)
    partition.put(key("stays."), other)
    if way == "put":
        partition.put(key("a.www.example."), entry())
    elif way == "deny":
        deny(partition, "a.www.example.", denial())
    elif way == "drop":
        partition.drop(key("a.www.example."))
    elif way == "forget":
        partition.forget(suffix=names.from_text("www.example."))
    elif way == "forget_name":
        partition.forget(name=names.from_text("a.www.example."))
    elif way == "forget_suffix":
        partition.forget(suffix=names.from_text("example."))
    elif way == "evict":
        for name in "bc":
            assert partition.find(key("stays.")) is other
            partition.put(key(name), entry())
    else:
        assert partition.find(key("stays.")) is other
        partition.put(key("large"), entry(size=1200))
    assert [list(guard) for guard in guards] == [[0], [1]]


def test_the_guard_of_a_denial_says_when_the_name_is_there() -> None:
    """By another type as well; and the other way round."""
    partition, made = Partition(10), denial()
    guard = made.watch()
    deny(partition, "www.example.", made)
    partition.put(key("other.example."), entry())
    assert list(guard) == [1]
    partition.put(key("www.example.", AAAA), entry())
    assert list(guard) == [0]


def test_hits_are_arrays_that_others_may_count_in() -> None:
    """What was found of each kind; kinds without any are not told of."""
    partition = Partition(10)
    assert partition.hits == {}
    partition.hit_counts["negative"][0] += 3
    assert partition.hits == {"negative": 3}
    assert partition.hit_counts.keys() == {"positive", "negative", "stale"}


# ---------------------------------------------------------------- all partitions


def test_each_environment_has_a_partition_of_its_own() -> None:
    """It begins with the first question, and is never another's."""
    cache = Cache(CachePolicy(entries=10))
    assert cache.partitions == {}
    dev, prod = cache.partition("dev"), cache.partition("prod")
    assert cache.partition("dev") is dev
    dev.put(key("a"), entry())
    assert prod.find(key("a")) is None
    assert set(cache.partitions) == {"dev", "prod"}


def test_some_environments_forget_or_all() -> None:
    """How many entries, in each."""
    cache = Cache()
    for environment in ("dev", "prod"):
        for name in ("a.", "b.a.", "c."):
            cache.partition(environment).put(key(name, place=environment), entry())
    assert cache.forget(frozenset({"dev", "other"}), suffix=names.from_text("a.")) == {"dev": 2}
    assert cache.forget(name=names.from_text("c.")) == {"dev": 1, "prod": 1}
    assert cache.forget() == {"dev": 0, "prod": 2}


def test_environments_that_are_no_more_are_forgotten() -> None:
    """The others keep what they have."""
    cache = Cache()
    dev = cache.partition("dev")
    cache.partition("prod")
    cache.retain(["dev", "new"])
    assert cache.partitions == {"dev": dev}


def test_statistics_tell_of_each_partition() -> None:
    """What was found, and what is there."""
    cache = Cache(CachePolicy(entries=1))
    partition = cache.partition("dev")
    partition.put(key("a"), entry())
    partition.put(key("b"), entry())
    partition.hit_counts["positive"][0] += 2
    partition.misses += 3
    found = cache.statistics()["dev"]
    assert found["entries"] == found["evictions"] == 1
    assert found["octets"] == 16 + OVERHEAD
    assert (found["hits"], found["misses"]) == ({"positive": 2}, 3)


def test_what_was_shown_is_looked_at_again_when_files_were_read() -> None:
    """Who keeps replies made of it is told; the entry itself stays."""
    cache, made = Cache(), entry()
    partition = cache.partition("dev")
    partition.put(key("a.example."), made)
    partition.show(key("a.example."), made, 1.0)
    guard = made.watch()
    cache.retain(["dev"])
    assert guard[0] == 0
    assert not partition.shown
    assert partition.find(key("a.example.")) is made
    assert made.watch()[0] == 1
