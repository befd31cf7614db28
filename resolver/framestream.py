"""Frame streams (fstrm) to a Unix socket: handshake, frames, and another connection when one ends.

Whoever has frames never waits: what is not sent yet is bounded, and beyond that it is lost and
counted. The protocol: a frame is its length and octets; length 0 escapes a control frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from collections.abc import Callable

from resolver.faultlog import report_fault

ACCEPT, START, STOP, READY, FINISH = range(1, 6)
CONTENT_TYPE_FIELD = 1
MOST_CONTROL = 512  # octets of a control frame, as the reference has it
MOST_FRAMES, MOST_OCTETS = 20_000, 8 * 1024 * 1024  # that wait to be sent
TOGETHER = 0.02  # seconds: what comes within them is sent at once
HANDSHAKE = 5.0  # seconds
RETRY = 1.0  # seconds between two attempts to connect

log = logging.getLogger("sightline.dnstap")
_TWO = struct.Struct("!II")


class BadFrame(Exception):
    """The other side does not speak frame streams."""


def control_frame(kind: int, content_type: bytes | None = None) -> bytes:
    """A control frame with its escape."""
    body = kind.to_bytes(4, "big")
    if content_type is not None:
        body += _TWO.pack(CONTENT_TYPE_FIELD, len(content_type)) + content_type
    return _TWO.pack(0, len(body)) + body


def read_control(body: bytes) -> tuple[int, list[bytes]]:
    """The kind of a control frame and its content types; raises BadFrame."""
    kind, position, types = int.from_bytes(body[:4], "big"), 4, []
    while position < len(body):
        if position + 8 > len(body):
            raise BadFrame("a field of a control frame is cut off")
        field, size = _TWO.unpack_from(body, position)
        if field != CONTENT_TYPE_FIELD or position + 8 + size > len(body):
            raise BadFrame("a field of a control frame is not understood")
        types.append(body[position + 8 : position + 8 + size])
        position += 8 + size
    return kind, types


class FrameStream:
    """Sends frames of one content type; connects for as long as it is not stopped."""

    def __init__(
        self,
        path: str,
        content_type: bytes,
        lost: Callable[[int], None],
        *,
        retry: float = RETRY,
    ) -> None:
        self.path = path
        self._content_type = content_type
        self._lost = lost  # told how many frames
        self._retry = retry
        self._frames: list[bytes] = []  # each with its length in front
        self._octets = 0
        self._due = asyncio.Event()  # there is something to do
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._is_told = False  # that nobody is there
        self.is_connected = False

    def put(self, frame: bytes) -> None:
        """Send a frame as soon as somebody takes it."""
        frames = self._frames
        if len(frames) >= MOST_FRAMES or self._octets + len(frame) > MOST_OCTETS:
            self._lost(1)
            return
        frames.append(len(frame).to_bytes(4, "big") + frame)
        self._octets += len(frame)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TOGETHER, self._wake)

    def start(self) -> None:
        """Connect, now and whenever it is needed."""
        self._task = asyncio.create_task(self._run())

    async def stop(self, grace: float) -> None:
        """Send what is there and say that it is the end, for at most `grace` seconds."""
        self._is_stopping = True
        self._due.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=grace if self.is_connected else 0)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._lose(self._take())

    def _wake(self) -> None:
        self._timer = None
        self._due.set()

    def _take(self) -> list[bytes]:
        frames, self._frames, self._octets = self._frames, [], 0
        return frames

    def _lose(self, frames: list[bytes]) -> None:
        if frames:
            self._lost(len(frames))

    async def _run(self) -> None:
        while not self._is_stopping:
            writer = None
            try:
                reader, writer = await asyncio.open_unix_connection(self.path)
                async with asyncio.timeout(HANDSHAKE):
                    await self._shake_hands(reader, writer)
                await self._carry(reader, writer)
            except (OSError, TimeoutError, EOFError, BadFrame) as error:
                self._tell(error)
            except Exception as fault:  # noqa: BLE001  # the one net of this task
                report_fault(log, "sending dnstap messages", fault)
            finally:
                self.is_connected = False
                if writer is not None:
                    writer.transport.abort()
            if not self._is_stopping:
                await asyncio.sleep(self._retry)

    def _tell(self, error: Exception) -> None:
        """Once, until somebody is there again."""
        if not self._is_told and not self._is_stopping:
            self._is_told = True
            why = str(error) or type(error).__name__
            log.warning("dnstap: nobody takes messages at %s: %s", self.path, why)

    async def _shake_hands(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(control_frame(READY, self._content_type))
        kind, types = await _next_control(reader)
        if kind != ACCEPT or (types and self._content_type not in types):
            raise BadFrame("the other side does not accept dnstap")
        writer.write(control_frame(START, self._content_type))
        self.is_connected, self._is_told = True, False
        log.info("dnstap: messages go to %s", self.path)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send what there is until the other side has gone, or it is the end."""
        reading = asyncio.create_task(reader.read(1))  # it says nothing before FINISH
        reading.add_done_callback(lambda _: self._due.set())
        try:
            while not reading.done():
                await self._send(writer, self._take())
                if self._is_stopping:
                    await self._finish(reading, writer)
                    return
                await self._due.wait()
                self._due.clear()
            raise EOFError("it has closed the connection")
        finally:
            reading.cancel()

    async def _send(self, writer: asyncio.StreamWriter, frames: list[bytes]) -> None:
        if not frames:
            return
        try:
            writer.write(b"".join(frames))
            await writer.drain()
        except BaseException:
            self._lose(frames)  # how many of them have arrived, nobody knows
            raise

    async def _finish(self, reading: asyncio.Task[bytes], writer: asyncio.StreamWriter) -> None:
        writer.write(control_frame(STOP))
        await writer.drain()
        await reading  # FINISH, or the end of the connection


async def _next_control(reader: asyncio.StreamReader) -> tuple[int, list[bytes]]:
    escape, size = _TWO.unpack(await reader.readexactly(8))
    if escape != 0 or not 4 <= size <= MOST_CONTROL:
        raise BadFrame("the other side does not speak frame streams")
    return read_control(await reader.readexactly(size))
