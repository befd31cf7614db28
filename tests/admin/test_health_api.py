"""Endpoints over HTTP."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from healthcheck.health import DeclaredState
from healthcheck.heartbeats import Word
from tests.admin.operated import DOWN, FILES, TRACK_DOWN, Client, Operating, admin, operating

BLUE = "/api/v1/endpoints/web.dev.east/blue"


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


async def ids(client: Client, query: str) -> list[str]:
    reply = await client.get(f"/api/v1/endpoints{query}")
    assert reply.status == 200, reply.text
    return [found["id"] for found in reply.json["endpoints"]]


async def test_endpoints_are_listed(client: Client, operated: Operating) -> None:
    """All, or those of a service, an environment, a state."""
    operated.judge("10.64.1.1", DOWN, TRACK_DOWN)
    assert len(await ids(client, "")) == 8
    assert await ids(client, "?environment=dev&service=WEB.*.west") == ["web.dev.west/10-81-1-1"]
    assert await ids(client, "?state=down") == ["web.prod.east/10-64-1-1"]
    assert await ids(client, "?environment=nowhere") == []
    assert (await client.get("/api/v1/endpoints?state=dwon")).status == 400


@pytest.mark.parametrize(
    "name", ["web.dev.east/blue", "web.dev.east%2Fblue", "web.dev.east/fd00%3A80%3A%3A1"]
)
async def test_one_endpoint_is_shown(client: Client, name: str) -> None:
    """By its name or an address; the slash may be escaped."""
    reply = await client.get(f"/api/v1/endpoints/{name}")
    (found,) = reply.json["endpoints"]
    assert found["id"] == "web.dev.east/blue"
    assert [item["address"] for item in found["addresses"]] == ["10.80.1.1", "fd00:80::1"]


async def test_a_glob_shows_several(client: Client) -> None:
    """Stars as they are, or escaped."""
    for glob in ("web.dev.*/*", "web.dev.%2A%2F%2A"):
        reply = await client.get(f"/api/v1/endpoints/{glob}")
        assert len(reply.json["endpoints"]) == 4


async def test_an_unknown_id_has_a_nearest(client: Client) -> None:
    """For reads, changes and heartbeats alike."""
    asked = [
        await client.get("/api/v1/endpoints/web.dev.east/bleu"),
        await client.put("/api/v1/endpoints/web.dev.east/bleu/state", json={"state": "drain"}),
        await client.put("/api/v1/heartbeats/web.dev.east/bleu"),
    ]
    for reply in asked:
        assert reply.status == 404
        assert reply.json["nearest"] == reply.json["names"][0] == "web.dev.east/blue"
        assert "did you mean web.dev.east/blue?" in reply.json["detail"]
    reply = await client.get("/api/v1/endpoints/quite-another")
    assert "nearest" not in reply.json


async def test_a_drain_is_made_and_told(client: Client, operated: Operating) -> None:
    """With reason, end and who; the reply shows the endpoint as it is then."""
    before = time.time()
    body = {"state": "drain", "reason": "new disk", "for": "30m", "by": "ann"}
    reply = await client.put(f"{BLUE}/state", json=body)
    assert reply.status == 200, reply.text
    assert reply.json["changed"] == ["web.dev.east/blue"]
    assert reply.json["note"] == "a restart forgets it: no state_dir"
    (found,) = reply.json["endpoints"]
    assert found["effective"] == "draining"
    assert [item["served"] for item in found["addresses"]] == [False, False]
    word = operated.overrides["web.dev.east/blue"]
    assert (word.state, word.reason, word.by) == (DeclaredState.DRAIN, "new disk", "ann")
    assert word.until is not None
    assert before + 1800 <= word.until <= time.time() + 1800


async def test_who_says_nothing_of_itself_is_its_address(
    client: Client, operated: Operating
) -> None:
    """And an override without an end has none."""
    await client.put(f"{BLUE}/state", json={"state": "maintenance"})
    word = operated.overrides["web.dev.east/blue"]
    assert (word.by, word.until) == ("127.0.0.1", None)


async def test_a_glob_changes_all_that_it_matches(client: Client, operated: Operating) -> None:
    """And names them."""
    operated.keeps_overrides = True
    reply = await client.put("/api/v1/endpoints/web.dev.*/*/state", json={"state": "drain"})
    assert len(reply.json["changed"]) == 4
    assert set(reply.json["changed"]) == set(operated.overrides)
    assert reply.json["note"] is None


async def test_normal_resumes(client: Client, operated: Operating) -> None:
    """The override is gone, and damping with it."""
    await client.put(f"{BLUE}/state", json={"state": "drain"})
    reply = await client.put(f"{BLUE}/state", json={"state": "normal"})
    assert operated.overrides == {}
    assert operated.resumed == ["web.dev.east/blue"]
    assert reply.json["endpoints"][0]["effective"] == "up"
    assert reply.json["note"] is None


async def test_normal_says_when_the_zone_file_holds_an_endpoint_out(client: Client) -> None:
    """Nothing that an operator says is weaker than the file."""
    old = await client.put("/api/v1/endpoints/web.dev.east/old/state", json={"state": "normal"})
    assert old.json["note"] == "the zone file says drain: it stays out"
    some = await client.put("/api/v1/endpoints/web.dev.east/*/state", json={"state": "normal"})
    assert some.json["note"] == "the zone file says drain of web.dev.east/old: out they stay"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"state": "of"}', b'{"state": "drain", "for": "x"}', b'{"a": 1}']
)
async def test_a_bad_change_changes_nothing(
    client: Client, operated: Operating, body: bytes
) -> None:
    """422, with what is wrong."""
    reply = await client.put(f"{BLUE}/state", data=body)
    assert reply.status == 422
    assert reply.headers["Content-Type"].startswith("application/problem+json")
    assert reply.json["detail"]
    assert operated.overrides == {}


async def test_a_heartbeat_is_taken(client: Client, operated: Operating) -> None:
    """An empty one says UP; the id may be an address."""
    path = "/api/v1/heartbeats/jobs.dev.east/10.80.3.1"
    assert (await client.put(path)).status == 204
    body = {"state": "WARN", "text": "queue is long"}
    reply = await client.put(path, json=body)
    assert (reply.status, reply.text) == (204, "")
    name = "jobs.dev.east/10-80-3-1"
    assert operated.heartbeats == [(name, Word.UP, ""), (name, Word.WARN, "queue is long")]


async def test_a_heartbeat_where_none_is_expected(client: Client, operated: Operating) -> None:
    """409: the endpoint is there, its check is another."""
    reply = await client.put("/api/v1/heartbeats/web.dev.east/blue")
    assert (reply.status, reply.json["detail"]) == (409, "web.dev.east/blue has no heartbeat check")
    reply = await client.put("/api/v1/heartbeats/*/*")
    assert reply.status == 400
    assert operated.heartbeats == []


async def test_services_are_listed(client: Client) -> None:
    """A line each."""
    reply = await client.get("/api/v1/services")
    assert len(reply.json["services"]) == 6


@pytest.mark.parametrize(("path", "key"), [("endpoints", "id"), ("services", "service")])
async def test_long_lists_come_in_pages(client: Client, path: str, key: str) -> None:
    """Each item once, in order; `total` is of the whole."""
    whole = (await client.get(f"/api/v1/{path}?environment=dev")).json
    assert (whole["total"], whole["next"]) == (len(whole[path]), None)
    found, after = [], ""
    while True:
        page = (await client.get(f"/api/v1/{path}?environment=dev&limit=2{after}")).json
        assert page["total"] == whole["total"]
        found += [item[key] for item in page[path]]
        if page["next"] is None:
            break
        assert len(page[path]) == 2
        after = f"&after={page['next']}"
    assert found == sorted(item[key] for item in whole[path])
    assert (await client.get(f"/api/v1/{path}?limit=0")).status == 400


async def test_services_are_found_by_name(client: Client) -> None:
    """A glob, in any case."""
    reply = await client.get("/api/v1/services?service=WEB.*&environment=prod")
    assert [line["service"] for line in reply.json["services"]] == ["web.prod.east"]


async def test_an_invalid_body_is_422_with_the_field(client: Client) -> None:
    """One that is no JSON at all has none."""
    path = "/api/v1/endpoints/web.dev.east/blue/state"
    reply = await client.put(path, json={"state": "off"})
    assert (reply.status, reply.json["field"]) == (422, "state")
    reply = await client.put(path, data="{")
    assert reply.status == 422
    assert "field" not in reply.json
