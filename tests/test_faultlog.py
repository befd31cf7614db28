"""Reports of bugs."""

import logging

import pytest

from resolver import faultlog
from resolver.faultlog import report_fault


def test_one_traceback_a_second(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens how often."""
    monkeypatch.setattr(faultlog, "_last_report", [float("-inf")])
    monkeypatch.setattr(faultlog, "_untold", [0])
    for _ in range(100):
        report_fault(logging.getLogger("test"), "looking", ValueError("bug"))
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.getMessage() == "internal fault while looking"
    faultlog._last_report[0] = float("-inf")
    report_fault(logging.getLogger("test"), "looking", ValueError("bug"))
    assert caplog.messages[1] == "internal fault while looking (99 more were not told)"
