"""Server-sent events: viewers of the page are told what has changed since they were told last.

Bounded: so many streams and no more; who does not read is cut, and misses what was in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable

from aiohttp import web

from resolver.admin.access import Sight
from resolver.admin.operated import NotAnswering
from resolver.admin.page.overviews import Overviews
from resolver.admin.problems import Refused
from resolver.admin.status import Json

MOST = 16  # streams at once
EVERY = 0.5  # seconds between two looks for something new
HEARTBEAT = 10.0  # seconds between two beats; at each it is asked whether one may still look
SENDING = 10.0  # seconds until what was sent is read

HEADERS = {"X-Accel-Buffering": "no"}  # a proxy shall not hold it back

log = logging.getLogger("sightline.admin")


class EventStream(web.StreamResponse):
    """A reply that goes on until its source ends, the client leaves or does not read."""

    def __init__(self, source: AsyncGenerator[str, None], close: Callable[[], None]) -> None:
        super().__init__(headers=HEADERS)
        self.content_type = "text/event-stream"
        self.charset = "utf-8"
        self._source = source
        self._close = close

    async def pour(self, request: web.BaseRequest) -> None:
        """Send all that comes."""
        try:
            async with contextlib.aclosing(self._source) as source:
                await self._pour(request, source)
        except (TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
        except Exception:  # as of every other request: see the server
            log.exception("a stream failed")
        finally:
            self._close()

    async def _pour(self, request: web.BaseRequest, source: AsyncGenerator[str, None]) -> None:
        await self.prepare(request)
        async for text in source:
            if request.transport is None or request.transport.is_closing():
                return
            if text:
                async with asyncio.timeout(SENDING):
                    await self.write(text.encode())
        await self.write_eof()


def event(name: str, text: str) -> str:
    """One event; JSON has no line feeds."""
    return f"event: {name}\ndata: {text}\n\n"


class Streams:
    """The streams that are open."""

    def __init__(self, overviews: Overviews) -> None:
        self._overviews = overviews
        self._open = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End all of them."""
        self._stopping.set()

    def open(
        self, sight: Sight, hello: Callable[[], Json], may_go_on: Callable[[], bool]
    ) -> EventStream:
        """One more; raises Refused when there are enough."""
        if self._open >= MOST:
            headers = {"Retry-After": "30"}
            raise Refused(503, f"{MOST} streams are open, which is the most", headers=headers)
        self._open += 1
        return EventStream(self._follow(sight, hello, may_go_on), self._left)

    def _left(self) -> None:
        self._open -= 1

    async def _follow(
        self, sight: Sight, hello: Callable[[], Json], may_go_on: Callable[[], bool]
    ) -> AsyncGenerator[str, None]:
        """Events, or an empty text each time that there is none.

        `hello` is told at first and when it changes.
        """
        told: dict[str, str] = {}
        beaten = float("-inf")
        while not self._stopping.is_set():
            parts = {**told, "hello": json.dumps(hello())}
            # Who does not answer now is asked again with the next look.
            with contextlib.suppress(NotAnswering):
                parts |= await self._overviews.parts(sight)
            if "history" in told:  # once: the page goes on with it
                parts["history"] = told["history"]
            news = [event(name, text) for name, text in parts.items() if told.get(name) != text]
            told = parts
            if time.monotonic() - beaten >= HEARTBEAT:
                if not may_go_on():
                    return
                news.insert(0, event("beat", json.dumps({"now": time.time()})))
                beaten = time.monotonic()
            yield "".join(news)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), EVERY)
