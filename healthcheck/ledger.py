"""Which targets there are, what is probed for them, and where each probe stands.

Pure. A probe that several targets share is watched once. The tables may be read from another
thread: they are replaced as a whole, and what is watched changes one attribute at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from healthcheck.check import Timing
from healthcheck.counts import Labels
from healthcheck.health import Target
from healthcheck.recent import Recent
from healthcheck.track import Track
from healthcheck.use import ProbeKey, Use


class Watched:
    """One probe: its present track and the targets it is for. Equal only to itself."""

    __slots__ = (
        *("before", "digest", "key", "labels", "recent", "services", "slow_start", "timing"),
        *("track", "uses"),
    )

    def __init__(self, key: ProbeKey, track: Track) -> None:
        self.key = key
        self.timing: Timing = key[2]
        self.track = track
        self.before = track  # its last move
        self.recent = Recent()
        self.digest = ""  # its name in the saved file, once that is known
        self.serve(())

    def serve(self, uses: tuple[Use, ...]) -> None:
        """Be for these targets from now on."""
        self.uses = uses
        self.services = frozenset(use.service for use in uses)
        self.labels: frozenset[Labels] = frozenset(use.labels for use in uses)
        self.slow_start = max((use.slow_start for use in uses), default=0.0)  # the slowest


@dataclass(frozen=True, slots=True)
class Change:
    """What a new generation brought."""

    uses: list[Use]  # new, or other than before
    new: list[Watched]
    gone: list[Watched]


class Ledger:
    """The targets of the present generation."""

    def __init__(self) -> None:
        self.uses: Mapping[Target, Use] = {}
        self.watched: Mapping[ProbeKey, Watched] = {}
        self.by_target: Mapping[Target, Watched] = {}
        self.by_endpoint: Mapping[str, tuple[Use, ...]] = {}
        self.by_service: Mapping[str, tuple[Use, ...]] = {}

    def replace(self, uses: Iterable[Use], begin: Callable[[ProbeKey], Track]) -> Change:
        """Take the targets of a new generation.

        `begin` makes the track of a new probe. What stays keeps its `Watched` and its track.
        """
        before, found = self.uses, {use.target: use for use in uses}
        changed = [use for target, use in found.items() if _is_other(use, before.get(target))]
        if not changed and len(found) == len(before):
            return Change([], [], [])
        other = {use.target for use in changed}
        new: dict[ProbeKey, Watched] = {}
        sharing: dict[Watched, list[Use]] = {}
        for target, use in found.items():
            # A check is hashed only where something changed: that takes longest.
            same = None if target in other else self.by_target.get(target)
            entry = same or (self._entry(use, new, begin) if target in other else None)
            if entry is not None:
                sharing.setdefault(entry, []).append(use)
        gone = [entry for entry in self.watched.values() if entry not in sharing]
        self._index(found, sharing, new, gone)
        return Change(changed, list(new.values()), gone)

    def _entry(
        self, use: Use, new: dict[ProbeKey, Watched], begin: Callable[[ProbeKey], Track]
    ) -> Watched | None:
        key = use.probe
        if key is None:
            return None
        entry = self.watched.get(key) or new.get(key)
        if entry is None:
            entry = new[key] = Watched(key, begin(key))
        return entry

    def _index(
        self,
        uses: Mapping[Target, Use],
        sharing: Mapping[Watched, list[Use]],
        new: Mapping[ProbeKey, Watched],
        gone: list[Watched],
    ) -> None:
        for entry, shared in sharing.items():
            if entry.uses != (together := tuple(shared)):
                entry.serve(together)
        watched = {**self.watched, **new} if new or gone else self.watched
        if gone:
            lost = set(gone)
            watched = {key: entry for key, entry in watched.items() if entry not in lost}
        self.by_target = {use.target: entry for entry in sharing for use in entry.uses}
        self.uses, self.watched = uses, watched
        self.by_endpoint = _grouped(uses.values(), lambda use: use.endpoint)
        self.by_service = _grouped(uses.values(), lambda use: use.service)


def _is_other(use: Use, before: Use | None) -> bool:
    return use is not before and use != before


def _grouped(uses: Iterable[Use], key: Callable[[Use], str]) -> dict[str, tuple[Use, ...]]:
    groups: dict[str, list[Use]] = {}
    for use in uses:
        groups.setdefault(key(use), []).append(use)
    return {name: tuple(group) for name, group in groups.items()}
