"""Runs of several servers, kind by kind: what each cost, and how kinds of one round compare."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

from bench.effort import Figures
from bench.measure import CannotMeasure, Load, cpu_seconds, median, memory_mb, spread
from bench.programs import Running
from bench.report import Figure


class Kind(NamedTuple):
    """Who is asked, and what; an empty variant: there is but one."""

    server: str
    variant: str = ""

    def __str__(self) -> str:
        return f"{self.server}, {self.variant}" if self.variant else self.server


class Run(NamedTuple):
    """One run of one kind."""

    cost: float  # µs of CPU per query
    busy: float  # share of a core
    rate: float  # queries a second
    lost: int
    upstream: float | None  # share of a core


class Tally:
    """Runs of each kind, in rounds: the n-th of each belong together.

    A kind that fails once is left out from then on, and that is said.
    """

    def __init__(self) -> None:
        self.runs: dict[Kind, list[Run]] = {}
        self.memory: dict[Kind, float] = {}  # MB, the most that was seen after a run
        self.took: dict[Kind, float] = {}  # seconds, from the start to the first answer
        self._latency: dict[Kind, tuple[float, float]] = {}  # p50 and p99, ms
        self._failed: set[Kind] = set()

    def run(
        self, kind: Kind, server: Running, load: Callable[[], Load], upstream: Running | None = None
    ) -> Load | None:
        """One run, and what it cost the server; None when it failed."""
        if kind in self._failed:
            return None
        asked = (server,) if upstream is None else (server, upstream)
        try:
            before = [cpu_seconds(each.pid) for each in asked]
            found = load()
            used = [cpu_seconds(each.pid) - was for each, was in zip(asked, before, strict=True)]
            memory = memory_mb(server.pid, "Pss")
        except (CannotMeasure, OSError) as error:
            self._fail(kind, error)
            return None
        shares = [seconds / found.seconds for seconds in used]
        cost = used[0] / found.completed * 1e6
        run = Run(cost, shares[0], found.rate, found.lost, shares[1] if upstream else None)
        self.runs.setdefault(kind, []).append(run)
        self.memory[kind] = max(self.memory.get(kind, 0.0), memory)
        self.took[kind] = server.took
        return found

    def time(self, kind: Kind, load: Callable[[], Load]) -> None:
        """Latencies at a rate that all can bear."""
        if kind in self._failed:
            return
        try:
            found = load()
            p50, p99 = (found.percentile(part) * 1000 for part in (0.5, 0.99))
        except CannotMeasure as error:
            self._fail(kind, error)
        else:
            self._latency[kind] = (p50, p99)

    def _fail(self, kind: Kind, error: Exception) -> None:
        print(f"bench: {kind} is left out: {error}", file=sys.stderr)
        self._failed.add(kind)
        self.runs.pop(kind, None)

    def figures(self, scenario: str, stick: str | None = None) -> Figures:
        """What each kind cost, with all else that is known of it.

        `stick` is the server that the others of a variant are measured with. Raises CannotMeasure
        when no kind is left.
        """
        if not self.runs:
            raise CannotMeasure("nobody could be measured")
        for kind, runs in self.runs.items():
            costs = [run.cost for run in runs]
            details = {
                "rate": median([run.rate / 1000 for run in runs]),
                "busy": median([run.busy for run in runs]),
                "lost": float(sum(run.lost for run in runs)),
                "memory": self.memory[kind],
                "start": self.took[kind],
                "lowest": min(costs),
                "highest": max(costs),
            }
            shares = [run.upstream for run in runs if run.upstream is not None]
            if shares:
                details["upstream"] = median(shares)
            if kind in self._latency:
                details["p50"], details["p99"] = self._latency[kind]
            if stick is not None and (ratios := self.ratios(kind, Kind(stick, kind.variant))):
                details["times"] = median(ratios)
            yield Figure(
                scenario,
                f"{kind}: CPU per query",
                median(costs),
                f"{spread(costs)} µs",
                server=kind.server,
                variant=kind.variant,
                details=details,
            )

    def ratios(self, ours: Kind, theirs: Kind) -> list[float]:
        """Times the CPU of another kind, each within one round."""
        pairs = zip(self.runs.get(ours, ()), self.runs.get(theirs, ()), strict=False)
        return [mine.cost / other.cost for mine, other in pairs if other.cost]

    def compared(self, scenario: str, ours: Kind, theirs: Kind, bound: float | None) -> Figures:
        """The median of the ratios, held against a bound; nothing without one or without runs."""
        ratios = self.ratios(ours, theirs)
        if ratios and bound is not None:
            what = f"{ours}: times the CPU of {theirs}"
            yield Figure(scenario, what, median(ratios), spread(ratios, ".2f"), bound)
