"""`sightline reload`."""

from __future__ import annotations

from collections.abc import Callable

from tests.played_server import PlayedServer

Sightline = Callable[..., tuple[int, str, str]]
PATH = "/api/v1/reload"


def problem(severity: str) -> dict[str, object]:
    """One finding."""
    place = {"file": "zones/a.yaml", "line": 3, "column": 5}
    return {**place, "severity": severity, "rule": "some-rule", "message": "is odd"}


def test_the_new_generation_and_its_warnings(sightline: Sightline, played: PlayedServer) -> None:
    """Warnings as `check` says them, on stderr."""
    played.replies[PATH] = (200, {"generation": 12, "warnings": [problem("warning")]})
    assert sightline("reload", "--admin", played.url) == (
        0,
        f"{played.url}: generation 12, 1 warning\n",
        "zones/a.yaml:3:5: warning: some-rule: is odd\n",
    )
    assert played.asked[-1][:2] == ("POST", PATH)


def test_errors_are_exit_1_with_every_problem(sightline: Sightline, played: PlayedServer) -> None:
    """And the server's own word."""
    refused = {"title": "Rejected", "detail": "generation 11 serves on"}
    played.replies[PATH] = (422, {**refused, "problems": [problem("error"), problem("warning")]})
    code, out, err = sightline("reload", "--admin", played.url)
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "zones/a.yaml:3:5: error: some-rule: is odd",
        "zones/a.yaml:3:5: warning: some-rule: is odd",
        f"sightline reload: {played.url}: Rejected: generation 11 serves on",
    ]


def test_every_server_is_reloaded(
    sightline: Sightline, played: PlayedServer, second: PlayedServer
) -> None:
    """One that fails does not keep the others from it."""
    second.replies[PATH] = (200, {"generation": 3, "warnings": []})
    code, out, err = sightline("reload", "--admin", played.url, "--admin", second.url)
    assert (code, out) == (1, f"{second.url}: generation 3\n")
    assert "Not found" in err
