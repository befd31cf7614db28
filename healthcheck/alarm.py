"""Waking at a time: thousands of waiters with one timer of the event loop."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

GRAIN = 0.01  # seconds: what is due within one is woken at once, which halves the cost of waking

Clock = Callable[[], float]


class Alarm:
    """Wakes futures when they are due, all with one timer of the loop."""

    def __init__(self, clock: Clock, late: Callable[[float], None] = lambda _: None) -> None:
        self._clock = clock
        self._late = late  # is told by how many seconds each ring was late
        self._heap: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = 0.0  # when the timer will ring
        self._rang = -GRAIN

    def wake(self, waiter: asyncio.Future[None], due: float) -> None:
        """Set the result of `waiter` at `due`, or up to GRAIN later."""
        heapq.heappush(self._heap, (due, next(self._order), waiter))
        if self._timer is None or max(due, self._rang + GRAIN) < self._set_for:
            self._set()

    def forget_done(self) -> None:
        """Let go of what needs no waking any more."""
        self._heap = [entry for entry in self._heap if not entry[2].done()]
        heapq.heapify(self._heap)

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._set_for = max(self._heap[0][0], self._rang + GRAIN)
        delay = self._set_for - self._clock()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, delay), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._rang = self._clock()
        self._late(max(0.0, self._rang - self._set_for))
        now = self._rang + 1e-6  # loops ring up to one tick of their clock early
        heap = self._heap
        while heap and heap[0][0] <= now:
            waiter = heapq.heappop(heap)[2]
            if not waiter.done():
                waiter.set_result(None)
        if heap:
            self._set()
