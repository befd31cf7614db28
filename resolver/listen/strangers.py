"""Clients of no environment, in the log: a few of them a minute, the others as a number."""

from __future__ import annotations

import logging

from resolver.logs import fields
from resolver.pace import Pace

MOST_LINES, WINDOW = 10, 60.0

log = logging.getLogger("sightline.refused")


class Strangers:
    """Those that the listeners of a process have refused."""

    def __init__(self) -> None:
        self._pace = Pace(MOST_LINES, WINDOW)

    def note(self, source: str, transport: str, now: float) -> None:
        """A question was refused; each address has one line a minute."""
        if self._pace.admit("refused", now, source):
            log.warning(
                *("refused %s (%s): it is in no environment's networks", source, transport),
                extra=fields(client=source, transport=transport, reason="unknown-client"),
            )

    def look_after(self, now: float) -> None:
        """Say how many more there were."""
        for held in self._pace.expire(now):
            log.warning(
                "refused %d more questions of clients of no environment in the last %g s",
                *(held.number, held.seconds),
                extra=fields(held=held.number, seconds=held.seconds, reason="unknown-client"),
            )
