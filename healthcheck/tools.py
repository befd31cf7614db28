"""What all probes share: open HTTP connections, and the heartbeats that endpoints sent."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from healthcheck.heartbeats import Heartbeats


@dataclass(frozen=True, slots=True)
class Tools:
    """Lent to every probe; belongs to the checker's event loop."""

    session: aiohttp.ClientSession
    heartbeats: Heartbeats


@contextlib.asynccontextmanager
async def open_tools(heartbeats: Heartbeats, keep_open: float = 60.0) -> AsyncIterator[Tools]:
    """Open them; HTTP connections that were idle for `keep_open` seconds are closed.

    The number of probes in flight is bounded by the runner, so connections are not bounded here.
    """
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=keep_open, use_dns_cache=False)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
    ) as session:
        yield Tools(session, heartbeats)
