"""How commands word what a server tells them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from resolver.cli.wording import printable, read_time, to_clock, to_columns, to_span

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC).astimezone().replace(hour=12)


def test_text_of_others_cannot_move_the_cursor() -> None:
    """Escapes and line breaks are shown as dots; letters of any script stay."""
    assert printable("a\x1b[2J\r\nж → é") == "a·[2J··ж → é"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((-1, "0 s"), (0.9, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min")),
        *((7200, "2 h"), (172800, "2 d")),
    ],
)
def test_spans(seconds: float, text: str) -> None:
    """In the largest unit of which there are two."""
    assert to_span(seconds) == text


def test_times() -> None:
    """In local time, with the date unless it is today's."""
    assert to_clock(NOON, NOON) == "12:00:00"
    assert to_clock(NOON + timedelta(days=1), NOON) == "2026-07-02 12:00:00"
    assert read_time("2026-07-01T12:00:00Z") == read_time("2026-07-01T12:00:00")
    assert read_time("2026-07-01T14:00:00+02:00") == datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    """Without blanks at the end."""
    assert list(to_columns([("a", "", "b"), ("ccc", "", "")])) == ["a    b", "ccc"]
    assert list(to_columns([])) == []
