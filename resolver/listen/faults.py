"""What a listener does when the journey itself fails: a bug, reported once a second, answered."""

from __future__ import annotations

import logging
import time

from resolver.message import QR, RD
from resolver.outcome import NOT_A_QUERY, Outcome, Rcode, Reason, Reply, Source

_last_report = [0.0]
REPORT_EVERY = 1.0  # seconds: a hostile packet must not fill the disk with tracebacks


def serve_safely(wire: bytes, fault: Exception, log: logging.Logger) -> Outcome:
    """SERVFAIL for a message that raised `fault`."""
    now = time.monotonic()
    if now - _last_report[0] >= REPORT_EVERY:
        _last_report[0] = now
        log.error("internal fault while answering %s", wire[:512].hex(), exc_info=fault)
    if len(wire) < 12 or wire[2] & QR:
        return NOT_A_QUERY
    reply = wire[:2] + bytes((QR | wire[2] & (0x78 | RD), Rcode.SERVFAIL)) + bytes(8)
    return Reply(reply, "-", 0, Rcode.SERVFAIL, Source.POLICY, Reason.FAULT)
