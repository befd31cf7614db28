"""Metric families → the text format of Prometheus, several times as fast as the library does it.

For names and labels of this server only: they need no escaping, values do. OpenMetrics, where a
scraper asks for it, is left to the library.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from prometheus_client.core import Metric, Sample
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SPECIAL = re.compile(r'[\\"\n]')
_ESCAPED = {"\\": r"\\", '"': r"\"", "\n": r"\n"}


def encode(collector: Collector) -> bytes:
    """All that a collector (or a registry) gives, as text in UTF-8."""
    values = _Values()
    return "".join(
        line for family in collector.collect() for line in _lines(family, values)
    ).encode()


class _Values(dict[str, str]):
    """Label values as they are written; most come again and again."""

    def __missing__(self, value: str) -> str:
        escaped = self[value] = _SPECIAL.sub(lambda found: _ESCAPED[found[0]], value)
        return escaped


class ManyGauges(Metric):
    """A gauge of very many series: what the library makes of each is made only for OpenMetrics."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str]) -> None:
        self.rows: list[tuple[Sequence[str], float]] = []
        self.labels = tuple(labels)
        super().__init__(name, documentation, "gauge")

    def add(self, values: Sequence[str], value: float) -> None:
        """One series."""
        self.rows.append((values, value))

    @property
    def samples(self) -> list[Sample]:
        """The series as the library has them."""
        return [Sample(self.name, dict(zip(self.labels, v, strict=True)), n) for v, n in self.rows]

    @samples.setter
    def samples(self, _: list[Sample]) -> None:
        """The library begins with none."""

    def lines(self, values: _Values) -> Iterator[str]:
        """The series as text."""
        labels = ",".join(f'{label}="%s"' for label in self.labels)
        template = f"{self.name}{{{labels}}} %s\n"
        for row, number in self.rows:
            yield template % (*[values[value] for value in row], _number(number))


def _lines(family: Metric, values: _Values) -> Iterator[str]:
    name = family.name + ("_total" if family.type == "counter" else "")
    text = family.documentation.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {name} {text}\n# TYPE {name} {family.type}\n"
    if isinstance(family, ManyGauges):
        yield from family.lines(values)
        return
    for sample in family.samples:
        value = _number(sample.value)
        if sample.labels:
            pairs = ",".join([f'{key}="{values[v]}"' for key, v in sample.labels.items()])
            yield f"{sample.name}{{{pairs}}} {value}\n"
        else:
            yield f"{sample.name} {value}\n"


def _number(value: float) -> str:
    if value == 1:
        return "1"
    return floatToGoString(value) if value else "0"  # type: ignore[no-untyped-call]  # theirs is not annotated
