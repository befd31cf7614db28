"""The forwarders that ours is measured against, and the authoritative server that all of them ask.

Each runs with one thread where it can be told so, on one core with all its threads, in a directory
of its own with no state of before. What is not installed is left out, and that is said.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.measure import LOAD_CORE, SERVER_CORE, CannotMeasure
from bench.peers import end
from bench.prober import packed_question
from bench.zones import ASKER

UPSTREAM = "127.0.0.9"
ZONE = "bench.example"  # a wildcard: every name in it has an address and a long text
LONG_TEXT = 255  # octets
PATHS = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
PATIENCE = 20.0  # seconds
DESCRIPTORS = 1024


class Running(Protocol):
    """A server that can be asked and measured."""

    @property
    def pid(self) -> int: ...
    @property
    def port(self) -> int: ...


Configure = Callable[[Path, int, int], list[str]]
"""A directory, the program's own port, the upstream's → arguments."""


@dataclass(frozen=True, slots=True)
class Program:
    """A server program; `configure` writes its files into a directory, and gives its arguments."""

    name: str
    command: str
    configure: Configure

    def find(self) -> str | None:
        return shutil.which(self.command, path=PATHS)


def _dnsmasq(entries: int | None) -> Configure:
    """With a cache of so many entries, or of the 150 that it has by itself."""

    def configure(directory: Path, port: int, upstream: int) -> list[str]:
        words = f"""--keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=
            --pid-file= --port={port} --listen-address=127.0.0.1 --bind-interfaces
            --dns-forward-max=5000 --server={UPSTREAM}#{upstream}"""
        size = [] if entries is None else [f"--cache-size={entries}"]
        return [*words.split(), *size, f"--log-facility={directory / 'dnsmasq.log'}"]

    return configure


def _bind(directory: Path, port: int, upstream: int) -> list[str]:
    (directory / "named.conf").write_text(
        f"""controls {{ }};
        logging {{ category lame-servers {{ null; }}; category resolver {{ null; }}; }};
        options {{
            directory "{directory}"; pid-file none; session-keyfile none; lock-file none;
            listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
            allow-query {{ 127.0.0.0/8; }}; recursion yes; recursive-clients 5000;
            forward only; forwarders port {upstream} {{ {UPSTREAM}; }}; dnssec-validation no;
        }};
        """
    )
    return ["-g", "-n", "1", "-c", str(directory / "named.conf")]


def _unbound(directory: Path, port: int, upstream: int) -> list[str]:
    (directory / "unbound.conf").write_text(
        f"""server:
            interface: 127.0.0.1@{port}
            access-control: 127.0.0.0/8 allow
            do-not-query-localhost: no
            do-daemonize: no
            num-threads: 1
            module-config: "iterator"
            chroot: ""
            username: ""
            directory: "{directory}"
            pidfile: ""
            use-syslog: no
        remote-control:
            control-enable: no
        forward-zone:
            name: "."
            forward-addr: {UPSTREAM}@{upstream}
        """
    )
    return ["-d", "-c", str(directory / "unbound.conf")]


def _recursor(directory: Path, port: int, upstream: int) -> list[str]:
    (directory / "recursor.conf").write_text(
        f"local-address=127.0.0.1\nlocal-port={port}\nallow-from=127.0.0.0/8\ndont-query=\n"
        f"forward-zones-recurse=.={UPSTREAM}:{upstream}\ndnssec=off\nthreads=1\n"
        f"socket-dir={directory}\nsecurity-poll-suffix=\ndaemon=no\nwrite-pid=no\nquiet=yes\n"
        "loglevel=3\nsetuid=\nsetgid=\n"
    )
    return [f"--config-dir={directory}"]


def _zone_file(directory: Path) -> Path:
    path = directory / "bench.zone"
    path.write_text(
        f"$ORIGIN {ZONE}.\n$TTL 3600\n@ SOA ns host 1 3600 600 86400 300\n@ NS ns\n"
        f'ns A {UPSTREAM}\n* A 192.0.2.1\n* TXT "{"x" * LONG_TEXT}"\n'
    )
    return path


def _knot(directory: Path, port: int, _: int) -> list[str]:
    path = _zone_file(directory)
    (directory / "knot.conf").write_text(
        f"server:\n  rundir: {directory}\n  listen: {UPSTREAM}@{port}\n"
        "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
        f"database:\n  storage: {directory}\n"
        "log:\n  - target: stderr\n    any: warning\n"
        f"zone:\n  - domain: {ZONE}\n    file: {path}\n    zonefile-load: whole\n"
        "    journal-content: none\n"
    )
    return ["-c", str(directory / "knot.conf")]


def _nsd(directory: Path, port: int, _: int) -> list[str]:
    path = _zone_file(directory)
    (directory / "nsd.conf").write_text(
        f'server:\n  ip-address: {UPSTREAM}@{port}\n  server-count: 1\n  username: ""\n'
        f'  zonesdir: "{directory}"\n  database: ""\n  pidfile: ""\n'
        f'  zonelistfile: "{directory}/zones.list"\n  xfrdfile: "{directory}/xfrd.state"\n'
        "remote-control:\n  control-enable: no\n"
        f'zone:\n  name: {ZONE}\n  zonefile: "{path}"\n'
    )
    return ["-d", "-c", str(directory / "nsd.conf")]


def _named(directory: Path, port: int, _: int) -> list[str]:
    path = _zone_file(directory)
    (directory / "named.conf").write_text(
        f"""controls {{ }};
        options {{
            directory "{directory}"; pid-file none; session-keyfile none; lock-file none;
            listen-on port {port} {{ {UPSTREAM}; }}; listen-on-v6 {{ none; }}; recursion no;
        }};
        zone "{ZONE}" {{ type primary; file "{path}"; }};
        """
    )
    return ["-g", "-n", "1", "-c", str(directory / "named.conf")]


DNSMASQ = Program("dnsmasq of 10,000 entries", "dnsmasq", _dnsmasq(10_000))
# It looks through all of a full cache for each new name: by itself it has a small one.
DNSMASQ_SMALL = Program("dnsmasq of 150 entries", "dnsmasq", _dnsmasq(None))
BIND = Program("BIND", "named", _bind)
UNBOUND = Program("Unbound", "unbound", _unbound)
RECURSOR = Program("PowerDNS Recursor", "pdns_recursor", _recursor)
FORWARDERS = (DNSMASQ, BIND, UNBOUND, RECURSOR)
AUTHORITATIVE = (
    Program("Knot", "knotd", _knot),
    Program("NSD", "nsd", _nsd),
    Program("BIND", "named", _named),
)


def installed(programs: Iterable[Program] = FORWARDERS) -> list[Program]:
    """Those that are there; says which are not."""
    found = []
    for program in programs:
        if program.find() is not None:
            found.append(program)
        else:
            print(f"bench: {program.command} is not installed: left out", file=sys.stderr)
    return found


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """Processes that are started meanwhile have this core and no other, with all their threads.

    And the usual number of descriptors, unless they see to that themselves: dnsmasq makes its
    tables by it, and takes time for each place in them.
    """
    before, limits = os.sched_getaffinity(0), resource.getrlimit(resource.RLIMIT_NOFILE)
    os.sched_setaffinity(0, {core})
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, limits[0]), limits[1]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def free_port(host: str) -> int:
    """A port of `host` that nobody has, over UDP and TCP."""
    for _ in range(50):
        with (
            socket.socket(type=socket.SOCK_STREAM) as stream,
            socket.socket(type=socket.SOCK_DGRAM) as datagram,
        ):
            stream.bind((host, 0))
            port = int(stream.getsockname()[1])
            try:
                datagram.bind((host, port))
            except OSError:
                continue
            return port
    raise CannotMeasure(f"no free port on {host}")


class Foreign:
    """A running program of others: a context that ends with it."""

    def __init__(self, program: Program, scratch: Path, host: str, core: int, asked: int) -> None:
        self.port = free_port(host)
        directory = scratch / f"{program.command}-{self.port}"
        directory.mkdir()
        path = program.find()
        assert path is not None
        self._log = directory / "output"
        words = [path, *program.configure(directory, self.port, asked)]
        with self._log.open("wb") as log, on_core(core):
            self._process = subprocess.Popen(words, cwd=directory, stdout=log, stderr=log)
        self.pid = self._process.pid
        try:
            self._wait(host)
        except BaseException:
            self._end()
            raise

    def _wait(self, host: str) -> None:
        """Until it gives an address."""
        deadline = time.monotonic() + PATIENCE
        query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + packed_question(f"ready.{ZONE}")
        with socket.socket(type=socket.SOCK_DGRAM) as asking:
            asking.bind((ASKER, 0))
            asking.settimeout(0.2)
            while time.monotonic() < deadline and self._process.poll() is None:
                asking.sendto(query, (host, self.port))
                with contextlib.suppress(OSError):
                    reply = asking.recv(4096)
                    if reply[3] & 15 == 0 and reply[7]:
                        return
                time.sleep(0.05)
        last = self._log.read_text(errors="replace")[-300:]
        raise CannotMeasure(f"{self._process.args!r} does not answer: {last}")

    def __enter__(self) -> Foreign:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        end(self._process)


def authoritative(scratch: Path) -> Foreign:
    """The first authoritative server that is installed, beside the load."""
    for program in AUTHORITATIVE:
        if program.find() is not None:
            return Foreign(program, scratch, UPSTREAM, LOAD_CORE, 0)
    names = ", ".join(program.command for program in AUTHORITATIVE)
    raise CannotMeasure(f"no authoritative server is installed (one of {names})")


def forwarder(program: Program, scratch: Path, asked: int) -> Foreign:
    """A forwarder that asks the port `asked` of UPSTREAM."""
    return Foreign(program, scratch, "127.0.0.1", SERVER_CORE, asked)
