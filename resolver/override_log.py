"""What operators said, in the log: one line for each word, with who, what, until when and why."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from healthcheck.health import DeclaredState
from resolver.logs import fields, rfc3339

MOST_NAMES = 10  # that a line shows

log = logging.getLogger("sightline.override")


def note_override(
    endpoints: Sequence[str], state: DeclaredState, reason: str, by: str, until: float | None
) -> None:
    """A word that is in force now; `until` in seconds since the epoch."""
    end = None if until is None else rfc3339(until)
    log.info(
        "override: %s of %s by %s%s%s",
        *(state.value, _some(endpoints), by),
        "" if end is None else f" until {end}",
        f": {reason}" if reason else "",
        extra=_about(endpoints, to=state.value, by=by, until=end, reason=reason or None),
    )


def note_resumed(endpoints: Sequence[str]) -> None:
    """Whatever was said of them ends."""
    log.info("override: resumed %s", _some(endpoints), extra=_about(endpoints, to="normal"))


def _some(endpoints: Sequence[str]) -> str:
    more = len(endpoints) - MOST_NAMES
    return ", ".join(endpoints[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _about(endpoints: Sequence[str], **values: Any) -> dict[str, Any]:
    some = list(endpoints[:MOST_NAMES])
    return fields(endpoints=some, count=len(endpoints), **values)
