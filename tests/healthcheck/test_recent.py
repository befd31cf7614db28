"""The last observations of one probe."""

import pytest

from healthcheck.check import Failure, Observation
from healthcheck.recent import MOST, Recent


def test_what_failed_is_negative() -> None:
    """Also what took no time at all."""
    recent = Recent()
    recent.note(Observation(1.0, 0.25, None, ""))
    recent.note(Observation(2.0, 0.0, Failure.REFUSED, ""))
    passed, failed = recent.told()
    assert passed == 0.25
    assert failed == pytest.approx(-1e-6)


def test_the_oldest_are_forgotten() -> None:
    """There is a bound."""
    recent = Recent()
    for number in range(MOST + 5):
        recent.note(Observation(0.0, float(number + 1), None, ""))
    assert recent.told() == [float(number + 6) for number in range(MOST)]
