"""`sightline explain`: from the files, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import DEV_CLIENT

ZonesDir = Callable[..., Path]
Sightline = Callable[..., tuple[int, str, str]]


def test_text_and_json_agree(sightline: Sightline, zones_dir: ZonesDir) -> None:
    """The same facts in two forms."""
    words = ("explain", "web.prod.east", "--client", DEV_CLIENT, "--zones", zones_dir())
    code, text, _ = sightline(*words)
    facts = json.loads(sightline(*words, "--json")[1])
    assert code == 0
    assert facts["exists_in"] == ["prod"]
    assert "the name exists in prod, unseen from here" in text
    assert f"answer   {facts['rcode']}" in text


@pytest.mark.parametrize(
    "words",
    [
        ("web.dev.east", "NOTYPE", "--client", DEV_CLIENT),
        ("a..b", "--client", DEV_CLIENT),
        ("web.dev.east", "--client", "nobody"),
    ],
)
def test_wrong_words_are_exit_2(
    sightline: Sightline, zones_dir: ZonesDir, words: tuple[str, ...]
) -> None:
    """One line on stderr says which word."""
    code, out, err = sightline("explain", *words, "--zones", zones_dir())
    assert (code, out) == (2, "")
    assert err.startswith("sightline explain: ")
    assert err.count("\n") == 1


def test_files_with_errors_are_exit_1(sightline: Sightline, zones_dir: ZonesDir) -> None:
    """Every problem, as `check` says it."""
    directory = zones_dir({"environments.yaml": "domain: corp.test\n"})
    code, _, err = sightline("explain", "x", "--client", DEV_CLIENT, "--zones", directory)
    assert code == 1
    assert "missing-key" in err
