"""Requests as the routes' functions see them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from resolver.admin import asked
from tests.admin.operated import FILES, admin, operating
from tests.support import PATIENCE

STATE = "/api/v1/endpoints/web.dev.east/blue/state"


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_large_body_is_not_read(zones_dir: Callable[..., Path], is_chunked: bool) -> None:
    """Whether it says its length or not."""
    body = b'{"state": "drain", "reason": "' + b"x" * 70_000 + b'"}'

    async def pieces() -> object:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    operated = operating(zones_dir(FILES))
    async with admin(operated) as client:
        reply = await client.put(STATE, data=pieces() if is_chunked else body)
        assert reply.status == 413
        assert reply.json["status"] == 413
    assert operated.overrides == {}


async def test_a_body_that_does_not_come_is_given_up(
    zones_dir: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is answered, and nothing is changed."""
    monkeypatch.setattr(asked, "BODY_TIMEOUT", 0.05)
    operated = operating(zones_dir(FILES))
    async with admin(operated) as client, asyncio.timeout(PATIENCE):
        host, port = client.server.address
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"PUT %s HTTP/1.1\r\nHost: 127.0.0.1\r\n" % STATE.encode())
        writer.write(b"Content-Length: 20\r\n\r\n{")
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        await writer.wait_closed()
    assert operated.overrides == {}


async def test_an_unknown_parameter_is_an_error(zones_dir: Callable[..., Path]) -> None:
    """A typo must not list everything."""
    async with admin(operating(zones_dir(FILES))) as client:
        for path in ("endpoints", "endpoints/web.dev.east/blue", "services", "status"):
            reply = await client.get(f"/api/v1/{path}?enviroment=dev")
            assert reply.status == 400
            assert "unknown parameter 'enviroment'" in reply.json["detail"]
