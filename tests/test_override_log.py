"""What operators said, in the log."""

import logging

import pytest

from healthcheck.health import DeclaredState
from resolver.override_log import note_override, note_resumed


def test_a_word_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Who, what, until when and why."""
    caplog.set_level(logging.INFO)
    until = 1_800_000_000.0
    note_override(["web.prod.east/a"], DeclaredState.DRAIN, "kernel", "ada", until)
    note_override(["web.prod.east/a"], DeclaredState.MAINTENANCE, "", "ada", None)
    note_resumed(["web.prod.east/a"])
    assert caplog.messages == [
        "override: drain of web.prod.east/a by ada until 2027-01-15T08:00:00.000Z: kernel",
        "override: maintenance of web.prod.east/a by ada",
        "override: resumed web.prod.east/a",
    ]
    assert caplog.records[0].__dict__["fields"] == {
        "endpoints": ["web.prod.east/a"],
        "count": 1,
        "to": "drain",
        "by": "ada",
        "until": "2027-01-15T08:00:00.000Z",
        "reason": "kernel",
    }


def test_of_many_endpoints_a_line_names_some(caplog: pytest.LogCaptureFixture) -> None:
    """A glob may mean thousands."""
    caplog.set_level(logging.INFO)
    note_override([f"e{n}" for n in range(12)], DeclaredState.DRAIN, "", "ada", None)
    (line,) = caplog.messages
    assert line.endswith("e8, e9 and 2 more by ada")
    assert caplog.records[0].__dict__["fields"]["count"] == 12
