"""When the state is saved."""

from __future__ import annotations

import json
from pathlib import Path

from healthcheck.health import State
from healthcheck.ledger import Watched
from healthcheck.recorder import LEAST_PAUSE, LONGEST_PAUSE, Recorder
from healthcheck.use import ProbeKey
from tests.healthcheck.made import TIMING, Clock, Scripted, observed, passed

PROBE: ProbeKey = ("10.0.0.1", Scripted(), TIMING)
OTHER: ProbeKey = ("10.0.0.2", Scripted(), TIMING)


def entry(key: ProbeKey = PROBE) -> Watched:
    """A probe that passed."""
    return Watched(key, observed([passed(1000)]))


async def write(recorder: Recorder, watched: list[Watched]) -> bool:
    """Let it write if it is due; gives whether it did."""
    before = recorder._writing
    recorder.write_if_due(watched, {})
    writing = recorder._writing
    return writing is not None and writing is not before and await writing


async def test_a_change_is_saved_after_some_seconds(tmp_path: Path) -> None:
    """Not more often than that; without a change once a minute."""
    clock = Clock()
    recorder = Recorder(tmp_path, clock, clock.wall)
    recorder.is_dirty = True
    assert not await write(recorder, [entry()])
    clock.now += LEAST_PAUSE
    assert await write(recorder, [entry()])
    clock.now += LEAST_PAUSE
    assert not await write(recorder, [entry()])
    clock.now += LONGEST_PAUSE
    assert await write(recorder, [entry()])


async def test_a_probe_goes_on_where_the_former_process_was(tmp_path: Path) -> None:
    """Once; a second time it is another probe."""
    clock = Clock()
    Recorder(tmp_path, clock, clock.wall).finish([entry()], {})
    clock.now += 10
    recorder = Recorder(tmp_path, clock, clock.wall)
    assert recorder.begin(OTHER).state is State.UNKNOWN
    track = recorder.begin(PROBE)
    assert (track.state, track.is_saved, track.begun) == (State.UP, True, clock.now)
    assert recorder.begin(PROBE).state is State.UNKNOWN


async def test_what_is_not_wanted_yet_is_saved_again(tmp_path: Path) -> None:
    """For a day: the zones may have been broken at the start."""
    clock = Clock()
    Recorder(tmp_path, clock, clock.wall).finish([entry()], {})
    Recorder(tmp_path, clock, clock.wall).finish([entry(OTHER)], {})
    assert len(json.loads((tmp_path / "health.json").read_text())["probes"]) == 2
    clock.now += 90_000
    Recorder(tmp_path, clock, clock.wall).finish([], {})
    assert json.loads((tmp_path / "health.json").read_text())["probes"] == {}


async def test_without_a_directory_nothing_is_saved() -> None:
    """And nothing fails."""
    clock = Clock()
    recorder = Recorder(None, clock, clock.wall)
    clock.now += 100
    assert not await write(recorder, [entry()])
    recorder.finish([entry()], {})
    assert recorder.begin(PROBE).begun == clock.now


async def test_nothing_is_written_after_the_end(tmp_path: Path) -> None:
    """A write that came late would bring back what is older."""
    clock = Clock()
    recorder = Recorder(tmp_path, clock, clock.wall)
    recorder.finish([entry()], {})
    clock.now += LONGEST_PAUSE
    assert not await write(recorder, [])
    assert recorder._file is not None
    assert len(recorder._file.load().probes) == 1
