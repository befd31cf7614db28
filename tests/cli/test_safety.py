"""When an endpoint can be stopped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from resolver.cli import safety
from resolver.cli.admin_client import AdminServer
from resolver.cli.safety import Watch, describe_safety, is_served, safe_at, wait_until_safe
from tests.played_server import PlayedServer, address, endpoint, iso

BLUE = "pay.prod.east/blue"
LONG = 10.0


@pytest.fixture(autouse=True)
def drained(played: PlayedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blue is drained, and looks follow one another closely."""
    monkeypatch.setattr(safety, "PAUSE", 0.01)
    played.find(BLUE)["override"] = {"state": "drain"}


def wait(*servers: PlayedServer, timeout: float = LONG) -> int:
    """Wait for Blue at the servers."""
    watches = [
        Watch("drain", AdminServer("127.0.0.1", s.port), BLUE, [s.find(BLUE)]) for s in servers
    ]
    return wait_until_safe("drain", watches, timeout)


def test_the_last_of_its_addresses_decides() -> None:
    """Served is served, whichever of them it is."""
    early, late = iso(10), iso(20)
    first = address(served=False, safe_to_stop_at=early)
    second = address("fd64::1", served=False, safe_to_stop_at=late)
    never = address(served=False, safe_to_stop_at=None)
    found = safe_at(endpoint(BLUE, first, second, never))
    assert found is not None
    assert found.isoformat() == late
    assert safe_at(endpoint(BLUE, never)) is None
    assert is_served(endpoint(BLUE, first, address()))
    assert not is_served(endpoint(BLUE, first, never))


def test_in_words() -> None:
    """Still served, safe from a time, safe now."""
    now = datetime.now(UTC)

    def out(at: str | None) -> str:
        return describe_safety(endpoint(BLUE, address(served=False, safe_to_stop_at=at)), now)

    assert describe_safety(endpoint(BLUE), now) == "still served: nothing else is up"
    assert out(iso(-1)) == out(None) == "safe to stop now"
    later = out(iso(18.9))
    assert later.startswith("safe to stop at ")
    assert later.endswith(" (in 18 s)")


def test_safe_when_the_time_has_passed(
    played: PlayedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may move on before it does."""
    played.leave(BLUE, 60)

    def an_hour_later() -> None:
        played.ahead = 3600.0

    played.scenes = [lambda: None, lambda: played.leave(BLUE, 3590), an_hour_later]
    assert wait(played) == 0
    assert capsys.readouterr() == ("safe to stop\n", "")
    assert len(played.asked) == 3


def test_still_served_is_said_once(
    played: PlayedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """And waited for: something else may come up."""
    served = [lambda: played.leave(BLUE, -60, served=True)] * 3
    played.leave(BLUE, -60, served=True)
    played.scenes = [*served, lambda: played.leave(BLUE, -60)]
    assert wait(played) == 0
    err = capsys.readouterr().err
    assert err.count(f"{played.url}: {BLUE} is still served, since nothing else is up") == 1
    assert len(played.asked) == 4


@pytest.mark.parametrize(("at", "served"), [(3600, False), (-60, True)])
def test_not_safe_in_time_is_exit_1(
    played: PlayedServer, capsys: pytest.CaptureFixture[str], at: float, served: bool
) -> None:
    """With what there was to wait for."""
    played.leave(BLUE, at, served=served)
    assert wait(played, timeout=0.05) == 1
    reason = "still served: nothing else is up" if served else "safe to stop only at "
    assert f"{BLUE}: {reason}" in capsys.readouterr().err.splitlines()[-1]


def test_the_clock_is_the_servers(played: PlayedServer) -> None:
    """An hour ahead of ours: its times are past when they are past there."""
    played.ahead = 3600.0
    played.leave(BLUE, 1800)
    assert wait(played, timeout=0.0) == 1
    played.leave(BLUE, -5)
    assert wait(played, timeout=0.0) == 0


def test_it_is_safe_when_it_is_at_every_server(played: PlayedServer, second: PlayedServer) -> None:
    """The slowest one decides."""
    second.endpoints = [endpoint(BLUE, override={"state": "drain"})]
    played.leave(BLUE)
    second.leave(BLUE, 3600)
    assert wait(played, second, timeout=0.0) == 1
    second.leave(BLUE, -5)
    assert wait(played, second, timeout=0.0) == 0


def test_a_restarted_server_has_forgotten_what_it_answered(played: PlayedServer) -> None:
    """The time it said before holds."""
    played.leave(BLUE, 3600)
    played.scenes = [lambda: played.leave(BLUE)]
    assert wait(played, timeout=0.05) == 1


def test_a_server_that_is_away_is_waited_for(
    played: PlayedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be starting; said once."""
    played.leave(BLUE)
    path = f"/api/v1/endpoints/{BLUE}"
    for reply in ((503, {"title": "Starting"}), (502, b"<html>")):
        played.replies[path] = reply
        assert wait(played, timeout=0.05) == 1
        assert capsys.readouterr().err.count("(still waiting)") == 1
        del played.replies[path]
        assert wait(played) == 0
        capsys.readouterr()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.find(BLUE).update(override=None), "is no longer overridden"),
        (lambda s: s.endpoints.remove(s.find(BLUE)), "no endpoint is"),
    ],
)
def test_waiting_ends_when_there_is_nothing_to_wait_for(
    played: PlayedServer,
    capsys: pytest.CaptureFixture[str],
    change: object,
    message: str,
) -> None:
    """Somebody resumed it, a restart forgot it, or it left the zones: exit 1."""
    assert callable(change)
    played.leave(BLUE, 3600)
    played.scenes = [lambda: None, lambda: change(played)]
    assert wait(played) == 1
    assert message in capsys.readouterr().err
    assert len(played.asked) == 2


def test_what_the_zone_file_declares_is_waited_for_too(played: PlayedServer) -> None:
    """An override that ended beside it changes nothing."""
    played.find(BLUE).update(override=None, declared="drain")
    played.leave(BLUE)
    assert wait(played) == 0
