"""TCP: framed messages, many to a connection, with bounds on idleness, slowness and memory.

RFC 7766: pipelined queries are answered in turn; RFC 9210: a connection stays open while used.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from functools import partial
from time import monotonic
from typing import cast

from resolver.counters import Counters
from resolver.forward.forwarder import Forwarder
from resolver.generation import Published
from resolver.listen.faults import forward, serve_safely
from resolver.listen.sockets import BACKLOG, Bound
from resolver.listen.strangers import Strangers
from resolver.listen.witness import Seen, Witness
from resolver.outcome import Forward, Outcome, Reason, Reply
from resolver.query import handle
from resolver.views import Door

PARTIAL_TIMEOUT = 5.0  # seconds for the rest of a message
STALLED_TIMEOUT = 10.0  # seconds that a client may leave its replies unread
WRITE_BUFFER = 256 * 1024  # octets of unread replies; above, we read no more questions
BATCH = 64  # messages of one connection before others have a turn
MAX_PENDING = 100  # questions of one connection for which upstreams are asked

log = logging.getLogger("sightline.tcp")


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, listener: StreamListener) -> None:
        self.listener = listener
        self.received = bytearray()
        self.source, self.port = "", 0
        self.active = 0.0  # when something last moved
        self.stalled: float | None = None  # since when the client reads nothing
        self.is_ending = False  # the client sends no more
        self.is_waiting = False  # a turn is scheduled
        self.is_reading = True
        self.pending = 0  # questions for which upstreams are asked
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if peer is None:  # gone before it was accepted
            self.transport.abort()
            return
        self.source, self.port = peer[:2]
        self.transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self.listener.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.listener.remove(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._answer()

    def eof_received(self) -> bool:
        self.is_ending = True
        self._answer()
        return True

    def pause_writing(self) -> None:
        self.stalled = self.listener.loop.time()

    def resume_writing(self) -> None:
        self.stalled = None
        self._answer()

    def _answer(self) -> None:
        """Answer the complete messages that are here, a batch at a time."""
        self.is_waiting = False
        received, listener, transport = self.received, self.listener, self.transport
        start = 0
        for _ in range(BATCH):
            if transport.is_closing():
                received.clear()
                return
            if self._is_held_up or len(received) - start < 2:
                break
            end = start + 2 + (received[start] << 8 | received[start + 1])
            if len(received) < end:
                break
            wire = bytes(received[start + 2 : end])
            start = end
            listener.answer(self, wire)
        del received[:start]
        if start:
            self.touch()
        is_behind, is_held_up = self._has_message(), self._is_held_up
        self._read_on(not is_behind and not is_held_up)
        if is_behind and not is_held_up:
            self.go_on()
        elif self.is_ending and not is_behind and not self.pending:
            transport.close()  # what is written still goes out

    @property
    def _is_held_up(self) -> bool:
        """Whether the client reads nothing, or has more asked of upstreams than it may."""
        return self.stalled is not None or self.pending >= MAX_PENDING

    def go_on(self) -> None:
        """Answer what is here as soon as others have had their turn."""
        if not self.is_waiting:
            self.is_waiting = True
            self.listener.loop.call_soon(self._answer)

    def _read_on(self, wanted: bool) -> None:
        """Take more questions only while those that are here are answered and read."""
        if wanted is not self.is_reading:
            self.is_reading = wanted
            if wanted:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _has_message(self) -> bool:
        received = self.received
        return len(received) >= 2 and len(received) >= 2 + (received[0] << 8 | received[1])

    def touch(self) -> None:
        self.active = self.listener.loop.time()
        if self in self.listener.connections:
            self.listener.connections.move_to_end(self)

    def is_overdue(self, now: float, idle: float) -> bool:
        """Whether the client was slower than it may be."""
        if self.stalled is not None:
            return now - self.stalled > STALLED_TIMEOUT
        if self.pending:  # it waits for us
            return False
        allowed = min(PARTIAL_TIMEOUT, idle) if self.received else idle
        return now - self.active > allowed


class StreamListener:
    """Accepts the connections of one TCP socket and answers on them."""

    def __init__(
        self,
        bound: Bound,
        door: Door,
        published: Published,
        counters: Counters,
        forwarder: Forwarder | None = None,
        *,
        max_connections: int,
        idle: float,
    ) -> None:
        self.forwarder = forwarder
        self.cache = forwarder.cache if forwarder is not None else None
        self.socket = bound.tcp
        self.door = door
        self.published = published
        self.counters = counters
        self.max_connections = max_connections
        self.idle = idle
        self.strangers = Strangers()
        self.witness: Witness | None = None  # to be set before it starts
        # Least recently active first.
        self.connections: OrderedDict[Connection, None] = OrderedDict()
        self.loop: asyncio.AbstractEventLoop
        self._drained: asyncio.Event | None = None  # while stopping
        self._server: asyncio.Server
        self._sweeper: asyncio.TimerHandle

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._server = await self.loop.create_server(
            lambda: Connection(self), sock=self.socket, backlog=BACKLOG
        )
        self._sweep()

    def add(self, connection: Connection) -> None:
        """Take a connection; when there are too many, the one idle for longest goes."""
        connection.active = self.loop.time()
        self.connections[connection] = None
        if len(self.connections) > self.max_connections:
            oldest = next(iter(self.connections))
            self.connections.pop(oldest)
            oldest.transport.abort()
            self.counters.dropped["tcp_evicted"] += 1

    def remove(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        if not self.connections and self._drained is not None:
            self._drained.set()

    def answer(self, connection: Connection, wire: bytes) -> None:
        """Answer one message; what is no query ends nothing and gets nothing."""
        now = monotonic()
        seen = None if self.witness is None else self._see(connection, wire, now)
        try:
            generation, cache = self.published.generation, self.cache
            outcome = handle(wire, connection.source, self.door, generation, now, cache)
            if isinstance(outcome, Forward):
                connection.pending += 1
                forward(self.forwarder, outcome, partial(self._respond, connection, now, seen))
                return
            if isinstance(outcome, Reply) and outcome.reason is Reason.UNKNOWN_CLIENT:
                self.strangers.note(connection.source, "tcp", now)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            outcome = serve_safely(wire, fault, log)
        self._give(connection, now, seen, outcome)

    def _see(self, connection: Connection, wire: bytes, now: float) -> Seen:
        """Tell that a message has come."""
        host, port = connection.transport.get_extra_info("sockname")[:2]
        seen = Seen(wire, connection.source, connection.port, (host, port), self.door, now)
        if self.witness is not None:
            self.witness.asks(seen)
        return seen

    def _respond(
        self, connection: Connection, asked: float, seen: Seen | None, outcome: Outcome
    ) -> None:
        """Send a reply for which upstreams were asked, if the client is still there."""
        self._give(connection, asked, seen, outcome)
        connection.pending -= 1
        connection.touch()
        if not connection.transport.is_closing():
            connection.go_on()

    def _give(
        self, connection: Connection, asked: float, seen: Seen | None, outcome: Outcome
    ) -> None:
        self.counters.count(outcome, "tcp", monotonic() - asked)
        if seen is not None and self.witness is not None:
            self.witness.answers(seen, outcome)
        if isinstance(outcome, Reply) and not connection.transport.is_closing():
            connection.transport.write(len(outcome.wire).to_bytes(2, "big") + outcome.wire)

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in [c for c in self.connections if c.is_overdue(now, self.idle)]:
            # With replies unread, `close` would wait for the client for ever.
            connection.transport.abort()
            self.remove(connection)
            self.counters.dropped["tcp_timeout"] += 1
        self._sweeper = self.loop.call_later(1.0, self._sweep)

    async def stop(self, grace: float) -> None:
        """Accept no more; let what was written go out for at most `grace` seconds."""
        self._sweeper.cancel()
        self._server.close()
        for connection in list(self.connections):
            connection.transport.close()
        if self.connections:
            self._drained = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), grace)
        for connection in list(self.connections):
            connection.transport.abort()
