"""What was made of the zones, kept: all kinds of damage, and who may have written it."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolver import snapshot
from resolver.parcel import pack
from resolver.snapshot import FILE, MAGIC, SIZE, Snapshot, SnapshotFile, fingerprint, make_key
from resolver.zones.load import ZonesDirectory
from resolver.zones.places import Place, Problem, Severity
from tests.support import FILES, compiled, write

KEY = make_key({"a.yaml": b"1"})


@pytest.fixture
def made(tmp_path: Path) -> Snapshot:
    """A snapshot of the usual zones."""
    zones = write(tmp_path / "zones", FILES)
    directory = ZonesDirectory(zones)
    directory.load()
    generation = compiled(zones)
    return Snapshot(
        (Problem(Place("a.yaml", 2, 3), Severity.WARNING, "rule", "words"),),
        generation.serials,
        directory.files,
        {name: pack(space) for name, space in generation.namespaces.items()},
    )


@pytest.fixture
def file(tmp_path: Path, made: Snapshot) -> SnapshotFile:
    """A file that holds it."""
    (tmp_path / "state").mkdir(mode=0o755)
    found = SnapshotFile(tmp_path / "state")
    found.save(KEY, made)
    return found


@pytest.fixture
def path(tmp_path: Path, file: SnapshotFile) -> Path:
    """Where that is."""
    return tmp_path / "state" / FILE


def test_what_was_saved_is_found(file: SnapshotFile, made: Snapshot) -> None:
    """Files, problems, serials and every name."""
    assert file.load(KEY) == made


def test_it_is_for_nobody_else_to_read(path: Path) -> None:
    """Nothing is left beside it."""
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_what_is_not_there_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A first start; also without the directory."""
    assert SnapshotFile(tmp_path).load(KEY) is None
    assert SnapshotFile(tmp_path / "nowhere").load(KEY) is None
    assert caplog.messages == []


def test_under_another_key_there_is_nothing(
    file: SnapshotFile, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is usual, and said for information."""
    caplog.set_level("INFO", "sightline")
    assert file.load(make_key({"a.yaml": b"2"})) is None
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        (
            "INFO",
            "the snapshot of the zones is not used: files, configuration or program have changed",
        )
    ]


HEAD = len(MAGIC) + SIZE


@pytest.mark.parametrize(
    ("part", "more"), [(0, 0), (0, len(MAGIC)), (0, HEAD), (0.3, 0), (0.7, 0), (1, -SIZE), (1, -1)]
)
def test_a_flipped_bit_is_found(file: SnapshotFile, path: Path, part: float, more: int) -> None:
    """In the head, in a record, in the checksum."""
    octets = bytearray(path.read_bytes())
    octets[int(part * len(octets)) + more] ^= 4
    path.write_bytes(octets)
    assert file.load(KEY) is None


@pytest.mark.parametrize(
    ("part", "more"), [(0, 0), (0, 5), (0, len(MAGIC)), (0, HEAD), (0, 100), (0.5, 0), (1, -1)]
)
def test_what_is_cut_off_is_found(
    file: SnapshotFile, path: Path, part: float, more: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever; in one line."""
    octets = path.read_bytes()
    path.write_bytes(octets[: int(part * len(octets)) + more])
    caplog.set_level("INFO", "sightline")
    assert file.load(KEY) is None
    assert len(caplog.records) == 1


def test_what_is_added_is_found(file: SnapshotFile, path: Path) -> None:
    """Behind the checksum there is nothing."""
    path.write_bytes(path.read_bytes() + b"\0")
    assert file.load(KEY) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_is_not_read(
    file: SnapshotFile, path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It could be anything, and a pickle can do anything."""
    path.chmod(mode)
    assert file.load(KEY) is None
    assert "may be written by others" in caplog.text


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_where_others_may_write_nothing_is_read(
    file: SnapshotFile, path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    """They could put another in its place."""
    path.parent.chmod(mode)
    assert file.load(KEY) is None
    assert "may be written by others" in caplog.text


def test_what_belongs_to_others_is_not_read(
    file: SnapshotFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Only ours, and root's."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    is_root_s = os.getuid() == 0
    assert (file.load(KEY) is None) is not is_root_s
    assert ("belongs to another user" in caplog.text) is not is_root_s


def test_a_link_is_not_followed(file: SnapshotFile, path: Path) -> None:
    """What it leads to may lie where others write."""
    moved = path.rename(path.with_name("elsewhere"))
    path.symlink_to(moved)
    assert file.load(KEY) is None


def test_what_is_no_file_is_not_waited_for(file: SnapshotFile, path: Path) -> None:
    """A pipe."""
    path.unlink()
    os.mkfifo(path, 0o600)
    assert file.load(KEY) is None


@pytest.mark.parametrize("record", [("what", 1), "words", ("entries", "nobody", "nodes", b"")])
def test_records_of_no_known_kind_are_found(
    file: SnapshotFile,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    record: object,
) -> None:
    """Although the checksum is right."""
    monkeypatch.setattr(snapshot, "_records", lambda _: iter([record]))
    file.save(KEY, Snapshot())
    assert file.load(KEY) is None
    assert len(caplog.records) == 1


def test_records_that_are_missing_are_found(
    file: SnapshotFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one says that it was all."""

    def none(_: Snapshot) -> Iterator[tuple[object, ...]]:
        yield from ()

    monkeypatch.setattr(snapshot, "_records", none)
    file.save(KEY, Snapshot())
    assert file.load(KEY) is None


def test_what_cannot_be_saved_is_one_line(
    tmp_path: Path, made: Snapshot, caplog: pytest.LogCaptureFixture
) -> None:
    """The server serves on."""
    SnapshotFile(tmp_path / "nowhere").save(KEY, made)
    assert len(caplog.records) == 1


def test_a_save_that_fails_leaves_what_was(
    file: SnapshotFile, path: Path, made: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    file.save(make_key({}), Snapshot())
    assert file.load(KEY) == made
    assert list(path.parent.iterdir()) == [path]


def test_what_was_left_half_written_is_in_nobody_s_way(
    file: SnapshotFile, path: Path, made: Snapshot
) -> None:
    """The process was killed."""
    path.with_name(f"{FILE}.new").write_bytes(b"half")
    file.save(KEY, made)
    assert file.load(KEY) == made
    assert list(path.parent.iterdir()) == [path]


def test_keys_differ_in_whatever_counts() -> None:
    """Names, content and the rest, but not the order in which files were read."""
    keys = [
        make_key({"a": b"1", "b": b"2"}),
        make_key({"a": b"1", "c": b"2"}),
        make_key({"a": b"1", "b": b"3"}),
        make_key({"a": b"1"}),
        make_key({"a": b"1", "b": b"2"}, True),
        make_key({"a": b"1", "b": b"2"}, False),
        make_key({"a\udcff": b"1", "b": b"2"}),
    ]
    assert len(set(keys)) == len(keys)
    assert make_key({"b": b"2", "a": b"1"}) == keys[0]


def test_the_program_is_part_of_the_key() -> None:
    """Each of its modules."""
    shown = repr(fingerprint())
    assert "zones/assemble.py" in shown
    assert "kinds/http.py" in shown
    assert pickle.dumps(fingerprint())
