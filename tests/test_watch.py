"""Noticing changes: time is an argument, the files are real."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.watch import QUIET_TIME, Watcher, find_git, is_git_busy, sign
from tests.support import write

ZonesDir = Callable[..., Path]


@pytest.fixture
def directory(zones_dir: ZonesDir) -> Path:
    """A directory of zone files."""
    return zones_dir()


def settles(watcher: Watcher, at: float = 100.0) -> bool:
    """Whether what changed is loaded once it is quiet, and then not again."""
    early = watcher.poll(at)
    late = watcher.poll(at + QUIET_TIME)
    assert not early
    assert not watcher.poll(at + 3 * QUIET_TIME)
    return late


def replace(path: Path, text: str) -> None:
    """Write beside and rename, as editors do."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.rename(path)


def test_nothing_changed(directory: Path) -> None:
    """Nothing is loaded."""
    assert not settles(Watcher(directory))


def test_a_write_in_place(directory: Path) -> None:
    """Size or time tell."""
    watcher = Watcher(directory)
    (directory / "dev.yaml").write_text("zone: dev.west\n")
    assert settles(watcher)


def test_an_editor_that_renames(directory: Path) -> None:
    """Another inode is another file, also with the same size and time."""
    path, watcher = directory / "dev.yaml", Watcher(directory)
    before = path.stat()
    replace(path, path.read_text().replace("hello", "world"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert settles(watcher)


@pytest.mark.parametrize("change", ["add", "remove", "deep", "directory"])
def test_files_that_come_and_go(directory: Path, change: str) -> None:
    """At any depth; a renamed directory renames its files."""
    write(directory, {"a/b/c.yaml": "zone: x\n"})
    watcher = Watcher(directory)
    if change == "add":
        write(directory, {"new.yaml": ""})
    elif change == "remove":
        (directory / "dev.yaml").unlink()
    elif change == "deep":
        write(directory, {"a/b/c.yaml": "zone: y, other\n"})
    else:
        (directory / "a").rename(directory / "z")
    assert settles(watcher)


def test_files_that_are_no_zone_files_do_not_matter(directory: Path) -> None:
    """Notes, hidden files, Git's own."""
    watcher = Watcher(directory)
    write(directory, {"README.md": "x", ".hidden.yaml": "x", ".git/config": "x"})
    assert not settles(watcher)


def test_a_pull_that_goes_on_is_waited_for(directory: Path) -> None:
    """Each further change begins the quiet time anew."""
    watcher, now = Watcher(directory), 0.0
    for number in range(5):
        replace(directory / f"new{number}.yaml", "zone: x\n")
        assert not watcher.poll(now)
        now += QUIET_TIME * 0.8
    assert watcher.poll(now + QUIET_TIME)


def test_a_lock_of_git_holds_a_change_back(directory: Path) -> None:
    """Files are between two revisions; the lock of the checkout that holds the directory."""
    write(directory.parent, {".git/index.lock": ""})
    watcher = Watcher(directory)
    (directory / "dev.yaml").write_text("zone: dev.west\n")
    assert not settles(watcher)
    (directory.parent / ".git" / "index.lock").unlink()
    assert watcher.poll(500.0)


def test_the_git_of_a_worktree_is_followed(tmp_path: Path) -> None:
    """`.git` is a file there (git-sync, submodules), with an absolute or a relative path."""
    write(tmp_path, {"repo/.git/worktrees/a/HEAD": "", "tree/zones/x.yaml": ""})
    real = tmp_path / "repo/.git/worktrees/a"
    for text in (f"gitdir: {real}\n", "gitdir: ../repo/.git/worktrees/a\n"):
        write(tmp_path, {"tree/.git": text})
        assert find_git(tmp_path / "tree/zones") == real
    assert not is_git_busy(tmp_path / "tree/zones")
    write(real, {"index.lock": ""})
    assert is_git_busy(tmp_path / "tree/zones")


def test_a_broken_git_file_is_no_git(tmp_path: Path) -> None:
    """Whatever it holds, the watcher goes on."""
    write(tmp_path, {"zones/.git": b"\xff\xfe\x00"})
    assert not is_git_busy(tmp_path / "zones")


def test_a_config_map_flips_one_link(tmp_path: Path) -> None:
    """Kubernetes: files are links through `..data`, which is renamed over."""
    root = tmp_path / "zones"
    write(root, {"..2026_1/dev.yaml": "zone: a\n", "..2026_2/dev.yaml": "zone: b\n"})
    (root / "..data").symlink_to("..2026_1")
    (root / "dev.yaml").symlink_to("..data/dev.yaml")
    watcher = Watcher(root)
    assert len(sign(root)) == 1
    (root / "..data_tmp").symlink_to("..2026_2")
    (root / "..data_tmp").rename(root / "..data")
    assert settles(watcher)


def test_the_root_may_be_a_link_that_flips(tmp_path: Path) -> None:
    """git-sync: a whole new checkout, one rename."""
    write(tmp_path, {"rev1/dev.yaml": "zone: a\n", "rev2/dev.yaml": "zone: b\n"})
    root = tmp_path / "zones"
    root.symlink_to("rev1")
    watcher = Watcher(root)
    (tmp_path / "new").symlink_to("rev2")
    (tmp_path / "new").rename(root)
    assert settles(watcher)


def test_a_change_that_is_taken_back_is_no_change(directory: Path) -> None:
    """What was loaded is there again when it is quiet."""
    path, watcher = directory / "dev.yaml", Watcher(directory)
    path.rename(directory / "dev.off")
    assert not watcher.poll(0.0)
    (directory / "dev.off").rename(path)
    assert not settles(watcher)


def test_a_directory_that_goes_away_and_comes_back(directory: Path) -> None:
    """Both are changes; nothing is raised."""
    watcher = Watcher(directory)
    directory.rename(directory.parent / "away")
    assert settles(watcher)
    (directory.parent / "away").rename(directory)
    assert settles(watcher, 200.0)


def test_what_somebody_else_loads_is_not_loaded_twice(directory: Path) -> None:
    """SIGHUP right after a change."""
    watcher = Watcher(directory)
    (directory / "dev.yaml").write_text("zone: dev.west\n")
    assert not watcher.poll(0.0)
    watcher.take()
    assert not settles(watcher)
