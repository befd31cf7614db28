"""Replies of upstreams for the tests: written as text, packed and read by dnspython."""

from __future__ import annotations

from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from resolver.forward.scrub import Limits, Reply, Scrubbed, read_reply, scrub

Responsible = Callable[[bytes], bool]


def everybody(_name: bytes) -> bool:
    """One route for all names."""
    return True


def packed(
    question: str,
    answer: str = "",
    authority: str = "",
    additional: str = "",
    *,
    rcode: str = "NOERROR",
    flags: str = "QR RD RA",
) -> bytes:
    """The octets of a reply, names compressed as dnspython does it."""
    sections = [("QUESTION", question), ("ANSWER", answer)]
    sections += [("AUTHORITY", authority), ("ADDITIONAL", additional)]
    lines = ["id 1", "opcode QUERY", f"rcode {rcode}", f"flags {flags}"]
    for title, text in sections:
        lines += [f";{title}", *(line.strip() for line in text.strip().splitlines())]
    # One set for each record: the records of a set would be shuffled.
    made = dns.message.from_text("\n".join(lines), one_rr_per_rrset=True)
    return made.to_wire(max_size=65535)


def whole_rdata(rtype: int, wire: bytes, start: int, length: int) -> bytes:
    """Rdata without compression, as dnspython reads it."""
    kind = dns.rdatatype.RdataType.make(rtype)
    found = dns.rdata.from_wire(dns.rdataclass.IN, kind, wire, start, length).to_wire()
    assert found is not None
    return found


def rdata_of_text(kind: str, text: str) -> bytes:
    """Rdata of its presentation."""
    found = dns.rdata.from_text(dns.rdataclass.IN, kind, text).to_wire()
    assert found is not None
    return found


def question_of(wire: bytes) -> bytes:
    """The octets of the one question, as spelled."""
    position = 12
    while wire[position]:
        position += 1 + wire[position]
    return wire[12 : position + 5]


def key_of(wire: bytes) -> bytes:
    """The question with its name in lower case."""
    question = question_of(wire)
    return question[:-4].lower() + question[-4:]


def read(wire: bytes) -> Reply:
    """Walk a reply to the question that it repeats."""
    return read_reply(wire, len(question_of(wire)), key_of(wire))


def scrubbed(
    wire: bytes,
    is_same: Responsible = everybody,
    limits: Limits | None = None,
    *,
    dnssec_ok: bool = False,
    guarded: bool = False,
) -> Scrubbed:
    """What is kept of a reply."""
    return scrub(read(wire), limits or Limits(), is_same, dnssec_ok=dnssec_ok, guarded=guarded)


def message_of(found: Scrubbed, question: bytes) -> dns.message.Message:
    """What was kept, behind its question, as dnspython reads it."""
    counts = b"".join(n.to_bytes(2, "big") for n in (1, found.answers, found.authorities, 0))
    head = b"\0\1\x81" + bytes((0x80 | found.rcode & 15,)) + counts
    return dns.message.from_wire(head + question + found.body, one_rr_per_rrset=True)


def lines(section: list[dns.rrset.RRset]) -> list[str]:
    """The records of a section, each `owner ttl class type rdata`."""
    return [str(rrset) for rrset in section]


def kept(found: Scrubbed, wire: bytes) -> tuple[list[str], list[str]]:
    """Answer and authority of what was kept."""
    message = message_of(found, question_of(wire))
    return lines(message.answer), lines(message.authority)
