"""`sightline events`."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable

import pytest

from resolver.cli import events
from tests.played_server import Body, PlayedServer, iso

Sightline = Callable[..., tuple[int, str, str]]
PATH = "/api/v1/events"


def event(ident: int, text: str, **said: object) -> Body:
    usual: Body = {"id": ident, "at": iso(), "kind": "health", "environment": "dev", "text": text}
    return {**usual, **said}


def tell(server: PlayedServer, *found: Body, follows: int = 7) -> None:
    server.replies[PATH] = (200, {"events": list(found), "next": follows})


def test_events_are_shown_a_line_each(sightline: Sightline, played: PlayedServer) -> None:
    """With time, kind and environment; the problems of a reload below it."""
    problems = ["a.yaml:1:1: error: x: \x1b[2J"]
    reload = event(2, "reload refused", kind="reload", environment=None, problems=problems)
    tell(played, event(1, "web is down"), reload)
    code, out, err = sightline("events", "--admin", played.url)
    assert (code, err) == (0, "")
    first, second, third = out.splitlines()
    assert first.split()[1:] == ["health", "dev", "web", "is", "down"]
    assert second.split()[1:] == ["reload", "reload", "refused"]
    assert third.strip() == "a.yaml:1:1: error: x: ·[2J"
    assert played.asked[-1].path == f"{PATH}?limit=100"


def test_what_is_chosen_is_asked_for(sightline: Sightline, played: PlayedServer) -> None:
    """Times are sent as servers read them."""
    tell(played)
    words = ("--environment", "dev", "--kind", "reload", "--limit", "5")
    sightline("events", "--admin", played.url, *words, "--since", "2027-01-15T09:00:00+01:00")
    since = "since=2027-01-15T08%3A00%3A00Z"
    assert played.asked[-1].path == f"{PATH}?{since}&environment=dev&kind=reload&limit=5"


def test_all_since_a_time_may_take_several_requests(
    sightline: Sightline, played: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until a page is not full."""
    monkeypatch.setattr(events, "PAGE", 2)
    pages = [[event(1, "a"), event(2, "b")], [event(3, "c")]]
    ask = played.play

    def play(asked: object) -> tuple[int, object]:
        page = pages.pop(0)
        tell(played, *page, follows=page[-1]["id"])
        return ask(asked)  # type: ignore[arg-type]  # as it came

    monkeypatch.setattr(played, "play", play)
    _, out, _ = sightline("events", "--admin", played.url, "--since", "1h ago")
    assert [line.split()[-1] for line in out.splitlines()] == ["a", "b", "c"]
    assert "since=2&" in played.asked[-1].path


def test_json_is_an_event_a_line(
    sightline: Sightline, played: PlayedServer, second: PlayedServer
) -> None:
    """With the server where there are several; in the order in which they happened."""
    tell(played, event(3, "later"))
    tell(second, event(1, "sooner"))
    words = ("--admin", played.url, "--admin", second.url, "--json")
    _, out, _ = sightline("events", *words)
    found = [json.loads(line) for line in out.splitlines()]
    assert [(e["text"], e["server"]) for e in found] == [
        ("sooner", second.url),
        ("later", played.url),
    ]
    _, out, _ = sightline("events", "--admin", played.url, "--json")
    assert "server" not in json.loads(out)


@pytest.mark.parametrize("words", [("--since", "soon"), ("--limit", "0")])
def test_wrong_words_are_exit_2(
    sightline: Sightline, played: PlayedServer, words: tuple[str, ...]
) -> None:
    """Before anything is asked."""
    code, out, err = sightline("events", "--admin", played.url, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert not played.asked


def test_a_server_that_fails_is_exit_1(sightline: Sightline, played: PlayedServer) -> None:
    """An older one says that there is nothing; 2 where nobody answers."""
    assert sightline("events", "--admin", played.url)[0] == 1
    assert sightline("events", "--admin", "127.0.0.1:1")[0] == 2


def test_following_goes_on_from_where_it_was(
    sightline: Sightline, played: PlayedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a server that is away for a moment, until Ctrl-C."""
    tell(played, event(1, "first"))
    pauses = iter(
        [
            lambda: played.replies.update({PATH: (503, {"title": "Away"})}),
            lambda: None,
            lambda: tell(played, event(8, "second"), follows=8),
            lambda: signal.raise_signal(signal.SIGINT),
        ]
    )
    tells = threading.get_ident()

    def pause(seconds: float) -> None:
        if threading.get_ident() == tells:
            next(pauses)()

    monkeypatch.setattr("resolver.cli.events.time.sleep", pause)
    tell(played, event(1, "first"))
    played.scenes.append(lambda: None)
    original = played.play
    followed: list[str] = []

    def play(asked: object) -> tuple[int, object]:
        followed.append(asked.path)  # type: ignore[attr-defined]  # as it came
        found = original(asked)  # type: ignore[arg-type]
        if found[0] == 200:
            tell(played)
        return found

    monkeypatch.setattr(played, "play", play)
    code, out, err = sightline("events", "--admin", played.url, "--follow")
    assert code == 130
    assert [line.split()[-1] for line in out.splitlines()] == ["first", "second"]
    assert err.count("still asking") == 1
    assert followed[0].endswith("?limit=100")
    assert all("since=7" in path for path in followed[1:-1])
