"""Those that see every message of a process, as the configuration wishes: query log and dnstap.

A bug of theirs is reported and harms no answer; what they lose is counted.
"""

from __future__ import annotations

import logging
import sys

from resolver.config import ServerConfig
from resolver.counters import Counters
from resolver.dnstap import CONTENT_TYPE
from resolver.faultlog import report_fault
from resolver.forward.exchange import Attempt
from resolver.framestream import FrameStream
from resolver.generation import Published
from resolver.linewriter import LineWriter
from resolver.listen.witness import Seen, Witness
from resolver.outcome import Outcome
from resolver.querylog import QueryLog, shape_of
from resolver.tap import Tap

GRACE = 0.5  # seconds for what is still to be sent at the end

log = logging.getLogger("sightline")


class Witnesses:
    """All of them as one; none where nothing is wished."""

    def __init__(
        self,
        config: ServerConfig,
        published: Published,
        counters: Counters,
        worker: int | None = None,
        descriptor: int | None = None,
    ) -> None:
        self._counters = counters
        self._found: list[Witness] = []
        self._lines: LineWriter | None = None
        self._frames: FrameStream | None = None
        self._tap: Tap | None = None
        if config.log.queries.sample:
            written = sys.stderr.fileno() if descriptor is None else descriptor
            self._lines = LineWriter(written, self._lose_lines)
            shape = shape_of(config.log.format, worker)
            self._found.append(QueryLog(config.log.queries, published, shape, self._lines.put))
        if config.dnstap.socket is not None:
            path = str(config.dnstap.socket)
            self._frames = FrameStream(path, CONTENT_TYPE, self._lose_frames)
            self._tap = Tap(config.dnstap, self._frames.put)
            if self._tap.is_for_clients:
                self._found.append(self._tap)

    @property
    def of_clients(self) -> Witnesses | None:
        """Who is to be told of clients' messages."""
        return self if self._found else None

    @property
    def of_upstreams(self) -> Witnesses | None:
        """Who is to be told of upstreams' messages."""
        return self if self._tap is not None and self._tap.is_for_upstreams else None

    def start(self) -> None:
        """Connect."""
        if self._frames is not None:
            self._frames.start()

    async def stop(self) -> None:
        """Send and write what is there."""
        if self._frames is not None:
            await self._frames.stop(GRACE)
        if self._lines is not None:
            self._lines.close()

    # ---------------------------------------------------------------- what they are told

    def asks(self, seen: Seen) -> None:
        """A message of a client has come."""
        try:
            for witness in self._found:
                witness.asks(seen)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            report_fault(log, "telling of a query", fault)

    def answers(self, seen: Seen, outcome: Outcome) -> None:
        """It is answered, or dropped."""
        try:
            for witness in self._found:
                witness.answers(seen, outcome)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            report_fault(log, "telling of a reply", fault)

    def sent(self, attempt: Attempt) -> None:
        """A query goes to an upstream."""
        try:
            if self._tap is not None:
                self._tap.sent(attempt)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            report_fault(log, "telling of a query to an upstream", fault)

    def received(self, attempt: Attempt, wire: bytes) -> None:
        """An upstream has said something."""
        try:
            if self._tap is not None:
                self._tap.received(attempt, wire)
        except Exception as fault:  # noqa: BLE001  # the one net of this entry point
            report_fault(log, "telling of an upstream's reply", fault)

    def _lose_lines(self, count: int) -> None:
        self._counters.dropped["query_log"] += count

    def _lose_frames(self, count: int) -> None:
        self._counters.dropped["dnstap"] += count
