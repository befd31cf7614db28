"""The servers that are measured: how each is started, on the same data. A peer is a value."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import SERVER_CORE, CannotMeasure

ROOT = Path(__file__).resolve().parent.parent
READY = re.compile(r"ready: listening on 127\.0\.0\.1:(\d+)")
ADMIN = re.compile(r"admin on (127\.0\.0\.1:\d+)")
PATIENCE = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Site:
    """The generated data in a scratch directory."""

    zones: Path  # directory
    changing: Path  # the file that reloads change
    answers: Path  # names → addresses
    questions: Path  # for existing names
    scratch: Path
    services: int


@dataclass(frozen=True, slots=True)
class Peer:
    """One server program; it listens on a free port of 127.0.0.1 and logs `ready`."""

    name: str
    command: Callable[[Site], list[str]]
    settings: Mapping[str, str] = field(default_factory=dict)  # variables of its environment


SERVE = (sys.executable, "-m", "resolver.cli", "serve")


def _serve(site: Site, *options: str) -> list[str]:
    addresses = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    return [*SERVE, "--zones", str(site.zones), *addresses, *options]


# Endpoints of generated zones are addresses of nobody: to probe them would be to wait for nothing.
SIGHTLINE = Peer("sightline", _serve, {"SIGHTLINE_CHECKS__PROBE": "false"})
SIGHTLINE_PROBING = Peer("sightline, probing", _serve)
BASELINE = Peer(
    "asyncio + dnslib",
    lambda site: [sys.executable, "-m", "bench.baseline", str(site.answers)],
)


@functools.cache
def serve_knows(option: str) -> bool:
    """Whether this version of `sightline serve` has such an option."""
    told = subprocess.run(
        [*SERVE, "--help"], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    return re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", told.stdout) is not None


PYTHON, COMPILED = "sightline, Python pump", "sightline, compiled pump"
PUMPS = {COMPILED: "compiled", PYTHON: "python"}


def pumps(peer: Peer = SIGHTLINE) -> list[Peer]:
    """Ours with each of its pumps."""
    if not serve_knows("--pump"):
        return [dataclasses.replace(peer, name=PYTHON)]
    return [
        dataclasses.replace(with_options(peer, "--pump", word), name=name)
        for name, word in PUMPS.items()
    ]


def with_options(peer: Peer, *options: str) -> Peer:
    """The same with more arguments."""
    return dataclasses.replace(peer, command=lambda site: [*peer.command(site), *options])


def environment() -> dict[str, str]:
    """Ours without what would configure the server."""
    return {key: value for key, value in os.environ.items() if not key.startswith("SIGHTLINE_")}


class Server:
    """A running peer: a context that ends with it. Knows when each line of its log came.

    On a core of its own, unless it `roams`: threads that share a core take turns politely, and
    a stall that threads cause one another shows only where they can run at once.
    """

    def __init__(self, peer: Peer, site: Site, roams: bool = False) -> None:
        self.lines: list[tuple[float, str]] = []  # (monotonic time, line)
        self.started = time.monotonic()
        self._process = subprocess.Popen(
            peer.command(site),
            cwd=ROOT,
            env={**environment(), **peer.settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        if not roams:
            os.sched_setaffinity(self.pid, {SERVER_CORE})
        self._grown = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.ready, match = self.wait_for(READY)
        except BaseException:
            self._end()
            raise
        self.port = int(match[1])
        self.took = self.ready - self.started

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._grown:
                self.lines.append((time.monotonic(), line.rstrip()))
                self._grown.notify_all()

    def wait_for(self, pattern: re.Pattern[str], start: int = 0) -> tuple[float, re.Match[str]]:
        """The first line from number `start` on that matches, and when it came."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with self._grown:
                for moment, line in self.lines[start:]:
                    match = pattern.search(line)
                    if match is not None:
                        return moment, match
                self._grown.wait(0.1)
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = "; ".join(line for _, line in self.lines[-3:])
                raise CannotMeasure(f"no {pattern.pattern!r} in the log: {last}")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        end(self._process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ask a program to end, and see to it that it does."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
