"""UDP: a drain loop that answers up to a batch of datagrams each time the socket is readable."""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial
from time import monotonic

from resolver.cache import Cache
from resolver.counters import Counters
from resolver.forward.forwarder import Forwarder
from resolver.generation import Published
from resolver.listen.faults import forward, serve_safely
from resolver.listen.sockets import Bound, reply_control
from resolver.outcome import Forward, Outcome, Reply
from resolver.query import handle
from resolver.views import Door

BATCH = 64  # datagrams a wake-up; more would starve TCP and timers
LAST_BATCHES = 1024  # at the end: more than the receive buffer holds
LARGEST = 65535
CONTROL_SIZE = socket.CMSG_SPACE(20)  # in6_pktinfo

Peer = tuple[str, int]  # IPv6 has more: flow and scope
Control = list[tuple[int, int, bytes]]

log = logging.getLogger("sightline.udp")


class DatagramListener:
    """Answers one UDP socket; `close` is immediate, since nothing is ever half done."""

    def __init__(
        self,
        bound: Bound,
        door: Door,
        published: Published,
        counters: Counters,
        forwarder: Forwarder | None = None,
    ) -> None:
        self.socket = bound.udp
        self.door = door
        self.published = published
        self.counters = counters
        self.forwarder = forwarder  # None: nothing is asked of anybody, and nothing cached
        self.cache: Cache | None = forwarder.cache if forwarder is not None else None
        self.drain = self._drain_wildcard if bound.is_wildcard else self._drain_bound

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self.socket.fileno(), self.drain)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer what the kernel still holds, then listen no more."""
        loop.remove_reader(self.socket.fileno())
        for _ in range(LAST_BATCHES):
            if not self.drain():
                return

    def _drain_bound(self) -> bool:
        """Answer a batch; False when nothing is left."""
        receive, send, answer = self.socket.recvfrom, self.socket.sendto, self._answer
        now = monotonic()
        for _ in range(BATCH):
            try:
                wire, peer = receive(LARGEST)
                reply = answer(wire, peer, now, None)
                if reply is not None:
                    send(reply, peer)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                self._failed(error)
        return True

    def _drain_wildcard(self) -> bool:
        """The same for 0.0.0.0 and [::]: the reply leaves from the address that was asked."""
        receive, send, answer = self.socket.recvmsg, self.socket.sendmsg, self._answer
        now = monotonic()
        for _ in range(BATCH):
            try:
                wire, control, _flags, peer = receive(LARGEST, CONTROL_SIZE)
                reply = answer(wire, peer, now, control)
                if reply is not None:
                    send((reply,), reply_control(control), 0, peer)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                self._failed(error)
        return True

    def _answer(self, wire: bytes, peer: Peer, now: float, control: Control | None) -> bytes | None:
        """The reply that can be sent now; others are sent when upstreams have answered."""
        try:
            outcome = handle(wire, peer[0], self.door, self.published.generation, now, self.cache)
            if type(outcome) is Forward:
                forward(self.forwarder, outcome, partial(self._respond, peer, control))
                return None
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            outcome = serve_safely(wire, fault, log)
        self.counters.count(outcome, "udp")
        return outcome.wire if isinstance(outcome, Reply) else None

    def _respond(self, peer: Peer, control: Control | None, outcome: Outcome) -> None:
        """Send a reply for which upstreams were asked."""
        self.counters.count(outcome, "udp")
        if not isinstance(outcome, Reply):
            return
        try:
            if control is None:
                self.socket.sendto(outcome.wire, peer)
            else:
                self.socket.sendmsg((outcome.wire,), reply_control(control), 0, peer)
        except OSError as error:  # a full buffer included: the client asks again
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        """The network refused: the client asks again; nothing is kept for it."""
        self.counters.dropped["send_failed"] += 1
        log.debug("udp: %s", error)
