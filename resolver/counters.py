"""Counters of one process: plain numbers in arrays, read when somebody scrapes.

Keys are label values of closed lists; never a name or an address. A reply that is given again and
again is counted by its `ReplyCount` alone, also by compiled code, which adds to the same arrays.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from resolver.outcome import Drop, Outcome, Reply
from resolver.zones import records

# The `qtype` label; everything else is `other`.
COUNTED_TYPES = {
    records.type_number(text): text
    for text in (
        *("A", "AAAA", "ANY", "CAA", "CNAME", "DNAME", "DS", "DNSKEY", "HTTPS", "MX", "NAPTR"),
        *("NS", "PTR", "SOA", "SRV", "SSHFP", "SVCB", "TLSA", "TXT", "AXFR", "IXFR"),
    )
}

# Upper bounds of the buckets in which the time to a reply is counted; seconds.
LATENCY_BOUNDS = (
    *(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01),
    *(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)


Responses = tuple[str, str, int, int, str]
"""(environment, transport, qtype or 0 for other, rcode, source)."""

Latencies = tuple[str, str]
"""(environment, source)."""


class ReplyCount(NamedTuple):
    """Where the replies of one kind are counted. The arrays never change their size."""

    counted: array[int]  # one number
    latency: array[float]  # replies by bucket, those beyond the last bound, then seconds in all

    def add(self, seconds: float) -> None:
        """Count one reply, given `seconds` after its question was read."""
        counted, latency = self
        counted[0] += 1
        latency[bisect_left(LATENCY_BOUNDS, seconds)] += 1.0
        latency[-1] += seconds


@dataclass(slots=True)
class Totals:
    """What was counted, by itself: may be sent to another process and added up."""

    replies: Counter[Responses] = field(default_factory=Counter)
    latencies: dict[Latencies, list[float]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, other: Totals) -> None:
        """Take in what another process has counted."""
        self.replies.update(other.replies)
        self.dropped.update(other.dropped)
        for key, numbers in other.latencies.items():
            mine = self.latencies.get(key)
            pairs = zip(mine, numbers, strict=True) if mine else ((0.0, n) for n in numbers)
            self.latencies[key] = [a + b for a, b in pairs]


class Counters:
    """What happened since the start: each reply once, each drop once."""

    __slots__ = ("_latencies", "_tallies", "dropped")

    def __init__(self) -> None:
        self._tallies: dict[Responses, ReplyCount] = {}
        self._latencies: dict[Latencies, array[float]] = {}
        self.dropped: Counter[str] = Counter()

    @property
    def replies(self) -> dict[Responses, int]:
        """How many replies of each kind were given."""
        return {key: n for key, tally in list(self._tallies.items()) if (n := tally.counted[0])}

    def count(self, outcome: Outcome, transport: str, seconds: float = 0.0) -> None:
        """Count one outcome, given `seconds` after its question was read."""
        if type(outcome) is not Reply:
            if isinstance(outcome, Drop):
                self.dropped[outcome.reason] += 1
            return  # what is forwarded is counted when it is answered
        _, environment, qtype, rcode, source, _ = outcome
        if qtype not in COUNTED_TYPES:
            qtype = 0
        try:
            where = self._tallies[environment, transport, qtype, rcode, source]
        except KeyError:
            where = self.tally(outcome, transport)
        where.add(seconds)

    def tally(self, reply: Reply, transport: str) -> ReplyCount:
        """Where replies like this one are counted."""
        _, environment, qtype, rcode, source, _ = reply
        key = (environment, transport, qtype if qtype in COUNTED_TYPES else 0, rcode, source)
        found = self._tallies.get(key)
        if found is None:
            latency = self._latencies.get((environment, source))
            if latency is None:
                latency = array("d", bytes(8 * (len(LATENCY_BOUNDS) + 2)))
                self._latencies[environment, source] = latency
            found = self._tallies[key] = ReplyCount(array("Q", (0,)), latency)
        return found

    def totals(self) -> Totals:
        """Everything until now."""
        latencies = {key: list(numbers) for key, numbers in list(self._latencies.items())}
        return Totals(Counter(self.replies), latencies, Counter(self.dropped))
