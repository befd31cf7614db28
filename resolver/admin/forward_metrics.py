"""The series of forwarding and of the cache, for one caller, at one moment.

Label values are environments, upstreams as written, and words of closed lists; never a name that
somebody asked for. Upstreams are those of the environments that the caller sees.
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

from healthcheck.histogram import ALL_BOUNDS
from resolver.admin.access import Sight
from resolver.admin.forward_api import rcode_text
from resolver.figures import Figures

ENVIRONMENT = ("environment",)


def collect_forwarding(figures: Figures, sight: Sight) -> Iterator[Metric]:
    """Every series; see docs/http.md."""
    yield from _cache(figures, sight)
    yield from _upstreams(figures, sight)


def _cache(figures: Figures, sight: Sight) -> Iterator[Metric]:
    hits = CounterMetricFamily(
        "sightline_cache_hits", "Answers from the cache.", labels=(*ENVIRONMENT, "kind")
    )
    counters = {
        "misses": CounterMetricFamily(
            "sightline_cache_misses", "Questions that were not in the cache.", labels=ENVIRONMENT
        ),
        "evictions": CounterMetricFamily(
            "sightline_cache_evictions", "Entries that made room for others.", labels=ENVIRONMENT
        ),
        "prefetches": CounterMetricFamily(
            "sightline_cache_prefetches", "Entries refreshed before their end.", labels=ENVIRONMENT
        ),
    }
    entries = GaugeMetricFamily(
        "sightline_cache_entries", "Entries in the cache.", labels=ENVIRONMENT
    )
    blocked = CounterMetricFamily(
        "sightline_internal_names_blocked",
        "Questions for internal and special-use names that were kept from leaving.",
        labels=ENVIRONMENT,
    )
    coalesced = CounterMetricFamily(
        "sightline_forward_coalesced",
        "Questions that waited for what was asked already.",
        labels=ENVIRONMENT,
    )
    refused = CounterMetricFamily(
        "sightline_forward_refused",
        "Questions for which there was no place among those in flight.",
        labels=ENVIRONMENT,
    )
    for environment, partition in sorted(figures.partitions.items()):
        if not sight.covers(environment):
            continue
        for kind in ("positive", "negative", "stale"):
            hits.add_metric((environment, kind), partition.hits.get(kind, 0))
        for word, family in counters.items():
            family.add_metric((environment,), getattr(partition, word))
        entries.add_metric((environment,), partition.entries)
        blocked.add_metric((environment,), partition.kept_inside)
        coalesced.add_metric((environment,), figures.coalesced.get(environment, 0))
        refused.add_metric((environment,), figures.turned_away.get(environment, 0))
    yield from (hits, *counters.values(), entries, blocked, coalesced, refused)


def _upstreams(figures: Figures, sight: Sight) -> Iterator[Metric]:
    replies = CounterMetricFamily(
        "sightline_forward_requests",
        "Replies of upstreams.",
        labels=(*ENVIRONMENT, "upstream", "rcode"),
    )
    failures: Counter[tuple[str, str]] = Counter()
    durations: dict[str, tuple[Counter[float], float]] = {}
    up: dict[str, bool] = {}
    for standing in figures.standings:
        if not sight.covers(standing.environment):
            continue
        name = standing.name
        counts: Counter[str] = Counter()
        for rcode, count in standing.rcodes.items():
            counts[rcode_text(rcode)] += count
        for word, count in sorted(counts.items()):
            replies.add_metric((standing.environment, name, word), count)
        for reason, count in standing.reasons.items():
            failures[name, reason] += count
        found = standing.durations.snapshot()
        buckets, total = durations.get(name, (Counter[float](), 0.0))
        buckets.update(dict(found.buckets))
        durations[name] = (buckets, total + found.total)
        # One that any environment hears from is up.
        up[name] = up.get(name, False) or not standing.is_down
    yield replies
    yield _durations(durations)
    yield from _states(failures, up)


def _durations(durations: dict[str, tuple[Counter[float], float]]) -> Metric:
    seconds = HistogramMetricFamily(
        "sightline_forward_duration_seconds", "How long upstreams took.", labels=("upstream",)
    )
    for name, (buckets, total) in sorted(durations.items()):
        bounds = [
            ("+Inf" if bound == float("inf") else str(bound), float(buckets[bound]))
            for bound in ALL_BOUNDS
        ]
        seconds.add_metric((name,), bounds, total)
    return seconds


def _states(failures: Counter[tuple[str, str]], up: dict[str, bool]) -> Iterator[Metric]:
    failed = CounterMetricFamily(
        "sightline_forward_failures",
        "Attempts that failed, and replies that were not believed.",
        labels=("upstream", "reason"),
    )
    for (name, reason), count in sorted(failures.items()):
        failed.add_metric((name, reason), count)
    yield failed
    state = GaugeMetricFamily(
        "sightline_upstream_up", "1 while the upstream answers.", labels=("upstream",)
    )
    for name, is_up in sorted(up.items()):
        state.add_metric((name,), int(is_up))
    yield state
