"""Counters of one process: plain integers, read when somebody scrapes.

Keys are label values of closed lists; never a name or an address.
"""

from __future__ import annotations

from collections import Counter

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


Responses = tuple[str, str, int, int, str]
"""(environment, transport, qtype or 0 for other, rcode, source)."""


class Counters:
    """What happened since the start: each reply once, each drop once."""

    __slots__ = ("dropped", "replies")

    def __init__(self) -> None:
        self.replies: dict[Responses, int] = {}
        self.dropped: Counter[str] = Counter()

    def count(self, outcome: Outcome, transport: str) -> None:
        """Count one outcome."""
        if type(outcome) is not Reply:
            if isinstance(outcome, Drop):
                self.dropped[outcome.reason] += 1
            return  # what is forwarded is counted when it is answered
        _, environment, qtype, rcode, source, _ = outcome
        if qtype not in COUNTED_TYPES:
            qtype = 0
        key = (environment, transport, qtype, rcode, source)
        try:
            self.replies[key] += 1
        except KeyError:
            self.replies[key] = 1
