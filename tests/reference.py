"""The reference look-up: RFC 1034 4.3.2 walked over plain lists, slowly and without tables.

It shares nothing with the server but the rules. Whatever the compiled answers say must be this.
"""

from __future__ import annotations

from typing import NamedTuple

import dns.name
from dns.name import Name, NameTooLong

MAX_CHAIN = 40  # records, a DNAME and its CNAME being two


class Record(NamedTuple):
    """One record; names in rdata are absolute text in lower case."""

    owner: Name
    ttl: int
    rtype: str
    rdata: str


class Zone(NamedTuple):
    """What one environment sees of a zone; SOA and NS of the apex are among the records."""

    apex: Name
    records: list[Record]

    def at(self, owner: Name, rtype: str | None = None) -> list[Record]:
        """The records of an owner, of one type or of all."""
        return [r for r in self.records if r.owner == owner and rtype in (None, r.rtype)]

    def has_redirection(self, owner: Name) -> bool:
        """Whether names below an owner are somewhere else."""
        return bool(self.at(owner, "DNAME") or (owner != self.apex and self.at(owner, "NS")))


class Verdict(NamedTuple):
    """What a reply must say."""

    rcode: str
    authoritative: bool = True
    answer: frozenset[Record] = frozenset()
    authority: str | None = None  # the type of the records there


def find_zone(zones: list[Zone], name: Name) -> Zone | None:
    """The zone with the longest apex at or above a name."""
    above = [zone for zone in zones if name.is_subdomain(zone.apex)]
    return max(above, key=lambda zone: len(zone.apex), default=None)


def look_up(zones: list[Zone], existing: set[Name], qname: Name, qtype: str) -> Verdict:
    """Answer a question from the zones that one environment sees; names in lower case."""
    answer: list[Record] = []
    seen: list[Name] = []
    name = qname
    while True:
        if name in seen or len(answer) > MAX_CHAIN:  # a loop
            return Verdict("SERVFAIL")
        seen.append(name)
        zone = find_zone(zones, name)
        if zone is None:
            if not answer:
                return Verdict("REFUSED", authoritative=False)
            return Verdict("NOERROR", answer=frozenset(answer))
        # 3b: walk down from the apex; the first cut or DNAME on the way decides.
        path = [Name(name.labels[-depth:]) for depth in range(len(zone.apex), len(name) + 1)]
        top = next((owner for owner in path if zone.has_redirection(owner)), name)
        is_cut = top != zone.apex and bool(zone.at(top, "NS"))
        if is_cut and not (top == name and qtype == "DS"):
            return Verdict("NOERROR", bool(answer), frozenset(answer), "NS")
        if top != name:
            (dname,) = zone.at(top, "DNAME")
            answer.append(dname)
            try:
                target = name.relativize(top).derelativize(dns.name.from_text(dname.rdata))
            except NameTooLong:  # RFC 6672 2.2
                return Verdict("YXDOMAIN", answer=frozenset(answer))
            answer.append(Record(name, dname.ttl, "CNAME", target.to_text()))
            if qtype in ("CNAME", "ANY"):  # RFC 1034 3.6.2: these are not restarted
                return Verdict("NOERROR", answer=frozenset(answer))
            name = target
            continue
        if qtype == "DS" and name == zone.apex:  # RFC 4035 3.1.4.1
            return Verdict("NOERROR", answer=frozenset(answer), authority="SOA")
        found = _matching(zone, existing, name, path)
        if found is None:
            return Verdict("NXDOMAIN", answer=frozenset(answer), authority="SOA")
        wanted = [record for record in found if record.rtype == qtype]
        alias = [record for record in found if record.rtype == "CNAME"]
        if qtype == "ANY" and found:  # RFC 8482 4.2
            wanted = alias or [Record(name, found[0].ttl, "HINFO", '"RFC8482" ""')]
        if wanted or not alias:
            authority = None if wanted else "SOA"
            return Verdict("NOERROR", True, frozenset([*answer, *wanted]), authority)
        answer += alias
        name = dns.name.from_text(alias[0].rdata)


def _matching(zone: Zone, existing: set[Name], name: Name, path: list[Name]) -> list[Record] | None:
    """3c: the name's own records, or those of the wildcard child of its closest encloser.

    None when neither exists (RFC 4592 3.3.1).
    """
    if name in existing:
        return zone.at(name)
    encloser = next(owner for owner in reversed(path) if owner in existing)
    wildcard = Name((b"*", *encloser.labels))
    if wildcard not in existing:
        return None
    return [record._replace(owner=name) for record in zone.at(wildcard)]


def existing_names(zones: list[Zone]) -> set[Name]:
    """Names that own records or have names below them that do (RFC 4592 2.2.2, RFC 8020 2).

    What lies below a cut or a DNAME is hidden, together with what it would bring about.
    """
    names: set[Name] = set()
    for zone in zones:
        for record in zone.records:
            owner = record.owner
            depths = range(len(zone.apex), len(owner))
            if find_zone(zones, owner) is zone and not any(
                zone.has_redirection(Name(owner.labels[-depth:])) for depth in depths
            ):
                names.update(Name(owner.labels[n:]) for n in range(len(owner)))
    return names
