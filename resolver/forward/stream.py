"""TCP and TLS to upstreams: one connection each, kept open, with many questions under way.

RFC 7766 6.2.1: pipelined, answers in any order, known by their IDs; RFC 7858 for TLS, where the
certificate must bear the name that was written.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from resolver.forward.exchange import Attempt
from resolver.forward.udp import Taker, reason_of
from resolver.zones.upstream import Upstream

KEEP = 30.0  # seconds that an idle connection is kept (RFC 7766 6.2.3)
SILENCE = 0.4  # seconds without a word, after which an attempt that is given up tells on it
CONNECT_TIMEOUT = 3.0  # seconds, TLS included
MAX_BUFFER = 1 << 20  # octets that an upstream may leave unread


class Stream:
    """One upstream's connection, made when it is needed."""

    def __init__(self, upstream: Upstream, taker: Taker, context: ssl.SSLContext | None) -> None:
        self.upstream = upstream
        self._taker = taker
        self._context = context
        self._waiting: list[Attempt] = []  # for the connection
        # The last takes questions; one that could not is there until nobody waits on it.
        self._connections: list[_Connection] = []
        self._connecting: asyncio.Task[None] | None = None

    def send(self, attempt: Attempt) -> None:
        """Send an attempt on the connection, or as soon as there is one."""
        if self._connections and self._connections[-1].send(attempt):
            return
        self._waiting.append(attempt)
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())

    def cancel(self, attempt: Attempt) -> None:
        """Wait for an attempt no more."""
        if attempt in self._waiting:
            self._waiting.remove(attempt)
        for connection in self._connections:
            connection.forget(attempt)

    def close(self) -> None:
        """End every connection."""
        if self._connecting is not None:
            self._connecting.cancel()
        for connection in self._connections:
            connection.end()

    async def _connect(self) -> None:
        reason, is_ours = "closed", False
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, made = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self._taker.deliver, self._lost),
                    str(self.upstream.address),
                    self.upstream.port,
                    ssl=self._context,
                    server_hostname=self.upstream.name if self._context is not None else None,
                )
            self._connections.append(made)
        except ssl.SSLCertVerificationError:
            reason = "certificate"
        except ssl.SSLError:
            reason = "tls"
        except OSError as error:
            reason = reason_of(error)
            is_ours = reason == "local"
        self._connecting = None
        waiting, self._waiting = self._waiting, []
        for attempt in waiting:
            if not self._connections or not self._connections[-1].send(attempt):
                self._taker.fail(attempt, reason, is_ours=is_ours)

    def _lost(self, connection: _Connection, pending: list[Attempt]) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
        for attempt in pending:
            # An idle connection may be closed just as it is used again: once more, on a new one.
            if connection.has_answered and not attempt.was_resent:
                attempt.was_resent = True
                self.send(attempt)
            else:
                self._taker.fail(attempt, "closed")


class _Connection(asyncio.Protocol):
    def __init__(
        self,
        deliver: Callable[[Attempt, bytes], None],
        lost: Callable[[_Connection, list[Attempt]], None],
    ) -> None:
        self._deliver = deliver
        self._lost = lost
        self._received = bytearray()
        self._pending: dict[bytes, Attempt] = {}
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self.has_answered = False
        self._heard = 0.0  # when anything last came
        self._is_retired = False  # it takes no more, and ends when nobody waits on it

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._heard = asyncio.get_running_loop().time()

    def send(self, attempt: Attempt) -> bool:
        """Send; False when the connection takes nothing more."""
        transport = self._transport
        if transport is None or transport.is_closing() or attempt.ident in self._pending:
            return False
        if self._is_retired:
            return False
        if transport.get_write_buffer_size() > MAX_BUFFER:
            return False
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._pending[attempt.ident] = attempt
        transport.write(len(attempt.wire).to_bytes(2, "big") + attempt.wire)
        return True

    def forget(self, attempt: Attempt) -> None:
        if self._pending.get(attempt.ident) is attempt:
            del self._pending[attempt.ident]
            # A peer that vanished without a word would be waited for until the kernel gives up.
            waited = asyncio.get_running_loop().time() - max(self._heard, attempt.sent)
            self._is_retired = self._is_retired or waited >= SILENCE
            self._rest()

    def end(self) -> None:
        self._pending.clear()
        if self._idle is not None:
            self._idle.cancel()
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        received = self._received
        received += data
        start = 0
        while len(received) - start >= 2:
            end = start + 2 + (received[start] << 8 | received[start + 1])
            if len(received) < end:
                break
            wire = bytes(received[start + 2 : end])
            start = end
            attempt = self._pending.pop(wire[:2], None)
            if attempt is not None:  # what nobody waits for is passed over
                self.has_answered = True
                self._deliver(attempt, wire)
        del received[:start]
        self._rest()

    def _rest(self) -> None:
        """With nothing under way, the connection is kept for a while."""
        if self._is_retired and not self._pending and self._transport is not None:
            self._transport.abort()
        elif not self._pending and self._idle is None and self._transport is not None:
            self._idle = asyncio.get_running_loop().call_later(KEEP, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        pending, self._pending = list(self._pending.values()), {}
        self._lost(self, pending)
