"""What has happened, over HTTP."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from resolver.events import Kind
from tests.admin.operated import FILES, PROD_WORDS, Client, Operating, admin, operating

START = 1_800_000_000


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    found = operating(zones_dir(FILES))
    add = found.events.add
    add(START, Kind.HEALTH, "dev", "web.dev.east is down", {"to": "down"})
    add(START + 1, Kind.HEALTH, "prod", "secret.prod.east is down", {"to": "down"})
    add(START + 2, Kind.HEALTH, "-", "prod and dev have it")
    add(
        START + 3,
        Kind.RELOAD,
        None,
        "reload refused: secret.prod.east",
        {"result": "refused"},
        withheld={"problems": ["prod.yaml:1:1: error: x"], "generation": 3},
        brief="reload refused",
    )
    add(START + 4, Kind.OVERRIDE, "dev", "web: drain", {"until": START + 60.0})
    return found


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


async def test_events_are_told_in_order(client: Client) -> None:
    """With when, what kind, and whatever else is known."""
    body = (await client.get("/api/v1/events")).json
    assert [event["kind"] for event in body["events"]] == [
        *("health", "health", "health", "reload", "override"),
    ]
    first, *_, last = body["events"]
    assert first == {
        "id": START * 1_000_000,
        "at": "2027-01-15T08:00:00.000Z",
        "kind": "health",
        "environment": "dev",
        "text": "web.dev.east is down",
        "to": "down",
    }
    assert last["until"] == "2027-01-15T08:01:00.000Z"
    assert body["next"] == last["id"]


async def test_events_are_chosen(client: Client) -> None:
    """By kind, environment, number and what came before."""

    async def texts(query: str) -> list[str]:
        reply = await client.get(f"/api/v1/events?{query}")
        return [event["text"] for event in reply.json["events"]]

    assert await texts("kind=override") == ["web: drain"]
    assert await texts("environment=prod") == ["secret.prod.east is down"]
    assert await texts("limit=1") == ["web: drain"]
    assert await texts(f"since={START * 1_000_000}&limit=1") == ["secret.prod.east is down"]
    assert await texts("since=2027-01-15T08:00:03.5Z") == ["web: drain"]
    assert await texts("environment=none") == []


async def test_whoever_follows_keeps_the_place(client: Client) -> None:
    """Also when nothing has happened."""
    body = (await client.get("/api/v1/events?since=1900000000000000")).json
    assert body == {"events": [], "next": 1_900_000_000_000_000}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "kind=helth", "since=soon", "what=1", "limit=%C2%B2"],
)
async def test_what_cannot_be_read_is_refused(client: Client, query: str) -> None:
    """With the parameter."""
    reply = await client.get(f"/api/v1/events?{query}")
    assert reply.status == 400
    assert query.partition("=")[0] in reply.json["detail"]


async def test_a_token_sees_its_own_environments_only(operated: Operating, tmp_path: Path) -> None:
    """And of reloads that there were any."""
    path = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"of-dev").hexdigest()
    path.write_text(f"- {{name: t, sha256: {digest}, environments: [dev], may: [read]}}\n")
    async with admin(operated, tokens_file=str(path)) as client:
        for query in ("", "?environment=prod", "?kind=reload", "?since=0"):
            reply = await client.get(f"/api/v1/events{query}", token="of-dev")
            assert reply.status == 200
            assert not [word for word in PROD_WORDS if word in reply.text]
        body = (await client.get("/api/v1/events", token="of-dev")).json
        assert [event["text"] for event in body["events"]] == [
            *("web.dev.east is down", "reload refused", "web: drain"),
        ]
        assert "problems" not in body["events"][1]
        assert "generation" not in body["events"][1]
