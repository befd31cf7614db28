"""Which Git revision a directory is at, read from Git's own files; Git itself is never run.

What git-sync checks out is known by the name of the directory that its link means.
"""

from __future__ import annotations

import re
from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # SHA-1 or SHA-256
MOST = 4096  # octets of a file that says where things are
MOST_PACKED = 16 * 1024 * 1024


def read_revision(directory: Path, *, climbs: bool = True) -> str:
    """The full hash, or nothing where there is none.

    `climbs`: the checkout may begin in a directory above; else only this one is looked at.
    """
    try:
        found = directory.resolve()
        return _of_names(found) or _of_checkout(found, climbs=climbs)
    except (OSError, RuntimeError):  # loops of links
        return ""


def _of_names(directory: Path) -> str:
    """git-sync links to `.worktrees/HASH`, whose `.git` may be out of our sight."""
    return next((part for part in reversed(directory.parts) if _HASH.fullmatch(part)), "")


def _of_checkout(directory: Path, *, climbs: bool) -> str:
    for place in (directory, *(directory.parents if climbs else ())):
        git = place / ".git"
        if git.is_file():  # a worktree or a submodule: `gitdir: PATH`
            git = place / _read(git).removeprefix("gitdir:").strip()
        if (git / "HEAD").is_file():
            return _of_head(git)
    return ""


def _of_head(git: Path) -> str:
    head = _read(git / "HEAD")
    if not head.startswith("ref:"):
        return head if _HASH.fullmatch(head) else ""
    name = head.removeprefix("ref:").strip()
    common = git / "commondir"
    places = [git, *([git / _read(common)] if common.is_file() else ())]
    for place in places:
        loose = place / name
        if ".." not in name and loose.is_file():
            found = _read(loose)
            return found if _HASH.fullmatch(found) else ""
    return next(filter(None, (_find_packed(place / "packed-refs", name) for place in places)), "")


def _find_packed(path: Path, name: str) -> str:
    if not path.is_file():
        return ""
    for line in _read(path, MOST_PACKED).splitlines():
        found, _, ref = line.partition(" ")
        if ref == name and _HASH.fullmatch(found):
            return found
    return ""


def _read(path: Path, most: int = MOST) -> str:
    with path.open("rb") as opened:
        return opened.read(most).decode("utf-8", "replace").strip()
