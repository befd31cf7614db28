"""Server programs of others: how one is found, configured, started on a core, and ended.

Each runs in a directory of its own with no state of before. What is not installed is left out, and
that is said. The programs themselves are values: `resolvers.py` and `authorities.py` list them.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from bench.measure import SERVER_CORE, CannotMeasure
from bench.peers import end
from bench.prober import packed_question
from bench.zones import ASKER

PATHS = os.pathsep.join(
    (os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", str(Path("~/go/bin").expanduser()))
)
PATIENCE = 120.0  # seconds
DESCRIPTORS = 1024


class Running(Protocol):
    """A server that can be asked and measured."""

    @property
    def pid(self) -> int: ...
    @property
    def port(self) -> int: ...
    @property
    def took(self) -> float:
        """Seconds from its start until it answered."""


Configure = Callable[[Path, int, int], list[str]]
"""A directory, the program's own port, the upstream's → arguments."""


def find(command: str) -> str | None:
    """Where a program is, also where only the administrator looks."""
    return shutil.which(command, path=PATHS)


@dataclass(frozen=True, slots=True)
class Program:
    """A server program; `configure` writes its files into a directory, and gives its arguments."""

    name: str
    command: str
    configure: Configure

    def find(self) -> str | None:
        return find(self.command)


def version_of(command: str, option: str) -> str | None:
    """As an installed program says it."""
    path = find(command)
    if path is None:
        return None
    said = subprocess.run([path, option], capture_output=True, text=True, check=False, timeout=20)
    return version_in(said.stdout + said.stderr)


def version_in(text: str) -> str:
    """The first number of the shape 1.2 or 1.2.3 that is no time of day."""
    match = re.search(r"(?<![\d.:])\d+\.\d+(?:\.\d+)?(?![\d:])", text)
    return match[0] if match else "?"


def installed(programs: Iterable[Program]) -> list[Program]:
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
    """A running program of others: a context that ends with it.

    It has started when it gives an address for the name `asked_for`; `took` says after how long.
    """

    def __init__(
        self,
        program: Program,
        scratch: Path,
        asked_for: str,
        *,
        host: str = "127.0.0.1",
        core: int = SERVER_CORE,
        upstream: int = 0,
    ) -> None:
        self.port = free_port(host)
        directory = scratch / f"{program.command}-{self.port}"
        directory.mkdir()
        path = program.find()
        if path is None:
            raise CannotMeasure(f"{program.command} is not installed")
        self._log = directory / "output"
        words = [path, *program.configure(directory, self.port, upstream)]
        started = time.monotonic()
        with self._log.open("wb") as log, on_core(core):
            self._process = subprocess.Popen(words, cwd=directory, stdout=log, stderr=log)
        self.pid = self._process.pid
        try:
            self._wait(host, asked_for)
        except BaseException:
            self._end()
            raise
        self.took = time.monotonic() - started

    def _wait(self, host: str, asked_for: str) -> None:
        deadline = time.monotonic() + PATIENCE
        query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + packed_question(asked_for)
        with socket.socket(type=socket.SOCK_DGRAM) as asking:
            asking.bind((ASKER, 0))
            asking.settimeout(0.05)
            while time.monotonic() < deadline and self._process.poll() is None:
                asking.sendto(query, (host, self.port))
                with contextlib.suppress(OSError):
                    reply = asking.recv(4096)
                    if reply[3] & 15 == 0 and reply[7]:
                        return
                time.sleep(0.005)
        last = self._log.read_text(errors="replace")[-300:]
        raise CannotMeasure(f"{self._process.args!r} does not answer: {last}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        end(self._process)
