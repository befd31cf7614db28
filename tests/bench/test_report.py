"""Figures become tables: servers side by side first, then a row for each other figure."""

from __future__ import annotations

import json

import pytest

from bench.report import Figure, as_json, as_markdown

SERVERS = [
    Figure("zone", "a, plain", 5.0, "5.0 µs", server="a", variant="plain", details={"rate": 99.96}),
    Figure("zone", "b, plain", 8.0, "8.0 µs", server="b", variant="plain", details={"p99": 1.5}),
]
RATIO = Figure("zone", "a: times the CPU of b", 0.62, "0.62", 0.75)


def test_servers_stand_side_by_side() -> None:
    """With a column for whatever is known of one of them."""
    lines = as_markdown([*SERVERS, RATIO]).splitlines()
    assert lines[0] == "**zone, plain**"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (*lines[2:3], *lines[4:6])]
    assert rows == [
        ["server", "CPU per query", "k/s", "p99 ms"],
        ["a", "5.0 µs", "100.0", ""],
        ["b", "8.0 µs", "", "1.50"],
    ]
    assert lines[-1].split("|")[3:6] == [" 0.62     ", " ≤ 0.75 ", " pass "]


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("s", "w", 1.0, "", 1.0), "pass"),
        (Figure("s", "w", 1.1, "", 1.0), "**fail**"),
        (Figure("s", "w", 1.0, "", None, 2.0), "**fail**"),
        (Figure("s", "w", 1.0, ""), ""),
    ],
)
def test_a_bound_is_met_or_missed(figure: Figure, verdict: str) -> None:
    """Without one, a figure is told and not judged."""
    assert figure.verdict == verdict


def test_programs_get_the_same() -> None:
    """With the details and what is known of the run."""
    found = json.loads(as_json([*SERVERS, RATIO], {"cores": 2}))
    assert found["cores"] == 2
    assert found["figures"][0]["details"] == {"rate": 99.96}
    assert [figure["verdict"] for figure in found["figures"]] == ["", "", "pass"]
