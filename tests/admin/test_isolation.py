"""A token for one environment sees and changes nothing of another, by any route."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from healthcheck.health import DeclaredState
from tests.admin.operated import (
    DOWN,
    FILES,
    PROD_WORDS,
    TRACK_DOWN,
    Client,
    Operating,
    admin,
    operating,
)

TOKEN = "of-dev"
RIGHTS = "[read, heartbeat, override, reload, cache]"
THEIRS = (
    "web.prod.east/10-64-1-1",
    "secret.prod.east/vault",
    "*.prod.*/*",
    "*/10.64.*",
    "secret.prod.east.corp.test./vault",
    "wiki.tools.test/10-99-0-1",
)


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    found = operating(zones_dir(FILES))
    for address in ("10.64.1.1", "10.64.2.2"):
        found.judge(address, DOWN, TRACK_DOWN)
    found.troubles = ["secret.prod.east is unproven"]
    found.unproven.add("secret.prod.east")
    found.samples.note("prod", b"\6secret\4prod\0", "10.64.0.1", 1.0)
    found.cache.partition("prod").kept_inside.note(b"\6secret\0", "10.64.0.1")
    return found


@pytest.fixture
async def client(operated: Operating, tmp_path: Path) -> AsyncIterator[Client]:
    path = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    path.write_text(f"- {{name: t, sha256: {digest}, environments: [dev], may: {RIGHTS}}}\n")
    async with admin(operated, tokens_file=str(path)) as found:
        yield found


def assert_nothing_is_told(text: str) -> None:
    assert not [word for word in (*PROD_WORDS, "wiki", "10.99.") if word in text]


@pytest.mark.parametrize(
    "path",
    [
        "/readyz",
        "/metrics",
        "/api/v1/status",
        "/api/v1/services",
        "/api/v1/endpoints",
        "/api/v1/endpoints?environment=prod",
        "/api/v1/endpoints?state=down",
        "/api/v1/endpoints/*/*",
        "/api/v1/generation",
        "/api/v1/environments",
        "/api/v1/events",
        "/api/v1/upstreams",
        "/api/v1/cache",
        "/api/v1/top",
        "/api/v1/top?kind=clients",
        "/api/v1/top?kind=blocked",
        "/api/v1/endpoints?limit=1",
        "/api/v1/services?limit=1",
        "/api/v1/explain?name=web.dev.east&client=10.80.0.1",
        "/api/v1/explain?name=web.prod.east.corp.test.&client=10.80.0.1",
        "/api/v1/page/overview",
        "/api/v1/page/services",
        "/api/v1/page/services?environment=prod",
        "/api/v1/page/services?text=10.64",
        "/api/v1/page/explain?name=web.dev.east&client=10.80.0.1",
    ],
)
async def test_nothing_is_read_of_another_environment(client: Client, path: str) -> None:
    """Neither names nor addresses, nor that there are any."""
    reply = await client.get(path, token=TOKEN)
    assert reply.status == 200, reply.text
    # What was asked is repeated, and tells nothing.
    text = reply.text.replace("web.prod.east.corp.test.", "")
    assert_nothing_is_told(text)


async def test_counts_are_of_its_own(client: Client, operated: Operating) -> None:
    """Whatever becomes of the others, the same is told."""
    before = [(await client.get(f"/api/v1/{p}", token=TOKEN)).json for p in ("status", "services")]
    assert list(before[0]["environments"]) == ["dev"]
    assert before[0]["environments"]["dev"]["down"] == 0
    operated.found.clear()
    operated.unproven.clear()
    after = [(await client.get(f"/api/v1/{p}", token=TOKEN)).json for p in ("status", "services")]
    assert after == before


@pytest.mark.parametrize("name", THEIRS)
async def test_their_endpoints_are_answered_as_unknown_ones(client: Client, name: str) -> None:
    """The very same, but for the id itself: by read, change and heartbeat."""
    unknown = "x" * len(name)
    for method, path, body in (
        ("GET", "/api/v1/endpoints/{}", None),
        ("PUT", "/api/v1/endpoints/{}/state", {"state": "drain"}),
        ("PUT", "/api/v1/endpoints/{}/state", {"state": "normal"}),
        ("PUT", "/api/v1/heartbeats/{}", {"state": "UP"}),
    ):
        theirs = await client.ask(method, path.format(name), json=body, token=TOKEN)
        nobodys = await client.ask(method, path.format(unknown), json=body, token=TOKEN)
        assert (theirs.status, nobodys.status) == (404, 404)
        assert "dev" in theirs.json.get("nearest", "dev")
        assert_nothing_is_told(theirs.text.replace(name, ""))


async def test_hints_lead_to_its_own_only(client: Client) -> None:
    """However near another's is."""
    for name in ("secret.prod.east/valt", "web.prod.east/10.64.1.2"):
        reply = await client.get(f"/api/v1/endpoints/{name}", token=TOKEN)
        assert reply.status == 404
        assert "prod" not in reply.text.replace(name, "")


async def test_a_glob_over_all_changes_its_own_only(client: Client, operated: Operating) -> None:
    """Drained and resumed alike."""
    theirs = "web.prod.east/10-64-1-1"
    await operated.set_override([theirs], DeclaredState.DRAIN, "", "x", None)
    path = "/api/v1/endpoints/*/*/state"
    reply = await client.put(path, json={"state": "drain"}, token=TOKEN)
    assert len(reply.json["changed"]) == 5
    assert_nothing_is_told(reply.text)
    reply = await client.put(path, json={"state": "normal"}, token=TOKEN)
    assert list(operated.overrides) == [theirs]
    assert theirs not in operated.resumed


@pytest.mark.parametrize("name", ["web.prod.east", "nothing.at.all", "web.dev.east"])
async def test_their_clients_are_explained_as_those_of_nowhere(client: Client, name: str) -> None:
    """403 for both, whatever is asked."""
    told = []
    for address in ("10.64.0.1", "203.0.113.1"):
        path = f"/api/v1/explain?name={name}&client={address}"
        reply = await client.get(path, token=TOKEN)
        assert reply.status == 403
        told.append(reply.json["detail"].replace(address, "ADDRESS"))
    assert told[0] == told[1]


async def test_a_reload_tells_nothing_of_the_files(client: Client, operated: Operating) -> None:
    """They are those of all environments."""
    reply = await client.ask("POST", "/api/v1/reload", token=TOKEN)
    assert (reply.status, reply.json["warnings"]) == (200, [])
    (operated.directory / "prod.yaml").write_text("zone: prod.east\nsecret: 1\n")
    reply = await client.ask("POST", "/api/v1/reload", token=TOKEN)
    assert (reply.status, reply.json["problems"]) == (422, [])
    assert_nothing_is_told(reply.text)


GRANTED = """\
zone: prod.east
services:
  web:
    endpoints: [10.64.1.1, {name: spare, address: 10.64.1.2}]
    check: {kind: tcp, port: 443}
    share_with: [dev]
records:
  note: {TXT: hello, share_with: [dev]}
"""


async def test_a_grant_is_of_names_and_not_of_what_operators_know(
    zones_dir: Callable[..., Path], tmp_path: Path
) -> None:
    """Of a shared service, explain tells dev what its answers show, and nothing of why."""
    found = operating(zones_dir({**FILES, "prod.yaml": GRANTED}))
    found.judge("10.64.1.1", DOWN, TRACK_DOWN)
    await found.set_override(
        ["web.prod.east/spare"], DeclaredState.DRAIN, "classified", "mallory", None
    )
    path = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    path.write_text(f"- {{name: t, sha256: {digest}, environments: [dev], may: {RIGHTS}}}\n")
    told = ("classified", "mallory", "prod.yaml", "refused", DOWN.reason)
    async with admin(found, tokens_file=str(path)) as client:
        for name in ("web.prod.east", "web.prod", "note.prod.east"):
            for rdtype in ("A", "TXT", "MX"):
                asked = f"/api/v1/explain?name={name}&type={rdtype}&client=10.80.9.9"
                theirs = await client.get(asked, token=TOKEN)
                assert theirs.status == 200
                assert not [word for word in told if word in theirs.text]
        ours = await client.get("/api/v1/explain?name=web.prod.east&client=10.80.9.9")
        assert all(word in ours.text for word in told)


async def test_the_generation_tells_nothing_of_others(client: Client, operated: Operating) -> None:
    """Its number moves with every flip and reload of any environment."""
    number = str(operated.generation.number)
    for path in ("/api/v1/status", "/api/v1/generation"):
        assert f'"generation": {number}' in (await client.get(path)).text
        assert '"generation": null' in (await client.get(path, token=TOKEN)).text
    assert "sightline_generation " in (await client.get("/metrics")).text
    assert "sightline_generation " not in (await client.get("/metrics", token=TOKEN)).text
