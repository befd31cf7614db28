"""Copies of messages for dnstap: those of clients and those of upstreams."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable

from resolver import __version__
from resolver.dnstap import KINDS, Encoder, Message
from resolver.forward.exchange import Attempt
from resolver.listen.witness import Seen
from resolver.log_config import DnstapConfig
from resolver.outcome import Outcome, Reply

MOST_REMEMBERED = 65536  # addresses


class Tap:
    """Makes frames of the messages that are wished for; `put` sends one."""

    def __init__(
        self,
        config: DnstapConfig,
        put: Callable[[bytes], None],
        *,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        identity = config.identity or socket.gethostname()
        version = config.version or f"Sightline {__version__}"
        self._encode = Encoder(identity.encode(), version.encode()).encode
        self._put = put
        self._wall, self._clock = wall, clock
        self._wanted = frozenset(KINDS[word] for word in config.messages)
        self._packed: dict[str, bytes] = {}
        self.is_for_clients = any(word.startswith("client") for word in config.messages)
        self.is_for_upstreams = any(word.startswith("forwarder") for word in config.messages)

    def asks(self, seen: Seen) -> None:
        """A client's query."""
        kind = KINDS["client_query"]
        if kind in self._wanted:
            began = self._wall() - (self._clock() - seen.asked)
            ends = self._ends(seen)
            what = (kind, seen.door.transport, *ends, began, None, seen.wire)
            self._put(self._encode(Message(*what)))

    def answers(self, seen: Seen, outcome: Outcome) -> None:
        """The reply to it; its environment goes along as `extra`."""
        kind = KINDS["client_response"]
        if kind in self._wanted and isinstance(outcome, Reply):
            now = self._wall()
            began = now - (self._clock() - seen.asked)
            what = (kind, seen.door.transport, *self._ends(seen), began, now, outcome.wire)
            self._put(self._encode(Message(*what, outcome.environment.encode())))

    def sent(self, attempt: Attempt) -> None:
        """A query of ours to an upstream."""
        kind = KINDS["forwarder_query"]
        if kind in self._wanted:
            began = self._wall() - (self._clock() - attempt.sent)
            self._put(self._encode(self._forwarded(kind, attempt, began, None, attempt.wire)))

    def received(self, attempt: Attempt, wire: bytes) -> None:
        """What came back, whatever it is worth."""
        kind = KINDS["forwarder_response"]
        if kind in self._wanted:
            now = self._wall()
            began = now - (self._clock() - attempt.sent)
            self._put(self._encode(self._forwarded(kind, attempt, began, now, wire)))

    def _forwarded(
        self, kind: int, attempt: Attempt, began: float, now: float | None, wire: bytes
    ) -> Message:
        upstream, environment = attempt.standing.upstream, attempt.standing.environment
        there = (upstream.address.packed, upstream.port)
        # Of a connected socket, our own address is not known without asking the kernel.
        what = (kind, attempt.transport, None, there, began, now, wire)
        return Message(*what, environment.encode())

    def _ends(self, seen: Seen) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
        host, port = seen.local
        return (self._pack(seen.source), seen.port), (self._pack(host), port)

    def _pack(self, address: str) -> bytes:
        found = self._packed.get(address)
        if found is None:
            if len(self._packed) >= MOST_REMEMBERED:
                self._packed.clear()
            found = ipaddress.ip_address(address.partition("%")[0]).packed
            self._packed[address] = found
        return found
