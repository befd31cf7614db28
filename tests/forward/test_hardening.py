"""Replies that mean harm: their work and what is kept of them are bounded."""

from __future__ import annotations

import asyncio
import struct
import time
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from resolver.cache import MEAN_OCTETS, CachePolicy
from resolver.forward.exchange import Timing
from tests.forward.asking import DEV, ZONES, Site, forwarder, made, plan, site, to
from tests.forward.fake import Asked, Behaviour, Fake, address, answers, silent, truncated, upstream
from tests.support import addresses, datagrams

WWW = "www.example."
OWN = "web.dev.east.corp.test."


def files(*servers: Fake) -> dict[str, str]:
    """Only dev asks anybody."""
    return {**ZONES, "environments.yaml": plan("none", to(*servers))}


def replying(sections: bytes, counts: tuple[int, int, int]) -> Behaviour:
    """A reply of octets behind the question, over TCP."""

    def behave(asked: Asked) -> None:
        if asked.transport == "udp":
            return asked.reply(asked.made(flags="RA TC"))
        end = 12 + len(asked.message.question[0].name.to_wire() or b"")
        head = asked.wire[:2] + b"\x81\x80" + struct.pack("!HHHH", 1, *counts)
        return asked.say(head + asked.wire[12 : end + 4] + sections)

    return behave


async def is_quick(where: Site, name: str, rdtype: str = "A") -> dns.message.Message:
    """Ask over TCP; what it costs this process, the fake's part included."""
    begun = time.process_time()
    reply = await where.ask_over_tcp(name, rdtype)
    assert time.process_time() - begun < 1.0
    return reply


def record(owner: bytes, rtype: int, rdata: bytes) -> bytes:
    return owner + struct.pack("!HHIH", rtype, 1, 60, len(rdata)) + rdata


async def test_thousands_of_compressed_names(tmp_path: Path) -> None:
    """R-10: each points at the one before (CVE-2024-8508); jumps are bounded."""
    start = 12 + 13 + 4
    octets, last = b"", 0xC00C
    for number in range(4000):
        where_it_is = start + len(octets)
        octets += record(struct.pack("!H", last), 1, bytes((192, 0, 2, number & 255)))
        last = 0xC000 | where_it_is if where_it_is < 0x4000 else 0xC00C
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = replying(octets, (4000, 0, 0))
        assert (await is_quick(where, WWW)).rcode() == dns.rcode.SERVFAIL
        assert addresses(await where.ask("other.example.")) == ["192.0.2.1"]


async def test_a_set_of_thousands(tmp_path: Path) -> None:
    """CVE-2024-1737: more than 500 records are no answer."""
    octets = b"".join(record(b"\xc0\x0c", 1, struct.pack("!I", n)) for n in range(4000))
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = replying(octets, (4000, 0, 0))
        assert (await is_quick(where, WWW)).rcode() == dns.rcode.SERVFAIL


async def test_fifty_keys_and_fifty_signatures(tmp_path: Path) -> None:
    """R-9, KeyTrap: nothing is validated, only passed on or refused."""
    keys = [f"@ 60 DNSKEY 257 3 13 {'A' * 84}{n:04d}" for n in range(50)]
    signature = "DNSKEY 13 2 60 20300101000000 20200101000000"
    signatures = [f"@ 60 RRSIG {signature} {n} example. {'A' * 86}==" for n in range(50)]
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = truncated(answers(*keys, *signatures))
        reply = await is_quick(where, WWW, "DNSKEY")
        assert sum(len(rrset) for rrset in reply.answer) == 50


@pytest.mark.parametrize("pointer", [b"\xc0\x1d", b"\xff\xff", b"\xc0\x1f"])
async def test_pointers_that_lead_nowhere(tmp_path: Path, pointer: bytes) -> None:
    """To themselves, ahead, or beyond the end (RFC 9267)."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = replying(record(pointer, 1, bytes(4)), (1, 0, 0))
        assert (await is_quick(where, WWW)).rcode() == dns.rcode.SERVFAIL


async def test_a_flood_of_names_stays_within_the_cache(tmp_path: Path) -> None:
    """R-20: by entries and by octets; what is asked often is still there."""
    policy = CachePolicy(entries=200)
    async with upstream() as fake, site(tmp_path, files(fake), forwarder(cache=policy)) as where:
        await where.ask(WWW)
        partition = where.cache.partition("dev")
        for begin in range(0, 2000, 100):
            await asyncio.gather(*(where.ask(f"n{n}.example.") for n in range(begin, begin + 100)))
            partition.turn_over(0.0)  # within a second, what is asked again counts as asked once
            for entry in dict(partition.items()).values():
                entry.watch()[0] = 0
            await where.ask(WWW)
            assert len(partition) <= 200
        assert fake.count(WWW) == 1
        assert partition.evictions >= 1800
        long = answers(*(f"@ 60 TXT {'x' * 250}{n}" for n in range(4)))
        fake.says["*.long.example."] = long
        for begin in range(0, 500, 100):
            await asyncio.gather(
                *(where.ask(f"n{n}.long.example.", "TXT") for n in range(begin, begin + 100))
            )
            assert partition.octets <= 200 * MEAN_OCTETS


async def test_a_failure_for_each_of_many_names_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of failures too."""
    monkeypatch.setattr("resolver.cache.MAX_FAILURES", 50)
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.usual = answers(rcode="SERVFAIL")
        for begin in range(0, 300, 50):
            await asyncio.gather(*(where.ask(f"n{n}.example.") for n in range(begin, begin + 50)))
        assert len(where.cache.partition("dev")._failures) <= 50


async def test_dead_names_hold_up_no_others(tmp_path: Path) -> None:
    """R-19: of the same upstream, nor ours; and each is asked for a few times only."""
    brief = forwarder(timing=Timing(0.7, 1.4))
    async with upstream() as fake, site(tmp_path, files(fake), brief) as where:
        fake.says["*.dead.example."] = silent
        async with datagrams("127.0.0.1", where.server.port, DEV) as client:
            for number in range(200):
                client.send(made(f"n{number}.dead.example.", ident=number))
            await fake.until(1, "n199.dead.example.")
            for number in range(30):
                assert addresses(await where.ask(f"m{number}.example.")) == ["192.0.2.1"]
                assert addresses(await where.ask(OWN)) == ["10.80.1.1"]
            for _ in range(200):
                reply = dns.message.from_wire(await client.receive())
                assert reply.rcode() == dns.rcode.SERVFAIL
        assert max(fake.count(f"n{number}.dead.example.") for number in range(200)) <= 8
        assert not any(s.is_down for s in where.forwarder.upstreams.standings())


async def test_replies_nobody_waits_for_are_not_sent(tmp_path: Path) -> None:
    """R-21, DNSBomb: what comes after the deadline is heard for its latency alone."""
    brief = forwarder(timing=Timing(0.1, 0.2))
    async with upstream() as fake, site(tmp_path, files(fake), brief) as where:
        late: list[Asked] = []
        fake.says[WWW] = late.append
        reply = await where.ask(WWW)
        assert reply.rcode() == dns.rcode.SERVFAIL
        for asked in late:
            address("192.0.2.1")(asked)
        await where.ask("other.example.")
        assert addresses(await where.ask(WWW)) == []  # the failure is remembered
        assert sum(where.server.counters.replies.values()) == 3
