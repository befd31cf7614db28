"""The memos of a listener: one for each view, made when it is asked, retired with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from ipaddress import ip_network
from math import inf
from typing import Any

import pytest

from healthcheck.health import State
from resolver import names
from resolver.cache import Cache
from resolver.counters import Counters
from resolver.generation import Generation
from resolver.listen.memos import FORGOTTEN, Memos
from resolver.listen.pumps import Kind, make_memo
from resolver.memo import Kept, Memo
from resolver.outcome import Reply
from resolver.query import handle
from resolver.views import Door, NetworkTable
from tests.listen.fuzz_pump import new_arrays
from tests.listen.pumping import (
    DEV,
    DEV_ZONE,
    FILES,
    FORWARDING,
    OUTSIDE,
    PLAN,
    PROD,
    PROD_WEST,
    STRANGER,
    TRUSTED,
    TRUSTED_IN_DEV,
    flipped,
    in_dev,
    pinned,
    put,
    query,
)
from tests.support import UDP

Compile = Callable[..., Generation]
TEXT = query(in_dev("text"), "TXT")
GONE = query(in_dev("gone"))


class Watched:
    """The memos of a listener, and which were made."""

    def __init__(
        self, generation: Generation, kind: Kind, door: Door = UDP, cache: Cache | None = None
    ) -> None:
        self.kind = kind
        self.made: list[Memo] = []
        self.counters = Counters()
        self.door = door
        self.memos = Memos(door, generation, self.make, self.counters, cache)

    def make(self) -> Memo:
        self.made.append(make_memo(self.kind))
        return self.made[-1]

    def find(self, source: str = DEV) -> Any:
        return self.memos.find(source)

    def reply_to(self, wire: bytes, source: str = DEV, cache: Cache | None = None) -> Reply:
        outcome = handle(wire, source, self.door, self.memos.generation, 1.0, cache)
        assert isinstance(outcome, Reply)
        return outcome

    def remember(self, wire: bytes, source: str = DEV) -> None:
        self.memos.remember(self.find(source), wire, source, self.reply_to(wire, source), 1.0)


@pytest.fixture
def watched(pump: Kind, generation: Compile) -> Callable[..., Watched]:
    """Makes memos of each kind."""

    def make(**options: Any) -> Watched:
        return Watched(generation(FILES), pump, **options)

    return make


def test_clients_of_a_view_share_a_memo(watched: Callable[..., Watched]) -> None:
    """It is made when the first of them asks; no other view has any part in it."""
    made = watched()
    assert made.made == []
    first = made.find(DEV)
    assert made.find("127.80.7.7") is first
    assert made.find("::1") is first
    others = [made.find(PROD), made.find(PROD_WEST)]
    assert len({id(memo) for memo in (first, *others)}) == len(made.made) == 3


@pytest.mark.parametrize("source", [TRUSTED, TRUSTED_IN_DEV, STRANGER, "192.0.2.1", "::2"])
def test_others_have_none(watched: Callable[..., Watched], source: str) -> None:
    """Whoever is not known by the address alone is looked at each time."""
    made = watched(cache=Cache())
    assert made.find(source) is None
    assert (made.made, made.memos.denials) == ([], {})


def test_a_pinned_listener_has_one(watched: Callable[..., Watched]) -> None:
    """For all who may ask."""
    made = watched(door=pinned("prod", "west"))
    assert made.find(DEV) is made.find(STRANGER) is made.find(TRUSTED) is not None
    assert len(made.made) == 1


def test_a_reply_is_remembered_for_its_view(watched: Callable[..., Watched]) -> None:
    """And counted where replies of its kind are counted."""
    made = watched()
    made.remember(TEXT)
    assert isinstance(made.find().give(TEXT[2:], 1.0), bytes)
    assert made.counters.replies == {("dev", "udp", 16, 0, "zone"): 1}
    assert not isinstance(made.find(PROD).give(TEXT[2:], 1.0), bytes)


def test_a_reply_is_not_remembered_in_another_memo(watched: Callable[..., Watched]) -> None:
    """Whoever moved to another view meanwhile fills nobody's."""
    made = watched()
    reply, foreign = made.reply_to(TEXT), made.find(PROD)
    made.memos.remember(foreign, TEXT, DEV, reply, 1.0)
    made.memos.remember(foreign, TEXT, STRANGER, reply, 1.0)
    assert len(foreign) == len(made.find()) == 0


def test_a_flip_keeps_every_memo(watched: Callable[..., Watched]) -> None:
    """The guards of what it touched say so themselves; nobody is asked who is who."""
    made = watched(cache=Cache())
    web = query(in_dev("web"))
    before = [made.find(source) for source in (DEV, PROD)]
    made.remember(TEXT)
    for _ in range(4):
        made.remember(web)
    after = flipped(made.memos.generation, bytes([10, 80, 1, 1]), State.DOWN)
    assert made.memos.turn_to(after) is False
    assert made.memos.generation is after
    assert [made.find(source) for source in (DEV, PROD)] == before
    assert isinstance(made.find().give(TEXT[2:], 1.0), bytes)
    assert made.find().give(web[2:], 1.0) is True
    made.remember(web)
    assert len(made.made) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"dev.yaml": DEV_ZONE.replace("hello", "changed")},
        {
            "environments.yaml": PLAN.replace(
                'dev: {clients: {east: [127.80.0.0/16, "::1/128"]}, forward: none}',
                'dev: {clients: {east: [127.80.0.0/16, "::1/128"]},'
                " forward: {upstreams: [192.0.2.53]}}",
            )
        },
    ],
)
@pytest.mark.parametrize("keeps_networks", [False, True])
def test_a_reload_is_obeyed_at_once(
    watched: Callable[..., Watched],
    generation: Compile,
    change: dict[str, str],
    keeps_networks: bool,
) -> None:
    """Of zones or of routes, whether or not the table of networks is the same object."""
    made = watched(cache=Cache())
    before = made.memos.generation
    made.remember(TEXT)
    after = generation({**FILES, **change}, previous=before)
    if keeps_networks:
        after = dataclasses.replace(after, networks=before.networks)
    made.memos.turn_to(after)
    given = made.find().give(TEXT[2:], 1.0)
    assert not isinstance(given, bytes) or given == made.reply_to(TEXT).wire[2:]


def test_whoever_becomes_trusted_has_no_memo(watched: Callable[..., Watched]) -> None:
    """Though all networks and views are as they were."""
    made = watched(cache=Cache())
    made.find()
    before = made.memos.generation
    trusted = NetworkTable([(ip_network("127.80.0.0/16"), True)])
    after = dataclasses.replace(before, number=2, trusted=trusted)
    assert made.memos.turn_to(after) is True
    assert made.memos.denials == {}
    assert made.find() is None


def test_a_changed_route_ends_what_was_cached(pump: Kind, generation: Compile) -> None:
    """Though networks and zones are as they were: whom it came from is asked no more."""
    cache = Cache()
    made = Watched(generation(FORWARDING), pump, cache=cache)
    before = made.memos.generation
    view = before.view_of(DEV)
    assert view is not None
    put(view, cache)
    made.memos.remember(made.find(), OUTSIDE, DEV, made.reply_to(OUTSIDE, cache=cache), 1.0)
    assert isinstance(made.find().give(OUTSIDE[2:], 1.5), bytes)
    plan = FORWARDING["environments.yaml"].replace("192.0.2.53", "192.0.2.54")
    other = generation({**FORWARDING, "environments.yaml": plan}, previous=before).view_of(DEV)
    assert other is not None
    views = {
        **before.views,
        ("dev", "east"): dataclasses.replace(view, forwarding=other.forwarding),
    }
    assert made.memos.turn_to(dataclasses.replace(before, number=2, views=views)) is True
    assert not isinstance(made.find().give(OUTSIDE[2:], 1.5), bytes)


def test_a_view_that_is_gone_takes_its_memo_along(
    watched: Callable[..., Watched], generation: Compile
) -> None:
    """Its clients are nobody then."""
    made = watched(cache=Cache())
    made.remember(TEXT)
    lines = PLAN.splitlines(keepends=True)
    plan = "".join(line for line in lines if not line.startswith("  dev:"))
    files = {k: v for k, v in FILES.items() if k in ("prod.yaml", "both2.yaml")}
    empty = {"dev.yaml": "zone: prod.west\nrecords: {}\n", "both1.yaml": "zone: x.test.\n"}
    empty["both1.yaml"] += "visible_to: [prod]\nrecords: {}\n"
    after = generation(
        {**files, **empty, "environments.yaml": plan}, previous=made.memos.generation
    )
    assert made.memos.turn_to(after) is True
    assert made.find() is None
    assert made.memos.denials == {}
    assert [len(memo) for memo in made.memos._retired] == [1]


def test_what_is_retired_is_freed_in_pieces(
    watched: Callable[..., Watched], generation: Compile
) -> None:
    """A large memo that was freed at once would be a stall."""
    made = watched()
    memo = made.find()
    filled = FORGOTTEN * 2 + 10
    for number in range(filled):
        memo.keep(Kept(b"%d" % number, b"", 0, 1, inf, *new_arrays(1, 0)))
    changed = {**FILES, "dev.yaml": DEV_ZONE.replace("hello", "changed")}
    after = generation(changed, previous=made.memos.generation)
    made.memos.turn_to(dataclasses.replace(after, views={}))
    assert made.memos._retired == [memo]
    sizes = []
    while made.memos._retired:
        made.memos.shrink()
        sizes.append(len(memo))
    assert sizes == [FORGOTTEN + 10, 10, 0]
    made.memos.shrink()


# ---------------------------------------------------------------- denials


def test_a_denial_is_learned_by_view_and_counted(watched: Callable[..., Watched]) -> None:
    """With the time since the query came; other clients of the view profit, others do not."""
    cache = Cache()
    made = watched(cache=cache)
    for source in (DEV, "127.80.0.2", PROD):
        made.find(source)
    made.memos.learn(GONE, DEV, made.reply_to(GONE))
    other = query(in_dev("lost"))
    for source in (DEV, "127.80.0.2"):
        assert made.memos.deny(other, source, 0.0) == made.reply_to(other).wire
    for source in (PROD, STRANGER, TRUSTED, "127.80.0.3"):
        assert made.memos.deny(other, source, 0.0) is None
    assert made.counters.replies == {("dev", "udp", 1, 3, "zone"): 2}
    (latency,) = made.counters.totals().latencies.values()
    assert sum(latency[:-1]) == 2.0
    assert cache.partition("dev").kept_inside.total == 2


def test_strangers_teach_nothing(watched: Callable[..., Watched]) -> None:
    """Only clients with a view have denials."""
    made = watched(cache=Cache())
    made.find(DEV)
    for source in (STRANGER, TRUSTED, "127.80.0.9"):
        made.memos.learn(GONE, source, made.reply_to(GONE))
    assert made.memos.deny(GONE, DEV, 0.0) is None


def test_without_a_cache_there_are_no_denials(watched: Callable[..., Watched]) -> None:
    """Then nothing is kept inside, and nobody counts it."""
    made = watched()
    made.find(DEV)
    made.memos.learn(GONE, DEV, made.reply_to(GONE))
    assert made.memos.deny(GONE, DEV, 0.0) is None
    assert made.memos.denials == {}


def test_clients_are_remembered_within_a_bound(
    watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was forgotten has denials again when its memo is asked for."""
    monkeypatch.setattr(Memos, "MOST_SOURCES", 10)
    made = watched(cache=Cache())
    for n in range(1, 100):
        made.find(f"127.80.0.{n}")
        assert len(made.memos.denials) <= 10
    assert len(made.made) == 1
    made.find("127.80.0.1")
    assert "127.80.0.1" in made.memos.denials


def test_a_name_that_was_made_is_denied_no_more(
    watched: Callable[..., Watched], generation: Compile
) -> None:
    """Whatever the clients of the view have been told before."""
    made = watched(cache=Cache())
    made.find()
    made.memos.learn(GONE, DEV, made.reply_to(GONE))
    assert made.memos.deny(GONE, DEV, 0.0) is not None
    files = {**FILES, "dev.yaml": DEV_ZONE + "  gone: {A: 10.80.3.8}\n"}
    before = made.memos.generation
    after = generation(files, previous=before)
    made.memos.turn_to(dataclasses.replace(after, networks=before.networks))
    made.find()
    assert made.memos.deny(GONE, DEV, 0.0) is None


def test_a_table_that_moves_takes_its_memo_along(
    watched: Callable[..., Watched], generation: Compile
) -> None:
    """What changed is told by guards; what was denied is looked up again."""
    made = watched(cache=Cache())
    one = query(in_dev("a"))
    made.remember(TEXT)
    made.remember(one)
    made.memos.learn(GONE, DEV, made.reply_to(GONE))
    memo, before = made.find(), made.memos.generation
    zone = DEV_ZONE.replace("hello", "bye") + "  gone: {A: 10.80.3.8}\n"
    after = generation({**FILES, "dev.yaml": zone}, previous=before)
    views = dict(after.views)
    for key, view in before.views.items():
        if view.environment == "dev":
            space = after.namespaces["dev"]
            touched = [names.key(names.from_text(in_dev(name))) for name in ("text", "gone")]
            views[key] = dataclasses.replace(view, answers=view.answers.moved_to(space, touched))
        else:
            views[key] = view
    made.memos.turn_to(dataclasses.replace(after, views=views, networks=before.networks))
    assert made.find() is memo
    assert not isinstance(memo.give(TEXT[2:], 1.0), bytes)
    assert isinstance(memo.give(one[2:], 1.0), bytes)
    assert made.memos.deny(GONE, DEV, 0.0) is None
