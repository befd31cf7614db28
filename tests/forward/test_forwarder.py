"""Questions in flight: who shares an exchange, who waits how long, and what is never believed."""

from __future__ import annotations

import asyncio
import socket
import struct
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from resolver.cache import CachePolicy
from resolver.findings import Finding
from resolver.forward import exchange
from resolver.forward import forwarder as module
from resolver.forward import standing as standings
from resolver.forward.exchange import Timing
from resolver.forward.standing import Standing
from resolver.forward.upstreams import Trust
from resolver.forward.waiting import Running, Waiter
from tests.forward.asking import (
    DEV,
    PROD,
    SHORT,
    STRANGER,
    ZONES,
    Site,
    codes,
    flags,
    forwarder,
    lines,
    made,
    plan,
    site,
    to,
    until,
    upstream_of,
)
from tests.forward.fake import (
    Asked,
    Behaviour,
    Fake,
    Held,
    address,
    alias,
    answers,
    denial,
    fails,
    first,
    in_turn,
    silent,
    spelled_small,
    truncated,
    upstream,
    with_counts,
    wrong_case,
    wrong_id,
    wrong_question,
    wrong_type,
)
from tests.healthcheck.kinds.targets import Certificates, refusing
from tests.support import addresses, datagrams, framed, read_framed

WWW = "www.example."
OWN = "web.dev.east.corp.test."
PRIVATE_OPTION = dns.edns.OptionType.make(65001)
LONG = Timing(timeout=9.0, deadline=9.0)


def files(*servers: Fake | str) -> dict[str, str]:
    """Both environments ask the same servers, each for itself."""
    return {**ZONES, "environments.yaml": plan(to(*servers), to(*servers))}


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one is asked soon."""
    monkeypatch.setattr(exchange, "UNKNOWN_PATIENCE", 0.03)
    monkeypatch.setattr(exchange, "LEAST_PATIENCE", 0.02)
    monkeypatch.setattr(standings, "UNKNOWN_PATIENCE", 0.03)
    monkeypatch.setattr(standings, "LEAST_PATIENCE", 0.02)


def expire(where: Site, environment: str = "dev") -> None:
    """Let everything that was learned pass its time."""
    for entry in dict(where.cache.partition(environment).items()).values():
        entry.expires -= 1000
        entry.watch()[0] = 0  # replies that are kept were made before
        entry.stored -= 1000


def standing_of(where: Site, fake: Fake, environment: str = "dev") -> Standing:
    """What is known of a fake."""
    (found,) = (
        s
        for s in where.forwarder.upstreams.standings()
        if s.environment == environment and s.upstream.port == fake.port
    )
    return found


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a reset."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


# ---------------------------------------------------------------- asked and kept


async def test_a_name_is_asked_once_and_kept(tmp_path: Path) -> None:
    """RA without AA; TTLs count down in the cache of who asked."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        reply = await where.ask(WWW)
        assert lines(reply) == [f"{WWW} 60 A 192.0.2.1"]
        assert flags(reply) == {"QR", "RD", "RA"}
        ((key, entry),) = where.cache.partition("dev").items()
        assert key == (b"\3www\7example\0\0\1\0\1", 0, "dev")
        entry.stored -= 20
        entry.expires -= 20
        entry.watch()[0] = 0  # replies that are kept were made before
        assert lines(await where.ask(WWW)) == [f"{WWW} 40 A 192.0.2.1"]
        assert lines(await where.ask_over_tcp(WWW)) == [f"{WWW} 40 A 192.0.2.1"]
        assert fake.count(WWW) == 1
        assert where.server.counters.replies == {
            ("dev", "udp", 1, 0, "forward"): 1,
            ("dev", "udp", 1, 0, "cache"): 1,
            ("dev", "tcp", 1, 0, "cache"): 1,
        }


async def test_denials_are_kept_too(tmp_path: Path) -> None:
    """RFC 2308 5: by the minimum of the SOA; NXDOMAIN for every type, NODATA for one."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says["no.example."] = denial()
        for rdtype in ("A", "AAAA", "TXT"):
            reply = await where.ask("no.example.", rdtype)
            assert (reply.rcode(), reply.answer) == (dns.rcode.NXDOMAIN, [])
            assert reply.authority[0].ttl <= 60
        assert (await where.ask("x.no.example.")).rcode() == dns.rcode.NXDOMAIN  # RFC 8020 2
        assert fake.count("no.example.") == 1
        assert fake.count("x.no.example.") == 0
        for _ in range(2):
            assert (await where.ask(WWW, "AAAA")).answer == []
        assert fake.count(WWW, "AAAA") == 1


async def test_a_failure_is_remembered_for_a_moment(tmp_path: Path) -> None:
    """RFC 9520 3.2; and never in place of a good answer."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.usual = fails("SERVFAIL")
        for _ in range(3):
            reply = await where.ask(WWW)
            assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [22])
        assert fake.count(WWW) == 1
        assert (await where.ask(WWW, "AAAA")).rcode() == dns.rcode.SERVFAIL
        assert fake.count(WWW) == 2


async def test_what_has_no_time_to_live_is_asked_each_time(tmp_path: Path) -> None:
    """TTL 0, and denials without an SOA."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = answers("@ 0 A 192.0.2.1")
        fake.says["no.example."] = answers(rcode="NXDOMAIN")
        for _ in range(2):
            assert lines(await where.ask(WWW)) == [f"{WWW} 0 A 192.0.2.1"]
            assert (await where.ask("no.example.")).rcode() == dns.rcode.NXDOMAIN
        assert (fake.count(WWW), fake.count("no.example.")) == (2, 2)


async def test_the_spelling_is_the_clients(tmp_path: Path) -> None:
    """RFC 4343 4.1; upstreams see another, by chance (0x20), and one entry serves all."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        name = "a-name-with-many-letters.example."
        for spelled in (name, name.upper(), "A-name-With-many-Letters.eXample."):
            reply = await where.ask(spelled)
            assert reply.question[0].name.to_text() == spelled
            assert reply.answer[0].name.to_text() == spelled
        (asked,) = fake.asked(name)
        assert asked.spelled not in (name, name.upper())


# ---------------------------------------------------------------- shared


@pytest.mark.usefixtures("patient")
async def test_a_thousand_clients_ask_one_cold_name(tmp_path: Path) -> None:
    """One question to the upstream, a thousand answers, each with its own ID and spelling."""
    async with upstream() as fake, site(tmp_path, files(fake), forwarder(timing=LONG)) as where:
        fake.says[WWW] = held = Held(address("192.0.2.1"))
        spellings = [WWW, WWW.upper(), "wWw.eXample.", "Www.examplE."]

        async def ask(number: int) -> dns.message.Message:
            spelled = spellings[number % 4]
            ask = where.ask if number % 20 else where.ask_over_tcp
            return await ask(spelled, ident=number, edns=bool(number % 3))

        asking = [asyncio.create_task(ask(number)) for number in range(1000)]
        await until(lambda: where.forwarder.places.taken == 1000)
        held.let_go()
        for number, reply in enumerate(await asyncio.gather(*asking)):
            assert reply.id == number
            assert lines(reply) == [f"{spellings[number % 4]} 60 A 192.0.2.1"]
        assert fake.count(WWW) == 1
        assert where.forwarder.coalesced["dev"] == 999
        assert where.forwarder.places.taken == 0


@pytest.mark.usefixtures("patient")
async def test_a_waiter_that_leaves_ends_nothing(tmp_path: Path) -> None:
    """The others get their answer, whoever asked first."""
    async with upstream() as fake, site(tmp_path, files(fake), forwarder(timing=LONG)) as where:
        fake.says[WWW] = held = Held(address("192.0.2.1"))
        _, writer = await asyncio.open_connection("127.0.0.1", where.server.port)
        writer.write(framed(made(WWW)))
        await fake.until(1, WWW)
        staying = where.begin(WWW)
        await until(lambda: where.forwarder.places.taken == 2)
        reset(writer)
        await until(lambda: not where.server.tcp.connections)
        held.let_go()
        assert addresses(await staying) == ["192.0.2.1"]
        await until(lambda: where.forwarder.places.taken == 0)
        assert fake.count(WWW) == 1


def on_the_way(where: Site) -> list[Running]:
    """What is asked for names; the root is asked for beside that."""
    return [running for running in where.forwarder._running.values() if len(running.key[0]) > 5]


@pytest.mark.usefixtures("patient")
async def test_what_differs_is_not_shared(tmp_path: Path) -> None:
    """Type, DO, CD and environment are part of the question; EDNS and case are not (R-2)."""
    async with upstream() as fake, site(tmp_path, files(fake), forwarder(timing=LONG)) as where:
        fake.usual = held = Held(address("192.0.2.1"))
        asking = [
            asyncio.create_task(
                where.ask(
                    WWW if number % 2 else WWW.upper(),
                    "AAAA" if number & 2 else "A",
                    PROD if number & 4 else DEV,
                    dnssec_ok=bool(number & 8),
                    cd=bool(number & 16),
                    ident=number,
                )
            )
            for number in range(64)
        ]
        await until(lambda: sum(len(r.waiters) for r in on_the_way(where)) == 64)
        await fake.until(16, WWW)
        held.let_go()
        await asyncio.gather(*asking)
        seen = {
            (asked.rdtype, bool(asked.message.ednsflags & 0x8000), asked.message.flags & 0x10)
            for asked in fake.asked(WWW)
        }
        assert len(seen) == 8
        assert fake.count(WWW) == 16


async def test_nothing_of_the_client_leaves_but_its_question(tmp_path: Path) -> None:
    """RFC 6891 7, 7871 11.1: neither subnet nor cookie nor any other option; nor comes back."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:

        def behave(asked: Asked) -> None:
            reply = asked.made("@ 60 A 192.0.2.1")
            reply.use_edns(0, options=[dns.edns.GenericOption(PRIVATE_OPTION, b"secret")])
            asked.reply(reply)

        fake.usual = behave
        options = (
            dns.edns.ECSOption("198.51.100.0", 24),
            dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678"),
            dns.edns.GenericOption(PRIVATE_OPTION, b"private"),
        )
        reply = await where.ask(WWW, options=options)
        assert [option.otype for option in reply.options] == []
        (asked,) = fake.asked(WWW)
        assert asked.options == ()
        assert (asked.message.edns, asked.message.payload) == (0, 1232)
        assert asked.message.flags == dns.flags.RD | dns.flags.AD  # RFC 6840 5.7


# ---------------------------------------------------------------- not believed


@pytest.mark.parametrize(
    ("twist", "over_tcp"),
    [
        (wrong_id, True),
        (wrong_case, True),
        (wrong_question, False),
        (wrong_type, False),
        (lambda wire: wire[:2] + bytes((wire[2] & 0x7F,)) + wire[3:], False),
        (lambda wire: wire[:5], False),
        (lambda wire: b"", False),
        (with_counts(b"\0\1\0\5\0\0\0\0"), False),
        (with_counts(b"\0\0\0\1\0\0\0\0"), False),
        (with_counts(b"\0\2\0\1\0\0\0\0"), False),
        (lambda wire: wire[:-30], False),
        (lambda wire: wire + b"\0" * 5, False),
        (lambda wire: wire[:12] + b"\xc0\x0c" + wire[14:], False),
    ],
)
async def test_what_is_no_reply_is_passed_over(
    tmp_path: Path, twist: Behaviour, over_tcp: bool
) -> None:
    """The right one behind it is taken (R-3); a guessed ID or case sends us to TCP."""
    twisted = first(twist, address("192.0.2.1"), times=2)  # type: ignore[arg-type]  # a twist
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = twisted
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        assert {asked.transport for asked in fake.asked(WWW)} >= ({"tcp"} if over_tcp else set())
        standing = standing_of(where, fake)
        assert (standing.is_suspect, standing.failures) == (False, 0)


async def test_ten_thousand_forged_replies(tmp_path: Path) -> None:
    """None is accepted, from whatever address, with whatever wrong; every name is answered."""
    twists = (wrong_id, wrong_question, wrong_type, wrong_case)
    rounds = 40
    async with upstream() as fake, site(tmp_path, files(fake)) as where:

        def forge(asked: Asked) -> None:
            if asked.transport == "udp":
                forged = asked.made("@ 60 A 203.0.113.66").to_wire()
                for number in range(250):
                    if number % 5 == 4:  # all of it right, but for where it comes from
                        asked.say_from(f"127.66.0.{number}", forged, port=fake.port)
                    else:
                        octets = forged
                        if twists[number % 4] is wrong_id:
                            octets = number.to_bytes(2, "big") + forged[2:]
                            if octets[:2] == forged[:2]:
                                continue
                        else:
                            octets = twists[number % 4](forged)
                        asked.say(octets)
            address("192.0.2.1")(asked)

        fake.says["*.example."] = forge
        for number in range(rounds):
            for _ in range(2):  # asked, and then from the cache
                reply = await where.ask(f"name-{number}.example.")
                assert addresses(reply) == ["192.0.2.1"]
        octets = b"".join(entry.body for _, entry in where.cache.partition("dev").items())
        assert b"\xcb\x00\x71\x42" not in octets
        assert len(where.cache.partition("dev")) == rounds
        assert not standing_of(where, fake).is_suspect


@pytest.mark.usefixtures("patient")
async def test_ids_and_ports_cannot_be_foretold(tmp_path: Path) -> None:
    """R-1: of 200 questions, 95 of 100 IDs and at least 100 ports are distinct."""
    async with upstream() as fake, site(tmp_path, files(fake), forwarder(timing=LONG)) as where:
        asking = [where.begin(f"n{number}.example.") for number in range(200)]
        await asyncio.gather(*asking)
        asked = [a for a in fake.seen if a.name.startswith("n")]
        assert len(asked) == 200
        assert len({a.ident for a in asked}) >= 190
        assert len({a.peer[1] for a in asked}) >= 100


@pytest.mark.parametrize(
    "extra",
    [
        ("victim.example. 60 A 203.0.113.6",),
        ("web.dev.east.corp.test. 60 A 203.0.113.6", "example. 60 NS ns.evil.example."),
    ],
)
async def test_what_was_not_asked_for_is_not_taken(tmp_path: Path, extra: tuple[str, ...]) -> None:
    """RFC 5452 6, R-4: in no section, not even beside the right answer."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = answers(*("@ 60 A 192.0.2.1", *extra), authority=extra, additional=extra)
        reply = await where.ask(WWW)
        assert lines(reply) == [f"{WWW} 60 A 192.0.2.1"]
        assert (reply.authority, reply.additional) == ([], [])
        assert addresses(await where.ask("victim.example.")) == ["192.0.2.1"]
        assert fake.count("victim.example.") == 1
        assert addresses(await where.ask(OWN)) == ["10.80.1.1"]


async def test_an_answer_to_something_else_is_none(tmp_path: Path) -> None:
    """The next upstream is asked instead."""
    async with (
        upstream() as bad,
        upstream() as good,
        site(tmp_path, files(bad, good), forwarder(policy="sequential")) as where,
    ):
        bad.usual = answers("victim.example. 60 A 203.0.113.6")
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        assert (bad.count(WWW), good.count(WWW)) == (1, 1)


async def test_expiry_is_not_put_off(tmp_path: Path) -> None:
    """R-7: by data beside other answers; after it, exactly one new question."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says["other.example."] = answers(
            "@ 5 A 192.0.2.9",
            f"{WWW} 86400 A 203.0.113.6",
            additional=[f"{WWW} 86400 A 203.0.113.6"],
        )
        await where.ask(WWW)
        await where.ask("other.example.")
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        expire(where)
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        assert fake.count(WWW) == 2


# ---------------------------------------------------------------- transports


async def test_what_is_cut_comes_over_tcp(tmp_path: Path) -> None:
    """All of it, on a connection that is kept for the next."""
    many = answers(*(f"@ 60 A 198.51.100.{n}" for n in range(200)))
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.usual = truncated(many)
        for number in range(5):
            name = f"n{number}.example."
            assert len(addresses(await where.ask_over_tcp(name))) == 200
            assert [asked.transport for asked in fake.asked(name)] == ["udp", "tcp"]
            cut = await where.ask(name)
            assert (cut.answer, "TC" in flags(cut)) == ([], True)
        assert fake.connections == 1


@pytest.mark.parametrize("transport", ["tcp", "tls", "https"])
async def test_streams_are_kept_open(
    tmp_path: Path, certificates: Certificates, transport: str
) -> None:
    """One connection carries one question after another; none leaves over UDP."""
    trust = Trust(certificates.ca)
    async with upstream(tls=certificates.server()) as fake:
        only = files(str(upstream_of(fake, transport)))
        only["environments.yaml"] = only["environments.yaml"].replace(
            plan(to(fake), to(fake)), plan("none", to(fake))
        )
        async with site(tmp_path, only, forwarder(trust=trust)) as where:
            await where.ask(WWW)
            await until(lambda: fake.count(".") == 2 and not where.forwarder._running)
            begun = fake.connections
            for number in range(20):
                assert addresses(await where.ask(f"n{number}.example.")) == ["192.0.2.1"]
            assert {asked.transport for asked in fake.seen} == {transport}
            assert fake.connections == begun <= 3
            if transport != "https":
                assert begun == 1


@pytest.mark.parametrize("transport", ["tls", "https"])
async def test_a_certificate_of_another_name_is_refused(
    tmp_path: Path, certificates: Certificates, transport: str
) -> None:
    """SERVFAIL with what RFC 8914 says of networks; the counter says why."""
    trust = Trust(certificates.ca)
    async with upstream(tls=certificates.server()) as fake:
        place = str(upstream_of(fake, transport, "other.test"))
        brief = forwarder(trust=trust, timing=Timing(0.2, 0.3))
        async with site(tmp_path, files(place), brief) as where:
            reply = await where.ask(WWW)
            assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [23])
            assert fake.seen == []
            failed = where.forwarder.upstreams.failures()
            assert failed[place, "certificate"] >= 1


async def test_ad_is_cleared_unless_it_is_trusted(tmp_path: Path) -> None:
    """RFC 6840 5.8: and only for who shows that it knows what it means."""
    async with upstream() as fake:
        fake.usual = answers("@ 60 A 192.0.2.1", flags="RA AD")
        async with site(tmp_path / "a", files(fake)) as where:
            assert "AD" not in flags(await where.ask(WWW, dnssec_ok=True))
        trusting = forwarder(trust=Trust(ad=True))
        async with site(tmp_path / "b", files(fake), trusting) as where:
            for _ in range(2):
                assert "AD" in flags(await where.ask(WWW, dnssec_ok=True))
                assert "AD" not in flags(await where.ask(WWW))


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP", "BADVERS"])
async def test_a_server_without_edns_is_asked_without(tmp_path: Path, rcode: str) -> None:
    """RFC 6891 7: once more."""
    plain = address("192.0.2.1")

    def old(asked: Asked) -> None:
        (fails(rcode) if asked.message.edns >= 0 else plain)(asked)

    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.usual = old
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        assert [asked.message.edns for asked in fake.asked(WWW)] == [0, -1]


async def test_a_server_that_forgets_the_case_is_believed_over_tcp(tmp_path: Path) -> None:
    """And known from then on: the next question is asked over UDP, as it was spelled."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.usual = spelled_small(address("192.0.2.1"))
        long = "a-name-with-many-letters.example."
        assert addresses(await where.ask(long)) == ["192.0.2.1"]
        assert [asked.transport for asked in fake.asked(long)] == ["udp", "tcp"]
        assert standing_of(where, fake).echoes_case is False
        assert addresses(await where.ask(f"x{long}")) == ["192.0.2.1"]
        (asked,) = fake.asked(f"x{long}")
        assert (asked.transport, asked.spelled) == ("udp", f"x{long}")


# ---------------------------------------------------------------- who fails


@pytest.mark.parametrize("behaviour", [fails("SERVFAIL"), fails("REFUSED"), fails("NOTAUTH")])
async def test_another_is_asked_when_one_cannot_answer(
    tmp_path: Path, behaviour: Behaviour
) -> None:
    """At once; and nobody is called slow for it (R-22)."""
    async with (
        upstream() as bad,
        upstream() as good,
        site(tmp_path, files(bad, good), forwarder(policy="sequential")) as where,
    ):
        bad.usual = behaviour
        for number in range(20):
            assert addresses(await where.ask(f"n{number}.example.")) == ["192.0.2.1"]
        assert not standing_of(where, bad).is_suspect


@pytest.mark.parametrize(
    "behaviour", [denial(), answers(authority=["example. 9 SOA a. b. 1 2 3 4 9"])]
)
async def test_a_denial_is_an_answer(tmp_path: Path, behaviour: Behaviour) -> None:
    """Nobody else is asked."""
    async with (
        upstream() as one,
        upstream() as two,
        site(tmp_path, files(one, two), forwarder(policy="sequential")) as where,
    ):
        one.usual = behaviour
        assert (await where.ask(WWW)).answer == []
        assert (one.count(WWW), two.count(WWW)) == (1, 0)


@pytest.mark.usefixtures("restless")
async def test_a_lost_packet_is_sent_again(tmp_path: Path) -> None:
    """With another ID, from another port, and not many times (R-19: 12 in 10 s)."""
    async with upstream() as fake, site(tmp_path, files(fake), forwarder(timing=SHORT)) as where:
        fake.says[WWW] = in_turn(silent, address("192.0.2.1"))
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        one, two = fake.asked(WWW)
        assert one.peer != two.peer
        fake.says["dead.example."] = silent
        reply = await where.ask("dead.example.")
        assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [22])
        assert 2 <= fake.count("dead.example.") <= exchange.MAX_ATTEMPTS


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("policy", ["fastest", "sequential", "round_robin"])
async def test_one_that_hangs_is_soon_asked_last(tmp_path: Path, policy: str) -> None:
    """After 20 questions nobody waits for it, though `fastest` looks how it is (5 %)."""
    async with (
        upstream() as hung,
        upstream() as good,
        site(tmp_path, files(hung, good), forwarder(policy=policy)) as where,
    ):
        hung.usual = silent
        for number in range(20):
            assert addresses(await where.ask(f"n{number}.example.")) == ["192.0.2.1"]
        route = where.server.published.generation.views["dev", "east"].forwarding.find(b"\0")
        assert route is not None
        for number in range(100):
            assert where.forwarder.choose("dev", route)[0].upstream.port == good.port
            assert addresses(await where.ask(f"m{number}.example.")) == ["192.0.2.1"]
            assert good.count(f"m{number}.example.") == 1
        asked_too = [asked for asked in hung.seen if asked.name.startswith("m")]
        assert len(asked_too) <= (25 if policy == "fastest" else 0)


@pytest.mark.usefixtures("restless")
async def test_when_all_are_down_the_answer_is_there_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SERVFAIL without asking anybody, but for one probe at a time; until one answers."""
    monkeypatch.setattr("resolver.forward.probes.PROBE_INTERVAL", 0.02)
    async with (
        upstream() as fake,
        site(tmp_path, files(fake), forwarder(timing=Timing(0.05, 0.1))) as where,
    ):
        fake.usual = silent
        await where.ask(WWW)
        await until(lambda: standing_of(where, fake).is_down)
        for number in range(20):
            reply = await where.ask(f"n{number}.example.")
            assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [22])
            assert fake.count(f"n{number}.example.") == 0
        assert addresses(await where.ask(OWN)) == ["10.80.1.1"]
        fake.usual = address("192.0.2.1")
        await until(lambda: not standing_of(where, fake).is_down)
        assert addresses(await where.ask("again.example.")) == ["192.0.2.1"]


async def test_refused_by_the_network_is_a_network_error(tmp_path: Path) -> None:
    """RFC 8914 4.24."""
    with refusing() as port:
        brief = forwarder(timing=Timing(0.1, 0.2))
        async with site(tmp_path, files(f"127.0.0.1:{port}"), brief) as where:
            reply = await where.ask(WWW)
            assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [23])


# ---------------------------------------------------------------- stale


@pytest.mark.usefixtures("restless")
async def test_what_has_expired_is_given_when_nobody_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 8767 5: after 1.8 s, or when they have failed; then at once, for a while."""
    monkeypatch.setattr(module, "STALE_TIMER", 0.1)
    async with (
        upstream() as fake,
        site(tmp_path, files(fake), forwarder(timing=Timing(5.0, 5.0))) as where,
    ):
        fake.says["no.example."] = denial()
        await where.ask(WWW)
        await where.ask("no.example.")
        expire(where)
        fake.usual = fake.says["no.example."] = silent
        stale, denied = await asyncio.gather(where.ask(WWW), where.ask("no.example."))
        assert (lines(stale), codes(stale)) == ([f"{WWW} 30 A 192.0.2.1"], [3])
        assert (denied.rcode(), codes(denied)) == (dns.rcode.NXDOMAIN, [19])
        # The exchange goes on without them, and its answer is for the next.
        for asked in fake.asked(WWW)[-1:]:
            address("192.0.2.7")(asked)
        await until(
            lambda: (
                not [r for r in where.forwarder._running.values() if WWW[:3].encode() in r.key[0]]
            )
        )
        assert lines(await where.ask(WWW)) == [f"{WWW} 60 A 192.0.2.7"]


def test_what_has_expired_is_given_within_two_seconds() -> None:
    """RFC 8767 5: 1.8 s is the time of a client's patience; the clock is looked at in between."""
    assert module.STALE_TIMER + 2 * module.TICK < 1.9


@pytest.mark.usefixtures("restless")
async def test_who_asks_after_a_stale_answer_does_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the question to the upstream is still on its way, and is not asked once more."""
    monkeypatch.setattr(module, "STALE_TIMER", 0.1)
    async with (
        upstream() as fake,
        site(tmp_path, files(fake), forwarder(timing=LONG)) as where,
    ):
        await where.ask(WWW)
        expire(where)
        fake.usual = silent
        assert codes(await where.ask(WWW)) == [3]
        monkeypatch.setattr(module, "STALE_TIMER", 9.0)
        before = where.forwarder.coalesced["dev"]
        for _ in range(5):
            assert codes(await where.ask(WWW)) == [3]
        assert where.forwarder.coalesced["dev"] == before
        assert where.forwarder._running


@pytest.mark.parametrize("behaviour", [fails("SERVFAIL"), fails("REFUSED")])
async def test_a_failure_gives_what_has_expired_at_once(
    tmp_path: Path, behaviour: Behaviour
) -> None:
    """And nobody is asked again for 30 s; a good answer takes its place."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        await where.ask(WWW)
        expire(where)
        fake.usual = behaviour
        for _ in range(3):
            reply = await where.ask(WWW)
            assert (lines(reply), codes(reply)) == ([f"{WWW} 30 A 192.0.2.1"], [3])
        assert fake.count(WWW) == 2
        replies = where.server.counters.replies
        assert replies["dev", "udp", 1, 0, "stale"] == 3


async def test_stale_can_be_turned_off(tmp_path: Path) -> None:
    """Then SERVFAIL it is."""
    async with (
        upstream() as fake,
        site(tmp_path, files(fake), forwarder(cache=CachePolicy(serve_stale=0.0))) as where,
    ):
        await where.ask(WWW)
        expire(where)
        fake.usual = fails("SERVFAIL")
        assert (await where.ask(WWW)).rcode() == dns.rcode.SERVFAIL


async def test_names_asked_again_are_refreshed_before_they_expire(tmp_path: Path) -> None:
    """In the last tenth of their time; the client does not wait."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        await where.ask(WWW)
        await where.ask(WWW)
        ((_, entry),) = where.cache.partition("dev").items()
        entry.refresh_at = 0.0
        entry.watch()[0] = 0  # replies that are kept were made before
        fake.usual = held = Held(address("192.0.2.8"))
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        await fake.until(2, WWW)
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]
        held.let_go()
        await until(lambda: not where.forwarder._running)
        assert addresses(await where.ask(WWW)) == ["192.0.2.8"]
        assert fake.count(WWW) == 2
        assert where.cache.partition("dev").prefetches == 1


def root(asked: Asked) -> None:
    """What is known of the root."""
    records = {"NS": ". 60 NS a.root.example.", "SOA": ". 60 SOA a. b. 1 2 3 4 60"}
    answers(records[asked.rdtype])(asked)


@pytest.mark.usefixtures("restless")
async def test_the_root_is_known_whatever_its_age(tmp_path: Path) -> None:
    """Others ask for it to see whether we live (`. NS`, `. SOA`)."""
    async with (
        upstream() as fake,
        site(tmp_path, files(fake), forwarder(timing=Timing(0.05, 0.1))) as where,
    ):
        fake.says["."] = root
        await where.ask(WWW)
        partition = where.cache.partition("dev")
        await until(lambda: len(partition.pinned) == 2)
        for entry in partition.pinned.values():
            entry.expires -= 10**6
            entry.watch()[0] = 0  # replies that are kept were made before
        fake.usual = fake.says["."] = silent
        for _ in range(5):
            reply = await where.ask(".", "NS")
            assert (reply.rcode(), [str(r) for r in reply.answer[0]]) == (0, ["a.root.example."])


# ---------------------------------------------------------------- bounds


@pytest.mark.usefixtures("patient")
async def test_an_environment_that_floods_leaves_half_to_others(tmp_path: Path) -> None:
    """Above it, SERVFAIL at once; the others are answered as ever."""
    async with (
        upstream() as fake,
        site(tmp_path, files(fake), forwarder(timing=LONG, in_flight=40)) as where,
    ):
        for source in (DEV, PROD):  # so that the root of each has been fetched
            await where.ask("first.example.", source=source)
        await until(lambda: not where.forwarder.places.taken)
        fake.says["*.dead.example."] = silent
        asking = [where.begin(f"n{n}.dead.example.") for n in range(20)]
        await until(lambda: where.forwarder.places.held["dev"] == 20)
        for number in range(20):
            reply = await where.ask(f"m{number}.dead.example.")
            assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [0])
            other = await where.ask(f"m{number}.example.", source=PROD)
            assert addresses(other) == ["192.0.2.1"]
            assert addresses(await where.ask(OWN)) == ["10.80.1.1"]
        assert where.forwarder.places.refused == {"dev": 20}
        assert fake.count("m1.dead.example.") == 0
        more = [where.begin(f"n{n}.dead.example.", source=PROD) for n in range(20)]
        await until(lambda: where.forwarder.places.taken == 40)
        assert (await where.ask(WWW, source=PROD)).rcode() == dns.rcode.SERVFAIL
        for task in (*asking, *more):
            task.cancel()
        await asyncio.gather(*asking, *more, return_exceptions=True)


@pytest.mark.usefixtures("patient")
async def test_a_stale_answer_is_better_than_too_many(tmp_path: Path) -> None:
    """What is known is given, however much is in flight."""
    async with (
        upstream() as fake,
        site(tmp_path, files(fake), forwarder(timing=LONG, in_flight=2)) as where,
    ):
        await where.ask(WWW)
        expire(where)
        fake.usual = silent
        hanging = where.begin("dead.example.")
        await fake.until(1, "dead.example.")
        reply = await where.ask(WWW)
        assert (lines(reply), codes(reply)) == ([f"{WWW} 30 A 192.0.2.1"], [3])
        hanging.cancel()


@pytest.mark.usefixtures("patient")
async def test_stopping_ends_what_is_in_flight(tmp_path: Path) -> None:
    """What ends within the grace is answered; the rest is SERVFAIL, and new ones too."""
    async with upstream() as fake, site(tmp_path, files(fake), forwarder(timing=LONG)) as where:
        fake.usual = silent
        fake.says["soon.example."] = held = Held(address("192.0.2.1"))
        soon, never = where.begin("soon.example."), where.begin("never.example.")
        await fake.until(1, "soon.example.")
        await fake.until(1, "never.example.")
        stopping = asyncio.create_task(where.forwarder.stop(0.2))
        await until(lambda: where.forwarder._stopping is not None)
        late = await where.ask("late.example.")
        assert (late.rcode(), codes(late)) == (dns.rcode.SERVFAIL, [14])
        held.let_go()
        assert addresses(await soon) == ["192.0.2.1"]
        reply = await never
        assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [14])
        await stopping
        assert where.forwarder.places.taken == 0


# ---------------------------------------------------------------- who asks


async def test_strangers_get_nothing_of_the_cache(tmp_path: Path) -> None:
    """R-16: REFUSED over UDP and TCP, whatever others have asked, and however."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        for number in range(20):
            await where.ask(f"n{number}.example.")
        before = len(fake.seen)
        for number in range(20):
            for ask in (where.ask, where.ask_over_tcp):
                for rd in (True, False):
                    reply = await ask(f"n{number}.example.", source=STRANGER, rd=rd)
                    assert (reply.rcode(), codes(reply)) == (dns.rcode.REFUSED, [18])
                    assert (reply.answer, reply.authority) == ([], [])
                    assert "RA" not in flags(reply)
        assert len(fake.seen) == before


async def test_rd_clear_shows_nothing(tmp_path: Path) -> None:
    """R-26: neither that a name is in the cache nor that it is not."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        await where.ask(WWW)
        replies = [await where.ask(name, rd=False) for name in (WWW, "cold.example.")]
        for reply in replies:
            assert (reply.rcode(), reply.answer, codes(reply)) == (dns.rcode.REFUSED, [], [20])
        assert fake.count("cold.example.") == 0


async def test_own_addresses_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question of one of our own addresses is a loop, or somebody's deputy."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        monkeypatch.setattr(where.forwarder.upstreams, "is_own", {DEV}.__contains__)
        reply = await where.ask(WWW)
        assert (reply.rcode(), codes(reply)) == (dns.rcode.REFUSED, [18])
        assert addresses(await where.ask(OWN)) == ["10.80.1.1"]
        assert addresses(await where.ask(WWW, source=PROD)) == ["192.0.2.1"]
        assert {a.name for a in fake.asked(WWW)} == {WWW}


async def test_we_are_not_asked_by_ourselves(tmp_path: Path) -> None:
    """R-15: an upstream that is this very server is left out: SERVFAIL at once."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        port = where.server.port
        where.reload(files(f"127.0.0.1:{port}"))
        reply = await where.ask(WWW)
        assert (reply.rcode(), codes(reply)) == (dns.rcode.SERVFAIL, [22])
        assert sum(where.server.counters.replies.values()) == 1


async def test_many_questions_on_one_connection(tmp_path: Path) -> None:
    """Replies come as they are known, whatever their order."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        reader, writer = await asyncio.open_connection("127.0.0.1", where.server.port)
        for ident in range(50):
            writer.write(framed(made(f"n{ident % 10}.example.", ident=ident)))
        replies = [await read_framed(reader) for _ in range(50)]
        assert sorted(reply.id for reply in replies) == list(range(50))
        assert all(addresses(reply) == ["192.0.2.1"] for reply in replies)
        writer.close()
        await writer.wait_closed()


async def test_an_alias_is_kept_with_what_it_leads_to(tmp_path: Path) -> None:
    """For the shortest of their times."""
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = alias("edge.example.", "edge.example. 20 A 192.0.2.2")
        for _ in range(2):
            assert lines(await where.ask(WWW)) == [
                f"{WWW} 60 CNAME edge.example.",
                "edge.example. 20 A 192.0.2.2",
            ]
        assert len(fake.asked(WWW)) == 1
        async with datagrams("127.0.0.1", where.server.port) as client:
            reply = await client.ask(made(WWW, "CNAME"))
            assert lines(reply) == [f"{WWW} 60 CNAME edge.example."]


# ---------------------------------------------------------------- bugs


async def test_a_bug_in_judging_is_servfail_and_a_line_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who waits is told; nothing is left behind, and the next question is answered."""

    def broken(*_: object, **__: object) -> None:
        raise ValueError("bug")

    monkeypatch.setattr("resolver.faultlog._last_report", [float("-inf")])
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = address("192.0.2.1")
        with monkeypatch.context() as patch:
            patch.setattr("resolver.forward.forwarder.scrub_simple", broken)
            assert (await where.ask(WWW)).rcode() == dns.rcode.SERVFAIL
        (record,) = [r for r in caplog.records if r.exc_info is not None]
        assert "judging" in record.getMessage()
        assert where.forwarder.places.taken == 0
        assert addresses(await where.ask(WWW)) == ["192.0.2.1"]


async def test_a_bug_in_one_answer_leaves_the_others_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each client's question is answered by itself."""
    resume = module.Forwarder._resume
    monkeypatch.setattr("resolver.faultlog._last_report", [float("-inf")])

    def broken(self: module.Forwarder, waiter: Waiter, finding: Finding) -> None:
        if waiter.forward.asked.wire[:2] == b"\0\1":
            raise ValueError("bug")
        resume(self, waiter, finding)

    monkeypatch.setattr(module.Forwarder, "_resume", broken)
    async with upstream() as fake, site(tmp_path, files(fake)) as where:
        fake.says[WWW] = held = Held(address("192.0.2.1"))
        asking = [asyncio.create_task(where.ask(WWW, ident=ident)) for ident in (1, 2)]
        await until(lambda: where.forwarder.places.taken == 2)
        held.let_go()
        first, second = await asyncio.gather(*asking)
        assert (first.rcode(), addresses(second)) == (dns.rcode.SERVFAIL, ["192.0.2.1"])
        assert where.forwarder.places.taken == 0
