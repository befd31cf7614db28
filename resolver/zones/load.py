"""A zones directory → ZoneSet: finds the files, reads what changed, reports every problem.

Files are known by content: one whose octets are the same is not read again, unless the plan
changed, which every name and default in it rests on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from resolver.zones.assemble import merge
from resolver.zones.places import Place, Problem, Rejected, Severity
from resolver.zones.plan import Findings
from resolver.zones.pool import read_many
from resolver.zones.reading import PlanFile, ZoneFile, digest_of, read_plan
from resolver.zones.zone import ZoneSet

PLAN_FILES = ("environments.yaml", "environments.json")
SUFFIXES = (".yaml", ".json")


@dataclass(slots=True)
class ZonesDirectory:
    """A directory of zone files, and what was read of it before."""

    path: Path
    plans: dict[str, PlanFile] = field(default_factory=dict)
    files: dict[str, ZoneFile] = field(default_factory=dict)  # under the first of the plans

    def load(self) -> tuple[ZoneSet | None, list[Problem]]:
        """Read everything that changed; None with the problems when no zones come of it.

        Raises Rejected when the directory cannot be read or holds no zone files.
        """
        findings = Findings()
        octets = read_octets(self.path, findings)
        if not octets and not findings.problems:
            raise _unusable(self.path, "empty-directory", "holds no zone files")
        before = self._plan_file
        self.plans = {
            name: self._read_plan(name, octets.pop(name))
            for name in list(octets)
            if self._is_plan(name)
        }
        found = self._plan_file
        self._read_zone_files(octets, known=self.files if found is before else {})
        for plan in self.plans.values():
            findings.problems += plan.problems
        for file in self.files.values():
            findings.problems += file.problems
        if found is None:
            missing = _unusable(self.path, "no-environments", "has no environments.yaml")
            raise Rejected([*findings.problems, *missing.problems])
        if len(self.plans) > 1:
            findings.error(Place(max(self.plans)), "duplicate-record", "two files for environments")
        return self._join(findings), findings.problems

    def resume(self, octets: Mapping[str, bytes], files: Mapping[str, ZoneFile]) -> ZoneSet | None:
        """Take over what these very files were found to say, once all was judged to be good."""
        self.plans = {n: read_plan(text, n) for n, text in octets.items() if self._is_plan(n)}
        self.files = dict(files)
        return self._join(Findings())

    @property
    def digests(self) -> dict[str, bytes]:
        """What the files that were read last are known by."""
        found = {name: digest_of(file.octets) for name, file in self.plans.items()}
        return found | {name: file.digest for name, file in self.files.items()}

    def _join(self, findings: Findings) -> ZoneSet | None:
        plan = None if self._plan_file is None else self._plan_file.plan
        if plan is None:
            return None
        parts = [part for file in self.files.values() for part in file.parts]
        return ZoneSet(plan, merge(parts, findings))

    @property
    def _plan_file(self) -> PlanFile | None:
        return next(iter(self.plans.values()), None)

    def _read_plan(self, name: str, octets: bytes) -> PlanFile:
        """The plan of a file; the very same one while the file is the same."""
        known = self.plans.get(name)
        return known if known is not None and known.octets == octets else read_plan(octets, name)

    def _read_zone_files(self, octets: Mapping[str, bytes], known: Mapping[str, ZoneFile]) -> None:
        changed = {
            name: text
            for name, text in octets.items()
            if name not in known or known[name].digest != digest_of(text)
        }
        fresh = read_many(changed, self._plan_file)
        self.files = {name: fresh.get(name) or known[name] for name in octets}

    def _is_plan(self, name: str) -> bool:
        return any(Path(name) == self.path / plan for plan in PLAN_FILES)


def read_octets(root: Path, findings: Findings) -> dict[str, bytes]:
    """The zone files below a directory, by name and in the order of their names."""
    found = {}
    for name, path in find_files(root, findings):
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            findings.error(Place(name), "unreadable", f"cannot be read: {error.strerror}")
    return found


def find_files(root: Path, findings: Findings) -> Iterator[tuple[str, Path]]:
    """The zone files below a directory, in the order of their names.

    Links must stay within the resolved root; names that begin with a dot are skipped.
    """
    try:
        real_root = root.resolve(strict=True)
        with os.scandir(root):
            pass
    except OSError as error:
        raise _unusable(root, "unreadable", f"cannot be read: {error.strerror}") from None
    yield from _walk(root, real_root, frozenset({real_root}), findings)


def _walk(
    directory: Path, root: Path, above: frozenset[Path], findings: Findings
) -> Iterator[tuple[str, Path]]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        findings.error(Place(str(directory)), "unreadable", f"cannot be read: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if entry.is_symlink() and not _may_follow(path, root, findings):
            continue
        if entry.is_dir():
            real = path.resolve()
            if real not in above:
                yield from _walk(path, root, above | {real}, findings)
        elif entry.name.endswith(SUFFIXES):
            if entry.is_file():
                yield entry.path, path
            else:  # a pipe would keep its reader waiting
                findings.error(Place(entry.path), "unreadable", "not a regular file")
        elif entry.name.endswith(".yml"):
            findings.error(Place(entry.path), "file-suffix", "zone files end in .yaml")


def _may_follow(link: Path, root: Path, findings: Findings) -> bool:
    """Whether a link leads to something within the root."""
    try:
        real = link.resolve(strict=True)
    except (OSError, RuntimeError):
        if link.name.endswith(SUFFIXES):
            findings.error(Place(str(link)), "unreadable", "a link to nothing")
        return False
    if not real.is_relative_to(root):
        findings.error(Place(str(link)), "link-outside", "a link out of the directory")
        return False
    return True


def _unusable(path: Path, rule: str, message: str) -> Rejected:
    return Rejected([Problem(Place(str(path)), Severity.ERROR, rule, f"the directory {message}")])
