"""The tokens file: read at the start, and again whenever it changes.

A file that breaks while the server runs keeps the tokens of before, and is told of once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from resolver.admin.access import Right, Token
from resolver.zones.leaves import describe
from resolver.zones.places import (
    Mapping,
    Place,
    Problem,
    Rejected,
    Sequence,
    Severity,
    Text,
    did_you_mean,
    place_of,
)
from resolver.zones.yaml_source import parse

log = logging.getLogger("sightline.admin")

ALL = "all"
_KEYS = ("name", "sha256", "environments", "may")
_HEX = re.compile(r"[0-9a-fA-F]{64}")
_TOP = b"tokens:\n"
_START = re.compile(rb"\A((?:\xef\xbb\xbf)?(?:[ \t]*(?:#[^\n]*)?\r?\n)*)---(?=\s)")

Stamp = tuple[int, int, int]


class TokenFile:
    """The tokens of a file, as they are now. Raises Rejected when it cannot be read at first."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = self._look()
        self._tokens = self._read()

    def current(self) -> tuple[Token, ...]:
        """The tokens; the file is read again when it was changed."""
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._tokens = self._read()
            except Rejected as error:
                log.error("%s; the tokens of before stay", error)  # noqa: TRY400  # no bug: a file
            else:
                log.info("%s: %d tokens", self._path, len(self._tokens))
        return self._tokens

    def _look(self) -> Stamp | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> tuple[Token, ...]:
        try:
            octets = self._path.read_bytes()
        except OSError as error:
            message = f"cannot be read: {error.strerror}"
            place = Place(str(self._path))
            raise Rejected([Problem(place, Severity.ERROR, "unreadable", message)]) from None
        return read_tokens(octets, str(self._path))


def read_tokens(octets: bytes, file: str) -> tuple[Token, ...]:
    """The tokens of a YAML list; raises Rejected with every problem and its place."""
    reading = _Reading(file)
    tokens = [reading.token(item) for item in reading.items(octets)]
    for which in () if reading.problems else ("name", "digest"):
        seen = set()
        for token, item in tokens:
            value = getattr(token, which)
            if value in seen:
                reading.add(item, f"this {'token' if which == 'digest' else 'name'} is there twice")
            seen.add(value)
    if reading.problems:
        raise Rejected(reading.problems)
    return tuple(token for token, _ in tokens)


class _Reading:
    """Collects what is wrong; the list is read as the value of a key, hence one line lower."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(self, node: Any, message: str) -> None:
        place = _raised(place_of(node, self.file))
        self.problems.append(Problem(place, Severity.ERROR, "bad-token", message))

    def items(self, octets: bytes) -> list[Any]:
        octets = _START.sub(rb"\1   ", octets).removeprefix(b"\xef\xbb\xbf")
        try:
            top = parse(_TOP + octets, self.file)
        except Rejected as error:
            problems = (
                Problem(_raised(p.place), p.severity, p.rule, p.message) for p in error.problems
            )
            raise Rejected(problems) from None
        for key in list(top)[1:]:
            self.add(key, "the file is a list of tokens and nothing else")
        found = next(iter(top.values()))
        if isinstance(found, Sequence):
            return list(found)
        if found != "":
            self.add(found, f"expected a list of tokens, got {describe(found)}")
        return []

    def token(self, item: Any) -> tuple[Token, Any]:
        if not isinstance(item, Mapping):
            self.add(item, f"a token is a mapping, not {describe(item)}")
            return Token("", b"", frozenset(), frozenset()), item
        for key in item:
            if key not in _KEYS:
                self.add(key, f"unknown key {key!r}{did_you_mean(key, _KEYS)}")
        found: dict[str, Any] = {str(key): value for key, value in item.items()}
        for wanted in _KEYS:
            if wanted not in found:
                self.add(item, f"{wanted!r} is missing")
        token = Token(
            name=self.text(found.get("name", "-"), "name"),
            digest=self.digest(found.get("sha256", "0" * 64)),
            environments=self.environments(found.get("environments", ALL)),
            may=self.rights(found.get("may", Sequence())),
        )
        return token, item

    def text(self, node: Any, what: str) -> str:
        if isinstance(node, str) and node and node.isprintable():
            return str(node)
        self.add(node, f"{what} is text, not {describe(node)}")
        return ""

    def digest(self, node: Any) -> bytes:
        if isinstance(node, str) and _HEX.fullmatch(node):
            return bytes.fromhex(node)
        self.add(node, "sha256 is the 64 hexadecimal digits of the token's SHA-256")
        return b""

    def environments(self, node: Any) -> frozenset[str] | None:
        if isinstance(node, str) and node == ALL:
            return None
        words = self.words(node, f"environments is a list of them, or {ALL!r}")
        return frozenset(str(word) for word in words)

    def rights(self, node: Any) -> frozenset[Right]:
        known = [right.value for right in Right]
        found = set()
        for word in self.words(node, f"may is a list of {', '.join(known)}"):
            if word in known:
                found.add(Right(word))
            else:
                self.add(word, f"unknown right {word!r}{did_you_mean(word, known)}")
        return frozenset(found)

    def words(self, node: Any, message: str) -> Iterable[Text]:
        if not isinstance(node, Sequence):
            self.add(node, message)
            return
        for word in node:
            if isinstance(word, Text) and word:
                yield word
            else:
                self.add(word, message)


def _raised(place: Place) -> Place:
    return place._replace(line=max(1, place.line - 1))
