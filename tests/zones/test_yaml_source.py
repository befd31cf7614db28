"""YAML and JSON text → trees that remember line and column."""

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolver.zones import yaml_source
from resolver.zones.places import Rejected
from resolver.zones.yaml_source import parse


def problems(text: str | bytes, file: str = "f.yaml") -> list[str]:
    """LINE:COLUMN RULE of everything that is wrong."""
    with pytest.raises(Rejected) as caught:
        parse(text.encode() if isinstance(text, str) else text, file)
    return [f"{p.place.line}:{p.place.column} {p.rule}" for p in caught.value.problems]


def read(text: str, file: str = "f.yaml") -> Any:
    """A tree without problems."""
    return parse(text.encode(), file)


def test_everything_knows_its_place() -> None:
    """Keys, values, mappings and lists; lines and columns count from 1."""
    tree = read("a: 1\nb:\n  - x\n  - {c: y}\n")
    key_a, key_b = tree
    assert (key_a.line, key_a.column, tree["a"].line, tree["a"].column) == (1, 1, 1, 4)
    assert (key_b.line, tree["b"].line, tree["b"].column) == (2, 3, 3)
    assert (tree["b"][1].line, tree["b"][1].column) == (4, 5)
    assert (tree["b"][1]["c"].line, tree["b"][1]["c"].column) == (4, 9)


@pytest.mark.parametrize(
    "text", ["010", "10.10", "1:30", "no", "1e3", "2024-01-01", "~", "0x1F", "y", "null", ".inf"]
)
def test_scalars_stay_text(text: str) -> None:
    """As keys and as values: they are legal owners."""
    tree = read(f"{text}: {text}\n")
    assert list(tree.items()) == [(text, text)]


def test_quotes_are_remembered() -> None:
    """`null` is nothing, `"null"` is a text."""
    tree = read("a: null\nb: 'null'\nc: \"null\"\nd:\ne: |\n  null\n")
    assert [tree[k].plain for k in "abcde"] == [True, False, False, True, False]


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "---\n", "--- # nothing\n...\n", "\ufeff"]
)
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    """Nothing is said, nothing is wrong."""
    assert read(text) == {}


def test_a_byte_order_mark_does_not_shift_places() -> None:
    """As some editors write it."""
    tree = parse(b"\xef\xbb\xbfa: 1\n", "f.yaml")
    assert [(key.line, key.column) for key in tree] == [(1, 1)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a:\n\tb: 1\n", ["2:1 yaml-syntax"]),
        ("a: [1\n", ["2:1 yaml-syntax"]),
        ("a: b: c\n", ["1:5 yaml-syntax"]),
        ("  a: 1\n b: 2\n", ["2:2 yaml-syntax"]),
        ("a: 'x\n", ["2:1 yaml-syntax"]),
        ("a: *x\n", ["1:4 yaml-syntax"]),
        ("a: 1\n---\nb: 2\n", ["2:1 yaml-syntax"]),
        ("a: 1\nb: \0\n", ["2:4 yaml-syntax"]),
        (b"a: 1\nbc: \xff\n", ["2:5 yaml-syntax"]),
        ("a: 1".encode("utf-16"), ["1:1 yaml-syntax"]),
        (b"a: \xed\xa0\x80\n", ["1:4 yaml-syntax"]),
        ("a: !!int 1\n", ["1:4 yaml-syntax"]),
        ("a: !!python/object:os.system {}\n", ["1:4 yaml-syntax"]),
        ("a: !secret [x]\n", ["1:4 yaml-syntax"]),
        ("- a\n", ["1:1 bad-type"]),
        ("just text\n", ["1:1 bad-type"]),
        ("--- ''\n", ["1:5 bad-type"]),
        ("--- !x\n", ["1:5 bad-type", "1:5 yaml-syntax"]),
        ("[a, b]: 1\n", ["1:1 bad-type"]),
        ("{a: 1}: 1\n", ["1:1 bad-type"]),
        ("a: &x [*x]\n", ["1:4 yaml-syntax"]),
        ("a: &x {b: *x}\n", ["1:4 yaml-syntax"]),
        ("a: {<<: text}\n", ["1:9 bad-type"]),
        ("a: 1\nb: 2\na: 3\nb: 4\n", ["3:1 duplicate-key", "4:1 duplicate-key"]),
        ("a: 1\na: !x 2\n[k]: 1\n", ["2:1 duplicate-key", "2:4 yaml-syntax", "3:1 bad-type"]),
    ],
)
def test_problems_have_line_and_column(text: str | bytes, found: list[str]) -> None:
    """Every one that the syntax lets us see."""
    assert sorted(problems(text)) == found


def test_a_duplicate_key_names_both_places() -> None:
    """The first one in its message."""
    with pytest.raises(Rejected, match=r"f\.yaml:3:3: error: duplicate-key: 'b' .* f\.yaml:2:3"):
        read("a:\n  b: 1\n  b: 2\n")


def test_keys_are_told_apart_by_their_octets() -> None:
    """`1` and `01`, `A` and `a` are different keys here."""
    assert len(read("1: x\n01: x\nA: x\na: x\n")) == 4


def test_a_tab_is_named() -> None:
    """The commonest mistake has a hint."""
    with pytest.raises(Rejected, match="tabs do not indent"):
        read("a:\n\tb: 1\n")


def test_aliases_and_merge_keys() -> None:
    """The nearest wins; a quoted `<<` is a name like any other."""
    tree = read(
        "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x, {c: 4, a: 9}]}\nw: {'<<': 1}\n"
    )
    assert tree["y"] == {"a": "1", "b": "3"}
    assert tree["z"] == {"a": "1", "b": "2", "c": "4"}
    assert tree["w"] == {"<<": "1"}


def test_an_alias_has_the_place_of_its_anchor() -> None:
    """That is where it is written."""
    assert read("x: &x [a]\ny: *x\n")["y"].line == 1


@pytest.mark.parametrize("is_list", [True, False])
def test_alias_bombs_are_refused(is_list: bool) -> None:
    """A billion laughs unfold to more than is written."""
    lines = ["a0: &a0 [lol]"]
    for n in range(9):
        items = ", ".join(f"*a{n}" if is_list else f"k{k}: *a{n}" for k in range(10))
        lines.append(f"a{n + 1}: &a{n + 1} " + (f"[{items}]" if is_list else f"{{{items}}}"))
    assert problems("\n".join(lines)) == ["1:1 yaml-syntax"]


def test_ordinary_aliases_are_no_bomb() -> None:
    """A block used by a thousand services."""
    text = "x: &x {a: 1, b: [1, 2, 3]}\n" + "".join(f"s{n}: *x\n" for n in range(1000))
    assert len(read(text)) == 1001


@pytest.mark.parametrize("depth", [60, 500, 900])
def test_deep_nesting_is_refused(depth: int) -> None:
    """With aliases elsewhere in the file, too."""
    for head in ("", "z: &z [1]\ny: *z\n"):
        assert problems(f"{head}a: {'[' * depth}{']' * depth}\n")[0].endswith("yaml-syntax")


def test_depth_is_allowed_within_reason() -> None:
    """Whatever stands beside it; what is deeper has its line."""
    assert len(read(f"a: {'[' * 40}{']' * 40}\nb: {'[' * 40}{']' * 40}\n")) == 2
    assert problems(f"a: 1\nb: {'[' * 60}{']' * 60}\n") == ["2:52 yaml-syntax"]


def test_aliases_do_not_add_up_to_depth() -> None:
    """Where the value of a broken key is first met by an alias, and that in another, and so on."""
    chain = "".join(f"? [k{n}]\n: &a{n} [*a{n - 1}]\n" for n in range(1, 2000))
    assert "1:3 bad-type" in problems(f"? [k0]\n: &a0 [x]\n{chain}z: *a1999\n")


@pytest.mark.parametrize("text", ["[", "- ", "{a: ", "? "])
def test_no_depth_kills_the_process(text: str) -> None:
    """A hostile file is one problem, not the end of a server that would refuse the reload."""
    program = (
        "import sys\n"
        "from resolver.zones import yaml_source\n"
        "from resolver.zones.places import Rejected\n"
        "try: yaml_source.parse(sys.argv[1].encode() * 200000, 'f.yaml')\n"
        "except Rejected: sys.exit(7)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, text], check=False, capture_output=True)
    assert ran.returncode == 7


def test_a_huge_file_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 MB are no zone file; nothing is parsed of it."""
    monkeypatch.delattr(yaml_source, "_Composer")
    assert problems(bytes(100 * 1024 * 1024)) == ["1:1 file-size"]


TEXTS = st.text(max_size=40).filter(lambda key: key != "<<")
JSON = st.recursive(
    st.text(max_size=40) | st.booleans() | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def plain(node: Any) -> Any:
    """JSON as the tree says it: all scalars are text."""
    if isinstance(node, dict):
        return {key: plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return node if isinstance(node, str) else json.dumps(node)


@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_json_is_read_as_json(value: dict[str, Any]) -> None:
    """Escapes, surrogate pairs and all; scalars as written."""
    assert parse(json.dumps(value).encode(), "f.json") == plain(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "\ud83d\ude00"}', "😀"),
        (r'{"a": "\\ud83d\\ude00"}', r"\ud83d\ude00"),
        (r'{"a": "\u00e9\/\b"}', "é/\b"),
        ('{\n\t"a":\t"x"\n}', "x"),
    ],
)
def test_json_escapes(text: str, value: str) -> None:
    """YAML knows no surrogate pairs; JSON has no other way."""
    assert read(text, "f.json")["a"] == value


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"\ud8zz\udczz", r"\ud83dx", r"\u12"])
def test_broken_json_escapes_are_problems(escape: str) -> None:
    """Lone surrogates are no text."""
    (problem,) = problems(f'{{"a": "{escape}"}}', "f.json")
    assert problem.endswith("yaml-syntax")


def parse_or_reject(octets: bytes) -> None:
    """Every key has its place, or there is a problem."""
    try:
        keys = list(parse(octets, "f.yaml"))
    except Rejected as error:
        keys = []
        if not error.problems:
            raise
    assert all(key.line >= 1 <= key.column for key in keys)


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#,? \n\t<0"), max_size=40))
def test_any_text_is_a_tree_or_problems(text: str) -> None:
    """Nothing else is raised."""
    parse_or_reject(text.encode())


@given(st.binary(max_size=60))
def test_any_octets_are_a_tree_or_problems(octets: bytes) -> None:
    """Whatever somebody commits."""
    parse_or_reject(octets)
