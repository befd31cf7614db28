"""The file that outlives the process."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from healthcheck.check import Timing
from healthcheck.health import DeclaredState, State
from healthcheck.report import Override
from healthcheck.saved import LONGEST, Saved, StateFile, digest, recall, remember
from healthcheck.track import Track, is_suppressed, penalty_at, tenths_at
from tests.healthcheck.made import TIMING, Clock, Scripted, observed, passed, went_down

WALL = 1_800_000_000.0
OVERRIDE = Override(DeclaredState.DRAIN, "new kernel", "ann", WALL, None)
OVERRIDDEN = (
    b'{"overrides": {"a": {"state": "drain", "reason": "", "by": "", "since": 1, "until": %s}}}'
)


def saved_of(track: Track, now: float) -> Saved:
    """A file with one probe."""
    probe = remember("10.0.0.1", track, now, WALL + now)
    assert probe is not None
    return Saved(probes={"x": probe}, overrides={"web.prod.east/a": OVERRIDE})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """By another process as well."""
    saved = saved_of(went_down(), 30)
    assert StateFile(tmp_path, Clock()).write(saved)
    assert StateFile(tmp_path, Clock()).load() == saved
    assert [path.name for path in tmp_path.iterdir()] == ["health.json"]


def test_no_file_is_nothing_saved(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As at the very first start; nobody is warned."""
    assert StateFile(tmp_path, Clock()).load() == Saved()
    assert not caplog.records


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"\xff\xfe", b"[]", b"{", b"null", b'{"version": 2}', b"[" * 100_000),
        b'{"version": 1, "probes": {"x": {"state": "up"}}}',
        b'{"version": 1, "probes": {"x": 1}}',
        OVERRIDDEN % b"1e300",
        OVERRIDDEN % b"NaN",
        OVERRIDDEN % b"-1",
    ],
)
def test_a_malformed_file_is_set_aside(
    tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning; it stays for who wants to know."""
    (tmp_path / "health.json").write_bytes(text)
    assert StateFile(tmp_path, Clock()).load() == Saved()
    assert "set aside" in caplog.text
    assert (tmp_path / "health.json.bad").read_bytes() == text
    assert not (tmp_path / "health.json").exists()


def test_what_cannot_be_opened_is_nothing_saved(tmp_path: Path) -> None:
    """A directory in its place, or a directory that is none."""
    (tmp_path / "health.json").mkdir()
    assert StateFile(tmp_path, Clock()).load() == Saved()
    (tmp_path / "file").touch()
    assert StateFile(tmp_path / "file", Clock()).load() == Saved()


def test_an_unwritable_directory_is_told_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It never raises."""
    clock = Clock()
    file = StateFile(tmp_path / "gone", clock)
    caplog.set_level(logging.WARNING)
    for at in (0, 5, 59, 61):
        clock.now = at
        assert not file.write(Saved())
    assert caplog.text.count("cannot be saved") == 2


def test_a_probe_keeps_its_name() -> None:
    """Across processes; another address, option or timing is another probe."""
    key = ("10.0.0.1", Scripted(), TIMING)
    assert digest(key) == digest(("10.0.0.1", Scripted(), Timing())) == digest(key)
    others = [
        ("10.0.0.2", Scripted(), TIMING),
        ("10.0.0.1", Scripted(frozenset("x")), TIMING),
        ("10.0.0.1", Scripted(), Timing(interval=6)),
    ]
    assert len({digest(key), *map(digest, others)}) == 4


def test_a_state_comes_back_as_a_saved_one() -> None:
    """With its time and proof; it begins on the new clock."""
    probe = saved_of(went_down(10), 30).probes["x"]
    assert (probe.state, probe.proven, probe.at) == (State.DOWN, True, WALL + 10)
    track = recall(probe, 5.0, WALL + 40)
    assert track is not None
    assert (track.state, track.is_saved, track.is_proven) == (State.DOWN, True, True)
    assert (track.saved_at, track.begun, track.last) == (WALL + 10, 5.0, None)


def test_a_penalty_goes_on_to_decay_between_processes() -> None:
    """On the wall clock; what was held out is so until it is below the limit."""
    held = replace(observed([passed(10)]), penalty=3000, penalized=10, is_suppressed=True, since=10)
    probe = saved_of(held, 20).probes["x"]
    soon, late = recall(probe, 5, WALL + 100), recall(probe, 5, WALL + 400)
    assert soon is not None
    assert late is not None
    assert penalty_at(soon, 5) == pytest.approx(1500)
    assert is_suppressed(soon, 5)
    assert not is_suppressed(late, 5)
    assert tenths_at(late, 5, 30) == 10


def test_what_is_saved_again_unobserved_keeps_its_time() -> None:
    """A process that saw nothing does not make it young."""
    first = saved_of(went_down(10), 30).probes["x"]
    track = recall(first, 5.0, WALL + 40)
    assert track is not None
    again = remember("10.0.0.1", track, 6.0, WALL + 41)
    assert again is not None
    assert again.at == first.at
    assert again.penalty == pytest.approx(first.penalty)


def test_old_or_absurd_states_say_nothing() -> None:
    """Neither does what was never observed."""
    probe = saved_of(went_down(10), 30).probes["x"]
    assert recall(probe, 5, probe.at + LONGEST + 1) is None
    assert recall(replace(probe, at=1e300), 5, WALL) is None
    assert recall(replace(probe, state=State.UNKNOWN), 5, WALL) is None
    assert remember("10.0.0.1", Track(), 5, WALL) is None
    wild = recall(replace(probe, penalty=1e300), 5, WALL)
    assert wild is not None
    assert wild.penalty <= 4000


def test_nothing_secret_is_in_the_file(tmp_path: Path) -> None:
    """Options of checks may be tokens: only their digest is written."""
    key = ("10.0.0.1", Scripted(frozenset({"token"})), TIMING)
    probes = {digest(key): saved_of(went_down(), 30).probes["x"]}
    StateFile(tmp_path, Clock()).write(Saved(probes=probes))
    text = (tmp_path / "health.json").read_text()
    assert "token" not in text
    assert set(json.loads(text)) == {"version", "probes", "overrides"}
