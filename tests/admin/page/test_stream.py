"""Server-sent events over real connections."""

import asyncio
import contextlib
import hashlib
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from resolver.admin.page import overviews, pulse, stream
from tests.admin.operated import DOWN, FILES, TRACK_DOWN, Client, Operating, admin, operating
from tests.support import PATIENCE


@pytest.fixture
def operated(zones_dir: Callable[..., Path]) -> Operating:
    return operating(zones_dir(FILES))


@pytest.fixture
async def client(operated: Operating) -> AsyncIterator[Client]:
    async with admin(operated) as found:
        yield found


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for looks."""
    monkeypatch.setattr(stream, "EVERY", 0.01)
    monkeypatch.setattr(pulse, "EVERY", 0.0)
    for name in ("RARELY", "ROWS_EVERY", "EVENTS_EVERY"):
        monkeypatch.setattr(overviews, name, 0.0)


Event = tuple[str, Any]
Events = AsyncGenerator[Event, None]


@contextlib.asynccontextmanager
async def following(client: Client, token: str | None = None) -> AsyncIterator[Events]:
    """The events of a stream."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"{client.root}/api/v1/stream"
    async with client.session.get(url, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")

        async def events() -> Events:
            name = ""
            async for line in response.content:
                text = line.decode().rstrip("\n")
                if text.startswith("event: "):
                    name = text.removeprefix("event: ")
                elif text.startswith("data: "):
                    yield name, json.loads(text.removeprefix("data: "))

        async with asyncio.timeout(PATIENCE), contextlib.aclosing(events()) as found:
            yield found


async def until(events: Events, name: str) -> Any:
    """The facts of the next event of a name."""
    async for found, facts in events:
        if found == name:
            return facts
    raise AssertionError("the stream has ended")


async def test_everything_is_told_at_first_and_then_what_changes(
    client: Client, operated: Operating
) -> None:
    """The time is first, so that ages are right."""
    async with following(client) as events:
        first = [name async for name, _ in _take(events, 9)]
        assert first[:2] == ["beat", "hello"]
        assert set(first) == {
            *("beat", "hello", "server", "tree", "wrong", "upstreams", "figures", "history"),
            "happened",
        }
        operated.judge("10.64.1.1", DOWN, TRACK_DOWN)
        object.__setattr__(operated.generation, "number", 2)
        wrong = await until(events, "wrong")
        assert wrong["counts"]["out"] == 1


async def _take(events: Events, count: int) -> AsyncIterator[Event]:
    async for event in events:
        yield event
        count -= 1
        if not count:
            return


async def test_it_beats(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that both sides notice when the other is gone."""
    monkeypatch.setattr(stream, "HEARTBEAT", 0.02)
    async with following(client) as events:
        first = await until(events, "beat")
        assert (await until(events, "beat"))["now"] >= first["now"]


async def test_streams_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is told when to come again; one that left makes room."""
    monkeypatch.setattr(stream, "MOST", 1)
    async with following(client) as events:
        await until(events, "hello")
        reply = await client.get("/api/v1/stream")
        assert (reply.status, reply.headers["Retry-After"]) == (503, "30")
    await left(client)
    async with following(client) as events:
        await until(events, "hello")


async def left(client: Client) -> None:
    """Until no stream is open."""
    streams = client.server._page._streams
    async with asyncio.timeout(PATIENCE):
        while streams._open:  # noqa: ASYNC110  # it is the server's, and tells nobody
            await asyncio.sleep(0.01)


async def test_who_does_not_read_is_cut(
    client: Client, operated: Operating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And holds no place."""
    monkeypatch.setattr(stream, "SENDING", 0.1)
    monkeypatch.setattr(stream, "HEARTBEAT", 0.0)
    loop = asyncio.get_running_loop()
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.setblocking(False)
        address = client.server.address
        await loop.sock_connect(opened, (address.host, address.port))
        await loop.sock_sendall(opened, b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await loop.sock_recv(opened, 100)).startswith(b"HTTP/1.1 200")
        words = (["x" * 300_000], ["y" * 300_000])
        async with asyncio.timeout(PATIENCE):
            while client.server._page._streams._open:
                operated.troubles = words[operated.troubles is words[0]]
                await asyncio.sleep(0.01)


async def test_a_token_that_is_no_more_ends_the_stream(
    operated: Operating, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked at with each beat."""
    path = tmp_path / "tokens.yaml"
    digest = hashlib.sha256(b"of-dev").hexdigest()
    path.write_text(f"- {{name: t, sha256: {digest}, environments: [dev], may: [read]}}\n")
    async with (
        admin(operated, tokens_file=str(path)) as client,
        following(client, "of-dev") as events,
    ):
        hello = await until(events, "hello")
        assert hello["environments"] == ["dev"]
        assert hello["override"] == "the token t may not override"
        monkeypatch.setattr(stream, "HEARTBEAT", 0.0)
        monkeypatch.setattr(client.server._tokens, "current", lambda: ())
        assert [name async for name, _ in events if name == "never"] == []


async def test_a_server_that_stops_ends_its_streams(operated: Operating) -> None:
    """At once."""
    async with admin(operated) as client, following(client) as events:
        await until(events, "hello")
        await client.server.stop()
        assert [name async for name, _ in events if name == "never"] == []
