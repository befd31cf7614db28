"""What viewers of the page are told, made once for all who see the same, and only when it is due.

A walk over every target is made when the generation has another number, and takes at most a
twentieth of the time; what is shown is looked up each time, target by target.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from resolver import __version__, names
from resolver.admin.access import Sight
from resolver.admin.asked import Shared
from resolver.admin.forward_api import tell_standings
from resolver.admin.operated import NotAnswering, Operated
from resolver.admin.page import overview, pulse, rows
from resolver.admin.page.happened import tell_happened
from resolver.admin.page.overview import Glance
from resolver.admin.page.pulse import Pulse
from resolver.admin.page.search import MOST, MOST_ENDPOINTS, Search, find
from resolver.admin.status import Json, Moment, tell_degraded, tell_number
from resolver.admin.survey import Entry, Survey
from resolver.background import aside
from resolver.figures import Figures

RARELY = 20  # times as long as a walk takes, until the next
ROWS_EVERY = 4.0  # seconds until what is shown of targets is looked up again
EVENTS_EVERY = 1.0
FORGET = 60.0  # seconds after which nobody looks any more

Result = TypeVar("Result")

Parts = dict[str, str]
"""JSON by the name of the part; equal text means that nothing happened there."""


@dataclass(slots=True)
class _Kept:
    """What is remembered of one sight."""

    sight: Sight
    used: float = 0.0
    number: int = -1  # of the generation that was walked over
    due: float = 0.0  # the next walk, not before
    rows_due: float = 0.0
    events_due: float = 0.0
    glance: Glance | None = None
    parts: Parts = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class _Known:
    """What was found with the last look; `ahead`: of the checker's clock the wall's is."""

    sentences: list[str] = field(default_factory=list)
    ahead: float = 0.0


class Overviews:
    """The present overview of each sight that somebody looks at."""

    def __init__(self, operated: Operated, shared: Shared) -> None:
        self._operated = operated
        self._shared = shared
        self._kept: dict[frozenset[str] | None, _Kept] = {}
        self._pulse = Pulse()
        self._figures = Figures()
        self._known = _Known()
        self._looked = float("-inf")
        self._looking = asyncio.Lock()
        self._began = time.monotonic()

    async def parts(self, sight: Sight) -> Parts:
        """Every part, as new as it is due."""
        await self._look()
        kept = await self._glanced(sight)
        async with kept.lock:
            now = time.monotonic()
            if now >= kept.rows_due and kept.glance is not None:
                kept.parts["wrong"] = json.dumps(await self._wrong(sight, kept.glance))
                kept.rows_due = now + ROWS_EVERY
            for name, facts in self._told_at_once(sight).items():
                kept.parts[name] = json.dumps(facts)
            if now >= kept.events_due:
                kept.parts["happened"] = json.dumps(tell_happened(self._operated.events, sight))
                kept.events_due = now + EVENTS_EVERY
            return dict(kept.parts)

    async def services(self, sight: Sight, search: Search) -> Json:
        """The services that a search finds: a page of them."""
        kept = await self._glanced(sight)
        assert kept.glance is not None
        total, lines = find(kept.glance.lines, search)
        wanted = [(line.name, list(line.words)[:MOST_ENDPOINTS]) for line in lines]
        found = await self._rows(sight, wanted)
        for line in lines:
            if line.name in found:
                row = found[line.name]
                row["states"] = rows.count(line.words.values())
                row["more"] = max(0, len(line.words) - MOST_ENDPOINTS)
        told = [found[line.name] for line in lines if line.name in found]
        return {"total": total, "offset": search.offset, "most": MOST, "services": told}

    async def _look(self) -> None:
        """Ask for figures, when that is due."""
        async with self._looking:
            now = time.monotonic()
            if now - self._looked < pulse.EVERY:
                return
            silence = []
            try:
                self._figures = await self._operated.figures()
                self._pulse.take(now, self._figures)
            except NotAnswering as error:
                silence.append(str(error))
            # Both walk over every target.
            summary = await self._aside(self._operated.summary)
            degraded = await self._aside(self._operated.degraded, self._figures)
            self._known = _Known([*degraded, *silence], time.time() - summary.now)
            self._looked = now

    async def _glanced(self, sight: Sight) -> _Kept:
        """What is kept of a sight, walked over again when that is due."""
        now = time.monotonic()
        for key in [key for key, kept in self._kept.items() if now - kept.used > FORGET]:
            del self._kept[key]
        kept = self._kept.setdefault(sight.environments, _Kept(sight))
        kept.used = now
        async with kept.lock:
            number, now = self._operated.generation.number, time.monotonic()
            if kept.glance is not None and (number == kept.number or now < kept.due):
                return kept
            kept.glance = await self._aside(self._glance, sight)
            kept.number = number
            after = time.monotonic()
            kept.due, kept.rows_due = after + RARELY * (after - now), 0.0
            kept.parts["tree"] = json.dumps(kept.glance.tree)
        return kept

    async def _aside(self, work: Callable[..., Result], *arguments: object) -> Result:
        async with self._shared.room:
            return await aside(work, *arguments)

    def _glance(self, sight: Sight) -> Glance:
        operated = self._operated
        reports = operated.reports()
        survey = Survey(operated.generation, reports, sight, self._shared.selections)
        return overview.look(survey)

    async def _wrong(self, sight: Sight, glance: Glance) -> Json:
        wanted = [(line.name, shown) for line, shown in overview.choose(glance)]
        return overview.tell_wrong(glance, await self._rows(sight, wanted))

    async def _rows(
        self, sight: Sight, wanted: Sequence[tuple[str, Sequence[str]]]
    ) -> dict[str, Json]:
        """Services with some of their endpoints, as they are now; without those that went."""
        ids = dict.fromkeys(name for _, chosen in wanted for name in chosen)
        survey = await self._aside(self._survey_of, sight, ids)
        held_out = [e for e in survey.entries if e.effective in overview.HELD]
        targets = [report.use.target for entry in held_out for report in entry.reports]
        held = await self._operated.held_until(targets) if targets else {}
        now = time.time()
        moment = Moment(now, now - self._known.ahead, held)
        return await self._aside(_tell_rows, survey, wanted, moment)

    def _survey_of(self, sight: Sight, ids: Iterable[str]) -> Survey:
        operated = self._operated
        reports = [report for name in ids for report in operated.reports(name)]
        return Survey(operated.generation, reports, sight, self._shared.selections)

    def _told_at_once(self, sight: Sight) -> dict[str, Json]:
        """What costs little."""
        operated, figures, known = self._operated, self._figures, self._known
        server = {
            "version": __version__,
            "domain": names.to_text(operated.generation.zones.plan.domain),
            "generation": tell_number(operated.generation.number, sight),
            "degraded": tell_degraded(known.sentences, sees_all=sight.sees_all),
            "workers": [
                {"worker": number, "up": is_up, "restarts": restarts}
                for number, is_up, restarts in operated.workers()
            ],
            "keeps_overrides": operated.keeps_overrides,
        }
        return {
            "server": server,
            "upstreams": {"upstreams": [_brief(s) for s in tell_standings(figures, sight)]},
            "figures": {
                **self._pulse.tell(sight.covers, self._began),
                "looked": round(self._looked, 3),
                "last": self._pulse.history(sight.covers, 1),
            },
            "history": {"points": self._pulse.history(sight.covers)},
        }


def _brief(standing: Json) -> Json:
    return {
        "environment": standing["environment"],
        "upstream": standing["upstream"],
        "up": standing["up"],
        "suspect": standing["suspect"],
        "latency": None if standing["latency"] is None else round(standing["latency"], 4),
        "replies": sum(standing["replies"].values()),
        "failures": standing["failures"],
    }


def _tell_rows(
    survey: Survey, wanted: Sequence[tuple[str, Sequence[str]]], moment: Moment
) -> dict[str, Json]:
    services = survey.services()
    told = {}
    for name, ids in wanted:
        by_id: dict[str, list[Entry]] = {}
        for entry in services.get(name, ()):
            by_id.setdefault(entry.id, []).append(entry)
        entries = [entry for wanted_id in ids for entry in by_id.get(wanted_id, ())]
        if entries:
            told[name] = rows.tell_row(name, entries, survey, moment)
    return told
