"""What the page asks besides the stream."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.admin.operated import FILES, Client, Operating, admin, operating


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


async def test_the_overview_is_what_the_stream_tells(client: Client) -> None:
    """Once, for who gets no stream."""
    told = (await client.get("/api/v1/page/overview")).json
    assert told["hello"] == {"token": None, "environments": None, "override": None, "reload": None}
    assert told["server"]["domain"] == "corp.test."
    assert [one["environment"] for one in told["tree"]] == ["prod", "dev", "-"]


async def test_services_are_found(client: Client) -> None:
    """By parameters that are all known."""
    told = (await client.get("/api/v1/page/services?text=jobs")).json
    assert [one["service"] for one in told["services"]] == ["jobs.dev.east"]
    assert (await client.get("/api/v1/page/services?odd=1")).status == 400


async def test_an_explanation_is_lines(client: Client) -> None:
    """As of the command."""
    path = "/api/v1/page/explain?name=web.dev.east&client=10.80.0.1"
    lines = (await client.get(path)).json["lines"]
    assert lines[0].startswith("web.dev.east.corp.test. A")
    assert lines[-1].startswith("answer   NOERROR")
    assert (await client.get("/api/v1/page/explain?name=web.dev.east")).status == 400


async def test_who_may_not_change_is_told_why(operated: Operating, tmp_path: Path) -> None:
    """By name without a tokens file, without a token with one."""
    async with admin(operated) as client:
        told = await client.get("/api/v1/page/overview", headers={"Host": "dns.corp.test"})
        assert "Host" in told.json["hello"]["override"]
    path = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"ops").hexdigest()
    path.write_text(f"- {{name: ops, sha256: {digest}, environments: all, may: [override]}}\n")
    async with admin(operated, tokens_file=str(path)) as client:
        told = await client.get("/api/v1/page/overview")
        assert "needs a token" in told.json["hello"]["override"]
        assert (await client.get("/api/v1/page/overview", token="ops")).status == 403


async def test_asking_for_the_head_of_the_stream_ends(client: Client) -> None:
    """There is nothing to follow."""
    reply = await client.ask("HEAD", "/api/v1/stream")
    assert (reply.status, reply.text) == (200, "")
