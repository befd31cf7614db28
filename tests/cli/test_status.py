"""`sightline status`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.played_server import Body, PlayedServer, address, endpoint, iso

Sightline = Callable[..., tuple[int, str, str]]
CHECKER = {
    "targets": 3,
    "overdue": 0,
    "frozen_since": None,
    "in_flight": 1,
    "own_faults": 0,
    "restarts": 0,
}
STATUS: Body = {
    "generation": 12,
    "environments": {
        "prod": {"services": 1, "endpoints": 2, "up": 1, "down": 1, "draining": 0},
        "dev": {"services": 1, "endpoints": 1, "up": 1, "odd": 2},
    },
    "checker": CHECKER,
    "degraded": [],
    "version": "0.1.0",
}


@pytest.fixture
def standing(played: PlayedServer) -> PlayedServer:
    """A server that tells how it stands."""
    played.replies["/api/v1/status"] = (200, STATUS)
    return played


def test_the_server_and_its_environments(sightline: Sightline, standing: PlayedServer) -> None:
    """Counts that are zero are left out; services that are wholly up, too."""
    code, out, err = sightline("status", "--admin", standing.url)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        standing.url,
        "  generation 12, version 0.1.0",
        "  checker: 3 targets, 1 in flight",
        "  prod  1 services  2 endpoints  1 up, 1 down",
        "  dev   1 services  1 endpoints  1 up, 2 odd",
    ]


def test_a_service_that_is_not_wholly_up_is_shown_with_all_its_endpoints(
    sightline: Sightline, standing: PlayedServer
) -> None:
    """State, why, the last observation with its age, and the operator's word."""
    last = {
        "age": 3.2,
        "seconds": 0.1,
        "passed": False,
        "failure": "refused",
        "detail": "nobody\x1b[2J listens",
    }
    override = {
        "state": "drain",
        "reason": "kernel",
        "by": "ada@desk",
        "since": iso(-60),
        "until": iso(600),
    }
    standing.endpoints[:2] = [
        endpoint(
            "pay.prod.east/blue",
            address(real="down", effective="down", reason="3 failed", last=last),
            effective="down",
        ),
        endpoint(
            "pay.prod.east/green",
            address(effective="draining"),
            address("fd64::1", effective="draining", real="unchecked", last=None),
            effective="draining",
            override=override,
        ),
    ]
    _, out, _ = sightline("status", "--admin", standing.url)
    shown = [line.split(maxsplit=1) for line in out.splitlines()[5:]]
    assert shown[0] == ["pay.prod.east"]
    assert [line[0] for line in shown[1:]] == [
        "pay.prod.east/blue",
        "pay.prod.east/green",
        "pay.prod.east/green",
    ]
    time = r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"
    word = rf"drain by ada@desk since {time} until {time}: kernel"
    for line, pattern in zip(
        shown[1:],
        (
            r"10.64.1.10 +down +3 failed +refused 3 s ago: nobody·\[2J listens",
            rf"10.64.1.10 +up → draining +2 passed +passed 2 s ago +{word}",
            r"fd64::1 +unchecked → draining +2 passed",
        ),
        strict=True,
    ):
        assert re.fullmatch(pattern, line[1]), line[1]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"overdue": True}, "2 passed, OVERDUE"),
        ({"real": "down"}, "down → up"),
        ({"effective": "damped", "weight_tenths": 3}, "at 30 % of its weight"),
        ({"effective": "unknown", "changing": True, "streak": 2}, "changing: 2 against it"),
    ],
)
def test_what_deserves_a_look_is_shown(
    sightline: Sightline, standing: PlayedServer, said: Body, text: str
) -> None:
    """Although the endpoint is served."""
    standing.endpoints[0]["addresses"] = [address(**said)]
    assert text in sightline("status", "--admin", standing.url)[1]


def test_a_word_of_the_zone_file(sightline: Sightline, standing: PlayedServer) -> None:
    """Is told from an operator's."""
    standing.endpoints[0].update(effective="maintenance", declared="maintenance")
    out = sightline("status", "--admin", standing.url)[1]
    assert "maintenance by its zone file" in out


def test_all_shows_every_service(sightline: Sightline, standing: PlayedServer) -> None:
    """Up or not."""
    out = sightline("status", "--all", "--admin", standing.url)[1]
    assert all(item["id"] in out for item in standing.endpoints)


def test_trouble_of_the_checker_stands_out(sightline: Sightline, standing: PlayedServer) -> None:
    """And what the server says is wrong with itself."""
    trouble = {"overdue": 2, "frozen_since": iso(-60), "own_faults": 4, "restarts": 1}
    said = {"checker": {**CHECKER, **trouble}, "degraded": ["state_dir cannot be written"]}
    standing.replies["/api/v1/status"] = (200, {**STATUS, **said})
    out = sightline("status", "--admin", standing.url)[1]
    for text in ("2 OVERDUE", "FROZEN since ", "4 own faults", "1 restarts"):
        assert text in out
    assert "  degraded: state_dir cannot be written\n" in out


def test_what_a_token_does_not_cover_is_left_out(
    sightline: Sightline, standing: PlayedServer
) -> None:
    """Those who see one environment are not told of the whole checker."""
    untold = {"in_flight": None, "own_faults": None, "restarts": None}
    standing.replies["/api/v1/status"] = (200, {**STATUS, "checker": {**CHECKER, **untold}})
    out = sightline("status", "--admin", standing.url)[1]
    assert "  checker: 3 targets\n" in out


def test_json_is_everything_by_server(sightline: Sightline, standing: PlayedServer) -> None:
    """A server that fails stands there with its error."""
    nobody = "http://127.0.0.1:1"
    code, out, err = sightline("status", "--json", "--admin", standing.url, "--admin", nobody)
    found = json.loads(out)["admin"]
    assert code == 1
    assert found[standing.url] == {"status": STATUS, "endpoints": standing.endpoints}
    assert list(found[nobody]) == ["error"]
    assert err.startswith("sightline status: no server at http://127.0.0.1:1 (")


def test_no_server_is_exit_2(sightline: Sightline) -> None:
    """Also as JSON."""
    assert sightline("status", "--admin", "127.0.0.1:1")[:2] == (2, "")
    assert sightline("status", "--json", "--admin", "127.0.0.1:1")[0] == 2


def test_upstreams_are_shown_with_what_is_wrong(
    sightline: Sightline, standing: PlayedServer
) -> None:
    """Of each environment: up, suspect or down, how fast, which failures."""
    usual: Body = {
        "up": True,
        "suspect": False,
        "failures_in_a_row": 0,
        "latency": None,
        "failures": {},
    }
    upstreams = [
        {**usual, "environment": "dev", "upstream": "10.80.0.2"},
        {**usual, "environment": "prod", "upstream": "10.64.0.2", "latency": 0.0125},
        {
            **usual,
            "environment": "prod",
            "upstream": "10.64.0.3",
            "suspect": True,
            "failures_in_a_row": 3,
            "failures": {"timeout": 3, "wrong-id": 1},
        },
        {**usual, "environment": "prod", "upstream": "10.64.0.4", "up": False, "suspect": True},
    ]
    standing.replies["/api/v1/status"] = (200, {**STATUS, "upstreams": upstreams})
    _, out, _ = sightline("status", "--admin", standing.url)
    assert [line.rstrip() for line in out.splitlines() if " upstream " in line] == [
        "  dev   upstream 10.80.0.2  up",
        "  prod  upstream 10.64.0.2  up                            12.5 ms",
        "  prod  upstream 10.64.0.3  suspect: 3 failures in a row           3 timeout, 1 wrong-id",
        "  prod  upstream 10.64.0.4  DOWN",
    ]
