"""The query log: a line for each query, or for some of them, with what became of it and why.

Lines are made here and not by `logging`, which takes several times as long; they look the same.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import NamedTuple

from resolver import message, names
from resolver.generation import Published
from resolver.listen.witness import Seen
from resolver.log_config import QueriesConfig
from resolver.logs import rfc3339
from resolver.outcome import Outcome, Rcode, Reply
from resolver.query import find_view
from resolver.zones.records import type_text

LOGGER = "sightline.query"
ANSWERED = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN})  # every other rcode is a failure
RCODES = {int(rcode): rcode.name for rcode in Rcode}
NOBODY = "-"  # the environment of clients of none, as counters have it


class Line(NamedTuple):
    """What is logged of one query; None where there is no such thing."""

    at: float  # seconds since the epoch
    name: str | None
    qtype: str | None
    client: str
    transport: str
    environment: str | None
    region: str | None
    outcome: str  # reply | drop
    rcode: str | None
    source: str | None
    reason: str
    latency: float


class QueryLog:
    """A witness that writes lines."""

    def __init__(
        self,
        config: QueriesConfig,
        published: Published,
        shape: Callable[[Line], str],
        write: Callable[[str], None],
        *,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sample = config.sample
        self._environments = frozenset(str(name) for name in config.environments)
        self._slower_than = config.slower_than
        self._only_failures = config.only == "failures"
        self._published = published
        self._shape = shape
        self._write = write
        self._draw = draw
        self._clock = clock

    def asks(self, seen: Seen) -> None:
        """Nothing is logged before it is answered."""

    def answers(self, seen: Seen, outcome: Outcome) -> None:
        """Log it, if it is one of those that are wished for."""
        if self._sample < 1.0 and self._draw() >= self._sample:
            return
        latency = self._clock() - seen.asked
        if latency < self._slower_than:
            return
        reply = outcome if isinstance(outcome, Reply) else None
        if self._only_failures and reply is not None and reply.rcode in ANSWERED:
            return
        if self._environments and (reply is None or reply.environment not in self._environments):
            return
        self._write(self._shape(self._line(seen, outcome, latency)))

    def _line(self, seen: Seen, outcome: Outcome, latency: float) -> Line:
        query = message.read(seen.wire)
        name = qtype = environment = region = None
        if query is not None:
            if query.question:
                name = names.to_text(query.question[:-4])
                qtype = type_text(query.qtype)
            view, _ = find_view(query, seen.source, seen.door, self._published.generation)
            region = view.region if view is not None else None
        asked = (time.time(), name, qtype, seen.source, seen.door.transport)
        if not isinstance(outcome, Reply):
            reason = getattr(outcome, "reason", NOBODY)
            return Line(*asked, environment, region, "drop", None, None, reason, latency)
        environment = outcome.environment if outcome.environment != NOBODY else None
        rcode = RCODES.get(outcome.rcode) or f"RCODE{outcome.rcode}"
        what = ("reply", rcode, outcome.source, outcome.reason.word)
        return Line(*asked, environment, region, *what, latency)


class TextShape:
    """A line for people, in the manner of `logs.TextFormat`."""

    def __init__(self, worker: int | None = None) -> None:
        self._who = "" if worker is None else f"worker {worker}: "
        self._second = -1
        self._stamp = ""

    def __call__(self, line: Line) -> str:
        second = int(line.at)
        if second != self._second:  # reading a calendar takes longer than all the rest
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second = second
        place = f"{line.environment or NOBODY}.{line.region or NOBODY}"
        said = NOBODY if line.source is None else f"{line.rcode} by {line.source}"
        return (
            f"{self._stamp},{int(line.at * 1000) % 1000:03d} INFO {self._who}"
            f"query {line.name or NOBODY} {line.qtype or NOBODY} from {line.client} "
            f"({line.transport}, {place}): {said}, {line.reason}, {line.latency * 1000:.3f} ms\n"
        )


class JsonShape:
    """An object, in the manner of `logs.JsonFormat`."""

    def __init__(self, worker: int | None = None) -> None:
        who = "" if worker is None else f', "worker": {worker}'
        self._head = f'", "level": "info", "logger": "{LOGGER}", "message": "query"{who}'

    def __call__(self, line: Line) -> str:
        said: dict[str, str | float | None] = {
            "name": line.name,
            "type": line.qtype,
            "client": line.client,
            "transport": line.transport,
            "environment": line.environment,
            "region": line.region,
            "outcome": line.outcome,
            "rcode": line.rcode,
            "source": line.source,
            "reason": line.reason,
            "latency": round(line.latency, 6),
        }
        body = json.dumps({key: value for key, value in said.items() if value is not None})
        return f'{{"time": "{rfc3339(line.at)}{self._head}, {body[1:]}\n'


def shape_of(form: str, worker: int | None) -> Callable[[Line], str]:
    """What makes lines in one of the formats of the log."""
    return JsonShape(worker) if form == "json" else TextShape(worker)
