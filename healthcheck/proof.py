"""Which services are unproven: their endpoints were looked at, and none has ever passed.

Pure. Their checks are more likely wrong than all of their endpoints down, so they are served as
if unchecked. Said in one line for all of them, when the set has been at rest.
"""

from __future__ import annotations

from collections.abc import Iterable

from healthcheck.health import State
from healthcheck.ledger import Watched

REST = 3.0  # seconds without a change until the set is told: at a start it grows with each probe
MOST_NAMES = 20


class Proof:
    """Counts the proven probes of each service."""

    def __init__(self) -> None:
        self.unproven: set[str] = set()
        self._proven: set[str] = set()
        self._told: frozenset[str] = frozenset()
        self._changed: float | None = None

    def renew(self, watched: Iterable[Watched], now: float) -> set[str]:
        """Judge all services anew; gives those that came to be proven or unproven."""
        entries = list(watched)
        before = self.unproven
        proven = [entry.services for entry in entries if entry.track.is_proven]
        down = [entry.services for entry in entries if entry.track.state is State.DOWN]
        self._proven = {service for found in proven for service in found}
        self.unproven = {service for found in down for service in found} - self._proven
        return self._noted(before ^ self.unproven, now)

    def note(self, entry: Watched, now: float) -> set[str]:
        """Take the present track of a probe; gives the services for which that changes it."""
        if entry.track.is_proven:
            self._proven |= entry.services
            changed = self.unproven & entry.services
            self.unproven = self.unproven - changed
        elif entry.track.state is State.DOWN:
            changed = set(entry.services - self._proven - self.unproven)
            self.unproven = self.unproven | changed
        else:
            return set()
        return self._noted(changed, now)

    def tell(self, now: float) -> str | None:
        """The line to log if the set is another than that told last, and at rest; else None."""
        if self._changed is None or now - self._changed < REST:
            return None
        self._changed = None
        if self._told == self.unproven:
            return None
        self._told = frozenset(self.unproven)
        return _line(sorted(self._told))

    def _noted(self, changed: set[str], now: float) -> set[str]:
        if changed:
            self._changed = now
        return changed


def _line(names: list[str]) -> str:
    if not names:
        return "no service is unproven any more"
    rest = len(names) - MOST_NAMES
    shown = ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
    count = "1 service is" if len(names) == 1 else f"{len(names)} services are"
    return (
        f"{count} unproven (no endpoint ever passed its check) and served as if unchecked: {shown}"
    )
