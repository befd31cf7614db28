"""`sightline explain`: from the files or a running server, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.played_server import PlayedServer
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


def test_a_running_server_is_asked(
    sightline: Sightline, zones_dir: ZonesDir, played: PlayedServer
) -> None:
    """Its facts are worded as those of the files."""
    words = ("explain", "web.dev.east", "AAAA", "--client", DEV_CLIENT)
    files = sightline(*words, "--zones", zones_dir())
    facts = json.loads(sightline(*words, "--zones", zones_dir(), "--json")[1])
    played.replies["/api/v1/explain"] = (200, facts)
    assert sightline(*words, "--admin", played.url) == files
    path = f"/api/v1/explain?name=web.dev.east&type=AAAA&client={DEV_CLIENT}"
    assert played.asked[-1].path == path
    assert json.loads(sightline(*words, "--admin", played.url, "--json")[1]) == facts


@pytest.mark.parametrize(("status", "code"), [(400, 2), (403, 1)])
def test_a_server_that_refuses(
    sightline: Sightline, played: PlayedServer, status: int, code: int
) -> None:
    """Words that it cannot read are wrong usage."""
    played.replies["/api/v1/explain"] = (status, {"title": "No", "detail": "because"})
    ran = sightline("explain", "x", "--client", DEV_CLIENT, "--admin", played.url)
    assert ran == (code, "", f"sightline explain: {played.url}: No: because\n")


def test_no_server_and_two_sources_are_exit_2(sightline: Sightline) -> None:
    """One line each."""
    words = ("explain", "x", "--client", DEV_CLIENT, "--admin", "127.0.0.1:1")
    for more, text in (((), "connection refused"), (("--zones", "z"), "exclude each other")):
        code, out, err = sightline(*words, *more)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert text in err
