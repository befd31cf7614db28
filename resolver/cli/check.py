"""`sightline check`: the code path of a reload, without publishing. Passed means: will load."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from resolver.cli import COULD_NOT_RUN, DONE, PROBLEMS
from resolver.cli.common import add_zone_arguments, build_zones
from resolver.zones.places import Problem, Severity

# Rule ids that say that there was nothing to check, or nothing to check it against.
UNUSABLE = frozenset({"empty-directory", "no-environments"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_zone_arguments(parser)
    parser.add_argument("--format", choices=tuple(FORMATS), default="text")
    parser.add_argument("--strict", action="store_true", help="warnings fail too")


def run(arguments: argparse.Namespace) -> int:
    directory, built = build_zones(arguments)
    output = FORMATS[arguments.format](built.problems)
    if output:
        print(output)
    found = {problem.severity for problem in built.problems}
    if arguments.format == "text" and sys.stdout.isatty():
        print(_summary(built.problems, str(directory)))
    if _is_unusable(built.problems, str(directory)):
        return COULD_NOT_RUN
    failing = {Severity.ERROR, Severity.WARNING} if arguments.strict else {Severity.ERROR}
    return PROBLEMS if found & failing else DONE


def _is_unusable(problems: Sequence[Problem], directory: str) -> bool:
    """Whether the directory could not be checked; one unreadable file in it is a problem."""
    return any(
        problem.rule in UNUSABLE
        or (problem.rule == "unreadable" and problem.place.file == directory)
        for problem in problems
    )


def _summary(problems: Sequence[Problem], directory: str) -> str:
    if not problems:
        return f"{directory}: clean"
    counts = [(s.value, sum(p.severity is s for p in problems)) for s in Severity]
    return ", ".join(f"{count} {word}{'s' * (count > 1)}" for word, count in counts if count)


def as_text(problems: Sequence[Problem]) -> str:
    """`FILE:LINE:COLUMN: error|warning: RULE-ID: message`, a line each."""
    return "\n".join(str(problem) for problem in problems)


def as_json(problems: Sequence[Problem]) -> str:
    """A list of objects."""
    return json.dumps([problem.facts() for problem in problems], indent=2)


def as_github(problems: Sequence[Problem]) -> str:
    """Workflow commands that annotate the lines of a pull request."""
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}
    return "\n".join(
        f"::{words[p.severity]} file={_escape(p.place.file, ',:')},line={p.place.line},"
        f"col={p.place.column},title={p.rule}::{_escape(p.message)}"
        for p in problems
    )


def _escape(text: str, also: str = "") -> str:
    """Escape data of a workflow command; properties escape commas and colons too."""
    for char in "%\r\n" + also:
        text = text.replace(char, f"%{ord(char):02X}")
    return text


FORMATS: dict[str, Callable[[Sequence[Problem]], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
}
