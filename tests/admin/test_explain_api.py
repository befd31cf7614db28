"""Explanations of the past over HTTP; those of the present are tested with the server."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from healthcheck.health import HealthTable
from tests.admin.operated import DOWN, FILES, Client, Operating, admin, operating
from tests.support import NOW

ASKED = "/api/v1/explain?name=web.dev.east&client=10.80.9.9"


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    """At NOW all is up; two seconds later one endpoint is down."""
    found = operating(zones_dir(FILES))
    (use,) = (use for use in found.targets if use.address == "10.80.1.1")
    old = found.generation
    changed = {use.target: DOWN}
    found.generation = old.judged_anew(2, HealthTable(changed), changed)
    found.history.flipped(NOW + 2.0, 2, old.health, changed)
    return found


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute later."""
    monkeypatch.setattr("resolver.admin.asked.time.time", lambda: NOW + 60.0)


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


def shares(body: Any) -> dict[str, float]:
    """Of the addresses of the first family."""
    endpoints = body["chain"][0]["selection"][0]["endpoints"]
    return {item["address"]: item["share"] for item in endpoints}


async def test_the_past_is_explained(client: Client) -> None:
    """With the shares of that moment, and from when its zones were served."""
    then = (await client.get(f"{ASKED}&at=2027-01-15T08:00:01Z")).json
    now = (await client.get(ASKED)).json
    assert shares(then)["10.80.1.1"] == 50.0
    assert shares(now)["10.80.1.1"] == 0.0
    assert "at" not in now
    assert then["at"] == {
        "time": "2027-01-15T08:00:01.000Z",
        "generation": 1,
        "zones_since": "2027-01-15T08:00:00.000Z",
        "zones_until": None,
    }


async def test_times_are_written_as_people_do(client: Client) -> None:
    """Of the day in UTC, and as so long ago."""
    for text in ("08:00:01", "59s%20ago"):
        found = (await client.get(f"{ASKED}&at={text}")).json
        assert found["at"]["time"] == "2027-01-15T08:00:01.000Z"


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("soon", 400, "is no time"),
        ("2027-01-15T09:00:00Z", 400, "yet to come"),
        ("2h%20ago", 404, "kept is what was served since 2027-01-15T08:00:00.000Z"),
    ],
)
async def test_other_times_are_refused(client: Client, text: str, status: int, words: str) -> None:
    """With what is kept."""
    reply = await client.get(f"{ASKED}&at={text}")
    assert reply.status == status
    assert words in reply.json["detail"]


async def test_a_token_sees_no_more_of_the_past(operated: Operating, tmp_path: Path) -> None:
    """Their clients are unknown, and so is the number."""
    path = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"of-dev").hexdigest()
    path.write_text(f"- {{name: t, sha256: {digest}, environments: [dev], may: [read]}}\n")
    async with admin(operated, tokens_file=str(path)) as client:
        moment = "at=2027-01-15T08:00:01Z"
        theirs = await client.get(
            f"/api/v1/explain?name=web.prod.east&client=10.64.0.1&{moment}", token="of-dev"
        )
        assert theirs.status == 403
        ours = await client.get(f"{ASKED}&{moment}", token="of-dev")
        assert (ours.status, ours.json["at"]["generation"]) == (200, None)
