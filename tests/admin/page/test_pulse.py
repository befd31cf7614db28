"""Figures of the last seconds, from counters."""

from collections import Counter

import pytest

from resolver.admin.page.pulse import GAP, WINDOW, Pulse, percentile
from resolver.counters import LATENCY_BOUNDS, Totals
from resolver.figures import Figures, PartitionFigures

PLACES = len(LATENCY_BOUNDS) + 2  # those beyond the last bound, and seconds in all


def figures(replies: int, hits: int = 0, misses: int = 0, environment: str = "dev") -> Figures:
    """What was counted until now; each reply within a millisecond."""
    latency = [0.0] * PLACES
    latency[LATENCY_BOUNDS.index(0.001)] = float(replies)
    latency[-1] = replies * 0.0008
    return Figures(
        {environment: PartitionFigures(hits={"positive": hits}, misses=misses)},
        totals=Totals(
            Counter({(environment, "udp", 1, 0, "zone"): replies}),
            {(environment, "zone"): latency},
        ),
    )


def everything(environment: str) -> bool:
    return True


def test_nothing_is_told_before_the_first_look() -> None:
    """But that there is nothing."""
    assert Pulse().tell(everything, 0.0)["all"] is None


def test_the_first_look_tells_of_all_since_the_start() -> None:
    """There is no other yet."""
    pulse = Pulse()
    pulse.take(100.0, figures(500))
    told = pulse.tell(everything, 50.0)
    assert told["is_since_start"]
    assert (told["seconds"], told["all"]["rate"]) == (50, 10.0)


def test_the_difference_of_two_looks_is_told() -> None:
    """Rate, hit rate and times of what came between them."""
    pulse = Pulse()
    pulse.take(100.0, figures(500, hits=100, misses=100))
    pulse.take(110.0, figures(700, hits=190, misses=110))
    told = pulse.tell(everything, 0.0)
    assert not told["is_since_start"]
    assert told["all"]["rate"] == 20.0
    assert told["all"]["hit_rate"] == 0.9
    assert 0.0005 < told["all"]["p50"] < 0.001
    assert [one["environment"] for one in told["environments"]] == ["dev"]
    ((rate, hit_rate, *_),) = pulse.history(everything)
    assert (rate, hit_rate) == (20.0, 0.9)


def test_what_is_older_than_the_window_is_history() -> None:
    """The figures are of the last seconds."""
    pulse = Pulse()
    for second in range(0, int(WINDOW) * 2, 2):
        pulse.take(float(second), figures(second if second < WINDOW else int(WINDOW)))
    assert pulse.tell(everything, 0.0)["all"]["rate"] < 0.1
    assert len(pulse.history(everything)) == WINDOW - 1
    assert pulse.history(everything, 1) == [(0.0, None, None, None)]


def test_after_a_gap_it_begins_anew() -> None:
    """Nobody looked meanwhile."""
    pulse = Pulse()
    pulse.take(100.0, figures(500))
    pulse.take(101.0 + GAP, figures(700))
    assert pulse.tell(everything, 0.0)["is_since_start"]


def test_only_what_is_covered_is_told() -> None:
    """Sums as well."""
    pulse = Pulse()
    pulse.take(100.0, figures(500, environment="prod"))
    told = pulse.tell(lambda environment: environment == "dev", 0.0)
    assert told["environments"] == []
    assert told["all"]["rate"] == 0.0


def test_a_worker_that_is_late_makes_nothing_negative() -> None:
    """What it had counted comes with the next look."""
    pulse = Pulse()
    pulse.take(100.0, figures(500))
    pulse.take(102.0, figures(400))
    assert pulse.tell(everything, 0.0)["all"]["rate"] == 0.0


@pytest.mark.parametrize(
    ("part", "least", "most"), [(0.5, 0.0001, 0.00025), (0.99, 0.5, 1.0), (1.0, 5.0, 5.0)]
)
def test_a_percentile_lies_in_its_bucket(part: float, least: float, most: float) -> None:
    """Beyond the last bound, it is that bound."""
    buckets = [0.0] * (len(LATENCY_BOUNDS) + 1)
    buckets[LATENCY_BOUNDS.index(0.00025)] = 90.0
    buckets[LATENCY_BOUNDS.index(1.0)] = 9.5
    buckets[-1] = 0.5
    found = percentile(buckets, part)
    assert found is not None
    assert least <= found <= most


def test_nothing_has_no_percentile() -> None:
    """It is not zero."""
    assert percentile([0.0, 0.0], 0.5) is None
