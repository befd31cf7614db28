"""What the server says of itself over HTTP."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from resolver import __version__
from resolver.admin.server_api import can_answer
from resolver.admin.status import WITHHELD
from resolver.compile import compile_generation
from resolver.generation import View, ViewKey
from tests.admin.operated import (
    CHECKER_NOW,
    DEV,
    DOWN,
    FILES,
    TRACK_DOWN,
    Client,
    Operating,
    admin,
    operating,
)
from tests.support import NOW, write


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


async def test_a_living_server_says_ok(client: Client) -> None:
    """Nothing more."""
    reply = await client.get("/healthz")
    assert (reply.status, reply.text) == (200, "ok")
    assert (await client.ask("HEAD", "/healthz")).status == 200


async def test_a_server_that_answers_is_ready(client: Client, operated: Operating) -> None:
    """Whatever its checks say: an answer of last resort is one too."""
    for use in operated.targets:
        operated.judge(use.address, DOWN, TRACK_DOWN)
    reply = await client.get("/readyz")
    assert (reply.status, reply.json) == (200, {"status": "ok", "degraded": []})
    operated.troubles = ["states are frozen"]
    reply = await client.get("/readyz")
    assert reply.status == 200
    assert reply.json == {"status": "degraded", "degraded": ["states are frozen"]}


async def test_strangers_learn_whether_it_is_ready(operated: Operating) -> None:
    """Not what is wrong."""
    operated.troubles = ["web.prod.east is odd"]
    async with admin(operated, allow="192.0.2.0/24") as client:
        reply = await client.get("/readyz")
        assert reply.json == {"status": "degraded", "degraded": [WITHHELD]}


async def test_a_server_that_answers_nothing_is_not_ready(
    client: Client, operated: Operating
) -> None:
    """503, and it is alive all the same."""
    operated.generation = replace(operated.generation, views={})
    assert not can_answer(operated.generation)
    reply = await client.get("/readyz")
    assert reply.status == 503
    assert (await client.get("/healthz")).status == 200


def test_a_view_of_any_environment_is_enough(operated: Operating) -> None:
    """And its clients need no address that we have."""
    assert can_answer(operated.generation)
    views: dict[ViewKey | None, View] = {
        key: view for key, view in operated.generation.views.items() if key == ("dev", "west")
    }
    assert can_answer(replace(operated.generation, views=views))


async def test_status_counts(client: Client, operated: Operating) -> None:
    """Environments, the checker, and what is wrong."""
    operated.troubles = ["odd"]
    operated.frozen_since = CHECKER_NOW - 10
    found = (await client.get("/api/v1/status")).json
    assert set(found) == {
        *("generation", "environments", "checker", "upstreams", "workers", "degraded"),
        *("revision", "loaded_at", "reload_failed", "version"),
    }
    assert found["workers"][1] == {"worker": 2, "up": False, "restarts": 3}
    assert found["generation"] == operated.generation.number
    assert found["environments"]["prod"]["endpoints"] == 2
    assert found["checker"]["targets"] == 7
    assert found["checker"]["frozen_since"].endswith("Z")
    assert (found["degraded"], found["version"]) == (["odd"], __version__)


async def test_the_generation_is_told(client: Client, operated: Operating) -> None:
    """With its size."""
    found = (await client.get("/api/v1/generation")).json
    spaces = operated.generation.namespaces
    assert found["generation"] == operated.generation.number
    assert found["names"] == {name: len(space.nodes) for name, space in spaces.items()}
    assert found["zones"] == sum(len(space.zones) for space in spaces.values())


async def test_a_reload_publishes_and_tells_warnings(client: Client, operated: Operating) -> None:
    """Synchronous: the number is the one that serves now."""
    write(operated.directory, {"dev.yaml": DEV.replace("10.80.1.2", "10.80.1.9")})
    reply = await client.ask("POST", "/api/v1/reload")
    assert reply.status == 200
    assert reply.json["generation"] == operated.generation.number == 2
    warning = next(w for w in reply.json["warnings"] if w["rule"] == "unchecked-service")
    assert set(warning) == {"file", "line", "column", "severity", "rule", "message"}


async def test_a_reload_that_fails_says_why(client: Client, operated: Operating) -> None:
    """422 with every problem; the generation of before serves on."""
    write(operated.directory, {"dev.yaml": "zone: dev.east\nservces: {}\n"})
    reply = await client.ask("POST", "/api/v1/reload")
    assert reply.status == 422
    assert reply.json["detail"] == "the zone files have 1 error; generation 1 serves on"
    problem = next(p for p in reply.json["problems"] if p["severity"] == "error")
    assert (problem["line"], problem["column"]) == (2, 1)
    assert operated.generation.number == 1


async def test_a_reload_takes_no_body(client: Client, operated: Operating) -> None:
    """What would be meant by one is not known."""
    assert (await client.ask("POST", "/api/v1/reload", json={"a": 1})).status == 400
    assert operated.generation.number == 1


async def test_an_answer_is_explained(client: Client, operated: Operating) -> None:
    """As `sightline explain` does, with what is seen of the endpoints."""
    operated.judge("10.80.1.2", DOWN, TRACK_DOWN)
    reply = await client.get("/api/v1/explain?name=web.dev.east&type=A&client=10.80.0.1")
    assert reply.status == 200
    endpoints = reply.json["chain"][0]["selection"][0]["endpoints"]
    green = next(item for item in endpoints if item["endpoint"] == "green")
    assert (green["in"], green["health"], green["last"]["failure"]) == (False, "down", "refused")


async def test_a_client_of_nowhere_is_explained(client: Client) -> None:
    """It is refused; a type of A is meant where none is said."""
    reply = await client.get("/api/v1/explain?name=web.dev.east&client=203.0.113.1")
    assert (reply.status, reply.json["view"], reply.json["rcode"]) == (200, None, "REFUSED")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("client=10.80.0.1", "'name' is missing"),
        ("name=web", "'client' is missing"),
        ("name=web&client=nobody", "'nobody' is no address"),
        (f"name={'x' * 64}&client=10.80.0.1", "63"),
        ("name=web&client=10.80.0.1&type=XYZZY", "XYZZY"),
        ("name=web&client=10.80.0.1&what=1", "unknown parameter 'what'"),
    ],
)
async def test_a_question_that_cannot_be_read(client: Client, query: str, detail: str) -> None:
    """400."""
    reply = await client.get(f"/api/v1/explain?{query}")
    assert reply.status == 400
    assert detail in reply.json["detail"]


async def test_a_new_generation_is_used_at_once(client: Client, operated: Operating) -> None:
    """Nothing of the old one is kept."""
    old = operated.generation
    operated.generation = compile_generation(old.zones, NOW + 1, 1, old)
    found = (await client.get("/api/v1/generation")).json
    assert found["generation"] == old.number + 1


async def test_a_server_whose_workers_are_all_away_is_not_ready(
    client: Client, operated: Operating
) -> None:
    """One that answers is enough; with everything in one process there are none."""
    for crew, status in (([(1, False, 1)], 503), ([(1, False, 1), (2, True, 0)], 200), ([], 200)):
        operated.crew = crew
        assert (await client.get("/readyz")).status == status


@pytest.mark.parametrize(
    ("says", "status", "word"),
    [(0, 200, "ok"), (5, 200, "ok"), (2, 503, "SERVFAIL"), (None, 503, "not answered")],
)
async def test_a_client_of_the_server_decides_whether_it_is_ready(
    client: Client, operated: Operating, says: int | None, status: int, word: str
) -> None:
    """One that is refused is answered; the server need not know us."""
    operated.says = says
    reply = await client.get("/readyz")
    assert reply.status == status
    assert word in reply.text


async def test_environments_are_told(client: Client, operated: Operating) -> None:
    """Whose clients come from where, and how much is theirs."""
    found = (await client.get("/api/v1/environments")).json["environments"]
    assert [item["environment"] for item in found] == ["prod", "dev"]
    prod = found[0]
    assert prod["networks"] == {"east": ["10.64.0.0/16"], "west": ["10.65.0.0/16"]}
    assert (prod["services"], prod["endpoints"], prod["up"]) == (2, 2, 2)
    assert prod["names"] == len(operated.generation.namespaces["prod"])


async def test_what_is_served_is_told(client: Client, operated: Operating) -> None:
    """By status and generation; also that the files cannot be served as they are now."""
    write(operated.directory, {".git/HEAD": "1" * 40})
    operated.reloads.succeed(NOW, operated.reloads.begin())
    operated.reloads.fail()
    for path in ("status", "generation"):
        found = (await client.get(f"/api/v1/{path}")).json
        assert found["revision"] == "1" * 40
        assert found["loaded_at"] == "2027-01-15T08:00:00Z"
        assert found["reload_failed"] is True
