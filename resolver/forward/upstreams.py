"""The upstreams of each environment: what is known of them, their connections, their probes.

Nothing of an upstream is shared between environments, neither connections nor what was learned of
it: an environment that makes it slow or silent does not change whom others ask.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import socket
import ssl
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from time import monotonic
from typing import Protocol

from resolver import message
from resolver.faultlog import report_fault
from resolver.forward.exchange import Attempt, find_strange
from resolver.forward.https import Https
from resolver.forward.probes import UNWANTED, Probes
from resolver.forward.standing import Standing
from resolver.forward.stream import Stream
from resolver.forward.udp import Datagrams, Taker
from resolver.generation import View
from resolver.names import ROOT
from resolver.outcome import Asked, Forward
from resolver.routes import Route
from resolver.rrsets import NS, SOA
from resolver.views import Door
from resolver.zones.upstream import Upstream

MAX_STANDINGS = 4096  # servers of delegations come and go
MAX_LEFT = 200  # attempts of exchanges that have ended: each keeps a socket
LATE = 2.0  # seconds that a reply may come after its exchange has ended
POOL = 8192  # octets of randomness fetched at a time
_DOOR = Door("tcp", 65535)

log = logging.getLogger("sightline.forward")


class Entropy:
    """Octets that nobody can foretell, fetched from the kernel in larger pieces."""

    __slots__ = ("_pool", "_position")

    def __init__(self) -> None:
        self._pool = b""
        self._position = 0

    def __call__(self, count: int) -> bytes:
        end = self._position + count
        if end > len(self._pool):
            self._pool, self._position, end = os.urandom(max(POOL, count)), 0, count
        found = self._pool[self._position : end]
        self._position = end
        return found


class Transport(Protocol):
    """A way to one upstream; see `stream` and `https`."""

    def send(self, attempt: Attempt) -> None: ...
    def cancel(self, attempt: Attempt) -> None: ...
    def close(self) -> None: ...


class Judge(Taker, Protocol):
    """Who judges what comes back: the forwarder."""

    def fault(self, attempt: Attempt, fault: Exception) -> None: ...


class Witness(Protocol):
    """Sees what goes to upstreams and what comes back; raises nothing."""

    def sent(self, attempt: Attempt) -> None: ...
    def received(self, attempt: Attempt, wire: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Trust:
    """What is believed of upstreams."""

    ca_file: str | None = None  # None: the CAs of the system
    ad: bool = False  # AD of upstreams over an encrypted or loopback path is passed on


def root_questions(view: View) -> Iterator[Forward]:
    """`. NS` and `. SOA`, where a view has somebody to ask for them."""
    route = view.forwarding.find(ROOT)
    for qtype in (NS, SOA) if route is not None else ():
        assert route is not None
        question = ROOT + qtype.to_bytes(2, "big") + b"\0\1"
        wire = bytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + question
        query = message.read(wire)
        assert query is not None
        asked = Asked(wire, query, view, _DOOR, None, "127.0.0.1")
        key = (question, 0, view.forwarding.place)
        yield Forward(asked, ROOT, qtype, key, route, None, None)


class Upstreams:
    """Every upstream of every environment."""

    def __init__(self, trust: Trust | None = None, own: Iterable[tuple[str, int]] = ()) -> None:
        self.trust = trust or Trust()
        self.taker: Judge
        self.witness: Witness | None = None
        self._own = frozenset(own)  # addresses and ports that we listen on
        self._is_own: dict[str, bool] = {}
        self._standings: dict[tuple[str, Upstream], Standing] = {}
        self._of_route: dict[tuple[str, int], tuple[Route, list[Standing]]] = {}
        self._transports: dict[tuple[Standing, str], Transport] = {}
        self._left: dict[Attempt, float] = {}  # of exchanges that have ended; until when
        self.probes = Probes(self.send, self._cancel, Entropy())

    @cached_property
    def _datagrams(self) -> Datagrams:
        return Datagrams(self)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.trust.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    # ---------------------------------------------------------------- who they are

    def of(self, environment: str, route: Route, now: float) -> list[Standing]:
        """The standings of a route's upstreams, ourselves left out."""
        standings = self.known(environment, route)
        for standing in standings:
            standing.wanted = now
            if standing.is_suspect and not standing.is_probed:
                self.probes.look_after([standing], now)  # it was left alone meanwhile
        return standings

    def known(self, environment: str, route: Route) -> list[Standing]:
        """The same, while nobody wants to ask them."""
        mark = (environment, id(route))
        known = self._of_route.get(mark)
        if known is None or known[0] is not route:
            found = [
                self._standing(environment, upstream)
                for upstream in route.upstreams
                if not self._is_us(upstream)
            ]
            if len(self._of_route) >= MAX_STANDINGS:
                self._of_route.clear()
            for standing in found:
                standing.is_delegated = route.is_delegation
            known = self._of_route[mark] = (route, found)
        return known[1]

    def standings(self) -> Iterator[Standing]:
        """All that are known."""
        return iter(list(self._standings.values()))

    def _standing(self, environment: str, upstream: Upstream) -> Standing:
        key = (environment, upstream)
        found = self._standings.get(key)
        if found is None:
            if len(self._standings) >= MAX_STANDINGS:
                self._forget(next(iter(self._standings)))
            found = self._standings[key] = Standing(upstream, environment)
        return found

    def retain(self, wanted: Collection[tuple[str, Upstream]], now: float) -> None:
        """Forget the upstreams that no environment names; those of delegations after a while."""
        for key, standing in list(self._standings.items()):
            is_recent = standing.is_delegated and now - standing.wanted < UNWANTED
            if key not in wanted and not is_recent:
                self._forget(key)
        self._of_route.clear()

    def _forget(self, key: tuple[str, Upstream]) -> None:
        standing = self._standings.pop(key)
        self.probes.forget(standing)
        for mark in [mark for mark in self._transports if mark[0] is standing]:
            self._transports.pop(mark).close()

    def _is_us(self, upstream: Upstream) -> bool:
        """Whether asking it would be asking ourselves."""
        address = str(upstream.address)
        if (address, upstream.port) in self._own:
            return True
        wildcard = "0.0.0.0" if upstream.address.version == 4 else "::"  # compared, not bound
        return (wildcard, upstream.port) in self._own and bool(self._is_local(address))

    def is_own(self, source: str) -> bool:
        """Whether questions come from an address of this machine, loopback aside."""
        try:
            return self._is_own[source]
        except KeyError:
            if len(self._is_own) >= MAX_STANDINGS:
                self._is_own.clear()
            address = ipaddress.ip_address(source.partition("%")[0])
            mapped = getattr(address, "ipv4_mapped", None) or address
            found = False if mapped.is_loopback else self._is_local(str(mapped))
            if found is not None:
                self._is_own[source] = found
            return bool(found)

    @staticmethod
    def _is_local(address: str) -> bool | None:
        """Only an address of this machine can be bound; None: it could not be tried."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.bind((address, 0))
        except OSError as error:
            known = error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)
            return False if known else None
        return True

    def trusts(self, upstream: Upstream) -> bool:
        """Whether its AD may be passed on (RFC 6840 5.8: over a secure path only)."""
        is_secure = upstream.transport in ("tls", "https") or upstream.address.is_loopback
        return self.trust.ad and is_secure

    # ---------------------------------------------------------------- the ways to them

    def send(self, attempt: Attempt) -> None:
        """Send an attempt on its way; whatever goes wrong is told later, never from here."""
        if self.witness is not None:
            self.witness.sent(attempt)
        try:
            self._way(attempt).send(attempt)
        except Exception as fault:  # noqa: BLE001  # such as a CA file that is gone
            report_fault(log, f"sending to {attempt.standing.name}", fault)
            loop = asyncio.get_running_loop()
            loop.call_soon(partial(self.fail, attempt, "local", is_ours=True))

    def _way(self, attempt: Attempt) -> Transport:
        if attempt.transport == "udp":
            return self._datagrams
        mark = (attempt.standing, attempt.transport)
        found = self._transports.get(mark)
        if found is None:
            upstream = attempt.standing.upstream
            context = self._context if attempt.transport in ("tls", "https") else None
            kind = Https if attempt.transport == "https" else Stream
            found = self._transports[mark] = kind(upstream, self, context)
        return found

    def deliver(self, attempt: Attempt, wire: bytes) -> None:
        """Pass on what came back; ends what the exchange has no more use for."""
        if self.witness is not None:
            self.witness.received(attempt, wire)
        try:
            if attempt.exchange is None:
                self.probes.answered(attempt, wire, monotonic())
            else:
                self.taker.deliver(attempt, wire)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            self.taker.fault(attempt, fault)

    def fail(self, attempt: Attempt, reason: str, *, is_ours: bool = False) -> None:
        """Pass on that the network refused."""
        try:
            if attempt.exchange is not None:
                self.taker.fail(attempt, reason, is_ours=is_ours)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            self.taker.fault(attempt, fault)

    def leave(self, attempts: Sequence[Attempt]) -> None:
        """Hear what is still under way of an exchange that has ended, for the latency's sake."""
        for attempt in attempts:
            if len(self._left) < MAX_LEFT:
                self._left[attempt] = attempt.sent + LATE
            else:
                self._cancel(attempt)

    def deliver_late(self, attempt: Attempt, wire: bytes, now: float) -> None:
        """Take the latency of a reply that nobody waits for any more."""
        if self._left.pop(attempt, None) is not None and find_strange(attempt, wire) is None:
            attempt.standing.answered(now - attempt.sent)
        self._cancel(attempt)

    def fail_late(self, attempt: Attempt, reason: str) -> None:
        """The network refused what nobody waits for any more."""
        if self._left.pop(attempt, None) is not None:
            attempt.standing.failed(reason, is_new=not attempt.is_late)

    def _cancel(self, attempt: Attempt) -> None:
        if attempt.transport == "udp":
            self._datagrams.cancel(attempt)
            return
        transport = self._transports.get((attempt.standing, attempt.transport))
        if transport is not None:
            transport.cancel(attempt)

    def end(self, attempts: Iterable[Attempt]) -> None:
        """Wait for these no more."""
        for attempt in attempts:
            self._cancel(attempt)

    def tick(self, now: float) -> bool:
        """Look at probes and late replies; whether there are any."""
        for attempt, until in list(self._left.items()):
            if now >= until:
                del self._left[attempt]
                attempt.standing.failed("timeout", is_new=not attempt.is_late)
                self._cancel(attempt)
        self.probes.tick(now)
        return bool(self._left or self.probes)

    async def close(self) -> None:
        """End every connection."""
        for transport in self._transports.values():
            transport.close()
        if "_datagrams" in self.__dict__:
            self._datagrams.close()
        await asyncio.sleep(0)  # so that cancelled tasks end

    def failures(self) -> Counter[tuple[str, str]]:
        """Failures and ignored replies by upstream and reason, environments together."""
        found: Counter[tuple[str, str]] = Counter()
        for standing in self.standings():
            for reason, count in standing.reasons.items():
                found[standing.name, reason] += count
        return found
