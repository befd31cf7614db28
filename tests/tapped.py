"""Reading dnstap: frames and protobuf by the letter, and a reader of frame streams for tests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resolver.dnstap import CONTENT_TYPE

# dnstap.proto: number → name of a field; those of `Dnstap` and those of `Message`.
DNSTAP = {1: "identity", 2: "version", 3: "extra", 14: "message", 15: "type"}
MESSAGE = {
    1: "type",
    2: "socket_family",
    3: "socket_protocol",
    4: "query_address",
    5: "response_address",
    6: "query_port",
    7: "response_port",
    8: "query_time_sec",
    9: "query_time_nsec",
    10: "query_message",
    12: "response_time_sec",
    13: "response_time_nsec",
    14: "response_message",
}


def fields_of(octets: bytes, names: dict[int, str]) -> dict[str, Any]:
    """The fields of a protobuf message, each of which stands once."""
    found: dict[str, Any] = {}
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            octet = octets[position]
            position += 1
            value |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                return value

    while position < len(octets):
        tag = varint()
        name, wire_type = names[tag >> 3], tag & 7
        assert name not in found
        if wire_type == 0:
            found[name] = varint()
        elif wire_type == 5:
            found[name] = int.from_bytes(octets[position : position + 4], "little")
            position += 4
        else:
            assert wire_type == 2
            size = varint()
            found[name] = octets[position : position + size]
            position += size
        assert position <= len(octets)
    return found


def decoded(frame: bytes) -> dict[str, Any]:
    """A frame: the fields of `Dnstap`, with those of its message inside."""
    found = fields_of(frame, DNSTAP)
    found["message"] = fields_of(found["message"], MESSAGE)
    return found


def control(kind: int, *types: bytes) -> bytes:
    """A control frame with its escape, spelled out."""
    body = kind.to_bytes(4, "big")
    for each in types:
        body += b"\0\0\0\1" + len(each).to_bytes(4, "big") + each
    return b"\0\0\0\0" + len(body).to_bytes(4, "big") + body


ACCEPT, START, STOP, READY, FINISH = range(1, 6)


@dataclass
class Reader:
    """A reader of frame streams, on a Unix socket."""

    path: Path
    accepts: bytes = control(ACCEPT, CONTENT_TYPE)
    connections: int = 0
    frames: list[bytes] = field(default_factory=list)
    controls: list[bytes] = field(default_factory=list)  # in the order in which they came
    came: asyncio.Condition = field(default_factory=asyncio.Condition)
    is_reading: asyncio.Event = field(default_factory=asyncio.Event)  # else it leaves all unread
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def listen(self) -> None:
        self.is_reading.set()
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def close(self) -> None:
        """Listen no more, and end what is open."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self.path.unlink(missing_ok=True)

    async def until(self, frames: int = 0, controls: int = 0) -> None:
        """Wait until so many have come."""
        async with asyncio.timeout(10), self.came:
            await self.came.wait_for(
                lambda: len(self.frames) >= frames and len(self.controls) >= controls
            )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await self.is_reading.wait()
                size = int.from_bytes(await reader.readexactly(4), "big")
                is_control = size == 0
                if is_control:
                    size = int.from_bytes(await reader.readexactly(4), "big")
                octets = await reader.readexactly(size)
                if is_control and octets[3] == READY:
                    writer.write(self.accepts)
                if is_control and octets[3] == STOP:
                    writer.write(control(FINISH))
                async with self.came:
                    (self.controls if is_control else self.frames).append(octets)
                    self.came.notify_all()
        writer.close()


@contextlib.asynccontextmanager
async def reading(path: Path) -> AsyncIterator[Reader]:
    """A reader that listens."""
    reader = Reader(path)
    await reader.listen()
    try:
        yield reader
    finally:
        await reader.close()
