"""Scenarios of forwarding: what a name costs that upstreams know, asked for first or again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.beginning import Starts, begin, start_ours
from bench.effort import Effort, Figures
from bench.measure import CannotMeasure, Dnsperf, Load
from bench.outside import forwarding_site, write_names
from bench.peers import COMPILED, Site
from bench.programs import Program, Running, installed
from bench.resolvers import (
    BIND,
    DNSMASQ,
    DNSMASQ_SMALL,
    FORWARDERS,
    UNBOUND,
    UPSTREAM,
    ZONE,
    authoritative,
    forwarder,
)
from bench.tally import Kind, Tally

MISS_BOUNDS = {DNSMASQ.name: 1.0, DNSMASQ_SMALL.name: 1.0, BIND.name: 1.7}
HIT_BOUNDS = {UNBOUND.name: 0.85, BIND.name: 0.8, DNSMASQ.name: 0.65}  # of the compiled pump
OWN_BOUND = 1.3  # times an answer from a zone
FASTEST = 60_000  # queries a second that nobody reaches here
STEADY_RATE = 2000
TIMED_RATE = 10_000
CACHED_NAMES = 1000


def _start(
    stack: ExitStack, site: Site, name: str, programs: Iterable[Program]
) -> tuple[Site, Running, dict[str, Running], list[str]]:
    """The upstream and everybody who asks it; the names of ours, which are first."""
    asked = stack.enter_context(authoritative(site.scratch))
    site = forwarding_site(site, name, {"prod": (f"{UPSTREAM}:{asked.port}",)})
    mine = start_ours(stack, site)
    starts: Starts = {
        program.name: partial(forwarder, program, site.scratch, asked.port)
        for program in installed(programs)
    }
    return site, asked, {**mine, **begin(stack, starts)}, list(mine)


def misses(site: Site, effort: Effort) -> Figures:
    """Names that nobody has asked for before: each server asks the same upstream for its own.

    As fast as the server answers, with 100 questions under way, and at a rate that all can bear.
    """
    tally, numbers = Tally(), itertools.count()
    questions = site.scratch / "misses.txt"
    paces: dict[str, int | None] = {"": None, f"at {STEADY_RATE}/s": STEADY_RATE}
    with ExitStack() as stack:
        programs = (DNSMASQ_SMALL, *FORWARDERS)
        _, asked, servers, ours = _start(stack, site, "zones-misses", programs)
        for server in servers.values():  # what is done but once
            _ask_new(server, questions, numbers, 1.0, None)
        for _ in range(effort.repetitions):
            for (word, rate), (name, server) in itertools.product(paces.items(), servers.items()):
                load = partial(_ask_new, server, questions, numbers, effort.run, rate)
                tally.run(Kind(name, word), server, load, asked)
        for name, server in servers.items():
            kind = Kind(name, f"at {STEADY_RATE}/s")
            tally.time(kind, partial(_ask_new, server, questions, numbers, effort.run, STEADY_RATE))
    yield from tally.figures("misses", ours[0])
    for word, mine, name in itertools.product(paces, ours, servers):
        if name not in ours:
            bound = MISS_BOUNDS.get(name)
            yield from tally.compared("misses", Kind(mine, word), Kind(name, word), bound)


def _ask_new(
    server: Running, questions: Path, numbers: Iterator[int], seconds: float, rate: int | None
) -> Load:
    """Names that were in no run before; the file is asked through but once."""
    run, most = next(numbers), int((rate or FASTEST) * seconds)
    write_names(questions, (f"n{number}.r{run}.{ZONE}" for number in range(most)))
    is_timed = rate is not None
    load = Dnsperf(
        server.port, questions, seconds, "-n", "1", rate=rate, is_verbose=is_timed
    ).result()
    if load.rcodes.get("NOERROR", 0) < 0.99 * load.completed:
        raise CannotMeasure(f"not answered: {load.rcodes}")
    return load


def cached(site: Site, effort: Effort) -> Figures:
    """Names that are in the cache, in turns with names of our own zones, and the peers' caches."""
    tally = Tally()
    questions = site.scratch / "cached.txt"
    write_names(questions, (f"n{number}.{ZONE}" for number in range(CACHED_NAMES)))
    with ExitStack() as stack:
        site, asked, servers, ours = _start(stack, site, "zones-cached", FORWARDERS)
        for name, server in servers.items():
            Dnsperf(server.port, questions, 600, "-n", "1").result()
            if name in ours:
                Dnsperf(server.port, site.questions, 600, "-n", "1").result()
        runs = [(Kind(name, "cached"), server, questions) for name, server in servers.items()]
        runs += [(Kind(name, "own zone"), servers[name], site.questions) for name in ours]
        for number in range(effort.repetitions):
            for kind, server, file in runs:
                load = partial(_ask, server, file, effort.run)
                tally.run(kind, server, load, asked)
                if number == 0:
                    tally.time(kind, partial(load, TIMED_RATE))
    yield from tally.figures("cached", ours[0])
    for mine, (theirs, _, _) in itertools.product(ours, runs):
        bound = HIT_BOUNDS.get(theirs.server) if mine == COMPILED else None
        if theirs == Kind(mine, "own zone"):
            bound = OWN_BOUND
        elif theirs.server in ours:
            continue
        yield from tally.compared("cached", Kind(mine, "cached"), theirs, bound)


def _ask(server: Running, questions: Path, seconds: float, rate: int | None = None) -> Load:
    is_timed = rate is not None
    return Dnsperf(server.port, questions, seconds, rate=rate, is_verbose=is_timed).result()
