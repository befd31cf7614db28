"""Files that are replaced whole."""

from pathlib import Path

import pytest

from healthcheck.files import replace_file, set_aside


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """Old or new, never a part."""
    path = tmp_path / "state.json"
    for octets in (b"old", b"new"):
        replace_file(path, octets)
        assert path.read_bytes() == octets
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]


def test_what_cannot_be_written_raises(tmp_path: Path) -> None:
    """The caller knows what it is worth."""
    with pytest.raises(OSError, match="nowhere"):
        replace_file(tmp_path / "nowhere" / "state.json", b"")


def test_what_cannot_be_used_is_kept_for_people(tmp_path: Path) -> None:
    """And what is not there is no trouble."""
    path = tmp_path / "state.json"
    path.write_bytes(b"odd")
    set_aside(path)
    set_aside(path)
    assert (tmp_path / "state.json.bad").read_bytes() == b"odd"
