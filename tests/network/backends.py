"""Backends on loopback that die, hang and misbehave as told, and clients that wait for answers.

Clients wait by asking: the round trip is the pause.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Set
from dataclasses import dataclass, field

import dns.message

from tests.support import PATIENCE, Server, addresses, datagrams, question

INTERVAL, FAST, TIMEOUT, FALL = 0.3, 0.1, 0.2, 2
TIMING = "interval: 300ms, fast_interval: 100ms, timeout: 200ms, fall: 2, rise: 2"
LIMIT = 1.1 * (INTERVAL + (FALL - 1) * FAST) + 0.5  # seconds until what refuses is out
HUNG_LIMIT = LIMIT + FALL * TIMEOUT
PLAN = f"""\
domain: corp.test
nameservers: {{ns1: [10.255.0.53]}}
regions: [east, west]
environments:
  prod: {{clients: {{east: [127.64.0.0/16], west: [127.65.0.0/16]}}, forward: none}}
  dev: {{clients: {{east: [127.0.0.0/16, "::1/128"], west: [127.1.0.0/16]}}, forward: none}}
checks:
  web: {{kind: http, {TIMING}}}
defaults: {{slow_start: 0s}}
"""
END = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REPLIES = {
    "ok": OK,
    "500": OK.replace(b"200 OK", b"500 Oh"),
    "garbage": b"\x00\x01\x02 nothing of the kind\r\n\r\n",
    "cut": OK[:-1],  # says two octets, sends one, and closes
    "close": b"",
    "slow": OK[:20],  # begins to answer, and no more comes
    "hang": b"",
}
CLOSING = frozenset({"cut", "close", "garbage"})
RESET = struct.pack("ii", 1, 0)  # close with a reset: linger for 0 s


@dataclass
class Backend:
    """One HTTP server; `mode` says how it replies, from the next request on."""

    host: str
    port: int = 0
    mode: str = "ok"
    connections: int = 0  # accepted so far
    requests: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def revive(self) -> None:
        """Listen, on the port of before."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def kill(self) -> None:
        """Close the listening socket and reset every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            opened = writer.get_extra_info("socket")
            if opened is not None and opened.fileno() >= 0:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        self._writers.clear()

    async def end(self) -> None:
        """Be gone for good."""
        self.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(OSError, EOFError):
            await self._talk(reader, writer)
        self._writers.discard(writer)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(END)
            self.requests += 1
            mode = self.mode
            writer.write(REPLIES[mode])
            await writer.drain()
            if mode in CLOSING:
                return
            if mode in {"hang", "slow"}:
                await reader.read()  # until the client leaves


@contextlib.asynccontextmanager
async def backends(*hosts: str) -> AsyncIterator[list[Backend]]:
    """A backend on each address, all on one free port."""
    made: list[Backend] = []
    try:
        for host in hosts:
            backend = Backend(host, made[0].port if made else 0)
            await backend.revive()
            made.append(backend)
        yield made
    finally:
        for backend in made:
            await backend.end()


@dataclass(frozen=True)
class Asker:
    """Asks a server for the addresses of one name, again and again, from one source."""

    server: Server
    name: str
    rdtype: str = "A"
    source: str | None = "127.0.0.1"

    async def now(self) -> set[str]:
        """The addresses of one answer."""
        async with self._client() as ask:
            return set(addresses(await ask()))

    async def until(self, wanted: Set[str], within: float = PATIENCE) -> float:
        """Ask until an answer holds just these; the seconds it took."""
        return await self.until_that(lambda reply: set(addresses(reply)) == wanted, within)

    async def until_that(
        self, is_so: Callable[[dns.message.Message], bool], within: float = PATIENCE
    ) -> float:
        """Ask until an answer is as wished; the seconds it took."""
        begun = time.monotonic()
        async with self._client() as ask:
            while not is_so(reply := await ask()):
                passed = time.monotonic() - begun
                assert passed < within, f"{self.name} after {passed:.2f} s: {reply}"
        return time.monotonic() - begun

    async def stays(self, wanted: Set[str], until_that: Callable[[], bool]) -> None:
        """Ask until something else has come about; every answer holds just these."""
        begun = time.monotonic()
        async with self._client() as ask:
            while not until_that():
                assert set(addresses(await ask())) == wanted
                assert time.monotonic() - begun < PATIENCE

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[Callable[[], Awaitable[dns.message.Message]]]:
        wire = question(self.name, self.rdtype)
        async with datagrams("127.0.0.1", self.server.port, self.source) as client:
            yield lambda: client.ask(wire)


async def until(is_so: Callable[[], bool], within: float = PATIENCE) -> None:
    """Let the loop turn until something has come about in this process."""
    async with asyncio.timeout(within):
        while not is_so():  # noqa: ASYNC110  # what is counted by servers in this loop sets no event
            await asyncio.sleep(0.01)
