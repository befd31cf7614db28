"""Those that see every message of a process: query log and dnstap, here and in other processes."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import dns.message
import pytest

from resolver import faultlog
from resolver.answering import Answering
from resolver.config import SocketAddress, load_config
from resolver.counters import Counters
from resolver.generation import Generation, Published
from resolver.listen.sockets import Bound, bind
from resolver.listen.witness import Seen
from resolver.outcome import Outcome
from resolver.witnesses import Witnesses
from tests.forward.fake import address, upstream
from tests.support import (
    FILES,
    PATIENCE,
    PLAN,
    Server,
    addresses,
    datagrams,
    framed,
    question,
    read_framed,
)
from tests.tapped import decoded, reading

Compile = Callable[..., Generation]
Run = Callable[..., Awaitable[Server]]
ZonesDir = Callable[..., Path]
WEB = "web.dev.east.corp.test."
OUTSIDE = "www.example."
WIRE = question(WEB)


@contextlib.asynccontextmanager
async def answering(
    generation: Generation, **environ: str
) -> AsyncIterator[tuple[Answering, Bound]]:
    """One on a free port of this process."""
    config = load_config(None, environ, {})
    bound = bind(SocketAddress("127.0.0.1", 0))
    made = Answering(config, Published(generation), [(config.listen[0], bound)])
    await made.start()
    async with asyncio.timeout(PATIENCE):
        yield made, bound
        await made.stop()
    bound.close()


def test_nobody_is_told_where_nothing_is_wished(generation: Compile) -> None:
    """So that memos serve, and nothing is asked about a query."""
    config = load_config(None, {}, {})
    made = Witnesses(config, Published(generation()), Counters())
    assert made.of_clients is None
    assert made.of_upstreams is None


class Broken:
    """A witness with a bug."""

    def asks(self, seen: Seen) -> None:
        raise RuntimeError("a bug")

    def answers(self, seen: Seen, outcome: Outcome) -> None:
        raise RuntimeError("a bug")


async def test_a_bug_of_theirs_harms_no_answer(
    generation: Compile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reported."""
    monkeypatch.setattr(faultlog, "_last_report", [float("-inf")])
    environ = {"SIGHTLINE_LOG__QUERIES": "true"}
    async with answering(generation(), **environ) as (made, bound):
        made._witnesses._found[:] = [Broken()]
        async with datagrams(*bound.address) as client:
            assert len(addresses(await client.ask(WIRE))) == 3
    assert caplog.messages == ["internal fault while telling of a query"]


async def test_the_forwarders_messages_are_copied_too(tmp_path: Path, generation: Compile) -> None:
    """The client's question, ours, the upstream's reply, and ours: in this order."""
    async with upstream() as fake, reading(tmp_path / "tap") as reader:
        fake.says[OUTSIDE] = address("192.0.2.80")
        plan = PLAN.replace("forward: none", f"forward: {{upstreams: ['{fake.host}:{fake.port}']}}")
        environ = {"SIGHTLINE_DNSTAP__SOCKET": str(reader.path)}
        made = generation({**FILES, "environments.yaml": plan})
        async with answering(made, **environ) as (_, bound), datagrams(*bound.address) as client:
            asked = question(OUTSIDE, ident=77)
            client.send(asked)
            reply = await client.receive()
        await reader.until(frames=4)
    said = [decoded(frame)["message"] for frame in reader.frames]
    of_this = [m for m in said if OUTSIDE in str(dns.message.from_wire(_wire(m))).lower()]
    assert [m["type"] for m in of_this] == [5, 7, 8, 6]
    assert of_this[0]["query_message"] == asked
    assert of_this[3]["response_message"] == reply
    assert of_this[1]["response_port"] == fake.port
    assert [m["query_port"] for m in of_this if m["type"] in (5, 6)] == [
        of_this[0]["query_port"]
    ] * 2


def _wire(said: dict[str, Any]) -> bytes:
    found: bytes = said.get("query_message") or said["response_message"]
    return found


async def test_what_a_tap_loses_is_counted(tmp_path: Path, generation: Compile) -> None:
    """Here because nobody ever came to take it."""
    environ = {"SIGHTLINE_DNSTAP__SOCKET": str(tmp_path / "tap")}
    async with answering(generation(), **environ) as (made, bound):
        async with datagrams(*bound.address) as client:
            await client.ask(WIRE)
        await made.stop()
        assert made.counters.dropped["dnstap"] == 2
        made._is_started = False


# ---------------------------------------------------------------- servers of their own processes


@pytest.mark.parametrize("workers", [0, 1], indirect=True)
async def test_every_line_of_a_json_log_is_an_object(
    workers: int, running_server: Run, zones_dir: ZonesDir
) -> None:
    """Of the supervisor and of workers; with the fields of what happened."""
    zones = zones_dir()
    log = {"SIGHTLINE_LOG__FORMAT": "json", "SIGHTLINE_LOG__QUERIES": "true"}
    server = await running_server(zones, **log, SIGHTLINE_CHECKS__PROBE="false")
    for _ in range(3):
        await server.ask(WEB)
    assert (await server.ask(WEB, source="127.99.0.1")).rcode() == 5
    ran = await server.run("drain", "web.dev.east/10-80-1-1", "--reason", "kernel", "--by", "ada")
    assert ran.code == 0, ran
    (zones / "dev.yaml").write_text("zone: [")
    server.process.send_signal(signal.SIGHUP)
    await server.until("reload refused")
    (zones / "dev.yaml").write_text(FILES["dev.yaml"])
    server.process.send_signal(signal.SIGHUP)
    await server.until("published after")
    assert await server.end() == 0
    said = [json.loads(line) for line in server.log]
    assert all({"time", "level", "logger", "message"} <= found.keys() for found in said)
    by_logger: dict[str, list[dict[str, Any]]] = {}
    for found in said:
        by_logger.setdefault(found["logger"], []).append(found)
    queries = [q for q in by_logger["sightline.query"] if q["client"] == "127.0.0.1"]
    assert [q["rcode"] for q in queries if q["name"] == WEB] == ["NOERROR"] * 3
    assert all(q.get("worker") == (1 if workers else None) for q in queries)
    (refused,) = by_logger["sightline.refused"]
    assert (refused["client"], refused["level"]) == ("127.99.0.1", "warning")
    (override,) = by_logger["sightline.override"]
    assert override["endpoints"] == ["web.dev.east/10-80-1-1"]
    assert (override["to"], override["reason"]) == ("drain", "kernel")
    assert "ada" in override["by"]
    results = [found["result"] for found in said if "result" in found]
    assert results == ["failed", "ok"]
    problem = next(found for found in said if found.get("rule"))
    assert problem["file"].endswith("dev.yaml")


TOOLS = {"fstrm_capture": "fstrm-bin", "dnstap-ldns": "dnstap-ldns"}


@pytest.mark.parametrize("workers", [2], indirect=True)
async def test_the_tools_of_dnstap_read_what_we_send(
    workers: int, running_server: Run, zones_dir: ZonesDir, tmp_path: Path
) -> None:
    """fstrm_capture takes it from both workers, dnstap-ldns reads it; it is what was said."""
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (Debian: apt install {package})")
    path, captured = tmp_path / "tap", tmp_path / "captured"
    words = ("-t", "protobuf:dnstap.Dnstap", "-u", str(path), "-w", str(captured), "-dddd")
    capture = await asyncio.create_subprocess_exec(
        *("fstrm_capture", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert capture.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while b"opened output file" not in await capture.stderr.readline():
                pass
            tap = {"SIGHTLINE_DNSTAP__SOCKET": str(path), "SIGHTLINE_DNSTAP__IDENTITY": "here"}
            server = await running_server(zones_dir(), **tap)
            connected = "dnstap: messages go to"
            while sum(connected in line for line in server.log) < workers:
                await server.until(connected)
            exchanged = [await _over_udp(server, ident) for ident in range(1, 9)]
            exchanged.append(await _over_tcp(server, 9))
            assert await server.end() == 0
            capture.send_signal(signal.SIGTERM)
            await capture.communicate()
            assert capture.returncode == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            capture.kill()
        await capture.wait()
    reader = await asyncio.create_subprocess_exec(
        *("dnstap-ldns", "-y", "-r", str(captured)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TZ": "UTC"},
    )
    async with asyncio.timeout(PATIENCE):
        printed, _ = await reader.communicate()
    assert reader.returncode == 0
    documents = printed.decode().split("\n---\n")
    found = [text for text in documents if "socket_protocol" in text]
    assert all('identity: "here"' in text for text in found)
    for ident, transport, port in exchanged:
        (query,) = [t for t in found if _is(t, "CLIENT_QUERY", ident)]
        (response,) = [t for t in found if _is(t, "CLIENT_RESPONSE", ident)]
        for text in (query, response):
            assert f"socket_protocol: {transport}" in text
            assert f"query_port: {port}" in text
            assert f"response_port: {server.port}" in text
            assert "query_address: 127.0.0.1" in text.replace('"', "")
        assert f"{WEB}\tIN\tA" in query
        assert "10.80.1.2" in response


def _is(text: str, kind: str, ident: int) -> bool:
    return f"type: {kind}\n" in text and f"id: {ident}\n" in text


async def _over_udp(server: Server, ident: int) -> tuple[int, str, int]:
    async with datagrams("127.0.0.1", server.port) as client:
        await client.ask(question(WEB, ident=ident))
        return ident, "UDP", client.socket.getsockname()[1]


async def _over_tcp(server: Server, ident: int) -> tuple[int, str, int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(framed(question(WEB, ident=ident)))
    await read_framed(reader)
    port = writer.get_extra_info("sockname")[1]
    writer.close()
    await writer.wait_closed()
    return ident, "TCP", port
