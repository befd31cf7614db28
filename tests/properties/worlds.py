"""Small companies that hypothesis makes: zone files, and the plain records that they mean.

Environment `a` has clients 127.1.0.0/16 and `b` 127.2.0.0/16, both in region `r`. The records of a
world are written out here by the contract's sentences, not by the server's code.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.name
import dns.reversename
from dns.name import Name
from hypothesis import strategies as st

from resolver.generation import Generation
from tests.reference import Record, Zone, find_zone
from tests.scenarios.runner import NOW, compile_files

DOMAIN = "corp.test."
REVERSE = "10.in-addr.arpa."
CLIENTS = {"a": "127.1.0.1", "b": "127.2.0.1"}
PLAN = json.dumps(
    {
        "domain": DOMAIN,
        "nameservers": {"ns1": ["10.255.0.53"]},
        "regions": ["r", "s"],
        "environments": {
            "a": {"clients": {"r": ["127.1.0.0/16"]}},
            "b": {"clients": {"r": ["127.2.0.0/16"]}},
        },
    }
)
SOA = "ns1.corp.test. hostmaster.corp.test. {} 3600 600 86400 30"
TTL = 30

# Apexes with everyone who may see one of their zones: nested, namesakes, the domain itself.
APEXES = ("corp.test.", "x.corp.test.", "y.x.corp.test.", "z.w.x.corp.test.", "other.test.")
LABELS = ("w", "x", "y", "z", "*")


@dataclass
class Part:
    """One zone of a world: its text for the server, who sees it, and its plain records."""

    apex: str
    visible: frozenset[str]
    environment: str | None
    sets: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    services: dict[str, tuple[list[str], bool]] = field(default_factory=dict)  # addresses, granted

    @property
    def key(self) -> str:
        """What the files call it."""
        return self.apex if self.environment is None else f"{self.environment}.r"

    def services_for(self, environment: str) -> dict[str, list[str]]:
        """The services that an environment sees, with their addresses."""
        return {
            name: addresses
            for name, (addresses, granted) in self.services.items()
            if environment in self.visible or granted
        }

    def spec(self) -> dict[str, Any]:
        """The zone as YAML says it."""
        spec: dict[str, Any] = {"records": self.sets}
        if self.environment is None:
            spec["visible_to"] = sorted(self.visible)
        spec["services"] = {
            name: {
                "endpoints": addresses,
                "ports": {"http": 80},
                **({"share_with": ["a", "b"]} if granted else {}),
            }
            for name, (addresses, granted) in self.services.items()
        }
        return spec


@dataclass
class World:
    """All zones."""

    parts: list[Part]

    def files(self) -> dict[str, str]:
        texts = {"environments.yaml": PLAN}
        for number, part in enumerate(self.parts):
            texts[f"{number}.yaml"] = json.dumps({"zones": {part.key: part.spec()}})
        return texts

    def compile(self, seed: int = 0) -> Generation:
        """What the server makes of the files."""
        with tempfile.TemporaryDirectory() as directory:
            return compile_files(self.files(), Path(directory), seed)

    def seen_by(self, environment: str) -> list[Zone]:
        """The zones that an environment sees, as plain lists."""
        zones: dict[Name, Zone] = {}
        for apex in (DOMAIN, REVERSE, "test."):  # all names of a world are below special-use ones
            _open(zones, _name(apex))
        regionless: list[Record] = []
        for part in self.parts:
            services = part.services_for(environment)
            if environment not in part.visible and not services:
                continue
            zone = _open(zones, _name(part.apex))
            if environment in part.visible:
                zone.records.extend(_written(part))
            for name, addresses in services.items():
                home = f"{name}.{part.apex}"
                zone.records.extend(_service(home, home, addresses))
                zone.records.extend(_endpoints(home, addresses))
                if part.environment is not None:
                    owner = f"{name}.{part.environment}.{DOMAIN}"
                    regionless += _service(owner, home, addresses)
        _add_to_domain(zones, regionless)
        _add_pointers(zones, regionless)
        return list(zones.values())


def _add_to_domain(zones: dict[Name, Zone], regionless: list[Record]) -> None:
    """Region-less names and the name server's, which take no place that is written."""
    domain = zones[_name(DOMAIN)]
    written = list(domain.records)
    for made in [*regionless, Record(_name(f"ns1.{DOMAIN}"), TTL, "A", "10.255.0.53")]:
        kinds = {old.rtype for old in written if old.owner == made.owner}
        if find_zone(list(zones.values()), made.owner) is domain:
            domain.records.extend([] if kinds & {made.rtype, "CNAME"} else [made])


def _add_pointers(zones: dict[Name, Zone], regionless: list[Record]) -> None:
    reverse = zones[_name(REVERSE)]
    for zone in list(zones.values()):
        for record in zone.records:
            if record.rtype == "A" and _claims(record, zone, regionless):
                owner = dns.reversename.from_address(record.rdata)
                text = record.owner.to_text()
                reverse.records.extend(
                    [] if reverse.at(owner) else [Record(owner, TTL, "PTR", text)]
                )


def _claims(record: Record, zone: Zone, regionless: list[Record]) -> bool:
    """Whether an address has its PTR from this record: no wildcard, no service, no name server."""
    if record.owner.labels[0] == b"*" or record in regionless:
        return False
    if record.rdata == "10.255.0.53":
        return False
    service = Name((b"_http", b"_tcp", *record.owner.labels))
    return not zone.at(service, "SRV")


def _name(text: str) -> Name:
    return dns.name.from_text(text)


def _open(zones: dict[Name, Zone], apex: Name) -> Zone:
    if apex not in zones:
        soa = Record(apex, TTL, "SOA", SOA.format(NOW))
        zones[apex] = Zone(apex, [soa, Record(apex, TTL, "NS", f"ns1.{DOMAIN}")])
    return zones[apex]


def _written(part: Part) -> list[Record]:
    return [
        Record(_name(f"{owner}.{part.apex}"), TTL, rtype, f'"{value}"' if rtype == "TXT" else value)
        for owner, by_type in part.sets.items()
        for rtype, values in by_type.items()
        for value in dict.fromkeys(values)
    ]


def _service(owner: str, home: str, addresses: list[str]) -> list[Record]:
    """CONTRACT 3: the addresses, and one SRV for each endpoint, which is at home in its zone."""
    weight = round(100 / len(addresses) * 100)
    return [
        *(Record(_name(owner), TTL, "A", address) for address in addresses),
        *(
            Record(_name(f"_http._tcp.{owner}"), TTL, "SRV", f"0 {weight} 80 {label}.{home}")
            for label in map(_label, addresses)
        ),
    ]


def _endpoints(home: str, addresses: list[str]) -> list[Record]:
    """CONTRACT 3: an endpoint "is also a name below its service"."""
    return [Record(_name(f"{_label(a)}.{home}"), TTL, "A", a) for a in addresses]


def _label(address: str) -> str:
    return address.replace(".", "-")


# ---------------------------------------------------------------- strategies


@dataclass
class _Pool:
    """Addresses and texts that are used once, marked with who may see them."""

    used: int = 0

    def next(self) -> int:
        self.used += 1
        return self.used

    def address(self, visible: frozenset[str]) -> str:
        number = self.next()
        return f"10.{marker(visible)}.{number // 250}.{number % 250 + 1}"


def marker(visible: frozenset[str]) -> int:
    """The second octet of an address: 1 for a alone, 2 for b alone, 3 for both."""
    return sum({"a": 1, "b": 2}[word] for word in visible)


OWNERS = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3).map(".".join)
PLAIN_OWNERS = st.lists(st.sampled_from(LABELS[:-1]), min_size=1, max_size=3).map(".".join)
KINDS = ("A", "A", "TXT", "MX", "CNAME", "CNAME", "NS", "DNAME", "both")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Zones with everything that makes looking up hard."""
    pool = _Pool()
    parts = []
    for apex in draw(st.lists(st.sampled_from(APEXES), unique=True, max_size=4)):
        sharing = draw(st.sampled_from(("ab", "a", "b", "a|b")))
        for group in sharing.split("|"):
            part = Part(apex, frozenset(group), None)
            draw_records(draw, part, pool)
            parts.append(part)
    for environment in "ab":
        part = Part(f"{environment}.r.{DOMAIN}", frozenset(environment), environment)
        if draw(st.booleans()):
            draw_records(draw, part, pool)
        for name in draw(st.lists(st.sampled_from(("web", "db.y", "w")), unique=True, max_size=2)):
            granted = draw(st.booleans())
            visible = frozenset("ab") if granted else part.visible
            if name not in part.sets:
                count = draw(st.integers(1, 3))
                part.services[name] = ([pool.address(visible) for _ in range(count)], granted)
        parts.append(part)
    return World(parts)


def draw_records(draw: st.DrawFn, part: Part, pool: _Pool) -> None:
    """Some owners with records. A name of another environment's alone is never a target."""
    targets = [DOMAIN, part.apex, "www.example.net."]
    apexes = [apex for apex in APEXES if part.environment is None or apex != part.apex]
    for owner in draw(st.lists(OWNERS, unique=True, max_size=6)):
        kind = draw(st.sampled_from(KINDS))
        if "*" in owner and kind in ("NS", "DNAME"):
            kind = "A"
        target = draw(st.one_of(st.none(), PLAIN_OWNERS))
        base = draw(st.sampled_from([part.apex, *apexes, *targets[-1:]]))
        name = base if target is None else f"{target}.{base}"
        part.sets[owner] = draw_sets(kind, name, part, pool)


def draw_sets(kind: str, name: str, part: Part, pool: _Pool) -> dict[str, list[str]]:
    """The record sets of one owner."""
    address = pool.address(part.visible)
    text = f"text-{marker(part.visible)}-{pool.next()}"
    if kind == "both":
        return {"A": [address, pool.address(part.visible)], "TXT": [text]}
    value = {"A": address, "TXT": text, "MX": f"10 {name}"}.get(kind, name)
    return {kind: [value]}
