"""The routes that the page asks; what they tell is made for it and may change with it."""

from __future__ import annotations

import json
from collections.abc import Callable

from aiohttp import web

from resolver.admin.access import Denied, Sight
from resolver.admin.asked import Asked, Shared, reply
from resolver.admin.explain_api import show_explanation
from resolver.admin.operated import Operated
from resolver.admin.page.overviews import Overviews
from resolver.admin.page.search import read_search
from resolver.admin.page.stream import EventStream, Streams
from resolver.admin.routes import Need
from resolver.admin.status import Json
from resolver.explain_lines import to_lines

Decide = Callable[[Need, web.BaseRequest], Sight | Denied]


class Page:
    """What the page asks of one server."""

    def __init__(self, operated: Operated, shared: Shared, decide: Decide) -> None:
        self._overviews = Overviews(operated, shared)
        self._streams = Streams(self._overviews)
        self._decide = decide

    def stop(self) -> None:
        """End what goes on by itself."""
        self._streams.stop()

    async def follow(self, asked: Asked) -> EventStream | web.Response:
        """GET /api/v1/stream: the overview, and whatever changes in it."""
        asked.query()
        if asked.request.method == "HEAD":
            return web.Response(content_type="text/event-stream")
        return self._streams.open(
            asked.sight,
            lambda: self._hello(asked),
            lambda: self._decide(Need.READ, asked.request) == asked.sight,
        )

    async def show_overview(self, asked: Asked) -> web.Response:
        """GET /api/v1/page/overview: the same once, for who gets no stream."""
        asked.query()
        parts = await self._overviews.parts(asked.sight)
        told = {name: json.loads(text) for name, text in parts.items()}
        return reply({"hello": self._hello(asked), **told})

    async def find_services(self, asked: Asked) -> web.Response:
        """GET /api/v1/page/services: services with their endpoints, so many at once."""
        search = read_search(list(asked.request.query.items()))
        return reply(await self._overviews.services(asked.sight, search))

    async def explain(self, asked: Asked) -> web.Response:
        """GET /api/v1/page/explain: `explain` as lines of text."""
        explained = await show_explanation(asked)
        return reply({"lines": list(to_lines(json.loads(explained.text or "{}")))})

    def _hello(self, asked: Asked) -> Json:
        """Who is asking, and what they may do."""
        environments = asked.sight.environments
        told: Json = {
            "token": asked.sight.token,
            "environments": None if environments is None else sorted(environments),
        }
        for need in (Need.OVERRIDE, Need.RELOAD):
            decided = self._decide(need, asked.request)
            told[need.value] = decided.detail if isinstance(decided, Denied) else None
        return told
