"""How many processors we may use."""

import os
from pathlib import Path

import pytest

from resolver.cpus import count_cpus


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """The affinity of the tests: eight processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("1600000 100000", 8),
        ("", 8),
        ("0 100000", 1),
    ],
)
def test_the_quota_of_a_container_counts(tmp_path: Path, quota: str, count: int) -> None:
    """Rounded up; the lower of quota and affinity."""
    path = tmp_path / "cpu.max"
    path.write_text(quota)
    assert count_cpus(path) == count


def test_without_control_groups_affinity_counts(tmp_path: Path) -> None:
    """As on machines without containers."""
    assert count_cpus(tmp_path / "cpu.max") == 8
