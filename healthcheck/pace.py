"""The pace of probing: fewer at once while the checker itself is behind.

When more falls due than a core can do (thousands of TLS handshakes at a start), all of them would
take too long, be called failures, and come again soon. Fewer at once are late, but right.
"""

from __future__ import annotations

from healthcheck.slots import Slots

BEHIND = 0.1  # seconds that a timer rings late: too much is going on
AT_EASE = 0.02
FEWEST = 16


class Pace:
    """Halves the slots while timers ring late, and widens them step by step when they do not."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._most = slots.limit
        self._fewest = min(FEWEST, self._most)

    def note(self, late: float) -> None:
        """Take how late a timer rang, in seconds."""
        limit = self._slots.limit
        if late > BEHIND:
            fewer = max(self._fewest, min(limit, self._slots.in_flight) // 2)
            if fewer < limit:
                self._slots.bound(fewer)
        elif late < AT_EASE and limit < self._most:
            self._slots.bound(min(self._most, limit + 1 + limit // 16))
