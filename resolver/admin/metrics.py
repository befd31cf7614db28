"""GET /metrics: what Prometheus wants, made when it is asked for; the series of health.

Label values come from the zone files or from closed lists, never from a query. One scrape is made
at a time for each kind of caller; who comes meanwhile gets the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from resolver.admin.access import Sight
from resolver.admin.asked import Asked
from resolver.admin.exposition import CONTENT_TYPE, ManyGauges, encode
from resolver.admin.forward_metrics import collect_forwarding
from resolver.admin.operated import Operated
from resolver.admin.query_metrics import collect_queries
from resolver.admin.selections import Selections, family_of
from resolver.admin.server_metrics import collect_server
from resolver.admin.survey import EFFECTIVE, SERVED_AS_UP, Survey
from resolver.background import beside
from resolver.figures import Figures

SERVICE = ("environment", "region", "service")
ENDPOINT = (*SERVICE, "endpoint")

Labels = tuple[str, ...]


class Scrapes:
    """Makes what scrapers get, in a thread; who asks while it is made waits for the same."""

    def __init__(self, operated: Operated, selections: Selections, revision: str = "") -> None:
        self._operated = operated
        self._selections = selections
        self._revision = revision
        self._making: dict[tuple[frozenset[str] | None, str], asyncio.Task[bytes]] = {}

    async def serve(self, asked: Asked) -> web.Response:
        """GET /metrics."""
        encoder, content_type = _choose(asked.request.headers.get("Accept", ""))
        sight = asked.sight
        key = (sight.environments, content_type)
        task = self._making.get(key)
        if task is None:
            task = asyncio.create_task(self._scrape(sight, encoder))
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        # Whoever leaves does not end it for the others.
        octets = await asyncio.shield(task)
        return web.Response(body=octets, headers={"Content-Type": content_type})

    async def _scrape(self, sight: Sight, encoder: Encode) -> bytes:
        figures = await self._operated.figures()
        # Where one process does everything, whoever answers has its turn at once.
        return await beside(self._make, sight, encoder, figures)

    def _make(self, sight: Sight, encoder: Encode, figures: Figures) -> bytes:
        registry = CollectorRegistry(auto_describe=False)
        collector = HealthCollector(
            *(self._operated, figures, sight, self._selections, self._revision)
        )
        registry.register(collector)
        return encoder(registry)


Encode = Callable[[CollectorRegistry], bytes]


def _choose(accept: str) -> tuple[Encode, str]:
    if "application/openmetrics-text" in accept:
        return choose_encoder(accept)
    return encode, CONTENT_TYPE


class HealthCollector(Collector):
    """The series of health, for one caller, at one moment."""

    def __init__(
        self,
        operated: Operated,
        figures: Figures,
        sight: Sight,
        selections: Selections,
        revision: str = "",
    ) -> None:
        self._operated = operated
        self._figures = figures
        self._sight = sight
        self._selections = selections
        self._revision = revision

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are not compared, since this is the only collector."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every series; see docs/http.md."""
        operated = self._operated
        reports = operated.reports()
        survey = Survey(operated.generation, reports, self._sight, self._selections)
        yield from _endpoints(survey)
        yield _tier_shares(survey)
        yield from self._checks()
        yield from self._checker(survey)
        yield from collect_forwarding(self._figures, self._sight)
        yield from collect_queries(self._figures, self._sight)
        yield from collect_server(operated, survey.generation, self._sight, self._revision)

    def _checks(self) -> Iterator[Metric]:
        counts, covers = self._operated.counts(), self._sight.covers
        seconds = HistogramMetricFamily(
            "sightline_check_duration_seconds", "How long probes took.", labels=("kind",)
        )
        if self._sight.sees_all:  # those of all environments are counted together
            for kind, found in sorted(counts.durations.items()):
                buckets = [
                    ("+Inf" if bound == float("inf") else str(bound), float(count))
                    for bound, count in found.buckets
                ]
                seconds.add_metric((kind,), buckets, found.total)
        yield seconds
        failures = CounterMetricFamily(
            "sightline_check_failures", "Probes that failed.", labels=(*SERVICE, "reason")
        )
        transitions = CounterMetricFamily(
            "sightline_health_transitions", "Moves between up and down.", labels=(*SERVICE, "to")
        )
        for family, numbers in ((failures, counts.failures), (transitions, counts.transitions)):
            for (labels, word), number in sorted(numbers.items()):
                if covers(labels[0]):
                    family.add_metric((*labels, word), number)
            yield family
        ages = ManyGauges(
            "sightline_check_age_seconds", "Age of the oldest last observation.", SERVICE
        )
        for service, age in sorted(counts.ages.items()):
            if covers(service[0]):
                ages.add(service, age)
        yield ages

    def _checker(self, survey: Survey) -> Iterator[Metric]:
        summary = self._operated.summary()
        overdue = summary.overdue
        if not self._sight.sees_all:
            reports = (report for entry in survey.entries for report in entry.reports)
            overdue = len({report.use.probe for report in reports if report.is_overdue})
        yield _plain("sightline_check_overdue", "Probes without a recent observation.", overdue)
        yield _plain(
            "sightline_checker_suspect",
            "1 while states are frozen, since too many probes fail at once.",
            int(summary.frozen_since is not None),
        )


def _endpoints(survey: Survey) -> Iterator[Metric]:
    """One series each; services of several zones may share a name, and then the best counts."""
    states: dict[Labels, str] = {}
    for entry in survey.entries:
        labels, word = (*entry.labels, entry.label), entry.effective
        before = states.get(labels)
        if before is None or EFFECTIVE.index(word) < EFFECTIVE.index(before):
            states[labels] = word
    up = ManyGauges("sightline_endpoint_up", "1 while answers may hold the endpoint.", ENDPOINT)
    state = ManyGauges(
        "sightline_endpoint_state",
        "1 for the present effective state of the endpoint.",
        (*ENDPOINT, "state"),
    )
    for found, word in states.items():
        up.add(found, 1 if word in SERVED_AS_UP else 0)
        state.add((*found, word), 1)
    yield up
    yield state


def _tier_shares(survey: Survey) -> Metric:
    shares = GaugeMetricFamily(
        "sightline_service_tier_share",
        "Share of the answers, 0 to 1, that each tier of the service gives.",
        labels=(*SERVICE, "tier"),
    )
    seen = {entry.labels: entry.service for entry in survey.entries if entry.service is not None}
    for labels, service in seen.items():
        if len(survey.pool(service).tiers) > 1:
            loads = survey.outcome(service, family_of(service)).loads
            for tier, load in enumerate(loads):
                shares.add_metric((*labels, str(tier)), load / 100)
    return shares


def _plain(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_, value=value)
