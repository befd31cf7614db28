"""What people are told is made of values."""

import pytest

from healthcheck.health import DeclaredState
from healthcheck.report import Override, Summary


def test_reports_are_frozen() -> None:
    """They are handed from thread to thread."""
    override = Override(DeclaredState.DRAIN, "kernel", "ann", 1.0, None)
    summary = Summary(1, 0, None, 0, 0, 0, 5.0)
    for value, name in ((override, "reason"), (summary, "now")):
        with pytest.raises(AttributeError):
            setattr(value, name, None)
    assert override == Override(DeclaredState.DRAIN, "kernel", "ann", 1.0, None)
