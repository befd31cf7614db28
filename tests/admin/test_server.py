"""The admin address on real sockets of this machine."""

import asyncio
import contextlib
import hashlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from resolver.admin import server as server_module
from resolver.admin.server import MAX_CONNECTIONS, AdminServer
from resolver.listen.sockets import CannotListen
from resolver.zones.places import Rejected
from tests.admin.operated import FILES, Client, Operating, admin, admin_config, operating
from tests.support import PATIENCE

BLUE = "/api/v1/endpoints/web.dev.east/blue"
DRAIN = {"state": "drain"}


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


@contextlib.asynccontextmanager
async def connected(
    client: Client,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = client.server.address
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Whether the server ends the connection without another word."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read(1) == b""
        except ConnectionResetError:
            return True


def test_an_address_that_is_taken_is_told_before_anything_is_served(operated: Operating) -> None:
    """In one clear line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = AdminServer(admin_config(listen=f"127.0.0.1:{port}"), operated)
        with pytest.raises(CannotListen) as caught:
            server.bind()
    expected = f"cannot listen on 127.0.0.1:{port} (admin): in use by another server"
    assert str(caught.value) == expected


def test_a_tokens_file_that_cannot_be_read_is_told_too(operated: Operating) -> None:
    """Else it would serve without the tokens that somebody meant."""
    with pytest.raises(Rejected, match="unreadable"):
        AdminServer(admin_config(tokens_file="/nonexistent/tokens.yaml"), operated)


async def test_every_reply_is_for_now_and_as_it_says(client: Client) -> None:
    """No caching, no guessing of types, no versions, no other origins."""
    for path in ("/healthz", "/api/v1/status", "/metrics", "/nothing"):
        reply = await client.get(path, headers={"Origin": "http://evil.test"})
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Server"] == "sightline"
        assert not [name for name in reply.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    "path", ["/page/none.js", "/api/v1/", "/api/v1/endpoints/", "/metrics/x", "//"]
)
async def test_other_paths_are_not_there(client: Client, path: str) -> None:
    """404, as a problem."""
    reply = await client.get(path)
    assert reply.status == reply.json["status"] == 404
    assert reply.headers["Content-Type"].startswith("application/problem+json")


async def test_other_methods_are_not_allowed(client: Client) -> None:
    """405, with those that are."""
    for method, path, allowed in (
        ("POST", f"{BLUE}/state", "PUT, GET"),
        ("OPTIONS", "/api/v1/reload", "POST"),
        ("DELETE", "/healthz", "GET"),
    ):
        reply = await client.ask(method, path)
        assert reply.status == 405
        assert sorted(reply.headers["Allow"].split(", ")) == sorted(allowed.split(", "))


async def test_a_bug_is_a_problem_without_its_inside(
    client: Client, operated: Operating, caplog: pytest.LogCaptureFixture
) -> None:
    """500; the traceback is in the log, once, and the server goes on."""

    def break_() -> None:
        raise ZeroDivisionError("inner secret")

    operated.before_reports = break_
    with caplog.at_level(logging.ERROR):
        for path in ("/api/v1/status", "/metrics"):
            caplog.clear()
            reply = await client.get(path)
            assert reply.status == 500
            assert "secret" not in reply.text
            assert "ZeroDivision" not in reply.text
            (record,) = caplog.records
            assert record.exc_info is not None
            assert record.getMessage() == f"GET {path} failed"
    assert (await client.get("/healthz")).status == 200


async def test_sources_outside_the_networks_read_nothing(operated: Operating) -> None:
    """Only whether the server lives."""
    async with admin(operated, allow="192.0.2.0/24", metrics_allow="192.0.2.0/24") as client:
        for path in ("/api/v1/status", "/api/v1/endpoints", BLUE, "/metrics", "/api/v1/generation"):
            assert (await client.get(path)).status == 403
        assert (await client.get("/healthz")).status == 200


async def test_ipv4_clients_of_an_ipv6_socket_are_who_they_are(operated: Operating) -> None:
    """[::] hears both families; ::ffff:127.0.0.1 is 127.0.0.1."""
    async with admin(operated, listen="[::]:0", allow="127.0.0.1/32") as client:
        client.root = f"http://127.0.0.1:{client.server.address.port}"
        assert (await client.get("/api/v1/status")).status == 200
        assert (await client.put(f"{BLUE}/state", json=DRAIN)).status == 200
        client.root = f"http://[::1]:{client.server.address.port}"
        assert (await client.get("/api/v1/status")).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.test"},
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
    ],
)
async def test_a_browser_changes_nothing_without_tokens(
    client: Client, operated: Operating, headers: dict[str, str]
) -> None:
    """A page that was led here, or that posts from elsewhere."""
    reply = await client.put(f"{BLUE}/state", json=DRAIN, headers=headers)
    assert reply.status == 403
    assert (await client.ask("POST", "/api/v1/reload", headers=headers)).status == 403
    assert operated.overrides == {}
    assert operated.generation.number == 1


async def test_tokens_are_asked_for_and_read_again(operated: Operating, tmp_path: Path) -> None:
    """On this machine too; a token that is taken back works no more."""
    entry = "- {name: ops, sha256: %s, environments: all, may: [override]}\n"
    path = tmp_path / "tokens.yaml"
    path.write_text(entry % hashlib.sha256(b"s3cret").hexdigest())
    async with admin(operated, tokens_file=str(path)) as client:
        reply = await client.put(f"{BLUE}/state", json=DRAIN)
        assert reply.status == 401
        assert reply.headers["WWW-Authenticate"] == 'Bearer realm="sightline"'
        reply = await client.put(f"{BLUE}/state", json=DRAIN, token="s3cret")
        assert reply.status == 200
        assert operated.overrides["web.dev.east/blue"].by == "ops"
        body = {**DRAIN, "by": "ann"}
        await client.put(f"{BLUE}/state", json=body, token="s3cret")
        assert operated.overrides["web.dev.east/blue"].by == "ann (ops)"
        assert (await client.ask("POST", "/api/v1/reload", token="s3cret")).status == 403
        path.write_text("# nobody\n")
        reply = await client.put(f"{BLUE}/state", json=DRAIN, token="s3cret")
        assert reply.status == 401


async def test_a_connection_too_many_is_closed(client: Client) -> None:
    """Those that are open go on."""
    async with contextlib.AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(connected(client)) for _ in range(MAX_CONNECTIONS)
        ]
        protocols = client.server._protocols
        assert protocols is not None
        async with asyncio.timeout(PATIENCE):
            while len(protocols.connections) < MAX_CONNECTIONS:  # noqa: ASYNC110  # no event
                await asyncio.sleep(0)
        last = await stack.enter_async_context(connected(client))
        assert await is_closed(last[0])
        reader, writer = opened[0]
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_a_connection_that_asks_nothing_is_closed(
    client: Client, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    """Nor is one that sends its headers for ever kept."""
    monkeypatch.setattr(server_module, "SILENCE", 0.05)
    async with connected(client) as (reader, writer):
        writer.write(sent)
        assert await is_closed(reader)
    assert client.server._silent == {}


async def test_noise_is_not_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Anybody could fill the log; it is answered, and closed."""
    with caplog.at_level(logging.DEBUG):
        for noise in (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
            async with connected(client) as (reader, writer):
                writer.write(noise)
                async with asyncio.timeout(PATIENCE):
                    assert b" 400 " in await reader.read(100)
    assert [r for r in caplog.records if r.name.startswith(("aiohttp", "sightline"))] == []


async def test_a_client_that_does_not_read_is_cut_off(
    operated: Operating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds neither the connection nor what was made for it."""
    monkeypatch.setattr(server_module, "SENDING", 0.1)
    config = admin_config()
    server = AdminServer(config, operated)
    server.bind()
    assert server._socket is not None
    server._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    await server.start()
    loop = asyncio.get_running_loop()
    try:
        with socket.socket() as mute:
            mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            mute.setblocking(False)
            await loop.sock_connect(mute, tuple(server.address))
            ask = b"GET /api/v1/endpoints HTTP/1.1\r\nHost: x\r\n\r\n"
            protocols = server._protocols
            assert protocols is not None
            async with asyncio.timeout(PATIENCE):
                await loop.sock_sendall(mute, ask * 200)
                while not protocols.connections:  # noqa: ASYNC110  # no event tells it
                    await asyncio.sleep(0)
                while protocols.connections:  # noqa: ASYNC110  # no event tells it
                    await asyncio.sleep(0)
    finally:
        await server.stop()


async def test_stopping_lets_replies_go_out_and_takes_no_more(operated: Operating) -> None:
    """And leaves nothing open."""
    async with admin(operated) as client:
        async with connected(client) as (reader, writer):
            writer.write(b"GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
            await client.server.stop()
            async with asyncio.timeout(PATIENCE):
                await reader.read()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection(*client.server.address)


async def test_a_server_that_was_only_bound_can_be_stopped(operated: Operating) -> None:
    """Its socket is closed."""
    server = AdminServer(admin_config(), operated)
    server.bind()
    await server.stop()
