"""A chart of bars as SVG: readable in light and in dark, with nothing from outside."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT = 720, 190, 70
ROW, BAR, TITLE, GAP = 24, 16, 34, 34
OUTLIER = 2.5  # times the median: a bar beyond is cut
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px }
.quiet { fill: #57606a }
.bar { fill: #8c959f }
.ours { fill: #0969da }
.floor { stroke: #57606a; stroke-dasharray: 4 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .bar { fill: #656c76 }
  .ours { fill: #4493f8 }
  .floor { stroke: #9198a1 }
}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One server."""

    label: str
    value: float
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars of one kind, with the least that is possible at all, if that is known."""

    title: str
    bars: Sequence[Bar]
    floor: float | None = None


def as_svg(panels: Iterable[Panel], unit: str) -> str:
    """Panels one below the other, each on a scale of its own; the shortest bar of each first."""
    panels = [panel for panel in panels if panel.bars]
    parts: list[str] = []
    top = 0
    for panel in panels:
        parts += _panel(panel, top, unit)
        top += TITLE + ROW * len(panel.bars) + GAP
    told = "; ".join(panel.title for panel in panels)
    box = f'viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{escape(told)}">'
    return "\n".join((head, f"<style>{STYLE}</style>", *parts, "</svg>\n"))


def longest(values: Sequence[float]) -> float:
    """The value that fills the width: the greatest that is not far beyond the others."""
    usual = OUTLIER * statistics.median(values)
    return max(value for value in values if value <= usual)


def _panel(panel: Panel, top: int, unit: str) -> list[str]:
    parts = [f'<text class="title" x="0" y="{top + 16}">{escape(panel.title)}</text>']
    scale = (WIDTH - LEFT - RIGHT) / longest([bar.value for bar in panel.bars])
    first = top + TITLE
    for number, bar in enumerate(sorted(panel.bars, key=lambda bar: bar.value)):
        y = first + number * ROW
        kind = "ours" if bar.is_ours else "bar"
        length = min(bar.value * scale, float(WIDTH - LEFT - RIGHT))
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>'
        )
        parts += [
            f'<rect class="{kind}" x="{start:.1f}" y="{y}" width="{width:.1f}" height="{BAR}"/>'
            for start, width in _pieces(length, is_cut=bar.value * scale > length + 1)
        ]
        told = f"{bar.value:.1f} {escape(unit)}"
        parts.append(f'<text x="{LEFT + length + 6:.1f}" y="{y + 13}">{told}</text>')
    if panel.floor is not None:
        x = LEFT + panel.floor * scale
        end = first + ROW * len(panel.bars)
        words = f"floor: an echo in C, {panel.floor:.1f} {unit}"
        parts += [
            f'<line class="floor" x1="{x:.1f}" x2="{x:.1f}" y1="{first - 6}" y2="{end}"/>',
            f'<text class="quiet" x="{x + 6:.1f}" y="{end + 8}">{escape(words)}</text>',
        ]
    return parts


def _pieces(length: float, *, is_cut: bool) -> list[tuple[float, float]]:
    """Where the pieces of a bar begin, and how wide they are; one that is cut has a gap."""
    if not is_cut:
        return [(LEFT, length)]
    return [(LEFT, length * 0.9), (LEFT + length * 0.9 + 5, length * 0.1 - 5)]
