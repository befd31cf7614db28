"""What probes share."""

import asyncio

from healthcheck.heartbeats import Heartbeats
from healthcheck.tools import open_tools


async def test_connections_are_kept_open_between_probes() -> None:
    """One connection serves two requests; when the tools are put away it is closed."""
    connections = 0
    closed = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\nok")
        writer.close()
        closed.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with open_tools(Heartbeats()) as tools:
            for _ in range(2):
                async with tools.session.get(f"http://127.0.0.1:{port}/") as response:
                    assert await response.read() == b"ok"
            assert connections == 1
            assert not list(tools.session.cookie_jar)  # nothing of one target reaches another
        async with asyncio.timeout(5):
            await closed.wait()
