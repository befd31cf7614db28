"""The server itself as metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.admin.access import EVERYTHING, Sight
from resolver.admin.server_metrics import collect_server
from tests.admin.operated import FILES, Operating, operating
from tests.admin.test_metrics import Series, value
from tests.support import NOW, write

ONE = "1" * 40


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    directory = zones_dir(FILES)
    write(directory, {".git/HEAD": ONE})
    return operating(directory)


def collect(operated: Operating, sight: Sight = EVERYTHING) -> Series:
    families = collect_server(operated, operated.generation, sight, "abc")
    samples = [sample for family in families for sample in family.samples]
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for s in samples}


def test_what_is_served_is_told(operated: Operating) -> None:
    """Generation, revision, names, and how reloads went."""
    operated.reloads.fail()
    found = collect(operated)
    assert value(found, "generation") == operated.generation.number
    assert value(found, "zones_info", revision=ONE) == 1
    spaces = operated.generation.namespaces
    assert value(found, "zone_names", environment="dev") == len(spaces["dev"])
    assert value(found, "reloads_total", result="ok") == 0
    assert value(found, "reloads_total", result="failed") == 1
    assert value(found, "last_reload_timestamp_seconds") == NOW
    assert value(found, "build_info", version="0.1.0", revision="abc") == 1


def test_workers_and_processes_are_told(operated: Operating) -> None:
    """Whether they answer, how often they were replaced, and what they cost."""
    found = collect(operated)
    assert value(found, "worker_up", worker="1") == 1
    assert value(found, "worker_up", worker="2") == 0
    assert value(found, "worker_restarts_total", worker="2") == 3
    assert value(found, "process_cpu_seconds_total", process="server") == 1.5
    assert value(found, "process_resident_memory_bytes", process="server") == 4096


def test_a_token_learns_nothing_that_moves_with_other_environments(operated: Operating) -> None:
    """Its own names, workers, and what runs."""
    found = collect(operated, Sight(frozenset({"dev"})))
    assert {name.removeprefix("sightline_") for name, _ in found} == {
        *("zone_names", "worker_up", "worker_restarts_total", "build_info"),
    }
    assert value(found, "zone_names", environment="dev") > 0
    assert not any(("environment", "prod") in labels for _, labels in found)
