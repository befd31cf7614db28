"""Revisions of directories, read from Git's own files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from resolver.revision import read_revision
from tests.support import write

ONE, TWO = "1" * 40, "2" * 64


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({".git/HEAD": f"{ONE}\n"}, ONE),
        ({".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{TWO}\n"}, TWO),
        (
            {
                ".git/HEAD": "ref: refs/heads/a/b\n",
                ".git/packed-refs": f"# x\n{TWO} refs/heads/a\n{ONE} refs/heads/a/b\n^{TWO}\n",
            },
            ONE,
        ),
        ({".git/HEAD": "ref: refs/heads/unborn\n"}, ""),
        ({".git/HEAD": "noise"}, ""),
        ({".git/HEAD": b"\xff\xfe"}, ""),
        ({".git/HEAD": "ref: ../../secret\n", "secret": ONE}, ""),
        ({".git": "gitdir: nowhere\n"}, ""),
        (
            {
                ".git": "gitdir: else/worktrees/w\n",
                "else/worktrees/w/HEAD": "ref: refs/heads/w\n",
                "else/worktrees/w/commondir": "../..\n",
                "else/refs/heads/w": f"{ONE}\n",
            },
            ONE,
        ),
    ],
    ids=["detached", "branch", "packed", "unborn", "noise", "octets", "out", "gone", "worktree"],
)
def test_a_checkout_has_the_revision_of_its_head(
    tmp_path: Path, files: dict[str, str | bytes], found: str
) -> None:
    """Also of a directory below its top, unless only the top is asked for."""
    write(tmp_path, {**files, "zones/a.yaml": ""})
    assert read_revision(tmp_path) == found
    assert read_revision(tmp_path / "zones") == found
    assert read_revision(tmp_path / "zones", climbs=False) == ""


def test_what_git_sync_links_to_says_its_revision(tmp_path: Path) -> None:
    """By its name: the rest of the repository may be elsewhere."""
    write(tmp_path, {f".worktrees/{ONE}/zones/a.yaml": "", f".worktrees/{ONE}/.git": "gitdir: /no"})
    (tmp_path / "current").symlink_to(f".worktrees/{ONE}")
    assert read_revision(tmp_path / "current" / "zones") == ONE


def test_there_may_be_none(tmp_path: Path) -> None:
    """A directory that is in no checkout, or that is not there, or a link to itself."""
    assert read_revision(tmp_path, climbs=False) == ""
    assert read_revision(tmp_path / "gone", climbs=False) == ""
    (tmp_path / "loop").symlink_to("loop")
    assert read_revision(tmp_path / "loop", climbs=False) == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_says_the_same(tmp_path: Path) -> None:
    """Of a branch, packed or not, of a worktree, and of a detached head."""

    def git(*words: str, at: Path = tmp_path) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.test", "-c", "commit.gpgsign=false")
        ran = subprocess.run(
            ["git", *who, *words], cwd=at, check=True, capture_output=True, text=True
        )
        return ran.stdout.strip()

    git("init", "-q", "-b", "main")
    for number in range(2):
        git("commit", "-q", "--allow-empty", "-m", str(number))
    assert read_revision(tmp_path) == git("rev-parse", "HEAD")
    git("pack-refs", "--all")
    assert read_revision(tmp_path) == git("rev-parse", "HEAD")
    git("worktree", "add", "-q", "tree")
    assert read_revision(tmp_path / "tree") == git("rev-parse", "HEAD", at=tmp_path / "tree")
    git("checkout", "-q", "HEAD~1")
    assert read_revision(tmp_path) == git("rev-parse", "HEAD") != read_revision(tmp_path / "tree")
