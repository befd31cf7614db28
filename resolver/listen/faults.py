"""What every listener does with an outcome that is no reply yet, or with a bug.

A bug is reported once a second, and answered.
"""

from __future__ import annotations

import logging

from resolver.elsewhere import answer_without_asking
from resolver.faultlog import report_fault
from resolver.forward.forwarder import Forwarder
from resolver.forward.waiting import Respond
from resolver.message import QR, RD
from resolver.outcome import NOT_A_QUERY, Forward, Outcome, Rcode, Reason, Reply, Source


def forward(forwarder: Forwarder | None, outcome: Forward, respond: Respond) -> None:
    """Have upstreams asked; without a forwarder the question is answered by what is here."""
    if forwarder is not None:
        forwarder.begin(outcome, respond)
        return
    respond(answer_without_asking(outcome))


def serve_safely(wire: bytes, fault: Exception, log: logging.Logger) -> Outcome:
    """SERVFAIL for a message that raised `fault`."""
    report_fault(log, f"answering {wire[:512].hex()}", fault)
    if len(wire) < 12 or wire[2] & QR:
        return NOT_A_QUERY
    reply = wire[:2] + bytes((QR | wire[2] & (0x78 | RD), Rcode.SERVFAIL)) + bytes(8)
    return Reply(reply, "-", 0, Rcode.SERVFAIL, Source.POLICY, Reason.FAULT)
