"""Questions and answers as metrics."""

from __future__ import annotations

from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.query_metrics import collect_queries
from resolver.counters import LATENCY_BOUNDS, Counters, Totals
from resolver.figures import Figures
from resolver.outcome import Drop, Reason, Reply
from tests.admin.test_metrics import Series, value


def counted() -> Totals:
    """Of a server that has answered a few."""
    counters = Counters()
    for environment, qtype, rcode, source in (
        ("dev", 1, 0, "zone"),
        ("dev", 1, 3, "zone"),
        ("dev", 65280, 0, "cache"),
        ("prod", 28, 2, "forward"),
        ("-", 1, 5, "policy"),
        ("-", 1, 23, "policy"),
    ):
        counters.count(Reply(b"", environment, qtype, rcode, source, Reason.ANSWERED), "udp", 0.002)
    counters.count(Reply(b"", "dev", 1, 0, "zone", Reason.ANSWERED), "tcp", 60.0)
    counters.count(Drop("not_a_query"), "udp")
    return counters.totals()


def collect(figures: Figures, sight: Sight = EVERYTHING) -> Series:
    samples = [s for family in collect_queries(figures, sight) for s in family.samples]
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for s in samples}


def test_questions_are_counted_by_transport_and_type() -> None:
    """Types outside the list are `other`."""
    found = collect(Figures(totals=counted()))
    assert value(found, "requests_total", environment="dev", transport="udp", qtype="A") == 2
    assert value(found, "requests_total", environment="dev", transport="tcp", qtype="A") == 1
    assert value(found, "requests_total", environment="dev", transport="udp", qtype="other") == 1
    assert value(found, "requests_total", environment="prod", transport="udp", qtype="AAAA") == 1


def test_answers_are_counted_by_rcode_and_source() -> None:
    """Whoever belongs nowhere is counted under `-`; codes without a name are `other`."""
    found = collect(Figures(totals=counted()))
    assert value(found, "responses_total", environment="dev", rcode="NOERROR", source="zone") == 2
    assert value(found, "responses_total", environment="dev", rcode="NXDOMAIN", source="zone") == 1
    assert value(found, "responses_total", environment="-", rcode="REFUSED", source="policy") == 1
    assert value(found, "responses_total", environment="-", rcode="other", source="policy") == 1


def test_durations_are_cumulative() -> None:
    """As histograms are; the last bucket holds all."""
    found = collect(Figures(totals=counted()))
    labels = {"environment": "dev", "source": "zone"}
    name = "request_duration_seconds"
    assert value(found, f"{name}_bucket", **labels, le="0.001") == 0
    assert value(found, f"{name}_bucket", **labels, le="0.0025") == 2
    assert value(found, f"{name}_bucket", **labels, le=str(LATENCY_BOUNDS[-1])) == 2
    assert value(found, f"{name}_bucket", **labels, le="+Inf") == 3
    assert value(found, f"{name}_count", **labels) == 3
    assert round(value(found, f"{name}_sum", **labels), 3) == 60.004


def test_what_is_of_no_environment_is_for_those_who_see_all() -> None:
    """Drops and connections are of whoever they are."""
    figures = Figures(totals=counted(), tcp_connections=3)
    found = collect(figures)
    assert value(found, "dropped_total", reason="not_a_query") == 1
    assert value(found, "dropped_total", reason="send_failed") == 0
    assert value(found, "tcp_connections") == 3
    limited = collect(figures, Sight(frozenset({"dev"})))
    assert {dict(labels).get("environment") for _, labels in limited} == {"dev"}
