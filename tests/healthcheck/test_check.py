"""What comes of a probe."""

from healthcheck.check import Failed, Failure, Observation, Timing


def test_an_observation_without_a_failure_has_passed() -> None:
    """The detail says nothing about that."""
    assert Observation(1.0, 0.1, None, "warn: slow").has_passed
    assert not Observation(1.0, 0.1, Failure.STATUS, "").has_passed


def test_a_failure_says_its_word_and_detail() -> None:
    """The word is of a closed list."""
    error = Failed(Failure.STATUS, "500")
    assert (error.failure, error.detail, str(error)) == (Failure.STATUS, "500", "status: 500")


def test_a_target_is_called_down_within_seconds() -> None:
    """By the usual timing, even if each probe takes all the time it may."""
    usual = Timing()
    longest = usual.interval + usual.fall * usual.timeout + (usual.fall - 1) * usual.fast_interval
    assert longest <= 15
