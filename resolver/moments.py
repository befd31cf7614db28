"""Points in time as people write them: `14:03:22`, `2027-01-15T08:00:00Z`, `5m ago`. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from resolver.zones.leaves import read_duration
from resolver.zones.places import text_at

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,6})?))?(Z?)")
_AGO = re.compile(r"(.+?)\s+ago", re.IGNORECASE)
FORMS = "a time is written 14:03:22, 2027-01-15T08:00:00Z or '5m ago'"


def read_moment(text: str, now: datetime) -> datetime:
    """The point in time that is meant; the zone of `now` is that of what names none.

    A time of day is the latest one that is not to come. Raises ValueError.
    """
    words = text.strip()
    clock, ago = _CLOCK.fullmatch(words), _AGO.fullmatch(words)
    try:
        if clock is not None:
            return _of_day(clock, now)
        if ago is not None:
            return now - timedelta(seconds=read_duration(text_at(ago[1], 1, 1)))
        found = datetime.fromisoformat(words)
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:60]!r} is no time: {FORMS}") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)


def _of_day(clock: re.Match[str], now: datetime) -> datetime:
    today = now.astimezone(UTC) if clock[4] else now
    seconds = float(clock[3] or 0)
    found = today.replace(
        hour=int(clock[1]),
        minute=int(clock[2]),
        second=int(seconds),
        microsecond=round(seconds % 1 * 1_000_000) % 1_000_000,
    )
    return found if found <= now else found - timedelta(days=1)


def tell_moment(epoch: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    found = datetime.fromtimestamp(epoch, UTC)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")
