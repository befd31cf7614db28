"""Reports of bugs: a traceback, at most one a second, since a hostile packet may cause them."""

from __future__ import annotations

import logging
import time

REPORT_EVERY = 1.0  # seconds: the disk must not fill with tracebacks
_last_report = [float("-inf")]
_untold = [0]


def report_fault(log: logging.Logger, what: str, fault: Exception) -> None:
    """Log what was being done, and the traceback; and how many were not told since the last."""
    now = time.monotonic()
    if now - _last_report[0] < REPORT_EVERY:
        _untold[0] += 1
        return
    more = f" ({_untold[0]} more were not told)" if _untold[0] else ""
    _last_report[0], _untold[0] = now, 0
    log.error("internal fault while %s%s", what, more, exc_info=fault)
