"""How commands word what a server tells them: spans, times of day, text of unknown origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def printable(text: object) -> str:
    """The text in one line without control characters: a target's own words may hold any."""
    return "".join(char if char.isprintable() else "·" for char in str(text))


def to_span(seconds: float) -> str:
    """`18 s`, `5 min`, `3 h`, `2 d`: rounded down to the unit."""
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def to_octets(count: int) -> str:
    """`512 B`, `3.4 kB`, `12.0 MB`."""
    for size, unit in ((1_000_000, "MB"), (1000, "kB")):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"


def read_time(text: str) -> datetime:
    """An ISO 8601 time; UTC if it does not say."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def to_moment(text: str | None) -> str | None:
    """A point in time that was typed here, as servers read it; raises ValueError."""
    if text is None:
        return None
    from resolver.moments import read_moment  # few commands are given times

    found = read_moment(text, datetime.now().astimezone()).astimezone(UTC)
    return found.isoformat().replace("+00:00", "Z")


def to_clock(when: datetime, now: datetime) -> str:
    """The local time of day, with the date unless it is today's."""
    local, today = when.astimezone(), now.astimezone().date()
    return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M:%S")


def to_columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines with aligned columns; all rows are of one length."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width
        ).rstrip()
