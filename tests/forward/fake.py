"""An upstream that does as it is told, in the test's process, and notes all that it is asked.

What it says of a name is a behaviour: a function of one question, which replies to it at once,
later or not at all, as often and as wrongly as it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from aiohttp import web

from tests.support import PATIENCE, framed

Transport = Literal["udp", "tcp", "tls", "https"]
MEDIA_TYPE = "application/dns-message"
RECEIVE_BUFFER = 1 << 20
SOA = "ns.example. host.example. 1 2 3 4 60"


@dataclass(eq=False)
class Asked:
    """One question that came, and the way back."""

    fake: Fake
    wire: bytes
    transport: Transport
    peer: tuple[str, int]
    connection: int  # the number of the connection it came on; 0: none
    say: Callable[[bytes], None] = field(repr=False)  # send octets to who asked
    message: dns.message.Message = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.message = dns.message.from_wire(self.wire)

    @property
    def spelled(self) -> str:
        """The name as it was written."""
        return self.message.question[0].name.to_text()

    @property
    def name(self) -> str:
        return self.spelled.lower()

    @property
    def rdtype(self) -> str:
        return dns.rdatatype.to_text(self.message.question[0].rdtype)

    @property
    def ident(self) -> int:
        return self.message.id

    @property
    def options(self) -> Sequence[dns.edns.Option]:
        return self.message.options

    def made(
        self,
        *answer: str,
        rcode: str = "NOERROR",
        authority: Sequence[str] = (),
        additional: Sequence[str] = (),
        flags: str = "RA",
    ) -> dns.message.Message:
        """A reply: records are `owner TTL type rdata`, and `@` is the name asked for."""
        reply = dns.message.make_response(self.message)
        reply.set_rcode(dns.rcode.from_text(rcode))
        reply.flags |= dns.flags.from_text(flags)
        sections = (reply.answer, answer), (reply.authority, authority)
        for section, lines in (*sections, (reply.additional, additional)):
            for line in lines:
                owner, ttl, kind, rdata = line.split(maxsplit=3)
                name = self.message.question[0].name if owner == "@" else owner
                section.append(dns.rrset.from_text(name, int(ttl), "IN", kind, rdata))
        return reply

    def reply(self, message: dns.message.Message) -> None:
        """Send a message, whole however large it is."""
        self.say(message.to_wire(max_size=65535))

    def say_from(self, host: str, octets: bytes, port: int = 0) -> None:
        """Send octets to who asked, over UDP, from another address or port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind((host, port))
            stranger.sendto(octets, self.peer)


Behaviour = Callable[[Asked], None]


# ---------------------------------------------------------------- behaviours


def answers(
    *answer: str,
    rcode: str = "NOERROR",
    authority: Sequence[str] = (),
    additional: Sequence[str] = (),
    flags: str = "RA",
) -> Behaviour:
    """Say this at once; see `Asked.made`."""

    def behave(asked: Asked) -> None:
        more = {"rcode": rcode, "flags": flags}
        asked.reply(asked.made(*answer, authority=authority, additional=additional, **more))

    return behave


def address(text: str, ttl: int = 60) -> Behaviour:
    """The name has this address, of IPv4, and nothing else."""
    some = answers(f"@ {ttl} A {text}")
    none = answers(authority=[f"example. {ttl} SOA {SOA}"])

    def behave(asked: Asked) -> None:
        (some if asked.rdtype == "A" else none)(asked)

    return behave


def alias(target: str, *behind: str, ttl: int = 60) -> Behaviour:
    """A CNAME, with what is said of its target."""
    return answers(f"@ {ttl} CNAME {target}", *behind)


def denial(ttl: int = 60, rcode: str = "NXDOMAIN") -> Behaviour:
    """The name does not exist, says `example.`"""
    return answers(rcode=rcode, authority=[f"example. {ttl} SOA {SOA}"])


def fails(rcode: str) -> Behaviour:
    """SERVFAIL, REFUSED and the like."""
    return answers(rcode=rcode)


def silent(_: Asked) -> None:
    """Say nothing."""


def spelled_small(then: Behaviour) -> Behaviour:
    """Repeat the question in lower case, as some servers do."""

    def behave(asked: Asked) -> None:
        say = asked.say
        end = 12 + len(asked.message.question[0].name.to_wire() or b"")
        asked.say = lambda octets: say(octets[:12] + octets[12:end].lower() + octets[end:])
        then(asked)

    return behave


def truncated(whole: Behaviour) -> Behaviour:
    """TC over UDP, all of it over anything else."""

    def behave(asked: Asked) -> None:
        if asked.transport != "udp":
            return whole(asked)
        return asked.reply(asked.made(flags="RA TC"))

    return behave


def first(twist: Callable[[bytes], bytes], then: Behaviour, times: int = 1) -> Behaviour:
    """Say something twisted before what is right."""

    def behave(asked: Asked) -> None:
        say = asked.say

        def say_both(octets: bytes) -> None:
            for _ in range(times):
                say(twist(octets))
            say(octets)

        asked.say = say_both
        then(asked)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One for each question; the last for all that follow."""
    left = list(behaviours)

    def behave(asked: Asked) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(asked)

    return behave


class Held:
    """Wait until told, then behave so towards all who waited, and all who come later."""

    def __init__(self, then: Behaviour) -> None:
        self.then = then
        self.waiting: list[Asked] | None = []

    def __call__(self, asked: Asked) -> None:
        if self.waiting is None:
            self.then(asked)
        else:
            self.waiting.append(asked)

    def let_go(self) -> None:
        waiting, self.waiting = self.waiting or [], None
        for asked in waiting:
            self.then(asked)


def wrong_id(wire: bytes) -> bytes:
    return bytes((wire[0] ^ 0x55, wire[1])) + wire[2:]


def wrong_question(wire: bytes) -> bytes:
    """About a name that differs in its first letter."""
    return wire[:13] + bytes((wire[13] ^ 1,)) + wire[14:]


def wrong_type(wire: bytes) -> bytes:
    """About another type of the same name."""
    end = 12 + wire[12:].index(b"\0") + 1
    return wire[:end] + b"\0\x63" + wire[end + 2 :]


def wrong_case(wire: bytes) -> bytes:
    """With the first letter of the name in the other case."""
    return wire[:13] + bytes((wire[13] ^ 0x20,)) + wire[14:]


def with_counts(counts: bytes) -> Callable[[bytes], bytes]:
    """With another header; the rest is as it was."""
    return lambda wire: wire[:4] + counts + wire[12:]


# ---------------------------------------------------------------- the server


class Fake:
    """One upstream: a port of one address, over every transport that was opened."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 0
        self.tls_port = 0
        self.https_port = 0
        self.connections = 0  # accepted so far, of TCP, TLS and HTTPS
        self.seen: list[Asked] = []
        self.says: dict[str, Behaviour] = {}  # of names in lower case, or of all below `*.`
        self.usual: Behaviour = address("192.0.2.1")
        self.writers: set[asyncio.StreamWriter] = set()
        self.left = asyncio.Event()  # a connection has ended
        self.redirects = False  # whether HTTPS answers with a redirect
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: set[asyncio.Future[bytes]] = set()  # to requests of HTTPS

    # ---------------------------------------------------------------- what was asked

    def asked(self, name: str | None = None, rdtype: str | None = None) -> list[Asked]:
        """The questions so far, for a name, and of a type."""
        return [
            asked
            for asked in self.seen
            if name in (None, asked.name) and rdtype in (None, asked.rdtype)
        ]

    def count(self, name: str | None = None, rdtype: str | None = None) -> int:
        return len(self.asked(name, rdtype))

    async def until(self, count: int, name: str | None = None) -> list[Asked]:
        """Wait for so many questions."""
        async with asyncio.timeout(PATIENCE):
            while len(found := self.asked(name)) < count:
                self._news.clear()
                await self._news.wait()
        return found

    # ---------------------------------------------------------------- answering

    def take(self, asked: Asked) -> None:
        """Note a question, and behave."""
        self.seen.append(asked)
        self._behaviour(asked.name)(asked)
        self._news.set()

    def _behaviour(self, name: str) -> Behaviour:
        if name in self.says:
            return self.says[name]
        while name not in ("", "."):
            name = name.partition(".")[2]
            if f"*.{name}" in self.says:
                return self.says[f"*.{name}"]
        return self.usual

    def hang_up(self) -> None:
        """Close the connections that are open."""
        for writer in list(self.writers):
            writer.close()

    async def accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, transport: Transport
    ) -> None:
        """Talk on one connection of TCP or TLS."""
        self.connections += 1
        number = self.connections
        self.writers.add(writer)
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._tasks.add(task)
        peer = writer.get_extra_info("peername")[:2]

        def say(octets: bytes) -> None:
            if not writer.is_closing():
                writer.write(framed(octets))

        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                wire = await reader.readexactly(size)
                self.take(Asked(self, wire, transport, peer, number, say))
        self.writers.discard(writer)
        self._tasks.discard(task)
        writer.transport.abort()
        self.left.set()

    async def post(self, request: web.Request) -> web.Response:
        """Answer one request of HTTPS (RFC 8484 4.1)."""
        wire = await request.read()
        if self.redirects:
            return web.Response(status=307, headers={"Location": "https://192.0.2.1/dns-query"})
        said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._said.add(said)

        def say(octets: bytes) -> None:
            if not said.done():
                said.set_result(octets)

        assert request.transport is not None
        peer = request.transport.get_extra_info("peername")[:2]
        known = {asked.peer: asked.connection for asked in self.seen if asked.transport == "https"}
        if peer not in known:
            self.connections += 1
        number = known.get(peer, self.connections)
        self.take(Asked(self, wire, "https", peer, number, say))
        return web.Response(body=await said, content_type=MEDIA_TYPE)

    def end_requests(self) -> None:
        for said in self._said:
            said.cancel()

    async def end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in list(self.writers):
            writer.transport.abort()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        def say(octets: bytes) -> None:
            self._transport.sendto(octets, addr)

        self._fake.take(Asked(self._fake, data, "udp", addr[:2], 0, say))


@contextlib.asynccontextmanager
async def upstream(
    host: str = "127.0.0.1",
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Fake]:
    """A fake upstream on UDP and TCP of one port; with a context, for TLS and HTTPS too."""
    fake = Fake(host)
    async with contextlib.AsyncExitStack() as stack:
        await _listen(fake, port, stack)
        if tls is not None:
            await _listen_securely(fake, tls, stack)
        yield fake


async def _listen(fake: Fake, port: int, stack: contextlib.AsyncExitStack) -> None:
    loop = asyncio.get_running_loop()
    datagrams = _open_datagrams(fake.host, port)
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(fake), sock=datagrams)
    stack.callback(transport.close)
    fake.port = datagrams.getsockname()[1]
    server = await asyncio.start_server(
        lambda r, w: fake.accept(r, w, "tcp"), fake.host, fake.port, reuse_address=True
    )
    stack.push_async_callback(fake.end)
    stack.callback(server.close)


def _open_datagrams(host: str, port: int) -> socket.socket:
    """A UDP socket on a port that is free for TCP too."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(16):
        found = socket.socket(family, socket.SOCK_DGRAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        found.bind((host, port))
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(found.getsockname()[:2])
            except OSError:
                found.close()
                continue
        return found
    raise AssertionError("no free port")


async def _listen_securely(
    fake: Fake, tls: ssl.SSLContext, stack: contextlib.AsyncExitStack
) -> None:
    # What fails in a handshake is the client's to judge.
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    stack.callback(loop.set_exception_handler, None)
    server = await asyncio.start_server(
        lambda r, w: fake.accept(r, w, "tls"), fake.host, 0, ssl=tls
    )
    stack.callback(server.close)
    fake.tls_port = server.sockets[0].getsockname()[1]
    app = web.Application()
    app.router.add_post("/dns-query", fake.post)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, fake.host, 0, ssl_context=tls)
    await site.start()
    stack.callback(fake.end_requests)
    fake.https_port = runner.addresses[0][1]
