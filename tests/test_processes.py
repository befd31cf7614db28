"""What processes cost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resolver.processes import PROC, Cost, costs_of
from tests.support import write


@pytest.mark.skipif(not (PROC / "self" / "stat").exists(), reason="no /proc here")
def test_this_process_costs_something() -> None:
    """About what it says itself."""
    (cost,) = costs_of({"server": os.getpid()})
    spent = os.times()
    assert cost.name == "server"
    assert abs(cost.seconds - spent.user - spent.system) < 1.0
    assert cost.octets > 1024 * 1024


def test_those_that_are_gone_are_left_out(tmp_path: Path) -> None:
    """A process may be called anything."""
    fields = ["S", *("0" for _ in range(10)), "150", "50", *("0" for _ in range(8)), "3", "0"]
    write(tmp_path, {"7/stat": f"7 (a) b) {' '.join(fields)}\n"})
    ticks, size = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    found = list(costs_of({"a": 7, "b": 8}, tmp_path))
    assert found == [Cost("a", 200 / ticks, 3 * size)]
