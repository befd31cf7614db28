"""`sightline top`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.played_server import Body, PlayedServer

Sightline = Callable[..., tuple[int, str, str]]
PATH = "/api/v1/top"
BODY: Body = {
    "kind": "names",
    "environments": {
        "dev": {"total": 0, "top": []},
        "prod": {
            "total": 200,
            "top": [
                {"what": "web.prod.east.corp.test.", "least": 99, "most": 100},
                {"what": "a.example.\x1b", "least": 5, "most": 5},
            ],
        },
    },
}


def test_what_is_asked_most_is_shown(sightline: Sightline, played: PlayedServer) -> None:
    """Of each environment, with its part of all."""
    played.replies[PATH] = (200, BODY)
    code, out, err = sightline("top", "--admin", played.url)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        played.url,
        "  dev: 0 questions looked at",
        "  prod: 200 questions looked at",
        "    web.prod.east.corp.test.  100  50.0 %",
        "    a.example.·               5    2.5 %",
    ]
    assert played.asked[-1].path == f"{PATH}?kind=names&limit=10"


def test_what_is_chosen_is_asked_for(sightline: Sightline, played: PlayedServer) -> None:
    """And JSON is what came."""
    played.replies[PATH] = (200, {**BODY, "kind": "blocked"})
    words = ("--environment", "prod", "--limit", "3", "--json", "--admin", played.url)
    _, out, _ = sightline("top", "blocked", *words)
    assert played.asked[-1].path == f"{PATH}?kind=blocked&limit=3&environment=prod"
    assert json.loads(out) == {"admin": {played.url: BODY["environments"]}}


def test_an_older_server_is_told_as_such(sightline: Sightline, played: PlayedServer) -> None:
    """It has no such path."""
    code, out, err = sightline("top", "--admin", played.url)
    assert (code, out) == (1, "")
    assert "does not tell what is asked most: another version" in err
    played.replies[PATH] = (404, {"title": "Not Found", "detail": "no environment is called x"})
    assert "no environment" in sightline("top", "--environment", "x", "--admin", played.url)[2]


@pytest.mark.parametrize("words", [("--limit", "0"), ("--limit", "257"), ("others",)])
def test_wrong_words_are_exit_2(
    sightline: Sightline, played: PlayedServer, words: tuple[str, ...]
) -> None:
    """Nothing is asked."""
    assert sightline("top", *words, "--admin", played.url)[0] == 2
    assert not played.asked
