"""The series of questions and answers: what all that answer have counted, for one caller.

Label values are environments and words of closed lists; `-` is the environment of who has none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from resolver.admin.access import Sight
from resolver.admin.forward_api import rcode_text
from resolver.counters import COUNTED_TYPES, LATENCY_BOUNDS, Totals
from resolver.figures import Figures

DROPPED = ("not_a_query", "send_failed")  # there from the start

_BOUNDS = tuple(str(bound) for bound in LATENCY_BOUNDS)


def collect_queries(figures: Figures, sight: Sight) -> Iterator[Metric]:
    """Every series; see docs/http.md."""
    totals = figures.totals
    yield from _counts(totals, sight)
    yield _durations(totals, sight)
    if sight.sees_all:  # nobody knows of which environment these were
        dropped = CounterMetricFamily(
            "sightline_dropped", "Messages that were not answered.", labels=("reason",)
        )
        for reason in sorted({*DROPPED, *totals.dropped}):
            dropped.add_metric((reason,), totals.dropped[reason])
        yield dropped
        yield GaugeMetricFamily(
            "sightline_tcp_connections", "TCP connections of clients.", figures.tcp_connections
        )


def _counts(totals: Totals, sight: Sight) -> Iterator[Metric]:
    asked: Counter[tuple[str, str, str]] = Counter()
    answered: Counter[tuple[str, str, str]] = Counter()
    for (environment, transport, qtype, rcode, source), count in totals.replies.items():
        if sight.covers(environment):
            asked[environment, transport, COUNTED_TYPES.get(qtype, "other")] += count
            answered[environment, rcode_text(rcode), source] += count
    requests = CounterMetricFamily(
        "sightline_requests",
        "Questions that were answered.",
        labels=("environment", "transport", "qtype"),
    )
    responses = CounterMetricFamily(
        "sightline_responses",
        "Answers, by where they came from.",
        labels=("environment", "rcode", "source"),
    )
    for family, numbers in ((requests, asked), (responses, answered)):
        for labels, count in sorted(numbers.items()):
            family.add_metric(labels, count)
        yield family


def _durations(totals: Totals, sight: Sight) -> Metric:
    seconds = HistogramMetricFamily(
        "sightline_request_duration_seconds",
        "From reading a question to its answer.",
        labels=("environment", "source"),
    )
    for (environment, source), numbers in sorted(totals.latencies.items()):
        if not sight.covers(environment):
            continue
        *counts, total = numbers
        buckets, so_far = [], 0.0
        for bound, count in zip((*_BOUNDS, "+Inf"), counts, strict=True):
            so_far += count
            buckets.append((bound, so_far))
        seconds.add_metric((environment, source), buckets, total)
    return seconds
