"""How often the same may be told: a number of times in a window, then only counted. Pure.

What is told is of a *kind*, and may be of a *subject* (such as an address), of which once is
enough. Memory is bounded in kinds and in subjects.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

MOST_KINDS = 1000
OTHERS = "others"  # the kind of all kinds beyond that


class Held(NamedTuple):
    """What was not told of one kind in a window that is over."""

    kind: Hashable
    number: int
    seconds: float  # of the window


@dataclass(slots=True)
class _Window:
    began: float
    told: int = 0
    held: int = 0
    subjects: set[Hashable] = field(default_factory=set)  # that were told: never more than that


class Pace:
    """Lets `burst` of each kind pass in a window of so many seconds, which the first one opens."""

    __slots__ = ("_burst", "_seconds", "_windows")

    def __init__(self, burst: int, seconds: float) -> None:
        self._burst = burst
        self._seconds = seconds
        self._windows: dict[Hashable, _Window] = {}  # in the order in which they were opened

    def admit(self, kind: Hashable, now: float, subject: Hashable = None) -> bool:
        """Whether one more may be told; call `expire` before."""
        window = self._windows.get(kind)
        if window is None:
            if len(self._windows) >= MOST_KINDS:
                kind = OTHERS
            window = self._windows.setdefault(kind, _Window(now))
        if window.told >= self._burst or (subject is not None and subject in window.subjects):
            window.held += 1
            return False
        window.told += 1
        if subject is not None:
            window.subjects.add(subject)
        return True

    def expire(self, now: float) -> list[Held]:
        """Close the windows that are over; what was held back in them."""
        found = []
        while self._windows:
            kind, window = next(iter(self._windows.items()))
            if now < window.began + self._seconds:
                break
            del self._windows[kind]
            if window.held:
                found.append(Held(kind, window.held, self._seconds))
        return found

    def close(self) -> list[Held]:
        """Close all of them, at the end."""
        return self.expire(float("inf"))
