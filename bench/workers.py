"""Scenarios of size: two workers beside one, what a worker weighs, and how long many names take."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shutil
from contextlib import ExitStack
from functools import partial

from bench.beginning import begin
from bench.contest import NAMES, answered
from bench.dataset import Dataset, of_records, of_services
from bench.effort import Effort, Figures
from bench.measure import CannotMeasure, Dnsperf, Load, cpu_seconds, memory_mb, tree
from bench.peers import SIGHTLINE, Peer, Server, Site, pumps, with_options
from bench.report import Figure
from bench.tally import Kind, Tally
from bench.zones import generate, write_zones

WORKERS_BOUND = 1.1
CLIENTS = ("-c", "64")  # sockets: the kernel spreads them over the workers
FULL = 100_000  # names or services that the bounds are of
RECORDS_MB, WORKER_MB = 400.0, 250.0
KEPT = re.compile("a snapshot of the zones is kept")
RECORDS_START, COLD_START, WARM_START = 10.0, 60.0, 8.0  # seconds


def with_workers(peer: Peer, count: int) -> Peer:
    """The same with so many query processes."""
    return with_options(peer, "--workers", str(count))


def _has_workers(server: Server, count: int) -> None:
    """Raises CannotMeasure when it answers in one process whatever it is told."""
    if len(tree(server.pid)) <= count:
        raise CannotMeasure("this version has no query processes")


def workers(site: Site, effort: Effort) -> Figures:
    """CPU of an answer with one worker and with two; servers and load share all cores."""
    dataset = of_services(site, NAMES)
    questions = dataset.site.questions
    tally = Tally()

    def load(server: Server) -> Load:
        run = Dnsperf(server.port, questions, effort.run, *CLIENTS, roams=True)
        return answered(run.result())

    counts = {"one worker": 1, "two workers": 2}
    with ExitStack() as stack:
        servers = {}
        for peer, (word, count) in itertools.product(pumps(), counts.items()):
            start = partial(Server, with_workers(peer, count), dataset.site, roams=True)
            found = begin(stack, {peer.name: start})
            servers.update({Kind(name, word): server for name, server in found.items()})
        for kind, server in servers.items():
            _has_workers(server, counts[kind.variant])
            for _ in range(counts[kind.variant]):
                Dnsperf(server.port, questions, 600, "-n", "1", *CLIENTS).result()
        for _, (kind, server) in itertools.product(range(effort.repetitions), servers.items()):
            tally.run(kind, server, partial(load, server))
    yield from tally.figures("workers")
    for peer in pumps():
        one, two = (Kind(peer.name, word) for word in counts)
        yield from tally.compared("workers", two, one, WORKERS_BOUND)


def scale(site: Site, effort: Effort) -> Figures:
    """Very many names: start and memory; very many services: start with and without a state."""
    yield from _records(of_records(site, effort.large), effort)
    yield from _services(site, effort)


def _bound(effort: Effort, bound: float) -> float | None:
    return bound if effort.large == FULL else None


def _records(dataset: Dataset, effort: Effort) -> Figures:
    size = f"{effort.large} names"
    with Server(with_workers(SIGHTLINE, 1), dataset.site, roams=True) as server:
        one, has_workers = _warm_mb(server, dataset, 1), len(tree(server.pid)) > 1
    text = f"{server.took:.1f} s"
    bound = _bound(effort, RECORDS_START)
    yield Figure("scale", f"{size}: to ready", server.took, text, bound, unit=" s")
    bound, text = _bound(effort, RECORDS_MB), f"{one:.0f} MB"
    yield Figure("scale", f"{size}: memory, each asked for", one, text, bound, unit=" MB")
    if has_workers:
        with Server(with_workers(SIGHTLINE, 2), dataset.site, roams=True) as server:
            more = _warm_mb(server, dataset, 2) - one
        bound, text = _bound(effort, WORKER_MB), f"{more:.0f} MB"
        what = f"{size}: memory of a second worker"
        yield Figure("scale", what, more, text, bound, unit=" MB")


def _warm_mb(server: Server, dataset: Dataset, count: int) -> float:
    """Memory when nearly every name has been asked of each of `count` workers."""
    for _ in range(count):
        Dnsperf(server.port, dataset.site.questions, 600, "-n", "1", *CLIENTS).result()
    return memory_mb(server.pid, "Pss")


def _services(site: Site, effort: Effort) -> Figures:
    directory, state = site.scratch / "zones-scale", site.scratch / "state-scale"
    write_zones(directory, generate(effort.large), files=effort.large // 100)
    state.mkdir()
    many = dataclasses.replace(site, zones=directory)
    settings = {**SIGHTLINE.settings, "SIGHTLINE_STATE_DIR": str(state)}
    peer = dataclasses.replace(SIGHTLINE, settings=settings)
    for word, bound in {"cold": COLD_START, "warm": WARM_START}.items():
        with Server(peer, many, roams=True) as server:
            used, weighs = cpu_seconds(server.pid), memory_mb(server.pid, "Pss")
            if word == "cold":
                server.wait_for(KEPT)
            text = f"{server.took:.1f} s, CPU {used:.1f} s, {weighs:.0f} MB"
            what = f"{effort.large} services: to ready, {word}"
            yield Figure("scale", what, server.took, text, _bound(effort, bound), unit=" s")
    shutil.rmtree(directory)
