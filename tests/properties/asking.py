"""Questions to the journey, and its replies as values."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
from dns.name import Name

from resolver.generation import Generation
from resolver.query import handle
from resolver.views import Door
from tests.reference import Record, Verdict
from tests.support import reply_of

TCP = Door("tcp", 65535)


def ask(generation: Generation, client: str, qname: Name, qtype: str, rd: bool = False) -> bytes:
    """The octets of the reply."""
    query = dns.message.make_query(qname, qtype, id=0)
    query.flags = dns.flags.RD if rd else 0
    return reply_of(handle(query.to_wire(), client, TCP, generation)).wire


def records(message: dns.message.Message) -> dict[str, list[Record]]:
    """Every record of a reply, by section."""
    sections = {
        "answer": message.answer,
        "authority": message.authority,
        "additional": message.additional,
    }
    return {
        name: [
            Record(
                rrset.name, rrset.ttl, dns.rdatatype.to_text(rrset.rdtype), rdata.to_text().lower()
            )
            if rrset.rdtype != dns.rdatatype.HINFO
            else Record(rrset.name, rrset.ttl, "HINFO", rdata.to_text())
            for rrset in section
            for rdata in rrset
        ]
        for name, section in sections.items()
    }


def verdict_of(wire: bytes) -> Verdict:
    """What a reply says, in the words of the reference."""
    message = dns.message.from_wire(wire, one_rr_per_rrset=True)
    found = records(message)
    assert len(set(found["answer"])) == len(found["answer"]), f"twice the same\n{message}"
    kinds = {record.rtype for record in found["authority"]}
    assert len(kinds) <= 1, str(message)
    return Verdict(
        dns.rcode.to_text(message.rcode()),
        bool(message.flags & dns.flags.AA),
        frozenset(found["answer"]),
        next(iter(kinds), None),
    )
