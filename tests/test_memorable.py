"""Which replies may be given again for the same octets: of zones, and of the cache for a while."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from math import inf

import dns.edns
import dns.message
import pytest

from healthcheck.health import State
from resolver import names
from resolver.cache import Cache, CachePolicy, Key
from resolver.counters import Counters
from resolver.forward.question import CHECKING_DISABLED, DNSSEC_OK
from resolver.generation import Generation, View
from resolver.memo import Kept, PythonMemo
from resolver.memorable import find_memorable, plain_view
from resolver.outcome import Forward, Reply
from resolver.query import handle
from resolver.views import NetworkTable
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
    variants,
)
from tests.support import TCP, UDP

Compile = Callable[..., Generation]


def view_of(generation: Generation, source: str = DEV) -> View:
    """That of a client."""
    found = plain_view(source, UDP, generation)
    assert found is not None
    return found


def memorable(
    generation: Generation,
    wire: bytes,
    cache: Cache | None = None,
    now: float = 1.0,
    counters: Counters | None = None,
) -> Kept | None:
    """What is to be kept of the reply to a client of dev."""
    outcome = handle(wire, DEV, UDP, generation, now, cache)
    assert isinstance(outcome, Reply)
    where = (counters or Counters()).tally(outcome, "udp")
    kept = find_memorable(wire, outcome, view_of(generation), cache, now, where)
    if kept is not None:
        assert (kept.octets, kept.tail) == (wire[2:], outcome.wire[2:])
        assert (kept.counted, kept.latency) == where
    return kept


# ---------------------------------------------------------------- whose


def test_the_address_alone_decides_or_nothing_is_kept(generation: Compile) -> None:
    """Trusted forwarders and strangers have no memo."""
    made = generation(FILES)
    found = {source: plain_view(source, UDP, made) for source in (DEV, PROD, PROD_WEST)}
    assert {source: (v.environment, v.region) for source, v in found.items() if v} == {
        DEV: ("dev", "east"),
        PROD: ("prod", "east"),
        PROD_WEST: ("prod", "west"),
    }
    assert plain_view(TRUSTED, UDP, made) is None
    assert plain_view(TRUSTED_IN_DEV, UDP, made) is None
    assert plain_view(STRANGER, UDP, made) is None


def test_a_pinned_listener_has_its_own_view(generation: Compile) -> None:
    """For whoever may ask; nothing when the files no longer have it."""
    made = generation(FILES)
    door = pinned("prod", "west")
    for source in (DEV, TRUSTED, STRANGER):
        assert plain_view(source, door, made) is made.views["prod", "west"]
    allow = NetworkTable([(ip_network("127.80.0.0/16"), True)])
    some = pinned("prod", "west", allow=allow)
    assert plain_view(DEV, some, made) is made.views["prod", "west"]
    assert plain_view(STRANGER, some, made) is None
    assert plain_view(DEV, pinned("test", "west"), made) is None


# ---------------------------------------------------------------- of zones


@pytest.mark.parametrize(
    ("name", "rdtype"),
    [
        *(("text", "TXT"), ("text", "A"), ("svc", "HTTPS"), ("text", "ANY"), ("long", "TXT")),
        *(("x.wild", "A"), ("alias", "A"), ("cut", "DS"), ("w1.web", "A"), ("@", "SOA")),
    ],
)
def test_what_the_zones_say_is_kept_for_good(generation: Compile, name: str, rdtype: str) -> None:
    """Until its guard says otherwise: spelled and flagged in any way."""
    made = generation(FILES)
    for wire in variants(in_dev(name), rdtype):
        kept = memorable(made, wire)
        assert kept is not None
        assert (kept.expires, kept.hits) == (inf, None)
        assert kept.guard is not None
        assert list(kept.guard) == [1]


def test_the_turn_that_was_given_is_the_turn_that_is_kept(generation: Compile) -> None:
    """With the answer's own wheel and hand-outs."""
    made = generation(FILES)
    wire = query(in_dev("web"))
    answer = view_of(made).answers.find(wire[12:])
    assert answer is not None
    seen = []
    for _ in range(8):
        kept = memorable(made, wire)
        assert kept is not None
        assert kept.place is answer.position
        assert kept.handed is answer.handed
        assert kept.guard is answer.guard
        seen.append((kept.turn - answer.position[0]) % kept.turns)
        turn = answer.turn(kept.turn)
        assert kept.tail.endswith(turn.body)
        assert kept.turns == len(answer.turns) == 4
    assert seen == [0] * 8


def test_one_turn_has_no_wheel_and_no_targets_no_hand_outs(generation: Compile) -> None:
    """Then nothing goes round, and nobody wants to know who was given it."""
    kept = memorable(generation(FILES), query(in_dev("text"), "TXT"))
    assert kept is not None
    assert (kept.turn, kept.turns, kept.place, kept.handed) == (0, 1, None, None)


def test_a_flip_ends_what_rests_on_it(generation: Compile) -> None:
    """And nothing else."""
    made = generation(FILES)
    web, text = memorable(made, query(in_dev("web"))), memorable(made, query(in_dev("text"), "TXT"))
    assert web is not None
    assert text is not None
    flipped(made, bytes([10, 80, 1, 1]), State.DOWN)
    assert web.guard is not None
    assert text.guard is not None
    assert (list(web.guard), list(text.guard)) == ([0], [1])


@pytest.mark.parametrize(
    "wire",
    [
        query(in_dev("nothing")),  # counted by name
        query(in_dev("away")),  # a CNAME to where others are asked
        query(in_dev("flat")),
        query(in_dev("x.cut")),
        query("www.example."),
        query(in_dev("web"), rdclass="CH"),
        query(in_dev("web"), "AXFR"),
        query(in_dev("web"), "IXFR"),
        query(in_dev("web")) + bytes(11),
        query(in_dev("web"))[:2] + b"\x11" + query(in_dev("web"))[3:],
        query(in_dev("web"), edns=1232, options=(dns.edns.GenericOption("COOKIE", bytes(8)),)),
        query(in_dev("web"), edns=1232, options=(dns.edns.ECSOption("10.0.0.0", 8),)),
        query(in_dev("web"), edns=1232, options=(dns.edns.GenericOption("PADDING", b""),)),
    ],
)
def test_what_depends_on_more_is_not_kept(generation: Compile, wire: bytes) -> None:
    """Than view, listener and octets."""
    made = generation(FILES)
    outcome = handle(wire, DEV, UDP, made, 1.0, Cache())
    reply = outcome.reply if isinstance(outcome, Forward) else outcome
    if not isinstance(reply, Reply):
        return
    where = Counters().tally(reply, "udp")
    assert find_memorable(wire, reply, view_of(made), Cache(), 1.0, where) is None


def test_who_asks_for_no_recursion_is_told_of_the_alias_alone(generation: Compile) -> None:
    """That depends on nobody else, so it is kept."""
    made = generation(FILES)
    for name in ("away", "x.cut"):
        assert memorable(made, query(in_dev(name), flags="")) is not None


# ---------------------------------------------------------------- of the cache


def key_of(wire: bytes, view: View, flags: int = 0) -> Key:
    """The key of a query without EDNS."""
    return (wire[12:].lower(), flags, view.forwarding.place)


def test_a_fresh_entry_is_kept_until_its_ttls_move(generation: Compile) -> None:
    """Second by second, and never past its end or the time to refresh it."""
    made, cache = generation(FORWARDING), Cache(CachePolicy(prefetch=False))
    put(view_of(made), cache, now=1000.0)
    memo, seen = PythonMemo(), []
    for tenth in range(10_000, 10_620, 3):
        now = tenth / 10
        outcome = handle(OUTSIDE, DEV, UDP, made, now, cache)
        given = memo.give(OUTSIDE[2:], now)
        if not isinstance(given, bytes):
            if not isinstance(outcome, Reply):
                assert now >= 1060.0
                continue
            kept = memorable(made, OUTSIDE, cache, now)
            assert kept is not None
            memo.keep(kept)
            given = kept.tail
        assert now < 1060.0
        assert isinstance(outcome, Reply)
        assert given == outcome.wire[2:]
        seen.append(struct.unpack("!I", given[-8 - 2 : -6])[0])
        assert 0.0 <= seen[-1] - (1060.0 - now) < 2.0
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) > 45


def test_hits_are_those_of_the_cache(generation: Compile) -> None:
    """Positive and negative, counted where the partition counts."""
    made, cache = generation(FORWARDING), Cache()
    gone = query("gone.example.")
    put(view_of(made), cache)
    put(view_of(made), cache, gone, rcode=3)
    partition = cache.partition("dev")
    for wire, kind in ((OUTSIDE, "positive"), (gone, "negative")):
        kept = memorable(made, wire, cache)
        assert kept is not None
        assert kept.hits is partition.hit_counts[kind]
        assert (kept.turns, kept.place, kept.handed) == (1, None, None)


def forget_all(cache: Cache, made: Generation) -> None:
    cache.forget()


def forget_name(cache: Cache, made: Generation) -> None:
    cache.forget(frozenset({"dev"}), name=OUTSIDE[12:-4])


def forget_suffix(cache: Cache, made: Generation) -> None:
    cache.forget(suffix=names.from_text("example."))


def drop(cache: Cache, made: Generation) -> None:
    cache.partition("dev").drop(key_of(OUTSIDE, view_of(made)))


def replace(cache: Cache, made: Generation) -> None:
    put(view_of(made), cache, n=2)


def deny(cache: Cache, made: Generation) -> None:
    put(view_of(made), cache, rcode=3)


def crowd(cache: Cache, made: Generation) -> None:
    for number in range(10):
        put(view_of(made), cache, query(f"n{number}.example."))


@pytest.mark.parametrize(
    "change", [forget_all, forget_name, forget_suffix, drop, replace, deny, crowd]
)
def test_what_is_gone_from_the_cache_is_given_no_more(
    generation: Compile, change: Callable[[Cache, Generation], None]
) -> None:
    """At once: forgotten, dropped, denied, replaced, or for want of room."""
    made, cache, memo = generation(FORWARDING), Cache(CachePolicy(entries=5)), PythonMemo()
    put(view_of(made), cache)
    kept = memorable(made, OUTSIDE, cache)
    assert kept is not None
    memo.keep(kept)
    assert memo.give(OUTSIDE[2:], 1.5) == kept.tail
    change(cache, made)
    assert memo.give(OUTSIDE[2:], 1.5) is True


def test_what_made_room_while_it_was_shown_is_not_kept(generation: Compile) -> None:
    """It may be shown for the rest of a second, but no guard would tell of what comes after it."""
    made, cache = generation(FORWARDING), Cache(CachePolicy(entries=5))
    put(view_of(made), cache)
    handle(OUTSIDE, DEV, UDP, made, 1.0, cache)
    crowd(cache, made)
    assert isinstance(handle(OUTSIDE, DEV, UDP, made, 1.5, cache), Reply)
    assert memorable(made, OUTSIDE, cache, 1.5) is None


def test_a_denial_is_given_until_the_name_exists(generation: Compile) -> None:
    """Whatever type it has then."""
    made, cache, memo = generation(FORWARDING), Cache(), PythonMemo()
    put(view_of(made), cache, rcode=3)
    kept = memorable(made, OUTSIDE, cache)
    assert kept is not None
    memo.keep(kept)
    put(view_of(made), cache, OUTSIDE[:-4] + b"\0\x1c\0\1")
    assert memo.give(OUTSIDE[2:], 1.5) is True


@pytest.mark.parametrize("prefetch", [True, False])
def test_what_is_asked_near_its_end_is_refreshed(generation: Compile, prefetch: bool) -> None:
    """The last tenth of its life is not for memos: somebody has to notice that it is asked for."""
    made, cache = generation(FORWARDING), Cache(CachePolicy(prefetch=prefetch))
    entry = put(view_of(made), cache, now=0.0)
    memo = PythonMemo()
    assert memorable(made, OUTSIDE, cache, 10.0) is not None
    assert entry.refresh_at == 54.0
    for now in (53.5, 53.9):
        kept = memorable(made, OUTSIDE, cache, now)
        assert kept is not None
        memo.keep(kept)
    assert isinstance(memo.give(OUTSIDE[2:], 54.0), bytes) is not prefetch
    outcome = handle(OUTSIDE, DEV, UDP, made, 54.1, cache)
    assert isinstance(outcome, Forward if prefetch else Reply)
    if prefetch:
        assert memorable_again(made, cache, 54.2) is not None


def memorable_again(made: Generation, cache: Cache, now: float) -> Kept | None:
    """The refresh is on its way; until it is to be tried again the reply may be kept."""
    assert cache.partition("dev").prefetches == 1
    return memorable(made, OUTSIDE, cache, now)


def test_the_root_is_looked_at_each_time(generation: Compile) -> None:
    """Others use it as a question of health; and it is pinned, so no guard would tell."""
    made, cache = generation(FORWARDING), Cache()
    for rdtype in ("NS", "SOA"):
        put(view_of(made), cache, query(".", rdtype))
        assert memorable(made, query(".", rdtype), cache) is None


def test_do_and_cd_are_questions_of_their_own(generation: Compile) -> None:
    """An entry of one is not taken for that of another."""
    made, cache = generation(FORWARDING), Cache()
    put(view_of(made), cache)
    assert memorable(made, query("www.example.", edns=1232), cache) is not None
    for wire, flags in (
        (query("www.example.", edns=1232, dnssec_ok=True), DNSSEC_OK),
        (query("www.example.", flags="RD CD"), CHECKING_DISABLED),
    ):
        assert isinstance(handle(wire, DEV, UDP, made, 1.0, cache), Forward)
        entry = put(view_of(made), cache, wire, flags=flags, n=flags)
        kept = memorable(made, wire, cache)
        assert kept is not None
        assert kept.guard is entry.guard


def test_without_recursion_the_cache_is_not_shown(generation: Compile) -> None:
    """And nothing is kept that would show it."""
    made, cache = generation(FORWARDING), Cache()
    put(view_of(made), cache)
    assert memorable(made, OUTSIDE, cache) is not None
    assert memorable(made, query("www.example.", flags=""), cache) is None


@pytest.mark.parametrize("other", ["{upstreams: [192.0.2.54]}", "none"])
def test_a_changed_route_is_another_views(generation: Compile, other: str) -> None:
    """The memo goes with the forwarding; what was cached is judged again under the new one."""
    made, cache = generation(FORWARDING), Cache()
    put(view_of(made), cache)
    assert memorable(made, OUTSIDE, cache) is not None
    plan = {**FILES, "environments.yaml": PLAN.replace("forward: none", f"forward: {other}")}
    changed: Mapping[str, str] = {**plan, "dev.yaml": DEV_ZONE}
    after = generation(changed, previous=made)
    assert view_of(after).forwarding is not view_of(made).forwarding
    outcome = handle(OUTSIDE, DEV, UDP, after, 1.5, cache)
    assert not isinstance(outcome, Reply) or outcome.source == "policy"


def test_a_reply_over_tcp_may_be_larger(generation: Compile) -> None:
    """What is kept is what was given at this listener, whatever its limit."""
    made, wire = generation(FILES), query(in_dev("long"), "TXT")
    large = handle(wire, DEV, TCP, made)
    small = handle(wire, DEV, UDP, made)
    assert isinstance(large, Reply)
    assert isinstance(small, Reply)
    assert len(small.wire) < 512 < len(large.wire)
    for reply in (large, small):
        kept = find_memorable(wire, reply, view_of(made), None, 1.0, Counters().tally(reply, "udp"))
        assert kept is not None
        assert kept.tail == reply.wire[2:]


def test_nothing_of_explain_names_is_kept(generation: Compile) -> None:
    """Not even that there is no such name: another client of the view may be told more."""
    made = generation(FILES)
    assert memorable(made, query(in_dev("_explair.wild"), "TXT")) is not None
    for name in ("_explain.wild", "_Explain.x.wild"):
        for rdtype in ("TXT", "A"):
            assert memorable(made, query(in_dev(name), rdtype)) is None
