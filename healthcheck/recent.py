"""The last observations of one probe, as people see them drawn. Pure.

Bounded and small, since there is one for each probe: a number for each observation.
"""

from __future__ import annotations

from array import array

from healthcheck.check import Observation

MOST = 30  # observations
LEAST = 1e-6  # seconds: none is zero, so that each has a sign


class Recent:
    """Seconds that each took, oldest first; negative where it failed. Any thread may ask."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds = array("f")

    def note(self, seen: Observation) -> None:
        """Take in the newest, and forget the oldest beyond the bound."""
        if len(self._seconds) == MOST:
            del self._seconds[0]
        seconds = max(LEAST, seen.seconds)
        self._seconds.append(seconds if seen.has_passed else -seconds)

    def told(self) -> list[float]:
        """Those that there are."""
        return self._seconds.tolist()
