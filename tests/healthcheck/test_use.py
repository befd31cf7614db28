"""A use and what is probed for it."""

from dataclasses import replace

from healthcheck.check import CheckedBy, Timing
from tests.healthcheck.made import CHECKED, TIMING, Scripted, use


def test_equal_addresses_checks_and_timings_are_one_probe() -> None:
    """Whatever service they are of, enforced or not."""
    other = use("api.prod.west/z", checked_by=CheckedBy(Scripted(), Timing(), enforce=False))
    assert use().probe == other.probe == ("10.0.0.1", Scripted(), TIMING)
    assert use(address="10.0.0.2").probe != use().probe
    assert use(checked_by=replace(CHECKED, timing=Timing(fall=9))).probe != use().probe


def test_nothing_is_probed_for_what_is_unchecked() -> None:
    """It is a use for the sake of overrides."""
    assert use(checked_by=None).probe is None
