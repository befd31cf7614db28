"""What was answered at a time: the zones of the last reloads, and health as it was between them.

Zones, namespaces and routes are kept by reference: generations share almost all of them. Health is
the last table of each reload, from which its flips are taken back. Pure: time is given, in seconds
since the epoch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from healthcheck.health import Health, HealthTable, Target
from resolver.answers import AnswerTable
from resolver.generation import Generation
from resolver.handouts import Handouts
from resolver.moments import tell_moment

RELOADS = 10  # whose zones are kept beside those that are served
HEALTH_KEPT = 3600.0  # seconds
MOST_FLIPS = 100_000  # of targets, within it
PRECISION = 0.001  # seconds, of times as they are told


@dataclass(slots=True)
class _Era:
    """From one reload to the next; `last` is its last generation once it is over."""

    ident: int
    began: float
    first: Generation
    last: Generation | None = None


class _Flip(NamedTuple):
    """One publication of health; None: nothing was known of a target."""

    at: float
    era: int
    number: int  # of the generation that it made
    before: Mapping[Target, Health | None]


class Past(NamedTuple):
    """What was served at a time; the number is that of the generation then."""

    generation: Generation
    number: int
    since: float  # when its zones came to be served
    until: float | None  # None: they still are


class NotKept(Exception):
    """Nothing is known of that time; the message says what is kept."""


class History:
    """What a server was since it started, within bounds; `generation` is the one that it begins
    with. What it keeps must not be taken apart: see `let_go`."""

    def __init__(self, generation: Generation, now: float, most_flips: int = MOST_FLIPS) -> None:
        self._eras: deque[_Era] = deque([_Era(0, now, generation)])
        self._flips: deque[_Flip] = deque()
        self._count = 0  # targets in `_flips`
        self._most_flips = most_flips
        self._gone: list[Generation] = []
        self._now = now
        self._health_since = now

    def flipped(
        self, now: float, number: int, health: HealthTable, changed: Collection[Target]
    ) -> None:
        """`health` of `changed` was judged anew; `number`: of the generation that this made."""
        now = self._tick(now)
        before = {target: health.known.get(target) for target in changed}
        self._flips.append(_Flip(now, self._eras[-1].ident, number, before))
        self._count += len(before)
        self._forget(now)

    def reloaded(self, now: float, old: Generation, new: Generation) -> None:
        """`new` zones are served from now on; `old` is the last generation of those before."""
        now = self._tick(now)
        present = self._eras[-1]
        present.last = old
        self._eras.append(_Era(present.ident + 1, now, new))
        if len(self._eras) > RELOADS + 1:
            self._gone.append(self._eras.popleft().first)
        self._forget(now)

    def let_go(self) -> Iterator[None]:
        """Take apart what nobody can ask for any more, a name at each step."""
        while self._gone:
            gone = self._gone.pop()
            kept = {id(s) for era in list(self._eras) for s in era.first.namespaces.values()}
            for space in gone.namespaces.values():
                if id(space) not in kept:
                    yield from space.release()

    @property
    def since(self) -> float:
        """From when on everything is kept."""
        return max(self._eras[0].began, self._health_since)

    def at(self, moment: float, present: Generation) -> Past:
        """What was served at a `moment`; `present` is what is served now. Raises NotKept."""
        if moment + PRECISION < self.since:
            raise NotKept(
                f"{tell_moment(moment)} is too long ago: kept is what was served since "
                f"{tell_moment(self.since)} (the zones of {RELOADS} reloads, an hour of health, "
                "nothing from before the start)"
            )
        moment = max(moment, self.since)
        place = max(n for n, era in enumerate(self._eras) if era.began <= moment)
        era = self._eras[place]
        until = self._eras[place + 1].began if place + 1 < len(self._eras) else None
        last = present if era.last is None else era.last
        known = dict(last.health.known)
        number = era.first.number
        for flip in reversed(self._flips):
            if flip.era > era.ident:
                continue
            if flip.era < era.ident:
                break
            if flip.at <= moment:
                number = flip.number
                break
            for target, health in flip.before.items():
                if health is None:
                    known.pop(target, None)
                else:
                    known[target] = health
        table = HealthTable(known, last.health.unobserved)
        return Past(_judged(last, table, number), number, era.began, until)

    def _tick(self, now: float) -> float:
        """Clocks are set back now and then; what is kept is in order."""
        self._now = max(now, self._now)
        return self._now

    def _forget(self, now: float) -> None:
        flips = self._flips
        while flips and (now - flips[0].at > HEALTH_KEPT or self._count > self._most_flips):
            gone = flips.popleft()
            self._count -= len(gone.before)
            self._health_since = gone.at


def _judged(generation: Generation, health: HealthTable, number: int) -> Generation:
    """A generation under another health; whoever asks it moves no wheel and hands out nothing."""
    handouts = Handouts()
    views = {
        key: replace(
            view,
            answers=AnswerTable(
                view.answers.space, view.answers.scope._replace(health=health), 0, {}, handouts
            ),
        )
        for key, view in generation.views.items()
    }
    return replace(generation, number=number, health=health, views=views, handouts=handouts)
