"""When the state is saved: some seconds after a change, in a thread beside, and at the end.

What a former process saved is kept for probes that come to be wanted later, and saved again.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from healthcheck.ledger import Watched
from healthcheck.report import Override
from healthcheck.saved import Saved, SavedProbe, StateFile, digest, recall, remember
from healthcheck.track import Track
from healthcheck.use import ProbeKey

LEAST_PAUSE = 5.0  # seconds between two writes
LONGEST_PAUSE = 60.0  # without a change: the times in the file are to be of late


class Recorder:
    """The saved state in `directory` (None: nothing is saved); belongs to the checker's loop."""

    def __init__(
        self, directory: Path | None, clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._file = None if directory is None else StateFile(directory, clock)
        self._clock = clock
        self._wall = wall
        loaded = Saved() if self._file is None else self._file.load()
        self._former: dict[str, SavedProbe] = dict(loaded.probes)
        self.overrides: Mapping[str, Override] = loaded.overrides
        self.is_dirty = False
        self.is_urgent = False  # somebody counts on it from now on
        self._written = clock()
        self._writing: asyncio.Future[bool] | None = None
        self._lock = threading.Lock()
        self._is_over = False

    def start(self) -> None:
        """Be of use to a loop: the first, or another after the former one ended."""
        self._writing = None
        self._is_over = False

    def begin(self, key: ProbeKey) -> Track:
        """The track of a new probe: as it was saved, or nothing known."""
        now = self._clock()
        found = self._former.pop(digest(key), None) if self._former else None
        return (found and recall(found, now, self._wall())) or Track(begun=now)

    def write_if_due(self, watched: Iterable[Watched], overrides: Mapping[str, Override]) -> None:
        """Save in a thread beside if something changed; to be called now and then."""
        since = self._clock() - self._written
        least = LEAST_PAUSE if self.is_dirty else LONGEST_PAUSE
        if self._file is None or (since < least and not self.is_urgent):
            return
        if self._writing is not None and not self._writing.done():
            return
        self.is_dirty = self.is_urgent = False
        self._written = self._clock()
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, self._write, list(watched), overrides)

    def finish(self, watched: Iterable[Watched], overrides: Mapping[str, Override]) -> None:
        """Save at the end, at once; a write beside it comes before that or not at all."""
        with self._lock:
            self._replace(list(watched), overrides)
            self._is_over = True

    def _write(self, watched: list[Watched], overrides: Mapping[str, Override]) -> bool:
        with self._lock:
            return not self._is_over and self._replace(watched, overrides)

    def _replace(self, watched: list[Watched], overrides: Mapping[str, Override]) -> bool:
        if self._file is None:
            return False
        now, wall = self._clock(), self._wall()
        probes = {
            found: saved
            for found, saved in list(self._former.items())
            if recall(saved, now, wall) is not None
        }
        for entry in watched:
            saved = remember(entry.key[0], entry.track, now, wall)
            if saved is not None:
                entry.digest = entry.digest or digest(entry.key)
                probes[entry.digest] = saved
        return self._file.write(Saved(probes=probes, overrides=overrides))
