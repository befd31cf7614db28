"""Operators' words from end to end: commands against a server process, clients that ask it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import dns.rcode
import pytest

from resolver.cli.wording import read_time
from tests.network.backends import PLAN, Asker, backends
from tests.support import Ran, Server

pytestmark = [
    pytest.mark.parametrize("workers", [2], indirect=True),
    pytest.mark.usefixtures("workers"),
]

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]
WEB = "web.dev.east.corp.test."
ONE, TWO = "127.0.23.1", "127.0.23.2"
FIRST = "web.dev.east/127-0-23-1"
ALL = "web.dev.east/*"
UNCHECKED = f"""\
zone: dev.east
services:
  web: {{endpoints: [{ONE}, {TWO}], ttl: 2, check: none}}
  idle: {{endpoints: [127.0.23.9, 127.0.23.8], ttl: 60, check: none}}
"""
FILES = {"environments.yaml": PLAN, "dev.yaml": UNCHECKED}


async def done(running: Awaitable[Ran]) -> str:
    """What a command says that succeeds."""
    code, out, err = await running
    assert code == 0, out + err
    assert not err
    return out


async def test_a_drained_endpoint_is_out_at_once(running_server: Run, zones_dir: ZonesDir) -> None:
    """When the command returns it is; explain and status say who and why."""
    server = await running_server(zones_dir(FILES))
    web = Asker(server, WEB)
    assert await web.now() == {ONE, TWO}
    out = await done(server.run("drain", FIRST, "--reason", "kernel", "--by", "ann"))
    assert await web.now() == {TWO}
    assert "draining  safe to stop at " in out
    assert "a restart forgets it" in out
    explained = await done(server.run("explain", WEB, "--client", "127.0.0.1"))
    assert "drain by ann: kernel" in explained
    assert "drain by ann since" in await done(server.run("status"))
    await done(server.run("resume", FIRST))
    assert await web.now() == {ONE, TWO}
    for ident in (FIRST, f"web.dev.east/{ONE}", "web.dev.east%2F127-0-23-1"):
        path = f"/api/v1/endpoints/{ident}/state"
        asked = asyncio.create_task(server.admin("PUT", path, {"state": "drain"}))
        assert await web.until({TWO}) < 0.2
        assert (await asked).status == 200
        assert (await server.admin("PUT", path, {"state": "normal"})).status == 200
        assert await web.now() == {ONE, TWO}


async def test_overrides_survive_reloads_and_restarts(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """A restart where there is a `state_dir`: from the first answer on; else it is forgotten."""
    directory = zones_dir(FILES)
    state = {"SIGHTLINE_STATE_DIR": str(tmp_path)}
    server = await running_server(directory, **state)
    assert "forgets" not in await done(server.run("drain", FIRST, "--reason", "disk"))
    zones_dir({"dev.yaml": UNCHECKED + "# changed\n"})
    await done(server.run("reload"))
    assert await Asker(server, WEB).now() == {TWO}
    await server.end()
    second = await running_server(directory, **state)
    assert await Asker(second, WEB).now() == {TWO}
    _, body = await second.admin("GET", f"/api/v1/endpoints/{FIRST}")
    assert body["endpoints"][0]["override"]["reason"] == "disk"
    await second.end()
    third = await running_server(directory)
    assert await Asker(third, WEB).now() == {ONE, TWO}


async def test_a_drain_for_a_while_ends_by_itself(running_server: Run, zones_dir: ZonesDir) -> None:
    """Not before its time, and a sweep later at most."""
    server = await running_server(zones_dir(FILES))
    web = Asker(server, WEB)
    begun = time.monotonic()
    await done(server.run("drain", FIRST, "--for", "1s"))
    assert await web.now() == {TWO}
    told = time.monotonic()
    await web.until({ONE, TWO}, within=2.0)
    assert time.monotonic() - begun >= 1.0
    assert time.monotonic() - told < 1.9
    await server.until("overrides ended: " + FIRST)


async def test_what_is_in_maintenance_is_never_served(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """While a drained one is, where nothing else is left."""
    async with backends(ONE, TWO) as (one, two):
        text = UNCHECKED.replace("none", f"{{use: web, port: {one.port}}}", 1)
        server = await running_server(zones_dir({**FILES, "dev.yaml": text}))
        web = Asker(server, WEB)
        assert await web.now() == {ONE, TWO}
        await done(server.run("maintain", FIRST))
        assert await web.now() == {TWO}
        second = "web.dev.east/127-0-23-2"
        out = await done(server.run("drain", second))
        assert "still served: nothing else is up" in out
        assert await web.now() == {TWO}
        await done(server.run("resume", second))
        two.kill()
        path = "/api/v1/endpoints?service=web.*&state=down"
        while not (await server.admin("GET", path)).body["endpoints"]:
            assert await web.now() == {TWO}
        assert await web.now() == {TWO}  # nothing is up: fail open, but for maintenance
        await done(server.run("maintain", ALL))
        reply = await server.ask(WEB)
        assert reply.rcode() == dns.rcode.SERVFAIL
        await done(server.run("resume", FIRST))
        assert await web.now() == {ONE}


async def test_a_waiting_drain_returns_when_it_is_safe(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """Not before the last answer that held it has expired, and not much later."""
    server = await running_server(zones_dir(FILES))
    web = Asker(server, WEB)
    waiting = asyncio.create_task(server.run("drain", FIRST, "--wait"))
    given = time.monotonic()
    async with asyncio.timeout(10):
        while ONE in await web.now():
            given = time.monotonic()
    code, out, err = await waiting
    took = time.monotonic() - given
    assert (code, err) == (0, "")
    assert out.endswith("safe to stop\n")
    assert 2.0 <= took < 2.0 + 1.5  # its TTL; half a second between looks, and the command's end


async def test_a_hand_out_counts_over_a_reload(running_server: Run, zones_dir: ZonesDir) -> None:
    """Also one that came from an answer of the generation before."""
    server = await running_server(zones_dir(FILES))
    assert await Asker(server, WEB).now() == {ONE, TWO}
    given = time.time()
    zones_dir({"dev.yaml": UNCHECKED.replace("web: {", "web: {max_answers: 7, ")})
    await done(server.run("reload"))
    _, body = await server.admin("GET", f"/api/v1/endpoints/{FIRST}")
    safe = body["endpoints"][0]["addresses"][0]["safe_to_stop_at"]
    assert given + 1 < read_time(safe).timestamp() < given + 3.1


async def test_a_glob_means_several(running_server: Run, zones_dir: ZonesDir) -> None:
    """In either part; what it means is told. What nobody was given is safe to stop at once."""
    server = await running_server(zones_dir(FILES))
    begun = time.monotonic()
    out = await done(server.run("maintain", "*.dev.*/127.0.23.[19]", "--wait"))
    assert time.monotonic() - begun < 3.0  # nobody was given one of them
    assert out.count("safe to stop now") == 2
    assert "web.dev.east/127-0-23-1 " in out
    assert "idle.dev.east/127-0-23-9 " in out
    assert await Asker(server, WEB).now() == {TWO}
    assert await Asker(server, "idle.dev.east.corp.test.").now() == {"127.0.23.8"}
    code, _, err = await server.run("drain", "wbe.dev.east/127-0-23-1")
    assert code == 1
    assert "did you mean web.dev.east/127-0-23-1" in err
