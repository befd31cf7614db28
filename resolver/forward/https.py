"""DNS over HTTPS to upstreams (RFC 8484): POST, connections kept open by the HTTP client."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
from yarl import URL

from resolver.forward.exchange import Attempt
from resolver.forward.udp import Taker, reason_of
from resolver.zones.upstream import Upstream

MEDIA_TYPE = "application/dns-message"
LARGEST = 65535
KEEP = 30.0  # seconds


class Https:
    """One upstream. Its name is not looked up: the address was written beside it."""

    def __init__(self, upstream: Upstream, taker: Taker, context: ssl.SSLContext | None) -> None:
        host = str(upstream.address)
        authority = f"[{host}]" if ":" in host else host
        self._url = URL(f"https://{authority}:{upstream.port}{upstream.path}", encoded=True)
        self._name = upstream.name
        port = "" if upstream.port == 443 else f":{upstream.port}"
        self._headers = {
            "Host": f"{upstream.name}{port}",
            "Content-Type": MEDIA_TYPE,
            "Accept": MEDIA_TYPE,
            "User-Agent": "sightline",
        }
        self._taker = taker
        connector = aiohttp.TCPConnector(
            ssl=context or True, keepalive_timeout=KEEP, limit=100, use_dns_cache=False
        )
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        self._tasks: dict[Attempt, asyncio.Task[None]] = {}

    def send(self, attempt: Attempt) -> None:
        """Ask in a task of its own."""
        task = asyncio.create_task(self._ask(attempt))
        self._tasks[attempt] = task
        task.add_done_callback(lambda _: self._tasks.pop(attempt, None))

    def cancel(self, attempt: Attempt) -> None:
        """Wait for an attempt no more."""
        task = self._tasks.get(attempt)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def close(self) -> None:
        """End the connections."""
        for task in list(self._tasks.values()):
            task.cancel()
        # What `ClientSession.close` awaits is the end of TLS; nobody needs to wait for that.
        connector = self._session.connector
        if connector is not None:
            self._closing = asyncio.ensure_future(self._session.close())

    async def _ask(self, attempt: Attempt) -> None:
        try:
            wire = await self._post(attempt.wire)
        except aiohttp.ClientConnectorCertificateError:
            return self._taker.fail(attempt, "certificate")
        except aiohttp.ClientSSLError:
            return self._taker.fail(attempt, "tls")
        except aiohttp.ClientConnectorError as error:
            reason = reason_of(error.os_error)
            return self._taker.fail(attempt, reason, is_ours=reason == "local")
        except (aiohttp.ClientError, OSError, ValueError):
            return self._taker.fail(attempt, "closed")
        if wire is None:
            return self._taker.fail(attempt, "http-status")
        return self._taker.deliver(attempt, wire)

    async def _post(self, wire: bytes) -> bytes | None:
        """The message in the response; None for a response that has none."""
        async with self._session.post(
            self._url,
            data=wire,
            headers=self._headers,
            allow_redirects=False,
            server_hostname=self._name,
        ) as response:
            if response.status != 200 or response.content_type != MEDIA_TYPE:
                return None
            if (response.content_length or 0) > LARGEST:
                return None
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > LARGEST:
                    return None
            return bytes(body)
