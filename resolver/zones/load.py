"""A zones directory → ZoneSet: finds the files, parses what changed, reports every problem.

Files are known by content: one whose octets are the same is not parsed again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from resolver.zones.assemble import merge, read_parts
from resolver.zones.model import PlanSpec, Reading, ZoneFileSpec, locate
from resolver.zones.places import Mapping, Place, Problem, Rejected, Severity, place_of
from resolver.zones.plan import Findings, make_plan
from resolver.zones.yaml_source import parse
from resolver.zones.zone import Plan, Zone, ZoneSet

PLAN_FILES = ("environments.yaml", "environments.json")
SUFFIXES = (".yaml", ".json")

_PLAN = TypeAdapter(PlanSpec)
_ZONE_FILE = TypeAdapter(ZoneFileSpec)

# pydantic's error types → our rule ids; our own leaves carry their rule id as the type.
_RULES = {"missing": "missing-key", "missing_argument": "missing-key"}
_OWN_RULES = frozenset({"bad-type", "bad-address", "bad-name", "ttl-range"})


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """One file as read: its model, or the problems that keep it from having one."""

    digest: bytes
    spec: Any
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class AssembledFile:
    """The zones that one file has parts of; good while the file and the plan are the same."""

    parsed: ParsedFile
    plan: Plan
    parts: tuple[Zone, ...]
    problems: tuple[Problem, ...]


def assemble(
    plan: Plan, name: str, parsed: ParsedFile, known: AssembledFile | None
) -> AssembledFile:
    """What a file says under a plan; what is known is given back when it still holds."""
    if known is not None and known.parsed is parsed and known.plan is plan:
        return known
    findings = Findings()
    parts = read_parts(plan, name, parsed.spec, findings)
    return AssembledFile(parsed, plan, parts, tuple(findings.problems))


@dataclass(slots=True)
class ZonesDirectory:
    """A directory of zone files, and what was parsed of it before."""

    path: Path
    parsed: dict[str, ParsedFile] = field(default_factory=dict)
    planned: tuple[ParsedFile, Plan, tuple[Problem, ...]] | None = None
    assembled: dict[str, AssembledFile] = field(default_factory=dict)

    def load(self) -> tuple[ZoneSet | None, list[Problem]]:
        """Read everything that changed; None with the problems when no zones come of it.

        Raises Rejected when the directory cannot be read or holds no zone files.
        """
        findings = Findings()
        parsed: dict[str, ParsedFile] = {}
        for name, path in find_files(self.path, findings):
            try:
                octets = path.read_bytes()
            except OSError as error:
                message = f"cannot be read: {error.strerror}"
                findings.error(Place(name), "unreadable", message)
                continue
            parsed[name] = self._parse(name, octets)
        self.parsed = parsed
        for item in parsed.values():
            findings.problems += item.problems
        plans = {name: item.spec for name, item in parsed.items() if self._is_plan(name)}
        if not plans:
            if not parsed and not findings.problems:
                raise _unusable(self.path, "empty-directory", "holds no zone files")
            raise Rejected(
                [
                    *findings.problems,
                    *_unusable(self.path, "no-environments", "has no environments.yaml").problems,
                ]
            )
        if len(plans) > 1:
            findings.error(Place(max(plans)), "duplicate-record", "two files for environments")
        file = next(iter(plans))
        plan = self._make_plan(file, findings) if plans[file] is not None else None
        if plan is None:
            return None, findings.problems
        known, self.assembled = self.assembled, {}
        for name, item in parsed.items():
            if item.spec is not None and name not in plans:
                self.assembled[name] = assemble(plan, name, item, known.get(name))
        for found in self.assembled.values():
            findings.problems += found.problems
        parts = [part for found in self.assembled.values() for part in found.parts]
        return ZoneSet(plan, merge(parts, findings)), findings.problems

    def _make_plan(self, file: str, findings: Findings) -> Plan | None:
        """The plan; the very same one while its file is the same."""
        parsed = self.parsed[file]
        if self.planned is None or self.planned[0] is not parsed:
            found = Findings()
            plan = make_plan(parsed.spec, file, found)
            if plan is None:
                findings.problems += found.problems
                return None
            self.planned = (parsed, plan, tuple(found.problems))
        findings.problems += self.planned[2]
        return self.planned[1]

    def _is_plan(self, name: str) -> bool:
        return any(Path(name) == self.path / plan for plan in PLAN_FILES)

    def _parse(self, name: str, octets: bytes) -> ParsedFile:
        digest = hashlib.blake2b(octets, digest_size=16).digest()
        known = self.parsed.get(name)
        if known is not None and known.digest == digest:
            return known
        adapter: TypeAdapter[Any] = _PLAN if self._is_plan(name) else _ZONE_FILE
        try:
            tree = parse(octets, name)
        except Rejected as error:
            return ParsedFile(digest, None, error.problems)
        reading = Reading(name)
        try:
            spec = adapter.validate_python(tree, context=reading)
        except ValidationError as error:
            problems = [*reading.problems, *translate(error, tree, name)]
            return ParsedFile(digest, None, tuple(problems))
        return ParsedFile(digest, spec, tuple(reading.problems))


def translate(error: ValidationError, tree: Mapping, file: str) -> Iterator[Problem]:
    """pydantic's errors as problems with places."""
    for item in error.errors(include_url=False):
        kind, message = item["type"], item["msg"]
        rule = kind if kind in _OWN_RULES else _RULES.get(kind, "bad-type")
        if rule == "missing-key":
            message = f"{str(item['loc'][-1])!r} is missing"
        yield Problem(place_of(locate(tree, item["loc"]), file), Severity.ERROR, rule, message)


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
