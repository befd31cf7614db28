"""Health from end to end: a server process, backends that fail, clients that ask."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import dns.reversename
import pytest

from tests.network.backends import (
    HUNG_LIMIT,
    LIMIT,
    PLAN,
    Asker,
    backends,
    until,
)
from tests.support import PATIENCE, Server, addresses, question

pytestmark = [
    pytest.mark.parametrize("workers", [1], indirect=True),
    pytest.mark.usefixtures("workers"),
]

ZonesDir = Callable[..., Path]
Run = Callable[..., Awaitable[Server]]
WEB = "web.dev.east.corp.test."
ONE, TWO, THREE = "127.0.21.1", "127.0.21.2", "127.0.21.3"


def zone(port: int, endpoints: str = f"[{ONE}, {TWO}, {THREE}]", more: str = "") -> str:
    """The service `web`, checked on a port."""
    return (
        f"zone: dev.east\nservices:\n  web:\n    endpoints: {endpoints}\n"
        f"    ports: {{http: {port}}}\n    check: web\n    ttl: 2\n{more}"
    )


async def dig(server: Server, *words: str) -> list[str]:
    """The lines of `dig +short`, sorted."""
    process = await asyncio.create_subprocess_exec(
        *("dig", "@127.0.0.1", "-p", str(server.port), "+tries=1", "+short", *words),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, _ = await process.communicate()
    return sorted(out.decode().split("\n"))[1:]


async def over(server: Server, transport: str, name: str, rdtype: str) -> set[str]:
    """Ask with dnspython; the rdata of the answer section as text."""
    message = dns.message.make_query(name, rdtype)
    ask = dns.asyncquery.tcp if transport == "tcp" else dns.asyncquery.udp
    reply = await ask(message, "127.0.0.1", timeout=PATIENCE, port=server.port)
    return {str(rdata) for rrset in reply.answer for rdata in rrset}


async def test_a_killed_backend_leaves_the_answers_in_time(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """All else stays: the others, its own name, its PTR; and it comes back."""
    async with backends(ONE, TWO, THREE) as (one, two, _):
        files = {"environments.yaml": PLAN, "dev.yaml": zone(one.port)}
        server = await running_server(zones_dir(files))
        web = Asker(server, WEB)
        assert await web.now() == {ONE, TWO, THREE}
        one.kill()
        assert await web.until({TWO, THREE}) < LIMIT
        own = "127-0-21-1." + WEB
        for transport in ("udp", "tcp"):
            assert await over(server, transport, WEB, "A") == {TWO, THREE}
            found = await over(server, transport, "_http._tcp." + WEB, "SRV")
            assert {text.split()[3] for text in found} == {f"127-0-21-{n}.{WEB}" for n in (2, 3)}
            assert await over(server, transport, own, "A") == {ONE}
            reverse = dns.reversename.from_address(ONE).to_text()
            assert await over(server, transport, reverse, "PTR") == {own}
        await one.revive()
        await web.until({ONE, TWO, THREE})
        two.mode = "hang"
        assert await web.until({ONE, THREE}) < HUNG_LIMIT


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed")
async def test_dig_is_told_of_what_is_up(running_server: Run, zones_dir: ZonesDir) -> None:
    """Over UDP and TCP, and each family by itself."""
    async with backends(ONE, TWO) as (one, two), backends("::1") as (six,):
        endpoints = f'[{TWO}, {{addresses: [{ONE}, "::1"], name: both}}]'
        parts = ", ".join(f"{{kind: http, port: {port}}}" for port in (one.port, six.port))
        check = f"{{use: web, kind: any, of: [{parts}]}}"
        text = zone(one.port, endpoints).replace("check: web", f"check: {check}")
        server = await running_server(zones_dir({"environments.yaml": PLAN, "dev.yaml": text}))
        for words in ([], ["+tcp"]):
            assert await dig(server, WEB, "A", *words) == [ONE, TWO]
            assert await dig(server, WEB, "AAAA", *words) == ["::1"]
        one.kill()
        assert await Asker(server, WEB).until({TWO}) < LIMIT
        for words in ([], ["+tcp"]):
            assert await dig(server, WEB, "A", *words) == [TWO]
            assert await dig(server, WEB, "AAAA", *words) == ["::1"]
        six.kill()
        two.kill()
        await Asker(server, WEB, "AAAA").until({"::1"})  # nothing is up: fail open
        await one.revive()
        await Asker(server, WEB).until({ONE})
        # Of the other family something is up, so nothing is made up for this one.
        await Asker(server, WEB, "AAAA").until(set())
        assert await dig(server, WEB, "AAAA") == []


async def test_every_way_of_failing_is_seen_before_the_first_answer(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """What is down when the server is ready was never given out."""
    modes = ["hang", "500", "close", "cut", "garbage", "slow"]
    hosts = [f"127.0.22.{10 + number}" for number in range(len(modes))]
    async with backends("127.0.22.1", *hosts) as (well, *ill):
        for backend, mode in zip(ill, modes, strict=True):
            backend.mode = mode
        text = zone(well.port, f"[127.0.22.1, {', '.join(hosts)}]")
        server = await running_server(zones_dir({"environments.yaml": PLAN, "dev.yaml": text}))
        assert await Asker(server, WEB).now() == {"127.0.22.1"}
        _, body = await server.admin("GET", "/api/v1/endpoints?state=down")
        failures = [e["addresses"][0]["last"]["failure"] for e in body["endpoints"]]
        assert failures == ["timeout", "status", "reset", "reset", "protocol", "timeout"]
        for backend in ill:
            backend.mode = "ok"
        await Asker(server, WEB).until({"127.0.22.1", *hosts})


async def test_a_stopped_process_leaves_the_answers(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """Its kernel still accepts connections."""
    async with backends(ONE) as (one,):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "http.server", "--bind", TWO, str(one.port)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(PATIENCE):
                assert b"Serving" in await process.stdout.readline()
            text = zone(one.port, f"[{ONE}, {TWO}]")
            server = await running_server(zones_dir({"environments.yaml": PLAN, "dev.yaml": text}))
            web = Asker(server, WEB)
            assert await web.now() == {ONE, TWO}
            process.send_signal(signal.SIGSTOP)
            assert await web.until({ONE}) < HUNG_LIMIT
            process.send_signal(signal.SIGCONT)
            await web.until({ONE, TWO})
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


async def test_a_saved_state_holds_until_the_first_observation(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """And an answer that holds one lives for 5 s only."""
    async with backends(ONE, TWO, THREE) as (one, two, three):
        text = (
            zone(one.port)
            .replace("ttl: 2", "ttl: 60")
            .replace("check: web", "check: {use: web, interval: 20s, timeout: 15s}")
        )
        files = {"environments.yaml": PLAN, "dev.yaml": text}
        three.kill()
        first = await running_server(zones_dir(files), SIGHTLINE_STATE_DIR=str(tmp_path))
        assert await Asker(first, WEB).now() == {ONE, TWO}
        assert await first.end() == 0
        await three.revive()
        one.mode = two.mode = three.mode = "hang"
        second = await running_server(zones_dir(files), SIGHTLINE_STATE_DIR=str(tmp_path))
        reply = await second.ask(WEB)
        assert set(addresses(reply)) == {ONE, TWO}
        assert reply.answer[0].ttl == 5
        _, body = await second.admin("GET", "/api/v1/endpoints")
        reasons = {e["addresses"][0]["reason"].rpartition(" ")[0] for e in body["endpoints"]}
        assert reasons == {"saved state of"}


async def reload(server: Server) -> None:
    """Read the files again."""
    assert (await server.admin("POST", "/api/v1/reload")).status == 200


async def test_a_reload_leaves_unchanged_probes_alone(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """Their connections stay; what left the files is probed no more, what came is."""
    async with backends(ONE, TWO, THREE) as (one, two, three):
        files = {"environments.yaml": PLAN, "dev.yaml": zone(one.port, f"[{ONE}, {TWO}]")}
        server = await running_server(zones_dir(files))
        await until(lambda: one.requests >= 2)
        zones_dir({"dev.yaml": zone(one.port, f"[{ONE}, {THREE}]")})
        await reload(server)
        before, gone = one.requests, two.requests
        await Asker(server, WEB).until({ONE, THREE})
        await until(lambda: one.requests >= before + 4 and three.requests >= 2)
        assert one.connections == 1
        assert two.requests <= gone + 1  # one was under way
        text = zone(one.port, f"[{ONE}, {THREE}]")
        zones_dir({"dev.yaml": text.replace("check: web", "check: {use: web, status: 500}")})
        await reload(server)
        three.mode = "500"
        assert await Asker(server, WEB).until({THREE}) < PATIENCE


async def test_environments_have_their_health_apart(
    running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """What only prod uses changes nothing for dev; what both use is probed once."""
    tokens = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"s3cret").hexdigest()
    tokens.write_text(f"- {{name: d, sha256: {digest}, environments: [dev], may: [read]}}\n")
    async with backends(ONE, TWO, THREE) as (one, two, _):
        dev = zone(one.port, f"[{TWO}, {THREE}]")
        prod = zone(one.port, f"[{ONE}, {TWO}]").replace("dev.east", "prod.east")
        files = {"environments.yaml": PLAN, "dev.yaml": dev, "prod.yaml": prod}
        server = await running_server(zones_dir(files), SIGHTLINE_ADMIN__TOKENS_FILE=str(tokens))
        ours = Asker(server, "web.prod.east.corp.test.", source="127.64.0.1")
        theirs = Asker(server, WEB)
        assert await ours.now() == {ONE, TWO}
        turns = {str(await server.ask(WEB)) for _ in range(10)}
        assert len(turns) == 2
        before, begun = two.requests, time.monotonic()
        one.kill()
        gone = asyncio.Event()

        async def watch() -> None:
            await ours.until({TWO})
            gone.set()

        watching = asyncio.create_task(watch())
        while not gone.is_set():
            assert str(await server.ask(WEB)) in turns
        await watching
        assert await theirs.now() == {TWO, THREE}
        most = (time.monotonic() - begun) / 0.27 + 2  # an interval with its jitter
        assert two.requests - before <= most  # and not twice as many
        assert two.connections == 1
        assert await ours.now() == {TWO}
        status, metrics = await server.admin("GET", "/metrics", token="s3cret")
        assert status == 200
        assert 'environment="dev"' in metrics
        assert "prod" not in metrics
        for path in ("/api/v1/endpoints", "/api/v1/status", "/api/v1/services"):
            status, body = await server.admin("GET", path, token="s3cret")
            assert status == 200
            assert "prod" not in str(body)
            assert ONE not in str(body)


async def test_a_heartbeat_holds_an_endpoint_in(running_server: Run, zones_dir: ZonesDir) -> None:
    """Nothing is known before the first; DOWN counts at once, and so does silence."""
    text = (
        "zone: dev.east\nservices:\n  web:\n    endpoints: [{address: 127.0.21.1, name: one}, "
        "127.0.21.2]\n    check: {kind: heartbeat, within: 1s}\n    ttl: 60\n"
    )
    server = await running_server(zones_dir({"environments.yaml": PLAN, "dev.yaml": text}))
    reply = await server.ask(WEB)
    assert set(addresses(reply)) == {ONE, TWO}
    assert reply.answer[0].ttl == 5
    path = "/api/v1/heartbeats/web.dev.east/"
    assert (await server.admin("PUT", path + "one")).status == 204
    assert (await server.admin("PUT", path + TWO, {"state": "UP"})).status == 204
    web = Asker(server, WEB)
    await web.until_that(lambda reply: reply.answer[0].ttl == 60)
    down = {"state": "DOWN", "text": "disk"}
    assert (await server.admin("PUT", path + "one", down)).status == 204
    assert await web.until({TWO}) < 0.5
    assert (await server.admin("PUT", path + "one", {"state": "WARN"})).status == 204
    assert await web.until({ONE, TWO}) < 0.5
    begun = time.monotonic()
    while time.monotonic() - begun < 1.5:  # only one is heard of for longer than `within`
        assert (await server.admin("PUT", path + "one")).status == 204
    await web.until({ONE})
    status, body = await server.admin("PUT", path + "oen")
    assert status == 404
    assert body["nearest"] == "web.dev.east/one"


async def test_no_query_is_lost_while_health_flips(
    running_server: Run, zones_dir: ZonesDir
) -> None:
    """Two hundred words of operators under constant load; every reply has its question's id."""
    text = "zone: dev.east\nservices: {web: {endpoints: [127.0.21.1, 127.0.21.2]}}\n"
    server = await running_server(zones_dir({"environments.yaml": PLAN, "dev.yaml": text}))
    done = asyncio.Event()

    async def ask_on() -> int:
        loop = asyncio.get_running_loop()
        number = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(("127.0.0.1", server.port))
            while not done.is_set():
                number += 1
                client.send(question(WEB, ident=number % 65536))
                reply = dns.message.from_wire(
                    await asyncio.wait_for(loop.sock_recv(client, 4096), PATIENCE)
                )
                assert reply.id == number % 65536
                assert addresses(reply)
        return number

    asking = asyncio.create_task(ask_on())
    path = "/api/v1/endpoints/web.dev.east/127-0-21-1/state"
    for flip in range(200):
        state = "drain" if flip % 2 == 0 else "normal"
        assert (await server.admin("PUT", path, {"state": state})).status == 200
    done.set()
    assert await asking > 200  # one for each word at the very least
