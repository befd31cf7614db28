"""The series of the server itself: what is served, since when, and what its processes cost.

What moves with anything that happens in any environment is for those who see all.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from resolver import __version__
from resolver.admin.access import Sight
from resolver.admin.operated import Operated
from resolver.generation import Generation


def collect_server(
    operated: Operated, generation: Generation, sight: Sight, revision: str
) -> Iterator[Metric]:
    """Every series; see docs/http.md. `revision`: of the program."""
    names = GaugeMetricFamily(
        "sightline_zone_names",
        "Names that the environment's clients see.",
        labels=("environment",),
    )
    for environment, space in sorted(generation.namespaces.items()):
        if sight.covers(environment):
            names.add_metric((environment,), len(space))
    yield names
    yield from _workers(operated)
    if sight.sees_all:
        yield GaugeMetricFamily(
            "sightline_generation", "The generation that is served.", generation.number
        )
        yield from _reloads(operated)
        yield from _processes(operated)
    info = GaugeMetricFamily("sightline_build_info", "What runs.", labels=("version", "revision"))
    info.add_metric((__version__, revision), 1)
    yield info


def _workers(operated: Operated) -> Iterator[Metric]:
    up = GaugeMetricFamily("sightline_worker_up", "1 while the worker answers.", labels=("worker",))
    restarts = CounterMetricFamily(
        "sightline_worker_restarts",
        "How often another process took the place of the worker.",
        labels=("worker",),
    )
    for number, is_up, count in operated.workers():
        up.add_metric((str(number),), int(is_up))
        restarts.add_metric((str(number),), count)
    yield from (up, restarts)


def _reloads(operated: Operated) -> Iterator[Metric]:
    reloads = operated.reloads
    results = CounterMetricFamily(
        "sightline_reloads", "Reloads since the start.", labels=("result",)
    )
    for result, count in reloads.counts.items():
        results.add_metric((result,), count)
    yield results
    yield GaugeMetricFamily(
        "sightline_last_reload_timestamp_seconds",
        "When what is served was read.",
        reloads.loaded_at,
    )
    zones = GaugeMetricFamily(
        "sightline_zones_info", "The Git revision that is served.", labels=("revision",)
    )
    zones.add_metric((reloads.revision(),), 1)
    yield zones


def _processes(operated: Operated) -> Iterator[Metric]:
    seconds = CounterMetricFamily(
        "sightline_process_cpu_seconds", "Processor time, user and system.", labels=("process",)
    )
    octets = GaugeMetricFamily(
        "sightline_process_resident_memory_bytes", "Memory that is resident.", labels=("process",)
    )
    for cost in operated.processes():
        seconds.add_metric((cost.name,), cost.seconds)
        octets.add_metric((cost.name,), cost.octets)
    yield from (seconds, octets)
