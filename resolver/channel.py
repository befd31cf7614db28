"""Whole messages over a Unix socket between the supervisor and a worker.

Each is its length and a pickle: both ends are one program of one user, on a socket that nobody
else can open. Nothing that a client sent is ever unpickled.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from typing import Any

LENGTH = struct.Struct("!I")
LIMIT = 1024 * 1024  # octets read ahead
HIGH = 1024 * 1024  # octets that wait to be written before `drained` waits


class Closed(Exception):
    """The other end is gone."""


class Channel:
    """One end; messages arrive whole and in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        writer.transport.set_write_buffer_limits(high=HIGH)

    @classmethod
    async def over(cls, end: socket.socket) -> Channel:
        """The channel over a connected socket, which it owns from then on."""
        end.setblocking(False)
        return cls(*await asyncio.open_unix_connection(sock=end, limit=LIMIT))

    async def receive(self) -> Any:
        """The next message; raises Closed at the end."""
        try:
            (size,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            octets = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError):
            raise Closed from None
        return pickle.loads(octets)

    def send(self, message: object) -> None:
        """Send a message; what is sent to somebody who is gone is lost."""
        octets = pickle.dumps(message, 5)
        self._writer.write(LENGTH.pack(len(octets)))
        self._writer.write(octets)

    async def drained(self) -> None:
        """Wait until the other end keeps up; raises Closed when it is gone."""
        try:
            await self._writer.drain()
        except OSError:
            raise Closed from None

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
