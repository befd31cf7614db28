"""Where something was written, and what is wrong with it: places and problems.

Every value read from YAML keeps its line and column; every message about it names the file too.
"""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, NamedTuple, TypeVar


class Place(NamedTuple):
    """A position in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(Enum):
    """How bad: an error keeps a generation from being published."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"


Class = TypeVar("Class", bound=type)


def quickly_pickled(cls: Class) -> Class:
    """Let a frozen dataclass be pickled as a call with its fields.

    What `dataclass` writes for frozen classes with slots takes twice as long to read, and there
    are hundreds of thousands.
    """
    read = operator.attrgetter(*(field.name for field in fields(cls)))

    def reduce(self: object) -> tuple[Class, Any]:
        return cls, read(self)

    cls.__reduce__ = reduce  # type: ignore[assignment]  # any callable does
    return cls


@quickly_pickled
@dataclass(frozen=True, slots=True)
class Problem:
    """One finding, with a stable rule id."""

    place: Place
    severity: Severity
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.severity.value}: {self.rule}: {self.message}"

    def facts(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "severity": self.severity.value,
            "rule": self.rule,
            "message": self.message,
        }


class Rejected(Exception):
    """A directory, file or configuration that cannot be used; holds every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Text(str):
    """A YAML scalar as written, never resolved to a number, boolean or date."""

    __slots__ = ("column", "line", "plain")
    line: int
    column: int
    plain: bool  # written without quotes


class Mapping(dict[Text, Any]):
    """A YAML mapping with the place of its first key."""

    __slots__ = ("column", "line")
    line: int
    column: int


class Sequence(list[Any]):
    """A YAML sequence with the place of its first item."""

    __slots__ = ("column", "line")
    line: int
    column: int


Node = Text | Mapping | Sequence


def text_at(value: str, line: int, column: int, plain: bool = True) -> Text:
    """Make a Text at a position (both from 1)."""
    text = Text(value)
    text.line, text.column, text.plain = line, column, plain
    return text


def place_of(node: Any, file: str) -> Place:
    """The place of anything read by `yaml_source`; the top of the file for what has none."""
    return Place(file, getattr(node, "line", 1), getattr(node, "column", 1))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
