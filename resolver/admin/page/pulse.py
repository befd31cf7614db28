"""How much is asked, how fast it is answered, how often the cache has it: of the last seconds.

Pure. Counters only rise; what the page shows is the difference between two looks at them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from resolver.admin.status import Json
from resolver.counters import LATENCY_BOUNDS
from resolver.figures import Figures

EVERY = 2.0  # seconds between two looks
WINDOW = 30.0  # seconds that the figures are of
KEPT = 91  # looks: three minutes
GAP = 15.0  # seconds without a look: what was before is forgotten


@dataclass(slots=True)
class Count:
    """Of one environment, since the start."""

    replies: float = 0.0
    hits: float = 0.0
    misses: float = 0.0
    buckets: list[float] = field(default_factory=lambda: [0.0] * (len(LATENCY_BOUNDS) + 1))

    def __add__(self, other: Count) -> Count:
        return Count(
            self.replies + other.replies,
            self.hits + other.hits,
            self.misses + other.misses,
            [a + b for a, b in zip(self.buckets, other.buckets, strict=True)],
        )

    def since(self, before: Count) -> Count:
        """What came to it; never less than nothing, though a worker may not have told in time."""
        return Count(
            max(0.0, self.replies - before.replies),
            max(0.0, self.hits - before.hits),
            max(0.0, self.misses - before.misses),
            [max(0.0, a - b) for a, b in zip(self.buckets, before.buckets, strict=True)],
        )


Counts = dict[str, Count]
"""By environment."""

Point = tuple[float | None, ...]
"""Rate, hit rate, and the times of the median and of the 99th percentile."""


def count(figures: Figures) -> Counts:
    """What was counted of each environment."""
    found: Counts = {}
    for (environment, *_), replies in figures.totals.replies.items():
        found.setdefault(environment, Count()).replies += replies
    for (environment, _), numbers in figures.totals.latencies.items():
        buckets = found.setdefault(environment, Count()).buckets
        for place, number in enumerate(numbers[: len(buckets)]):
            buckets[place] += number
    for environment, partition in figures.partitions.items():
        into = found.setdefault(environment, Count())
        into.hits += sum(partition.hits.values())
        into.misses += partition.misses
    return found


class Pulse:
    """The looks of the last minutes."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, Counts]] = deque(maxlen=KEPT)

    def take(self, now: float, figures: Figures) -> None:
        """Look; `now` of a clock that only rises."""
        if self._looks and now - self._looks[-1][0] > GAP:
            self._looks.clear()
        self._looks.append((now, count(figures)))

    def tell(self, covers: Callable[[str], bool], began: float) -> Json:
        """The figures of the environments that are covered; at the first look, since the start."""
        if not self._looks:
            return {"seconds": 0, "environments": [], "all": None}
        now, last = self._looks[-1]
        then, first = next((at, seen) for at, seen in self._looks if now - at <= WINDOW)
        if then == now:
            then, first = began, {}
        seconds = now - then
        seen = {name: last[name].since(first.get(name, Count())) for name in last if covers(name)}
        return {
            "seconds": round(seconds),
            "is_since_start": not first,
            "environments": [
                {"environment": name, **_tell(count, seconds)}
                for name, count in sorted(seen.items())
                if name not in {"", "-"}
            ],
            "all": _tell(_sum(seen.values()), seconds),
        }

    def history(self, covers: Callable[[str], bool], most: int = KEPT) -> list[Point]:
        """What came between each two of the last looks."""
        told = []
        looks = list(self._looks)[-most - 1 :]
        for (then, before), (now, after) in pairwise(looks):
            came = _sum(
                count.since(before.get(name, Count()))
                for name, count in after.items()
                if covers(name)
            )
            told.append(tuple(_tell(came, now - then).values()))
        return told


def _sum(counts: Iterable[Count]) -> Count:
    return sum(counts, Count())


def _tell(count: Count, seconds: float) -> Json:
    asked = count.hits + count.misses
    return {
        "rate": round(count.replies / seconds, 2) if seconds > 0 else 0.0,
        "hit_rate": round(count.hits / asked, 4) if asked else None,
        "p50": percentile(count.buckets, 0.5),
        "p99": percentile(count.buckets, 0.99),
    }


def percentile(buckets: Sequence[float], part: float) -> float | None:
    """Seconds within which that part was answered; None when nothing was.

    Within a bucket times are taken to be spread evenly on a scale of ratios.
    """
    total = sum(buckets)
    if not total:
        return None
    rank, below = part * total, 0.0
    for place, number in enumerate(buckets):
        if below + number >= rank and number:
            if place == len(LATENCY_BOUNDS):
                return LATENCY_BOUNDS[-1]
            upper = LATENCY_BOUNDS[place]
            lower = LATENCY_BOUNDS[place - 1] if place else upper / 10
            seconds = lower * (upper / lower) ** ((rank - below) / number)
            return float(f"{seconds:.3g}")
        below += number
    return math.nan  # unreachable: the last bucket that is not empty holds every rank
