"""Questions that pass from our zones to upstreams and back, by real servers on loopback."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from resolver import gathering, names
from resolver.routes import Guard, Route
from resolver.zones.upstream import Upstream
from tests.forward.asking import (
    DEV,
    PROD,
    SHORT,
    ZONES,
    Site,
    codes,
    flags,
    forwarder,
    lines,
    plan,
    site,
    to,
)
from tests.forward.fake import (
    Asked,
    Fake,
    address,
    alias,
    answers,
    denial,
    fails,
    silent,
    upstream,
)
from tests.support import addresses

WWW = "www.example."
OUT, FLAT, LOOP = (f"{label}.dev.east.corp.test." for label in ("out", "flat", "loop"))


def files(dev: str, prod: str = "none", **more: str) -> dict[str, str]:
    """What each environment forwards, and what zones there are beside the usual ones."""
    zones = {f"{name}.yaml": text for name, text in more.items()}
    return {**ZONES, **zones, "environments.yaml": plan(prod, dev)}


# ---------------------------------------------------------------- from our zones


async def test_a_cname_of_ours_leads_out(tmp_path: Path) -> None:
    """AA, since the first owner is ours (RFC 1035 4.1.1); the rest is the upstream's."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        for _ in range(2):
            reply = await where.ask(OUT)
            assert lines(reply) == [f"{OUT} 30 CNAME {WWW}", f"{WWW} 60 A 192.0.2.1"]
            assert flags(reply) == {"QR", "AA", "RD", "RA"}
        assert fake.count(WWW) == 1
        fake.says["gone.example."] = denial()
        where.reload({"more.yaml": "zone: dev.east\nrecords: {gone: {CNAME: gone.example.}}\n"})
        reply = await where.ask("gone.dev.east.corp.test.")
        assert reply.rcode() == dns.rcode.NXDOMAIN  # RFC 6604 3: of the last name
        assert lines(reply) == ["gone.dev.east.corp.test. 30 CNAME gone.example."]
        assert str(reply.authority[0].name) == "example."


async def test_an_alias_of_ours_gives_the_addresses_as_its_own(tmp_path: Path) -> None:
    """With the shortest TTL; other types are not asked for, and failure is ours to tell."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        fake.says[WWW] = alias("edge.example.", "edge.example. 40 A 192.0.2.2")
        assert lines(await where.ask(FLAT)) == [f"{FLAT} 40 A 192.0.2.2"]
        fake.says[WWW] = answers(authority=["example. 60 SOA a. b. 1 2 3 4 60"])
        reply = await where.ask(FLAT, "AAAA")
        assert (reply.rcode(), reply.answer) == (0, [])
        assert str(reply.authority[0].name) == "dev.east.corp.test."
        assert (await where.ask(FLAT, "TXT")).answer == []
        assert fake.count(WWW, "TXT") == 0


@pytest.mark.parametrize("behaviour", [fails("SERVFAIL"), denial()])
async def test_an_alias_without_a_target_is_servfail(
    tmp_path: Path, behaviour: Callable[[Asked], None]
) -> None:
    """The name exists, whatever is said of its target."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        fake.says[WWW] = behaviour
        assert (await where.ask(FLAT)).rcode() == dns.rcode.SERVFAIL


async def test_without_recursion_our_part_is_all(tmp_path: Path) -> None:
    """The cache is not shown behind it."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        await where.ask(OUT)
        assert lines(await where.ask(OUT, rd=False)) == [f"{OUT} 30 CNAME {WWW}"]
        reply = await where.ask(FLAT, rd=False)
        assert addresses(reply) == []
        assert fake.count(WWW) == 1


# ---------------------------------------------------------------- back into our zones


async def test_a_cname_of_others_leads_into_the_callers_view(tmp_path: Path) -> None:
    """Each environment gets what it sees; nothing of ours is taken from an upstream."""
    shared = "zone: infra\nvisible_to: all\nrecords: {api: {A: 10.64.3.1}}\n"
    shared += "overrides: {dev: {api: {A: 10.80.3.1}}}\n"
    async with upstream() as fake:
        both = files(to(fake), to(fake), infra=shared)
        async with site(tmp_path, both) as where:
            api, web = "api.infra.corp.test.", "web.prod.east.corp.test."
            fake.says[WWW] = alias(api, f"{api} 60 A 203.0.113.6")
            fake.says["web.example."] = alias(web, f"{web} 60 A 203.0.113.6")
            for _ in range(2):
                assert addresses(await where.ask(WWW, source=DEV)) == ["10.80.3.1"]
                assert addresses(await where.ask(WWW, source=PROD)) == ["10.64.3.1"]
                assert addresses(await where.ask("web.example.", source=PROD)) == ["10.64.1.1"]
                reply = await where.ask("web.example.", source=DEV)
                assert (reply.rcode(), addresses(reply)) == (dns.rcode.NXDOMAIN, [])
            assert fake.count(api) == fake.count(web) == 0


async def test_ours_is_looked_up_when_it_is_given(tmp_path: Path) -> None:
    """Only the upstream's part is kept: a change of the zone is seen at once."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        fake.says[WWW] = alias("web.dev.east.corp.test.", ttl=3000)
        assert addresses(await where.ask(WWW)) == ["10.80.1.1"]
        where.reload({"dev.yaml": ZONES["dev.yaml"].replace("10.80.1.1", "10.80.1.7")})
        assert addresses(await where.ask(WWW)) == ["10.80.1.7"]
        assert fake.count(WWW) == 1


# ---------------------------------------------------------------- between routes


async def test_each_name_is_asked_by_its_own_route(tmp_path: Path) -> None:
    """R-4, MaginotDNS: what U1 says of a name of U2 is never taken."""
    async with upstream() as one, upstream() as two:
        routes = to(one, up2_example=two)
        async with site(tmp_path, files(routes)) as where:
            victim = "victim.up2.example."
            one.says[WWW] = alias(
                victim, f"{victim} 60 A 203.0.113.6", f"{victim} 60 AAAA 2001:db8::6"
            )
            two.says[victim] = address("192.0.2.22")
            reply = await where.ask(WWW)
            assert lines(reply) == [f"{WWW} 60 CNAME {victim}", f"{victim} 60 A 192.0.2.22"]
            assert addresses(await where.ask(victim)) == ["192.0.2.22"]
            assert (one.count(victim), two.count(victim), two.count(WWW)) == (0, 1, 0)


async def test_the_longest_suffix_decides(tmp_path: Path) -> None:
    """By whole labels, in whatever order they are written (R-17)."""
    async with upstream() as one, upstream() as two, upstream() as three:
        for server, text in ((one, "192.0.2.1"), (two, "192.0.2.2"), (three, "192.0.2.3")):
            server.usual = address(text)
        expected = {
            "a.b.example.": "192.0.2.3",
            "b.example.": "192.0.2.3",
            "c.example.": "192.0.2.2",
            "xb.example.": "192.0.2.2",
            "b.example.org.": "192.0.2.1",
            "example.": "192.0.2.2",
            "b.example.b.example.": "192.0.2.3",
        }
        orders = (
            {"example": two, "b_example": three},
            {"b_example": three, "example": two},
        )
        for number, routes in enumerate(orders):
            async with site(tmp_path / str(number), files(to(one, **routes))) as where:
                for name, text in expected.items():
                    assert addresses(await where.ask(name)) == [text], name


async def test_a_route_below_our_domain(tmp_path: Path) -> None:
    """The longer of zone and route decides; names that a zone has are ours in any case."""
    ours = "zone: dev.east\nrecords: {own.k8s: {A: 10.80.5.5}}\n"
    async with upstream() as fake:
        routes = to("192.0.2.99", k8s_dev_east_corp_test=fake)
        async with site(tmp_path, files(routes, k8s=ours)) as where:
            assert addresses(await where.ask("x.k8s.dev.east.corp.test.")) == ["192.0.2.1"]
            assert addresses(await where.ask("own.k8s.dev.east.corp.test.")) == ["10.80.5.5"]
            reply = await where.ask("no.dev.east.corp.test.")
            assert reply.rcode() == dns.rcode.NXDOMAIN
            assert {asked.name for asked in fake.seen} == {"x.k8s.dev.east.corp.test."}


# ---------------------------------------------------------------- without end


async def is_bounded(where: Site, name: str, *servers: Fake) -> None:
    """Ask for what has no end, and count."""
    reply = await where.ask(name)
    assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [0])
    asked = [a for fake in servers for a in fake.seen if a.name != "."]
    assert len(asked) <= 20
    assert len({a.name for a in asked}) <= 12


async def test_ping_pong_between_our_zone_and_an_upstream(tmp_path: Path) -> None:
    """R-8: ours leads out, the upstream leads back."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        fake.says["back.example."] = alias(LOOP)
        await is_bounded(where, LOOP, fake)
        assert fake.count("back.example.") == 1


async def test_ping_pong_between_two_upstreams(tmp_path: Path) -> None:
    """R-8: each CNAME leads to a new name of the other's suffix, for ever."""

    def onward(suffix: str) -> Callable[[Asked], None]:
        def behave(asked: Asked) -> None:
            number = int(asked.name.partition(".")[0][1:])
            alias(f"n{number + 1}.{suffix}")(asked)

        return behave

    async with upstream() as one, upstream() as two:
        one.says["*.a.example."], two.says["*.b.example."] = (
            onward("b.example."),
            onward("a.example."),
        )
        routes = to(one, a_example=one, b_example=two)
        async with site(tmp_path, files(routes)) as where:
            await is_bounded(where, "n1.a.example.", one, two)
            assert 5 <= one.count() + two.count() <= 20


async def test_a_loop_within_one_reply(tmp_path: Path) -> None:
    """Nobody is asked again and again for it."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        fake.says["a.example."] = alias("b.example.", "b.example. 60 CNAME a.example.")
        reply = await where.ask("a.example.")
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert fake.count("a.example.") + fake.count("b.example.") <= 8


# ---------------------------------------------------------------- delegations

CUT = """\
zone: dev.east
records:
  k8s: {NS: ns.k8s}
  ns.k8s: {A: 127.0.0.1}
  far: {NS: ns.example.}
"""
DEEP = "www.k8s.dev.east.corp.test."


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Ports of the servers of delegations by address, in place of 53."""
    found: dict[str, int] = {}

    def route(cut: bytes, addresses: list[bytes]) -> Route:
        servers = [str(ip_address(packed)) for packed in addresses]
        upstreams = tuple(Upstream("udp", ip_address(s), found.get(s, 53)) for s in servers)
        return Route(cut, "delegation", upstreams)

    monkeypatch.setattr(gathering, "delegation_route", route)
    return found


async def test_below_a_cut_its_servers_are_asked(tmp_path: Path, ports: dict[str, int]) -> None:
    """RA without AA, and kept; without RD a referral with glue."""
    async with upstream() as fake, upstream() as usual:
        ports["127.0.0.1"] = fake.port
        async with site(tmp_path, files(to(usual), cut=CUT)) as where:
            for _ in range(2):
                reply = await where.ask(DEEP)
                assert lines(reply) == [f"{DEEP} 60 A 192.0.2.1"]
                assert flags(reply) == {"QR", "RD", "RA"}
            assert (fake.count(DEEP), usual.count(DEEP)) == (1, 0)
            referral = await where.ask(DEEP, rd=False)
            assert (referral.answer, flags(referral)) == ([], {"QR", "RA"})
            assert [str(rrset.name) for rrset in referral.authority] == ["k8s.dev.east.corp.test."]
            assert [str(rrset[0]) for rrset in referral.additional] == ["127.0.0.1"]
            assert fake.count(DEEP) == 1
            reply = await where.ask("k8s.dev.east.corp.test.", "DS")
            assert fake.count("k8s.dev.east.corp.test.", "DS") == 0
            assert "AA" in flags(reply)


async def test_servers_of_a_cut_without_glue_are_looked_up(
    tmp_path: Path, ports: dict[str, int]
) -> None:
    """By the routes of whoever asks."""
    async with upstream() as fake, upstream() as usual:
        ports["127.0.0.1"] = fake.port
        usual.says["ns.example."] = address("127.0.0.1")
        async with site(tmp_path, files(to(usual), cut=CUT)) as where:
            assert addresses(await where.ask("x.far.dev.east.corp.test.")) == ["192.0.2.1"]
            assert usual.count("ns.example.") == 1
            assert usual.count("x.far.dev.east.corp.test.") == 0


async def test_what_is_below_a_cut_is_of_its_servers_only(
    tmp_path: Path, ports: dict[str, int]
) -> None:
    """A CNAME out of it is asked elsewhere; one of an upstream into it is asked there."""
    async with upstream() as fake, upstream() as usual:
        ports["127.0.0.1"] = fake.port
        async with site(tmp_path, files(to(usual), cut=CUT)) as where:
            fake.says[DEEP] = alias(WWW, f"{WWW} 60 A 203.0.113.6")
            assert addresses(await where.ask(DEEP)) == ["192.0.2.1"]
            assert (fake.count(WWW), usual.count(WWW)) == (0, 1)
            other = "other.k8s.dev.east.corp.test."
            fake.says[other] = address("192.0.2.44")
            usual.says["in.example."] = alias(other, f"{other} 60 A 203.0.113.6")
            assert addresses(await where.ask("in.example.")) == ["192.0.2.44"]


async def test_a_cut_of_one_environment_is_nothing_to_another(
    tmp_path: Path, ports: dict[str, int]
) -> None:
    """It neither asks its servers nor sees what they said."""
    async with upstream() as fake, upstream() as usual:
        ports["127.0.0.1"] = fake.port
        async with site(tmp_path, files(to(usual), to(usual), cut=CUT)) as where:
            assert addresses(await where.ask(DEEP, source=DEV)) == ["192.0.2.1"]
            reply = await where.ask(DEEP, source=PROD)
            assert (reply.rcode(), reply.answer) == (dns.rcode.NXDOMAIN, [])
            assert (fake.count(DEEP), usual.count(DEEP)) == (1, 0)


# ---------------------------------------------------------------- what never leaves

SPECIAL = (
    "x.invalid.",
    "hidden.onion.",
    "printer.local.",
    "router.home.arpa.",
    "x.test.",
    "1.0.0.10.in-addr.arpa.",
    "4.4.31.172.in-addr.arpa.",
    "1.1.168.192.in-addr.arpa.",
    "_dns.resolver.arpa.",
    "nothing.corp.test.",
    "nothing.dev.east.corp.test.",
)


async def test_special_names_never_leave(tmp_path: Path) -> None:
    """R-25: RFC 6303, 6761, 6762, 7686, 8375, 9462. They are counted."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        for name in SPECIAL:
            for rdtype in ("A", "PTR", "SVCB"):
                reply = await where.ask(name, rdtype)
                assert (reply.rcode(), reply.answer) in (
                    (dns.rcode.NXDOMAIN, []),
                    (dns.rcode.NOERROR, []),
                ), name
        for name in ("localhost.", "x.localhost."):
            assert addresses(await where.ask(name)) == ["127.0.0.1"]
            assert addresses(await where.ask(name, "AAAA")) == ["::1"]
        assert fake.seen == []
        kept = where.cache.partition("dev").kept_inside
        noted = {names.to_text(item) for item, _, _ in kept.names.top(100)}
        assert noted >= set(SPECIAL) - {"_dns.resolver.arpa."}
        assert {item for item, _, _ in kept.clients.top()} == {DEV}
        assert kept.total >= 3 * (len(SPECIAL) - 1)
        assert where.cache.partition("prod").kept_inside.total == 0


async def test_a_route_lets_a_special_name_leave(tmp_path: Path) -> None:
    """Whoever writes it down means it; the rest of the special name stays."""
    async with upstream() as fake:
        routes = to("192.0.2.99", **{"lab_test": fake, "local": fake, "0_10_in-addr_arpa": fake})
        async with site(tmp_path, files(routes)) as where:
            for name in ("x.lab.test.", "printer.local.", "7.7.0.10.in-addr.arpa."):
                await where.ask(name)
                assert fake.count(name) == 1, name
            assert (await where.ask("x.other.test.")).rcode() == dns.rcode.NXDOMAIN


# ---------------------------------------------------------------- the rebinding guard


async def test_private_addresses_of_public_names_are_withheld(tmp_path: Path) -> None:
    """R-24: also behind CNAMEs and in IPv6; NODATA with EDE 15 when nothing is left."""
    guard = Guard("deny", (b"\4safe\7example\0",))
    async with upstream() as fake, site(tmp_path, files(to(fake)), guard=guard) as where:
        private = ("10.0.0.1", "127.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.1.1", "0.0.0.0")
        for number, text in enumerate(private):
            fake.says[f"p{number}.example."] = answers(f"@ 60 A {text}")
            reply = await where.ask(f"p{number}.example.")
            assert (reply.rcode(), reply.answer, codes(reply)) == (0, [], [15])
        fake.says["six.example."] = answers("@ 60 AAAA ::ffff:10.0.0.1", "@ 60 AAAA fd00::1")
        assert (await where.ask("six.example.", "AAAA")).answer == []
        fake.says["mixed.example."] = answers("@ 60 A 10.0.0.1", "@ 60 A 192.0.2.3")
        assert addresses(await where.ask("mixed.example.")) == ["192.0.2.3"]
        fake.says["chain.example."] = alias("end.example.", "end.example. 60 A 10.0.0.1")
        assert addresses(await where.ask("chain.example.")) == []
        fake.says["x.safe.example."] = answers("@ 60 A 10.0.0.1")
        assert addresses(await where.ask("x.safe.example.")) == ["10.0.0.1"]
        assert addresses(await where.ask("web.dev.east.corp.test.")) == ["10.80.1.1"]
        fake.says["in.example."] = alias("web.dev.east.corp.test.")
        assert addresses(await where.ask("in.example.")) == ["10.80.1.1"]


async def test_a_private_upstream_may_give_private_addresses(tmp_path: Path) -> None:
    """By default: 127.0.0.1 is one."""
    async with upstream() as fake, site(tmp_path, files(to(fake))) as where:
        fake.usual = address("10.9.9.9")
        assert addresses(await where.ask(WWW)) == ["10.9.9.9"]


async def test_a_dead_upstream_hurts_no_name_of_ours(tmp_path: Path) -> None:
    """Nor what only begins at ours."""
    async with (
        upstream() as fake,
        site(tmp_path, files(to(fake)), forwarder(timing=SHORT)) as where,
    ):
        fake.usual = silent
        asking = where.begin(OUT)
        reply: dns.message.Message = await where.ask("web.dev.east.corp.test.")
        assert addresses(reply) == ["10.80.1.1"]
        assert (await asking).rcode() == dns.rcode.SERVFAIL
