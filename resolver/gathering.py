"""A question on its way through both worlds: what our zones say, and what upstreams said. Pure.

From a zone's CNAME, ALIAS or delegation to the cache, and from an upstream's CNAME back into the
caller's view. Each link is looked up where it belongs, at the moment of the answer.
"""

from __future__ import annotations

import struct

from resolver.cache import STALE_AGE, Entry, Key, Partition
from resolver.findings import Finding, Fresh, give, is_asked_by, stale_finding
from resolver.forward.scrub import Unpacked, unpack
from resolver.outcome import Asked, Forward, Outcome, Rcode, Reason, Reply, Source
from resolver.packing import Answer, Packer, make_turn
from resolver.render import AUTHORITATIVE, refuse, render
from resolver.routes import Route, delegation_route
from resolver.rrsets import SOA, A

MAX_RESTARTS = 11  # names that a chain may lead to, of which somebody is to be asked
MAX_NAMESERVERS = 3  # of a delegation without glue, whose addresses are asked for
TYPE_A = b"\0\1\0\1"
COUNTS = struct.Struct("!HH")


class Gathering:
    """One question on its way through both worlds."""

    def __init__(
        self,
        asked: Asked,
        flags: int,
        now: float,
        partition: Partition | None,
        serve_stale: float,
        fresh: Fresh,
    ) -> None:
        self.asked = asked
        self.view = asked.view
        self.flags = flags
        self.now = now
        self.partition = partition
        self.serve_stale = serve_stale
        self.fresh = fresh
        self.fields = asked.query.key[-4:]  # type and class
        self.records: list[Unpacked] = []
        self.sources: set[str] = set()
        self.reason = Reason.ANSWERED
        self.is_ours = False  # the first owner is
        self.alias: tuple[int, bytes, int] | None = None  # records before it, owner, TTL

    def run(self, answer: Answer | None) -> Outcome:
        name = self.asked.query.question[:-4]
        seen: set[bytes] = set()
        while True:
            cut = None
            if answer is not None:
                if answer.onward is None:
                    return self._end_in_zone(name, answer)
                name, cut = self._leave(name, answer)
            if name.lower() in seen or len(seen) > MAX_RESTARTS:
                return _refuse(self.asked, Rcode.SERVFAIL, Reason.CHAIN_TOO_LONG, Source.FORWARD)
            seen.add(name.lower())
            found = self._look(name, cut)
            if isinstance(found, Forward):
                return found
            entry = found.entry
            if entry is None:
                return self._end_without(found, cut)
            self.sources.add(found.source)
            if found.reason is not Reason.ANSWERED:
                self.reason = found.reason
            if entry.tail is None:
                return self._end(name, found, entry)
            self._add(name, found, entry, entry.answers)
            name = entry.tail
            answer = self.view.answers.find(name.lower() + self.fields)

    def _leave(self, name: bytes, answer: Answer) -> tuple[bytes, bytes | None]:
        """Take what our zones say on the way out; the name to ask for, and the cut it is below."""
        onward = answer.onward
        assert onward is not None
        chain = answer.chain
        if not self.records and name == self.asked.query.question[:-4]:
            self.is_ours = chain is not None or onward.alias_ttl is not None
        if chain is not None:
            turn = chain.next_turn(0.0)
            self.records += unpack(name, turn.body, COUNTS.unpack_from(turn.counts, 2)[0])
        if onward.alias_ttl is not None:
            owner = name if onward.alias_owner is None else onward.alias_owner
            before, first, ttl = self.alias or (len(self.records), owner, onward.alias_ttl)
            self.alias = (before, first, min(ttl, onward.alias_ttl))
        return name if onward.name is None else onward.name, onward.cut

    # ---------------------------------------------------------------- what is known

    def _look(
        self, name: bytes, cut: bytes | None, fields: bytes | None = None
    ) -> Finding | Forward:
        """What is known of a name, or whom to ask."""
        fields = fields or self.fields
        owner, partition = name.lower(), self.partition
        key = (owner + fields, self.flags, self.view.forwarding.place)
        route = self._route(owner, cut)
        if isinstance(route, Forward):
            return route
        if route is None:
            if partition is not None and self.view.forwarding.keeps(owner):
                partition.kept_inside.note(owner, self.asked.source)
            return Finding(None, Source.FORWARD, Reason.NOT_FORWARDED)
        if not route.upstreams:
            return Finding(None, Source.FORWARD, Reason.NO_UPSTREAM)
        fresh = self.fresh.get(key)
        if fresh is not None:
            said = fresh.entry
            if said is None or self._is_valid(said, name, route, key[0]):
                return fresh
        stale = None
        if partition is not None:
            found = self._remembered(partition, key, name, route)
            if isinstance(found, Finding):
                return found
            stale = found
            if not self.fresh:
                partition.misses += 1
        if len(self.fresh) > MAX_RESTARTS:
            return Finding(None, Source.FORWARD, Reason.CHAIN_TOO_LONG)
        qtype = fields[0] << 8 | fields[1]
        return Forward(self.asked, name, qtype, key, route, stale, None)

    def _remembered(
        self, partition: Partition, key: Key, name: bytes, route: Route
    ) -> Finding | Entry | None:
        """What the cache says; an entry that is only good if nobody answers; or nothing."""
        now = self.now
        entry = partition.find(key)
        if entry is None or now >= entry.expires:
            # A denial from above says nothing of names that others are asked for; a fresh one is
            # better than what was true before.
            denial = partition.find_denial(key, now)
            if denial is not None and denial.route == route:
                entry = denial if entry is None or now < denial.expires else entry
        if entry is not None and not self._is_valid(entry, name, route, key[0]):
            partition.drop(key)
            entry = None
        known = self._known(entry, key, partition) if entry is not None else None
        if known is not None:
            return known
        stale = entry if entry is not None and now < entry.expires + self.serve_stale else None
        failure = partition.find_failure(key, now)
        if failure is not None:
            return Finding(None, Source.FORWARD, failure) if stale is None else self._old(stale)
        return stale

    def _known(self, entry: Entry, key: Key, partition: Partition) -> Finding | None:
        """What an entry is good for without asking anybody."""
        now = self.now
        if now < entry.expires:
            partition.hit_counts["negative" if entry.is_negative else "positive"][0] += 1
            return Finding(entry, Source.CACHE, entry.reason, int(now - entry.stored))
        if key in partition.pinned:  # refreshed in the background, whatever its age
            return Finding(entry, Source.CACHE, entry.reason, STALE_AGE)
        if now < entry.recheck_at and now < entry.expires + self.serve_stale:
            return self._old(entry)
        return None

    def _old(self, entry: Entry) -> Finding:
        if self.partition is not None:
            self.partition.hit_counts["stale"][0] += 1
        return stale_finding(entry)

    def _is_valid(self, entry: Entry, name: bytes, route: Route, question: bytes) -> bool:
        """Whether the routes are still those by which an entry came (DESIGN: reload, routes)."""
        forwarding = self.view.forwarding
        if entry.token is forwarding:
            return True
        if entry.route != route or entry.token.environment != forwarding.environment:
            return False
        owners = {record.owner.lower() for record in unpack(name, entry.body, entry.answers)}
        qtype = question[-4] << 8 | question[-3]
        if not all(is_asked_by(self.view, route, owner, qtype) for owner in owners):
            return False  # one of them is ours now, or asked elsewhere
        entry.token = forwarding
        return True

    def _route(self, owner: bytes, cut: bytes | None) -> Route | Forward | None:
        if cut is None:
            return self.view.forwarding.find(owner)
        space, scope = self.view.answers.space, self.view.answers.scope
        node = space.node(cut)
        assert node is not None
        targets = space.delegation(node).draw(scope).turns[0].rdatas
        addresses = [
            rdata
            for target in targets
            for _, pick in space.addresses(target, scope)
            for rdata in pick.rdatas
        ]
        for target in targets[:MAX_NAMESERVERS]:
            if addresses:
                break
            if self.view.answers.find(target.lower() + TYPE_A) is not None:
                continue  # ours, and without an address
            found = self._look(target, None, TYPE_A)
            if isinstance(found, Forward):
                return found
            if found.entry is not None:
                known = unpack(target, found.entry.body, found.entry.answers)
                addresses += [record.rdata for record in known if record.rtype == A]
        return delegation_route(cut, tuple(addresses))

    # ---------------------------------------------------------------- how it ends

    def _add(self, name: bytes, found: Finding, entry: Entry, count: int) -> list[Unpacked]:
        """Take the answers of an entry; what is behind them is given back."""
        turn = entry.turn(found.age)
        at = name[len(name) - entry.name_size :]  # a denial may be of a name above
        records = unpack(at, turn.body, entry.answers + entry.authorities)
        self.records += records[:count]
        return records[count:]

    def _end(self, name: bytes, found: Finding, entry: Entry) -> Outcome:
        partition, query = self.partition, self.asked.query
        is_own = name.lower() == query.key[:-4]
        if not self.records and self.alias is None and is_own and self._fits(entry):
            reply = give(self.asked, entry, entry.turn(found.age), found.source, found.reason)
        else:
            behind = self._add(name, found, entry, entry.answers)
            reply = self._reply(entry.rcode, behind)
        key = (query.key, self.flags, self.view.forwarding.place)
        if partition is not None and key in partition.pinned and self.now >= entry.refresh_at:
            entry.refresh_at = self.now + 5.0
            return Forward(self.asked, name, query.qtype, key, entry.route, None, reply)
        return reply

    def _fits(self, entry: Entry) -> bool:
        """Whether its octets follow this very question: a denial from above is of a shorter one."""
        return entry.name_size == len(self.asked.query.key) - 4

    def _end_in_zone(self, name: bytes, answer: Answer) -> Outcome:
        """An upstream's chain leads into our zones: the caller's view says the rest."""
        if answer.rcode == Rcode.SERVFAIL:
            return _refuse(self.asked, Rcode.SERVFAIL, answer.reason, Source.FORWARD)
        turn = answer.next_turn(self.now)
        answers, authorities = COUNTS.unpack_from(turn.counts, 2)
        records = unpack(name, turn.body, answers + authorities)
        self.records += records[:answers]
        return self._reply(answer.rcode, records[answers:])

    def _end_without(self, found: Finding, cut: bytes | None) -> Outcome:
        if found.reason is not Reason.NOT_FORWARDED:
            return _refuse(self.asked, Rcode.SERVFAIL, found.reason, found.source)
        if self.alias is not None:
            return _refuse(self.asked, Rcode.SERVFAIL, Reason.ALIAS_UNRESOLVED, Source.ZONE)
        if self.records:
            return self._reply(Rcode.NOERROR, [])  # the chain is all that we know
        reason = Reason.NOT_FORWARDED if cut is None else Reason.BELOW_CUT
        return _refuse(self.asked, Rcode.REFUSED, reason)

    def _reply(self, rcode: int, authority: list[Unpacked]) -> Reply:
        """Pack what was gathered."""
        asked = self.asked
        if self.alias is not None:
            if rcode == Rcode.NXDOMAIN:
                return _refuse(asked, Rcode.SERVFAIL, Reason.ALIAS_UNRESOLVED, Source.FORWARD)
            authority = self._flatten(*self.alias)
        packer = Packer(asked.query.key[:-4], False)
        for record in self.records:
            packer.add(*record)
        answers = packer.count
        for record in authority:
            packer.add(*record)
        turn = make_turn(answers, packer.count - answers, 0, b"".join(packer.parts), b"")
        bits = rcode | (AUTHORITATIVE if self.is_ours else 0)
        octets = render(
            *(asked.wire, asked.query, turn, bits, self.reason, (asked.door, asked.subnet))
        )
        order = (Source.FORWARD, Source.STALE, Source.CACHE)
        source = next((s for s in order if s in self.sources), Source.ZONE)
        environment, qtype = self.view.environment, asked.query.qtype
        return Reply(octets, environment, qtype, rcode, source, self.reason)

    def _flatten(self, before: int, owner: bytes, ttl: int) -> list[Unpacked]:
        """An ALIAS gives the addresses of its target as its own; without any, our zone's SOA."""
        behind, qtype = self.records[before:], self.asked.query.qtype
        lowest = min([ttl, *(record.ttl for record in behind)])
        self.records[before:] = [
            record._replace(owner=owner, ttl=lowest) for record in behind if record.rtype == qtype
        ]
        if len(self.records) > before:
            return []
        space = self.view.answers.space
        node = space.node(owner.lower()) or space.enclose(owner.lower())
        assert node is not None
        zone = node.zone
        return [Unpacked(zone.apex, SOA, zone.negative_ttl, zone.soa)]


def _refuse(asked: Asked, rcode: Rcode, reason: Reason, source: str = Source.POLICY) -> Reply:
    return refuse(asked.wire, asked.query, asked.view.environment, rcode, reason, source)
