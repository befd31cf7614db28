"""Asks this server a question as a client would: over UDP, at the addresses where it listens.

A worker that hangs keeps what the kernel gives it; so the question is sent from one socket after
another until somebody answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import socket
from collections.abc import AsyncIterator, Iterable

from resolver.config import SocketAddress
from resolver.outcome import Rcode

PATIENCE = 1.0  # seconds until nobody answers
AGAIN = 0.1  # seconds until the question is sent from another socket
MOST_ADDRESSES = 8


async def ask_any(addresses: Iterable[SocketAddress], question: bytes) -> int | None:
    """The response code of who answers: NOERROR if anybody says that; None: nobody answers.

    `question` is a query; its ID is chosen here.
    """
    chosen = list(dict.fromkeys(_reachable(address) for address in addresses))[:MOST_ADDRESSES]
    found: int | None = None
    asking = [asyncio.create_task(_ask(address, question)) for address in chosen]
    try:
        for done in asyncio.as_completed(asking):
            rcode = await done
            if rcode == Rcode.NOERROR:
                return rcode
            found = rcode if found is None else found
    finally:
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
    return found


def _reachable(address: SocketAddress) -> SocketAddress:
    """A wildcard listener answers on loopback too."""
    host = ipaddress.ip_address(address.host)
    if not host.is_unspecified:
        return address
    return SocketAddress("127.0.0.1" if host.version == 4 else "::1", address.port)


async def _ask(address: SocketAddress, question: bytes) -> int | None:
    loop = asyncio.get_running_loop()
    tries: set[asyncio.Task[int]] = set()
    until = loop.time() + PATIENCE
    try:
        while (left := until - loop.time()) > 0:
            tries.add(asyncio.create_task(_try(address, question)))
            done, _ = await asyncio.wait(
                tries, timeout=min(AGAIN, left), return_when=asyncio.FIRST_COMPLETED
            )
            tries -= done
            for task in done:
                if task.exception() is None:
                    return task.result()
            if done:  # refused at once: not faster than else
                await asyncio.sleep(min(AGAIN, left))
    finally:
        for task in tries:
            task.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
    return None


async def _try(address: SocketAddress, question: bytes) -> int:
    """The response code of the reply to one datagram; waits without end, raises OSError."""
    loop = asyncio.get_running_loop()
    wire = secrets.token_bytes(2) + question[2:]
    async with _connected(address) as opened:
        await loop.sock_sendall(opened, wire)
        while True:
            reply = await loop.sock_recv(opened, 65535)
            # QR and our ID: a reply to this very question.
            if len(reply) >= 12 and reply[:2] == wire[:2] and reply[2] & 0x80:
                return reply[3] & 0x0F


@contextlib.asynccontextmanager
async def _connected(address: SocketAddress) -> AsyncIterator[socket.socket]:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        opened.connect((address.host, address.port))
        yield opened
