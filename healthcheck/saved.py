"""What outlives the process: the state of each probe and the overrides, in one JSON file.

Times in it are wall-clock. It is replaced as a whole, so that a crash leaves the old or the new
one; one that cannot be read is set aside. Nothing here raises: a checker without a file works.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from healthcheck.files import replace_file, set_aside
from healthcheck.health import State
from healthcheck.report import Override
from healthcheck.track import MAX_PENALTY, Track, is_suppressed, penalty_at
from healthcheck.use import ProbeKey

log = logging.getLogger("sightline.health")

FILE = "health.json"
MAX_OCTETS = 64 * 1024 * 1024
LONGEST = 86_400.0  # seconds: an older state says nothing
WARN_EVERY = 60.0  # seconds
LAST_MOMENT = 253_402_300_800.0  # the year 10000: no date beyond can be shown


@dataclass(frozen=True, slots=True)
class SavedProbe:
    """What is worth knowing of one probe after a restart."""

    address: str  # for people who read the file
    state: State
    proven: bool
    penalty: float  # at `at`
    held: bool  # out of answers by damping
    at: float  # when it was last observed, in seconds since the epoch


@dataclass(frozen=True, slots=True)
class Saved:
    """The whole file."""

    version: Literal[1] = 1
    probes: Mapping[str, SavedProbe] = field(default_factory=dict)
    overrides: Mapping[str, Override] = field(default_factory=dict)


_FORMAT = TypeAdapter(Saved)


def digest(key: ProbeKey) -> str:
    """A name for a probe that is the same in the next process; tells nothing of its options."""
    address, check, timing = key
    told = f"{address}\n{check.kind}\n{check!r}\n{timing!r}"
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def remember(address: str, track: Track, now: float, wall: float) -> SavedProbe | None:
    """What to save of a track at `now` on its clock, `wall` since the epoch; None: nothing."""
    if track.state is State.UNKNOWN:
        return None
    at = track.saved_at if track.last is None else wall - (now - track.last.at)
    penalty = penalty_at(track, now + (at - wall))  # as it was then
    held = is_suppressed(track, now)
    return SavedProbe(address, track.state, track.is_proven, penalty, held, at)


def recall(saved: SavedProbe, now: float, wall: float) -> Track | None:
    """The track that a saved one continues with; None: it is too old."""
    # A time to come is of a clock that was set back; far away, it is of no clock.
    if saved.state is State.UNKNOWN or not abs(wall - saved.at) <= LONGEST:
        return None
    penalized = now - max(0.0, wall - saved.at)
    penalty = min(MAX_PENALTY, max(0.0, saved.penalty))
    track = Track(
        begun=now,
        state=saved.state,
        is_proven=saved.proven,
        is_saved=True,
        saved_at=saved.at,
        penalty=penalty,
        penalized=penalized,
        is_suppressed=saved.held,
    )
    # Released while nobody looked: no slow start comes of that.
    return track if is_suppressed(track, now) else replace(track, is_suppressed=False)


class StateFile:
    """The file in `directory`; one thread at a time may write it."""

    def __init__(self, directory: Path, clock: Callable[[], float]) -> None:
        self._path = directory / FILE
        self._clock = clock
        self._warned: float | None = None

    def load(self) -> Saved:
        """What was saved; empty if there is nothing, or nothing that can be read."""
        try:
            with self._path.open("rb") as file:
                text = file.read(MAX_OCTETS + 1)
            if len(text) > MAX_OCTETS:
                raise ValueError(f"it is larger than {MAX_OCTETS} octets")
            return _checked(_FORMAT.validate_json(text))
        except FileNotFoundError:
            return Saved()
        except (OSError, ValueError) as error:  # pydantic's errors are ValueErrors
            log.warning("the saved health cannot be used and is set aside: %s", _first(error))
            set_aside(self._path)
            return Saved()

    def write(self, saved: Saved) -> bool:
        """Replace the file; gives whether it could be, and warns once a minute if not."""
        try:
            replace_file(self._path, _FORMAT.dump_json(saved))
        except (OSError, ValueError) as error:
            self._warn(error)
            return False
        self._warned = None
        return True

    def _warn(self, error: Exception) -> None:
        now = self._clock()
        if self._warned is None or now - self._warned >= WARN_EVERY:
            self._warned = now
            log.warning("the state of health cannot be saved: %s", _first(error))


def _checked(saved: Saved) -> Saved:
    for override in saved.overrides.values():
        for moment in (override.since, override.until or 0.0):
            if not 0 <= moment < LAST_MOMENT:
                raise ValueError(f"{moment} is no time")
    return saved


def _first(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
