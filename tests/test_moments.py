"""Points in time as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from resolver.moments import read_moment, tell_moment

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2027, 1, 15, 12, 30, 0, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("12:29:58", "2027-01-15T12:29:58+02:00"),
        ("12:30", "2027-01-15T12:30:00+02:00"),
        ("9:05:00.250", "2027-01-15T09:05:00.250000+02:00"),
        ("12:30:01", "2027-01-14T12:30:01+02:00"),  # not to come: yesterday's
        ("10:29:00Z", "2027-01-15T10:29:00+00:00"),
        ("5m ago", "2027-01-15T12:25:00+02:00"),
        ("90 ago", "2027-01-15T12:28:30+02:00"),
        ("2027-01-15T08:00:00Z", "2027-01-15T08:00:00+00:00"),
        ("2027-01-15 08:00", "2027-01-15T08:00:00+02:00"),
    ],
)
def test_times_are_read(text: str, meant: str) -> None:
    """In the zone of whoever writes them, unless they name one."""
    assert read_moment(text, NOW).isoformat() == meant


@pytest.mark.parametrize("text", ["", "soon", "25:00", "12:61", "x ago", "ago", "-5m ago", "1e9"])
def test_anything_else_is_an_error(text: str) -> None:
    """Which says how times are written."""
    with pytest.raises(ValueError, match="is no time: a time is written"):
        read_moment(text, NOW)


def test_times_are_told_in_utc() -> None:
    """To the millisecond."""
    epoch = datetime(2027, 1, 15, 8, 0, 0, 123456, tzinfo=UTC).timestamp()
    assert tell_moment(epoch) == "2027-01-15T08:00:00.123Z"
