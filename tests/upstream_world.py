"""Upstreams without sockets: what they would say is a table, and the journey is driven by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from resolver.cache import Cache, Entry
from resolver.findings import Finding, Fresh, is_asked_by
from resolver.forward.private import is_private
from resolver.forward.question import DNSSEC_OK
from resolver.forward.scrub import Limits, read_reply, scrub
from resolver.generation import Generation
from resolver.outcome import Forward, Outcome, Reason, Source
from resolver.query import handle
from resolver.views import Door
from resolver.zones.records import type_text
from tests.support import DEV_CLIENT, TCP, reply_of

SOA = "ns.example. h.example. 1 2 3 4 60"
MAX_STEPS = 30

Said = Mapping[str, str]
"""`OWNER TYPE` → the records of a reply, `OWNER TTL TYPE RDATA` a line; NXDOMAIN, SERVFAIL."""


@dataclass
class World:
    """Everything that upstreams would say, and what they were asked, as `NAME TYPE ROUTE`."""

    said: Said
    cache: Cache = field(default_factory=Cache)
    now: float = 1000.0
    asked: list[str] = field(default_factory=list)

    def ask(
        self,
        generation: Generation,
        name: str,
        rdtype: str = "A",
        source: str = DEV_CLIENT,
        *,
        rd: bool = True,
        do: bool = False,
        door: Door = TCP,
    ) -> dns.message.Message:
        """What a client gets in the end."""
        query = dns.message.make_query(name, rdtype, use_edns=0, want_dnssec=do)
        query.flags = dns.flags.RD if rd else 0
        outcome = self.decide(generation, query.to_wire(), source, door)
        return dns.message.from_wire(reply_of(outcome).wire)

    def decide(self, generation: Generation, wire: bytes, source: str, door: Door) -> Outcome:
        """The last outcome of one question."""
        fresh: Fresh = {}
        for _ in range(MAX_STEPS):
            outcome = handle(wire, source, door, generation, self.now, self.cache, fresh or None)
            if not isinstance(outcome, Forward):
                return outcome
            if outcome.reply is not None:
                self._learn(outcome)
                return outcome.reply
            fresh[outcome.key] = self._learn(outcome)
        raise AssertionError("a question without end")

    def _learn(self, forward: Forward) -> Finding:
        name, rdtype = dns.name.from_wire(forward.name, 0)[0], type_text(forward.qtype)
        text = f"{name.to_text().lower()} {rdtype}"
        self.asked.append(f"{text} {forward.route.kind}")
        said = self.said.get(text, "NXDOMAIN")
        query = dns.message.make_query(name, rdtype)
        reply = dns.message.make_response(query, recursion_available=True)
        if said == "SERVFAIL":
            self.cache.partition(forward.asked.view.environment).fail(
                forward.key, Reason.NO_UPSTREAM, self.now
            )
            return Finding(None, Source.FORWARD, Reason.NO_UPSTREAM)
        if said == "NXDOMAIN":
            reply.set_rcode(dns.rcode.NXDOMAIN)
        else:
            for line in said.splitlines():
                owner, ttl, kind, rdata = line.split(" ", 3)
                section = reply.authority if kind == "SOA" else reply.answer
                section.append(dns.rrset.from_text(owner, int(ttl), "IN", kind, rdata))
        if not reply.answer and not reply.authority:
            reply.authority.append(dns.rrset.from_text(".", 300, "IN", "SOA", SOA))
        return self._keep(forward, reply.to_wire())

    def _keep(self, forward: Forward, wire: bytes) -> Finding:
        view, route, key = forward.asked.view, forward.route, forward.key
        read = read_reply(wire, len(key[0]), key[0])
        scrubbed = scrub(
            read,
            Limits(),
            lambda name: is_asked_by(view, route, name, read.qtype),
            dnssec_ok=bool(key[1] & DNSSEC_OK),
            guarded=view.forwarding.guard.applies(
                read.qname,
                is_near=route.is_delegation or is_private(route.upstreams[0].address.packed),
            ),
        )
        entry = Entry(scrubbed, len(read.qname), self.now, route, view.forwarding)
        if scrubbed.lifetime:
            partition = self.cache.partition(view.environment)
            partition.put(key, entry, scrubbed.denies)
        return Finding(entry, Source.FORWARD, entry.reason)


def answers(message: dns.message.Message) -> list[str]:
    """The answer section, a record a line."""
    return [
        f"{s.name} {s.ttl} {dns.rdatatype.to_text(s.rdtype)} {r}" for s in message.answer for r in s
    ]
