"""Whether a TCP port takes connections and, if told so, answers what is sent to it.

A plain socket instead of asyncio's streams: these cost more than twice the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import ClassVar

from pydantic.dataclasses import dataclass

from healthcheck.check import Failed, Failure
from healthcheck.kinds.kind import STRICT, Kind
from healthcheck.kinds.options import OptionalOctets, Port
from healthcheck.tools import Tools

MAX_ANSWER = 4096  # octets


@dataclass(frozen=True, slots=True, config=STRICT)
class TcpCheck(Kind):
    r"""Connect; `send` and `expect` are octets, in YAML text with escapes such as \r\n."""

    kind: ClassVar[str] = "tcp"

    port: Port
    send: OptionalOctets = None
    expect: OptionalOctets = None

    async def probe(self, address: str, tools: Tools) -> str:
        """Pass when connected and, with `expect`, once that came within the first 4 KiB."""
        async with connected(address, self.port) as sock:
            if self.send is not None:
                await asyncio.get_running_loop().sock_sendall(sock, self.send)
            if self.expect is not None:
                await _expect(sock, self.expect)
        return ""


@contextlib.asynccontextmanager
async def connected(address: str, port: int) -> AsyncIterator[socket.socket]:
    """A connected non-blocking socket. Raises OSError."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
        # With nobody listening on a port of this host that is also ephemeral, the kernel may pick
        # that very port for us and connect the socket to itself (RFC 9293 3.5, simultaneous open).
        if sock.getsockname() == sock.getpeername():
            raise ConnectionRefusedError
        yield sock


async def _expect(sock: socket.socket, expected: bytes) -> None:
    loop = asyncio.get_running_loop()
    seen = bytearray()
    while expected not in seen:
        room = MAX_ANSWER - len(seen)
        if not room:
            raise Failed(Failure.ANSWER, f"the first {MAX_ANSWER} octets lack {_shown(expected)}")
        came = await loop.sock_recv(sock, room)
        if not came:
            raise Failed(Failure.RESET, f"closed before {_shown(expected)} came")
        seen += came


def _shown(octets: bytes) -> str:
    return repr(octets)[1:]
