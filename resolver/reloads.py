"""How reloads went: how often each way, when the last good one was, and what revision is served."""

from __future__ import annotations

from pathlib import Path

from resolver.revision import read_revision

RESULTS = ("ok", "failed")


class Reloads:
    """Of one directory, from the start of the server, which is no reload, on."""

    def __init__(self, directory: Path, now: float) -> None:
        self._directory = directory
        self._served = read_revision(directory)
        self.counts = dict.fromkeys(RESULTS, 0)
        self.loaded_at = now  # when what is served was read; seconds since the epoch
        self.has_failed = False  # the last one

    def begin(self) -> str:
        """The revision that is about to be read; for `succeed`."""
        return read_revision(self._directory)

    def succeed(self, now: float, revision: str) -> None:
        """What `begin` has seen is served."""
        self.counts["ok"] += 1
        self.loaded_at, self._served, self.has_failed = now, revision, False

    def fail(self) -> None:
        """What was served before serves on."""
        self.counts["failed"] += 1
        self.has_failed = True

    def revision(self) -> str:
        """The Git revision that is served; empty where there is none. Reads files.

        A commit that changes no zone file moves it too, without a reload.
        """
        return self._served if self.has_failed else read_revision(self._directory)
