"""Simulation: how long queries wait at so many workers, as `python -m bench.simulate` tells.

A worker is one server with a queue. Queries come at random (Poisson) and are served in turn; what
else the worker does holds up everybody: flips of health, steps of a reload, scrapes. The kernel
spreads clients over workers by chance, so one of them has more than its share. All times are of
measurements (`make bench`); the simulation adds only their waiting for one another.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from typing import NamedTuple

ANSWER = 5e-6  # seconds of CPU of one answer out of a memo
SLOW_ANSWER = 12e-6  # and of one that Python looks at
SLOW_SHARE = 0.05  # of all answers
SECONDS = 4.0  # of simulated time


class Stall(NamedTuple):
    """Something that a worker does beside answering, at regular times."""

    every: float  # seconds
    takes: float  # seconds


CALM = ()
FLIPS = (Stall(0.2, 0.0006),)  # health, gathered for 200 ms: 100 targets each time
RELOADING = (*FLIPS, Stall(0.02, 0.0018))  # and the steps of reloads, 50 of them in a second


def waits(rate: float, stalls: tuple[Stall, ...], chance: random.Random) -> list[float]:
    """Seconds from arrival to answer of each query at one worker, sorted; `rate` a second."""
    pending = sorted(
        (when, stall.takes) for stall in stalls for when in _times(stall.every, chance)
    )
    pending.reverse()
    now, free, found = 0.0, 0.0, []
    while (now := now + chance.expovariate(rate)) < SECONDS:
        while pending and pending[-1][0] <= now:
            when, takes = pending.pop()
            free = max(free, when) + takes
        takes = SLOW_ANSWER if chance.random() < SLOW_SHARE else ANSWER
        free = max(free, now) + takes
        found.append(free - now)
    found.sort()
    return found


def _times(every: float, chance: random.Random) -> Iterator[float]:
    when = chance.uniform(0, every)
    while when < SECONDS:
        yield when
        when += every


def share_of_busiest(workers: int, clients: int, chance: random.Random) -> float:
    """The share of the load that the busiest worker has, when each client has one by chance."""
    counts = [0] * workers
    for _ in range(clients):
        counts[chance.randrange(workers)] += 1
    return max(counts) / clients


class Row(NamedTuple):
    """p99 in ms at a load, by what else happens."""

    workers: int
    rate: int  # queries a second in all
    busy: float  # share of its core that the busiest worker needs
    calm: float
    flips: float
    reloading: float


def simulate(workers: int, rate: int, clients: int = 1000, seed: int = 1) -> Row:
    """One row; a busiest worker that is overloaded has no p99 (infinite)."""
    chance = random.Random(seed)
    most = rate * share_of_busiest(workers, clients, chance)
    mean = ANSWER + SLOW_SHARE * (SLOW_ANSWER - ANSWER)

    def p99(stalls: tuple[Stall, ...]) -> float:
        if most * mean + sum(stall.takes / stall.every for stall in stalls) >= 1:
            return float("inf")
        found = waits(most, stalls, chance)
        return found[int(0.99 * len(found))] * 1000

    return Row(workers, rate, most * mean, p99(CALM), p99(FLIPS), p99(RELOADING))


def main() -> None:
    """Print a table for a rate of each worker that is a part of what it can do."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulate", description=__doc__)
    parser.add_argument("--clients", type=int, default=1000, metavar="N")
    clients = parser.parse_args().clients
    print("| workers | queries/s | busiest core | p99 calm | flips | reloading |")
    print("|---|---|---|---|---|---|")
    for workers in (1, 2, 4, 8):
        for each in (20_000, 60_000, 100_000):
            row = simulate(workers, workers * each, clients)
            times = (
                "never" if one == float("inf") else f"{one:.2f} ms"
                for one in (row.calm, row.flips, row.reloading)
            )
            cells = (f"{row.workers}", f"{row.rate:,}", f"{row.busy:.0%}", *times)
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
