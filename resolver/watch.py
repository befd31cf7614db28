"""Notices that the zones directory has changed, by what files are, not by events.

Polling sees `git pull`, editors that rename and ConfigMap links that flip alike, on any file
system. A change counts once nothing has changed for a while and Git is not at work.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from resolver.zones.load import find_files
from resolver.zones.places import Rejected
from resolver.zones.plan import Findings

POLL_INTERVAL = 0.25  # seconds
QUIET_TIME = 0.5  # seconds without further change

Signature = tuple[tuple[object, ...], ...]


def sign(directory: Path) -> Signature:
    """What can be seen of the files without reading them; never raises."""
    findings = Findings()
    signature: list[tuple[object, ...]] = []
    try:
        for name, path in find_files(directory, findings):
            try:
                found = path.stat()
            except OSError:
                signature.append((name, None))
                continue
            signature.append((name, found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns))
    except Rejected as error:
        signature.append((str(error),))
    signature += [(str(problem),) for problem in findings.problems]
    return tuple(signature)


def find_git(directory: Path) -> Path | None:
    """The `.git` of the checkout that holds a directory, followed to the real one."""
    real = directory.resolve()
    for place in (real, *real.parents):
        git = place / ".git"
        if git.is_dir():
            return git
        if git.is_file():  # a worktree: `gitdir: PATH`
            return _follow(git)
    return None


def _follow(git: Path) -> Path | None:
    """Where a `.git` file leads; None when it is none of Git's."""
    try:
        target = os.fsdecode(git.read_bytes()).removeprefix("gitdir:").strip()
        return (git.parent / target).resolve()
    except (OSError, RuntimeError, ValueError):  # unreadable, a loop of links, a NUL
        return None


def is_git_busy(directory: Path) -> bool:
    """Whether Git holds the index of the checkout: files are in between two revisions."""
    try:
        git = find_git(directory)
        return git is not None and (git / "index.lock").exists()
    except OSError:
        return False


class Watcher:
    """Says when to load: a small state machine without a clock of its own."""

    def __init__(
        self,
        directory: Path,
        look: Callable[[Path], Signature] = sign,
        is_busy: Callable[[Path], bool] = is_git_busy,
    ) -> None:
        self.directory = directory
        self._look = look
        self._is_busy = is_busy
        self._loaded = self._last = look(directory)
        self._changed_at: float | None = None

    def take(self) -> None:
        """What is there now is about to be loaded by somebody else's wish."""
        self._loaded = self._last = self._look(self.directory)
        self._changed_at = None

    def poll(self, now: float) -> bool:
        """Look once; True when a change has settled and is to be loaded now."""
        seen = self._look(self.directory)
        if seen != self._last:
            self._last, self._changed_at = seen, now
        if self._changed_at is None or now - self._changed_at < QUIET_TIME:
            return False
        if self._is_busy(self.directory):
            return False
        self._changed_at = None
        if seen == self._loaded:
            return False
        self._loaded = seen
        return True
