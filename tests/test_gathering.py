"""Questions that pass through both worlds: our zones, and what upstreams say."""

from collections.abc import Callable

import dns.flags
import dns.rcode
import pytest

from resolver.generation import Generation
from tests.support import DEV, DEV_CLIENT, FILES, PLAN, PROD_CLIENT
from tests.upstream_world import World, answers

Compile = Callable[..., Generation]

FORWARDING = PLAN.replace("forward: none", "forward: {upstreams: [192.0.2.1]}")
ROUTED = PLAN.replace(
    "forward: none", "forward: {upstreams: [192.0.2.1], routes: {other.example: [192.0.2.2]}}"
)
ZONE = (
    DEV
    + """\
  out: {CNAME: www.example., ttl: 100}
  flat: {ALIAS: www.example., ttl: 100}
  chained: {CNAME: flat}
  "*.w": {CNAME: www.example.}
  moved: {DNAME: example.}
  sub: {NS: [ns.sub, ns.outside.example.]}
  ns.sub: {A: 10.80.7.1}
  far: {NS: ns.outside.example.}
"""
)
SAID = {
    "www.example. A": "www.example. 300 A 192.0.2.80",
    "www.example. AAAA": "",
    "alias.example. A": "alias.example. 50 CNAME www.example.\nwww.example. 300 A 192.0.2.80",
    "half.example. A": "half.example. 50 CNAME www.example.",
    "in.example. A": "in.example. 50 CNAME web.dev.east.corp.test.",
    "hidden.example. A": "hidden.example. 50 CNAME web.prod.east.corp.test.",
    "across.example. A": (
        "across.example. 50 CNAME x.other.example.\nx.other.example. 300 A 6.6.6.6"
    ),
    "x.other.example. A": "x.other.example. 30 A 192.0.2.90",
    "ping.example. A": "ping.example. 50 CNAME pong.dev.east.corp.test.",
    "a.sub.dev.east.corp.test. A": "a.sub.dev.east.corp.test. 60 A 10.80.7.7",
    "a.far.dev.east.corp.test. A": "a.far.dev.east.corp.test. 60 A 10.80.8.8",
    "ns.outside.example. A": "ns.outside.example. 60 A 192.0.2.53",
    **{f"c{n}.example. A": f"c{n}.example. 50 CNAME c{n + 1}.example." for n in range(40)},
}


@pytest.fixture
def made(generation: Compile) -> Generation:
    """An environment whose zone leads out in every way."""
    zone = ZONE + "  pong: {CNAME: ping.example.}\n"
    return generation({**FILES, "environments.yaml": ROUTED, "dev.yaml": zone})


def test_a_cname_of_ours_is_followed_outside(made: Generation) -> None:
    """With AA, since the first owner is ours; the rest comes by the caller's own routes."""
    world = World(SAID)
    reply = world.ask(made, "out.dev.east.corp.test.")
    assert answers(reply) == [
        "out.dev.east.corp.test. 100 CNAME www.example.",
        "www.example. 300 A 192.0.2.80",
    ]
    assert dns.flags.to_text(reply.flags) == "QR AA RD RA"
    assert world.asked == ["www.example. A upstreams"]
    world.now += 10
    assert answers(world.ask(made, "out.dev.east.corp.test."))[1].split()[1] == "290"
    assert len(world.asked) == 1


def test_without_rd_nobody_is_asked(made: Generation) -> None:
    """The chain is all there is, and the cache is never shown."""
    world = World(SAID)
    world.ask(made, "out.dev.east.corp.test.")
    reply = world.ask(made, "out.dev.east.corp.test.", rd=False)
    assert answers(reply) == ["out.dev.east.corp.test. 100 CNAME www.example."]
    assert world.ask(made, "www.example.", rd=False).rcode() == dns.rcode.REFUSED


def test_an_alias_gives_the_addresses_as_its_own(made: Generation) -> None:
    """With the lowest TTL of all; also behind a CNAME, and through a CNAME of the target's."""
    world = World(SAID)
    owner = "flat.dev.east.corp.test."
    assert answers(world.ask(made, owner)) == [f"{owner} 100 A 192.0.2.80"]
    assert answers(world.ask(made, "chained.dev.east.corp.test.")) == [
        f"chained.dev.east.corp.test. 30 CNAME {owner}",
        f"{owner} 100 A 192.0.2.80",
    ]


def test_an_alias_without_addresses_is_nodata_of_our_zone(made: Generation) -> None:
    """The target exists without AAAA: the SOA is that of the zone with the ALIAS."""
    reply = World(SAID).ask(made, "flat.dev.east.corp.test.", "AAAA")
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])
    assert str(reply.authority[0].name) == "dev.east.corp.test."


def test_an_alias_of_nobody_is_servfail(made: Generation) -> None:
    """As for one whose target is not there within our zones."""
    reply = World({}).ask(made, "flat.dev.east.corp.test.")
    assert reply.rcode() == dns.rcode.SERVFAIL


def test_a_wildcard_and_a_dname_lead_out(made: Generation) -> None:
    """Under the name that was asked for."""
    world = World(SAID)
    assert answers(world.ask(made, "X.w.dev.east.corp.test.")) == [
        "X.w.dev.east.corp.test. 30 CNAME www.example.",
        "www.example. 300 A 192.0.2.80",
    ]
    assert answers(world.ask(made, "www.moved.dev.east.corp.test."))[1:] == [
        "www.moved.dev.east.corp.test. 30 CNAME www.example.",
        "www.example. 300 A 192.0.2.80",
    ]


def test_a_foreign_cname_leads_into_the_callers_view(made: Generation) -> None:
    """No AA; whoever does not see the name gets what one gets that exists nowhere."""
    world = World(SAID)
    reply = world.ask(made, "in.example.")
    assert answers(reply)[0] == "in.example. 50 CNAME web.dev.east.corp.test."
    assert {line.split()[3] for line in answers(reply)[1:]} == {
        "10.80.1.1",
        "10.80.1.2",
        "10.80.1.3",
    }
    assert dns.flags.to_text(reply.flags) == "QR RD RA"
    hidden = world.ask(made, "hidden.example.")
    assert hidden.rcode() == dns.rcode.NXDOMAIN
    assert str(hidden.authority[0].name) == "corp.test."
    seen = world.ask(made, "hidden.example.", source=PROD_CLIENT)
    assert answers(seen)[1].endswith("10.64.1.1")


def test_what_leads_to_another_route_is_asked_there(made: Generation) -> None:
    """Never taken from who had no business saying it (R-4: bailiwick)."""
    world = World(SAID)
    assert answers(world.ask(made, "across.example."))[1] == "x.other.example. 30 A 192.0.2.90"
    assert world.asked == ["across.example. A upstreams", "x.other.example. A route"]


def test_half_a_chain_is_asked_for_to_its_end(made: Generation) -> None:
    """An upstream that gives only the CNAME is asked again."""
    world = World(SAID)
    assert answers(world.ask(made, "half.example."))[1] == "www.example. 300 A 192.0.2.80"


def test_chains_end(made: Generation) -> None:
    """Loops through both worlds, and chains without end: SERVFAIL after a dozen questions."""
    world = World(SAID)
    assert world.ask(made, "ping.example.").rcode() == dns.rcode.SERVFAIL
    assert len(world.asked) == 1
    world.asked.clear()
    assert world.ask(made, "c0.example.").rcode() == dns.rcode.SERVFAIL
    assert len(world.asked) <= 12


def test_below_a_delegation_its_servers_are_asked(made: Generation) -> None:
    """With RD: RA and no AA. Servers without glue are looked up first."""
    world = World(SAID)
    reply = world.ask(made, "a.sub.dev.east.corp.test.")
    assert answers(reply) == ["a.sub.dev.east.corp.test. 60 A 10.80.7.7"]
    assert dns.flags.to_text(reply.flags) == "QR RD RA"
    assert world.asked == ["a.sub.dev.east.corp.test. A delegation"]
    world.asked.clear()
    assert answers(world.ask(made, "a.far.dev.east.corp.test."))[0].endswith("10.80.8.8")
    assert world.asked == [
        "ns.outside.example. A upstreams",
        "a.far.dev.east.corp.test. A delegation",
    ]


def test_a_name_that_does_not_exist_has_nothing_below(made: Generation) -> None:
    """RFC 8020 2: neither other types of it nor names below it are asked for."""
    world = World({})
    assert world.ask(made, "no.example.").rcode() == dns.rcode.NXDOMAIN
    for name, rdtype in (("no.example.", "MX"), ("a.b.no.example.", "A")):
        reply = world.ask(made, name, rdtype)
        assert reply.rcode() == dns.rcode.NXDOMAIN
        assert str(reply.authority[0]).startswith(". 60 IN SOA")
    assert world.asked == ["no.example. A upstreams"]


def test_a_failure_is_remembered_and_never_hides_an_answer(made: Generation) -> None:
    """RFC 9520 3.2: for five seconds; a stale answer is better."""
    said = dict(SAID)
    world = World(said)
    said["down.example. A"] = "SERVFAIL"
    for _ in range(3):
        assert world.ask(made, "down.example.").rcode() == dns.rcode.SERVFAIL
    assert len(world.asked) == 1
    world.now += 6
    world.ask(made, "down.example.")
    assert len(world.asked) == 2
    world.ask(made, "www.example.")
    said["www.example. A"] = "SERVFAIL"
    world.now += 400
    world.ask(made, "www.example.")
    stale = world.ask(made, "www.example.")
    assert answers(stale) == ["www.example. 30 A 192.0.2.80"]
    assert [int(option.code) for option in stale.options] == [3]


def test_nobody_of_another_environment_is_told(made: Generation) -> None:
    """What prod asked, dev asks itself: another exchange, a full TTL."""
    world = World(SAID)
    world.ask(made, "www.example.", source=PROD_CLIENT)
    world.now += 100
    assert answers(world.ask(made, "www.example.", source=DEV_CLIENT)) == [
        "www.example. 300 A 192.0.2.80"
    ]
    assert len(world.asked) == 2


def test_zones_win_over_the_cache_at_once(generation: Compile) -> None:
    """A zone that appears hides what was cached under its names; chains into it are judged anew."""
    files = {**FILES, "environments.yaml": FORWARDING}
    first, world = generation(files), World(SAID)
    world.ask(first, "alias.example.")
    world.ask(first, "www.example.")
    zone = "zone: www.example.\nvisible_to: all\nrecords: {'@': {A: 10.9.9.9}}\n"
    second = generation({**files, "new.yaml": zone}, previous=first)
    assert answers(world.ask(second, "www.example."))[0].endswith("10.9.9.9")
    assert answers(world.ask(second, "alias.example."))[1].endswith("10.9.9.9")


def test_other_routes_make_cached_replies_void(generation: Compile) -> None:
    """Same routes keep the cache over a reload."""
    files = {**FILES, "environments.yaml": FORWARDING}
    first, world = generation(files), World(SAID)
    world.ask(first, "www.example.")
    changed = FILES["dev.yaml"].replace("hello", "goodbye")
    second = generation({**files, "dev.yaml": changed}, previous=first)
    world.ask(second, "www.example.")
    assert len(world.asked) == 1
    third = generation({**files, "environments.yaml": ROUTED}, previous=second)
    world.ask(third, "www.example.")
    assert len(world.asked) == 1
    moved = FORWARDING.replace("192.0.2.1", "192.0.2.3")
    fourth = generation({**files, "environments.yaml": moved}, previous=third)
    world.ask(fourth, "www.example.")
    assert len(world.asked) == 2


def test_a_denial_says_nothing_of_other_routes(made: Generation) -> None:
    """The upstream knows no `example.`; the route below it does (R-17, CVE-2026-44687)."""
    world = World({"x.other.example. A": SAID["x.other.example. A"]})
    assert world.ask(made, "example.").rcode() == dns.rcode.NXDOMAIN
    assert world.ask(made, "y.example.").rcode() == dns.rcode.NXDOMAIN
    assert world.asked == ["example. A upstreams"]
    assert answers(world.ask(made, "x.other.example.")) == ["x.other.example. 30 A 192.0.2.90"]


def test_an_alias_behind_an_alias_is_the_first_ones(made: Generation, generation: Compile) -> None:
    """Through an upstream and back: every record belongs to the name that was asked for."""
    zone = ZONE + "  first: {ALIAS: back.example., ttl: 90}\n"
    world = World({**SAID, "back.example. A": "back.example. 50 CNAME flat.dev.east.corp.test."})
    made = generation({**FILES, "environments.yaml": ROUTED, "dev.yaml": zone})
    owner = "first.dev.east.corp.test."
    assert answers(world.ask(made, owner)) == [f"{owner} 50 A 192.0.2.80"]


def test_aa_is_of_the_first_owner(generation: Compile) -> None:
    """Not of one of ours that an upstream leads to (RFC 1035 4.1.1)."""
    zone = ZONE + "  on: {CNAME: www.example.}\n"
    world = World({**SAID, "to.example. A": "to.example. 50 CNAME on.dev.east.corp.test."})
    made = generation({**FILES, "environments.yaml": ROUTED, "dev.yaml": zone})
    reply = world.ask(made, "to.example.")
    assert len(answers(reply)) == 3
    assert dns.flags.to_text(reply.flags) == "QR RD RA"


def test_a_fresh_denial_is_better_than_what_was_true(made: Generation) -> None:
    """A name that is gone has no addresses of before, whoever fails now."""
    said = {"was.example. AAAA": "was.example. 50 AAAA 2001:db8::1"}
    world = World(said)
    assert answers(world.ask(made, "was.example.", "AAAA"))
    world.now += 60
    assert world.ask(made, "was.example.", "A").rcode() == dns.rcode.NXDOMAIN
    assert world.ask(made, "was.example.", "AAAA").rcode() == dns.rcode.NXDOMAIN
    assert world.asked == ["was.example. AAAA upstreams", "was.example. A upstreams"]


def test_an_upstream_has_no_say_above_its_route(generation: Compile) -> None:
    """A DNAME there would take over a domain in the caches behind us (R-4)."""
    plan = ROUTED.replace("other.example:", "k8s.corp.test:")
    lie = "corp.test. 300 DNAME evil.example.\nx.k8s.corp.test. 300 CNAME x.k8s.evil.example."
    world = World({"x.k8s.corp.test. A": lie, "x.k8s.evil.example. A": ""})
    made = generation({**FILES, "environments.yaml": plan})
    reply = world.ask(made, "x.k8s.corp.test.")
    assert not [line for line in answers(reply) if "DNAME" in line]
