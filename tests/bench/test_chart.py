"""The chart is an SVG that stands alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from bench.chart import Bar, Panel, as_svg, longest
from bench.peers import COMPILED
from bench.report import Figure
from bench.standing import panels

SVG = "{http://www.w3.org/2000/svg}"
PANEL = Panel("Answers <b> & more", [Bar("slow", 8.0), Bar("ours", 4.0, is_ours=True)], floor=2.0)


def drawn(svg: str, kind: str) -> list[ET.Element]:
    """The elements of a class."""
    return [item for item in ET.fromstring(svg).iter() if item.get("class") == kind]


def test_the_longest_bar_fills_the_width_and_others_are_in_proportion() -> None:
    """The shortest comes first."""
    svg = as_svg([PANEL], "µs")
    (ours,), (bar,) = drawn(svg, "ours"), drawn(svg, "bar")
    assert float(ours.get("width", 0)) * 2 == float(bar.get("width", 0))
    assert float(ours.get("y", 0)) < float(bar.get("y", 0))


def test_a_bar_far_beyond_the_others_is_cut() -> None:
    """So that the others can be told apart; its value stands beside it."""
    bars = [Bar(name, value) for name, value in (("a", 4.0), ("b", 5.0), ("c", 50.0))]
    assert longest([bar.value for bar in bars]) == 5.0
    svg = as_svg([Panel("t", bars)], "µs")
    assert len(drawn(svg, "bar")) == 4  # two pieces
    assert "50.0 µs" in svg


def test_the_floor_is_marked() -> None:
    """Where it is known."""
    assert len(drawn(as_svg([PANEL], "µs"), "floor")) == 1
    assert not drawn(as_svg([Panel("t", PANEL.bars)], "µs"), "floor")


def test_nothing_comes_from_outside_and_dark_is_served() -> None:
    """GitHub shows it as an image, which loads nothing."""
    svg = as_svg([PANEL], "µs")
    assert re.findall(r"https?://[^\"\s]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "prefers-color-scheme: dark" in svg


def test_panels_are_of_servers_that_were_measured() -> None:
    """A scenario that did not run has none, and the floor is no bar."""
    figures = [
        Figure("zone", "", value, "", server=server, variant="plain")
        for server, value in ((COMPILED, 5.0), ("BIND", 8.0), ("floor: echo in C", 3.0))
    ]
    found = [panel for panel in panels(figures) if panel.bars]
    assert [bar.label for bar in found[0].bars] == [COMPILED, "BIND"]
    assert [bar.is_ours for bar in found[0].bars] == [True, False]
    assert (len(found), found[0].floor) == (1, 3.0)
    ET.fromstring(as_svg(panels(figures), "µs"))
