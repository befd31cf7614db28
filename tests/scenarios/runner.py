"""Runs scenarios: zones, a server's door, steps with their replies, and the counters they move.

A scenario is one YAML file, every scalar of it read as text:

    about: one sentence
    origin: prod.east.corp.internal    names in `ask` and `expect` are relative to it
    zones: {prod.yaml: "zone: …"}      files as written; without environments.yaml, PLAN below
    door: {environment: …, region: …, allow: […]}      a pinned listener
    health: {web.prod.east/w1: down}   both addresses; see HEALTH; also in a step, from there on
    steps:
      - from: 127.64.0.1               the client's address; the step before it, when absent
        ask: web A                     or `send: HEX`, the message itself
        with: rd=0 edns=512 tcp        see `_Options`
        expect: {rcode: NXDOMAIN, authority: [corp.internal. 30 SOA *]}
    counters: {prod NOERROR zone: 3}   environment, rcode and source of every reply

What a step does not expect must not be there: rcode NOERROR, flags `aa ra`, empty sections and no
extended error are the defaults. Records are `OWNER TTL TYPE RDATA`, in any order unless `ordered`;
TTL `-` and rdata `*` match anything, a section `any` too.
dnspython, which shares no code with us, reads the replies.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import yaml

from healthcheck.health import NOT_OBSERVED, DeclaredState, Health, State, Target
from resolver.compile import compile_generation
from resolver.config import SocketAddress
from resolver.counters import Counters
from resolver.elsewhere import answer_without_asking
from resolver.generation import Generation, Published
from resolver.listen.sockets import bind
from resolver.listen.stream import StreamListener
from resolver.listen.udp import DatagramListener
from resolver.outcome import Forward, Reply
from resolver.query import handle
from resolver.views import Door, NetworkTable
from resolver.zones.load import ZonesDirectory
from resolver.zones.places import Severity

PLAN = """
domain: corp.internal
contact: hostmaster@corp.internal
nameservers: {ns1: [10.255.0.53]}
regions: [east, west]
environments:
  prod: {clients: {east: [127.64.0.0/16, "fd64:0:1::/48"], west: [127.65.0.0/16]}}
  staging: {clients: {east: [127.72.0.0/16], west: [127.73.0.0/16]}}
  dev: {clients: {east: [127.80.0.0/16, "::1/128"]}}
"""
NOW = 1_700_000_000  # the serial of every zone
PAYLOAD = 1232
PATIENCE = 5.0  # seconds that a reply over the loopback may take before the test fails
PROBE = bytes.fromhex("ffff0100000100000000000000 00fc 0001")  # . AXFR: always answered


@dataclass(frozen=True)
class Scenario:
    """One file, as read."""

    about: str
    origin: dns.name.Name
    zones: dict[str, str]
    door: dict[str, Any]
    health: dict[str, Any]
    steps: list[dict[str, Any]]
    counters: dict[str, int]


def load_scenario(path: Path) -> Scenario:
    """Read a scenario; sources carry over from step to step."""
    tree = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # text only
    unknown = tree.keys() - {"about", "origin", "zones", "door", "health", "steps", "counters"}
    assert not unknown, f"{path.name}: unknown keys {unknown}"
    source = ""
    for step in tree["steps"]:
        assert not step.keys() - {"from", "ask", "send", "with", "expect", "health"}, step
        source = step.setdefault("from", source)
        unknown = step["expect"].keys() - _EXPECTED
        assert not unknown, f"{path.name}: unknown expectations {unknown}"
    return Scenario(
        about=tree["about"],
        origin=dns.name.from_text(tree.get("origin", "corp.internal")),
        zones={"environments.yaml": PLAN, **tree["zones"]},
        door=tree.get("door", {}),
        health=tree.get("health", {}),
        steps=tree["steps"],
        counters={key: int(count) for key, count in tree.get("counters", {}).items()},
    )


_EXPECTED = {
    *("rcode", "flags", "answer", "authority", "additional", "ordered", "ede", "ecs", "nothing"),
    *("owners", "same_as", "repeat", "shares", "sizes", "question", "version"),
}


def compile_files(files: dict[str, str], directory: Path, seed: int = 0) -> Generation:
    """The generation of some zone files; what `check` says beyond errors of reading is ignored."""
    for name, text in files.items():
        place = directory / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    zones, problems = ZonesDirectory(directory).load()
    errors = [str(p) for p in problems if p.severity is Severity.ERROR]
    assert zones is not None, errors
    assert not errors, errors
    return compile_generation(zones, NOW, seed)


HEALTH = {
    "up": Health(State.UP, "up"),
    "down": Health(State.DOWN, "down"),
    "damped": Health(State.UP, "damped", damped=True),
    "unknown": NOT_OBSERVED,
    "changing": Health(State.UP, "changing", changing=True),
    "drain": Health(State.UP, "drained", override=DeclaredState.DRAIN),
    "maintenance": Health(State.UP, "in maintenance", override=DeclaredState.MAINTENANCE),
}


def judged(generation: Generation, told: dict[str, Any]) -> Generation:
    """The generation after flips of endpoints, `service.env.region/label` → state.

    A state is one of HEALTH, or `{tenths: N}`: a slow start.
    """
    if not told:
        return generation
    services = [s for zone in generation.zones.zones for s in zone.services.values()]
    known = {f"{s.identity}/{e.label}": e for s in services for e in s.endpoints}
    changed: dict[Target, Health] = {}
    for word, state in told.items():
        found = (
            HEALTH[state]
            if isinstance(state, str)
            else Health(State.UP, "slow start", tenths=int(state["tenths"]))
        )
        changed |= {(known[word].key, address): found for address in known[word].addresses}
    table = generation.health.replace(changed)
    return generation.judged_anew(generation.number + 1, table, changed)


def make_doors(scenario: Scenario) -> dict[str, Door]:
    """The scenario's listener, for both transports."""
    door = scenario.door
    allow = None
    if "allow" in door:
        allow = NetworkTable((ipaddress.ip_network(text), True) for text in door["allow"])
    pin = (door.get("environment"), door.get("region"), allow)
    return {"udp": Door("udp", PAYLOAD, *pin), "tcp": Door("tcp", 65535, *pin)}


# ---------------------------------------------------------------- asking


class _Options:
    """`with`: rd=0 cd do ad, edns=SIZE, version=N, no-edns, ecs=NETWORK, option=CODE:HEX,
    opcode=NAME, class=NAME, id=HEX; udp, tcp or handle say how the step is asked."""

    def __init__(self, words: str) -> None:
        self.words = dict(word.partition("=")[::2] for word in words.split())
        known = {"rd", "cd", "do", "ad", "edns", "version", "no-edns", "ecs", "option", "opcode"}
        unknown = self.words.keys() - known - {"class", "udp", "tcp", "handle", "authority"}
        assert not unknown, f"unknown options {unknown}"

    @property
    def only(self) -> str | None:
        return next((word for word in ("udp", "tcp", "handle") if word in self.words), None)

    def query(self, text: str, origin: dns.name.Name) -> bytes:
        words = self.words
        name, _, rtype = text.rpartition(" ")
        query = dns.message.make_query(
            dns.name.from_text(name, origin), rtype, words.get("class", "IN"), id=4711
        )
        query.flags = 0
        for word, flag in (("cd", dns.flags.CD), ("ad", dns.flags.AD)):
            query.flags |= flag if word in words else 0
        query.flags |= 0 if words.get("rd") == "0" else dns.flags.RD
        query.set_opcode(dns.opcode.from_text(words.get("opcode", "QUERY")))
        if "no-edns" not in words:
            options: list[dns.edns.Option] = []
            if "ecs" in words:
                network, _, bits = words["ecs"].partition("/")
                options.append(dns.edns.ECSOption(network, int(bits)))
            if "option" in words:
                code, _, octets = words["option"].partition(":")
                options.append(
                    dns.edns.GenericOption(
                        dns.edns.OptionType.make(int(code)), bytes.fromhex(octets)
                    )
                )
            query.use_edns(
                int(words.get("version", "0")),
                dns.flags.DO if "do" in words else 0,
                int(words.get("edns", PAYLOAD)),
                options=options,
            )
        if "authority" in words:  # RFC 1995 3: IXFR carries the SOA that the client has
            soa = "ns1. hostmaster. 1 2 3 4 5"
            query.authority.append(dns.rrset.from_text(query.question[0].name, 0, "IN", "SOA", soa))
        return query.to_wire()


def _wire_of(step: dict[str, Any], ask: str | None, origin: dns.name.Name) -> bytes:
    if ask is None and "send" in step:
        return bytes.fromhex(step["send"])
    return _Options(step.get("with", "")).query(ask or step["ask"], origin)


class ByHandle:
    """Asks the journey itself."""

    def __init__(self, scenario: Scenario, generation: Generation) -> None:
        self.doors = make_doors(scenario)
        self.generation = judged(generation, scenario.health)
        self.counters = Counters()

    def judge(self, told: dict[str, Any]) -> None:
        """Flip endpoints."""
        self.generation = judged(self.generation, told)

    async def ask(self, wire: bytes, source: str, transport: str, silence: bool) -> bytes | None:
        outcome = handle(wire, source, self.doors[transport], self.generation)
        if isinstance(outcome, Forward):
            outcome = answer_without_asking(outcome)
        self.counters.count(outcome, transport)
        return outcome.wire if isinstance(outcome, Reply) else None


class BySockets:
    """Asks a server in this process, from the client's own address on the loopback."""

    def __init__(self, scenario: Scenario, generation: Generation) -> None:
        doors = make_doors(scenario)
        self.published = published = Published(judged(generation, scenario.health))
        self.counters = Counters()
        self.bound = {
            4: bind(SocketAddress("127.0.0.1", 0)),
            6: bind(SocketAddress("::1", 0)),
        }
        self.datagrams = [
            DatagramListener(bound, doors["udp"], published, self.counters)
            for bound in self.bound.values()
        ]
        limits = {"max_connections": 100, "idle": 10.0}
        self.streams = [
            StreamListener(bound, doors["tcp"], published, self.counters, **limits)  # type: ignore[arg-type]  # ints and floats
            for bound in self.bound.values()
        ]

    def judge(self, told: dict[str, Any]) -> None:
        """Flip endpoints."""
        if told:
            self.published.replace(judged(self.published.generation, told))

    async def __aenter__(self) -> BySockets:
        for stream in self.streams:
            await stream.start()
        for datagram in self.datagrams:
            datagram.start(asyncio.get_running_loop())
        return self

    async def __aexit__(self, *exc: object) -> None:
        for datagram in self.datagrams:
            datagram.stop(asyncio.get_running_loop())
        for stream in self.streams:
            await stream.stop(1.0)
        for bound in self.bound.values():
            bound.close()

    async def ask(self, wire: bytes, source: str, transport: str, silence: bool) -> bytes | None:
        """The reply; where silence is expected, whatever comes before the reply to a probe."""
        address = self.bound[6 if ":" in source else 4].address
        messages = [wire, PROBE] if silence else [wire]
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        with socket.socket(family, kind) as client:
            client.setblocking(False)
            client.bind((source, 0))
            exchange = self._datagram if transport == "udp" else self._stream
            reply = await asyncio.wait_for(exchange(client, address, messages), PATIENCE)
        return None if silence and reply[:2] == PROBE[:2] else reply

    async def _datagram(
        self, client: socket.socket, address: SocketAddress, messages: list[bytes]
    ) -> bytes:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, tuple(address))
        for message in messages:
            await loop.sock_sendall(client, message)
        return await loop.sock_recv(client, 65535)

    async def _stream(
        self, client: socket.socket, address: SocketAddress, messages: list[bytes]
    ) -> bytes:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, tuple(address))
        framed = b"".join(struct.pack("!H", len(m)) + m for m in messages)
        await loop.sock_sendall(client, framed)
        received = b""
        while len(received) < 2 or len(received) < 2 + int.from_bytes(received[:2], "big"):
            more = await loop.sock_recv(client, 65535)
            assert more, "the server closed the connection"
            received += more
        return received[2 : 2 + int.from_bytes(received[:2], "big")]


# ---------------------------------------------------------------- judging


@dataclass
class Run:
    """One run of a scenario over one way of asking."""

    scenario: Scenario
    asker: ByHandle | BySockets
    transport: str | None  # None: the step's own, or UDP
    moved: Counter[str] = field(default_factory=Counter)
    skipped: int = 0

    async def play(self) -> None:
        """Ask every step and judge its reply; every wrong one is reported."""
        wrong = []
        for number, step in enumerate(self.scenario.steps, 1):
            self.asker.judge(step.get("health", {}))
            only = _Options(step.get("with", "")).only
            if only == "handle" and isinstance(self.asker, BySockets):
                self.skipped += 1
                continue
            if self.transport is not None and only not in (None, self.transport):
                self.skipped += 1
                continue
            transport = self.transport or ("tcp" if only == "tcp" else "udp")
            before = self._counted()
            try:
                await self._play(step, transport)
            except AssertionError as error:
                what = step.get("ask", step.get("send"))
                place = f"step {number}: {what} from {step['from']} over {transport}"
                wrong.append(f"{place}\n{error}")
            moved = self._counted() - before
            if "nothing" in step["expect"]:  # the probe is no step
                moved = Counter({k: n for k, n in moved.items() if k.startswith("dropped")})
            self.moved += moved
        assert not wrong, "\n\n".join(wrong)

    def _counted(self) -> Counter[str]:
        counted: Counter[str] = Counter()
        for (environment, _, _, rcode, source), count in self.asker.counters.replies.items():
            counted[f"{environment} {dns.rcode.to_text(dns.rcode.Rcode(rcode))} {source}"] += count
        for reason, count in self.asker.counters.dropped.items():
            counted[f"dropped {reason}"] += count
        return counted

    async def _play(self, step: dict[str, Any], transport: str) -> None:
        expect, origin = step["expect"], self.scenario.origin
        wire = _wire_of(step, None, origin)
        silence = "nothing" in expect
        reply = await self.asker.ask(wire, step["from"], transport, silence)
        if silence:
            assert reply is None, f"a reply where none may be: {reply.hex()}"
            return
        assert reply is not None, "no reply"
        if "repeat" in expect:
            await self._judge_shares(step, wire, reply, transport)
            return
        judge(expect, wire, reply, origin, "ask" in step)
        if transport == "udp":
            words = _Options(step.get("with", "")).words
            limit = 512 if "no-edns" in words else max(512, int(words.get("edns", PAYLOAD)))
            assert len(reply) <= min(limit, PAYLOAD), f"{len(reply)} octets are too many"
        if "same_as" in expect:
            other_wire = _wire_of(step, expect["same_as"], origin)
            assert len(other_wire) == len(wire), "names of one length compare"
            other = await self.asker.ask(other_wire, step["from"], transport, False)
            assert other is not None
            end = 12 + len(_question(wire))
            assert other[:12] == reply[:12], "the headers differ"
            assert other[end:] == reply[end:], f"{other[end:].hex()}\n{reply[end:].hex()}"

    async def _judge_shares(
        self, step: dict[str, Any], wire: bytes, reply: bytes, transport: str
    ) -> None:
        """Over many queries each address stands first in its share, within two points."""
        expect = step["expect"]
        firsts: Counter[str] = Counter()
        sizes: set[int] = set()
        for turn in range(int(expect["repeat"])):
            if turn:
                again = await self.asker.ask(wire, step["from"], transport, False)
                assert again is not None
                reply = again
            answer = _read(reply).answer
            firsts[answer[0][0].to_text()] += 1
            sizes.add(len(answer))
        total = firsts.total()
        shares = {address: 100 * count / total for address, count in firsts.items()}
        wanted = {address: float(share) for address, share in expect["shares"].items()}
        assert shares.keys() <= wanted.keys(), f"first were {shares}"
        assert all(abs(shares.get(a, 0) - wanted[a]) <= 2 for a in wanted), f"first were {shares}"
        if "sizes" in expect:
            assert sizes == {int(expect["sizes"])}, f"answers of {sizes} records"


def _question(wire: bytes) -> bytes:
    position = 12
    while wire[position]:
        position += 1 + wire[position]
    return wire[12 : position + 5]


def _read(reply: bytes) -> dns.message.Message:
    return dns.message.from_wire(reply, one_rr_per_rrset=True)


def judge(
    expect: dict[str, Any], wire: bytes, reply: bytes, origin: dns.name.Name, is_asked: bool
) -> None:
    """Compare a reply with what a step expects; AssertionError says the first difference."""
    message = _read(reply)
    shown = f"\n{message}"
    assert reply[:2] == wire[:2], "the ID"
    assert reply[2] & 0x79 == wire[2] & 0x79, "opcode and RD are those of the query"
    assert reply[2] & 0x80, "QR"
    rcode = dns.rcode.to_text(message.rcode())
    assert rcode == expect.get("rcode", "NOERROR"), f"rcode {rcode}{shown}"
    bits = (("aa", dns.flags.AA), ("tc", dns.flags.TC), ("ra", dns.flags.RA), ("ad", dns.flags.AD))
    flags = {word for word, bit in (*bits, ("cd", dns.flags.CD)) if message.flags & bit}
    assert flags == set(expect.get("flags", "aa ra").split()), f"flags {flags}{shown}"
    assert not reply[3] & 0x40, "Z"
    if expect.get("question") == "none":
        assert reply[4:6] == b"\0\0", "a question where none was read"
    elif is_asked:
        question = _question(wire)
        assert reply[12 : 12 + len(question)] == question, "the question is not as it was asked"
    sections = (("answer", message.answer), ("authority", message.authority))
    for name, section in (*sections, ("additional", message.additional)):
        if expect.get(name) == "any":
            continue
        wanted = [_Pattern.read(line, origin) for line in _lines(expect.get(name, []))]
        found = [_Pattern.of(rrset) for rrset in section]
        problem = _compare(wanted, found, "ordered" in expect and name == "answer")
        assert not problem, f"{name}: {problem}{shown}"
    if "owners" in expect:
        owners = [str(rrset.name) for rrset in message.answer]
        assert owners == _lines(expect["owners"]), f"owners {owners}"
    _judge_options(expect, message, shown)


def _judge_options(expect: dict[str, Any], message: dns.message.Message, shown: str) -> None:
    errors = [o for o in message.options if isinstance(o, dns.edns.EDEOption)]
    assert len(errors) <= 1, f"extended errors{shown}"
    error = f"{int(errors[0].code)} {errors[0].text or ''}".strip() if errors else "none"
    assert error == expect.get("ede", "none"), f"extended error {error!r}{shown}"
    subnets = [o for o in message.options if isinstance(o, dns.edns.ECSOption)]
    subnet = "none"
    if subnets:
        subnet = f"{subnets[0].address}/{subnets[0].srclen}/{subnets[0].scopelen}"
    assert subnet == expect.get("ecs", "none"), f"client subnet {subnet}{shown}"
    if "version" in expect:
        assert message.edns == int(expect["version"]), f"EDNS version {message.edns}"


def _lines(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True)
class _Pattern:
    """A record, or what one must look like."""

    owner: str
    ttl: str
    rtype: str
    rdata: str

    @classmethod
    def read(cls, line: str, origin: dns.name.Name) -> _Pattern:
        owner, ttl, rtype, *rest = line.split(None, 3)
        rdata = rest[0] if rest else ""
        if rdata != "*":
            kind = dns.rdatatype.from_text(rtype)
            rdata = dns.rdata.from_text("IN", kind, rdata, origin, relativize=False).to_text()
        name = dns.name.from_text(owner, origin)
        return cls(name.to_text().lower(), ttl, rtype, rdata.lower())

    @classmethod
    def of(cls, rrset: Any) -> _Pattern:
        rtype = dns.rdatatype.to_text(rrset.rdtype)
        rdata = rrset[0].to_text().lower()
        return cls(rrset.name.to_text().lower(), str(rrset.ttl), rtype, rdata)

    def matches(self, found: _Pattern) -> bool:
        return (
            (self.owner, self.rtype) == (found.owner, found.rtype)
            and self.ttl in ("-", found.ttl)
            and self.rdata in ("*", found.rdata)
        )


def _compare(wanted: list[_Pattern], found: list[_Pattern], is_ordered: bool) -> str:
    """What is missing or too many; empty when nothing is."""
    if is_ordered:
        if len(wanted) == len(found) and all(
            w.matches(f) for w, f in zip(wanted, found, strict=True)
        ):
            return ""
        return f"expected in this order {wanted}"
    left = list(found)
    for pattern in wanted:
        match = next((item for item in left if pattern.matches(item)), None)
        if match is None:
            return f"missing {pattern}"
        left.remove(match)
    return f"not expected {left}" if left else ""
