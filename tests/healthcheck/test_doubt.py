"""When most of what was up fails at once."""

from healthcheck.doubt import Doubt, Doubtful

A, B = frozenset({"a"}), frozenset({"b"})
BOTH = A | B


def well(count: int) -> Doubt:
    """So many targets that pass."""
    doubt = Doubt()
    for key in range(count):
        doubt.succeed(key, 0.0)
    return doubt


def fail(doubt: Doubt, keys: range, at: float, window: float = 5.0) -> list[Doubtful]:
    """Some of them fail, in turn of two services; gives the freezes."""
    found = [doubt.fail(key, A if key % 2 else B, window, at) for key in keys]
    return [each for each in found if each is not None]


def test_more_than_half_failing_at_once_freezes() -> None:
    """Half is not enough."""
    doubt = well(40)
    assert fail(doubt, range(20), 1) == []
    assert not doubt.is_frozen
    assert fail(doubt, range(20, 21), 1.5) == [Doubtful(21, 40, 2, 5.0)]
    assert doubt.frozen_since == 1.5
    assert fail(doubt, range(21, 40), 2) == []


def test_few_targets_or_one_service_are_no_reason_to_doubt() -> None:
    """Nine targets may fail for good reason, and so may one service."""
    assert fail(well(9), range(9), 1) == []
    doubt = well(40)
    assert [doubt.fail(key, A, 5, 1) for key in range(39)] == [None] * 39
    assert doubt.fail(39, B, 5, 1) is not None


def test_a_probe_of_two_services_counts_for_both() -> None:
    """Services are counted, not uses."""
    doubt = well(10)
    assert [doubt.fail(key, BOTH, 5, 1) for key in range(10)][-1] == Doubtful(10, 10, 2, 5.0)


def test_what_fails_slowly_is_no_reason_to_doubt() -> None:
    """More than half, but not within one interval."""
    doubt = well(40)
    for key in range(40):
        assert fail(doubt, range(key, key + 1), key * 1.0) == []
        doubt.expire(key * 1.0)
    assert not doubt.is_frozen


def test_the_window_is_the_longest_of_those_that_fail() -> None:
    """Up to half a minute."""
    doubt = well(40)
    assert fail(doubt, range(20), 0, window=5) == []
    assert fail(doubt, range(20, 21), 20, window=3600) == [Doubtful(21, 40, 2, 30.0)]
    late = well(40)
    assert fail(late, range(20), 0, window=5) == []
    assert fail(late, range(20, 21), 31, window=3600) == []


def test_what_was_not_up_does_not_count() -> None:
    """Neither what is down for long nor what is new."""
    assert fail(well(5), range(100, 200), 1) == []


def test_it_thaws_when_half_pass_again() -> None:
    """By the success that makes it half."""
    doubt = well(20)
    fail(doubt, range(12), 1)
    assert doubt.is_frozen
    assert not doubt.succeed(0, 3)
    assert doubt.succeed(1, 3)
    assert not doubt.is_frozen


def test_it_thaws_after_a_minute_and_not_again_for_the_same() -> None:
    """What failed counts again once it was well."""
    doubt = well(20)
    fail(doubt, range(20), 1)
    assert not doubt.thaw(60.9)
    assert doubt.thaw(61)
    assert not doubt.thaw(62)
    assert fail(doubt, range(20), 63) == []
    for key in range(20):
        doubt.succeed(key, 70)
    assert len(fail(doubt, range(20), 80)) == 1


def test_nothing_expires_while_it_is_frozen() -> None:
    """The share stays what it is until targets pass."""
    doubt = well(20)
    fail(doubt, range(12), 1)
    doubt.expire(50)
    assert not doubt.thaw(50)


def test_what_is_probed_no_more_does_not_count() -> None:
    """Whether it failed or passed."""
    doubt = well(30)
    fail(doubt, range(14), 1)
    doubt.forget(range(6))
    doubt.forget([29])
    assert fail(doubt, range(14, 18), 1) == [Doubtful(12, 23, 2, 5.0)]
    doubt.forget(range(6, 18))
    assert doubt.thaw(2)
