"""Replies out of memos and denials, over sockets: those of `handle`, octet for octet.

Each test is of both kinds of pump.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from pathlib import Path
from time import monotonic
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from healthcheck.health import State
from resolver.generation import Generation
from resolver.namespace import Namespace
from resolver.packed import PackedNamespace
from resolver.parcel import pack
from resolver.views import NetworkTable
from tests.listen.pumping import (
    BOTH,
    DEV,
    DEV_QUESTIONS,
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
    Pair,
    Pumped,
    Twin,
    in_dev,
    pinned,
    put,
    query,
    renumbered,
    targets,
    variants,
)
from tests.support import addresses, compiled

Make = Callable[..., Pumped]
WEB = in_dev("web")
A_COOKIE = dns.edns.GenericOption("COOKIE", b"12345678")
AN_ID = dns.edns.GenericOption("NSID", b"")
A_SUBNET = dns.edns.ECSOption("10.64.1.0", 24)


@pytest.fixture
def pair(pumped: Make, tmp_path: Path) -> Pair:
    """A listener and its twin."""
    return Pair(tmp_path / "zones", pumped())


def is_looked_at(wire: bytes, generation: Generation) -> bool:
    """Denials of internal zones are counted by name; and somebody else may be asked."""
    view = generation.view_of(DEV)
    assert view is not None
    end = wire.index(b"\0", 12) + 5
    answer = view.answers.find(wire[12 : end - 4].lower() + wire[end - 4 : end])
    return answer is None or answer.is_kept or (answer.onward is not None and bool(wire[2] & 1))


# ---------------------------------------------------------------- octets


def test_every_reply_is_the_one_that_handle_gives(pair: Pair) -> None:
    """In the same turns, though each was learned from a reply to an earlier query."""
    ident = 0
    for name, rdtype in DEV_QUESTIONS:
        wires = variants(in_dev(name), rdtype)
        for asked in (*((wire, wire) for wire in wires), *(wires for _ in range(7))):
            for wire in asked:
                ident = (ident + 2749) % 65536
                assert pair.ask(renumbered(wire, ident), DEV) is not None
        before = pair.pumped.looked
        for wire in wires:
            given = pair.ask(renumbered(wire, 0xFFFF), DEV)
            assert given is not None
            end = wire.index(b"\0", 12)
            assert (given[:2], given[12:end]) == (b"\xff\xff", wire[12:end]), "its ID, its spelling"
        looked_at = sum(is_looked_at(wire, pair.twin.generation) for wire in wires)
        assert pair.pumped.looked - before == looked_at, (name, rdtype)
    pair.agree()


def test_turns_come_equally_often_whoever_asks_how(pumped: Make) -> None:
    """Spellings and EDNS share the wheel: weights hold over all of them together."""
    server = pumped()
    firsts: Counter[str] = Counter()
    for _ in range(25):
        for wire in variants(WEB, "A"):
            octets = server.ask(wire)
            assert octets is not None
            firsts[addresses(dns.message.from_wire(octets))[0]] += 1
    assert firsts == {"10.80.1.1": 100, "10.80.1.2": 50, "10.80.1.3": 50}


def test_every_turn_is_known_after_one_round(pumped: Make) -> None:
    """The first query shows itself, each of the next brings a turn; then Python hears no more."""
    server = pumped()
    for _ in range(500):
        server.ask(query(WEB))
    assert server.looked == 5  # four turns: weights of two, one and one
    assert server.counters.replies == {("dev", "udp", 1, 0, "zone"): 500}
    assert server.listener.drain() is False


def test_sixty_five_and_ninety_seven_are_two_types(pair: Pair) -> None:
    """HTTPS is the letter A, and the type 97 its small form: only names are spelled both ways."""
    wires = [query(in_dev("a"), rdtype) for rdtype in ("HTTPS", "TYPE97", "A")]
    for wire, count in zip(wires, (1, 0, 1), strict=True):
        for _ in range(3):
            octets = pair.ask(wire, DEV)
            assert octets is not None
            assert octets[6:8] == bytes((0, count))
    assert all(pair.pumped.known(wire) for wire in wires)


@pytest.mark.parametrize(
    ("what", "rcode"),
    [
        (query(WEB, "TXT", rdclass="CH"), dns.rcode.REFUSED),
        (query(WEB, "AXFR"), dns.rcode.REFUSED),
        (query(WEB, "IXFR"), dns.rcode.REFUSED),
        (query("www.example."), dns.rcode.REFUSED),
        (query(WEB, edns=1232, options=(A_COOKIE,)), dns.rcode.NOERROR),
        (query(WEB, edns=1232, options=(A_SUBNET,)), dns.rcode.NOERROR),
        (query(WEB, edns=1232, options=(AN_ID,)), dns.rcode.NOERROR),
        (query(WEB) + b"\0", dns.rcode.FORMERR),
        (query(WEB) + bytes(11), dns.rcode.FORMERR),
        (query(WEB)[:-1], dns.rcode.FORMERR),
        (query(WEB, edns=1232)[:-5] + b"\1" + query(WEB, edns=1232)[-4:], dns.rcode.BADVERS),
        (query(WEB)[:2] + b"\x09" + query(WEB)[3:], dns.rcode.NOTIMP),
        (query(in_dev("away")), dns.rcode.NOERROR),
    ],
)
def test_what_depends_on_more_is_looked_at_each_time(
    pair: Pair, what: bytes, rcode: dns.rcode.Rcode
) -> None:
    """Refusals, faults, options and what others are asked for; it changes nothing for others."""
    for _ in range(3):
        pair.ask(query(WEB), DEV)
    for _ in range(5):
        before = pair.pumped.looked
        given = pair.ask(what, DEV)
        assert given is not None
        assert dns.message.from_wire(given, ignore_trailing=True).rcode() == rcode
        assert pair.pumped.looked == before + 1
    pair.ask(query(WEB), DEV)
    pair.agree()


def test_what_is_no_query_has_no_reply(pumped: Make) -> None:
    """However often it comes, and whatever is known by then."""
    server = pumped()
    for _ in range(8):
        server.ask(query(WEB))
    reply = bytearray(query(WEB))
    reply[2] |= 0x80
    for wire in (b"", b"\0", b"\0\1", query(WEB)[:11], bytes(reply), b"\xff" * 512) * 5:
        assert server.ask(wire) is None
    assert server.counters.dropped == {"not_a_query": 30}


@pytest.mark.parametrize("host", ["0.0.0.0", "::1", "::"])
def test_known_replies_leave_from_the_address_asked(pumped: Make, host: str) -> None:
    """Over IPv4 and IPv6; `ask` looks where they come from."""
    server = pumped(host=host)
    first = [server.ask(renumbered(query(WEB), n), DEV) for n in range(20)]
    assert all(octets is not None and octets[3] & 15 == 0 for octets in first)
    assert server.looked == 5


def test_known_replies_are_timed_too(pumped: Make) -> None:
    """The buckets of the histogram sum up to the replies, whoever gave them."""
    server = pumped()
    for _ in range(50):
        server.ask(query(WEB))
        server.ask(query(in_dev("nothing")))
        server.ask(query("www.example."))
        server.ask(query(WEB), STRANGER)
    totals = server.counters.totals()
    by_source: Counter[tuple[str, str]] = Counter()
    for (environment, _, _, _, source), count in totals.replies.items():
        by_source[environment, source] += count
    sums = {key: sum(numbers[:-1]) for key, numbers in totals.latencies.items()}
    assert sums == by_source == {("dev", "zone"): 100, ("dev", "policy"): 50, ("-", "policy"): 50}
    assert all(numbers[-1] > 0 for numbers in totals.latencies.values())


# ---------------------------------------------------------------- whose they are


def fill(server: Pumped, source: str) -> list[bytes]:
    """Let a client fill memos and denials with all that it can think of; the queries."""
    names = [in_dev(name) for name, _ in DEV_QUESTIONS]
    names += [f"{label}.both.test." for label in ("web", "dev", "prod", "x.devs", "text", "no")]
    names += ["web.prod.east.corp.test.", "secret.prod.east.corp.test.", "www.example."]
    names += ["web.here.corp.test.", "text.here.corp.test.", "gone.prod.east.corp.test."]
    wires = [wire for name in names for wire in variants(name, "A")[:4]]
    wires += [query(name, "TXT") for name in names]
    for _ in range(4):
        for wire in wires:
            server.ask(wire, source)
    return wires


@pytest.mark.parametrize(
    ("first", "then"),
    [(DEV, PROD), (PROD, DEV), (PROD, PROD_WEST), (DEV, STRANGER), (DEV, TRUSTED)],
)
def test_nothing_of_one_view_is_told_to_another(
    pumped: Make, tmp_path: Path, first: str, then: str
) -> None:
    """The same octets at the same listener: as if the other had never asked."""
    server = pumped()
    wires = fill(server, first)
    twin = Twin(compiled(tmp_path / "zones"))
    for _ in range(3):
        for wire in wires:
            assert server.ask(wire, then) == twin.ask(wire, then)


def test_whoever_is_nobody_is_refused(pumped: Make) -> None:
    """Each time, whatever their neighbours are told."""
    server = pumped()
    for _ in range(5):
        server.ask(query(WEB), DEV)
        octets = server.ask(query(WEB), STRANGER)
        assert octets is not None
        assert octets[3] & 15 == dns.rcode.REFUSED


def test_trusted_forwarders_neither_read_nor_fill(pair: Pair) -> None:
    """What they are told depends on the client that they name; without one it is nothing."""
    plain = query(WEB, edns=1232)
    subnets = [
        query(WEB, edns=1232, options=(dns.edns.ECSOption(network, 24),))
        for network in ("127.64.9.0", "127.80.9.0", "192.0.2.0")
    ]
    for _ in range(4):
        for wire in (plain, query(WEB), *subnets, query(in_dev("nothing"))):
            for source in (TRUSTED, TRUSTED_IN_DEV):
                before = pair.pumped.looked
                pair.ask(wire, source)
                assert pair.pumped.looked == before + 1
            pair.ask(wire, DEV)
    assert pair.pumped.listener.memos.denials.keys() == {DEV}


def test_a_pinned_listener_has_one_view_for_all(pumped: Make) -> None:
    """Who may not ask is refused, also after others have filled its memo."""
    allow = NetworkTable([(ip_network("127.90.0.0/15"), True)])
    server = pumped(door=pinned("prod", "west", allow=allow))
    twin = Twin(server.generation, server.door)
    secret = query("secret.prod.east.corp.test.")
    for _ in range(4):
        assert server.ask(secret, TRUSTED) == twin.ask(secret, TRUSTED)
        for source in (DEV, PROD, STRANGER):
            assert server.ask(secret, source) == twin.ask(secret, source)
    assert server.known(secret, TRUSTED)
    assert server.known(secret, "127.91.7.7"), "the view's memo serves all its clients"
    assert not server.known(secret, PROD)


# ---------------------------------------------------------------- what changes


def moved(plan: str, network: str, other: str) -> dict[str, str]:
    """The files with two networks of clients exchanged."""
    plan = plan.replace(network, "@").replace(other, network).replace("@", other)
    return {**FILES, "environments.yaml": plan}


def test_a_client_that_moves_is_told_what_its_new_environment_sees(pair: Pair) -> None:
    """By the very next query; its old neighbours stay where they are."""
    questions = [query(name) for name in (WEB, "web.both.test.", "web.prod.east.corp.test.")]
    questions += [query("gone.dev.east.corp.test."), query("gone.prod.east.corp.test.")]
    for files in (FILES, moved(PLAN, "127.80.0.0", "127.64.0.0"), FILES):
        if files is not FILES or pair.pumped.looked:
            pair.reload(files)
        for _ in range(6):
            for wire in questions:
                for source in (PROD, DEV, PROD_WEST):
                    pair.ask(wire, source)


def test_a_client_that_becomes_trusted_loses_its_memo(pair: Pair) -> None:
    """And has it again when it is a client as others are."""
    trusting = {**FILES, "environments.yaml": PLAN.replace("127.90.0.0/16", "127.80.0.0/16")}
    for files, is_known in ((FILES, True), (trusting, False), (FILES, True)):
        pair.reload(files)
        for _ in range(8):
            pair.ask(query(WEB), DEV)
        assert pair.pumped.known(query(WEB), DEV) is is_known
        pair.twin.ask(query(WEB), DEV)


def test_a_reload_is_seen_by_the_next_query(pair: Pair) -> None:
    """What it changes and what it leaves, in the environment that it touches."""
    changed = {**FILES, "dev.yaml": DEV_ZONE.replace("TXT: hello", "TXT: changed")}
    wires = [query(in_dev("text"), "TXT"), query(WEB), query("text.both.test.", "TXT")]
    for files in (FILES, changed, FILES):
        pair.reload(files)
        for _ in range(7):
            for wire in wires:
                pair.ask(wire, DEV)
                pair.ask(wire, PROD)


EDITS = (
    ("  text: {TXT: hello}", "  text: {TXT: hello, A: 10.80.3.3}"),  # what was NODATA
    ("  alias: {CNAME: web}", "  alias: {CNAME: a}"),  # below alias2 as well
    ("  a: {A: 10.80.3.1, ", "  a: {A: 10.80.3.2, "),  # what alias leads to now
    ("  mail: {", "  nothing: {A: 10.80.3.4}\n  mail: {"),  # what was NXDOMAIN
    ('  "*.wild": {A: [10.80.2.1, 10.80.2.2]}', '  "*.wild": {A: 10.80.2.3}'),
    ("  old: {DNAME: wild}", "  old: {DNAME: cut}"),
    ("  cut: {NS: [ns.cut]}\n", "  cut: {A: 10.80.9.8}\n"),  # no cut any more
    ("address: 10.80.1.3, name: w3", "address: 10.80.1.4, name: w3"),
    ("  nothing: {A: 10.80.3.4}\n", ""),
)


def test_small_changes_are_seen_by_the_next_query(pair: Pair) -> None:
    """Each reload changes one thing; what it touches is told at once, everywhere."""
    wires = [query(in_dev(name), rdtype) for name, rdtype in DEV_QUESTIONS]
    wires += [query(f"web.{above}") for above in ("here.corp.test.", "dev.corp.test.")]
    zone = DEV_ZONE
    for before, after in EDITS:
        for wire in wires:
            for _ in range(3):
                pair.ask(wire, DEV)
        assert before in zone
        zone = zone.replace(before, after)
        pair.reload({"dev.yaml": zone})
        for wire in wires:
            pair.ask(wire, DEV)
    pair.agree()


def test_a_reload_of_one_environment_leaves_the_memos_of_others(pair: Pair) -> None:
    """Prod sees the very same as before, so its replies are still known."""
    secret = query("secret.prod.east.corp.test.")
    pair.reload({})
    for _ in range(3):
        pair.ask(secret, PROD)
    pair.reload({**FILES, "dev.yaml": DEV_ZONE.replace("TXT: hello", "TXT: changed")})
    assert pair.pumped.known(secret, PROD)


def test_a_reload_that_keeps_its_networks_is_seen(pumped: Make, tmp_path: Path) -> None:
    """A worker is sent networks only when they changed; the table is the same object then."""
    server, text = pumped(), query(in_dev("text"), "TXT")
    new = query(in_dev("new"))
    for _ in range(3):
        server.ask(text)
        server.ask(new)
    before = server.generation
    zone = DEV_ZONE.replace("TXT: hello", "TXT: changed") + "  new: {A: 10.80.3.9}\n"
    (tmp_path / "zones" / "dev.yaml").write_text(zone)
    after = compiled(tmp_path / "zones", before)
    server.published.replace(dataclasses.replace(after, networks=before.networks))
    for wire in (text, new):
        octets = server.ask(wire)
        assert octets == Twin(compiled(tmp_path / "zones", before)).ask(wire)
        assert octets is not None
        assert octets[6:8] == b"\0\1"


def test_a_flip_is_seen_by_the_next_query(pair: Pair) -> None:
    """By every question whose answer rests on the target, and again when it is back."""
    wires = [query(in_dev(name)) for name in ("web", "alias", "w2.web", "text")]
    wires += [query(in_dev("_http._tcp.web"), "SRV"), query(WEB, edns=1232)]
    address = bytes([10, 80, 1, 2])
    for state in (State.UP, State.DOWN, State.UP, State.DOWN):
        pair.flip(address, state)
        for _ in range(7):
            for wire in wires:
                octets = pair.ask(wire, DEV)
                is_down = state is State.DOWN
                assert octets is not None
                if wire == wires[0]:
                    assert (address in octets) is not is_down
    pair.agree()


def test_a_flip_leaves_what_it_does_not_touch(pair: Pair) -> None:
    """Other answers of the view, and all of other views, are given by memos as before."""
    text, both = query(in_dev("text"), "TXT"), query("text.both.test.", "TXT")
    for wire, source in ((text, DEV), (both, DEV), (both, PROD), (query(WEB), DEV)):
        for _ in range(3):
            pair.ask(wire, source)
    for state in (State.DOWN, State.UP):
        pair.flip(bytes([10, 80, 1, 1]), state)
        before = pair.pumped.looked
        for wire, source in ((text, DEV), (both, DEV), (both, PROD)):
            pair.ask(wire, source)
        assert pair.pumped.looked == before
        pair.ask(query(WEB), DEV)
        assert pair.pumped.looked == before + 1


def test_an_answer_that_had_to_make_room_is_prepared_again(pumped: Make) -> None:
    """Its replies are not given out of a memo while nobody notes its hand-outs any more."""
    server, wire = pumped(), query(WEB)
    for _ in range(7):
        server.ask(wire)
    assert server.known(wire)
    view = server.generation.view_of(DEV)
    assert view is not None
    view.answers._prepared.drop(targets(server.generation, bytes([10, 80, 1, 1])))
    assert not server.known(wire)
    assert server.known(query(in_dev("text"), "TXT")) is False


# ---------------------------------------------------------------- what upstreams said


def test_cached_replies_are_hits_until_they_are_forgotten(pumped: Make) -> None:
    """Whoever gives them; and the query after that is asked of upstreams again."""
    server = pumped(FORWARDING)
    view = server.generation.view_of(DEV)
    assert view is not None
    put(view, server.cache, now=monotonic())
    partition = server.cache.partition("dev")
    replies = {server.ask(renumbered(OUTSIDE, 9)) for _ in range(50)}
    assert 1 <= len(replies) <= 3, "nothing but TTLs moves, a second at a time"
    assert partition.hits == {"positive": 50}
    assert server.looked < 50
    assert server.counters.replies == {("dev", "udp", 1, 0, "cache"): 50}
    assert server.forwarder.begun == []
    server.cache.forget()
    server.ask(OUTSIDE)
    assert len(server.forwarder.begun) == 1
    assert partition.hits == {"positive": 50}


def test_cached_replies_are_of_one_environment(pumped: Make) -> None:
    """The same octets, and each has what its own upstreams said."""
    server = pumped(FORWARDING)
    for number, source in enumerate((DEV, PROD), start=1):
        view = server.generation.view_of(source)
        assert view is not None
        put(view, server.cache, now=monotonic(), n=number)
    for _ in range(5):
        for number, source in enumerate((DEV, PROD), start=1):
            assert addresses(server.told("www.example.", source=source)) == [f"192.0.2.{number}"]


def test_what_is_asked_near_its_end_is_refreshed(pumped: Make) -> None:
    """Memos do not hide from the cache what its clients want."""
    server = pumped(FORWARDING)
    view = server.generation.view_of(DEV)
    assert view is not None
    put(view, server.cache, now=monotonic() - 3300.0, ttl=3600)
    for _ in range(5):
        server.ask(OUTSIDE)
    assert [forward.reply is not None for forward in server.forwarder.begun] == [True]
    assert server.cache.partition("dev").prefetches == 1


# ---------------------------------------------------------------- what is handed out


def test_a_known_reply_hands_out_as_any_other(pumped: Make) -> None:
    """`drain --wait` rests on it: who was given an address may hold it from then on."""
    server, wire = pumped(), query(WEB)
    for _ in range(6):
        server.ask(wire)
    target, other = (targets(server.generation, bytes([10, 80, 1, n]))[0] for n in (1, 2))
    view = server.generation.view_of(DEV)
    assert view is not None
    answer = view.answers.find(wire[12:])
    assert answer is not None
    for turn in range(len(answer.handed)):
        answer.handed[turn] = 0.0
    assert server.published.held_until(target) == 0.0
    assert all(server.known(wire) for _ in range(4))
    held = server.published.held_until(target)
    assert held == max(answer.handed) + 20
    # The flip notes what the answer gave before it goes.
    before, after = server.generation, server.generation.health.replace({})
    server.published.replace(before.judged_anew(2, after, [target]))
    assert server.published.held_until(target) == held
    assert server.published.held_until(other) == held


# ---------------------------------------------------------------- denials


def test_a_flood_of_names_is_denied_and_counted(pair: Pair) -> None:
    """As kept inside, by name and client; names that exist are answered between them."""
    for number in range(100):
        for name in (f"n{number}", f"N{number:04}", f"x.n{number}"):
            wire = query(in_dev(name), ident=number, edns=1232 if number % 2 else None)
            octets = pair.ask(wire, DEV)
            assert octets is not None
            assert octets[3] & 15 == dns.rcode.NXDOMAIN
        pair.ask(query(in_dev("text"), "TXT"), DEV)
        pair.ask(query(in_dev("x.wild")), f"127.80.0.{number % 9 + 1}")
    pair.agree()
    assert pair.pumped.cache.partition("dev").kept_inside.total == 300


def packed(generation: Generation) -> Generation:
    """The generation over names of which none is open."""
    spaces: Mapping[str, Namespace] = {
        name: PackedNamespace(pack(space)) for name, space in generation.namespaces.items()
    }
    views: dict[Any, Any] = dict(generation.views)
    for view in views.values():
        view.answers.space = spaces[view.environment]
    return dataclasses.replace(generation, namespaces=spaces)


def test_names_that_are_not_open_exist(pumped: Make, tmp_path: Path) -> None:
    """Those of a packed namespace are opened when they are asked for: none is denied before."""
    server = pumped()
    server.published.replace(dataclasses.replace(packed(server.generation), number=2))
    twin = Twin(compiled(tmp_path / "zones"))
    for label in ("none", "nope", "no", "n", "nothing", "n.n", "nonono"):
        for _ in range(2):
            assert server.ask(query(in_dev(label))) == twin.ask(query(in_dev(label)))
    for name, rdtype in DEV_QUESTIONS:
        assert server.ask(query(in_dev(name), rdtype)) == twin.ask(query(in_dev(name), rdtype))


def test_without_a_cache_nothing_is_kept_inside(pumped: Make) -> None:
    """Then there are no denials; the replies are the same."""
    server = pumped()
    server.listener.memos._cache = None
    octets = {server.ask(query(in_dev("gone"))) for _ in range(5)}
    assert octets == {Twin(server.generation).ask(query(in_dev("gone")))}
    assert server.listener.memos.denials == {}


def test_a_reload_that_makes_a_name_is_seen(pair: Pair) -> None:
    """Though its denial was known; and one that takes it away again."""
    wire = query(in_dev("soon"))
    there = {**FILES, "dev.yaml": DEV_ZONE + "  soon: {A: 10.80.3.8}\n"}
    for files, rcode in ((FILES, 3), (there, 0), (FILES, 3)):
        pair.reload(files)
        for _ in range(4):
            octets = pair.ask(wire, DEV)
            assert octets is not None
            assert octets[3] & 15 == rcode


def test_a_zone_of_both_denies_to_each_with_its_own_soa(pair: Pair) -> None:
    """The same octets, and serials of two environments."""
    changed = {**FILES, "both2.yaml": BOTH.format("prod", "10.64.5.1", "10.64.5.3")}
    for files in (FILES, changed):
        pair.reload(files)
        for number in range(20):
            for source in (DEV, PROD):
                pair.ask(query(f"n{number}.both.test."), source)
    pair.agree()
