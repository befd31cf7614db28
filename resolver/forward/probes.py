"""Probes of upstreams that have failed too often: `. NS` until they answer, whatever they say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from resolver.forward.exchange import Attempt, find_strange
from resolver.forward.question import Octets, make_query
from resolver.forward.standing import PROBE_INTERVAL, Standing
from resolver.names import ROOT

UNWANTED = 300.0  # seconds after the last question until a silent upstream is left alone
ROOT_NS = ROOT + b"\0\2\0\1"

log = logging.getLogger("sightline.forward")


class Probes:
    """Who is probed, and the probe under way; `tick` is called while there are any."""

    def __init__(
        self,
        send: Callable[[Attempt], None],
        cancel: Callable[[Attempt], None],
        octets: Octets,
    ) -> None:
        self._send = send
        self._cancel = cancel
        self._octets = octets
        self._under_way: dict[Standing, Attempt] = {}
        self._waiting: set[Standing] = set()  # to be probed soon
        self.has_recovered = False  # one that was down, since somebody last looked

    def __bool__(self) -> bool:
        return bool(self._under_way or self._waiting)

    def look_after(self, standings: Sequence[Standing], now: float) -> None:
        """Probe those that have failed too often."""
        for standing in standings:
            if standing.is_suspect and not standing.is_probed:
                standing.is_probed = True
                standing.failed_probes = 0
                self._waiting.add(standing)
        self._begin(now)

    def forget(self, standing: Standing) -> None:
        """Probe an upstream no more."""
        self._under_way.pop(standing, None)
        self._waiting.discard(standing)

    def answered(self, probe: Attempt, wire: bytes, now: float) -> None:
        """Take what came back for a probe."""
        if find_strange(probe, wire) is None:
            probe.standing.answered(now - probe.sent)
        self._cancel(probe)

    def tick(self, now: float) -> None:
        """Look at what has become of the probes."""
        if self._waiting:
            self._begin(now)
        for standing, probe in list(self._under_way.items()):
            if not standing.is_suspect:
                self._recovered(standing, probe)
            elif now - probe.sent >= PROBE_INTERVAL:
                self._failed(standing, probe, now)

    def _begin(self, now: float) -> None:
        """Not sooner after the last one than usual, however often names hang behind it."""
        for standing in [s for s in self._waiting if now - s.probed >= PROBE_INTERVAL]:
            self._waiting.remove(standing)
            if standing.is_suspect:
                self._probe(standing, now)
            else:  # it has answered meanwhile
                standing.is_probed = False

    def _probe(self, standing: Standing, now: float) -> None:
        standing.probed = now
        transport = standing.upstream.transport
        ident = b"\0\0" if transport == "https" else self._octets(2)
        wire = make_query(ident, ROOT_NS, 0, with_edns=True)
        probe = Attempt(standing, transport, ident, ROOT_NS, wire, now, True, None)
        self._under_way[standing] = probe
        self._send(probe)

    def _recovered(self, standing: Standing, probe: Attempt) -> None:
        del self._under_way[standing]
        self._cancel(probe)
        standing.is_probed = False
        if standing.was_called_down:
            standing.was_called_down = False
            self.has_recovered = True
            log.info("upstream %s of %s answers again", standing.name, standing.environment)

    def _failed(self, standing: Standing, probe: Attempt, now: float) -> None:
        self._cancel(probe)
        standing.failed_probes += 1
        if standing.is_down and not standing.was_called_down:
            standing.was_called_down = True
            log.warning("upstream %s of %s is down", standing.name, standing.environment)
        if now - standing.wanted > UNWANTED:
            del self._under_way[standing]
            standing.is_probed = False
            return
        self._probe(standing, now)
