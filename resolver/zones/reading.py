"""One file's octets → what it says: parsed, validated and assembled under a plan.

The model of a file lives only as long as it is read: what stays is what zones are made of, and the
problems that were met. The same in this process and in one beside it (`pool`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from resolver.zones.assemble import read_parts
from resolver.zones.model import PlanSpec, Reading, ZoneFileSpec, locate
from resolver.zones.places import Mapping, Problem, Rejected, Severity, place_of
from resolver.zones.plan import Findings, make_plan
from resolver.zones.yaml_source import parse
from resolver.zones.zone import Plan, Zone

_PLAN = TypeAdapter(PlanSpec)
_ZONE_FILE = TypeAdapter(ZoneFileSpec)

# pydantic's error types → our rule ids; our own leaves carry their rule id as the type.
_RULES = {"missing": "missing-key", "missing_argument": "missing-key"}
_OWN_RULES = frozenset({"bad-type", "bad-address", "bad-name", "ttl-range"})


@dataclass(frozen=True, slots=True)
class PlanFile:
    """`environments.yaml` as read; `plan` is None where its problems keep it from being one."""

    name: str
    octets: bytes
    plan: Plan | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class ZoneFile:
    """What a file says of zones; good while the file and the plan are the same."""

    digest: bytes
    parts: tuple[Zone, ...]
    problems: tuple[Problem, ...]


def digest_of(octets: bytes) -> bytes:
    """What a file is known by."""
    return hashlib.blake2b(octets, digest_size=16).digest()


def read_plan(octets: bytes, name: str) -> PlanFile:
    """Read `environments.yaml`, or what is called so."""
    spec, problems = _validate(_PLAN, octets, name)
    findings = Findings()
    plan = None if spec is None else make_plan(spec, name, findings)
    return PlanFile(name, octets, plan, (*problems, *findings.problems))


def read_zone_file(octets: bytes, name: str, plan: Plan | None) -> ZoneFile:
    """Read any other file; without a plan only its own problems are found."""
    spec, problems = _validate(_ZONE_FILE, octets, name)
    findings = Findings()
    parts: tuple[Zone, ...] = ()
    if spec is not None and plan is not None:
        parts = read_parts(plan, name, spec, findings)
    return ZoneFile(digest_of(octets), parts, (*problems, *findings.problems))


def _validate(
    adapter: TypeAdapter[Any], octets: bytes, name: str
) -> tuple[Any, tuple[Problem, ...]]:
    """The model of a file, or None with the problems that keep it from having one."""
    try:
        tree = parse(octets, name)
    except Rejected as error:
        return None, error.problems
    reading = Reading(name)
    try:
        spec = adapter.validate_python(tree, context=reading)
    except ValidationError as error:
        return None, (*reading.problems, *translate(error, tree, name))
    return spec, tuple(reading.problems)


def translate(error: ValidationError, tree: Mapping, file: str) -> Iterator[Problem]:
    """pydantic's errors as problems with places."""
    for item in error.errors(include_url=False):
        kind, message = item["type"], item["msg"]
        rule = kind if kind in _OWN_RULES else _RULES.get(kind, "bad-type")
        if rule == "missing-key":
            message = f"{str(item['loc'][-1])!r} is missing"
        yield Problem(place_of(locate(tree, item["loc"]), file), Severity.ERROR, rule, message)
