"""Scenarios of forwarding: what a name costs that upstreams know, asked for first or again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.effort import Effort, Figures
from bench.measure import CannotMeasure, Dnsperf, Load, cpu_seconds, median, spread
from bench.outside import forwarding_site, sightline, write_names
from bench.peers import Server, Site
from bench.report import Figure
from bench.resolvers import (
    BIND,
    DNSMASQ,
    DNSMASQ_SMALL,
    FORWARDERS,
    UPSTREAM,
    ZONE,
    Program,
    Running,
    authoritative,
    forwarder,
    installed,
)

OURS = "sightline"
MISS_BOUNDS = {DNSMASQ.name: 1.2, DNSMASQ_SMALL.name: 1.2, BIND.name: 2.0}
HIT_BOUND = 1.3  # times an answer from a zone
FASTEST = 60_000  # queries a second that nobody reaches here
STEADY_RATE = 2000
CACHED_NAMES = 1000


class Tally:
    """Runs of each kind, one after the other."""

    def __init__(self) -> None:
        self.cost: dict[str, list[float]] = {}  # µs
        self.busy: dict[str, list[float]] = {}
        self.rate: dict[str, list[float]] = {}
        self.lost: dict[str, int] = {}
        self.upstream: dict[str, list[float]] = {}  # share of a core

    def run(self, kind: str, server: Running, load: Callable[[], Load], asked: Running) -> Load:
        """One run, and what it cost the server; `asked` is the upstream."""
        before, before_asked = cpu_seconds(server.pid), cpu_seconds(asked.pid)
        found = load()
        used = cpu_seconds(server.pid) - before
        used_asked = cpu_seconds(asked.pid) - before_asked
        self.cost.setdefault(kind, []).append(used / found.completed * 1e6)
        self.busy.setdefault(kind, []).append(used / found.seconds)
        self.rate.setdefault(kind, []).append(found.rate)
        self.upstream.setdefault(kind, []).append(used_asked / found.seconds)
        self.lost[kind] = self.lost.get(kind, 0) + found.lost
        return found

    def figures(self, scenario: str) -> Figures:
        for kind, values in self.cost.items():
            text = f"{spread(values)} µs"
            yield Figure(scenario, f"{kind}: CPU per query", median(values), text)
            rates, share = self.rate[kind], median(self.busy[kind])
            text = (
                f"{spread([r / 1000 for r in rates])} k/s, core {share:.0%} busy, "
                f"upstream {median(self.upstream[kind]):.0%}, {self.lost[kind]} lost"
            )
            yield Figure(scenario, f"{kind}: rate on one core", median(rates), text)

    def ratio(self, scenario: str, ours: str, theirs: str, bound: float | None) -> Figure:
        """Times the CPU of another kind, run by run."""
        pairs = zip(self.cost[ours], self.cost[theirs], strict=True)
        ratios = [mine / other for mine, other in pairs]
        what = f"{ours}: times the CPU of {theirs}"
        return Figure(scenario, what, median(ratios), spread(ratios, ".2f"), bound)


def _start(
    stack: ExitStack, site: Site, name: str, programs: Iterable[Program]
) -> tuple[Site, Running, dict[str, Running]]:
    """The upstream and everybody who asks it, ours first."""
    asked = stack.enter_context(authoritative(site.scratch))
    ours = forwarding_site(site, name, {"prod": (f"{UPSTREAM}:{asked.port}",)})
    servers: dict[str, Running] = {OURS: stack.enter_context(Server(sightline(), ours))}
    for program in installed(programs):
        servers[program.name] = stack.enter_context(forwarder(program, site.scratch, asked.port))
    return ours, asked, servers


def misses(site: Site, effort: Effort) -> Figures:
    """Names that nobody has asked for before: each server asks the same upstream for its own.

    As fast as the server answers, with 100 questions under way, and at a rate that all can bear.
    """
    tally, numbers = Tally(), itertools.count()
    questions = site.scratch / "misses.txt"
    paces: dict[str, int | None] = {"": None, f" at {STEADY_RATE}/s": STEADY_RATE}
    with ExitStack() as stack:
        _, asked, servers = _start(stack, site, "zones-misses", (DNSMASQ_SMALL, *FORWARDERS))
        for server in servers.values():  # what is done but once
            _ask_new(server, questions, numbers, 1.0, None)
        for _ in range(effort.repetitions):
            for (word, rate), (name, server) in itertools.product(paces.items(), servers.items()):
                kind = name + word

                def load(server: Running = server, rate: int | None = rate) -> Load:
                    return _ask_new(server, questions, numbers, effort.run, rate)

                found = tally.run(kind, server, load, asked)
                if found.rcodes.get("NOERROR", 0) < 0.99 * found.completed:
                    raise CannotMeasure(f"{kind}: {found.rcodes}")
    yield from tally.figures("misses")
    for word, name in itertools.product(paces, servers):
        if name != OURS:
            yield tally.ratio("misses", OURS + word, name + word, MISS_BOUNDS.get(name))


def _ask_new(
    server: Running, questions: Path, numbers: Iterator[int], seconds: float, rate: int | None
) -> Load:
    """Names that were in no run before; the file is asked through but once."""
    run, most = next(numbers), int((rate or FASTEST) * seconds)
    write_names(questions, (f"n{number}.r{run}.{ZONE}" for number in range(most)))
    return Dnsperf(server.port, questions, seconds, "-n", "1", rate=rate).result()


def cached(site: Site, effort: Effort) -> Figures:
    """Names that are in the cache, in turns with names of our own zones, and the peers' caches."""
    tally = Tally()
    questions = site.scratch / "cached.txt"
    write_names(questions, (f"n{number}.{ZONE}" for number in range(CACHED_NAMES)))
    with ExitStack() as stack:
        ours, asked, servers = _start(stack, site, "zones-cached", FORWARDERS)
        Dnsperf(servers[OURS].port, ours.questions, 600, "-n", "1").result()
        for server in servers.values():
            Dnsperf(server.port, questions, 600, "-n", "1").result()
        runs = [(f"{name}, cached", server, questions) for name, server in servers.items()]
        runs.insert(1, (f"{OURS}, own zone", servers[OURS], ours.questions))
        for _ in range(effort.repetitions):
            for kind, server, file in runs:

                def load(server: Running = server, file: Path = file) -> Load:
                    return Dnsperf(server.port, file, effort.run).result()

                tally.run(kind, server, load, asked)
    yield from tally.figures("cached")
    for kind, _, _ in runs[1:]:
        bound = HIT_BOUND if kind.startswith(OURS) else None
        yield tally.ratio("cached", f"{OURS}, cached", kind, bound)
