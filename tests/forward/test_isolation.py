"""Nothing that one environment learned reaches a client of another, by whatever way it came."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from resolver import gathering
from resolver.explain import explain
from resolver.forward.exchange import Timing
from resolver.routes import Route
from resolver.zones.upstream import Upstream
from tests.forward.asking import (
    DEV,
    PROD,
    STRANGER,
    ZONES,
    Site,
    codes,
    forwarder,
    lines,
    plan,
    site,
    to,
    until,
)
from tests.forward.fake import (
    Asked,
    Fake,
    Held,
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
SECRET = "203.0.113.77"
OUT, FLAT = "out.dev.east.corp.test.", "flat.dev.east.corp.test."
CUT = "zone: dev.east\nrecords:\n  k8s: {NS: ns.k8s}\n  ns.k8s: {A: 127.0.0.1}\n"
Ask = Callable[..., Awaitable[dns.message.Message]]


def files(prod: Fake, dev: Fake, **more: str) -> dict[str, str]:
    """Each environment with an upstream of its own."""
    zones = {f"{name}.yaml": text for name, text in more.items()}
    return {**ZONES, **zones, "environments.yaml": plan(to(prod), to(dev))}


def expire(where: Site) -> None:
    """Let everything that dev has learned pass its time."""
    for entry in dict(where.cache.partition("dev").items()).values():
        entry.expires -= 1000
        entry.watch()[0] = 0  # replies that are kept were made before
        entry.stored -= 1000


async def both_ways(where: Site, name: str, source: str) -> list[dns.message.Message]:
    """What a client gets over UDP and TCP, with and without RD."""
    return [
        await ask(name, source=source, rd=rd)
        for ask in (where.ask, where.ask_over_tcp)
        for rd in (True, False)
    ]


async def test_what_dev_asked_prod_asks_itself(tmp_path: Path) -> None:
    """With its own answer and the full TTL, as if nobody had asked before."""
    async with upstream() as prod, upstream() as dev:
        dev.usual = address(SECRET, 100)
        prod.usual = address("192.0.2.1", 100)
        async with site(tmp_path, files(prod, dev)) as where:
            await where.ask(WWW, source=DEV)
            expire(where)
            for entry in dict(where.cache.partition("dev").items()).values():
                entry.expires += 1050  # 50 s old now
                entry.watch()[0] = 0  # replies that are kept were made before
                entry.stored += 950
            shown = await where.ask(WWW, rd=False, source=PROD)
            assert (shown.rcode(), shown.answer, codes(shown)) == (dns.rcode.REFUSED, [], [20])
            assert lines(await where.ask(WWW, source=PROD)) == [f"{WWW} 100 A 192.0.2.1"]
            assert lines(await where.ask(WWW, source=DEV)) == [f"{WWW} 50 A {SECRET}"]
            assert (prod.count(WWW), dev.count(WWW)) == (1, 1)


async def test_a_shared_upstream_is_asked_by_each(tmp_path: Path) -> None:
    """The same server and name: two questions, two entries."""
    async with upstream() as fake, site(tmp_path, files(fake, fake)) as where:
        for source in (DEV, PROD, DEV, PROD):
            await where.ask(WWW, source=source)
        assert fake.count(WWW) == 2
        assert len(where.cache.partition("dev")) == len(where.cache.partition("prod")) == 1


@pytest.fixture
def cut_port(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The port of servers of delegations."""
    found: list[int] = []

    def route(cut: bytes, addresses: list[bytes]) -> Route:
        upstreams = tuple(Upstream("udp", ip_address(a), found[0]) for a in addresses)
        return Route(cut, "delegation", upstreams)

    monkeypatch.setattr(gathering, "delegation_route", route)
    return found


PATHS = {
    "cache": WWW,
    "denial": "no.example.",
    "chain": "chain.example.",
    "cname": OUT,
    "alias": FLAT,
    "delegation": "www.k8s.dev.east.corp.test.",
}


@pytest.mark.parametrize("is_stale", [False, True], ids=["fresh", "stale"])
@pytest.mark.parametrize("path", PATHS)
async def test_no_way_leads_into_anothers_cache(
    tmp_path: Path, cut_port: list[int], path: str, is_stale: bool
) -> None:
    """Whether fresh or stale, and even while prod's own upstream is dead; nor for strangers."""
    name = PATHS[path]
    async with upstream() as prod, upstream() as dev:
        cut_port.append(dev.port)
        prod.usual = silent
        dev.usual = address(SECRET)
        dev.says["chain.example."] = alias("end.example.", f"end.example. 60 A {SECRET}")
        dev.says["no.example."] = denial()
        brief = forwarder(timing=Timing(0.05, 0.1))
        async with site(tmp_path, files(prod, dev, cut=CUT), brief) as where:
            known = await where.ask(name, source=DEV)
            assert (addresses(known) == [SECRET]) is (path != "denial")
            if is_stale:
                expire(where)
                dev.usual = fails("SERVFAIL")
            before = len(dev.seen)
            for source in (PROD, STRANGER):
                for reply in await both_ways(where, name, source=source):
                    assert SECRET not in str(reply)
                    assert "end.example." not in str(reply)
                    if path in ("cache", "denial", "chain"):
                        wanted = {dns.rcode.SERVFAIL, dns.rcode.REFUSED}
                        assert reply.rcode() in wanted
                    assert reply.rcode() != dns.rcode.NOERROR
                    assert not {3, 19} & set(codes(reply))
            assert len(dev.seen) == before
            known_to_prod = where.cache.partitions.get("prod")
            assert known_to_prod is None or len(known_to_prod) == 0


async def test_questions_in_flight_are_shared_within_one_environment(tmp_path: Path) -> None:
    """Prod asks while dev's question is on its way: each waits for its own."""
    async with upstream() as prod, upstream() as dev:
        dev.says[WWW] = slow = Held(address(SECRET))
        prod.says[WWW] = other = Held(address("192.0.2.1"))
        async with site(tmp_path, files(prod, dev)) as where:
            asking = [where.begin(WWW, source=s) for s in (DEV, PROD, DEV, PROD)]
            await until(lambda: where.forwarder.places.taken == 4)
            assert dict(where.forwarder.places.held) == {"dev": 2, "prod": 2}
            await dev.until(1, WWW)
            await prod.until(1, WWW)
            slow.let_go()
            assert addresses(await asking[0]) == addresses(await asking[2]) == [SECRET]
            assert where.forwarder.places.held["prod"] == 2
            other.let_go()
            assert addresses(await asking[1]) == addresses(await asking[3]) == ["192.0.2.1"]


async def test_failures_are_not_shared(tmp_path: Path) -> None:
    """Neither that a name failed nor that a server did."""
    async with upstream() as fake, site(tmp_path, files(fake, fake)) as where:
        fake.usual = fails("SERVFAIL")
        assert (await where.ask(WWW, source=DEV)).rcode() == dns.rcode.SERVFAIL
        fake.usual = address("192.0.2.1")
        assert (await where.ask(WWW, source=DEV)).rcode() == dns.rcode.SERVFAIL
        assert addresses(await where.ask(WWW, source=PROD)) == ["192.0.2.1"]


async def test_explanations_know_only_the_callers_partition(tmp_path: Path) -> None:
    """What is explained of prod says nothing of what dev has learned."""
    async with upstream() as prod, upstream() as dev:
        dev.usual = address(SECRET)
        async with site(tmp_path, files(prod, dev)) as where:
            generation = where.server.published.generation
            before = explain(generation, WWW, 1, PROD)
            await where.ask(WWW, source=DEV)
            after = explain(generation, WWW, 1, PROD)
            assert before == after
            assert SECRET not in str(after)
            assert f"127.0.0.1:{dev.port}" not in str(after)


@pytest.mark.usefixtures("patient")
async def test_two_thousand_questions_of_two_views(tmp_path: Path) -> None:
    """R-18: interleaved, with DO, CD and case in every mixture: 0 wrong."""

    def marked(prefix: int) -> Callable[[Asked], None]:
        """The answer tells who asked for what: environment, DO, CD and name."""

        def behave(asked: Asked) -> None:
            dnssec_ok = bool(asked.message.ednsflags & 0x8000)
            cd = bool(asked.message.flags & 0x10)
            number = int(asked.name.partition(".")[0][4:])
            answers(f"@ 600 A 192.{prefix}.{2 * dnssec_ok + cd}.{number}")(asked)

        return behave

    async with upstream() as prod, upstream() as dev:
        prod.says["*.example."], dev.says["*.example."] = marked(1), marked(2)
        async with site(tmp_path, files(prod, dev), forwarder(timing=Timing(9.0, 9.0))) as where:
            mixture = list(
                itertools.product((PROD, DEV), (0, 1), (0, 1), (str.lower, str.upper), range(25))
            )
            rounds = mixture * 5
            random.Random(7).shuffle(rounds)
            assert len(rounds) == 2000

            async def ask(index: int) -> None:
                source, dnssec_ok, cd, spell, number = rounds[index]
                name = spell(f"name{number}.example.")
                reply = await where.ask(
                    name, source=source, dnssec_ok=bool(dnssec_ok), cd=bool(cd), ident=index
                )
                prefix = 1 if source == PROD else 2
                wanted = f"192.{prefix}.{2 * dnssec_ok + cd}.{number}"
                assert (reply.id, addresses(reply)) == (index, [wanted])
                assert reply.question[0].name.to_text() == name

            for begin in range(0, 2000, 100):
                await asyncio.gather(*(ask(index) for index in range(begin, begin + 100)))
            for fake in (prod, dev):
                assert sum(a.name.startswith("name") for a in fake.seen) == 100
