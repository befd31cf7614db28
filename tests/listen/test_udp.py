"""UDP on real sockets of this machine."""

import dataclasses
import errno
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import pytest

from resolver import faultlog
from resolver.generation import Generation
from resolver.listen.pumps import Kind
from tests.forward.asking import ZONES, plan, site, to
from tests.forward.fake import Held, address, answers, upstream
from tests.support import (
    DEV,
    FILES,
    PLAN,
    addresses,
    datagrams,
    listening,
    question,
)

Compile = Callable[..., Generation]
WEB = "web.dev.east.corp.test."


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_question_is_answered(generation: Compile, host: str, pump: Kind) -> None:
    """Over IPv4 and IPv6."""
    async with (
        listening(generation(), host, pump=pump) as server,
        datagrams(host, server.port) as client,
    ):
        assert len(addresses(await client.ask(question(WEB)))) == 3
        assert server.counters.replies == {("dev", "udp", 1, 0, "zone"): 1}


@pytest.mark.parametrize(
    ("wildcard", "asked"),
    [("0.0.0.0", ["127.0.0.1", "127.0.0.2", "127.0.0.3"]), ("::", ["::1"])],
)
async def test_a_wildcard_answers_from_the_address_asked(
    generation: Compile, wildcard: str, asked: list[str], pump: Kind
) -> None:
    """A connected client receives from nowhere else."""
    async with listening(generation(), wildcard, pump=pump) as server:
        for host in asked:
            async with datagrams(host, server.port) as client:
                assert len(addresses(await client.ask(question(WEB)))) == 3


async def test_the_source_decides_the_view(generation: Compile, pump: Kind) -> None:
    """127.64.0.1 stands for a client of prod."""
    async with listening(generation(), pump=pump) as server:
        for source, rcode in (("127.0.0.1", 3), ("127.64.0.1", 0), ("127.99.0.1", 5)):
            async with datagrams("127.0.0.1", server.port, source) as client:
                reply = await client.ask(question("web.prod.east.corp.test."))
                assert reply.rcode() == rcode


async def test_nothing_is_said_to_fragments_and_replies(generation: Compile, pump: Kind) -> None:
    """The next question of the same client is answered, and is the first reply that it gets."""
    async with (
        listening(generation(), pump=pump) as server,
        datagrams("127.0.0.1", server.port) as client,
    ):
        reply = bytearray(question(WEB))
        reply[2] |= 0x80
        for wire in (b"", b"x", bytes(reply), b"\xff" * 512, b"\0" * 11):
            client.send(wire)
        assert (await client.ask(question(WEB, ident=77))).id == 77
        assert server.counters.dropped == {"not_a_query": 5}


async def test_a_burst_larger_than_a_batch_is_answered(generation: Compile, pump: Kind) -> None:
    """The loop comes back for the rest."""
    async with (
        listening(generation(), pump=pump) as server,
        datagrams("127.0.0.1", server.port) as client,
    ):
        for ident in range(150):
            client.send(question(WEB, ident=ident))
        seen = {dns.message.from_wire(await client.receive()).id for _ in range(150)}
        assert seen == set(range(150))


async def test_what_waits_in_the_kernel_is_answered_at_the_end(
    generation: Compile, pump: Kind
) -> None:
    """Stopping loses no question that was there before."""
    async with (
        listening(generation(), pump=pump) as server,
        datagrams("127.0.0.1", server.port) as client,
    ):
        for ident in range(200):
            client.send(question(WEB, ident=ident))
        server.udp.stop(server.tcp.loop)
        assert sum(server.counters.replies.values()) == 200
        server.udp.start(server.tcp.loop)


async def test_a_reload_is_seen_by_the_next_question(generation: Compile, pump: Kind) -> None:
    """The generation is taken when a batch begins."""
    first = generation()
    async with listening(first, pump=pump) as server, datagrams("127.0.0.1", server.port) as client:
        assert len(addresses(await client.ask(question(WEB)))) == 3
        changed = {**FILES, "dev.yaml": DEV.replace(", 10.80.1.3]", "]")}
        server.published.replace(generation(changed, previous=first))
        assert len(addresses(await client.ask(question(WEB)))) == 2


async def test_a_large_answer_is_cut_for_udp(generation: Compile, pump: Kind) -> None:
    """TC, so that the client asks over TCP."""
    zone = "zone: dev.east\nrecords: {t: {TXT: '%s'}}\n" % ("x" * 2000)
    made = generation({"environments.yaml": PLAN, "z.yaml": zone})
    async with listening(made, pump=pump) as server, datagrams("127.0.0.1", server.port) as client:
        reply = await client.ask(question("t.dev.east.corp.test.", "TXT", edns=4096))
        assert (reply.answer, bool(reply.flags & dns.flags.TC)) == ([], True)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
async def test_a_bug_is_servfail_and_a_line_in_the_log(
    generation: Compile,
    host: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    pump: Kind,
) -> None:
    """And the next question is answered as ever."""
    monkeypatch.setattr(faultlog, "_last_report", [float("-inf")])
    made = generation()
    async with (
        listening(made, host, pump=pump) as server,
        datagrams("127.0.0.1", server.port) as client,
    ):
        broken = dataclasses.replace(made, views=None)  # type: ignore[arg-type]  # that breaks it
        server.published.generation = broken
        with caplog.at_level(logging.ERROR):
            assert (await client.ask(question(WEB))).rcode() == dns.rcode.SERVFAIL
        assert [record.name for record in caplog.records] == ["sightline.udp"]
        server.published.generation = made
        assert len(addresses(await client.ask(question(WEB)))) == 3


async def test_a_reply_that_cannot_be_sent_is_counted(generation: Compile, pump: Kind) -> None:
    """Port 0 takes no datagrams; the listener goes on."""
    async with (
        listening(generation(), pump=pump) as server,
        datagrams("127.0.0.1", server.port) as client,
    ):
        server.udp._failed(errno.EHOSTUNREACH)
        assert server.counters.dropped["send_failed"] == 1
        assert (await client.ask(question(WEB))).rcode() == 0


@pytest.mark.parametrize(
    ("wildcard", "asked"),
    [("0.0.0.0", ["127.0.0.1", "127.0.0.2", "127.0.0.3"]), ("::", ["::1"])],
)
async def test_a_forwarded_reply_leaves_from_the_address_asked(
    tmp_path: Path, wildcard: str, asked: list[str]
) -> None:
    """Also when others were asked at other addresses while it was on its way."""
    async with upstream() as fake:
        files = {**ZONES, "environments.yaml": plan("none", to(fake))}
        async with site(tmp_path, files, host=wildcard) as where, AsyncExitStack() as stack:
            fake.usual = held = Held(address("192.0.2.1"))
            clients = [
                await stack.enter_async_context(datagrams(host, where.server.port))
                for host in asked
            ]
            for number, client in enumerate(clients):
                client.send(question(f"n{number}.example."))
            await fake.until(len(clients) + 2)  # the root is asked for too
            held.let_go()
            for client in reversed(clients):
                assert addresses(dns.message.from_wire(await client.receive())) == ["192.0.2.1"]


async def test_a_client_that_is_gone_hurts_nobody(tmp_path: Path) -> None:
    """What is refused by the network when its reply comes is counted at most."""
    async with upstream() as fake:
        files = {**ZONES, "environments.yaml": plan("none", to(fake))}
        async with site(tmp_path, files) as where:
            fake.says["www.example."] = held = Held(address("192.0.2.1"))
            async with datagrams("127.0.0.1", where.server.port) as client:
                client.send(question("www.example."))
                await fake.until(1, "www.example.")
            held.let_go()
            assert addresses(await where.ask("www.example.")) == ["192.0.2.1"]
            assert addresses(await where.ask("web.dev.east.corp.test.")) == ["10.80.1.1"]


async def test_a_large_forwarded_answer_is_cut_for_udp(tmp_path: Path) -> None:
    """To what the client takes, from the cache as well."""
    many = answers(*(f"@ 60 A 198.51.100.{n}" for n in range(100)))
    async with upstream() as fake:
        files = {**ZONES, "environments.yaml": plan("none", to(fake))}
        async with site(tmp_path, files) as where:
            fake.says["www.example."] = many
            for edns in (1232, None, 4096):
                async with datagrams("127.0.0.1", where.server.port) as client:
                    client.send(question("www.example.", edns=edns))
                    octets = await client.receive()
                    assert len(octets) <= (512 if edns is None else 1232)
                    assert dns.message.from_wire(octets).flags & dns.flags.TC
