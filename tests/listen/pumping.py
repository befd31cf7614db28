"""A listener whose pump is worked by hand, and beside it what `handle` alone would reply.

Datagrams on loopback are there when `send` returns, so nothing here waits.
"""

from __future__ import annotations

import dataclasses
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, cast

import dns.edns
import dns.flags
import dns.message
import dns.rdataclass
import dns.rdatatype
import pytest

from healthcheck.health import Health, State, Target
from resolver import names
from resolver.cache import Cache, CachePolicy, Entry
from resolver.config import SocketAddress
from resolver.counters import Counters
from resolver.elsewhere import answer_without_asking
from resolver.forward.forwarder import Forwarder
from resolver.forward.scrub import Scrubbed
from resolver.generation import Generation, Published, View
from resolver.listen.pumps import Control, Kind, NoCompiledPump, Peer, choose
from resolver.listen.sockets import bind
from resolver.listen.udp import DatagramListener
from resolver.memo import Memo
from resolver.outcome import Forward, Outcome, Reason, Reply
from resolver.query import handle
from resolver.reload import Builder
from resolver.views import Door
from tests.listen.fuzz_pump import Client, Sent
from tests.support import UDP, compiled, reply_of, write

PROD, PROD_WEST, DEV = "127.64.0.1", "127.65.0.1", "127.80.0.1"
TRUSTED, STRANGER = "127.90.0.1", "127.99.0.1"
TRUSTED_IN_DEV = "127.80.90.1"

PLAN = """\
domain: corp.test
nameservers: {ns1: [10.255.0.53]}
regions: [east, west]
environments:
  prod: {clients: {east: [127.64.0.0/16], west: [127.65.0.0/16]}, forward: none}
  dev: {clients: {east: [127.80.0.0/16, "::1/128"]}, forward: none}
trusted_forwarders: [127.90.0.0/16, 127.80.90.0/24]
"""
MANY = ", ".join(f"10.80.7.{n}" for n in range(1, 41))
DEV_ZONE = f"""\
zone: dev.east
services:
  web:
    endpoints:
      - {{address: 10.80.1.1, name: w1, weight: 2}}
      - {{address: 10.80.1.2, name: w2}}
      - {{address: 10.80.1.3, name: w3}}
    ports: {{http: 8080}}
    ttl: 20
records:
  text: {{TXT: hello}}
  long: {{TXT: "{"x" * 2000}"}}
  many: {{A: [{MANY}]}}
  alias: {{CNAME: web}}
  alias2: {{CNAME: alias}}
  away: {{CNAME: www.example.}}
  flat: {{ALIAS: www.example., ttl: 300}}
  "*.wild": {{A: [10.80.2.1, 10.80.2.2]}}
  svc: {{HTTPS: "1 . alpn=h2 ipv4hint=10.80.1.9", A: 10.80.1.9}}
  a: {{A: 10.80.3.1, HTTPS: "1 ."}}
  mail: {{MX: ["10 web", "20 a"]}}
  old: {{DNAME: wild}}
  cut: {{NS: [ns.cut]}}
  ns.cut: {{A: 10.80.9.9}}
"""
PROD_ZONE = """\
zone: prod.east
services:
  web: {endpoints: [10.64.1.1, 10.64.1.2], ports: {http: 8080}}
records:
  secret: {A: 10.64.3.1}
  text: {TXT: other}
"""
BOTH = """\
zone: both.test.
visible_to: [{0}]
services:
  web: {{endpoints: [{{address: {1}, name: a}}, {{address: {2}, name: b}}]}}
records:
  "{0}": {{A: {1}}}
  "*.{0}s": {{A: {1}}}
  text: {{TXT: "{0}"}}
"""
FILES: Mapping[str, str] = {
    "environments.yaml": PLAN,
    "dev.yaml": DEV_ZONE,
    "prod.yaml": PROD_ZONE,
    "both1.yaml": BOTH.format("dev", "10.80.5.1", "10.80.5.2"),
    "both2.yaml": BOTH.format("prod", "10.64.5.1", "10.64.5.2"),
}
ZONE = "dev.east.corp.test."
DEV_QUESTIONS = (
    *(("web", t) for t in ("A", "AAAA", "ANY", "TXT", "SRV", "HTTPS")),
    *(("many", "A"), ("long", "TXT"), ("text", "TXT"), ("text", "A"), ("text", "TYPE999")),
    *((name, "A") for name in ("alias", "alias2", "x.wild", "y.wild", "x.old", "x.cut", "w1.web")),
    *(("svc", "HTTPS"), ("svc", "A"), ("a", "A"), ("a", "HTTPS"), ("a", "TYPE97"), ("a", "ANY")),
    *(("mail", "MX"), ("cut", "NS"), ("cut", "DS"), ("old", "DNAME"), ("nothing", "A")),
    *(("_http._tcp.web", "SRV"), ("@", "SOA"), ("@", "NS"), ("away", "A"), ("flat", "A")),
)
"""Names of dev's zone, with types: a record, rotation, denials, aliases, cuts, what is large."""


def query(
    name: str,
    rdtype: str = "A",
    *,
    ident: int = 1,
    edns: int | None = None,
    dnssec_ok: bool = False,
    flags: str = "RD",
    rdclass: str = "IN",
    options: tuple[dns.edns.Option, ...] = (),
) -> bytes:
    """A query on the wire, spelled as it is written."""
    message = dns.message.make_query(name, rdtype, rdclass, id=ident)
    message.flags = dns.flags.from_text(flags)
    if edns is not None:
        message.use_edns(0, dns.flags.DO if dnssec_ok else 0, edns, options=list(options))
    return message.to_wire()


def variants(name: str, rdtype: str) -> list[bytes]:
    """The ways in which clients ask one question."""
    spelled = "".join(c.upper() if n % 2 else c for n, c in enumerate(name))
    return [
        query(name, rdtype),
        query(spelled, rdtype),
        query(name, rdtype, edns=1232),
        query(spelled, rdtype, edns=512),
        query(name, rdtype, edns=4096, dnssec_ok=True),
        query(name, rdtype, flags=""),
        query(name, rdtype, flags="RD CD", edns=1232),
        query(name, rdtype, flags="RD AD"),
    ]


OUTSIDE = query("www.example.")
FORWARDING = {
    **FILES,
    "environments.yaml": PLAN.replace("forward: none", "forward: {upstreams: [192.0.2.53]}"),
}
"""The same company where names outside are asked for."""


def put(
    view: View, cache: Cache, wire: bytes = OUTSIDE, now: float = 0.0, flags: int = 0, **said: int
) -> Entry:
    """Keep an address, or for `rcode` a denial, of the name that is asked for; with a TTL."""
    ttl, rcode = said.get("ttl", 60), said.get("rcode", 0)
    rdata = bytes([192, 0, 2, said.get("n", 1)])
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, ttl, 4) + rdata
    counts = (0, 1) if rcode else (1, 0)
    scrubbed = Scrubbed(record, (6,), *counts, rcode, ttl, None, None, Reason.ANSWERED)
    end = wire.index(b"\0", 12) + 5
    name = names.key(wire[12 : end - 4])
    route = view.forwarding.find(name)
    assert route is not None
    made = Entry(scrubbed, len(name), now, route, view.forwarding)
    key = (name + wire[end - 4 : end], flags, view.forwarding.place)
    cache.partition(view.environment).put(key, made, name if rcode else None)
    return made


def in_dev(name: str) -> str:
    """A name of dev's zone in full."""
    return ZONE if name == "@" else f"{name}.{ZONE}"


def renumbered(wire: bytes, ident: int) -> bytes:
    """The same query with another ID."""
    return ident.to_bytes(2, "big") + wire[2:]


def chosen(kind: Kind) -> Kind:
    """A kind of pump; a test of one that was never compiled is skipped, and says so."""
    try:
        return choose(kind)
    except NoCompiledPump as missing:
        pytest.skip(str(missing))


class AskNobody:
    """In place of a forwarder: there is a cache, and nobody else."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.begun: list[Forward] = []

    def begin(self, forward: Forward, respond: Callable[[Outcome], None]) -> None:
        self.begun.append(forward)
        respond(forward.reply or answer_without_asking(forward))


class Watched(DatagramListener):
    """Counts what its pump did not know."""

    looked = 0

    def _answer(
        self, wire: bytes, peer: Peer, control: Control | None, memo: Memo | None
    ) -> bytes | None:
        self.looked += 1
        return super()._answer(wire, peer, control, memo)


class Pumped:
    """A listener, and clients at all addresses of this machine."""

    def __init__(
        self,
        generation: Generation,
        pump: Kind,
        host: str = "127.0.0.1",
        *,
        door: Door = UDP,
        policy: CachePolicy | None = None,
    ) -> None:
        self.door = door
        self.host = host if host not in ("0.0.0.0", "::") else host.replace("0.0.0.0", "127.0.0.2")
        self.bound = bind(SocketAddress(host, 0))
        self.published, self.counters = Published(generation), Counters()
        self.cache = Cache(policy)
        self.forwarder = AskNobody(self.cache)
        asks = cast("Forwarder", self.forwarder)
        self.listener = Watched(self.bound, door, self.published, self.counters, asks, pump=pump)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.client = Client(family, self.bound.address.port)
        if host == "::":
            self.host = "::1"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.bound.close()
        self.client.socket.close()

    @property
    def generation(self) -> Generation:
        return self.published.generation

    @property
    def looked(self) -> int:
        return self.listener.looked

    def ask(self, wire: bytes, source: str = DEV) -> bytes | None:
        """What comes back, if anything; from where it was asked."""
        self.client.send(Sent(wire, source, self.host, None))
        while self.listener.drain():
            pass
        found = list(self.client.receive().values())
        if not found:
            return None
        ((octets, whence),) = found
        assert whence == self.host
        return octets

    def told(self, name: str, rdtype: str = "A", source: str = DEV) -> dns.message.Message:
        """The reply as a message."""
        octets = self.ask(query(name, rdtype), source)
        assert octets is not None
        return dns.message.from_wire(octets)

    def known(self, wire: bytes, source: str = DEV) -> bool:
        """Whether the pump gives a reply by itself; it is asked."""
        before = self.looked
        self.ask(wire, source)
        return self.looked == before


class Twin:
    """The same generations with nothing but `handle`: the same turns in the same order."""

    def __init__(self, generation: Generation, door: Door = UDP) -> None:
        self.generation = generation
        self.door = door
        self.cache = Cache()
        self.counters = Counters()

    def ask(self, wire: bytes, source: str = DEV, now: float = 1.0) -> bytes | None:
        """The octets of the reply."""
        outcome = handle(wire, source, self.door, self.generation, now, self.cache)
        if isinstance(outcome, Forward):
            outcome = reply_of(outcome)
        self.counters.count(outcome, "udp")
        return outcome.wire if isinstance(outcome, Reply) else None


class Pair:
    """A pumped listener and its twin, which are asked and changed alike."""

    def __init__(self, directory: Path, pumped: Pumped, files: Mapping[str, str] = FILES) -> None:
        self.directory = directory
        self.pumped = pumped
        # Builders of their own, so that neither shares an object with the other.
        self._builders = Builder(directory, 1), Builder(directory, 1)
        self.twin = Twin(compiled(write(directory, files)), pumped.door)

    def ask(self, wire: bytes, source: str) -> bytes | None:
        """What both reply."""
        given, wanted = self.pumped.ask(wire, source), self.twin.ask(wire, source)
        assert given == wanted, (source, wire.hex())
        return given

    def flip(self, address: bytes, state: State) -> None:
        """Judge the targets with an address anew."""
        twin, published = self.twin, self.pumped.published
        twin.generation = flipped(twin.generation, address, state)
        published.replace(flipped(published.generation, address, state))

    def reload(self, files: Mapping[str, str]) -> None:
        """Change files."""
        write(self.directory, files)
        mine, others = self._builders
        twin, published = self.twin, self.pumped.published
        twin.generation = compiled(self.directory, twin.generation, builder=others)
        published.replace(compiled(self.directory, published.generation, builder=mine))

    def agree(self) -> None:
        """What was counted is the same."""
        assert self.pumped.counters.replies == self.twin.counters.replies
        for environment in ("dev", "prod"):
            mine = self.pumped.cache.partition(environment).kept_inside
            other = self.twin.cache.partition(environment).kept_inside
            assert mine.total == other.total
            assert mine.names.top(50) == other.names.top(50)
            assert mine.clients.top(50) == other.clients.top(50)


def targets(generation: Generation, address: bytes) -> list[Target]:
    """The targets with an address."""
    services = [s for zone in generation.zones.zones for s in zone.services.values()]
    found = {(e.key, a) for s in services for e in s.endpoints for a in e.addresses}
    return sorted(target for target in found if target[1] == address)


def flipped(generation: Generation, address: bytes, state: State) -> Generation:
    """The next generation, in which an address has another state."""
    change = dict.fromkeys(targets(generation, address), Health(state, ""))
    table = generation.health.replace(change)
    return generation.judged_anew(generation.number + 1, table, change)


def pinned(environment: str, region: str = "", **said: Any) -> Door:
    """The door of a listener for one view."""
    return dataclasses.replace(UDP, environment=environment, region=region, **said)
