"""Measures that cost little: durations in fixed buckets, and what the last minute was like.

Written by one thread, read by any: plain numbers, so a reader may see one observation half taken.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from itertools import accumulate

from healthcheck.counts import Durations

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds, each the greatest of its bucket."""

ALL_BOUNDS = (*BOUNDS, math.inf)

MICRO = 1_000_000


class Histogram:
    """How long something took, counted in buckets."""

    __slots__ = ("_counts", "_micros")

    def __init__(self) -> None:
        self._counts = [0] * len(ALL_BOUNDS)
        self._micros = 0  # an integer does not lose small durations to a large sum

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self._micros += int(seconds * MICRO + 0.5)

    def add(self, other: Histogram) -> None:
        """Count in what another one has counted."""
        pairs = zip(self._counts, other._counts, strict=True)
        self._counts = [mine + others for mine, others in pairs]
        self._micros += other._micros

    def snapshot(self) -> Durations:
        """What was counted so far; from any thread."""
        counts, micros = self._counts.copy(), self._micros
        return Durations(tuple(zip(ALL_BOUNDS, accumulate(counts), strict=True)), micros / MICRO)


@dataclass(frozen=True, slots=True)
class Spread:
    """What was noted in the last minute; zeros when nothing was."""

    count: int = 0
    mean: float = 0.0
    max: float = 0.0


@dataclass(slots=True)
class _Slice:
    begin: float
    count: int = 0
    sum: float = 0.0
    max: float = 0.0


class LastMinute:
    """Count, mean and maximum of what was noted in the last minute, in slices of 10 s."""

    __slots__ = ("_slices",)

    SLICE = 10.0  # seconds
    SLICES = 6

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque(maxlen=self.SLICES)

    def note(self, value: float, now: float) -> None:
        """Take a value, not below zero."""
        if not self._slices or now - self._slices[-1].begin >= self.SLICE:
            self._slices.append(_Slice(now))
        current = self._slices[-1]
        current.count += 1
        current.sum += value
        current.max = max(current.max, value)

    def spread(self, now: float) -> Spread:
        """What the last minute was like; from any thread."""
        oldest = now - self.SLICE * self.SLICES
        recent = [piece for piece in self._slices.copy() if piece.begin > oldest]
        count = sum(piece.count for piece in recent)
        if not count:
            return Spread()
        largest = max(piece.max for piece in recent)
        return Spread(count, sum(piece.sum for piece in recent) / count, largest)
