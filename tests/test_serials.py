"""Serials survive a restart."""

from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.generation import Generation, Serials
from resolver.reload import Builder
from resolver.serials import FILE, SerialFile
from tests.support import FILES, NOW

APEX = b"\3dev\4east\4corp\4test\0"
Directory = Callable[..., Path]


def built(directory: Path, now: int, known: Serials) -> Generation:
    """What a process makes that starts at a time."""
    generation = Builder(directory, 1, known=known).build(now).generation
    assert generation is not None
    return generation


def test_a_restart_keeps_the_serials_of_what_has_not_changed(
    zones_dir: Directory, tmp_path: Path
) -> None:
    """And gives what has changed meanwhile a later one."""
    directory = zones_dir(FILES)
    SerialFile(tmp_path).save(built(directory, NOW, {}).serials)
    known = SerialFile(tmp_path).load()
    assert built(directory, NOW + 100, known).serials == known
    (directory / "dev.yaml").write_text(FILES["dev.yaml"].replace("hello", "bye"))
    later = built(directory, NOW + 100, known).serials
    assert later["dev", APEX][1] == NOW + 100
    assert later["prod", b"\4prod\4east\4corp\4test\0"][1] == NOW


def test_serials_never_go_back(zones_dir: Directory, tmp_path: Path) -> None:
    """Also when the clock does (RFC 1982)."""
    directory = zones_dir(FILES)
    SerialFile(tmp_path).save(built(directory, NOW, {}).serials)
    (directory / "dev.yaml").write_text(FILES["dev.yaml"].replace("hello", "bye"))
    later = built(directory, NOW - 1000, SerialFile(tmp_path).load()).serials
    assert later["dev", APEX][1] == NOW + 1


BROKEN = (
    *("", "[", "[]", "7", '{"dev": 1}', '{"dev": {"a..b.": [1, 2]}}', '{"dev": {"a.": [1]}}'),
    *('{"dev": {"a.": [1, 4294967296]}}', '{"dev": {"a.": ["1", 2]}}', "\ufffd"),
)


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_file_is_set_aside(text: str, tmp_path: Path) -> None:
    """The server starts all the same."""
    (tmp_path / FILE).write_text(text)
    assert SerialFile(tmp_path).load() == {}
    assert (tmp_path / f"{FILE}.bad").read_text() == text


def test_a_directory_that_cannot_be_written_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Serials are worth no outage."""
    assert SerialFile(tmp_path / "nowhere").load() == {}
    SerialFile(tmp_path / "nowhere").save({("dev", APEX): (1, 2)})
    assert "cannot be saved" in caplog.text
