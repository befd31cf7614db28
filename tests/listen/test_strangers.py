"""Clients of no environment, in the log."""

import logging

import pytest

from resolver.listen.strangers import MOST_LINES, WINDOW, Strangers


def test_each_address_has_a_line_and_the_rest_is_a_number(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A flood of refused questions fills no disk."""
    strangers = Strangers()
    for number in range(100):
        strangers.note("192.0.2.1", "udp", float(number) / 10)
    strangers.note("192.0.2.2", "tcp", 10.0)
    assert caplog.messages == [
        "refused 192.0.2.1 (udp): it is in no environment's networks",
        "refused 192.0.2.2 (tcp): it is in no environment's networks",
    ]
    assert caplog.records[0].__dict__["fields"]["client"] == "192.0.2.1"
    strangers.look_after(WINDOW)
    assert caplog.messages[2:] == [
        "refused 99 more questions of clients of no environment in the last 60 s"
    ]
    assert caplog.records[2].levelno == logging.WARNING


def test_many_addresses_have_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    """And little memory."""
    strangers = Strangers()
    for number in range(1000):
        strangers.note(f"10.0.{number >> 8}.{number & 255}", "udp", 0.0)
    assert len(caplog.messages) == MOST_LINES
