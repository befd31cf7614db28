"""Counters: each reply once, each drop once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.counters import LATENCY_BOUNDS, Counters, Totals
from resolver.outcome import NOT_A_QUERY, Reason, Reply
from tests.properties.profile import PROFILE


def reply(qtype: int) -> Reply:
    """A reply to a question of some type."""
    return Reply(b"", "dev", qtype, 0, "zone", Reason.ANSWERED)


def test_replies_are_counted_by_their_labels() -> None:
    """Environment, transport, type, rcode, source."""
    counters = Counters()
    for transport in ("udp", "udp", "tcp"):
        counters.count(reply(1), transport)
    assert counters.replies == {
        ("dev", "udp", 1, 0, "zone"): 2,
        ("dev", "tcp", 1, 0, "zone"): 1,
    }


def test_types_outside_the_list_are_other() -> None:
    """A flood of odd types makes no labels."""
    counters = Counters()
    for qtype in range(1000, 2000):
        counters.count(reply(qtype), "udp")
    assert counters.replies == {("dev", "udp", 0, 0, "zone"): 1000}


def test_drops_are_counted_by_reason() -> None:
    """They are no replies."""
    counters = Counters()
    counters.count(NOT_A_QUERY, "udp")
    assert (dict(counters.dropped), counters.replies) == ({"not_a_query": 1}, {})


# ---------------------------------------------------------------- how long it took


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        *((0.0, 0), (0.00001, 0), (0.0000101, 1), (0.0005, 5), (0.00051, 6)),
        *((5.0, len(LATENCY_BOUNDS) - 1), (5.1, len(LATENCY_BOUNDS)), (9e9, len(LATENCY_BOUNDS))),
    ],
)
def test_a_reply_is_in_the_bucket_of_its_time(seconds: float, bucket: int) -> None:
    """A bound belongs to its bucket; what is slower than all has one of its own."""
    counters = Counters()
    counters.count(reply(1), "udp", seconds)
    (numbers,) = counters.totals().latencies.values()
    assert numbers.index(1.0) == bucket
    assert numbers[-1] == seconds
    assert sum(numbers[:-1]) == 1.0


def test_a_histogram_is_of_environment_and_source() -> None:
    """Whatever type, rcode and transport; each reply is in one."""
    counters = Counters()
    for qtype, transport in ((1, "udp"), (28, "tcp"), (1000, "udp")):
        counters.count(reply(qtype), transport, 0.002)
    counters.count(reply(1)._replace(source="cache"), "udp", 0.2)
    counters.count(reply(1)._replace(environment="prod"), "udp", 0.2)
    sums = {key: sum(numbers[:-1]) for key, numbers in counters.totals().latencies.items()}
    assert sums == {("dev", "zone"): 3.0, ("dev", "cache"): 1.0, ("prod", "zone"): 1.0}


def test_who_counts_by_itself_counts_the_same() -> None:
    """The arrays of a tally are those of the counters, for as long as they are."""
    counters = Counters()
    where = counters.tally(reply(1), "udp")
    assert counters.replies == {}, "nothing was given yet"
    where.counted[0] += 2
    counters.count(reply(1), "udp")
    where.add(0.5)
    assert counters.tally(reply(1), "udp") is where
    assert counters.replies == {("dev", "udp", 1, 0, "zone"): 4}
    assert sum(where.latency[:-1]) == 2.0
    assert where.latency[-1] == 0.5


def test_totals_are_what_was_counted_until_then() -> None:
    """They do not go on counting."""
    counters = Counters()
    counters.count(reply(1), "udp", 0.1)
    counters.count(NOT_A_QUERY, "udp")
    before = counters.totals()
    counters.count(reply(1), "udp", 0.1)
    counters.count(NOT_A_QUERY, "udp")
    assert before.replies == {("dev", "udp", 1, 0, "zone"): 1}
    assert before.dropped == {"not_a_query": 1}
    assert [sum(numbers[:-1]) for numbers in before.latencies.values()] == [1.0]


COUNTED = st.lists(
    st.tuples(
        st.sampled_from(["dev", "prod"]),
        st.sampled_from([1, 28, 999]),
        st.sampled_from(["zone", "cache"]),
        st.sampled_from([0.0, 0.25, 0.5, 16.0]),  # sums of these are exact
    ),
    max_size=20,
)


@PROFILE
@given(st.lists(COUNTED, max_size=4))
def test_totals_of_processes_add_up(processes: list[list[tuple[str, int, str, float]]]) -> None:
    """To what one process would have counted; the others' are left as they are."""
    alone, together = Counters(), Totals()
    for process in processes:
        counters = Counters()
        for environment, qtype, source, seconds in process:
            made = reply(qtype)._replace(environment=environment, source=source)
            alone.count(made, "udp", seconds)
            counters.count(made, "udp", seconds)
            alone.count(NOT_A_QUERY, "udp")
            counters.count(NOT_A_QUERY, "udp")
        other = counters.totals()
        together.add(other)
        assert other == counters.totals()
    assert together == alone.totals()
