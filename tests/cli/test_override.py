"""`sightline drain`, `maintain` and `resume`."""

from __future__ import annotations

import getpass
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

from resolver.cli import override, safety
from tests.played_server import PlayedServer
from tests.support import PATIENCE, ROOT

Sightline = Callable[..., tuple[int, str, str]]
BLUE, GREEN, WEB = "pay.prod.east/blue", "pay.prod.east/green", "web.dev.east/10-80-1-1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow one another closely."""
    monkeypatch.setattr(safety, "PAUSE", 0.01)


def test_drain_says_when_it_is_safe_to_stop(sightline: Sightline, played: PlayedServer) -> None:
    """By endpoint and server, with what the server has to note."""
    played.leave(BLUE, 18.9)
    played.leave(GREEN)
    played.note = "a restart forgets it: no state_dir"
    code, out, err = sightline("drain", "pay.prod.east/*", "--admin", played.url)
    assert (code, err) == (0, "")
    url, blue, green, note = out.splitlines()
    assert url == played.url
    assert re.fullmatch(rf"  {BLUE}   draining  safe to stop at [\d: -]+ \(in 1[89] s\)", blue)
    assert green == f"  {GREEN}  draining  safe to stop now"
    assert note == "  note: a restart forgets it: no state_dir"


@pytest.mark.parametrize(
    ("command", "state"), [("drain", "drain"), ("maintain", "maintenance"), ("resume", "normal")]
)
def test_what_the_server_is_told(
    sightline: Sightline,
    played: PlayedServer,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    state: str,
) -> None:
    """State, reason and who; how long, where that can be said."""
    monkeypatch.setenv("SUDO_USER", "ada")
    monkeypatch.setattr(socket, "gethostname", lambda: "desk")
    words = [] if command == "resume" else ["--for", "30m"]
    code, _, _ = sightline(command, BLUE, "--admin", played.url, "--reason", "kernel", *words)
    assert code == 0
    asked = played.asked[-1]
    assert asked.path == f"/api/v1/endpoints/{BLUE}/state"
    expected: dict[str, object] = {"state": state, "reason": "kernel", "by": "ada@desk"}
    assert asked.body == expected | ({} if command == "resume" else {"for": 1800.0})
    sightline(command, BLUE, "--admin", played.url, "--by", "deploy 7")
    assert played.asked[-1].body == {"state": state, "reason": "", "by": "deploy 7"}


def test_what_was_so_before_is_said_to_be_unchanged(
    sightline: Sightline, played: PlayedServer
) -> None:
    """With the end of the override, if it has one."""
    words = ("maintain", BLUE, "--admin", played.url, "--for", "1h")
    sightline(*words)
    played.leave(BLUE)
    code, out, _ = sightline(*words)
    assert code == 0
    assert "maintenance (unchanged)  safe to stop now, until " in out


def test_resume_shows_what_the_zone_file_still_says(
    sightline: Sightline, played: PlayedServer
) -> None:
    """An override never lifts it."""
    code, out, _ = sightline("resume", BLUE, "--admin", played.url)
    assert (code, out.splitlines()[1:]) == (0, [f"  {BLUE}  up (unchanged)"])
    body = {**played.find(BLUE), "effective": "draining", "declared": "drain"}
    played.replies[f"/api/v1/endpoints/{BLUE}/state"] = (
        200,
        {"changed": [BLUE], "endpoints": [body], "note": None},
    )
    _, out, _ = sightline("resume", BLUE, "--admin", played.url)
    assert out.splitlines()[1:] == [f"  {BLUE}  draining  its zone file says so"]


def test_an_unknown_endpoint_is_exit_1_with_the_nearest(
    sightline: Sightline, played: PlayedServer
) -> None:
    """The others are changed; nothing is waited for."""
    code, out, err = sightline(
        "drain", "pay.prod.east/bleu", GREEN, "--wait", "--admin", played.url
    )
    assert code == 1
    assert GREEN in out
    assert "no endpoint is 'pay.prod.east/bleu'; did you mean 'pay.prod.east/blue'?" in err
    assert err.endswith("not waiting, since it was not done everywhere\n")
    assert [asked.method for asked in played.asked] == ["PUT", "PUT"]


def test_every_server_is_told(
    sightline: Sightline, played: PlayedServer, second: PlayedServer
) -> None:
    """Which of them failed is said; exit 1."""
    second.endpoints = [dict(played.find(BLUE))]
    both = ("--admin", played.url, "--admin", second.url)
    assert sightline("drain", BLUE, *both)[0] == 0
    code, out, err = sightline("drain", GREEN, *both)
    assert (code, played.url in out, second.url in out) == (1, True, False)
    assert second.url in err


def test_no_server_is_exit_2(sightline: Sightline) -> None:
    """It is asked once, whatever the endpoints."""
    code, out, err = sightline("drain", BLUE, GREEN, "--admin", "127.0.0.1:1")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("sightline drain: no server at http://127.0.0.1:1 (connection refused)")


@pytest.mark.parametrize(
    "words",
    [
        *(["drain"], ["resume", ""], ["resume", BLUE, "--wait"]),
        *(["drain", BLUE, "--for", "soon"], ["drain", BLUE, "--for", "0"]),
    ],
)
def test_wrong_usage_is_exit_2(
    sightline: Sightline, played: PlayedServer, words: list[str]
) -> None:
    """Before anybody is asked."""
    assert sightline(*words, "--admin", played.url)[0] == 2
    assert played.asked == []


def test_the_command_as_a_process_says_that_the_override_stays(played: PlayedServer) -> None:
    """Ctrl-C ends the waiting, not what is waited for."""
    played.leave(BLUE, 3600)
    words = [sys.executable, "-m", "resolver.cli", "drain", BLUE, "--wait", "--admin", played.url]
    with subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert played.has_been_looked_at.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "safe to stop at" in out
    assert err == (
        "sightline drain: interrupted; what was changed stays so until `sightline resume`\n"
    )
    assert played.find(BLUE)["override"]["state"] == "drain"


def test_a_name_for_whoever_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a uid without a name."""

    def nameless() -> str:
        raise KeyError

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", nameless)
    assert override._name_person().startswith("uid ")


def test_wait_goes_on_until_it_is_safe(sightline: Sightline, played: PlayedServer) -> None:
    """The command, from the change to the end of the wait."""
    played.leave(BLUE, 3600)

    def an_hour_later() -> None:
        played.ahead = 3605.0

    played.scenes = [lambda: None, an_hour_later]
    code, out, err = sightline(
        *("drain", BLUE, "--wait", "--timeout", f"{PATIENCE:g}s", "--admin", played.url)
    )
    assert (code, err) == (0, "")
    assert "(in 59 min)" in out or "(in 60 min)" in out
    assert out.splitlines()[-1] == "safe to stop"
