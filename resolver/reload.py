"""Files → generation: the one path of start, reload and `check`. All or nothing."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path

from resolver.compile import compile_generation
from resolver.generation import Generation
from resolver.zones.load import ZonesDirectory
from resolver.zones.places import Problem, Rejected, Severity
from resolver.zones.rules import lint
from resolver.zones.zone import ZoneSet


@dataclass(frozen=True, slots=True)
class Built:
    """What came of the files: a generation when no problem is an error."""

    generation: Generation | None
    problems: tuple[Problem, ...]


class Builder:
    """Builds generations from one directory; keeps what need not be parsed again."""

    def __init__(self, directory: Path, seed: int, has_default_upstreams: bool = False) -> None:
        self.directory = ZonesDirectory(directory)
        self.seed = seed
        self.has_default_upstreams = has_default_upstreams

    def build(self, now: int, previous: Generation | None = None) -> Built:
        """Read, judge and compile; `now` in seconds since the epoch (for serials)."""
        was_enabled = gc.isenabled()
        # Almost all of what is made here lives on: walking it again and again finds nothing.
        gc.disable()
        try:
            return self._build(now, previous)
        finally:
            if was_enabled:
                gc.enable()

    def _build(self, now: int, previous: Generation | None) -> Built:
        zones: ZoneSet | None
        try:
            zones, problems = self.directory.load()
        except Rejected as error:
            return Built(None, error.problems)
        generation = None
        if zones is not None:
            if not _has_errors(problems):
                generation = compile_generation(zones, now, self.seed, previous)
            problems += lint(zones, generation, self.has_default_upstreams)
        ordered = tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.place, p.rule)))
        return Built(None if _has_errors(ordered) else generation, ordered)


def _has_errors(problems: tuple[Problem, ...] | list[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)
