"""`sightline cache`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.played_server import Body, PlayedServer

Sightline = Callable[..., tuple[int, str, str]]
PATH = "/api/v1/cache"


def partition(**said: object) -> Body:
    usual: Body = {"entries": 12, "octets": 3400, "misses": 25, "prefetches": 1, "evictions": 0}
    usual |= {"hits": {"positive": 70, "negative": 5, "stale": 0}}
    usual |= {"kept_inside": {"total": 0, "names": [], "clients": []}}
    return {**usual, **said}


def test_each_environment_is_a_line(sightline: Sightline, played: PlayedServer) -> None:
    """How full it is and how useful."""
    nothing = partition(entries=0, octets=0, misses=0, hits={}, evictions=2)
    nothing["kept_inside"] = {"total": 3}
    played.replies[PATH] = (200, {"environments": {"dev": nothing, "prod": partition()}})
    code, out, err = sightline("cache", "show", "--admin", played.url)
    assert (code, err) == (0, "")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        played.url,
        "dev 0 entries 0 B never asked 2 made room 3 names kept from leaving",
        "prod 12 entries 3.4 kB 75.0 % of 100 hit (70 positive, 5 negative)",
    ]
    _, out, _ = sightline("cache", "show", "--admin", played.url, "--environment", "prod")
    assert "dev" not in out
    played.replies[PATH] = (200, {"environments": {}})
    assert "nothing was asked" in sightline("cache", "show", "--admin", played.url)[1]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("--all",), ""),
        (("--name", "www.example."), "?name=www.example."),
        (
            ("--suffix", "a&b.example", "--environment", "dev"),
            "?suffix=a%26b.example&environment=dev",
        ),
    ],
)
def test_flushing_says_how_much_was_forgotten(
    sightline: Sightline, played: PlayedServer, words: tuple[str, ...], asked: str
) -> None:
    """At every server."""
    played.replies[PATH] = (200, {"forgotten": {"dev": 3, "prod": 0}})
    code, out, err = sightline("cache", "flush", *words, "--admin", played.url)
    assert (code, err) == (0, "")
    assert out == f"{played.url}: forgotten: dev 3, prod 0\n"
    assert played.asked[-1][:2] == ("DELETE", f"{PATH}{asked}")


@pytest.mark.parametrize(
    "words",
    [
        ("flush",),
        ("flush", "--name", "a", "--suffix", "b"),
        ("flush", "--name", "a", "--all"),
        ("show", "--all"),
        ("show", "--name", "a"),
    ],
)
def test_what_is_to_be_flushed_is_said_once(
    sightline: Sightline, played: PlayedServer, words: tuple[str, ...]
) -> None:
    """A slip flushes nothing."""
    code, out, err = sightline("cache", *words, "--admin", played.url)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not played.asked


def test_json_holds_every_server(
    sightline: Sightline, played: PlayedServer, second: PlayedServer
) -> None:
    """With the failure of one that failed."""
    played.replies[PATH] = (200, {"environments": {"prod": partition()}, "forgotten": {"prod": 1}})
    words = ("--admin", played.url, "--admin", second.url, "--json")
    code, out, err = sightline("cache", "show", *words)
    facts = json.loads(out)["admin"]
    assert code == 1
    assert facts[played.url]["prod"] == partition()
    assert facts[second.url]["error"] == err.removeprefix("sightline cache: ").strip()
    assert sightline("cache", "show", "--admin", "127.0.0.1:1")[0] == 2
    _, out, _ = sightline("cache", "flush", "--all", *words)
    assert json.loads(out)["admin"][played.url] == {"prod": 1}
