"""Files → generation: the one path of start, reload and `check`. All or nothing."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from resolver.cafile import find_fault
from resolver.compile import compile_generation, pack_up
from resolver.generation import Generation, Serials
from resolver.routes import NO_DEFAULTS, ServerDefaults
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

    def __init__(
        self,
        directory: Path,
        seed: int,
        read_defaults: Callable[[], ServerDefaults] = lambda: NO_DEFAULTS,
        may_run_commands: bool = False,
        known: Serials | None = None,
        *,
        packs: bool = False,
    ) -> None:
        self.directory = ZonesDirectory(directory)
        self.seed = seed
        self.read_defaults = read_defaults  # what the server says of forwarding, at each build
        self.may_run_commands = may_run_commands
        self.known = known  # serials of a former process
        self.packs = packs  # namespaces: who answers from them is another process

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
            problems += judge_needs(zones, self.may_run_commands)
            defaults = self.read_defaults()
            if not _has_errors(problems):
                generation = compile_generation(
                    *(zones, now, self.seed, previous), known=self.known, defaults=defaults
                )
            problems += lint(zones, generation, defaults.has_upstreams)
        ordered = tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.place, p.rule)))
        if generation is None or _has_errors(ordered):
            return Built(None, ordered)
        return Built(pack_up(generation, self.seed) if self.packs else generation, ordered)


def judge_needs(zones: ZoneSet, may_run_commands: bool) -> Iterator[Problem]:
    """What checks need and this machine or its configuration does not give; looks each time."""
    services = (service for zone in zones.zones for service in zone.services.values())
    needs = dict.fromkeys((zones.plan.needs, *(service.needs for service in services)))
    faults: dict[str, str | None] = {}
    for path, place in dict.fromkeys(file for need in needs for file in need.ca_files):
        if path not in faults:
            faults[path] = find_fault(Path(path))
        if (fault := faults[path]) is not None:
            yield Problem(place, Severity.ERROR, "missing-ca-file", f"{path}: {fault}")
    if may_run_commands:
        return
    message = "commands are run only with 'checks: {commands: true}' in the server's configuration"
    for place in dict.fromkeys(place for need in needs for place in need.commands):
        yield Problem(place, Severity.ERROR, "command-not-allowed", message)


def _has_errors(problems: tuple[Problem, ...] | list[Problem]) -> bool:
    return any(problem.severity is Severity.ERROR for problem in problems)
