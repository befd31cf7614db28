"""Counters of one process: plain integers, read when somebody scrapes.

Keys are label values of closed lists; never a name or an address.
"""

from __future__ import annotations

from collections import Counter

from resolver.outcome import Drop, Outcome
from resolver.zones import records

# The `qtype` label; everything else is `other`.
COUNTED_TYPES = {
    records.type_number(text): text
    for text in (
        *("A", "AAAA", "ANY", "CAA", "CNAME", "DNAME", "DS", "DNSKEY", "HTTPS", "MX", "NAPTR"),
        *("NS", "PTR", "SOA", "SRV", "SSHFP", "SVCB", "TLSA", "TXT", "AXFR", "IXFR"),
    )
}


class Counters:
    """What happened since the start."""

    __slots__ = ("dropped", "requests", "responses")

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.responses: Counter[tuple[str, int, str]] = Counter()
        self.dropped: Counter[str] = Counter()

    def count(self, outcome: Outcome, transport: str) -> None:
        """Count one outcome: the request with its labels, and the response or the drop."""
        if isinstance(outcome, Drop):
            self.dropped[outcome.reason] += 1
            return
        qtype = outcome.qtype if outcome.qtype in COUNTED_TYPES else 0
        self.requests[outcome.environment, transport, qtype] += 1
        self.responses[outcome.environment, outcome.rcode, outcome.source.value] += 1
