"""The checker: probes what is wanted, keeps the watch fed, and publishes what is judged.

It lives in one event loop, usually in a thread of its own. Changes are gathered for a moment, so
that a rack that fails is one publication; a sweep twice a second does what time alone does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Container, Iterable
from pathlib import Path

from healthcheck import tell
from healthcheck.check import Check, NoObservation, NotYet, Observation
from healthcheck.counts import CheckCounts
from healthcheck.health import DeclaredState, HealthTable, Target
from healthcheck.heartbeats import Heartbeats, Word
from healthcheck.recorder import Recorder
from healthcheck.report import Override, Report, Summary
from healthcheck.runner import Runner
from healthcheck.tools import open_tools
from healthcheck.track import Track
from healthcheck.use import ProbeKey, Use
from healthcheck.watch import Watch

log = logging.getLogger("sightline.health")

SWEEP_EVERY = 0.5  # seconds
GATHER = 0.2  # seconds after the first change until it is published

Publish = Callable[[HealthTable, frozenset[Target]], None]


class Checker:
    """Watches all targets and publishes their health.

    `publish(table, changed)` is called in the checker's loop. The saved state in `state_dir` is
    read at once; whatever is in it, this does not raise. Methods belong to the loop's thread but
    for those that only tell: `report`, `reports`, `summary`, `counts`.
    """

    def __init__(
        self,
        publish: Publish,
        state_dir: Path | None = None,
        *,
        probe: bool = True,
        in_flight: int = 256,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.heartbeats = Heartbeats()
        self._publish = publish
        self._in_flight = in_flight
        self._clock = clock
        self._wall = wall
        self._recorder = Recorder(state_dir, clock, wall)
        self._watch = Watch(self._recorder.overrides, is_probing=probe)
        self._runner: Runner | None = None
        self._running = asyncio.Event()  # targets are known and probed
        self._is_used = False
        self._publication: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ life

    async def run(self) -> None:
        """Probe and sweep until cancelled; then save. It may run again, in another loop as well."""
        self._recorder.start()
        self._forget_publication()  # of a loop that ended before its time
        self._publish_soon()
        try:
            if self._watch.is_probing:
                await self._probe()
            else:
                await self._sweep_on()
        finally:
            self._forget_publication()
            watched = self._watch.ledger.watched.values()
            self._recorder.finish(watched, self._watch.overrides.snapshot())

    async def first_round(self) -> None:
        """Wait until each target of the first `use` was tried once; not at all without probing."""
        if self._watch.is_probing:
            await self._running.wait()
            if (runner := self._runner) is not None:
                await runner.first_round.wait()
            if self._watch.board.has_news:  # the last of them were still to be gathered
                self._publish_now()

    async def _probe(self) -> None:
        async with open_tools(self.heartbeats) as tools:
            runner = Runner(
                *(tools, self.heard, self._missed, self.track_of, self._in_flight, self._clock)
            )
            self._runner = runner
            try:
                if self._is_used:
                    self._want(runner)
                await self._sweep_on()
            finally:
                self._runner = None
                self._running = asyncio.Event()  # one of no loop: the next may be another
                await runner.stop()

    def _want(self, runner: Runner) -> None:
        runner.want(self._watch.ledger.watched)
        self._running.set()

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            try:
                self.sweep()
            except Exception:  # a bug must not end the watching
                log.exception("internal fault in the sweep of health")

    def sweep(self) -> None:
        """Do what time alone does."""
        watch = self._watch
        watch.sweep(self._clock(), self._wall())
        self._publish_soon()
        self._recorder.is_dirty |= watch.is_dirty
        watch.is_dirty = False
        self._recorder.write_if_due(watch.ledger.watched.values(), watch.overrides.snapshot())

    # ------------------------------------------------------------ what the runner asks and tells

    def track_of(self, key: ProbeKey) -> Track:
        """The present track of a probe; one of nothing if it is gone."""
        entry = self._watch.ledger.watched.get(key)
        return Track() if entry is None else entry.track

    def heard(self, key: ProbeKey, seen: Observation) -> None:
        """Take an observation; ignored if its probe is gone."""
        entry = self._watch.ledger.watched.get(key)
        if entry is not None:
            self._watch.observe(entry, seen)
            self._publish_soon()

    def _missed(self, key: ProbeKey, why: NoObservation | NotYet) -> None:
        """Nothing was learnt: in time it is overdue."""

    # ------------------------------------------------------------ words of others

    def use(self, uses: Iterable[Use]) -> None:
        """Take the targets of a new generation, and publish the table for it."""
        watch = self._watch
        change = watch.replace(uses, self._recorder.begin, self._clock())
        watch.overrides.keep(watch.ledger.by_endpoint, self._wall())
        self.heartbeats.forget(watch.ledger.by_endpoint)
        is_first, self._is_used = not self._is_used, True
        if self._runner is not None and (is_first or change.new or change.gone):
            self._want(self._runner)
        self._publish_now()

    def set_override(
        self,
        endpoints: Iterable[str],
        state: DeclaredState,
        reason: str,
        by: str,
        until: float | None = None,
    ) -> None:
        """Put an operator's word in force; `until` in seconds since the epoch.

        Raises KeyError with the unknown endpoints, and ValueError for the normal state.
        """
        endpoints = list(endpoints)
        _require(endpoints, self._watch.ledger.by_endpoint)
        for endpoint in endpoints:
            override = Override(state, reason, by, self._wall(), until)
            self._watch.overrides.set(endpoint, override)
        self._overridden(endpoints)

    def resume(self, endpoints: Iterable[str]) -> None:
        """End overrides and damping. Raises KeyError with the unknown endpoints."""
        endpoints = list(endpoints)
        overrides = self._watch.overrides
        _require(endpoints, {*self._watch.ledger.by_endpoint, *overrides.snapshot()})
        for endpoint in endpoints:
            overrides.clear(endpoint)
            self._watch.pardon(endpoint, self._clock())
        self._overridden(endpoints)

    def heartbeat(self, endpoint: str, word: Word, text: str) -> None:
        """Take what an endpoint says of itself. Raises KeyError if it is unknown."""
        _require([endpoint], self._watch.ledger.by_endpoint)
        self.heartbeats.receive(endpoint, word, text, self._clock())
        if self._runner is None:
            return
        for use in self._watch.ledger.by_endpoint[endpoint]:
            if use.probe is not None and hears(use.probe[1]):
                self._runner.poke(use.probe)

    def _overridden(self, endpoints: Iterable[str]) -> None:
        self._recorder.is_urgent = True
        self._watch.judge_endpoints(endpoints, self._clock())
        if self._watch.board.has_news:
            self._publish_now()

    # ------------------------------------------------------------ publication

    def _publish_now(self) -> None:
        self._forget_publication()
        table, changed = self._watch.board.take()
        try:
            self._publish(table, changed)
        except Exception:  # a bug of who listens must not end the watching
            log.exception("internal fault while publishing health")

    def _publish_soon(self) -> None:
        if self._publication is None and self._watch.board.has_news:
            loop = asyncio.get_running_loop()
            self._publication = loop.call_later(GATHER, self._publish_now)

    def _forget_publication(self) -> None:
        if self._publication is not None:
            self._publication.cancel()
            self._publication = None

    # ------------------------------------------------------------ telling, from any thread

    def find_use(self, target: Target) -> Use | None:
        """Whose a target is; None if it is unknown."""
        return self._watch.ledger.uses.get(target)

    def environment_of(self, endpoint: str) -> str | None:
        """Where an endpoint is, by its id; `-`: in several; None if it is unknown."""
        uses = self._watch.ledger.by_endpoint.get(endpoint)
        return uses[0].labels[0] if uses else None

    @property
    def is_frozen(self) -> bool:
        """Whether states stay as they are, since the checker is in doubt of itself."""
        return self._watch.doubt.is_frozen

    def report(self, target: Target) -> Report | None:
        """What is known of one target; None if it is unknown."""
        use = self._watch.ledger.uses.get(target)
        return None if use is None else tell.report(self._watch, use, self._clock())

    def reports(self, targets: Collection[Target] | None = None) -> list[Report]:
        """Reports on some targets or on all; without those that are unknown."""
        return tell.reports(self._watch, targets, self._clock())

    def reports_of(self, endpoint: str) -> list[Report]:
        """Reports on the targets of an endpoint; none if it is unknown."""
        uses = self._watch.ledger.by_endpoint.get(endpoint, ())
        return self.reports([use.target for use in uses])

    def overrides(self) -> dict[str, Override]:
        """All overrides by endpoint, those of endpoints that the zones lack as well."""
        return self._watch.overrides.snapshot()

    def summary(self) -> Summary:
        """How the checker itself does."""
        return tell.summary(self._watch, self._runner, self._clock())

    def counts(self) -> CheckCounts:
        """A copy of all counters."""
        return tell.counts(self._watch, self._runner, self._clock())


def hears(check: Check) -> bool:
    """Whether it looks at heartbeats, or a part of it does."""
    return check.kind == "heartbeat" or any(hears(part) for part in getattr(check, "of", ()))


def _require(endpoints: list[str], known: Container[str]) -> None:
    unknown = [endpoint for endpoint in endpoints if endpoint not in known]
    if unknown:
        raise KeyError(", ".join(unknown))
