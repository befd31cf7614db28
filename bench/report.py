"""Figures and the bounds that they are held against; Markdown for people, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field


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
    server: str = ""  # told beside others, in a table of their own
    variant: str = ""  # what that table is of
    details: Mapping[str, float] = field(default_factory=dict)  # by the keys of DETAILS

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
DETAILS = {  # heading and form of what is told of a server
    "times": ("times ours", ".2f"),
    "rate": ("k/s", ".1f"),
    "busy": ("core busy", ".0%"),
    "upstream": ("upstream busy", ".0%"),
    "p50": ("p50 ms", ".2f"),
    "p99": ("p99 ms", ".2f"),
    "memory": ("memory MB", ".0f"),
    "start": ("start s", ".1f"),
    "lost": ("lost", ".0f"),
}


def as_markdown(figures: Iterable[Figure]) -> str:
    """Tables of servers side by side, then one with a row for each other figure."""
    beside: dict[tuple[str, str], list[Figure]] = {}
    rows = []
    for figure in figures:
        if figure.server:
            beside.setdefault((figure.scenario, figure.variant), []).append(figure)
        else:
            f = figure
            rows.append((f.scenario, f.what, f.text, f.bound, f.verdict))
    parts = []
    for (scenario, variant), found in beside.items():
        title = f"{scenario}, {variant}" if variant else scenario
        parts.append(f"**{title}**\n\n{_side_by_side(found)}")
    if rows:
        parts.append(_table(HEAD, rows))
    return "\n\n".join(parts)


def _side_by_side(figures: Sequence[Figure]) -> str:
    keys = [key for key in DETAILS if any(key in figure.details for figure in figures)]
    head = ("server", "CPU per query", *(DETAILS[key][0] for key in keys))

    def cell(figure: Figure, key: str) -> str:
        return format(figure.details[key], DETAILS[key][1]) if key in figure.details else ""

    return _table(head, [(f.server, f.text, *(cell(f, key) for key in keys)) for f in figures])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(row: tuple[str, ...]) -> str:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        return f"| {' | '.join(cells)} |"

    rule = tuple("-" * width for width in widths)
    return "\n".join((line(head), line(rule), *(line(row) for row in rows)))


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
