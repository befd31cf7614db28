"""Name servers of others, as upstreams: processes on loopback that are killed and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.healthcheck.kinds.targets import Certificates
from tests.support import PATIENCE, write

_UNBOUND = """\
server:
  interface: 127.0.0.1@{port}
  {tls}
  port: {port}
  access-control: 127.0.0.0/8 allow
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  verbosity: 1
  do-daemonize: no
  num-threads: 1
  module-config: "iterator"
  local-zone: "." static
  local-data: ". 3600 NS a.root.example."
  local-data: ". 3600 SOA a. b. 1 2 3 4 60"
  local-zone: "example." static
  local-data: "example. 60 SOA ns.example. host.example. 1 2 3 4 60"
{data}
remote-control:
  control-enable: no
"""
_KNOT = """\
server:
  rundir: "{directory}"
  listen: {host}@53
database:
  storage: "{directory}"
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: "{directory}"
    file: "zone"
zone:
  - domain: {apex}
"""


@dataclass
class Resolver:
    """One process that answers on a port."""

    words: list[str]
    ready: str
    port: int
    tls_port: int = 0
    process: asyncio.subprocess.Process | None = None

    async def begin(self) -> None:
        """Start, and wait until it says that it answers."""
        self.process = await asyncio.create_subprocess_exec(
            *self.words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self.process.stderr is not None
        said = []
        async with asyncio.timeout(PATIENCE):
            while line := (await self.process.stderr.readline()).decode():
                said.append(line)
                if self.ready in line:
                    return
        raise AssertionError(f"{self.words[0]} ended: {said}")

    def tell(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP makes it silent, SIGCONT makes it answer again."""
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self) -> None:
        """Be gone at once."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            async with asyncio.timeout(PATIENCE):
                await self.process.communicate()


def free_ports(count: int) -> list[int]:
    """Ports that are free at present, for UDP as well."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            tcp = stack.enter_context(socket.socket())
            tcp.bind(("127.0.0.1", 0))
            udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                found.append(tcp.getsockname()[1])
        return found


@contextlib.asynccontextmanager
async def unbound(
    directory: Path, records: Iterable[str], certificates: Certificates | None = None
) -> AsyncIterator[Resolver]:
    """An Unbound that knows some records below `example.` and the root, and asks nobody."""
    port, tls_port = free_ports(2)
    tls = ""
    if certificates is not None:
        files = certificates.file("valid"), certificates.file("valid").with_suffix(".key")
        tls = (
            f"interface: 127.0.0.1@{tls_port}\n  tls-port: {tls_port}\n"
            f'  tls-service-pem: "{files[0]}"\n  tls-service-key: "{files[1]}"'
        )
    data = "\n".join(f"  local-data: '{record}'" for record in records)
    file = directory / "unbound.conf"
    file.write_text(_UNBOUND.format(port=port, tls=tls, directory=directory, data=data))
    words = [command("unbound"), "-dd", "-c", str(file)]
    async with running(Resolver(words, "start of service", port, tls_port)) as resolver:
        yield resolver


@contextlib.asynccontextmanager
async def knot(directory: Path, host: str, apex: str, records: str) -> AsyncIterator[Resolver]:
    """A Knot that is authoritative for one zone, on port 53 of an address."""
    text = _KNOT.format(directory=directory, host=host, apex=apex)
    file = write(directory, {"zone": records, "knot.conf": text}) / "knot.conf"
    words = [command("knotd"), "-c", str(file)]
    async with running(Resolver(words, "server started", 53)) as resolver:
        yield resolver


@contextlib.asynccontextmanager
async def running(resolver: Resolver) -> AsyncIterator[Resolver]:
    """Start a process; it is gone in the end."""
    try:
        await resolver.begin()
        yield resolver
    finally:
        await resolver.end()


def command(name: str) -> str:
    """Where a server is installed, also where the path of users does not lead."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    assert found is not None, f"{name} is not installed"
    return found
