"""What is answered when the journey itself fails."""

import logging

import pytest

from resolver import faultlog
from resolver.listen.faults import serve_safely
from resolver.outcome import NOT_A_QUERY, Reason, Reply
from tests.support import question

log = logging.getLogger("test")


def test_a_fault_is_servfail() -> None:
    """ID, opcode and RD of the query; no question, since reading it may be what failed."""
    outcome = serve_safely(question("x.test.", ident=0x1234), ValueError("bug"), log)
    assert isinstance(outcome, Reply)
    assert outcome.wire == b"\x12\x34\x81\x02" + bytes(8)
    assert outcome.reason is Reason.FAULT


@pytest.mark.parametrize("wire", [b"", b"x" * 11, b"\0\0\x80\0" + bytes(8)])
def test_nothing_is_said_to_what_is_no_query(wire: bytes) -> None:
    """Never a reply to a reply."""
    assert serve_safely(wire, ValueError("bug"), log) is NOT_A_QUERY


def test_a_hostile_packet_does_not_fill_the_disk(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One traceback a second, with the octets that made it."""
    monkeypatch.setattr(faultlog, "_last_report", [float("-inf")])
    for _ in range(100):
        serve_safely(question("x.test."), ValueError("bug"), log)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert question("x.test.").hex() in record.getMessage()
