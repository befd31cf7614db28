"""Scenarios of names of our own beside every peer that is installed: the same names, in turns.

All servers run at the same time, one of them under load; each has one core, the load another.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.authorities import BIND, KNOT, authority, present
from bench.beginning import Starts, begin, start_ours
from bench.dataset import Dataset, of_records, of_services, write_cookies
from bench.effort import Effort, Figures
from bench.floor import FLOOR, floor
from bench.measure import CannotMeasure, Dnsperf, Load, median, spread
from bench.once import once
from bench.peers import COMPILED, PYTHON, Server, Site
from bench.programs import Running
from bench.report import Figure
from bench.tally import Kind, Tally
from bench.zones import write_random_questions

NAMES = 1800
# Times the CPU of a peer; below every other one.
BOUNDS = {(COMPILED, BIND): 0.75, (COMPILED, KNOT): 1.1, (PYTHON, BIND): 1.2}
RANDOM_BOUNDS = {COMPILED: 2.2, PYTHON: 1.5}  # times an ordinary answer
FASTEST = 200_000  # queries a second that nobody reaches here

Ask = Callable[[int, float, int | None], Load]
"""A port, for how many seconds, at which rate (None: as fast as the server answers)."""


class Variant(NamedTuple):
    """One way to ask; latencies are taken at `rate` queries a second."""

    word: str
    ask: Ask
    rate: int


def asking(questions: Path, *options: str) -> Ask:
    """By dnsperf, with its options."""

    def ask(port: int, seconds: float, rate: int | None) -> Load:
        is_timed = rate is not None
        run = Dnsperf(port, questions, seconds, *options, rate=rate, is_verbose=is_timed)
        return answered(run.result())

    return ask


def answered(load: Load, rcode: str = "NOERROR") -> Load:
    """The same. Raises CannotMeasure when something else was answered."""
    if load.rcodes and load.rcodes.get(rcode, 0) < 0.99 * load.completed:
        raise CannotMeasure(f"answered otherwise: {load.rcodes}")
    return load


def _start(stack: ExitStack, dataset: Dataset) -> tuple[dict[str, Running], list[str]]:
    """Everybody, warm; the names of ours, which are first."""
    mine = start_ours(stack, dataset.site)
    starts: Starts = {p.name: partial(authority, p, dataset) for p in present(dataset)}
    servers: dict[str, Running] = {**mine, **begin(stack, starts)}
    for server in servers.values():  # so that nothing is prepared, or found worth keeping, later
        Dnsperf(server.port, dataset.site.questions, 600, "-n", "3").result()
    return servers, list(mine)


def _take_turns(
    tally: Tally, servers: dict[str, Running], variants: Sequence[Variant], effort: Effort
) -> None:
    for number in range(effort.repetitions):
        for variant, (name, server) in itertools.product(variants, servers.items()):
            kind = Kind(name, variant.word)
            tally.run(kind, server, partial(variant.ask, server.port, effort.turn, None))
            if number == 0:
                tally.time(kind, partial(variant.ask, server.port, effort.turn, variant.rate))


def _judged(scenario: str, tally: Tally, words: Sequence[str], ours: Sequence[str]) -> Figures:
    """Ours against everybody else, variant by variant."""
    for word, mine in itertools.product(words, ours):
        for other in list(tally.runs):
            if other.variant == word and other.server not in (*ours, FLOOR):
                bound = BOUNDS.get((mine, other.server), 1.0 if mine == COMPILED else None)
                yield from tally.compared(scenario, Kind(mine, word), other, bound)


def zone(site: Site, effort: Effort) -> Figures:
    """Names that exist, over UDP: plain, with EDNS, and with a cookie that is new each time."""
    dataset = of_services(site, NAMES)
    questions = dataset.site.questions
    cookies = write_cookies(site.scratch / "cookies.bin", dataset.names)
    variants = [
        Variant("plain", asking(questions), 10_000),
        Variant("EDNS", asking(questions, "-e"), 10_000),
        Variant("cookie", asking(cookies, "-B"), 10_000),
    ]
    tally = Tally()
    with ExitStack() as stack:
        servers, ours = _start(stack, dataset)
        echo = floor(site.scratch)
        if echo is not None:
            servers[FLOOR] = stack.enter_context(Server(echo, site))
        _take_turns(tally, servers, variants, effort)
    yield from tally.figures("zone", ours[0])
    yield from _judged("zone", tally, ("plain", "EDNS"), ours)


def tcp(site: Site, effort: Effort) -> Figures:
    """The same names over connections that stay open, and over one for each query."""
    dataset = of_services(site, NAMES)
    questions = dataset.site.questions

    def ask_once(port: int, seconds: float, rate: int | None) -> Load:
        return once(port, questions, seconds, rate)

    variants = [
        Variant("connections kept", asking(questions, "-m", "tcp"), 10_000),
        Variant("a query each", ask_once, 1000),
    ]
    tally = Tally()
    with ExitStack() as stack:
        servers, ours = _start(stack, dataset)
        _take_turns(tally, servers, variants, effort)
    yield from tally.figures("tcp", ours[0])


def large(site: Site, effort: Effort) -> Figures:
    """Many names with one address each."""
    dataset = of_records(site, effort.large)
    tally = Tally()
    word = f"{effort.large} names"
    with ExitStack() as stack:
        servers, ours = _start(stack, dataset)
        _take_turns(tally, servers, [Variant(word, asking(dataset.site.questions), 10_000)], effort)
    yield from tally.figures("large", ours[0])


def nxdomain(site: Site, effort: Effort) -> Figures:
    """Names below our domain that do not exist and never repeat, in turns with ordinary ones."""
    dataset = of_services(site, NAMES)
    questions = site.scratch / "nxdomain.txt"
    tally = Tally()
    with ExitStack() as stack:
        servers, ours = _start(stack, dataset)
        for number in range(effort.repetitions):
            write_random_questions(questions, int(FASTEST * effort.turn), number)
            for name, server in servers.items():

                def ask_random(server: Running = server) -> Load:
                    run = Dnsperf(server.port, questions, effort.turn, "-n", "1")
                    return answered(run.result(), "NXDOMAIN")

                tally.run(Kind(name, "random"), server, ask_random)
                ordinary = partial(asking(dataset.site.questions), server.port, effort.turn, None)
                tally.run(Kind(name, "ordinary"), server, ordinary)
    yield from tally.figures("nxdomain", ours[0])
    for name in servers:
        ratios = tally.ratios(Kind(name, "random"), Kind(name, "ordinary"))
        if ratios:
            what, bound = f"{name}: random, times the CPU of ordinary", RANDOM_BOUNDS.get(name)
            yield Figure("nxdomain", what, median(ratios), spread(ratios, ".2f"), bound)
