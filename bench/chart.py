"""A chart of bars as SVG: readable in light and in dark, with nothing from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT = 720, 190, 70
ROW, BAR, TITLE, GAP = 24, 16, 34, 18
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
    """Panels one below the other, all on one scale; the shortest bar of each first."""
    panels = [panel for panel in panels if panel.bars]
    longest = max((bar.value for panel in panels for bar in panel.bars), default=1.0)
    scale = (WIDTH - LEFT - RIGHT) / longest
    parts: list[str] = []
    top = 0
    for panel in panels:
        parts += _panel(panel, top, scale, unit)
        top += TITLE + ROW * len(panel.bars) + GAP
    told = "; ".join(panel.title for panel in panels)
    box = f'viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img" aria-label="{escape(told)}">'
    return "\n".join((head, f"<style>{STYLE}</style>", *parts, "</svg>\n"))


def _panel(panel: Panel, top: int, scale: float, unit: str) -> list[str]:
    parts = [f'<text class="title" x="0" y="{top + 16}">{escape(panel.title)}</text>']
    first = top + TITLE
    for number, bar in enumerate(sorted(panel.bars, key=lambda bar: bar.value)):
        y = first + number * ROW
        kind = "ours" if bar.is_ours else "bar"
        length = bar.value * scale
        parts += [
            f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 13}">{bar.value:.1f} {escape(unit)}</text>',
        ]
    if panel.floor is not None:
        x = LEFT + panel.floor * scale
        end = first + ROW * len(panel.bars) - (ROW - BAR)
        words = f"floor: an echo in C, {panel.floor:.1f} {unit}"
        parts += [
            f'<line class="floor" x1="{x:.1f}" x2="{x:.1f}" y1="{first - 6}" y2="{end + 4}"/>',
            f'<text class="quiet" x="{x:.1f}" y="{first - 9}">{escape(words)}</text>',
        ]
    return parts
