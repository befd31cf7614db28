"""TCP and TLS to upstreams: one connection for many questions, made again when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import dns.message
import pytest

from resolver.forward import stream
from resolver.forward.stream import Stream
from resolver.zones.upstream import Upstream, read_upstream
from tests.forward.asking import until, upstream_of
from tests.forward.fake import Asked, Fake, Held, address, silent, upstream
from tests.forward.taker import Heard, attempt
from tests.healthcheck.kinds.targets import Certificates, Talk, hang, refusing, saying, serving
from tests.support import PATIENCE, framed

KINDS = ("tcp", "tls")


def trusting(certificates: Certificates) -> ssl.SSLContext:
    """What the forwarder trusts: our CA, with the name verified."""
    return ssl.create_default_context(cafile=certificates.ca)


@contextlib.asynccontextmanager
async def connected(
    where: Upstream, heard: Heard, certificates: Certificates | None = None
) -> AsyncIterator[Stream]:
    """A way to an upstream, closed in the end."""
    context = trusting(certificates) if certificates is not None else None
    way = Stream(where, heard, context if where.transport == "tls" else None)
    try:
        yield way
    finally:
        way.close()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.mark.parametrize("transport", KINDS)
async def test_one_connection_carries_all(certificates: Certificates, transport: str) -> None:
    """Also while it is being made, and when it was idle (RFC 7766 6.2.1)."""
    heard = Heard()
    async with (
        upstream(tls=certificates.server()) as fake,
        connected(upstream_of(fake, transport), heard, certificates) as way,
    ):
        for ident in range(5):
            way.send(attempt(way.upstream, ident=ident))
        await heard.until(5)
        for ident in range(5, 10):
            way.send(attempt(way.upstream, ident=ident))
            await heard.until(ident + 1)
        assert [asked.transport for asked in fake.seen] == [transport] * 10
        assert fake.connections == 1
        assert heard.failed == []


@pytest.mark.parametrize("transport", KINDS)
async def test_replies_come_in_any_order(certificates: Certificates, transport: str) -> None:
    """RFC 7766 7: known by their IDs."""
    heard = Heard()
    async with (
        upstream(tls=certificates.server()) as fake,
        connected(upstream_of(fake, transport), heard, certificates) as way,
    ):
        fake.usual = silent
        made = [attempt(way.upstream, f"n{n}.example.", n) for n in range(20)]
        for one in made:
            way.send(one)
        for asked in reversed(await fake.until(20)):
            address("192.0.2.1")(asked)
        await heard.until(20)
        assert [whose for whose, _ in heard.delivered] == made[::-1]
        for whose, wire in heard.delivered:
            assert dns.message.from_wire(wire).question[0].name.to_wire() == whose.question[:-4]


async def test_an_id_nobody_waits_for_is_passed_over() -> None:
    """And one octet at a time is as good as all at once."""
    heard = Heard()

    async def talk(_: object, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = (await reader.readexactly(2 + len(made.wire)))[2:]
        reply = dns.message.make_response(dns.message.from_wire(wire)).to_wire()
        for octet in framed(b"\xff\xff" + reply[2:]) + framed(b"") + framed(b"x") + framed(reply):
            writer.write(bytes((octet,)))
            await writer.drain()
        await reader.read()

    async with serving(talk) as server:
        where = read_upstream(f"tcp://127.0.0.1:{server.port}")
        made = attempt(where)
        async with connected(where, heard) as way:
            way.send(made)
            await heard.until(1)
            assert [whose for whose, _ in heard.delivered] == [made]


@pytest.mark.parametrize("transport", KINDS)
async def test_a_connection_closed_while_idle_is_made_again(
    certificates: Certificates, transport: str
) -> None:
    """Nobody notices (RFC 7766 6.2.4)."""
    heard = Heard()
    async with (
        upstream(tls=certificates.server()) as fake,
        connected(upstream_of(fake, transport), heard, certificates) as way,
    ):
        for ident in range(1, 4):
            way.send(attempt(way.upstream, ident=ident))
            await heard.until(ident)
            fake.left.clear()
            fake.hang_up()
            async with asyncio.timeout(PATIENCE):
                await fake.left.wait()
            await until(lambda: not way._connections)
        assert fake.connections == 3
        assert heard.failed == []


async def test_closed_just_as_it_is_used_again_is_asked_once_more() -> None:
    """On a new connection, since the question was perhaps never read; but once only."""
    heard = Heard()
    hangs_up = False

    def perhaps(asked: Asked) -> None:
        if hangs_up:
            asked.fake.hang_up()
        else:
            address("192.0.2.1")(asked)

    async with upstream() as fake, connected(upstream_of(fake, "tcp"), heard) as way:
        fake.usual = perhaps
        way.send(attempt(way.upstream))
        await heard.until(1)
        hangs_up = True
        way.send(attempt(way.upstream, ident=2))
        await heard.until(2)
        assert heard.reasons == ["closed"]
        assert (fake.connections, fake.count()) == (2, 3)
        hangs_up = False
        way.send(attempt(way.upstream, ident=3))
        await heard.until(3)
        assert fake.connections == 3


async def test_an_idle_connection_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7766 6.2.3: not kept for ever; not while somebody waits, either."""
    monkeypatch.setattr(stream, "KEEP", 0.02)
    heard, held = Heard(), Held(address("192.0.2.1"))
    async with upstream() as fake, connected(upstream_of(fake, "tcp"), heard) as way:
        fake.says["slow.example."] = held
        way.send(attempt(way.upstream))
        await heard.until(1)
        async with asyncio.timeout(PATIENCE):
            await fake.left.wait()
        fake.left.clear()
        way.send(attempt(way.upstream, "slow.example.", 2))
        await fake.until(1, "slow.example.")
        for _ in range(3):  # each longer than it is kept
            async with contextlib.AsyncExitStack() as stack:
                other = Heard()
                again = await stack.enter_async_context(connected(upstream_of(fake, "tcp"), other))
                again.send(attempt(again.upstream))
                await other.until(1)
                await until(lambda: not again._connections)  # noqa: B023  # awaited here
        held.let_go()
        await heard.until(2)
        assert heard.failed == []


async def test_what_nobody_waits_for_is_not_sent() -> None:
    """Cancelled before there is a connection."""
    heard = Heard()
    async with upstream() as fake, connected(upstream_of(fake, "tcp"), heard) as way:
        gone, stays = attempt(way.upstream, "a.example."), attempt(way.upstream, "b.example.", 2)
        way.send(gone)
        way.send(stays)
        way.cancel(gone)
        await heard.until(1)
        assert [asked.name for asked in fake.seen] == ["b.example."]


async def test_a_late_reply_to_what_was_cancelled_is_passed_over() -> None:
    """And the connection goes on."""
    heard = Heard()
    async with upstream() as fake, connected(upstream_of(fake, "tcp"), heard) as way:
        fake.says["slow.example."] = held = Held(address("192.0.2.1"))
        gone = attempt(way.upstream, "slow.example.")
        way.send(gone)
        await fake.until(1)
        way.cancel(gone)
        held.let_go()
        stays = attempt(way.upstream, ident=2)
        way.send(stays)
        await heard.until(1)
        assert [whose for whose, _ in heard.delivered] == [stays]
        assert fake.connections == 1


async def test_an_id_that_is_under_way_waits_for_another_connection() -> None:
    """Two questions with one ID are never on one connection."""
    heard = Heard()
    async with upstream() as fake, connected(upstream_of(fake, "tcp"), heard) as way:
        fake.says["slow.example."] = held = Held(address("192.0.2.1"))
        way.send(attempt(way.upstream, "slow.example."))
        await fake.until(1)
        way.send(attempt(way.upstream, "b.example."))
        await heard.until(1)
        assert (heard.reasons, fake.connections) == ([], 2)
        held.let_go()
        await heard.until(2)
        assert heard.failed == []


async def test_no_connection_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was replaced ends when nobody waits on it, and when all is closed."""
    monkeypatch.setattr(stream, "KEEP", 0.02)
    heard = Heard()
    async with upstream() as fake:
        fake.says["slow.example."] = silent
        for is_cancelled in (True, False):
            async with connected(upstream_of(fake, "tcp"), heard) as way:
                gone = attempt(way.upstream, "slow.example.")
                way.send(gone)
                await until(lambda: fake.count("slow.example."))
                other = attempt(way.upstream, "slow.example.")  # with the same ID
                way.send(other)
                await until(lambda: len(fake.writers) == 2)
                if is_cancelled:
                    way.cancel(gone)
                    await until(lambda: len(fake.writers) == 1)
            await until(lambda: not fake.writers)
            fake.seen.clear()
        assert (heard.delivered, heard.failed) == ([], [])


@pytest.mark.parametrize("transport", KINDS)
async def test_a_closed_port_refuses(certificates: Certificates, transport: str) -> None:
    """Everybody who waited is told."""
    heard = Heard()
    with refusing() as port:
        name = "#web.test" if transport == "tls" else ""
        where = read_upstream(f"{transport}://127.0.0.1:{port}{name}")
        async with connected(where, heard, certificates) as way:
            for ident in (1, 2):
                way.send(attempt(where, ident=ident))
            await heard.until(2)
            assert heard.reasons == ["refused"] * 2


@pytest.mark.parametrize(
    ("shown", "name", "reason"),
    [
        ("valid", "web.test", None),
        ("valid", "other.test", "certificate"),
        ("other", "web.test", "certificate"),
        ("expired", "web.test", "certificate"),
        ("stranger", "web.test", "certificate"),
    ],
)
async def test_the_certificate_must_bear_the_name(
    certificates: Certificates, shown: str, name: str, reason: str | None
) -> None:
    """That was written beside the address (RFC 7858, RFC 8310 8.1); else nothing is asked."""
    heard = Heard()
    async with (
        upstream(tls=certificates.server(shown)) as fake,
        connected(upstream_of(fake, "tls", name), heard, certificates) as way,
    ):
        way.send(attempt(way.upstream))
        await heard.until(1)
        assert heard.reasons == ([] if reason is None else [reason])
        assert fake.count() == (1 if reason is None else 0)


async def test_the_name_is_sent(certificates: Certificates) -> None:
    """As SNI, so that the server shows the right certificate."""
    names: list[str | None] = []
    context = certificates.server()
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    heard = Heard()
    async with (
        upstream(tls=context) as fake,
        connected(upstream_of(fake, "tls"), heard, certificates) as way,
    ):
        way.send(attempt(way.upstream))
        await heard.until(1)
    assert names == ["web.test"]


@pytest.mark.parametrize(
    ("talk", "reasons"),
    [(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), {"tls"}), (saying(b""), {"closed", "tls"})],
    ids=["http", "nothing"],
)
async def test_a_server_without_tls_fails(
    certificates: Certificates, talk: Talk, reasons: set[str]
) -> None:
    """Nothing is asked in the clear."""
    heard = Heard()
    async with serving(talk) as server:
        where = read_upstream(f"tls://127.0.0.1:{server.port}#web.test")
        async with connected(where, heard, certificates) as way:
            made = attempt(where)
            way.send(made)
            await heard.until(1)
            assert set(heard.reasons) <= reasons
            assert made.wire[12:] not in b"".join(server.requests)


async def test_a_handshake_that_hangs_ends(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the next question begins another."""
    monkeypatch.setattr(stream, "CONNECT_TIMEOUT", 0.05)
    heard = Heard()
    async with serving(hang) as server:
        where = read_upstream(f"tls://127.0.0.1:{server.port}#web.test")
        async with connected(where, heard, certificates) as way:
            for ident in (1, 2):
                way.send(attempt(where, ident=ident))
                await heard.until(ident)
            assert heard.reasons == ["timeout"] * 2
            assert server.connections == 2


async def test_closing_ends_what_is_being_made() -> None:
    """Nobody hears of it any more."""
    heard = Heard()
    async with upstream() as fake:
        async with connected(upstream_of(fake, "tcp"), heard) as way:
            way.send(attempt(way.upstream))
        async with connected(upstream_of(fake, "tcp"), heard) as way:
            fake.usual = silent
            way.send(attempt(way.upstream))
            await fake.until(1)
        async with asyncio.timeout(PATIENCE):
            await fake.left.wait()
        assert (heard.delivered, heard.failed) == ([], [])


async def test_an_upstream_that_does_not_read_is_given_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it leaves unread is bounded; the attempt fails, or goes on another connection."""
    monkeypatch.setattr(stream, "MAX_BUFFER", 1000)
    heard = Heard()

    async def deaf(server: object, reader: asyncio.StreamReader, _: object) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.Event().wait()

    async with serving(deaf) as server:
        where = read_upstream(f"tcp://127.0.0.1:{server.port}")
        async with connected(where, heard) as way:
            way.send(attempt(where))
            await until(lambda: way._connections)
            (first,) = way._connections
            transport = first._transport
            assert transport is not None
            large = attempt(where, ident=2)
            large.wire = large.wire + bytes(60_000)
            ident = 3
            while transport.get_write_buffer_size() <= 1000:
                large = attempt(where, ident=ident)
                large.wire += bytes(60_000)
                assert first.send(large)
                ident += 1
            assert not first.send(attempt(where, ident=ident))
            assert transport.get_write_buffer_size() < 1000 + 60_100


def test_a_fake_is_an_upstream_of_each_kind() -> None:
    """As it is written in the files."""
    fake = Fake("127.0.0.1")
    fake.port, fake.tls_port, fake.https_port = 53, 853, 443
    written = [str(upstream_of(fake, kind)) for kind in ("udp", "tcp", "tls", "https")]
    assert written == [
        "127.0.0.1",
        "tcp://127.0.0.1",
        "tls://127.0.0.1#web.test",
        "https://web.test/dns-query#127.0.0.1",
    ]


async def test_a_peer_that_vanished_without_a_word_is_asked_on_a_new_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who gives up tells on the connection; it takes nothing more."""
    monkeypatch.setattr(stream, "SILENCE", 0.0)
    heard = Heard()
    async with upstream() as fake, connected(upstream_of(fake, "tcp"), heard) as way:
        way.send(attempt(way.upstream, ident=1))
        await heard.until(1)
        fake.usual = silent
        gone = attempt(way.upstream, ident=2)
        way.send(gone)
        await fake.until(2)
        way.cancel(gone)
        fake.usual = address("192.0.2.1")
        way.send(attempt(way.upstream, ident=3))
        await heard.until(2)
        assert (fake.connections, heard.failed) == (2, [])
