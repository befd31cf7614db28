"""What many tests need: zone files, generations, questions, listeners and server processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from resolver.compile import compile_generation
from resolver.config import SocketAddress
from resolver.counters import Counters
from resolver.elsewhere import answer_without_asking
from resolver.forward.forwarder import Forwarder
from resolver.generation import Generation, Published
from resolver.listen.pumps import Kind
from resolver.listen.sockets import Bound, bind
from resolver.listen.stream import StreamListener
from resolver.listen.udp import DatagramListener
from resolver.outcome import Forward, Outcome, Reply
from resolver.query import handle
from resolver.reload import Builder
from resolver.views import Door
from resolver.zones.load import ZonesDirectory
from resolver.zones.places import Problem, Severity

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 10.0  # seconds until a test that waits has failed
NOW = 1_800_000_000

PLAN = """\
domain: corp.test
nameservers: {ns1: [10.255.0.53]}
regions: [east, west]
environments:
  prod: {clients: {east: [10.64.0.0/16, 127.64.0.0/16], west: [10.65.0.0/16]}, forward: none}
  dev:
    clients: {east: [10.80.0.0/16, 127.0.0.0/16, "::1/128"], west: [10.81.0.0/16]}
    forward: none
"""
DEV = """\
zone: dev.east
services:
  web:
    endpoints: [10.80.1.1, 10.80.1.2, 10.80.1.3]
    ports: {http: 8080}
    ttl: 20
records:
  text: {TXT: hello}
  alias: {CNAME: web}
  "*.wild": {A: 10.80.2.1}
"""
PROD = """\
zone: prod.east
services:
  web: {endpoints: [10.64.1.1]}
"""
FILES: Mapping[str, str] = {"environments.yaml": PLAN, "dev.yaml": DEV, "prod.yaml": PROD}

PROD_CLIENT, DEV_CLIENT, STRANGER = "10.64.9.9", "10.80.9.9", "192.0.2.1"
UDP = Door("udp", 1232)
TCP = Door("tcp", 65535)


def write(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a directory."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


def compiled(
    directory: Path,
    previous: Generation | None = None,
    now: int = NOW,
    builder: Builder | None = None,
    *,
    is_judged: bool = True,
) -> Generation:
    """The generation of a directory that has no errors, or only those of the lint rules."""
    if not is_judged:
        zones, problems = ZonesDirectory(directory).load()
        assert zones is not None
        assert not errors(problems)
        return compile_generation(zones, now, 1, previous)
    built = (builder or Builder(directory, 1)).build(now, previous)
    assert built.generation is not None, errors(built.problems)
    return built.generation


def errors(problems: Iterable[Problem]) -> list[str]:
    """The problems that keep a generation from being published."""
    return [str(problem) for problem in problems if problem.severity is Severity.ERROR]


def judged(directory: Path, severity: Severity = Severity.ERROR) -> list[str]:
    """FILE:LINE:COLUMN RULE of the problems of a directory, files without their directories."""
    return [
        f"{p.place.file.removeprefix(f'{directory}/')}:{p.place.line}:{p.place.column} {p.rule}"
        for p in Builder(directory, 1).build(NOW).problems
        if p.severity is severity
    ]


def question(name: str, rdtype: str = "A", *, edns: int | None = None, ident: int = 1) -> bytes:
    """A query on the wire, with RD."""
    use = {} if edns is None else {"use_edns": 0, "payload": edns}
    return dns.message.make_query(name, rdtype, id=ident, **use).to_wire()  # type: ignore[arg-type]  # the options differ in type


def ask(
    generation: Generation,
    name: str,
    rdtype: str = "A",
    source: str = DEV_CLIENT,
    door: Door = UDP,
    edns: int | None = 1232,
) -> dns.message.Message:
    """What the journey replies."""
    outcome = handle(question(name, rdtype, edns=edns), source, door, generation)
    return dns.message.from_wire(reply_of(outcome).wire)


def reply_of(outcome: Outcome) -> Reply:
    """The reply that an outcome is, or comes to where nobody is asked."""
    if isinstance(outcome, Forward):
        return answer_without_asking(outcome)
    assert isinstance(outcome, Reply)
    return outcome


def addresses(message: dns.message.Message) -> list[str]:
    """The addresses of the answer section, in order."""
    wanted = (dns.rdatatype.A, dns.rdatatype.AAAA)
    return [str(r) for rrset in message.answer if rrset.rdtype in wanted for r in rrset]


def serial(message: dns.message.Message) -> int:
    """The serial of the one SOA in answer or authority."""
    (rrset,) = (r for r in message.answer + message.authority if r.rdtype == dns.rdatatype.SOA)
    found: int = rrset[0].serial
    return found


@dataclass
class Listening:
    """Both listeners of one address, in this process."""

    bound: Bound
    published: Published
    counters: Counters
    udp: DatagramListener
    tcp: StreamListener
    asks: Forwarder | None = None

    @property
    def port(self) -> int:
        return self.bound.address.port

    @property
    def forwarder(self) -> Forwarder:
        """That of a server that has one."""
        assert self.asks is not None
        return self.asks


MakeForwarder = Callable[[Published, SocketAddress], Forwarder]
"""A forwarder for what is published, of a server that listens on an address."""


@contextlib.asynccontextmanager
async def listening(
    generation: Generation,
    host: str = "127.0.0.1",
    *,
    max_connections: int = 100,
    idle: float = 10.0,
    send_buffer: int | None = None,
    forwarder: MakeForwarder | None = None,
    pump: Kind = "auto",
) -> AsyncIterator[Listening]:
    """Answer on a free port, over UDP and TCP; without a forwarder nobody else is asked."""
    bound = bind(SocketAddress(host, 0))
    if send_buffer is not None:
        bound.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    published, counters = Published(generation), Counters()
    asks = forwarder(published, bound.address) if forwarder is not None else None
    udp = DatagramListener(bound, UDP, published, counters, asks, pump=pump)
    tcp = StreamListener(
        bound, TCP, published, counters, asks, max_connections=max_connections, idle=idle
    )
    loop = asyncio.get_running_loop()
    await tcp.start()
    udp.start(loop)
    try:
        yield Listening(bound, published, counters, udp, tcp, asks)
    finally:
        udp.stop(loop)
        if asks is not None and asks._stopping is None:
            await asks.stop(0.0)
        await tcp.stop(0.2)
        bound.close()


@contextlib.asynccontextmanager
async def datagrams(
    host: str, port: int, source: str | None = None
) -> AsyncIterator[DatagramClient]:
    """A connected UDP socket: it only receives what comes from the address that was asked."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as opened:
        opened.setblocking(False)
        if source is not None:
            opened.bind((source, 0))
        opened.connect((host, port))
        yield DatagramClient(opened)


@dataclass
class DatagramClient:
    """Sends and receives datagrams."""

    socket: socket.socket

    def send(self, wire: bytes) -> None:
        self.socket.send(wire)

    async def receive(self) -> bytes:
        loop = asyncio.get_running_loop()
        return await asyncio.wait_for(loop.sock_recv(self.socket, 65535), PATIENCE)

    async def ask(self, wire: bytes) -> dns.message.Message:
        self.send(wire)
        return dns.message.from_wire(await self.receive())


def framed(wire: bytes) -> bytes:
    """A message with its length in front (RFC 1035 4.2.2)."""
    return len(wire).to_bytes(2, "big") + wire


async def read_framed(reader: asyncio.StreamReader) -> dns.message.Message:
    """The next message of a connection."""
    async with asyncio.timeout(PATIENCE):
        size = int.from_bytes(await reader.readexactly(2), "big")
        return dns.message.from_wire(await reader.readexactly(size))


class Answered(NamedTuple):
    """What the admin address answered: JSON is read, anything else stays text."""

    status: int
    body: Any


class Ran(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Server:
    """A `sightline serve` of its own process; reads its log as it comes."""

    process: asyncio.subprocess.Process
    log: list[str] = field(default_factory=list)
    port: int = 0
    admin_port: int = 0

    async def until(self, text: str) -> str:
        """The next line of the log that contains a text."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self.process.stderr.readline()).decode():
                self.log.append(line.rstrip("\n"))
                if text in line:
                    return line
        raise AssertionError(f"the server ended without {text!r}: {self.log}")

    async def ready(self) -> Server:
        line = await self.until("ready: ")
        match = re.search(r"listening on \S+:(\d+)[, ]", line)
        assert match is not None, line
        self.port = int(match[1])
        match = re.search(r"admin on \S+:(\d+)[, ]", line)
        self.admin_port = int(match[1]) if match is not None else 0
        return self

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    async def rest(self) -> int:
        """Read the log to its end; the exit code."""
        async with asyncio.timeout(PATIENCE):
            _, errors = await self.process.communicate()
        self.log += errors.decode().splitlines()
        assert self.process.returncode is not None
        return self.process.returncode

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return await self.rest()

    async def ask(
        self, name: str, rdtype: str = "A", source: str = "127.0.0.1"
    ) -> dns.message.Message:
        """Ask over UDP."""
        async with datagrams("127.0.0.1", self.port, source) as client:
            return await client.ask(question(name, rdtype))

    async def admin(
        self, method: str, path: str, body: object = None, token: str | None = None
    ) -> Answered:
        """Ask the admin address; the body is sent as JSON."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = None if body is None else json.dumps(body)
        limit = aiohttp.ClientTimeout(total=PATIENCE)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.request(method, self.admin_url + path, data=data, headers=headers) as reply,
        ):
            text = await reply.text()
            is_json = reply.content_type.endswith("json")
            return Answered(reply.status, json.loads(text) if is_json else text)

    async def run(self, command: str, *arguments: str) -> Ran:
        """Run a command against the admin address, in a process of its own."""
        words = ("-m", "resolver.cli", command, *arguments, "--admin", self.admin_url)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environ({}),
        )
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())


@dataclass
class Usual:
    """What servers are like where a test does not say: one process is the soonest ready."""

    workers: int = 0


usual = Usual()


async def start(*arguments: str, **environ: str) -> Server:
    """Start `sightline serve`; its admin address is on a free port unless it is said."""
    words = list(arguments)
    if "--admin" not in words and "SIGHTLINE_ADMIN__LISTEN" not in environ:
        words += ["--admin", "127.0.0.1:0"]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "resolver.cli", "serve", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=_environ(environ),
    )
    return Server(process)


def _environ(added: Mapping[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("SIGHTLINE_")}
    ours = {"PYTHONPATH": str(ROOT), "SIGHTLINE_WORKERS": str(usual.workers)}
    return {**inherited, **ours, **added}
