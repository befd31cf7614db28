"""One request as the routes' functions see it, and the replies that they give."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from healthcheck.health import Target
from resolver.admin.access import Sight
from resolver.admin.bodies import read_query
from resolver.admin.ids import Ids
from resolver.admin.operated import Operated
from resolver.admin.problems import Refused
from resolver.admin.selections import Selections
from resolver.admin.status import Moment
from resolver.admin.survey import Entry, Survey
from resolver.background import aside
from resolver.zones.places import did_you_mean

MAX_BODY = 64 * 1024  # octets
BODY_TIMEOUT = 10.0  # seconds


MAX_THREADS = 4  # at once, however many ask

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Shared:
    """What all requests share: what is remembered of the zones, and room for threads."""

    selections: Selections = field(default_factory=Selections)
    ids: Ids = field(default_factory=Ids)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_THREADS))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in: by whom, of which server, about which endpoint."""

    request: web.BaseRequest
    operated: Operated
    sight: Sight
    shared: Shared
    endpoint: str  # the id in the path; may be a glob
    known: tuple[str, ...] = ()  # the parameters that its route takes

    def query(self, *known: str) -> dict[str, str]:
        """The parameters of the URL, those of the route; raises Refused on an unknown one."""
        return read_query(self.request.query.items(), known or self.known)

    def environments(self, chosen: str | None = None) -> list[str]:
        """Those that this caller sees, or the one of them; raises Refused when there is none."""
        found = sorted(e for e in self.operated.generation.namespaces if self.sight.covers(e))
        if chosen is None:
            return found
        if chosen not in found:
            hint = did_you_mean(chosen, found)
            raise Refused(404, f"no environment is called {chosen[:100]!r}{hint}")
        return [chosen]

    async def body(self) -> bytes:
        """All of the body; raises Refused when it is too large or too slow."""
        octets = bytearray()
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                async for chunk in self.request.content.iter_any():
                    octets += chunk
                    if len(octets) > MAX_BODY:
                        raise Refused(413, f"a body has {MAX_BODY} octets at most")
        except TimeoutError:
            raise Refused(408, f"the body was not there after {BODY_TIMEOUT:g} s") from None
        return bytes(octets)

    async def aside(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Run what walks over every target in a thread; a few at once."""
        async with self.shared.room:
            return await aside(work, *arguments)

    def survey(self, endpoint: str | None = None) -> Survey:
        """What this caller may see, of one endpoint or of all; for threads."""
        operated = self.operated
        reports = operated.reports(endpoint)
        return Survey(operated.generation, reports, self.sight, self.shared.selections)

    def find(self) -> tuple[Survey, list[Entry]]:
        """The endpoints that the path means; raises Refused when there are none. For threads."""
        survey = self.survey(self.endpoint)  # an id that is written out needs no walk
        entries = survey.find(self.endpoint)
        if not entries:
            survey = self.survey()
            entries = survey.find(self.endpoint)
        if not entries:
            raise unknown(self.endpoint, survey)
        return survey, entries

    async def held(self, entries: Sequence[Entry]) -> Mapping[Target, float]:
        """Until when clients may hold the addresses of endpoints."""
        targets = [report.use.target for entry in entries for report in entry.reports]
        return await self.operated.held_until(targets)

    def moment(self, held: Mapping[Target, float] | None = None) -> Moment:
        """The present."""
        summary = self.operated.summary()
        return Moment(time.time(), summary.now, held or {})


def reply(facts: Any) -> web.Response:
    """Facts as JSON."""
    return reply_text(json.dumps(facts))


def reply_text(text: str, content_type: str = "application/json") -> web.Response:
    """What is ready to be sent, from any thread."""
    return web.Response(body=text.encode(), content_type=content_type)


def unknown(pattern: str, survey: Survey) -> Refused:
    """The refusal of an id that the caller does not see, be there one or not."""
    nearest = survey.nearest(pattern)
    hint = f"; did you mean {nearest[0]}?" if nearest else ""
    members = {"nearest": nearest[0], "names": nearest} if nearest else {}
    return Refused(404, f"no endpoint is called {pattern[:300]}{hint}", members)
