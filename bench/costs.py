"""Scenario of marginal costs: what one more name, client, target or worker takes.

Each is the slope between a small and a large number of them, so that what a process takes by
itself is told apart.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
from collections.abc import Iterator
from pathlib import Path

from bench.dataset import of_records
from bench.effort import Effort, Figures
from bench.measure import CannotMeasure, Dnsperf, memory_mb, tree
from bench.peers import SIGHTLINE, Server, Site
from bench.prober import packed_question
from bench.report import Figure
from bench.rig import Checked, checked_site
from bench.workers import with_workers
from bench.zones import ASKER_ZONE

SMALL = 0.2  # of the large number
CLIENTS = 50_000
SERVICES = 5000  # with a target each
KILO = 1000.0  # octets; MB are 10^6
FIRST_CLIENT = (127 << 24) + (64 << 16) + 256


def costs(site: Site, effort: Effort) -> Figures:
    """Memory of one more of each, in the process that reads and in the one that answers."""
    small, full = int(effort.large * SMALL), effort.large
    yield from _names(site, small, full)
    yield from _clients(site, CLIENTS if full == Effort().large else CLIENTS // 10)
    yield from _targets(site, SERVICES if full == Effort().large else SERVICES // 5)


@dataclasses.dataclass(frozen=True, slots=True)
class Weights:
    """Memory of the process that reads and of one that answers; 10^6 octets."""

    reader: float
    worker: float


def _weigh(server: Server) -> Weights:
    """Raises CannotMeasure when there is no process that answers alone."""
    for pid in tree(server.pid)[1:]:
        if b"resolver.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
            worker = memory_mb(pid, "Pss")
            return Weights(memory_mb(server.pid, "Pss") - worker, worker)
    raise CannotMeasure("this version has no workers")


@contextlib.contextmanager
def _running(site: Site, **settings: str) -> Iterator[Server]:
    peer = dataclasses.replace(SIGHTLINE, settings={**SIGHTLINE.settings, **settings})
    with Server(with_workers(peer, 1), site, roams=True) as server:
        yield server


def _slope(what: str, before: float, after: float, count: int) -> Figure:
    octets = max(0.0, (after - before) * 1e6 / count)
    return Figure("costs", what, octets / KILO, f"{octets / KILO:.2f} kB", unit=" kB")


def _names(site: Site, small: int, full: int) -> Figures:
    fresh, asked = [], []
    for count in (small, full):
        dataset = of_records(site, count)
        with _running(dataset.site) as server:
            fresh.append(_weigh(server))
            for _ in range(3):  # the second makes it worth remembering, the third remembers
                Dnsperf(server.port, dataset.site.questions, 600, "-n", "1").result()
            asked.append(_weigh(server))
    yield Figure("costs", "the process that reads, few names", 0, f"{fresh[0].reader:.0f} MB")
    yield Figure("costs", "a worker, few names", 0, f"{fresh[0].worker:.0f} MB")
    more = full - small
    what = "one more name: in the process that reads"
    yield _slope(what, fresh[0].reader, fresh[1].reader, more)
    yield _slope("one more name: in a worker", fresh[0].worker, fresh[1].worker, more)
    used = [after.worker - before.worker for before, after in zip(fresh, asked, strict=True)]
    yield _slope("one more name that is asked for: in a worker", used[0], used[1], more)


def _clients(site: Site, count: int) -> Figures:
    """Each asks twice from an address of its own."""
    dataset = of_records(site, 1000)
    query = b"\0\1\1\0\0\1\0\0\0\0\0\0" + packed_question(f"host-1.{ASKER_ZONE}")
    with _running(dataset.site) as server:
        _ask_from(query, server.port, range(100))
        before = _weigh(server)
        _ask_from(query, server.port, range(100, 100 + count))
        after = _weigh(server)
    yield _slope("one more client: in a worker", before.worker, after.worker, count)


def _ask_from(query: bytes, port: int, numbers: range) -> None:
    """Raises CannotMeasure when a client gets no answer."""
    for number in numbers:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((socket.inet_ntoa((FIRST_CLIENT + number).to_bytes(4, "big")), 0))
            client.settimeout(5)
            client.connect(("127.0.0.1", port))
            try:
                client.send(query)
                client.recv(512)
            except OSError as error:
                raise CannotMeasure(f"a client gets no answer: {error}") from None


def _targets(site: Site, count: int) -> Figures:
    """Heartbeats: targets that nobody probes, so that nothing but their keeping is measured."""

    checked = [
        Checked(f"svc-{n}", (f"10.64.{n // 250}.{n % 250 + 1}",), "kind: heartbeat")
        for n in range(count)
    ]
    weights = []
    for word, check in (("plain", "check: none"), ("kept", "check: {kind: heartbeat}")):
        made = checked_site(site, f"costs-{word}", checked)
        file = made.zones / "services.yaml"
        file.write_text(file.read_text().replace("check: {kind: heartbeat}", check))
        with _running(made, SIGHTLINE_CHECKS__PROBE="true") as server:
            Dnsperf(server.port, made.questions, 600, "-n", "1").result()
            weights.append(_weigh(server))
    plain, kept = weights
    yield _slope("one more target: in the process that reads", plain.reader, kept.reader, count)
    yield _slope("one more target: in a worker", plain.worker, kept.worker, count)
