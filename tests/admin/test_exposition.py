"""The text format of metrics, against the library's own."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from resolver.admin.exposition import ManyGauges, encode

ODD = 'a"b\\c\nd\u00e9{}, '


class Some(Collector):
    """One family of each kind, with odd values."""

    def collect(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily("sightline_a", "With \\ and\nlines.", labels=("x", "y"))
        gauge.add_metric((ODD, ""), 0.25)
        gauge.add_metric(("b", "c"), float("nan"))
        gauge.add_metric(("b", "d"), 1)
        gauge.add_metric(("b", "e"), 0)
        yield gauge
        yield GaugeMetricFamily("sightline_b", "Plain.", value=1e21)
        counter = CounterMetricFamily("sightline_c", "Counted.", labels=("x",))
        counter.add_metric(("b",), 12345)
        yield counter
        times = HistogramMetricFamily("sightline_d", "Times.", labels=("x",))
        times.add_metric(("b",), [("0.1", 2), ("+Inf", 3)], 1.5)
        yield times


class Given(Collector):
    """One family that is given."""

    def __init__(self, family: Metric) -> None:
        self.family = family

    def collect(self) -> Iterator[Metric]:
        yield self.family


def read(octets: bytes) -> list[str]:
    """What a scraper makes of it."""
    families = text_string_to_metric_families(octets.decode())
    return [
        f"{family.name} {family.type} {family.documentation} "
        f"{s.name} {sorted(s.labels.items())} {float(s.value)}"
        for family in families
        for s in family.samples
    ]


def test_it_reads_as_what_the_library_writes() -> None:
    """Names, labels, values and kinds."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Some())
    assert read(encode(Some())) == read(generate_latest(registry))


def test_values_are_escaped() -> None:
    """A name in a zone file cannot make another series."""
    (first, *_) = text_string_to_metric_families(encode(Some()).decode())
    assert first.samples[0].labels == {"x": ODD, "y": ""}


def test_many_gauges_are_like_any_other() -> None:
    """In text and in what the library makes of them."""
    many = ManyGauges("sightline_many", "Many.", ("a", "b"))
    usual = GaugeMetricFamily("sightline_many", "Many.", labels=("a", "b"))
    for values, value in ((("x", 'q"\\'), 0.25), (("y", "z\n"), 1.0), (("", "é"), 0.0)):
        many.add(values, value)
        usual.add_metric(values, value)
    assert many.samples == usual.samples
    assert encode(Given(many)) == encode(Given(usual))
