"""The routes about the cache and the upstreams; a token sees and empties only its own."""

import hashlib
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from resolver.forward.standing import Standing
from resolver.zones.upstream import Upstream
from tests.admin.operated import FILES, Client, Operating, admin, operating
from tests.support import compiled
from tests.upstream_world import World

SAID = {f"{name}.example. A": f"{name}.example. 300 A 192.0.2.80" for name in ("a", "b", "c")}
TOKEN = "of-dev"


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    """Both environments have asked for three names, and for one of ours that is not there."""
    plan = FILES["environments.yaml"].replace("forward: none", "forward: {upstreams: [192.0.2.1]}")
    files = {**FILES, "environments.yaml": plan}
    found = operating(zones_dir(files))
    world = World(SAID, found.cache)
    for source in ("10.64.9.9", "10.80.9.9"):
        for name in ("a", "b", "c"):
            world.ask(found.generation, f"{name}.example.", source=source)
        world.ask(found.generation, "nope.corp.test.", source=source)
    upstream = Upstream("udp", ip_address("192.0.2.1"), 53)
    found.upstreams = [Standing(upstream, "prod"), Standing(upstream, "dev")]
    found.upstreams[1].answered(0.002)
    found.upstreams[1].rcodes[0] += 3
    found.upstreams[1].failed("timeout")
    return found


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


@pytest.fixture
async def narrow(operated: Operating, tmp_path: Path) -> AsyncIterator[Client]:
    """A server where changes need a token; the one there is, is of dev."""
    path = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    path.write_text(f"- {{name: t, sha256: {digest}, environments: [dev], may: [read, cache]}}\n")
    async with admin(operated, tokens_file=str(path)) as found:
        yield found


async def test_the_cache_is_shown(client: Client) -> None:
    """How full it is, how useful, and what was kept from leaving."""
    found = (await client.get("/api/v1/cache")).json["environments"]
    assert set(found) == {"dev", "prod"}
    assert (found["dev"]["entries"], found["dev"]["misses"]) == (3, 3)
    kept = found["dev"]["kept_inside"]
    assert kept["total"] == 1
    assert kept["names"] == [{"name": "nope.corp.test.", "least": 1, "most": 1}]
    assert kept["clients"] == [{"client": "10.80.9.9", "least": 1, "most": 1}]


@pytest.mark.parametrize(
    ("query", "forgotten"),
    [
        ("?name=a.example", {"dev": 1, "prod": 1}),
        ("?name=A.example.&environment=dev", {"dev": 1}),
        ("?suffix=example", {"dev": 3, "prod": 3}),
        ("?suffix=xample", {"dev": 0, "prod": 0}),
        ("?environment=prod", {"prod": 3}),
        ("", {"dev": 3, "prod": 3}),
    ],
)
async def test_the_cache_is_emptied(client: Client, query: str, forgotten: dict[str, int]) -> None:
    """Of a name, of what is below a suffix, or of everything."""
    reply = await client.ask("DELETE", f"/api/v1/cache{query}")
    assert (reply.status, reply.json) == (200, {"forgotten": forgotten})


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("?name=a&suffix=b", 400, "exclude"),
        ("?name=a..b", 400, "empty label"),
        ("?environment=dve", 404, "did you mean 'dev'"),
        ("?nmae=a", 400, "nmae"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    client: Client, query: str, status: int, word: str
) -> None:
    """And nothing is forgotten."""
    reply = await client.ask("DELETE", f"/api/v1/cache{query}")
    assert reply.status == status
    assert word in reply.json["detail"]
    figures = await client.server._operated.figures()
    assert figures.partitions["dev"].entries == 3


async def test_upstreams_are_shown(client: Client) -> None:
    """Each environment's own standing of them."""
    found = (await client.get("/api/v1/upstreams")).json["upstreams"]
    assert [(item["environment"], item["up"]) for item in found] == [("dev", True), ("prod", True)]
    assert (found[0]["latency"], found[0]["replies"]) == (0.002, {"NOERROR": 3})
    assert found[0]["failures"] == {"timeout": 1}
    assert (found[1]["latency"], found[1]["failures"]) == (None, {})


async def test_a_token_sees_and_empties_only_its_own(narrow: Client, operated: Operating) -> None:
    """Prod does not exist for it."""
    for path in ("/api/v1/cache", "/api/v1/upstreams"):
        reply = await narrow.get(path, token=TOKEN)
        assert reply.status == 200
        assert "prod" not in reply.text
        assert "10.64." not in reply.text
    reply = await narrow.ask("DELETE", "/api/v1/cache", token=TOKEN)
    assert reply.json == {"forgotten": {"dev": 3}}
    assert len(operated.cache.partitions["prod"]) == 3
    reply = await narrow.ask("DELETE", "/api/v1/cache?environment=prod", token=TOKEN)
    assert reply.status == 404


async def test_emptying_needs_the_right(operated: Operating, tmp_path: Path) -> None:
    """Without a token 401, with one that may only read 403."""
    path = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    path.write_text(f"- {{name: t, sha256: {digest}, environments: all, may: [read]}}\n")
    async with admin(operated, tokens_file=str(path)) as client:
        assert (await client.ask("DELETE", "/api/v1/cache")).status == 401
        assert (await client.ask("DELETE", "/api/v1/cache", token=TOKEN)).status == 403


def test_the_operation_is_there_without_the_route(operated: Operating) -> None:
    """By environment, name and suffix."""
    assert operated.cache.forget(frozenset({"dev"}), name=b"\1a\7example\0") == {"dev": 1}
    assert operated.cache.forget(suffix=b"\7example\0") == {"dev": 2, "prod": 3}


def test_environments_that_are_no_more_are_forgotten(
    operated: Operating, zones_dir: Callable[..., Path]
) -> None:
    """With a reload; the others keep what they have."""
    operated.cache.retain(compiled(zones_dir()).namespaces.keys() - {"prod"})
    assert set(operated.cache.partitions) == {"dev"}


def test_what_denies_a_name_above_is_forgotten_with_what_is_below(operated: Operating) -> None:
    """Or it would go on denying it."""
    world = World({}, operated.cache)
    for words in ({"name": b"\1x\4gone\7example\0"}, {"suffix": b"\1x\4gone\7example\0"}):
        world.ask(operated.generation, "gone.example.", source="10.80.9.9")
        assert operated.cache.forget(frozenset({"dev"}), **words) == {"dev": 1}
