"""UDP: a pump that answers up to a batch of datagrams each time the socket is readable."""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from time import monotonic

from resolver.cache import Cache
from resolver.counters import Counters
from resolver.forward.forwarder import Forwarder
from resolver.generation import Published
from resolver.listen.faults import forward, serve_safely
from resolver.listen.memos import Memos
from resolver.listen.pumps import Control, Kind, Peer, choose, make_memo, make_pump
from resolver.listen.sockets import Bound, reply_control
from resolver.listen.strangers import Strangers
from resolver.listen.witness import Seen, Witness, local_address
from resolver.memo import Memo
from resolver.outcome import Forward, Outcome, Rcode, Reason, Reply
from resolver.query import handle
from resolver.views import Door

LAST_BATCHES = 256  # at the end: more than the receive buffer holds
STRANGER = Reason.UNKNOWN_CLIENT  # at hand: finding a member of an enumeration takes a while

log = logging.getLogger("sightline.udp")


class DatagramListener:
    """Answers one UDP socket; `stop` is immediate, since nothing is ever half done."""

    def __init__(
        self,
        bound: Bound,
        door: Door,
        published: Published,
        counters: Counters,
        forwarder: Forwarder | None = None,
        *,
        pump: Kind = "auto",
    ) -> None:
        self.socket = bound.udp
        self.address = bound.address
        self.door = door
        self.published = published
        self.counters = counters
        self.forwarder = forwarder  # None: nothing is asked of anybody, and nothing cached
        self.cache: Cache | None = forwarder.cache if forwarder is not None else None
        self.strangers = Strangers()
        self.witness: Witness | None = None  # to be set before it starts
        kind = choose(pump)
        make = partial(make_memo, kind)
        self.memos = Memos(door, published.generation, make, counters, self.cache)
        what = (self._find_memo, self._answer, self._failed)
        self._pump = make_pump(kind, self.socket, bound.is_wildcard, *what)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self.socket.fileno(), self.drain)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer what the kernel still holds, then listen no more."""
        loop.remove_reader(self.socket.fileno())
        for _ in range(LAST_BATCHES):
            if not self.drain():
                return

    def drain(self) -> bool:
        """Answer what is here, up to a bound; False when nothing is left."""
        memos, generation = self.memos, self.published.generation
        if generation is not memos.generation and memos.turn_to(generation):
            self._pump.forget_sources()
        memos.shrink()
        return self._pump.drain()

    def _find_memo(self, source: str) -> Memo | None:
        if self.witness is not None:
            return None
        try:
            return self.memos.find(source)
        except Exception:  # noqa: BLE001  # `_answer` meets the same, and reports it
            return None

    def _answer(
        self, wire: bytes, peer: Peer, control: Control | None, memo: Memo | None
    ) -> bytes | None:
        """The reply that can be sent now; others are sent when upstreams have answered.

        With a `memo` the reply is worth keeping there.
        """
        now, source = monotonic(), peer[0]
        seen = None if self.witness is None else self._see(wire, peer, control, now)
        try:
            denied = self.memos.deny(wire, source, now)
            if denied is not None:
                return denied
            outcome = handle(wire, source, self.door, self.published.generation, now, self.cache)
            if type(outcome) is Forward:
                respond = partial(self._respond, peer, control, now, seen)
                forward(self.forwarder, outcome, respond)
                return None
            if type(outcome) is Reply:
                if outcome.rcode == Rcode.NXDOMAIN:
                    self.memos.learn(wire, source, outcome)
                elif outcome.reason is STRANGER:
                    self.strangers.note(source, "udp", now)
                if memo is not None:
                    self.memos.remember(memo, wire, source, outcome, now)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            outcome = serve_safely(wire, fault, log)
        self.counters.count(outcome, "udp", monotonic() - now)
        if seen is not None and self.witness is not None:
            self.witness.answers(seen, outcome)
        return outcome.wire if isinstance(outcome, Reply) else None

    def _see(self, wire: bytes, peer: Peer, control: Control | None, now: float) -> Seen | None:
        """Tell that a message has come."""
        local = (local_address(control, self.address.host), self.address.port)
        seen = Seen(wire, peer[0], peer[1], local, self.door, now)
        if self.witness is not None:
            self.witness.asks(seen)
        return seen

    def _respond(
        self,
        peer: Peer,
        control: Control | None,
        asked: float,
        seen: Seen | None,
        outcome: Outcome,
    ) -> None:
        """Send a reply for which upstreams were asked."""
        self.counters.count(outcome, "udp", monotonic() - asked)
        if seen is not None and self.witness is not None:
            self.witness.answers(seen, outcome)
        if not isinstance(outcome, Reply):
            return
        try:
            if control is None:
                self.socket.sendto(outcome.wire, peer)
            else:
                self.socket.sendmsg((outcome.wire,), reply_control(control), 0, peer)
        except OSError as error:  # a full buffer included: the client asks again
            self._failed(error.errno or 0)

    def _failed(self, number: int) -> None:
        """The network refused: the client asks again; nothing is kept for it."""
        self.counters.dropped["send_failed"] += 1
        log.debug("udp: %s", os.strerror(number))
