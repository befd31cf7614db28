"""Figures and the bounds that they are held against; Markdown for people, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; a bound of None: told, not judged."""

    scenario: str
    what: str
    value: float
    text: str  # the value with its unit and spread
    at_most: float | None = None
    at_least: float | None = None
    unit: str = ""  # of the bound

    @property
    def bound(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g}{self.unit}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}{self.unit}"

    @property
    def verdict(self) -> str:
        if not self.bound:
            return ""
        is_low = self.at_most is None or self.value <= self.at_most
        is_high = self.at_least is None or self.value >= self.at_least
        return "pass" if is_low and is_high else "**fail**"


HEAD = ("scenario", "what", "measured", "bound", "")


def as_markdown(figures: Iterable[Figure]) -> str:
    """A table with a row for each figure."""
    rows = [(f.scenario, f.what, f.text, f.bound, f.verdict) for f in figures]
    widths = [max(len(row[i]) for row in (HEAD, *rows)) for i in range(len(HEAD))]

    def line(row: tuple[str, ...]) -> str:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        return f"| {' | '.join(cells)} |"

    rule = tuple("-" * width for width in widths)
    return "\n".join((line(HEAD), line(rule), *(line(row) for row in rows)))


def as_json(figures: Iterable[Figure], about: dict[str, object]) -> str:
    """The same with what is known of the run."""
    found = [{**asdict(f), "verdict": f.verdict.strip("*")} for f in figures]
    return json.dumps({**about, "figures": found}, indent=2)


def histogram(values: Sequence[float], step: float) -> str:
    """A line for each `step`: from where, how many, and a bar."""
    counts = Counter(int(value / step) for value in values)
    return "\n".join(
        f"{number * step:8.2f}  {counts[number]:4d}  {'#' * counts[number]}"
        for number in range(min(counts), max(counts) + 1)
    )
