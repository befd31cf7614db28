"""A server in the test's process that forwards, and clients of its environments."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from resolver.cache import Cache, CachePolicy
from resolver.config import SocketAddress
from resolver.forward.exchange import Timing
from resolver.forward.forwarder import Forwarder
from resolver.forward.upstreams import Trust, Upstreams
from resolver.generation import Published
from resolver.reload import Builder
from resolver.routes import Guard, ServerDefaults
from resolver.zones.upstream import Upstream, read_upstream
from tests import support
from tests.forward.fake import Fake
from tests.support import PATIENCE, Listening, MakeForwarder, datagrams, listening

PROD, DEV, STRANGER = "127.64.0.1", "127.0.0.1", "127.99.0.1"
"""Sources of clients: of prod, of dev, of nobody."""

SHORT = Timing(timeout=0.3, deadline=1.0)
"""For tests in which nobody answers; the others wait as servers do, however busy a machine is."""

ZONES = {
    "dev.yaml": """\
zone: dev.east
services:
  web: {endpoints: [10.80.1.1], ttl: 20}
records:
  out: {CNAME: www.example.}
  flat: {ALIAS: www.example., ttl: 300}
  loop: {CNAME: back.example.}
""",
    "prod.yaml": """\
zone: prod.east
services:
  web: {endpoints: [10.64.1.1], ttl: 20}
records:
  out: {CNAME: www.example.}
""",
}


def plan(prod: str, dev: str) -> str:
    """`environments.yaml` with what each forwards."""
    return f"""\
domain: corp.test
nameservers: {{ns1: [10.255.0.53]}}
regions: [east]
environments:
  prod: {{clients: {{east: [10.64.0.0/16, 127.64.0.0/16]}}, forward: {prod}}}
  dev: {{clients: {{east: [10.80.0.0/16, 127.0.0.0/16, "::1/128"]}}, forward: {dev}}}
"""


def to(*servers: Fake | str, **routes: Fake | str) -> str:
    """Upstreams, and a route for each suffix, as the files say it; `_` in suffixes is a dot."""
    asked = ", ".join(f'"{place(server)}"' for server in servers)
    lines = ", ".join(
        f'{suffix.replace("_", ".")}: ["{place(server)}"]' for suffix, server in routes.items()
    )
    return f"{{upstreams: [{asked}], routes: {{{lines}}}}}"


def place(server: Fake | str) -> str:
    """Where a server is, as the files say it."""
    return server if isinstance(server, str) else f"{server.host}:{server.port}"


def upstream_of(fake: Fake, transport: str = "udp", name: str = "web.test") -> Upstream:
    """A fake as it is known to the forwarder."""
    return read_upstream(
        {
            "udp": f"{fake.host}:{fake.port}",
            "tcp": f"tcp://{fake.host}:{fake.port}",
            "tls": f"tls://{fake.host}:{fake.tls_port}#{name}",
            "https": f"https://{name}:{fake.https_port}/dns-query#{fake.host}",
        }[transport]
    )


def forwarder(
    *,
    cache: CachePolicy | None = None,
    trust: Trust | None = None,
    timing: Timing | None = None,
    **options: Any,
) -> MakeForwarder:
    """Makes forwarders; options as of `Forwarder`."""

    def make(published: Published, own: SocketAddress) -> Forwarder:
        upstreams = Upstreams(trust, [own])
        return Forwarder(published, Cache(cache), upstreams, timing=timing, **options)

    return make


@dataclass
class Site:
    """A server that forwards, and the files it was made of."""

    directory: Path
    builder: Builder
    server: Listening

    @property
    def forwarder(self) -> Forwarder:
        return self.server.forwarder

    @property
    def cache(self) -> Cache:
        return self.server.forwarder.cache

    def reload(self, files: Mapping[str, str]) -> None:
        """Change files, and publish what they say now."""
        support.write(self.directory, files)
        current = self.server.published.generation
        new = support.compiled(self.directory, current, builder=self.builder)
        self.server.published.replace(new)

    def begin(self, name: str, rdtype: str = "A", source: str = DEV, **options: Any) -> Asking:
        """Ask in a task; see `ask`."""
        return asyncio.create_task(self.ask(name, rdtype, source, **options))

    async def ask(
        self, name: str, rdtype: str = "A", source: str = DEV, **options: Any
    ) -> dns.message.Message:
        """Ask over UDP; options as of `made`."""
        async with datagrams("127.0.0.1", self.server.port, source) as client:
            return await client.ask(made(name, rdtype, **options))

    async def ask_over_tcp(
        self, name: str, rdtype: str = "A", source: str = DEV, **options: Any
    ) -> dns.message.Message:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.server.port, local_addr=(source, 0)
        )
        try:
            writer.write(support.framed(made(name, rdtype, **options)))
            return await support.read_framed(reader)
        finally:
            writer.transport.abort()


Asking = asyncio.Task[dns.message.Message]


def made(
    name: str,
    rdtype: str = "A",
    *,
    rd: bool = True,
    cd: bool = False,
    dnssec_ok: bool = False,
    edns: bool = True,
    options: tuple[Any, ...] = (),
    ident: int = 1,
) -> bytes:
    """A query on the wire."""
    message = dns.message.make_query(
        name,
        rdtype,
        use_edns=0 if edns else -1,
        want_dnssec=dnssec_ok,
        options=list(options) if edns else None,
        id=ident,
    )
    if not edns:
        message.use_edns(-1)
    message.flags = (dns.flags.RD if rd else 0) | (dns.flags.CD if cd else 0)
    return message.to_wire()


@contextlib.asynccontextmanager
async def site(
    directory: Path,
    files: Mapping[str, str],
    make: MakeForwarder | None = None,
    *,
    guard: Guard | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[Site]:
    """Serve some files, and forward what is not theirs."""
    defaults = ServerDefaults(guard=guard or Guard())
    builder = Builder(directory, 1, lambda: defaults)
    support.write(directory, files)
    generation = support.compiled(directory, builder=builder)
    async with listening(generation, host, forwarder=make or forwarder()) as server:
        yield Site(directory, builder, server)


async def until(is_so: Callable[[], object]) -> None:
    """Let the loop run until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110  # what is awaited sets no event
            await asyncio.sleep(0.001)


def codes(message: dns.message.Message) -> list[int]:
    """The extended errors (RFC 8914) of a reply."""
    return [int(option.code) for option in message.options if option.otype == 15]


def flags(message: dns.message.Message) -> set[str]:
    """The flags of a reply."""
    return set(dns.flags.to_text(message.flags).split())


def lines(message: dns.message.Message) -> list[str]:
    """The records of the answer: `owner TTL type rdata`."""
    return [
        f"{rrset.name} {rrset.ttl} {dns.rdatatype.to_text(rrset.rdtype)} {rdata}"
        for rrset in message.answer
        for rdata in rrset
    ]
