"""A load of TCP connections that carry one query each; dnsperf opens too few of them.

    python -m bench.once PORT QUESTIONS SECONDS [RATE]      # one line of JSON: a Load

Connections come from many addresses of ASKER's network, so that ports do not run out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import LOAD_CORE, TIMEOUT, CannotMeasure, Load
from bench.peers import ROOT
from bench.prober import packed_question
from bench.zones import ASKER

UNDER_WAY = 8  # BIND and Knot let ten wait to be accepted: who is more waits for a second
NO_PORT_YET = 24  # IP_BIND_ADDRESS_NO_PORT of Linux; not in the module `socket`
SOURCES = [f"{ASKER.rpartition('.')[0]}.{number}" for number in range(1, 251)]


def once(port: int, questions: Path, seconds: float, rate: int | None = None) -> Load:
    """A run in a process of its own, on the core of the load."""
    words = [str(port), str(questions), f"{seconds:g}", *([] if rate is None else [str(rate)])]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.once", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    os.sched_setaffinity(process.pid, {LOAD_CORE})
    said, _ = process.communicate()
    if process.returncode:
        raise CannotMeasure("the load over TCP failed")
    found = json.loads(said)
    if not found["completed"]:
        raise CannotMeasure("the server answered nothing")
    return Load(**{**found, "latencies": tuple(found["latencies"])})


class Connections:
    """What is under way: a question was sent on each."""

    def __init__(self, port: int, messages: Iterator[bytes]) -> None:
        self.sent = 0
        self.lost = 0
        self.latencies: list[float] = []
        self._port = port
        self._messages = messages
        self._sources = itertools.cycle(SOURCES)
        self._poll = select.epoll()
        self._open: dict[int, tuple[socket.socket, float]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def ask(self) -> None:
        """Connect; the question follows as soon as that is done: on one machine mostly at once."""
        began = time.monotonic()
        self.sent += 1
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_IP, NO_PORT_YET, 1)
        client.bind((next(self._sources), 0))
        client.connect_ex(("127.0.0.1", self._port))
        self._poll.register(client.fileno(), select.EPOLLOUT)
        self._open[client.fileno()] = (client, began)

    def take(self, wait: float) -> None:
        """Ask where one is connected; close what was answered, and what was not for too long."""
        for number, event in self._poll.poll(wait):
            client, began = self._open[number]
            if event == select.EPOLLOUT:
                with contextlib.suppress(OSError):  # the next event tells
                    client.send(next(self._messages))
                self._poll.modify(number, select.EPOLLIN)
                continue
            del self._open[number]
            is_answered = self._is_answered(client)
            client.close()
            if is_answered:
                self.latencies.append(time.monotonic() - began)
            else:
                self.lost += 1
        if self._open:  # the first is the oldest
            number, (client, began) = next(iter(self._open.items()))
            if time.monotonic() - began > TIMEOUT:
                del self._open[number]
                client.close()
                self.lost += 1

    @staticmethod
    def _is_answered(client: socket.socket) -> bool:
        try:
            return len(client.recv(4096)) > 2
        except OSError:
            return False


def messages_of(questions: Path) -> Iterator[bytes]:
    """The questions as TCP carries them, over and over."""
    found = []
    for line in questions.read_text().splitlines():
        query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + packed_question(line.split()[0])
        found.append(len(query).to_bytes(2, "big") + query)
    return itertools.cycle(found)


def run(port: int, questions: Path, seconds: float, rate: int | None) -> Load:
    """As fast as the server answers, or so many a second."""
    connections = Connections(port, messages_of(questions))
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        if len(connections) < UNDER_WAY and (rate is None or connections.sent < passed * rate):
            connections.ask()
            connections.take(0)
        else:
            connections.take(0.0005)
    passed = time.monotonic() - began
    while len(connections):
        connections.take(0.1)
    answered = sorted(connections.latencies)
    return Load(connections.sent, len(answered), connections.lost, passed, {}, tuple(answered))


def main() -> None:
    """Print what was seen."""
    port, questions, seconds, *rate = sys.argv[1:]
    load = run(int(port), Path(questions), float(seconds), int(rate[0]) if rate else None)
    print(json.dumps(dataclasses.asdict(load)))


if __name__ == "__main__":
    main()
