"""How many probes are in flight at once, and who is next when no more may be.

What was up when last seen goes first. What was not may hold half of the slots at most, so that
any number of hanging targets delay each other and nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import resource
from collections import OrderedDict

OTHERS = 100  # descriptors at least that probes leave to listeners, clients and files
SHARE = 0.75  # of all descriptors, for probes
TURNS = 16  # so many in a row pass a suspect that waits: it waits long, but not for ever

Waiters = OrderedDict["asyncio.Future[None]", None]


class Slots:
    """At most `limit` holders at a time; belongs to one event loop."""

    def __init__(self, limit: int) -> None:
        self.limit = 1
        self.in_flight = 0
        self._suspects = 0  # of those in flight
        self._passed = 0  # waiting suspects, since one of them had its turn
        self._waiting: tuple[Waiters, Waiters] = (OrderedDict(), OrderedDict())
        self.bound(limit)

    def bound(self, limit: int) -> None:
        """Allow so many from now on, at least 1; who holds a slot keeps it."""
        self.limit = max(1, limit)
        self._suspect_limit = max(1, self.limit // 2)
        self._grant()

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting[False]) + len(self._waiting[True])

    def hold(self, is_suspect: bool) -> Hold:
        """A slot for the time of an `async with`; a suspect did not pass when last seen."""
        return Hold(self, is_suspect)

    async def take(self, is_suspect: bool) -> None:
        """Take a slot, which must be given back; wait for it if need be."""
        if self._has_room(is_suspect):
            self._count(is_suspect, 1)
            return
        waiters = self._waiting[is_suspect]
        turn = asyncio.get_running_loop().create_future()
        waiters[turn] = None
        try:
            await turn
        except BaseException:
            waiters.pop(turn, None)
            if turn.done() and not turn.cancelled():  # granted in the very moment of leaving
                self.give_back(is_suspect)
            raise

    def give_back(self, is_suspect: bool) -> None:
        """Give a slot to whoever is next."""
        self._count(is_suspect, -1)
        self._grant()

    def _grant(self) -> None:
        while (suspect := self._next()) is not None:
            turn, _ = self._waiting[suspect].popitem(last=False)
            if not turn.done():
                self._count(suspect, 1)
                turn.set_result(None)

    def _next(self) -> bool | None:
        """Of which queue the next is; None: of neither."""
        usual, suspects = self._waiting
        may_suspect = bool(suspects) and self._has_room(True)
        if usual and self._has_room(False) and not (may_suspect and self._passed >= TURNS):
            self._passed += may_suspect
            return False
        if may_suspect:
            self._passed = 0
            return True
        return None

    def _has_room(self, is_suspect: bool) -> bool:
        if self.in_flight >= self.limit:
            return False
        return not is_suspect or self._suspects < self._suspect_limit

    def _count(self, is_suspect: bool, more: int) -> None:
        self.in_flight += more
        self._suspects += more * is_suspect


class Hold:
    """The slot of one `async with`."""

    __slots__ = ("_is_suspect", "_slots")

    def __init__(self, slots: Slots, is_suspect: bool) -> None:
        self._slots = slots
        self._is_suspect = is_suspect

    async def __aenter__(self) -> None:
        await self._slots.take(self._is_suspect)

    async def __aexit__(self, *_: object) -> None:
        self._slots.give_back(self._is_suspect)


def affordable(wanted: int) -> int:
    """How many of the wanted slots this process has descriptors for, at least 1.

    Raises the soft limit of descriptors as far as is needed and the hard one allows.
    """
    needed = max(math.ceil(wanted / SHARE), wanted + OTHERS)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < raised:
        with contextlib.suppress(OSError, ValueError):  # not allowed here: with what there is, then
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return max(1, wanted)
    return max(1, min(wanted, math.floor(soft * SHARE), soft - OTHERS))
