"""YAML text → a tree of Text, Mapping and Sequence that remembers line and column.

Scalars stay text (`no`, `010`, `1:30` are legal owners); duplicate keys, tags, several documents
and alias bombs are problems, collected as far as the syntax lets us read on.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn, TypeVar

import yaml
from yaml._yaml import CParser
from yaml.composer import ComposerError

from resolver.zones.places import Mapping, Node, Place, Problem, Rejected, Sequence, Severity, Text

MAX_OCTETS = 64 * 1024 * 1024
# Aliases may repeat what they name this many times over the nodes that are really written.
MAX_EXPANSION = 20
FREE_EXPANSION = 10_000
# Nodes within nodes; a zone file needs about eight.
MAX_DEPTH = 50
_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"
MERGE_KEY = "<<"
BUILTIN_TAGS = frozenset({"plain", "quoted"})

_SURROGATES = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)

Located = TypeVar("Located", Mapping, Sequence, Mapping | Sequence)


class _Composer(CParser):
    """The C parser without resolution of scalars: the tag says only whether it was plain.

    It composes by recursion in C, which ends the process when the stack does. The two calls that
    it makes around every node count how deep it is.
    """

    depth = 0

    def resolve(self, kind: type, value: str | None, implicit: Any) -> str:
        return "quoted" if kind is yaml.ScalarNode and not implicit[0] else "plain"

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """Enter a node."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ComposerError(None, None, _TOO_DEEP, parent.start_mark)

    def ascend_resolver(self) -> None:
        """Leave a node."""
        self.depth -= 1


def parse(octets: bytes, file: str) -> Mapping:
    """Read one document whose top is a mapping.

    Raises Rejected with rule ids yaml-syntax, duplicate-key, bad-type, file-size.
    """
    if len(octets) > MAX_OCTETS:
        _reject(Place(file), "file-size", f"{len(octets)} octets, {MAX_OCTETS} at most")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        column = error.start - octets.rfind(b"\n", 0, error.start)
        _reject(Place(file, line, column), "yaml-syntax", "not UTF-8")
    if file.endswith(".json"):
        text = _SURROGATES.sub(_join_surrogates, text)
    try:
        root = _Composer(text).get_single_node()
    except yaml.YAMLError as error:
        _reject(*_explain(error, text, file))
    if root is None or _is_nothing(root):
        return _located(Mapping(), 1, 1)
    builder = _Builder(file)
    tree = builder.build(root, MAX_DEPTH)
    if builder.repeated:
        builder.check_expansion(root)
    if not isinstance(tree, Mapping):
        builder.problem(root, "bad-type", "a zone file is a mapping of keys to values")
    if builder.problems:
        raise Rejected(builder.problems)
    assert isinstance(tree, Mapping)
    return tree


def _is_nothing(root: Any) -> bool:
    """Whether a document was begun (`---`) and nothing stands in it."""
    return type(root) is yaml.ScalarNode and root.tag == "plain" and not root.value


def _join_surrogates(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _reject(place: Place, rule: str, message: str) -> NoReturn:
    raise Rejected([Problem(place, Severity.ERROR, rule, message)])


def _explain(error: yaml.YAMLError, text: str, file: str) -> tuple[Place, str, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:  # a reader error: an octet that YAML does not allow
        position = getattr(error, "position", 0) or 0
        before = text[:position]
        place = Place(file, before.count("\n") + 1, position - before.rfind("\n"))
        odd = getattr(error, "character", "?")
        shown = f"#x{odd:02x}" if isinstance(odd, int) else repr(odd)
        return place, "yaml-syntax", f"character {shown} is not allowed"
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    message = ", ".join(part for part in parts if part)
    lines = text.split("\n", mark.line + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1] or "cannot start any token" in message:
        message += " (tabs do not indent: use spaces)"
    return Place(file, mark.line + 1, mark.column + 1), "yaml-syntax", message


def _located(node: Located, line: int, column: int) -> Located:
    node.line, node.column = line, column
    return node


class _Builder:
    """Turns composed nodes into our tree; a node met again by an alias is built once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._built: dict[int, Node] = {}
        self._open: set[int] = set()
        self._sizes: dict[int, int] = {}
        self.repeated = False

    def problem(self, node: Any, rule: str, message: str) -> None:
        mark = node.start_mark
        place = Place(self.file, mark.line + 1, mark.column + 1)
        self.problems.append(Problem(place, Severity.ERROR, rule, message))

    def build(self, node: Any, depth: int) -> Node:
        mark = node.start_mark
        if type(node) is yaml.ScalarNode:
            text = Text(node.value)
            text.line, text.column = mark.line + 1, mark.column + 1
            tag = node.tag
            text.plain = tag == "plain"
            if tag not in BUILTIN_TAGS:
                self.problem(node, "yaml-syntax", f"tag {tag} is not allowed")
            return text
        known = self._built.get(id(node))
        if known is not None:
            self.repeated = True
            return known
        if id(node) in self._open or not depth:
            what = "an alias inside what it names" if depth else _TOO_DEEP
            self.problem(node, "yaml-syntax", what)
            return Text()
        if node.tag != "plain":
            self.problem(node, "yaml-syntax", f"tag {node.tag} is not allowed")
        self._open.add(id(node))
        tree: Mapping | Sequence
        if type(node) is yaml.MappingNode:
            tree = self._mapping(node, depth - 1)
        else:
            tree = Sequence([self.build(item, depth - 1) for item in node.value])
        self._open.discard(id(node))
        self._built[id(node)] = _located(tree, mark.line + 1, mark.column + 1)
        return tree

    def _mapping(self, node: Any, depth: int) -> Mapping:
        mapping, merged = Mapping(), Mapping()
        for key_node, value_node in node.value:
            key = self.build(key_node, depth)
            if not isinstance(key, Text):
                self.problem(key_node, "bad-type", "a key is text")
                continue
            value = self.build(value_node, depth)
            if key == MERGE_KEY and key.plain:
                for source in value if isinstance(value, Sequence) else [value]:
                    if not isinstance(source, Mapping):
                        self.problem(value_node, "bad-type", "'<<' takes mappings")
                        continue
                    for name, item in source.items():
                        merged.setdefault(name, item)
            elif key in mapping:
                first = next(k for k in mapping if k == key)
                self.problem(
                    key_node,
                    "duplicate-key",
                    f"{key!r} stands at {Place(self.file, first.line, first.column)} already",
                )
            else:
                mapping[key] = value
        for name, item in merged.items():
            mapping.setdefault(name, item)
        return mapping

    def check_expansion(self, root: Any) -> None:
        """Refuse alias bombs: what the aliases unfold to is bounded by what is written."""
        written = _count_written(root)
        if self._unfolded(root) > MAX_EXPANSION * written + FREE_EXPANSION:
            self.problem(root, "yaml-syntax", "aliases unfold to too many nodes")

    def _unfolded(self, node: Any) -> int:
        if type(node) is yaml.ScalarNode:
            return 1
        size = self._sizes.get(id(node))
        if size is None:
            self._sizes[id(node)] = 0  # a cycle, reported by `build`
            size = 1 + sum(self._unfolded(child) for child in _children(node))
            self._sizes[id(node)] = size
        return size


def _count_written(root: Any) -> int:
    stack, seen = [root], set()
    while stack:
        item = stack.pop()
        if id(item) not in seen:
            seen.add(id(item))
            stack.extend(_children(item))
    return len(seen)


def _children(node: Any) -> list[Any]:
    if type(node) is yaml.MappingNode:
        return [part for pair in node.value for part in pair]
    return node.value if type(node) is yaml.SequenceNode else []
