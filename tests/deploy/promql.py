"""What an expression of PromQL names. Whether it is well formed is for promtool to say."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.deploy.catalogue import METRICS, OF_PROMETHEUS, SCRAPED, VALUES, values_of

# Names of recording rules hold colons; their labels are those that they are made `by`.
_SELECTOR = re.compile(r"(?<![\w:.\"])([a-z_][a-z0-9_:]*)\s*(?:\{([^}]*)\}|(?=[\[\s)=<>*/+-]|$))")
_MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)")
_WORDS = frozenset({"and", "or", "unless", "by", "on", "bool", "offset", "time", "vector"})


class Selector(NamedTuple):
    """One series that an expression asks for."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]


def selectors(expression: str) -> list[Selector]:
    """Every one, in order."""
    plain = _GROUPING.sub(" ", expression)
    found = []
    for match in _SELECTOR.finditer(plain):
        name, inside = match[1], match[2] or ""
        if "sightline" in name or (name not in _WORDS and match[2] is not None):
            matchers = tuple((m[1], m[2], m[3]) for m in _MATCHER.finditer(inside))
            found.append(Selector(name, matchers))
    return found


def groupings(expression: str) -> set[str]:
    """The labels that it groups or joins by."""
    return {
        label.strip()
        for match in _GROUPING.finditer(expression)
        for label in match[1].split(",")
        if label.strip()
    }


def labels_of(name: str, recorded: dict[str, str]) -> frozenset[str] | None:
    """The labels of a series, of a bucket or of what a rule records; None: there is no such."""
    if name in recorded:
        grouped = groupings(recorded[name])
        if grouped:
            return frozenset(grouped)
        inner = (labels_of(selector.name, recorded) for selector in selectors(recorded[name]))
        return frozenset().union(*(labels or () for labels in inner))
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    known = METRICS.get(base)
    if known is not None and (known.kind == "histogram") is (base != name):
        extra = {"le"} if name.endswith("_bucket") else set()
        return frozenset({*known.labels, *SCRAPED, *extra})
    return frozenset(SCRAPED) if name in OF_PROMETHEUS else None


def faults(expression: str, recorded: dict[str, str]) -> Iterator[str]:
    """Series, labels and values of closed lists that no server has."""
    every: set[str] = set()
    for name, matchers in selectors(expression):
        labels = labels_of(name, recorded)
        if labels is None:
            yield f"there is no {name}"
            continue
        every |= labels
        for label, operator, text in matchers:
            if label not in labels:
                yield f"{name} has no label {label}"
            elif label in VALUES and not text.startswith("$"):
                known = values_of(name, label)
                words = text.split("|") if "~" in operator else [text]
                yield from (f"{label} is never {word}" for word in words if word not in known)
    yield from (f"nothing has a label {label}" for label in groupings(expression) - every)


def promtool(*arguments: str | Path, cwd: Path | None = None) -> None:
    """Run it; what it finds fault with fails the test."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: apt install prometheus)")
    ran = subprocess.run(
        [found, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def as_rules(expressions: Iterable[str]) -> dict[str, object]:
    """A rule file that records each expression."""
    rules = [
        {"record": f"expression_{number}", "expr": expression}
        for number, expression in enumerate(expressions)
    ]
    return {"groups": [{"name": "expressions", "rules": rules}]}
