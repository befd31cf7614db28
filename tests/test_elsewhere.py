"""The journey beyond our zones: the cache of the caller's environment, routes, refusals."""

from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import pytest

from resolver.cache import Cache, CachePolicy
from resolver.elsewhere import answer_without_asking
from resolver.explain import explain
from resolver.generation import Generation
from resolver.outcome import Forward, Reason, Reply, Source
from resolver.query import handle
from tests.support import DEV, DEV_CLIENT, FILES, PLAN, PROD_CLIENT, STRANGER, UDP, question
from tests.upstream_world import World, answers

Compile = Callable[..., Generation]

FORWARDING = PLAN.replace("forward: none", "forward: {upstreams: [192.0.2.1]}", 1)
SAID = {"www.example. A": "www.example. 100 A 192.0.2.80"}


@pytest.fixture
def made(generation: Compile) -> Generation:
    """Prod has upstreams; dev forwards nothing."""
    return generation({**FILES, "environments.yaml": FORWARDING})


def test_what_is_not_ours_is_asked_of_upstreams(made: Generation) -> None:
    """As an outcome: the journey itself never waits."""
    outcome = handle(question("www.example."), PROD_CLIENT, UDP, made)
    assert isinstance(outcome, Forward)
    assert (outcome.name, outcome.qtype) == (b"\3www\7example\0", 1)
    assert [str(upstream) for upstream in outcome.route.upstreams] == ["192.0.2.1"]


@pytest.mark.parametrize("source", [DEV_CLIENT, STRANGER])
def test_who_has_no_upstreams_is_refused(made: Generation, source: str) -> None:
    """Whatever is in the cache of another environment."""
    world = World(SAID)
    world.ask(made, "www.example.", source=PROD_CLIENT)
    reply = world.ask(made, "www.example.", source=source)
    assert (reply.rcode(), reply.answer) == (dns.rcode.REFUSED, [])
    assert len(world.asked) == 1


def test_types_that_nobody_has_are_not_asked_for(made: Generation) -> None:
    """OPT, TKEY and TSIG are no data."""
    for number in (0, 41, 249, 250):
        outcome = handle(question("www.example.", f"TYPE{number}"), PROD_CLIENT, UDP, made)
        assert isinstance(outcome, Reply)
        assert (outcome.rcode, outcome.reason) == (dns.rcode.REFUSED, Reason.NOT_FORWARDED)


def test_counters_tell_the_cache_from_upstreams(made: Generation) -> None:
    """First forward, then cache; hits and misses once each."""
    world = World(SAID)
    sources = []
    for _ in range(2):
        outcome = world.decide(made, question("www.example."), PROD_CLIENT, UDP)
        assert isinstance(outcome, Reply)
        sources.append(outcome.source)
    assert sources == [Source.FORWARD, Source.CACHE]
    partition = world.cache.partition("prod")
    assert (partition.misses, dict(partition.hits)) == (1, {"positive": 1})


@pytest.mark.parametrize(("prefetch", "asked"), [(True, 2), (False, 1)])
def test_what_is_asked_again_is_refreshed_before_its_end(
    made: Generation, prefetch: bool, asked: int
) -> None:
    """In the last tenth of its time, once, beside the answer; never for what nobody wants."""
    world = World(SAID, Cache(CachePolicy(prefetch=prefetch)))
    world.ask(made, "www.example.", source=PROD_CLIENT)
    world.now += 50
    world.ask(made, "www.example.", source=PROD_CLIENT)
    world.now += 45
    found = world.ask(made, "www.example.", source=PROD_CLIENT)
    assert answers(found) == ["www.example. 5 A 192.0.2.80"]
    assert len(world.asked) == asked
    assert world.cache.partition("prod").prefetches == asked - 1


def test_what_was_asked_once_is_not_refreshed(made: Generation) -> None:
    """Its first use in the last tenth is no reason yet."""
    world = World(SAID)
    world.ask(made, "www.example.", source=PROD_CLIENT)
    world.now += 95
    world.ask(made, "www.example.", source=PROD_CLIENT)
    assert len(world.asked) == 1


def test_do_and_cd_are_kept_apart(made: Generation) -> None:
    """Each is a question of its own (CVE-2024-0874)."""
    world = World(SAID)
    for do in (False, True, False, True):
        world.ask(made, "www.example.", source=PROD_CLIENT, do=do)
    assert len(world.asked) == 2
    query = dns.message.make_query("www.example.", "A")
    query.flags |= dns.flags.CD
    world.decide(made, query.to_wire(), PROD_CLIENT, UDP)
    assert len(world.asked) == 3


def test_the_spelling_of_a_question_comes_back(made: Generation) -> None:
    """And one entry serves every spelling (RFC 4343)."""
    world = World(SAID)
    world.ask(made, "www.example.", source=PROD_CLIENT)
    reply = world.ask(made, "wWw.eXample.", source=PROD_CLIENT)
    assert [str(reply.question[0].name), str(reply.answer[0].name)] == ["wWw.eXample."] * 2
    assert len(world.asked) == 1


def test_a_name_of_ours_that_is_not_there_is_counted(made: Generation) -> None:
    """It was kept from leaving: by environment, with the names and clients that do it most."""
    world = World(SAID)
    for name in ("nope.corp.test.", "nope.corp.test.", "x.invalid.", "9.9.9.10.in-addr.arpa."):
        assert world.ask(made, name, source=PROD_CLIENT).rcode() == dns.rcode.NXDOMAIN
    kept = world.cache.partition("prod").kept_inside
    assert (kept.total, world.asked) == (4, [])
    assert kept.names.top(1)[0].item == b"\4nope\4corp\4test\0"
    assert kept.clients.top(1)[0].item == PROD_CLIENT
    assert world.cache.partition("dev").kept_inside.total == 0


def test_where_nobody_can_be_asked_the_rest_is_told(made: Generation) -> None:
    """REFUSED, as without upstreams."""
    outcome = handle(question("www.example."), PROD_CLIENT, UDP, made)
    assert isinstance(outcome, Forward)
    assert answer_without_asking(outcome).reason is Reason.NOT_FORWARDED


def test_delegations_without_glue_are_told_of_too(generation: Compile) -> None:
    """However many name servers would have to be looked up first."""
    zone = DEV + "  far: {NS: [ns1.outside.example., ns2.outside.example.]}\n"
    plan = PLAN.replace("forward: none", "forward: {upstreams: [192.0.2.1]}")
    made = generation({**FILES, "environments.yaml": plan, "dev.yaml": zone})
    outcome = handle(question("a.far.dev.east.corp.test."), DEV_CLIENT, UDP, made)
    assert isinstance(outcome, Forward)
    assert answer_without_asking(outcome).rcode == dns.rcode.SERVFAIL
    facts = explain(made, "a.far.dev.east", 1, DEV_CLIENT)
    assert facts["elsewhere"][0]["name"] == "ns1.outside.example."


def test_a_refresh_that_came_to_nothing_is_tried_again(made: Generation) -> None:
    """After some seconds; above all for the root, which is kept whatever its age."""
    world = World({". NS": ". 100 NS a.root.example."})
    wire = question(".", "NS")
    for _ in range(2):
        world.decide(made, wire, PROD_CLIENT, UDP)
    world.now += 95
    for _ in range(2):
        assert isinstance(handle(wire, PROD_CLIENT, UDP, made, world.now, world.cache), Forward)
        reply = handle(wire, PROD_CLIENT, UDP, made, world.now + 1, world.cache)
        assert isinstance(reply, Reply)
        world.now += 6
    world.now += 1e6
    outcome = handle(wire, PROD_CLIENT, UDP, made, world.now, world.cache)
    assert isinstance(outcome, Forward)
    assert outcome.reply is not None
