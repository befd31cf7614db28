"""Reports of bugs: a traceback, at most one a second, since a hostile packet may cause them."""

from __future__ import annotations

import logging
import time

REPORT_EVERY = 1.0  # seconds: the disk must not fill with tracebacks
_last_report = [float("-inf")]


def report_fault(log: logging.Logger, what: str, fault: Exception) -> None:
    """Log what was being done, and the traceback."""
    now = time.monotonic()
    if now - _last_report[0] >= REPORT_EVERY:
        _last_report[0] = now
        log.error("internal fault while %s", what, exc_info=fault)
