"""Counters: each reply once, each drop once."""

from resolver.counters import Counters
from resolver.outcome import NOT_A_QUERY, Reason, Reply


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
