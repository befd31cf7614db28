"""Files → generation: the one path of start, reload and `check`. All or nothing.

A server with a `state_dir` keeps what it made (`snapshot`); its next start takes that over when it
finds the same files, configuration and program.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from resolver.background import BRISKLY
from resolver.cafile import find_fault
from resolver.compile import Made, compile_generation, pack_up, resume_generation
from resolver.generation import Generation, Serials
from resolver.packed import PackedNamespace
from resolver.parcel import pack
from resolver.routes import NO_DEFAULTS, ServerDefaults
from resolver.snapshot import Snapshot, SnapshotFile, fingerprint, make_key
from resolver.zones.load import ZonesDirectory, read_octets
from resolver.zones.places import Problem, Rejected, Severity
from resolver.zones.plan import Findings
from resolver.zones.reading import ZoneFile, digest_of
from resolver.zones.rules import lint
from resolver.zones.zone import ZoneSet

MANY = 100  # warnings, or hints, of one rule that a log is worth

log = logging.getLogger("sightline")


@dataclass(frozen=True, slots=True)
class Built:
    """What came of the files: a generation when no problem is an error."""

    generation: Generation | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Unsaved:
    """What the next process shall find, and under which key."""

    key: bytes
    built: Built
    files: dict[str, ZoneFile]


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
        snapshots: SnapshotFile | None = None,
    ) -> None:
        self.directory = ZonesDirectory(directory)
        self.seed = seed
        self.read_defaults = read_defaults  # what the server says of forwarding, at each build
        self.may_run_commands = may_run_commands
        self.known = known  # serials of a former process
        self.packs = packs  # namespaces: who answers from them is another process
        self.snapshots = snapshots  # None: nothing is kept for the next process
        self._unsaved: _Unsaved | None = None
        self._busy = threading.Lock()  # building, or saving what was built

    def build(self, now: int, previous: Generation | None = None) -> Built:
        """Read, judge and compile; `now` in seconds since the epoch (for serials)."""
        was_enabled = gc.isenabled()
        # Almost all of what is made here lives on: walking it again and again finds nothing.
        gc.disable()
        try:
            with self._busy:
                resumed = self._resume() if previous is None else None
                return resumed or self._build(now, previous)
        finally:
            if was_enabled:
                gc.enable()

    def _build(self, now: int, previous: Generation | None) -> Built:
        zones: ZoneSet | None
        try:
            zones, problems = self.directory.load()
        except Rejected as error:
            return Built(None, error.problems)
        generation, defaults = None, self.read_defaults()
        if zones is not None:
            problems += judge_needs(zones, self.may_run_commands)
            if not _has_errors(problems):
                generation = compile_generation(
                    *(zones, now, self.seed, previous), known=self.known, defaults=defaults
                )
            problems += lint(zones, generation, defaults.has_upstreams)
        ordered = tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.place, p.rule)))
        if generation is None or _has_errors(ordered):
            return Built(None, ordered)
        built = Built(pack_up(generation, self.seed) if self.packs else generation, ordered)
        if self.snapshots is not None:
            key = self._key(self.directory.digests, defaults)
            self._unsaved = _Unsaved(key, built, self.directory.files)
        return built

    def _resume(self) -> Built | None:
        """What a former process made of the same; None: there is none, or it no longer holds."""
        findings = Findings()
        if self.snapshots is None:
            return None
        try:
            octets = read_octets(self.directory.path, findings)
        except Rejected:
            return None
        defaults = self.read_defaults()
        digests = {name: digest_of(text) for name, text in octets.items()}
        kept = self.snapshots.load(self._key(digests, defaults))
        if kept is None or findings.problems or not self._follows(kept.serials):
            return None
        zones = self.directory.resume(octets, kept.files)
        # What checks need of the machine may have gone since.
        if zones is None or any(judge_needs(zones, self.may_run_commands)):
            return None
        spaces = {name: PackedNamespace(parcel) for name, parcel in kept.parcels.items()}
        made = Made(spaces, kept.serials)
        log.info("the zones are those of the snapshot: none is read again")
        return Built(resume_generation(zones, self.seed, made, defaults), kept.problems)

    def _follows(self, serials: Serials) -> bool:
        """Whether no serial was given since these: none may go back."""
        known = self.known or {}
        return all(known.get(place, pair) == pair for place, pair in serials.items())

    def _key(self, digests: dict[str, bytes], defaults: ServerDefaults) -> bytes:
        return make_key(digests, fingerprint(), defaults, self.may_run_commands)

    def keep(self) -> None:
        """Save what was built last for the next process, beside whatever else goes on."""
        if self._unsaved is not None:
            threading.Thread(target=self.save, daemon=True).start()

    def save(self) -> None:
        """Save what was built last for the next process."""
        with BRISKLY, self._busy:
            unsaved, self._unsaved = self._unsaved, None
            if unsaved is None or self.snapshots is None:
                return
            generation, problems = unsaved.built.generation, abridge(unsaved.built.problems)
            assert generation is not None
            parcels = {
                name: space.parcel if isinstance(space, PackedNamespace) else pack(space)
                for name, space in generation.namespaces.items()
            }
            snapshot = Snapshot(problems, generation.serials, unsaved.files, parcels)
            self.snapshots.save(unsaved.key, snapshot)


def abridge(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Every error, and of the others so many of each rule as people read."""
    problems = tuple(problems)
    counts = Counter((problem.rule, problem.severity) for problem in problems)
    seen: Counter[tuple[str, Severity]] = Counter()
    shown = []
    for problem in problems:
        kind = problem.rule, problem.severity
        seen[kind] += 1
        left = counts[kind] - MANY
        if problem.severity is Severity.ERROR or seen[kind] <= MANY or left == 1:
            shown.append(problem)
        elif seen[kind] == MANY + 1:
            message = f"and {left} more like this, which 'sightline check' shows"
            shown.append(Problem(problem.place, problem.severity, problem.rule, message))
    return tuple(shown)


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
