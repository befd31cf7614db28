"""The tokens file."""

import hashlib
import logging
from pathlib import Path

import pytest

from resolver.admin.access import Right, Token
from resolver.admin.tokens import TokenFile, read_tokens
from resolver.zones.places import Rejected

DIGEST = hashlib.sha256(b"secret").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()
GOOD = f"""\
# who may
- name: ci
  sha256: {DIGEST}
  environments: [dev]
  may: [read, override]
- {{name: ops, sha256: {OTHER.upper()}, environments: all, may: [reload]}}
"""


def problems(text: str) -> list[str]:
    """LINE:COLUMN RULE MESSAGE of each."""
    with pytest.raises(Rejected) as caught:
        read_tokens(text.encode(), "t.yaml")
    return [f"{p.place.line}:{p.place.column} {p.rule} {p.message}" for p in caught.value.problems]


@pytest.mark.parametrize("before", ["", "---\n", "\ufeff", "\ufeff# x\n\n--- # y\n"])
def test_a_list_of_tokens_is_read(before: str) -> None:
    """Whatever a YAML file may begin with."""
    assert read_tokens((before + GOOD).encode(), "t.yaml") == (
        Token(
            "ci",
            bytes.fromhex(DIGEST),
            frozenset({"dev"}),
            frozenset({Right.READ, Right.OVERRIDE}),
        ),
        Token("ops", bytes.fromhex(OTHER), None, frozenset({Right.RELOAD})),
    )


def test_no_tokens_are_no_tokens() -> None:
    """Then nothing can be changed over HTTP."""
    assert read_tokens(b"", "t.yaml") == read_tokens(b"# none\n", "t.yaml") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- x\n", ["1:3 bad-token a token is a mapping, not 'x'"]),
        ("name: x\n", ["1:1 bad-token the file is a list of tokens and nothing else"]),
        ("x\n", None),
        (GOOD.replace(DIGEST, "abc"), ["3:11 bad-token sha256 is the 64 hexadecimal digits"]),
        (GOOD.replace("[read, override]", "[raed]"), ["5:9 bad-token unknown right 'raed'"]),
        (GOOD.replace("[read, override]", "read"), ["5:8 bad-token may is a list of read"]),
        (GOOD.replace("[dev]", "dev"), ["4:17 bad-token environments is a list of them, or 'all'"]),
        (GOOD.replace("  may:", "  nay:"), ["5:3 bad-token unknown key", "2:3 bad-token 'may'"]),
        (GOOD.replace("name: ci", "name:"), ["2:8 bad-token name is text"]),
        (GOOD.replace("name: ops", "name: ci"), ["6:3 bad-token this name is there twice"]),
        (GOOD.replace(OTHER.upper(), DIGEST), ["6:3 bad-token this token is there twice"]),
        ("- name: [\n", ["2:1 yaml-syntax"]),
        ("- name: x\n  name: y\n", ["2:3 duplicate-key"]),
    ],
)
def test_what_is_wrong_has_a_place(text: str, expected: list[str] | None) -> None:
    """File, line and column of each problem."""
    found = problems(text)
    if expected is not None:
        assert len(found) == len(expected), found
        for line, start in zip(found, expected, strict=True):
            assert line.startswith(start), found


def test_a_missing_file_is_an_error_at_the_start(tmp_path: Path) -> None:
    """Else whoever mistyped its name would serve without tokens."""
    with pytest.raises(Rejected, match="unreadable: cannot be read: No such file"):
        TokenFile(tmp_path / "none")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """At the next request."""
    path = tmp_path / "tokens.yaml"
    path.write_text(GOOD)
    tokens = TokenFile(path)
    assert [token.name for token in tokens.current()] == ["ci", "ops"]
    path.write_text(GOOD.replace("name: ci", "name: build"))
    assert [token.name for token in tokens.current()] == ["build", "ops"]


def test_a_file_that_breaks_keeps_the_tokens_of_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And says so once, with the place; mended, it is read."""
    path = tmp_path / "tokens.yaml"
    path.write_text(GOOD)
    tokens = TokenFile(path)
    path.write_text(GOOD.replace("[dev]", "dev") + "#")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert [token.name for token in tokens.current()] == ["ci", "ops"]
        path.unlink()
        for _ in range(3):
            assert [token.name for token in tokens.current()] == ["ci", "ops"]
    broken, missing = caplog.messages
    assert f"{path}:4:17: error: bad-token" in broken
    assert "unreadable" in missing
    path.write_text("# nobody\n")
    assert tokens.current() == ()
