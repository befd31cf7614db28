"""Which environments an id of an endpoint belongs to, without a look at every target.

Heartbeats come often: each costs a look into a table that is made once for each set of zones.
"""

from __future__ import annotations

from collections.abc import Mapping

from resolver.checks import uses
from resolver.zones.zone import ZoneSet

Environments = Mapping[str, frozenset[str]]
"""By the id of an endpoint; `-` among them: a zone of several."""


class Ids:
    """The ids of the present zones. Several threads may ask at once."""

    def __init__(self) -> None:
        self._present: tuple[ZoneSet, Environments] | None = None

    def known(self, zones: ZoneSet) -> Environments | None:
        """The table of these zones, if it was made."""
        present = self._present
        return present[1] if present is not None and present[0] is zones else None

    def make(self, zones: ZoneSet) -> Environments:
        """Make the table; for a thread, where there are many."""
        found: dict[str, frozenset[str]] = {}
        for use in uses(zones):
            environment = use.labels[0]
            before = found.get(use.endpoint)
            if before is None or environment not in before:
                found[use.endpoint] = (before or frozenset()) | {environment}
        self._present = (zones, found)
        return found
