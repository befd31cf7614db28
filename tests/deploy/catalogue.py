"""Every series that rules and dashboards may use, with labels and values as a server has them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from resolver.admin.survey import EFFECTIVE


class Metric(NamedTuple):
    """A family: its kind and its labels."""

    kind: str  # gauge, counter or histogram
    labels: tuple[str, ...]


SERVICE = ("environment", "region", "service")
ENDPOINT = (*SERVICE, "endpoint")
ENVIRONMENT = ("environment",)

METRICS = {
    "sightline_requests_total": Metric("counter", ("environment", "transport", "qtype")),
    "sightline_responses_total": Metric("counter", ("environment", "rcode", "source")),
    "sightline_request_duration_seconds": Metric("histogram", ("environment", "source")),
    "sightline_cache_hits_total": Metric("counter", ("environment", "kind")),
    "sightline_cache_misses_total": Metric("counter", ENVIRONMENT),
    "sightline_cache_entries": Metric("gauge", ENVIRONMENT),
    "sightline_cache_evictions_total": Metric("counter", ENVIRONMENT),
    "sightline_cache_prefetches_total": Metric("counter", ENVIRONMENT),
    "sightline_forward_requests_total": Metric("counter", ("environment", "upstream", "rcode")),
    "sightline_forward_duration_seconds": Metric("histogram", ("upstream",)),
    "sightline_forward_failures_total": Metric("counter", ("upstream", "reason")),
    "sightline_forward_coalesced_total": Metric("counter", ENVIRONMENT),
    "sightline_forward_refused_total": Metric("counter", ENVIRONMENT),
    "sightline_upstream_up": Metric("gauge", ("upstream",)),
    "sightline_endpoint_up": Metric("gauge", ENDPOINT),
    "sightline_endpoint_state": Metric("gauge", (*ENDPOINT, "state")),
    "sightline_check_duration_seconds": Metric("histogram", ("kind",)),
    "sightline_check_failures_total": Metric("counter", (*SERVICE, "reason")),
    "sightline_check_age_seconds": Metric("gauge", SERVICE),
    "sightline_check_overdue": Metric("gauge", ()),
    "sightline_checker_suspect": Metric("gauge", ()),
    "sightline_health_transitions_total": Metric("counter", (*SERVICE, "to")),
    "sightline_service_tier_share": Metric("gauge", (*SERVICE, "tier")),
    "sightline_reloads_total": Metric("counter", ("result",)),
    "sightline_generation": Metric("gauge", ()),
    "sightline_last_reload_timestamp_seconds": Metric("gauge", ()),
    "sightline_zones_info": Metric("gauge", ("revision",)),
    "sightline_zone_names": Metric("gauge", ENVIRONMENT),
    "sightline_internal_names_blocked_total": Metric("counter", ENVIRONMENT),
    "sightline_dropped_total": Metric("counter", ("reason",)),
    "sightline_tcp_connections": Metric("gauge", ()),
    "sightline_worker_up": Metric("gauge", ("worker",)),
    "sightline_worker_restarts_total": Metric("counter", ("worker",)),
    "sightline_process_cpu_seconds_total": Metric("counter", ("process",)),
    "sightline_process_resident_memory_bytes": Metric("gauge", ("process",)),
    "sightline_build_info": Metric("gauge", ("version", "revision")),
}

SCRAPED = frozenset({"job", "instance"})  # which Prometheus adds
OF_PROMETHEUS = {"up": Metric("gauge", ())}

# The closed lists; other labels come from zone files and configuration.
VALUES = {
    "source": ("zone", "cache", "stale", "forward", "policy"),
    "state": EFFECTIVE,
    "to": ("up", "down"),
    "transport": ("udp", "tcp"),
    "result": ("ok", "failed"),
}
EXAMPLES = {
    **VALUES,
    "environment": ("prod", "dev"),
    "region": ("east", "west"),
    "service": ("web", "db"),
    "endpoint": ("blue",),
    "qtype": ("A", "AAAA"),
    "rcode": ("NOERROR", "SERVFAIL"),
    "upstream": ("10.64.0.2", "10.64.0.3"),
    "reason": ("timeout", "refused"),
    "tier": ("0", "1"),
    "worker": ("1", "2"),
    "process": ("supervisor", "worker-1"),
    "revision": ("1111111",),
    "version": ("0.1.0",),
}
KINDS = {"sightline_cache_hits_total": ("positive", "negative", "stale")}


def values_of(name: str, label: str) -> tuple[str, ...]:
    """What a label of a series may be, or examples of it."""
    if label == "kind":
        return KINDS.get(name, ("http", "tcp"))
    return EXAMPLES[label]


def series_of(name: str, instance: str) -> Iterator[tuple[str, bool]]:
    """Every series of a family, as a scrape has it; and whether it counts up."""
    metric = METRICS[name]
    scraped = f'job="sightline",instance="{instance}"'
    for chosen in product(*(values_of(name, label) for label in metric.labels)):
        pairs = [f'{label}="{value}"' for label, value in zip(metric.labels, chosen, strict=True)]
        text = ",".join([scraped, *pairs])
        if metric.kind == "histogram":
            yield from ((f'{name}_bucket{{{text},le="{le}"}}', True) for le in ("0.01", "+Inf"))
            yield from ((f"{name}_{end}{{{text}}}", True) for end in ("sum", "count"))
        else:
            yield f"{name}{{{text}}}", metric.kind == "counter"
