"""UDP: a drain loop that answers up to a batch of datagrams each time the socket is readable."""

from __future__ import annotations

import asyncio
import logging
import socket

from resolver.counters import Counters
from resolver.generation import Published
from resolver.listen.faults import serve_safely
from resolver.listen.sockets import Bound, reply_control
from resolver.outcome import Reply
from resolver.query import handle
from resolver.views import Door

BATCH = 64  # datagrams a wake-up; more would starve TCP and timers
LARGEST = 65535
CONTROL_SIZE = socket.CMSG_SPACE(20)  # in6_pktinfo

log = logging.getLogger("sightline.udp")


class DatagramListener:
    """Answers one UDP socket; `close` is immediate, since nothing is ever half done."""

    def __init__(self, bound: Bound, door: Door, published: Published, counters: Counters) -> None:
        self.socket = bound.udp
        self.door = door
        self.published = published
        self.counters = counters
        self.drain = self._drain_wildcard if bound.is_wildcard else self._drain_bound

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self.socket.fileno(), self.drain)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer what the kernel still holds, then listen no more."""
        loop.remove_reader(self.socket.fileno())
        self.drain()

    def _drain_bound(self) -> None:
        receive, send, door = self.socket.recvfrom, self.socket.sendto, self.door
        counters, generation = self.counters, self.published.generation
        for _ in range(BATCH):
            try:
                wire, peer = receive(LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._failed(error)
                return
            try:
                outcome = handle(wire, peer[0], door, generation)
            except Exception as fault:  # noqa: BLE001  # the one net of this entry point
                outcome = serve_safely(wire, fault, log)
            counters.count(outcome, "udp")
            if isinstance(outcome, Reply):
                try:
                    send(outcome.wire, peer)
                except OSError as error:
                    self._failed(error)

    def _drain_wildcard(self) -> None:
        """The same for 0.0.0.0 and [::]: the reply leaves from the address that was asked."""
        receive, send, door = self.socket.recvmsg, self.socket.sendmsg, self.door
        counters, generation = self.counters, self.published.generation
        for _ in range(BATCH):
            try:
                wire, control, _flags, peer = receive(LARGEST, CONTROL_SIZE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._failed(error)
                return
            try:
                outcome = handle(wire, peer[0], door, generation)
            except Exception as fault:  # noqa: BLE001  # the one net of this entry point
                outcome = serve_safely(wire, fault, log)
            counters.count(outcome, "udp")
            if isinstance(outcome, Reply):
                try:
                    send((outcome.wire,), reply_control(control), 0, peer)
                except OSError as error:
                    self._failed(error)

    def _failed(self, error: OSError) -> None:
        """The network refused: the client asks again; nothing is kept for it."""
        self.counters.dropped["send_failed"] += 1
        log.debug("udp: %s", error)
