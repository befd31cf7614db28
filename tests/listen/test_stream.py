"""TCP on real sockets of this machine."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path

import dns.rcode
import pytest

from resolver import faultlog
from resolver.forward.exchange import Timing
from resolver.generation import Generation
from resolver.listen.stream import MAX_PENDING, STALLED_TIMEOUT, WRITE_BUFFER, Connection
from tests.forward.asking import ZONES, Site, forwarder, plan, site, to
from tests.forward.fake import Fake, Held, address, silent, upstream
from tests.support import (
    DEV,
    FILES,
    PATIENCE,
    PLAN,
    Listening,
    addresses,
    framed,
    listening,
    question,
    read_framed,
)

Compile = Callable[..., Generation]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
WEB = "web.dev.east.corp.test."
LARGE = "zone: dev.east\nrecords: {t: {TXT: '%s'}}\n" % ("x" * 20_000)


@contextlib.asynccontextmanager
async def connected(server: Listening, source: str = "127.0.0.1") -> AsyncIterator[Streams]:
    """A connection, which the server has accepted."""
    known = set(server.tcp.connections)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, local_addr=(source, 0))
    await until(lambda: set(server.tcp.connections) - known)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the server ends the connection without another word."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read(1) == b""
        except ConnectionResetError:
            return True


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  # what is awaited sets no event
            await asyncio.sleep(0)


def age(server: Listening, seconds: float) -> None:
    """Let time pass for every connection, and look who was too slow."""
    for connection in server.tcp.connections:
        connection.active -= seconds
        if connection.stalled is not None:
            connection.stalled -= seconds
    server.tcp._sweeper.cancel()
    server.tcp._sweep()


async def test_a_hundred_questions_in_one_write(generation: Compile) -> None:
    """Pipelined: each is answered, in turn (RFC 7766 6.2.1.1)."""
    async with listening(generation()) as server, connected(server) as (reader, writer):
        writer.write(b"".join(framed(question(WEB, ident=n)) for n in range(100)))
        assert [(await read_framed(reader)).id for _ in range(100)] == list(range(100))
        assert server.counters.replies == {("dev", "tcp", 1, 0, "zone"): 100}


async def test_one_octet_at_a_time(generation: Compile) -> None:
    """However the stream is cut."""
    async with listening(generation()) as server, connected(server) as (reader, writer):
        (connection,) = server.tcp.connections
        for octet in framed(question(WEB)):
            connection.data_received(bytes((octet,)))
        assert len(addresses(await read_framed(reader))) == 3
        writer.write(framed(question(WEB)))
        assert len(addresses(await read_framed(reader))) == 3


async def test_a_half_closed_client_gets_its_replies(generation: Compile) -> None:
    """Then the server closes too."""
    async with listening(generation()) as server, connected(server) as (reader, writer):
        writer.write(b"".join(framed(question(WEB, ident=n)) for n in range(100)))
        writer.write_eof()
        assert [(await read_framed(reader)).id for _ in range(100)] == list(range(100))
        assert await is_closed(reader)
        await until(lambda: not server.tcp.connections)


async def test_half_a_message_and_the_end(generation: Compile) -> None:
    """Nothing to answer: closed."""
    async with listening(generation()) as server, connected(server) as (reader, writer):
        writer.write(framed(question(WEB))[:-3])
        writer.write_eof()
        assert await is_closed(reader)


@pytest.mark.parametrize("garbage", [b"", b"x" * 11, b"\xff" * 65535, b"\0" * 65535])
async def test_garbage_then_a_question(generation: Compile, garbage: bytes) -> None:
    """Empty, short and oversize messages; the frame after them is read as ever."""
    async with listening(generation()) as server, connected(server) as (reader, writer):
        writer.write(framed(garbage) + framed(question(WEB, ident=7)))
        reply = await read_framed(reader)
        if reply.id != 7:
            assert reply.rcode() == dns.rcode.FORMERR
            reply = await read_framed(reader)
        assert len(addresses(reply)) == 3


async def test_never_a_reply_to_a_reply(generation: Compile) -> None:
    """QR set: dropped, and the connection goes on."""
    async with listening(generation()) as server, connected(server) as (reader, writer):
        wire = bytearray(question(WEB, ident=1))
        wire[2] |= 0x80
        writer.write(framed(bytes(wire)) + framed(question(WEB, ident=2)))
        assert (await read_framed(reader)).id == 2
        assert server.counters.dropped == {"not_a_query": 1}


async def test_large_answers_come_whole(generation: Compile) -> None:
    """Whatever EDNS says."""
    made = generation({"environments.yaml": PLAN, "z.yaml": LARGE})
    async with listening(made) as server, connected(server) as (reader, writer):
        writer.write(framed(question("t.dev.east.corp.test.", "TXT", edns=512)))
        assert len(b"".join((await read_framed(reader)).answer[0][0].strings)) == 20_000


async def test_the_view_is_decided_for_each_question(generation: Compile) -> None:
    """An open connection sees a reload: its client may have moved to another environment."""
    first = generation()
    async with listening(first) as server, connected(server) as (reader, writer):
        writer.write(framed(question(WEB)))
        assert (await read_framed(reader)).rcode() == dns.rcode.NOERROR
        moved = PLAN.replace(", 127.0.0.0/16", "").replace("127.64.0.0/16", "127.0.0.0/16")
        second = generation({**FILES, "environments.yaml": moved}, previous=first)
        server.published.replace(second)
        writer.write(framed(question(WEB)) + framed(question("web.prod.east.corp.test.")))
        assert (await read_framed(reader)).rcode() == dns.rcode.NXDOMAIN
        assert addresses(await read_framed(reader)) == ["10.64.1.1"]


async def test_an_idle_connection_is_closed(generation: Compile) -> None:
    """One that is used stays (RFC 9210)."""
    async with listening(generation(), idle=10) as server, connected(server) as (reader, writer):
        age(server, 9)
        writer.write(framed(question(WEB)))
        await read_framed(reader)
        age(server, 9)
        assert len(server.tcp.connections) == 1
        age(server, 2)
        assert await is_closed(reader)
        assert server.counters.dropped == {"tcp_timeout": 1}


async def test_a_message_that_never_ends_is_given_up(generation: Compile) -> None:
    """Octet by octet does not keep a connection alive."""
    async with listening(generation(), idle=10) as server, connected(server) as (reader, _):
        (connection,) = server.tcp.connections
        for octet in framed(question(WEB))[:8]:
            connection.data_received(bytes((octet,)))
            connection.active -= 1
        assert connection.is_overdue(server.tcp.loop.time(), 10)
        age(server, 0)
        assert await is_closed(reader)


async def test_too_many_connections_end_the_one_idle_for_longest(generation: Compile) -> None:
    """Not the one that was opened first."""
    async with (
        listening(generation(), max_connections=2) as server,
        contextlib.AsyncExitStack() as s,
    ):
        streams = [await s.enter_async_context(connected(server)) for _ in range(2)]
        reader, writer = streams[0]
        writer.write(framed(question(WEB)))
        await read_framed(reader)
        third = await s.enter_async_context(connected(server))
        assert await is_closed(streams[1][0])
        for reader, writer in (streams[0], third):
            writer.write(framed(question(WEB)))
            assert len(addresses(await read_framed(reader))) == 3
        assert server.counters.dropped == {"tcp_evicted": 1}


@contextlib.asynccontextmanager
async def mute(server: Listening) -> AsyncIterator[tuple[socket.socket, Connection]]:
    """A client that never reads, with little room in its kernel."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", server.port))
        await until(lambda: server.tcp.connections)
        (connection,) = server.tcp.connections
        yield client, connection


async def test_a_client_that_reads_nothing_is_read_no_more(generation: Compile) -> None:
    """What waits for it is bounded; after a while it is cut off."""
    made = generation({"environments.yaml": PLAN, "z.yaml": LARGE})
    asked = framed(question("t.dev.east.corp.test.", "TXT"))
    async with listening(made, send_buffer=4096) as server, mute(server) as (client, connection):
        async with asyncio.timeout(PATIENCE):
            while connection.stalled is None:
                with contextlib.suppress(BlockingIOError):
                    client.send(asked)
                await asyncio.sleep(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                client.send(asked * 100)
        for _ in range(20):
            await asyncio.sleep(0)
        assert connection.transport.get_write_buffer_size() < WRITE_BUFFER + 65536
        assert len(connection.received) < 1024 * 1024
        age(server, STALLED_TIMEOUT + 1)
        await until(lambda: not server.tcp.connections)


async def test_an_idle_client_that_reads_nothing_is_cut_off(generation: Compile) -> None:
    """A few unread replies do not keep a connection for ever, nor count it again and again."""
    made = generation({"environments.yaml": PLAN, "z.yaml": LARGE})
    asked = framed(question("t.dev.east.corp.test.", "TXT"))
    async with listening(made, send_buffer=4096) as server, mute(server) as (client, connection):
        client.send(asked * 5)
        await until(lambda: sum(server.counters.replies.values()) == 5)
        assert connection.stalled is None
        assert connection.transport.get_write_buffer_size() > 0
        age(server, 11)
        age(server, STALLED_TIMEOUT + 1)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not server.tcp.connections
        assert server.counters.dropped == {"tcp_timeout": 1}


async def test_a_client_that_asks_faster_than_it_is_answered(generation: Compile) -> None:
    """Questions wait in its kernel, not in our memory."""
    asked = framed(question(WEB)) * 2000
    async with listening(generation()) as server, connected(server) as (reader, writer):
        (connection,) = server.tcp.connections
        largest, sent = 0, 0

        async def read() -> None:
            while await reader.read(1 << 20):
                pass

        reading = asyncio.create_task(read())
        async with asyncio.timeout(PATIENCE):
            while sent < 60:
                if writer.transport.get_write_buffer_size() < len(asked):
                    writer.write(asked)
                    sent += 1
                await asyncio.sleep(0)
                largest = max(largest, len(connection.received))
        writer.transport.abort()
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await reading
        assert largest <= 512 * 1024


async def test_a_lost_connection_is_answered_no_more(
    generation: Compile, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever its client had still asked; and nothing is logged for each such reply."""
    async with listening(generation()) as server, connected(server) as (_, writer):
        (connection,) = server.tcp.connections
        writer.write(framed(question(WEB)) * 2000)
        await until(lambda: server.counters.replies)
        connection.transport.abort()
        await until(lambda: not server.tcp.connections)
        before = dict(server.counters.replies)
        for _ in range(50):
            await asyncio.sleep(0)
        assert server.counters.replies == before
        assert caplog.records == []


async def test_a_bug_is_servfail_and_a_line_in_the_log(
    generation: Compile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the connection goes on."""
    monkeypatch.setattr(faultlog, "_last_report", [float("-inf")])
    made = generation()
    async with listening(made) as server, connected(server) as (reader, writer):
        server.published.generation = None  # type: ignore[assignment]  # the broken generation
        with caplog.at_level(logging.ERROR):
            writer.write(framed(question(WEB)))
            assert (await read_framed(reader)).rcode() == dns.rcode.SERVFAIL
        assert [record.name for record in caplog.records] == ["sightline.tcp"]
        server.published.generation = made
        writer.write(framed(question(WEB)))
        assert len(addresses(await read_framed(reader))) == 3


async def test_stopping_lets_replies_go_out(generation: Compile) -> None:
    """What was answered is received; then the connection ends, and no other is taken."""
    async with listening(generation()) as server, connected(server) as (reader, writer):
        writer.write(framed(question(WEB)))
        await until(lambda: server.counters.replies)
        await server.tcp.stop(1.0)
        assert len(addresses(await read_framed(reader))) == 3
        assert await is_closed(reader)
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", server.port)


async def test_rotation_is_shared_by_transports(generation: Compile) -> None:
    """One wheel for each name and type, whoever asks how."""
    made = generation({**FILES, "dev.yaml": DEV})
    async with listening(made) as server, connected(server) as (reader, writer):
        first = []
        for _ in range(6):
            writer.write(framed(question(WEB)))
            first.append(addresses(await read_framed(reader))[0])
        assert all(a != b for a, b in pairwise(first))


# ---------------------------------------------------------------- what upstreams are asked for

PATIENT = forwarder(timing=Timing(9.0, 9.0))


@contextlib.asynccontextmanager
async def forwarding(directory: Path) -> AsyncIterator[tuple[Fake, Site]]:
    """A server that asks a fake, and waits for it for long."""
    async with upstream() as fake:
        files = {**ZONES, "environments.yaml": plan("none", to(fake))}
        async with site(directory, files, PATIENT) as where:
            yield fake, where


async def test_replies_come_out_of_order(tmp_path: Path) -> None:
    """RFC 7766 7: who waits for an upstream holds up nobody behind it."""
    async with forwarding(tmp_path) as (fake, where), connected(where.server) as (reader, writer):
        fake.says["slow.example."] = held = Held(address("192.0.2.9"))
        writer.write(framed(question("slow.example.", ident=1)))
        for ident in range(2, 12):
            writer.write(framed(question(f"n{ident}.example." if ident % 2 else WEB, ident=ident)))
        assert {(await read_framed(reader)).id for _ in range(10)} == set(range(2, 12))
        held.let_go()
        reply = await read_framed(reader)
        assert (reply.id, addresses(reply)) == (1, ["192.0.2.9"])


async def test_a_half_closed_client_waits_for_upstreams(tmp_path: Path) -> None:
    """It gets every reply, and then the end."""
    async with forwarding(tmp_path) as (fake, where), connected(where.server) as (reader, writer):
        fake.says["slow.example."] = held = Held(address("192.0.2.9"))
        writer.write(framed(question("slow.example.", ident=1)) + framed(question(WEB, ident=2)))
        writer.write_eof()
        assert (await read_framed(reader)).id == 2
        await fake.until(1, "slow.example.")
        held.let_go()
        assert (await read_framed(reader)).id == 1
        assert await is_closed(reader)
        await until(lambda: not where.server.tcp.connections)


async def test_a_hundred_questions_may_wait(tmp_path: Path) -> None:
    """Then no more are read until one is answered (R-12); other connections go on."""
    async with forwarding(tmp_path) as (fake, where), connected(where.server) as (reader, writer):
        (connection,) = where.server.tcp.connections
        waiting = [Held(address("192.0.2.9")) for _ in range(250)]
        for number, held in enumerate(waiting):
            fake.says[f"n{number}.example."] = held
            writer.write(framed(question(f"n{number}.example.", ident=number)))
        await fake.until(MAX_PENDING + 2)  # the root is asked for too
        await until(lambda: not connection.is_reading)
        assert connection.pending == MAX_PENDING
        assert addresses(await where.ask_over_tcp(WEB)) == ["10.80.1.1"]
        assert fake.count(f"n{MAX_PENDING}.example.") == 0
        waiting[50].let_go()
        assert (await read_framed(reader)).id == 50
        await fake.until(1, f"n{MAX_PENDING}.example.")
        assert connection.pending == MAX_PENDING
        for held in waiting:
            held.let_go()
        rest = {(await read_framed(reader)).id for _ in range(249)}
        assert rest == set(range(250)) - {50}
        assert connection.is_reading
        assert connection.pending == 0


async def test_who_waits_for_upstreams_is_not_idle(tmp_path: Path) -> None:
    """However long it takes; afterwards the time begins anew."""
    async with forwarding(tmp_path) as (fake, where), connected(where.server) as (reader, writer):
        fake.says["slow.example."] = held = Held(address("192.0.2.9"))
        writer.write(framed(question("slow.example.")))
        await fake.until(1, "slow.example.")
        age(where.server, 1000)
        assert len(where.server.tcp.connections) == 1
        held.let_go()
        assert addresses(await read_framed(reader)) == ["192.0.2.9"]
        age(where.server, 9)
        assert len(where.server.tcp.connections) == 1
        age(where.server, 2)
        assert await is_closed(reader)


async def test_stopping_answers_what_waits_for_upstreams(tmp_path: Path) -> None:
    """What comes within the grace is sent; the rest is SERVFAIL, and then the end."""
    async with forwarding(tmp_path) as (fake, where), connected(where.server) as (reader, writer):
        fake.says["soon.example."] = held = Held(address("192.0.2.9"))
        fake.says["never.example."] = silent
        writer.write(framed(question("soon.example.", ident=1)))
        writer.write(framed(question("never.example.", ident=2)))
        await fake.until(1, "soon.example.")
        await fake.until(1, "never.example.")
        stopping = asyncio.create_task(where.forwarder.stop(0.1))
        await asyncio.sleep(0)
        held.let_go()
        first, second = await read_framed(reader), await read_framed(reader)
        assert (first.id, addresses(first)) == (1, ["192.0.2.9"])
        assert (second.id, second.rcode()) == (2, dns.rcode.SERVFAIL)
        await stopping
        await where.server.tcp.stop(0.1)
        assert await is_closed(reader)


async def test_a_client_that_left_is_no_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its replies are counted and thrown away, and nothing is logged."""
    async with forwarding(tmp_path) as (fake, where):
        fake.usual = held = Held(address("192.0.2.9"))
        async with connected(where.server) as (_, writer):
            for ident in range(20):
                writer.write(framed(question(f"n{ident}.example.", ident=ident)))
            await fake.until(22)
            (connection,) = where.server.tcp.connections
            connection.transport.abort()
            await until(lambda: not where.server.tcp.connections)
        held.let_go()
        await until(lambda: not where.forwarder.places.taken)
        assert caplog.records == []
        assert connection.pending == 0
