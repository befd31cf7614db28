"""Targets for probes: a process that plays many of them, and dies, hangs and counts on command.

    python -m bench.targets      # commands on stdin, one line each; one line of reply to each

`listen KIND HOST PORT [CERT KEY]` replies with the port; KIND is http, https, tcp, or `once` and
`onces` (HTTP and HTTPS that close after each answer). `kill`, `hang` and `revive` take addresses.
`counts` replies with what came to each address since the last time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from typing import cast

END = b"\r\n\r\n"
RESET = struct.pack("ii", 1, 0)  # close with a reset: linger for 0 s
FLAVOURS = {"http": "keep-alive", "https": "keep-alive", "once": "close", "onces": "close"}


class Count:
    """What came to one address: how often, first and last, in monotonic seconds."""

    def __init__(self) -> None:
        self.number = 0
        self.first = self.last = 0.0
        self.longest = 0.0  # between two

    def note(self, now: float) -> None:
        """Count one probe."""
        if self.number:
            self.longest = max(self.longest, now - self.last)
        else:
            self.first = now
        self.number += 1
        self.last = now


class Play:
    """What all targets of the process share."""

    def __init__(self) -> None:
        self.counts: dict[str, Count] = {}
        self.hung: set[str] = set()
        self.open: dict[str, set[asyncio.Transport]] = {}
        self.servers: dict[str, asyncio.Server] = {}
        self.places: dict[str, list[str]] = {}  # host → the words of its `listen`

    def note(self, host: str) -> None:
        """A probe came."""
        self.counts.setdefault(host, Count()).note(time.monotonic())

    async def listen(self, kind: str, host: str, port: str, *files: str) -> str:
        """Open a target; gives its port."""
        context = None
        if files:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*files)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Target(self, FLAVOURS.get(kind)), host, int(port), ssl=context, backlog=4096
        )
        found = str(server.sockets[0].getsockname()[1])
        self.servers[host] = server
        self.places[host] = [kind, host, found, *files]
        return found

    async def kill(self, *hosts: str) -> None:
        """Close the listening socket and reset every connection."""
        for host in hosts:
            self.servers.pop(host).close()
            for transport in self.open.pop(host, set()):
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                transport.abort()

    async def hang(self, *hosts: str) -> None:
        """Accept from now on, and never answer."""
        self.hung.update(hosts)

    async def revive(self, *hosts: str) -> None:
        """Be well again."""
        self.hung.difference_update(hosts)
        for host in hosts:
            if host in self.places and host not in self.servers:
                await self.listen(*self.places[host])

    async def counts_so_far(self) -> str:
        """The counts of each address as JSON; they begin anew."""
        found = {h: [c.number, c.first, c.last, c.longest] for h, c in self.counts.items()}
        self.counts = {}
        return json.dumps(found)


class Target(asyncio.Protocol):
    """One connection: HTTP answers when `connection` is given, else nothing is ever sent."""

    def __init__(self, play: Play, connection: str | None) -> None:
        self.play = play
        self.connection = connection
        self.seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.host = transport.get_extra_info("sockname")[0]
        self.play.open.setdefault(self.host, set()).add(self.transport)
        if self.connection is None:
            self.play.note(self.host)

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if self.connection is None or END not in self.seen:
            return
        self.seen = b""
        self.play.note(self.host)
        if self.host in self.play.hung:
            return
        head = f"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: {self.connection}\r\n\r\n"
        self.transport.write(head.encode() + b"ok\n")
        if self.connection == "close":
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        with contextlib.suppress(KeyError):
            self.play.open[self.host].remove(self.transport)


async def obey() -> None:
    """Do what is said until stdin ends."""
    play = Play()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    commands: dict[str, Callable[..., Awaitable[str | None]]] = {
        "listen": play.listen,
        "kill": play.kill,
        "hang": play.hang,
        "revive": play.revive,
        "counts": play.counts_so_far,
    }
    while line := await reader.readline():
        word, *rest = line.decode().split()
        print(await commands[word](*rest) or "done", flush=True)


if __name__ == "__main__":
    asyncio.run(obey())
